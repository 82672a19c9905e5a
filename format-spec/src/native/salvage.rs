//! What can still be read of a damaged snapshot.
//!
//! Damage costs one block: every block is checked by itself, and its header stands twice. So a broken index is made up
//! for by the headers before the blocks, a broken block header by its copy in the index, and one wrong byte in the file
//! header by trying which one it is. What remains is a list of sound blocks and a list of what is lost.
//!
//! Nothing is kept that a checksum does not vouch for, and no part of a block whose checksum is wrong. Of a value in
//! pieces, the pieces that are sound are kept, and the key is named; a stream without its first piece is given up.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::audit::{KeyHash, check_entries};
use super::entry::{Entries, Piece};
use super::snapshot::{
    BLOCK_HEADER_BYTES, BLOCK_MAGIC, BlockEncoder, BlockHeader, BlockKind, BlockRef,
    DATABASE_BYTES, DatabaseTotals, HEADER_BYTES, INDEX_HEADER_BYTES, INDEX_MAGIC, SnapshotHeader,
    SnapshotIndex, decode_block, encode_index,
};
use super::value::Type;
use crate::crc::Seed;
use crate::cursor::Fault;

/// Blocks and index entries start at multiples of this.
const ALIGN: usize = 8;

/// A snapshot as far as it is sound.
#[derive(Debug)]
pub struct Salvaged {
    /// The header, mended if need be.
    pub header: SnapshotHeader,
    /// The sound blocks, in the order of the file.
    pub blocks: Vec<BlockRef>,
    /// What is lost, in the order of the file.
    pub lost: Vec<LostBlock>,
    /// Keys of which pieces are lost, by database and name.
    pub partial: Vec<PartialKey>,
    /// Damage that costs no data: offset and what.
    pub mended: Vec<(u64, String)>,
}

/// A key of which not all pieces are sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialKey {
    /// Its database.
    pub db: u32,
    /// The key.
    pub key: Vec<u8>,
    /// The ordinals of the pieces that are there, rising.
    pub pieces: Vec<u32>,
    /// Whether what is there is of use: not if it is a stream without its first piece.
    pub kept: bool,
}

/// The zstd level of blocks that are written anew.
const ZSTD_LEVEL: i32 = 1;

/// A block, or a stretch of the file with blocks that nothing is known of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostBlock {
    /// Where it starts in the file.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// Its database, if that is known.
    pub db: Option<u32>,
    /// The range of key hashes, if that is known. Keys of this range may survive in side blocks.
    pub hashes: Option<(u64, u64)>,
    /// How many keys it held.
    pub keys: u64,
    /// Whether `keys` is estimated from the blocks around it.
    pub estimated: bool,
    /// What is wrong with it.
    pub fault: String,
}

/// Reads what is sound in `file`. `known` is a header to use if that of the file cannot be mended. Fails if there is no
/// header to go by, or if the file needs a newer reader.
pub fn salvage(
    file: &[u8],
    known: Option<SnapshotHeader>,
    key_hash: KeyHash,
) -> Result<Salvaged, Fault> {
    let mut mended = Vec::new();
    let header = header_of(file, known, &mut mended)?;
    let (found, data_end) = match SnapshotIndex::open_behind(header, file) {
        Ok(index) => (index.blocks, index.footer.index_offset),
        Err((offset, fault)) => {
            mended.push((offset, format!("{fault}; the blocks speak for themselves")));
            scan(file, header.seed())
        }
    };
    let mut salvage = Sorting {
        file,
        header,
        key_hash,
        blocks: Vec::new(),
        lost: Vec::new(),
        mended,
    };
    salvage.sort(&found, data_end);
    salvage.estimate();
    let mut salvaged = Salvaged {
        header,
        blocks: salvage.blocks,
        lost: salvage.lost,
        partial: Vec::new(),
        mended: salvage.mended,
    };
    if !salvaged.lost.is_empty() {
        salvaged.partial = salvaged.find_partial(file)?;
    }
    Ok(salvaged)
}

