//! Entries: the keys and values inside the raw blocks of a snapshot. Layout: `format-spec/native/snapshot.md`.
//!
//! The value is length-prefixed whatever its kind, so a tool that does not know a kind can step over it. A long value
//! may stand as several entries, its *pieces*, in any order and in several blocks: each tells its ordinal, and the last
//! one how many there are, so that a missing piece is noticed.

use super::value::{self, Type};
use crate::UnixMs;
use crate::cursor::{Cursor, Fault, put_i64, put_u16, put_u32, put_u64};

/// Kind byte: a string that is a 64-bit integer, 8 bytes little-endian.
pub const KIND_INT: u8 = 0;
/// Kind byte: a string of bytes.
pub const KIND_STRING: u8 = 1;
/// Size of the fixed part of an entry.
pub const HEADER_BYTES: usize = 8;

/// Flag: an expiry follows the lengths.
pub const FLAG_EXPIRY: u8 = 1 << 0;
/// Flag: the lengths in the header are 0; a 32-bit key length and a 64-bit value length follow it.
pub const FLAG_LONG: u8 = 1 << 1;
/// Flag: the string was changed in place and is reported as `raw` whatever its length.
pub const FLAG_RAW: u8 = 1 << 2;
/// Flag: the value is one of several pieces; ordinal and number of pieces stand before the key.
pub const FLAG_PIECE: u8 = 1 << 3;
const FLAGS_KNOWN: u8 = FLAG_EXPIRY | FLAG_LONG | FLAG_RAW | FLAG_PIECE;

/// Which piece of a value an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its place among the pieces. The piece with ordinal 0 tells the expiry of the key and stands for it in counts.
    pub ordinal: u32,
    /// How many pieces the key has: told by the one with the last ordinal, 0 in the others.
    pub pieces: u32,
}

/// A value as it stands in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string that is an integer.
    Int(i64),
    /// A string.
    Bytes(&'a [u8]),
    /// A list, set, sorted set, hash or stream. Its structure is not checked: see [`value::check`].
    Collection {
        /// The kind byte, one of those in [`value`].
        kind: u8,
        /// The encoded value.
        bytes: &'a [u8],
    },
    /// A kind that this crate does not know.
    Unknown {
        /// The kind byte.
        kind: u8,
        /// The encoded value.
        bytes: &'a [u8],
    },
}

/// One key with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Its value.
    pub value: Value<'a>,
    /// When it expires.
    pub expire_at: Option<UnixMs>,
    /// 24 bits about the last use (LRU clock or LFU counter).
    pub access: u32,
    /// Whether the string is reported as `raw` whatever its length.
    pub raw: bool,
    /// Which piece this is, if the value stands as several entries.
    pub piece: Option<Piece>,
}

impl<'a> Entry<'a> {
    /// Whether the entry stands for its key: it is whole or the first piece.
    pub fn is_first(&self) -> bool {
        self.piece.is_none_or(|piece| piece.ordinal == 0)
    }

    /// The type of the value, `None` if the kind is unknown.
    pub fn value_type(&self) -> Option<Type> {
        match self.value {
            Value::Int(_) | Value::Bytes(_) => Some(Type::String),
            Value::Collection { kind, .. } => Type::of(kind),
            Value::Unknown { .. } => None,
        }
    }

    /// Appends the entry.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let int;
        let (kind, value): (u8, &[u8]) = match self.value {
            Value::Int(number) => {
                int = number.to_le_bytes();
                (KIND_INT, &int)
            }
            Value::Bytes(bytes) => (KIND_STRING, bytes),
            Value::Collection { kind, bytes } | Value::Unknown { kind, bytes } => (kind, bytes),
        };
        let short = u8::try_from(self.key.len())
            .ok()
            .zip(u16::try_from(value.len()).ok());
        let mut flags = 0;
        flags |= if self.expire_at.is_some() {
            FLAG_EXPIRY
        } else {
            0
        };
        flags |= if short.is_none() { FLAG_LONG } else { 0 };
        flags |= if self.raw { FLAG_RAW } else { 0 };
        flags |= if self.piece.is_some() { FLAG_PIECE } else { 0 };
        let (key_length, value_length) = short.unwrap_or((0, 0));
        let [access @ .., _] = self.access.to_le_bytes();

