//! Values on their way into an entry and out of it.

use std::sync::Arc;

use super::shape::{ENCODING_BLOB, ENCODING_BOXED, ENCODING_INLINE, ENCODING_INT};

/// Longest string that lives inside the entry; longer ones are shared blobs, so that replies and snapshots take a
/// reference instead of a copy. Copying this much costs about as much as the two allocations of a blob.
pub const INLINE_MAX: usize = 1024;

/// A string value as stored.
#[derive(Clone, Copy, Debug)]
pub enum StrRef<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    Blob(&'a Arc<Vec<u8>>),
}

/// A string value to store. `Bytes` beyond [`INLINE_MAX`] are copied into a blob, a `Blob` up to it becomes inline.
#[derive(Clone, Debug)]
pub enum StrInput<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    Blob(Arc<Vec<u8>>),
}

impl<'a> StrInput<'a> {
    /// `Int` when `bytes` is exactly how an `i64` is printed, else `Bytes`.
    pub fn parse(bytes: &'a [u8]) -> Self {
        parse_canonical(bytes).map_or(StrInput::Bytes(bytes), StrInput::Int)
    }
}

fn parse_canonical(bytes: &[u8]) -> Option<i64> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let canonical = match digits {
        [b'0'] => digits.len() == bytes.len(),
        [b'1'..=b'9', ..] => digits.len() <= 19,
        _ => false,
    };
    if !canonical {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// A value on its way into an allocation.
pub(super) enum Stored<'a> {
    Inline(&'a [u8]),
    Int(i64),
    Blob(Arc<Vec<u8>>),
    /// A collection's word, which the entry owns from then on.
    Boxed(u64),
}

impl Stored<'_> {
    pub(super) fn encoding(&self) -> u64 {
        match self {
            Stored::Inline(_) => ENCODING_INLINE,
            Stored::Int(_) => ENCODING_INT,
            Stored::Blob(_) => ENCODING_BLOB,
            Stored::Boxed(_) => ENCODING_BOXED,
        }
    }

    pub(super) fn inline_len(&self) -> usize {
        match self {
            Stored::Inline(bytes) => bytes.len(),
            Stored::Int(_) | Stored::Blob(_) | Stored::Boxed(_) => 0,
        }
    }
}
