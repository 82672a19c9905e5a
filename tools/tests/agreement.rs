//! What recovery accepts is what the tools call sound, and the reverse; and whatever is damaged can be repaired.
//!
//! `SEED=n` repeats a run, `MORE=n` makes it n times as long.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::*;
use esker_env::Rng;
use esker_persist::OpenError;
use esker_tools::progress::Progress;
use esker_tools::repair;

type Files = BTreeMap<String, Vec<u8>>;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Sound directories of different kinds: closed in order, killed with and without a sync at the end, with long units.
fn directories() -> Vec<Files> {
    let killed = |sync: bool| {
        let dir = tempfile::TempDir::new().expect("a directory");
        let data = data(&dir);
        let store = Store::open(&data).expect("a new store");
        store.fill("a", 50);
        store.snapshot();
        store.fill_at_once("long", 700);
        store.sync();
        store.persist.mark_idle(store.now());
        store.fill("b", 20);
        if sync {
            store.sync();
            store.persist.mark_idle(store.now());
        }
        drop(store);
        content(&data)
    };
    vec![content(&data(&sample())), killed(true), killed(false)]
}

/// Damages one file in one way; says how.
fn damage(files: &mut Files, rng: &mut Rng) -> String {
    let names: Vec<String> = files
        .keys()
        .filter(|name| *name != "LOCK" && !name.ends_with(".tmp"))
        .cloned()
        .collect();
    let name = &names[rng.below(names.len() as u64) as usize];
    if rng.one_in(40) {
        files.remove(name);
        return format!("{name} removed");
    }
    let bytes = files.get_mut(name).expect("it is there");
    let used = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(1, |at| at + 1);
    // Seldom behind the end, where only zeros are.
    let range = if rng.one_in(10) { bytes.len() } else { used };
    let at = rng.below(range as u64) as usize;
    if rng.one_in(10) {
        bytes.truncate(at);
        return format!("{name} cut at {at}");
    }
    if rng.one_in(10) {
        let end = bytes.len().min(at + 512);
        bytes[at..end].fill(0);
        return format!("{name} zeroed from {at} to {end}");
    }
    let bits = rng.range(1, 256) as u8;
    bytes[at] ^= bits;
    format!("{name} byte {at} ^ {bits:#04x}")
}

#[test]
fn recovery_and_the_checker_agree_and_repair_leaves_what_both_accept() {
    let seed = common::seed();
    let mut rng = Rng::new(seed);
    let originals = directories();
    let (mut sound, mut refused) = (0, 0);
    // In memory if possible: thousands of syncs tell nothing here.
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() {
        tempfile::TempDir::new_in(memory)
    } else {
        tempfile::TempDir::new()
    };
    let dir = dir.expect("a directory");
    let data = data(&dir);
    for round in 0..300 * number("MORE").unwrap_or(1) {
        let mut files = originals[rng.below(originals.len() as u64) as usize].clone();
        let how = damage(&mut files, &mut rng);
        let what = format!("SEED={seed} round {round}: {how}");
        restore(&data, &files);
        let judged = judge(&data);
        assert_eq!(content(&data), files, "{what}: judging changes nothing");
        let accepts = judged.report.sound();
        if round % 10 == 0 {
            let checked = run_on(AOF_CHECK, &data, &["--json"]).json();
            assert_eq!(checked["sound"], accepts, "{what}");
            assert_eq!(content(&data), files, "{what}: the tool changes nothing");
        }
        match Store::open(&data) {
            Ok(store) => {
                assert!(
                    accepts,
                    "{what}: recovery accepts, {:?}",
                    judged.report.verdicts
                );
                assert_eq!(store.digest(), judged.keyspace.digest(), "{what}");
                assert_eq!(store.recovery.end_lsn, judged.report.end.lsn, "{what}");
                sound += 1;
            }
            Err(OpenError::Damaged(verdicts)) => {
                assert!(!accepts, "{what}: recovery refuses, {verdicts:?}");
                assert_eq!(content(&data), files, "{what}: a refusal changes nothing");
                refused += 1;
                restore(&data, &files);
                assert!(
                    !judged.report.needs_newer,
                    "{what}: no byte makes a checksum right"
                );
                repair(&data, &what);
            }
            Err(other) => panic!("{what}: {other}"),
        }
    }
    assert!(
        sound > 10 && refused > 50,
        "SEED={seed}: {sound} sound, {refused} refused"
    );
}

fn repair(data: &Path, what: &str) {
    let locked = repair::lock(data).expect("nobody has it");
    let repaired = repair::skip_damaged(data, locked, &Progress::new(0, true))
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let judged = judge(data);
    assert!(
        judged.report.sound() && judged.report.proven_complete(),
        "{what}"
    );
    let store = Store::open(data).unwrap_or_else(|error| panic!("{what}: repaired, but {error}"));
    assert_eq!(store.keys() as u64, repaired.keys, "{what}");
    assert_eq!(store.digest(), judged.keyspace.digest(), "{what}");
}
