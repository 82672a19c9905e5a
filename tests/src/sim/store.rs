//! One life of the real store: the keyspace, the persistence engine, and the pieces of work that the server's threads
//! would have in their hands.

use std::cell::RefCell;

use esker_env::Rng;
use esker_env::sim::{SimClock, SimDisk};
use esker_format::Lsn;
use esker_keyspace::Keyspace;
use esker_persist::{
    Engine, Health, Job, LogState, Now, Persist, Release, Snapshot, SnapshotDone, SnapshotReason,
    SnapshotStep, SwitchError, SyncJob, SyncPolicy, WriteOutcome,
};

use super::command::Request;
use super::coverage::Coverage;
use super::exec;
use super::history::{History, Reply, Unit};
use super::oracle::{Failure, fail};

/// Rounds of background work after which a store that shuts down has had its chance.
const SHUTDOWN_ROUNDS: u64 = 200;
/// Work of one cycle of active expiry.
const EXPIRE_BUDGET: usize = 16;

/// The simulator's way to the data: one thread, so a cell will do.
pub struct SimEngine(RefCell<Keyspace>);

impl Engine for SimEngine {
    fn with<R>(&self, f: impl FnOnce(&mut Keyspace) -> R) -> R {
        f(&mut self.0.borrow_mut())
    }
}

/// A reply that waits for the log.
struct Held {
    unit: usize,
    end: Lsn,
    epoch: u64,
    durable: bool,
}

struct RunningSnapshot {
    snapshot: Snapshot<SimDisk>,
    /// Units that its cut covers.
    units: usize,
}

/// See the module.
pub struct Store {
    engine: SimEngine,
    persist: Persist<SimDisk>,
    policies: Vec<SyncPolicy>,
    held: Vec<Held>,
    sync: Option<(SyncJob<SimDisk>, bool)>,
    jobs: Vec<(Job<SimDisk>, bool)>,
    snapshot: Option<RunningSnapshot>,
    seen: Coverage,
    published: (Lsn, Lsn),
    /// Whether the log had failed when it was looked at last.
    failed: bool,
}

impl Store {
    pub fn new(persist: Persist<SimDisk>, keyspace: Keyspace, policies: Vec<SyncPolicy>) -> Store {
        let published = (persist.written_lsn(), persist.durable_lsn());
        Store {
            engine: SimEngine(RefCell::new(keyspace)),
            persist,
            policies,
            held: Vec::new(),
            sync: None,
            jobs: Vec::new(),
            snapshot: None,
            seen: Coverage::default(),
            published,
            failed: false,
        }
    }

    pub fn persist(&self) -> &Persist<SimDisk> {
        &self.persist
    }

    pub fn engine(&self) -> &SimEngine {
        &self.engine
    }

    // ---- what clients do

    /// A request from one of the clients: refused by the gate, or executed and its reply held.
    pub fn request(
        &mut self,
        request: &Request,
        history: &mut History,
        clock: &SimClock,
        rng: &mut Rng,
    ) -> Result<(), Failure> {
        self.seen.requests += 1;
        if !self.persist.accepts_writes() {
            self.seen.refused += 1;
            return Ok(());
        }
        let policy = self.policies[rng.below(self.policies.len() as u64) as usize];
        let epoch = self.persist.failure_epoch();
        let now = now(clock).wall.0;
        let outcome = self
            .engine
            .with(|keyspace| exec::execute(keyspace, request, now));
        let unit = self.record(history, request.clone(), now, policy);
        if self.persist.log_state() == LogState::On {
            self.held.push(Held {
                unit,
                end: outcome.end_lsn,
                epoch,
                durable: policy == SyncPolicy::Always,
            });
        } else {
            history.reply(unit, Reply::Unpromised);
        }
        Ok(())
    }

    /// A read shows the state after everything executed so far.
    pub fn read(
        &mut self,
        db: u32,
        key: &[u8],
        history: &mut History,
        clock: &SimClock,
    ) -> Result<(), Failure> {
        self.seen.reads += 1;
        let now = now(clock).wall.0;
        let (found, outcome) = self
            .engine
            .with(|keyspace| exec::read(keyspace, db, key, now));
        let expected = history
            .head()
            .value(db, key, now)
            .and_then(|value| value.string())
            .map(|bytes| bytes.to_vec());
        if found != expected {
            let key = String::from_utf8_lossy(key);
            return fail(format!(
                "a read of {key} in {db} found {found:?}, expected {expected:?}"
            ));
        }
        // A reply that waits for what it depends on reveals nothing that a crash could take back.
        if self.persist.log_state() == LogState::On {
            let kept = history.state_until(outcome.depends_lsn);
            let kept = kept.value(db, key, now).and_then(|value| value.string());
            if kept.map(|bytes| bytes.to_vec()) != found {
                let key = String::from_utf8_lossy(key);
                return fail(format!(
                    "a read of {key} in {db} shows more than position {}",
                    outcome.depends_lsn
                ));
            }
        }
        self.record_own(history, now);
        Ok(())
    }

