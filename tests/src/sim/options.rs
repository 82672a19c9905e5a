//! What kind of run a seed stands for. Every run draws its own mixture, because a fault that is always on hides the
//! bugs that need it to be off.

use std::fmt;

use esker_env::Rng;
use esker_env::sim::Faults;
use esker_persist::{Options as StoreOptions, PlantedFault, SyncPolicy};

/// See the module. Chances are in a thousand unless the name says otherwise.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the log is on when a life begins.
    pub log: bool,
    pub databases: u32,
    pub keys: u64,
    pub value_bytes_max: usize,
    pub clients: u64,
    /// The policies that clients use, drawn for each client.
    pub policies: Vec<SyncPolicy>,
    pub server_policy: SyncPolicy,
    pub segment_bytes: u64,
    pub slice_bytes: usize,
    pub compress: bool,
    pub rewrite_percentage: u32,
    pub retain_ms: i64,
    pub retain_bytes_max: u64,
    pub big_unit_per_mille: u64,
    pub big_unit_bytes: usize,
    /// Steps of one life before it is ended from outside, if no crash point comes first.
    pub steps_max: u64,
    pub lives: u64,
    /// Ends a life inside an I/O operation rather than between two steps.
    pub crash_in_operation_per_mille: u64,
    /// A life ends by the death of the process rather than by a power cut.
    pub process_death_per_mille: u64,
    pub shutdown_per_mille: u64,
    /// A life ends soon after an injected fault, before the store has healed.
    pub end_after_fault_per_mille: u64,
    pub snapshot_per_mille: u64,
    pub abort_per_mille: u64,
    pub log_switch_per_mille: u64,
    /// Another segment size, while the store runs.
    pub resize_per_mille: u64,
    /// How fast time passes: the longest wait is two to this power of milliseconds.
    pub wait_ms_log2_max: u64,
    /// How eagerly the log is written and synced, against clients' requests.
    pub write_weight: u64,
    pub sync_weight: u64,
    pub job_weight: u64,
    pub snapshot_weight: u64,
    /// Faults spare recovery, so that more of them meet a running store.
    pub spare_recovery: bool,
    pub faults: Faults,
    /// Bits flipped between two lives.
    pub rot_per_mille: u64,
    pub planted: PlantedFault,
}

impl Options {
    /// What the store is configured with.
    pub fn of_store(&self) -> StoreOptions {
        StoreOptions {
            log: self.log,
            policy: self.server_policy,
            segment_bytes: self.segment_bytes,
            compress: self.compress,
            slice_bytes: self.slice_bytes,
            rewrite_percentage: self.rewrite_percentage,
            rewrite_min_bytes: self.segment_bytes * 2,
            retain_ms: self.retain_ms,
            retain_bytes_max: self.retain_bytes_max,
            reserve_bytes: self.segment_bytes * 2,
            fault: self.planted,
            ..StoreOptions::default()
        }
    }

    /// The mixture that `seed` stands for.
    pub fn draw(seed: u64) -> Options {
        let rng = &mut Rng::new(seed ^ 0x6f70_7469_6f6e_7321);
        let segment_bytes = 4096 << rng.below(5);
        let value_bytes_max = if rng.one_in(8) {
            64 << 10
        } else {
            1usize << rng.range(3, 12)
        };
        let mut options = Options {
            log: true,
            databases: rng.range(1, 4) as u32,
            keys: 1 << rng.range(1, 6),
            value_bytes_max,
            clients: rng.range(1, 8),
            policies: draw_policies(rng),
            server_policy: draw_policy(rng),
            segment_bytes,
            slice_bytes: 64 << rng.below(6),
            compress: rng.one_in(4),
            rewrite_percentage: [0, 100, 300][rng.below(3) as usize],
            retain_ms: if rng.one_in(6) { 2_000 } else { 0 },
            retain_bytes_max: if rng.one_in(2) { 1 << 20 } else { 16 << 10 },
            big_unit_per_mille: if rng.one_in(3) { 30 } else { 0 },
            big_unit_bytes: (segment_bytes as usize) << rng.below(3),
            steps_max: 20 << rng.below(5),
            lives: rng.range(2, 6),
            crash_in_operation_per_mille: 700,
            process_death_per_mille: [0, 300, 1000][rng.below(3) as usize],
            shutdown_per_mille: 50,
            end_after_fault_per_mille: [0, 300][rng.below(2) as usize],
            snapshot_per_mille: [5, 20, 60][rng.below(3) as usize],
            abort_per_mille: [0, 0, 10][rng.below(3) as usize],
            log_switch_per_mille: [0, 0, 10, 60][rng.below(4) as usize],
            resize_per_mille: [0, 0, 10][rng.below(3) as usize],
            wait_ms_log2_max: rng.range(4, 14),
            write_weight: rng.range(1, 8),
            sync_weight: rng.range(1, 8),
            job_weight: rng.range(2, 12),
            snapshot_weight: rng.range(2, 24),
            spare_recovery: rng.one_in(2),
            faults: draw_faults(rng),
            rot_per_mille: if rng.one_in(16) { 700 } else { 0 },
            planted: PlantedFault::None,
        };
        if options.value_bytes_max > 4096 {
            options.steps_max = options.steps_max.min(80);
        }
        options
    }
}

fn draw_policy(rng: &mut Rng) -> SyncPolicy {
    [SyncPolicy::Always, SyncPolicy::Everysec, SyncPolicy::No][rng.below(3) as usize]
}

fn draw_policies(rng: &mut Rng) -> Vec<SyncPolicy> {
    (0..rng.range(1, 3)).map(|_| draw_policy(rng)).collect()
}

fn draw_faults(rng: &mut Rng) -> Faults {
    let mut faults = Faults::default();
    if rng.one_in(3) {
        faults.sync_error = [20_000, 100_000, 300_000][rng.below(3) as usize];
    }
    if rng.one_in(6) {
        faults.write_error = [10_000, 60_000][rng.below(2) as usize];
    }
    if rng.one_in(4) {
        faults.sync_dir_error = [30_000, 250_000][rng.below(2) as usize];
    }
    if rng.one_in(8) {
        faults.name_error = 20_000;
    }
    if rng.one_in(6) {
        faults.read_short = 200_000;
    }
    if rng.one_in(12) {
        faults.read_error = 5_000;
    }
    if rng.one_in(8) {
        faults.capacity_bytes = Some(rng.range(64 << 10, 512 << 10));
    }
    faults
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
