//! The snapshot thread: takes snapshots when somebody asks or the log says so, and runs the jobs that need one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use esker_persist::{LogState, SnapshotDone, SnapshotReason, SnapshotRefused, SnapshotStep};

use super::control::when_idle;
use crate::background::Kind;
use crate::control::{Answer, Job, answer};
use crate::shared::Shared;

const INTERVAL: Duration = Duration::from_millis(100);
/// Between attempts while an earlier sweep, a sync or a segment is awaited.
const RETRY: Duration = Duration::from_micros(500);
/// A snapshot that nobody waits for rests this many times as long as it works, so that commands keep the cores.
const REST: u32 = 5;
/// Rest is taken in pieces that the scheduler can measure.
const REST_MIN: Duration = Duration::from_millis(1);

/// Whether a snapshot may take its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    Gentle,
    Urgent,
}

fn pace(reason: SnapshotReason) -> Pace {
    match reason {
        SnapshotReason::Asked | SnapshotReason::SaveRule | SnapshotReason::LogGrowth => {
            Pace::Gentle
        }
        _ => Pace::Urgent,
    }
}

pub fn run(shared: &Arc<Shared>) {
    while !shared.stopping() {
        if let Some(job) = next_job(shared) {
            perform(shared, job);
        } else if let Some(reason) = wanted(shared) {
            report(take(shared, reason, kind(reason), pace(reason)));
        } else {
            shared.snapshot_signal.wait(INTERVAL);
        }
    }
}

fn next_job(shared: &Shared) -> Option<Job> {
    let mut engine = shared.engine.lock();
    let at = engine.jobs.iter().position(|job| !for_control(job))?;
    engine.jobs.remove(at)
}

/// The control thread's: what must not wait for a snapshot.
pub fn for_control(job: &Job) -> bool {
    matches!(job, Job::Shutdown { .. } | Job::RunSoon(_))
}

fn wanted(shared: &Shared) -> Option<SnapshotReason> {
    let changes = {
        let engine = shared.engine.lock();
        engine.keyspace.stats().changes - engine.changes_at_snapshot
    };
    shared.persist.snapshot_wanted(shared.now(), changes)
}

fn perform(shared: &Arc<Shared>, job: Job) {
    match job {
        Job::Save { client } => {
            let done = take(shared, SnapshotReason::Asked, Kind::Save, Pace::Urgent);
            let text = done.as_ref().err().map(|e| format!("ERR {e}"));
            report(done);
            answer(shared, client, text.map_or(Answer::Ok, Answer::Error));
        }
        Job::BackgroundSave => report(take(
            shared,
            SnapshotReason::Asked,
            Kind::Save,
            Pace::Gentle,
        )),
        Job::Rewrite => report(take(
            shared,
            SnapshotReason::Asked,
            Kind::Rewrite,
            Pace::Gentle,
        )),
        Job::Run(work) => work(shared),
        Job::Shutdown { .. } | Job::RunSoon(_) => {
            unreachable!("next_job leaves it to the control thread")
        }
    }
}

/// `CONFIG SET appendonly yes`: on once the snapshot that it builds upon is committed.
pub fn start_log(shared: &Shared) -> Result<(), String> {
    if shared.persist.log_state() == LogState::On {
        return Ok(());
    }
    shared.persist.start_log();
    take(
        shared,
        SnapshotReason::LogStart,
        Kind::Rewrite,
        Pace::Urgent,
    )
    .map(drop)
}

/// `CONFIG SET appendonly no`.
pub fn stop_log(shared: &Shared) -> Result<(), String> {
    when_idle(|| shared.persist.stop_log(&shared.engine, shared.now()))
}

fn report(done: Result<SnapshotDone, String>) {
    match done {
        Ok(done) => tracing::info!(
            reason = ?done.reason,
            keys = done.keys,
            bytes = done.bytes,
            ms = done.duration_ms,
            cut_lsn = done.cut_lsn.0,
            "snapshot committed"
        ),
        Err(error) => tracing::warn!(error, "snapshot failed"),
    }
}

