//! The request parser: resumable, in place, never looking at a byte twice.
//!
//! The caller keeps the bytes of the current command at the start of one buffer and calls `parse` whenever
//! more has arrived, with the same parser and the same `args`. Between the calls the buffer may move, but its
//! first byte stays the first byte of the command. Invariants:
//! - bytes before `pos` are consumed; bytes between `pos` and `scanned` hold no line end;
//! - ranges in `args` are final, because a consumed byte is never changed again;
//! - splitting the input anywhere gives the same commands as not splitting it (a property test).
//!
//! Like Redis, and unlike `parse_command`, the parser does not verify the two bytes behind a bulk nor the LF of a
//! length line: the lengths alone frame a request.

use crate::ArgRange;
use crate::inline::split_inline;
use crate::limits::{
    Limits, ProtocolError, UNAUTHENTICATED_ARGS_MAX, UNAUTHENTICATED_BULK_BYTES_MAX,
};
use crate::number::parse_i64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A command is in `args` and takes the first `consumed` bytes. Without arguments it is an empty
    /// line or an empty array, to be skipped silently.
    Command { consumed: usize },
    /// More bytes are needed: this many at least, when a bulk is being read; 0 when that is not known.
    Incomplete { missing_bytes: usize },
    /// The connection must be closed after this error.
    Error(ProtocolError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Inline,
    Count,
    BulkLength,
    Bulk(usize),
}

#[derive(Clone, Debug)]
pub struct Parser {
    state: State,
    pos: usize,
    scanned: usize,
    args_left: i64,
}

/// The number of a `*` or `$` line, or why there is none yet.
enum Length {
    Value(i64),
    Invalid,
    TooBig,
    Partial,
}

impl Default for Parser {
    fn default() -> Parser {
        Parser::new()
    }
}

impl Parser {
    pub const fn new() -> Parser {
        Parser {
            state: State::Start,
            pos: 0,
            scanned: 0,
            args_left: 0,
        }
    }

    /// Is a command half read?
    pub fn is_mid_command(&self) -> bool {
        self.state != State::Start
    }

    /// Reads on in the current command. `args` must come back unchanged after `Incomplete`; it is cleared when a
    /// command begins. `buf` is mutable because quoted inline arguments are decoded in place.
    #[inline]
    pub fn parse(&mut self, buf: &mut [u8], limits: &Limits, args: &mut Vec<ArgRange>) -> Step {
        if self.state == State::Start {
            match buf.first() {
                None => return Step::Incomplete { missing_bytes: 0 },
                Some(b'*') => self.state = State::Count,
                Some(_) => self.state = State::Inline,
            }
            args.clear();
        }
        let step = match self.state {
            State::Inline => self.parse_inline(buf, limits, args),
            State::Count => match self.parse_usual(buf, limits, args) {
                Some(consumed) => Step::Command { consumed },
                None => self.parse_array(buf, limits, args),
            },
            _ => self.parse_array(buf, limits, args),
        };
        if !matches!(step, Step::Incomplete { .. }) {
            *self = Parser::new();
        }
        step
    }

    /// Reads as much as has the usual shape: up to nine arguments, each shorter than a hundred bytes and there already.
    /// Leaves its place to `parse_array` when the command goes on in another way.
    #[inline]
    fn parse_usual(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        args: &mut Vec<ArgRange>,
    ) -> Option<usize> {
        const BULK_BYTES_MAX: i64 = 99;
        let [b'*', count @ b'1'..=b'9', b'\r', _, ..] = *buf else {
            return None;
        };
        let count = usize::from(count - b'0');
        if limits.bulk_bytes_max < BULK_BYTES_MAX || limits.args_max < count as i64 {
            return None;
        }
        args.reserve(count);
        let (mut pos, mut left) = (4, count);
        while left > 0 {
            let (len, body) = match buf.get(pos..).unwrap_or_default() {
                [b'$', one @ b'0'..=b'9', b'\r', _, ..] => (usize::from(one - b'0'), pos + 4),
                [b'$', ten @ b'1'..=b'9', one @ b'0'..=b'9', b'\r', _, ..] => (
                    usize::from(ten - b'0') * 10 + usize::from(one - b'0'),
                    pos + 5,
                ),
                _ => break,
            };
            let end = body + len + 2;
            if end > buf.len() {
                break;
            }
            args.push(ArgRange {
                start: body as u32,
                len: len as u32,
            });
            (pos, left) = (end, left - 1);
        }
        if left == 0 {
            return Some(pos);
        }
        (self.pos, self.args_left, self.state) = (pos, left as i64, State::BulkLength);
        None
    }

