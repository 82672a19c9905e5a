//! The manifest: the one file that says what the dataset is. Layout: `format-spec/native/manifest.md`.
//!
//! The file holds the same record twice, in separate 4 KiB blocks, so damage to one block costs nothing. The
//! previous manifest is kept for people and tools; recovery never falls back to it, because it cannot be
//! proven that nothing was committed since (see the crash analysis in the specification).

use crate::crc;
use crate::cursor::{Cursor, Fault, put_i64, put_u32, put_u64, put_zeros};
use crate::names::NUMBER_MAX;
use crate::{DatasetId, Lsn, UnixMs};

/// The first eight bytes of each copy.
pub const MAGIC: [u8; 8] = *b"ESKERMAN";
/// The layout version that this crate writes.
pub const VERSION: u32 = 1;
/// Size of the fixed part.
pub const HEADER_BYTES: usize = 192;
/// Size of one timeline.
pub const TIMELINE_BYTES: usize = 64;
/// Size of one gap.
pub const GAP_BYTES: usize = 40;
/// Size of one snapshot reference.
pub const SNAPSHOT_BYTES: usize = 48;
/// A copy takes a multiple of this.
pub const COPY_ALIGN: usize = 4096;
/// Incompatible features that this crate knows.
pub const INCOMPAT_KNOWN: u64 = 0;

/// Whether changes are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogState {
    /// No log: the dataset is the snapshot, and the log up to `end` if segments are named.
    Off {
        /// Where the log ended.
        end: Lsn,
    },
    /// A log is being written but the snapshot of its cut is not complete: recovery goes by `end` as for `Off`. The
    /// store does not write this today: such a log counts for nothing, so `Off` says enough.
    Starting {
        /// Where the log ended before.
        end: Lsn,
    },
    /// The dataset is the snapshot and the whole log behind its cut.
    On,
}

/// Why a new timeline began, or why there is a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The dataset was born.
    Birth,
    /// Recovery cut a torn tail, or could not prove that nothing was lost.
    UncleanRecovery,
    /// Writing or syncing the log failed.
    DiskFailure,
    /// The log was off in between.
    LogOff,
    /// An operator repaired, restored or imported the dataset.
    Operator,
    /// The dataset follows another primary from here.
    Replication,
    /// Unknown to this version; kept as it is.
    Other(u32),
}

impl Reason {
    fn code(self) -> u32 {
        match self {
            Reason::Birth => 1,
            Reason::UncleanRecovery => 2,
            Reason::DiskFailure => 3,
            Reason::LogOff => 4,
            Reason::Operator => 5,
            Reason::Replication => 6,
            Reason::Other(code) => code,
        }
    }

    fn from_code(code: u32) -> Reason {
        match code {
            1 => Reason::Birth,
            2 => Reason::UncleanRecovery,
            3 => Reason::DiskFailure,
            4 => Reason::LogOff,
            5 => Reason::Operator,
            6 => Reason::Replication,
            code => Reason::Other(code),
        }
    }
}

/// A stretch of history without forks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Its number.
    pub id: u32,
    /// The timeline that it continues; 0 for the first.
    pub parent: u32,
    /// Where it begins.
    pub start_lsn: Lsn,
    /// Its first segment.
    pub first_segment: u64,
    /// The replication offset at its beginning.
    pub replication_offset: u64,
    /// When it began.
    pub started: UnixMs,
    /// The replication id: twenty random bytes, shown as 40 hexadecimal digits.
    pub replication_id: [u8; 20],
    /// Why it began.
    pub reason: Reason,
}

/// Positions that no segment holds; their effects are in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first position that is missing.
    pub from: Lsn,
    /// The first position that is logged again: the cut of the snapshot that covers the gap.
    pub to: Lsn,
    /// The segment that follows.
    pub segment: u64,
    /// When it happened.
    pub at: UnixMs,
    /// Why.
    pub reason: Reason,
}

