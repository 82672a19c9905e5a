//! Each planted fault is found. Run with `--features sim`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use esker_env::sim::Faults;
use esker_persist::{Options, PlantedFault};

use crate::world::life::{failing, live};

const SEEDS_MAX: u64 = 4000;

fn first_failing_seed(fault: PlantedFault) -> Option<u64> {
    (0..SEEDS_MAX).find(|&seed| {
        let run = || {
            let adapt = |options: &mut Options| options.fault = fault;
            if seed % 3 == 0 {
                live(seed, &adapt, &|_| Faults::default())
            } else {
                live(seed, &adapt, &failing)
            }
        };
        catch_unwind(AssertUnwindSafe(run)).is_err()
    })
}

#[test]
fn every_planted_fault_is_found() {
    std::panic::set_hook(Box::new(|_| {}));
    let found: Vec<_> = PlantedFault::ALL
        .iter()
        .map(|&fault| (fault, first_failing_seed(fault)))
        .collect();
    drop(std::panic::take_hook());
    let missed: Vec<_> = found.iter().filter(|(_, seed)| seed.is_none()).collect();
    assert!(missed.is_empty(), "not found: {missed:?} of {found:?}");
}
