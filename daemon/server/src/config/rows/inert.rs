//! Directives that are accepted, validated and shown, and that no value of can mean anything here.
//!
//! The reasons are part of the product: the compatibility list prints them. A directive leaves this table
//! when what it tunes is built.

use super::super::row::Row;
use super::super::value::{Shape, Unit};

const INT_MAX: i64 = i32::MAX as i64;

const BOOL: Shape = Shape::Bool;
const COUNT: Shape = Shape::Int {
    min: 0,
    max: i64::MAX,
};
const INT: Shape = Shape::Int {
    min: 0,
    max: INT_MAX,
};
const PORT: Shape = Shape::Int { min: 0, max: 65535 };
const SIZE: Shape = Shape::Memory {
    min: 0,
    max: i64::MAX,
};
const SECONDS: Shape = Shape::Duration {
    unit: Unit::Seconds,
    min: 0,
    max: INT_MAX,
};
const MILLIS: Shape = Shape::Duration {
    unit: Unit::Millis,
    min: 0,
    max: i64::MAX,
};

const REPLICATION: &str = "acts only on a replication link, and 'replicaof' is refused";
const CLUSTER: &str = "acts only in cluster mode, and 'cluster-enabled yes' is refused";
const TLS: &str = "acts only on a TLS connection, and 'tls-port' is refused";
const DEFRAG: &str = "acts only on active defragmentation, and 'activedefrag yes' is refused";
const EVICTION: &str = "acts only on eviction, and a 'maxmemory' other than 0 is refused";
const SCRIPTS: &str = "this build runs no scripts";
const ALLOCATOR: &str =
    "the allocator is not jemalloc and does its work without a thread of its own";
const RECLAIM: &str = "big values are always freed outside of the commands' way";
const FILES: &str = "the data directory has file names of its own";
const NO_FORK: &str = "snapshots are written by a thread, not by a forked child";
const SNAPSHOT_SYNC: &str = "snapshot files are synced in steps by the log's own rules";
const FRAMES: &str = "every frame of the log carries its time";
const BASE: &str = "the base of the log is always a snapshot";
const CHECKSUMS: &str = "every block, frame and manifest has a checksum that is always verified";
const TEST_AID: &str =
    "a brake that Redis' own tests put on its files and loops, which this server does not have";
const SLOWLOG: &str = "bounds a log of slow commands, and this build has no command that shows it";
const LATENCY_MONITOR: &str =
    "bounds a log of latency spikes, and this build has no command that shows it";
const RDMA: &str = "acts only on RDMA connections, which are not offered";

