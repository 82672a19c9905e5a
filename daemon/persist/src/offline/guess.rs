//! A manifest for a directory whose own cannot be read.
//!
//! What the manifest said last cannot be known (see `format-spec/native/manifest.md`). What can be known is which files
//! there are: the newest sound snapshot, and the segment that starts at its cut. Going by them is right unless the log had
//! been switched off behind that snapshot. It is for an operator to decide, never for recovery.

use std::io;

use esker_format::native::audit::Source;
use esker_format::native::manifest::{LogState, Manifest, Reason, SnapshotRef, Timeline};
use esker_format::native::segment::{HEADER_BYTES, SegmentHeader};
use esker_format::native::snapshot::{SnapshotHeader, SnapshotIndex};
use esker_format::{DatasetId, Lsn, UnixMs, names};

/// Makes up a manifest from the files of a directory and from the manifest before the last. `None` if there is nothing
/// to go by.
pub fn guess_manifest<S: Source>(source: &S) -> io::Result<Option<Manifest>> {
    let found = Found::list(source)?;
    let previous = found.previous;
    let snapshot = found.snapshots.last();
    let dataset = (previous.as_ref().map(|manifest| manifest.dataset))
        .or(snapshot.map(|(header, _)| header.dataset))
        .or(found.segments.first().map(|header| header.dataset));
    let Some(dataset) = dataset else {
        return Ok(None);
    };
    let (header, mut snapshot) = match snapshot.filter(|(header, _)| header.dataset == dataset) {
        Some((header, snapshot)) => (Some(*header), Some(*snapshot)),
        None => (
            None,
            previous.as_ref().and_then(|manifest| manifest.snapshot),
        ),
    };
    let cut = snapshot.map_or(Lsn::ZERO, |snapshot| snapshot.cut_lsn);
    let first = first_segment(&found.segments, dataset, cut);
    if snapshot.is_none() && first.is_none() {
        return Ok(None);
    }
    let number = first.map_or(0, |header| header.number);
    if let Some(snapshot) = &mut snapshot {
        snapshot.first_segment = number;
    }
    let seed = previous.as_ref().map_or(0, |manifest| manifest.hash_seed);
    let timeline = first.map(|header| header.timeline);
    let timeline = timeline.or(header.map(|header| header.timeline));
    Ok(Some(Manifest {
        generation: previous.as_ref().map_or(0, |manifest| manifest.generation) + 1,
        compat: 0,
        incompat: 0,
        dataset,
        hash_seed: header.map_or(seed, |header| header.hash_seed),
        written: snapshot.map_or(UnixMs(0), |snapshot| snapshot.cut_at),
        durable_lsn: cut,
        log: match first {
            Some(_) => LogState::On,
            None => LogState::Off { end: cut },
        },
        first_segment: number,
        oldest_segment: number,
        next_number: found.highest + 1,
        snapshot,
        retained: Vec::new(),
        timelines: timelines(previous, timeline.unwrap_or(1), cut),
        gaps: Vec::new(),
    }))
}

struct Found {
    previous: Option<Manifest>,
    /// By number.
    snapshots: Vec<(SnapshotHeader, SnapshotRef)>,
    segments: Vec<SegmentHeader>,
    highest: u64,
}

impl Found {
    fn list<S: Source>(source: &S) -> io::Result<Found> {
        let mut found = Found {
            previous: None,
            snapshots: Vec::new(),
            segments: Vec::new(),
            highest: 0,
        };
        for name in source.list()? {
            match names::parse(&name) {
                names::FileName::Segment(number) => {
                    found.highest = found.highest.max(number);
                    let head = source.head(&name, HEADER_BYTES)?;
                    if let Ok((header, _)) = SegmentHeader::decode(&head)
                        && header.number == number
                    {
                        found.segments.push(header);
                    }
                }
                names::FileName::Snapshot(number) => {
                    found.highest = found.highest.max(number);
                    found
                        .snapshots
                        .extend(open(source.read(&name)?.as_ref(), number));
                }
                names::FileName::ManifestPrev => {
                    let decoded = Manifest::decode(source.read(&name)?.as_ref());
                    found.previous = decoded.ok().map(|decoded| decoded.manifest);
                }
                _ => {}
            }
        }
        found.segments.sort_by_key(|header| header.number);
        found.snapshots.sort_by_key(|(header, _)| header.number);
        Ok(found)
    }
}

fn open(file: &[u8], number: u64) -> Option<(SnapshotHeader, SnapshotRef)> {
    let index = SnapshotIndex::open(file).ok()?;
    let header = index.header;
    let snapshot = SnapshotRef {
        number,
        cut_lsn: header.cut_lsn,
        first_segment: 0,
        file_bytes: file.len() as u64,
        cut_at: header.cut_at,
        footer_crc: index.footer_crc,
    };
    (header.number == number).then_some((header, snapshot))
}

/// The segment that starts at the cut. There may be several if nothing was logged in some of them; then the chain leads
/// on from the first, unless the log started afresh in a later one.
fn first_segment(
    segments: &[SegmentHeader],
    dataset: DatasetId,
    cut: Lsn,
) -> Option<SegmentHeader> {
    let starts = || {
        let at_cut =
            move |header: &&SegmentHeader| header.dataset == dataset && header.first_lsn == cut;
        segments.iter().filter(at_cut)
    };
    let fresh = starts().rfind(|header| header.previous.is_none());
    fresh.or_else(|| starts().next()).copied()
}

/// What is known of the timelines, with the one that the files are of as the last.
fn timelines(previous: Option<Manifest>, id: u32, cut: Lsn) -> Vec<Timeline> {
    let mut timelines = previous.map_or_else(Vec::new, |manifest| manifest.timelines);
    let last = timelines.last().map_or(0, |timeline| timeline.id);
    if last < id {
        timelines.push(Timeline {
            id,
            parent: last,
            start_lsn: cut,
            first_segment: 0,
            replication_offset: cut.0,
            started: UnixMs(0),
            // Never told to anybody: what is made of this manifest begins a timeline of its own.
            replication_id: [0; 20],
            reason: Reason::Operator,
        });
    }
    timelines
}
