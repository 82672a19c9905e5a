//! Many short lives on a simulated disk: whatever happens between two of them, the promise holds.

#[cfg(feature = "sim")]
mod planted;
mod scenes;
mod world;

use esker_env::Rng;
use esker_env::sim::Faults;
use world::life::{Tally, failing, live};

/// `SEED=n` runs that seed alone, `MORE=n` n times as many.
fn run(first: u64, count: u64, faults: &dyn Fn(&mut Rng) -> Faults, must_see: &[&str]) {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse::<u64>().ok())
    };
    let one = number("SEED");
    let mut tally = Tally::new();
    for seed in first..first + count * number("MORE").unwrap_or(1) {
        if one.is_none_or(|one| one == seed) {
            for (what, times) in live(seed, &|_| {}, faults) {
                *tally.entry(what).or_default() += times;
            }
        }
    }
    // A run that has not seen these has proved nothing about them.
    let missed: Vec<_> = must_see
        .iter()
        .filter(|what| tally.get(**what).is_none_or(|&times| times == 0))
        .collect();
    assert!(
        one.is_some() || missed.is_empty(),
        "not seen: {missed:?} in {tally:?}"
    );
}

const ALWAYS: [&str; 13] = [
    "rolls",
    "recycled",
    "torn tails",
    "clean starts",
    "timelines",
    "snapshots",
    "snapshots loaded",
    "aborts",
    "log off",
    "log on",
    "recoveries ended",
    "recoveries interrupted",
    "closed",
];

#[test]
fn without_faults() {
    run(0, 300, &|_| Faults::default(), &ALWAYS);
}

#[test]
fn with_a_failing_disk() {
    run(
        100_000,
        300,
        &failing,
        &[
            "failures",
            "refused",
            "snapshots failed",
            "torn tails",
            "recycled",
        ],
    );
}

#[test]
fn with_a_small_disk() {
    let small = |rng: &mut Rng| Faults {
        capacity_bytes: Some(rng.range(30_000, 300_000)),
        ..Faults::default()
    };
    run(200_000, 200, &small, &["refused", "snapshots failed"]);
}
