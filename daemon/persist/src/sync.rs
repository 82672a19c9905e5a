//! Making the log durable, cut into submit, run and complete so that writing goes on meanwhile.
//!
//! A sync covers every segment with writes that no sync has covered, oldest first, and the directory if a segment got
//! its name since. Only when all of that succeeded, `durable_lsn` moves, to what had been written when the sync was
//! submitted. A failure anywhere is final: the pages may be gone although the next sync would report success.

use std::io;
use std::sync::atomic::Ordering;

use esker_env::{FileOps, Files, SyncOp};
use esker_format::Lsn;

use crate::Now;
use crate::shared::Shared;
use crate::writer::Writer;

type Op<F> = <<F as Files>::File as FileOps>::Sync;

/// A submitted sync.
pub struct SyncJob<F: Files> {
    files: F,
    ops: Vec<Op<F>>,
    sync_dir: bool,
    pub(crate) target: Lsn,
    pub(crate) epoch: u64,
    pub(crate) started_us: u64,
    pub(crate) newest_segment: u64,
    pub(crate) result: Option<io::Result<()>>,
    #[cfg(feature = "sim")]
    again: Vec<F::File>,
}

/// What a completed sync brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncOutcome {
    /// Everything below is durable.
    Durable(Lsn),
    /// The log has failed.
    Failed,
    /// The log failed while the sync ran; its result counts for nothing.
    Stale,
}

impl<F: Files> SyncJob<F> {
    /// Waits for the disk. Holds no lock.
    pub fn run(&mut self) {
        let mut result = Ok(());
        for op in self.ops.drain(..) {
            // The others are completed too: an abandoned sync helps nobody.
            result = result.and(op.finish());
        }
        #[cfg(feature = "sim")]
        if result.is_err() && !self.again.is_empty() {
            result = self.again.iter().try_for_each(FileOps::sync_data);
        }
        if result.is_ok() && self.sync_dir {
            result = self.files.sync_dir();
        }
        self.result = Some(result);
    }

    /// Everything below will be durable if the sync succeeds.
    pub fn target(&self) -> Lsn {
        self.target
    }
}

impl<F: Files> Shared<F> {
    /// Submits a sync of everything written so far; `None` when there is nothing to sync, or a sync is under way.
    pub(crate) fn begin_sync(&self, now: Now) -> Option<SyncJob<F>> {
        let mut writer = self.writer.lock();
        self.begin_sync_locked(&mut writer, now)
    }

    pub(crate) fn begin_sync_locked(&self, writer: &mut Writer<F>, now: Now) -> Option<SyncJob<F>> {
        if writer.sync_running || writer.failed || (writer.dirty.is_empty() && !writer.dir_dirty) {
            return None;
        }
        writer.sync_running = true;
        let since = self.status.unsynced_since_us.swap(0, Ordering::Relaxed);
        self.status.syncing_since_us.store(since, Ordering::Relaxed);
        let dirty = std::mem::take(&mut writer.dirty);
        let sync_dir = std::mem::take(&mut writer.dir_dirty);
        let newest_segment = dirty.last().map_or(0, |(number, _)| *number);
        #[cfg(feature = "sim")]
        let (dirty, sync_dir, again) = self.plant(writer, dirty, sync_dir);
        Some(SyncJob {
            files: self.files.clone(),
            ops: dirty.iter().map(|(_, file)| file.begin_sync()).collect(),
            sync_dir,
            target: writer.complete_lsn,
            epoch: self.status.epoch(),
            started_us: now.monotonic_us,
            newest_segment,
            result: None,
            #[cfg(feature = "sim")]
            again,
        })
    }

    /// Takes the result of a sync that was run.
    pub(crate) fn complete_sync(&self, job: SyncJob<F>, now: Now) -> SyncOutcome {
        let mut writer = self.writer.lock();
        self.complete_sync_locked(&mut writer, job, now)
    }

    pub(crate) fn complete_sync_locked(
        &self,
        writer: &mut Writer<F>,
        job: SyncJob<F>,
        now: Now,
    ) -> SyncOutcome {
        let result = job.result.expect("a sync is run before it is completed");
        if job.epoch != self.status.epoch() {
            return SyncOutcome::Stale;
        }
        writer.sync_running = false;
        self.status.syncing_since_us.store(0, Ordering::Relaxed);
        #[cfg(feature = "sim")]
        let result = if writer.fault == crate::PlantedFault::SyncErrorIgnored {
            Ok(())
        } else {
            result
        };
        if let Err(error) = result {
            self.fail(writer, format!("syncing the log failed: {error}"));
            return SyncOutcome::Failed;
        }
        self.note_sync(now.monotonic_us.saturating_sub(job.started_us));
        writer.synced_segment = writer.synced_segment.max(job.newest_segment);
        match &mut writer.held {
            Some(reached) => *reached = job.target,
            None => {
                writer.durable_lsn = writer.durable_lsn.max(job.target);
                self.status.publish_durable(job.target);
            }
        }
        SyncOutcome::Durable(job.target)
    }

    /// Submit, run and complete in one go, for those who cannot go on without. False when the log failed, or another
    /// sync is under way.
    pub(crate) fn sync_now(&self, writer: &mut Writer<F>, now: Now) -> bool {
        if writer.sync_running || writer.failed {
            return false;
        }
        let Some(mut job) = self.begin_sync_locked(writer, now) else {
            return true;
        };
        job.run();
        matches!(
            self.complete_sync_locked(writer, job, now),
            SyncOutcome::Durable(_)
        )
    }

    fn note_sync(&self, us: u64) {
        self.status.syncs.fetch_add(1, Ordering::Relaxed);
        self.status.sync_last_us.store(us, Ordering::Relaxed);
        self.status.sync_max_us.fetch_max(us, Ordering::Relaxed);
    }

    #[cfg(feature = "sim")]
    fn plant(
        &self,
        writer: &Writer<F>,
        mut dirty: Vec<(u64, F::File)>,
        sync_dir: bool,
    ) -> (Vec<(u64, F::File)>, bool, Vec<F::File>) {
        use crate::PlantedFault;
        let mut again = Vec::new();
        match writer.fault {
            PlantedFault::SyncSkipsOldSegment => {
                dirty = dirty.split_off(dirty.len().saturating_sub(1))
            }
            PlantedFault::SyncErrorRetried => {
                again = dirty.iter().map(|(_, file)| file.clone()).collect()
            }
            PlantedFault::DurableAtSubmit => self.status.publish_durable(writer.complete_lsn),
            PlantedFault::NoDirSyncAfterCreate => return (dirty, false, again),
            _ => {}
        }
        (dirty, sync_dir, again)
    }
}
