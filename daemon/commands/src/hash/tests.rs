//! Replies as Redis 8.0.6 gives them.

use esker_resp::Proto;

use crate::testing::{Store, check_script};

#[test]
fn fields_are_stored_read_and_deleted() {
    check_script(
        r#"
        HSET h a 1 b 2 => :2
        HSET h a 3 c 4 => :1
        HSET h a => -ERR wrong number of arguments for 'hset' command
        HSET h a b c => -ERR wrong number of arguments for 'hset' command
        HMSET h a b c => -ERR wrong number of arguments for 'hmset' command
        HMSET h d 5 => OK
        HSETNX h d 6 => :0
        HSETNX h e 6 => :1
        HGET h a => "3"
        HGET h zz => nil
        HMGET h a zz e => ["3" nil "6"]
        HMGET none a b => [nil nil]
        HGETALL h => ["a" "3" "b" "2" "c" "4" "d" "5" "e" "6"]
        HKEYS h => ["a" "b" "c" "d" "e"]
        HVALS h => ["3" "2" "4" "5" "6"]
        HLEN h => :5
        HEXISTS h a => :1
        HEXISTS h zz => :0
        HSTRLEN h a => :1
        HSTRLEN none a => :0
        HDEL h a a zz => :1
        HDEL h b c d e => :4
        EXISTS h => :0
        HGETALL h => []
        HLEN h => :0
        SET s x => OK
        HSET s a 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
        HGET s a => -WRONGTYPE Operation against a key holding the wrong kind of value
        HDEL s a => -WRONGTYPE Operation against a key holding the wrong kind of value
        HSETNX s a 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn numbers_are_counted() {
    check_script(
        r#"
        HSET h n 9223372036854775807 f 1.5 t abc e "" sp " 1" => :5
        HINCRBY h n 1 => -ERR increment or decrement would overflow
        HINCRBY h t 1 => -ERR hash value is not an integer
        HINCRBY h e 1 => -ERR hash value is not an integer
        HINCRBY h sp 1 => -ERR hash value is not an integer
        HINCRBY h f 1 => -ERR hash value is not an integer
        HINCRBY h new 5 => :5
        HINCRBY h new -7 => :-2
        HINCRBY h new x => -ERR value is not an integer or out of range
        HINCRBYFLOAT h t 1 => -ERR hash value is not a float
        HINCRBYFLOAT h sp 1 => -ERR hash value is not a float
        HINCRBYFLOAT h f x => -ERR value is not a valid float
        HINCRBYFLOAT h f inf => -ERR value is NaN or Infinity
        HINCRBYFLOAT h f 1.25 => "2.75"
        HINCRBYFLOAT h f3 3e5 => "300000"
        SET s x => OK
        HINCRBY s n x => -ERR value is not an integer or out of range
        HINCRBY s n 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
        HINCRBYFLOAT s n 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn random_fields_and_scans() {
    check_script(
        r#"
        HSET h a 1 => :1
        HRANDFIELD h => "a"
        HRANDFIELD h 5 WITHVALUES => ["a" "1"]
        HRANDFIELD h -2 => ["a" "a"]
        HRANDFIELD h 0 => []
        HRANDFIELD none => nil
        HRANDFIELD none 2 => []
        HRANDFIELD none x => -ERR value is not an integer or out of range
        HRANDFIELD h 1 foo => -ERR syntax error
        HRANDFIELD h -9223372036854775808 => -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        HRANDFIELD h -4611686018427387904 WITHVALUES => -ERR value is out of range
        HSCAN h 0 => ["0" ["a" "1"]]
        HSCAN h 7 NOVALUES MATCH a* COUNT 1 => ["0" ["a"]]
        HSCAN h 0 MATCH b => ["0" []]
        HSCAN h x => -ERR invalid cursor
        HSCAN h 0 TYPE hash => -ERR syntax error
        HSCAN h 0 COUNT 0 => -ERR syntax error
        HSCAN none 0 FOO => ["0" []]
        "#,
    );
}

#[test]
fn random_fields_of_a_table_are_different_ones() {
    let mut store = Store::new();
    for number in 0..1000 {
        store.run(&format!("HSET h f{number} {number}"));
    }
    for count in [1, 10, 400, 999, 1000, 2000] {
        let reply = store.run(&format!("HRANDFIELD h {count}"));
        let names: std::collections::BTreeSet<&str> = reply.split(' ').collect();
        assert_eq!(names.len(), count.min(1000));
    }
    assert_eq!(store.run("HRANDFIELD h -3").split(' ').count(), 3);
    let (mut cursor, mut seen) = ("0".to_owned(), Vec::new());
    loop {
        let reply = store.run(&format!("HSCAN h {cursor} COUNT 50 NOVALUES"));
        let mut words = reply
            .split(|char| "[]\" ".contains(char))
            .filter(|word| !word.is_empty());
        cursor = words.next().expect("a cursor").to_owned();
        seen.extend(words.map(str::to_owned));
        if cursor == "0" {
            break;
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 1000);
}

#[test]
fn protocol_3_has_maps_and_pairs() {
    let mut store = Store::new();
    store.proto = Proto::Resp3;
    store.run("HSET h a 1");
    assert_eq!(store.run("HGETALL h"), r#"{"a" "1"}"#);
    assert_eq!(store.run("HGETALL none"), "{}");
    assert_eq!(store.run("HRANDFIELD h 1 WITHVALUES"), r#"[["a" "1"]]"#);
    assert_eq!(store.run("HRANDFIELD h 1"), r#"["a"]"#);
    assert_eq!(store.run("HGET h zz"), "nil");
}

#[test]
fn encodings_change_where_they_do_elsewhere() {
    let long = "x".repeat(65);
    let pairs = |count: usize| {
        (0..count)
            .map(|number| format!(" f{number} v"))
            .collect::<String>()
    };
    let check = |commands: &[String], want: &str| {
        let mut store = Store::new();
        for command in commands {
            let reply = store.run(command);
            assert!(!reply.starts_with('-'), "{command}: {reply}");
        }
        let got = store.run("OBJECT ENCODING h");
        assert_eq!(got, format!("\"{want}\""), "{commands:?}");
    };
    let words = |list: &[&str]| list.iter().map(|word| word.to_string()).collect::<Vec<_>>();
    check(&words(&["HSET h a b"]), "listpack");
    check(&words(&["HSET h a b", "HPERSIST h FIELDS 1 a"]), "listpack");
    check(&words(&["HSET h a b", "HGETEX h FIELDS 1 a"]), "listpack");
    check(
        &words(&["HSET h a b", "HGETEX h PERSIST FIELDS 1 a"]),
        "listpackex",
    );
    check(
        &words(&["HSET h a b", "HGETEX h EX 9 FIELDS 1 zz"]),
        "listpackex",
    );
    check(
        &words(&["HSET h a b", "HEXPIRE h 9 XX FIELDS 1 a"]),
        "listpackex",
    );
    check(&words(&["HSETEX h FIELDS 1 a b"]), "listpack");
    check(&words(&["HSETEX h KEEPTTL FIELDS 1 a b"]), "listpack");
    check(&words(&["HSETEX h EX 9 FIELDS 1 a b"]), "listpackex");
    check(
        &words(&["HSET h a b", "HSETEX h FXX EX 9 FIELDS 1 zz b"]),
        "listpack",
    );
    check(
        &words(&["HSETEX h EX 9 FIELDS 1 a b", "HPERSIST h FIELDS 1 a"]),
        "listpackex",
    );
    check(&[format!("HSET h a {long}")], "hashtable");
    check(&[format!("HSET h {long} a")], "hashtable");
    check(
        &["HSET h a b".into(), format!("HSETNX h a {long}")],
        "listpack",
    );
    check(
        &["HSET h a b".into(), format!("HINCRBY h {long} 1")],
        "hashtable",
    );
    check(&words(&["HINCRBYFLOAT h a 1e63"]), "listpack");
    check(&words(&["HINCRBYFLOAT h a 1e100"]), "hashtable");
    check(&[format!("HSET h{}", pairs(512))], "listpack");
    check(&[format!("HSET h{}", pairs(513))], "hashtable");
    check(&[format!("HSET h{}", " a b".repeat(513))], "hashtable");
    check(
        &[format!("HSET h{}", pairs(512)), "HSET h g 1".into()],
        "hashtable",
    );
    check(
        &[
            format!("HSET h{}", pairs(512)),
            "HEXPIRE h 9 FIELDS 1 f1".into(),
        ],
        "listpackex",
    );
    check(
        &[format!("HSET h{}", pairs(513)), "HDEL h f1 f2".into()],
        "hashtable",
    );
}

#[test]
fn fields_are_told_when_to_expire() {
    check_script(
        r#"
        HSET h a 1 b 2 c 3 => :3
        HEXPIRE h 100 FIELDS 2 a zz => [:1 :-2]
        HTTL h FIELDS 3 a b zz => [:100 :-1 :-2]
        HPTTL h FIELDS 1 a => [:100000]
        HEXPIRETIME h FIELDS 1 a => [:1700000100]
        HPEXPIRETIME h FIELDS 1 a => [:1700000100000]
        HEXPIRE h 100 NX FIELDS 2 a b => [:0 :1]
        HEXPIRE h 100 XX FIELDS 2 a c => [:1 :0]
        HEXPIRE h 100 GT FIELDS 2 a c => [:0 :0]
        HEXPIRE h 101 GT FIELDS 1 a => [:1]
        HEXPIRE h 100 LT FIELDS 2 a c => [:1 :1]
        HPEXPIRE h 1500 FIELDS 1 a => [:1]
        HTTL h FIELDS 1 a => [:2]
        HEXPIREAT h 1700000050 FIELDS 1 a => [:1]
        HPEXPIREAT h 70368744177663 FIELDS 1 a => [:1]
        HPEXPIREAT h 70368744177664 FIELDS 1 a => -ERR invalid expire time in 'hpexpireat' command
        HEXPIRE h 9223372036854775807 FIELDS 1 a => -ERR invalid expire time in 'hexpire' command
        HPERSIST h FIELDS 3 a zz a => [:1 :-2 :-1]
        HEXPIREAT h 1 FIELDS 2 a a => [:2 :-2]
        HKEYS h => ["c" "b"]
        HEXPIRE h 0 FIELDS 2 b c => [:2 :2]
        EXISTS h => :0
        HEXPIRE none 10 FIELDS 2 a b => [:-2 :-2]
        HTTL none FIELDS 1 a => [:-2]
        HPERSIST none FIELDS 1 a => [:-2]
        "#,
    );
}

#[test]
fn refusals_come_in_their_order() {
    check_script(
        r#"
        SET s x => OK
        HSET h a 1 => :1
        HEXPIRE s x FIELDS 0 a => -WRONGTYPE Operation against a key holding the wrong kind of value
        HEXPIRE h x FOO 0 a => -ERR value is not an integer or out of range
        HEXPIRE h -1 FOO 0 a => -ERR invalid expire time, must be >= 0
        HEXPIRE h 1 FOO 1 a => -ERR Mandatory argument FIELDS is missing or not at the right position
        HEXPIRE h 1 NX XX FIELDS 1 a => -ERR Mandatory argument FIELDS is missing or not at the right position
        HEXPIRE h 1 FIELDS 0 a => -ERR Parameter `numFields` should be greater than 0
        HEXPIRE h 1 FIELDS x a => -ERR Parameter `numFields` should be greater than 0
        HEXPIRE h 1 FIELDS 2 a => -ERR The `numfields` parameter must match the number of arguments
        HEXPIRE h 1 FIELDS 1 a b => -ERR The `numfields` parameter must match the number of arguments
        HTTL s FIELDS 0 a => -WRONGTYPE Operation against a key holding the wrong kind of value
        HTTL h FOO 1 a => -ERR Mandatory argument FIELDS is missing or not at the right position
        HTTL h FIELDS 0 a => -ERR Number of fields must be a positive integer
        HPERSIST h FIELDS 2 a => -ERR The `numfields` parameter must match the number of arguments
        HGETDEL s FOO 1 a => -WRONGTYPE Operation against a key holding the wrong kind of value
        HGETDEL h FIELDS x a => -ERR Number of fields must be a positive integer
        HGETEX s FOO FIELDS 0 a b => -WRONGTYPE Operation against a key holding the wrong kind of value
        HGETEX h EX x FOO 2 a => -ERR value is not an integer or out of range
        HGETEX h EX -1 FIELDS 1 a => -ERR invalid expire time, must be >= 0
        HGETEX h EX 10 EX 10 FIELDS 1 a => -ERR Mandatory argument FIELDS is missing or not at the right position
        HGETEX h EX 10 FOO => -ERR wrong number of arguments for 'hgetex' command
        HGETEX h FIELDS 1 a EX => -ERR The `numfields` parameter must match the number of arguments
        HSETEX s FOO FIELDS 0 a => -ERR unknown argument: FOO
        HSETEX s FIELDS 1 a b => -WRONGTYPE Operation against a key holding the wrong kind of value
        HSETEX h FXX FNX FIELDS 1 a b => -ERR Only one of FXX or FNX arguments can be specified
        HSETEX h EX 1 KEEPTTL FIELDS 1 a b => -ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified
        HSETEX h EX -1 FIELDS 1 a b => -ERR invalid expire time, must be >= 0
        HSETEX h FIELDS 0 a b => -ERR invalid number of fields
        HSETEX h FIELDS 1 a b c => -ERR wrong number of arguments for 'hsetex' command
        HSETEX h FIELDS 1 a b EX x => -ERR wrong number of arguments for 'hsetex' command
        "#,
    );
}

#[test]
fn fields_are_exchanged() {
    check_script(
        r#"
        HSETEX h EX 100 FIELDS 2 a 1 b 2 => :1
        HTTL h FIELDS 2 a b => [:100 :100]
        HSETEX h KEEPTTL FIELDS 2 a 3 c 4 => :1
        HTTL h FIELDS 2 a c => [:100 :-1]
        HSETEX h FIELDS 1 a 3 => :1
        HTTL h FIELDS 1 a => [:-1]
        HSETEX h FNX FIELDS 2 a 9 new 9 => :0
        HSETEX h FXX FIELDS 2 a 9 new 9 => :0
        HSETEX h FXX EX 9 FIELDS 1 a 5 => :1
        HSETEX h NX FIELDS 1 a 6 => :0
        HSETEX none XX FIELDS 1 a 6 => :0
        HINCRBY h a 1 => :6
        HTTL h FIELDS 1 a => [:9]
        HSET h a 7 => :0
        HTTL h FIELDS 1 a => [:-1]
        HGETEX h EX 50 FIELDS 3 a zz b => ["7" nil "2"]
        HTTL h FIELDS 2 a b => [:50 :50]
        HGETEX h PERSIST FIELDS 1 a => ["7"]
        HTTL h FIELDS 1 a => [:-1]
        HGETEX h PXAT 1 FIELDS 2 a a => ["7" nil]
        HGETDEL h FIELDS 3 b b zz => ["2" nil nil]
        HGETDEL h FIELDS 1 c => ["4"]
        EXISTS h => :0
        HGETDEL h FIELDS 1 c => [nil]
        HGETEX h FIELDS 2 a b => [nil nil]
        HSETEX h EXAT 1 FIELDS 1 a b => :1
        EXISTS h => :0
        "#,
    );
}

#[test]
fn what_is_due_is_absent_and_goes_with_the_next_command() {
    for fields in [2, 600] {
        let mut store = Store::new();
        for number in 0..fields {
            store.run(&format!("HSET h f{number} v"));
        }
        store.run("HPEXPIRE h 10 FIELDS 1 f0");
        store.now += 10;
        assert_eq!(store.run("HGET h f0"), "\"v\"");
        store.now += 1;
        assert_eq!(store.run("HGET h f0"), "nil");
        assert_eq!(store.run("HLEN h"), format!(":{}", fields - 1));
        assert_eq!(store.run("HTTL h FIELDS 2 f0 f1"), "[:-2 :-1]");
        assert_eq!(store.run("HSETNX h f0 w"), ":1");
        store.run(&format!(
            "HPEXPIRE h 10 FIELDS {fields}{}",
            (0..fields)
                .map(|number| format!(" f{number}"))
                .collect::<String>()
        ));
        store.now += 11;
        assert_eq!(store.run("HGETALL h"), "[]");
        assert_eq!(store.run("HRANDFIELD h"), "nil");
    }
}

/// What subscribers hear of each command, in order.
#[test]
fn events_have_the_names_and_the_order_of_redis() {
    let script = [
        ("HSET h a 1 b 2", "hset"),
        ("HSETNX h a 1", ""),
        ("HINCRBY h a 1", "hincrby"),
        ("HINCRBYFLOAT h a 1", "hincrbyfloat"),
        ("HEXPIRE h 100 FIELDS 2 a b", "hexpire"),
        ("HEXPIRE h 100 NX FIELDS 2 a b", ""),
        ("HPERSIST h FIELDS 2 a zz", "hpersist"),
        ("HPERSIST h FIELDS 1 a", ""),
        ("HGETEX h FIELDS 1 a", ""),
        ("HGETEX h EX 100 FIELDS 2 a zz", "hexpire"),
        ("HGETEX h PERSIST FIELDS 2 a b", "hpersist"),
        ("HGETEX h PERSIST FIELDS 1 a", ""),
        ("HGETEX h EXAT 1 FIELDS 1 b", "hdel"),
        ("HDEL h zz", ""),
        ("HGETDEL h FIELDS 2 a zz", "hdel del"),
        ("HSETEX h EX 100 FIELDS 1 c d", "hset hexpire"),
        ("HSETEX h KEEPTTL FIELDS 1 c d", "hset"),
        ("HSETEX h FNX FIELDS 1 c d", ""),
        ("HSETEX h EXAT 1 FIELDS 1 c d", "hset hdel del"),
        ("HSETEX h EXAT 1 FIELDS 1 c d", "hset hdel del"),
        ("HSET h a 1 b 2", "hset"),
        ("HEXPIRE h 0 FIELDS 2 a b", "hdel del"),
        ("HSETEX h PX 5 FIELDS 2 a 1 b 2", "hset hexpire"),
    ];
    let mut store = Store::new();
    store.keyspace.touched_mut().set_listening(true);
    let heard = |store: &mut Store, line: &str| {
        store.run(line);
        let mut list = Vec::new();
        store.keyspace.touched_mut().take_into(&mut list);
        let names: Vec<_> = list
            .iter()
            .filter_map(|touched| touched.event.name())
            .collect();
        names.join(" ")
    };
    for (line, want) in script {
        assert_eq!(heard(&mut store, line), want, "{line}");
    }
    store.now += 6;
    assert_eq!(heard(&mut store, "HGET h a"), "hexpired del");
}
