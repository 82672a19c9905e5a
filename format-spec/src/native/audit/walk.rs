//! The walk along the log: frame by frame, segment by segment, up to the end or the first doubt.

use std::io;

use super::chain::Headers;
use super::directory::Directory;
use super::evidence::{Claim, Evidence, Place};
use super::{End, Options, Report, Run, Source, Tail, Visitor, finding};
use crate::crc::Seed;
use crate::cursor::Fault;
use crate::native::frame::{ALIGN, FrameHeader, FrameKind, Part};
use crate::native::manifest::{LogState, Manifest};
use crate::native::segment::{self, Previous};
use crate::verdict::Severity;
use crate::{Lsn, UnixMs, names};

/// Reads a file that may be missing.
pub(super) fn read<S: Source>(source: &S, name: &str) -> io::Result<Option<S::Bytes>> {
    match source.read(name) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where the walk stands, and what the next frame must say.
#[derive(Clone, Copy, Debug)]
struct Position {
    segment: u64,
    offset: usize,
    lsn: Lsn,
    sequence: u64,
    crc: u32,
    time: UnixMs,
    replication_offset: u64,
}

/// A unit of which some fragments have been seen.
struct Pending {
    unit_id: u64,
    db: u32,
    payload: Vec<u8>,
}

/// Why the frames of a segment came to an end.
enum Stop {
    /// At the end that the successor's header gives.
    Link,
    /// At the position where the manifest says that the log ends.
    LogEnd,
    /// There is no valid frame at the current position.
    Doubt(Fault),
    /// The visitor, or the audit itself, found something wrong in a valid frame and does not go on.
    Halt,
}

/// What the walk does next.
enum Next {
    Segment(u64),
    Resume(Place),
    Done,
}

/// The walk and what it has found so far.
pub(super) struct Walk<'a, S: Source> {
    source: &'a S,
    directory: &'a Directory,
    manifest: &'a Manifest,
    options: Options,
    visitor: &'a mut dyn Visitor,
    report: &'a mut Report,
    headers: Headers,
    position: Position,
    pending: Option<Pending>,
    /// Whether the last frame was the mark of an orderly shutdown.
    clean: bool,
    /// Whether something that was promised has been found damaged.
    damaged: bool,
    time_went_back: bool,
    /// The last place behind damage at which the walk went on.
    resumed_at: Option<Place>,
    /// Where the manifest says that the log ends.
    log_end: Option<Lsn>,
}

