//! The log writer: takes what the engine recorded, in LSN order, and puts it into segments as frames.
//!
//! One writer at a time, under one lock. The engine's lock is held only to take the buffer; framing, checksums and the
//! write happen outside it. `written_lsn` is published when everything below it has been handed to the operating system.
//!
//! Frames follow the marks of the effect buffer. A frame that does not fit behind the last one opens the next segment; a
//! unit longer than a frame may be is cut into fragments, which may cross segments. When there is no prepared segment the
//! writer does not create one itself: what it took stays in a backlog until [`crate::jobs`] has prepared one, so a writer
//! never stalls on a slow allocation, and a full disk is not a failure.

use std::collections::VecDeque;
use std::io;

use esker_env::{FileOps, Files};
use esker_format::crc::Seed;
use esker_format::names;
use esker_format::native::frame::{
    FrameHeader, FrameKind, HEADER_BYTES as FRAME_HEADER_BYTES, PAYLOAD_BYTES_MAX, Part,
};
use esker_format::native::segment::{
    HEADER_BYTES as SEGMENT_HEADER_BYTES, INCOMPAT_COLLECTIONS, Previous, SegmentHeader,
};
use esker_format::{DatasetId, Lsn, UnixMs};
use esker_keyspace::effects::{Chunk, FrameMark};

use crate::segment::{Prepared, Segment, TERMINATOR_BYTES, payload_bytes_max};
use crate::{Engine, Now};

/// Frames are gathered up to this size before they are written.
const GATHER_BYTES: usize = 4 << 20;
/// A fragment is not started in less room than this, unless segments are tiny.
const FRAGMENT_BYTES_MIN: usize = 4096;

/// What a call of the writer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Nothing was waiting.
    Idle,
    Written {
        bytes: u64,
    },
    /// Another thread is writing.
    Busy,
    /// No segment is prepared: run the jobs.
    Stalled,
    /// The log has failed; nothing more is taken until the rescue.
    Failed,
}

/// A segment that is full, or was left early.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed {
    pub(crate) number: u64,
    /// 0 if the file is not to be used again.
    pub(crate) bytes: u64,
}

/// Why the writer cannot go on.
pub(crate) enum Trouble {
    /// No prepared segment.
    Stalled,
    /// The disk refused; final for the segment.
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Io(error)
    }
}

/// The state behind the writer lock.
pub(crate) struct Writer<F: Files> {
    pub(crate) files: F,
    pub(crate) dataset: DatasetId,
    pub(crate) timeline: u32,
    /// `None` while the log is off, or has failed.
    pub(crate) current: Option<Segment<F::File>>,
    pub(crate) prepared: Option<Prepared<F::File>>,
    pub(crate) sealed: Vec<Sealed>,
    /// Files with writes that no sync has covered, oldest first.
    pub(crate) dirty: Vec<(u64, F::File)>,
    /// Whether a name of a segment waits for a directory sync.
    pub(crate) dir_dirty: bool,
    /// Taken from the engine, in order, but not written for lack of a segment. The offset is into the first one.
    backlog: VecDeque<Chunk>,
    backlog_done: usize,
    /// A written chunk, to be given back to the engine.
    spare: Option<Chunk>,
    gathered: Vec<u8>,
    /// Where `gathered` belongs in the current segment.
    gathered_at: u64,
    pub(crate) sequence: u64,
    /// Replication offset minus LSN, constant within a timeline.
    pub(crate) replication_delta: u64,
    previous_crc: u32,
    pub(crate) time: UnixMs,
    pub(crate) segment_bytes: u64,
    pub(crate) next_number: u64,
    pub(crate) sync_running: bool,
    pub(crate) failed: bool,
    /// Position behind the last frame built.
    pub(crate) end_lsn: Lsn,
    /// Position behind the last complete unit: what may be published. Fragments alone are worth nothing.
    pub(crate) complete_lsn: Lsn,
    /// The durable LSN that the last frame told.
    pub(crate) told_durable: Lsn,
    /// Copy of the published value.
    pub(crate) durable_lsn: Lsn,
    /// While set, syncs publish nothing: what they build upon is not committed yet. Holds the LSN reached meanwhile.
    pub(crate) held: Option<Lsn>,
    /// A boundary that the next segment must start at.
    pub(crate) cut: Option<Cut>,
    /// The last cut that was reached, and the segment that starts there.
    cut_segment: Option<(Lsn, u64)>,
    /// Segments up to this number have a durable header and name.
    pub(crate) synced_segment: u64,
    pub(crate) rolls: u64,
    #[cfg(feature = "sim")]
    pub(crate) fault: crate::PlantedFault,
}

