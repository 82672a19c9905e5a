//! How a driver opens the store and has the opening judged.

use esker_env::sim::{Faults, PowerCut, SimDisk};
use esker_format::names::FileName;
use esker_format::native::audit::{Report, Tail};
use esker_format::native::frame::FrameKind;
use esker_format::native::manifest::LogState as ManifestLog;
use esker_keyspace::{Keyspace, Limits, Options as KeyspaceOptions};
use esker_persist::{Inline, OpenError, Persist, RecoveryReport};

use super::driver::Driver;
use super::exec::visible_state;
use super::history::Ending;
use super::image::frames;
use super::oracle::{Failure, Recovered, audit, check_files, fail, judge};
use super::store::{Store, now};

/// Openings that injected faults may spoil before they are switched off.
const SPOILED_MAX: u64 = 3;

/// A collection of more elements is opened by a walk.
const WALKED_WHOLE: usize = 6;

/// Collections of a few elements are large.
fn small_limits() -> Limits {
    Limits {
        list_max_listpack_size: 8,
        hash_max_listpack_entries: 8,
        set_max_listpack_entries: 8,
        zset_max_listpack_entries: 8,
        ..Limits::default()
    }
}

type Opened = (Persist<SimDisk>, Keyspace, RecoveryReport);

/// What came of an attempt to open.
enum Attempt {
    Open(Box<Opened>),
    /// The power went during recovery.
    Crashed,
    /// An injected fault spoiled it.
    Spoiled,
    /// The store refuses, and rot is to blame.
    Refused,
}

impl Driver {
    /// Opens the store, through as many crashes and injected faults as the seed has in store, and judges what it
    /// brings back. False when rot has cost the dataset its availability.
    pub(super) fn open(&mut self) -> Result<bool, Failure> {
        let mut spoiled = 0;
        loop {
            let report = audit(&self.disk, !self.rotten)?;
            self.note(|| {
                format!(
                    "audit: {:?} {:?} claim {} segments {:?}",
                    report.end, report.tail, report.durable_claim, report.segments
                )
            });
            let torn = self.torn_frames(&report);
            if self
                .rng
                .per_mille(self.options.crash_in_operation_per_mille / 3)
            {
                self.disk.crash_after(Some(self.rng.below(40)));
            }
            match self.attempt(&report)? {
                Attempt::Open(opened) => {
                    self.disk.crash_after(None);
                    self.coverage.torn_frames += torn;
                    self.count_frames();
                    self.coverage.cut_tails += u64::from(opened.2.cut.is_some());
                    self.accept(*opened, &report)?;
                    return Ok(true);
                }
                Attempt::Crashed => {
                    self.coverage.crashes_in_recovery += 1;
                    self.note(|| "crash in recovery".to_owned());
                    self.power_cycle();
                }
                Attempt::Spoiled => {
                    spoiled += 1;
                    self.note(|| "recovery spoiled by an injected fault".to_owned());
                    if spoiled >= SPOILED_MAX {
                        self.disk.set_faults(Faults::default());
                    }
                    self.disk.crash_after(None);
                    self.disk = self.disk.restart_process();
                }
                Attempt::Refused => {
                    self.coverage.rot_refused += 1;
                    return Ok(false);
                }
            }
        }
    }

    /// One attempt without crashes, for scripts: what it brings back is judged, and it is left open.
    pub(super) fn open_once(&mut self) -> Result<(), Failure> {
        let report = audit(&self.disk, !self.rotten)?;
        match self.attempt(&report)? {
            Attempt::Open(opened) => self.accept(*opened, &report),
            Attempt::Crashed => Ok(()),
            Attempt::Spoiled | Attempt::Refused => fail("recovery failed without a reason"),
        }
    }

