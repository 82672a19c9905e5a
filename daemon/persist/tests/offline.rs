//! Writing a dataset offline: whenever the power goes, the directory holds the same data, and a new directory is either
//! complete or refused.

use std::cell::RefCell;

use esker_env::sim::{PowerCut, SimClock, SimDisk};
use esker_env::{FileOps, Files};
use esker_format::native::audit::{self, Source};
use esker_format::native::manifest::{LogState, Reason};
use esker_keyspace::entry::StrInput;
use esker_keyspace::{Expiry, Keyspace};
use esker_persist::offline::{self, Dataset, Rebuilt, Request, Until};
use esker_persist::{Engine, Inline, Now, OpenError, Options, Persist, WriteOutcome};

struct Cell(RefCell<Keyspace>);

impl Engine for Cell {
    fn with<R>(&self, f: impl FnOnce(&mut Keyspace) -> R) -> R {
        f(&mut self.0.borrow_mut())
    }
}

/// A simulated disk, read.
struct Reader<'a>(&'a SimDisk);

impl Source for Reader<'_> {
    type Bytes = Vec<u8>;

    fn list(&self) -> std::io::Result<Vec<String>> {
        self.0.list()
    }

    fn read(&self, name: &str) -> std::io::Result<Vec<u8>> {
        let file = self.0.open(name)?.ok_or(std::io::ErrorKind::NotFound)?;
        file.read_all()
    }
}

fn options() -> Options {
    Options {
        segment_bytes: 4096,
        block_bytes: 512,
        slice_bytes: 512,
        reserve_bytes: 0,
        ..Options::default()
    }
}

fn clock() -> SimClock {
    SimClock::new(1_700_000_000_000)
}

fn open(disk: &SimDisk, log: bool) -> Result<(Persist<SimDisk>, Keyspace), OpenError> {
    let keyspace = esker_keyspace::Options::with_seed(7);
    let options = Options { log, ..options() };
    let now = Now::read(&clock());
    Persist::open(disk.clone(), options, keyspace, &Inline, 5, now)
        .map(|(persist, keyspace, _)| (persist, keyspace))
}

/// A disk with a few segments, ended by a process death behind a sync.
fn filled(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    let (persist, keyspace) = open(&disk, true).expect("an empty disk opens");
    let (engine, now) = (Cell(RefCell::new(keyspace)), Now::read(&clock()));
    let jobs = || {
        while let Some(mut job) = persist.poll_job(now) {
            job.run();
            persist.complete_job(job, now);
        }
    };
    for number in 0..60u32 {
        engine.with(|keyspace| {
            let mut tx = keyspace.tx(0, now.wall);
            let key = format!("key{}", number % 40);
            tx.set(key.as_bytes(), StrInput::Bytes(&[7; 90]), Expiry::Clear);
            tx.finish();
        });
        while persist.write_tick(&engine, now) != WriteOutcome::Idle {
            jobs();
        }
        if let Some(mut sync) = persist.begin_sync(now) {
            sync.run();
            persist.complete_sync(sync, now);
        }
    }
    persist.mark_idle(now);
    let mut sync = persist.begin_sync(now).expect("the marker is not synced");
    sync.run();
    persist.complete_sync(sync, now);
    drop(persist);
    disk.restart_after(PowerCut::LoseAll)
}

fn rebuild(disk: &SimDisk, skip_damaged: bool) -> Rebuilt {
    let request = Request {
        until: Until::End,
        skip_damaged,
        parse_only: false,
        audit: audit::Options {
            snapshot_blocks: true,
            ..audit::Options::default()
        },
    };
    offline::rebuild(&Reader(disk), request, &mut |_| {}).expect("a healthy disk is read")
}