/// Where a snapshot was cut: the log is divided there as soon as a segment is prepared.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) lsn: Lsn,
    /// Whether the log goes on there, or starts afresh.
    pub(crate) chained: bool,
}

/// Where a writer starts.
pub(crate) struct Start {
    pub(crate) dataset: DatasetId,
    pub(crate) timeline: u32,
    pub(crate) end_lsn: Lsn,
    pub(crate) durable_lsn: Lsn,
    pub(crate) sequence: u64,
    pub(crate) replication_delta: u64,
    pub(crate) time: UnixMs,
    pub(crate) segment_bytes: u64,
    pub(crate) next_number: u64,
}

impl<F: Files> Writer<F> {
    pub(crate) fn new(files: F, start: Start) -> Writer<F> {
        Writer {
            files,
            dataset: start.dataset,
            timeline: start.timeline,
            current: None,
            prepared: None,
            sealed: Vec::new(),
            dirty: Vec::new(),
            dir_dirty: false,
            backlog: VecDeque::new(),
            backlog_done: 0,
            spare: None,
            gathered: Vec::new(),
            gathered_at: 0,
            sequence: start.sequence,
            replication_delta: start.replication_delta,
            previous_crc: 0,
            time: start.time,
            segment_bytes: start.segment_bytes,
            next_number: start.next_number,
            sync_running: false,
            failed: false,
            end_lsn: start.end_lsn,
            complete_lsn: start.end_lsn,
            told_durable: Lsn::ZERO,
            durable_lsn: start.durable_lsn,
            held: None,
            cut: None,
            cut_segment: None,
            synced_segment: 0,
            rolls: 0,
            #[cfg(feature = "sim")]
            fault: crate::PlantedFault::None,
        }
    }

    /// Takes everything recorded and writes it. The engine's lock is held for the swap of a buffer.
    pub(crate) fn pump<E: Engine>(&mut self, engine: &E, now: Now) -> Result<u64, Trouble> {
        let spare = self.spare.take();
        let chunk = engine.with(|keyspace| {
            let effects = keyspace.effects_mut();
            if let Some(spare) = spare {
                effects.recycle(spare);
            }
            (effects.pending_bytes() > 0).then(|| effects.take())
        });
        self.push(chunk);
        self.drain(now)
    }

    /// Queues a chunk that the caller took from the engine under its lock.
    pub(crate) fn push(&mut self, chunk: Option<Chunk>) {
        let Some(chunk) = chunk.filter(|chunk| !chunk.bytes.is_empty()) else {
            return;
        };
        let behind = self.backlog.back().map_or(self.end_lsn, Chunk::end_lsn);
        if self.backlog.is_empty() || self.backlog_done == 0 {
            assert!(
                chunk.first_lsn == behind,
                "chunks are contiguous: {} after {behind}",
                chunk.first_lsn
            );
        }
        self.backlog.push_back(chunk);
    }

    /// Writes the backlog as far as segments are there. Returns the payload bytes written.
    pub(crate) fn drain(&mut self, now: Now) -> Result<u64, Trouble> {
        self.time = self.time.max(now.wall);
        let before = self.end_lsn;
        let result = self.drain_chunks();
        // What was framed goes out even when the next segment is missing.
        self.flush()?;
        result.map(|()| self.end_lsn.0 - before.0)
    }

    fn drain_chunks(&mut self) -> Result<(), Trouble> {
        while let Some(chunk) = self.backlog.pop_front() {
            let divided = if self.backlog_done == 0 {
                self.divide_at(chunk.first_lsn)
            } else {
                Ok(())
            };
            match divided.and_then(|()| self.place_chunk(&chunk)) {
                Ok(()) => {
                    self.backlog_done = 0;
                    self.spare = Some(chunk);
                }
                Err(trouble) => {
                    self.backlog.push_front(chunk);
                    return Err(trouble);
                }
            }
        }
        Ok(())
    }

    fn place_chunk(&mut self, chunk: &Chunk) -> Result<(), Trouble> {
        for mark in &chunk.marks {
            if self.backlog_done >= mark.end {
                continue;
            }
            self.place_frame(chunk, mark)?;
        }
        Ok(())
    }

