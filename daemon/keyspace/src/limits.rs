//! The limits at which values change their encoding: the `*-max-listpack-*` directives and their like.
//!
//! They decide how a value is kept, never what it is: the same effects under other limits give an equal keyspace.

/// See the directives of the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Elements in a node of a list if positive; else -1 to -5 for nodes of 4, 8, 16, 32 or 64 KiB.
    pub list_max_listpack_size: i32,
    /// Nodes at each end of a list that are never compressed; 0: none is.
    pub list_compress_depth: usize,
    pub hash_max_listpack_entries: usize,
    pub hash_max_listpack_value: usize,
    pub set_max_intset_entries: usize,
    pub set_max_listpack_entries: usize,
    pub set_max_listpack_value: usize,
    pub zset_max_listpack_entries: usize,
    pub zset_max_listpack_value: usize,
    /// 0: no limit, as for the entries.
    pub stream_node_max_bytes: usize,
    pub stream_node_max_entries: usize,
    pub hll_sparse_max_bytes: usize,
    /// No directive: the seed of the hash tables inside of values. A keyspace puts its own here.
    pub hash_seed: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            list_max_listpack_size: -2,
            list_compress_depth: 0,
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
            hll_sparse_max_bytes: 3000,
            hash_seed: 0,
        }
    }
}
