//! An entry: one key with its value, expiry and bookkeeping in a single allocation.
//!
//! ```text
//! offset  size  field
//! 0       8     header word, see `shape`
//! 8       8     key length, only when it does not fit in the header (LONG_KEY)
//! ..      8     expiry in Unix milliseconds, only with EXPIRY_SLOT; meaningful only with EXPIRES
//! ..      8     value word, only when the value is not inline: an i64, an `Arc<Vec<u8>>` or a collection's word
//! ..      n     key
//! ..      n     inline value
//! ```
//!
//! Words come before bytes, so that every word is aligned. The allocation is always a whole size class, and the
//! class follows from the header alone: nothing is stored to free it, and a value of another length that needs the
//! same class can be overwritten in place.
//!
//! `Entry` is an owning pointer in the low 48 bits of a `u64`. The upper 16 bits belong to the table's slot that
//! holds it, and every method ignores them. It is `Send`, not `Sync`: access and epoch bits change through `&self`.
//!
//! Collections are read and changed through guards that turn the word into the collection and back.

#![expect(
    unsafe_code,
    reason = "an entry is one allocation behind a packed pointer"
)]

mod shape;
mod value;

use std::alloc::{alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::num::NonZeroU64;
use std::ptr;
use std::sync::Arc;

use crate::UnixMs;
use crate::table::Item;

pub use shape::size_class;
pub use value::{INLINE_MAX, StrInput, StrRef};

use shape::*;
use value::Stored;

use crate::value::word::GuardMut;
use crate::value::{Collection, Guard, Value};

/// Longest string that Redis calls "embstr".
const EMBSTR_MAX: usize = 44;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    String,
    List,
    Set,
    Zset,
    Hash,
    Stream,
}

const POINTER_MASK: u64 = (1 << 48) - 1;

/// See the module's header.
#[repr(transparent)]
pub struct Entry {
    pointer: NonZeroU64,
    _not_sync: PhantomData<*mut ()>,
}

// SAFETY: an entry owns its allocation, and what it may hold is `Send`: an `Arc<Vec<u8>>` or a collection.
unsafe impl Send for Entry {}

impl Entry {
    pub fn string(key: &[u8], value: StrInput<'_>, expire_at: Option<UnixMs>) -> Entry {
        match value {
            StrInput::Int(number) => {
                Self::create(Kind::String, 0, key, Stored::Int(number), expire_at)
            }
            StrInput::Bytes(bytes) if bytes.len() <= INLINE_MAX => {
                Self::create(Kind::String, 0, key, Stored::Inline(bytes), expire_at)
            }
            StrInput::Bytes(bytes) => Self::create(
                Kind::String,
                0,
                key,
                Stored::Blob(Arc::new(bytes.to_vec())),
                expire_at,
            ),
            StrInput::Blob(blob) if blob.len() <= INLINE_MAX => {
                Self::create(Kind::String, 0, key, Stored::Inline(&blob), expire_at)
            }
            StrInput::Blob(blob) => {
                Self::create(Kind::String, 0, key, Stored::Blob(blob), expire_at)
            }
        }
    }

    /// An entry of a collection.
    pub fn collection(key: &[u8], value: Value, expire_at: Option<UnixMs>) -> Entry {
        let kind = value.kind();
        Self::create(kind, 0, key, Stored::Boxed(value.into_word()), expire_at)
    }

