//! DUMP payloads: values as Redis' RDB files hold them, with a footer.
//! Format: `format-spec/redis/dump.md`.
//!
//! A collection goes in and comes out in the native form of snapshots ([`crate::native::value`]), whole: what is
//! packed stays the same bytes, what is not stands as its elements. Reading normalises: older packings become
//! listpacks or elements, listpacks hold every element in its shortest encoding, and what a writer in its right mind
//! never makes (duplicates, scores that are no numbers, nothing at all) is refused.
//!
//! Every type of Redis up to RDB version 12 is read, and Valkey's version 80; modules' types are not. What is written
//! is the lowest version that holds the value, never below that of Redis 7.0.

mod hash;
mod list;
mod read;
mod set;
mod stream;
mod string;
mod types;
mod write;
mod zset;

#[cfg(test)]
mod tests;

pub use string::{put_length, put_string, take_string};
pub use types::*;
pub use write::{dump_collection, dump_int, dump_string};

use crate::cursor::{Cursor, Fault, put_u16, put_u64};
use crate::redis::crc64::crc64;
use read::Read;

/// The highest RDB version of Redis that is read.
pub const RDB_VERSION_MAX: u16 = 12;
/// The RDB version of Valkey, whose numbers are its own.
pub const RDB_VERSION_VALKEY: u16 = 80;
/// The RDB version that is written unless the value needs a later one.
pub const RDB_VERSION: u16 = 10;
/// Size of the footer: version and checksum.
pub const FOOTER_BYTES: usize = 10;

/// A value in a DUMP payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DumpValue {
    /// A string of bytes.
    Bytes(Vec<u8>),
    /// A string that is an integer.
    Int(i64),
    /// A collection.
    Collection {
        /// Its kind byte in a snapshot, see [`crate::native::value`].
        kind: u8,
        /// The whole value in that kind. The listpacks of streams have intact elements; how these make entries is
        /// not checked here.
        bytes: Vec<u8>,
    },
}

/// Reads a DUMP payload. A wrong footer is [`Fault::Truncated`], [`Fault::UnknownVersion`] or
/// [`Fault::BadCrc`]; a wrong body, and a type that is unknown, is [`Fault::Invalid`].
/// Allocates a small multiple of the value, which is at most 264 times as long as the payload: strings may be
/// compressed.
pub fn load(payload: &[u8]) -> Result<DumpValue, Fault> {
    let (version, body) = footer(payload)?;
    load_body(version, body).map_err(|fault| match fault {
        Fault::Invalid(_) => fault,
        _ => Fault::Invalid("the value is malformed"),
    })
}

fn load_body(version: u16, body: &[u8]) -> Result<DumpValue, Fault> {
    let mut cursor = Cursor::new(body);
    let kind = cursor
        .u8()
        .map_err(|_| Fault::Invalid("the payload holds no value"))?;
    let value = load_value(version, kind, &mut cursor)?;
    if !cursor.is_empty() {
        return Err(Fault::Invalid("bytes follow the value"));
    }
    Ok(value)
}

fn load_value(version: u16, kind: u8, cursor: &mut Cursor<'_>) -> Result<DumpValue, Fault> {
    let read = match kind {
        TYPE_STRING => return take_string(cursor),
        TYPE_LIST => list::elements(cursor),
        TYPE_LIST_ZIPLIST => list::ziplist(cursor),
        TYPE_LIST_QUICKLIST => list::ziplist_nodes(cursor),
        TYPE_LIST_QUICKLIST_2 => list::nodes(cursor),
        TYPE_SET => set::members(cursor),
        TYPE_SET_INTSET => set::intset(cursor),
        TYPE_SET_LISTPACK => set::listpack(cursor),
        TYPE_ZSET => zset::members(cursor, zset::text_score),
        TYPE_ZSET_2 => zset::members(cursor, zset::binary_score),
        TYPE_ZSET_ZIPLIST => zset::ziplist(cursor),
        TYPE_ZSET_LISTPACK => zset::listpack(cursor),
        TYPE_HASH => hash::fields(cursor),
        TYPE_HASH_ZIPMAP => hash::zipmap(cursor),
        TYPE_HASH_ZIPLIST => hash::ziplist(cursor),
        TYPE_HASH_LISTPACK => hash::listpack(cursor),
        TYPE_HASH_EXPIRING_VALKEY if version == RDB_VERSION_VALKEY => hash::expiring_valkey(cursor),
        TYPE_HASH_EXPIRING_PRE | TYPE_HASH_EXPIRING if version != RDB_VERSION_VALKEY => {
            hash::expiring(cursor, kind == TYPE_HASH_EXPIRING)
        }
        TYPE_HASH_LISTPACK_EXPIRING_PRE | TYPE_HASH_LISTPACK_EXPIRING
            if version != RDB_VERSION_VALKEY =>
        {
            hash::listpack_expiring(cursor, kind == TYPE_HASH_LISTPACK_EXPIRING)
        }
        TYPE_STREAM => stream::read(cursor, 1),
        TYPE_STREAM_2 => stream::read(cursor, 2),
        TYPE_STREAM_3 => stream::read(cursor, 3),
        _ => return Err(Fault::Invalid("the type of the value is unknown")),
    };
    let Read { kind, bytes } = read?;
    Ok(DumpValue::Collection { kind, bytes })
}

/// Checks version and checksum of a DUMP payload; returns what is before them.
pub fn check_footer(payload: &[u8]) -> Result<&[u8], Fault> {
    footer(payload).map(|(_, body)| body)
}

fn footer(payload: &[u8]) -> Result<(u16, &[u8]), Fault> {
    let (covered, crc) = payload.split_last_chunk::<8>().ok_or(Fault::Truncated)?;
    let (body, version) = covered.split_last_chunk::<2>().ok_or(Fault::Truncated)?;
    let version = u16::from_le_bytes(*version);
    if version > RDB_VERSION_MAX && version != RDB_VERSION_VALKEY {
        return Err(Fault::UnknownVersion(u32::from(version)));
    }
    if crc64(0, covered) != u64::from_le_bytes(*crc) {
        return Err(Fault::BadCrc("payload"));
    }
    Ok((version, body))
}

/// Appends version and checksum to a DUMP payload of a value that the lowest version holds.
pub fn put_footer(out: &mut Vec<u8>) {
    put_footer_of(out, RDB_VERSION);
}

/// Appends version and checksum to a DUMP payload.
pub fn put_footer_of(out: &mut Vec<u8>, version: u16) {
    put_u16(out, version);
    let crc = crc64(0, out);
    put_u64(out, crc);
}