fn header_of(
    file: &[u8],
    known: Option<SnapshotHeader>,
    mended: &mut Vec<(u64, String)>,
) -> Result<SnapshotHeader, Fault> {
    let fault = match SnapshotHeader::decode(file) {
        Ok(header) => return Ok(header),
        Err(fault @ (Fault::UnknownVersion(_) | Fault::UnknownFeatures(_))) => return Err(fault),
        Err(fault) => fault,
    };
    if let Some((offset, header)) = mend_header(file) {
        let what = format!("{fault}; the header is right with one byte changed");
        mended.push((offset as u64, what));
        return Ok(header);
    }
    let header = known.ok_or_else(|| fault.clone())?;
    mended.push((0, format!("{fault}; the manifest says what it was")));
    Ok(header)
}

/// The header with the one byte changed that makes its checksum right.
fn mend_header(file: &[u8]) -> Option<(usize, SnapshotHeader)> {
    let as_found: &[u8; HEADER_BYTES] = file.first_chunk()?;
    (0..HEADER_BYTES).find_map(|at| {
        let mut bytes = *as_found;
        (0..=u8::MAX).find_map(|value| {
            *bytes.get_mut(at)? = value;
            Some((at, SnapshotHeader::decode(&bytes).ok()?))
        })
    })
}

/// Every block of which a header can be read, before the block or in the index, and where the blocks end.
fn scan(file: &[u8], seed: Seed) -> (Vec<BlockRef>, u64) {
    let mut found = BTreeMap::new();
    let mut index_at = None;
    let (steps, _) = file.as_chunks::<ALIGN>();
    for (step, start) in steps.iter().enumerate().skip(HEADER_BYTES / ALIGN) {
        let at = step * ALIGN;
        if *start == INDEX_MAGIC && index_at.is_none_or(|index| index < at) {
            index_at = Some(at);
        }
        if !start.starts_with(&BLOCK_MAGIC) {
            continue;
        }
        let bytes = file.get(at..).unwrap_or_default();
        if let Ok(header) = BlockHeader::decode(bytes, seed, at as u64) {
            found.insert(at as u64, header);
            continue;
        }
        let before = steps.get(step - 1).map(|bytes| u64::from_le_bytes(*bytes));
        if let Some((offset, header)) =
            before.and_then(|offset| Some((offset, BlockHeader::decode(bytes, seed, offset).ok()?)))
        {
            found.insert(offset, header);
            let fixed = ALIGN + INDEX_HEADER_BYTES + DATABASE_BYTES;
            index_at = index_at.or(at.checked_sub(fixed));
        }
    }
    let blocks_end = found
        .iter()
        .map(|(offset, header)| offset.saturating_add(header.block_bytes()))
        .max();
    let end = (index_at.unwrap_or(file.len()) as u64).max(blocks_end.unwrap_or(0));
    let blocks = found
        .into_iter()
        .map(|(offset, header)| BlockRef { offset, header });
    (blocks.collect(), end.min(file.len() as u64))
}

struct Sorting<'a> {
    file: &'a [u8],
    header: SnapshotHeader,
    key_hash: KeyHash,
    blocks: Vec<BlockRef>,
    lost: Vec<LostBlock>,
    mended: Vec<(u64, String)>,
}

