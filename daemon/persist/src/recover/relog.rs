//! Writing the unproven end of the log once more, into a file of its own.
//!
//! A process that died may have left pages in the cache that never reached the disk, and its failed syncs may have marked
//! them clean: a sync by us would succeed and mean nothing. So only what the directory itself proves durable is left
//! where it is. Every later frame that recovery has accepted is copied into a new segment, which is synced before it
//! gets its name; its header continues the last proven frame and so supersedes what stood there.
//!
//! Nothing is changed in place: some of these frames were acknowledged although nothing later on the disk says so, and
//! a crash during a write may leave anything in the range that it covers.

use std::io;

use esker_env::{FileOps, Files};
use esker_format::crc::Seed;
use esker_format::native::audit::Report;
use esker_format::native::frame::{FrameHeader, FrameKind};
use esker_format::native::segment::{HEADER_BYTES, INCOMPAT_COLLECTIONS, Previous, SegmentHeader};
use esker_format::{Lsn, names};

use crate::Now;
use crate::recover::load::Place;
use crate::segment::remove_if_there;

const GATHER_BYTES: usize = 4 << 20;

/// What the next segment continues.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) previous: Previous,
    /// Sequence number of the last frame before it.
    pub(crate) sequence: u64,
}

/// A place between two frames.
#[derive(Clone, Copy)]
struct Position {
    segment: u64,
    offset: u64,
    lsn: Lsn,
    sequence: u64,
    crc: u32,
}

impl Position {
    fn link(self) -> Link {
        let previous = Previous {
            number: self.segment,
            end_offset: self.offset,
            crc: self.crc,
        };
        Link {
            previous,
            sequence: self.sequence,
        }
    }
}

/// Makes the log up to `report.end` durable, in segment `number` if that takes one. `None` if there is no log.
pub(crate) fn relog<F: Files>(
    files: &F,
    report: &Report,
    places: &[Place],
    number: u64,
    now: Now,
) -> io::Result<Option<Link>> {
    let Some(proven) = last_proven(files, report, places)? else {
        return Ok(None);
    };
    if proven.lsn == report.end.lsn {
        return Ok(Some(proven.link()));
    }
    let (position, file) = copy_frames(files, report, proven, number, now)?;
    if position.lsn != report.end.lsn {
        return Err(io::Error::other("the log has changed while it was read"));
    }
    file.sync_data()?;
    let name = names::segment(number);
    files.rename(&names::temporary(&name), &name)?;
    files.sync_dir()?;
    Ok(Some(position.link()))
}

/// The last position behind a payload of which something written later says that it is durable. Everything before it
/// is, too: a sync covers all segments. Without one, the head of the first segment, which the manifest vouches for.
fn last_proven<F: Files>(
    files: &F,
    report: &Report,
    places: &[Place],
) -> io::Result<Option<Position>> {
    let (Some(manifest), Some(&first)) = (&report.manifest, report.segments.first()) else {
        return Ok(None);
    };
    let Some((mut proven, _)) = head(files, first)? else {
        return Ok(None);
    };
    let near = places
        .iter()
        .rfind(|place| place.end_lsn <= report.durable_claim);
    for (index, &number) in report.segments.iter().enumerate() {
        if near.is_some_and(|near| number < near.segment) {
            continue;
        }
        let Some(file) = files.open(&names::segment(number))? else {
            break;
        };
        let (map, seed) = (file.map()?, Seed::segment(manifest.dataset, number));
        let limit = end_of(files, report, index)?;
        let mut at = match near {
            Some(near) if near.segment == number => near.offset,
            _ => HEADER_BYTES as u64,
        };
        while at < limit {
            let rest = map.get(at as usize..).unwrap_or_default();
            let Ok((header, crc)) = FrameHeader::decode(rest, seed, at) else {
                break;
            };
            if header.end_lsn() > report.durable_claim || header.end_lsn() > report.end.lsn {
                return Ok(Some(proven));
            }
            at += header.frame_bytes() as u64;
            if header.payload_bytes > 0 {
                let (lsn, sequence) = (header.end_lsn(), header.sequence);
                proven = Position {
                    segment: number,
                    offset: at,
                    lsn,
                    sequence,
                    crc,
                };
            }
        }
    }
    Ok(Some(proven))
}

/// Where the frames of a segment of the log end: where the next one says, or where the log ends.
fn end_of<F: Files>(files: &F, report: &Report, index: usize) -> io::Result<u64> {
    let number = report.segments.get(index).copied().unwrap_or_default();
    if let Some(end) = report.end.segment.filter(|end| end.number == number) {
        return Ok(end.end_offset);
    }
    let next = report.segments.get(index + 1).copied();
    let previous = next
        .map(|next| continued_by(files, next))
        .transpose()?
        .flatten();
    Ok(previous.map_or(0, |previous| previous.end_offset))
}

