//! The arguments of one call, and a cursor over its options.

use crate::error::CmdError;
use esker_resp::{ArgRange, parse_i64};

/// The arguments as ranges of the buffer they were parsed from; `get(0)` is the command's name.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    buf: &'a [u8],
    ranges: &'a [ArgRange],
}

impl<'a> Args<'a> {
    pub const fn new(buf: &'a [u8], ranges: &'a [ArgRange]) -> Args<'a> {
        Args { buf, ranges }
    }

    #[inline]
    pub const fn len(self) -> usize {
        self.ranges.len()
    }

    pub const fn is_empty(self) -> bool {
        self.ranges.is_empty()
    }

    /// Argument `index`; the row's arity promises that it is there.
    #[inline]
    pub fn get(self, index: usize) -> &'a [u8] {
        self.ranges[index].of(self.buf)
    }

    pub fn try_get(self, index: usize) -> Option<&'a [u8]> {
        self.ranges.get(index).map(|range| range.of(self.buf))
    }

    pub fn iter(self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone {
        self.ranges.iter().map(move |range| range.of(self.buf))
    }

    /// The arguments from `index` on.
    pub fn rest(self, index: usize) -> Args<'a> {
        Args {
            buf: self.buf,
            ranges: self.ranges.get(index..).unwrap_or_default(),
        }
    }

    /// The first `count` arguments, if there are as many.
    pub fn first(self, count: usize) -> Option<Args<'a>> {
        Some(Args {
            buf: self.buf,
            ranges: self.ranges.get(..count)?,
        })
    }

    /// Neighbours two by two, as in `key value key value`.
    pub fn pairs(self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone {
        self.ranges
            .chunks_exact(2)
            .map(move |pair| (pair[0].of(self.buf), pair[1].of(self.buf)))
    }

    /// Argument `index` as an integer in Redis' canonical form.
    pub fn int(self, index: usize) -> Result<i64, CmdError> {
        parse_i64(self.get(index)).ok_or(CmdError::NotInteger)
    }

    /// Reads options from `index` on.
    pub fn cursor(self, index: usize) -> Cursor<'a> {
        Cursor {
            args: self,
            at: index,
        }
    }
}

/// Walks over options from left to right. Whatever does not fit is a syntax error.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    args: Args<'a>,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn is_done(&self) -> bool {
        self.at >= self.args.len()
    }

    /// The position of the argument that comes next.
    pub fn position(&self) -> usize {
        self.at
    }

    pub fn left(&self) -> usize {
        self.args.len().saturating_sub(self.at)
    }

    pub fn peek(&self) -> Option<&'a [u8]> {
        self.args.try_get(self.at)
    }

    /// Takes the next argument if it is this word, in any case.
    pub fn word(&mut self, word: &str) -> bool {
        let matches = self
            .peek()
            .is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
        self.at += usize::from(matches);
        matches
    }

    /// The next argument, whatever it is; a syntax error at the end.
    pub fn value(&mut self) -> Result<&'a [u8], CmdError> {
        let value = self.peek().ok_or(CmdError::Syntax)?;
        self.at += 1;
        Ok(value)
    }

    /// The value of an option word: `Ok(None)` when another word comes next.
    pub fn option(&mut self, word: &str) -> Result<Option<&'a [u8]>, CmdError> {
        if self.word(word) {
            self.value().map(Some)
        } else {
            Ok(None)
        }
    }

    pub fn int(&mut self) -> Result<i64, CmdError> {
        parse_i64(self.value()?).ok_or(CmdError::NotInteger)
    }

    /// Nothing may be left.
    pub fn finish(self) -> Result<(), CmdError> {
        if self.is_done() {
            Ok(())
        } else {
            Err(CmdError::Syntax)
        }
    }
}
