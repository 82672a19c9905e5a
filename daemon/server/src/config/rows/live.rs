//! Directives that code reads.

use super::super::row::{Bind, Row};
use super::super::settings::{
    EvictionPolicy, Fsync, LogLevel, OomScoreAdj, Permission, Settings, Supervised,
};
use super::super::value::Unit;
use super::special;

const INT_MAX: i64 = i32::MAX as i64;
const UINT_MAX: i64 = u32::MAX as i64;
const MIB: i64 = 1 << 20;

macro_rules! boolean {
    ($($path:ident).+) => {
        Bind::Bool { get: |s| s.$($path).+, set: |s, value| s.$($path).+ = value }
    };
}

/// The row's range is inside the field's type, so that neither way loses anything.
macro_rules! number {
    ($($path:ident).+) => {
        Bind::Number { get: |s| s.$($path).+ as i64, set: |s, value| s.$($path).+ = value as _ }
    };
}

macro_rules! seconds {
    ($($path:ident).+) => {
        Bind::Number {
            get: |s| s.$($path).+.as_secs() as i64,
            set: |s, value| s.$($path).+ = std::time::Duration::from_secs(value as u64),
        }
    };
}

macro_rules! word {
    ($type:ident, $($path:ident).+) => {
        Bind::Word { get: |s| s.$($path).+.index(), set: |s, value| s.$($path).+ = $type::from_index(value) }
    };
}

macro_rules! text {
    ($($path:ident).+) => {
        Bind::Text { get: |s| &s.$($path).+, set: |s, value| s.$($path).+ = value }
    };
}

