//! INFO server, clients, memory, threads, replication, cpu.

use esker_env::real;

use super::{Lines, Source, percent};
use crate::admin::{ESKER_VERSION, REDIS_VERSION};
use crate::config::Supervised;
use crate::session::Wait;

pub fn server(source: &Source<'_>, lines: &mut Lines) {
    let (settings, system) = (source.settings, &source.engine.gauges.system);
    lines.add("redis_version", REDIS_VERSION);
    lines.add("esker_version", ESKER_VERSION);
    lines.add("server_name", "esker");
    lines.add("redis_git_sha1", "00000000");
    lines.add("redis_git_dirty", 0);
    lines.add("redis_build_id", ESKER_VERSION);
    lines.add("redis_mode", "standalone");
    lines.add("server_mode", "standalone");
    lines.add("os", &system.os);
    lines.add("arch_bits", usize::BITS);
    lines.add("monotonic_clock", "POSIX clock_gettime");
    lines.add("multiplexing_api", "epoll");
    lines.add("process_id", system.process_id);
    lines.add(
        "process_supervised",
        if settings.process.supervised == Supervised::Systemd {
            "systemd"
        } else {
            "no"
        },
    );
    lines.add("run_id", &source.shared.run_id);
    lines.add("tcp_port", settings.network.port);
    lines.add("server_time_usec", source.now_ms * 1000);
    let uptime_seconds = (source.now_ms - source.shared.started.wall_ms).max(0) / 1000;
    lines.add("uptime_in_seconds", uptime_seconds);
    lines.add("uptime_in_days", uptime_seconds / 86400);
    lines.add("hz", settings.process.hz);
    lines.add("configured_hz", settings.process.hz);
    lines.add("lru_clock", (source.now_ms / 1000) & 0xFF_FFFF);
    lines.add("executable", &system.executable);
    lines.add(
        "config_file",
        settings
            .config_file
            .as_ref()
            .map_or_else(String::new, |path| path.display().to_string()),
    );
    lines.add(
        "io_threads_active",
        u8::from(source.shared.io_threads() > 1),
    );
    lines.add(
        "availability_zone",
        settings
            .kept
            .get("availability-zone")
            .map_or("", String::as_str),
    );
    listeners(source, lines);
}

fn listeners(source: &Source<'_>, lines: &mut Lines) {
    let network = &source.settings.network;
    let mut count = 0;
    let mut add = |text: String| {
        lines.add(&format!("listener{count}"), text);
        count += 1;
    };
    if network.port != 0 {
        let sign = |optional| if optional { "-" } else { "" };
        let binds = network
            .bind
            .iter()
            .map(|addr| format!(",bind={}{}", sign(addr.optional), addr.host));
        add(format!(
            "name=tcp{},port={}",
            binds.collect::<String>(),
            network.port
        ));
    }
    if !network.unixsocket.is_empty() {
        add(format!("name=unix,bind={}", network.unixsocket));
    }
}

pub fn clients(source: &Source<'_>, lines: &mut Lines) {
    let most = |of: fn(&crate::session::Buffers) -> usize| {
        source.sessions().map(|s| of(&s.buffers)).max().unwrap_or(0)
    };
    let blocked = source
        .sessions()
        .filter(|s| s.wait.as_ref().is_some_and(|wait| *wait != Wait::Paused))
        .count();
    lines.add("connected_clients", source.engine.clients.len());
    lines.add("cluster_connections", 0);
    lines.add("maxclients", source.settings.clients.maxclients);
    lines.add(
        "client_recent_max_input_buffer",
        most(|b| b.query_bytes + b.query_free_bytes),
    );
    lines.add("client_recent_max_output_buffer", most(|b| b.output_bytes));
    lines.add("blocked_clients", blocked);
    for name in ["tracking_clients", "pubsub_clients"] {
        lines.add(name, 0);
    }
    let watching = source.sessions().filter(|s| !s.watch.keys.is_empty());
    lines.add("watching_clients", watching.count());
    let waits = &source.engine.blocked;
    lines.add("clients_in_timeout_table", waits.with_deadline());
    lines.add("total_watched_keys", source.engine.watchers.keys());
    let (keys, on_nokey) = waits.keys();
    lines.add("total_blocking_keys", keys);
    lines.add("total_blocking_keys_on_nokey", on_nokey);
    let (actions, left_ms) = match source.engine.pause {
        Some(pause) => (
            if pause.all { "all" } else { "write" },
            (pause.until_ms - source.now_ms).max(0),
        ),
        None => ("none", 0),
    };
    lines.add(
        "paused_reason",
        if left_ms > 0 { "client_pause" } else { "none" },
    );
    lines.add("paused_actions", actions);
    lines.add("paused_timeout_milliseconds", left_ms);
}

