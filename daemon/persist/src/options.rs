//! What the server configures. Plain values: this crate knows no directive names.

/// When a change counts as safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Replies wait for the disk.
    Always,
    /// The disk is synced once a second; replies wait for the operating system only.
    Everysec,
    /// The operating system decides.
    No,
}

/// Take a snapshot after `seconds` if at least `changes` happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaveRule {
    pub seconds: u64,
    pub changes: u64,
}

/// Every field is stated by the caller; `Default` is what a test starts from.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the log shall be on. Recovery moves the directory to this state.
    pub log: bool,
    pub policy: SyncPolicy,
    /// Size of a log segment, header included. At least [`SEGMENT_BYTES_MIN`].
    pub segment_bytes: u64,
    /// Compress snapshot blocks where it pays.
    pub compress: bool,
    pub zstd_level: i32,
    /// A snapshot block is closed at the first chance after this many raw bytes. Blocks are never aimed larger than
    /// [`esker_format::native::snapshot::BLOCK_RAW_BYTES_AIM`].
    pub block_bytes: usize,
    /// How long one step of a snapshot may hold the engine, as bytes copied.
    pub slice_bytes: usize,
    /// Snapshot when the log has grown by this percentage of what it was after the last one; 0 never.
    pub rewrite_percentage: u32,
    /// … and is at least this long.
    pub rewrite_min_bytes: u64,
    pub save_rules: Vec<SaveRule>,
    /// Keep snapshots and segments for this long after they are superseded; 0 drops them at once.
    pub retain_ms: i64,
    /// … but never more than this many bytes of them.
    pub retain_bytes_max: u64,
    /// Free space below which writes are refused; compaction starts at twice this.
    pub reserve_bytes: u64,
    /// `everysec`: unsynced bytes beyond which writers are slowed.
    pub lag_bytes_max: u64,
    /// Accept a log whose tail was torn in a crash. Damage to what was promised is refused either way.
    pub cut_torn_tail: bool,
    /// Steps left out on purpose, to prove that the simulator notices.
    #[cfg(feature = "sim")]
    pub fault: crate::PlantedFault,
}

/// Small enough for a simulator to roll often, large enough for a header and a useful frame.
pub const SEGMENT_BYTES_MIN: u64 = 4096;

impl Default for Options {
    fn default() -> Options {
        Options {
            log: true,
            policy: SyncPolicy::Everysec,
            segment_bytes: 64 << 20,
            compress: true,
            zstd_level: 1,
            block_bytes: esker_format::native::snapshot::BLOCK_RAW_BYTES_AIM,
            slice_bytes: 128 << 10,
            rewrite_percentage: 100,
            rewrite_min_bytes: 64 << 20,
            save_rules: Vec::new(),
            retain_ms: 0,
            retain_bytes_max: 0,
            reserve_bytes: 64 << 20,
            lag_bytes_max: 256 << 20,
            cut_torn_tail: true,
            #[cfg(feature = "sim")]
            fault: crate::PlantedFault::None,
        }
    }
}
