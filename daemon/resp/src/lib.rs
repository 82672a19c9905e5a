//! The wire protocol of Redis, without I/O: requests (RESP arrays and inline lines) are parsed
//! in place, replies are written for RESP2 or RESP3 into a buffer that can carry big values by
//! reference.
//!
//! Nothing here knows a command, a connection or a clock. Every error text is the one that
//! Redis sends, because clients and their tests compare them.

mod double;
mod inline;
mod limits;
mod number;
mod oneshot;
mod out;
mod parse;
mod reply;

pub use double::write_double;
pub use inline::{InlineError, split_inline};
pub use limits::{Limits, ProtocolError};
pub use number::{parse_i64, parse_u64};
pub use oneshot::{CommandError, parse_command, write_command};
pub use out::{Mark, OutBuf, SPLICE_MIN};
pub use parse::{Parser, Step};
pub use reply::{Deferred, Reply};

/// The protocol version a connection negotiated with HELLO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proto {
    #[default]
    Resp2,
    Resp3,
}

/// One argument: a range of the buffer that was parsed, counted from the first byte of the command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArgRange {
    pub start: u32,
    pub len: u32,
}

impl ArgRange {
    /// The bytes of this argument in the buffer it was parsed from.
    #[inline]
    pub fn of(self, buf: &[u8]) -> &[u8] {
        &buf[self.start as usize..self.start as usize + self.len as usize]
    }
}
