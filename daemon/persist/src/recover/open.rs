//! Opening the log behind what was recovered: a new segment, then a manifest that names the state of things.
//!
//! The log is moved to the state that the options ask for. From off to on this is the one moment when no snapshot is
//! needed: nothing has changed since the directory was read.

use std::io;
use std::sync::Arc;

use esker_env::{Extents, Files, Rng};
use esker_format::native::audit::{Report, Tail};
use esker_format::native::manifest::{LogState as ManifestLog, Manifest, Reason, Timeline};
use esker_format::native::segment::Previous;
use esker_format::{DatasetId, Lsn, names};
use esker_keyspace::Keyspace;
use parking_lot::Mutex;

use crate::Now;
use crate::health::{LogState, SnapshotInfo};
use crate::options::Options;
use crate::persist::Persist;
use crate::publish::{Steps, publish};
use crate::recover::settle::Settled;
use crate::recover::{CutTail, RecoveryReport, is_copy, segments_in};
use crate::segment::{self, Prepared};
use crate::shared::{Book, Chores, Shared, SnapshotBook, Status};
use crate::writer::{Sealed, Start, Trouble, Writer};

/// Size of a first segment that nothing was prepared for.
const FIRST_SEGMENT_BYTES: u64 = 4 << 20;
/// Copies of cut tails that are kept for an operator to look at.
const COPIES_MAX: usize = 16;
/// Timelines that a manifest remembers.
pub(crate) const TIMELINES_MAX: usize = 64;

/// What the phases before have found.
pub(crate) struct Found {
    pub(crate) report: Report,
    pub(crate) settled: Settled,
    /// Numbers from here on are free, but for a segment that settling has made.
    pub(crate) next_number: u64,
    pub(crate) seed: u64,
    pub(crate) snapshot_keys: u64,
    pub(crate) replayed_bytes: u64,
}

pub(crate) fn open_log<F: Files>(
    files: F,
    lock: F::Lock,
    options: Options,
    mut keyspace: Keyspace,
    found: Found,
    now: Now,
) -> io::Result<(Persist<F>, Keyspace, RecoveryReport)> {
    let mut rng = Rng::new(found.seed);
    let report = &found.report;
    let before = report.manifest.clone();
    let mut manifest = before
        .clone()
        .unwrap_or_else(|| birth(keyspace.hash_seed(), &mut rng, now));
    let new_timeline = before.is_some() && needs_timeline(report);
    let link = found.settled.link;
    let made = link.is_some_and(|link| link.previous.number == found.next_number);
    let number = found.next_number + u64::from(made);
    if new_timeline {
        fork_timeline(&mut manifest, report, number, &mut rng, now);
    }
    if before.is_none() {
        // Before any other file: whoever finds files without a manifest must know that something was lost.
        manifest.generation += 1;
        publish(&files, &manifest, Steps::ALL)?;
    }
    let mut writer = writer_for(&files, &options, &manifest, report, number, now);
    writer.sequence = link.map_or(report.end.sequence, |link| link.sequence) + 1;
    let previous = link.map(|link| link.previous);
    move_log(&files, &options, &mut manifest, &mut writer, previous, now)?;
    manifest.generation += 1;
    manifest.written = now.wall;
    manifest.durable_lsn = report.end.lsn;
    manifest.next_number = writer.next_number;
    let ids = manifest.timelines.iter().rev();
    let timelines = ids
        .map(|timeline| (timeline.replication_id, timeline.start_lsn))
        .collect();
    let shared = Shared {
        _lock: lock,
        timelines,
        status: Status::new(report.end.lsn, log_state(&manifest)),
        options: Mutex::new(options),
        chores: Mutex::new(Chores::default()),
        snapshots: Mutex::new(snapshot_book(&manifest, now)),
        book: Mutex::new(Book {
            manifest,
            doubtful: Vec::new(),
        }),
        writer: Mutex::new(writer),
        files,
    };
    shared.begin_life(report)?;
    keyspace.effects_mut().restart_at(report.end.lsn);
    keyspace
        .effects_mut()
        .set_enabled(shared.status.log_state() == LogState::On);
    let outcome = outcome(&found, &shared, new_timeline);
    Ok((Persist::new(Arc::new(shared)), keyspace, outcome))
}

