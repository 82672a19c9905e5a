//! Work on a directory that no store has open: judge it as recovery will, rebuild a state of it, write a new dataset.
//!
//! The offline tools are made of three steps. [`rebuild`] reads a directory into a keyspace and changes nothing: as
//! recovery would, or up to a point in time, or with everything that is damaged left out. [`Losses`] says what was left out.
//! [`write`] puts a keyspace into a directory as a new dataset: a snapshot, a segment that starts behind it, and last the
//! manifest that names both; only then the files before it go. It is the snapshot of a running store, with the
//! same order of syncs, so a crash between any two steps leaves the former dataset.
//!
//! [`recover`] is the recovery of a store that ends at once: it settles a torn tail.
//!
//! Rebuilding needs as much memory as a store with that data. Nothing here starts a thread.

mod doubt;
mod dropped;
mod guess;
mod history;
mod losses;
mod rebuild;
mod write;

pub use esker_format::native::salvage::LostBlock;
pub use guess::guess_manifest;
pub use history::{History, HistoryError};
pub use losses::{DroppedEffect, Listed, Losses, LostRange, PartialKey, SkippedEffect};
pub use rebuild::{Point, Rebuilt, Request, Until, rebuild};
pub use write::{Dataset, Written, recover, write};
