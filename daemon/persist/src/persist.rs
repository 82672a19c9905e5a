//! The facade: what the server and the simulator call.
//!
//! Clones share one state. Every method may be called from any thread; none waits for a disk while it holds a lock that
//! a command needs, but for [`Persist::stop_log`] and [`Persist::close`], which say so.
//!
//! Who holds the engine must not call what may enter it, or wait for those who do: [`Persist::write_tick`],
//! [`Persist::begin_sync`], [`Persist::complete_sync`], [`Persist::unsynced`], [`Persist::mark_idle`],
//! [`Persist::poll_job`], [`Persist::complete_job`], [`Persist::begin_snapshot`], [`Snapshot::step`],
//! [`Persist::stop_log`], [`Persist::close`]. Everything else takes no lock that is held for long and may be called from
//! anywhere, from within a command too.
//!
//! What the threads of a server do:
//! - *I/O thread*, at the end of a tick: [`Persist::write_tick`] (or leave it to the log thread), then release the replies
//!   for which [`Persist::release`] says so.
//! - *log thread*: `write_tick`; when [`crate::GroupCommit`] says so, [`Persist::begin_sync`], [`SyncJob::run`],
//!   [`Persist::complete_sync`]; [`Persist::mark_idle`] once a second; then [`Persist::poll_job`].
//! - *snapshot thread*: [`Persist::snapshot_wanted`], [`Persist::begin_snapshot`], [`Snapshot::step`] until done.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use esker_env::Files;
use esker_format::{Lsn, UnixMs};
use esker_keyspace::Keyspace;

use crate::health::{FailedRange, Health, Lag, LogState, PersistInfo, Release, SnapshotReason};
use crate::jobs::Job;
use crate::options::{Options, SyncPolicy};
use crate::recover::{self, OpenError, RecoveryReport, Workers};
use crate::shared::Shared;
use crate::snapshot::{Snapshot, SnapshotRefused};
use crate::switch::SwitchError;
use crate::sync::{SyncJob, SyncOutcome};
use crate::writer::{Trouble, WriteOutcome};
use crate::{Engine, Now};

/// `everysec`: unsynced writes older than this slow writers down: one second, and one sync that takes as long.
const LAG_MS_MAX: u64 = 2000;

/// See the module.
pub struct Persist<F: Files> {
    shared: Arc<Shared<F>>,
}