/// A complete, durable snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotRef {
    /// Its number, as in the file name.
    pub number: u64,
    /// It holds every effect below this position and none above.
    pub cut_lsn: Lsn,
    /// The segment that starts at its cut; 0 if there was no log.
    pub first_segment: u64,
    /// Length of the file.
    pub file_bytes: u64,
    /// When it was cut.
    pub cut_at: UnixMs,
    /// The checksum in its footer.
    pub footer_crc: u32,
}

/// What the dataset is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// One more than in the manifest before.
    pub generation: u64,
    /// Features that an older reader may ignore.
    pub compat: u64,
    /// Features that a reader must know.
    pub incompat: u64,
    /// The dataset.
    pub dataset: DatasetId,
    /// The seed of the key hash; it orders the snapshots.
    pub hash_seed: u64,
    /// When the manifest was written.
    pub written: UnixMs,
    /// Everything below this was durable when the manifest was written.
    pub durable_lsn: Lsn,
    /// Whether changes are logged.
    pub log: LogState,
    /// The first segment that recovery replays; 0 if there is none.
    pub first_segment: u64,
    /// Segments below this number may be removed or recycled; those from here to `first_segment` are retained
    /// for point-in-time recovery.
    pub oldest_segment: u64,
    /// Numbers below this are used up, for segments and snapshots alike.
    pub next_number: u64,
    /// The snapshot that recovery starts from; `None` for an empty dataset.
    pub snapshot: Option<SnapshotRef>,
    /// Older snapshots retained for point-in-time recovery, oldest first.
    pub retained: Vec<SnapshotRef>,
    /// All timelines, oldest first; the last is the current one.
    pub timelines: Vec<Timeline>,
    /// Known gaps, oldest first.
    pub gaps: Vec<Gap>,
}

impl Manifest {
    /// The current timeline.
    pub fn timeline(&self) -> Option<&Timeline> {
        self.timelines.last()
    }

    /// The position from which recovery replays: the cut of the snapshot, or 0.
    pub fn cut_lsn(&self) -> Lsn {
        self.snapshot.map_or(Lsn::ZERO, |snapshot| snapshot.cut_lsn)
    }

    /// The bytes of the file: two copies of the record.
    pub fn encode(&self) -> Vec<u8> {
        let mut copy = self.encode_record();
        let length = copy.len().next_multiple_of(COPY_ALIGN);
        copy.resize(length, 0);
        let mut file = copy.clone();
        file.extend_from_slice(&copy);
        file
    }

    /// One copy, without padding.
    pub fn encode_record(&self) -> Vec<u8> {
        let lists = SNAPSHOT_BYTES * self.retained.len()
            + TIMELINE_BYTES * self.timelines.len()
            + GAP_BYTES * self.gaps.len();
        let mut out = Vec::with_capacity(HEADER_BYTES + lists + 4);
        out.extend_from_slice(&MAGIC);
        put_u32(&mut out, VERSION);
        put_u32(&mut out, (HEADER_BYTES + lists + 4) as u32);
        put_u64(&mut out, self.compat);
        put_u64(&mut out, self.incompat);
        out.extend_from_slice(&self.dataset.0);
        put_u64(&mut out, self.generation);
        put_u64(&mut out, self.hash_seed);
        put_i64(&mut out, self.written.0);
        put_u64(&mut out, self.durable_lsn.0);
        let (state, end) = match self.log {
            LogState::Off { end } => (0, end),
            LogState::Starting { end } => (1, end),
            LogState::On => (2, Lsn::ZERO),
        };
        put_u32(&mut out, state);
        put_u32(&mut out, self.retained.len() as u32);
        put_u32(&mut out, self.timelines.len() as u32);
        put_u32(&mut out, self.gaps.len() as u32);
        put_u64(&mut out, end.0);
        put_u64(&mut out, self.first_segment);
        put_u64(&mut out, self.oldest_segment);
        put_u64(&mut out, self.next_number);
        put_zeros(&mut out, 16);
        encode_snapshot(&mut out, self.snapshot.as_ref());
        self.retained
            .iter()
            .for_each(|snapshot| encode_snapshot(&mut out, Some(snapshot)));
        self.timelines
            .iter()
            .for_each(|timeline| encode_timeline(&mut out, timeline));
        self.gaps.iter().for_each(|gap| encode_gap(&mut out, gap));
        let crc = crc::plain(&out);
        put_u32(&mut out, crc);
        out
    }

