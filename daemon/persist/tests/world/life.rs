//! One seed's worth of lives.

use std::collections::BTreeMap;

use esker_env::Rng;
use esker_env::sim::{Faults, PowerCut};
use esker_persist::Options;

use super::World;

/// A disk on which everything fails now and then.
pub fn failing(rng: &mut Rng) -> Faults {
    Faults {
        write_error: rng.below(3000) as u32,
        sync_error: rng.below(30_000) as u32,
        sync_dir_error: rng.below(30_000) as u32,
        name_error: rng.below(10_000) as u32,
        ..Faults::default()
    }
}

/// What was seen, how often.
pub type Tally = BTreeMap<&'static str, u64>;

/// Small numbers, so that everything happens often.
fn small(rng: &mut Rng) -> Options {
    Options {
        segment_bytes: 4096 * rng.range(1, 8),
        block_bytes: 256 << rng.range(0, 8),
        slice_bytes: 1 << rng.range(6, 16),
        rewrite_min_bytes: 50_000,
        reserve_bytes: 0,
        log: !rng.one_in(10),
        retain_ms: if rng.one_in(4) { 3000 } else { 0 },
        retain_bytes_max: 1 << 20,
        ..Options::default()
    }
}

/// Four lives of one store, with the accidents that `faults` draws.
pub fn live(seed: u64, adapt: &dyn Fn(&mut Options), faults: &dyn Fn(&mut Rng) -> Faults) -> Tally {
    let mut rng = Rng::new(seed);
    let mut options = small(&mut rng);
    adapt(&mut options);
    let mut world = World::new(seed, options);
    for life in 0..4 {
        world.disk.set_faults(faults(&mut rng));
        if rng.one_in(2) {
            world.disk.crash_after(Some(rng.below(400)));
        }
        for _ in 0..rng.range(20, 600) {
            if world.disk.is_dead() {
                break;
            }
            world.act();
        }
        let power = match rng.below(5) {
            0 if !world.disk.is_dead() => None,
            0 | 1 => Some(PowerCut::LoseAll),
            2 => Some(PowerCut::KeepAll),
            _ => Some(PowerCut::KeepSome),
        };
        world = world.next_life(seed * 10 + life, power);
    }
    world.tally
}
