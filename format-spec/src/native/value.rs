//! Values that are collections, as they stand in the entries of a snapshot. Layout: `format-spec/native/snapshot.md`.
//!
//! What is small stands as the very bytes that DUMP writes (listpack, intset). What is large stands as its elements,
//! one behind the other, without a count: so pieces of a value are put together by joining them, and one element can
//! be written on its own.
//!
//! A reader is total: whatever the bytes are, it yields elements or a fault, and allocates nothing.

mod check;
mod read;
mod stream;
mod write;

pub use check::{Summary, check};
pub use read::{Field, Fields, Members, Node, Nodes, Scored, ScoredMembers};
pub use stream::{
    Consumer, Group, GroupHeader, Pending, StreamHeader, StreamNode, StreamNodes, StreamReader,
    StreamTop,
};
pub use write::{Part, ValueWriter, put_field, put_member, put_scored};

/// Kind byte: a list that is one listpack.
pub const KIND_LIST_PACKED: u8 = 2;
/// Kind byte: a list as its nodes.
pub const KIND_LIST_NODES: u8 = 3;
/// Kind byte: a set that is an intset.
pub const KIND_SET_INTS: u8 = 4;
/// Kind byte: a set that is one listpack.
pub const KIND_SET_PACKED: u8 = 5;
/// Kind byte: a set as its members.
pub const KIND_SET_MEMBERS: u8 = 6;
/// Kind byte: a hash that is one listpack of fields and values.
pub const KIND_HASH_PACKED: u8 = 7;
/// Kind byte: a hash that is one listpack of fields, values and expiries.
pub const KIND_HASH_PACKED_TTL: u8 = 8;
/// Kind byte: a hash as its fields.
pub const KIND_HASH_FIELDS: u8 = 9;
/// Kind byte: a sorted set that is one listpack of members and scores.
pub const KIND_ZSET_PACKED: u8 = 10;
/// Kind byte: a sorted set as its members.
pub const KIND_ZSET_MEMBERS: u8 = 11;
/// Kind byte: a stream: what is known of the whole, its groups, then nodes.
pub const KIND_STREAM: u8 = 12;
/// Kind byte: more nodes of a stream.
pub const KIND_STREAM_NODES: u8 = 13;

/// How many bytes of a value a writer gathers into one piece.
pub const PIECE_BYTES_AIM: usize = 256 << 10;

/// What type of value a kind byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// A string.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    Zset,
    /// A hash.
    Hash,
    /// A stream.
    Stream,
}

impl Type {
    /// The type of values of a kind, `None` if the kind is unknown.
    pub fn of(kind: u8) -> Option<Type> {
        match kind {
            super::entry::KIND_INT | super::entry::KIND_STRING => Some(Type::String),
            KIND_LIST_PACKED | KIND_LIST_NODES => Some(Type::List),
            KIND_SET_INTS | KIND_SET_PACKED | KIND_SET_MEMBERS => Some(Type::Set),
            KIND_HASH_PACKED | KIND_HASH_PACKED_TTL | KIND_HASH_FIELDS => Some(Type::Hash),
            KIND_ZSET_PACKED | KIND_ZSET_MEMBERS => Some(Type::Zset),
            KIND_STREAM | KIND_STREAM_NODES => Some(Type::Stream),
            _ => None,
        }
    }

    /// As TYPE says it.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::List => "list",
            Type::Set => "set",
            Type::Zset => "zset",
            Type::Hash => "hash",
            Type::Stream => "stream",
        }
    }
}

/// Whether a value of this kind can be a piece: kinds that are whole by nature cannot.
pub fn can_be_piece(kind: u8) -> bool {
    matches!(
        kind,
        KIND_LIST_NODES
            | KIND_SET_MEMBERS
            | KIND_HASH_FIELDS
            | KIND_ZSET_MEMBERS
            | KIND_STREAM
            | KIND_STREAM_NODES
    )
}