impl Sorting<'_> {
    /// Sorts blocks into sound and lost; what lies between them is lost, too.
    fn sort(&mut self, found: &[BlockRef], data_end: u64) {
        let mut at = HEADER_BYTES as u64;
        for block in found {
            if block.offset < at {
                // Inside of a sound block: bytes that only look like a header.
                continue;
            }
            match self.check(block) {
                Ok(()) => {
                    self.lose_stretch(at, block.offset);
                    self.blocks.push(*block);
                }
                Err(fault) => {
                    self.lose_stretch(at, block.offset);
                    self.lose_block(block, &fault);
                }
            }
            at = block.offset.saturating_add(block.header.block_bytes());
        }
        self.lose_stretch(at, data_end);
    }

    /// Checks a block by the header at hand, wherever that was read.
    fn check(&mut self, block: &BlockRef) -> Result<(), Fault> {
        let seed = self.header.seed();
        let bytes = usize::try_from(block.offset)
            .ok()
            .and_then(|offset| self.file.get(offset..))
            .ok_or(Fault::Truncated)?;
        let stored = bytes
            .get(BLOCK_HEADER_BYTES..)
            .and_then(|body| body.get(..block.header.stored_bytes as usize))
            .ok_or(Fault::Truncated)?;
        let raw = decode_block(&block.header, seed, stored)?;
        check_entries(
            &raw,
            &block.header,
            self.header.hash_seed,
            Some(self.key_hash),
        )?;
        if BlockHeader::decode(bytes, seed, block.offset).as_ref() != Ok(&block.header) {
            let what = "a block header is damaged; its copy in the index counts";
            self.mended.push((block.offset, what.to_owned()));
        }
        Ok(())
    }

    fn lose_block(&mut self, block: &BlockRef, fault: &Fault) {
        let header = &block.header;
        self.lost.push(LostBlock {
            offset: block.offset,
            bytes: header.block_bytes(),
            db: Some(header.db),
            hashes: Some((header.hash_first, header.hash_last)),
            keys: header.keys(),
            estimated: false,
            fault: fault.to_string(),
        });
    }

    /// Nothing is known about `from..to`.
    fn lose_stretch(&mut self, from: u64, to: u64) {
        if from < to {
            self.lost.push(LostBlock {
                offset: from,
                bytes: to - from,
                db: None,
                hashes: None,
                keys: 0,
                estimated: true,
                fault: "no block header can be read".to_owned(),
            });
        }
    }

    /// Says what can be said about stretches without a header: they hold as much as the rest, and lie between
    /// their neighbours.
    fn estimate(&mut self) {
        let main = |block: &&BlockRef| block.header.kind == BlockKind::Main;
        let bytes: u64 = self
            .blocks
            .iter()
            .map(|block| block.header.block_bytes())
            .sum();
        let keys: u64 = self.blocks.iter().map(|block| block.header.keys()).sum();
        for lost in self.lost.iter_mut().filter(|lost| lost.estimated) {
            let share = u128::from(lost.bytes) * u128::from(keys) / u128::from(bytes.max(1));
            lost.keys = u64::try_from(share).unwrap_or(u64::MAX);
            let before = self
                .blocks
                .iter()
                .filter(main)
                .rfind(|block| block.offset < lost.offset);
            let after = self
                .blocks
                .iter()
                .filter(main)
                .find(|block| block.offset > lost.offset);
            if let (Some(before), Some(after)) = (before, after)
                && before.header.db == after.header.db
            {
                lost.db = Some(before.header.db);
                lost.hashes = Some((
                    before.header.hash_last.saturating_add(1),
                    after.header.hash_first.saturating_sub(1),
                ));
            }
        }
    }
}

impl Salvaged {
    /// The raw bytes of a sound block of `file`.
    pub fn block(&self, file: &[u8], block: &BlockRef) -> Result<Vec<u8>, Fault> {
        decode_block(&block.header, self.header.seed(), stored(file, block)?)
    }

    /// Keys in the sound blocks.
    pub fn keys(&self) -> u64 {
        let is_headless =
            |partial: &&PartialKey| partial.kept && partial.pieces.first() != Some(&0);
        let headless = self.partial.iter().filter(is_headless).count();
        self.blocks
            .iter()
            .filter(|block| is_data(block))
            .map(|block| block.header.keys())
            .sum::<u64>()
            + headless as u64
    }

    /// The partial key that this is.
    fn partial(&self, db: u32, key: &[u8]) -> Option<&PartialKey> {
        let place = |partial: &PartialKey| (partial.db, partial.key.as_slice()).cmp(&(db, key));
        let at = self.partial.binary_search_by(place).ok()?;
        self.partial.get(at)
    }

    /// Keys whose sound pieces are not all that there were.
    fn find_partial(&self, file: &[u8]) -> Result<Vec<PartialKey>, Fault> {
        let mut found = BTreeMap::<(u32, Vec<u8>), (PartialKey, u32)>::new();
        for block in self.blocks.iter().filter(|block| is_data(block)) {
            let (raw, db) = (self.block(file, block)?, block.header.db);
            for entry in Entries::new(&raw) {
                let entry = entry?;
                let Some(piece) = entry.piece else { continue };
                let (partial, pieces) =
                    found.entry((db, entry.key.to_vec())).or_insert_with(|| {
                        let partial = PartialKey {
                            db,
                            key: entry.key.to_vec(),
                            pieces: Vec::new(),
                            kept: entry.value_type() != Some(Type::Stream),
                        };
                        (partial, 0)
                    });
                partial.kept |= piece.ordinal == 0;
                partial.pieces.push(piece.ordinal);
                *pieces = piece.pieces.max(*pieces);
            }
        }
        let missing = found
            .into_values()
            .filter(|(partial, pieces)| partial.pieces.len() as u64 != u64::from(*pieces));
        Ok(missing
            .map(|(mut partial, _)| {
                partial.pieces.sort_unstable();
                partial
            })
            .collect())
    }

