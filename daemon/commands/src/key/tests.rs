//! Replies as redis-server 8.0.6 gives them.

use crate::testing::{Store, check_script};

#[test]
fn as_redis_replies() {
    check_script(
        r#"
        MSET a 1 b 2 c 3 => OK
        DEL a a nokey b => :2
        EXISTS c c nokey => :2
        UNLINK c nokey => :1
        TYPE c => none
        SET a hello => OK
        TYPE a => string
        TOUCH a a nokey => :2
        RENAME nokey b => -ERR no such key
        RENAME a b => OK
        GET b => "hello"
        EXISTS a => :0
        RENAME b b => OK
        RENAME nokey nokey => -ERR no such key
        SET t x EX 100 => OK
        RENAME t b => OK
        TTL b => :100
        GET b => "x"
        RENAMENX b c => :1
        SET d 1 => OK
        RENAMENX c d => :0
        RENAMENX c c => :0
        RENAMENX nokey d => -ERR no such key
        RENAMENX nokey nokey => -ERR no such key
        COPY c e => :1
        COPY c e => :0
        COPY c e REPLACE => :1
        TTL e => :100
        COPY nokey e => :0
        COPY c c => -ERR source and destination objects are the same
        COPY c c DB 0 => -ERR source and destination objects are the same
        COPY c c DB 3 => :1
        COPY c c DB 3 => :0
        COPY c c DB 3 REPLACE => :1
        COPY c e DB 99 => -ERR DB index is out of range
        COPY c e DB -1 => -ERR DB index is out of range
        COPY c e DB => -ERR syntax error
        COPY c e DB x => -ERR value is not an integer or out of range
        COPY c e DB 99999999999 => -ERR value is out of range, value must between -2147483648 and 2147483647
        COPY c e FOO => -ERR syntax error
        SET mv 1 EX 100 => OK
        MOVE mv 4 => :1
        EXISTS mv => :0
        MOVE mv 4 => :0
        SET mv 2 => OK
        MOVE mv 4 => :0
        MOVE mv 99 => -ERR DB index is out of range
        MOVE mv -1 => -ERR DB index is out of range
        MOVE mv abc => -ERR value is not an integer or out of range
        MOVE mv 99999999999 => -ERR value is out of range, value must between -2147483648 and 2147483647
        MOVE mv 0 => -ERR source and destination objects are the same
        SWAPDB 0 4 => OK
        TTL mv => :100
        GET mv => "1"
        SWAPDB 0 4 => OK
        SWAPDB 0 0 => OK
        SWAPDB 0 99 => -ERR DB index is out of range
        SWAPDB -1 0 => -ERR DB index is out of range
        SWAPDB a 0 => -ERR invalid first DB index
        SWAPDB 0 a => -ERR invalid second DB index
        SWAPDB 0 99999999999 => -ERR invalid second DB index
        SET e v => OK
        EXPIRE e 100 => :1
        TTL e => :100
        PTTL nokey => :-2
        TTL nokey => :-2
        EXPIRETIME nokey => :-2
        SET p v => OK
        TTL p => :-1
        PTTL p => :-1
        EXPIRETIME p => :-1
        PEXPIRETIME p => :-1
        PERSIST p => :0
        PERSIST nokey => :0
        PERSIST e => :1
        TTL e => :-1
        EXPIRE e 100 XX => :0
        EXPIRE e 100 GT => :0
        EXPIRE e 100 LT => :1
        TTL e => :100
        EXPIRE e 50 GT => :0
        EXPIRE e 200 GT => :1
        EXPIRE e 300 LT => :0
        EXPIRE e 100 LT => :1
        EXPIRE e 100 NX => :0
        EXPIRE e 90 XX => :1
        TTL e => :90
        EXPIRE e 80 XX LT => :1
        EXPIRE e 90 xx lt => :0
        EXPIRE e 10 NX XX => -ERR NX and XX, GT or LT options at the same time are not compatible
        EXPIRE e 10 NX GT => -ERR NX and XX, GT or LT options at the same time are not compatible
        EXPIRE e 10 GT LT => -ERR GT and LT options at the same time are not compatible
        EXPIRE e 10 ZZ => -ERR Unsupported option ZZ
        EXPIRE e abc ZZ => -ERR Unsupported option ZZ
        EXPIRE e abc => -ERR value is not an integer or out of range
        EXPIRE e 9223372036854775807 => -ERR invalid expire time in 'expire' command
        EXPIRE e -9223372036854775808 => -ERR invalid expire time in 'expire' command
        PEXPIRE e 9223372036854775807 => -ERR invalid expire time in 'pexpire' command
        PEXPIREAT e 9223372036854775807 => :1
        PEXPIRETIME e => :9223372036854775807
        EXPIRETIME e => :9223372036854776
        EXPIREAT e -9223372036854775807 => -ERR invalid expire time in 'expireat' command
        EXPIREAT e 33177117420 => :1
        EXPIRETIME e => :33177117420
        PEXPIRETIME e => :33177117420000
        PEXPIREAT e 33177117420123 => :1
        EXPIRETIME e => :33177117420
        PEXPIREAT e 33177117420500 => :1
        EXPIRETIME e => :33177117421
        EXPIRE e 0 => :1
        EXISTS e => :0
        SET e v => OK
        EXPIRE e -1 => :1
        EXISTS e => :0
        SET e v => OK
        PEXPIREAT e 1 => :1
        EXISTS e => :0
        EXPIRE nokey 10 => :0
        OBJECT ENCODING d => "int"
        OBJECT ENCODING nokey => nil
        SET s 12345678901234567890 => OK
        OBJECT ENCODING s => "embstr"
        SET s 0123 => OK
        OBJECT ENCODING s => "embstr"
        SET s 12345678901234567890123456789012345678901234 => OK
        OBJECT ENCODING s => "embstr"
        SET s 123456789012345678901234567890123456789012345 => OK
        OBJECT ENCODING s => "raw"
        APPEND ap 3 => :1
        OBJECT ENCODING ap => "int"
        APPEND ap 3 => :2
        OBJECT ENCODING ap => "raw"
        SETRANGE sr 3 x => :4
        OBJECT ENCODING sr => "raw"
        SETBIT sb 1 1 => :0
        OBJECT ENCODING sb => "raw"
        BITOP OR bo ap => :2
        OBJECT ENCODING bo => "raw"
        INCR d => :2
        OBJECT ENCODING d => "int"
        OBJECT REFCOUNT d => :2147483647
        OBJECT REFCOUNT s => :1
        OBJECT REFCOUNT nokey => nil
        OBJECT IDLETIME s => :0
        OBJECT IDLETIME nokey => nil
        OBJECT FREQ s => -ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.
        OBJECT FREQ nokey => nil
        OBJECT FOO => -ERR unknown subcommand 'FOO'. Try OBJECT HELP.
        OBJECT FREQ a b => -ERR wrong number of arguments for 'object|freq' command
        OBJECT ENCODING => -ERR wrong number of arguments for 'object|encoding' command
        OBJECT => -ERR wrong number of arguments for 'object' command
        OBJECT help foo => -ERR wrong number of arguments for 'object|help' command
        FLUSHALL FOO => -ERR syntax error
        FLUSHALL SYNC ASYNC => -ERR syntax error
        FLUSHDB FOO => -ERR syntax error
        FLUSHDB SYNC => OK
        DBSIZE => :0
        RANDOMKEY => nil
        KEYS * => []
        SCAN 0 => ["0" []]
        SET one 1 => OK
        DBSIZE => :1
        RANDOMKEY => "one"
        KEYS * => ["one"]
        KEYS o?e => ["one"]
        KEYS x* => []
        KEYS [a-o]ne => ["one"]
        SCAN 0 => ["0" ["one"]]
        SCAN 0 MATCH o* COUNT 100 => ["0" ["one"]]
        SCAN 0 MATCH x* COUNT 100 TYPE string => ["0" []]
        SCAN 0 TYPE STRING => ["0" ["one"]]
        SCAN 0 TYPE hash => ["0" []]
        SCAN 0 COUNT 0 => -ERR syntax error
        SCAN 0 COUNT -1 => -ERR syntax error
        SCAN 0 COUNT a => -ERR value is not an integer or out of range
        SCAN 0 COUNT => -ERR syntax error
        SCAN 0 FOO bar => -ERR syntax error
        SCAN abc => -ERR invalid cursor
        SCAN 18446744073709551616 => -ERR invalid cursor
        FLUSHALL ASYNC => OK
        DBSIZE => :0
        DUMP nokey => nil
        RESTORE x 0 abc => -ERR DUMP payload version or checksum are wrong
        RESTORE x -1 abc => -ERR Invalid TTL value, must be >= 0
        RESTORE x abc abc => -ERR value is not an integer or out of range
        SET a v => OK
        RESTORE a 0 abc => -BUSYKEY Target key name already exists.
        RESTORE a 0 abc REPLACE => -ERR DUMP payload version or checksum are wrong
        RESTORE x 0 abc FOO => -ERR syntax error
        RESTORE x 0 abc IDLETIME -1 => -ERR Invalid IDLETIME value, must be >= 0
        RESTORE x 0 abc FREQ 256 => -ERR Invalid FREQ value, must be >= 0 and <= 255
        RESTORE x 0 abc FREQ -1 => -ERR Invalid FREQ value, must be >= 0 and <= 255
        RESTORE x 0 abc IDLETIME 1 FREQ 1 => -ERR syntax error
        RESTORE x 0 abc IDLETIME x => -ERR value is not an integer or out of range
        RESTORE x 0 abc IDLETIME => -ERR syntax error
        RENAME a => -ERR wrong number of arguments for 'rename' command
        DBSIZE a => -ERR wrong number of arguments for 'dbsize' command
        "#,
    );
}