    fn attempt(&mut self, report: &Report) -> Result<Attempt, Failure> {
        self.coverage.recoveries += 1;
        let (before, faults) = (self.disk.image_digest(), self.injected());
        match self.open_store(&self.disk.clone()) {
            Ok(opened) => Ok(Attempt::Open(Box::new(opened))),
            Err(_) if self.disk.is_dead() => Ok(Attempt::Crashed),
            Err(_) if self.injected() > faults => Ok(Attempt::Spoiled),
            Err(OpenError::Damaged(verdicts)) => {
                self.coverage.refused_recoveries += 1;
                if report.sound() {
                    return fail(format!(
                        "recovery refuses what the auditor finds sound: {verdicts:?}"
                    ));
                }
                if self.disk.image_digest() != before {
                    return fail("a refusal changed the disk");
                }
                if self.rotten {
                    return Ok(Attempt::Refused);
                }
                fail(format!(
                    "recovery refuses, without rot: {}",
                    OpenError::Damaged(verdicts)
                ))
            }
            Err(error) => fail(format!("recovery failed: {error}")),
        }
    }

    fn open_store(&self, disk: &SimDisk) -> Result<Opened, OpenError> {
        let seed = self.seed ^ disk.trace();
        let keyspace = KeyspaceOptions {
            databases: self.options.databases,
            limits: small_limits(),
            ..KeyspaceOptions::with_seed(seed)
        };
        let mut opened = Persist::open(
            disk.clone(),
            self.options.of_store(),
            keyspace,
            &Inline,
            seed,
            now(&self.clock),
        )?;
        opened.1.set_walked_whole(WALKED_WHOLE, 0);
        Ok(opened)
    }

    pub(super) fn injected(&self) -> u64 {
        self.disk.tally().faults()
    }

    /// The store has opened: compares it with what the auditor said and what was promised, and takes it on.
    fn accept(&mut self, opened: Opened, report: &Report) -> Result<(), Failure> {
        let (persist, mut keyspace, recovery) = opened;
        if !report.sound() {
            return fail(format!(
                "recovery accepts what the auditor refuses: {:?}",
                report.verdicts
            ));
        }
        if report.end.lsn != recovery.end_lsn
            || (recovery.cut.is_some() != matches!(report.tail, Tail::Torn { .. }))
        {
            return fail(format!(
                "auditor and recovery differ: {:?} {:?} / {recovery:?}",
                report.end, report.tail
            ));
        }
        let now = now(&self.clock).wall.0;
        let recovered = Recovered {
            end: recovery.end_lsn,
            state: visible_state(&mut keyspace, now),
            now,
        };
        let count = judge(&self.history, &recovered, self.ending, self.rotten)?;
        if persist.durable_lsn() > recovery.end_lsn || persist.written_lsn() != recovery.end_lsn {
            return fail("what is published does not fit what was recovered");
        }
        if self.rotten {
            self.coverage.rot_survived += 1;
        }
        self.note_recovery(count, report);
        let durable = if persist.durable_lsn() == recovery.end_lsn {
            count
        } else {
            0
        };
        self.recover_again(&recovered)?;
        self.history.recovered(count, recovery.end_lsn, durable);
        self.store = Some(Store::new(persist, keyspace, self.options.policies.clone()));
        self.check_directory()
    }

    fn note_recovery(&mut self, count: usize, report: &Report) {
        let promise = self.history.promise();
        let units = self.history.count();
        self.coverage.units_compared += count as u64;
        self.coverage.lost_units += (units - count) as u64;
        self.coverage.lucky_units += count.saturating_sub(promise.durable) as u64;
        if let Some(manifest) = &report.manifest {
            self.coverage.manifest_swaps += manifest.generation.saturating_sub(self.generation);
            self.coverage.gaps += manifest
                .gaps
                .iter()
                .filter(|gap| gap.to > self.gaps_until)
                .count() as u64;
            self.gaps_until = manifest
                .gaps
                .iter()
                .map(|gap| gap.to)
                .max()
                .unwrap_or_default()
                .max(self.gaps_until);
            self.generation = manifest.generation;
        }
    }

