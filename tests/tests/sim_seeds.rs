//! The crash simulator over a fixed list of seeds and over fresh ones, and the proof that a seed is one history.

#![expect(
    clippy::print_stderr,
    reason = "seeds and coverage belong into the output of a test"
)]

use std::time::Duration;

use esker_tests::seed::{count, seed};
use esker_tests::sim::runner::{Summary, run_many, run_seed};

/// Seeds that once found something, and a few more.
const FIXED: &str = include_str!("../regress/seeds.txt");

/// About a minute on two cores.
const MORE: u64 = 3000;

fn fixed_seeds() -> impl Iterator<Item = u64> {
    let lines = FIXED
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        line.split_whitespace()
            .next()
            .expect("not empty")
            .parse()
            .expect("a seed comes first")
    })
}

fn expect_success(summary: &Summary) {
    assert!(summary.failures.is_empty(), "{}", summary.failure_report());
}

#[test]
fn fixed_seeds_survive() {
    let mut summary = Summary::default();
    for seed in fixed_seeds() {
        summary.add(run_seed(seed));
    }
    expect_success(&summary);
}

#[test]
fn a_range_of_seeds_survives_and_sees_everything() {
    let summary = run_many(1, 1001, None, 2);
    eprintln!("{}", summary.coverage);
    expect_success(&summary);
    let shortfalls = summary.coverage.shortfalls();
    assert!(shortfalls.is_empty(), "{}", shortfalls.join("\n"));
}

/// `ESKER_SEED=random` makes them seeds that nobody has run yet; `ESKER_SIM_SECONDS` sets a time instead of a number.
#[test]
fn more_seeds_survive() {
    let from = seed();
    let seconds = count("ESKER_SIM_SECONDS", 0);
    let summary = match seconds {
        0 => run_many(from, from.saturating_add(MORE), None, 2),
        _ => run_many(from, u64::MAX, Some(Duration::from_secs(seconds)), 2),
    };
    eprintln!(
        "{} seeds from {from} on: {}",
        summary.coverage.runs, summary.coverage
    );
    expect_success(&summary);
}

#[test]
fn a_seed_is_one_history() {
    for seed in 1..=40 {
        let (first, second) = (run_seed(seed), run_seed(seed));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.coverage, second.coverage, "seed {seed}");
    }
}
