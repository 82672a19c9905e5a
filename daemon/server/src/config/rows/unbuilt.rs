//! Directives that this build can honour with one value only: the one that asks for nothing.
//!
//! Every other value stops the start, and CONFIG SET, with the text that says what is missing. A row
//! moves to `live` when the thing is built.

use super::super::row::Row;
use super::super::value::Shape;

const BOOL: Shape = Shape::Bool;
const PORT: Shape = Shape::Int { min: 0, max: 65535 };
const INT: Shape = Shape::Int {
    min: 0,
    max: i32::MAX as i64,
};

pub const ROWS: &[Row] = &[
    Row::unbuilt("cluster-enabled", BOOL, "no", "cluster mode").immutable(),
    Row::unbuilt(
        "replicaof",
        Shape::Text,
        "",
        "being a replica of another server",
    )
    .alias(&["slaveof"])
    .multi()
    .immutable(),
    Row::unbuilt(
        "min-replicas-to-write",
        INT,
        "0",
        "replicas, so that writes could wait for them",
    )
    .alias(&["min-slaves-to-write"]),
    Row::unbuilt("import-mode", BOOL, "no", "import mode"),
    Row::unbuilt("tls-port", PORT, "0", "TLS connections"),
    Row::unbuilt("tls-cluster", BOOL, "no", "TLS on the cluster bus"),
    Row::unbuilt("tls-replication", BOOL, "no", "TLS on replication links"),
    Row::unbuilt("mptcp", BOOL, "no", "multipath TCP").fixed(),
    Row::unbuilt("rdma-port", PORT, "0", "RDMA connections"),
    Row::unbuilt("socket-mark-id", INT, "0", "marks on sockets").immutable(),
    Row::unbuilt(
        "unixsocketgroup",
        Shape::Text,
        "",
        "a group for the unix socket",
    )
    .fixed(),
    Row::unbuilt(
        "aclfile",
        Shape::Text,
        "",
        "users other than the default one (a password for it: requirepass)",
    )
    .immutable(),
    Row::unbuilt(
        "user",
        Shape::Text,
        "",
        "users other than the default one (a password for it: requirepass)",
    )
    .multi()
    .start_only(),
    Row::unbuilt("loadmodule", Shape::Text, "", "loading modules")
        .multi()
        .start_only(),
    Row::unbuilt(
        "maxmemory",
        Shape::Memory {
            min: 0,
            max: i64::MAX,
        },
        "0",
        "a memory limit with eviction",
    ),
    Row::unbuilt(
        "maxmemory-clients",
        Shape::MemoryOrPercent,
        "0",
        "a memory limit on all clients together",
    ),
    Row::unbuilt("activedefrag", BOOL, "no", "active defragmentation"),
    Row::unbuilt(
        "notify-keyspace-events",
        Shape::Text,
        "",
        "keyspace events, since there is no publish and subscribe",
    ),
    Row::unbuilt(
        "rdb-version-check",
        Shape::Words(&["strict", "relaxed"]),
        "strict",
        "RESTORE of payloads from versions that it does not know",
    ),
    Row::unbuilt(
        "syslog-enabled",
        BOOL,
        "no",
        "logging to syslog (systemd takes standard output)",
    )
    .immutable(),
    Row::unbuilt(
        "log-format",
        Shape::Words(&["legacy", "logfmt"]),
        "legacy",
        "another format of the log lines",
    ),
    Row::unbuilt(
        "log-timestamp-format",
        Shape::Words(&["legacy", "iso8601", "milliseconds"]),
        "legacy",
        "another format of the times in log lines",
    ),
    Row::unbuilt("locale-collate", Shape::Text, "", "collation by locale"),
    Row::unbuilt(
        "server-cpulist",
        Shape::Text,
        "",
        "binding threads to cores",
    )
    .alias(&["server_cpulist"])
    .fixed(),
    Row::unbuilt("bio-cpulist", Shape::Text, "", "binding threads to cores")
        .alias(&["bio_cpulist"])
        .fixed(),
    Row::unbuilt(
        "hash-seed",
        Shape::Text,
        "",
        "a hash seed that the operator chooses",
    )
    .fixed(),
    Row::unbuilt(
        "extended-redis-compatibility",
        BOOL,
        "no",
        "hiding the name of the server",
    ),
];
