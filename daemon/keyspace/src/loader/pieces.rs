//! Values whose pieces have not all come.
//!
//! Pieces come in any order. Sets, sorted sets and hashes take them as they come; lists and streams take them in the
//! order of their ordinals, and those that are early wait.

use std::collections::BTreeMap;

use esker_format::UnixMs;
use esker_format::native::entry::{Entry as LaidEntry, Piece};
use esker_format::native::value::Type;

use super::LoadError;
use crate::entry::{Entry, Kind};
use crate::limits::Limits;
use crate::value::Value;

/// A piece as it stands in its block.
pub(super) struct DecodedPiece {
    hash: u64,
    key: Box<[u8]>,
    piece: Piece,
    expire_at: Option<UnixMs>,
    access: u32,
    kind: u8,
    bytes: Box<[u8]>,
}

impl DecodedPiece {
    pub(super) fn new(
        hash: u64,
        item: &LaidEntry<'_>,
        piece: Piece,
        kind: u8,
        bytes: &[u8],
    ) -> DecodedPiece {
        DecodedPiece {
            hash,
            key: item.key.into(),
            piece,
            expire_at: item.expire_at,
            access: item.access,
            kind,
            bytes: bytes.into(),
        }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }
}

/// See the module's header.
#[derive(Default)]
pub(crate) struct Pieces {
    values: BTreeMap<(u32, Box<[u8]>), Partial>,
}

/// A value as far as its pieces have come.
#[derive(Default)]
struct Partial {
    value: Option<Value>,
    /// The ordinals of the pieces that have come, as runs: first and behind the last.
    seen: BTreeMap<u32, u32>,
    /// How many have come.
    count: u32,
    /// How many have been added to the value.
    added: u32,
    /// How many there are; 0 until the last one has come.
    pieces: u32,
    expire_at: Option<UnixMs>,
    access: u32,
    /// Pieces of a list or stream whose turn it is not.
    early: BTreeMap<u32, (u8, Box<[u8]>)>,
}

impl Pieces {
    /// Adds a piece; returns the entry that it completes.
    pub(super) fn add(
        &mut self,
        db: u32,
        piece: DecodedPiece,
        limits: &Limits,
    ) -> Result<Option<Entry>, LoadError> {
        let place = (db, piece.key.clone());
        let partial = self.values.entry(place.clone()).or_default();
        partial.add(piece, limits)?;
        if partial.count != partial.pieces {
            return Ok(None);
        }
        let partial = self.values.remove(&place).expect("it is there");
        partial.finish(&place.1).map(Some)
    }

    /// What never became whole.
    pub(super) fn into_incomplete(self) -> Vec<(u32, Box<[u8]>)> {
        self.values.into_keys().collect()
    }

    /// What never became whole, with what is there of it.
    pub(super) fn into_partial(self) -> impl Iterator<Item = ((u32, Box<[u8]>), Option<Entry>)> {
        self.values.into_iter().map(|(place, mut partial)| {
            let entry = partial
                .join_early()
                .and_then(|()| partial.finish(&place.1))
                .ok();
            (place, entry)
        })
    }
}

impl Partial {
    fn add(&mut self, piece: DecodedPiece, limits: &Limits) -> Result<(), LoadError> {
        let Piece { ordinal, pieces } = piece.piece;
        if !self.note(ordinal) || (self.pieces != 0 && pieces != 0) {
            return Err(LoadError::Pieces(piece.key));
        }
        self.count += 1;
        self.pieces = self.pieces.max(pieces);
        let behind = self.seen.last_key_value().map_or(0, |(_, end)| *end);
        if self.pieces != 0 && behind > self.pieces {
            return Err(LoadError::Pieces(piece.key));
        }
        self.access = piece.access;
        if ordinal == 0 {
            self.expire_at = piece.expire_at;
        }
        if !is_ordered(piece.kind) {
            return self.put(piece.kind, &piece.bytes, &piece.key, limits);
        }
        self.early.insert(ordinal, (piece.kind, piece.bytes));
        while let Some((kind, bytes)) = self.early.remove(&self.added) {
            self.put(kind, &bytes, &piece.key, limits)?;
        }
        Ok(())
    }

    /// Adds what is there behind a gap. A stream is nothing without its first piece.
    fn join_early(&mut self) -> Result<(), LoadError> {
        let limits = Limits::default();
        for (_, (kind, bytes)) in std::mem::take(&mut self.early) {
            if self.value.is_none() && Type::of(kind) == Some(Type::Stream) {
                return Err(LoadError::Pieces(Box::default()));
            }
            self.put(kind, &bytes, b"", &limits)?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        kind: u8,
        bytes: &[u8],
        key: &[u8],
        limits: &Limits,
    ) -> Result<(), LoadError> {
        self.added += 1;
        match &mut self.value {
            Some(value) if Type::of(kind) == Some(type_of(value.kind())) => {
                value.add_piece(kind, bytes)
            }
            Some(_) => return Err(LoadError::Pieces(key.into())),
            None => Value::decode(kind, bytes, limits).map(|value| self.value = Some(value)),
        }
        .map_err(LoadError::Fault)
    }

    /// Notes that a piece has come; false if it had come before.
    fn note(&mut self, ordinal: u32) -> bool {
        let Some(behind) = ordinal.checked_add(1) else {
            return false;
        };
        let before = self.seen.range(..=ordinal).next_back();
        let start = match before.map(|(start, end)| (*start, *end)) {
            Some((_, end)) if end > ordinal => return false,
            Some((start, end)) if end == ordinal => start,
            _ => ordinal,
        };
        let end = self.seen.remove(&behind).unwrap_or(behind);
        self.seen.insert(start, end);
        true
    }

    fn finish(self, key: &[u8]) -> Result<Entry, LoadError> {
        let Some(mut value) = self.value.filter(|_| self.early.is_empty()) else {
            return Err(LoadError::Pieces(key.into()));
        };
        value.loaded().map_err(LoadError::Fault)?;
        let entry = Entry::collection(key, value, self.expire_at);
        entry.set_access(self.access);
        Ok(entry)
    }
}

fn is_ordered(kind: u8) -> bool {
    matches!(Type::of(kind), Some(Type::List | Type::Stream))
}

fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::String => Type::String,
        Kind::List => Type::List,
        Kind::Set => Type::Set,
        Kind::Zset => Type::Zset,
        Kind::Hash => Type::Hash,
        Kind::Stream => Type::Stream,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_comes_once() {
        let mut partial = Partial::default();
        for ordinal in [3, 0, 1, 7, 2, 5, 6] {
            assert!(partial.note(ordinal));
            assert!(!partial.note(ordinal));
        }
        assert!(!partial.note(u32::MAX));
        assert_eq!(partial.seen, BTreeMap::from([(0, 4), (5, 8)]));
    }
}