/// What Redis would call a snapshot that nobody asked for.
pub fn kind(reason: SnapshotReason) -> Kind {
    match reason {
        SnapshotReason::Asked | SnapshotReason::SaveRule | SnapshotReason::Shutdown => Kind::Save,
        SnapshotReason::LogGrowth
        | SnapshotReason::DiskLow
        | SnapshotReason::LogStart
        | SnapshotReason::Rescue => Kind::Rewrite,
    }
}

/// Takes one snapshot from cut to manifest; starts what was scheduled behind it.
///
/// With `Pace::Urgent` somebody waits for it; otherwise it leaves the cores to the commands.
pub fn take(
    shared: &Shared,
    reason: SnapshotReason,
    kind: Kind,
    pace: Pace,
) -> Result<SnapshotDone, String> {
    shared.snapshot_running.store(true, Ordering::SeqCst);
    // Looked at after it is known that one runs: a shutdown raises its flag first and then waits for the end.
    if gives_way(shared, reason) {
        shared.snapshot_running.store(false, Ordering::SeqCst);
        return Err(SHUTTING_DOWN.into());
    }
    begin_background(shared, kind);
    let result = take_inner(shared, reason, pace);
    finish_background(shared, reason, result.is_ok());
    shared.snapshot_running.store(false, Ordering::SeqCst);
    shared.files_signal.raise();
    result
}

const SHUTTING_DOWN: &str = "the server is shutting down";

/// Every snapshot makes room for the one of a shutdown.
fn gives_way(shared: &Shared, reason: SnapshotReason) -> bool {
    reason != SnapshotReason::Shutdown && shared.shutting_down.load(Ordering::SeqCst)
}

fn begin_background(shared: &Shared, kind: Kind) {
    let mut engine = shared.engine.lock();
    let changes = engine.keyspace.stats().changes;
    engine.background.begin(kind, shared.now_ms(), changes);
}

/// INFO shows the end and what the snapshot left behind at the same moment.
fn finish_background(shared: &Shared, reason: SnapshotReason, ok: bool) {
    let info = shared.persist.info(shared.now());
    let mut engine = shared.engine.lock();
    engine.gauges.persist = Some(info);
    engine.gauges.last_reason = Some(reason);
    let now_ms = shared.now_ms();
    if let Some(next) = engine.background.finish(ok, now_ms) {
        let changes = engine.keyspace.stats().changes;
        engine.background.begin(next, now_ms, changes);
        engine.jobs.push_back(match next {
            Kind::Save => Job::BackgroundSave,
            Kind::Rewrite => Job::Rewrite,
        });
    }
}

fn take_inner(shared: &Shared, reason: SnapshotReason, pace: Pace) -> Result<SnapshotDone, String> {
    let mut snapshot = loop {
        let changes = shared.engine.lock().keyspace.stats().changes;
        match shared
            .persist
            .begin_snapshot(&shared.engine, reason, shared.now())
        {
            Ok(snapshot) => {
                shared.engine.lock().changes_at_snapshot = changes;
                break snapshot;
            }
            Err(SnapshotRefused::Sweeping) => {}
            Err(SnapshotRefused::Stalled) => {
                shared.files_signal.raise();
                std::thread::sleep(RETRY);
            }
            Err(refused) => return Err(format!("no snapshot can be taken now: {refused:?}")),
        }
        if gives_way(shared, reason) {
            return Err(SHUTTING_DOWN.into());
        }
    };
    let mut owed = Duration::ZERO;
    loop {
        if gives_way(shared, reason) {
            snapshot.abort(&shared.engine, shared.now());
            return Err(SHUTTING_DOWN.into());
        }
        if owed >= REST_MIN {
            std::thread::sleep(std::mem::take(&mut owed));
        }
        let started = Instant::now();
        let step = snapshot.step(&shared.engine, shared.now());
        if pace == Pace::Gentle {
            owed += started.elapsed() * REST;
        }
        match step {
            SnapshotStep::More => {}
            SnapshotStep::Wait => {
                shared.files_signal.raise();
                shared.log_signal.raise();
                std::thread::sleep(RETRY);
            }
            SnapshotStep::Done(result) => return result,
        }
    }
}
