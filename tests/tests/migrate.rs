//! MIGRATE between servers: of this kind and to a redis-server, and everything that can go wrong on the way.
//!
//! A key is in one place or, after a failure, in two; never in none.

use std::net::TcpListener;

use esker_tests::client::{Client, Value};
use esker_tests::process::{Options, Server, free_port, subject_binary, subject_is_reference};
use esker_tests::redis::start_reference;

const FAR_MS: i64 = 4_102_444_800_000;
/// Ends tests that would hang; none depends on its length.
const PATIENT: &str = "60000";

fn start(flags: &[(&str, &str)]) -> Server {
    let mut options = Options::new(subject_binary());
    for (name, value) in flags {
        options = options.flag(name, value);
    }
    Server::start(&options).expect("the server starts")
}

fn connect(server: &Server) -> Client {
    server.connect().expect("the server takes connections")
}

fn ask(client: &mut Client, line: &str) -> Value {
    client.words(line).expect("a reply")
}

fn ok(client: &mut Client, line: &str) {
    let reply = ask(client, line);
    assert!(reply.is_ok(), "{line}: {reply:?}");
}

fn integer(client: &mut Client, line: &str) -> i64 {
    ask(client, line).as_int().expect("an integer")
}

/// `MIGRATE 127.0.0.1 port rest…`, where the word `""` stands for the empty string.
fn migrate(client: &mut Client, port: u16, rest: &str) -> Value {
    let port = port.to_string();
    let head = ["MIGRATE", "127.0.0.1", &port];
    let words = rest.split(' ').map(|w| if w == "\"\"" { "" } else { w });
    let words: Vec<&[u8]> = head.into_iter().chain(words).map(str::as_bytes).collect();
    client.call(&words).expect("a reply")
}

fn refused(reply: &Value, line: &str) {
    assert_eq!(*reply, Value::Error(line.as_bytes().to_vec()));
}

/// One key of each type; those that expire do so in a later century.
fn fill(client: &mut Client) {
    for line in [
        "SET text hello",
        "SET number 12345",
        "SET {t}imed soon",
        "RPUSH list a b c 4",
        "HSET hash f v g 2",
        "ZADD zset 1.5 a 2 b",
        "SADD set x y",
        "SADD ints 1 2 3",
        "XADD stream 1-1 f v",
    ] {
        let reply = ask(client, line);
        assert!(!matches!(reply, Value::Error(_)), "{line}: {reply:?}");
    }
    for key in ["{t}imed", "zset"] {
        assert_eq!(integer(client, &format!("PEXPIREAT {key} {FAR_MS}")), 1);
    }
}

const KEYS: &str = "text number {t}imed list hash zset set ints stream";

/// What the keys of `fill` look like from outside.
fn contents(client: &mut Client) -> Vec<Value> {
    [
        "GET text",
        "GET number",
        "GET {t}imed",
        "LRANGE list 0 -1",
        "HGET hash f",
        "HGET hash g",
        "ZRANGE zset 0 -1 WITHSCORES",
        "SCARD set",
        "SISMEMBER set x",
        "SMISMEMBER ints 1 2 3 4",
        "XRANGE stream - +",
        "TTL text",
        "TTL hash",
    ]
    .iter()
    .map(|line| ask(client, line))
    .collect()
}

/// Moves the keys to database 3 of `target` and looks at both ends.
fn moves_all_to(target: &Server) {
    let source = start(&[]);
    let (mut here, mut there) = (connect(&source), connect(target));
    fill(&mut here);
    let expected = contents(&mut here);
    let rest = format!("\"\" 3 {PATIENT} KEYS {KEYS} absent");
    assert!(migrate(&mut here, target.port(), &rest).is_ok());
    assert_eq!(integer(&mut here, "DBSIZE"), 0);
    ok(&mut there, "SELECT 3");
    assert_eq!(contents(&mut there), expected);
    for key in ["{t}imed", "zset"] {
        // Time passes on the way, so the moment of expiry moves a little; it stays in its century.
        let at = integer(&mut there, &format!("PEXPIRETIME {key}"));
        assert!((FAR_MS - 1000..2 * FAR_MS).contains(&at), "{key}: {at}");
    }
}

#[test]
fn every_type_and_expiry_arrives_at_another_server_of_this_kind() {
    moves_all_to(&start(&[]));
}

#[test]
fn every_type_and_expiry_arrives_at_a_redis_server() {
    moves_all_to(&start_reference().expect("the reference starts"));
}

