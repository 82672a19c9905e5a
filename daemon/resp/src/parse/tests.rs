//! Requests in any split, at every limit, and what is refused.

use super::*;
use crate::write_command;
use proptest::prelude::*;

/// Everything a byte stream leads to: the commands, then what stopped it.
#[derive(Debug, PartialEq)]
struct Outcome {
    commands: Vec<Vec<Vec<u8>>>,
    error: Option<ProtocolError>,
    left: usize,
}

/// Feeds `input` in pieces that end at `cuts`, as a connection would.
fn feed(input: &[u8], cuts: &[usize], limits: &Limits) -> Outcome {
    let mut parser = Parser::new();
    let mut outcome = Outcome {
        commands: Vec::new(),
        error: None,
        left: 0,
    };
    let (mut buf, mut args, mut from) = (Vec::new(), Vec::new(), 0);
    for to in cuts.iter().copied().chain([input.len()]) {
        buf.extend_from_slice(&input[from..to]);
        from = to;
        loop {
            match parser.parse(&mut buf, limits, &mut args) {
                Step::Command { consumed } => {
                    outcome
                        .commands
                        .push(args.iter().map(|arg| arg.of(&buf).to_vec()).collect());
                    buf.drain(..consumed);
                }
                Step::Incomplete { missing_bytes } => {
                    assert!(missing_bytes == 0 || parser.is_mid_command());
                    break;
                }
                Step::Error(error) => {
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
    }
    outcome.left = buf.len();
    outcome
}

fn check(input: &str, want: &str) {
    check_with(&Limits::default(), input, want);
}

/// `want` is the commands as `a b; c d`, then the error text if there is one.
fn check_with(limits: &Limits, input: &str, want: &str) {
    let outcome = feed(input.as_bytes(), &[], limits);
    let mut got: Vec<String> = Vec::new();
    for command in &outcome.commands {
        got.push(
            command
                .iter()
                .map(|arg| String::from_utf8_lossy(arg))
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    got.extend(outcome.error.map(|error| error.to_string()));
    let shown = if input.len() > 80 {
        &input[..80]
    } else {
        input
    };
    assert_eq!(got.join("; "), want, "{shown:?}");
}

#[test]
fn commands() {
    check("*1\r\n$4\r\nPING\r\n", "PING");
    check(
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\nhello world!\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        "SET k hello world!; GET k",
    );
    check("PING\r\nset a \"b c\"\n\r\n", "PING; set a b c; ");
    check("PING\0\r\nPING\r\n", "");
    check("*\x001\r\n", "");
    check("*0\r\n*-1\r\n*1\r\n$0\r\n\r\n", "; ; ");
}

#[test]
fn refusals() {
    check("*a\r\n", "Protocol error: invalid multibulk length");
    check("*\r\n", "Protocol error: invalid multibulk length");
    check(
        "*3000000000\r\n",
        "Protocol error: invalid multibulk length",
    );
    check(
        "*2147483648\r\n",
        "Protocol error: invalid multibulk length",
    );
    check("*1\r\nfoo\r\n", "Protocol error: expected '$', got 'f'");
    check(
        "*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n",
        "Protocol error: expected '$', got 'f'",
    );
    check("*1\r\n$-1\r\n", "Protocol error: invalid bulk length");
    check("*1\r\n$blabla\r\n", "Protocol error: invalid bulk length");
    check(
        "*1\r\n$2000000000\r\n",
        "Protocol error: invalid bulk length",
    );
    check(
        "set \"a\r\n",
        "Protocol error: unbalanced quotes in request",
    );
    check(
        &"x".repeat(70_000),
        "Protocol error: too big inline request",
    );
    check(
        &format!("*{}", "1".repeat(70_000)),
        "Protocol error: too big mbulk count string",
    );
    check(
        &format!("*1\r\n${}", "1".repeat(70_000)),
        "Protocol error: too big bulk count string",
    );
}

#[test]
fn strangers_have_small_limits() {
    let limits = Limits {
        unauthenticated: true,
        ..Limits::default()
    };
    check_with(
        &limits,
        "*11\r\n",
        "Protocol error: unauthenticated multibulk length",
    );
    check_with(
        &limits,
        "*1\r\n$16385\r\n",
        "Protocol error: unauthenticated bulk length",
    );
    check_with(&limits, "*1\r\n$4\r\nPING\r\n", "PING");
}

#[test]
fn the_missing_bytes_of_a_bulk_are_exact() {
    let mut buf = b"*2\r\n$3\r\nGET\r\n$10\r\nabc".to_vec();
    let step = Parser::new().parse(&mut buf, &Limits::default(), &mut Vec::new());
    assert_eq!(step, Step::Incomplete { missing_bytes: 9 });
}

#[test]
fn each_byte_alone() {
    let input =
        b"*2\r\n$3\r\nGET\r\n$11\r\nhello world\r\nSET 'a b' \"\\x41\"\r\n*1\r\n$4\r\nPING\r\n";
    let cuts: Vec<usize> = (0..input.len()).collect();
    let whole = feed(input, &[], &Limits::default());
    assert_eq!(whole.commands.len(), 3);
    assert_eq!(feed(input, &cuts, &Limits::default()), whole);
}

/// Valid commands, damaged commands and inline lines.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::collection::vec(any::<u8>(), 0..30);
    let command = prop::collection::vec(word, 1..6).prop_map(|args| {
        let mut out = Vec::new();
        write_command(
            &mut out,
            &args.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        );
        out
    });
    let line = "[a-c\"'\\\\x0-9 ]{0,20}\r?\n".prop_map(String::into_bytes);
    let noise = prop::collection::vec(
        prop::sample::select(b"*$0123456789-\r\n a\"".to_vec()),
        0..12,
    );
    let part = prop_oneof![6 => command, 2 => line, 1 => noise];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_split_parses_alike(input in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let limits = Limits { inline_bytes_max: 24, ..Limits::default() };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let (whole, split) = (feed(&input, &[], &limits), feed(&input, &cuts, &limits));
        // A line that is over the limit may be refused before its end is seen, depending on the split.
        let too_big = |outcome: &Outcome| matches!(outcome.error, Some(
            ProtocolError::InlineTooBig | ProtocolError::CountLineTooBig | ProtocolError::BulkLineTooBig));
        if too_big(&whole) || too_big(&split) {
            prop_assert!(whole.commands.starts_with(&split.commands));
        } else {
            prop_assert_eq!(whole, split);
        }
    }
}
