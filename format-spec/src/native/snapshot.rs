//! Snapshots: header, blocks, index, footer. Layout: `format-spec/native/snapshot.md`.
//!
//! ```text
//! header 128 | block | block | … | index | footer 64
//! block = header 64 | stored bytes, padded to 8
//! index = database totals, then for every block {offset, its header once more}
//! ```
//!
//! Main blocks of a database hold disjoint, rising ranges of key hashes; side blocks hold keys in any order.
//! Every key is in exactly one block, unless its value stands in pieces. Block headers stand twice, before the block and in the index, so that a
//! tool can salvage blocks when the index is lost and find them when a header is damaged.

use std::collections::BTreeMap;

use crate::crc::Seed;
use crate::cursor::{Cursor, Fault, put_i64, put_u16, put_u32, put_u64, put_zeros};
use crate::{DatasetId, Lsn, UnixMs};

/// The first eight bytes of every snapshot.
pub const MAGIC: [u8; 8] = *b"ESKERSNP";
/// The layout version that this crate writes.
pub const VERSION: u32 = 1;
/// Size of the file header; the first block starts here.
pub const HEADER_BYTES: usize = 128;
/// The first four bytes of every block header.
pub const BLOCK_MAGIC: [u8; 4] = *b"EsKb";
/// Size of a block header.
pub const BLOCK_HEADER_BYTES: usize = 64;
/// The first eight bytes of the index.
pub const INDEX_MAGIC: [u8; 8] = *b"ESKERIDX";
/// Size of the fixed part of the index.
pub const INDEX_HEADER_BYTES: usize = 16;
/// Size of the totals of one database in the index.
pub const DATABASE_BYTES: usize = 24;
/// Size of one block in the index.
pub const INDEX_ENTRY_BYTES: usize = 8 + BLOCK_HEADER_BYTES;
/// The first eight bytes of the footer.
pub const FOOTER_MAGIC: [u8; 8] = *b"ESKEREND";
/// Size of the footer.
pub const FOOTER_BYTES: usize = 64;
/// How many raw bytes a writer gathers into a block.
pub const BLOCK_RAW_BYTES_AIM: usize = 256 << 10;
/// Incompatible feature: entries of collections and pieces of values, counted in block headers.
pub const INCOMPAT_COLLECTIONS: u64 = 1 << 0;
/// Incompatible features that this crate knows.
pub const INCOMPAT_KNOWN: u64 = INCOMPAT_COLLECTIONS;
/// The key hash: XXH3 with a 64-bit seed.
pub const HASH_XXH3_64: u32 = 1;

/// The header of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// Features that an older reader may ignore.
    pub compat: u64,
    /// Features that a reader must know.
    pub incompat: u64,
    /// The dataset.
    pub dataset: DatasetId,
    /// The snapshot's number, as in the file name.
    pub number: u64,
    /// The timeline at the cut.
    pub timeline: u32,
    /// How many databases the store had.
    pub databases: u32,
    /// The snapshot holds every effect below this position and none above.
    pub cut_lsn: Lsn,
    /// The replication offset at the cut.
    pub replication_offset: u64,
    /// Sequence number of the last frame before the cut.
    pub sequence: u64,
    /// The seed of the key hash.
    pub hash_seed: u64,
    /// When it was cut.
    pub cut_at: UnixMs,
}

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockKind {
    /// Entries whose hashes are in the block's range, which no other main block of the database shares.
    Main,
    /// Entries in any order: images of keys that were changed before the walk reached them.
    Side,
    /// The source of one function library.
    Functions,
    /// Unknown to this version.
    Other(u8),
}

/// How the bytes of a block are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// As they are.
    Stored,
    /// As one zstd frame.
    Zstd,
}

/// The header of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// What the block holds.
    pub kind: BlockKind,
    /// How it is stored.
    pub codec: Codec,
    /// The database of all its entries, by its number at the cut.
    pub db: u32,
    /// How many entries.
    pub entries: u32,
    /// How many of them expire.
    pub expires: u32,
    /// How many of them are further pieces of a key: not its first.
    pub continued: u32,
    /// Length of the raw bytes.
    pub raw_bytes: u32,
    /// Length of the stored bytes, without padding.
    pub stored_bytes: u32,
    /// The smallest key hash that may be in the block.
    pub hash_first: u64,
    /// The largest key hash that may be in the block.
    pub hash_last: u64,
    /// Checksum of the stored bytes. Filled in by [`BlockEncoder::encode`].
    pub stored_crc: u32,
}