/// The manifest of a new dataset: empty, without a log.
fn birth(hash_seed: u64, rng: &mut Rng, now: Now) -> Manifest {
    let mut dataset = [0; 16];
    rng.fill(&mut dataset);
    let mut replication_id = [0; 20];
    rng.fill(&mut replication_id);
    let timeline = Timeline {
        id: 1,
        parent: 0,
        start_lsn: Lsn::ZERO,
        first_segment: 1,
        replication_offset: 0,
        started: now.wall,
        replication_id,
        reason: Reason::Birth,
    };
    Manifest {
        generation: 0,
        compat: 0,
        incompat: 0,
        dataset: DatasetId(dataset),
        hash_seed,
        written: now.wall,
        durable_lsn: Lsn::ZERO,
        log: ManifestLog::Off { end: Lsn::ZERO },
        first_segment: 0,
        oldest_segment: 0,
        next_number: 1,
        snapshot: None,
        retained: Vec::new(),
        timelines: vec![timeline],
        gaps: Vec::new(),
    }
}

/// A log that was closed in order, and a dataset without a log, are known to be whole.
fn needs_timeline(report: &Report) -> bool {
    matches!(report.tail, Tail::Open | Tail::Torn { .. })
}

fn fork_timeline(
    manifest: &mut Manifest,
    report: &Report,
    first_segment: u64,
    rng: &mut Rng,
    now: Now,
) {
    let mut replication_id = [0; 20];
    rng.fill(&mut replication_id);
    let parent = manifest.timeline().map_or(0, |timeline| timeline.id);
    manifest.timelines.push(Timeline {
        id: parent + 1,
        parent,
        start_lsn: report.end.lsn,
        first_segment,
        replication_offset: report.end.replication_offset,
        started: now.wall,
        replication_id,
        reason: Reason::UncleanRecovery,
    });
    let excess = manifest.timelines.len().saturating_sub(TIMELINES_MAX);
    manifest.timelines.drain(..excess);
}

fn writer_for<F: Files>(
    files: &F,
    options: &Options,
    manifest: &Manifest,
    report: &Report,
    next_number: u64,
    now: Now,
) -> Writer<F> {
    #[cfg_attr(
        not(feature = "sim"),
        expect(unused_mut, reason = "only a planted fault changes it")
    )]
    let mut writer = Writer::new(
        files.clone(),
        Start {
            dataset: manifest.dataset,
            timeline: manifest.timeline().map_or(0, |timeline| timeline.id),
            end_lsn: report.end.lsn,
            durable_lsn: report.end.lsn,
            sequence: report.end.sequence + 1,
            replication_delta: report.end.replication_offset.wrapping_sub(report.end.lsn.0),
            time: report.end.time.max(now.wall),
            segment_bytes: options.segment_bytes,
            next_number,
        },
    );
    #[cfg(feature = "sim")]
    {
        writer.fault = options.fault;
    }
    writer
}

/// Brings the log to the state that the options ask for.
fn move_log<F: Files>(
    files: &F,
    options: &Options,
    manifest: &mut Manifest,
    writer: &mut Writer<F>,
    previous: Option<Previous>,
    now: Now,
) -> io::Result<()> {
    if !options.log {
        manifest.log = ManifestLog::Off {
            end: writer.end_lsn,
        };
        return Ok(());
    }
    // A dataset whose log was off keeps the segments up to its end; the new one follows them if there are any.
    open_first_segment(files, options, writer, previous, now)?;
    manifest.log = ManifestLog::On;
    if previous.is_none() || manifest.first_segment == 0 {
        let number = writer.current.as_ref().map_or(0, |segment| segment.number);
        manifest.first_segment = number;
        manifest.oldest_segment = if manifest.oldest_segment == 0 {
            number
        } else {
            manifest.oldest_segment
        };
    }
    Ok(())
}

/// Creates the segment that the log goes on in, and makes it durable, name and all.
fn open_first_segment<F: Files>(
    files: &F,
    options: &Options,
    writer: &mut Writer<F>,
    previous: Option<Previous>,
    now: Now,
) -> io::Result<()> {
    let prepared = first_file(files, writer.next_number, options.segment_bytes)?;
    writer.next_number += 1;
    writer.time = writer.time.max(now.wall);
    writer
        .open_segment(prepared, previous)
        .map_err(|trouble| match trouble {
            Trouble::Io(error) => error,
            Trouble::Stalled => io::Error::other("a new segment has room"),
        })?;
    for (_, file) in writer.dirty.drain(..) {
        esker_env::FileOps::sync_data(&file)?;
    }
    writer.dir_dirty = false;
    writer.synced_segment = writer.next_number - 1;
    files.sync_dir()
}

