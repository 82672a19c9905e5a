//! Bytes behind one word.
//!
//! ```text
//! offset  size  field
//! 0       4     length n
//! 4       n     bytes
//! ..            unused up to the size class
//! ```
//!
//! The capacity is not stored: it is what the allocator's size class for that length has room for. Growing inside
//! the class moves nothing; leaving it reallocates, whether the bytes grow or shrink.

#![expect(
    unsafe_code,
    reason = "length and bytes are one allocation behind a thin pointer"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::fmt;
use std::ops::Range;
use std::ptr::{self, NonNull};

use crate::entry::size_class;

const LENGTH_BYTES: usize = 4;
const ALIGN: usize = 8;

/// See the module's header.
pub struct ThinBytes {
    base: NonNull<u8>,
}

// SAFETY: the allocation is owned by this value alone and holds plain bytes.
unsafe impl Send for ThinBytes {}
// SAFETY: nothing changes through a shared reference.
unsafe impl Sync for ThinBytes {}

fn allocated(len: usize) -> usize {
    size_class(LENGTH_BYTES + len)
}

fn layout(allocated: usize) -> Layout {
    Layout::from_size_align(allocated, ALIGN).expect("lengths have 32 bits")
}

impl ThinBytes {
    /// A copy of `bytes`.
    pub fn from_slice(bytes: &[u8]) -> ThinBytes {
        let len = u32::try_from(bytes.len()).expect("packed values are shorter than 4 GiB");
        let layout = layout(allocated(bytes.len()));
        // SAFETY: the layout holds the length field at least.
        let base = unsafe { alloc(layout) };
        let Some(base) = NonNull::new(base) else {
            handle_alloc_error(layout);
        };
        // SAFETY: the allocation is aligned for the length and has room for it and the bytes; fresh memory
        // overlaps nothing.
        unsafe {
            base.cast::<u32>().write(len);
            ptr::copy_nonoverlapping(bytes.as_ptr(), base.add(LENGTH_BYTES).as_ptr(), bytes.len());
        }
        ThinBytes { base }
    }

