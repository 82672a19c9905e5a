//! Replies as redis-server 8.0.6 gives them.

use crate::testing::{Store, check_script};

#[test]
fn as_redis_replies() {
    check_script(
        r#"
        SADD s 3 1 2 => :3
        SADD s 3 1 2 => :0
        SADD s 4 4 => :1
        SMEMBERS s => ["1" "2" "3" "4"]
        OBJECT ENCODING s => "intset"
        SADD s b a => :2
        SMEMBERS s => ["1" "2" "3" "4" "b" "a"]
        OBJECT ENCODING s => "listpack"
        TYPE s => set
        SCARD s => :6
        SCARD nokey => :0
        SISMEMBER s 2 => :1
        SISMEMBER s 02 => :0
        SISMEMBER nokey 2 => :0
        SMISMEMBER s 2 x a => [:1 :0 :1]
        SMISMEMBER nokey 2 x => [:0 :0]
        SREM s 1 1 9 a => :2
        SREM nokey 1 => :0
        SMEMBERS s => ["2" "3" "4" "b"]
        SMEMBERS nokey => []
        SREM s 2 3 4 b => :4
        EXISTS s => :0
        SET str v => OK
        SADD str a => -WRONGTYPE Operation against a key holding the wrong kind of value
        SPOP str => -WRONGTYPE Operation against a key holding the wrong kind of value
        SPOP str 0 => -WRONGTYPE Operation against a key holding the wrong kind of value
        SPOP nokey => nil
        SPOP nokey 2 => []
        SPOP nokey x => -ERR value is out of range, must be positive
        SPOP nokey -1 => -ERR value is out of range, must be positive
        SPOP nokey 1 2 => -ERR syntax error
        SRANDMEMBER nokey => nil
        SRANDMEMBER nokey 2 => []
        SRANDMEMBER nokey x => -ERR value is not an integer or out of range
        SRANDMEMBER nokey -9223372036854775808 => -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        SRANDMEMBER nokey 1 2 => -ERR syntax error
        SADD one x => :1
        SRANDMEMBER one => "x"
        SRANDMEMBER one 0 => []
        SRANDMEMBER one 5 => ["x"]
        SRANDMEMBER one -3 => ["x" "x" "x"]
        SRANDMEMBER one -9223372036854775807 => -ERR value is out of range
        SPOP one 0 => []
        SPOP one 5 => ["x"]
        EXISTS one => :0
        SADD one x => :1
        SPOP one => "x"
        EXISTS one => :0
        "#,
    );
}

#[test]
fn sets_together() {
    check_script(
        r#"
        SADD a 1 2 3 x => :4
        SADD b 2 3 4 => :3
        SADD c 3 x => :2
        SINTER a b => ["2" "3"]
        SINTER a b c => ["3"]
        SINTER a nokey => []
        SINTERSTORE d a b => :2
        OBJECT ENCODING d => "intset"
        SINTERSTORE d a c => :2
        SMEMBERS d => ["3" "x"]
        SINTERSTORE d a nokey => :0
        EXISTS d => :0
        SINTERSTORE d a nokey => :0
        SUNIONSTORE d b c => :4
        SMEMBERS d => ["2" "3" "4" "x"]
        OBJECT ENCODING d => "listpack"
        SDIFF a b => ["1" "x"]
        SDIFF a b c => ["1"]
        SDIFF a a => []
        SDIFF b => ["2" "3" "4"]
        SDIFF nokey a => []
        SDIFFSTORE d a c => :2
        OBJECT ENCODING d => "intset"
        SMEMBERS d => ["1" "2"]
        SDIFFSTORE d d d => :0
        EXISTS d => :0
        SUNION b => ["2" "3" "4"]
        SUNION nokey => []
        SINTERCARD 2 a b => :2
        SINTERCARD 2 a b LIMIT 1 => :1
        SINTERCARD 2 a b LIMIT 0 => :2
        SINTERCARD 2 a nokey => :0
        SINTERCARD 0 a => -ERR numkeys should be greater than 0
        SINTERCARD x a => -ERR numkeys should be greater than 0
        SINTERCARD 2 a => -ERR Number of keys can't be greater than number of args
        SINTERCARD 1 a LIMIT => -ERR syntax error
        SINTERCARD 1 a LIMIT -1 => -ERR LIMIT can't be negative
        SINTERCARD 1 a LIMIT x => -ERR LIMIT can't be negative
        SINTERCARD 1 a FOO => -ERR syntax error
        SINTERCARD 1 a LIMIT 1 LIMIT 2 => :2
        SMOVE a b 1 => :1
        SMOVE a b 1 => :0
        SMOVE a b 2 => :1
        SMOVE a b x => :1
        SMOVE a a 3 => :1
        SMOVE a a 4 => :0
        SMOVE nokey a 3 => :0
        SMOVE a new 3 => :1
        EXISTS a => :0
        SMEMBERS b => ["1" "2" "3" "4" "x"]
        SMEMBERS new => ["3"]
        SET str v => OK
        SMOVE nokey str 3 => :0
        SMOVE b str zz => -WRONGTYPE Operation against a key holding the wrong kind of value
        SMOVE str b 3 => -WRONGTYPE Operation against a key holding the wrong kind of value
        SINTER nokey str => -WRONGTYPE Operation against a key holding the wrong kind of value
        SUNION nokey str => -WRONGTYPE Operation against a key holding the wrong kind of value
        SDIFF nokey str => -WRONGTYPE Operation against a key holding the wrong kind of value
        SUNIONSTORE str b => :5
        TYPE str => set
        "#,
    );
}