    fn create(
        kind: Kind,
        carried: u64,
        key: &[u8],
        value: Stored<'_>,
        expire_at: Option<UnixMs>,
    ) -> Entry {
        let shape = Shape {
            encoding: value.encoding(),
            long_key: key.len() > KEY_LEN_MASK as usize,
            expiry_slot: expire_at.is_some(),
            key_len: key.len(),
            inline_len: value.inline_len(),
        };
        let layout = shape.layout();
        // SAFETY: the layout is never empty: the header alone has 8 bytes.
        let base = unsafe { alloc(layout) };
        if base.is_null() {
            handle_alloc_error(layout);
        }
        let address = base.expose_provenance() as u64;
        assert!(address <= POINTER_MASK, "user addresses have 48 bits");
        let expires = if expire_at.is_some() { EXPIRES } else { 0 };
        // SAFETY: every offset lies inside the allocation by the shape that sized it, words are 8-aligned because
        // all that precedes them are words, and the source slices cannot overlap fresh memory.
        unsafe {
            base.cast::<u64>()
                .write(shape.header(kind) | carried | expires);
            if shape.long_key {
                base.add(8).cast::<u64>().write(key.len() as u64);
            }
            if let Some(at) = expire_at {
                base.add(shape.expiry_offset()).cast::<i64>().write(at.0);
            }
            ptr::copy_nonoverlapping(key.as_ptr(), base.add(shape.key_offset()), key.len());
            write_value(base, shape, value);
        }
        let pointer = NonZeroU64::new(address).expect("not null, checked above");
        Entry {
            pointer,
            _not_sync: PhantomData,
        }
    }

    #[inline]
    fn base(&self) -> *mut u8 {
        ptr::with_exposed_provenance_mut((self.pointer.get() & POINTER_MASK) as usize)
    }

    #[inline]
    fn header(&self) -> u64 {
        // SAFETY: `base` points at a live allocation that begins with the header word.
        unsafe { self.base().cast::<u64>().read() }
    }

    /// The kind, encoding and shape bits may only change together with the fields that they describe.
    #[inline]
    fn set_header(&self, header: u64) {
        // SAFETY: as in `header`; no reference to the header word is ever handed out, and `Entry` is not `Sync`.
        unsafe { self.base().cast::<u64>().write(header) }
    }

    #[inline]
    fn shape(&self) -> Shape {
        self.shape_of(self.header())
    }

    #[inline]
    fn shape_of(&self, header: u64) -> Shape {
        let long_key = header & LONG_KEY != 0;
        let key_len = if long_key {
            // SAFETY: LONG_KEY says that the word behind the header is the key's length.
            unsafe { self.base().add(8).cast::<u64>().read() as usize }
        } else {
            (header >> KEY_LEN_SHIFT & KEY_LEN_MASK) as usize
        };
        Shape {
            encoding: header >> ENCODING_SHIFT & ENCODING_MASK,
            long_key,
            expiry_slot: header & EXPIRY_SLOT != 0,
            key_len,
            inline_len: (header >> VALUE_LEN_SHIFT) as usize,
        }
    }

    #[inline]
    pub fn key(&self) -> &[u8] {
        let shape = self.shape();
        // SAFETY: the shape was written together with the key that it describes.
        unsafe { std::slice::from_raw_parts(self.base().add(shape.key_offset()), shape.key_len) }
    }

    #[inline]
    pub fn kind(&self) -> Kind {
        match self.header() & KIND_MASK {
            0 => Kind::String,
            1 => Kind::List,
            2 => Kind::Set,
            3 => Kind::Zset,
            4 => Kind::Hash,
            5 => Kind::Stream,
            other => unreachable!("no entry is written with kind {other}"),
        }
    }

