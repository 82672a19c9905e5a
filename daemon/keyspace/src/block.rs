//! Raw snapshot blocks: entries laid out one after another, before compression.
//!
//! A main block is filled under the engine lock by the walk and holds whole segments; a side block is filled
//! outside it from pre-images. Values that are shared ride along by reference while the lock is held and are laid
//! out by [`RawBlock::into_bytes`] outside of it.

use esker_format::native::entry as codec;
use esker_format::native::snapshot::{BLOCK_RAW_BYTES_AIM, BlockKind};

use crate::entry::{Entry, StrRef};
use crate::hash::hash_key;

/// The entries of one block to be.
pub struct RawBlock {
    pub kind: BlockKind,
    /// The database of all its entries, by its number at the cut.
    pub db: u32,
    pub entries: u32,
    pub expires: u32,
    /// Every entry's hash is within `hash_first..=hash_last`; main blocks of a database do not overlap.
    pub hash_first: u64,
    pub hash_last: u64,
    bytes: Vec<u8>,
    /// Entries whose value is shared, laid out last.
    shared: Vec<Entry>,
    shared_bytes: usize,
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
            hash_first: u64::MAX,
            hash_last: 0,
            bytes: Vec::with_capacity(capacity),
            shared: Vec::new(),
            shared_bytes: 0,
        }
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
        self.raw_bytes() >= BLOCK_RAW_BYTES_AIM
    }

    /// Adds a copy of an entry; a shared value is only referred to.
    pub(crate) fn add(&mut self, entry: &Entry) {
        self.count(entry);
        match entry.str() {
            Some(StrRef::Blob(blob)) => {
                self.shared_bytes += blob.len();
                self.shared.push(entry.duplicate());
            }
            _ => encode(entry, &mut self.bytes),
        }
    }

    /// Adds the image of an entry to a side block.
    pub fn add_image(&mut self, image: Image, hash_seed: u64) {
        assert!(image.db == self.db, "a block holds entries of one database");
        let hash = hash_key(hash_seed, image.entry.key());
        self.cover(hash, hash);
        self.count(&image.entry);
        encode(&image.entry, &mut self.bytes);
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
            .map(|entry| Image { db, entry })
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
            encode(entry, &mut bytes);
        }
        bytes
    }
}

/// The state of an entry at the cut, kept because the entry was about to change.
pub struct Image {
    /// The database by its number at the cut.
    pub db: u32,
    pub entry: Entry,
}

/// Lays images out in side blocks, one open block for each database.
pub struct SideBlocks {
    hash_seed: u64,
    open: Vec<RawBlock>,
}

impl SideBlocks {
    pub fn new(hash_seed: u64) -> SideBlocks {
        SideBlocks {
            hash_seed,
            open: Vec::new(),
        }
    }

    /// Adds an image; returns a block that became full.
    pub fn add(&mut self, image: Image) -> Option<RawBlock> {
        let at = match self.open.iter().position(|block| block.db == image.db) {
            Some(at) => at,
            None => {
                self.open.push(RawBlock::new(BlockKind::Side, image.db));
                self.open.len() - 1
            }
        };
        self.open[at].add_image(image, self.hash_seed);
        self.open[at].is_full().then(|| self.open.swap_remove(at))
    }

    /// The blocks that are not full, at the end.
    pub fn finish(self) -> Vec<RawBlock> {
        self.open
    }
}

fn encode(entry: &Entry, out: &mut Vec<u8>) {
    let value = match entry.str().expect("strings are the only kind of value") {
        StrRef::Int(int) => codec::Value::Int(int),
        StrRef::Bytes(bytes) => codec::Value::Bytes(bytes),
        StrRef::Blob(blob) => codec::Value::Bytes(blob),
    };
    let entry = codec::Entry {
        key: entry.key(),
        value,
        expire_at: entry.expire_at(),
        access: entry.access(),
        raw: entry.is_raw(),
        piece: None,
    };
    entry.encode(out);
}
