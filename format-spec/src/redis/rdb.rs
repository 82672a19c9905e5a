//! DUMP payloads of strings, and the string encodings of Redis' RDB files.
//! Format: `format-spec/redis/dump.md`.
//!
//! What is written is byte for byte what Redis 7.0 writes with its default `rdbcompression yes`.

use crate::cursor::{Cursor, Fault, put_u16, put_u64};
use crate::redis::{crc64::crc64, lzf};

/// The highest RDB version that is read.
pub const RDB_VERSION_MAX: u16 = 12;
/// The RDB version that is written.
pub const RDB_VERSION: u16 = 10;
/// Size of the footer: version and checksum.
pub const FOOTER_BYTES: usize = 10;

const TYPE_STRING: u8 = 0;
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

/// A value in a DUMP payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DumpValue {
    /// A string of bytes.
    Bytes(Vec<u8>),
    /// A string that is an integer.
    Int(i64),
}

/// A length in front of something, or one of the special string encodings.
enum Length {
    Plain(usize),
    Special(u8),
}

/// The DUMP payload of a string of bytes.
pub fn dump_string(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 24);
    out.push(TYPE_STRING);
    put_string(&mut out, value);
    put_footer(&mut out);
    out
}

/// The DUMP payload of a string that is kept as an integer.
pub fn dump_int(value: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    out.push(TYPE_STRING);
    if !put_int(&mut out, value) {
        let text = value.to_string();
        put_length(&mut out, text.len());
        out.extend_from_slice(text.as_bytes());
    }
    put_footer(&mut out);
    out
}

/// Reads a DUMP payload. A wrong footer is [`Fault::Truncated`], [`Fault::UnknownVersion`] or
/// [`Fault::BadCrc`]; a wrong body, and a kind of value other than a string, is [`Fault::Invalid`].
/// Allocates the value, which is at most 264 times as long as the payload.
pub fn load(payload: &[u8]) -> Result<DumpValue, Fault> {
    let body = check_footer(payload)?;
    let mut cursor = Cursor::new(body);
    let value = match cursor.u8() {
        Ok(TYPE_STRING) => {
            take_string(&mut cursor).map_err(|_| Fault::Invalid("the string is malformed"))?
        }
        Ok(_) => return Err(Fault::Invalid("the kind of value is not supported")),
        Err(_) => return Err(Fault::Invalid("the payload holds no value")),
    };
    if !cursor.is_empty() {
        return Err(Fault::Invalid("bytes follow the value"));
    }
    Ok(value)
}

/// Checks version and checksum of a DUMP payload; returns what is before them.
pub fn check_footer(payload: &[u8]) -> Result<&[u8], Fault> {
    let (covered, crc) = payload.split_last_chunk::<8>().ok_or(Fault::Truncated)?;
    let (body, version) = covered.split_last_chunk::<2>().ok_or(Fault::Truncated)?;
    let version = u16::from_le_bytes(*version);
    if version > RDB_VERSION_MAX {
        return Err(Fault::UnknownVersion(u32::from(version)));
    }
    if crc64(0, covered) != u64::from_le_bytes(*crc) {
        return Err(Fault::BadCrc("payload"));
    }
    Ok(body)
}

/// Appends version and checksum to a DUMP payload.
pub fn put_footer(out: &mut Vec<u8>) {
    put_u16(out, RDB_VERSION);
    let crc = crc64(0, out);
    put_u64(out, crc);
}

/// Appends a string as RDB files hold it: as a small integer, compressed, or as it is.
pub fn put_string(out: &mut Vec<u8>, value: &[u8]) {
    if let Some(number) = small_int(value)
        && put_int(out, number)
    {
        return;
    }
    if value.len() > LZF_INPUT_MIN
        && let Some(packed) = lzf::compress(value, value.len() - 4)
    {
        out.push(LZF);
        put_length(out, packed.len());
        put_length(out, value.len());
        out.extend_from_slice(&packed);
        return;
    }
    put_length(out, value.len());
    out.extend_from_slice(value);
}

/// Reads a string as RDB files hold it.
pub fn take_string(cursor: &mut Cursor<'_>) -> Result<DumpValue, Fault> {
    match take_length(cursor)? {
        Length::Plain(length) => Ok(DumpValue::Bytes(cursor.take(length)?.to_vec())),
        Length::Special(INT_8) => Ok(DumpValue::Int(i64::from(i8::from_le_bytes(
            cursor.array()?,
        )))),
        Length::Special(INT_16) => Ok(DumpValue::Int(i64::from(i16::from_le_bytes(
            cursor.array()?,
        )))),
        Length::Special(INT_32) => Ok(DumpValue::Int(i64::from(i32::from_le_bytes(
            cursor.array()?,
        )))),
        Length::Special(LZF) => {
            let (packed, raw) = match (take_length(cursor)?, take_length(cursor)?) {
                (Length::Plain(packed), Length::Plain(raw)) => (packed, raw),
                _ => {
                    return Err(Fault::Invalid(
                        "the lengths of compressed data are malformed",
                    ));
                }
            };
            lzf::decompress(cursor.take(packed)?, raw).map(DumpValue::Bytes)
        }
        Length::Special(_) => Err(Fault::Invalid("the string encoding is unknown")),
    }
}

