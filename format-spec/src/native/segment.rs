//! Segment headers. Layout: `format-spec/native/segment.md`.
//!
//! A segment is a header followed by frames. The header says where its predecessor ends, and thereby settles
//! the tail of that file: whatever stands behind that end was never part of the log.

use crate::crc::Seed;
use crate::cursor::{Cursor, Fault, put_i64, put_u32, put_u64};
use crate::{DatasetId, Lsn, UnixMs};

/// The first eight bytes of every segment.
pub const MAGIC: [u8; 8] = *b"ESKERLOG";
/// The layout version that this crate writes.
pub const VERSION: u32 = 1;
/// Size of the header; the first frame starts here.
pub const HEADER_BYTES: usize = 128;
/// Incompatible feature: effects on collections, see [`crate::record::Verb`].
pub const INCOMPAT_COLLECTIONS: u64 = 1 << 0;
/// Incompatible features that this crate knows.
pub const INCOMPAT_KNOWN: u64 = INCOMPAT_COLLECTIONS;

/// Where the segment before this one ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Previous {
    /// Its number.
    pub number: u64,
    /// The offset behind its last frame.
    pub end_offset: u64,
    /// The header checksum of its last frame; of its own header if it holds none.
    pub crc: u32,
}

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Features that an older reader may ignore.
    pub compat: u64,
    /// Features that a reader must know.
    pub incompat: u64,
    /// The dataset.
    pub dataset: DatasetId,
    /// The timeline to which the segment belongs.
    pub timeline: u32,
    /// Its number, as in the file name. Never used twice.
    pub number: u64,
    /// Position of the first payload byte in it.
    pub first_lsn: Lsn,
    /// Sequence number of its first frame.
    pub first_sequence: u64,
    /// Everything below this was durable when the header was built.
    pub durable_lsn: Lsn,
    /// The segment before it; `None` when the log starts here, at birth or behind a gap.
    pub previous: Option<Previous>,
    /// When the header was built.
    pub created: UnixMs,
}

impl SegmentHeader {
    /// The checksum seed of this segment.
    pub fn seed(&self) -> Seed {
        Seed::segment(self.dataset, self.number)
    }

    /// Appends the header; returns its checksum, which is the first frame's `previous_crc`.
    pub fn encode(&self, out: &mut Vec<u8>) -> u32 {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        let previous = self.previous.unwrap_or(Previous {
            number: 0,
            end_offset: 0,
            crc: 0,
        });
        bytes.extend_from_slice(&MAGIC);
        put_u32(&mut bytes, VERSION);
        put_u32(&mut bytes, HEADER_BYTES as u32);
        put_u64(&mut bytes, self.compat);
        put_u64(&mut bytes, self.incompat);
        bytes.extend_from_slice(&self.dataset.0);
        put_u32(&mut bytes, self.timeline);
        put_u32(&mut bytes, 0);
        put_u64(&mut bytes, self.number);
        put_u64(&mut bytes, self.first_lsn.0);
        put_u64(&mut bytes, self.first_sequence);
        put_u64(&mut bytes, self.durable_lsn.0);
        put_u64(&mut bytes, previous.number);
        put_u64(&mut bytes, previous.end_offset);
        put_u32(&mut bytes, previous.crc);
        put_u32(&mut bytes, 0);
        put_i64(&mut bytes, self.created.0);
        put_u32(&mut bytes, 0);
        let crc = self.seed().sum(&bytes);
        put_u32(&mut bytes, crc);
        out.extend_from_slice(&bytes);
        crc
    }

    /// Reads a header and its checksum. The seed comes from the header's own dataset and number: the caller
    /// compares these with what the manifest and the file name say.
    pub fn decode(bytes: &[u8]) -> Result<(SegmentHeader, u32), Fault> {
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
        let timeline = cursor.u32()?;
        cursor.take(4)?;
        let number = cursor.u64()?;
        let crc = u32::from_le_bytes(*crc_bytes);
        if Seed::segment(dataset, number).sum(covered) != crc {
            return Err(Fault::BadCrc("segment header"));
        }
        if version != VERSION || header_bytes as usize != HEADER_BYTES {
            return Err(Fault::UnknownVersion(version));
        }
        if incompat & !INCOMPAT_KNOWN != 0 {
            return Err(Fault::UnknownFeatures(incompat & !INCOMPAT_KNOWN));
        }
        let first_lsn = Lsn(cursor.u64()?);
        let first_sequence = cursor.u64()?;
        let durable_lsn = Lsn(cursor.u64()?);
        let previous = Previous {
            number: cursor.u64()?,
            end_offset: cursor.u64()?,
            crc: cursor.u32()?,
        };
        cursor.take(4)?;
        let created = UnixMs(cursor.i64()?);
        let header = SegmentHeader {
            compat,
            incompat,
            dataset,
            timeline,
            number,
            first_lsn,
            first_sequence,
            durable_lsn,
            previous: (previous.number != 0).then_some(previous),
            created,
        };
        Ok((header, crc))
    }
}
