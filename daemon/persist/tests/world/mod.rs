//! A small world around `Persist` on the simulated disk: one thread, seeded choices, and a model of what was promised.
//!
//! The model keeps the digest of the keyspace after every change. A recovered keyspace must be one of these states, and
//! none before the last change that was promised to survive what happened.

pub mod life;

use std::cell::RefCell;
use std::collections::BTreeMap;

use esker_env::Rng;
use esker_env::sim::{Faults, PowerCut, SimClock, SimDisk};
use esker_keyspace::entry::StrInput;
use esker_keyspace::{Expiry, Keyspace, Lsn, UnixMs};
use esker_persist::{
    Engine, Inline, Job, LogState, Now, OpenError, Options, Persist, RecoveryReport, Release,
    Snapshot, SnapshotReason, SnapshotStep, SyncJob, WriteOutcome,
};

pub struct Cell(pub RefCell<Keyspace>);

impl Engine for Cell {
    fn with<R>(&self, f: impl FnOnce(&mut Keyspace) -> R) -> R {
        f(&mut self.0.borrow_mut())
    }
}

/// A change whose fate is not decided.
struct Waiting {
    index: usize,
    lsn: Lsn,
    epoch: u64,
}

pub struct World {
    pub disk: SimDisk,
    pub clock: SimClock,
    pub options: Options,
    pub persist: Persist<SimDisk>,
    pub engine: Cell,
    pub report: RecoveryReport,
    pub rng: Rng,
    /// Digest after each change; the first is that of the recovered state.
    states: Vec<u128>,
    /// The last state that a power cut, and that a process death, must not undo.
    floor_power: usize,
    floor_process: usize,
    waiting: Vec<Waiting>,
    snapshot: Option<(Snapshot<SimDisk>, usize)>,
    sync: Option<(SyncJob<SimDisk>, bool)>,
    job: Option<(Job<SimDisk>, bool)>,
    value: u64,
    pub tally: BTreeMap<&'static str, u64>,
}

pub fn keyspace_options(databases: u32) -> esker_keyspace::Options {
    esker_keyspace::Options {
        databases,
        ..esker_keyspace::Options::with_seed(7)
    }
}

pub fn try_open(
    disk: &SimDisk,
    clock: &SimClock,
    options: &Options,
    seed: u64,
) -> Result<(Persist<SimDisk>, Keyspace, RecoveryReport), OpenError> {
    Persist::open(
        disk.clone(),
        options.clone(),
        keyspace_options(4),
        &Inline,
        seed,
        Now::read(clock),
    )
}

impl World {
    pub fn new(seed: u64, options: Options) -> World {
        let (disk, clock) = (SimDisk::new(seed), SimClock::new(1_700_000_000_000));
        World::open(disk, clock, options, seed).expect("an empty disk opens")
    }

    pub fn open(
        disk: SimDisk,
        clock: SimClock,
        options: Options,
        seed: u64,
    ) -> Result<World, OpenError> {
        let (persist, keyspace, report) = try_open(&disk, &clock, &options, seed)?;
        Ok(World {
            states: vec![keyspace.digest()],
            disk,
            clock,
            options,
            persist,
            engine: Cell(RefCell::new(keyspace)),
            report,
            rng: Rng::new(seed),
            floor_power: 0,
            floor_process: 0,
            waiting: Vec::new(),
            snapshot: None,
            sync: None,
            job: None,
            value: seed << 32,
            tally: BTreeMap::new(),
        })
    }

    pub fn now(&self) -> Now {
        Now::read(&self.clock)
    }

    pub fn count(&mut self, what: &'static str) {
        self.say(what);
        *self.tally.entry(what).or_default() += 1;
    }

    /// With `TRACE=1`: what happens, for a failing seed.
    #[expect(clippy::print_stderr, reason = "asked for, to follow a failing seed")]
    fn say(&self, what: &str) {
        if std::env::var_os("TRACE").is_some() {
            let (written, durable) = (self.persist.written_lsn(), self.persist.durable_lsn());
            let (changes, floor) = (self.states.len() - 1, self.floor_power);
            let state = self.persist.log_state();
            eprintln!(
                "{what}: {state:?} changes {changes} floor {floor} written {written} durable {durable}"
            );
        }
    }