    /// A cycle of active expiry.
    pub fn expire(&mut self, history: &mut History, clock: &SimClock) {
        if !self.persist.accepts_writes() {
            return;
        }
        let now = now(clock).wall;
        let cycle = self
            .engine
            .with(|keyspace| keyspace.expire_cycle(now, EXPIRE_BUDGET));
        self.seen.expired_keys += cycle.expired as u64;
        self.record_own(history, now.0);
    }

    /// Deletions of expired keys are units of the store's own.
    fn record_own(&mut self, history: &mut History, now: i64) {
        if self.end_lsn() != history.end_of(history.count()) {
            let nothing = Request {
                db: 0,
                commands: Vec::new(),
            };
            let unit = self.record(history, nothing, now, SyncPolicy::No);
            history.reply(unit, Reply::Unpromised);
        }
    }

    fn record(
        &self,
        history: &mut History,
        request: Request,
        now: i64,
        policy: SyncPolicy,
    ) -> usize {
        let logged = self.engine.with(|keyspace| keyspace.effects().enabled());
        history.push(Unit {
            request,
            now,
            end: self.end_lsn(),
            logged,
            policy,
            reply: Reply::Pending,
        });
        history.count() - 1
    }

    pub fn end_lsn(&self) -> Lsn {
        self.engine.with(|keyspace| keyspace.effects().end_lsn())
    }

    /// Sends the replies that need wait no longer, and takes note of what the store publishes.
    pub fn deliver(&mut self, history: &mut History) -> Result<(), Failure> {
        let mut held = std::mem::take(&mut self.held);
        held.retain(
            |held| match self.persist.release(held.epoch, held.end, held.durable) {
                Release::Wait => true,
                Release::Send => {
                    self.seen.acknowledged += 1;
                    history.reply(held.unit, Reply::Acknowledged);
                    false
                }
                Release::Fail => {
                    self.seen.failed_replies += 1;
                    history.reply(held.unit, Reply::Unknown);
                    false
                }
            },
        );
        self.held = held;
        let (written, durable) = (self.persist.written_lsn(), self.persist.durable_lsn());
        if durable > written
            || written > self.end_lsn()
            || written < self.published.0
            || durable < self.published.1
        {
            return fail(format!(
                "published {written}/{durable} after {:?} of {}",
                self.published,
                self.end_lsn()
            ));
        }
        self.published = (written, durable);
        let failed = matches!(self.persist.health(), Health::Failed { .. });
        self.seen.log_failures += u64::from(failed && !self.failed);
        self.failed = failed;
        history.published(written, durable);
        Ok(())
    }

    // ---- what the log thread does

    pub fn write(&mut self, clock: &SimClock) {
        let _outcome: WriteOutcome = self.persist.write_tick(&self.engine, now(clock));
    }

    pub fn sync_begin(&mut self, clock: &SimClock) {
        if self.sync.is_none() {
            self.sync = self.persist.begin_sync(now(clock)).map(|job| (job, false));
        }
    }

    pub fn sync_run(&mut self) {
        if let Some((job, ran)) = &mut self.sync
            && !*ran
        {
            job.run();
            *ran = true;
        }
    }

    pub fn sync_complete(&mut self, clock: &SimClock) {
        if self.sync.as_ref().is_some_and(|(_, ran)| *ran) {
            let (job, _) = self.sync.take().expect("was just seen");
            self.persist.complete_sync(job, now(clock));
        }
    }

    pub fn mark_idle(&mut self, clock: &SimClock) {
        self.persist.mark_idle(now(clock));
    }

    // ---- what the background does

    pub fn job_begin(&mut self, clock: &SimClock) {
        if let Some(job) = self.persist.poll_job(now(clock)) {
            self.jobs.push((job, false));
        }
    }

    /// Runs the newest job that has not run, so that jobs overtake each other.
    pub fn job_run(&mut self) {
        if let Some((job, ran)) = self.jobs.iter_mut().rev().find(|(_, ran)| !*ran) {
            job.run();
            *ran = true;
        }
    }

    pub fn job_complete(&mut self, clock: &SimClock) {
        if let Some(index) = self.jobs.iter().position(|(_, ran)| *ran) {
            let (job, _) = self.jobs.remove(index);
            self.persist.complete_job(job, now(clock));
        }
    }

    /// Begins the snapshot that is due, or one that a client asked for.
    pub fn snapshot_begin(&mut self, history: &History, clock: &SimClock, asked: bool) {
        if self.snapshot.is_some() {
            return;
        }
        let now = now(clock);
        let changes = self.engine.with(|keyspace| keyspace.stats().changes);
        let wanted = self.persist.snapshot_wanted(now, changes);
        let Some(reason) = wanted.or_else(|| asked.then_some(SnapshotReason::Asked)) else {
            return;
        };
        self.begin_snapshot(reason, history, now);
    }