    /// Writes what one mark spans as one frame, or as fragments. `backlog_done` says how much of it is placed already.
    fn place_frame(&mut self, chunk: &Chunk, mark: &FrameMark) -> Result<(), Trouble> {
        let whole = mark.end - mark.start;
        // The next segment may have been prepared before the size was raised.
        let segment_bytes = self
            .prepared
            .as_ref()
            .map_or(self.segment_bytes, |prepared| {
                prepared.bytes.min(self.segment_bytes)
            });
        let fits_somewhere =
            whole <= PAYLOAD_BYTES_MAX && whole <= payload_bytes_max(segment_bytes);
        let started = self.backlog_done > mark.start;
        if fits_somewhere && !started {
            self.make_room(whole)?;
            let payload = &chunk.bytes[mark.start..mark.end];
            self.put_frame(FrameKind::Units, mark.db, Lsn::ZERO, payload)?;
            self.backlog_done = mark.end;
            return Ok(());
        }
        let unit_id = chunk.first_lsn.advance(mark.start as u64);
        let least = FRAGMENT_BYTES_MIN
            .min(payload_bytes_max(segment_bytes) / 2)
            .max(1);
        while self.backlog_done.max(mark.start) < mark.end {
            let start = self.backlog_done.max(mark.start);
            let left = mark.end - start;
            self.make_room(left.min(least))?;
            let room = self.current.as_ref().and_then(Segment::room).unwrap_or(0);
            let end = start + left.min(room).min(PAYLOAD_BYTES_MAX);
            let part = match (start == mark.start, end == mark.end) {
                (true, _) => Part::First,
                (false, true) => Part::Last,
                (false, false) => Part::Middle,
            };
            // A unit that fits into one frame after all (the segment size was raised meanwhile) still needs two parts.
            let end = if start == mark.start && end == mark.end {
                start + (left / 2).max(1)
            } else {
                end
            };
            self.put_frame(
                FrameKind::Fragment(part),
                mark.db,
                unit_id,
                &chunk.bytes[start..end],
            )?;
            self.backlog_done = end;
        }
        Ok(())
    }

    /// Makes sure that a payload of `bytes` fits into the current segment. A segment that was prepared before the size
    /// was raised may be too short even when it is empty; it is passed over.
    fn make_room(&mut self, bytes: usize) -> Result<(), Trouble> {
        let fits = |segment: &Segment<F::File>| segment.room().is_some_and(|room| room >= bytes);
        while !self.current.as_ref().is_some_and(fits) {
            self.roll(true)?;
        }
        Ok(())
    }

    /// Appends a frame to what is gathered for the current segment.
    fn put_frame(
        &mut self,
        kind: FrameKind,
        db: u32,
        unit_id: Lsn,
        payload: &[u8],
    ) -> Result<(), Trouble> {
        let Some(segment) = &mut self.current else {
            return Err(Trouble::Stalled);
        };
        let header = FrameHeader {
            kind,
            db,
            payload_bytes: payload.len() as u32,
            sequence: self.sequence,
            first_lsn: self.end_lsn,
            replication_offset: self
                .end_lsn
                .0
                .wrapping_add(self.replication_delta)
                .wrapping_add(payload.len() as u64),
            time: self.time,
            durable_lsn: self.durable_lsn,
            unit_id: unit_id.0,
            previous_crc: self.previous_crc,
            payload_crc: 0,
        };
        if self.gathered.is_empty() {
            self.gathered_at = segment.end;
        }
        self.previous_crc = header.encode(segment.seed, segment.end, payload, &mut self.gathered);
        segment.end += header.frame_bytes() as u64;
        assert!(
            segment.end <= segment.limit,
            "a frame ends inside its segment"
        );
        self.sequence += 1;
        self.end_lsn = header.end_lsn();
        let complete = !matches!(kind, FrameKind::Fragment(Part::First | Part::Middle));
        #[cfg(feature = "sim")]
        let complete = complete || self.fault == crate::PlantedFault::HalfUnitPublished;
        if complete {
            self.complete_lsn = self.end_lsn;
        }
        self.told_durable = self.durable_lsn;
        if self.gathered.len() >= GATHER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Hands the gathered frames to the operating system.
    fn flush(&mut self) -> Result<(), Trouble> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let Some(segment) = &self.current else {
            return Ok(());
        };
        if segment.stale {
            self.gathered
                .resize(self.gathered.len() + TERMINATOR_BYTES as usize, 0);
        }
        segment.file.write_at(self.gathered_at, &self.gathered)?;
        self.gathered.clear();
        let (number, file) = (segment.number, segment.file.clone());
        self.mark_dirty(number, file);
        Ok(())
    }

    fn mark_dirty(&mut self, number: u64, file: F::File) {
        if self.dirty.last().is_none_or(|(last, _)| *last != number) {
            self.dirty.push((number, file));
        }
    }

    /// Leaves the current segment, if there is one, and opens the prepared one. `chained` says whether the log goes on
    /// without a gap.
    pub(crate) fn roll(&mut self, chained: bool) -> Result<(), Trouble> {
        if self.prepared.is_none() {
            return Err(Trouble::Stalled);
        }
        self.flush()?;
        let Some(prepared) = self.prepared.take() else {
            return Err(Trouble::Stalled);
        };
        let previous = self.seal_current().filter(|_| chained);
        self.open_segment(prepared, previous)?;
        self.rolls += 1;
        Ok(())
    }

