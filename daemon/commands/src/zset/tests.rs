//! Commands on sorted sets, as lines and replies.

use crate::testing::{Store, check_script};
use esker_resp::Proto;

#[test]
fn adding_changes_what_the_options_let_it() {
    check_script(
        r#"
        ZADD z 1 a 2 b => :2
        ZADD z 1 a 3 b => :0
        ZADD z CH 4 b 5 c => :2
        ZADD z NX 9 a 6 d => :1
        ZADD z XX CH 7 a 8 e => :1
        ZADD z GT CH 1 a 9 b => :1
        ZADD z LT CH 1 a 99 b => :1
        ZADD z INCR 0.5 a => "1.5"
        ZADD z NX INCR 1 a => nil
        ZADD z GT INCR -1 a => nil
        ZADD new XX INCR 1 a => nil
        EXISTS new => :0
        ZRANGE z 0 -1 WITHSCORES => ["a" "1.5" "c" "5" "d" "6" "b" "9"]
        ZINCRBY z inf a => "inf"
        ZINCRBY z -inf a => -ERR resulting score is not a number (NaN)
        ZADD z INCR -inf a => -ERR resulting score is not a number (NaN)
        ZADD z NX XX 1 a => -ERR XX and NX options at the same time are not compatible
        ZADD z GT LT 1 a => -ERR GT, LT, and/or NX options at the same time are not compatible
        ZADD z INCR 1 a 2 b => -ERR INCR option supports a single increment-element pair
        ZADD z 1 a 2 => -ERR syntax error
        ZADD z x a => -ERR value is not a valid float
        ZREM z a nope c => :2
        ZREM z d b => :2
        EXISTS z => :0
        SET s x => OK
        ZADD s 1 a => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZADD s x a => -ERR value is not a valid float
        "#,
    );
}

