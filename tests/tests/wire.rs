//! What clients rely on below the commands: any split of the bytes, any depth of pipeline, limits, sockets, names.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use esker_tests::client::{Client, Value, encode};
use esker_tests::process::{Options, Server, subject_binary};

fn start(flags: &[(&str, &str)]) -> Server {
    let mut options = Options::new(subject_binary())
        .flag("save", "")
        .flag("appendonly", "no");
    for (name, value) in flags {
        options = options.flag(name, value);
    }
    Server::start(&options).expect("the server starts")
}

fn connect(server: &Server) -> Client {
    server.connect().expect("the server takes connections")
}

/// Polls until `done`; the limit only ends a test that would never end.
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < limit, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn any_split_of_the_bytes_gives_the_same_replies() {
    let server = start(&[]);
    let mut bytes = encode(&["SET", "a", "some value"]);
    bytes.extend_from_slice(b"PING\r\nSET b \"x y\"\n");
    bytes.extend(encode(&["GET", "b"]));
    bytes.extend(encode(&["APPEND", "a", "\r\n*1\r\n"]));
    bytes.extend(encode(&["GET", "a"]));
    let expect = b"+OK\r\n+PONG\r\n+OK\r\n$3\r\nx y\r\n:16\r\n$16\r\nsome value\r\n*1\r\n\r\n";
    for step in [1, 2, 3, 7, 11, bytes.len()] {
        let mut client = connect(&server);
        for piece in bytes.chunks(step) {
            client.send_bytes(piece).expect("the server reads");
            if step < 3 {
                // Lets the pieces arrive one by one.
                thread::sleep(Duration::from_micros(200));
            }
        }
        client.finish_sending().expect("the server is there");
        let replies = client.read_to_end().expect("the server replies");
        assert_eq!(
            String::from_utf8_lossy(&replies),
            String::from_utf8_lossy(expect),
            "pieces of {step} bytes"
        );
        connect(&server)
            .words("FLUSHALL")
            .expect("the server replies");
    }
}

#[test]
fn a_pipeline_of_any_depth_is_answered_in_order_while_others_are_served() {
    const DEPTH: usize = 200_000;
    let server = start(&[]);
    let mut other = connect(&server);
    let mut deep = connect(&server);
    let mut bytes = Vec::new();
    for i in 0..DEPTH {
        bytes.extend(encode(&["INCRBY", "n", &(i % 7).to_string()]));
    }
    let addr = server.addr();
    thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut sum = 0;
            deep.send_bytes(&bytes).expect("the server reads");
            for i in 0..DEPTH {
                sum += (i % 7) as i64;
                assert_eq!(deep.read().expect("the server replies"), Value::Int(sum));
            }
        });
        while !writer.is_finished() {
            assert_eq!(
                other.words("PING").expect("others are served"),
                Value::Simple(b"PONG".to_vec())
            );
            Client::connect(addr).expect("new connections are taken");
        }
    });
}

/// Input arrives in small pieces at any moment, also while its client waits, and among many others.
#[test]
fn pipelines_that_wait_lose_no_command_among_many_clients() {
    const CLIENTS: usize = 40;
    const ROUNDS: usize = 200;
    const STEPS: usize = 20;
    let server = start(&[("hz", "500")]);
    let one = |name: String| {
        let mut client = connect(&server);
        let mut round = encode(&["INCR", &name]).repeat(STEPS);
        round.extend(encode(&["WAIT", "1", "1"]));
        for piece in round.repeat(ROUNDS).chunks(3000) {
            client.send_bytes(piece).expect("the server reads");
            thread::sleep(Duration::from_micros(300));
        }
        client.finish_sending().expect("the server is there");
        let replies = client.read_to_end().expect("the server replies");
        let mut expect = String::new();
        for n in 1..=ROUNDS * STEPS {
            expect.push_str(&format!(":{n}\r\n"));
            if n % STEPS == 0 {
                expect.push_str(":0\r\n");
            }
        }
        assert!(replies == expect.as_bytes(), "the replies of {name}");
    };
    thread::scope(|scope| {
        for n in 0..CLIENTS {
            let one = &one;
            scope.spawn(move || one(format!("counter:{n}")));
        }
    });
}