    /// Reads the file. If one copy is damaged the other counts, and [`Decoded::damaged`] says which.
    pub fn decode(file: &[u8]) -> Result<Decoded, Fault> {
        let (first, second) = file
            .split_at_checked(file.len() / 2)
            .ok_or(Fault::Truncated)?;
        let newer =
            |fault: &Fault| matches!(fault, Fault::UnknownVersion(_) | Fault::UnknownFeatures(_));
        match (
            Manifest::decode_record(first),
            Manifest::decode_record(second),
        ) {
            (Ok(a), Ok(b)) if a == b => Ok(Decoded {
                manifest: a,
                damaged: None,
            }),
            (Ok(_), Ok(_)) => Err(Fault::Invalid("the two copies of the manifest differ")),
            (Err(fault), _) | (_, Err(fault)) if newer(&fault) => Err(fault),
            (Ok(a), Err(_)) => Ok(Decoded {
                manifest: a,
                damaged: Some(first.len() as u64),
            }),
            (Err(_), Ok(b)) => Ok(Decoded {
                manifest: b,
                damaged: Some(0),
            }),
            (Err(fault), Err(_)) => Err(fault),
        }
    }

    /// Reads one copy.
    pub fn decode_record(bytes: &[u8]) -> Result<Manifest, Fault> {
        let mut cursor = Cursor::new(bytes);
        if cursor.array::<8>()? != MAGIC {
            return Err(Fault::BadMagic);
        }
        let version = cursor.u32()?;
        let length = cursor.u32()? as usize;
        let (covered, crc_bytes) = bytes
            .get(..length)
            .and_then(|record| record.split_last_chunk::<4>())
            .ok_or(Fault::Truncated)?;
        if crc::plain(covered) != u32::from_le_bytes(*crc_bytes) {
            return Err(Fault::BadCrc("manifest"));
        }
        if version != VERSION {
            return Err(Fault::UnknownVersion(version));
        }
        let mut cursor = Cursor::new(covered);
        cursor.take(16)?;
        decode_body(&mut cursor)
    }
}

/// A manifest as read from its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The manifest.
    pub manifest: Manifest,
    /// The offset of a copy that is damaged, if one is.
    pub damaged: Option<u64>,
}

fn decode_body(cursor: &mut Cursor<'_>) -> Result<Manifest, Fault> {
    let compat = cursor.u64()?;
    let incompat = cursor.u64()?;
    if incompat & !INCOMPAT_KNOWN != 0 {
        return Err(Fault::UnknownFeatures(incompat & !INCOMPAT_KNOWN));
    }
    let dataset = DatasetId(cursor.array()?);
    let generation = cursor.u64()?;
    let hash_seed = cursor.u64()?;
    let written = UnixMs(cursor.i64()?);
    let durable_lsn = Lsn(cursor.u64()?);
    let state = cursor.u32()?;
    let retained = cursor.u32()?;
    let timelines = cursor.u32()?;
    let gaps = cursor.u32()?;
    let end = Lsn(cursor.u64()?);
    let log = match state {
        0 => LogState::Off { end },
        1 => LogState::Starting { end },
        2 => LogState::On,
        _ => return Err(Fault::Invalid("the log state is unknown")),
    };
    let first_segment = cursor.u64()?;
    let oldest_segment = cursor.u64()?;
    let next_number = cursor.u64()?;
    cursor.zeros(16)?;
    let snapshot = decode_snapshot(cursor)?;
    let counted = [
        generation,
        durable_lsn.0,
        end.0,
        next_number,
        snapshot.cut_lsn.0,
    ];
    if counted.into_iter().any(|number| number > NUMBER_MAX) {
        return Err(Fault::Invalid("a number in the manifest is out of range"));
    }
    Ok(Manifest {
        generation,
        compat,
        incompat,
        dataset,
        hash_seed,
        written,
        durable_lsn,
        log,
        first_segment,
        oldest_segment,
        next_number,
        snapshot: (snapshot.number != 0).then_some(snapshot),
        retained: list(retained, || decode_snapshot(cursor))?,
        timelines: list(timelines, || decode_timeline(cursor))?,
        gaps: list(gaps, || decode_gap(cursor))?,
    })
}

