//! What may go wrong on the simulated disk while power is on, and the tally of what did.
//!
//! Everything is off by default. Chances are in a million for each operation and drawn from the disk's own seed.

use crate::Rng;

/// Chances and budgets of the faults; see the fields.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// A read fails with EIO; in a million.
    pub read_error: u32,
    /// A read returns fewer bytes than asked (at least one); in a million.
    pub read_short: u32,
    /// A write fails with EIO after a prefix of it reached the cache; in a million.
    pub write_error: u32,
    /// A data sync fails: the pages it covered are clean from then on, and an arbitrary part of them is lost; in a
    /// million.
    pub sync_error: u32,
    /// A directory sync fails: the names stay pending; in a million.
    pub sync_dir_error: u32,
    /// Creating, renaming or removing a name fails with EIO and changes nothing; in a million.
    pub name_error: u32,
    /// Bytes that fit on the disk; `None` is without limit. An operation that needs more fails with ENOSPC after a
    /// prefix.
    pub capacity_bytes: Option<u64>,
}

/// What the disk has done to its user so far: the disk's part of a run's coverage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Operations that change the disk (what a crash point counts).
    pub operations: u64,
    /// Reads.
    pub reads: u64,
    /// Data syncs that completed.
    pub syncs: u64,
    /// Directory syncs that completed.
    pub dir_syncs: u64,
    /// Renames.
    pub renames: u64,
    /// Reads that failed or came back short by injection.
    pub read_faults: u64,
    /// Writes that failed by injection.
    pub write_faults: u64,
    /// Data or directory syncs that failed by injection.
    pub sync_faults: u64,
    /// Name operations that failed by injection.
    pub name_faults: u64,
    /// Operations refused because the disk was full.
    pub full: u64,
    /// Power cuts.
    pub power_cuts: u64,
    /// Process deaths that left the cache alone.
    pub process_deaths: u64,
    /// Bits flipped on the medium.
    pub bits_rotten: u64,
}

impl Tally {
    /// Faults of any kind that were injected so far.
    pub fn faults(&self) -> u64 {
        self.read_faults + self.write_faults + self.sync_faults + self.name_faults + self.full
    }
}

pub(super) fn strikes(chance: u32, rng: &mut Rng) -> bool {
    chance != 0 && rng.below(1_000_000) < u64::from(chance)
}