#[test]
fn large_values_pass_whole() {
    let server = start(&[]);
    let mut client = connect(&server);
    for size in [16 * 1024, 100_000, 1 << 20, 40 << 20] {
        let value: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
        assert!(
            client
                .call(&[b"SET", b"big", &value])
                .expect("the server replies")
                .is_ok()
        );
        client.send(&[b"GET", b"big"]).expect("the server reads");
        client
            .send(&[b"GETRANGE", b"big", b"-3", b"-1"])
            .expect("the server reads");
        client.send(&[b"STRLEN", b"big"]).expect("the server reads");
        assert!(
            client.read().expect("the server replies") == Value::Bulk(value.clone()),
            "{size} bytes came back changed"
        );
        assert_eq!(
            client.read().expect("the server replies"),
            Value::Bulk(value[size - 3..].to_vec())
        );
        assert_eq!(
            client.read().expect("the server replies"),
            Value::Int(size as i64)
        );
    }
}

#[test]
fn arguments_beyond_the_limit_are_refused_and_the_connection_closed() {
    let server = start(&[("proto-max-bulk-len", "1mb")]);
    let mut client = connect(&server);
    client
        .send_bytes(b"*2\r\n$3\r\nGET\r\n$1048577\r\n")
        .expect("the server reads");
    assert_eq!(
        client.read_to_end().expect("a reply and an end"),
        b"-ERR Protocol error: invalid bulk length\r\n"
    );
}

#[test]
fn a_client_that_does_not_read_is_closed_at_the_output_limit() {
    let server = start(&[("client-output-buffer-limit", "normal 8mb 0 0")]);
    let mut client = connect(&server);
    assert!(
        client
            .call(&[b"SET", b"k", &vec![b'x'; 1 << 20]])
            .expect("the server replies")
            .is_ok()
    );
    let mut lazy = connect(&server);
    let mut bytes = Vec::new();
    for _ in 0..64 {
        bytes.extend(encode(&["GET", "k"]));
    }
    lazy.send_bytes(&bytes).expect("the server reads");
    eventually("the lazy client is closed", || {
        let list = client.words("CLIENT LIST").expect("the server replies");
        String::from_utf8_lossy(list.as_bytes().unwrap_or_default())
            .lines()
            .count()
            == 1
    });
}

#[test]
fn a_password_is_asked_for() {
    let server = start(&[("requirepass", "s3cret")]);
    let mut client = connect(&server);
    let noauth = Value::Error(b"NOAUTH Authentication required.".to_vec());
    assert_eq!(client.words("GET a").expect("a reply"), noauth);
    assert_eq!(
        client.words("AUTH wrong").expect("a reply"),
        Value::Error(b"WRONGPASS invalid username-password pair or user is disabled.".to_vec())
    );
    assert_eq!(client.words("PING").expect("a reply"), noauth);
    assert!(client.words("AUTH s3cret").expect("a reply").is_ok());
    assert_eq!(client.words("GET a").expect("a reply"), Value::Null);
    let mut three = connect(&server);
    let hello = three.words("HELLO 3 AUTH default s3cret").expect("a reply");
    assert!(
        hello
            .into_array()
            .is_some_and(|facts| facts.contains(&Value::Int(3)))
    );
}

#[test]
fn connections_beyond_maxclients_are_refused() {
    let server = start(&[("maxclients", "4")]);
    let mut clients: Vec<Client> = (0..4).map(|_| connect(&server)).collect();
    for client in &mut clients {
        assert_eq!(
            client.words("PING").expect("a reply"),
            Value::Simple(b"PONG".to_vec())
        );
    }
    let mut fifth = connect(&server);
    assert_eq!(
        fifth.read_to_end().expect("a reply and an end"),
        b"-ERR max number of clients reached\r\n"
    );
    clients.pop();
    eventually("a place is free again", || {
        connect(&server)
            .words("PING")
            .is_ok_and(|reply| reply == Value::Simple(b"PONG".to_vec()))
    });
}

