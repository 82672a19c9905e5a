//! Lengths and strings in RDB files. Lengths are in network order, unlike everything else.
//!
//! Strings are written byte for byte as Redis 7.0 writes them with its default `rdbcompression yes`.

use std::borrow::Cow;

use super::DumpValue;
use crate::cursor::{Cursor, Fault};
use crate::redis::lzf;
use crate::text::{IntText, canonical_int};

const LENGTH_14: u8 = 0x40;
const LENGTH_32: u8 = 0x80;
const LENGTH_64: u8 = 0x81;
const INT_8: u8 = 0xc0;
const INT_16: u8 = 0xc1;
const INT_32: u8 = 0xc2;
const LZF: u8 = 0xc3;
/// Strings up to this length are not worth compressing.
const LZF_INPUT_MIN: usize = 20;
/// The longest decimal spelling of a 32-bit integer.
const INT_DIGITS_MAX: usize = 11;

/// A length in front of something, or one of the special string encodings.
enum Length {
    Plain(u64),
    Special(u8),
}

/// Appends a string as RDB files hold it: as a small integer, compressed, or as it is.
pub fn put_string(out: &mut Vec<u8>, value: &[u8]) {
    put_string_with(out, value, &mut lzf::Compressor::default());
}

/// As [`put_string`], for many strings.
pub(super) fn put_string_with(out: &mut Vec<u8>, value: &[u8], compressor: &mut lzf::Compressor) {
    if value.len() <= INT_DIGITS_MAX
        && let Some(number) = canonical_int(value)
        && put_small_int(out, number)
    {
        return;
    }
    if value.len() > LZF_INPUT_MIN
        && let Some(packed) = compressor.compress(value, value.len() - 4)
    {
        out.push(LZF);
        put_length(out, packed.len() as u64);
        put_length(out, value.len() as u64);
        out.extend_from_slice(packed);
        return;
    }
    put_length(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Appends the string that spells an integer.
pub(super) fn put_int(out: &mut Vec<u8>, value: i64) {
    if !put_small_int(out, value) {
        let text = IntText::new(value);
        put_length(out, text.bytes().len() as u64);
        out.extend_from_slice(text.bytes());
    }
}

/// Appends an integer in the shortest of the three integer encodings; false if none holds it.
fn put_small_int(out: &mut Vec<u8>, value: i64) -> bool {
    if let Ok(value) = i8::try_from(value) {
        out.push(INT_8);
        out.extend_from_slice(&value.to_le_bytes());
    } else if let Ok(value) = i16::try_from(value) {
        out.push(INT_16);
        out.extend_from_slice(&value.to_le_bytes());
    } else if let Ok(value) = i32::try_from(value) {
        out.push(INT_32);
        out.extend_from_slice(&value.to_le_bytes());
    } else {
        return false;
    }
    true
}

/// Appends a length.
#[expect(
    clippy::big_endian_bytes,
    reason = "RDB files hold lengths in network order"
)]
pub fn put_length(out: &mut Vec<u8>, length: u64) {
    if length < 1 << 6 {
        out.push(length as u8);
    } else if length < 1 << 14 {
        out.extend_from_slice(&(length as u16 | u16::from(LENGTH_14) << 8).to_be_bytes());
    } else if let Ok(length) = u32::try_from(length) {
        out.push(LENGTH_32);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(LENGTH_64);
        out.extend_from_slice(&length.to_be_bytes());
    }
}

/// Reads a string as RDB files hold it.
pub fn take_string(cursor: &mut Cursor<'_>) -> Result<DumpValue, Fault> {
    Ok(match take_text(cursor)? {
        Text::Int(int) => DumpValue::Int(int),
        Text::Bytes(bytes) => DumpValue::Bytes(bytes.into_owned()),
    })
}

/// Reads a string; an integer as its text.
pub(super) fn take_bytes<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, [u8]>, Fault> {
    Ok(match take_text(cursor)? {
        Text::Int(int) => Cow::Owned(IntText::new(int).bytes().to_vec()),
        Text::Bytes(bytes) => bytes,
    })
}

enum Text<'a> {
    Int(i64),
    Bytes(Cow<'a, [u8]>),
}

fn take_text<'a>(cursor: &mut Cursor<'a>) -> Result<Text<'a>, Fault> {
    let int = match take_any_length(cursor)? {
        Length::Plain(length) => {
            let length = usize::try_from(length).map_err(|_| Fault::Truncated)?;
            return Ok(Text::Bytes(Cow::Borrowed(cursor.take(length)?)));
        }
        Length::Special(INT_8) => i64::from(i8::from_le_bytes(cursor.array()?)),
        Length::Special(INT_16) => i64::from(i16::from_le_bytes(cursor.array()?)),
        Length::Special(INT_32) => i64::from(i32::from_le_bytes(cursor.array()?)),
        Length::Special(LZF) => {
            let (packed, raw) = (take_size(cursor)?, take_size(cursor)?);
            let bytes = lzf::decompress(cursor.take(packed)?, raw)?;
            return Ok(Text::Bytes(Cow::Owned(bytes)));
        }
        Length::Special(_) => return Err(Fault::Invalid("the string encoding is unknown")),
    };
    Ok(Text::Int(int))
}

/// Reads a length.
pub(super) fn take_length(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    match take_any_length(cursor)? {
        Length::Plain(length) => Ok(length),
        Length::Special(_) => Err(Fault::Invalid("a length is malformed")),
    }
}

/// Reads a length of something in memory.
fn take_size(cursor: &mut Cursor<'_>) -> Result<usize, Fault> {
    usize::try_from(take_length(cursor)?).map_err(|_| Fault::Truncated)
}

/// Reads the number of things that follow, each of which takes a byte at least. None at all is refused.
pub(super) fn take_count(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    let count = take_length(cursor)?;
    if count == 0 {
        return Err(Fault::Invalid("a collection without elements"));
    }
    if count > cursor.rest().len() as u64 {
        return Err(Fault::Truncated);
    }
    Ok(count)
}

#[expect(
    clippy::big_endian_bytes,
    reason = "RDB files hold lengths in network order"
)]
fn take_any_length(cursor: &mut Cursor<'_>) -> Result<Length, Fault> {
    let first = cursor.u8()?;
    Ok(Length::Plain(match first {
        0x00..LENGTH_14 => u64::from(first),
        LENGTH_14..LENGTH_32 => u64::from(first & 0x3f) << 8 | u64::from(cursor.u8()?),
        LENGTH_32 => u64::from(u32::from_be_bytes(cursor.array()?)),
        LENGTH_64 => u64::from_be_bytes(cursor.array()?),
        INT_8.. => return Ok(Length::Special(first)),
        _ => return Err(Fault::Invalid("a length is malformed")),
    }))
}