/// A block in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRef {
    /// Where its header stands.
    pub offset: u64,
    /// The header.
    pub header: BlockHeader,
}

/// Totals of one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseTotals {
    /// The database, by its number at the cut.
    pub db: u32,
    /// Its keys.
    pub keys: u64,
    /// Those of them that expire.
    pub expires: u64,
}

/// The footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    /// Where the index starts; it ends at the footer.
    pub index_offset: u64,
    /// Checksum of the index.
    pub index_crc: u32,
    /// How many blocks.
    pub blocks: u32,
    /// Keys in all databases.
    pub keys: u64,
    /// Those of them that expire.
    pub expires: u64,
    /// Raw bytes of all blocks.
    pub raw_bytes: u64,
}

/// Everything about a snapshot but its blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotIndex {
    /// The header.
    pub header: SnapshotHeader,
    /// All blocks in the order of the file.
    pub blocks: Vec<BlockRef>,
    /// The databases that hold keys, by number.
    pub databases: Vec<DatabaseTotals>,
    /// The footer.
    pub footer: Footer,
    /// The checksum of the footer, as the manifest repeats it.
    pub footer_crc: u32,
}

impl SnapshotHeader {
    /// The checksum seed of this snapshot.
    pub fn seed(&self) -> Seed {
        Seed::snapshot(self.dataset, self.number)
    }

    /// Appends the header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        put_u32(&mut bytes, VERSION);
        put_u32(&mut bytes, HEADER_BYTES as u32);
        put_u64(&mut bytes, self.compat);
        put_u64(&mut bytes, self.incompat);
        bytes.extend_from_slice(&self.dataset.0);
        put_u64(&mut bytes, self.number);
        put_u32(&mut bytes, self.timeline);
        put_u32(&mut bytes, self.databases);
        put_u64(&mut bytes, self.cut_lsn.0);
        put_u64(&mut bytes, self.replication_offset);
        put_u64(&mut bytes, self.sequence);
        put_u64(&mut bytes, self.hash_seed);
        put_i64(&mut bytes, self.cut_at.0);
        put_u32(&mut bytes, HASH_XXH3_64);
        put_zeros(&mut bytes, 16);
        let crc = self.seed().sum(&bytes);
        put_u32(&mut bytes, crc);
        out.extend_from_slice(&bytes);
    }

    /// Reads a header. The seed comes from the header itself: the caller compares dataset and number.
    pub fn decode(bytes: &[u8]) -> Result<SnapshotHeader, Fault> {
        let (covered, crc_bytes) = bytes
            .get(..HEADER_BYTES)
            .and_then(|header| header.split_last_chunk::<4>())
            .ok_or(Fault::Truncated)?;
        let mut cursor = Cursor::new(covered);
        if cursor.array::<8>()? != MAGIC {
            return Err(Fault::BadMagic);
        }
        let version = cursor.u32()?;
        let header_bytes = cursor.u32()?;
        let compat = cursor.u64()?;
        let incompat = cursor.u64()?;
        let dataset = DatasetId(cursor.array()?);
        let number = cursor.u64()?;
        if Seed::snapshot(dataset, number).sum(covered) != u32::from_le_bytes(*crc_bytes) {
            return Err(Fault::BadCrc("snapshot header"));
        }
        if version != VERSION || header_bytes as usize != HEADER_BYTES {
            return Err(Fault::UnknownVersion(version));
        }
        if incompat & !INCOMPAT_KNOWN != 0 {
            return Err(Fault::UnknownFeatures(incompat & !INCOMPAT_KNOWN));
        }
        let header = SnapshotHeader {
            compat,
            incompat,
            dataset,
            number,
            timeline: cursor.u32()?,
            databases: cursor.u32()?,
            cut_lsn: Lsn(cursor.u64()?),
            replication_offset: cursor.u64()?,
            sequence: cursor.u64()?,
            hash_seed: cursor.u64()?,
            cut_at: UnixMs(cursor.i64()?),
        };
        if cursor.u32()? != HASH_XXH3_64 {
            return Err(Fault::Invalid("the key hash is unknown"));
        }
        Ok(header)
    }
}

