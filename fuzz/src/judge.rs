//! Runs the audit in all its ways and checks what must hold for any bytes at all.

use esker_format::Lsn;
use esker_format::cursor::Fault;
use esker_format::native::audit::{Options, Report, Run, Tail, Visitor, audit};
use esker_format::native::entry::Entries;
use esker_format::native::snapshot::{BlockKind, SnapshotIndex};
use esker_format::units::UnitReader;
use esker_keyspace::hash::hash_key;

use crate::memory::Memory;

/// One run of payload, as it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub first_lsn: Lsn,
    pub db: u32,
    pub stream_only: bool,
    pub payload: Vec<u8>,
}

/// What one audit showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub runs: Vec<Shown>,
    /// The snapshot's raw blocks, each with its database, if all of them are sound.
    pub blocks: Vec<(u32, Vec<u8>)>,
}

impl Visitor for Seen {
    fn snapshot(&mut self, index: &SnapshotIndex, file: &[u8]) -> Result<(), (u64, Fault)> {
        for block in &index.blocks {
            let at = |fault| (block.offset, fault);
            let raw = index.block(file, block).map_err(at)?;
            if matches!(block.header.kind, BlockKind::Main | BlockKind::Side) {
                Entries::new(&raw)
                    .try_for_each(|entry| entry.map(drop))
                    .map_err(at)?;
            }
            self.blocks.push((block.header.db, raw));
        }
        Ok(())
    }

    fn run(&mut self, run: &Run<'_>) -> Result<(), Fault> {
        self.runs.push(Shown {
            first_lsn: run.first_lsn,
            db: run.db,
            stream_only: run.stream_only,
            payload: run.payload.to_vec(),
        });
        if run.stream_only {
            return Ok(());
        }
        UnitReader::new(run.payload, run.db).try_for_each(|record| record.map(drop))
    }
}

/// Every combination of the options. Returns what recovery would see: the audit that stops at the first damage.
pub fn all_ways(memory: &Memory) -> (Report, Seen) {
    for ways in 0..16_u8 {
        let options = Options {
            snapshot_blocks: ways & 1 != 0,
            key_hash: (ways & 2 != 0).then_some(hash_key),
            retained: ways & 4 != 0,
            keep_going: ways & 8 != 0,
        };
        let (report, seen) = once(memory, options);
        check(&report, &seen, options);
    }
    once(memory, Options::default())
}

fn once(memory: &Memory, options: Options) -> (Report, Seen) {
    let mut seen = Seen::default();
    let report = audit(memory, options, &mut seen).expect("memory does not fail");
    (report, seen)
}

fn check(report: &Report, seen: &Seen, options: Options) {
    assert_eq!(report.runs, seen.runs.len() as u64);
    let payload: usize = seen.runs.iter().map(|run| run.payload.len()).sum();
    assert_eq!(report.payload_bytes, payload as u64);
    for verdict in &report.verdicts {
        assert!(!verdict.file.is_empty() && !verdict.to_string().is_empty());
    }
    let Some(manifest) = &report.manifest else {
        assert!(report.runs == 0 && report.fresh == report.sound());
        return;
    };
    if options.keep_going {
        return;
    }
    // What is applied starts at the cut and has no holes.
    let mut next = manifest.cut_lsn();
    for run in &seen.runs {
        assert_eq!(run.first_lsn, next, "a hole in the log");
        next = run.first_lsn.advance(run.payload.len() as u64);
    }
    if report.sound() {
        assert_eq!(report.end.lsn, next, "the end is behind the last run");
        assert!(report.tail != Tail::Damaged, "damage without a finding");
    }
}
