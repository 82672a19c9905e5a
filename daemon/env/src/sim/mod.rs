//! A simulated disk and clock: the worst machine that still keeps the promises of [`crate::files`].
//!
//! The disk keeps three things apart: what a reader sees, what is durable, and the ordered changes in between, each
//! with the inode it concerns. A sync of a file makes that file's changes durable, a sync of the directory makes the
//! names durable, and a power cut keeps all, nothing or an arbitrary, torn part of the rest. A process death keeps the
//! cache *without* making it durable. On top come the faults of [`Faults`] and bit rot. Everything is decided by one
//! seed.
//!
//! It does not model: the order that a journal imposes on names (the simulation is harsher), sectors that a
//! neighbouring write damages (power-safe overwrite is assumed), and holes (a file takes as much space as it is long).

mod clock;
mod directory;
mod disk;
mod faults;
mod handles;
mod inode;
mod state;
#[cfg(test)]
mod tests;

pub use clock::SimClock;
pub use disk::{Rot, SimDisk};
pub use faults::{Faults, Tally};
pub use handles::{SimFile, SimLock, SimSync};
pub use state::PowerCut;
