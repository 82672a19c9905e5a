//! Databases, keys and values: deterministic, without I/O, clocks or threads.
//!
//! Entry points: [`Keyspace`] holds everything; [`Tx`] is how commands read and change it; `apply` and `loader` are
//! how recovery rebuilds it; `walk` is how a snapshot sees it while commands go on.

mod access;
mod apply;
mod block;
mod db;
mod deps;
mod digest;
pub mod dump;
pub mod effects;
pub mod entry;
mod expire;
mod field_expiry;
pub mod hash;
mod keyspace;
mod limits;
pub mod loader;
pub mod packed;
mod prefetch;
mod random;
pub mod rope;
mod side;
pub mod table;
mod text;
pub mod touched;
mod tx;
pub mod value;
mod walk;

pub use access::AccessPolicy;
pub use apply::ApplyError;
pub use block::RawBlock;
pub use db::Garbage;
pub use esker_format::{Lsn, StreamId, UnixMs};
pub use expire::ExpireCycle;
pub use keyspace::{DbInfo, Keyspace, Options, Stats};
pub use limits::Limits;
pub use random::Random;
pub use side::SideBlocks;
pub use text::{IntText, str_bytes, str_len};
pub use tx::{
    ExpireResult, Expiry, IncrError, ListSetError, NoSuchKey, Outcome, Tx, WrongType, ZaddRule,
    Zadded, index_in, range_in,
};
pub use tx::{FieldCondition, FieldExpire, FieldPersist};
pub use tx::{NewStreamId, StreamAddError, StreamClaim};
pub use value::stream;
pub use value::{Collection, Hash, List, Set, Stream, Value, Zset};
pub use walk::{Budget, Cut, Elements, Image, Large, LargeItem, LargeTable, Opened, Step};

/// What crosses threads: the engine behind its lock, and what leaves it to be written, freed or inserted.
const _: () = {
    const fn send<T: Send>() {}
    send::<Keyspace>();
    send::<effects::Chunk>();
    send::<RawBlock>();
    send::<Image>();
    send::<Garbage>();
    send::<loader::DecodedBlock>();
};
