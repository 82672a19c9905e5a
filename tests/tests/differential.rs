//! Random command sequences give the same replies and the same state here and on a real redis-server.
//!
//! One profile draws from all commands, and one for each type draws from those of the type. `ESKER_SEED` repeats a run or
//! draws another (see `seed`), `ESKER_CASES` sets the length of each profile, `ESKER_ONLY` names the commands to draw (a
//! comma list) in one profile alone.

use std::collections::BTreeSet;
use std::io;

use esker_tests::client::Value;
use esker_tests::differential::case::cases;
use esker_tests::differential::compare::Pair;
use esker_tests::differential::grammar::{Shape, documented};
use esker_tests::differential::rules::{NEVER_ANSWERED, is_drawn};
use esker_tests::process::{Options, Server, subject_binary};
use esker_tests::redis::reference_options;
use esker_tests::seed::{count, seed};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// Commands on keys of any type that a profile of one type draws beside its own.
const BESIDE: &[&str] = &[
    "copy",
    "del",
    "dump",
    "exists",
    "expire",
    "object|encoding",
    "persist",
    "pttl",
    "rename",
    "renamenx",
    "restore",
    "sort",
    "sort_ro",
    "touch",
    "type",
    "unlink",
];

/// What a run draws from.
struct Profile {
    name: &'static str,
    /// Groups of the manual; none of them: all that the rules allow.
    groups: &'static [&'static str],
    /// Sequences of some eighteen commands: a share of `tests/run`. With 12,500 it is more than 200,000 commands.
    cases: u64,
}

const fn profile(name: &'static str, groups: &'static [&'static str], cases: u64) -> Profile {
    Profile {
        name,
        groups,
        cases,
    }
}

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

/// Commands that both servers have, that the rules do not leave out and that the profile wants.
fn shapes(reference: &Server, subject: &Server, profile: &Profile) -> io::Result<Vec<Shape>> {
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
        let name = shape.name.as_str();
        let wanted = match (only.is_empty(), profile.groups) {
            (false, _) => only.contains(&name),
            (true, []) => true,
            (true, groups) => groups.contains(&shape.group.as_str()) || BESIDE.contains(&name),
        };
        known.contains(name) && is_drawn(name, &shape.group) && wanted
    });
    Ok(shapes)
}

#[test]
fn all_commands_agree() {
    compare(&profile("all", &[], 8000));
}

#[test]
fn lists_agree() {
    compare(&profile("lists", &["list"], 3000));
}

#[test]
fn sets_agree() {
    compare(&profile("sets", &["set"], 3000));
}

#[test]
fn hashes_agree() {
    compare(&profile("hashes", &["hash"], 3000));
}

#[test]
fn sorted_sets_agree() {
    compare(&profile("sorted sets", &["sorted-set", "geo"], 3000));
}

#[test]
fn streams_agree() {
    compare(&profile("streams", &["stream"], 3000));
}

#[test]
fn sketches_agree() {
    compare(&profile("sketches", &["hyperloglog"], 1000));
}

#[expect(
    clippy::print_stdout,
    reason = "the figures and the seed of a run belong into its output"
)]
/// The reference looks for timeouts of blocking commands `hz` times a second.
fn compare(profile: &Profile) {
    let is_part = !profile.groups.is_empty();
    if is_part && std::env::var_os("ESKER_ONLY").is_some() {
        return;
    }
    let reference = Server::start(&with_common_flags(reference_options().flag("hz", "500")))
        .expect("the reference starts");
    let subject = start_subject().expect("the subject starts");
    let shapes =
        shapes(&reference, &subject, profile).expect("both servers describe their commands");
    assert!(
        shapes.len() > 60 || is_part || std::env::var_os("ESKER_ONLY").is_some(),
        "only {} commands to compare",
        shapes.len()
    );
    let name = profile.name;
    let seed = seed();
    let config = Config {
        cases: u32::try_from(count("ESKER_CASES", profile.cases)).expect("a count of cases fits"),
        failure_persistence: None,
        max_shrink_iters: 5000,
        ..Config::default()
    };
    println!(
        "differential of {name}, seed {seed}: {} cases over {} commands",
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
            "the servers differ in {name} (ESKER_SEED={seed}, RESP{}, cuts {:?}):\n{reason}\nminimal sequence:\n{}\n{}",
            if case.resp3 { 3 } else { 2 },
            case.cuts,
            steps.join("\n"),
            subject.log_tail(10)
        );
    }
    outcome.expect("the generator itself works");
    let tally = &pair.borrow().tally;
    println!(
        "differential of {name}, seed {seed}: {} replies equal, {} of them errors, {} keys compared afterwards",
        tally.replies, tally.errors, tally.keys
    );
    let never: Vec<&str> = shapes
        .iter()
        .map(|shape| shape.name.split('|').next().unwrap_or_default())
        .filter(|name| NEVER_ANSWERED.iter().all(|(never, _)| never != name))
        .filter(|name| tally.calls.get(*name).is_none_or(|(_, good)| *good == 0))
        .collect();
    assert!(
        is_part || count("ESKER_CASES", profile.cases) < 2000 || never.is_empty(),
        "never answered without an error: {never:?}"
    );
}
