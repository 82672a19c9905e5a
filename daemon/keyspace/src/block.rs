//! Raw snapshot blocks: entries laid out one after another, before compression.
//!
//! A main block is filled under the engine lock by the walk and holds whole segments; a side block is filled
//! outside it from images (`side`). Values that are shared ride along by reference while the lock is held and are laid
//! out by [`RawBlock::into_bytes`] outside of it.

use esker_format::native::entry as codec;
use esker_format::native::snapshot::{BLOCK_RAW_BYTES_AIM, BlockKind};
use esker_format::native::value::{Part, ValueWriter};

use crate::entry::{Entry, StrRef};
use crate::walk::Image;

/// The entries of one block to be.
pub struct RawBlock {
    pub kind: BlockKind,
    /// The database of all its entries, by its number at the cut.
    pub db: u32,
    pub entries: u32,
    pub expires: u32,
    /// Entries that are further pieces of a key.
    pub continued: u32,
    /// Every entry's hash is within `hash_first..=hash_last`; main blocks of a database do not overlap.
    pub hash_first: u64,
    pub hash_last: u64,
    bytes: Vec<u8>,
    /// Entries whose value is shared, laid out last.
    shared: Vec<Entry>,
    shared_bytes: usize,
    /// The raw length at which it is large enough.
    bytes_aim: usize,
}

/// Room beyond the aim that a main block gets at once: its last segment and its last value.
const MAIN_BLOCK_SLACK: usize = 64 << 10;

impl RawBlock {
    /// A main block gets its memory here, outside of the engine lock.
    pub fn new(kind: BlockKind, db: u32) -> RawBlock {
        let capacity = match kind {
            BlockKind::Main => BLOCK_RAW_BYTES_AIM + MAIN_BLOCK_SLACK,
            _ => 0,
        };
        RawBlock {
            kind,
            db,
            entries: 0,
            expires: 0,
            continued: 0,
            hash_first: u64::MAX,
            hash_last: 0,
            bytes: Vec::with_capacity(capacity),
            shared: Vec::new(),
            shared_bytes: 0,
            bytes_aim: BLOCK_RAW_BYTES_AIM,
        }
    }

    /// Another length than [`BLOCK_RAW_BYTES_AIM`] at which the block is large enough.
    pub fn with_aim(mut self, bytes: usize) -> RawBlock {
        self.bytes_aim = bytes;
        self
    }

    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Turns an empty main block to another database.
    pub(crate) fn turn_to(&mut self, db: u32) {
        assert!(self.is_empty(), "a block holds entries of one database");
        (self.db, self.hash_first, self.hash_last) = (db, u64::MAX, 0);
    }

    /// The length of the block's bytes, as far as they are known.
    pub fn raw_bytes(&self) -> usize {
        self.bytes.len() + self.shared_bytes
    }

    /// Bytes copied into it so far, without what is only referred to.
    pub(crate) fn copied_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the block is as large as blocks are meant to be.
    pub fn is_full(&self) -> bool {
        self.raw_bytes() >= self.bytes_aim
    }

    /// Whether the block is larger than it should be.
    pub(crate) fn is_overfull(&self) -> bool {
        self.raw_bytes() >= 2 * BLOCK_RAW_BYTES_AIM
    }

    /// Keys that the block stands for.
    pub fn keys(&self) -> u64 {
        u64::from(self.entries - self.continued)
    }

    /// Adds a copy of an entry; a shared value is only referred to.
    pub(crate) fn add(&mut self, entry: &Entry) {
        self.count(entry);
        match entry.str() {
            Some(StrRef::Blob(blob)) => {
                self.shared_bytes += blob.len();
                self.shared.push(entry.duplicate());
            }
            _ => lay_out(entry, &mut self.bytes),
        }
    }

    /// Adds an entry to a side block.
    pub(crate) fn add_laid(&mut self, hash: u64, expires: bool, bytes: &[u8]) {
        self.cover(hash, hash);
        self.entries += 1;
        self.expires += u32::from(expires);
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds an entry, or a piece of one, to a side block.
    pub(crate) fn add_part(&mut self, hash: u64, part: &codec::Entry<'_>) {
        self.cover(hash, hash);
        self.entries += 1;
        self.expires += u32::from(part.expire_at.is_some());
        self.continued += u32::from(!part.is_first());
        part.encode(&mut self.bytes);
    }

    pub(crate) fn cover(&mut self, first: u64, last: u64) {
        self.hash_first = self.hash_first.min(first);
        self.hash_last = self.hash_last.max(last);
    }

    fn count(&mut self, entry: &Entry) {
        self.entries += 1;
        self.expires += u32::from(entry.has_expiry());
    }

    /// Takes the entries with shared values out again. A segment of very long values would make a block that no
    /// reader wants to hold in memory, so its writer spreads them over side blocks.
    pub fn take_shared(&mut self) -> Vec<Image> {
        let db = self.db;
        self.shared_bytes = 0;
        let shared = std::mem::take(&mut self.shared);
        self.entries -= shared.len() as u32;
        self.expires -= shared.iter().filter(|entry| entry.has_expiry()).count() as u32;
        shared
            .into_iter()
            .map(|entry| Image::Entry { db, entry })
            .collect()
    }

    /// The bytes of all entries. Copies shared values: not under the engine lock.
    pub fn into_bytes(self) -> Vec<u8> {
        let RawBlock {
            mut bytes,
            shared,
            shared_bytes,
            ..
        } = self;
        bytes.reserve(shared_bytes);
        for entry in &shared {
            lay_out(entry, &mut bytes);
        }
        bytes
    }
}

/// Appends an entry as it stands in a block, whole.
pub(crate) fn lay_out(entry: &Entry, out: &mut Vec<u8>) {
    lay_out_parts(entry, usize::MAX, &mut |laid| laid.encode(out));
}

/// Hands on an entry as it stands in a block: whole, or as pieces if its value is a long collection.
pub(crate) fn lay_out_parts(
    entry: &Entry,
    piece_bytes: usize,
    sink: &mut dyn FnMut(codec::Entry<'_>),
) {
    let laid = codec::Entry {
        key: entry.key(),
        value: codec::Value::Int(0),
        expire_at: entry.expire_at(),
        access: entry.access(),
        raw: entry.is_raw(),
        piece: None,
    };
    let value = match entry.str() {
        Some(StrRef::Int(int)) => codec::Value::Int(int),
        Some(StrRef::Bytes(bytes)) => codec::Value::Bytes(bytes),
        Some(StrRef::Blob(blob)) => codec::Value::Bytes(blob),
        None => {
            let value = entry.value().expect("what is no string is a collection");
            let mut sink = |part: Part<'_>| sink(part_of(&laid, part));
            let mut out = ValueWriter::with_piece_bytes(piece_bytes, &mut sink);
            value.encode(&mut out);
            out.finish();
            return;
        }
    };
    sink(codec::Entry { value, ..laid });
}

/// The part of a value as an entry. Only the first one tells the expiry.
pub(crate) fn part_of<'a>(whole: &codec::Entry<'a>, part: Part<'a>) -> codec::Entry<'a> {
    let first = part.piece.is_none_or(|piece| piece.ordinal == 0);
    codec::Entry {
        value: codec::Value::Collection {
            kind: part.kind,
            bytes: part.bytes,
        },
        expire_at: whole.expire_at.filter(|_| first),
        piece: part.piece,
        ..*whole
    }
}
