//! Lists as clients see them.

use crate::testing::{Store, check_script};

#[test]
fn elements_go_in_and_out_at_both_ends() {
    check_script(
        r#"
        RPUSH l a b c => :3
        LPUSH l 1 2 => :5
        LRANGE l 0 -1 => ["2" "1" "a" "b" "c"]
        LRANGE l 1 2 => ["1" "a"]
        LRANGE l 3 1 => []
        LRANGE none 0 -1 => []
        LPUSHX none a => :0
        RPUSHX l d => :6
        LPOP l => "2"
        RPOP l 2 => ["d" "c"]
        LPOP l 0 => []
        LPOP none => nil
        LPOP none 0 => nil
        LPOP l -1 => -ERR value is out of range, must be positive
        LPOP l 1 2 => -ERR wrong number of arguments for 'lpop' command
        LPOP l 100 => ["1" "a" "b"]
        EXISTS l => :0
        "#,
    );
}

#[test]
fn elements_are_found_and_changed_in_the_middle() {
    check_script(
        r#"
        RPUSH l a b c a 1 a => :6
        LINDEX l 4 => "1"
        LINDEX l -6 => "a"
        LINDEX l 6 => nil
        LINDEX none x => nil
        LINDEX l x => -ERR value is not an integer or out of range
        LSET none x a => -ERR no such key
        LSET l x a => -ERR value is not an integer or out of range
        LSET l 6 a => -ERR index out of range
        LSET l -2 2 => OK
        LPOS l a => :0
        LPOS l a RANK 2 => :3
        LPOS l a RANK -1 => :5
        LPOS l a COUNT 0 => [:0 :3 :5]
        LPOS l a COUNT 2 RANK -2 => [:3 :0]
        LPOS l a COUNT 0 MAXLEN 5 => [:0 :3]
        LPOS l x => nil
        LPOS none x COUNT 1 => []
        LPOS l a COUNT -1 => -ERR COUNT can't be negative
        LINSERT l BEFORE b x => :7
        LINSERT l AFTER 2 y => :8
        LINSERT l BEFORE zz y => :-1
        LINSERT none BEFORE zz y => :0
        LINSERT l beside b y => -ERR syntax error
        LRANGE l 0 -1 => ["a" "x" "b" "c" "a" "2" "y" "a"]
        LREM l -2 a => :2
        LREM l 0 zz => :0
        LREM l -9223372036854775808 a => -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        LTRIM l 1 -2 => OK
        LRANGE l 0 -1 => ["x" "b" "c" "2"]
        LTRIM l 5 9 => OK
        LLEN l => :0
        "#,
    );
}

#[test]
fn elements_move_between_lists() {
    check_script(
        r#"
        RPUSH a 1 2 3 => :3
        LMOVE a b LEFT RIGHT => "1"
        RPOPLPUSH a b => "3"
        LRANGE b 0 -1 => ["3" "1"]
        LMOVE a a LEFT RIGHT => "2"
        LMOVE b b RIGHT LEFT => "1"
        LRANGE b 0 -1 => ["1" "3"]
        LMOVE none b LEFT LEFT => nil
        LMOVE a b up LEFT => -ERR syntax error
        SET s x => OK
        LMOVE a s LEFT LEFT => -WRONGTYPE Operation against a key holding the wrong kind of value
        LMOVE none s LEFT LEFT => nil
        LMPOP 2 none b RIGHT COUNT 5 => ["b" ["3" "1"]]
        LMPOP 1 b LEFT => nil
        LMPOP 2 a LEFT => -ERR syntax error
        LMPOP 0 a LEFT => -ERR numkeys should be greater than 0
        LMPOP 1 a LEFT COUNT 1 COUNT 1 => -ERR syntax error
        LMPOP 1 s LEFT => -WRONGTYPE Operation against a key holding the wrong kind of value
        BLMPOP 0 1 a LEFT => ["a" ["2"]]
        "#,
    );
}

#[test]
fn a_list_that_is_its_own_target_keeps_its_expiry() {
    let mut store = Store::new();
    store.run("RPUSH a 1");
    store.run("EXPIRE a 100");
    assert_eq!(store.run("LMOVE a a LEFT RIGHT"), "\"1\"");
    assert_eq!(store.run("TTL a"), ":100");
}

#[test]
fn what_waits_says_what_for() {
    let mut store = Store::new();
    store.run("RPUSH b x y");
    assert_eq!(store.run("BLPOP a b 0"), "[\"b\" \"x\"]");
    assert_eq!(
        store.run("BRPOP a b x"),
        "-ERR timeout is not a float or out of range"
    );
    assert_eq!(store.run("BLMOVE b c RIGHT LEFT 1"), "\"y\"");
    assert_eq!(store.run("BRPOPLPUSH c b 1"), "\"y\"");
    let words = [
        "BLPOP a c 0.5",
        "BLMPOP 0.5 2 a c LEFT",
        "BLMOVE a b LEFT LEFT 0.5",
    ];
    for line in words {
        let block = store.blocked(line);
        assert_eq!(
            (block.timeout_ms, block.keys[0].as_slice()),
            (500, b"a".as_slice()),
            "{line}"
        );
    }
}
