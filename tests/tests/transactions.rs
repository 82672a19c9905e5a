//! Transactions: what EXEC refuses, what WATCH notices, what may be queued, and that a unit is in the log whole or
//! not at all.
//!
//! No test asserts a time: that a key has expired is read from the clock of the server.

use std::path::Path;
use std::thread;

use esker_tests::client::{Client, Value, encode};
use esker_tests::process::{Options, Server, subject_binary};
use esker_tests::talk::{eventually, say, text};
use tempfile::TempDir;

const ABORTED: &str = "-EXECABORT Transaction discarded because of previous errors.";

fn start() -> Server {
    let options = Options::new(subject_binary())
        .flag("save", "")
        .flag("appendonly", "no")
        .flag("enable-debug-command", "yes");
    Server::start(&options).expect("the server starts")
}

/// A server that confirms only what is on the disk.
fn start_durable(dir: &Path) -> Server {
    let options = Options::new(subject_binary())
        .dir(dir)
        .flag("save", "")
        .flag("appendonly", "yes")
        .flag("appendfsync", "always");
    Server::start(&options).expect("the server starts")
}

fn connect(server: &Server) -> Client {
    server.connect().expect("the server takes connections")
}

/// Queues the commands and executes them.
fn exec(client: &mut Client, lines: &[&str]) -> String {
    assert_eq!(say(client, "MULTI"), "OK");
    for line in lines {
        assert_eq!(say(client, line), "QUEUED", "{line}");
    }
    say(client, "EXEC")
}

/// What EXEC of a PING answers now.
fn exec_ping(client: &mut Client) -> String {
    exec(client, &["PING"])
}

#[test]
fn what_cannot_be_queued_aborts_the_transaction() {
    let server = start();
    let mut client = connect(&server);
    for refused in [
        "NOSUCH a",
        "GET",
        "SET a",
        "SAVE",
        "SHUTDOWN",
        "CONFIG NOSUCH",
    ] {
        assert_eq!(say(&mut client, "MULTI"), "OK");
        assert_eq!(say(&mut client, "SET k before"), "QUEUED");
        let reply = say(&mut client, refused);
        assert!(reply.starts_with("-ERR "), "{refused}: {reply}");
        assert_eq!(say(&mut client, "SET k after"), "QUEUED");
        assert_eq!(say(&mut client, "EXEC"), ABORTED, "{refused}");
        assert_eq!(say(&mut client, "EXISTS k"), "0");
        assert_eq!(say(&mut client, "EXEC"), "-ERR EXEC without MULTI");
    }
    assert_eq!(say(&mut client, "DISCARD"), "-ERR DISCARD without MULTI");
}

#[test]
fn an_error_of_one_command_does_not_undo_the_others() {
    let server = start();
    let mut client = connect(&server);
    say(&mut client, "SET text v");
    let lines = [
        "INCR n",
        "INCR text",
        "LPUSH text x",
        "RPUSH l a b",
        "INCR n",
    ];
    let reply = exec(&mut client, &lines);
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    let number = "-ERR value is not an integer or out of range";
    assert_eq!(reply, format!("[1 {number} {wrong} 2 2]"));
    assert_eq!(exec(&mut client, &[]), "[]");
}

#[test]
fn nested_and_watching_calls_are_refused_and_change_nothing() {
    let server = start();
    let mut client = connect(&server);
    let mut other = connect(&server);
    say(&mut client, "MULTI");
    say(&mut client, "SET k v");
    let nested = "-ERR MULTI calls can not be nested";
    assert_eq!(say(&mut client, "MULTI"), nested);
    let watching = "-ERR WATCH inside MULTI is not allowed";
    assert_eq!(say(&mut client, "WATCH k"), watching);
    say(&mut other, "SET k other");
    // UNWATCH is queued and cannot take back what was noticed before.
    assert_eq!(say(&mut client, "UNWATCH"), "QUEUED");
    assert_eq!(say(&mut client, "EXEC"), "[OK OK]");
    assert_eq!(say(&mut other, "GET k"), "v");
}

