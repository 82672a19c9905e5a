//! Short scripts, crashed in every I/O operation with every subset of what was pending.

#![expect(
    clippy::print_stderr,
    reason = "seeds and coverage belong into the output of a test"
)]

use esker_tests::sim::exhaustive::{scripts, try_all};

#[test]
fn every_crash_of_every_script_keeps_what_was_promised() {
    for script in scripts() {
        let tried = try_all(&script).unwrap_or_else(|failure| panic!("{failure}"));
        eprintln!("{}: {tried:?}", script.name);
        assert!(tried.points > 0, "{} does nothing", script.name);
    }
}
