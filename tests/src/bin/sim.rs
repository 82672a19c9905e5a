//! The crash simulator from the command line: `cargo run -p esker-tests --features sim --bin sim -- …`.
//!
//! ```text
//! sim --seed N [--planted NAME]   one run, twice, and whether both were the same
//! sim --tell N [--planted NAME]   one run, with everything that is done in it
//! sim --seeds FROM..TO            a range
//! sim --seconds N [--from SEED]   fresh seeds for so long
//! sim --planted [RUNS [NAME]]     how soon each planted bug is found
//! ```

#![expect(clippy::print_stdout, reason = "the output of a command line program")]

use std::process::ExitCode;
use std::time::Duration;

use esker_persist::PlantedFault;
use esker_tests::sim::options::Options;
use esker_tests::sim::planted::hunt;
use esker_tests::sim::runner::{Summary, fresh_seed, run_many, run_telling, run_with};

const USAGE: &str = "usage: sim --seed|--tell N [--planted NAME] | --seeds FROM..TO | --seconds N [--from SEED] | --planted [RUNS [NAME]]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["--seed", seed] => number(seed).map(|seed| one(seed, PlantedFault::None)),
        ["--seed", seed, "--planted", name] => {
            number(seed).and_then(|seed| Some(one(seed, fault_named(name)?)))
        }
        ["--tell", seed] => number(seed).map(|seed| tell(seed, PlantedFault::None)),
        ["--tell", seed, "--planted", name] => {
            number(seed).and_then(|seed| Some(tell(seed, fault_named(name)?)))
        }
        ["--seeds", range] => range_of(range).map(|(from, until)| many(from, until, None)),
        ["--seconds", seconds] => number(seconds).map(|seconds| fresh(seconds, fresh_seed())),
        ["--seconds", seconds, "--from", seed] => {
            number(seconds).and_then(|seconds| Some(fresh(seconds, number(seed)?)))
        }
        ["--planted"] => Some(planted(1000, PlantedFault::ALL)),
        ["--planted", runs] => number(runs).map(|runs| planted(runs, PlantedFault::ALL)),
        ["--planted", runs, name] => {
            number(runs).and_then(|runs| Some(planted(runs, &[fault_named(name)?])))
        }
        _ => None,
    };
    match outcome {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => {
            println!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn range_of(text: &str) -> Option<(u64, u64)> {
    let (from, until) = text.split_once("..")?;
    Some((number(from)?, number(until)?))
}

fn fault_named(name: &str) -> Option<PlantedFault> {
    PlantedFault::ALL
        .iter()
        .copied()
        .find(|fault| format!("{fault:?}") == name)
}

fn one(seed: u64, planted: PlantedFault) -> bool {
    let options = Options {
        planted,
        ..Options::draw(seed)
    };
    println!("seed {seed}: {options}");
    let first = run_with(seed, options.clone());
    println!("{}", first.coverage);
    if let Some(failure) = &first.failure {
        println!("FAILED: {failure}");
    }
    let second = run_with(seed, options);
    let same = first.trace == second.trace && first.failure == second.failure;
    println!(
        "trace {:016x}{}",
        first.trace,
        if same {
            ", twice"
        } else {
            ": the second run differs"
        }
    );
    first.failure.is_none() && same
}

fn tell(seed: u64, planted: PlantedFault) -> bool {
    let options = Options {
        planted,
        ..Options::draw(seed)
    };
    println!("seed {seed}: {options}");
    let (run, story) = run_telling(seed, options);
    for line in story {
        println!("{line}");
    }
    println!("{}", run.failure.as_deref().unwrap_or("survived"));
    run.failure.is_none()
}

fn many(from: u64, until: u64, time: Option<Duration>) -> bool {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let summary = run_many(from, until, time, threads);
    show(from, &summary);
    summary.failures.is_empty()
}

fn fresh(seconds: u64, from: u64) -> bool {
    many(from, u64::MAX, Some(Duration::from_secs(seconds)))
}

fn show(from: u64, summary: &Summary) {
    println!(
        "{} seeds from {from} on, {} failed",
        summary.coverage.runs,
        summary.failures.len()
    );
    println!("{}", summary.coverage);
    for shortfall in summary.coverage.shortfalls() {
        println!("low coverage: {shortfall}");
    }
    if !summary.failures.is_empty() {
        println!("{}", summary.failure_report());
    }
}

fn planted(runs: u64, faults: &[PlantedFault]) -> bool {
    let mut all = true;
    for fault in faults {
        let finding = hunt(*fault, runs, false);
        match &finding.first {
            Some((seed, what)) => {
                println!(
                    "{fault:?}: first at seed {seed}, {} of {} ({what})",
                    finding.failing, finding.runs
                );
            }
            None => {
                println!("{fault:?}: NOT FOUND in {} runs", finding.runs);
                all = false;
            }
        }
    }
    all
}
