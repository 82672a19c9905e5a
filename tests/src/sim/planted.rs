//! Tests of the test: bugs planted in the store, each of which the simulator must find.
//!
//! The mixtures are those of the ordinary runs, so a bug that is found here would have been found there.

use esker_persist::PlantedFault;

use super::options::Options;
use super::runner::run_with;

/// What the hunt for one planted bug gave.
#[derive(Clone, Debug)]
pub struct Finding {
    pub fault: PlantedFault,
    pub runs: u64,
    pub failing: u64,
    pub first: Option<(u64, String)>,
}

/// Runs the seeds from 1 on with a bug planted; at most `runs`, and no more than it takes when `stop_at_first`.
pub fn hunt(fault: PlantedFault, runs: u64, stop_at_first: bool) -> Finding {
    let mut finding = Finding {
        fault,
        runs: 0,
        failing: 0,
        first: None,
    };
    for seed in 1..=runs {
        let run = run_with(
            seed,
            Options {
                planted: fault,
                ..Options::draw(seed)
            },
        );
        finding.runs += 1;
        if let Some(failure) = run.failure {
            finding.failing += 1;
            finding.first.get_or_insert((seed, failure));
            if stop_at_first {
                break;
            }
        }
    }
    finding
}