/// The value of a string that is the canonical spelling of an integer of at most 32 bits.
fn small_int(value: &[u8]) -> Option<i64> {
    if value.len() > INT_DIGITS_MAX {
        return None;
    }
    let canonical = matches!(value, [b'0'] | [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..]);
    if !canonical {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Appends an integer in the shortest of the three integer encodings; false if none holds it.
fn put_int(out: &mut Vec<u8>, value: i64) -> bool {
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

#[expect(
    clippy::big_endian_bytes,
    reason = "RDB files hold lengths in network order"
)]
fn put_length(out: &mut Vec<u8>, length: usize) {
    let length = length as u64;
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

#[expect(
    clippy::big_endian_bytes,
    reason = "RDB files hold lengths in network order"
)]
fn take_length(cursor: &mut Cursor<'_>) -> Result<Length, Fault> {
    let first = cursor.u8()?;
    let length = match first {
        0x00..LENGTH_14 => u64::from(first),
        LENGTH_14..LENGTH_32 => u64::from(first & 0x3f) << 8 | u64::from(cursor.u8()?),
        LENGTH_32 => u64::from(u32::from_be_bytes(cursor.array()?)),
        LENGTH_64 => u64::from_be_bytes(cursor.array()?),
        INT_8.. => return Ok(Length::Special(first)),
        _ => return Err(Fault::Invalid("the length is malformed")),
    };
    usize::try_from(length)
        .map(Length::Plain)
        .map_err(|_| Fault::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What `DUMP` of redis-server 7.0.15 returned for these values.
    #[test]
    fn same_bytes_as_redis() {
        let payload = dump_string(b"hello");
        assert_eq!(payload[..6], *b"\x00\x05hell");
        assert_eq!(payload[payload.len() - 10..payload.len() - 8], [10, 0]);
        assert_eq!(dump_int(5)[..3], [0, 0xc0, 5]);
        assert_eq!(dump_string(b"-129")[..4], [0, 0xc1, 0x7f, 0xff]);
        assert_eq!(
            dump_string(b"2147483647")[..6],
            [0, 0xc2, 0xff, 0xff, 0xff, 0x7f]
        );
        assert_eq!(dump_string(b"2147483648")[..2], [0, 10]);
        assert_eq!(dump_string(b"007")[..5], *b"\x00\x03007");
    }

    #[test]
    fn footer_is_checked_first() {
        let good = dump_string(b"value");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(load(&bad).is_err(), "flip at {at}");
            assert!(load(&good[..at]).is_err(), "cut at {at}");
        }
        let mut newer = good[..good.len() - 10].to_vec();
        put_u16(&mut newer, 13);
        let crc = crc64(0, &newer);
        put_u64(&mut newer, crc);
        assert_eq!(load(&newer), Err(Fault::UnknownVersion(13)));
    }

    proptest! {
        #[test]
        fn load_gives_what_was_dumped(value in proptest::collection::vec(any::<u8>(), 0..300), repeat in 1usize..100) {
            let value = value.repeat(repeat);
            match load(&dump_string(&value)) {
                Ok(DumpValue::Bytes(bytes)) => prop_assert_eq!(bytes, value),
                Ok(DumpValue::Int(number)) => prop_assert_eq!(number.to_string().into_bytes(), value),
                Err(fault) => prop_assert!(false, "{}", fault),
            }
        }

        #[test]
        fn integers_come_back(value in any::<i64>(), shift in 0u32..64) {
            let value = value >> shift;
            match load(&dump_int(value)) {
                Ok(DumpValue::Int(number)) => prop_assert_eq!(number, value),
                Ok(DumpValue::Bytes(bytes)) => prop_assert_eq!(bytes, value.to_string().into_bytes()),
                Err(fault) => prop_assert!(false, "{}", fault),
            }
            prop_assert_eq!(dump_int(value), dump_string(value.to_string().as_bytes()));
        }

        #[test]
        fn arbitrary_bodies_never_panic(body in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut payload = body;
            put_footer(&mut payload);
            drop(load(&payload));
        }
    }
}
