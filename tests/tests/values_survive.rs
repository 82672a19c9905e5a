//! Any sequence of commands over values of all types, then recovery: from the log alone, from a snapshot alone, and from
//! a snapshot that was taken while commands went on with the log behind it. Each gives the same digest, which covers
//! expiries of keys and of fields.
//!
//! The commands are drawn from their rows, so a new one takes part without an edit here.

#![expect(clippy::print_stdout, reason = "the seed must be seen")]

use std::cell::RefCell;

use esker_env::sim::{PowerCut, SimClock, SimDisk};
use esker_fuzz::grammar;
use esker_fuzz::input::Input;
use esker_fuzz::store::execute;
use esker_keyspace::entry::Kind;
use esker_keyspace::{Keyspace, Limits, UnixMs};
use esker_persist::{
    Engine, Inline, Now, Options, Persist, SnapshotReason, SnapshotRefused, SnapshotStep,
    WriteOutcome,
};
use esker_resp::Proto;
use esker_tests::seed::{Random, count, seed};

const DATABASES: u32 = 3;
const START_MS: i64 = 1_700_000_000_000;
const STRING_BYTES_MAX: usize = 3000;

struct Cell(RefCell<Keyspace>);

impl Engine for Cell {
    fn with<R>(&self, f: impl FnOnce(&mut Keyspace) -> R) -> R {
        f(&mut self.0.borrow_mut())
    }
}

/// What recovery starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Log,
    Snapshot,
    Both,
}

struct World {
    disk: SimDisk,
    clock: SimClock,
    persist: Persist<SimDisk>,
    engine: Cell,
    random: Random,
    limits: Limits,
    options: Options,
}

/// Small values change their encoding early, so that each encoding is met.
fn limits(random: &mut Random) -> Limits {
    if random.one_in(3) {
        return Limits::default();
    }
    Limits {
        list_max_listpack_size: 3,
        hash_max_listpack_entries: 3,
        set_max_intset_entries: 3,
        set_max_listpack_entries: 3,
        zset_max_listpack_entries: 3,
        stream_node_max_entries: 3,
        ..Limits::default()
    }
}

fn open(
    disk: &SimDisk,
    options: &Options,
    clock: &SimClock,
    limits: Limits,
) -> (Persist<SimDisk>, Keyspace) {
    let keyspace = esker_keyspace::Options {
        databases: DATABASES,
        limits,
        ..esker_keyspace::Options::with_seed(7)
    };
    let now = Now::read(clock);
    let opened = Persist::open(disk.clone(), options.clone(), keyspace, &Inline, 5, now);
    let (persist, mut keyspace, _) = opened.unwrap_or_else(|error| panic!("{error}"));
    keyspace.set_string_bytes_max(STRING_BYTES_MAX);
    (persist, keyspace)
}

impl World {
    fn new(seed: u64, from: From) -> World {
        let mut random = Random::new(seed);
        let limits = limits(&mut random);
        let options = Options {
            log: from != From::Snapshot,
            segment_bytes: 1 << 20,
            block_bytes: 2000,
            slice_bytes: 500,
            reserve_bytes: 0,
            rewrite_percentage: 0,
            ..Options::default()
        };
        let (disk, clock) = (SimDisk::new(seed), SimClock::new(START_MS));
        let (persist, mut keyspace) = open(&disk, &options, &clock, limits);
        if random.one_in(2) {
            keyspace.set_walked_whole(2, 0);
        }
        World {
            disk,
            clock,
            persist,
            engine: Cell(RefCell::new(keyspace)),
            random,
            limits,
            options,
        }
    }

    fn now(&self) -> Now {
        Now::read(&self.clock)
    }

    /// A few commands as one unit.
    fn command(&mut self) {
        self.clock.advance_ms(self.random.below(20));
        let bytes: Vec<u8> = (0..120).map(|_| self.random.draw() as u8).collect();
        let (mut input, now) = (Input::new(&bytes), self.now().wall);
        let mut keyspace = self.engine.0.borrow_mut();
        let mut tx = keyspace.tx(input.below(DATABASES as usize) as u32, now);
        for _ in 0..=input.below(3) {
            let call = grammar::call(&mut input, now.0);
            // What empties everything leaves little to recover.
            let empties = call.first().is_some_and(|name| name.starts_with(b"FLUSH"));
            if !empties || self.random.one_in(40) {
                execute(&mut tx, &call, Proto::Resp3);
            }
        }
        tx.finish();
        keyspace.touched_mut().take_into(&mut Vec::new());
        if self.random.one_in(10) {
            keyspace.expire_cycle(now, 5);
        }
        drop(keyspace.take_garbage());
        if keyspace.effects().pending_bytes() > 100_000 {
            drop(keyspace);
            self.write();
        }
    }

