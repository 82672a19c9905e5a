//! Frames: the unit in which the log is written, checked and cut. Layout: `format-spec/native/frame.md`.
//!
//! A frame is an 80-byte header and a payload padded with zeros to a multiple of 8. The header checksum
//! covers header, file number and file offset, the payload checksum payload and padding; so a frame is valid
//! in exactly one place of exactly one file. Each header carries the header checksum of the frame before it.

use crate::crc::Seed;
use crate::cursor::{Cursor, Fault, put_i64, put_u16, put_u32, put_u64, put_zeros};
use crate::{Lsn, UnixMs};

/// The first four bytes of every frame.
pub const MAGIC: [u8; 4] = *b"EsKf";
/// Size of a frame header.
pub const HEADER_BYTES: usize = 80;
/// The largest payload of a frame. Longer units are cut into fragments.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// Frames start at multiples of this.
pub const ALIGN: usize = 8;

/// Flag: no payload; the frame is there to publish the durable LSN.
pub const FLAG_MARKER: u16 = 1 << 0;
/// Flag: the payload is for the replication stream only; recovery skips it.
pub const FLAG_STREAM_ONLY: u16 = 1 << 1;
/// Flag: the payload is the first part of a unit.
pub const FLAG_FIRST: u16 = 1 << 2;
/// Flag: the payload is a part in the middle of a unit.
pub const FLAG_MIDDLE: u16 = 1 << 3;
/// Flag: the payload is the last part of a unit.
pub const FLAG_LAST: u16 = 1 << 4;
/// Flag, with `MARKER`: the log was closed in order; its durable LSN is its end.
pub const FLAG_CLEAN: u16 = 1 << 5;
const FLAGS_KNOWN: u16 =
    FLAG_MARKER | FLAG_STREAM_ONLY | FLAG_FIRST | FLAG_MIDDLE | FLAG_LAST | FLAG_CLEAN;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Whole units.
    Units,
    /// A part of one unit; its parts are contiguous but for markers.
    Fragment(Part),
    /// Bytes for the replication stream that change nothing.
    StreamOnly,
    /// Nothing. `clean` says that the log was closed in order here.
    Marker {
        /// Whether this is the mark of an orderly shutdown.
        clean: bool,
    },
}

/// The place of a fragment in its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first of several.
    First,
    /// Neither the first nor the last.
    Middle,
    /// The last of several.
    Last,
}

/// A frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the frame carries.
    pub kind: FrameKind,
    /// The database in which the payload starts.
    pub db: u32,
    /// Payload bytes, without padding.
    pub payload_bytes: u32,
    /// The frame's number in the log: one more than the frame before it.
    pub sequence: u64,
    /// Position of the first payload byte.
    pub first_lsn: Lsn,
    /// The replication offset that is reached when the payload has been applied.
    pub replication_offset: u64,
    /// When the frame was built; never less than in the frame before it.
    pub time: UnixMs,
    /// Everything below this was durable when the frame was built.
    pub durable_lsn: Lsn,
    /// For a fragment: the position where its unit starts. Otherwise 0.
    pub unit_id: u64,
    /// Header checksum of the frame before it; of the segment header for the first frame of a segment.
    pub previous_crc: u32,
    /// Checksum of payload and padding. Filled in by [`FrameHeader::encode`].
    pub payload_crc: u32,
}

impl FrameHeader {
    /// Position behind the payload.
    pub fn end_lsn(&self) -> Lsn {
        self.first_lsn.advance(u64::from(self.payload_bytes))
    }

    /// Bytes that header, payload and padding take in the file.
    pub fn frame_bytes(&self) -> usize {
        HEADER_BYTES + padded(self.payload_bytes as usize)
    }

    /// Writes the whole frame as it stands at `offset` of the file with that seed: header, payload, padding.
    /// Returns the header checksum, which is the next frame's `previous_crc`.
    ///
    /// # Panics
    /// If `payload` is not `payload_bytes` long, or longer than [`PAYLOAD_BYTES_MAX`]: such a frame could not
    /// be read back.
    pub fn encode(&self, seed: Seed, offset: u64, payload: &[u8], out: &mut Vec<u8>) -> u32 {
        assert!(payload.len() == self.payload_bytes as usize && payload.len() <= PAYLOAD_BYTES_MAX);
        let start = out.len();
        put_zeros(out, HEADER_BYTES);
        out.extend_from_slice(payload);
        put_zeros(out, padded(payload.len()) - payload.len());
        let body = out.get(start + HEADER_BYTES..).unwrap_or_default();
        let header = FrameHeader {
            payload_crc: seed.sum(body),
            ..*self
        };
        let (bytes, crc) = header.header_bytes(seed, offset);
        if let Some(place) = out.get_mut(start..start + HEADER_BYTES) {
            place.copy_from_slice(&bytes);
        }
        crc
    }

