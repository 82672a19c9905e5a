//! The values that are collections: lists, sets, sorted sets, hashes, streams.
//!
//! Each type is a small enum of encodings, each variant one owning pointer, so that an entry holds it in one word.
//! What is small lives as the bytes that DUMP writes. Here is what all types have in common; what each of them can
//! do is in its own file, and how commands reach it in `tx/`.

mod hash;
mod list;
mod set;
pub mod stream;
pub(crate) mod word;
mod zset;

pub(crate) use hash::HashCx;
pub use hash::{Field, FieldItem, Hash, HashTable};
pub use list::{End, List, Needle, NodeList, NodeView, Side, Way};
pub use set::Set;
pub use stream::Stream;
pub use word::Guard;
pub use zset::{Range as ZsetRange, Zset};

use esker_format::cursor::Fault;
use esker_format::native::value::{Type, ValueWriter};

use crate::entry::Kind;
use crate::limits::Limits;
use crate::walk::{Large, LargeTable};
use word::Word;

/// What every collection can do.
#[expect(
    private_bounds,
    reason = "only the types of this module are collections"
)]
pub trait Collection: Word + Send + 'static {
    const KIND: Kind;

    /// One without elements, in the encoding that new ones begin with.
    fn empty(limits: &Limits) -> Self;

    /// Whether a key with this value must not exist. A stream may be empty.
    fn is_empty(&self) -> bool;

    /// Elements, fields or entries.
    fn elements(&self) -> usize;

    /// What OBJECT ENCODING says.
    fn encoding(&self) -> &'static str;

    /// Bytes on the heap, without a walk through the elements.
    fn heap_bytes(&self) -> usize;

    /// An equal value of its own. Its head and elements have epoch 0.
    fn duplicate(&self) -> Self;

    /// Writes the value as it stands in a snapshot.
    fn encode(&self, out: &mut ValueWriter<'_>);

    /// Reads what [`Collection::encode`] wrote: the whole, or a piece of it. Of a list or stream this is the first
    /// piece; of another value it may be any. `kind` is one of this type's.
    fn decode(kind: u8, bytes: &[u8], limits: &Limits) -> Result<Self, Fault>;

    /// Reads a further piece of a value that [`Collection::decode`] began: of a list or stream the next one, of
    /// another value any. An element that is there already is a fault.
    fn add_piece(&mut self, kind: u8, bytes: &[u8]) -> Result<(), Fault>;

    /// After the last piece, also of a value that was whole: builds and checks what needs all of the elements.
    fn loaded(&mut self) -> Result<(), Fault>;

    /// The head of a large value, `None` of any other.
    fn large(&self) -> Option<&Large> {
        None
    }

    /// The head of a large value and the table of its elements.
    fn large_mut(&mut self) -> Option<(&mut Large, &mut dyn LargeTable)> {
        None
    }

    /// Appends bytes that are equal for equal values, whatever their encoding and history.
    fn digest(&self, out: &mut Vec<u8>);

    /// Out of a value of any type.
    fn from_value(value: Value) -> Option<Self>;

    /// As a value of any type.
    fn into_value(self) -> Value;
}

/// A collection of any type.
#[derive(Debug)]
pub enum Value {
    List(List),
    Set(Set),
    Zset(Zset),
    Hash(Hash),
    Stream(Stream),
}

macro_rules! each {
    ($value:expr, $inner:ident => $result:expr) => {
        match $value {
            Value::List($inner) => $result,
            Value::Set($inner) => $result,
            Value::Zset($inner) => $result,
            Value::Hash($inner) => $result,
            Value::Stream($inner) => $result,
        }
    };
}

impl Value {
    pub fn kind(&self) -> Kind {
        fn kind<C: Collection>(_: &C) -> Kind {
            C::KIND
        }
        each!(self, inner => kind(inner))
    }

    pub fn is_empty(&self) -> bool {
        each!(self, inner => inner.is_empty())
    }

    pub fn elements(&self) -> usize {
        each!(self, inner => inner.elements())
    }

    pub fn encoding(&self) -> &'static str {
        each!(self, inner => inner.encoding())
    }

    pub fn heap_bytes(&self) -> usize {
        each!(self, inner => inner.heap_bytes())
    }

    pub fn duplicate(&self) -> Value {
        each!(self, inner => inner.duplicate().into_value())
    }

    pub fn encode(&self, out: &mut ValueWriter<'_>) {
        each!(self, inner => inner.encode(out));
    }

    /// Reads a value or its first piece; `kind` is one of a collection.
    pub fn decode(kind: u8, bytes: &[u8], limits: &Limits) -> Result<Value, Fault> {
        match Type::of(kind) {
            Some(Type::List) => List::decode(kind, bytes, limits).map(Value::List),
            Some(Type::Set) => Set::decode(kind, bytes, limits).map(Value::Set),
            Some(Type::Zset) => Zset::decode(kind, bytes, limits).map(Value::Zset),
            Some(Type::Hash) => Hash::decode(kind, bytes, limits).map(Value::Hash),
            Some(Type::Stream) => Stream::decode(kind, bytes, limits).map(Value::Stream),
            Some(Type::String) | None => Err(Fault::UnknownFeatures(u64::from(kind))),
        }
    }

    pub fn add_piece(&mut self, kind: u8, bytes: &[u8]) -> Result<(), Fault> {
        each!(self, inner => inner.add_piece(kind, bytes))
    }

    pub fn loaded(&mut self) -> Result<(), Fault> {
        each!(self, inner => inner.loaded())
    }

    pub fn large(&self) -> Option<&Large> {
        each!(self, inner => inner.large())
    }

    pub fn large_mut(&mut self) -> Option<(&mut Large, &mut dyn LargeTable)> {
        each!(self, inner => inner.large_mut())
    }

    pub fn digest(&self, out: &mut Vec<u8>) {
        each!(self, inner => inner.digest(out));
    }

    pub(crate) fn into_word(self) -> u64 {
        each!(self, inner => inner.into_word())
    }

    /// # Safety
    /// `word` came from `into_word` of a value of this kind and is taken back once.
    #[expect(unsafe_code, reason = "the kind says which type the word is of")]
    pub(crate) unsafe fn from_word(kind: Kind, word: u64) -> Value {
        // SAFETY: the contract is the caller's.
        unsafe {
            match kind {
                Kind::List => Value::List(Word::from_word(word)),
                Kind::Set => Value::Set(Word::from_word(word)),
                Kind::Zset => Value::Zset(Word::from_word(word)),
                Kind::Hash => Value::Hash(Word::from_word(word)),
                Kind::Stream => Value::Stream(Word::from_word(word)),
                Kind::String => unreachable!("a string is no boxed word"),
            }
        }
    }
}

/// Implements the conversions of [`Collection`] between a type and [`Value`].
macro_rules! value_of {
    ($type:ident) => {
        fn from_value(value: $crate::value::Value) -> Option<Self> {
            match value {
                $crate::value::Value::$type(inner) => Some(inner),
                _ => None,
            }
        }

        fn into_value(self) -> $crate::value::Value {
            $crate::value::Value::$type(self)
        }
    };
}
pub(crate) use value_of;
