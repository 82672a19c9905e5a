//! What the log knows under locks of its own, and what never changes: read outside of the engine lock, kept
//! inside for INFO.

use esker_env::real;
use esker_format::Lsn;
use esker_persist::{PersistInfo, SnapshotReason};

#[derive(Default, Debug)]
pub struct Gauges {
    /// `None` until the cron has run once.
    pub persist: Option<PersistInfo>,
    /// Why the last snapshot was taken.
    pub last_reason: Option<SnapshotReason>,
    /// Replication ids with the LSN at which each began, the present one first.
    pub timelines: Vec<([u8; 20], Lsn)>,
    pub system: System,
}

/// What stays the same while the process lives.
#[derive(Clone, Default, Debug)]
pub struct System {
    pub os: String,
    pub executable: String,
    pub process_id: u32,
    /// Bytes in use before the first client, without data.
    pub used_at_start: u64,
}

impl Gauges {
    /// Read once, before the data are loaded.
    pub fn at_start() -> Gauges {
        let read = |name: &str| {
            std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default()
        };
        let (kernel, release) = (read("ostype"), read("osrelease"));
        let system = System {
            os: format!(
                "{} {} {}",
                kernel.trim(),
                release.trim(),
                std::env::consts::ARCH
            ),
            executable: std::env::current_exe()
                .map_or_else(|_| String::new(), |path| path.display().to_string()),
            process_id: std::process::id(),
            used_at_start: real::alloc::used_memory(),
        };
        Gauges {
            system,
            ..Gauges::default()
        }
    }
}