#[test]
fn idle_clients_are_closed_after_the_timeout() {
    let server = start(&[("timeout", "1")]);
    let mut client = connect(&server);
    assert_eq!(
        client.words("PING").expect("a reply"),
        Value::Simple(b"PONG".to_vec())
    );
    assert_eq!(client.read_to_end().expect("an end"), b"");
}

#[test]
fn a_unix_socket_serves_like_tcp() {
    let dir = tempfile::TempDir::with_prefix("esker-test-").expect("a directory");
    let path = dir.path().join("s.sock");
    let server = start(&[
        ("unixsocket", path.to_str().expect("UTF-8")),
        ("unixsocketperm", "700"),
    ]);
    let mut stream = UnixStream::connect(&path).expect("the socket is there");
    stream
        .write_all(&encode(&["SET", "a", "1"]))
        .expect("the server reads");
    let mut reply = [0; 5];
    stream.read_exact(&mut reply).expect("the server replies");
    assert_eq!(&reply, b"+OK\r\n");
    assert_eq!(
        connect(&server).words("GET a").expect("a reply"),
        Value::Bulk(b"1".to_vec())
    );
}

#[test]
fn paused_writes_wait_and_reads_do_not() {
    let server = start(&[]);
    let mut admin = connect(&server);
    let mut writer = connect(&server);
    assert!(
        admin
            .words("CLIENT PAUSE 100000 WRITE")
            .expect("a reply")
            .is_ok()
    );
    writer
        .send(&[b"SET", b"a", b"1"])
        .expect("the server reads");
    assert_eq!(admin.words("GET a").expect("reads go on"), Value::Null);
    writer
        .set_reply_limit(Duration::from_millis(50))
        .expect("a limit");
    assert!(writer.read().is_err(), "a paused write was answered");
    assert_eq!(admin.words("GET a").expect("reads go on"), Value::Null);
    assert!(admin.words("CLIENT UNPAUSE").expect("a reply").is_ok());
    writer
        .set_reply_limit(Duration::from_secs(60))
        .expect("a limit");
    assert!(writer.read().expect("the write goes through").is_ok());
}

#[test]
fn clients_are_named_listed_and_killed() {
    let server = start(&[]);
    let mut admin = connect(&server);
    let mut victim = connect(&server);
    assert!(
        victim
            .words("CLIENT SETNAME victim")
            .expect("a reply")
            .is_ok()
    );
    let id = victim
        .words("CLIENT ID")
        .expect("a reply")
        .as_int()
        .expect("a number");
    let list = admin.words("CLIENT LIST").expect("a reply");
    let list = String::from_utf8_lossy(list.as_bytes().expect("text")).into_owned();
    assert!(
        list.lines()
            .any(|line| line.contains(&format!("id={id} ")) && line.contains("name=victim ")),
        "{list}"
    );
    assert_eq!(
        admin
            .words(&format!("CLIENT KILL ID {id}"))
            .expect("a reply"),
        Value::Int(1)
    );
    assert_eq!(victim.read_to_end().expect("an end"), b"");
    assert_eq!(
        admin
            .words(&format!("CLIENT KILL ID {id}"))
            .expect("a reply"),
        Value::Int(0)
    );
}

#[test]
fn expired_keys_go_by_themselves() {
    let server = start(&[]);
    let mut client = connect(&server);
    for i in 0..1000 {
        client
            .send(&[b"SET", format!("k{i}").as_bytes(), b"v", b"PX", b"30"])
            .expect("the server reads");
    }
    for _ in 0..1000 {
        assert!(client.read().expect("a reply").is_ok());
    }
    assert!(client.words("SET stays v").expect("a reply").is_ok());
    eventually("only one key stays", || {
        client.words("DBSIZE").expect("a reply") == Value::Int(1)
    });
}