    /// The string value; `None` when the entry is of another kind.
    #[inline]
    pub fn str(&self) -> Option<StrRef<'_>> {
        let header = self.header();
        if header & KIND_MASK != Kind::String as u64 {
            return None;
        }
        let shape = self.shape_of(header);
        let base = self.base();
        // SAFETY: the encoding says which of the three fields the allocation holds, at the shape's offsets.
        Some(unsafe {
            match shape.encoding {
                ENCODING_INT => StrRef::Int(base.add(shape.word_offset()).cast::<i64>().read()),
                ENCODING_BLOB => {
                    StrRef::Blob(&*base.add(shape.word_offset()).cast::<Arc<Vec<u8>>>())
                }
                _ => {
                    let start = base.add(shape.inline_offset());
                    StrRef::Bytes(std::slice::from_raw_parts(start, shape.inline_len))
                }
            }
        })
    }

    fn boxed_word(&self) -> Option<u64> {
        let shape = self.shape();
        if shape.encoding != ENCODING_BOXED {
            return None;
        }
        // SAFETY: the encoding says that the value word is there, at the shape's offset.
        Some(unsafe { self.base().add(shape.word_offset()).cast::<u64>().read() })
    }

    /// The collection of that type; `None` when the entry is of another kind.
    #[inline]
    pub fn get<C: Collection>(&self) -> Option<Guard<'_, C>> {
        if self.kind() != C::KIND {
            return None;
        }
        let word = self.boxed_word()?;
        // SAFETY: the kind says of which type the word is; the entry is borrowed as long as the guard lives.
        Some(unsafe { Guard::new(C::from_word(word)) })
    }

    /// The collection, of whatever type; `None` for a string.
    pub fn value(&self) -> Option<Guard<'_, Value>> {
        let word = self.boxed_word()?;
        // SAFETY: as in `get`.
        Some(unsafe { Guard::new(Value::from_word(self.kind(), word)) })
    }

    /// The collection of that type, to change in place.
    #[inline]
    pub(crate) fn get_mut<C: Collection>(&mut self) -> Option<GuardMut<'_, C>> {
        let shape = self.shape();
        if self.kind() != C::KIND || shape.encoding != ENCODING_BOXED {
            return None;
        }
        // SAFETY: the encoding says that the word at this offset is a collection's, the kind says of which type;
        // `&mut self` makes it unique, and the guard gives back a word of the same type.
        Some(unsafe { GuardMut::new(&mut *self.base().add(shape.word_offset()).cast::<u64>()) })
    }

    #[inline]
    pub fn has_expiry(&self) -> bool {
        self.header() & EXPIRES != 0
    }

    #[inline]
    pub fn expire_at(&self) -> Option<UnixMs> {
        let header = self.header();
        if header & EXPIRES == 0 {
            return None;
        }
        let offset = 8 + 8 * usize::from(header & LONG_KEY != 0);
        // SAFETY: EXPIRES implies EXPIRY_SLOT, whose word lies at this offset.
        Some(UnixMs(unsafe {
            self.base().add(offset).cast::<i64>().read()
        }))
    }

    /// Snapshot epoch, two bits.
    #[inline]
    pub fn epoch(&self) -> u8 {
        (self.header() >> EPOCH_SHIFT & EPOCH_MASK) as u8
    }

    #[inline]
    pub fn set_epoch(&self, epoch: u8) {
        let bits = u64::from(epoch) & EPOCH_MASK;
        self.set_header(self.header() & !(EPOCH_MASK << EPOCH_SHIFT) | bits << EPOCH_SHIFT);
    }

    /// LRU clock or LFU counter, 24 bits.
    #[inline]
    pub fn access(&self) -> u32 {
        (self.header() >> ACCESS_SHIFT & ACCESS_MASK) as u32
    }

    #[inline]
    pub fn set_access(&self, access: u32) {
        let bits = u64::from(access) & ACCESS_MASK;
        self.set_header(self.header() & !(ACCESS_MASK << ACCESS_SHIFT) | bits << ACCESS_SHIFT);
    }

    /// Whether OBJECT ENCODING calls the string "raw": too long for "embstr", or changed in place.
    pub fn is_raw(&self) -> bool {
        match self.str() {
            Some(StrRef::Bytes(bytes)) => self.header() & RAW != 0 || bytes.len() > EMBSTR_MAX,
            Some(StrRef::Blob(_)) => true,
            Some(StrRef::Int(_)) | None => false,
        }
    }

    /// Marks the string as the outcome of APPEND, SETRANGE and the like. Overwriting clears the mark.
    pub fn set_raw(&self, raw: bool) {
        self.set_header(self.header() & !RAW | if raw { RAW } else { 0 });
    }

    /// Bytes of the allocation, and of the value behind it even when others share it.
    pub fn heap_bytes(&self) -> usize {
        const BLOB_HEADER: usize = 2 * size_of::<usize>() + size_of::<Vec<u8>>();
        let value = match self.str() {
            Some(StrRef::Blob(blob)) => size_class(BLOB_HEADER) + size_class(blob.capacity()),
            Some(_) => 0,
            None => self.value().map_or(0, |value| value.heap_bytes()),
        };
        self.shape().allocated_bytes() + value
    }

    /// Overwrites value and expiry if the size class stays, and clears the raw mark. Gives the value back if a new
    /// entry is needed; always so for a blob, old or new, whose release is the caller's to place.
    #[inline]
    pub fn try_overwrite_in_place<'v>(
        &mut self,
        value: StrInput<'v>,
        expire_at: Option<UnixMs>,
    ) -> Result<(), StrInput<'v>> {
        let header = self.header();
        let old = self.shape_of(header);
        let new = match &value {
            StrInput::Int(_) => Shape {
                encoding: ENCODING_INT,
                inline_len: 0,
                ..old
            },
            StrInput::Bytes(bytes) if bytes.len() <= INLINE_MAX => Shape {
                encoding: ENCODING_INLINE,
                inline_len: bytes.len(),
                ..old
            },
            StrInput::Bytes(_) | StrInput::Blob(_) => return Err(value),
        };
        let fits = header & KIND_MASK == Kind::String as u64
            && old.encoding != ENCODING_BLOB
            && (expire_at.is_none() || old.expiry_slot)
            && old.allocated_bytes() == new.allocated_bytes();
        if !fits {
            return Err(value);
        }
        let base = self.base();
        let kept = header & ((EPOCH_MASK << EPOCH_SHIFT) | (ACCESS_MASK << ACCESS_SHIFT));
        let expires = if expire_at.is_some() { EXPIRES } else { 0 };
        // SAFETY: the new shape fits the same allocation (equal class) with its words in aligned places; the old
        // value is inline bytes or an integer, so nothing is leaked. `copy` allows the key to overlap itself.
        unsafe {
            if new.key_offset() != old.key_offset() {
                ptr::copy(
                    base.add(old.key_offset()),
                    base.add(new.key_offset()),
                    old.key_len,
                );
            }
            base.cast::<u64>()
                .write(new.header(Kind::String) | kept | expires);
            if let Some(at) = expire_at {
                base.add(new.expiry_offset()).cast::<i64>().write(at.0);
            }
            match value {
                StrInput::Int(number) => write_value(base, new, Stored::Int(number)),
                StrInput::Bytes(bytes) => write_value(base, new, Stored::Inline(bytes)),
                StrInput::Blob(_) => unreachable!("refused above"),
            }
        }
        Ok(())
    }

    /// Sets or clears the expiry; false when there is no room for one, see [`Entry::with_expiry`].
    #[inline]
    pub fn set_expire_at(&mut self, at: Option<UnixMs>) -> bool {
        let header = self.header();
        match at {
            None => self.set_header(header & !EXPIRES),
            Some(_) if header & EXPIRY_SLOT == 0 => return false,
            Some(at) => {
                let offset = self.shape_of(header).expiry_offset();
                // SAFETY: EXPIRY_SLOT says that the word at this offset is the expiry's.
                unsafe { self.base().add(offset).cast::<i64>().write(at.0) };
                self.set_header(header | EXPIRES);
            }
        }
        true
    }

    /// The same entry with another expiry, rebuilt if it had no room for one.
    pub fn with_expiry(mut self, at: Option<UnixMs>) -> Entry {
        if self.set_expire_at(at) {
            self
        } else {
            self.rebuild(None, at)
        }
    }

    /// The same entry under another key.
    pub fn with_key(self, key: &[u8]) -> Entry {
        let expire_at = self.expire_at();
        self.rebuild(Some(key), expire_at)
    }

    fn rebuild(self, key: Option<&[u8]>, expire_at: Option<UnixMs>) -> Entry {
        // The old allocation is freed by hand, because a blob moves out of it.
        let old = ManuallyDrop::new(self);
        let carried = old.header() & CARRIED;
        let shape = old.shape();
        let value = match old.str() {
            Some(StrRef::Int(number)) => Stored::Int(number),
            Some(StrRef::Bytes(bytes)) => Stored::Inline(bytes),
            // SAFETY: the blob is read out once; the old entry is freed below without dropping it.
            Some(StrRef::Blob(blob)) => Stored::Blob(unsafe { ptr::read(blob) }),
            // The word goes over to the new entry in the same way.
            None => Stored::Boxed(old.boxed_word().expect("what is no string is a collection")),
        };
        let new = Self::create(
            old.kind(),
            carried,
            key.unwrap_or(old.key()),
            value,
            expire_at,
        );
        // SAFETY: the allocation was made with the layout of its shape, and nothing refers to it any more.
        unsafe { dealloc(old.base(), shape.layout()) };
        new
    }

    /// A second entry with the same key, value (a blob is shared), expiry, access, epoch and raw mark.
    pub fn duplicate(&self) -> Entry {
        let value = match self.str() {
            Some(StrRef::Int(number)) => Stored::Int(number),
            Some(StrRef::Bytes(bytes)) => Stored::Inline(bytes),
            Some(StrRef::Blob(blob)) => Stored::Blob(Arc::clone(blob)),
            None => {
                let value = self.value().expect("what is no string is a collection");
                Stored::Boxed(value.duplicate().into_word())
            }
        };
        let carried = self.header() & CARRIED;
        Self::create(self.kind(), carried, self.key(), value, self.expire_at())
    }

    /// The blob, to change or swap in place. It may shrink below [`INLINE_MAX`] and stay a blob.
    #[inline]
    pub fn blob_mut(&mut self) -> Option<&mut Arc<Vec<u8>>> {
        let shape = self.shape();
        if shape.encoding != ENCODING_BLOB {
            return None;
        }
        // SAFETY: ENCODING_BLOB says that the value word is an `Arc<Vec<u8>>`; `&mut self` makes it unique.
        Some(unsafe { &mut *self.base().add(shape.word_offset()).cast::<Arc<Vec<u8>>>() })
    }
}

