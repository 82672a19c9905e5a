//! Streams as clients see them.

use esker_keyspace::entry::Kind;
use esker_resp::Proto;

use crate::block::Nothing;
use crate::testing::{Store, check_script};

#[test]
fn entries_get_ids_that_grow() {
    check_script(
        r#"
        XADD s 5-3 a 1 b 2 => "5-3"
        XADD s 5-* a 1 => "5-4"
        XADD s 6 a 1 => "6-0"
        XADD s 5-9 a 1 => -ERR The ID specified in XADD is equal or smaller than the target stream top item
        XADD s 5-* a 1 => -ERR The ID specified in XADD is equal or smaller than the target stream top item
        XADD s 0-0 a 1 => -ERR The ID specified in XADD must be greater than 0-0
        XADD s * a 1 => "1700000000000-0"
        XADD s * a 1 => "1700000000000-1"
        XADD s x a 1 => -ERR Invalid stream ID specified as stream command argument
        XADD s 9-9 a => -ERR wrong number of arguments for 'xadd' command
        XADD none NOMKSTREAM * a 1 => nil
        XADD n 0-* a 1 => "0-1"
        XADD s 18446744073709551615-18446744073709551615 a 1 => "18446744073709551615-18446744073709551615"
        XADD s * a 1 => -ERR The stream has exhausted the last possible ID, unable to add more items
        XLEN s => :6
        XLEN none => :0
        TYPE s => stream
        OBJECT ENCODING s => "stream"
        SET str x => OK
        XADD str * a 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
        XLEN str => -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn ranges_have_two_directions_and_may_leave_their_ends_out() {
    check_script(
        r#"
        XADD s 1-1 a 1 => "1-1"
        XADD s 1-2 a 2 => "1-2"
        XADD s 2-1 a 3 => "2-1"
        XRANGE s - + => [["1-1" ["a" "1"]] ["1-2" ["a" "2"]] ["2-1" ["a" "3"]]]
        XRANGE s 1 1 => [["1-1" ["a" "1"]] ["1-2" ["a" "2"]]]
        XRANGE s (1-1 (2-1 => [["1-2" ["a" "2"]]]
        XREVRANGE s + - COUNT 1 => [["2-1" ["a" "3"]]]
        XREVRANGE s 1 - => [["1-2" ["a" "2"]] ["1-1" ["a" "1"]]]
        XRANGE s - + COUNT 0 => nil
        XRANGE s - + COUNT -1 => nil
        XRANGE s - + COUNT => -ERR syntax error
        XRANGE none - + COUNT 0 => []
        XRANGE s (- + => -ERR Invalid stream ID specified as stream command argument
        XRANGE s - (0-0 => -ERR invalid end ID for the interval
        XDEL s 1-2 7-7 => :1
        XDEL s x => -ERR Invalid stream ID specified as stream command argument
        XDEL none x => :0
        XREVRANGE s + - => [["2-1" ["a" "3"]] ["1-1" ["a" "1"]]]
        "#,
    );
}

#[test]
fn trimming_keeps_the_newest() {
    check_script(
        r#"
        XADD s 1-0 a 1 => "1-0"
        XADD s 2-0 a 1 => "2-0"
        XADD s MAXLEN 2 3-0 a 1 => "3-0"
        XLEN s => :2
        XTRIM s MINID 3 => :1
        XTRIM s MAXLEN ~ 0 LIMIT 0 => :1
        XTRIM s MAXLEN 0 => :0
        EXISTS s => :1
        XADD s 3-0 a 1 => -ERR The ID specified in XADD is equal or smaller than the target stream top item
        XTRIM s MAXLEN -1 => -ERR The MAXLEN argument must be >= 0.
        XTRIM s MAXLEN 1 LIMIT 1 => -ERR syntax error, LIMIT cannot be used without the special ~ option
        XTRIM s LIMIT 1 => -ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
        XTRIM s MAXLEN 1 MINID 1 => -ERR syntax error, MAXLEN and MINID options at the same time are not compatible
        XTRIM s FOO 1 => -ERR syntax error
        XTRIM none MAXLEN 1 => :0
        XSETID s 9-9 ENTRIESADDED 20 MAXDELETEDID 8-0 => OK
        XADD s 9-* a 1 => "9-10"
        XSETID s 9-1 => -ERR The ID specified in XSETID is smaller than the target stream top item
        XSETID s 7 => -ERR The ID specified in XSETID is smaller than current max_deleted_entry_id
        XSETID none 7 => -ERR no such key
        "#,
    );
}

#[test]
fn groups_are_given_entries_once() {
    check_script(
        r#"
        XGROUP CREATE s g $ => -ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.
        XGROUP CREATE s g $ MKSTREAM => OK
        XGROUP CREATE s g $ MKSTREAM => -BUSYGROUP Consumer Group name already exists
        XGROUP CREATE s h 0 ENTRIESREAD -2 => -ERR value for ENTRIESREAD must be positive or -1
        XGROUP CREATE s h 0 FOO => -ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.
        XADD s 1-0 a 1 => "1-0"
        XADD s 2-0 a 2 => "2-0"
        XREADGROUP GROUP g c COUNT 1 STREAMS s > => [["s" [["1-0" ["a" "1"]]]]]
        XREADGROUP GROUP g d STREAMS s > => [["s" [["2-0" ["a" "2"]]]]]
        XREADGROUP GROUP g d STREAMS s > => nil
        XREADGROUP GROUP g c STREAMS s 0 => [["s" [["1-0" ["a" "1"]]]]]
        XREADGROUP GROUP no c STREAMS s 0 => -NOGROUP No such key 's' or consumer group 'no' in XREADGROUP with GROUP option
        XPENDING s g => [:2 "1-0" "2-0" [["c" "1"] ["d" "1"]]]
        XPENDING s g - + 10 => [["1-0" "c" :0 :2] ["2-0" "d" :0 :1]]
        XPENDING s g IDLE 5 - + 10 => []
        XPENDING s g - + 10 d => [["2-0" "d" :0 :1]]
        XPENDING s no => -NOGROUP No such key 's' or consumer group 'no'
        XACK s g 1-0 7-7 => :1
        XACK s g 1-0 => :0
        XDEL s 2-0 => :1
        XREADGROUP GROUP g d STREAMS s 0 => [["s" [["2-0" nil]]]]
        XINFO GROUPS s => [["name" "g" "consumers" :2 "pending" :1 "last-delivered-id" "2-0" "entries-read" :2 "lag" :0]]
        XGROUP DELCONSUMER s g d => :1
        XGROUP CREATECONSUMER s g e => :1
        XGROUP CREATECONSUMER s g e => :0
        XGROUP SETID s g 0 => OK
        XREADGROUP GROUP g e NOACK STREAMS s > => [["s" [["1-0" ["a" "1"]]]]]
        XPENDING s g => [:0 nil nil nil]
        XGROUP DESTROY s g => :1
        XGROUP DESTROY s g => :0
        "#,
    );
}

#[test]
fn pending_entries_change_hands() {
    check_script(
        r#"
        XADD s 1-0 a 1 => "1-0"
        XADD s 2-0 a 2 => "2-0"
        XADD s 3-0 a 3 => "3-0"
        XGROUP CREATE s g 0 => OK
        XREADGROUP GROUP g c STREAMS s > => [["s" [["1-0" ["a" "1"]] ["2-0" ["a" "2"]] ["3-0" ["a" "3"]]]]]
        XCLAIM s g d 1000 1-0 => []
        XCLAIM s g d 0 1-0 => [["1-0" ["a" "1"]]]
        XCLAIM s g d 0 2-0 9-0 IDLE 5000 RETRYCOUNT 7 JUSTID => ["2-0"]
        XPENDING s g - + 10 => [["1-0" "d" :0 :2] ["2-0" "d" :5000 :7] ["3-0" "c" :0 :1]]
        XCLAIM s g d 0 1-0 FOO => -ERR Unrecognized XCLAIM option 'FOO'
        XCLAIM s g d x 1-0 => -ERR Invalid min-idle-time argument for XCLAIM
        XDEL s 1-0 => :1
        XAUTOCLAIM s g e 0 0 COUNT 2 => ["3-0" [["2-0" ["a" "2"]]] ["1-0"]]
        XAUTOCLAIM s g e 0 3 JUSTID => ["0-0" ["3-0"] []]
        XAUTOCLAIM s g e 0 0 COUNT 0 => -ERR COUNT must be > 0
        XPENDING s g - + 10 => [["2-0" "e" :0 :8] ["3-0" "e" :0 :1]]
        XACK s g 2-0 3-0 => :2
        XCLAIM s g f 0 2-0 => []
        XCLAIM s g f 0 2-0 FORCE JUSTID LASTID 9-9 => ["2-0"]
        XINFO CONSUMERS s g => [["name" "c" "pending" :0 "idle" :0 "inactive" :0] ["name" "d" "pending" :0 "idle" :0 "inactive" :0] ["name" "e" "pending" :0 "idle" :0 "inactive" :0] ["name" "f" "pending" :1 "idle" :0 "inactive" :0]]
        XINFO STREAM none => -ERR no such key
        XINFO STREAM s BLA => -ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.
        XINFO STREAM s => ["length" :2 "radix-tree-keys" :1 "radix-tree-nodes" :2 "last-generated-id" "3-0" "max-deleted-entry-id" "1-0" "entries-added" :3 "recorded-first-entry-id" "2-0" "groups" :1 "first-entry" ["2-0" ["a" "2"]] "last-entry" ["3-0" ["a" "3"]]]
        "#,
    );
}

#[test]
fn a_reader_waits_behind_the_entry_that_was_last_when_it_came() {
    let mut store = Store::new();
    store.run("XADD s 5-1 a 1");
    let block = store.blocked("XREAD COUNT 3 BLOCK 100 STREAMS s none $ $");
    assert_eq!(block.keys, [b"s".to_vec(), b"none".to_vec()]);
    assert_eq!((block.kind, block.timeout_ms), (Kind::Stream, 100));
    assert_eq!((block.nothing, block.on_gone), (Nothing::NullArray, false));
    let again = block.again.expect("a dollar means another id later");
    let words: Vec<_> = again
        .iter()
        .map(|word| String::from_utf8_lossy(word))
        .collect();
    assert_eq!(
        words.join(" "),
        "XREAD COUNT 3 BLOCK 100 STREAMS s none 5-1 0-0"
    );
    assert_eq!(
        store.run("XREAD STREAMS s +"),
        r#"[["s" [["5-1" ["a" "1"]]]]]"#
    );

    store.run("XGROUP CREATE s g $");
    store.run("XGROUP CREATECONSUMER s g c");
    let block = store.blocked("XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    assert_eq!((block.timeout_ms, block.on_gone), (0, true));
    assert_eq!(block.again, None);
    // The history is served at once, also when there is none.
    assert_eq!(
        store.run("XREADGROUP GROUP g c BLOCK 0 STREAMS s 0"),
        r#"[["s" []]]"#
    );
}

#[test]
fn several_streams_are_a_map_in_resp3() {
    let mut store = Store::new();
    store.run("XADD s 1-0 a 1");
    store.run("XADD t 1-0 a 1");
    store.proto = Proto::Resp3;
    assert_eq!(
        store.run("XREAD STREAMS s t 0 0"),
        r#"{"s" [["1-0" ["a" "1"]]] "t" [["1-0" ["a" "1"]]]}"#
    );
    assert_eq!(store.run("XREAD STREAMS s 1"), "nil");
}