    fn parse_array(&mut self, buf: &[u8], limits: &Limits, args: &mut Vec<ArgRange>) -> Step {
        if self.state == State::Count {
            match self.read_count(buf, limits) {
                Ok(Some(0)) => return Step::Command { consumed: self.pos },
                Ok(Some(count)) => {
                    self.args_left = count;
                    self.state = State::BulkLength;
                    // The count is a claim of the client: memory follows what really arrives.
                    args.reserve(count.min(64) as usize);
                }
                Ok(None) => return Step::Incomplete { missing_bytes: 0 },
                Err(error) => return Step::Error(error),
            }
        }
        loop {
            let len = match self.state {
                State::Bulk(len) => len,
                _ => match self.read_bulk_length(buf, limits) {
                    Ok(Some(len)) => len,
                    Ok(None) => return Step::Incomplete { missing_bytes: 0 },
                    Err(error) => return Step::Error(error),
                },
            };
            let end = self.pos + len + 2;
            if end > buf.len() {
                self.state = State::Bulk(len);
                return Step::Incomplete {
                    missing_bytes: end - buf.len(),
                };
            }
            args.push(ArgRange {
                start: self.pos as u32,
                len: len as u32,
            });
            self.pos = end;
            self.state = State::BulkLength;
            self.args_left -= 1;
            if self.args_left == 0 {
                return Step::Command { consumed: end };
            }
        }
    }

    /// The `*` line. Counts below one mean an empty command.
    fn read_count(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<i64>, ProtocolError> {
        match self.read_length(buf, limits) {
            Length::Partial => Ok(None),
            Length::TooBig => Err(ProtocolError::CountLineTooBig),
            Length::Value(count) if count <= limits.args_max => {
                if count > UNAUTHENTICATED_ARGS_MAX && limits.unauthenticated {
                    return Err(ProtocolError::UnauthenticatedCount);
                }
                Ok(Some(count.max(0)))
            }
            _ => Err(ProtocolError::InvalidCount),
        }
    }

    fn read_bulk_length(
        &mut self,
        buf: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        let first = buf.get(self.pos).copied();
        match self.read_length(buf, limits) {
            Length::Partial => Ok(None),
            Length::TooBig => Err(ProtocolError::BulkLineTooBig),
            _ if first != Some(b'$') => Err(ProtocolError::ExpectedBulk(first.unwrap_or_default())),
            Length::Value(len) if len >= 0 && len <= limits.bulk_bytes_max => {
                if len > UNAUTHENTICATED_BULK_BYTES_MAX && limits.unauthenticated {
                    return Err(ProtocolError::UnauthenticatedBulkLength);
                }
                // Ranges are 32 bits wide.
                let end = self.pos as u64 + len as u64 + 2;
                if end > u64::from(u32::MAX) {
                    return Err(ProtocolError::InvalidBulkLength);
                }
                Ok(Some(len as usize))
            }
            _ => Err(ProtocolError::InvalidBulkLength),
        }
    }

    /// The number between the sign at `pos` and the next CR; consumes the line.
    #[inline]
    fn read_length(&mut self, buf: &[u8], limits: &Limits) -> Length {
        // Nearly every line is a sign, one or two digits and CR LF.
        match buf[self.pos..] {
            [_, one @ b'0'..=b'9', b'\r', _, ..] => {
                self.pos += 4;
                Length::Value(i64::from(one - b'0'))
            }
            [_, ten @ b'1'..=b'9', one @ b'0'..=b'9', b'\r', _, ..] => {
                self.pos += 5;
                Length::Value(i64::from(ten - b'0') * 10 + i64::from(one - b'0'))
            }
            _ => self.read_length_slowly(buf, limits),
        }
    }

    fn read_length_slowly(&mut self, buf: &[u8], limits: &Limits) -> Length {
        let from = self.scanned.max(self.pos);
        let Some(line_end) = find_line_end(buf, from, b'\r', &mut self.scanned) else {
            return match buf.len() - self.pos > limits.inline_bytes_max {
                true => Length::TooBig,
                false => Length::Partial,
            };
        };
        if line_end + 2 > buf.len() {
            self.scanned = line_end;
            return Length::Partial;
        }
        let value = buf.get(self.pos + 1..line_end).and_then(parse_i64);
        self.pos = line_end + 2;
        self.scanned = self.pos;
        value.map_or(Length::Invalid, Length::Value)
    }

    fn parse_inline(&mut self, buf: &mut [u8], limits: &Limits, args: &mut Vec<ArgRange>) -> Step {
        let from = self.scanned;
        let Some(newline) = find_line_end(buf, from, b'\n', &mut self.scanned) else {
            return match buf.len() > limits.inline_bytes_max {
                true => Step::Error(ProtocolError::InlineTooBig),
                false => Step::Incomplete { missing_bytes: 0 },
            };
        };
        let line_len = match buf[..newline].last() {
            Some(b'\r') => newline - 1,
            _ => newline,
        };
        match split_inline(buf, line_len, args) {
            Ok(()) => Step::Command {
                consumed: newline + 1,
            },
            Err(_) => Step::Error(ProtocolError::UnbalancedQuotes),
        }
    }
}

/// Looks for the byte that ends a line and notes in `scanned` how far it looked. A NUL hides all that follows it, as
/// it does in Redis: such a line never ends, and is refused when it has become too long.
fn find_line_end(buf: &[u8], from: usize, end: u8, scanned: &mut usize) -> Option<usize> {
    let found = buf[from..]
        .iter()
        .position(|byte| *byte == end || *byte == 0);
    let at = found.map_or(buf.len(), |at| from + at);
    *scanned = at;
    (buf.get(at) == Some(&end)).then_some(at)
}

#[cfg(test)]
mod tests;