/// Writes what was rebuilt to `target`; an error is the power cut.
fn write(
    rebuilt: Rebuilt,
    target: &SimDisk,
    log: bool,
    fork: Option<Reason>,
) -> std::io::Result<()> {
    let ancestor = rebuilt.report.manifest.expect("there is a dataset");
    let dataset = Dataset {
        keyspace: rebuilt.keyspace,
        point: rebuilt.point,
        log,
        fork,
        gap_from: rebuilt.losses.first_lsn(ancestor.cut_lsn()),
        next_number: ancestor.next_number.max(rebuilt.report.highest_number + 1),
        ancestor,
    };
    let lock = target.lock()?;
    offline::write(
        target.clone(),
        lock,
        dataset,
        options(),
        &clock(),
        9,
        &mut |_, _| {},
    )
    .map(drop)
}

const CUTS: [PowerCut; 3] = [PowerCut::LoseAll, PowerCut::KeepAll, PowerCut::KeepSome];

#[test]
fn a_directory_written_in_place_is_whole_at_every_power_cut() {
    for log in [true, false] {
        let (mut cuts, mut done) = (0, false);
        while !done {
            for cut in CUTS {
                let disk = filled(cuts);
                let before = rebuild(&disk, false);
                let (digest, lsn) = (before.keyspace.digest(), before.point.lsn);
                disk.crash_after(Some(cuts));
                done = write(before, &disk, log, None).is_ok();
                let disk = disk.restart_after(cut);
                let after = rebuild(&disk, false);
                assert!(
                    after.report.sound(),
                    "cut {cuts}: {:?}",
                    after.report.verdicts
                );
                assert_eq!(after.keyspace.digest(), digest, "cut {cuts}");
                assert_eq!(after.point.lsn, lsn, "cut {cuts}");
                let (_, keyspace) =
                    open(&disk, log).unwrap_or_else(|error| panic!("cut {cuts}: {error}"));
                assert_eq!(keyspace.digest(), digest, "cut {cuts}");
            }
            cuts += 1;
        }
        assert!(cuts > 15, "{cuts} operations are not the whole order");
    }
}

#[test]
fn a_new_directory_is_complete_or_refused_at_every_power_cut() {
    let source = filled(1);
    let (mut cuts, mut done) = (0, false);
    let mut refused = 0;
    while !done {
        for cut in CUTS {
            let before = rebuild(&source, false);
            let digest = before.keyspace.digest();
            let target = SimDisk::new(cuts);
            target.crash_after(Some(cuts));
            done = write(before, &target, true, Some(Reason::Operator)).is_ok();
            let target = target.restart_after(cut);
            let after = rebuild(&target, false);
            if after.report.fresh || !after.report.sound() {
                assert!(!done, "what was finished is there");
                refused += 1;
                continue;
            }
            assert_eq!(after.keyspace.digest(), digest, "cut {cuts}");
            let manifest = after.report.manifest.expect("it is sound");
            assert_eq!(manifest.log, LogState::On);
            assert_eq!(manifest.timelines.len(), before_timelines(&source) + 1);
        }
        cuts += 1;
    }
    assert!(refused > 10, "{refused}");
}

fn before_timelines(disk: &SimDisk) -> usize {
    let manifest = rebuild(disk, false).report.manifest;
    manifest.map_or(0, |manifest| manifest.timelines.len())
}

#[test]
fn a_repair_keeps_its_promise_at_every_power_cut() {
    let (mut cuts, mut done) = (0, false);
    while !done {
        for cut in CUTS {
            let disk = filled(cuts);
            // Damage in the middle of the first segment.
            let rotten = disk.rot(|name| name.ends_with("1.seg"));
            assert!(rotten.is_some());
            let before = rebuild(&disk, true);
            let digest = before.keyspace.digest();
            disk.crash_after(Some(cuts));
            done = write(before, &disk, true, Some(Reason::Operator)).is_ok();
            let disk = disk.restart_after(cut);
            // Either the damaged directory, which repairs to the same, or the repaired one.
            let again = rebuild(&disk, true);
            assert_eq!(again.keyspace.digest(), digest, "cut {cuts}");
            assert!(!done || again.report.sound(), "cut {cuts}");
        }
        cuts += 1;
    }
}
