//! The type bytes.

/// A string.
pub const TYPE_STRING: u8 = 0;
/// A list as its elements.
pub const TYPE_LIST: u8 = 1;
/// A set as its members.
pub const TYPE_SET: u8 = 2;
/// A sorted set as members and scores in decimal.
pub const TYPE_ZSET: u8 = 3;
/// A hash as its fields and values.
pub const TYPE_HASH: u8 = 4;
/// A sorted set as members and binary scores.
pub const TYPE_ZSET_2: u8 = 5;
/// A hash that is one zipmap.
pub const TYPE_HASH_ZIPMAP: u8 = 9;
/// A list that is one ziplist.
pub const TYPE_LIST_ZIPLIST: u8 = 10;
/// A set that is one intset.
pub const TYPE_SET_INTSET: u8 = 11;
/// A sorted set that is one ziplist.
pub const TYPE_ZSET_ZIPLIST: u8 = 12;
/// A hash that is one ziplist.
pub const TYPE_HASH_ZIPLIST: u8 = 13;
/// A list of ziplists.
pub const TYPE_LIST_QUICKLIST: u8 = 14;
/// A stream.
pub const TYPE_STREAM: u8 = 15;
/// A hash that is one listpack.
pub const TYPE_HASH_LISTPACK: u8 = 16;
/// A sorted set that is one listpack.
pub const TYPE_ZSET_LISTPACK: u8 = 17;
/// A list of listpacks and long elements.
pub const TYPE_LIST_QUICKLIST_2: u8 = 18;
/// A stream with first id, largest deleted id and counts.
pub const TYPE_STREAM_2: u8 = 19;
/// A set that is one listpack.
pub const TYPE_SET_LISTPACK: u8 = 20;
/// A stream that knows when its consumers were active.
pub const TYPE_STREAM_3: u8 = 21;
/// A hash whose fields may expire, in a release candidate of Redis 7.4.
pub const TYPE_HASH_EXPIRING_PRE: u8 = 22;
/// A hash whose fields may expire, in Valkey.
pub const TYPE_HASH_EXPIRING_VALKEY: u8 = 22;
/// The same as one listpack, in a release candidate of Redis 7.4.
pub const TYPE_HASH_LISTPACK_EXPIRING_PRE: u8 = 23;
/// A hash whose fields may expire.
pub const TYPE_HASH_EXPIRING: u8 = 24;
/// A hash whose fields may expire, as one listpack.
pub const TYPE_HASH_LISTPACK_EXPIRING: u8 = 25;

/// A node of [`TYPE_LIST_QUICKLIST_2`]: one element.
pub const NODE_PLAIN: u64 = 1;
/// A node of [`TYPE_LIST_QUICKLIST_2`]: a listpack.
pub const NODE_PACKED: u64 = 2;

/// The first version with [`TYPE_STREAM_3`].
pub const VERSION_STREAM_3: u16 = 11;
/// The first version with [`TYPE_HASH_EXPIRING`].
pub const VERSION_HASH_EXPIRING: u16 = 12;
