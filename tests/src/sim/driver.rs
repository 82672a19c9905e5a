//! One run: several lives of one store, driven step by step by the seed.
//!
//! A step is what one thread of the server would do without giving way: execute a request, write the log, submit, run
//! or complete a sync, one part of a job, a slice of a snapshot. Which comes next is drawn, so every interleaving that
//! the server's threads could produce is a possible run. Between any two steps, and inside any I/O operation, the
//! life may end.

use esker_env::Rng;
use esker_env::sim::{Faults, PowerCut, SimClock, SimDisk};
use esker_format::Lsn;
use esker_persist::{Health, SnapshotReason};

use super::command::{Request, draw_key, draw_request};
use super::coverage::Coverage;
use super::history::{Ending, History};
use super::options::Options;
use super::oracle::{Failure, fail};
use super::store::Store;

/// The wall clock at the beginning of every run.
const EPOCH_MS: i64 = 1_700_000_000_000;
/// Steps within which a store without faults must have answered everything.
const LIVENESS_STEPS_MAX: u64 = 20_000;

/// Everything that may come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Request(Request),
    Read {
        db: u32,
        key: Vec<u8>,
    },
    /// Active expiry.
    Expire,
    /// Time passes.
    Wait {
        ms: u64,
    },
    Write,
    SyncBegin,
    SyncRun,
    SyncComplete,
    JobBegin,
    JobRun,
    JobComplete,
    SnapshotBegin,
    SnapshotStep,
    SnapshotAbort,
    LogOff,
    LogOn,
    /// The once-a-second marker.
    MarkIdle,
    /// The segment size is changed.
    Resize {
        segment_bytes: u64,
    },
}

/// See the module.
pub struct Driver {
    pub(super) seed: u64,
    pub(super) options: Options,
    pub(super) rng: Rng,
    pub(super) clock: SimClock,
    pub(super) disk: SimDisk,
    pub(super) history: History,
    pub(super) coverage: Coverage,
    pub(super) store: Option<Store>,
    pub(super) rotten: bool,
    pub(super) ending: Ending,
    /// Generation of the manifest found last, and the end of the last gap in it.
    pub(super) generation: u64,
    pub(super) gaps_until: Lsn,
    /// The highest sequence number of a frame found so far.
    pub(super) sequence: u64,
    life: u64,
    step: u64,
    /// What was done, for people; empty unless asked for.
    story: Option<Vec<String>>,
}

impl Driver {
    pub fn new(seed: u64, options: Options) -> Driver {
        Driver {
            seed,
            rng: Rng::new(seed),
            clock: SimClock::new(EPOCH_MS),
            disk: SimDisk::new(seed),
            history: History::new(options.databases),
            coverage: Coverage {
                runs: 1,
                ..Coverage::default()
            },
            store: None,
            rotten: false,
            ending: Ending::Shutdown,
            generation: 0,
            gaps_until: Lsn(0),
            sequence: 0,
            life: 0,
            step: 0,
            story: None,
            options,
        }
    }

    /// From here on what is done is written down.
    pub fn tell(&mut self) {
        self.story = Some(Vec::new());
    }