/// The same replies from a listpack and from a tree.
#[test]
fn ranges_are_the_same_in_both_encodings() {
    for fill in ["", "x"] {
        let long = fill.repeat(65);
        let mut store = Store::new();
        store.run(&format!("ZADD z 1 a 2 b 3 c 4 d 1 drop{long}"));
        store.run(&format!("ZREM z drop{long}"));
        let encoding = store.run("OBJECT ENCODING z");
        assert_eq!(
            encoding,
            if fill.is_empty() {
                "\"listpack\""
            } else {
                "\"skiplist\""
            }
        );
        for (command, want) in [
            ("ZRANGE z 1 2", r#"["b" "c"]"#),
            ("ZRANGE z -2 -1 REV WITHSCORES", r#"["b" "2" "a" "1"]"#),
            ("ZRANGE z 5 9", "[]"),
            ("ZRANGE z (1 3 BYSCORE", r#"["b" "c"]"#),
            ("ZRANGE z +inf (1 BYSCORE REV LIMIT 1 1", r#"["c"]"#),
            ("ZRANGEBYSCORE z -inf inf LIMIT 1 -1", r#"["b" "c" "d"]"#),
            ("ZRANGEBYSCORE z -inf inf LIMIT -1 10", "[]"),
            ("ZREVRANGEBYSCORE z 3 2 WITHSCORES", r#"["c" "3" "b" "2"]"#),
            ("ZRANGEBYLEX z [b (d", r#"["b" "c"]"#),
            ("ZREVRANGEBYLEX z + - LIMIT 0 2", r#"["d" "c"]"#),
            ("ZLEXCOUNT z (a +", ":3"),
            ("ZCOUNT z 2 3", ":2"),
            ("ZCOUNT z 3 2", ":0"),
            ("ZRANK z c", ":2"),
            ("ZREVRANK z c WITHSCORE", r#"[:1 "3"]"#),
            ("ZRANK z nope WITHSCORE", "nil"),
            ("ZMSCORE z a nope", r#"["1" nil]"#),
            ("ZPOPMAX z", r#"["d" "4"]"#),
            ("ZREMRANGEBYRANK z 0 0", ":1"),
            ("ZREMRANGEBYSCORE z (2 3", ":1"),
            ("ZREMRANGEBYLEX z - +", ":1"),
            ("EXISTS z", ":0"),
        ] {
            assert_eq!(store.run(command), want, "{command}, {encoding}");
        }
    }
}

#[test]
fn ranges_that_are_refused() {
    check_script(
        r#"
        ZRANGE z 0 -1 LIMIT 0 1 => -ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
        ZRANGE z 0 -1 LIMIT 0 -1 => []
        ZRANGE z - + BYLEX WITHSCORES => -ERR syntax error, WITHSCORES not supported in combination with BYLEX
        ZRANGE z a 1 => -ERR value is not an integer or out of range
        ZRANGE z a 1 BYSCORE => -ERR min or max is not a float
        ZRANGE z 0x10 1 BYSCORE => -ERR min or max is not a float
        ZCOUNT z (0x10 1 => -ERR min or max is not a float
        ZCOUNT z " 0" 1 => -ERR min or max is not a float
        ZRANGE z a 1 BYLEX => -ERR min or max not valid string range item
        ZRANGE z 0 1 REV REV => -ERR syntax error
        ZRANGESTORE d z 0 1 WITHSCORES => -ERR syntax error
        ZRANK z a b c => -ERR wrong number of arguments for 'zrank' command
        "#,
    );
}

#[test]
fn sets_are_combined_and_stored() {
    check_script(
        r#"
        ZADD a 1 x 2 y 3 z => :3
        ZADD b 10 x 20 y inf v => :3
        ZADD c -inf v => :1
        ZUNION 2 a b WITHSCORES => ["z" "3" "x" "11" "y" "22" "v" "inf"]
        ZUNION 2 b c WITHSCORES => ["v" "0" "x" "10" "y" "20"]
        ZUNION 2 b c WEIGHTS 0 1 AGGREGATE MAX WITHSCORES => ["v" "0" "x" "0" "y" "0"]
        ZINTER 2 a b AGGREGATE MIN WITHSCORES => ["x" "1" "y" "2"]
        ZDIFF 2 a b WITHSCORES => ["z" "3"]
        ZINTERCARD 2 a b => :2
        ZINTERCARD 2 a b LIMIT 1 => :1
        ZUNIONSTORE d 2 a b WEIGHTS 2 0.5 => :4
        ZRANGE d 0 -1 WITHSCORES => ["z" "6" "x" "7" "y" "14" "v" "inf"]
        ZRANGESTORE d d (6 14 BYSCORE => :2
        ZRANGE d 0 -1 => ["x" "y"]
        ZDIFFSTORE d 2 a a => :0
        EXISTS d => :0
        ZUNION 0 a => -ERR at least 1 input key is needed for 'zunion' command
        ZUNION 3 a b => -ERR syntax error
        ZUNION 1 a WEIGHTS x => -ERR weight value is not a float
        ZINTERCARD 1 a LIMIT -1 => -ERR LIMIT can't be negative
        SET s x => OK
        ZUNION 1 s FOO => -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn members_are_taken_from_either_end() {
    check_script(
        r#"
        ZADD z 1 a 2 b 3 c 4 d => :4
        ZPOPMIN z => ["a" "1"]
        ZPOPMAX z 2 => ["d" "4" "c" "3"]
        ZPOPMIN z 0 => []
        ZPOPMIN z -1 => -ERR value is out of range, must be positive
        ZMPOP 2 nope z MIN COUNT 5 => ["z" [["b" "2"]]]
        ZMPOP 1 z MIN => nil
        ZMPOP 0 z MIN => -ERR numkeys should be greater than 0
        ZMPOP 1 z MIN COUNT 0 => -ERR count should be greater than 0
        ZMPOP 1 z UP => -ERR syntax error
        BZPOPMIN z 0 => nil
        ZADD z 1 a => :1
        BZPOPMAX nope z 0 => ["z" "a" "1"]
        EXISTS z => :0
        "#,
    );
}

#[test]
fn scores_are_doubles_in_resp3() {
    let mut store = Store::new();
    store.proto = Proto::Resp3;
    store.run("ZADD z 1.5 a 2 b");
    for (command, want) in [
        ("ZRANGE z 0 -1 WITHSCORES", r#"[["a" ,1.5] ["b" ,2]]"#),
        ("ZSCORE z a", ",1.5"),
        ("ZRANK z a WITHSCORE", "[:0 ,1.5]"),
        ("ZUNION 1 z WITHSCORES", r#"[["a" ,1.5] ["b" ,2]]"#),
        ("ZSCAN z 0", r#"["0" ["a" "1.5" "b" "2"]]"#),
        ("ZPOPMIN z", r#"["a" ,1.5]"#),
        ("ZPOPMIN z 1", r#"[["b" ,2]]"#),
    ] {
        assert_eq!(store.run(command), want, "{command}");
    }
}

#[test]
fn samples_are_members() {
    let mut store = Store::new();
    for at in 0..200 {
        store.run(&format!("ZADD z {at} m{at}"));
    }
    for (command, count) in [
        ("ZRANDMEMBER z 10", 10),
        ("ZRANDMEMBER z 150", 150),
        ("ZRANDMEMBER z 500", 200),
    ] {
        let reply = store.run(command);
        let members: std::collections::BTreeSet<&str> =
            reply.trim_matches(['[', ']']).split(' ').collect();
        assert_eq!(members.len(), count, "{command}");
        for member in members {
            let member = member.trim_matches('"');
            assert_ne!(store.run(&format!("ZSCORE z {member}")), "nil", "{member}");
        }
    }
    assert_eq!(store.run("ZRANDMEMBER z -300").split(' ').count(), 300);
    assert_eq!(store.run("ZRANDMEMBER nope 3"), "[]");
}