    fn divide_at(&mut self, lsn: Lsn) -> Result<(), Trouble> {
        if self.cut.is_some_and(|cut| cut.lsn == lsn) {
            self.divide()
        } else {
            Ok(())
        }
    }

    /// Starts the segment that a snapshot's cut asked for, if the log has reached the cut.
    pub(crate) fn divide(&mut self) -> Result<(), Trouble> {
        let Some(cut) = self.cut.filter(|cut| cut.lsn == self.end_lsn) else {
            return Ok(());
        };
        let fresh = |segment: &Segment<F::File>| segment.first_lsn == cut.lsn && segment.is_empty();
        if !(cut.chained && self.current.as_ref().is_some_and(fresh)) {
            self.roll(cut.chained)?;
        }
        self.cut = None;
        self.cut_segment = self
            .current
            .as_ref()
            .map(|segment| (cut.lsn, segment.number));
        Ok(())
    }

    /// The segment that starts at the cut `lsn`.
    pub(crate) fn segment_at(&self, lsn: Lsn) -> Option<u64> {
        self.cut_segment
            .filter(|(cut, _)| *cut == lsn)
            .map(|(_, number)| number)
    }

    /// Forgets the log so far, failed or not: what comes next is written to a new one that starts at `lsn`.
    pub(crate) fn restart(&mut self, lsn: Lsn) {
        self.leave_broken();
        self.backlog.clear();
        self.backlog_done = 0;
        self.end_lsn = lsn;
        self.complete_lsn = lsn;
        self.failed = false;
        self.sync_running = false;
        self.cut = None;
    }

    fn seal_current(&mut self) -> Option<Previous> {
        let segment = self.current.take()?;
        self.sealed.push(Sealed {
            number: segment.number,
            bytes: segment.end,
        });
        Some(Previous {
            number: segment.number,
            end_offset: segment.end,
            crc: self.previous_crc,
        })
    }

    /// Gives the prepared file its name and header. Both become durable with the next sync.
    pub(crate) fn open_segment(
        &mut self,
        prepared: Prepared<F::File>,
        previous: Option<Previous>,
    ) -> Result<(), Trouble> {
        let Prepared {
            number,
            file,
            bytes,
            stale,
        } = prepared;
        let header = SegmentHeader {
            compat: 0,
            incompat: INCOMPAT_COLLECTIONS,
            dataset: self.dataset,
            timeline: self.timeline,
            number,
            first_lsn: self.end_lsn,
            first_sequence: self.sequence,
            durable_lsn: self.durable_lsn,
            previous,
            created: self.time,
        };
        let mut encoded = Vec::with_capacity(SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES);
        self.previous_crc = header.encode(&mut encoded);
        let name = names::segment(number);
        self.files.rename(&names::temporary(&name), &name)?;
        file.write_at(0, &encoded)?;
        let limit = if stale {
            bytes - TERMINATOR_BYTES
        } else {
            bytes
        };
        let seed = Seed::segment(self.dataset, number);
        self.mark_dirty(number, file.clone());
        self.dir_dirty = true;
        let end = SEGMENT_HEADER_BYTES as u64;
        self.current = Some(Segment {
            number,
            file,
            seed,
            first_lsn: self.end_lsn,
            end,
            limit,
            stale,
        });
        Ok(())
    }

    /// Writes a frame without payload that tells the durable LSN. `clean` says that nothing follows.
    pub(crate) fn mark(&mut self, now: Now, clean: bool) -> Result<(), Trouble> {
        self.time = self.time.max(now.wall);
        if self.cut.is_some() || !self.backlog.is_empty() {
            return Err(Trouble::Stalled);
        }
        self.make_room(0)?;
        self.put_frame(FrameKind::Marker { clean }, 0, Lsn::ZERO, &[])?;
        self.flush()
    }
}

impl<F: Files> Writer<F> {
    /// Lets go of the prepared file; returns its name, to be removed.
    pub(crate) fn forget_prepared(&mut self) -> Option<String> {
        self.prepared
            .take()
            .map(|prepared| names::temporary(&names::segment(prepared.number)))
    }

    /// Gives up the current segment after a failure. Whatever it holds beyond the durable LSN counts for nothing.
    pub(crate) fn leave_broken(&mut self) {
        if let Some(segment) = self.current.take() {
            self.sealed.push(Sealed {
                number: segment.number,
                bytes: 0,
            });
        }
        self.dirty.clear();
        self.dir_dirty = false;
        self.gathered.clear();
    }
}