pub const ROWS: &[Row] = &[
    // Process and logging.
    Row::inert(
        "activerehashing",
        BOOL,
        "yes",
        "tables grow by single segments; there is nothing to rehash",
    ),
    Row::inert("always-show-logo", BOOL, "no", "the log has no banner").immutable(),
    Row::inert(
        "crash-log-enabled",
        BOOL,
        "yes",
        "a panic prints its place and stack; there is no further report",
    ),
    Row::inert(
        "crash-memcheck-enabled",
        BOOL,
        "yes",
        "a crash does not test the memory of the machine",
    ),
    Row::inert("use-exit-on-panic", BOOL, "no", "a panic always aborts").hidden(),
    Row::inert(
        "watchdog-period",
        INT,
        "0",
        "a debugging aid of Redis' own event loop",
    )
    .hidden(),
    Row::inert(
        "debug-context",
        Shape::Text,
        "",
        "a text for Valkey's crash reports, which do not exist here",
    )
    .hidden(),
    Row::inert(
        "hide-user-data-from-log",
        BOOL,
        "yes",
        "log lines never hold keys or values",
    ),
    Row::inert(
        "ignore-warnings",
        Shape::Text,
        "",
        "no start warning stops this server",
    ),
    Row::inert(
        "set-proc-title",
        BOOL,
        "yes",
        "the process keeps the command line that it was started with",
    )
    .immutable(),
    Row::inert(
        "proc-title-template",
        Shape::Text,
        "{title} {listen-addr} {server-mode}",
        "the process keeps the command line that it was started with",
    )
    .check(title_template),
    Row::inert(
        "syslog-ident",
        Shape::Text,
        "redis",
        "acts only on syslog, and 'syslog-enabled yes' is refused",
    )
    .immutable(),
    Row::inert(
        "syslog-facility",
        Shape::Words(&[
            "user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
        ]),
        "local0",
        "acts only on syslog, and 'syslog-enabled yes' is refused",
    )
    .immutable(),
    Row::inert(
        "availability-zone",
        Shape::Text,
        "",
        "a label that INFO shows and nothing acts on",
    ),
    Row::inert(
        "propagation-error-behavior",
        Shape::Words(&["ignore", "panic", "panic-on-replicas"]),
        "ignore",
        "the log holds effects, which cannot fail when they are applied",
    ),
    Row::inert(
        "dynamic-hz",
        BOOL,
        "yes",
        "the periodic work runs 'hz' times a second, however many clients there are",
    ),
    Row::inert("shutdown-timeout", SECONDS, "10", REPLICATION),
    // Connections.
    Row::inert(
        "max-new-connections-per-cycle",
        Shape::Int { min: 1, max: 1000 },
        "10",
        "whoever waits is accepted in the same turn; a connection costs little before its first request",
    ),
    Row::inert(
        "max-new-tls-connections-per-cycle",
        Shape::Int { min: 1, max: 1000 },
        "1",
        TLS,
    ),
    Row::inert(
        "prefetch-batch-max-size",
        Shape::Int { min: 0, max: 128 },
        "16",
        "the batch is the tick and is prefetched whole",
    ),
    Row::inert(
        "min-string-size-avoid-copy-reply",
        INT,
        "16384",
        "big values are never copied into replies",
    )
    .hidden(),
    Row::inert("io-threads-do-reads", BOOL, "no", "I/O threads always read").immutable(),
    Row::inert(
        "tracking-table-max-keys",
        COUNT,
        "1000000",
        "bounds client tracking, and CLIENT TRACKING does not exist yet",
    ),
    Row::inert("rdma-bind", Shape::Text, "", RDMA).multi(),
    Row::inert("rdma-rx-size", SIZE, "1048576", RDMA).fixed(),
    Row::inert(
        "rdma-completion-vector",
        Shape::Int {
            min: -1,
            max: INT_MAX,
        },
        "-1",
        RDMA,
    )
    .fixed(),
    // Security.
    Row::inert(
        "enable-module-command",
        Shape::Words(&["no", "yes", "local"]),
        "no",
        "there is no MODULE command to permit or forbid",
    )
    .immutable(),
    Row::inert(
        "acl-pubsub-default",
        Shape::Words(&["allchannels", "resetchannels"]),
        "resetchannels",
        "acts only on users other than the default one, and 'user' is refused",
    ),
    Row::inert(
        "acllog-max-len",
        COUNT,
        "128",
        "bounds the ACL log, and this build has only the default user",
    ),
    // Memory.
    Row::inert("jemalloc-bg-thread", BOOL, "yes", ALLOCATOR),
    Row::inert(
        "active-defrag-cycle-max",
        Shape::Int { min: 1, max: 99 },
        "25",
        DEFRAG,
    ),
    Row::inert(
        "active-defrag-cycle-min",
        Shape::Int { min: 1, max: 99 },
        "1",
        DEFRAG,
    ),
    Row::inert("active-defrag-cycle-us", INT, "500", DEFRAG),
    Row::inert(
        "active-defrag-ignore-bytes",
        Shape::Memory {
            min: 1,
            max: i64::MAX,
        },
        "104857600",
        DEFRAG,
    ),
    Row::inert(
        "active-defrag-max-scan-fields",
        Shape::Int {
            min: 1,
            max: i64::MAX,
        },
        "1000",
        DEFRAG,
    ),
    Row::inert(
        "active-defrag-threshold-lower",
        Shape::Int { min: 0, max: 1000 },
        "10",
        DEFRAG,
    ),
    Row::inert(
        "active-defrag-threshold-upper",
        Shape::Int { min: 0, max: 1000 },
        "100",
        DEFRAG,
    ),
    Row::inert("lazyfree-lazy-eviction", BOOL, "no", RECLAIM),
    Row::inert("lazyfree-lazy-expire", BOOL, "no", RECLAIM),
    Row::inert("lazyfree-lazy-server-del", BOOL, "no", RECLAIM),
    Row::inert("lazyfree-lazy-user-del", BOOL, "no", RECLAIM),
    Row::inert("lazyfree-lazy-user-flush", BOOL, "no", RECLAIM),
    Row::inert(
        "maxmemory-eviction-tenacity",
        Shape::Int { min: 0, max: 100 },
        "10",
        EVICTION,
    ),
    Row::inert(
        "maxmemory-samples",
        Shape::Int { min: 1, max: 64 },
        "5",
        EVICTION,
    ),
    Row::inert("replica-ignore-maxmemory", BOOL, "yes", EVICTION)
        .alias(&["slave-ignore-maxmemory"]),
    // Persistence.
    Row::inert("dbfilename", Shape::FileName, "dump.rdb", FILES).protected(),
    Row::inert("appendfilename", Shape::FileName, "appendonly.aof", FILES).immutable(),
    Row::inert("aof-use-rdb-preamble", BOOL, "yes", BASE),
    Row::inert(
        "no-appendfsync-on-rewrite",
        BOOL,
        "no",
        "the log is synced while a snapshot is written; leaving the syncs out would break the promise",
    ),
    Row::inert("aof-timestamp-enabled", BOOL, "no", FRAMES),
    Row::inert("aof-rewrite-incremental-fsync", BOOL, "yes", SNAPSHOT_SYNC),
    Row::inert("rdb-save-incremental-fsync", BOOL, "yes", SNAPSHOT_SYNC),
    Row::inert("rdb-del-sync-files", BOOL, "no", REPLICATION),
    Row::inert("rdbchecksum", BOOL, "yes", CHECKSUMS).immutable(),
    Row::inert(
        "sanitize-dump-payload",
        Shape::Words(&["no", "yes", "clients"]),
        "no",
        "RESTORE always verifies the whole structure of a payload",
    ),
    Row::inert("aof-rewrite-cpulist", Shape::Text, "", NO_FORK)
        .alias(&["aof_rewrite_cpulist"])
        .fixed(),
    Row::inert("bgsave-cpulist", Shape::Text, "", NO_FORK)
        .alias(&["bgsave_cpulist"])
        .fixed(),
    Row::inert("aof-disable-auto-gc", BOOL, "no", TEST_AID).hidden(),
    Row::inert(
        "key-load-delay",
        Shape::Int {
            min: -INT_MAX,
            max: INT_MAX,
        },
        "0",
        TEST_AID,
    )
    .hidden(),
    Row::inert(
        "rdb-key-save-delay",
        Shape::Int {
            min: -INT_MAX,
            max: INT_MAX,
        },
        "0",
        TEST_AID,
    )
    .hidden(),
    Row::inert(
        "loading-process-events-interval-bytes",
        Shape::Memory {
            min: 1024,
            max: INT_MAX,
        },
        "2097152",
        TEST_AID,
    )
    .hidden(),
    // Scripts and logs that come later.
    Row::inert("busy-reply-threshold", MILLIS, "5000", SCRIPTS).alias(&["lua-time-limit"]),
    Row::inert("lua-enable-deprecated-api", BOOL, "no", SCRIPTS)
        .hidden()
        .immutable(),
    Row::inert(
        "slowlog-log-slower-than",
        Shape::Int {
            min: -1,
            max: i64::MAX,
        },
        "10000",
        SLOWLOG,
    )
    .alias(&["commandlog-execution-slower-than"]),
    Row::inert("slowlog-max-len", COUNT, "128", SLOWLOG)
        .alias(&["commandlog-slow-execution-max-len"]),
    Row::inert("commandlog-large-reply-max-len", COUNT, "128", SLOWLOG),
    Row::inert("commandlog-large-request-max-len", COUNT, "128", SLOWLOG),
    Row::inert(
        "commandlog-reply-larger-than",
        Shape::Int {
            min: -1,
            max: i64::MAX,
        },
        "1048576",
        SLOWLOG,
    ),
    Row::inert(
        "commandlog-request-larger-than",
        Shape::Int {
            min: -1,
            max: i64::MAX,
        },
        "1048576",
        SLOWLOG,
    ),
    Row::inert("latency-monitor-threshold", MILLIS, "0", LATENCY_MONITOR),
    // Replication.
    Row::inert("dual-channel-replication-enabled", BOOL, "no", REPLICATION),
    Row::inert("masterauth", Shape::Text, "", REPLICATION)
        .alias(&["primaryauth"])
        .sensitive(),
    Row::inert("masteruser", Shape::Text, "", REPLICATION).alias(&["primaryuser"]),
    Row::inert("min-replicas-max-lag", SECONDS, "10", REPLICATION).alias(&["min-slaves-max-lag"]),
    Row::inert(
        "repl-backlog-size",
        Shape::Memory {
            min: 1,
            max: i64::MAX,
        },
        "1048576",
        REPLICATION,
    ),
    Row::inert("repl-backlog-ttl", SECONDS, "3600", REPLICATION),
    Row::inert("repl-disable-tcp-nodelay", BOOL, "no", REPLICATION),
    Row::inert(
        "repl-diskless-load",
        Shape::Words(&["disabled", "on-empty-db", "swapdb"]),
        "disabled",
        REPLICATION,
    ),
    Row::inert("repl-diskless-sync", BOOL, "yes", REPLICATION),
    Row::inert("repl-diskless-sync-delay", SECONDS, "5", REPLICATION),
    Row::inert("repl-diskless-sync-max-replicas", INT, "0", REPLICATION),
    Row::inert("repl-mptcp", BOOL, "no", REPLICATION).fixed(),
    Row::inert(
        "repl-ping-replica-period",
        Shape::Duration {
            unit: Unit::Seconds,
            min: 1,
            max: INT_MAX,
        },
        "10",
        REPLICATION,
    )
    .alias(&["repl-ping-slave-period"]),
    Row::inert("repl-rdb-channel", BOOL, "no", REPLICATION).hidden(),
    Row::inert(
        "repl-timeout",
        Shape::Duration {
            unit: Unit::Seconds,
            min: 1,
            max: INT_MAX,
        },
        "60",
        REPLICATION,
    ),
    Row::inert("replica-announce-ip", Shape::Text, "", REPLICATION).alias(&["slave-announce-ip"]),
    Row::inert("replica-announce-port", PORT, "0", REPLICATION).alias(&["slave-announce-port"]),
    Row::inert("replica-announced", BOOL, "yes", REPLICATION),
    Row::inert("replica-full-sync-buffer-limit", SIZE, "0", REPLICATION),
    Row::inert("replica-ignore-disk-write-errors", BOOL, "no", REPLICATION),
    Row::inert("replica-lazy-flush", BOOL, "no", REPLICATION).alias(&["slave-lazy-flush"]),
    Row::inert("replica-priority", INT, "100", REPLICATION).alias(&["slave-priority"]),
    Row::inert("replica-read-only", BOOL, "yes", REPLICATION).alias(&["slave-read-only"]),
    Row::inert("replica-serve-stale-data", BOOL, "yes", REPLICATION)
        .alias(&["slave-serve-stale-data"]),
    Row::inert("bind-source-addr", Shape::Text, "", REPLICATION),
    // Cluster.
    Row::inert("cluster-allow-pubsubshard-when-down", BOOL, "yes", CLUSTER),
    Row::inert("cluster-allow-reads-when-down", BOOL, "no", CLUSTER),
    Row::inert("cluster-allow-replica-migration", BOOL, "yes", CLUSTER),
    Row::inert("cluster-announce-bus-port", PORT, "0", CLUSTER),
    Row::inert("cluster-announce-client-ipv4", Shape::Text, "", CLUSTER),
    Row::inert("cluster-announce-client-ipv6", Shape::Text, "", CLUSTER),
    Row::inert("cluster-announce-client-port", PORT, "0", CLUSTER),
    Row::inert("cluster-announce-client-tls-port", PORT, "0", CLUSTER),
    Row::inert("cluster-announce-hostname", Shape::Text, "", CLUSTER),
    Row::inert("cluster-announce-human-nodename", Shape::Text, "", CLUSTER),
    Row::inert("cluster-announce-ip", Shape::Text, "", CLUSTER),
    Row::inert("cluster-announce-port", PORT, "0", CLUSTER),
    Row::inert("cluster-announce-tls-port", PORT, "0", CLUSTER),
    Row::inert("cluster-blacklist-ttl", SECONDS, "60", CLUSTER),
    Row::inert(
        "cluster-compatibility-sample-ratio",
        Shape::Int { min: 0, max: 100 },
        "0",
        CLUSTER,
    ),
    Row::inert("cluster-config-file", Shape::Text, "nodes.conf", CLUSTER).immutable(),
    Row::inert(
        "cluster-config-save-behavior",
        Shape::Words(&["sync", "best-effort"]),
        "sync",
        CLUSTER,
    ),
    Row::inert(
        "cluster-databases",
        Shape::Int {
            min: 1,
            max: INT_MAX,
        },
        "1",
        CLUSTER,
    )
    .fixed(),
    Row::inert("cluster-link-sendbuf-limit", SIZE, "0", CLUSTER),
    Row::inert("cluster-manual-failover-timeout", MILLIS, "5000", CLUSTER),
    Row::inert("cluster-migration-barrier", INT, "1", CLUSTER),
    Row::inert("cluster-node-timeout", MILLIS, "15000", CLUSTER),
    Row::inert("cluster-ping-interval", MILLIS, "0", CLUSTER).hidden(),
    Row::inert("cluster-port", PORT, "0", CLUSTER).immutable(),
    Row::inert(
        "cluster-preferred-endpoint-type",
        Shape::Words(&["ip", "hostname", "unknown-endpoint"]),
        "ip",
        CLUSTER,
    ),
    Row::inert("cluster-replica-no-failover", BOOL, "no", CLUSTER)
        .alias(&["cluster-slave-no-failover"]),
    Row::inert("cluster-replica-validity-factor", INT, "10", CLUSTER)
        .alias(&["cluster-slave-validity-factor"]),
    Row::inert("cluster-require-full-coverage", BOOL, "yes", CLUSTER),
    Row::inert("cluster-slot-migration-log-max-len", COUNT, "1000", CLUSTER),
    Row::inert("cluster-slot-stats-enabled", BOOL, "no", CLUSTER),
    Row::inert(
        "slot-migration-max-failover-repl-bytes",
        Shape::Int {
            min: -1,
            max: i64::MAX,
        },
        "0",
        CLUSTER,
    ),
    // TLS.
    Row::inert(
        "tls-auth-clients",
        Shape::Words(&["no", "yes", "optional"]),
        "yes",
        TLS,
    ),
    Row::inert("tls-auth-clients-user", Shape::Text, "off", TLS),
    Row::inert("tls-auto-reload-interval", SECONDS, "0", TLS),
    Row::inert("tls-ca-cert-dir", Shape::Text, "", TLS),
    Row::inert("tls-ca-cert-file", Shape::Text, "", TLS),
    Row::inert("tls-cert-file", Shape::Text, "", TLS),
    Row::inert("tls-ciphers", Shape::Text, "", TLS),
    Row::inert("tls-ciphersuites", Shape::Text, "", TLS),
    Row::inert("tls-client-cert-file", Shape::Text, "", TLS),
    Row::inert("tls-client-key-file", Shape::Text, "", TLS),
    Row::inert("tls-client-key-file-pass", Shape::Text, "", TLS).sensitive(),
    Row::inert("tls-dh-params-file", Shape::Text, "", TLS),
    Row::inert("tls-key-file", Shape::Text, "", TLS),
    Row::inert("tls-key-file-pass", Shape::Text, "", TLS).sensitive(),
    Row::inert("tls-prefer-server-ciphers", BOOL, "no", TLS),
    Row::inert("tls-protocols", Shape::Text, "", TLS),
    Row::inert("tls-session-cache-size", INT, "20480", TLS),
    Row::inert("tls-session-cache-timeout", SECONDS, "300", TLS),
    Row::inert("tls-session-caching", BOOL, "yes", TLS),
];

/// The words in braces that a title may hold.
const TITLE_WORDS: &[&str] = &[
    "title",
    "listen-addr",
    "server-mode",
    "port",
    "tls-port",
    "unixsocket",
    "config-file",
];

fn title_template(settings: &super::super::settings::Settings) -> Result<(), String> {
    const REASON: &str = "template format is invalid or contains unknown variables";
    let Some(template) = settings.kept.get("proc-title-template") else {
        return Ok(());
    };
    let mut rest = template.as_str();
    while let Some(open) = rest.find('{') {
        let (word, after) = rest[open + 1..].split_once('}').ok_or(REASON)?;
        if !TITLE_WORDS.contains(&word) {
            return Err(REASON.into());
        }
        rest = after;
    }
    Ok(())
}
