//! What a restart finds: after a clean end, with the log on, off and switched, with snapshots, twice on one directory.

use std::fmt::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use esker_tests::client::{Client, Value, encode};
use esker_tests::process::{Options, Server, subject_binary, subject_is_reference};
use tempfile::TempDir;

fn directory() -> TempDir {
    TempDir::with_prefix("esker-restart-").expect("a temporary directory")
}

fn start(dir: &Path, flags: &[(&str, &str)]) -> Server {
    let mut options = Options::new(subject_binary()).dir(dir);
    for (name, value) in flags {
        options = options.flag(name, value);
    }
    Server::start(&options).expect("the server starts")
}

fn connect(server: &Server) -> Client {
    server.connect().expect("the server takes connections")
}

fn ok(client: &mut Client, line: &str) {
    let reply = client.words(line).expect("a reply");
    assert!(reply.is_ok(), "{line}: {reply:?}");
}

fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < limit, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The value of a field of INFO.
fn info(client: &mut Client, field: &str) -> Option<String> {
    let reply = client.words("INFO everything").expect("a reply");
    let text = String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()).into_owned();
    text.lines().find_map(|line| {
        line.strip_prefix(field)?
            .strip_prefix(':')
            .map(str::to_string)
    })
}

/// Fills several databases with all that a string store can hold.
fn fill(client: &mut Client) {
    for db in [0, 3] {
        ok(client, &format!("SELECT {db}"));
        ok(client, "SET plain text");
        ok(client, "SET number 12345");
        ok(client, "SET timed v PXAT 4102444800123");
        for args in [
            &[b"SET".as_slice(), b"", b""],
            &[b"SET", b"\0\r\n", b"\xff\0"],
        ] {
            assert!(client.call(args).expect("a reply").is_ok());
        }
        let large: Vec<u8> = (0..3_000_000u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        assert!(
            client
                .call(&[b"SET", b"large", &large])
                .expect("a reply")
                .is_ok()
        );
        assert_eq!(
            client.words("APPEND appended x").expect("a reply"),
            Value::Int(1)
        );
        assert_eq!(
            client.words("SETBIT bits 12345 1").expect("a reply"),
            Value::Int(0)
        );
        let mut many = Vec::new();
        for i in 0..20_000 {
            many.extend(encode(&["SET", &format!("key:{i}"), &format!("value {i}")]));
        }
        client.send_bytes(&many).expect("the server reads");
        for _ in 0..20_000 {
            assert!(client.read().expect("a reply").is_ok());
        }
    }
}

/// Everything in the databases, as one text.
fn contents(client: &mut Client) -> String {
    let mut out = String::new();
    for db in 0..4 {
        ok(client, &format!("SELECT {db}"));
        let mut keys = client
            .words("KEYS *")
            .expect("a reply")
            .into_array()
            .expect("an array");
        keys.sort_by(|a, b| a.as_bytes().cmp(&b.as_bytes()));
        for key in keys.iter().filter_map(Value::as_bytes) {
            client.send(&[b"GET", key]).expect("the server reads");
            client
                .send(&[b"PEXPIRETIME", key])
                .expect("the server reads");
        }
        for key in &keys {
            let (value, expires) = (
                client.read().expect("a reply"),
                client.read().expect("a reply"),
            );
            writeln!(out, "{db} {key:?} {value:?} {expires:?}").expect("a string takes text");
        }
    }
    out
}

fn assert_same(before: &str, after: &str) {
    let differing = before.lines().zip(after.lines()).find(|(a, b)| a != b);
    let shown = differing.map(|(a, b)| format!("{:.300} is now {:.300}", a, b));
    assert!(
        before == after,
        "{} lines were {} lines: {shown:?}",
        after.lines().count(),
        before.lines().count()
    );
}

const ENDS: [&str; 4] = ["kill", "term", "shutdown", "snapshot"];

/// Ends a server in one of the ways and starts it again on the same directory.
fn ended_and_started(mut server: Server, how: &str, dir: &Path, flags: &[(&str, &str)]) -> Server {
    let mut client = connect(&server);
    match how {
        "kill" => assert!(!server.kill().expect("the process ends").success()),
        "term" => assert!(
            server.terminate().expect("the process ends").success(),
            "{}",
            server.log_tail(20)
        ),
        "shutdown" => {
            client.send(&[b"SHUTDOWN"]).expect("the server reads");
            assert!(
                server.wait().expect("the process ends").success(),
                "{}",
                server.log_tail(20)
            );
        }
        _ => {
            ok(&mut client, "SAVE");
            assert!(!server.kill().expect("the process ends").success());
        }
    }
    drop(server);
    start(dir, flags)
}

#[test]
fn a_log_brings_everything_back_however_the_server_ended() {
    for policy in ["always", "everysec", "no"] {
        let dir = directory();
        let flags = [("appendonly", "yes"), ("appendfsync", policy), ("save", "")];
        let mut server = start(dir.path(), &flags);
        fill(&mut connect(&server));
        let before = contents(&mut connect(&server));
        for how in ENDS {
            server = ended_and_started(server, how, dir.path(), &flags);
            assert_same(&before, &contents(&mut connect(&server)));
        }
    }
}

#[test]
fn a_compaction_keeps_everything() {
    let dir = directory();
    let flags = [("appendonly", "yes"), ("save", "")];
    let mut server = start(dir.path(), &flags);
    let mut client = connect(&server);
    fill(&mut client);
    for round in 0..3 {
        client.words("BGREWRITEAOF").expect("a reply");
        eventually("the rewrite ends", || {
            info(&mut client, "aof_rewrite_in_progress").as_deref() == Some("0")
                && info(&mut client, "aof_rewrite_scheduled")
                    .is_none_or(|scheduled| scheduled == "0")
        });
        assert_eq!(
            info(&mut client, "aof_last_bgrewrite_status").as_deref(),
            Some("ok")
        );
        ok(&mut client, &format!("SET round {round}"));
        let before = contents(&mut client);
        server = ended_and_started(server, "kill", dir.path(), &flags);
        client = connect(&server);
        assert_same(&before, &contents(&mut client));
    }
}

#[test]
fn without_a_log_a_snapshot_brings_back_what_it_saw() {
    let dir = directory();
    let flags = [("appendonly", "no"), ("save", "")];
    let server = start(dir.path(), &flags);
    let mut client = connect(&server);
    fill(&mut client);
    let before = contents(&mut client);
    ok(&mut client, "SAVE");
    ok(&mut client, "SET after the_snapshot");
    let server = ended_and_started(server, "kill", dir.path(), &flags);
    assert_same(&before, &contents(&mut connect(&server)));
}

#[test]
fn without_a_log_a_clean_end_saves_only_with_save_rules() {
    for (rules, kept) in [("3600 1", true), ("", false)] {
        let dir = directory();
        let flags = [("appendonly", "no"), ("save", rules)];
        let server = start(dir.path(), &flags);
        ok(&mut connect(&server), "SET a 1");
        let server = ended_and_started(server, "term", dir.path(), &flags);
        let expect = if kept {
            Value::Bulk(b"1".to_vec())
        } else {
            Value::Null
        };
        assert_eq!(
            connect(&server).words("GET a").expect("a reply"),
            expect,
            "save '{rules}'"
        );
    }
}

#[test]
fn a_log_can_be_switched_on_and_off() {
    let dir = directory();
    let off = [("appendonly", "no"), ("save", "")];
    let on = [("appendonly", "yes"), ("save", "")];
    let server = start(dir.path(), &off);
    let mut client = connect(&server);
    ok(&mut client, "SET a 1");
    ok(&mut client, "CONFIG SET appendonly yes");
    ok(&mut client, "SET b 2");
    eventually("the log is on", || {
        info(&mut client, "aof_rewrite_in_progress").as_deref() == Some("0")
            && info(&mut client, "aof_rewrite_scheduled").as_deref() == Some("0")
    });
    ok(&mut client, "SET c 3");
    let before = contents(&mut client);
    let server = ended_and_started(server, "kill", dir.path(), &on);
    let mut client = connect(&server);
    assert_same(&before, &contents(&mut client));
    ok(&mut client, "CONFIG SET appendonly no");
    ok(&mut client, "SET d 4");
    if subject_is_reference() {
        return;
    }
    // The log ends where it was switched off: what came later was promised by nobody.
    let server = ended_and_started(server, "kill", dir.path(), &off);
    let mut client = connect(&server);
    assert_same(&before, &contents(&mut client));
}

#[test]
fn a_save_rule_takes_a_snapshot_by_itself() {
    let dir = directory();
    let flags = [("appendonly", "no"), ("save", "1 5")];
    let server = start(dir.path(), &flags);
    let mut client = connect(&server);
    let first = client
        .words("LASTSAVE")
        .expect("a reply")
        .as_int()
        .expect("a time");
    thread::sleep(Duration::from_millis(1100));
    for i in 0..5 {
        ok(&mut client, &format!("SET k{i} v"));
    }
    eventually("a snapshot is taken", || {
        client.words("LASTSAVE").expect("a reply").as_int() > Some(first)
    });
    eventually("it is complete", || {
        info(&mut client, "rdb_bgsave_in_progress").as_deref() == Some("0")
    });
    let before = contents(&mut client);
    let server = ended_and_started(server, "kill", dir.path(), &flags);
    assert_same(&before, &contents(&mut connect(&server)));
}

#[test]
fn flushes_renames_moves_and_swaps_are_in_the_log() {
    let dir = directory();
    let flags = [("appendonly", "yes"), ("save", "")];
    let server = start(dir.path(), &flags);
    let mut client = connect(&server);
    for line in [
        "SET a 1",
        "SET b 2",
        "MSET c 3 d 4",
        "RENAME a e",
        "SELECT 1",
        "SET x 1",
        "SET y 2",
        "SWAPDB 0 1",
    ] {
        ok(&mut client, line);
    }
    assert_eq!(client.words("MOVE e 2").expect("a reply"), Value::Int(1));
    assert_eq!(
        client.words("COPY b f DB 3").expect("a reply"),
        Value::Int(1)
    );
    ok(&mut client, "SELECT 0");
    ok(&mut client, "FLUSHDB");
    ok(&mut client, "SET after 1");
    let before = contents(&mut client);
    let server = ended_and_started(server, "kill", dir.path(), &flags);
    let mut client = connect(&server);
    assert_same(&before, &contents(&mut client));
    ok(&mut client, "FLUSHALL");
    let server = ended_and_started(server, "kill", dir.path(), &flags);
    assert_eq!(contents(&mut connect(&server)), "");
}

#[test]
fn waitaof_confirms_what_is_on_disk() {
    if subject_is_reference() {
        return;
    }
    let dir = directory();
    let flags = [
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("save", ""),
    ];
    let server = start(dir.path(), &flags);
    let mut client = connect(&server);
    ok(&mut client, "SET a 1");
    let confirmed = client.words("WAITAOF 1 0 0").expect("a reply");
    assert_eq!(confirmed, Value::Array(vec![Value::Int(1), Value::Int(0)]));
}

#[test]
fn a_second_server_does_not_touch_a_directory_in_use() {
    if subject_is_reference() {
        return;
    }
    let dir = directory();
    let server = start(dir.path(), &[("appendonly", "yes")]);
    ok(&mut connect(&server), "SET a 1");
    let options = Options::new(subject_binary())
        .dir(dir.path())
        .flag("appendonly", "yes");
    let (status, output) = Server::start_refused(&options).expect("the process runs");
    assert!(!status.success(), "{output}");
    assert_eq!(
        connect(&server).words("GET a").expect("a reply"),
        Value::Bulk(b"1".to_vec())
    );
}
