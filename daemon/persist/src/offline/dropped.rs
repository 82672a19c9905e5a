//! Reading what can be read in damaged parts of the log, to tell an operator what is gone. Nothing of it is applied.

use std::io;

use esker_format::crc::Seed;
use esker_format::native::audit::Source;
use esker_format::native::frame::{ALIGN, FrameHeader, HEADER_BYTES, PAYLOAD_BYTES_MAX};
use esker_format::native::segment;
use esker_format::record::Item;
use esker_format::{DatasetId, Lsn, names};

use super::losses::{DroppedEffect, Listed, LostRange};

const TYPICAL_FRAME_BYTES: usize = 32 << 10;

/// The place of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct FramePlace {
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// A stretch of the log of which no unit was visited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    pub(super) range: LostRange,
    /// The last frame visited before it; `None` if there is none.
    pub(super) after: Option<FramePlace>,
    /// The first visited behind it.
    pub(super) before: Option<FramePlace>,
}

/// Lists the effects that stand in `region`, in the files of `segments`.
pub(super) fn list<S: Source>(
    source: &S,
    dataset: DatasetId,
    segments: &[u64],
    region: &Region,
    dropped: &mut Listed<DroppedEffect>,
) -> io::Result<()> {
    let first = region.after.map_or(0, |place| place.segment);
    let last = region.before.map_or(u64::MAX, |place| place.segment);
    for &number in segments
        .iter()
        .filter(|&&number| (first..=last).contains(&number))
    {
        let file = match source.read(&names::segment(number)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let end = match (region.before, region.after) {
            (Some(place), _) if place.segment == number => place.offset as usize,
            (None, Some(place)) if place.segment == number => tail_end(place, &region.range),
            _ => file.as_ref().len(),
        };
        let mut reading = Reading {
            segment: number,
            bytes: file.as_ref().get(..end).unwrap_or(file.as_ref()),
            seed: Seed::segment(dataset, number),
            range: region.range,
            dropped: &mut *dropped,
        };
        match region.after {
            Some(place) if place.segment == number => {
                let at = reading.behind(place.offset as usize);
                reading.read(at, Some(region.range.from));
            }
            _ => reading.read(segment::HEADER_BYTES, None),
        }
    }
    Ok(())
}

/// Where to stop looking at the end of the log. Behind it a recycled file holds stale frames, which would read like lost
/// ones.
fn tail_end(after: FramePlace, range: &LostRange) -> usize {
    let bytes = (range.to.0 - range.from.0) as usize;
    let frames = 2 + bytes / TYPICAL_FRAME_BYTES;
    after.offset as usize + bytes + frames * (HEADER_BYTES + ALIGN) + PAYLOAD_BYTES_MAX.min(bytes)
}

struct Reading<'a> {
    segment: u64,
    bytes: &'a [u8],
    seed: Seed,
    range: LostRange,
    dropped: &'a mut Listed<DroppedEffect>,
}

impl<'a> Reading<'a> {
    /// The offset behind the frame at `at`.
    fn behind(&self, at: usize) -> usize {
        self.frame(at)
            .map_or(at, |(header, _)| at + header.frame_bytes())
    }

    /// The valid frame at `at`, and whether its payload is valid, too.
    fn frame(&self, at: usize) -> Option<(FrameHeader, bool)> {
        let bytes = self.bytes.get(at..)?;
        let (header, _) = FrameHeader::decode(bytes, self.seed, at as u64).ok()?;
        let sound = header.payload(bytes, self.seed).is_ok();
        Some((header, sound))
    }

    /// Goes from frame to frame where it can, and else from byte to byte. `expected` is the position of the frame at `at`.
    fn read(&mut self, mut at: usize, mut expected: Option<Lsn>) {
        let mut db = None;
        while at < self.bytes.len() {
            if at.is_multiple_of(ALIGN)
                && let Some((header, sound)) = self.frame(at)
            {
                let lost = (self.range.from..self.range.to).contains(&header.first_lsn);
                if lost || !sound {
                    let payload = at + HEADER_BYTES;
                    let end = payload + header.payload_bytes as usize;
                    self.items(payload, end, header.first_lsn, Some(header.db));
                }
                at += header.frame_bytes();
                expected = Some(header.end_lsn());
                continue;
            }
            // A header that is not valid still says where its payload starts, if a frame must be here.
            let start = at;
            at = match expected.take() {
                Some(lsn) if self.item(at + HEADER_BYTES).is_some() => {
                    let end = self.items(at + HEADER_BYTES, self.bytes.len(), lsn, db);
                    end.next_multiple_of(ALIGN)
                }
                _ => match self.item(at) {
                    Some((item, length)) => {
                        self.note(item, at, None, &mut db);
                        at + length
                    }
                    None => self.next_start(at + 1),
                },
            };
            debug_assert!(at > start);
        }
    }

    /// Where the next item or frame may start.
    fn next_start(&self, from: usize) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        rest.iter()
            .position(|&byte| byte == b'*' || byte == b'E')
            .map_or(self.bytes.len(), |at| from + at)
    }

    fn item(&self, at: usize) -> Option<(Item<'a>, usize)> {
        Item::decode(self.bytes.get(at..)?).ok()
    }

    /// Lists the items from `at` to `end`, of which `at` is at `lsn`, with whatever does not parse left out. Without a
    /// valid header `end` is not known, and the first thing that is no item is the end.
    fn items(&mut self, at: usize, end: usize, lsn: Lsn, db: Option<u32>) -> usize {
        let bytes = self.bytes;
        let whole = bytes.get(..end).unwrap_or(bytes);
        let known_end = end < bytes.len();
        let (mut next, mut db) = (at, db);
        while next < whole.len() {
            match Item::decode(whole.get(next..).unwrap_or_default()) {
                Ok((item, length)) => {
                    self.note(item, next, Some(lsn.advance((next - at) as u64)), &mut db);
                    next += length;
                }
                Err(_) if !known_end => break,
                Err(_) => {
                    let rest = whole.get(next + 1..).unwrap_or_default();
                    let step = rest.iter().position(|&byte| byte == b'*');
                    next = step.map_or(whole.len(), |step| next + 1 + step);
                }
            }
        }
        next.max(at)
    }

    fn note(&mut self, item: Item<'_>, at: usize, lsn: Option<Lsn>, db: &mut Option<u32>) {
        match item {
            Item::Select(selected) => *db = Some(selected),
            Item::Multi | Item::Exec => {}
            Item::Effect(effect) => self.dropped.push(DroppedEffect {
                segment: self.segment,
                offset: at as u64,
                lsn,
                db: *db,
                name: effect.name(),
                key: effect.key().unwrap_or_default().to_vec(),
            }),
        }
    }
}