    #[inline]
    pub fn len(&self) -> usize {
        // SAFETY: every allocation begins with its length.
        unsafe { self.base.cast::<u32>().read() as usize }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size of the allocation.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        allocated(self.len())
    }

    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the first `len` bytes behind the length field are always initialised.
        unsafe { std::slice::from_raw_parts(self.base.add(LENGTH_BYTES).as_ptr(), self.len()) }
    }

    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`, and `&mut self` excludes every other reference.
        unsafe { std::slice::from_raw_parts_mut(self.base.add(LENGTH_BYTES).as_ptr(), self.len()) }
    }

    /// Replaces the bytes of `range` by `with`.
    #[inline]
    pub fn splice(&mut self, range: Range<usize>, with: &[u8]) {
        self.splice_parts(range, [with]);
    }

    /// Replaces the bytes of `range` by `parts`, one after another.
    #[inline]
    pub fn splice_parts<const N: usize>(&mut self, range: Range<usize>, parts: [&[u8]; N]) {
        let old = self.len();
        assert!(
            range.start <= range.end && range.end <= old,
            "the range lies inside the bytes"
        );
        // A sum of a few slice lengths cannot overflow: each is at most half the address space, and the parts of
        // an element are a header, a body and a trailer.
        let added: usize = parts.iter().map(|part| part.len()).sum();
        let new = old - range.len() + added;
        let field = u32::try_from(new).expect("packed values are shorter than 4 GiB");
        if new > old {
            self.reallocate(old, new);
        }
        // SAFETY: the allocation now has room for the longer of the two lengths. The tail moves inside it; `parts`
        // cannot overlap it, because `&mut self` excludes references into it; the gap for them is `added` long.
        unsafe {
            let start = self.base.add(LENGTH_BYTES).as_ptr();
            if added != range.len() {
                ptr::copy(
                    start.add(range.end),
                    start.add(range.start + added),
                    old - range.end,
                );
            }
            let mut at = start.add(range.start);
            for part in parts {
                ptr::copy_nonoverlapping(part.as_ptr(), at, part.len());
                at = at.add(part.len());
            }
            self.base.cast::<u32>().write(field);
        }
        if new < old {
            self.reallocate(old, new);
        }
    }

    /// Moves to the size class of `new` bytes if that is another one than that of `old`. The bytes up to the
    /// shorter of the two lengths stay.
    #[inline]
    fn reallocate(&mut self, old: usize, new: usize) {
        let (from, to) = (allocated(old), allocated(new));
        if from == to {
            return;
        }
        let layout_to = layout(to);
        // SAFETY: the allocation was made with the size class of `old`, and no class is empty.
        let base = unsafe { realloc(self.base.as_ptr(), layout(from), to) };
        let Some(base) = NonNull::new(base) else {
            handle_alloc_error(layout_to);
        };
        self.base = base;
    }

    /// Gives the allocation away as an address of 48 bits.
    #[inline]
    pub fn into_raw(self) -> u64 {
        let address = self.base.as_ptr().expose_provenance() as u64;
        std::mem::forget(self);
        address
    }

    /// Takes back what [`into_raw`](Self::into_raw) gave away.
    ///
    /// # Safety
    ///
    /// `raw` came from `into_raw`, and nothing else took it back or will.
    #[inline]
    pub unsafe fn from_raw(raw: u64) -> ThinBytes {
        let base = ptr::with_exposed_provenance_mut(raw as usize);
        ThinBytes {
            base: NonNull::new(base).expect("an address that was given away"),
        }
    }
}

impl Drop for ThinBytes {
    fn drop(&mut self) {
        // SAFETY: the allocation was made with the size class of its present length.
        unsafe { dealloc(self.base.as_ptr(), layout(allocated(self.len()))) }
    }
}

impl Clone for ThinBytes {
    fn clone(&self) -> ThinBytes {
        ThinBytes::from_slice(self.as_slice())
    }
}

impl PartialEq for ThinBytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for ThinBytes {}

impl fmt::Debug for ThinBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_slice().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_word_and_empty() {
        assert_eq!(size_of::<ThinBytes>(), 8);
        assert_eq!(size_of::<Option<ThinBytes>>(), 8);
        let bytes = ThinBytes::from_slice(b"");
        assert!(bytes.is_empty() && bytes.heap_bytes() == 8);
    }

    #[test]
    fn the_word_comes_back() {
        let bytes = ThinBytes::from_slice(b"some bytes");
        let raw = bytes.into_raw();
        assert!(raw < 1 << 48 && raw.is_multiple_of(8));
        // SAFETY: `raw` was just given away.
        let bytes = unsafe { ThinBytes::from_raw(raw) };
        assert_eq!(bytes.as_slice(), b"some bytes");
    }

    #[test]
    #[should_panic(expected = "the range lies inside the bytes")]
    fn a_range_outside_is_refused() {
        ThinBytes::from_slice(b"abc").splice(2..4, b"");
    }

    proptest! {
        #[test]
        fn splices_like_a_vec(
            start in proptest::collection::vec(any::<u8>(), 0..300),
            steps in proptest::collection::vec((any::<u16>(), any::<u16>(), proptest::collection::vec(any::<u8>(), 0..120), any::<u8>()), 0..40),
        ) {
            let mut twin = start.clone();
            let mut bytes = ThinBytes::from_slice(&start);
            for (from, count, with, split) in steps {
                let from = usize::from(from) % (twin.len() + 1);
                let to = from + usize::from(count) % (twin.len() - from + 1);
                twin.splice(from..to, with.iter().copied());
                let (head, tail) = with.split_at(usize::from(split) % (with.len() + 1));
                bytes.splice_parts(from..to, [head, tail]);
                prop_assert_eq!(bytes.as_slice(), &twin[..]);
                prop_assert_eq!(bytes.heap_bytes(), size_class(4 + twin.len()));
                if let Some(byte) = bytes.as_mut_slice().last_mut() {
                    *byte ^= 1;
                    *twin.last_mut().expect("as long") ^= 1;
                }
                prop_assert_eq!(&bytes, &bytes.clone());
            }
            prop_assert_eq!(bytes.as_slice(), &twin[..]);
        }
    }
}
