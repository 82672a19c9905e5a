//! INFO persistence: what Redis shows, and where the log and the disk are.

use esker_persist::{Health, LogState, PersistInfo, SnapshotReason};

use super::{Lines, Source, last_save};
use crate::background::{Kind, Past};

pub fn persistence(source: &Source<'_>, lines: &mut Lines) {
    let gauges = &source.engine.gauges;
    let Some(info) = &gauges.persist else {
        lines.add("loading", 0);
        return;
    };
    redis_snapshot(source, info, lines);
    redis_log(source, info, lines);
    log(source, info, lines);
    snapshot(info, lines);
    lines.add(
        "snapshot_last_reason",
        gauges.last_reason.map_or("none", reason),
    );
}

fn seconds(ms: Option<i64>) -> i64 {
    ms.map_or(-1, |ms| ms / 1000)
}

fn status(past: &Past) -> &'static str {
    if past.last_failed { "err" } else { "ok" }
}

fn redis_snapshot(source: &Source<'_>, info: &PersistInfo, lines: &mut Lines) {
    let background = &source.engine.background;
    let changes = source.engine.keyspace.stats().changes;
    let (done, total) = info
        .snapshot
        .running
        .map_or((0, 0), |running| (running.keys_done, running.keys_total));
    lines.add("loading", 0);
    lines.add("async_loading", 0);
    for name in [
        "current_cow_peak",
        "current_cow_size",
        "current_cow_size_age",
    ] {
        lines.add(name, 0);
    }
    lines.add("current_fork_perc", "0.00");
    lines.add("current_save_keys_processed", done);
    lines.add("current_save_keys_total", total);
    lines.add(
        "rdb_changes_since_last_save",
        changes.saturating_sub(background.changes_saved),
    );
    lines.add(
        "rdb_bgsave_in_progress",
        u8::from(background.running() == Some(Kind::Save)),
    );
    lines.add(
        "rdb_last_save_time",
        last_save(&source.engine.gauges, source.shared),
    );
    lines.add("rdb_last_bgsave_status", status(&background.saves));
    lines.add(
        "rdb_last_bgsave_time_sec",
        seconds(background.saves.last_ms),
    );
    lines.add(
        "rdb_current_bgsave_time_sec",
        seconds(background.running_ms(Kind::Save, source.now_ms)),
    );
    lines.add("rdb_saves", background.saves.count);
    lines.add("rdb_last_cow_size", 0);
}

fn redis_log(source: &Source<'_>, info: &PersistInfo, lines: &mut Lines) {
    let background = &source.engine.background;
    let rewriting = background.running() == Some(Kind::Rewrite);
    lines.add("aof_enabled", u8::from(info.log_state != LogState::Off));
    lines.add("aof_rewrite_in_progress", u8::from(rewriting));
    lines.add(
        "aof_rewrite_scheduled",
        u8::from(background.scheduled() == Some(Kind::Rewrite)),
    );
    lines.add(
        "aof_last_rewrite_time_sec",
        seconds(background.rewrites.last_ms),
    );
    lines.add(
        "aof_current_rewrite_time_sec",
        seconds(background.running_ms(Kind::Rewrite, source.now_ms)),
    );
    lines.add("aof_last_bgrewrite_status", status(&background.rewrites));
    lines.add("aof_rewrites", background.rewrites.count);
    lines.add(
        "aof_rewrites_consecutive_failures",
        background.rewrites.consecutive_failures,
    );
    lines.add(
        "aof_last_write_status",
        if matches!(info.health, Health::Failed { .. }) {
            "err"
        } else {
            "ok"
        },
    );
    lines.add("aof_last_cow_size", 0);
    lines.add("module_fork_in_progress", 0);
    lines.add("module_fork_last_cow_size", 0);
    if info.log_state != LogState::Off {
        lines.add(
            "aof_current_size",
            info.log_bytes + info.snapshot.last_bytes,
        );
        lines.add("aof_base_size", info.snapshot.last_bytes);
        lines.add("aof_pending_rewrite", 0);
        lines.add(
            "aof_buffer_length",
            source.engine.keyspace.effects().pending_bytes(),
        );
        lines.add("aof_pending_bio_fsync", u8::from(info.lag.bytes > 0));
        lines.add("aof_delayed_fsync", info.throttled);
    }
}

