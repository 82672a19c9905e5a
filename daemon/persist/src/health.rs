//! The state of the store in a word: what the gates, INFO and the log's threads ask for.

use esker_format::Lsn;

/// Whether writes may be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Ok,
    /// The log cannot be trusted any more; a fresh snapshot is on its way to replace it. Writes are refused.
    Failed {
        reason: String,
    },
    /// Too little space to promise anything more. Writes are refused, deletes go on.
    DiskLow {
        free_bytes: u64,
    },
}

/// What the manifest says about the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogState {
    Off,
    /// Effects are recorded, but what they build upon is not durable yet: nothing is promised.
    Starting,
    On,
}

/// What became of a reply that waits for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    Wait,
    Send,
    /// The log failed under it: nobody knows whether the change will survive.
    Fail,
}

/// Why a snapshot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotReason {
    /// SAVE, BGSAVE, BGREWRITEAOF.
    Asked,
    /// A save rule.
    SaveRule,
    /// The log grew.
    LogGrowth,
    /// Space runs low.
    DiskLow,
    /// The log is being switched on.
    LogStart,
    /// The log failed; this snapshot replaces it.
    Rescue,
    /// The server ends and the log is off.
    Shutdown,
}

/// How far behind the disk is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Bytes written but not known durable.
    pub bytes: u64,
    /// Age of the oldest of them.
    pub ms: u64,
}

/// LSNs whose fate nobody knows, after a failure of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedRange {
    /// Everything up to here was durable.
    pub durable: Lsn,
    /// The end of what had been executed when the failure was noticed, as far as the log knew.
    pub end: Lsn,
}

/// Everything that INFO persistence shows, read in one go.
#[derive(Clone, Debug)]
pub struct PersistInfo {
    pub log_state: LogState,
    pub health: Health,
    pub written_lsn: Lsn,
    pub durable_lsn: Lsn,
    pub lag: Lag,
    /// Bumped by every failure of the log.
    pub failure_epoch: u64,
    pub segments: u64,
    pub segment_number: u64,
    /// Log bytes since the cut of the last snapshot.
    pub log_bytes: u64,
    /// What that was right after the last snapshot.
    pub log_base_bytes: u64,
    pub syncs: u64,
    pub sync_last_us: u64,
    pub sync_max_us: u64,
    pub rolls: u64,
    pub recycled: u64,
    pub failures: u64,
    pub snapshot: SnapshotInfo,
    pub manifest_generation: u64,
    pub disk_free_bytes: u64,
    pub throttled: u64,
}

/// The snapshot part of [`PersistInfo`].
#[derive(Clone, Debug, Default)]
pub struct SnapshotInfo {
    pub running: Option<SnapshotProgress>,
    /// Wall clock of the last committed one, 0 when there is none.
    pub last_ok_ms: i64,
    pub last_failed: bool,
    pub last_error: Option<String>,
    pub last_duration_ms: u64,
    pub last_bytes: u64,
    pub last_keys: u64,
    pub taken: u64,
    pub failed: u64,
    pub aborted: u64,
    pub last_cut: Lsn,
}

/// How far the running snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotProgress {
    pub reason: SnapshotReason,
    pub started_ms: i64,
    pub keys_done: u64,
    pub keys_total: u64,
    pub bytes_written: u64,
    pub side_blocks: u64,
}
