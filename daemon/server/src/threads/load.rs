//! Opening the dataset: recovery with lent threads, and what it has to say.

use std::path::Path;
use std::time::Instant;

use esker_env::real::{self, RealClock, RealFiles};
use esker_keyspace::{AccessPolicy, Keyspace};
use esker_persist::{Now, OpenError, Persist, RecoveryReport, SaveRule, SyncPolicy, Workers};

use crate::config::{Fsync, Settings};

/// What recovery hands to the server.
pub struct Opened {
    pub persist: Persist<RealFiles>,
    pub keyspace: Keyspace,
}

/// Recovers the directory or gives birth to a dataset in it. The error is complete: what, where, which tool.
pub fn open(files: RealFiles, directory: &Path, settings: &Settings) -> Result<Opened, String> {
    refuse_foreign_files(directory)?;
    let started = Instant::now();
    let seed = real::entropy_seed();
    let options = persist_options(settings);
    let keyspace = keyspace_options(settings);
    let now = Now::read(&RealClock::new());
    let opened = Persist::open(files, options, keyspace, &Threads, seed, now);
    let (persist, keyspace, report) = opened.map_err(|error| explain(directory, &error))?;
    tell(&report, &keyspace, started);
    Ok(Opened { persist, keyspace })
}

/// A directory that Redis or Valkey wrote is not ours to write into.
fn refuse_foreign_files(directory: &Path) -> Result<(), String> {
    if directory.join("MANIFEST").exists() {
        return Ok(());
    }
    if directory.with_file_name("dump.rdb").exists() {
        tracing::warn!(
            "dir holds a dump.rdb, which this build does not load: the dataset starts empty"
        );
    }
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().ends_with(".aof.manifest") {
            return Err(format!(
                "{} holds a Redis or Valkey log ({}), which this build does not load: choose another appenddirname or dir",
                directory.display(),
                name.to_string_lossy()
            ));
        }
    }
    Ok(())
}

fn explain(directory: &Path, error: &OpenError) -> String {
    format!(
        "cannot load the dataset in {}: {error}",
        directory.display()
    )
}

pub fn persist_options(settings: &Settings) -> esker_persist::Options {
    let p = &settings.persistence;
    esker_persist::Options {
        log: p.appendonly,
        policy: policy(p.appendfsync),
        segment_bytes: p.segment_bytes,
        compress: p.compression,
        rewrite_percentage: p.rewrite_percentage,
        rewrite_min_bytes: p.rewrite_bytes_min,
        save_rules: p
            .save
            .iter()
            .map(|r| SaveRule {
                seconds: r.seconds,
                changes: r.changes,
            })
            .collect(),
        retain_ms: i64::try_from(p.retain.as_millis()).unwrap_or(i64::MAX),
        retain_bytes_max: match p.retain_bytes_max {
            0 => u64::MAX,
            bytes => bytes,
        },
        reserve_bytes: p.disk_free_bytes_min,
        lag_bytes_max: p.lag_bytes_max,
        cut_torn_tail: p.load_truncated,
        ..esker_persist::Options::default()
    }
}

fn policy(fsync: Fsync) -> SyncPolicy {
    match fsync {
        Fsync::Always => SyncPolicy::Always,
        Fsync::Everysec => SyncPolicy::Everysec,
        Fsync::No => SyncPolicy::No,
    }
}

pub fn keyspace_options(settings: &Settings) -> esker_keyspace::Options {
    esker_keyspace::Options {
        databases: settings.process.databases,
        log: settings.persistence.appendonly,
        access: access_policy(settings),
        unit_bytes_max: usize::try_from(settings.persistence.unit_bytes_max).unwrap_or(usize::MAX),
        string_bytes_max: string_bytes_max(settings),
        limits: settings.encodings,
        ..esker_keyspace::Options::with_seed(real::entropy_seed())
    }
}

/// What a client may send is also what a command may put together.
pub fn string_bytes_max(settings: &Settings) -> usize {
    usize::try_from(settings.clients.bulk_bytes_max).unwrap_or(usize::MAX)
}

pub fn access_policy(settings: &Settings) -> AccessPolicy {
    if settings.memory.policy.is_lfu() {
        AccessPolicy::Lfu {
            log_factor: settings.memory.lfu_log_factor,
            decay_minutes: settings.memory.lfu_decay_minutes,
        }
    } else {
        AccessPolicy::Lru
    }
}

fn tell(report: &RecoveryReport, keyspace: &Keyspace, started: Instant) {
    for verdict in &report.verdicts {
        tracing::warn!("{verdict}");
    }
    if let Some(cut) = &report.cut {
        tracing::warn!(
            segment = cut.segment,
            offset = cut.offset,
            lsn = cut.lsn.0,
            bytes = cut.bytes,
            copies = cut.copies.join(","),
            "the log ended in a torn tail that nobody was promised: it was cut, a copy is kept"
        );
    }
    if report.born {
        tracing::info!("a new dataset was created");
        return;
    }
    let keys: usize = (0..keyspace.databases()).map(|db| keyspace.len(db)).sum();
    tracing::info!(
        keys,
        snapshot_keys = report.snapshot_keys,
        replayed_bytes = report.replayed_bytes,
        end_lsn = report.end_lsn.0,
        clean = report.clean,
        "DB loaded from disk: {:.3} seconds",
        started.elapsed().as_secs_f64()
    );
}

/// One thread beside the main one for every further core, at most four.
struct Threads;

const LENT_MAX: usize = 4;

impl Workers for Threads {
    fn with(&self, work: &(dyn Fn() + Sync), main: &mut dyn FnMut()) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 1..cores.min(LENT_MAX + 1) {
                scope.spawn(work);
            }
            main();
        });
    }
}
