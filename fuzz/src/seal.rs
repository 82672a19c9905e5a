//! Makes the checksums of damaged files right again, so that what stands behind the checksums is reached: the
//! checks of structure, which otherwise only a faulty writer would meet.
//!
//! The layouts are written down a second time here on purpose: sealing must work on bytes that no decoder accepts.

use esker_format::crc::{Seed, plain};
use esker_format::native::frame::{self, padded};
use esker_format::native::manifest::Manifest;
use esker_format::native::{segment, snapshot};
use esker_format::{DatasetId, names};

use crate::memory::Memory;

/// What a segment sealed with its chain continues: where the one before it ended.
#[derive(Clone, Copy, Debug)]
pub struct SegmentEnd {
    pub number: u64,
    pub offset: u64,
    pub crc: u32,
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*field))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*field))
}

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + field.len()) {
        place.copy_from_slice(field);
    }
}

fn dataset_at(bytes: &[u8], at: usize) -> Option<DatasetId> {
    Some(DatasetId(*bytes.get(at..)?.first_chunk()?))
}

/// Both copies of a manifest.
pub fn manifest(file: &mut [u8]) {
    let half = file.len() / 2;
    let (first, second) = file.split_at_mut(half);
    for copy in [first, second] {
        record(copy);
    }
}

/// One copy of a manifest, if its length lies within it.
pub fn record(copy: &mut [u8]) {
    let Some(length) = u32_at(copy, 12) else {
        return;
    };
    let covered = (length as usize)
        .checked_sub(4)
        .filter(|&at| at + 4 <= copy.len());
    if let Some(at) = covered {
        let crc = plain(&copy[..at]);
        put(copy, at, &crc.to_le_bytes());
    }
}

/// The header of a segment, for the dataset and number that it names; returns its checksum.
pub fn segment_header(file: &mut [u8]) -> Option<u32> {
    let covered = file.get(..segment::HEADER_BYTES - 4)?;
    let seed = Seed::segment(dataset_at(covered, 32)?, u64_at(covered, 56)?);
    let crc = seed.sum(covered);
    put(file, segment::HEADER_BYTES - 4, &crc.to_le_bytes());
    Some(crc)
}

/// A frame that stands at `offset`, as long as it says it is; returns its length and checksum. `None` if it does
/// not begin like a frame or does not fit.
pub fn frame(file: &mut [u8], offset: usize, seed: Seed, previous: u32) -> Option<(usize, u32)> {
    let frame = file.get_mut(offset..)?;
    if !frame.starts_with(&frame::MAGIC) {
        return None;
    }
    let payload = u32_at(frame, 12)? as usize;
    let length = frame::HEADER_BYTES + padded(payload);
    let payload_crc = seed.sum(frame.get(frame::HEADER_BYTES..length)?);
    put(frame, 64, &previous.to_le_bytes());
    put(frame, 68, &payload_crc.to_le_bytes());
    let crc = seed.sum_at(&frame[..76], offset as u64);
    put(frame, 76, &crc.to_le_bytes());
    Some((length, crc))
}

/// A segment: its header, and its frames for as long as one follows the other. With `chain` sequence numbers and
/// positions are made contiguous as well, and the header continues `previous`.
pub fn segment(file: &mut [u8], chain: bool, previous: Option<SegmentEnd>) -> Option<SegmentEnd> {
    if let Some(previous) = previous.filter(|_| chain) {
        put(file, 88, &previous.number.to_le_bytes());
        put(file, 96, &previous.offset.to_le_bytes());
        put(file, 104, &previous.crc.to_le_bytes());
    }
    let mut crc = segment_header(file)?;
    let number = u64_at(file, 56)?;
    let seed = Seed::segment(dataset_at(file, 32)?, number);
    let (mut lsn, mut sequence) = (u64_at(file, 64)?, u64_at(file, 72)?);
    let mut offset = segment::HEADER_BYTES;
    loop {
        let is_frame =
            |rest: &[u8]| rest.len() >= frame::HEADER_BYTES && rest.starts_with(&frame::MAGIC);
        if chain && file.get(offset..).is_some_and(is_frame) {
            put(file, offset + 16, &sequence.to_le_bytes());
            put(file, offset + 24, &lsn.to_le_bytes());
        }
        let Some((length, sum)) = frame(file, offset, seed, crc) else {
            break;
        };
        lsn = lsn.wrapping_add(u64::from(u32_at(file, offset + 12)?));
        sequence = sequence.wrapping_add(1);
        (offset, crc) = (offset + length, sum);
    }
    Some(SegmentEnd {
        number,
        offset: offset as u64,
        crc,
    })
}

