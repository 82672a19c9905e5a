//! What a table can hold.

#![expect(
    unsafe_code,
    reason = "an item is a pointer that the table keeps as a packed word"
)]

use std::mem::ManuallyDrop;

use crate::UnixMs;
use crate::hash::hash_key;

/// An owning pointer to something with a key.
///
/// # Safety
///
/// - The type is `repr(transparent)` over `u64`, `NonZeroU64` or a `Cell` of one.
/// - Only the low 48 bits are the item's own, and they are never all zero; every method, `drop` included, ignores
///   the upper 16, in which the table keeps bits of the hash.
/// - The key, and so the hash, stays the same while the item is in a table.
pub unsafe trait Item: Sized {
    fn key(&self) -> &[u8];

    fn expire_at(&self) -> Option<UnixMs> {
        None
    }

    /// The hash by which the table finds the item.
    fn hash(&self, seed: u64) -> u64 {
        hash_key(seed, self.key())
    }

    /// Gives the item away as a word.
    #[doc(hidden)]
    #[inline]
    fn into_word(self) -> u64 {
        let item = ManuallyDrop::new(self);
        // SAFETY: transparent over a word by the trait's contract; `ManuallyDrop` leaves the item to the word.
        unsafe { std::mem::transmute_copy(&item) }
    }

    /// Takes back what [`Item::into_word`] gave away, whatever the upper 16 bits have become.
    #[doc(hidden)]
    #[inline]
    fn from_word(word: u64) -> Self {
        // SAFETY: as above, and the low 48 bits of a word in a table are never all zero. The table calls this once
        // for each word that it gives up.
        unsafe { std::mem::transmute_copy(&word) }
    }
}