/// What segment `number` says that it continues.
pub(crate) fn continued_by<F: Files>(files: &F, number: u64) -> io::Result<Option<Previous>> {
    let Some(file) = files.open(&names::segment(number))? else {
        return Ok(None);
    };
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact_at(0, &mut bytes)?;
    Ok(SegmentHeader::decode(&bytes)
        .ok()
        .and_then(|(header, _)| header.previous))
}

/// The position behind a segment's header, and the timeline it is on.
fn head<F: Files>(files: &F, number: u64) -> io::Result<Option<(Position, u32)>> {
    let Some(file) = files.open(&names::segment(number))? else {
        return Ok(None);
    };
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact_at(0, &mut bytes)?;
    let Ok((header, crc)) = SegmentHeader::decode(&bytes) else {
        return Ok(None);
    };
    let position = Position {
        segment: number,
        offset: HEADER_BYTES as u64,
        lsn: header.first_lsn,
        sequence: header.first_sequence.saturating_sub(1),
        crc,
    };
    Ok(Some((position, header.timeline)))
}

/// Copies every frame between `from` and the end of the log, re-encoded for its new place.
fn copy_frames<F: Files>(
    files: &F,
    report: &Report,
    from: Position,
    number: u64,
    now: Now,
) -> io::Result<(Position, F::File)> {
    let (Some(manifest), Some(end)) = (&report.manifest, report.end.segment) else {
        return Err(io::Error::other("a log that is to be copied has an end"));
    };
    let mut copy = Copy::begin(files, report, from, number, now)?;
    let first = report
        .segments
        .iter()
        .position(|&segment| segment == from.segment);
    for (index, &segment) in report.segments.iter().enumerate().skip(first.unwrap_or(0)) {
        let Some(file) = files.open(&names::segment(segment))? else {
            break;
        };
        let (map, seed) = (file.map()?, Seed::segment(manifest.dataset, segment));
        let limit = end_of(files, report, index)?;
        let mut at = if segment == from.segment {
            from.offset
        } else {
            HEADER_BYTES as u64
        };
        while at < limit {
            let frame = map.get(at as usize..).unwrap_or_default();
            let Ok((header, _)) = FrameHeader::decode(frame, seed, at) else {
                break;
            };
            let follows = header.first_lsn == copy.position.lsn;
            let Some(payload) = header.payload(frame, seed).ok().filter(|_| follows) else {
                break;
            };
            copy.add(&header, payload)?;
            at += header.frame_bytes() as u64;
        }
        if segment == end.number {
            break;
        }
    }
    copy.flush()?;
    Ok((copy.position, copy.file))
}

/// The new segment while it is filled.
struct Copy<File> {
    file: File,
    seed: Seed,
    position: Position,
    gathered: Vec<u8>,
    written: u64,
}

impl<File: FileOps> Copy<File> {
    fn begin<F: Files<File = File>>(
        files: &F,
        report: &Report,
        from: Position,
        number: u64,
        now: Now,
    ) -> io::Result<Copy<File>> {
        let name = names::temporary(&names::segment(number));
        remove_if_there(files, &name)?;
        let file = files.create(&name)?;
        let Some((_, timeline)) = head(files, from.segment)? else {
            return Err(io::Error::other("the segment to continue has a header"));
        };
        let dataset = report
            .manifest
            .as_ref()
            .map(|manifest| manifest.dataset)
            .unwrap_or_default();
        let header = SegmentHeader {
            compat: 0,
            incompat: INCOMPAT_COLLECTIONS,
            dataset,
            timeline,
            number,
            first_lsn: from.lsn,
            first_sequence: from.sequence + 1,
            durable_lsn: report.durable_claim.min(from.lsn),
            previous: Some(from.link().previous),
            created: report.end.time.max(now.wall),
        };
        let mut gathered = Vec::new();
        let crc = header.encode(&mut gathered);
        let position = Position {
            segment: number,
            offset: HEADER_BYTES as u64,
            crc,
            ..from
        };
        Ok(Copy {
            file,
            seed: header.seed(),
            position,
            gathered,
            written: 0,
        })
    }

    /// Markers are left out: what they say is in the header.
    fn add(&mut self, frame: &FrameHeader, payload: &[u8]) -> io::Result<()> {
        if matches!(frame.kind, FrameKind::Marker { .. }) {
            return Ok(());
        }
        let sequence = self.position.sequence + 1;
        let header = FrameHeader {
            sequence,
            previous_crc: self.position.crc,
            ..*frame
        };
        let crc = header.encode(self.seed, self.position.offset, payload, &mut self.gathered);
        self.position = Position {
            segment: self.position.segment,
            offset: self.position.offset + header.frame_bytes() as u64,
            lsn: header.end_lsn(),
            sequence,
            crc,
        };
        if self.gathered.len() >= GATHER_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(self.written, &self.gathered)?;
        self.written += self.gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }
}
