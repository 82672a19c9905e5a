//! Random command sequences give the same replies and the same state here and on a real redis-server.
//!
//! `ESKER_SEED` repeats a run, `ESKER_CASES` sets its length, `ESKER_ONLY` names the commands to draw (a comma list).

use std::collections::BTreeSet;
use std::io;

use esker_tests::client::Value;
use esker_tests::differential::case::cases;
use esker_tests::differential::compare::Pair;
use esker_tests::differential::grammar::{Shape, documented};
use esker_tests::differential::rules::is_drawn;
use esker_tests::process::{Options, Server, subject_binary};
use esker_tests::redis::reference_options;
use esker_tests::seed::{count, seed};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// About a minute in `tests/run` on two cores.
const CASES: u64 = 12_000;

/// Both servers hold strings to 1 MiB, so that far offsets are refused instead of allocated.
fn with_common_flags(options: Options) -> Options {
    options
        .flag("proto-max-bulk-len", "1mb")
        .flag("databases", "16")
}

fn start_subject() -> io::Result<Server> {
    Server::start(&with_common_flags(
        Options::new(subject_binary())
            .flag("save", "")
            .flag("appendonly", "no"),
    ))
}

/// Commands that both servers have and that the rules do not leave out.
fn shapes(reference: &Server, subject: &Server) -> io::Result<Vec<Shape>> {
    let known: BTreeSet<String> = subject
        .connect()?
        .words("COMMAND LIST")?
        .into_array()
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_bytes)
        .map(|name| String::from_utf8_lossy(name).to_lowercase())
        .collect();
    let only = std::env::var("ESKER_ONLY").unwrap_or_default();
    let only: Vec<&str> = only.split(',').filter(|name| !name.is_empty()).collect();
    let mut shapes = documented(&mut reference.connect()?)?;
    shapes.retain(|shape| {
        known.contains(&shape.name)
            && is_drawn(&shape.name, &shape.group)
            && (only.is_empty() || only.contains(&shape.name.as_str()))
    });
    Ok(shapes)
}

#[expect(
    clippy::print_stdout,
    reason = "the figures and the seed of a run belong into its output"
)]
#[test]
fn sequences_agree_with_the_reference() {
    let reference =
        Server::start(&with_common_flags(reference_options())).expect("the reference starts");
    let subject = start_subject().expect("the subject starts");
    let shapes = shapes(&reference, &subject).expect("both servers describe their commands");
    assert!(
        shapes.len() > 60 || std::env::var_os("ESKER_ONLY").is_some(),
        "only {} commands to compare",
        shapes.len()
    );
    let seed = seed();
    let config = Config {
        cases: u32::try_from(count("ESKER_CASES", CASES)).expect("a count of cases fits"),
        failure_persistence: None,
        max_shrink_iters: 5000,
        ..Config::default()
    };
    println!(
        "differential seed {seed}: {} cases over {} commands",
        config.cases,
        shapes.len()
    );
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let pair = std::cell::RefCell::new(
        Pair::new(&reference, &subject).expect("both servers take connections"),
    );
    let outcome = runner.run(&cases(&shapes), |case| {
        pair.borrow_mut().check(&case).map_err(TestCaseError::fail)
    });
    if let Err(TestError::Fail(reason, case)) = outcome {
        let steps: Vec<String> = case
            .steps
            .iter()
            .map(|step| format!("  {step:?}"))
            .collect();
        panic!(
            "the servers differ (ESKER_SEED={seed}, RESP{}, cuts {:?}):\n{reason}\nminimal sequence:\n{}\n{}",
            if case.resp3 { 3 } else { 2 },
            case.cuts,
            steps.join("\n"),
            subject.log_tail(10)
        );
    }
    outcome.expect("the generator itself works");
    let tally = &pair.borrow().tally;
    println!(
        "differential seed {seed}: {} replies equal, {} of them errors, {} keys compared afterwards",
        tally.replies, tally.errors, tally.keys
    );
    let never: Vec<&str> = shapes
        .iter()
        .map(|shape| shape.name.split('|').next().unwrap_or_default())
        .filter(|name| tally.calls.get(*name).is_none_or(|(_, good)| *good == 0))
        .collect();
    // RESTORE-like rarities need some hundred cases to succeed once.
    assert!(
        runner_is_short() || never.is_empty(),
        "never answered without an error: {never:?}"
    );
}

fn runner_is_short() -> bool {
    count("ESKER_CASES", CASES) < 2000
}
