//! The threads beside the I/O threads, and what each of them waits for.
//!
//! | thread | waits for | does |
//! |---|---|---|
//! | log | held replies, a full buffer, a second | writes what the I/O threads could not, syncs, wakes holders |
//! | snapshot | a reason to take one | walks the keyspace in slices, writes blocks, commits |
//! | files | the log's chores | prepares and removes segments, probes the disk, frees big values |
//! | control | jobs, the cron interval | expiry, timeouts, pauses, statistics, shutdown |
//! | migrate, one for each MIGRATE | another server | sends keys there and deletes them here |

pub mod control;
pub mod files;
pub mod load;
pub mod log;
pub mod migrate;
pub mod snapshot;

/// For threads whose work can wait: the scheduler prefers the I/O threads to them. Not for one that takes the
/// engine's lock often: put aside while it holds it, it would hold up those who are preferred.
const BACKGROUND_NICE: i32 = 10;

fn give_way(thread: &str) {
    if let Err(error) = esker_env::real::process::give_way(BACKGROUND_NICE) {
        tracing::debug!(%error, thread, "a background thread keeps its priority");
    }
}