impl<'a, S: Source> Walk<'a, S> {
    /// A walk that starts at the manifest's first segment.
    pub fn new(
        source: &'a S,
        directory: &'a Directory,
        manifest: &'a Manifest,
        options: Options,
        visitor: &'a mut dyn Visitor,
        report: &'a mut Report,
    ) -> io::Result<Walk<'a, S>> {
        let files = directory.segments.iter().copied();
        let headers = Headers::read(source, files, manifest.dataset, &mut report.verdicts)?;
        report.needs_newer |= headers.needs_newer;
        let position = Position {
            segment: manifest.first_segment,
            offset: 0,
            lsn: manifest.cut_lsn(),
            sequence: report.end.sequence,
            crc: 0,
            time: report.end.time,
            replication_offset: report.end.replication_offset,
        };
        let log_end = match manifest.log {
            LogState::On => None,
            LogState::Off { end } | LogState::Starting { end } => Some(end),
        };
        Ok(Walk {
            source,
            directory,
            manifest,
            options,
            visitor,
            report,
            headers,
            position,
            pending: None,
            clean: false,
            damaged: false,
            time_went_back: false,
            resumed_at: None,
            log_end,
        })
    }

    /// Walks to the end of the log and enters in the report what there is to say.
    pub fn run(mut self) -> io::Result<()> {
        if !self.report.sound() && !self.options.keep_going {
            self.report.tail = Tail::Damaged;
            return Ok(());
        }
        let mut next = Next::Segment(self.manifest.first_segment);
        loop {
            next = match next {
                Next::Segment(number) => self.segment(number, None)?,
                Next::Resume(place) => self.segment(place.segment, Some(place.offset))?,
                Next::Done => break,
            };
        }
        if self.damaged {
            self.report.tail = Tail::Damaged;
        }
        Ok(())
    }

    /// Walks through one segment, from its start or from a valid frame behind damage.
    fn segment(&mut self, number: u64, resume: Option<u64>) -> io::Result<Next> {
        if self.log_end.is_some_and(|end| self.position.lsn >= end) {
            return Ok(self.reached_log_end());
        }
        let name = names::segment(number);
        let file = read(self.source, &name)?;
        let bytes = file.as_ref().map_or(&[][..], |file| file.as_ref());
        self.position.segment = number;
        let entered = match resume {
            Some(offset) => self.resume_at(number, bytes, offset),
            None if file.is_none() => Err(Fault::Invalid("the segment is missing")),
            None => self.enter(number, bytes),
        };
        if let Err(fault) = entered {
            self.position.offset = 0;
            return self.doubt(bytes, None, fault);
        }
        if self.report.segments.last() != Some(&number) {
            self.report.segments.push(number);
        }
        let successor = self.headers.successor(number).copied();
        let link = successor.and_then(|header| header.previous);
        match self.frames(bytes, Seed::segment(self.manifest.dataset, number), link) {
            Stop::Link => match successor {
                Some(header) if self.continues(&header) => Ok(Next::Segment(header.number)),
                _ => self.doubt(
                    bytes,
                    successor.map(|header| (header.number, bytes.len())),
                    LINK_BROKEN,
                ),
            },
            Stop::LogEnd => Ok(self.reached_log_end()),
            Stop::Doubt(fault) => {
                let successor = successor
                    .zip(link)
                    .map(|(header, link)| (header.number, link.end_offset as usize));
                self.doubt(bytes, successor, fault)
            }
            Stop::Halt => {
                self.damaged = true;
                Ok(Next::Done)
            }
        }
    }

    /// Takes position at the first frame of a segment.
    fn enter(&mut self, number: u64, bytes: &[u8]) -> Result<(), Fault> {
        let Some(&(header, crc)) = self.headers.find(number) else {
            // The file has no valid header: say in which way.
            return match segment::SegmentHeader::decode(bytes) {
                Err(fault) => Err(fault),
                Ok(_) => Err(Fault::Invalid("the header is that of another segment")),
            };
        };
        if header.durable_lsn > header.first_lsn {
            return Err(Fault::Invalid("the header claims more than was written"));
        }
        if number == self.manifest.first_segment && self.report.segments.is_empty() {
            if header.first_lsn != self.position.lsn {
                return Err(Fault::Invalid(
                    "the first segment does not start at the cut of the snapshot",
                ));
            }
            self.position.sequence = header.first_sequence.saturating_sub(1);
        }
        self.claim(header.durable_lsn);
        self.position.offset = segment::HEADER_BYTES;
        self.position.crc = crc;
        self.clean = false;
        if self.pending.is_none() {
            self.settle();
        }
        Ok(())
    }

    /// Takes position at a valid frame behind damage.
    fn resume_at(&mut self, number: u64, bytes: &[u8], offset: u64) -> Result<(), Fault> {
        let seed = Seed::segment(self.manifest.dataset, number);
        let offset = offset as usize;
        let (header, _) =
            FrameHeader::decode(bytes.get(offset..).unwrap_or_default(), seed, offset as u64)?;
        self.position.offset = offset;
        self.position.lsn = header.first_lsn;
        self.position.sequence = header.sequence.saturating_sub(1);
        self.position.crc = header.previous_crc;
        self.pending = None;
        Ok(())
    }

    /// Whether the segment with that header continues the log exactly at the current position.
    fn continues(&self, header: &segment::SegmentHeader) -> bool {
        header
            .previous
            .is_some_and(|previous| previous.crc == self.position.crc)
            && header.first_lsn == self.position.lsn
            && Some(header.first_sequence) == self.position.sequence.checked_add(1)
    }

    /// Goes through the frames of a segment up to the end that `link` gives, or the first doubt.
    fn frames(&mut self, bytes: &[u8], seed: Seed, link: Option<Previous>) -> Stop {
        loop {
            let offset = self.position.offset as u64;
            match link {
                Some(link) if offset == link.end_offset => return Stop::Link,
                Some(link) if offset > link.end_offset => return Stop::Doubt(LINK_BROKEN),
                _ => {}
            }
            if self.log_end == Some(self.position.lsn) {
                return Stop::LogEnd;
            }
            let frame = bytes.get(self.position.offset..).unwrap_or_default();
            let (header, crc, payload) = match self.frame(frame, seed) {
                Ok(found) => found,
                Err(fault) => return Stop::Doubt(fault),
            };
            if let Err(fault) = self.accept(&header, crc, payload) {
                self.corrupt(
                    self.position.segment,
                    offset,
                    header.first_lsn,
                    &fault.to_string(),
                );
                if !self.options.keep_going {
                    return Stop::Halt;
                }
            }
        }
    }

    /// The frame that must stand at the current position.
    fn frame<'b>(
        &self,
        frame: &'b [u8],
        seed: Seed,
    ) -> Result<(FrameHeader, u32, &'b [u8]), Fault> {
        let (header, crc) = FrameHeader::decode(frame, seed, self.position.offset as u64)?;
        if header.previous_crc != self.position.crc
            || header.first_lsn != self.position.lsn
            || Some(header.sequence) != self.position.sequence.checked_add(1)
        {
            return Err(Fault::Invalid(
                "the frame does not continue the one before it",
            ));
        }
        if header.durable_lsn > header.first_lsn {
            return Err(Fault::Invalid("the frame claims more than was written"));
        }
        if self.log_end.is_some_and(|end| header.end_lsn() > end) {
            return Err(Fault::Invalid(
                "the frame goes beyond the end of the log in the manifest",
            ));
        }
        let payload = header.payload(frame, seed)?;
        Ok((header, crc, payload))
    }

    /// Moves behind a valid frame and shows what it completes to the visitor. An error is about its content.
    fn accept(&mut self, header: &FrameHeader, crc: u32, payload: &[u8]) -> Result<(), Fault> {
        let offset = self.position.offset as u64;
        if header.time < self.position.time && !std::mem::replace(&mut self.time_went_back, true) {
            let file = names::segment(self.position.segment);
            let what = "the time of the frame is before that of an earlier one";
            self.report.verdicts.push(finding(
                &file,
                offset,
                Some(header.first_lsn),
                Severity::Note,
                what,
            ));
        }
        self.claim(header.durable_lsn);
        self.visitor.examined(header.frame_bytes() as u64);
        self.position = Position {
            segment: self.position.segment,
            offset: self.position.offset + header.frame_bytes(),
            lsn: header.end_lsn(),
            sequence: header.sequence,
            crc,
            time: header.time.max(self.position.time),
            replication_offset: header.replication_offset,
        };
        self.clean = header.kind == FrameKind::Marker { clean: true }
            && header.durable_lsn == self.position.lsn;
        let mut run = Run {
            segment: self.position.segment,
            offset,
            db: header.db,
            first_lsn: header.first_lsn,
            sequence: header.sequence,
            replication_offset: header.replication_offset,
            time: header.time,
            stream_only: header.kind == FrameKind::StreamOnly,
            payload,
        };
        match header.kind {
            FrameKind::Fragment(part) => {
                let Some(unit) = self.gather(part, header, payload)? else {
                    return Ok(());
                };
                self.settle();
                run.db = unit.db;
                run.first_lsn = Lsn(unit.unit_id);
                run.payload = &unit.payload;
                return self.visit(&run);
            }
            FrameKind::Marker { .. } if self.pending.is_some() => return Ok(()),
            FrameKind::Units | FrameKind::StreamOnly if self.pending.take().is_some() => {
                self.settle();
                return Err(Fault::Invalid("the frame interrupts a unit"));
            }
            FrameKind::Units | FrameKind::StreamOnly | FrameKind::Marker { .. } => self.settle(),
        }
        self.visit(&run)
    }

    /// Adds a fragment to its unit; returns the unit when it is complete.
    fn gather(
        &mut self,
        part: Part,
        header: &FrameHeader,
        payload: &[u8],
    ) -> Result<Option<Pending>, Fault> {
        if part == Part::First {
            let unit = Pending {
                unit_id: header.unit_id,
                db: header.db,
                payload: payload.to_vec(),
            };
            let interrupted = self.pending.replace(unit).is_some();
            return match interrupted || header.unit_id != header.first_lsn.0 {
                true => Err(Fault::Invalid("a unit starts inside another")),
                false => Ok(None),
            };
        }
        match &mut self.pending {
            Some(unit) if unit.unit_id == header.unit_id => unit.payload.extend_from_slice(payload),
            // Behind damage the rest of a unit is no surprise.
            None if self.damaged => return Ok(None),
            _ => return Err(Fault::Invalid("the fragment belongs to no unit")),
        }
        Ok(if part == Part::Last {
            self.pending.take()
        } else {
            None
        })
    }

    /// Everything up to the current position counts.
    fn settle(&mut self) {
        self.report.end = End {
            lsn: self.position.lsn,
            sequence: self.position.sequence,
            replication_offset: self.position.replication_offset,
            time: self.position.time,
            segment: Some(Previous {
                number: self.position.segment,
                end_offset: self.position.offset as u64,
                crc: self.position.crc,
            }),
        };
    }

    fn visit(&mut self, run: &Run<'_>) -> Result<(), Fault> {
        if run.payload.is_empty() {
            return Ok(());
        }
        self.report.runs += 1;
        self.report.payload_bytes += run.payload.len() as u64;
        self.visitor.run(run)
    }

    fn claim(&mut self, lsn: Lsn) {
        self.report.durable_claim = self.report.durable_claim.max(lsn);
    }

    fn corrupt(&mut self, segment: u64, offset: u64, lsn: Lsn, what: &str) {
        self.damaged = true;
        let file = names::segment(segment);
        self.report
            .verdicts
            .push(finding(&file, offset, Some(lsn), Severity::Corrupt, what));
    }

    fn reached_log_end(&mut self) -> Next {
        self.report.tail = Tail::Clean;
        Next::Done
    }

    /// There is no valid frame at the current position: judges by proof whether that is the end of the log, a
    /// torn tail or corruption. `successor` is a segment that continues this one, and where it says this one ends.
    fn doubt(
        &mut self,
        bytes: &[u8],
        successor: Option<(u64, usize)>,
        fault: Fault,
    ) -> io::Result<Next> {
        let Position {
            segment,
            offset,
            lsn,
            ..
        } = self.position;
        let dataset = self.manifest.dataset;
        let mut evidence = Evidence::default();
        if !self.clean || successor.is_some() {
            let limit = successor.map_or(bytes.len(), |(_, end)| end);
            let seed = Seed::segment(dataset, segment);
            let from = offset.max(segment::HEADER_BYTES);
            evidence.in_segment(segment, bytes, seed, from, limit);
        }
        let later = successor.map(|(number, _)| number);
        evidence.in_later_files(
            self.source,
            self.directory,
            &self.headers,
            dataset,
            segment,
            later,
        )?;

        let promised = self.highest_claim(evidence.claim.take());
        self.claim(promised.lsn);
        self.report.needs_newer |= fault.needs_newer();
        if promised.lsn > lsn || fault.needs_newer() {
            return Ok(self.judge_corrupt(bytes, &fault, &promised, evidence.next_frame));
        }
        self.judge_tail(bytes, successor.is_some(), &evidence);
        Ok(Next::Done)
    }

    fn highest_claim(&self, found: Option<Claim>) -> Claim {
        let manifest = self
            .manifest
            .durable_lsn
            .max(self.log_end.unwrap_or_default());
        match found {
            Some(claim) if claim.lsn >= manifest => claim,
            _ => Claim {
                lsn: manifest,
                file: names::MANIFEST.to_owned(),
                offset: 0,
            },
        }
    }

    fn judge_corrupt(
        &mut self,
        bytes: &[u8],
        fault: &Fault,
        promised: &Claim,
        next_frame: Option<Place>,
    ) -> Next {
        let Position {
            mut segment,
            mut offset,
            lsn,
            ..
        } = self.position;
        let mut what = fault.to_string();
        let ends_here =
            self.is_blank(bytes) && next_frame.is_none_or(|place| place.segment != segment);
        if ends_here && offset > 0 {
            // Nothing is wrong with this segment; its successor is.
            (segment, offset) = (segment.saturating_add(1), 0);
            what = match self.directory.segments.contains(&segment) {
                true => "the segment has no valid header".to_owned(),
                false => "the segment is missing".to_owned(),
            };
        }
        if promised.lsn > lsn {
            let Claim { lsn, file, offset } = promised;
            what += &format!(
                "; but {file} at offset {offset} says that everything below LSN {lsn} was durable"
            );
        }
        self.corrupt(segment, offset as u64, lsn, &what);
        match next_frame.filter(|_| self.options.keep_going) {
            // A frame that is valid in itself but never acceptable must not be tried again.
            Some(place) if self.resumed_at.is_none_or(|before| before < place) => {
                self.resumed_at = Some(place);
                Next::Resume(place)
            }
            _ => Next::Done,
        }
    }

    /// Whether there is nothing at the current position: the end of the file, or zeros.
    fn is_blank(&self, bytes: &[u8]) -> bool {
        bytes
            .iter()
            .skip(self.position.offset)
            .take(ALIGN)
            .all(|&byte| byte == 0)
    }

    /// Nobody was promised anything from here on.
    fn judge_tail(&mut self, bytes: &[u8], has_successor: bool, evidence: &Evidence) {
        let Position {
            segment,
            offset,
            lsn,
            ..
        } = self.position;
        let nothing_follows =
            (self.is_blank(bytes) || self.clean) && !has_successor && evidence.next_frame.is_none();
        if nothing_follows && self.pending.is_none() {
            self.report.tail = if self.clean { Tail::Clean } else { Tail::Open };
            return;
        }
        let file = names::segment(segment);
        let what = match &self.pending {
            Some(unit) => {
                let start = unit.unit_id;
                format!(
                    "the unit that starts at LSN {start} is incomplete; nobody was promised it, so it is cut off"
                )
            }
            None => format!(
                "up to {} bytes that nobody was promised are cut off",
                evidence.bytes
            ),
        };
        self.report.verdicts.push(finding(
            &file,
            offset as u64,
            Some(lsn),
            Severity::Torn,
            &what,
        ));
        let end = self.report.end.segment;
        self.report.tail = Tail::Torn {
            segment: end.map_or(segment, |end| end.number),
            offset: end.map_or(0, |end| end.end_offset),
            bytes: evidence.bytes
                + self
                    .pending
                    .as_ref()
                    .map_or(0, |unit| unit.payload.len() as u64),
        };
    }
}

