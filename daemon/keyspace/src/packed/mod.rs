//! Small collections as one run of bytes: exactly the bytes that DUMP writes for them.
//!
//! [`Listpack`] and [`Intset`] are one word each: an owning pointer to length and bytes. Both hold only bytes that
//! were validated when they came in, so walking them never fails; a position that is not the start of an element
//! is a mistake of the caller and panics or gives wrong elements, never more.

mod bytes;
mod intset;
mod listpack;

pub use bytes::ThinBytes;
pub use esker_format::redis::listpack::Item;
pub use intset::{Intset, IntsetIter};
pub use listpack::{Iter, IterRev, Listpack, Pos};