impl BlockKind {
    fn code(self) -> u8 {
        match self {
            BlockKind::Main => 1,
            BlockKind::Side => 2,
            BlockKind::Functions => 3,
            BlockKind::Other(code) => code,
        }
    }

    fn from_code(code: u8) -> BlockKind {
        match code {
            1 => BlockKind::Main,
            2 => BlockKind::Side,
            3 => BlockKind::Functions,
            code => BlockKind::Other(code),
        }
    }
}

impl BlockHeader {
    /// Keys that the block stands for: a key in pieces counts where its first piece is.
    pub fn keys(&self) -> u64 {
        u64::from(self.entries.saturating_sub(self.continued))
    }

    /// Bytes that header, stored bytes and padding take in the file.
    pub fn block_bytes(&self) -> u64 {
        BLOCK_HEADER_BYTES as u64 + u64::from(self.stored_bytes).next_multiple_of(8)
    }

    /// Appends the header as it stands at `offset`.
    pub fn encode(&self, seed: Seed, offset: u64, out: &mut Vec<u8>) {
        let mut bytes = Vec::with_capacity(BLOCK_HEADER_BYTES);
        bytes.extend_from_slice(&BLOCK_MAGIC);
        bytes.push(self.kind.code());
        bytes.push(match self.codec {
            Codec::Stored => 0,
            Codec::Zstd => 1,
        });
        put_u16(&mut bytes, 0);
        put_u32(&mut bytes, self.db);
        put_u32(&mut bytes, self.entries);
        put_u32(&mut bytes, self.expires);
        put_u32(&mut bytes, self.raw_bytes);
        put_u32(&mut bytes, self.stored_bytes);
        put_u32(&mut bytes, self.continued);
        put_u64(&mut bytes, self.hash_first);
        put_u64(&mut bytes, self.hash_last);
        put_u64(&mut bytes, 0);
        put_u32(&mut bytes, self.stored_crc);
        let crc = seed.sum_at(&bytes, offset);
        put_u32(&mut bytes, crc);
        out.extend_from_slice(&bytes);
    }

    /// Reads the header that stands at `offset`.
    pub fn decode(bytes: &[u8], seed: Seed, offset: u64) -> Result<BlockHeader, Fault> {
        let (covered, crc_bytes) = bytes
            .get(..BLOCK_HEADER_BYTES)
            .and_then(|header| header.split_last_chunk::<4>())
            .ok_or(Fault::Truncated)?;
        let mut cursor = Cursor::new(covered);
        if cursor.array::<4>()? != BLOCK_MAGIC {
            return Err(Fault::BadMagic);
        }
        if seed.sum_at(covered, offset) != u32::from_le_bytes(*crc_bytes) {
            return Err(Fault::BadCrc("block header"));
        }
        let kind = BlockKind::from_code(cursor.u8()?);
        let codec = match cursor.u8()? {
            0 => Codec::Stored,
            1 => Codec::Zstd,
            _ => return Err(Fault::Invalid("the codec of a block is unknown")),
        };
        cursor.zeros(2)?;
        let (db, entries, expires) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let (raw_bytes, stored_bytes) = (cursor.u32()?, cursor.u32()?);
        let continued = cursor.u32()?;
        if continued > entries {
            return Err(Fault::Invalid("a block holds more pieces than entries"));
        }
        let (hash_first, hash_last) = (cursor.u64()?, cursor.u64()?);
        cursor.zeros(8)?;
        let stored_crc = cursor.u32()?;
        Ok(BlockHeader {
            kind,
            codec,
            db,
            entries,
            expires,
            continued,
            raw_bytes,
            stored_bytes,
            hash_first,
            hash_last,
            stored_crc,
        })
    }
}

/// Writes blocks; keeps the state of the compressor between them.
pub struct BlockEncoder {
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

/// How many raw bytes are compressed to see whether compression is worth while.
const SAMPLE_BYTES: usize = 16 << 10;
/// No zstd frame expands more than this; a header that says so is not believed.
const EXPANSION_MAX: u64 = 1 << 16;

impl BlockEncoder {
    /// An encoder that compresses with zstd at `level`, or stores everything as it is if `level` is `None`.
    pub fn new(level: Option<i32>) -> BlockEncoder {
        BlockEncoder {
            compressor: level.and_then(|level| zstd::bulk::Compressor::new(level).ok()),
        }
    }