    pub fn refusals(&self) -> u64 {
        self.tally.get("refused").copied().unwrap_or(0)
    }

    /// One transaction, and its entry in the model.
    pub fn change(&mut self, f: impl FnOnce(&mut esker_keyspace::Tx<'_>)) {
        if !self.persist.accepts_writes() {
            self.count("refused");
            return;
        }
        let logged = self.persist.log_state() == LogState::On;
        let epoch = self.persist.failure_epoch();
        let now = UnixMs(self.now().wall.0);
        let mut keyspace = self.engine.0.borrow_mut();
        let mut tx = keyspace.tx(0, now);
        f(&mut tx);
        let outcome = tx.finish();
        drop(keyspace.take_garbage());
        let digest = keyspace.digest();
        drop(keyspace);
        self.states.push(digest);
        if logged {
            self.waiting.push(Waiting {
                index: self.states.len() - 1,
                lsn: outcome.end_lsn,
                epoch,
            });
        }
    }

    fn random_change(&mut self) {
        let (kind, a, b) = (self.rng.below(20), self.rng.below(60), self.rng.below(60));
        let (a, b) = (
            format!("key:{a}").into_bytes(),
            format!("key:{b}").into_bytes(),
        );
        self.value += 1;
        let mark = self.value.to_string().into_bytes();
        let long = vec![b'a' + (self.value % 26) as u8; self.rng.below(9000) as usize];
        self.change(|tx| {
            tx.set(b"mark", StrInput::Bytes(&mark), Expiry::Clear);
            match kind {
                0..=7 => tx.set(&a, StrInput::Bytes(&mark), Expiry::Clear),
                8 | 9 => drop(tx.del(&a)),
                10 => drop(tx.append(&a, &mark)),
                11 => drop(tx.rename(&a, &b)),
                12 => tx.set(&a, StrInput::Bytes(&long), Expiry::At(UnixMs(i64::MAX / 2))),
                13 => drop(tx.move_to(&a, 2)),
                14 => tx.swap_db(0, 1),
                15 if mark.ends_with(b"3") => drop(tx.flush_db()),
                16 => drop(tx.copy(&a, &b, 3)),
                17 => drop(tx.set_range(&a, 3, b"xyz")),
                _ => drop(tx.incr_by(&a, 5)),
            }
        });
    }

    /// Releases what may be released: from there on the promise binds.
    pub fn release(&mut self) {
        for durable in [true, false] {
            for waiting in &self.waiting {
                if self.persist.release(waiting.epoch, waiting.lsn, durable) == Release::Send
                    && self.persist.log_state() == LogState::On
                {
                    let floor = if durable {
                        &mut self.floor_power
                    } else {
                        &mut self.floor_process
                    };
                    *floor = (*floor).max(waiting.index);
                }
            }
        }
        let persist = &self.persist;
        self.waiting
            .retain(|waiting| persist.release(waiting.epoch, waiting.lsn, true) == Release::Wait);
        self.floor_process = self.floor_process.max(self.floor_power);
    }

    pub fn tick(&mut self) -> WriteOutcome {
        self.persist.write_tick(&self.engine, self.now())
    }

    pub fn sync_all(&mut self) {
        self.finish_sync();
        if let Some(mut job) = self.persist.begin_sync(self.now()) {
            job.run();
            self.persist.complete_sync(job, self.now());
        }
    }

    fn finish_sync(&mut self) {
        if let Some((mut job, run)) = self.sync.take() {
            if !run {
                job.run();
            }
            self.persist.complete_sync(job, self.now());
        }
    }

    /// Runs jobs until there are none.
    pub fn run_jobs(&mut self) {
        if let Some((mut job, run)) = self.job.take() {
            if !run {
                job.run();
            }
            self.persist.complete_job(job, self.now());
        }
        while let Some(mut job) = self.persist.poll_job(self.now()) {
            job.run();
            self.persist.complete_job(job, self.now());
        }
    }

    /// Writes and syncs everything, whatever it takes.
    pub fn flush(&mut self) {
        for _ in 0..10_000 {
            match self.tick() {
                WriteOutcome::Stalled => self.run_jobs(),
                WriteOutcome::Idle | WriteOutcome::Failed => break,
                _ => {}
            }
        }
        self.sync_all();
        self.release();
    }

    /// Takes a whole snapshot.
    pub fn snapshot(&mut self, reason: SnapshotReason) -> Result<(), String> {
        for _ in 0..10_000 {
            self.run_jobs();
            match self
                .persist
                .begin_snapshot(&self.engine, reason, self.now())
            {
                Ok(snapshot) => {
                    self.snapshot = Some((snapshot, self.states.len() - 1));
                    break;
                }
                Err(
                    esker_persist::SnapshotRefused::Sweeping
                    | esker_persist::SnapshotRefused::Stalled,
                ) => {}
                Err(other) => return Err(format!("{other:?}")),
            }
        }
        for _ in 0..100_000 {
            match self.step_snapshot() {
                None => {
                    self.finish_sync();
                    self.run_jobs();
                }
                Some(result) => return result,
            }
        }
        Err("the snapshot does not end".to_owned())
    }

    fn step_snapshot(&mut self) -> Option<Result<(), String>> {
        let now = self.now();
        let (mut snapshot, cut) = self.snapshot.take()?;
        match snapshot.step(&self.engine, now) {
            SnapshotStep::More | SnapshotStep::Wait => {
                self.snapshot = Some((snapshot, cut));
                None
            }
            SnapshotStep::Done(result) => {
                self.say(&format!("{result:?}"));
                if result.is_ok() {
                    self.floor_power = self.floor_power.max(cut);
                    self.release();
                    self.count("snapshots");
                } else {
                    self.count("snapshots failed");
                }
                Some(result.map(|_| ()))
            }
        }
    }

    /// One seeded action.
    pub fn act(&mut self) {
        self.clock.advance_ms(self.rng.below(40));
        match self.rng.below(101) {
            100 => self.end_well(),
            0..=44 => self.random_change(),
            45..=59 => drop(self.tick()),
            60..=71 => self.act_on_sync(),
            72..=81 => self.act_on_job(),
            82..=93 => self.act_on_snapshot(),
            94 => drop(self.persist.mark_idle(self.now())),
            95 => self.act_on_switch(),
            _ => self.release(),
        }
    }

    /// An orderly end: unless something changes afterwards, the next start knows that nothing is missing.
    fn end_well(&mut self) {
        if self.persist.close(&self.engine, self.now()).is_ok()
            && self.persist.log_state() == LogState::On
        {
            self.floor_power = self.floor_power.max(self.states.len() - 1);
            self.count("closed");
        }
    }

    fn act_on_sync(&mut self) {
        let now = self.now();
        match self.sync.take() {
            None => self.sync = self.persist.begin_sync(now).map(|job| (job, false)),
            Some((mut job, false)) => {
                job.run();
                self.sync = Some((job, true));
            }
            Some((job, true)) => {
                self.persist.complete_sync(job, now);
                self.release();
            }
        }
    }

    fn act_on_job(&mut self) {
        let now = self.now();
        match self.job.take() {
            None => self.job = self.persist.poll_job(now).map(|job| (job, false)),
            Some((mut job, false)) => {
                job.run();
                self.job = Some((job, true));
            }
            Some((job, true)) => self.persist.complete_job(job, now),
        }
    }

    fn act_on_snapshot(&mut self) {
        let now = self.now();
        if self.snapshot.is_some() {
            if self.rng.one_in(80) {
                let (snapshot, _) = self.snapshot.take().expect("checked above");
                snapshot.abort(&self.engine, now);
                self.count("aborts");
            } else {
                for _ in 0..self.rng.below(4) {
                    if self.step_snapshot().is_some() {
                        break;
                    }
                }
            }
            return;
        }
        let wanted = self.persist.snapshot_wanted(now, 0);
        let asked = self.rng.one_in(8).then_some(SnapshotReason::Asked);
        if let Some(reason) = wanted.or(asked)
            && let Ok(snapshot) = self.persist.begin_snapshot(&self.engine, reason, now)
        {
            self.snapshot = Some((snapshot, self.states.len() - 1));
            self.say(&format!("begun {reason:?}"));
        }
    }

    fn act_on_switch(&mut self) {
        if self.persist.log_state() != LogState::Off {
            let last = self.states.len() - 1;
            let was_on = self.persist.log_state() == LogState::On;
            if self.persist.stop_log(&self.engine, self.now()).is_ok() && was_on {
                self.floor_power = self.floor_power.max(last);
                self.waiting.clear();
                self.count("log off");
            }
        } else {
            self.persist.start_log();
            self.count("log on");
        }
    }

    /// Recovery itself is interrupted now and then; and what it has made of the disk is all that counts afterwards.
    /// True if power was cut before a recovery had ended.
    fn stumble(&mut self, mut disk: SimDisk, seed: u64) -> (SimDisk, bool) {
        let (mut settled, mut cut) = (false, false);
        while self.rng.one_in(3) {
            disk.crash_after(Some(self.rng.below(30)));
            let opened = try_open(&disk, &self.clock, &self.options, seed).is_ok();
            self.count(if opened {
                "recoveries ended"
            } else {
                "recoveries interrupted"
            });
            disk.crash_after(None);
            settled |= opened;
            let cuts = [PowerCut::LoseAll, PowerCut::KeepAll, PowerCut::KeepSome];
            disk = match self.rng.below(4) {
                3 => disk.restart_process(),
                n => {
                    cut |= !settled;
                    disk.restart_after(cuts[n as usize])
                }
            };
        }
        (disk, cut)
    }

    /// What this life has seen.
    fn note_life(&mut self) {
        let info = self.persist.info(self.now());
        let report = &self.report;
        let seen = [
            ("lives", 1),
            ("rolls", info.rolls),
            ("recycled", info.recycled),
            ("failures", info.failures),
            ("torn tails", u64::from(report.cut.is_some())),
            ("clean starts", u64::from(report.clean)),
            ("timelines", u64::from(report.new_timeline)),
            ("snapshots loaded", u64::from(report.snapshot_keys > 0)),
            (
                "side blocks",
                info.snapshot
                    .running
                    .map_or(0, |progress| progress.side_blocks),
            ),
        ];
        for (what, count) in seen {
            *self.tally.entry(what).or_default() += count;
        }
    }

    /// The power is cut or the process dies; the next life checks what it finds.
    pub fn next_life(mut self, seed: u64, power: Option<PowerCut>) -> World {
        self.release();
        self.say(&format!("{power:?}"));
        self.disk.set_faults(Faults::default());
        self.disk.crash_after(None);
        let disk = match power {
            Some(cut) => self.disk.restart_after(cut),
            None => self.disk.restart_process(),
        };
        self.note_life();
        let (disk, cut) = self.stumble(disk, seed);
        let floor = if power.is_some() || cut {
            self.floor_power
        } else {
            self.floor_process
        };
        let mut next = match World::open(disk, self.clock.clone(), self.options.clone(), seed) {
            Ok(next) => next,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        next.say(&format!("{:?}", next.report));
        let found = self
            .states
            .iter()
            .rposition(|&state| state == next.states[0]);
        let found = found.unwrap_or_else(|| panic!("seed {seed}: the recovered state never was"));
        assert!(
            found >= floor,
            "seed {seed}: recovered change {found}, promised {floor} of {}",
            self.states.len() - 1
        );
        for (what, count) in std::mem::take(&mut self.tally) {
            *next.tally.entry(what).or_default() += count;
        }
        next.value = self.value;
        next
    }
}