    fn begin_snapshot(&mut self, reason: SnapshotReason, history: &History, now: Now) -> bool {
        match self.persist.begin_snapshot(&self.engine, reason, now) {
            Ok(snapshot) => {
                self.snapshot = Some(RunningSnapshot {
                    snapshot,
                    units: history.count(),
                });
                true
            }
            Err(_) => false,
        }
    }

    /// What became of the snapshot, if it ended.
    pub fn snapshot_step(
        &mut self,
        history: &mut History,
        clock: &SimClock,
    ) -> Option<Result<SnapshotDone, String>> {
        let Some(running) = &mut self.snapshot else {
            self.snapshot_begin(history, clock, false);
            return None;
        };
        match running.snapshot.step(&self.engine, now(clock)) {
            SnapshotStep::More | SnapshotStep::Wait => None,
            SnapshotStep::Done(result) => {
                if result.is_ok() {
                    history.committed(running.units);
                }
                self.snapshot = None;
                Some(result)
            }
        }
    }

    pub fn snapshot_abort(&mut self, clock: &SimClock) {
        if let Some(running) = self.snapshot.take() {
            running.snapshot.abort(&self.engine, now(clock));
        }
    }

    /// `CONFIG SET appendonly no`.
    pub fn log_off(&mut self, history: &mut History, clock: &SimClock) {
        if self.persist.log_state() == LogState::Off {
            return;
        }
        let before = self.persist.log_state();
        if self.persist.stop_log(&self.engine, now(clock)).is_ok() && before == LogState::On {
            self.seen.log_switches += 1;
            // "The log ends here" was committed.
            history.committed(history.count());
        }
    }

    /// `CONFIG SET appendonly yes`.
    pub fn log_on(&mut self) {
        self.persist.start_log();
    }

    /// `CONFIG SET`.
    pub fn resize(&mut self, segment_bytes: u64) {
        self.persist
            .update_options(|options| options.segment_bytes = segment_bytes);
    }

    // ---- the end

    /// `SHUTDOWN`: true when the store says that everything is safe.
    pub fn shut_down(&mut self, history: &mut History, clock: &SimClock) -> bool {
        for _ in 0..SHUTDOWN_ROUNDS {
            self.sync_run();
            self.sync_complete(clock);
            self.finish_jobs(clock);
            let done = match self.persist.log_state() {
                LogState::On => {
                    self.snapshot_abort(clock);
                    match self.persist.close(&self.engine, now(clock)) {
                        Ok(()) => true,
                        Err(SwitchError::Busy | SwitchError::Stalled) => false,
                        Err(SwitchError::LogFailed | SwitchError::Io(_)) => return false,
                    }
                }
                LogState::Off | LogState::Starting => self.save_at_the_end(history, clock),
            };
            if done {
                return true;
            }
            clock.advance_ms(100);
        }
        false
    }

    /// Without a log, the dataset is saved by a last snapshot.
    fn save_at_the_end(&mut self, history: &mut History, clock: &SimClock) -> bool {
        self.snapshot_abort(clock);
        if self.persist.stop_log(&self.engine, now(clock)).is_err() {
            return false;
        }
        if !self.begin_snapshot(SnapshotReason::Shutdown, history, now(clock)) {
            return false;
        }
        for _ in 0..SHUTDOWN_ROUNDS * 100 {
            self.snapshot_step(history, clock);
            if self.snapshot.is_none() {
                break;
            }
        }
        history.promise().durable == history.count()
    }

    /// Runs background work until there is none.
    pub fn finish_jobs(&mut self, clock: &SimClock) {
        for _ in 0..SHUTDOWN_ROUNDS {
            self.job_begin(clock);
            if self.jobs.is_empty() {
                break;
            }
            self.job_run();
            self.job_complete(clock);
        }
    }

    /// Nothing waits for anything.
    pub fn is_settled(&self) -> bool {
        self.held.is_empty() && self.snapshot.is_none() && self.persist.health() == Health::Ok
    }

    pub fn health(&self) -> Health {
        self.persist.health()
    }

    pub fn describe(&self) -> String {
        format!(
            "{:?}, log {:?}, {} replies held, snapshot {}, end {}, {}/{} published",
            self.persist.health(),
            self.persist.log_state(),
            self.held.len(),
            self.snapshot.is_some(),
            self.end_lsn(),
            self.persist.written_lsn(),
            self.persist.durable_lsn()
        )
    }

    /// The process is gone: what is left is what it has seen.
    pub fn bury(self, clock: &SimClock, coverage: &mut Coverage) {
        let info = self.persist.info(now(clock));
        *coverage += self.seen;
        *coverage += Coverage {
            rolls: info.rolls,
            recycles: info.recycled,
            snapshots: info.snapshot.taken,
            aborted_snapshots: info.snapshot.aborted,
            syncs: info.syncs,
            ..Coverage::default()
        };
    }
}

pub fn now(clock: &SimClock) -> Now {
    Now::read(clock)
}