/// What other servers dumped: server, key, payload in hexadecimal.
const FOREIGN: &str = include_str!("../../../../format-spec/golden/foreign/payloads.txt");

#[test]
fn values_of_other_servers_are_restored_and_copied() {
    for line in FOREIGN.lines() {
        let (name, hex) = line.rsplit_once(' ').expect("name and payload");
        let bytes = hex.as_bytes().chunks(2);
        let escape = |pair| format!("\\x{}", std::str::from_utf8(pair).expect("digits"));
        let payload: String = bytes.map(escape).collect();
        let kind = match name.rsplit([' ', '-']).next().expect("a key") {
            "number" => "string",
            "ints" => "set",
            "expiring" => "hash",
            kind => kind,
        };
        let mut store = Store::new();
        let mut is = |line: String, reply: &str| assert_eq!(store.run(&line), reply, "{name}");
        is(format!("RESTORE k 0 \"{payload}\""), "OK");
        is("TYPE k".into(), kind);
        is("PTTL k".into(), ":-1");
        is(
            format!("RESTORE k 0 \"{payload}\""),
            "-BUSYKEY Target key name already exists.",
        );
        is(format!("RESTORE k 1000 \"{payload}\" REPLACE"), "OK");
        is("PTTL k".into(), ":1000");
        is("COPY k copy".into(), ":1");
        is("TYPE copy".into(), kind);
        is("PTTL copy".into(), ":1000");
        is("DEL k".into(), ":1");
        is("TYPE copy".into(), kind);
        is(format!("RESTORE copy 1 \"{payload}\" ABSTTL REPLACE"), "OK");
        is("EXISTS copy".into(), ":0");
        is(
            format!("RESTORE k 0 \"{payload}.\""),
            "-ERR DUMP payload version or checksum are wrong",
        );
    }
}