impl<F: Files> Clone for Persist<F> {
    fn clone(&self) -> Persist<F> {
        Persist {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<F: Files> Persist<F> {
    pub(crate) fn new(shared: Arc<Shared<F>>) -> Persist<F> {
        Persist { shared }
    }

    pub(crate) fn shared(&self) -> &Shared<F> {
        &self.shared
    }

    /// Recovers what `files` holds, or gives birth to a dataset. `keyspace` states databases, access policy and so on;
    /// its hash seed counts only at birth. `seed` must be unpredictable: identities are drawn from it.
    pub fn open(
        files: F,
        options: Options,
        keyspace: esker_keyspace::Options,
        workers: &dyn Workers,
        seed: u64,
        now: Now,
    ) -> Result<(Persist<F>, Keyspace, RecoveryReport), OpenError> {
        recover::open(files, options, keyspace, workers, seed, now)
    }

    /// Everything below has been handed to the operating system: it survives the death of the process.
    pub fn written_lsn(&self) -> Lsn {
        self.shared.status.written_lsn()
    }

    /// Everything below survives the death of the machine.
    pub fn durable_lsn(&self) -> Lsn {
        self.shared.status.durable_lsn()
    }

    /// Bumped by every failure of the log. A reply that waits keeps the epoch it was made in.
    pub fn failure_epoch(&self) -> u64 {
        self.shared.status.epoch()
    }

    /// What the last failure left in doubt.
    pub fn failed_range(&self) -> Option<FailedRange> {
        self.shared.status.failure.lock().range
    }

    /// What becomes of a reply made in `epoch` that depends on everything below `lsn`. `durable` says whether it waits
    /// for the disk or for the operating system only.
    pub fn release(&self, epoch: u64, lsn: Lsn, durable: bool) -> Release {
        self.shared.status.release(epoch, lsn, durable)
    }

    pub fn log_state(&self) -> LogState {
        self.shared.status.log_state()
    }

    /// Whether writes may be executed: one load, for the gate before every write.
    pub fn accepts_writes(&self) -> bool {
        self.shared.status.accepts_writes()
    }

    pub fn health(&self) -> Health {
        self.shared.status.health()
    }

    pub fn lag(&self, now: Now) -> Lag {
        self.shared.status.lag(now)
    }

    /// Whether writers shall pause until the disk has caught up. Readers need not.
    pub fn throttles(&self, now: Now) -> bool {
        let status = &self.shared.status;
        if status.log_state() != LogState::On || status.is_failed() {
            return false;
        }
        let options = self.shared.options.lock();
        let lag = status.lag(now);
        let late = options.policy == SyncPolicy::Everysec
            && (lag.ms > LAG_MS_MAX || lag.bytes > options.lag_bytes_max);
        let throttles = late || status.stalled.load(Ordering::Relaxed);
        status
            .throttled
            .fetch_add(u64::from(throttles), Ordering::Relaxed);
        throttles
    }

    /// Takes what the engine has recorded and writes it. The lock on the engine is held for the swap of a buffer.
    pub fn write_tick<E: Engine>(&self, engine: &E, now: Now) -> WriteOutcome {
        let Some(mut writer) = self.shared.writer.try_lock() else {
            return WriteOutcome::Busy;
        };
        if writer.failed {
            return WriteOutcome::Failed;
        }
        match self.shared.pump(&mut writer, engine, now) {
            Ok(0) => WriteOutcome::Idle,
            Ok(bytes) => WriteOutcome::Written { bytes },
            Err(Trouble::Stalled) => WriteOutcome::Stalled,
            Err(Trouble::Io(_)) => WriteOutcome::Failed,
        }
    }

    /// Whether anything written waits for a sync.
    pub fn unsynced(&self) -> bool {
        let writer = self.shared.writer.lock();
        !writer.failed && (!writer.dirty.is_empty() || writer.dir_dirty)
    }

    /// Submits a sync; `None` when there is nothing to sync, one is under way, or the log has failed.
    pub fn begin_sync(&self, now: Now) -> Option<SyncJob<F>> {
        self.shared.begin_sync(now)
    }

    pub fn complete_sync(&self, job: SyncJob<F>, now: Now) -> SyncOutcome {
        self.shared.complete_sync(job, now)
    }

    /// Publishes the durable LSN in a marker, if the log has been quiet since it moved; sync it like any write. To be
    /// called once a second, whatever the policy. True if a marker was written.
    pub fn mark_idle(&self, now: Now) -> bool {
        let Some(mut writer) = self.shared.writer.try_lock() else {
            return false;
        };
        let quiet = writer.dirty.is_empty()
            && !writer.sync_running
            && !writer.failed
            && writer.held.is_none();
        if !quiet || writer.current.is_none() || writer.told_durable >= writer.durable_lsn {
            return false;
        }
        let marked = writer.mark(now, false).map(|()| 0);
        self.shared.note_written(&mut writer, marked, now).is_ok()
    }

    /// The next background job, if there is one. Run it without a lock, then complete it.
    pub fn poll_job(&self, now: Now) -> Option<Job<F>> {
        self.shared.poll_job(now)
    }

    pub fn complete_job(&self, job: Job<F>, now: Now) {
        self.shared.complete_job(job, now);
    }

    /// Whether a snapshot is due, and why. `changes` counts changes since the last snapshot began.
    pub fn snapshot_wanted(&self, now: Now, changes: u64) -> Option<SnapshotReason> {
        self.shared.snapshot_wanted(now, changes)
    }

    /// Cuts. At most one snapshot is under way.
    pub fn begin_snapshot<E: Engine>(
        &self,
        engine: &E,
        reason: SnapshotReason,
        now: Now,
    ) -> Result<Snapshot<F>, SnapshotRefused> {
        self.shared.begin_snapshot(engine, reason, now)
    }

    /// Asks for the log to be switched on; a snapshot of reason `LogStart` does it.
    pub fn start_log(&self) {
        self.shared.start_log();
    }

    /// Commits the end of the log. Holds the engine for two syncs.
    pub fn stop_log<E: Engine>(&self, engine: &E, now: Now) -> Result<(), SwitchError> {
        self.shared.stop_log(engine, now)
    }

    /// Ends the log in order. Nothing may change afterwards.
    pub fn close<E: Engine>(&self, engine: &E, now: Now) -> Result<(), SwitchError> {
        self.shared.close(engine, now)
    }

    /// Changes options while running. The segment size counts from the next prepared segment; `log` is not an option
    /// to change here: see [`Persist::start_log`] and [`Persist::stop_log`].
    pub fn update_options(&self, update: impl FnOnce(&mut Options)) {
        let mut options = self.shared.options.lock();
        update(&mut options);
        options.segment_bytes = options.segment_bytes.max(crate::SEGMENT_BYTES_MIN);
    }

    pub fn policy(&self) -> SyncPolicy {
        self.shared.options.lock().policy
    }

    /// The replication id of the current timeline and of the one before it, with the LSN up to which that one holds.
    pub fn timelines(&self) -> Vec<([u8; 20], Lsn)> {
        self.shared.timelines.clone()
    }

    /// Wall clock of the last committed snapshot.
    pub fn last_snapshot(&self) -> UnixMs {
        UnixMs(self.shared.snapshots.lock().info.last_ok_ms)
    }

    pub fn info(&self, now: Now) -> PersistInfo {
        let shared = &self.shared;
        let snapshots = shared.snapshots.lock();
        let status = &shared.status;
        PersistInfo {
            log_state: status.log_state(),
            health: status.health(),
            written_lsn: status.written_lsn(),
            durable_lsn: status.durable_lsn(),
            lag: status.lag(now),
            failure_epoch: status.epoch(),
            segments: status.segments.load(Ordering::Relaxed),
            segment_number: status.segment_number.load(Ordering::Relaxed),
            log_bytes: shared.log_bytes(),
            log_base_bytes: snapshots.base_bytes,
            syncs: status.syncs.load(Ordering::Relaxed),
            sync_last_us: status.sync_last_us.load(Ordering::Relaxed),
            sync_max_us: status.sync_max_us.load(Ordering::Relaxed),
            rolls: status.rolls.load(Ordering::Relaxed),
            recycled: status.recycled.load(Ordering::Relaxed),
            failures: status.failures.load(Ordering::Relaxed),
            snapshot: snapshots.info.clone(),
            manifest_generation: status.generation.load(Ordering::Relaxed),
            disk_free_bytes: status.disk_free_bytes.load(Ordering::Relaxed),
            throttled: status.throttled.load(Ordering::Relaxed),
        }
    }
}