#[test]
fn a_watched_key_that_changes_stops_the_transaction() {
    let server = start();
    let mut client = connect(&server);
    let mut other = connect(&server);
    let changes = [
        "SET k w",
        "SET k v",
        "DEL k",
        "APPEND k x",
        "EXPIRE k 1000",
        "RENAME k elsewhere",
        "RENAME other k",
        "COPY other k REPLACE",
        "MOVE k 5",
        "LPUSH made x",
        "SORT l STORE made",
        "SETRANGE made 0 x",
    ];
    for change in changes {
        say(&mut other, "FLUSHALL");
        for line in ["SET k v", "SET other o", "RPUSH l 1"] {
            say(&mut other, line);
        }
        assert_eq!(say(&mut client, "WATCH unused k made"), "OK");
        let reply = say(&mut other, change);
        assert!(!reply.starts_with('-'), "{change}: {reply}");
        assert_eq!(exec_ping(&mut client), "null", "{change}");
        // EXEC ends the watching, whatever it answered.
        assert_eq!(exec_ping(&mut client), "[PONG]");
    }
    let no_changes = [
        "GET k",
        "SETRANGE none 0 ",
        "DEL none",
        "PERSIST k",
        "LPUSHX none v",
        "SET x 1",
    ];
    for line in no_changes {
        say(&mut client, "WATCH k none");
        say(&mut other, line.trim_end());
        assert_eq!(exec_ping(&mut client), "[PONG]", "{line}");
    }
}

#[test]
fn ones_own_change_counts_and_unwatch_and_discard_forget() {
    let server = start();
    let mut client = connect(&server);
    let mut other = connect(&server);
    say(&mut client, "WATCH k");
    say(&mut client, "SET k v");
    assert_eq!(exec_ping(&mut client), "null");
    say(&mut client, "WATCH k");
    say(&mut client, "SET k v");
    assert_eq!(say(&mut client, "UNWATCH"), "OK");
    assert_eq!(exec_ping(&mut client), "[PONG]");
    say(&mut client, "WATCH k");
    say(&mut other, "SET k w");
    say(&mut client, "MULTI");
    say(&mut client, "SET k lost");
    assert_eq!(say(&mut client, "DISCARD"), "OK");
    assert_eq!(exec(&mut client, &["GET k"]), "[w]");
    // A transaction that was refused forgets too.
    say(&mut client, "WATCH k");
    say(&mut other, "SET k x");
    say(&mut client, "MULTI");
    say(&mut client, "NOSUCH");
    assert_eq!(say(&mut client, "EXEC"), ABORTED);
    assert_eq!(exec_ping(&mut client), "[PONG]");
    // A key is watched in the database in which it was named.
    say(&mut client, "WATCH k");
    say(&mut client, "SELECT 1");
    say(&mut client, "SET k one");
    assert_eq!(exec_ping(&mut client), "[PONG]");
}

#[test]
fn flushes_and_swaps_concern_keys_that_are_or_were_there() {
    let server = start();
    let mut client = connect(&server);
    let mut other = connect(&server);
    for (line, reply) in [
        ("FLUSHALL", "null"),
        ("FLUSHDB", "null"),
        ("SWAPDB 0 1", "null"),
        ("SWAPDB 1 0", "null"),
        ("SWAPDB 2 3", "[PONG]"),
    ] {
        say(&mut other, "SET k v");
        say(&mut client, "WATCH k");
        assert_eq!(say(&mut other, line), "OK");
        assert_eq!(exec_ping(&mut client), reply, "{line}");
    }
    say(&mut other, "FLUSHALL");
    for line in ["FLUSHALL", "FLUSHDB", "SWAPDB 0 1"] {
        say(&mut client, "WATCH k");
        say(&mut other, line);
        assert_eq!(exec_ping(&mut client), "[PONG]", "{line} without the key");
    }
    // The swap brings the key.
    say(&mut other, "SELECT 1");
    say(&mut other, "SET k v");
    say(&mut client, "WATCH k");
    say(&mut other, "SWAPDB 0 1");
    assert_eq!(exec_ping(&mut client), "null");
}

/// Makes a key that expires soon, and watches it while it is still there.
fn watch_before_it_expires(client: &mut Client) {
    let mut ms = 50;
    loop {
        say(client, &format!("SET k v PX {ms}"));
        say(client, "WATCH k");
        if say(client, "EXISTS k") == "1" {
            return;
        }
        say(client, "UNWATCH");
        ms *= 2;
    }
}