#[test]
fn walks() {
    check_script(
        r#"
        SADD s a1 a2 b => :3
        SSCAN s 0 => ["0" ["a1" "a2" "b"]]
        SSCAN s 0 MATCH a* COUNT 1 => ["0" ["a1" "a2"]]
        SSCAN s 0 MATCH * => ["0" ["a1" "a2" "b"]]
        SSCAN nokey 0 FOO => ["0" []]
        SSCAN nokey x => -ERR invalid cursor
        SSCAN s x => -ERR invalid cursor
        SSCAN s 0 FOO => -ERR syntax error
        SSCAN s 0 COUNT 0 => -ERR syntax error
        SSCAN s 0 COUNT x => -ERR value is not an integer or out of range
        SSCAN s 0 MATCH => -ERR syntax error
        SSCAN s 0 TYPE set => -ERR syntax error
        SSCAN s 0 NOVALUES FOO => -ERR NOVALUES option can only be used in HSCAN
        "#,
    );
}

/// The members in a reply of bulk strings.
fn members(reply: &str) -> Vec<String> {
    let inner = reply.trim_matches(['[', ']']);
    inner.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn samples_are_members_and_as_many_as_asked_for() {
    for size in [5, 100, 600] {
        let mut store = Store::new();
        for number in 0..size {
            store.run(&format!("SADD s m{number}"));
        }
        let all = members(&store.run("SMEMBERS s"));
        assert_eq!(all.len(), size);
        for count in [1, 2, size / 4, size / 2, size - 1, size, size + 1] {
            let mut sample = members(&store.run(&format!("SRANDMEMBER s {count}")));
            assert_eq!(sample.len(), count.min(size));
            assert!(sample.iter().all(|member| all.contains(member)));
            sample.sort();
            sample.dedup();
            assert_eq!(sample.len(), count.min(size), "each once");
            let sample = members(&store.run(&format!("SRANDMEMBER s -{count}")));
            assert_eq!(sample.len(), count);
            assert!(sample.iter().all(|member| all.contains(member)));
        }
        let mut taken = members(&store.run(&format!("SPOP s {}", size / 2)));
        taken.push(store.run("SPOP s"));
        assert_eq!(store.run("SCARD s"), format!(":{}", size - size / 2 - 1));
        taken.extend(members(&store.run(&format!("SPOP s {size}"))));
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), size);
        assert_eq!(store.run("EXISTS s"), ":0");
    }
}

/// Chi-squared over the members, far beyond what chance gives in one of a million runs.
#[test]
fn samples_are_fair() {
    let mut store = Store::new();
    for number in 0..60 {
        store.run(&format!("SADD s m{number}"));
    }
    for count in ["5", "40", "-7"] {
        let mut hits = std::collections::BTreeMap::<String, f64>::new();
        let mut draws = 0.0;
        for _ in 0..3000 {
            for member in members(&store.run(&format!("SRANDMEMBER s {count}"))) {
                *hits.entry(member).or_default() += 1.0;
                draws += 1.0;
            }
        }
        let expected = draws / 60.0;
        let chi: f64 = hits
            .values()
            .map(|hits| (hits - expected).powi(2) / expected)
            .sum();
        assert!(hits.len() == 60 && chi < 130.0, "{count}: {chi}");
    }
}
