//! Every planted bug is found by the simulator within its budget. If this fails, the simulator has become blind.

#![expect(
    clippy::print_stderr,
    reason = "seeds and coverage belong into the output of a test"
)]

use esker_persist::PlantedFault;
use esker_tests::sim::planted::hunt;

/// Seeds that a hunt may take. Most bugs are found among the first hundred; the rarest needs two thousand.
const RUNS_MAX: u64 = 6000;

#[test]
fn every_planted_bug_is_found() {
    let mut missed = Vec::new();
    for fault in PlantedFault::ALL {
        let finding = hunt(*fault, RUNS_MAX, true);
        match finding.first {
            Some((seed, what)) => eprintln!("{fault:?}: seed {seed}: {what}"),
            None => missed.push(*fault),
        }
    }
    assert!(
        missed.is_empty(),
        "not found in {RUNS_MAX} seeds: {missed:?}"
    );
}
