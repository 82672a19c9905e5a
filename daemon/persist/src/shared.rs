//! What all parts share: the locks, and the few numbers that are read without one.
//!
//! Everything that a reply depends upon is published here, by one store each, after the fact it states is true.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use esker_env::Files;
use esker_format::Lsn;
use esker_format::native::manifest::Manifest;
use parking_lot::Mutex;

use crate::health::{FailedRange, Health, Lag, LogState, Release, SnapshotInfo};
use crate::options::Options;
use crate::writer::{Sealed, Trouble, Writer};
use crate::{Engine, Now};

pub(crate) struct Shared<F: Files> {
    pub(crate) files: F,
    /// Held as long as anything of this directory may be written.
    pub(crate) _lock: F::Lock,
    pub(crate) options: Mutex<Options>,
    pub(crate) book: Mutex<Book>,
    pub(crate) writer: Mutex<Writer<F>>,
    pub(crate) chores: Mutex<Chores>,
    pub(crate) snapshots: Mutex<SnapshotBook>,
    pub(crate) status: Status,
    /// Replication ids, the current one first, and where each began. They change at recovery only.
    pub(crate) timelines: Vec<([u8; 20], Lsn)>,
}

/// The manifest in force.
pub(crate) struct Book {
    pub(crate) manifest: Manifest,
    /// Snapshots that a manifest of unknown fate names: they go when a later manifest is durable.
    pub(crate) doubtful: Vec<u64>,
}

/// Files that await removal, and the pacing of the background jobs.
#[derive(Default)]
pub(crate) struct Chores {
    /// Segments that the durable manifest has dropped.
    pub(crate) segments: VecDeque<Sealed>,
    /// Other files that the durable manifest has dropped.
    pub(crate) names: VecDeque<String>,
    pub(crate) preparing: bool,
    pub(crate) prepare_after_us: u64,
    pub(crate) removing: bool,
    pub(crate) remove_after_us: u64,
    pub(crate) probing: bool,
    pub(crate) probe_after_us: u64,
}

/// What is remembered about snapshots.
#[derive(Default)]
pub(crate) struct SnapshotBook {
    pub(crate) info: SnapshotInfo,
    pub(crate) running: bool,
    /// The log shall be switched on.
    pub(crate) start_log: bool,
    /// Log bytes at the last cut are 0 by definition; this is what the snapshot itself takes.
    pub(crate) base_bytes: u64,
    pub(crate) retry_after_us: u64,
    /// Growth of the log alone asks for no snapshot before this time, unless it grows out of bounds.
    pub(crate) grown_after_us: u64,
    pub(crate) rescue_after_us: u64,
    pub(crate) rescue_delay_us: u64,
    pub(crate) low_disk_after_us: u64,
}

const HEALTH_OK: u8 = 0;
const HEALTH_FAILED: u8 = 1;
const HEALTH_DISK_LOW: u8 = 2;

pub(crate) struct Status {
    written_lsn: AtomicU64,
    durable_lsn: AtomicU64,
    epoch: AtomicU64,
    health: AtomicU8,
    log_state: AtomicU8,
    /// Monotonic time of the oldest write that no sync has begun to cover, plus one; 0 for none.
    pub(crate) unsynced_since_us: AtomicU64,
    /// The same for the sync under way.
    pub(crate) syncing_since_us: AtomicU64,
    pub(crate) stalled: AtomicBool,
    pub(crate) disk_free_bytes: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) sync_last_us: AtomicU64,
    pub(crate) sync_max_us: AtomicU64,
    pub(crate) recycled: AtomicU64,
    /// What [`crate::PersistInfo`] says about the writer and the manifest, so that asking takes no lock of theirs.
    pub(crate) rolls: AtomicU64,
    pub(crate) segments: AtomicU64,
    pub(crate) segment_number: AtomicU64,
    pub(crate) generation: AtomicU64,
    pub(crate) cut_lsn: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) failure: Mutex<Failure>,
}

/// The last failure of the log.
#[derive(Default)]
pub(crate) struct Failure {
    pub(crate) reason: String,
    pub(crate) range: Option<FailedRange>,
}