/// The file for the first segment: one that an earlier process had prepared and did not need, or else a short one, so
/// that a start does not wait for many zeros.
fn first_file<F: Files>(
    files: &F,
    number: u64,
    segment_bytes: u64,
) -> io::Result<Prepared<F::File>> {
    let left = files.list()?.into_iter().find(|name| is_prepared(name));
    if let Some(name) = left
        && let Some(prepared) = segment::adopt(files, &name, number, segment_bytes)?
    {
        return Ok(prepared);
    }
    segment::create(
        files,
        number,
        segment_bytes.min(FIRST_SEGMENT_BYTES),
        Extents::Written,
    )
}

fn is_prepared(name: &str) -> bool {
    let target = name.strip_suffix(names::TEMPORARY).map(names::parse);
    matches!(target, Some(names::FileName::Segment(_)))
}

fn log_state(manifest: &Manifest) -> LogState {
    if manifest.log == ManifestLog::On {
        LogState::On
    } else {
        LogState::Off
    }
}

fn snapshot_book(manifest: &Manifest, now: Now) -> SnapshotBook {
    let info = SnapshotInfo {
        last_cut: manifest.cut_lsn(),
        // Save rules count from the start of the process.
        last_ok_ms: now.wall.0,
        ..SnapshotInfo::default()
    };
    let base_bytes = manifest.snapshot.map_or(0, |snapshot| snapshot.file_bytes);
    SnapshotBook {
        info,
        base_bytes,
        ..SnapshotBook::default()
    }
}

fn outcome<F: Files>(found: &Found, shared: &Shared<F>, new_timeline: bool) -> RecoveryReport {
    let report = &found.report;
    let cut = match report.tail {
        Tail::Torn {
            segment,
            offset,
            bytes,
        } => Some(CutTail {
            segment,
            offset,
            lsn: report.end.lsn,
            bytes,
            copies: found.settled.copies.clone(),
        }),
        _ => None,
    };
    RecoveryReport {
        born: report.manifest.is_none(),
        snapshot_keys: found.snapshot_keys,
        replayed_bytes: found.replayed_bytes,
        end_lsn: report.end.lsn,
        cut,
        clean: report.proven_complete(),
        new_timeline,
        timeline: shared
            .book
            .lock()
            .manifest
            .timeline()
            .map_or(0, |timeline| timeline.id),
        verdicts: report.verdicts.clone(),
    }
}

impl<F: Files> Shared<F> {
    /// Publishes the manifest of this life, then queues what belongs to none.
    fn begin_life(&self, report: &Report) -> io::Result<()> {
        let book = self.book.lock();
        let mut writer = self.writer.lock();
        publish(&self.files, &book.manifest, self.publish_steps())?;
        let current = writer.current.as_ref().map(|segment| segment.number);
        let mut orphans: Vec<String> = report.orphans.clone();
        for number in segments_in(&self.files)? {
            let name = names::segment(number);
            if Some(number) == current || orphans.contains(&name) {
                continue;
            }
            let bytes = self
                .files
                .open(&name)?
                .map_or(Ok(0), |file| esker_env::FileOps::len(&file))?;
            writer.sealed.push(Sealed { number, bytes });
        }
        let names = self.files.list()?;
        // Sorted by segment, so the latest come last.
        let copies: Vec<&String> = names.iter().filter(|name| is_copy(name)).collect();
        let excess = copies.len().saturating_sub(COPIES_MAX);
        orphans.extend(copies.into_iter().take(excess).cloned());
        let temporary = |name: &&String| names::parse(name) == names::FileName::Temporary;
        orphans.extend(names.iter().filter(temporary).cloned());
        orphans.retain(|name| current.is_none_or(|number| *name != names::segment(number)));
        self.show_manifest(&book.manifest);
        self.show_writer(&writer);
        self.chores.lock().names.extend(orphans);
        Ok(())
    }
}