    /// Appends a whole block that starts at `offset` of the file: header, stored bytes, padding. Compresses `raw`
    /// unless a sample, or the whole, does not shrink by at least an eighth. Lengths, codec and checksum of
    /// `header` are filled in.
    ///
    /// # Panics
    /// If `raw` is 4 GiB or longer: the lengths on disk have 32 bits.
    pub fn encode(
        &mut self,
        header: &BlockHeader,
        seed: Seed,
        offset: u64,
        raw: &[u8],
        out: &mut Vec<u8>,
    ) -> BlockRef {
        let packed = self.compress(raw);
        let (codec, stored) = match &packed {
            Some(packed) => (Codec::Zstd, packed.as_slice()),
            None => (Codec::Stored, raw),
        };
        let header = BlockHeader {
            codec,
            raw_bytes: u32::try_from(raw.len()).expect("a block is shorter than 4 GiB"),
            stored_bytes: u32::try_from(stored.len())
                .expect("stored bytes are not longer than raw ones"),
            stored_crc: seed.sum(stored),
            ..*header
        };
        header.encode(seed, offset, out);
        out.extend_from_slice(stored);
        put_zeros(out, stored.len().next_multiple_of(8) - stored.len());
        BlockRef { offset, header }
    }

    fn compress(&mut self, raw: &[u8]) -> Option<Vec<u8>> {
        let compressor = self.compressor.as_mut()?;
        let shrinks = |packed: usize, raw: usize| packed <= raw - raw / 8;
        if let Some(sample) = raw
            .get(..SAMPLE_BYTES)
            .filter(|_| raw.len() > 2 * SAMPLE_BYTES)
        {
            let packed = compressor.compress(sample).ok()?;
            if !shrinks(packed.len(), sample.len()) {
                return None;
            }
        }
        let packed = compressor.compress(raw).ok()?;
        shrinks(packed.len(), raw.len()).then_some(packed)
    }
}

/// The raw bytes of a block from its stored bytes, checked. Allocates `raw_bytes` as the header says; its checksum
/// vouches for that number.
pub fn decode_block(header: &BlockHeader, seed: Seed, stored: &[u8]) -> Result<Vec<u8>, Fault> {
    if stored.len() as u64 != u64::from(header.stored_bytes) {
        return Err(Fault::Truncated);
    }
    if seed.sum(stored) != header.stored_crc {
        return Err(Fault::BadCrc("block"));
    }
    let raw = match header.codec {
        Codec::Stored => stored.to_vec(),
        Codec::Zstd
            if u64::from(header.raw_bytes)
                > EXPANSION_MAX * (1 + u64::from(header.stored_bytes)) =>
        {
            return Err(Fault::Invalid(
                "a block cannot expand to the length it should",
            ));
        }
        Codec::Zstd => zstd::bulk::decompress(stored, header.raw_bytes as usize)
            .map_err(|_| Fault::Invalid("a block cannot be decompressed"))?,
    };
    if raw.len() as u64 != u64::from(header.raw_bytes) {
        return Err(Fault::Invalid("a block does not have the length it should"));
    }
    Ok(raw)
}

/// Appends index and footer, which start at `offset` of the file; returns the footer and its checksum.
pub fn encode_index(
    seed: Seed,
    offset: u64,
    blocks: &[BlockRef],
    databases: &[DatabaseTotals],
    out: &mut Vec<u8>,
) -> (Footer, u32) {
    let start = out.len();
    out.extend_from_slice(&INDEX_MAGIC);
    put_u32(out, blocks.len() as u32);
    put_u32(out, databases.len() as u32);
    for database in databases {
        put_u32(out, database.db);
        put_u32(out, 0);
        put_u64(out, database.keys);
        put_u64(out, database.expires);
    }
    for block in blocks {
        put_u64(out, block.offset);
        block.header.encode(seed, block.offset, out);
    }
    let index = out.get(start..).unwrap_or_default();
    let footer = Footer {
        index_offset: offset,
        index_crc: seed.sum(index),
        blocks: blocks.len() as u32,
        keys: databases.iter().map(|database| database.keys).sum(),
        expires: databases.iter().map(|database| database.expires).sum(),
        raw_bytes: blocks
            .iter()
            .map(|block| u64::from(block.header.raw_bytes))
            .sum(),
    };
    let footer_offset = offset + index.len() as u64;
    let crc = footer.encode(seed, footer_offset, out);
    (footer, crc)
}

impl Footer {
    fn encode(&self, seed: Seed, offset: u64, out: &mut Vec<u8>) -> u32 {
        let mut bytes = Vec::with_capacity(FOOTER_BYTES);
        bytes.extend_from_slice(&FOOTER_MAGIC);
        put_u64(&mut bytes, self.index_offset);
        put_u64(&mut bytes, self.keys);
        put_u64(&mut bytes, self.expires);
        put_u64(&mut bytes, self.raw_bytes);
        put_u32(&mut bytes, self.blocks);
        put_u32(&mut bytes, self.index_crc);
        put_zeros(&mut bytes, 12);
        let crc = seed.sum_at(&bytes, offset);
        put_u32(&mut bytes, crc);
        out.extend_from_slice(&bytes);
        crc
    }