    /// The entries of a block, if pieces of partial keys are among them: with these numbered anew, so that what is
    /// there is whole.
    fn renumbered(&self, block: &BlockRef, raw: &[u8]) -> Result<Option<Renumbered>, Fault> {
        let mut header = BlockHeader {
            entries: 0,
            expires: 0,
            continued: 0,
            ..block.header
        };
        let (mut out, mut changed) = (Vec::with_capacity(raw.len()), false);
        for entry in Entries::new(raw) {
            let mut entry = entry?;
            let partial = self.partial(header.db, entry.key);
            if let (Some(piece), Some(partial)) = (entry.piece, partial) {
                changed = true;
                let place = partial.pieces.binary_search(&piece.ordinal);
                let (true, Ok(place)) = (partial.kept, place) else {
                    continue;
                };
                let last = place + 1 == partial.pieces.len();
                let pieces = if last { place as u32 + 1 } else { 0 };
                entry.piece = Some(Piece {
                    ordinal: place as u32,
                    pieces,
                });
            }
            header.entries += 1;
            header.expires += u32::from(entry.expire_at.is_some());
            header.continued += u32::from(!entry.is_first());
            entry.encode(&mut out);
        }
        Ok(changed.then_some(Renumbered { header, raw: out }))
    }

    /// Writes a sound snapshot that holds the sound blocks of `file`. Blocks are copied, not compressed again, unless
    /// they hold pieces of partial keys.
    pub fn write(&self, file: &[u8], out: &mut impl Write) -> io::Result<()> {
        let seed = self.header.seed();
        let mut bytes = Vec::new();
        self.header.encode(&mut bytes);
        out.write_all(&bytes)?;
        let mut offset = bytes.len() as u64;
        let mut blocks = Vec::with_capacity(self.blocks.len());
        let mut totals = BTreeMap::new();
        for block in &self.blocks {
            bytes.clear();
            let header = self
                .copy_block(file, block, offset, &mut bytes)
                .map_err(io::Error::other)?;
            out.write_all(&bytes)?;
            blocks.push(BlockRef { offset, header });
            offset += bytes.len() as u64;
            if is_data(block) {
                let (db, keys, expires) = (header.db, 0, 0);
                let total = totals
                    .entry(db)
                    .or_insert(DatabaseTotals { db, keys, expires });
                total.keys += header.keys();
                total.expires += u64::from(header.expires);
            }
        }
        bytes.clear();
        let totals: Vec<DatabaseTotals> = totals.into_values().collect();
        encode_index(seed, offset, &blocks, &totals, &mut bytes);
        out.write_all(&bytes)
    }

    /// Appends a sound block as it is to stand at `offset`; returns its header.
    fn copy_block(
        &self,
        file: &[u8],
        block: &BlockRef,
        offset: u64,
        out: &mut Vec<u8>,
    ) -> Result<BlockHeader, Fault> {
        let seed = self.header.seed();
        if !self.partial.is_empty() && is_data(block) {
            let raw = self.block(file, block)?;
            if let Some(Renumbered { header, raw }) = self.renumbered(block, &raw)? {
                let mut encoder = BlockEncoder::new(Some(ZSTD_LEVEL));
                return Ok(encoder.encode(&header, seed, offset, &raw, out).header);
            }
        }
        block.header.encode(seed, offset, out);
        out.extend_from_slice(stored(file, block)?);
        out.resize(out.len().next_multiple_of(ALIGN), 0);
        Ok(block.header)
    }
}

/// A block whose entries were changed.
struct Renumbered {
    header: BlockHeader,
    raw: Vec<u8>,
}

fn is_data(block: &BlockRef) -> bool {
    matches!(block.header.kind, BlockKind::Main | BlockKind::Side)
}

fn stored<'a>(file: &'a [u8], block: &BlockRef) -> Result<&'a [u8], Fault> {
    usize::try_from(block.offset)
        .ok()
        .and_then(|offset| file.get(offset..)?.get(BLOCK_HEADER_BYTES..))
        .and_then(|body| body.get(..block.header.stored_bytes as usize))
        .ok_or(Fault::Truncated)
}