    /// Recovery of what recovery has left behind gives the same, after any kind of crash.
    fn recover_again(&mut self, recovered: &Recovered) -> Result<(), Failure> {
        if !self.rng.one_in(4) {
            return Ok(());
        }
        let fork = self.disk.fork();
        fork.set_faults(Faults::default());
        let fork = match self.rng.below(3) {
            0 => fork.restart_process(),
            1 => fork.restart_after(PowerCut::LoseAll),
            _ => fork.restart_after(PowerCut::KeepSome),
        };
        let (end, state) = match self.open_store(&fork) {
            Ok((_, mut keyspace, report)) => {
                (report.end_lsn, visible_state(&mut keyspace, recovered.now))
            }
            Err(error) => return fail(format!("a recovery cannot be recovered from: {error}")),
        };
        if end != recovered.end || state != recovered.state {
            let difference = recovered.state.difference(&state).unwrap_or_default();
            return fail(format!(
                "a second recovery differs: {} / {end}; {difference}",
                recovered.end
            ));
        }
        Ok(())
    }

    /// Recovers from a copy of the disk and judges; the driver goes on as if nothing had happened.
    pub(super) fn judge_copy(&mut self, disk: &SimDisk, ending: Ending) -> Result<(), Failure> {
        let report = audit(disk, true)?;
        let (_, mut keyspace, recovery) = match self.open_store(disk) {
            Ok(opened) => opened,
            Err(error) => return fail(format!("recovery refuses, without rot: {error}")),
        };
        if !report.sound() || report.end.lsn != recovery.end_lsn {
            return fail("auditor and recovery differ");
        }
        let now = now(&self.clock).wall.0;
        let recovered = Recovered {
            end: recovery.end_lsn,
            state: visible_state(&mut keyspace, now),
            now,
        };
        judge(&self.history, &recovered, ending, false).map(|_| ())
    }

    /// Another crash on top of the last one. What the weaker of the two promises is all that remains.
    fn power_cycle(&mut self) {
        let ending = if self.rng.per_mille(self.options.process_death_per_mille) {
            self.ending
        } else {
            Ending::PowerCut
        };
        let shutdown = self.ending == Ending::Shutdown && ending == Ending::PowerCut;
        self.close(if ending == Ending::PowerCut {
            Ending::PowerCut
        } else {
            Ending::ProcessDeath
        });
        // An orderly shutdown promised everything, whatever comes after it.
        self.ending = if shutdown { Ending::Shutdown } else { ending };
    }

    /// Everything in the directory is named by the manifest, or about to be removed.
    fn check_directory(&mut self) -> Result<(), Failure> {
        if self.rotten || !self.rng.one_in(8) || self.injects() {
            return Ok(());
        }
        let store = self.store.as_mut().expect("a store is open");
        store.finish_jobs(&self.clock);
        let Some(manifest) = audit(&self.disk, !self.rotten)?.manifest else {
            return fail("a store is open without a manifest");
        };
        let names = esker_env::Files::list(&self.disk).unwrap_or_default();
        let kept: Vec<u64> = manifest
            .snapshot
            .iter()
            .chain(&manifest.retained)
            .map(|kept| kept.number)
            .collect();
        let logging = manifest.log == ManifestLog::On;
        self.note(|| format!("{:?}; manifest {manifest:?}", names));
        check_files(&self.disk, |name| match name {
            FileName::Manifest | FileName::ManifestPrev | FileName::Lock => true,
            FileName::Segment(number) => {
                number >= manifest.oldest_segment && manifest.oldest_segment != 0
            }
            FileName::Snapshot(number) => kept.contains(&number),
            // The prepared segment.
            FileName::Temporary => logging,
            // The copies of torn tails, which only people remove.
            FileName::Foreign => true,
        })
    }

    fn injects(&self) -> bool {
        let faults = self.disk.faults();
        faults.name_error
            + faults.write_error
            + faults.sync_error
            + faults.sync_dir_error
            + faults.read_error
            != 0
            || faults.capacity_bytes.is_some()
    }

    /// Counts the frames that were not there the last time.
    fn count_frames(&mut self) {
        for (sequence, kind) in frames(&self.disk) {
            if sequence <= self.sequence {
                continue;
            }
            self.sequence = sequence;
            self.coverage.frames += 1;
            match kind {
                FrameKind::Units | FrameKind::StreamOnly => {}
                FrameKind::Fragment(_) => self.coverage.fragments += 1,
                FrameKind::Marker { .. } => self.coverage.markers += 1,
            }
        }
    }

    fn torn_frames(&self, report: &Report) -> u64 {
        u64::from(matches!(report.tail, Tail::Torn { .. }))
    }
}