impl Status {
    pub(crate) fn new(end: Lsn, log: LogState) -> Status {
        Status {
            written_lsn: AtomicU64::new(end.0),
            durable_lsn: AtomicU64::new(end.0),
            epoch: AtomicU64::new(0),
            health: AtomicU8::new(HEALTH_OK),
            log_state: AtomicU8::new(log_code(log)),
            unsynced_since_us: AtomicU64::new(0),
            syncing_since_us: AtomicU64::new(0),
            stalled: AtomicBool::new(false),
            disk_free_bytes: AtomicU64::new(u64::MAX),
            syncs: AtomicU64::new(0),
            sync_last_us: AtomicU64::new(0),
            sync_max_us: AtomicU64::new(0),
            recycled: AtomicU64::new(0),
            rolls: AtomicU64::new(0),
            segments: AtomicU64::new(0),
            segment_number: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            cut_lsn: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
            failure: Mutex::new(Failure::default()),
        }
    }

    pub(crate) fn written_lsn(&self) -> Lsn {
        Lsn(self.written_lsn.load(Ordering::Acquire))
    }

    pub(crate) fn durable_lsn(&self) -> Lsn {
        Lsn(self.durable_lsn.load(Ordering::Acquire))
    }

    pub(crate) fn publish_written(&self, lsn: Lsn) {
        self.written_lsn.fetch_max(lsn.0, Ordering::Release);
    }

    pub(crate) fn publish_durable(&self, lsn: Lsn) {
        self.durable_lsn.fetch_max(lsn.0, Ordering::Release);
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The position is read before the epoch: a position that only a rescue could have published comes with the epoch
    /// that the failure before it set.
    pub(crate) fn release(&self, epoch: u64, lsn: Lsn, durable: bool) -> Release {
        let reached = if durable {
            self.durable_lsn()
        } else {
            self.written_lsn()
        };
        if lsn <= reached || self.log_state() != LogState::On {
            Release::Send
        } else if self.epoch() != epoch {
            Release::Fail
        } else {
            Release::Wait
        }
    }

    pub(crate) fn log_state(&self) -> LogState {
        match self.log_state.load(Ordering::Acquire) {
            0 => LogState::Off,
            1 => LogState::Starting,
            _ => LogState::On,
        }
    }

    pub(crate) fn set_log_state(&self, state: LogState) {
        self.log_state.store(log_code(state), Ordering::Release);
    }

    pub(crate) fn accepts_writes(&self) -> bool {
        self.health.load(Ordering::Acquire) == HEALTH_OK
    }

    pub(crate) fn is_failed(&self) -> bool {
        self.health.load(Ordering::Acquire) == HEALTH_FAILED
    }

    pub(crate) fn health(&self) -> Health {
        match self.health.load(Ordering::Acquire) {
            HEALTH_OK => Health::Ok,
            HEALTH_FAILED => Health::Failed {
                reason: self.failure.lock().reason.clone(),
            },
            _ => Health::DiskLow {
                free_bytes: self.disk_free_bytes.load(Ordering::Relaxed),
            },
        }
    }

    pub(crate) fn set_failed(&self, reason: String, range: FailedRange, promised: bool) {
        let mut failure = self.failure.lock();
        *failure = Failure {
            reason,
            range: Some(range),
        };
        self.failures.fetch_add(1, Ordering::Relaxed);
        if promised {
            self.health.store(HEALTH_FAILED, Ordering::Release);
        }
        self.next_epoch();
    }

    /// Makes every sync under way count for nothing.
    pub(crate) fn next_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn set_rescued(&self) {
        self.health.store(HEALTH_OK, Ordering::Release);
    }

    /// A failed log stays failed whatever the space.
    pub(crate) fn set_disk_low(&self, low: bool) {
        let (from, to) = if low {
            (HEALTH_OK, HEALTH_DISK_LOW)
        } else {
            (HEALTH_DISK_LOW, HEALTH_OK)
        };
        // Losing this race means that the log failed meanwhile, or that nothing had to change.
        self.health
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .ok();
    }

    pub(crate) fn is_disk_low(&self) -> bool {
        self.health.load(Ordering::Acquire) == HEALTH_DISK_LOW
    }

    pub(crate) fn lag(&self, now: Now) -> Lag {
        let bytes = self.written_lsn().0.saturating_sub(self.durable_lsn().0);
        let waiting = self.unsynced_since_us.load(Ordering::Relaxed);
        let syncing = self.syncing_since_us.load(Ordering::Relaxed);
        let since = if syncing != 0 { syncing } else { waiting };
        let age_us = if since == 0 {
            0
        } else {
            (now.monotonic_us + 1).saturating_sub(since)
        };
        Lag {
            bytes,
            ms: age_us / 1000,
        }
    }
}

fn log_code(state: LogState) -> u8 {
    match state {
        LogState::Off => 0,
        LogState::Starting => 1,
        LogState::On => 2,
    }
}

impl<F: Files> Shared<F> {
    /// Declares the log failed. Final for everything written and not known durable; the writer takes nothing more until
    /// a rescue begins.
    pub(crate) fn fail(&self, writer: &mut Writer<F>, reason: String) {
        if writer.failed {
            return;
        }
        writer.failed = true;
        writer.sync_running = false;
        writer.leave_broken();
        let range = FailedRange {
            durable: self.status.durable_lsn(),
            end: writer.end_lsn,
        };
        // A log that is only being started has promised nothing: its snapshot is given up, and that is all.
        let promised = self.status.log_state() == LogState::On;
        self.status.set_failed(reason, range, promised);
        self.status.unsynced_since_us.store(0, Ordering::Relaxed);
        self.status.syncing_since_us.store(0, Ordering::Relaxed);
        self.status.stalled.store(false, Ordering::Relaxed);
    }

