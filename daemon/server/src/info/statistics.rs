//! INFO stats, commandstats, errorstats, latencystats, keyspace.

use esker_format::UnixMs;

use super::{Lines, Source};
use crate::table::TABLE;

pub fn stats(source: &Source<'_>, lines: &mut Lines) {
    let stats = &source.engine.stats;
    let keyspace = source.engine.keyspace.stats();
    let kib = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    lines.add("total_connections_received", stats.connections);
    lines.add("total_commands_processed", stats.commands_total);
    lines.add("instantaneous_ops_per_sec", stats.samples.ops_per_second());
    lines.add("total_net_input_bytes", stats.net_in_bytes);
    lines.add("total_net_output_bytes", stats.net_out_bytes);
    lines.add("total_net_repl_input_bytes", 0);
    lines.add("total_net_repl_output_bytes", 0);
    lines.add(
        "instantaneous_input_kbps",
        kib(stats.samples.bytes_in_per_second()),
    );
    lines.add(
        "instantaneous_output_kbps",
        kib(stats.samples.bytes_out_per_second()),
    );
    lines.add(
        "rejected_connections",
        source
            .shared
            .rejected
            .load(std::sync::atomic::Ordering::Relaxed),
    );
    for name in ["sync_full", "sync_partial_ok", "sync_partial_err"] {
        lines.add(name, 0);
    }
    lines.add("expired_subkeys", keyspace.expired_fields);
    lines.add("expired_keys", keyspace.expired);
    lines.add("expired_keys_active", keyspace.expired_actively);
    for name in [
        "evicted_keys",
        "evicted_clients",
        "total_eviction_exceeded_time",
        "current_eviction_exceeded_time",
    ] {
        lines.add(name, 0);
    }
    lines.add("keyspace_hits", keyspace.hits);
    lines.add("keyspace_misses", keyspace.misses);
    for name in [
        "pubsub_channels",
        "pubsub_patterns",
        "pubsubshard_channels",
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "tracking_total_keys",
        "tracking_total_items",
        "tracking_total_prefixes",
        "unexpected_error_replies",
    ] {
        lines.add(name, 0);
    }
    lines.add("total_error_replies", stats.errors_total);
    lines.add("total_reads_processed", stats.reads);
    lines.add("total_writes_processed", stats.writes);
    lines.add(
        "client_query_buffer_limit_disconnections",
        stats.query_limit_closed,
    );
    lines.add(
        "client_output_buffer_limit_disconnections",
        stats.output_limit_closed,
    );
    lines.add("acl_access_denied_auth", stats.auth_failures);
}

pub fn commands(source: &Source<'_>, lines: &mut Lines) {
    for (row, stats) in TABLE.rows().zip(&source.engine.stats.commands) {
        if stats.calls + stats.rejected + stats.failed == 0 {
            continue;
        }
        let micros = stats.nanos as f64 / 1000.0;
        let each = if stats.calls == 0 {
            0.0
        } else {
            micros / stats.calls as f64
        };
        let (calls, rejected, failed) = (stats.calls, stats.rejected, stats.failed);
        lines.add(
            &format!("cmdstat_{}", row.lower_name()),
            format_args!(
                "calls={calls},usec={micros:.0},usec_per_call={each:.2},rejected_calls={rejected},failed_calls={failed}"
            ),
        );
    }
}

pub fn errors(source: &Source<'_>, lines: &mut Lines) {
    for (code, count) in &source.engine.stats.errors {
        // A code that DEBUG ERROR made up could break the format.
        let code: String = code
            .chars()
            .map(|c| {
                if matches!(c, ':' | '\r' | '\n') {
                    '_'
                } else {
                    c
                }
            })
            .collect();
        lines.add(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub fn latencies(source: &Source<'_>, lines: &mut Lines) {
    for (row, stats) in TABLE.rows().zip(&source.engine.stats.commands) {
        let Some(histogram) = stats
            .latency
            .as_ref()
            .filter(|histogram| !histogram.is_empty())
        else {
            continue;
        };
        let shown: Vec<String> = source
            .settings
            .stats
            .percentiles
            .iter()
            .map(|percent| {
                format!(
                    "p{percent}={:.3}",
                    histogram.percentile(*percent) as f64 / 1000.0
                )
            })
            .collect();
        lines.add(
            &format!("latency_percentiles_usec_{}", row.lower_name()),
            shown.join(","),
        );
    }
}

pub fn keyspace(source: &Source<'_>, lines: &mut Lines) {
    for db in 0..source.engine.keyspace.databases() {
        let info = source.engine.keyspace.db_info(db, UnixMs(source.now_ms));
        if info.keys > 0 {
            let (keys, expires, ttl) = (info.keys, info.expires, info.mean_ttl_ms);
            let fields = info.hashes_expiring;
            lines.add(
                &format!("db{db}"),
                format_args!("keys={keys},expires={expires},avg_ttl={ttl},subexpiry={fields}"),
            );
        }
    }
}