/// A snapshot: header, blocks as far as the index tells where they are, index, footer. With `copies` the headers in
/// the index are written over those before the blocks.
pub fn snapshot(file: &mut [u8], copies: bool) -> Option<()> {
    let covered = file.get(..snapshot::HEADER_BYTES - 4)?;
    let seed = Seed::snapshot(dataset_at(covered, 32)?, u64_at(covered, 48)?);
    let crc = seed.sum(covered);
    put(file, snapshot::HEADER_BYTES - 4, &crc.to_le_bytes());

    let footer = file.len().checked_sub(snapshot::FOOTER_BYTES)?;
    let index = usize::try_from(u64_at(file, footer + 8)?).ok()?;
    let (body, rest) = file.split_at_mut_checked(index.min(footer))?;
    let index_bytes = rest.len().checked_sub(snapshot::FOOTER_BYTES)?;
    let (index, footer_bytes) = rest.split_at_mut_checked(index_bytes)?;
    seal_blocks(body, index, seed, copies);
    put(footer_bytes, 44, &seed.sum(index).to_le_bytes());
    let crc = seed.sum_at(footer_bytes.get(..60)?, footer as u64);
    put(footer_bytes, 60, &crc.to_le_bytes());
    Some(())
}

fn seal_blocks(body: &mut [u8], index: &mut [u8], seed: Seed, copies: bool) -> Option<()> {
    let (blocks, databases) = (u32_at(index, 8)?, u32_at(index, 12)?);
    let totals = (databases as usize).checked_mul(snapshot::DATABASE_BYTES)?;
    let list = index.get_mut(snapshot::INDEX_HEADER_BYTES.checked_add(totals)?..)?;
    let entries = list.chunks_exact_mut(snapshot::INDEX_ENTRY_BYTES);
    for entry in entries.take(blocks as usize) {
        let offset = u64_at(entry, 0)?;
        let header = &mut entry[8..];
        let Ok(at) = usize::try_from(offset) else {
            continue;
        };
        if !copies && let Some(place) = body.get_mut(at..) {
            seal_block(place, None, seed, offset);
        }
        if let Some(stored) = body.get(at.saturating_add(snapshot::BLOCK_HEADER_BYTES)..) {
            seal_block(header, Some(stored), seed, offset);
        }
        if copies {
            put(body, at.min(body.len()), header);
        }
    }
    Some(())
}

/// A block header; the stored bytes follow it, or are elsewhere.
fn seal_block(header: &mut [u8], stored: Option<&[u8]>, seed: Seed, offset: u64) -> Option<()> {
    let (own, behind) = header.split_at_mut_checked(snapshot::BLOCK_HEADER_BYTES)?;
    let stored = stored.unwrap_or(behind);
    if let Some(stored) = stored.get(..u32_at(own, 24)? as usize) {
        put(own, 56, &seed.sum(stored).to_le_bytes());
    }
    let crc = seed.sum_at(&own[..60], offset);
    put(own, 60, &crc.to_le_bytes());
    Some(())
}

/// A whole directory: every file, the links between its segments, and what the manifest says of its snapshot.
pub fn directory(memory: &mut Memory, chain: bool) {
    if let Some(file) = memory.files.get_mut(names::MANIFEST) {
        manifest(file);
    }
    let mut previous = None;
    for (name, file) in &mut memory.files {
        match names::parse(name) {
            names::FileName::Segment(_) => previous = segment(file, chain, previous).or(previous),
            names::FileName::Snapshot(_) => drop(snapshot(file, chain)),
            _ => {}
        }
    }
    if chain {
        snapshot_reference(memory);
    }
}

fn snapshot_reference(memory: &mut Memory) -> Option<()> {
    let decoded = Manifest::decode(memory.files.get(names::MANIFEST)?).ok()?;
    let mut manifest = decoded.manifest;
    let reference = manifest.snapshot.as_mut()?;
    let file = memory.files.get(&names::snapshot(reference.number))?;
    reference.file_bytes = file.len() as u64;
    reference.footer_crc = u32_at(file, file.len().checked_sub(4)?)?;
    memory
        .files
        .insert(names::MANIFEST.to_owned(), manifest.encode());
    Some(())
}