#[test]
fn an_expiry_counts_only_for_a_key_that_was_there() {
    let server = start();
    let mut client = connect(&server);
    let mut other = connect(&server);
    // Deleted by the server itself, by nobody, by another client's look.
    for (active, look) in [("1", ""), ("0", ""), ("0", "GET k")] {
        say(&mut other, &format!("DEBUG SET-ACTIVE-EXPIRE {active}"));
        watch_before_it_expires(&mut client);
        eventually("the end of the key", || {
            if active == "1" {
                return say(&mut other, "DBSIZE") == "0";
            }
            say(&mut other, "PEXPIRETIME k") == "-2"
        });
        if !look.is_empty() {
            assert_eq!(say(&mut other, look), "null");
        }
        assert_eq!(exec(&mut client, &["SET k x"]), "null", "{active} {look}");
    }
    // Gone before it was watched: that it is deleted later is no change.
    say(&mut other, "DEBUG SET-ACTIVE-EXPIRE 0");
    say(&mut other, "SET k v PX 1");
    eventually("the end of the key", || {
        say(&mut other, "PEXPIRETIME k") == "-2"
    });
    say(&mut client, "WATCH k");
    assert_eq!(say(&mut other, "GET k"), "null");
    assert_eq!(exec_ping(&mut client), "[PONG]");
}

#[test]
fn what_a_group_has_pending_is_no_change_of_the_stream() {
    let server = start();
    let mut client = connect(&server);
    let mut other = connect(&server);
    for line in ["XADD s 1-0 f v", "XADD s 2-0 f v", "XGROUP CREATE s g 0"] {
        say(&mut other, line);
    }
    say(&mut other, "XREADGROUP GROUP g c COUNT 2 STREAMS s >");
    say(&mut client, "WATCH s");
    assert_eq!(say(&mut other, "XACK s g 1-0"), "1");
    assert_eq!(exec_ping(&mut client), "[PONG]");
    say(&mut client, "WATCH s");
    assert_eq!(say(&mut other, "XDEL s 1-0"), "1");
    assert_eq!(exec_ping(&mut client), "null");
}

#[test]
fn who_is_served_changes_a_watched_key() {
    let server = start();
    let mut client = connect(&server);
    let mut other = connect(&server);
    let mut waiting = connect(&server);
    say(&mut client, "WATCH q r");
    waiting
        .send_bytes(&encode(&["BLMOVE", "q", "r", "LEFT", "LEFT", "0"]))
        .expect("the server reads");
    eventually("a blocked client", || {
        say(&mut other, "INFO clients").contains("blocked_clients:1\r")
    });
    // That somebody waits is no change.
    assert_eq!(exec_ping(&mut client), "[PONG]");
    say(&mut client, "WATCH r");
    say(&mut other, "RPUSH q v");
    assert_eq!(text(&waiting.read().expect("a reply")), "v");
    assert_eq!(exec_ping(&mut client), "null");
}

#[test]
fn commands_of_the_server_itself_can_be_queued() {
    let server = start();
    let mut client = connect(&server);
    say(&mut client, "SET k v");
    let lines = [
        "CONFIG SET maxmemory-samples 7",
        "CONFIG GET maxmemory-samples",
        "CLIENT SETNAME name",
        "CLIENT GETNAME",
        "SELECT 3",
        "SET k three",
        "SELECT 0",
        "GET k",
        "FLUSHALL",
        "DBSIZE",
        "HELLO 2",
        "ECHO text",
    ];
    let reply = exec(&mut client, &lines);
    let begin = "[OK [maxmemory-samples 7] OK name OK OK OK v OK 0 [server ";
    assert!(reply.starts_with(begin), "{reply}");
    assert!(reply.ends_with("] text]"), "{reply}");
    // A protocol that changes within changes from there on.
    let raw = |client: &mut Client, word: &[u8]| client.raw(&[word]).expect("a reply");
    exec(&mut client, &["HELLO 3"]);
    assert_eq!(say(&mut client, "GET none"), "null");
    let null = client.raw(&[b"GET", b"none"]).expect("a reply");
    assert_eq!(null, b"_\r\n");
    assert_eq!(raw(&mut client, b"RESET"), b"+RESET\r\n");
    let null = client.raw(&[b"GET", b"none"]).expect("a reply");
    assert_eq!(null, b"$-1\r\n");
}