const LINK_BROKEN: Fault = Fault::Invalid("the segment does not end where the next one says");

/// Checks the segments that are only kept for point-in-time recovery. Damage to them is a note: the dataset
/// is not affected.
pub(super) fn audit_retained<S: Source>(
    source: &S,
    directory: &Directory,
    manifest: &Manifest,
    report: &mut Report,
) -> io::Result<()> {
    let retained = manifest.oldest_segment..manifest.first_segment.max(manifest.oldest_segment);
    let files = directory.segments.range(manifest.oldest_segment..).copied();
    let headers = Headers::read(source, files, manifest.dataset, &mut Vec::new())?;
    for &number in directory.segments.range(retained) {
        let name = names::segment(number);
        let Some(bytes) = read(source, &name)? else {
            continue;
        };
        let end = frames_end(bytes.as_ref(), Seed::segment(manifest.dataset, number));
        let expected = headers.successor(number).and_then(|header| header.previous);
        let fault = match (headers.find(number), expected) {
            (None, _) => "a retained segment has no valid header",
            (Some(_), Some(link)) if end < link.end_offset => "a retained segment is damaged",
            _ => continue,
        };
        report
            .verdicts
            .push(finding(&name, end, None, Severity::Note, fault));
    }
    Ok(())
}

/// The offset behind the last of the frames that are valid from the start of a segment.
fn frames_end(bytes: &[u8], seed: Seed) -> u64 {
    let mut offset = segment::HEADER_BYTES;
    while let Some(frame) = bytes.get(offset..)
        && let Ok((header, _)) = FrameHeader::decode(frame, seed, offset as u64)
        && header.payload(frame, seed).is_ok()
    {
        offset += header.frame_bytes();
    }
    offset as u64
}