fn log(source: &Source<'_>, info: &PersistInfo, lines: &mut Lines) {
    let syncs = source.shared.syncs.lock();
    lines.add(
        "log_state",
        match info.log_state {
            LogState::Off => "off",
            LogState::Starting => "starting",
            LogState::On => "on",
        },
    );
    match &info.health {
        Health::Ok => lines.add("log_health", "ok"),
        Health::Failed { reason } => lines.add(
            "log_health",
            format_args!("failed,reason={}", one_line(reason)),
        ),
        Health::DiskLow { free_bytes } => {
            lines.add("log_health", format_args!("disk_low,free={free_bytes}"))
        }
    }
    // Both are published without a lock: they are read now, not by the cron.
    let persist = &source.shared.persist;
    let (written, durable) = (persist.written_lsn().0, persist.durable_lsn().0);
    lines.add("log_end_lsn", source.engine.keyspace.effects().end_lsn().0);
    lines.add("log_written_lsn", written);
    lines.add("log_durable_lsn", durable);
    lines.add("log_at_risk_bytes", written.saturating_sub(durable));
    lines.add(
        "log_at_risk_ms",
        if written > durable { info.lag.ms } else { 0 },
    );
    lines.add("log_bytes_since_snapshot", info.log_bytes);
    lines.add("log_segments", info.segments);
    lines.add("log_segment_number", info.segment_number);
    lines.add("log_rolls", info.rolls);
    lines.add("log_recycled_segments", info.recycled);
    lines.add("log_fsyncs", info.syncs);
    lines.add("log_fsync_last_usec", info.sync_last_us);
    lines.add("log_fsync_p50_usec", syncs.percentile(50.0));
    lines.add("log_fsync_p99_usec", syncs.percentile(99.0));
    lines.add("log_fsync_max_usec", info.sync_max_us);
    lines.add("log_failures", info.failures);
    lines.add("log_throttled", info.throttled);
    lines.add("disk_free_bytes", info.disk_free_bytes);
    lines.add("manifest_generation", info.manifest_generation);
}

fn snapshot(info: &PersistInfo, lines: &mut Lines) {
    let snapshot = &info.snapshot;
    lines.add("snapshot_in_progress", u8::from(snapshot.running.is_some()));
    if let Some(running) = &snapshot.running {
        let share = if running.keys_total == 0 {
            0.0
        } else {
            running.keys_done as f64 * 100.0 / running.keys_total as f64
        };
        lines.add("snapshot_reason", reason(running.reason));
        lines.add("snapshot_progress_perc", format_args!("{share:.2}"));
        lines.add("snapshot_bytes_written", running.bytes_written);
        lines.add("snapshot_side_blocks", running.side_blocks);
    }
    lines.add("snapshot_taken", snapshot.taken);
    lines.add("snapshot_failed", snapshot.failed);
    lines.add("snapshot_aborted", snapshot.aborted);
    lines.add("snapshot_last_cut_lsn", snapshot.last_cut.0);
    lines.add("snapshot_last_keys", snapshot.last_keys);
    lines.add("snapshot_last_bytes", snapshot.last_bytes);
    lines.add("snapshot_last_ms", snapshot.last_duration_ms);
    lines.add(
        "snapshot_last_error",
        one_line(snapshot.last_error.as_deref().unwrap_or_default()),
    );
}

fn reason(reason: SnapshotReason) -> &'static str {
    match reason {
        SnapshotReason::Asked => "asked",
        SnapshotReason::SaveRule => "save_rule",
        SnapshotReason::LogGrowth => "log_growth",
        SnapshotReason::DiskLow => "disk_low",
        SnapshotReason::LogStart => "log_start",
        SnapshotReason::Rescue => "rescue",
        SnapshotReason::Shutdown => "shutdown",
    }
}

/// A text that must not end the line of INFO that holds it.
fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}
