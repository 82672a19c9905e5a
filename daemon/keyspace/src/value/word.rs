//! The boxed word: how a collection stands in its entry.
//!
//! ```text
//! bits 0..48   an owning pointer
//! bits 48..52  which of the collection's variants it is
//! ```
//!
//! A collection is an enum whose variants each hold one owning pointer. In an entry it is a word; to be read or
//! changed it becomes the enum again, on the stack, and goes back afterwards. The compiler sees through both.

#![expect(
    unsafe_code,
    reason = "an owning pointer stands in an entry as a packed word"
)]

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use crate::packed::{Intset, Listpack, ThinBytes};

/// How far the variant is shifted.
pub(crate) const VARIANT_SHIFT: u32 = 48;
const POINTER_MASK: u64 = (1 << VARIANT_SHIFT) - 1;

/// An owning pointer of 48 bits.
///
/// # Safety
/// `from_raw` of what `into_raw` gave is the same owner, and `into_raw` never gives 0 or more than 48 bits.
pub(crate) unsafe trait Pointer: Sized {
    fn into_raw(self) -> u64;

    /// # Safety
    /// `raw` came from `into_raw` of this type and is taken back once.
    unsafe fn from_raw(raw: u64) -> Self;
}

// SAFETY: a box is a pointer, user addresses have 48 bits, and a box of a type without size is never made here.
unsafe impl<T> Pointer for Box<T> {
    #[inline]
    fn into_raw(self) -> u64 {
        const { assert!(size_of::<T>() > 0) };
        let raw = Box::into_raw(self).expose_provenance() as u64;
        assert!(raw <= POINTER_MASK, "user addresses have 48 bits");
        raw
    }

    #[inline]
    unsafe fn from_raw(raw: u64) -> Self {
        // SAFETY: by the contract this is the pointer of a box that nobody owns now.
        unsafe { Box::from_raw(std::ptr::with_exposed_provenance_mut(raw as usize)) }
    }
}

macro_rules! thin_pointer {
    ($($type:ty),*) => {$(
        // SAFETY: thin bytes are an owning pointer, and the wrapper adds nothing.
        unsafe impl Pointer for $type {
            #[inline]
            fn into_raw(self) -> u64 {
                self.into_thin().into_raw()
            }

            #[inline]
            unsafe fn from_raw(raw: u64) -> Self {
                // SAFETY: by the contract it came from `into_raw` above.
                Self::from_thin(unsafe { ThinBytes::from_raw(raw) })
            }
        }
    )*};
}

thin_pointer!(Listpack, Intset);

/// A collection that can stand in an entry as a word.
///
/// # Safety
/// `from_word` of what `into_word` gave is the same value, and a word is below 2^52 with a pointer that is not null.
pub(crate) unsafe trait Word: Sized {
    fn into_word(self) -> u64;

    /// # Safety
    /// `word` came from `into_word` of this type and is taken back once.
    unsafe fn from_word(word: u64) -> Self;
}

/// Makes an enum of owning pointers a [`Word`]: `boxed_word!(Hash { Packed, Table })`.
macro_rules! boxed_word {
    ($type:ident { $($variant:ident),+ $(,)? }) => {
        const _: () = {
            enum Variant { $($variant),+ }

            // SAFETY: each variant is written with its own number and read back by it.
            #[expect(unsafe_code, reason = "packs an owning pointer into a word")]
            unsafe impl $crate::value::word::Word for $type {
                #[inline]
                fn into_word(self) -> u64 {
                    use $crate::value::word::{Pointer, VARIANT_SHIFT};
                    match self {
                        $($type::$variant(inner) => {
                            (Variant::$variant as u64) << VARIANT_SHIFT | Pointer::into_raw(inner)
                        })+
                    }
                }

                #[inline]
                unsafe fn from_word(word: u64) -> Self {
                    use $crate::value::word::{Pointer, VARIANT_SHIFT};
                    let raw = word & ((1 << VARIANT_SHIFT) - 1);
                    match word >> VARIANT_SHIFT {
                        // SAFETY: the number says which variant gave the pointer away.
                        $(variant if variant == Variant::$variant as u64 => {
                            $type::$variant(unsafe { Pointer::from_raw(raw) })
                        })+
                        other => unreachable!("no word is written with variant {other}"),
                    }
                }
            }
        };
    };
}
pub(crate) use boxed_word;

/// A collection to read, where its entry keeps it.
pub struct Guard<'a, C> {
    value: ManuallyDrop<C>,
    _entry: PhantomData<&'a C>,
}

impl<C> Guard<'_, C> {
    /// # Safety
    /// `value` is a second owner of what an entry owns, and that entry neither changes nor dies while the guard
    /// lives.
    pub(crate) unsafe fn new(value: C) -> Self {
        Guard {
            value: ManuallyDrop::new(value),
            _entry: PhantomData,
        }
    }
}

impl<C> Deref for Guard<'_, C> {
    type Target = C;

    #[inline]
    fn deref(&self) -> &C {
        &self.value
    }
}

/// A collection to change, taken out of its entry; it goes back when the guard is dropped.
pub(crate) struct GuardMut<'a, C: Word> {
    value: ManuallyDrop<C>,
    place: &'a mut u64,
}

impl<'a, C: Word> GuardMut<'a, C> {
    /// # Safety
    /// `place` holds a word of `C`.
    #[inline]
    pub(crate) unsafe fn new(place: &'a mut u64) -> Self {
        // SAFETY: by the contract; the word in place counts as taken until `drop` writes a new one.
        let value = ManuallyDrop::new(unsafe { C::from_word(*place) });
        GuardMut { value, place }
    }
}

impl<C: Word> Deref for GuardMut<'_, C> {
    type Target = C;

    #[inline]
    fn deref(&self) -> &C {
        &self.value
    }
}

impl<C: Word> DerefMut for GuardMut<'_, C> {
    #[inline]
    fn deref_mut(&mut self) -> &mut C {
        &mut self.value
    }
}

impl<C: Word> Drop for GuardMut<'_, C> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the value is not used again after it is read out here.
        *self.place = unsafe { ManuallyDrop::take(&mut self.value) }.into_word();
    }
}
