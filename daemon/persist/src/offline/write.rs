//! Writing a keyspace as a dataset, through the same log and snapshot code that a store runs.
//!
//! The directory is taken over as if the log had been off: the log starts at the cut of a new snapshot, and the
//! manifest that names both is the first change that counts. Order: snapshot, synced and named → first segment, synced →
//! manifest → a mark that the log is closed → removal of what the manifest has dropped.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use esker_env::{Clock, Files, Rng};
use esker_format::native::manifest::{Gap, LogState as ManifestLog, Manifest, Reason, Timeline};
use esker_format::{Lsn, names};
use esker_keyspace::Keyspace;
use parking_lot::Mutex;

use super::rebuild::Point;
use crate::health::{LogState, SnapshotReason};
use crate::options::{Options, SyncPolicy};
use crate::persist::Persist;
use crate::publish::{Steps, publish};
use crate::recover::{Inline, OpenError, RecoveryReport, TIMELINES_MAX, open};
use crate::segment::remove_if_there;
use crate::shared::{Book, Chores, Shared, SnapshotBook, Status};
use crate::snapshot::{SnapshotDone, SnapshotRefused, SnapshotStep};
use crate::writer::{Start, Writer};
use crate::{Engine, Now};

/// The log of a new dataset holds no change yet.
const SEGMENT_BYTES: u64 = 64 << 10;
/// Attempts to go on while nothing moves.
const PATIENCE: u32 = 1000;

/// What is to be written.
pub struct Dataset {
    pub keyspace: Keyspace,
    pub point: Point,
    /// What the dataset descends from: identity, timelines and gaps are taken over.
    pub ancestor: Manifest,
    /// Whether the log shall be on.
    pub log: bool,
    /// Begin a timeline, for that reason: what the ancestor's holders know is not all part of this dataset.
    pub fork: Option<Reason>,
    /// The history from here to `point` is not whole.
    pub gap_from: Option<Lsn>,
    /// The first number that is free for files.
    pub next_number: u64,
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Written {
    pub snapshot: SnapshotDone,
    pub manifest: Manifest,
    /// Files that the new manifest has dropped.
    pub removed: Vec<String>,
}

/// Makes `dataset` what the directory holds. `options` says how blocks are written; `seed` must be unpredictable. `progress`
/// is told keys done and keys in all.
pub fn write<F: Files>(
    files: F,
    lock: F::Lock,
    dataset: Dataset,
    options: Options,
    clock: &impl Clock,
    seed: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<Written> {
    let before = ours(&files)?;
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        policy: SyncPolicy::No,
        reserve_bytes: 0,
        ..options
    };
    let log = dataset.log;
    if before.is_empty() && files.open(names::MANIFEST)?.is_none() {
        // Whoever finds this directory half written must know that it is.
        let unfinished = unfinished(&dataset);
        publish(&files, &unfinished, Steps::ALL)?;
    }
    let (shared, engine) = take_over(files, lock, dataset, options, seed, Now::read(clock));
    let persist = Persist::new(Arc::clone(&shared));
    let reason = if log {
        persist.start_log();
        SnapshotReason::LogStart
    } else {
        SnapshotReason::Asked
    };
    let snapshot = take_snapshot(&persist, &engine, reason, clock, progress)?;
    persist
        .close(&engine, Now::read(clock))
        .map_err(|error| io::Error::other(error.to_string()))?;
    let removed = shared.drop_files(&before)?;
    let manifest = shared.book.lock().manifest.clone();
    Ok(Written {
        snapshot,
        manifest,
        removed,
    })
}

/// Recovers a directory as a store does when it starts, and closes it in order. `databases` must be enough.
pub fn recover<F: Files>(
    files: F,
    options: Options,
    databases: u32,
    clock: &impl Clock,
    seed: u64,
) -> Result<RecoveryReport, OpenError> {
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        ..options
    };
    let keyspace = esker_keyspace::Options {
        databases,
        ..esker_keyspace::Options::with_seed(seed)
    };
    let now = Now::read(clock);
    let (persist, keyspace, report) = open(files, options, keyspace, &Inline, seed, now)?;
    let engine = Alone(RefCell::new(keyspace));
    persist
        .close(&engine, Now::read(clock))
        .map_err(|error| OpenError::Settling(io::Error::other(error.to_string())))?;
    let shared = persist.shared();
    let orphans: Vec<String> = shared.chores.lock().names.drain(..).collect();
    shared.drop_files(&orphans).map_err(OpenError::Settling)?;
    Ok(report)
}

/// Everything that a new manifest may drop.
fn ours(files: &impl Files) -> io::Result<Vec<String>> {
    let mut names = files.list()?;
    names.retain(|name| {
        matches!(
            names::parse(name),
            names::FileName::Segment(_) | names::FileName::Snapshot(_) | names::FileName::Temporary
        )
    });
    Ok(names)
}

/// A manifest that recovery refuses unless the dataset is empty: it speaks of a log that is not there.
fn unfinished(dataset: &Dataset) -> Manifest {
    Manifest {
        durable_lsn: dataset.point.lsn,
        log: ManifestLog::Off {
            end: dataset.point.lsn,
        },
        first_segment: 0,
        oldest_segment: 0,
        next_number: dataset.next_number,
        snapshot: None,
        retained: Vec::new(),
        ..dataset.ancestor.clone()
    }
}

/// The only one who has the keyspace.
struct Alone(RefCell<Keyspace>);

impl Engine for Alone {
    fn with<R>(&self, f: impl FnOnce(&mut Keyspace) -> R) -> R {
        f(&mut self.0.borrow_mut())
    }
}