        out.reserve(HEADER_BYTES + 12 + 8 + 8 + self.key.len() + value.len());
        out.push(kind);
        out.push(flags);
        out.extend_from_slice(&access);
        out.push(key_length);
        put_u16(out, value_length);
        if short.is_none() {
            put_u32(
                out,
                u32::try_from(self.key.len()).expect("keys are limited to 512 MiB"),
            );
            put_u64(out, value.len() as u64);
        }
        if let Some(at) = self.expire_at {
            put_i64(out, at.0);
        }
        if let Some(piece) = self.piece {
            put_u32(out, piece.ordinal);
            put_u32(out, piece.pieces);
        }
        out.extend_from_slice(self.key);
        out.extend_from_slice(value);
    }

    /// Reads the entry at the cursor. Borrows; allocates nothing.
    pub fn decode(cursor: &mut Cursor<'a>) -> Result<Entry<'a>, Fault> {
        let [kind, flags, access @ .., key_length, low, high] = cursor.array::<HEADER_BYTES>()?;
        if flags & !FLAGS_KNOWN != 0 {
            return Err(Fault::UnknownFeatures(u64::from(flags & !FLAGS_KNOWN)));
        }
        let (key_length, value_length) = if flags & FLAG_LONG == 0 {
            (
                usize::from(key_length),
                usize::from(u16::from_le_bytes([low, high])),
            )
        } else {
            let key_length = cursor.u32()? as usize;
            (
                key_length,
                usize::try_from(cursor.u64()?).map_err(|_| Fault::Truncated)?,
            )
        };
        let expire_at = if flags & FLAG_EXPIRY == 0 {
            None
        } else {
            Some(UnixMs(cursor.i64()?))
        };
        let piece = if flags & FLAG_PIECE == 0 {
            None
        } else {
            Some(decode_piece(cursor, kind, expire_at)?)
        };
        let key = cursor.take(key_length)?;
        let bytes = cursor.take(value_length)?;
        let value = match kind {
            KIND_INT => {
                Value::Int(i64::from_le_bytes(bytes.try_into().map_err(|_| {
                    Fault::Invalid("an integer value is not 8 bytes long")
                })?))
            }
            KIND_STRING => Value::Bytes(bytes),
            kind if Type::of(kind).is_some() => Value::Collection { kind, bytes },
            kind => Value::Unknown { kind, bytes },
        };
        let [a, b, c] = access;
        let access = u32::from_le_bytes([a, b, c, 0]);
        Ok(Entry {
            key,
            value,
            expire_at,
            access,
            raw: flags & FLAG_RAW != 0,
            piece,
        })
    }
}

fn decode_piece(
    cursor: &mut Cursor<'_>,
    kind: u8,
    expire_at: Option<UnixMs>,
) -> Result<Piece, Fault> {
    let piece = Piece {
        ordinal: cursor.u32()?,
        pieces: cursor.u32()?,
    };
    let last = piece.pieces == 0 || piece.ordinal.checked_add(1) == Some(piece.pieces);
    let known = Type::of(kind).is_some();
    if !last || (known && !value::can_be_piece(kind)) {
        return Err(Fault::Invalid("a piece cannot be what it says"));
    }
    if piece.ordinal != 0 && expire_at.is_some() {
        return Err(Fault::Invalid("only the first piece tells the expiry"));
    }
    Ok(piece)
}

/// Iterates over the entries of a raw block.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Entries<'a> {
    /// The entries in `raw`, the uncompressed content of a block.
    pub fn new(raw: &'a [u8]) -> Entries<'a> {
        Entries {
            cursor: Cursor::new(raw),
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Fault>;

    /// The next entry; after an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.is_empty() {
            return None;
        }
        let entry = Entry::decode(&mut self.cursor);
        if entry.is_err() {
            self.cursor = Cursor::new(&[]);
        }
        Some(entry)
    }
}
