//! Which clients a filter of CLIENT LIST and CLIENT KILL takes.

use esker_resp::ArgRange;

use super::*;

/// Splits at blanks, calls `f` with the arguments.
fn with_args<R>(line: &str, f: impl FnOnce(Args<'_>) -> R) -> R {
    let (mut ranges, mut start) = (Vec::new(), 0);
    for word in line.split(' ') {
        ranges.push(ArgRange {
            start: start as u32,
            len: word.len() as u32,
        });
        start += word.len() + 1;
    }
    f(Args::new(line.as_bytes(), &ranges))
}

fn session(id: u64, port: u16) -> Session {
    let peer = Peer::Tcp {
        peer: format!("10.0.0.1:{port}").parse().expect("an address"),
        local: "127.0.0.1:6379".parse().expect("an address"),
    };
    Session::new(ClientId(id), 0, 0, peer, 0)
}

/// The ids among 1 (named a, db 2), 2 (library x) and 3 that pass, asked by client 1 at 100 s.
fn check(line: &str, expected: Result<&[u64], &str>) {
    let mut sessions = [session(1, 5001), session(2, 5002), session(3, 5003)];
    sessions[0].name = b"a".to_vec();
    sessions[0].db = 2;
    sessions[1].lib_name = b"x".to_vec();
    sessions[2].no_evict = true;
    sessions[2].last_active_ms = 90_000;
    let got = with_args(line, |args| {
        if line.starts_with("CLIENT LIST") {
            Filters::parse_list(args)
        } else {
            Filters::parse_kill(args)
        }
    });
    match (got, expected) {
        (Ok(filters), Ok(ids)) => {
            let chosen = sessions
                .iter()
                .filter(|s| filters.select(s, ClientId(1), 100_000));
            assert_eq!(chosen.map(|s| s.id.0).collect::<Vec<_>>(), ids, "{line}");
        }
        (Err(error), Err(text)) => assert_eq!(error.line(), text, "{line}"),
        (Ok(_), Err(text)) => panic!("{line}: accepted instead of {text}"),
        (Err(error), Ok(_)) => panic!("{line}: {error}"),
    }
}

#[test]
fn selections() {
    check("CLIENT LIST", Ok(&[1, 2, 3]));
    check("CLIENT LIST ID 1 3 -1", Ok(&[1, 3]));
    check("CLIENT LIST ID 1 3 SKIPME yes", Ok(&[3]));
    check("CLIENT LIST TYPE normal NAME a", Ok(&[1]));
    check("CLIENT LIST NOT-NAME a DB 0", Ok(&[2, 3]));
    check("CLIENT LIST TYPE pubsub", Ok(&[]));
    check("CLIENT LIST LIB-NAME x", Ok(&[2]));
    check("CLIENT LIST FLAGS e", Ok(&[3]));
    check("CLIENT LIST IDLE 50", Ok(&[1, 2]));
    check("CLIENT LIST MAXAGE 101", Ok(&[]));
    check(
        "CLIENT LIST IP 10.0.0.1 NOT-ADDR 10.0.0.1:5001",
        Ok(&[2, 3]),
    );
    check("CLIENT KILL 10.0.0.1:5001", Ok(&[1]));
    check("CLIENT KILL ADDR 10.0.0.1:5001", Ok(&[]));
    check("CLIENT KILL LADDR 127.0.0.1:6379 SKIPME no", Ok(&[1, 2, 3]));
    check("CLIENT KILL USER default ID 2", Ok(&[2]));
}

#[test]
fn refusals() {
    check("CLIENT LIST TYPE foo", Err("ERR Unknown client type 'foo'"));
    check("CLIENT LIST TYPE", Err("ERR syntax error"));
    check("CLIENT LIST ID", Err("ERR syntax error"));
    check("CLIENT LIST ID a", Err("ERR Invalid client ID"));
    check("CLIENT LIST FOO", Err("ERR syntax error"));
    check(
        "CLIENT KILL ID abc",
        Err("ERR client-id should be greater than 0"),
    );
    check(
        "CLIENT KILL ID 0",
        Err("ERR client-id should be greater than 0"),
    );
    check("CLIENT KILL USER nosuch", Err("ERR No such user 'nosuch'"));
    check("CLIENT KILL SKIPME foo", Err("ERR syntax error"));
    check(
        "CLIENT KILL MAXAGE abc",
        Err("ERR maxage is not an integer or out of range"),
    );
    check(
        "CLIENT KILL MAXAGE 0",
        Err("ERR maxage should be greater than 0"),
    );
    check("CLIENT KILL ID 1 ADDR", Err("ERR syntax error"));
}
