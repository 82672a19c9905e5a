//! The log thread: writes what I/O threads could not, syncs when somebody waits or it is time, and wakes
//! those who hold replies.
//!
//! Every turn ends with waking the holders, so that a holder that raised the signal is always answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use esker_persist::{GroupCommit, SyncOutcome, SyncPlan, WriteOutcome};

use crate::shared::Shared;

/// Between turns when nothing happens: `everysec` and idle markers are paced by it.
const IDLE: Duration = Duration::from_millis(250);
/// Until a stalled log is looked at again: its next segment is being prepared.
const STALLED: Duration = Duration::from_millis(2);

pub fn run(shared: &Arc<Shared>) {
    let mut group = GroupCommit::new();
    let mut pause = IDLE;
    while !shared.stopping() {
        shared.log_signal.wait(pause);
        pause = turn(shared, &mut group);
        shared.wake_holders();
        if shared.aof_waiters.load(Ordering::Relaxed) > 0 {
            shared.control_signal.raise();
        }
    }
    shared.wake_holders();
}

fn turn(shared: &Shared, group: &mut GroupCommit) -> Duration {
    let written = shared.persist.write_tick(&shared.engine, shared.now());
    if written == WriteOutcome::Failed {
        shared.snapshot_signal.raise();
        return IDLE;
    }
    if written == WriteOutcome::Stalled {
        // What has been written is synced all the same: a full disk may last.
        shared.files_signal.raise();
        let pause = sync_if_due(shared, group);
        return pause.min(STALLED);
    }
    sync_if_due(shared, group)
}

fn sync_if_due(shared: &Shared, group: &mut GroupCommit) -> Duration {
    let persist = &shared.persist;
    let now = shared.now();
    let waiting =
        shared.waiting_durable.load(Ordering::Relaxed) + shared.aof_waiters.load(Ordering::Relaxed);
    match group.plan(
        persist.policy(),
        now.monotonic_us,
        persist.unsynced(),
        waiting,
    ) {
        SyncPlan::Now => sync(shared, group, waiting),
        SyncPlan::At(us) => {
            Duration::from_micros(us.saturating_sub(now.monotonic_us).max(1)).min(IDLE)
        }
        SyncPlan::Idle => {
            persist.mark_idle(now);
            IDLE
        }
    }
}

fn sync(shared: &Shared, group: &mut GroupCommit, waiting: u64) -> Duration {
    let now = shared.now();
    let Some(mut job) = shared.persist.begin_sync(now) else {
        return STALLED;
    };
    let started_us = now.monotonic_us;
    group.sync_started(started_us);
    job.run();
    let now = shared.now();
    shared
        .syncs
        .lock()
        .record(now.monotonic_us.saturating_sub(started_us));
    let outcome = shared.persist.complete_sync(job, now);
    group.sync_ended(now.monotonic_us, waiting);
    if outcome == SyncOutcome::Failed {
        tracing::error!(health = ?shared.persist.health(), "the log failed: writes are refused until a snapshot has replaced it");
        shared.snapshot_signal.raise();
    }
    // Whoever was released sends the next request at once; what came meanwhile is looked at right now.
    if waiting > 0 { Duration::ZERO } else { IDLE }
}