/// Reads `count` elements; stops at the first that is cut off, so a forged count cannot allocate.
fn list<T>(count: u32, mut element: impl FnMut() -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    let mut elements = Vec::new();
    for _ in 0..count {
        elements.push(element()?);
    }
    Ok(elements)
}

fn encode_snapshot(out: &mut Vec<u8>, snapshot: Option<&SnapshotRef>) {
    let Some(snapshot) = snapshot else {
        put_zeros(out, SNAPSHOT_BYTES);
        return;
    };
    put_u64(out, snapshot.number);
    put_u64(out, snapshot.cut_lsn.0);
    put_u64(out, snapshot.first_segment);
    put_u64(out, snapshot.file_bytes);
    put_i64(out, snapshot.cut_at.0);
    put_u32(out, snapshot.footer_crc);
    put_u32(out, 0);
}

fn decode_snapshot(cursor: &mut Cursor<'_>) -> Result<SnapshotRef, Fault> {
    let snapshot = SnapshotRef {
        number: cursor.u64()?,
        cut_lsn: Lsn(cursor.u64()?),
        first_segment: cursor.u64()?,
        file_bytes: cursor.u64()?,
        cut_at: UnixMs(cursor.i64()?),
        footer_crc: cursor.u32()?,
    };
    cursor.take(4)?;
    Ok(snapshot)
}

fn encode_timeline(out: &mut Vec<u8>, timeline: &Timeline) {
    put_u32(out, timeline.id);
    put_u32(out, timeline.parent);
    put_u64(out, timeline.start_lsn.0);
    put_u64(out, timeline.first_segment);
    put_u64(out, timeline.replication_offset);
    put_i64(out, timeline.started.0);
    out.extend_from_slice(&timeline.replication_id);
    put_u32(out, timeline.reason.code());
}

fn decode_timeline(cursor: &mut Cursor<'_>) -> Result<Timeline, Fault> {
    Ok(Timeline {
        id: cursor.u32()?,
        parent: cursor.u32()?,
        start_lsn: Lsn(cursor.u64()?),
        first_segment: cursor.u64()?,
        replication_offset: cursor.u64()?,
        started: UnixMs(cursor.i64()?),
        replication_id: cursor.array()?,
        reason: Reason::from_code(cursor.u32()?),
    })
}

fn encode_gap(out: &mut Vec<u8>, gap: &Gap) {
    put_u64(out, gap.from.0);
    put_u64(out, gap.to.0);
    put_u64(out, gap.segment);
    put_i64(out, gap.at.0);
    put_u32(out, gap.reason.code());
    put_u32(out, 0);
}

fn decode_gap(cursor: &mut Cursor<'_>) -> Result<Gap, Fault> {
    let gap = Gap {
        from: Lsn(cursor.u64()?),
        to: Lsn(cursor.u64()?),
        segment: cursor.u64()?,
        at: UnixMs(cursor.i64()?),
        reason: Reason::from_code(cursor.u32()?),
    };
    cursor.take(4)?;
    Ok(gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_from_which_nothing_can_go_on_are_refused() {
        let fields: [(usize, &str); 5] = [
            (48, "generation"),
            (72, "durable_lsn"),
            (96, "log_end"),
            (120, "next_number"),
            (152, "cut_lsn"),
        ];
        let golden = include_bytes!("../../golden/v1/manifest.bin");
        for (offset, field) in fields {
            for (number, good) in [
                (NUMBER_MAX, true),
                (NUMBER_MAX + 1, false),
                (u64::MAX, false),
            ] {
                let (covered, _) = golden.split_last_chunk::<4>().expect("a checksum");
                let mut record = covered.to_vec();
                record[offset..offset + 8].copy_from_slice(&number.to_le_bytes());
                let crc = crc::plain(&record);
                put_u32(&mut record, crc);
                let decoded = Manifest::decode_record(&record);
                assert_eq!(decoded.is_ok(), good, "{field} {number}: {decoded:?}");
            }
        }
    }
}