/// The state of a store whose log is off and whose data is `dataset`. Nothing is written.
fn take_over<F: Files>(
    files: F,
    lock: F::Lock,
    dataset: Dataset,
    options: Options,
    seed: u64,
    now: Now,
) -> (Arc<Shared<F>>, Alone) {
    let mut manifest = unfinished(&dataset);
    let number = dataset.next_number;
    if let Some(reason) = dataset.fork {
        fork(&mut manifest, dataset.point, number, reason, seed, now);
    }
    let lsn = dataset.point.lsn;
    if let Some(from) = dataset.gap_from.filter(|&from| from < lsn) {
        manifest.gaps.push(Gap {
            from,
            to: lsn,
            segment: number,
            at: now.wall,
            reason: Reason::Operator,
        });
    }
    let point = dataset.point;
    let writer = Writer::new(
        files.clone(),
        Start {
            dataset: manifest.dataset,
            timeline: manifest.timeline().map_or(0, |timeline| timeline.id),
            end_lsn: lsn,
            durable_lsn: lsn,
            sequence: point.sequence + 1,
            replication_delta: point.replication_offset.wrapping_sub(lsn.0),
            time: point.time.max(now.wall),
            segment_bytes: options.segment_bytes,
            next_number: number,
        },
    );
    let mut keyspace = dataset.keyspace;
    keyspace.effects_mut().set_enabled(false);
    keyspace.effects_mut().restart_at(lsn);
    let shared = Shared {
        _lock: lock,
        // Nobody asks: there are no replicas.
        timelines: Vec::new(),
        status: Status::new(lsn, LogState::Off),
        options: Mutex::new(options),
        chores: Mutex::new(Chores::default()),
        snapshots: Mutex::new(SnapshotBook::default()),
        book: Mutex::new(Book {
            manifest,
            doubtful: Vec::new(),
        }),
        writer: Mutex::new(writer),
        files,
    };
    (Arc::new(shared), Alone(RefCell::new(keyspace)))
}

fn fork(
    manifest: &mut Manifest,
    point: Point,
    first_segment: u64,
    reason: Reason,
    seed: u64,
    now: Now,
) {
    let mut replication_id = [0; 20];
    Rng::new(seed).fill(&mut replication_id);
    let ids = manifest.timelines.iter().map(|timeline| timeline.id);
    let id = ids.max().unwrap_or(0) + 1;
    // What began behind the point is another future.
    manifest
        .timelines
        .retain(|timeline| timeline.start_lsn <= point.lsn);
    let parent = manifest.timeline().map_or(0, |timeline| timeline.id);
    manifest.timelines.push(Timeline {
        id,
        parent,
        start_lsn: point.lsn,
        first_segment,
        replication_offset: point.replication_offset,
        started: now.wall,
        replication_id,
        reason,
    });
    let excess = manifest.timelines.len().saturating_sub(TIMELINES_MAX);
    manifest.timelines.drain(..excess);
}

fn take_snapshot<F: Files>(
    persist: &Persist<F>,
    engine: &Alone,
    reason: SnapshotReason,
    clock: &impl Clock,
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<SnapshotDone> {
    let mut patience = PATIENCE;
    let mut wait = || {
        patience -= 1;
        if patience == 0 {
            return Err(io::Error::other("no file for the log can be prepared"));
        }
        run_jobs(persist, clock);
        Ok(())
    };
    wait()?;
    let mut snapshot = loop {
        match persist.begin_snapshot(engine, reason, Now::read(clock)) {
            Ok(snapshot) => break snapshot,
            Err(SnapshotRefused::Sweeping | SnapshotRefused::Stalled) => wait()?,
            Err(refused) => return Err(io::Error::other(format!("{refused:?}"))),
        }
    };
    let mut steps = 0u64;
    loop {
        match snapshot.step(engine, Now::read(clock)) {
            SnapshotStep::More => {
                steps += 1;
                if steps.is_multiple_of(64) {
                    let running = persist.info(Now::read(clock)).snapshot.running;
                    running.inspect(|running| progress(running.keys_done, running.keys_total));
                }
            }
            SnapshotStep::Wait => wait()?,
            SnapshotStep::Done(Ok(done)) => return Ok(done),
            SnapshotStep::Done(Err(why)) => return Err(io::Error::other(why)),
        }
    }
}

/// Runs what a store runs in the background.
fn run_jobs<F: Files>(persist: &Persist<F>, clock: &impl Clock) {
    while let Some(mut job) = persist.poll_job(Now::read(clock)) {
        job.run();
        persist.complete_job(job, Now::read(clock));
    }
}

impl<F: Files> Shared<F> {
    /// Removes those of `names` that the durable manifest does not name, and the file that was prepared but is not needed.
    fn drop_files(&self, names: &[String]) -> io::Result<Vec<String>> {
        let book = self.book.lock();
        let mut writer = self.writer.lock();
        let manifest = &book.manifest;
        let named = |name: &String| match names::parse(name) {
            names::FileName::Segment(number) => {
                manifest.first_segment != 0 && number >= manifest.oldest_segment
            }
            names::FileName::Snapshot(number) => {
                manifest.snapshot.is_some_and(|kept| kept.number == number)
            }
            _ => false,
        };
        let mut dropped: Vec<String> = names.iter().filter(|name| !named(name)).cloned().collect();
        // From the last segment to the first, as everywhere: what remains is always a beginning.
        dropped.reverse();
        for name in &dropped {
            remove_if_there(&self.files, name)?;
        }
        if let Some(prepared) = writer.forget_prepared() {
            remove_if_there(&self.files, &prepared)?;
        }
        self.files.sync_dir()?;
        Ok(dropped)
    }
}
