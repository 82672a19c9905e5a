//! The bodies of the fuzz targets, run on the stored corpus and on mutations of it.
//!
//! The same seed means the same inputs: a body is run a number of times that fits into `ESKER_FUZZ_SECONDS` (2) on a slow
//! machine, not for a time. An input that breaks an invariant is kept, and its file named, for
//! `cargo run -p esker-fuzz --bin NAME -- FILE`.

#![expect(
    clippy::print_stdout,
    reason = "the seed and the input that broke something must be seen"
)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use esker_env::Rng;
use esker_fuzz::TARGETS;
use esker_fuzz::edit::{edits, splice};
use esker_fuzz::input::Input;
use esker_tests::seed::{count, seed};

const CORPUS_BYTES_MAX: u64 = 200 << 10;

/// Executions that a slow machine finishes in a second, in a debug build.
const PER_SECOND: &[(&str, u64)] = &[
    ("audit", 1_000),
    ("commands", 2_000),
    ("frame", 20_000),
    ("manifest", 20_000),
    ("resp", 20_000),
    ("restore", 20_000),
    ("segment", 2_000),
    ("snapshot", 20_000),
    ("unit", 20_000),
];

fn folder(target: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.join("../fuzz/corpus").join(target)
}

/// The stored inputs of a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder(target))
        .unwrap_or_else(|error| panic!("the corpus of {target}: {error}"))
        .map(|entry| entry.expect("a folder that can be read").path())
        .map(|path| {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let bytes = std::fs::read(&path).expect("a stored input");
            (name.expect("a file has a name"), bytes)
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no stored input");
    files
}

fn run(target: &str) {
    let (name, body) = *TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a known target");
    let (_, per_second) = *PER_SECOND
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a known rate");
    let seed = seed();
    let executions = per_second * count("ESKER_FUZZ_SECONDS", 2);
    println!("{name}: seed {seed}, {executions} executions");

    let corpus = corpus(target);
    for (file, bytes) in &corpus {
        guarded(name, body, bytes, file);
    }
    let mut rng = Rng::new(seed);
    for number in 0..executions {
        let bytes = mutated(&mut rng, &corpus);
        guarded(name, body, &bytes, &format!("{seed}-{number}"));
    }
}

/// Runs the body; an input that breaks it is kept.
fn guarded(name: &str, body: fn(&[u8]), bytes: &[u8], which: &str) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(bytes))) else {
        return;
    };
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}-{which}"));
    std::fs::write(&path, bytes).expect("a place for the input");
    println!("{name} is broken by {}", path.display());
    resume_unwind(panic);
}

/// A stored input with a few edits, or with a part of another, or a completely new one.
fn mutated(rng: &mut Rng, corpus: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut noise = [0; 256];
    rng.fill(&mut noise);
    if rng.one_in(16) {
        let length = rng.range(0, noise.len() as u64) as usize;
        return noise[..length].to_vec();
    }
    let pick = |rng: &mut Rng| &corpus[rng.below(corpus.len() as u64) as usize].1;
    let mut bytes = pick(rng).clone();
    let mut input = Input::new(&noise);
    if rng.one_in(4) {
        splice(&mut input, &mut bytes, pick(rng));
    }
    edits(&mut input, &mut bytes, 4);
    bytes
}

#[test]
fn audit() {
    run("audit");
}

#[test]
fn commands() {
    run("commands");
}

#[test]
fn frame() {
    run("frame");
}

#[test]
fn manifest() {
    run("manifest");
}

#[test]
fn resp() {
    run("resp");
}

#[test]
fn restore() {
    run("restore");
}

#[test]
fn segment() {
    run("segment");
}

#[test]
fn snapshot() {
    run("snapshot");
}

#[test]
fn unit() {
    run("unit");
}

/// A target that is added somewhere is added everywhere.
#[test]
fn every_target_has_a_corpus_a_program_and_a_run() {
    let mut bytes = 0;
    for (name, _) in TARGETS {
        bytes += corpus(name)
            .iter()
            .map(|(_, bytes)| bytes.len() as u64)
            .sum::<u64>();
        let program = folder(name).join(format!("../../fuzz_targets/{name}.rs"));
        assert!(program.is_file(), "{} is missing", program.display());
    }
    assert!(bytes <= CORPUS_BYTES_MAX, "the corpora have {bytes} bytes");
    let names = TARGETS.iter().map(|(name, _)| name);
    assert!(names.eq(PER_SECOND.iter().map(|(name, _)| name)));
}