/// # Safety
/// `base` is an allocation of `shape`, whose encoding is the value's, and whose old value needs no drop.
#[inline]
unsafe fn write_value(base: *mut u8, shape: Shape, value: Stored<'_>) {
    // SAFETY: the caller vouches for allocation and shape; the value word is aligned, see `create`.
    unsafe {
        match value {
            Stored::Inline(bytes) => {
                ptr::copy_nonoverlapping(
                    bytes.as_ptr(),
                    base.add(shape.inline_offset()),
                    bytes.len(),
                );
            }
            Stored::Int(number) => base.add(shape.word_offset()).cast::<i64>().write(number),
            Stored::Blob(blob) => base
                .add(shape.word_offset())
                .cast::<Arc<Vec<u8>>>()
                .write(blob),
            Stored::Boxed(word) => base.add(shape.word_offset()).cast::<u64>().write(word),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let shape = self.shape();
        let base = self.base();
        let word = self.boxed_word();
        // SAFETY: the entry owns its allocation, made with the layout of its shape, and the blob or collection in it,
        // whose type its kind tells.
        unsafe {
            if shape.encoding == ENCODING_BLOB {
                ptr::drop_in_place(base.add(shape.word_offset()).cast::<Arc<Vec<u8>>>());
            }
            if let Some(word) = word {
                drop(Value::from_word(self.kind(), word));
            }
            dealloc(base, shape.layout());
        }
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("key", &String::from_utf8_lossy(self.key()))
            .field("kind", &self.kind())
            .field("value", &self.str())
            .field("collection", &self.value().as_deref())
            .field("expire_at", &self.expire_at())
            .finish()
    }
}

// SAFETY: `Entry` is transparent over a `NonZeroU64` whose low 48 bits are a non-null pointer, and every method
// masks the upper 16 bits away. The key never changes while the entry lives.
unsafe impl Item for Entry {
    #[inline]
    fn key(&self) -> &[u8] {
        Entry::key(self)
    }

    #[inline]
    fn expire_at(&self) -> Option<UnixMs> {
        Entry::expire_at(self)
    }
}
