//! Side blocks: images, laid out in the order in which they were queued, one open block for each database.
//!
//! Elements of an opened value are gathered until they make a piece. What turns out to be no longer than a piece stands
//! as a whole value.

use std::collections::BTreeMap;

use esker_format::native::entry::{self as codec, Piece};
use esker_format::native::snapshot::BlockKind;
use esker_format::native::value::{
    KIND_HASH_FIELDS, KIND_SET_MEMBERS, KIND_ZSET_MEMBERS, PIECE_BYTES_AIM, Part,
};

use crate::block::{RawBlock, lay_out_parts, part_of};
use crate::entry::{Entry, Kind};
use crate::hash::hash_key;
use crate::walk::{Image, Opened, pass_rest};

/// See the module's header.
pub struct SideBlocks {
    blocks: Blocks,
    gathering: BTreeMap<u64, Gathering>,
}

/// The open blocks.
struct Blocks {
    hash_seed: u64,
    /// A piece of a value ends when it is so long.
    piece_bytes: usize,
    open: Vec<RawBlock>,
}

/// A large value of which not all elements are laid out.
struct Gathering {
    opened: Opened,
    bytes: Vec<u8>,
    pieces: u32,
}

impl SideBlocks {
    pub fn new(hash_seed: u64) -> SideBlocks {
        Self::with_piece_bytes(hash_seed, PIECE_BYTES_AIM)
    }

    /// With pieces of another length, so that tests need not make values long.
    pub fn with_piece_bytes(hash_seed: u64, piece_bytes: usize) -> SideBlocks {
        SideBlocks {
            blocks: Blocks {
                hash_seed,
                piece_bytes,
                open: Vec::new(),
            },
            gathering: BTreeMap::new(),
        }
    }

    /// Adds an image; hands on the blocks that became full.
    pub fn add(&mut self, image: Image, full: &mut dyn FnMut(RawBlock)) {
        match image {
            Image::Entry { db, entry } => self.blocks.add_entry(db, &entry, full),
            Image::Laid {
                db,
                hash,
                expires,
                bytes,
            } => self
                .blocks
                .add(db, full, |block| block.add_laid(hash, expires, &bytes)),
            Image::Opened(opened) => {
                let gathering = Gathering {
                    opened: *opened,
                    bytes: Vec::new(),
                    pieces: 0,
                };
                self.gathering.insert(gathering.opened.number, gathering);
            }
            Image::Elements { number, bytes } => {
                let gathering = self.gathering.get_mut(&number).expect("the value is open");
                gathering.bytes.extend_from_slice(&bytes);
                if gathering.bytes.len() >= self.blocks.piece_bytes {
                    gathering.put_piece(&mut self.blocks, false, full);
                }
            }
            Image::Rest { number, mut entry } => {
                let mut gathering = self.gathering.remove(&number).expect("the value is open");
                pass_rest(&mut entry, |elements| {
                    gathering.bytes.extend_from_slice(elements);
                    if gathering.bytes.len() >= self.blocks.piece_bytes {
                        gathering.put_piece(&mut self.blocks, false, full);
                    }
                });
                gathering.put_piece(&mut self.blocks, true, full);
            }
            Image::Closed { number } => {
                let mut gathering = self.gathering.remove(&number).expect("the value is open");
                gathering.put_piece(&mut self.blocks, true, full);
            }
        }
    }

    /// The blocks that are not full, at the end.
    pub fn finish(self) -> Vec<RawBlock> {
        assert!(
            self.gathering.is_empty(),
            "a walk ends when every open value is complete"
        );
        self.blocks.open
    }
}

impl Blocks {
    fn add(&mut self, db: u32, full: &mut dyn FnMut(RawBlock), f: impl FnOnce(&mut RawBlock)) {
        let at = match self.open.iter().position(|block| block.db == db) {
            Some(at) => at,
            None => {
                self.open.push(RawBlock::new(BlockKind::Side, db));
                self.open.len() - 1
            }
        };
        f(&mut self.open[at]);
        if self.open[at].is_full() {
            full(self.open.swap_remove(at));
        }
    }

    fn add_entry(&mut self, db: u32, entry: &Entry, full: &mut dyn FnMut(RawBlock)) {
        let hash = hash_key(self.hash_seed, entry.key());
        lay_out_parts(entry, self.piece_bytes, &mut |part| {
            self.add(db, full, |block| block.add_part(hash, &part));
        });
    }
}

impl Gathering {
    fn put_piece(&mut self, blocks: &mut Blocks, last: bool, full: &mut dyn FnMut(RawBlock)) {
        let ordinal = self.pieces;
        self.pieces += 1;
        let piece = Piece {
            ordinal,
            pieces: if last { self.pieces } else { 0 },
        };
        let key = &*self.opened.key;
        let part = Part {
            kind: match self.opened.kind {
                Kind::Set => KIND_SET_MEMBERS,
                Kind::Zset => KIND_ZSET_MEMBERS,
                Kind::Hash => KIND_HASH_FIELDS,
                kind => unreachable!("a {kind:?} is never opened"),
            },
            piece: (ordinal > 0 || !last).then_some(piece),
            bytes: &self.bytes,
        };
        let whole = codec::Entry {
            key,
            value: codec::Value::Int(0),
            expire_at: self.opened.expire_at,
            access: self.opened.access,
            raw: false,
            piece: None,
        };
        let entry = part_of(&whole, part);
        let hash = hash_key(blocks.hash_seed, key);
        blocks.add(self.opened.db, full, |block| block.add_part(hash, &entry));
        self.bytes.clear();
    }
}