    /// The header as it stands at `offset`, and its checksum; `payload_crc` must already be right.
    pub fn header_bytes(&self, seed: Seed, offset: u64) -> ([u8; HEADER_BYTES], u32) {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        put_u16(&mut out, self.flags());
        put_u16(&mut out, 0);
        put_u32(&mut out, self.db);
        put_u32(&mut out, self.payload_bytes);
        put_u64(&mut out, self.sequence);
        put_u64(&mut out, self.first_lsn.0);
        put_u64(&mut out, self.replication_offset);
        put_i64(&mut out, self.time.0);
        put_u64(&mut out, self.durable_lsn.0);
        put_u64(&mut out, self.unit_id);
        put_u32(&mut out, self.previous_crc);
        put_u32(&mut out, self.payload_crc);
        put_u32(&mut out, 0);
        let crc = seed.sum_at(&out, offset);
        put_u32(&mut out, crc);
        let bytes = <[u8; HEADER_BYTES]>::try_from(out)
            .expect("the fields above add up to the header size");
        (bytes, crc)
    }

    /// Reads the header at `offset` of the file with that seed and returns it with its checksum.
    /// Nothing is said about the payload; see [`FrameHeader::payload`].
    pub fn decode(bytes: &[u8], seed: Seed, offset: u64) -> Result<(FrameHeader, u32), Fault> {
        let (covered, crc_bytes) = bytes
            .get(..HEADER_BYTES)
            .and_then(|header| header.split_last_chunk::<4>())
            .ok_or(Fault::Truncated)?;
        let mut cursor = Cursor::new(covered);
        if cursor.array::<4>()? != MAGIC {
            return Err(Fault::BadMagic);
        }
        let crc = u32::from_le_bytes(*crc_bytes);
        if seed.sum_at(covered, offset) != crc {
            return Err(Fault::BadCrc("frame header"));
        }
        let flags = cursor.u16()?;
        cursor.zeros(2)?;
        let db = cursor.u32()?;
        let payload_bytes = cursor.u32()?;
        let header = FrameHeader {
            kind: kind_of(flags, payload_bytes)?,
            db,
            payload_bytes,
            sequence: cursor.u64()?,
            first_lsn: Lsn(cursor.u64()?),
            replication_offset: cursor.u64()?,
            time: UnixMs(cursor.i64()?),
            durable_lsn: Lsn(cursor.u64()?),
            unit_id: cursor.u64()?,
            previous_crc: cursor.u32()?,
            payload_crc: cursor.u32()?,
        };
        cursor.zeros(4)?;
        Ok((header, crc))
    }

    /// The payload that follows the header in `frame` (which starts at the header), checked.
    pub fn payload<'a>(&self, frame: &'a [u8], seed: Seed) -> Result<&'a [u8], Fault> {
        let body = frame
            .get(HEADER_BYTES..self.frame_bytes())
            .ok_or(Fault::Truncated)?;
        if seed.sum(body) != self.payload_crc {
            return Err(Fault::BadCrc("frame payload"));
        }
        let (payload, padding) = body
            .split_at_checked(self.payload_bytes as usize)
            .ok_or(Fault::Truncated)?;
        if padding.iter().any(|&byte| byte != 0) {
            return Err(Fault::Invalid("the padding of a frame is not zero"));
        }
        Ok(payload)
    }

    fn flags(&self) -> u16 {
        match self.kind {
            FrameKind::Units => 0,
            FrameKind::Fragment(Part::First) => FLAG_FIRST,
            FrameKind::Fragment(Part::Middle) => FLAG_MIDDLE,
            FrameKind::Fragment(Part::Last) => FLAG_LAST,
            FrameKind::StreamOnly => FLAG_STREAM_ONLY,
            FrameKind::Marker { clean: false } => FLAG_MARKER,
            FrameKind::Marker { clean: true } => FLAG_MARKER | FLAG_CLEAN,
        }
    }
}

/// `bytes` rounded up to a multiple of [`ALIGN`].
pub fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGN)
}

fn kind_of(flags: u16, payload_bytes: u32) -> Result<FrameKind, Fault> {
    if flags & !FLAGS_KNOWN != 0 {
        return Err(Fault::UnknownFeatures(u64::from(flags & !FLAGS_KNOWN)));
    }
    if payload_bytes as usize > PAYLOAD_BYTES_MAX {
        return Err(Fault::Invalid("the payload of a frame is too long"));
    }
    let kind = match flags {
        0 => FrameKind::Units,
        FLAG_FIRST => FrameKind::Fragment(Part::First),
        FLAG_MIDDLE => FrameKind::Fragment(Part::Middle),
        FLAG_LAST => FrameKind::Fragment(Part::Last),
        FLAG_STREAM_ONLY => FrameKind::StreamOnly,
        FLAG_MARKER => FrameKind::Marker { clean: false },
        flags if flags == FLAG_MARKER | FLAG_CLEAN => FrameKind::Marker { clean: true },
        _ => return Err(Fault::Invalid("the flags of a frame contradict each other")),
    };
    if matches!(kind, FrameKind::Marker { .. }) != (payload_bytes == 0) {
        return Err(Fault::Invalid(
            "a marker has no payload and every other frame has one",
        ));
    }
    Ok(kind)
}