    fn decode(bytes: &[u8], seed: Seed, offset: u64) -> Result<(Footer, u32), Fault> {
        let (covered, crc_bytes) = bytes.split_last_chunk::<4>().ok_or(Fault::Truncated)?;
        let crc = u32::from_le_bytes(*crc_bytes);
        let mut cursor = Cursor::new(covered);
        if cursor.array::<8>()? != FOOTER_MAGIC {
            return Err(Fault::BadMagic);
        }
        if seed.sum_at(covered, offset) != crc {
            return Err(Fault::BadCrc("footer"));
        }
        let index_offset = cursor.u64()?;
        let (keys, expires, raw_bytes) = (cursor.u64()?, cursor.u64()?, cursor.u64()?);
        let (blocks, index_crc) = (cursor.u32()?, cursor.u32()?);
        Ok((
            Footer {
                index_offset,
                index_crc,
                blocks,
                keys,
                expires,
                raw_bytes,
            },
            crc,
        ))
    }
}

impl SnapshotIndex {
    /// Reads header, footer and index of the snapshot in `file`, and checks that they fit each other. No block is
    /// looked at. An error comes with its offset. Allocates in proportion to the index.
    pub fn open(file: &[u8]) -> Result<SnapshotIndex, (u64, Fault)> {
        let header = SnapshotHeader::decode(file).map_err(|fault| (0, fault))?;
        SnapshotIndex::open_behind(header, file)
    }

    /// As [`SnapshotIndex::open`], but the header of `file` is not read: it is known from elsewhere.
    pub fn open_behind(header: SnapshotHeader, file: &[u8]) -> Result<SnapshotIndex, (u64, Fault)> {
        let seed = header.seed();
        let footer_offset = (file.len().checked_sub(FOOTER_BYTES))
            .filter(|&offset| offset >= HEADER_BYTES)
            .ok_or((file.len() as u64, Fault::Truncated))?;
        let (rest, footer) = file.split_at(footer_offset);
        let footer_offset = footer_offset as u64;
        let (footer, footer_crc) =
            Footer::decode(footer, seed, footer_offset).map_err(|fault| (footer_offset, fault))?;
        let index = usize::try_from(footer.index_offset)
            .ok()
            .and_then(|offset| rest.get(offset..))
            .ok_or((
                footer_offset,
                Fault::Invalid("the footer points outside of the file"),
            ))?;
        if seed.sum(index) != footer.index_crc {
            return Err((footer.index_offset, Fault::BadCrc("index")));
        }
        let (databases, blocks) =
            decode_index(index, seed).map_err(|fault| (footer.index_offset, fault))?;
        let snapshot = SnapshotIndex {
            header,
            blocks,
            databases,
            footer,
            footer_crc,
        };
        snapshot
            .check()
            .map_err(|fault| (footer.index_offset, fault))?;
        Ok(snapshot)
    }