    pub fn story(&self) -> &[String] {
        self.story.as_deref().unwrap_or_default()
    }

    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        let place = self.place();
        if let Some(story) = &mut self.story {
            story.push(format!("{place}: {}", what()));
        }
    }

    /// Where the run is, for messages.
    pub fn place(&self) -> String {
        format!("life {} step {}", self.life, self.step)
    }

    pub fn trace(&self) -> u64 {
        self.disk.trace()
            ^ self.coverage.requests.rotate_left(20)
            ^ self.coverage.acknowledged.rotate_left(40)
    }

    /// What the run has seen, the disk's part included.
    pub fn coverage(&self) -> Coverage {
        let tally = self.disk.tally();
        Coverage {
            operations: tally.operations,
            failed_syncs: tally.sync_faults,
            failed_writes: tally.write_faults + tally.name_faults,
            read_faults: tally.read_faults,
            disk_full: tally.full,
            power_cuts: tally.power_cuts,
            process_deaths: tally.process_deaths,
            rotten_bits: tally.bits_rotten,
            ..self.coverage
        }
    }

    pub fn run(&mut self) -> Result<(), Failure> {
        let result = self.run_lives();
        result.map_err(|Failure(what)| Failure(format!("{}: {what}", self.place())))
    }

    fn run_lives(&mut self) -> Result<(), Failure> {
        for life in 0..self.options.lives {
            self.life = life;
            self.step = 0;
            if !self.begin_life()? {
                return Ok(());
            }
            self.live()?;
            self.end_life()?;
        }
        self.live_on()
    }

    /// Opens the store for a new life. False when rot has cost the dataset its availability.
    fn begin_life(&mut self) -> Result<bool, Failure> {
        self.coverage.lives += 1;
        let spare = self.options.spare_recovery;
        let faults = if spare {
            Faults::default()
        } else {
            self.options.faults.clone()
        };
        self.disk.set_faults(faults);
        if self.options.log_switch_per_mille > 0 {
            self.options.log = !self.rng.one_in(6);
        }
        if self.options.resize_per_mille > 0 {
            self.options.segment_bytes = 4096 << self.rng.below(5);
        }
        if !self.open()? {
            return Ok(false);
        }
        // Opening may have needed a disk without faults in the end; living does not.
        self.disk.set_faults(self.options.faults.clone());
        if self
            .rng
            .per_mille(self.options.crash_in_operation_per_mille)
        {
            let scale = 4u64 << self.rng.below(9);
            self.disk.crash_after(Some(self.rng.below(scale)));
        }
        Ok(true)
    }

    fn live(&mut self) -> Result<(), Failure> {
        let mut steps = 1 + self.rng.below(self.options.steps_max);
        while self.step < steps {
            self.step += 1;
            let faults = self.injected();
            let action = self.draw_action();
            if !self.act(&action)? {
                break;
            }
            if self.injected() > faults
                && self.rng.per_mille(self.options.end_after_fault_per_mille)
            {
                let rest = 4u64 << self.rng.below(6);
                steps = steps.min(self.step + self.rng.below(rest));
            }
        }
        Ok(())
    }

    /// One step and what follows from it. False when the power went.
    pub fn act(&mut self, action: &Action) -> Result<bool, Failure> {
        let operations = self.disk.tally().operations;
        let goes_on = self.perform(action)?;
        if self.story.is_some() {
            let store = self.store.as_ref().map(Store::describe).unwrap_or_default();
            let operations = self.disk.tally().operations - operations;
            let units = self.history.count();
            self.note(|| format!("{action:?}: {operations} operations, {units} units, {store}"));
        }
        Ok(goes_on)
    }

    fn perform(&mut self, action: &Action) -> Result<bool, Failure> {
        let store = self.store.as_mut().expect("a store is open");
        let now = self.clock.clone();
        match action {
            Action::Request(request) => {
                store.request(request, &mut self.history, &now, &mut self.rng)?
            }
            Action::Read { db, key } => store.read(*db, key, &mut self.history, &now)?,
            Action::Expire => store.expire(&mut self.history, &now),
            Action::Wait { ms } => self.clock.advance_ms(*ms),
            Action::Write => store.write(&now),
            Action::SyncBegin => store.sync_begin(&now),
            Action::SyncRun => store.sync_run(),
            Action::SyncComplete => store.sync_complete(&now),
            Action::JobBegin => store.job_begin(&now),
            Action::JobRun => store.job_run(),
            Action::JobComplete => store.job_complete(&now),
            Action::SnapshotBegin => store.snapshot_begin(&self.history, &now, true),
            Action::SnapshotStep => {
                if let Some(end) = store.snapshot_step(&mut self.history, &now) {
                    self.coverage.failed_snapshots +=
                        u64::from(end.is_err() && !self.disk.is_dead());
                    let rescued = end
                        .as_ref()
                        .is_ok_and(|done| done.reason == SnapshotReason::Rescue);
                    self.coverage.rescues += u64::from(rescued);
                    self.note(|| format!("the snapshot ended: {end:?}"));
                }
            }
            Action::SnapshotAbort => store.snapshot_abort(&now),
            Action::LogOff => store.log_off(&mut self.history, &now),
            Action::LogOn => store.log_on(),
            Action::MarkIdle => store.mark_idle(&now),
            Action::Resize { segment_bytes } => store.resize(*segment_bytes),
        }
        if self.disk.is_dead() {
            self.coverage.crashes_in_operation += 1;
            return Ok(false);
        }
        let store = self.store.as_mut().expect("a store is open");
        store.deliver(&mut self.history)?;
        if self.disk.tally().faults() == 0
            && !matches!(store.health(), Health::Ok | Health::DiskLow { .. })
        {
            return fail(format!("fails on a faultless disk: {}", store.describe()));
        }
        Ok(true)
    }

    /// What an operator or a cron does, if it is time for that.
    fn draw_rare_action(&mut self) -> Option<Action> {
        let options = &self.options;
        let rng = &mut self.rng;
        if rng.per_mille(options.log_switch_per_mille) {
            let off = rng.one_in(2);
            return Some(if off { Action::LogOff } else { Action::LogOn });
        }
        if rng.per_mille(options.resize_per_mille) {
            let segment_bytes = 4096 << rng.below(5);
            return Some(Action::Resize { segment_bytes });
        }
        if rng.per_mille(options.snapshot_per_mille) {
            return Some(Action::SnapshotBegin);
        }
        rng.per_mille(options.abort_per_mille)
            .then_some(Action::SnapshotAbort)
    }

    fn draw_action(&mut self) -> Action {
        if let Some(action) = self.draw_rare_action() {
            return action;
        }
        let options = &self.options;
        let rng = &mut self.rng;
        let now = esker_env::Clock::now_ms(&self.clock);
        let weights = [
            (
                8,
                Action::Request(Request {
                    db: 0,
                    commands: Vec::new(),
                }),
            ),
            (
                1,
                Action::Read {
                    db: 0,
                    key: Vec::new(),
                },
            ),
            (1, Action::Wait { ms: 0 }),
            (1, Action::Expire),
            (1, Action::MarkIdle),
            (options.write_weight, Action::Write),
            (options.sync_weight, Action::SyncBegin),
            (options.sync_weight, Action::SyncRun),
            (options.sync_weight, Action::SyncComplete),
            (options.job_weight, Action::JobBegin),
            (options.job_weight, Action::JobRun),
            (options.job_weight, Action::JobComplete),
            (options.snapshot_weight, Action::SnapshotStep),
        ];
        let total: u64 = weights.iter().map(|(weight, _)| weight).sum();
        let mut left = rng.below(total);
        let mut drawn = Action::Write;
        for (weight, action) in weights {
            if left < weight {
                drawn = action;
                break;
            }
            left -= weight;
        }
        match drawn {
            Action::Request(_) => Action::Request(draw_request(options, now, rng)),
            Action::Read { .. } => Action::Read {
                db: rng.below(u64::from(options.databases)) as u32,
                key: draw_key(options, rng),
            },
            Action::Wait { .. } => Action::Wait {
                ms: 1 << rng.below(11),
            },
            other => other,
        }
    }

    fn end_life(&mut self) -> Result<(), Failure> {
        if !self.disk.is_dead() && self.rng.per_mille(self.options.shutdown_per_mille) {
            let store = self.store.as_mut().expect("a store is open");
            let ended = store.shut_down(&mut self.history, &self.clock);
            if ended && !self.disk.is_dead() {
                self.coverage.shutdowns += 1;
                self.close(Ending::Shutdown);
                return Ok(());
            }
        }
        let ending = if self.rng.per_mille(self.options.process_death_per_mille) {
            Ending::ProcessDeath
        } else {
            Ending::PowerCut
        };
        self.close(ending);
        if self.rng.per_mille(self.options.rot_per_mille) {
            self.rotten |= self
                .disk
                .rot(|name| name != esker_format::names::LOCK)
                .is_some();
        }
        Ok(())
    }

    /// The life is over; the disk is what it has become.
    pub(super) fn close(&mut self, ending: Ending) {
        if let Some(store) = self.store.take() {
            store.bury(&self.clock, &mut self.coverage);
        }
        self.disk = match ending {
            Ending::Shutdown | Ending::ProcessDeath => self.disk.restart_process(),
            Ending::PowerCut => {
                let cut = match self.rng.below(8) {
                    0 => PowerCut::LoseAll,
                    1 => PowerCut::KeepAll,
                    _ => PowerCut::KeepSome,
                };
                self.disk.restart_after(cut)
            }
        };
        self.ending = ending;
        self.note(|| format!("{ending:?}"));
    }

    /// The last life, without faults: everything asked for is answered, and an orderly shutdown keeps all of it.
    fn live_on(&mut self) -> Result<(), Failure> {
        self.life = self.options.lives;
        self.options.faults = Faults::default();
        self.options.rot_per_mille = 0;
        self.disk.set_faults(Faults::default());
        if !self.open()? {
            return Ok(());
        }
        self.step = 0;
        let mut requests = 0;
        loop {
            self.step += 1;
            let action = self.draw_action();
            let is_request = matches!(action, Action::Request(_));
            if requests < 30 || !is_request {
                requests += u64::from(is_request);
                self.act(&action)?;
            }
            let store = self.store.as_ref().expect("a store is open");
            if requests >= 30 && store.is_settled() {
                break;
            }
            if self.step > LIVENESS_STEPS_MAX {
                return fail(format!(
                    "does not come to rest without faults: {}",
                    store.describe()
                ));
            }
        }
        let store = self.store.as_mut().expect("a store is open");
        if !store.shut_down(&mut self.history, &self.clock) {
            return fail(format!(
                "does not shut down without faults: {}",
                store.describe()
            ));
        }
        self.close(Ending::Shutdown);
        self.open()?;
        self.close(Ending::PowerCut);
        Ok(())
    }
}