#[test]
fn copy_keeps_and_replace_overwrites() {
    let (source, target) = (start(&[]), start(&[]));
    let (mut here, mut there) = (connect(&source), connect(&target));
    ok(&mut here, "SET k new");
    ok(&mut here, "SET other o");
    ok(&mut there, "SET k old");
    let busy = "ERR Target instance replied with error: BUSYKEY Target key name already exists.";
    refused(&migrate(&mut here, target.port(), "k 0 60000"), busy);
    assert_eq!(ask(&mut here, "GET k"), Value::Bulk(b"new".to_vec()));
    assert_eq!(ask(&mut there, "GET k"), Value::Bulk(b"old".to_vec()));

    // What was accepted beside a refused key has moved.
    let reply = migrate(&mut here, target.port(), "\"\" 0 60000 KEYS k other");
    refused(&reply, busy);
    assert_eq!(integer(&mut here, "EXISTS k other"), 1);
    assert_eq!(ask(&mut there, "GET other"), Value::Bulk(b"o".to_vec()));

    assert!(migrate(&mut here, target.port(), "k 0 60000 COPY REPLACE").is_ok());
    assert_eq!(ask(&mut here, "GET k"), Value::Bulk(b"new".to_vec()));
    assert_eq!(ask(&mut there, "GET k"), Value::Bulk(b"new".to_vec()));
    assert!(migrate(&mut here, target.port(), "k 0 60000 REPLACE").is_ok());
    assert_eq!(integer(&mut here, "EXISTS k"), 0);
    let none = migrate(&mut here, target.port(), "k 0 60000");
    assert_eq!(none, Value::Simple(b"NOKEY".to_vec()));
}

#[test]
fn passwords_are_passed_on() {
    let (source, target) = (start(&[]), start(&[("requirepass", "secret")]));
    let mut here = connect(&source);
    ok(&mut here, "SET k v");
    let port = target.port();
    let cases = [
        ("k 0 60000", "NOAUTH Authentication required."),
        (
            "k 0 60000 AUTH wrong",
            "WRONGPASS invalid username-password pair or user is disabled.",
        ),
        (
            "k 0 60000 AUTH2 nobody secret",
            "WRONGPASS invalid username-password pair or user is disabled.",
        ),
    ];
    for (rest, line) in cases {
        let line = format!("ERR Target instance replied with error: {line}");
        refused(&migrate(&mut here, port, rest), &line);
        assert_eq!(integer(&mut here, "EXISTS k"), 1);
    }
    assert!(migrate(&mut here, port, "k 0 60000 COPY AUTH secret").is_ok());
    assert!(migrate(&mut here, port, "k 0 60000 REPLACE AUTH2 default secret").is_ok());
    assert_eq!(integer(&mut here, "EXISTS k"), 0);
    let mut there = connect(&target);
    ok(&mut there, "AUTH secret");
    assert_eq!(ask(&mut there, "GET k"), Value::Bulk(b"v".to_vec()));
}

#[test]
fn bad_arguments_get_the_errors_of_a_redis_server() {
    let (source, reference) = (start(&[]), start_reference().expect("it starts"));
    let (mut ours, mut theirs) = (connect(&source), connect(&reference));
    let port = free_port().expect("a port");
    for rest in [
        "k x 100",
        "k 0 x",
        "k x y",
        "nokey x 100",
        "nokey 0 100",
        "nokey 0 100 bogus",
        "nokey 0 x bogus",
        "k 0 100 KEYS k",
        "k x 100 KEYS k",
        "k 0 100 COPY AUTH",
        "k 0 100 AUTH2 a",
        "\"\" 0 100",
        "\"\" 0 100 KEYS",
        "\"\" 0 100 copy REPLACE auth p keys nokey copy",
        "k 0 100",
        "k 0 -1",
        "k -1 100",
    ] {
        ok(&mut ours, "SET k v");
        ok(&mut theirs, "SET k v");
        let (a, b) = (
            migrate(&mut ours, port, rest),
            migrate(&mut theirs, port, rest),
        );
        assert_eq!(a, b, "{rest}");
        assert_eq!(integer(&mut ours, "EXISTS k"), 1, "{rest}");
    }
}

#[test]
fn the_row_and_its_keys_are_those_of_a_redis_server() {
    let (source, reference) = (start(&[]), start_reference().expect("it starts"));
    let (mut ours, mut theirs) = (connect(&source), connect(&reference));
    for call in [
        "COMMAND INFO MIGRATE",
        "COMMAND GETKEYS MIGRATE h 1 k 0 1",
        "COMMAND GETKEYS MIGRATE h 1 k 0 1 COPY AUTH p",
        "COMMAND GETKEYS MIGRATE h 1 \"\" 0 1 COPY KEYS a b",
        "COMMAND GETKEYS MIGRATE h 1 \"\" 0 1 AUTH2 u p KEYS a",
        "COMMAND GETKEYS MIGRATE h 1 k 0 1 KEYS a b",
    ] {
        let line = format!("{call}\r\n");
        let [own, other] = [&mut ours, &mut theirs].map(|client| {
            client.send_bytes(line.as_bytes()).expect("sent");
            client.read().expect("a reply")
        });
        assert_eq!(own, other, "{call}");
    }
}

