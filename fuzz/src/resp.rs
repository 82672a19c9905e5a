//! The request parser: any split of the input gives the same commands, ranges stay inside what was consumed, and
//! memory follows what really arrived. The strict parser of our own payloads and the integers ride along.

use esker_resp::{
    ArgRange, Limits, Parser, ProtocolError, Step, parse_command, parse_i64, write_command,
};

use crate::input::Input;

/// Below the shortest limit of a line, so that a split never decides whether a line is too long.
const STREAM_BYTES_MAX: usize = 60 << 10;
/// Streams up to this length are fed byte by byte, too.
const SLOW_BYTES_MAX: usize = 2 << 10;

type Words = Vec<Vec<u8>>;

/// What a connection would have seen.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    commands: Vec<Words>,
    error: Option<ProtocolError>,
    /// Bytes of the command that is half read.
    left: usize,
}

pub fn resp(data: &[u8]) {
    let mut input = Input::new(data);
    let (limits, chunk) = (limits(input.byte()), 1 + input.below(40));
    let stream = input.take(STREAM_BYTES_MAX);
    let whole = read(stream, &limits, stream.len().max(1));
    assert_eq!(read(stream, &limits, chunk), whole, "in chunks of {chunk}");
    if stream.len() <= SLOW_BYTES_MAX {
        assert_eq!(read(stream, &limits, 1), whole, "byte by byte");
    }
    for word in whole.commands.iter().flatten() {
        if let Some(number) = parse_i64(word) {
            assert_eq!(number.to_string().as_bytes(), word, "one spelling");
        }
    }
    for command in whole.commands.iter().filter(|words| !words.is_empty()) {
        print_then_parse(command);
    }
    strict(stream);
}

fn limits(choice: u8) -> Limits {
    let bulk_bytes_max = [512 << 20, 1 << 20, 100, i64::MAX][usize::from(choice & 3)];
    let limits = Limits::new(bulk_bytes_max);
    limits.for_session(choice & 4 == 0)
}

/// Feeds the stream in chunks, as a connection does: consumed bytes leave the buffer.
fn read(stream: &[u8], limits: &Limits, chunk: usize) -> Seen {
    let (mut parser, mut buf, mut args) = (Parser::new(), Vec::new(), Vec::new());
    let mut seen = Seen {
        commands: Vec::new(),
        error: None,
        left: 0,
    };
    for piece in stream.chunks(chunk) {
        buf.extend_from_slice(piece);
        loop {
            let step = parser.parse(&mut buf, limits, &mut args);
            let bound = 64 + 2 * stream.len();
            assert!(args.capacity() <= bound, "memory without bytes");
            match step {
                Step::Command { consumed } => {
                    seen.commands.push(words(&buf[..consumed], &args));
                    assert!(consumed > 0 && !parser.is_mid_command());
                    buf.drain(..consumed);
                }
                Step::Incomplete { missing_bytes } => {
                    check_missing(missing_bytes, limits);
                    break;
                }
                Step::Error(error) => {
                    seen.error = Some(error);
                    return seen;
                }
            }
        }
    }
    seen.left = buf.len();
    seen
}

fn check_missing(missing_bytes: usize, limits: &Limits) {
    let most = limits.bulk_bytes_max.unsigned_abs().saturating_add(2);
    assert!(missing_bytes as u64 <= most, "more than a bulk is missing");
}

fn words(command: &[u8], args: &[ArgRange]) -> Words {
    args.iter().map(|arg| arg.of(command).to_vec()).collect()
}

/// What our encoder writes, both parsers read.
fn print_then_parse(command: &Words) {
    let slices: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
    let mut bytes = Vec::new();
    write_command(&mut bytes, &slices);
    let mut parsed = Vec::new();
    assert_eq!(parse_command(&bytes, &mut parsed), Ok(bytes.len()));
    assert_eq!(parsed, slices);
    let seen = read(&bytes, &Limits::default(), bytes.len());
    assert_eq!(seen.commands, std::slice::from_ref(command));
}

/// What the strict parser accepts, it accepts in one spelling only.
fn strict(stream: &[u8]) {
    let (mut rest, mut args) = (stream, Vec::new());
    while let Ok(used) = parse_command(rest, &mut args) {
        let mut bytes = Vec::new();
        write_command(&mut bytes, &args);
        assert_eq!(bytes, rest[..used], "a second spelling of a command");
        rest = &rest[used..];
    }
}
