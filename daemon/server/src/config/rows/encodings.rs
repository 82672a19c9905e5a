//! Directives about when a value changes its encoding. Values keep the encoding that they have until they change.

use super::super::row::{Bind, Row};

const INT_MIN: i64 = i32::MIN as i64;
const INT_MAX: i64 = i32::MAX as i64;

/// The row's range is inside the field's type, so that neither way loses anything.
macro_rules! limit {
    ($field:ident) => {
        Bind::Number {
            get: |s| s.encodings.$field as i64,
            set: |s, value| s.encodings.$field = value as _,
        }
    };
}

pub const ROWS: &[Row] = &[
    Row::int(
        "list-max-listpack-size",
        INT_MIN,
        INT_MAX,
        limit!(list_max_listpack_size),
    )
    .alias(&["list-max-ziplist-size"])
    .doc("Elements in a node of a list; -1 to -5 are nodes of 4, 8, 16, 32 and 64 KiB."),
    Row::int(
        "list-compress-depth",
        0,
        INT_MAX,
        limit!(list_compress_depth),
    )
    .doc("Nodes at each end of a list that are never compressed; with 0 none is."),
    Row::int(
        "hash-max-listpack-entries",
        0,
        i64::MAX,
        limit!(hash_max_listpack_entries),
    )
    .alias(&["hash-max-ziplist-entries"])
    .doc("Fields up to which a hash is a listpack."),
    Row::memory(
        "hash-max-listpack-value",
        0,
        i64::MAX,
        limit!(hash_max_listpack_value),
    )
    .alias(&["hash-max-ziplist-value"])
    .doc("Longest field or value in a listpack."),
    Row::int(
        "set-max-intset-entries",
        0,
        i64::MAX,
        limit!(set_max_intset_entries),
    )
    .doc("Members up to which a set of integers is an array of them."),
    Row::int(
        "set-max-listpack-entries",
        0,
        i64::MAX,
        limit!(set_max_listpack_entries),
    )
    .doc("Members up to which a set is a listpack."),
    Row::int(
        "set-max-listpack-value",
        0,
        i64::MAX,
        limit!(set_max_listpack_value),
    )
    .doc("Longest member in a listpack."),
    Row::int(
        "zset-max-listpack-entries",
        0,
        i64::MAX,
        limit!(zset_max_listpack_entries),
    )
    .alias(&["zset-max-ziplist-entries"])
    .doc("Members up to which a sorted set is a listpack."),
    Row::memory(
        "zset-max-listpack-value",
        0,
        i64::MAX,
        limit!(zset_max_listpack_value),
    )
    .alias(&["zset-max-ziplist-value"])
    .doc("Longest member in a listpack."),
    Row::memory(
        "stream-node-max-bytes",
        0,
        i64::MAX,
        limit!(stream_node_max_bytes),
    )
    .doc("Bytes of entries in one node of a stream; 0 sets no limit."),
    Row::int(
        "stream-node-max-entries",
        0,
        i64::MAX,
        limit!(stream_node_max_entries),
    )
    .doc("Entries in one node of a stream; 0 sets no limit."),
    Row::memory(
        "hll-sparse-max-bytes",
        0,
        i64::MAX,
        limit!(hll_sparse_max_bytes),
    )
    .doc("Size at which a HyperLogLog becomes an array of registers."),
];
