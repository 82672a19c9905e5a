//! A data directory made of damaged valid files: the audit never panics, never shows a wrong byte, and recovery
//! agrees with it.
//!
//! Half of the inputs leave the checksums as the damage left them. Then whatever is shown must be what was written.
//! The others put the checksums right again, so that only consistency is left to be judged.

use std::sync::LazyLock;

use esker_env::sim::{SimClock, SimDisk};
use esker_format::names;
use esker_keyspace::Keyspace;
use esker_persist::{Inline, Now, OpenError, Options, Persist, SEGMENT_BYTES_MIN};

use crate::edit::edits;
use crate::input::Input;
use crate::judge::{self, Seen};
use crate::memory::Memory;
use crate::seal;

const STEPS_MAX: usize = 12;
/// Numbers that files are given.
const NUMBERS: &[u64] = &[0, 1, 2, 3, 4, 5, 6, 9_999_999_999, u64::MAX - 1, u64::MAX];

pub fn audit(data: &[u8]) {
    let mut input = Input::new(data);
    let (sealed, recovered) = (input.one_in(2), input.one_in(4));
    let mut memory = Memory::golden();
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        step(&mut input, &mut memory);
    }
    if sealed {
        seal::directory(&mut memory, input.one_in(2));
    }
    let (report, seen) = judge::all_ways(&memory);
    if !sealed {
        only_what_was_written(&seen);
    }
    if recovered {
        recover(&memory, report.sound());
    }
}

/// One thing that happens to the directory.
fn step(input: &mut Input<'_>, memory: &mut Memory) {
    let names: Vec<String> = memory.files.keys().cloned().collect();
    if names.is_empty() {
        return;
    }
    let name = input.pick(&names).clone();
    let Some(mut bytes) = memory.files.remove(&name) else {
        return;
    };
    match input.below(8) {
        0 => {}
        1 => {
            let number = *input.pick(NUMBERS);
            let new = match input.below(5) {
                0 => names::segment(number),
                1 => names::snapshot(number),
                2 => names::MANIFEST_PREV.to_owned(),
                3 => names::temporary(&name),
                _ => names::MANIFEST.to_owned(),
            };
            if input.one_in(2) {
                memory.files.insert(name, bytes.clone());
            }
            memory.files.insert(new, bytes);
        }
        _ => {
            edits(input, &mut bytes, 3);
            memory.files.insert(name, bytes);
        }
    }
}

/// Without forged checksums all that is shown was written: the snapshot's blocks, and a part of the log from its start.
fn only_what_was_written(seen: &Seen) {
    static GOLDEN: LazyLock<Seen> = LazyLock::new(|| judge::all_ways(&Memory::golden()).1);
    let golden = &*GOLDEN;
    assert!(
        golden.runs.starts_with(&seen.runs),
        "a wrong or missing run: {:?}",
        seen.runs
    );
    assert!(
        golden.blocks.starts_with(&seen.blocks),
        "a wrong block: {:?}",
        seen.blocks
    );
}

/// Recovery opens exactly what it should: never what the audit calls damaged. If it refuses, nothing has changed; what
/// it opened opens again, with the same contents.
fn recover(memory: &Memory, sound: bool) {
    let disk = memory.to_disk().expect("a disk without faults");
    match open(&disk) {
        Ok((persist, keyspace)) => {
            assert!(sound, "recovery opened a damaged directory");
            let digest = keyspace.digest();
            drop((persist, keyspace));
            let again = open(&disk).map(|(_, keyspace)| keyspace.digest());
            assert_eq!(again.expect("what was recovered"), digest);
        }
        Err(OpenError::Settling(error)) => panic!("a disk without faults failed: {error}"),
        Err(_) => {
            let mut after = Memory::of_disk(&disk).expect("a disk without faults");
            after.files.remove(names::LOCK);
            assert!(after == *memory, "a refused directory was changed");
        }
    }
}

fn open(disk: &SimDisk) -> Result<(Persist<SimDisk>, Keyspace), OpenError> {
    let options = Options {
        segment_bytes: SEGMENT_BYTES_MIN,
        reserve_bytes: 0,
        ..Options::default()
    };
    let keyspace = esker_keyspace::Options::with_seed(7);
    let clock = SimClock::new(1_700_000_100_000);
    let now = Now::read(&clock);
    let opened = Persist::open(disk.clone(), options, keyspace, &Inline, 1, now);
    opened.map(|(persist, keyspace, _)| (persist, keyspace))
}