#[test]
fn blocking_commands_in_a_transaction_answer_at_once() {
    let server = start();
    let mut client = connect(&server);
    say(&mut client, "XGROUP CREATE t g $ MKSTREAM");
    let lines = [
        "BLPOP q 0",
        "BRPOP q r 0",
        "BLMOVE q r LEFT LEFT 0",
        "BRPOPLPUSH q r 0",
        "BLMPOP 0 1 q LEFT",
        "BZPOPMIN z 0",
        "BZPOPMAX z 0",
        "BZMPOP 0 1 z MIN",
        "XREAD BLOCK 0 STREAMS s $",
        "XREADGROUP GROUP g c BLOCK 0 STREAMS t >",
        "RPUSH q v",
        "BLPOP q 0",
    ];
    let nulls = "null ".repeat(10);
    assert_eq!(exec(&mut client, &lines), format!("[{nulls}1 [q v]]"));
    assert_eq!(say(&mut client, "PING"), "PONG");
}

#[test]
fn a_reset_and_a_lost_connection_end_a_transaction() {
    let server = start();
    let mut client = connect(&server);
    let mut other = connect(&server);
    say(&mut client, "WATCH k");
    say(&mut client, "MULTI");
    say(&mut client, "SET k lost");
    assert_eq!(say(&mut client, "RESET"), "RESET");
    assert_eq!(say(&mut client, "EXEC"), "-ERR EXEC without MULTI");
    say(&mut other, "SET k v");
    assert_eq!(exec(&mut client, &["GET k"]), "[v]");
    say(&mut client, "WATCH k");
    let list = say(&mut other, "CLIENT LIST");
    assert!(list.contains(" watch=1"), "{list}");
    say(&mut client, "MULTI");
    say(&mut client, "SET k lost");
    let list = say(&mut other, "CLIENT LIST");
    assert!(
        list.contains(" flags=x ") && list.contains(" multi=1 "),
        "{list}"
    );
    drop(client);
    eventually("one client", || {
        say(&mut other, "INFO clients").contains("connected_clients:1\r")
    });
    assert_eq!(say(&mut other, "GET k"), "v");
    assert!(say(&mut other, "INFO clients").contains("watching_clients:0\r"));
}

/// One unit over all kinds of values, each of which counts it once.
const UNIT: [&str; 6] = [
    "INCR n",
    "RPUSH l x",
    "HINCRBY h f 1",
    "ZINCRBY z 1 m",
    "XADD s * f v",
    "SELECT 2",
];

#[test]
fn a_kill_leaves_whole_transactions_only() {
    let dir = TempDir::with_prefix("esker-transactions-").expect("a temporary directory");
    let mut floor = 0;
    for round in 1..=3i64 {
        let mut server = start_durable(dir.path());
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let mut client = connect(&server);
                thread::spawn(move || work(&mut client))
            })
            .collect();
        let mut control = connect(&server);
        let enough = floor + 100 * round;
        eventually("some work", || {
            let n = say(&mut control, "GET n");
            n.parse().is_ok_and(|n: i64| n > enough)
        });
        server.kill().expect("the process ends");
        let acked: Vec<i64> = workers
            .into_iter()
            .map(|worker| worker.join().expect("the client ends"))
            .collect();
        let server = start_durable(dir.path());
        let mut client = connect(&server);
        let counts: Vec<String> = ["GET n", "LLEN l", "HGET h f", "ZSCORE z m", "XLEN s"]
            .iter()
            .map(|line| say(&mut client, line))
            .collect();
        say(&mut client, "SELECT 2");
        let elsewhere = say(&mut client, "GET n");
        assert!(
            counts.iter().all(|count| *count == elsewhere),
            "{counts:?} and {elsewhere}"
        );
        let total: i64 = elsewhere.parse().expect("a number");
        let confirmed = floor + acked.iter().sum::<i64>();
        // Each client may have had one without an answer.
        assert!(
            (confirmed..=confirmed + 3).contains(&total),
            "{total} of {confirmed}"
        );
        floor = total;
    }
}

/// Executes units until the server is gone. Returns how many were confirmed.
fn work(client: &mut Client) -> i64 {
    let mut bytes = encode(&["MULTI"]);
    for line in UNIT.iter().chain(&["INCR n", "SELECT 0", "EXEC"]) {
        bytes.extend(encode(&line.split(' ').collect::<Vec<_>>()));
    }
    let mut confirmed = 0;
    loop {
        if client.send_bytes(&bytes).is_err() {
            return confirmed;
        }
        for _ in 0..UNIT.len() + 3 {
            if client.read().is_err() {
                return confirmed;
            }
        }
        match client.read() {
            Ok(Value::Array(items)) => assert_eq!(items.len(), UNIT.len() + 2),
            Ok(other) => panic!("EXEC answers {other:?}"),
            Err(_) => return confirmed,
        }
        confirmed += 1;
    }
}
