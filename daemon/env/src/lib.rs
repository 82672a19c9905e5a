//! The outside world behind small traits: files, clocks, randomness.
//!
//! Everything above this crate is deterministic given what it is handed here. `real` is the machine we run on; `sim`
//! (feature `sim`, tests only) is a disk that loses, tears and reorders what was not made durable, and a clock that
//! only moves when told. A trait here holds what the store needs and nothing else: no seek, no buffering, no paths.

pub mod clock;
pub mod files;
pub mod real;
pub mod rng;
#[cfg(feature = "sim")]
pub mod sim;

pub use clock::Clock;
pub use files::{Extents, FileOps, Files, SyncOp};
pub use rng::Rng;