pub fn memory(source: &Source<'_>, lines: &mut Lines) {
    let process = *source.shared.process.lock();
    let (used, peak) = (real::alloc::used_memory(), real::alloc::peak_memory());
    let start = source.engine.gauges.system.used_at_start;
    let dataset = used.saturating_sub(start);
    let clients: usize = source
        .sessions()
        .map(|s| s.buffers.query_bytes + s.buffers.output_bytes)
        .sum();
    lines.add_bytes("used_memory", used);
    lines.add_bytes("used_memory_rss", process.resident_bytes);
    lines.add_bytes("used_memory_peak", peak);
    lines.add("used_memory_peak_perc", percent(used, peak));
    lines.add("used_memory_overhead", start);
    lines.add("used_memory_startup", start);
    lines.add("used_memory_dataset", dataset);
    lines.add("used_memory_dataset_perc", percent(dataset, used));
    lines.add("allocator_allocated", used);
    lines.add("allocator_active", process.resident_bytes);
    lines.add("allocator_resident", process.resident_bytes);
    lines.add_bytes("total_system_memory", process.machine_memory_bytes);
    lines.add_bytes("used_memory_lua", 0);
    lines.add_bytes("used_memory_scripts", 0);
    lines.add("number_of_cached_scripts", 0);
    lines.add("number_of_functions", 0);
    lines.add("number_of_libraries", 0);
    lines.add_bytes("maxmemory", 0);
    lines.add("maxmemory_policy", source.settings.memory.policy.word());
    let ratio = if used == 0 {
        0.0
    } else {
        process.resident_bytes as f64 / used as f64
    };
    lines.add("mem_fragmentation_ratio", format_args!("{ratio:.2}"));
    lines.add(
        "mem_fragmentation_bytes",
        process.resident_bytes as i64 - used as i64,
    );
    for name in [
        "mem_not_counted_for_evict",
        "mem_replication_backlog",
        "mem_total_replication_buffers",
    ] {
        lines.add(name, 0);
    }
    lines.add("mem_clients_slaves", 0);
    lines.add("mem_clients_normal", clients);
    lines.add("mem_cluster_links", 0);
    lines.add(
        "mem_aof_buffer",
        source.engine.keyspace.effects().pending_bytes(),
    );
    lines.add("mem_allocator", "mimalloc");
    lines.add("active_defrag_running", 0);
    lines.add(
        "lazyfree_pending_objects",
        u8::from(source.engine.keyspace.has_garbage()),
    );
}

pub fn threads(source: &Source<'_>, lines: &mut Lines) {
    let mut clients = vec![(0, 0u64); source.shared.io_threads()];
    for session in source.sessions() {
        let thread = &mut clients[session.thread];
        *thread = (thread.0 + 1, thread.1 + session.commands);
    }
    for (index, (count, commands)) in clients.iter().enumerate() {
        lines.add(
            &format!("io_thread_{index}"),
            format_args!("clients={count},commands={commands}"),
        );
    }
}

/// A primary without replicas. The offset counts log bytes, and goes on across restarts.
pub fn replication(source: &Source<'_>, lines: &mut Lines) {
    lines.add("role", "master");
    lines.add("connected_slaves", 0);
    lines.add("master_failover_state", "no-failover");
    let timelines = &source.engine.gauges.timelines;
    let id = |nth: usize| {
        timelines
            .get(nth)
            .map_or_else(|| "0".repeat(40), |(id, _)| hex(id))
    };
    lines.add("master_replid", id(0));
    lines.add("master_replid2", id(1));
    lines.add(
        "master_repl_offset",
        source.engine.keyspace.effects().end_lsn().0,
    );
    // Where the present timeline began is how far the one before it holds.
    let second = (timelines.len() > 1).then(|| timelines[0].1.0 as i64);
    lines.add("second_repl_offset", second.unwrap_or(-1));
    for name in [
        "repl_backlog_active",
        "repl_backlog_size",
        "repl_backlog_first_byte_offset",
        "repl_backlog_histlen",
    ] {
        lines.add(name, 0);
    }
}

pub fn cpu(source: &Source<'_>, lines: &mut Lines) {
    let process = *source.shared.process.lock();
    lines.add(
        "used_cpu_sys",
        format_args!("{:.6}", process.cpu_system_seconds),
    );
    lines.add(
        "used_cpu_user",
        format_args!("{:.6}", process.cpu_user_seconds),
    );
    lines.add("used_cpu_sys_children", "0.000000");
    lines.add("used_cpu_user_children", "0.000000");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