    /// The raw bytes of one block of `file`: header compared, checksum checked, decompressed.
    pub fn block(&self, file: &[u8], block: &BlockRef) -> Result<Vec<u8>, Fault> {
        let seed = self.header.seed();
        let bytes = usize::try_from(block.offset)
            .ok()
            .and_then(|offset| file.get(offset..))
            .ok_or(Fault::Truncated)?;
        if BlockHeader::decode(bytes, seed, block.offset)? != block.header {
            return Err(Fault::Invalid(
                "a block header differs from its copy in the index",
            ));
        }
        let (stored, padding) = bytes
            .get(BLOCK_HEADER_BYTES..block.header.block_bytes() as usize)
            .and_then(|body| body.split_at_checked(block.header.stored_bytes as usize))
            .ok_or(Fault::Truncated)?;
        if padding.iter().any(|&byte| byte != 0) {
            return Err(Fault::Invalid("the padding of a block is not zero"));
        }
        decode_block(&block.header, seed, stored)
    }

    /// The blocks that may hold a key of `db` with that hash: at most one main block, and side blocks.
    pub fn candidates(&self, db: u32, hash: u64) -> impl Iterator<Item = &BlockRef> {
        self.blocks.iter().filter(move |block| {
            matches!(block.header.kind, BlockKind::Main | BlockKind::Side)
                && block.header.db == db
                && (block.header.hash_first..=block.header.hash_last).contains(&hash)
        })
    }

    /// Blocks fill the file between header and index; main blocks are in hash order; totals are sums.
    fn check(&self) -> Result<(), Fault> {
        let mut offset = HEADER_BYTES as u64;
        let mut last_hash = BTreeMap::<u32, u64>::new();
        let mut raw_bytes = 0u64;
        let mut counted = BTreeMap::<u32, (u64, u64)>::new();
        for block in &self.blocks {
            if block.offset != offset {
                return Err(Fault::Invalid("the blocks do not follow each other"));
            }
            offset = offset.saturating_add(block.header.block_bytes());
            raw_bytes += u64::from(block.header.raw_bytes);
            if matches!(block.header.kind, BlockKind::Main | BlockKind::Side) {
                let totals = counted.entry(block.header.db).or_default();
                totals.0 += block.header.keys();
                totals.1 += u64::from(block.header.expires);
            }
            if block.header.hash_first > block.header.hash_last {
                return Err(Fault::Invalid("the hash range of a block is empty"));
            }
            if block.header.kind == BlockKind::Main {
                let before = last_hash.insert(block.header.db, block.header.hash_last);
                if before.is_some_and(|before| block.header.hash_first <= before) {
                    return Err(Fault::Invalid("the main blocks are not in hash order"));
                }
            }
        }
        counted.retain(|_, totals| *totals != (0, 0));
        let listed = self.databases.iter().filter(|totals| totals.keys > 0);
        let same = listed
            .map(|totals| (totals.db, (totals.keys, totals.expires)))
            .eq(counted);
        let keys: u64 = self
            .databases
            .iter()
            .map(|totals| totals.keys)
            .fold(0, u64::saturating_add);
        let expires: u64 = self
            .databases
            .iter()
            .map(|totals| totals.expires)
            .fold(0, u64::saturating_add);
        let footer = &self.footer;
        if offset != footer.index_offset
            || !same
            || (keys, expires, raw_bytes) != (footer.keys, footer.expires, footer.raw_bytes)
        {
            return Err(Fault::Invalid("the totals of the snapshot do not add up"));
        }
        Ok(())
    }
}

fn decode_index(index: &[u8], seed: Seed) -> Result<(Vec<DatabaseTotals>, Vec<BlockRef>), Fault> {
    let mut cursor = Cursor::new(index);
    if cursor.array::<8>()? != INDEX_MAGIC {
        return Err(Fault::BadMagic);
    }
    let (blocks, databases) = (cursor.u32()?, cursor.u32()?);
    let mut database_list = Vec::new();
    for _ in 0..databases {
        let db = cursor.u32()?;
        cursor.zeros(4)?;
        database_list.push(DatabaseTotals {
            db,
            keys: cursor.u64()?,
            expires: cursor.u64()?,
        });
    }
    let mut block_list = Vec::new();
    for _ in 0..blocks {
        let offset = cursor.u64()?;
        let header = BlockHeader::decode(cursor.take(BLOCK_HEADER_BYTES)?, seed, offset)?;
        block_list.push(BlockRef { offset, header });
    }
    if !cursor.is_empty() {
        return Err(Fault::Invalid("bytes follow the index"));
    }
    Ok((database_list, block_list))
}
