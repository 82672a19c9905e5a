//! A clock that moves only when told.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::Clock;

/// Wall clock and monotonic clock of the simulated machine. Clones are one clock.
#[derive(Clone, Debug)]
pub struct SimClock {
    wall_ms: Arc<AtomicI64>,
    monotonic_us: Arc<AtomicU64>,
}

impl SimClock {
    /// A clock that shows `wall_ms` until it is moved.
    pub fn new(wall_ms: i64) -> SimClock {
        SimClock {
            wall_ms: Arc::new(AtomicI64::new(wall_ms)),
            monotonic_us: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Lets time pass on both clocks.
    pub fn advance_ms(&self, ms: u64) {
        self.wall_ms.fetch_add(ms as i64, Ordering::Relaxed);
        self.monotonic_us.fetch_add(ms * 1000, Ordering::Relaxed);
    }

    /// Moves the wall clock alone, in either direction, as an operator or NTP does.
    pub fn step_wall_ms(&self, ms: i64) {
        self.wall_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::Relaxed)
    }

    fn monotonic_us(&self) -> u64 {
        self.monotonic_us.load(Ordering::Relaxed)
    }
}
