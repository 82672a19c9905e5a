//! What a command refuses, in the words that Redis clients know.

use std::borrow::Cow;
use std::fmt;

use esker_resp::Reply;

use crate::block::Block;

pub type CmdResult = Result<(), CmdError>;

/// A refusal. `line()` is the whole error line without its `-`: a code, a blank, a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CmdError {
    WrongType,
    Syntax,
    NotInteger,
    NotFloat,
    NotPositive,
    OutOfRange,
    NoSuchKey,
    SameObject,
    IndexOutOfRange,
    Overflow,
    NotANumber,
    StringTooBig,
    OffsetOutOfRange,
    BusyKey,
    /// One command or transaction would log more than a unit of the log may hold.
    UnitTooBig,
    /// `invalid expire time in '<command>' command`
    InvalidExpire(&'static str),
    /// `wrong number of arguments for '<command>' command`
    WrongArity(Cow<'static, str>),
    /// No refusal: there is nothing yet, and the command wants to wait.
    Block(Box<Block>),
    /// A complete line with its code.
    Line(Cow<'static, str>),
}

impl CmdError {
    /// A sentence of its own under the common code.
    pub fn text(sentence: impl fmt::Display) -> CmdError {
        CmdError::Line(format!("ERR {sentence}").into())
    }

    /// A constant line, code included.
    pub const fn line_of(line: &'static str) -> CmdError {
        CmdError::Line(Cow::Borrowed(line))
    }

    /// For `container` when it does not know the sub-command; the name is cut as Redis does, at a NUL too.
    pub fn unknown_subcommand(container: &str, given: &[u8]) -> CmdError {
        let given = quoted(given, 128);
        CmdError::text(format_args!(
            "unknown subcommand '{given}'. Try {} HELP.",
            container.to_ascii_uppercase()
        ))
    }

    /// The whole line: code and sentence.
    pub fn line(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            CmdError::WrongType => {
                "WRONGTYPE Operation against a key holding the wrong kind of value"
            }
            CmdError::Syntax => "ERR syntax error",
            CmdError::NotInteger => "ERR value is not an integer or out of range",
            CmdError::NotFloat => "ERR value is not a valid float",
            CmdError::NotPositive => "ERR value is out of range, must be positive",
            CmdError::OutOfRange => "ERR value is out of range",
            CmdError::NoSuchKey => "ERR no such key",
            CmdError::SameObject => "ERR source and destination objects are the same",
            CmdError::IndexOutOfRange => "ERR index out of range",
            CmdError::Overflow => "ERR increment or decrement would overflow",
            CmdError::NotANumber => "ERR increment would produce NaN or Infinity",
            CmdError::StringTooBig => {
                "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
            }
            CmdError::OffsetOutOfRange => "ERR offset is out of range",
            CmdError::BusyKey => "BUSYKEY Target key name already exists.",
            CmdError::UnitTooBig => {
                "ERR the changes of one command or transaction exceed the largest unit of the log"
            }
            CmdError::InvalidExpire(command) => {
                return Cow::Owned(format!("ERR invalid expire time in '{command}' command"));
            }
            CmdError::WrongArity(command) => {
                return Cow::Owned(format!(
                    "ERR wrong number of arguments for '{command}' command"
                ));
            }
            CmdError::Block(_) => "ERR the command has to wait",
            CmdError::Line(line) => line,
        })
    }

    /// The first word, under which errors are counted.
    pub fn code(&self) -> String {
        let line = self.line();
        line.split(' ').next().unwrap_or_default().to_owned()
    }

    /// A command that would wait is answered as if its time had run out.
    pub fn write(&self, reply: &mut Reply<'_>) {
        match self {
            CmdError::Block(block) => block.nothing.write(reply),
            _ => reply.error(wire_bytes(&self.line())),
        }
    }
}

/// What a client sent, for a sentence that shows it: as peers do, at most `bytes_max` bytes and not beyond a NUL. Each
/// byte stands as the character of its number, and `wire_bytes` turns it back, so that any bytes are shown unchanged.
pub fn quoted(bytes: &[u8], bytes_max: usize) -> String {
    let shown = bytes.iter().take(bytes_max).take_while(|byte| **byte != 0);
    shown.map(|byte| char::from(*byte)).collect()
}

/// The bytes of a line: see `quoted`. A line break at the end goes.
fn wire_bytes(line: &str) -> Vec<u8> {
    line.trim_end_matches(['\r', '\n'])
        .chars()
        .map(|char| u8::try_from(char).unwrap_or(b'?'))
        .collect()
}

impl fmt::Display for CmdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())
    }
}

impl std::error::Error for CmdError {}
