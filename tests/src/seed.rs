//! Seeds and sizes of a run, fixed or taken from the environment and printed, so that every failure can be repeated.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// What every random suite starts from unless told otherwise, so that two runs of `tests/run` judge the same cases.
/// `tests/run` reads this line and hands the number to property tests too.
pub const SEED: u64 = 20_250_611;

/// The seed of this process: `SEED`, or what `ESKER_SEED` says: a number, or `random` for one that is drawn from the
/// clock. Tests print it.
pub fn seed() -> u64 {
    static CHOSEN: OnceLock<u64> = OnceLock::new();
    *CHOSEN.get_or_init(|| match std::env::var("ESKER_SEED").as_deref() {
        Err(_) | Ok("") => SEED,
        Ok("random") => drawn(),
        Ok(text) => text.parse().expect("ESKER_SEED is a number or `random`"),
    })
}

fn drawn() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |now| {
            now.as_nanos() as u64 ^ u64::from(std::process::id()).rotate_left(40)
        })
}

/// A count from the environment, or the default that fits a run of `tests/run`.
pub fn count(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number"))
    })
}

/// SplitMix64: small, seeded, good enough to drive a harness.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound`; `bound` is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "an empty range has no members");
        self.draw() % bound
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}
