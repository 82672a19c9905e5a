//! Clients that wait for a key: who is served, by what, in which order, and what becomes of those who go.
//!
//! No test asserts a time: that a client waits is read from INFO, that nobody was served from what is served next.

use std::path::Path;
use std::thread;

use esker_tests::client::{Client, encode};
use esker_tests::process::{Options, Server, subject_binary};
use esker_tests::talk::{eventually, next, say, text};
use tempfile::TempDir;

fn start() -> Server {
    let options = Options::new(subject_binary())
        .flag("save", "")
        .flag("appendonly", "no");
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

fn blocked(control: &mut Client) -> usize {
    let info = say(control, "INFO clients");
    let field = info
        .lines()
        .find_map(|line| line.strip_prefix("blocked_clients:"));
    field
        .and_then(|n| n.trim().parse().ok())
        .expect("INFO counts blocked clients")
}

fn until_blocked(control: &mut Client, count: usize) {
    eventually("as many blocked clients", || blocked(control) == count);
}

/// Lets `client` send a command that has to wait, and comes back when it does.
fn waits(client: &mut Client, control: &mut Client, line: &str) {
    let before = blocked(control);
    let words: Vec<&str> = line.split(' ').collect();
    client
        .send_bytes(&encode(&words))
        .expect("the server reads");
    until_blocked(control, before + 1);
}

/// A new client that waits in `line`.
fn waiter(server: &Server, control: &mut Client, line: &str) -> Client {
    let mut client = connect(server);
    waits(&mut client, control, line);
    client
}

#[test]
fn who_came_first_is_served_first() {
    let server = start();
    let mut control = connect(&server);
    let mut clients: Vec<Client> = (0..5)
        .map(|_| waiter(&server, &mut control, "BLPOP q 0"))
        .collect();
    assert_eq!(say(&mut control, "RPUSH q a b c"), "3");
    for (client, element) in clients.iter_mut().zip(["a", "b", "c"]) {
        assert_eq!(next(client), format!("[q {element}]"));
    }
    until_blocked(&mut control, 2);
    // Who was served and waits again stands at the end.
    waits(&mut clients[0], &mut control, "BLPOP q 0");
    assert_eq!(say(&mut control, "RPUSH q d e f g"), "4");
    assert_eq!(next(&mut clients[3]), "[q d]");
    assert_eq!(next(&mut clients[4]), "[q e]");
    assert_eq!(next(&mut clients[0]), "[q f]");
    assert_eq!(say(&mut control, "LRANGE q 0 -1"), "[g]");
    assert_eq!(blocked(&mut control), 0);
}

#[test]
fn arrival_counts_over_several_keys() {
    let server = start();
    let mut control = connect(&server);
    let mut both = waiter(&server, &mut control, "BLPOP a b 0");
    let mut only_b = waiter(&server, &mut control, "BRPOP b 0");
    let mut only_a = waiter(&server, &mut control, "BLPOP a 0");
    assert_eq!(say(&mut control, "RPUSH b 1"), "1");
    assert_eq!(next(&mut both), "[b 1]");
    assert_eq!(say(&mut control, "RPUSH b 2"), "1");
    assert_eq!(next(&mut only_b), "[b 2]");
    assert_eq!(say(&mut control, "RPUSH a 3"), "1");
    assert_eq!(next(&mut only_a), "[a 3]");
    // A key that is named twice is waited for once; of several the first in the order of the command counts.
    let mut twice = waiter(&server, &mut control, "BLPOP x y x 0");
    for line in ["MULTI", "RPUSH y 1", "RPUSH x 2", "EXEC"] {
        say(&mut control, line);
    }
    assert_eq!(next(&mut twice), "[x 2]");
    assert_eq!(say(&mut control, "LRANGE y 0 -1"), "[1]");
    assert_eq!(say(&mut control, "EXISTS x a b"), "0");
}

#[test]
fn everything_that_makes_a_list_serves() {
    let server = start();
    let mut control = connect(&server);
    say(&mut control, "RPUSH dumped v");
    let dump = control.call(&[b"DUMP", b"dumped"]).expect("a reply");
    let dump = dump.as_bytes().expect("DUMP answers bytes").to_vec();
    let ways = [
        "RPUSH q v",
        "LPUSH q v",
        "LINSERT other BEFORE v x",
        "RENAME made q",
        "RENAMENX made q",
        "COPY made q",
        "SORT made ALPHA STORE q",
        "LMOVE made q LEFT RIGHT",
        "RPOPLPUSH made q",
        "RESTORE",
    ];
    for way in ways {
        say(&mut control, "DEL q made");
        say(&mut control, "RPUSH made v");
        let mut client = waiter(&server, &mut control, "BLPOP q 0");
        let reply = if way == "RESTORE" {
            let args: [&[u8]; 4] = [b"RESTORE", b"q", b"0", &dump];
            text(&control.call(&args).expect("a reply"))
        } else {
            say(&mut control, way)
        };
        assert!(!reply.starts_with('-'), "{way}: {reply}");
        if way.starts_with("LINSERT") {
            // A list that is not there is not made.
            assert_eq!(blocked(&mut control), 1);
            say(&mut control, "RPUSH q v");
        }
        assert_eq!(next(&mut client), "[q v]", "{way}");
        assert_eq!(say(&mut control, "EXISTS q"), "0", "{way}");
    }
}

#[test]
fn lists_that_come_from_another_database_serve() {
    let server = start();
    let mut control = connect(&server);
    let mut first = waiter(&server, &mut control, "BLPOP q 0");
    let mut second = waiter(&server, &mut control, "BLPOP q 0");
    say(&mut control, "SELECT 1");
    say(&mut control, "RPUSH q moved");
    assert_eq!(say(&mut control, "MOVE q 0"), "1");
    assert_eq!(next(&mut first), "[q moved]");
    say(&mut control, "RPUSH q copied");
    assert_eq!(say(&mut control, "COPY q q DB 0"), "1");
    assert_eq!(next(&mut second), "[q copied]");
    let mut third = waiter(&server, &mut control, "BLPOP q 0");
    assert_eq!(say(&mut control, "SWAPDB 0 1"), "OK");
    assert_eq!(next(&mut third), "[q copied]");
    assert_eq!(say(&mut control, "EXISTS q"), "0");
    say(&mut control, "SELECT 0");
    assert_eq!(say(&mut control, "EXISTS q"), "0");
}

#[test]
fn a_transaction_serves_when_it_is_over() {
    let server = start();
    let mut control = connect(&server);
    let mut client = waiter(&server, &mut control, "BLPOP q 0");
    for line in ["MULTI", "RPUSH q a", "LPOP q", "EXEC"] {
        say(&mut control, line);
    }
    assert_eq!(blocked(&mut control), 1);
    for line in ["MULTI", "RPUSH q a", "DEL q", "SET q text", "EXEC"] {
        say(&mut control, line);
    }
    assert_eq!(blocked(&mut control), 1);
    for line in ["MULTI", "DEL q", "RPUSH q a b", "LPUSH q c", "LLEN q"] {
        say(&mut control, line);
    }
    assert_eq!(say(&mut control, "EXEC"), "[1 2 3 3]");
    assert_eq!(next(&mut client), "[q c]");
    assert_eq!(say(&mut control, "LRANGE q 0 -1"), "[a b]");
}

#[test]
fn what_one_served_moves_on_serves_the_next() {
    let server = start();
    let mut control = connect(&server);
    let mut last = waiter(&server, &mut control, "BLPOP d 0");
    let mut third = waiter(&server, &mut control, "BRPOPLPUSH c d 0");
    let mut second = waiter(&server, &mut control, "BLMOVE b c LEFT RIGHT 0");
    let mut first = waiter(&server, &mut control, "BLMOVE a b RIGHT LEFT 0");
    assert_eq!(say(&mut control, "RPUSH a v"), "1");
    assert_eq!(next(&mut first), "v");
    assert_eq!(next(&mut second), "v");
    assert_eq!(next(&mut third), "v");
    assert_eq!(next(&mut last), "[d v]");
    assert_eq!(say(&mut control, "EXISTS a b c d"), "0");
    // In a circle it ends when nobody is left.
    let mut there = waiter(&server, &mut control, "BLMOVE a b LEFT LEFT 0");
    let mut back = waiter(&server, &mut control, "BLMOVE b a LEFT LEFT 0");
    say(&mut control, "RPUSH a v");
    assert_eq!(
        (next(&mut there), next(&mut back)),
        ("v".into(), "v".into())
    );
    assert_eq!(say(&mut control, "LRANGE a 0 -1"), "[v]");
    // To itself.
    let mut turn = waiter(&server, &mut control, "BLMOVE r r LEFT RIGHT 0");
    say(&mut control, "RPUSH r 1 2 3");
    assert_eq!(next(&mut turn), "1");
    assert_eq!(say(&mut control, "LRANGE r 0 -1"), "[2 3 1]");
}

#[test]
fn several_elements_and_sorted_sets_are_waited_for() {
    let server = start();
    let mut control = connect(&server);
    let mut many = waiter(&server, &mut control, "BLMPOP 0 2 x q RIGHT COUNT 2");
    say(&mut control, "RPUSH q a b c");
    assert_eq!(next(&mut many), "[q [c b]]");
    let mut min = waiter(&server, &mut control, "BZPOPMIN z other 0");
    let mut max = waiter(&server, &mut control, "BZPOPMAX z 0");
    let mut several = waiter(&server, &mut control, "BZMPOP 0 1 z MIN COUNT 5");
    say(&mut control, "ZADD z 2 b 1 a 3 c 2.5 d");
    assert_eq!(next(&mut min), "[z a 1]");
    assert_eq!(next(&mut max), "[z c 3]");
    assert_eq!(next(&mut several), "[z [[b 2] [d 2.5]]]");
    let stores = [
        "ZRANGESTORE z made 0 -1",
        "ZUNIONSTORE z 1 made",
        "ZINTERSTORE z 1 made",
        "ZDIFFSTORE z 1 made",
        "ZINCRBY z 7 m",
        "GEOADD z 0 0 m",
        "RENAME made z",
    ];
    for way in stores {
        say(&mut control, "ZADD made 7 m");
        let mut client = waiter(&server, &mut control, "BZPOPMIN z 0");
        say(&mut control, way);
        let reply = next(&mut client);
        assert!(reply.starts_with("[z m "), "{way}: {reply}");
        assert_eq!(say(&mut control, "EXISTS z"), "0");
    }
}

#[test]
fn another_type_does_not_end_the_wait() {
    let server = start();
    let mut control = connect(&server);
    let mut list = waiter(&server, &mut control, "BLPOP k 0");
    let mut zset = waiter(&server, &mut control, "BZPOPMIN k 0");
    for line in ["SET k text", "DEL k", "SADD k m", "DEL k", "HSET k f v"] {
        say(&mut control, line);
    }
    assert_eq!(blocked(&mut control), 2);
    say(&mut control, "DEL k");
    say(&mut control, "ZADD k 1 m");
    assert_eq!(next(&mut zset), "[k m 1]");
    say(&mut control, "RPUSH k v");
    assert_eq!(next(&mut list), "[k v]");
    // The destination has another type: the error is the answer, and the element stays.
    let mut moving = waiter(&server, &mut control, "BLMOVE from to LEFT LEFT 0");
    let mut behind = waiter(&server, &mut control, "BLPOP from 0");
    say(&mut control, "SET to text");
    assert_eq!(say(&mut control, "RPUSH from v"), "1");
    assert!(next(&mut moving).starts_with("-WRONGTYPE"));
    assert_eq!(next(&mut behind), "[from v]");
    let mut late = connect(&server);
    assert!(say(&mut late, "BLPOP nothing to 0").starts_with("-WRONGTYPE"));
}

#[test]
fn a_stream_is_waited_for_from_its_end() {
    let server = start();
    let mut control = connect(&server);
    say(&mut control, "XADD s 1-1 f old");
    let mut all: Vec<Client> = (0..3)
        .map(|_| waiter(&server, &mut control, "XREAD BLOCK 0 STREAMS other s $ $"))
        .collect();
    // The order within the same stream is kept, and everybody sees everything.
    for line in ["MULTI", "XADD s 2-1 f a", "XADD s 2-2 f b", "EXEC"] {
        say(&mut control, line);
    }
    for client in &mut all {
        assert_eq!(next(client), "[[s [[2-1 [f a]] [2-2 [f b]]]]]");
    }
    let mut later = waiter(&server, &mut control, "XREAD BLOCK 0 STREAMS s 5-0");
    say(&mut control, "XADD s 4-0 f no");
    assert_eq!(blocked(&mut control), 1);
    say(&mut control, "XADD s 6-0 f yes");
    assert_eq!(next(&mut later), "[[s [[6-0 [f yes]]]]]");
    // Deleted and made again: $ was the end when the client came.
    let mut kept = waiter(&server, &mut control, "XREAD BLOCK 0 STREAMS s $");
    say(&mut control, "DEL s");
    say(&mut control, "SET s text");
    say(&mut control, "DEL s");
    say(&mut control, "XADD s 3-0 f before");
    assert_eq!(blocked(&mut control), 1);
    say(&mut control, "XADD s 7-0 f after");
    assert_eq!(next(&mut kept), "[[s [[7-0 [f after]]]]]");
}

#[test]
fn a_group_shares_what_comes_and_ends_with_its_stream() {
    const READ: &str = "XREADGROUP GROUP g c BLOCK 0 STREAMS s >";
    let server = start();
    let mut control = connect(&server);
    say(&mut control, "XGROUP CREATE s g $ MKSTREAM");
    let mut first = waiter(&server, &mut control, READ);
    let mut second = waiter(&server, &mut control, READ);
    say(&mut control, "XADD s 1-0 f a");
    assert_eq!(next(&mut first), "[[s [[1-0 [f a]]]]]");
    say(&mut control, "XADD s 2-0 f b");
    assert_eq!(next(&mut second), "[[s [[2-0 [f b]]]]]");
    let ends: [(&[&str], &str); 8] = [
        (&["DEL s"], "-NOGROUP"),
        (&["UNLINK s"], "-NOGROUP"),
        (&["XGROUP DESTROY s g"], "-NOGROUP"),
        (&["SET s text"], "-WRONGTYPE"),
        (&["FLUSHALL"], "-NOGROUP"),
        (&["SWAPDB 0 1"], "-NOGROUP"),
        (&["RENAME s elsewhere"], "-NOGROUP"),
        (&["MULTI", "DEL s", "SADD s m", "EXEC"], "-WRONGTYPE"),
    ];
    for (lines, error) in ends {
        say(&mut control, "FLUSHALL");
        say(&mut control, "XGROUP CREATE s g $ MKSTREAM");
        let mut client = waiter(&server, &mut control, READ);
        for line in lines {
            say(&mut control, line);
        }
        let reply = next(&mut client);
        assert!(reply.starts_with(error), "{lines:?}: {reply}");
        assert_eq!(blocked(&mut control), 0);
    }
}

#[test]
fn a_timeout_answers_null_in_both_protocols() {
    let server = start();
    let mut client = connect(&server);
    let lines = [
        "BLPOP q 0.01",
        "BRPOP q r 0.01",
        "BLMPOP 0.01 1 q LEFT",
        "BLMOVE q r LEFT LEFT 0.01",
        "BRPOPLPUSH q r 0.01",
        "BZPOPMIN z 0.01",
        "BZPOPMAX z 0.01",
        "BZMPOP 0.01 1 z MIN",
        "XREAD BLOCK 10 STREAMS s $",
        "XREADGROUP GROUP g c BLOCK 10 STREAMS t >",
    ];
    say(&mut client, "XGROUP CREATE t g $ MKSTREAM");
    for (proto, null) in [("2", "*-1\r\n"), ("3", "_\r\n")] {
        say(&mut client, &format!("HELLO {proto}"));
        for line in lines {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let reply = client.raw(&words).expect("a reply");
            assert_eq!(String::from_utf8_lossy(&reply), null, "{line}");
        }
    }
    assert_eq!(blocked(&mut client), 0);
    for (line, error) in [
        ("BLPOP q -1", "-ERR timeout is negative"),
        ("BLPOP q x", "-ERR timeout is not a float or out of range"),
        ("BLPOP q 1e300", "-ERR timeout is out of range"),
        ("XREAD BLOCK -1 STREAMS s $", "-ERR timeout is negative"),
    ] {
        assert_eq!(say(&mut client, line), error, "{line}");
    }
}

#[test]
fn client_unblock_ends_a_wait() {
    let server = start();
    let mut control = connect(&server);
    let mut client = connect(&server);
    let id = say(&mut client, "CLIENT ID");
    assert_eq!(say(&mut control, &format!("CLIENT UNBLOCK {id}")), "0");
    for (word, reply) in [
        ("", "null"),
        (" TIMEOUT", "null"),
        (" ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"),
    ] {
        for line in ["BLPOP q 0", "BZPOPMIN q 0", "XREAD BLOCK 0 STREAMS q $"] {
            waits(&mut client, &mut control, line);
            let unblock = format!("CLIENT UNBLOCK {id}{word}");
            assert_eq!(say(&mut control, &unblock), "1");
            assert_eq!(say(&mut control, &unblock), "0");
            assert_eq!(next(&mut client), reply, "{line}");
        }
    }
    say(&mut control, "RPUSH q v");
    assert_eq!(say(&mut control, "LLEN q"), "1");
    assert_eq!(say(&mut client, "BLPOP q 0"), "[q v]");
}

#[test]
fn nothing_is_given_to_who_is_gone() {
    let server = start();
    let mut control = connect(&server);
    let mut killed = connect(&server);
    let id = say(&mut killed, "CLIENT ID");
    waits(&mut killed, &mut control, "BLPOP q 0");
    let list = say(&mut control, &format!("CLIENT LIST ID {id}"));
    assert!(
        list.contains(" flags=b ") && list.contains(" cmd=blpop "),
        "{list}"
    );
    let mut behind = waiter(&server, &mut control, "BLPOP q 0");
    assert_eq!(say(&mut control, &format!("CLIENT KILL ID {id}")), "1");
    say(&mut control, "RPUSH q a b");
    assert_eq!(next(&mut behind), "[q a]");
    assert_eq!(say(&mut control, "LRANGE q 0 -1"), "[b]");
    assert!(killed.read().is_err());
    say(&mut control, "DEL q");

    let gone = waiter(&server, &mut control, "BLMOVE q r LEFT LEFT 0");
    drop(gone);
    until_blocked(&mut control, 0);
    say(&mut control, "RPUSH q a");
    assert_eq!(say(&mut control, "LRANGE q 0 -1"), "[a]");
    assert_eq!(say(&mut control, "EXISTS r"), "0");
}

#[test]
fn input_behind_a_waiting_command_is_executed_after_it() {
    let server = start();
    let mut control = connect(&server);
    let mut client = connect(&server);
    let mut bytes = Vec::new();
    let lines = [
        "SET n 1",
        "BLPOP q 0",
        "INCR n",
        "BLPOP r 0",
        "GET n",
        "PING",
    ];
    for line in lines {
        bytes.extend(encode(&line.split(' ').collect::<Vec<_>>()));
    }
    client.send_bytes(&bytes).expect("the server reads");
    assert_eq!(next(&mut client), "OK");
    until_blocked(&mut control, 1);
    assert_eq!(say(&mut control, "GET n"), "1");
    say(&mut control, "RPUSH q a");
    assert_eq!(next(&mut client), "[q a]");
    assert_eq!(next(&mut client), "2");
    until_blocked(&mut control, 1);
    // More may come while it waits, also in pieces.
    client
        .send_bytes(b"INCR n\r\nIN")
        .expect("the server reads");
    client.send_bytes(b"CR n\r\n").expect("the server reads");
    say(&mut control, "SET n 10");
    say(&mut control, "RPUSH r b");
    let replies: Vec<String> = (0..5).map(|_| next(&mut client)).collect();
    assert_eq!(replies, ["[r b]", "10", "PONG", "11", "12"]);
    // The same behind a timeout.
    client
        .send_bytes(b"BLPOP q 0.01\r\nINCR n\r\n")
        .expect("the server reads");
    assert_eq!(next(&mut client), "null");
    assert_eq!(next(&mut client), "13");
}

#[test]
fn a_pause_of_writes_holds_back_who_would_be_served() {
    let server = start();
    let mut control = connect(&server);
    let mut client = waiter(&server, &mut control, "BLPOP q 0");
    say(&mut control, "CLIENT PAUSE 100000 WRITE");
    let mut writer = connect(&server);
    writer
        .send_bytes(&encode(&["RPUSH", "q", "v"]))
        .expect("the server reads");
    say(&mut control, "CLIENT UNPAUSE");
    assert_eq!(next(&mut writer), "1");
    assert_eq!(next(&mut client), "[q v]");
}

#[test]
fn what_was_given_does_not_come_back_after_a_kill() {
    let dir = TempDir::with_prefix("esker-blocking-").expect("a temporary directory");
    let mut server = start_durable(dir.path());
    let mut control = connect(&server);
    let mut pop = waiter(&server, &mut control, "BLPOP q 0");
    let mut moved = waiter(&server, &mut control, "BLMOVE q kept LEFT RIGHT 0");
    let mut zset = waiter(&server, &mut control, "BZPOPMIN z 0");
    say(&mut control, "XGROUP CREATE s g $ MKSTREAM");
    let mut group = waiter(
        &server,
        &mut control,
        "XREADGROUP GROUP g c BLOCK 0 STREAMS s >",
    );
    for line in ["RPUSH q 1 2 3", "ZADD z 1 a 2 b", "XADD s 1-0 f v"] {
        say(&mut control, line);
    }
    assert_eq!(next(&mut pop), "[q 1]");
    assert_eq!(next(&mut moved), "2");
    assert_eq!(next(&mut zset), "[z a 1]");
    assert_eq!(next(&mut group), "[[s [[1-0 [f v]]]]]");
    server.kill().expect("the process ends");
    server = start_durable(dir.path());
    control = connect(&server);
    assert_eq!(say(&mut control, "LRANGE q 0 -1"), "[3]");
    assert_eq!(say(&mut control, "LRANGE kept 0 -1"), "[2]");
    assert_eq!(say(&mut control, "ZRANGE z 0 -1"), "[b]");
    assert_eq!(say(&mut control, "XPENDING s g"), "[1 1-0 1-0 [[c 1]]]");
}

#[test]
fn a_kill_between_producers_and_consumers_loses_and_doubles_nothing() {
    let dir = TempDir::with_prefix("esker-blocking-").expect("a temporary directory");
    let mut next_number = 0u64;
    for round in 0..3 {
        let mut server = start_durable(dir.path());
        say(&mut connect(&server), "DEL q");
        let mut consumer = connect(&server);
        let first = next_number;
        let mut producer = connect(&server);
        let consuming = thread::spawn(move || {
            let mut got = Vec::new();
            while let Ok(reply) = consumer.words("BLPOP q 0") {
                let items = reply.into_array().expect("key and element");
                got.push(items[1].as_int().expect("a number") as u64);
            }
            got
        });
        let producing = thread::spawn(move || {
            let mut number = first;
            // Two at once, so that something stays.
            while producer
                .words(&format!("RPUSH q {number} {}", number + 1))
                .is_ok()
            {
                number += 2;
            }
            number
        });
        let mut control = connect(&server);
        let enough = 200 * (round + 1);
        eventually("some work", || {
            let last = say(&mut control, "LINDEX q -1");
            last.parse().is_ok_and(|last: u64| last > first + enough)
        });
        server.kill().expect("the process ends");
        let got = consuming.join().expect("the consumer ends");
        let acked = producing.join().expect("the producer ends");
        let server = start_durable(dir.path());
        let left = say(&mut connect(&server), "LRANGE q 0 -1");
        let left = left.trim_matches(['[', ']']).split(' ');
        let left: Vec<u64> = left.filter_map(|n| n.parse().ok()).collect();
        assert!(got.iter().copied().eq(first..first + got.len() as u64));
        // One reply may have been on its way, and one push may be in without an answer.
        let begin = left.first().copied().unwrap_or(acked);
        let taken = begin - first;
        let given = got.len() as u64;
        assert!((given..=given + 1).contains(&taken), "{given} of {taken}");
        let end = begin + left.len() as u64;
        assert!(left.iter().copied().eq(begin..end));
        assert!(end == acked || end == acked + 2, "{end} of {acked}");
        next_number = acked + 10;
    }
}