pub const ROWS: &[Row] = &[
    // Network.
    Row::int("port", 0, 65535, number!(network.port)).fixed().doc("TCP port; 0 opens none."),
    Row::special("bind", special::BIND)
        .fixed()
        .doc("Addresses to listen on; one that starts with '-' may be missing on this machine."),
    Row::text("unixsocket", text!(network.unixsocket)).immutable().doc("Path of the unix socket; empty opens none."),
    Row::octal("unixsocketperm", 0o777, number!(network.unixsocketperm))
        .immutable()
        .doc("File mode of the unix socket; 0 leaves it to the umask."),
    Row::int("tcp-backlog", 0, INT_MAX, number!(network.tcp_backlog))
        .immutable()
        .doc("Length of the queue of connections that are not accepted yet."),
    Row::duration("tcp-keepalive", Unit::Seconds, 0, INT_MAX, seconds!(network.tcp_keepalive))
        .doc("Interval of TCP keepalive probes on new connections; 0 sends none."),
    Row::int("io-threads", 1, 128, number!(network.io_threads))
        .immutable()
        .doc("Threads that read, parse, execute and reply; by default derived from the number of cores."),
    // Clients.
    Row::int("maxclients", 1, UINT_MAX, number!(clients.maxclients))
        .outside()
        .doc("Connections beyond this number are refused."),
    Row::duration("timeout", Unit::Seconds, 0, INT_MAX, seconds!(clients.timeout))
        .doc("A client that is idle for so long is closed; 0 never closes."),
    Row::memory("client-query-buffer-limit", MIB, i64::MAX, number!(clients.query_buffer_bytes_max))
        .doc("A client whose unprocessed input grows beyond this is closed."),
    Row::memory("proto-max-bulk-len", MIB, i64::MAX, number!(clients.bulk_bytes_max))
        .doc("Largest single argument of a command, and largest string value."),
    Row::special("client-output-buffer-limit", special::OUTPUT_LIMITS)
        .doc("Class, hard limit, soft limit, seconds above the soft limit: when a client that does not read is closed."),
    // Security.
    Row::bool("protected-mode", boolean!(security.protected_mode))
        .doc("Without a password, only connections from this machine are served."),
    Row::text("requirepass", text!(security.requirepass)).sensitive().doc("Password of the default user."),
    Row::word("enable-debug-command", Permission::WORDS, word!(Permission, security.enable_debug_command))
        .immutable()
        .doc("Who may use DEBUG: nobody, everybody, or connections from this machine."),
    Row::word("enable-protected-configs", Permission::WORDS, word!(Permission, security.enable_protected_configs))
        .immutable()
        .doc("Who may CONFIG SET the protected directives."),
    Row::special("rename-command", special::RENAMES)
        .start_only()
        .doc("Gives a command another name; an empty one removes the command."),
    // Process.
    Row::int("databases", 1, INT_MAX, number!(process.databases)).immutable().doc("Number of databases."),
    Row::int("hz", 0, INT_MAX, Bind::Number {
        get: |s| i64::from(s.process.hz),
        // Redis clamps too: outside of this range the cron would starve or burn.
        set: |s, value| s.process.hz = value.clamp(1, 500) as u32,
    })
    .doc("Turns of the background work per second, 1 to 500."),
    Row::bool("daemonize", boolean!(process.daemonize)).immutable().doc("Runs in the background."),
    Row::bool("disable-thp", boolean!(process.disable_thp))
        .immutable()
        .doc("Keeps the process from huge pages, which take memory that it does not use."),
    Row::text("pidfile", text!(process.pidfile)).immutable().doc("Where the process id is written."),
    Row::word("supervised", Supervised::WORDS, word!(Supervised, process.supervised))
        .immutable()
        .check(no_upstart)
        .doc("What INFO calls the supervisor; systemd is told that the server is ready whenever it set NOTIFY_SOCKET."),
    Row::word("loglevel", LogLevel::WORDS, word!(LogLevel, process.loglevel))
        .doc("The least severe log lines that are written."),
    Row::text("logfile", text!(process.logfile)).immutable().doc("Where the log goes; empty is standard output."),
    Row::word("oom-score-adj", OomScoreAdj::WORDS, word!(OomScoreAdj, process.oom_score_adj))
        .outside()
        .doc("Whether to adjust how readily the kernel kills this process when memory runs out."),
    Row::special("oom-score-adj-values", special::OOM_VALUES)
        .outside()
        .doc("The adjustments for a primary, a replica and a background child; only the first is used."),
    // Shutdown.
    Row::special("shutdown-on-sigterm", special::ON_SIGTERM).doc("Options of the shutdown that SIGTERM asks for."),
    Row::special("shutdown-on-sigint", special::ON_SIGINT).doc("Options of the shutdown that SIGINT asks for."),
    // Persistence.
    Row::text("dir", text!(persistence.dir))
        .protected()
        .fixed()
        .doc("Directory that holds the data directory; the server changes into it at the start."),
    Row::file_name("appenddirname", text!(persistence.appenddirname))
        .immutable()
        .doc("Name of the data directory, which holds manifest, log segments and snapshots."),
    Row::bool("appendonly", boolean!(persistence.appendonly))
        .outside()
        .doc("Whether every change is logged; without it only snapshots persist."),
    Row::word("appendfsync", Fsync::WORDS, word!(Fsync, persistence.appendfsync))
        .outside().doc("When a reply may leave: after the sync of what it reveals, or after its write."),
    Row::special("save", special::SAVE).outside().doc("Seconds and changes after which a snapshot is taken; empty: never by time."),
    Row::int("auto-aof-rewrite-percentage", 0, INT_MAX, number!(persistence.rewrite_percentage))
        .outside().doc("Growth of the log, in per cent of the last snapshot, that starts a compaction; 0 never starts one."),
    Row::memory("auto-aof-rewrite-min-size", 0, i64::MAX, number!(persistence.rewrite_bytes_min))
        .outside().doc("No compaction by growth while the log is smaller than this."),
    Row::bool("stop-writes-on-bgsave-error", boolean!(persistence.stop_writes_on_bgsave_error))
        .doc("Refuses writes after a snapshot by 'save' rules failed, where no log protects them."),
    Row::bool("rdbcompression", boolean!(persistence.compression)).outside().doc("Compresses the blocks of snapshots."),
    Row::memory("log-segment-bytes", 64 << 10, 4 << 30, number!(persistence.segment_bytes))
        .outside()
        .doc("Size of a log segment file. Esker's own."),
    Row::memory("log-unit-bytes-max", MIB, 1 << 40, number!(persistence.unit_bytes_max))
        .doc("Largest transaction, script or command that the log takes as one unit. Esker's own."),
    Row::duration("retain", Unit::Seconds, 0, i64::MAX / 1_000_000_000, seconds!(persistence.retain))
        .outside().doc("How long superseded snapshots and segments stay for point-in-time recovery. Esker's own."),
    Row::memory("retain-bytes-max", 0, i64::MAX, number!(persistence.retain_bytes_max))
        .outside().doc("Disk budget of 'retain'; 0 sets none. Esker's own."),
    Row::memory("disk-free-min", 0, i64::MAX, number!(persistence.disk_free_bytes_min))
        .outside().doc("With less free disk space, compaction runs, then writes are refused until there is more. Esker's own."),
    Row::memory("log-lag-bytes-max", MIB, 1 << 40, number!(persistence.lag_bytes_max)).outside().doc(
        "With 'everysec', writers are slowed while more bytes than this wait for the disk. Esker's own.",
    ),
    Row::bool("aof-load-truncated", boolean!(persistence.load_truncated)).outside().doc(
        "Whether a start cuts a torn tail that nobody was promised; a tail that was promised is always refused.",
    ),
    // Memory.
    Row::word("maxmemory-policy", EvictionPolicy::WORDS, word!(EvictionPolicy, memory.policy))
        .doc("Which access bits the keys keep (LRU or LFU), for OBJECT IDLETIME and OBJECT FREQ."),
    Row::int("lfu-log-factor", 0, INT_MAX, number!(memory.lfu_log_factor))
        .doc("How slowly the access counter of a key saturates."),
    Row::int("lfu-decay-time", 0, INT_MAX, number!(memory.lfu_decay_minutes))
        .doc("Minutes after which the access counter of an idle key falls by one."),
    Row::int("active-expire-effort", 1, 10, number!(memory.active_expire_effort))
        .doc("How much time the server gives to removing expired keys."),
    // Statistics.
    Row::bool("latency-tracking", boolean!(stats.latency_tracking))
        .doc("Keeps a latency histogram for each command, shown by INFO latencystats."),
    Row::special("latency-tracking-info-percentiles", special::PERCENTILES)
        .doc("The percentiles that INFO latencystats shows."),
];

fn no_upstart(settings: &Settings) -> Result<(), String> {
    match settings.process.supervised {
        Supervised::Upstart => Err(format!(
            "{}upstart; use systemd or no",
            super::super::row::UNBUILT
        )),
        _ => Ok(()),
    }
}