#[test]
fn a_target_that_never_answers_costs_its_client_the_timeout_and_nobody_else() {
    let source = start(&[]);
    let (mut here, mut other) = (connect(&source), connect(&source));
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    ok(&mut here, "SET k v");
    here.send_bytes(format!("MIGRATE 127.0.0.1 {port} k 0 500\r\nGET k\r\n").as_bytes())
        .expect("sent");
    let (kept_open, _) = silent.accept().expect("the server connects");
    ok(&mut other, "SET unrelated v");
    assert_eq!(integer(&mut other, "EXISTS k"), 1);
    refused(
        &here.read().expect("a reply"),
        "IOERR error or timeout reading to target instance",
    );
    assert_eq!(
        here.read().expect("a reply"),
        Value::Bulk(b"v".to_vec()),
        "what was sent behind it is executed behind it"
    );
    drop(kept_open);
}

/// A target whose answer the test gives, so that it knows what happens before.
#[test]
fn a_key_that_changes_on_its_way_is_kept() {
    use std::io::{Read, Write};
    let source = start(&[]);
    let (mut here, mut other) = (connect(&source), connect(&source));
    let scripted = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = scripted.local_addr().expect("an address").port();
    ok(&mut here, "MSET same v changed v gone v");
    let line = format!("MIGRATE 127.0.0.1 {port} '' 0 {PATIENT} KEYS same changed gone\r\n");
    here.send_bytes(line.as_bytes()).expect("sent");
    let (mut peer, _) = scripted.accept().expect("the server connects");
    let mut first = [0];
    peer.read_exact(&mut first).expect("a command comes");
    ok(&mut other, "SET changed v");
    assert_eq!(integer(&mut other, "DEL gone"), 1);
    peer.write_all(b"+OK\r\n+OK\r\n+OK\r\n").expect("answered");
    let reply = here.read().expect("a reply");
    let line = String::from_utf8_lossy(reply.as_bytes().expect("an error")).into_owned();
    assert!(line.starts_with("ERR 2 keys were changed"), "{line}");
    assert_eq!(integer(&mut here, "EXISTS same"), 0);
    assert_eq!(ask(&mut here, "GET changed"), Value::Bulk(b"v".to_vec()));
}

#[test]
fn a_server_that_migrates_to_itself_loses_nothing() {
    if subject_is_reference() {
        return;
    }
    let source = start(&[]);
    let mut here = connect(&source);
    ok(&mut here, "SET k v");
    let reply = migrate(&mut here, source.port(), "k 0 60000 REPLACE");
    assert!(matches!(reply, Value::Error(_)), "{reply:?}");
    assert_eq!(ask(&mut here, "GET k"), Value::Bulk(b"v".to_vec()));
    assert!(migrate(&mut here, source.port(), "k 1 60000").is_ok());
    assert_eq!(integer(&mut here, "EXISTS k"), 0);
    ok(&mut here, "SELECT 1");
    assert_eq!(ask(&mut here, "GET k"), Value::Bulk(b"v".to_vec()));
}

#[test]
fn deletions_are_durable_and_seen_by_watchers_but_not_part_of_a_transaction() {
    let target = start(&[]);
    let mut source = start(&[("appendfsync", "always")]);
    let (mut here, mut watcher) = (connect(&source), connect(&source));
    ok(&mut here, "MSET moved v stays v");
    ok(&mut watcher, "WATCH moved");
    assert!(migrate(&mut here, target.port(), "moved 0 60000").is_ok());
    ok(&mut watcher, "MULTI");
    ask(&mut watcher, "PING");
    assert_eq!(ask(&mut watcher, "EXEC"), Value::Null);
    ok(&mut here, "MULTI");
    migrate(&mut here, target.port(), "stays 0 60000");
    let replies = ask(&mut here, "EXEC").into_array().expect("an array");
    assert!(matches!(replies[..], [Value::Error(_)]), "{replies:?}");
    let dir = source.dir().to_path_buf();
    source.kill().expect("killed");
    let again = Server::start(&Options::new(subject_binary()).dir(&dir)).expect("restarts");
    let mut client = connect(&again);
    assert_eq!(integer(&mut client, "EXISTS moved"), 0);
    assert_eq!(integer(&mut client, "EXISTS stays"), 1);
}
