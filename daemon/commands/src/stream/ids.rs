//! The ids that clients write: whole or without their number, as bounds of a range, with a star.

use esker_keyspace::StreamId;
use esker_resp::{Reply, parse_i64};

use crate::args::Args;
use crate::error::CmdError;

/// Redis keeps an id that it parses in a buffer of this size, with its end.
const TEXT_BYTES_MAX: usize = 127;

/// An id as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Id(StreamId),
    /// `ms-*`
    AnyOf(u64),
}

fn invalid() -> CmdError {
    CmdError::text("Invalid stream ID specified as stream command argument")
}

/// An id where `-` and `+` mean nothing; `missing` is the number of one that is only milliseconds.
pub(super) fn strict(arg: &[u8], missing: u64) -> Result<StreamId, CmdError> {
    match parse(arg, missing) {
        Some(Written::Id(id)) => Ok(id),
        _ => Err(invalid()),
    }
}

/// An id, or `-` for the smallest and `+` for the largest.
pub(super) fn lenient(arg: &[u8], missing: u64) -> Result<StreamId, CmdError> {
    match to_nul(arg) {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        _ => strict(arg, missing),
    }
}

/// The id of a new entry, whose number may be left open.
pub(super) fn of_new_entry(arg: &[u8]) -> Result<Written, CmdError> {
    parse(arg, 0).ok_or_else(invalid)
}

/// The first id of a range. A bracket leaves the id itself out.
pub(super) fn range_start(arg: &[u8]) -> Result<StreamId, CmdError> {
    match exclusive(arg) {
        None => lenient(arg, 0),
        Some(arg) => strict(arg, 0)?
            .next()
            .ok_or_else(|| CmdError::text("invalid start ID for the interval")),
    }
}

/// The last id of a range. One without a number stands for all of its milliseconds.
pub(super) fn range_end(arg: &[u8]) -> Result<StreamId, CmdError> {
    match exclusive(arg) {
        None => lenient(arg, u64::MAX),
        Some(arg) => strict(arg, u64::MAX)?
            .prev()
            .ok_or_else(|| CmdError::text("invalid end ID for the interval")),
    }
}

fn exclusive(arg: &[u8]) -> Option<&[u8]> {
    arg.strip_prefix(b"(").filter(|rest| !rest.is_empty())
}

/// All arguments as ids, up to the first that is none.
pub(super) fn all(args: Args<'_>) -> Result<Vec<StreamId>, CmdError> {
    args.iter().map(|arg| strict(arg, 0)).collect()
}

pub(super) fn write_id(out: &mut Reply<'_>, id: StreamId) {
    out.bulk(id.text().bytes());
}

/// Text ends at a NUL, as everywhere where Redis reads numbers.
fn to_nul(arg: &[u8]) -> &[u8] {
    let end = arg.iter().position(|byte| *byte == 0);
    &arg[..end.unwrap_or(arg.len())]
}

fn parse(arg: &[u8], missing: u64) -> Option<Written> {
    if arg.len() > TEXT_BYTES_MAX {
        return None;
    }
    let text = to_nul(arg);
    let Some(hyphen) = text.iter().position(|byte| *byte == b'-') else {
        return Some(Written::Id(StreamId::new(unsigned(text)?, missing)));
    };
    let ms = unsigned(&text[..hyphen])?;
    match &text[hyphen + 1..] {
        b"*" => Some(Written::AnyOf(ms)),
        seq => Some(Written::Id(StreamId::new(ms, unsigned(seq)?))),
    }
}

/// A number as Redis takes it: a canonical integer that is not negative, or whatever C's `strtoull` reads to the end,
/// which allows blanks before it, a sign (a negative number wraps around) and leading zeros.
fn unsigned(text: &[u8]) -> Option<u64> {
    if let Some(int) = parse_i64(text) {
        return u64::try_from(int).ok();
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|byte| !blank(byte))?;
    let (negative, digits) = match &text[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if negative {
        number.wrapping_neg()
    } else {
        number
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        let id = StreamId::new;
        for (text, expected) in [
            ("5", Some(id(5, 9))),
            ("5-3", Some(id(5, 3))),
            (
                "18446744073709551615-18446744073709551615",
                Some(StreamId::MAX),
            ),
            ("18446744073709551616", None),
            ("007-01", Some(id(7, 1))),
            (" 7-+1", Some(id(7, 1))),
            ("7--01", Some(id(7, u64::MAX))),
            ("7--1", None),
            ("-1", None),
            ("", None),
            ("-", None),
            ("+", None),
            ("5-", None),
            ("a", None),
            ("5 ", None),
            ("5-\u{0}x", None),
            ("5-1\u{0}x", Some(id(5, 1))),
        ] {
            assert_eq!(strict(text.as_bytes(), 9).ok(), expected, "{text:?}");
        }
        assert_eq!(of_new_entry(b"7-*"), Ok(Written::AnyOf(7)));
        assert!(strict(b"7-*", 0).is_err());
        assert_eq!(range_end(b"7"), Ok(id(7, u64::MAX)));
        assert_eq!(range_start(b"(7"), Ok(id(7, 1)));
        assert_eq!(range_end(b"(7-0"), Ok(id(6, u64::MAX)));
        assert_eq!(lenient(b"+", 0), Ok(StreamId::MAX));
        assert!(range_start(b"(-").is_err() && range_start(b"(").is_err());
    }
}