    /// Writes what is recorded.
    fn write(&mut self) {
        loop {
            let outcome = self.persist.write_tick(&self.engine, self.now());
            self.run_jobs();
            if matches!(outcome, WriteOutcome::Idle | WriteOutcome::Failed) {
                return;
            }
        }
    }

    fn run_jobs(&mut self) {
        while let Some(mut job) = self.persist.poll_job(self.now()) {
            job.run();
            self.persist.complete_job(job, self.now());
        }
        if let Some(mut job) = self.persist.begin_sync(self.now()) {
            job.run();
            self.persist.complete_sync(job, self.now());
        }
    }

    /// Takes a snapshot, with so many commands between its steps at most.
    fn snapshot(&mut self, commands: u64) {
        let mut snapshot = loop {
            self.write();
            let reason = SnapshotReason::Asked;
            match self
                .persist
                .begin_snapshot(&self.engine, reason, self.now())
            {
                Ok(snapshot) => break snapshot,
                Err(SnapshotRefused::Sweeping | SnapshotRefused::Stalled) => {}
                Err(other) => panic!("{other:?}"),
            }
        };
        loop {
            for _ in 0..self.random.below(commands + 1) {
                self.command();
            }
            match snapshot.step(&self.engine, self.now()) {
                SnapshotStep::More => {}
                SnapshotStep::Wait => self.write(),
                SnapshotStep::Done(done) => {
                    done.expect("the snapshot is committed");
                    return;
                }
            }
        }
    }

    /// Ends and recovers; both must hold the same. Returns which types of values there were.
    fn recover(mut self, from: From, seed: u64) -> Vec<Kind> {
        self.write();
        self.persist
            .close(&self.engine, self.now())
            .expect("the log ends in order");
        let keyspace = self.engine.0.into_inner();
        drop(self.persist);
        let disk = self.disk.restart_after(PowerCut::LoseAll);
        let (_, mut recovered) = open(&disk, &self.options, &self.clock, self.limits);
        if recovered.digest() != keyspace.digest() {
            panic!(
                "seed {seed}: recovery from {from:?} gives {}",
                differences(&keyspace, &recovered)
            );
        }
        let mut kinds = Vec::new();
        for db in 0..DATABASES {
            let mut tx = recovered.tx(db, UnixMs(i64::MIN));
            tx.for_each(|entry| kinds.push(entry.kind()));
            tx.finish();
        }
        kinds
    }
}

/// The keys that are not the same.
fn differences(before: &Keyspace, after: &Keyspace) -> String {
    let mut keys = Vec::new();
    for db in 0..DATABASES {
        for (one, other) in [(before, after), (after, before)] {
            one.for_each_key(db, |key| {
                if one.digest_key(db, key) != other.digest_key(db, key) {
                    keys.push(format!("{db}/{}", key.escape_ascii()));
                }
            });
        }
    }
    keys.join(" ")
}

fn check(from: From) {
    let (seed, cases) = (seed(), count("ESKER_VALUES_CASES", 40));
    println!("{from:?}: seed {seed}, {cases} cases");
    let mut seen = Vec::new();
    for case in 0..cases {
        let seed = seed + case;
        let mut world = World::new(seed, from);
        let commands = 50 + world.random.below(900);
        for _ in 0..commands {
            world.command();
        }
        match from {
            From::Log => {}
            From::Snapshot => world.snapshot(0),
            From::Both => {
                world.snapshot(6);
                for _ in 0..world.random.below(100) {
                    world.command();
                }
            }
        }
        seen.extend(world.recover(from, seed));
    }
    for kind in [
        Kind::String,
        Kind::List,
        Kind::Set,
        Kind::Zset,
        Kind::Hash,
        Kind::Stream,
    ] {
        let met = seen.iter().filter(|one| **one == kind).count();
        println!("{from:?}: {met} values of type {kind:?}");
        assert!(met > 0, "no value of type {kind:?} was recovered");
    }
}

#[test]
fn the_log_alone_gives_the_same_values() {
    check(From::Log);
}

#[test]
fn a_snapshot_alone_gives_the_same_values() {
    check(From::Snapshot);
}

#[test]
fn a_snapshot_and_the_log_behind_it_give_the_same_values() {
    check(From::Both);
}
