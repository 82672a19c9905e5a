//! What a request may cost before it is refused, and the refusals.
//!
//! The numbers are those of Redis: a line of at most 64 KiB, 2^31-1 arguments, bulks of 512 MiB
//! unless configured; before authentication 10 arguments of 16 KiB, so that a stranger cannot
//! make the server reserve memory.

use std::fmt;

/// Limits of one connection; cheap to copy, changed by AUTH and by CONFIG SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest inline request, and longest `*` or `$` line.
    pub inline_bytes_max: usize,
    pub args_max: i64,
    pub bulk_bytes_max: i64,
    /// The client has not authenticated: the small caps below apply as well.
    pub unauthenticated: bool,
}

pub(crate) const UNAUTHENTICATED_ARGS_MAX: i64 = 10;
pub(crate) const UNAUTHENTICATED_BULK_BYTES_MAX: i64 = 16384;

impl Limits {
    pub const fn new(bulk_bytes_max: i64) -> Limits {
        Limits {
            inline_bytes_max: 64 * 1024,
            args_max: i32::MAX as i64,
            bulk_bytes_max,
            unauthenticated: false,
        }
    }

    /// The caps that hold for one session.
    pub const fn for_session(self, authenticated: bool) -> Limits {
        Limits {
            unauthenticated: !authenticated,
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::new(512 * 1024 * 1024)
    }
}

/// Why a connection is closed. `Display` is the text after `-ERR `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    InlineTooBig,
    UnbalancedQuotes,
    CountLineTooBig,
    InvalidCount,
    UnauthenticatedCount,
    BulkLineTooBig,
    ExpectedBulk(u8),
    InvalidBulkLength,
    UnauthenticatedBulkLength,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocol error: ")?;
        f.write_str(match self {
            ProtocolError::InlineTooBig => "too big inline request",
            ProtocolError::UnbalancedQuotes => "unbalanced quotes in request",
            ProtocolError::CountLineTooBig => "too big mbulk count string",
            ProtocolError::InvalidCount => "invalid multibulk length",
            ProtocolError::UnauthenticatedCount => "unauthenticated multibulk length",
            ProtocolError::BulkLineTooBig => "too big bulk count string",
            ProtocolError::ExpectedBulk(got) => {
                return write!(f, "expected '$', got '{}'", char::from(*got));
            }
            ProtocolError::InvalidBulkLength => "invalid bulk length",
            ProtocolError::UnauthenticatedBulkLength => "unauthenticated bulk length",
        })
    }
}

impl ProtocolError {
    /// The text as bytes: a byte that the client sent is shown as it came, whether it is text or not.
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            ProtocolError::ExpectedBulk(got) => {
                [b"Protocol error: expected '$', got '", &[got][..], b"'"].concat()
            }
            other => other.to_string().into_bytes(),
        }
    }
}

impl std::error::Error for ProtocolError {}
