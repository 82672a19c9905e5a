//! The log, the snapshots and the manifest: everything between the keyspace and the disk.
//!
//! The first promise of the store is kept here: what was acknowledged is not lost. The crate is a set of state machines
//! over [`esker_env::Files`]; it starts no thread, reads no clock and draws no random number, so that a simulator can run
//! it step by step and crash it between any two steps. Whoever owns threads (the server) calls [`Persist`] from them.
//!
//! Invariants
//! - Lock order: manifest → writer → engine. The engine is only entered with the writer held or with nothing held.
//! - `durable_lsn ≤ written_lsn ≤` the engine's end LSN; each only grows.
//! - A write or sync that failed is final for its segment. Nothing is acknowledged on its grounds again.
//! - The manifest names only durable files, and a file goes only after the manifest that drops it is durable.
//! - Recovery appends to no old file.
//!
//! It never sees a command, a client or a directive name.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

#[cfg(feature = "sim")]
mod fault;
mod group_commit;
mod health;
mod jobs;
pub mod offline;
mod options;
mod persist;
mod publish;
mod recover;
mod retention;
mod segment;
mod shared;
mod snapshot;
mod switch;
mod sync;
mod triggers;
mod writer;

use esker_env::Clock;
use esker_format::UnixMs;
use esker_keyspace::Keyspace;

#[cfg(feature = "sim")]
pub use fault::PlantedFault;
pub use group_commit::{GroupCommit, SyncPlan};
pub use health::{
    FailedRange, Health, Lag, LogState, PersistInfo, Release, SnapshotInfo, SnapshotProgress,
    SnapshotReason,
};
pub use jobs::Job;
pub use options::{Options, SEGMENT_BYTES_MIN, SaveRule, SyncPolicy};
pub use persist::Persist;
pub use recover::{Inline, OpenError, RecoveryReport, Workers};
pub use snapshot::{Snapshot, SnapshotDone, SnapshotRefused, SnapshotStep};
pub use switch::SwitchError;
pub use sync::{SyncJob, SyncOutcome};
pub use writer::WriteOutcome;

/// How this crate reaches the data: the server's mutex, the simulator's cell.
pub trait Engine {
    fn with<R>(&self, f: impl FnOnce(&mut Keyspace) -> R) -> R;
}

/// The two readings of a clock that a step may need.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub wall: UnixMs,
    pub monotonic_us: u64,
}

impl Now {
    pub fn read(clock: &impl Clock) -> Now {
        Now {
            wall: UnixMs(clock.now_ms()),
            monotonic_us: clock.monotonic_us(),
        }
    }
}