    /// Takes what the engine recorded and writes it; a failure fails the log.
    pub(crate) fn pump<E: Engine>(
        &self,
        writer: &mut Writer<F>,
        engine: &E,
        now: Now,
    ) -> Result<u64, Trouble> {
        let result = writer.pump(engine, now);
        self.note_written(writer, result, now)
    }

    /// Copies what is shown about the writer.
    pub(crate) fn show_writer(&self, writer: &Writer<F>) {
        let current = writer.current.as_ref().map_or(0, |segment| segment.number);
        let segments = writer.sealed.len() as u64 + u64::from(current != 0);
        self.status.rolls.store(writer.rolls, Ordering::Relaxed);
        self.status.segments.store(segments, Ordering::Relaxed);
        self.status.segment_number.store(current, Ordering::Relaxed);
    }

    /// Copies what is shown about the manifest.
    pub(crate) fn show_manifest(&self, manifest: &Manifest) {
        self.status
            .generation
            .store(manifest.generation, Ordering::Relaxed);
        self.status
            .cut_lsn
            .store(manifest.cut_lsn().0, Ordering::Relaxed);
    }

    /// Takes note of what a call of the writer did.
    pub(crate) fn note_written(
        &self,
        writer: &mut Writer<F>,
        result: Result<u64, Trouble>,
        now: Now,
    ) -> Result<u64, Trouble> {
        self.status
            .stalled
            .store(matches!(result, Err(Trouble::Stalled)), Ordering::Relaxed);
        if let Err(Trouble::Io(error)) = &result {
            self.fail(writer, format!("writing the log failed: {error}"));
            return result;
        }
        self.publish_written(writer);
        self.show_writer(writer);
        if !writer.dirty.is_empty() && self.status.unsynced_since_us.load(Ordering::Relaxed) == 0 {
            self.status
                .unsynced_since_us
                .store(now.monotonic_us + 1, Ordering::Relaxed);
        }
        result
    }

    /// Publishes what the writer has handed over, unless what it builds upon is not committed. Without a log the writer
    /// only keeps count: what a log that was given up had recorded is nowhere.
    pub(crate) fn publish_written(&self, writer: &Writer<F>) {
        if writer.held.is_none() && self.status.log_state() != LogState::Off {
            self.status.publish_written(writer.complete_lsn);
            #[cfg(feature = "sim")]
            if writer.fault == crate::PlantedFault::AckBeforeSync {
                self.status.publish_durable(writer.complete_lsn);
            }
        }
    }
}
