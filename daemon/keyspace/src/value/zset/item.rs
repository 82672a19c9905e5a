//! An element of a large sorted set: one allocation with score and member, owned by a word, referred to by others.
//!
//! ```text
//! offset  size  field
//! 0       8     score
//! 8       2     bits 0..2: snapshot epoch; bits 2..16: length of the member, all ones for a long one
//! 10      8     length of the member, only when it is long; not aligned
//! ..      n     member
//! ```
//!
//! `ScoredItem` owns the allocation and lives in the set's table. `ItemRef` is the same pointer without ownership and
//! lives in the set's order. Both ignore the upper 16 bits, which belong to the table's slots. Score and epoch change
//! through `&self`, so both are `Send` and not `Sync`.

#![expect(
    unsafe_code,
    reason = "an item is one allocation behind a packed pointer"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cmp::Ordering;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::ptr;

use esker_format::native::value::put_scored;

use crate::entry::size_class;
use crate::prefetch::prefetch_line;
use crate::table::Item;
use crate::walk::LargeItem;

const POINTER_MASK: u64 = (1 << 48) - 1;
const EPOCH_MASK: u16 = 0b11;
const LENGTH_SHIFT: u32 = 2;
/// In the length bits: the length stands behind them.
const LONG: usize = (1 << 14) - 1;
const HEAD_OFFSET: usize = 8;
const LONG_OFFSET: usize = 10;

fn member_offset(length: usize) -> usize {
    if length < LONG {
        LONG_OFFSET
    } else {
        LONG_OFFSET + 8
    }
}

fn allocated_bytes(length: usize) -> usize {
    size_class(member_offset(length) + length)
}

fn layout(length: usize) -> Layout {
    Layout::from_size_align(allocated_bytes(length), 8)
        .expect("a member is smaller than the address space")
}

/// An element, owned. See the module's header.
#[repr(transparent)]
pub(crate) struct ScoredItem {
    pointer: NonZeroU64,
    _not_sync: PhantomData<*mut ()>,
}

// SAFETY: an item owns its allocation, which holds plain data.
unsafe impl Send for ScoredItem {}

impl ScoredItem {
    /// `score` is a number.
    pub(crate) fn new(score: f64, member: &[u8]) -> ScoredItem {
        debug_assert!(!score.is_nan());
        let layout = layout(member.len());
        // SAFETY: the layout is never empty: the score alone has 8 bytes.
        let base = unsafe { alloc(layout) };
        if base.is_null() {
            handle_alloc_error(layout);
        }
        let address = base.expose_provenance() as u64;
        assert!(address <= POINTER_MASK, "user addresses have 48 bits");
        let short = member.len().min(LONG) as u16;
        // SAFETY: every offset lies inside the allocation, whose size follows from the member's length; score and
        // head are aligned, the long length is written without alignment, and fresh memory overlaps nothing.
        unsafe {
            base.cast::<f64>().write(score);
            base.add(HEAD_OFFSET)
                .cast::<u16>()
                .write(short << LENGTH_SHIFT);
            if member.len() >= LONG {
                base.add(LONG_OFFSET)
                    .cast::<u64>()
                    .write_unaligned(member.len() as u64);
            }
            ptr::copy_nonoverlapping(
                member.as_ptr(),
                base.add(member_offset(member.len())),
                member.len(),
            );
        }
        ScoredItem {
            pointer: NonZeroU64::new(address).expect("not null, checked above"),
            _not_sync: PhantomData,
        }
    }

    /// A reference to put into an order.
    ///
    /// # Safety
    /// Nobody uses the reference, a copy of it or a member that it lent once the item is dropped.
    #[inline]
    pub(super) unsafe fn refer(&self) -> ItemRef {
        ItemRef {
            pointer: self.pointer.get() & POINTER_MASK,
            _not_sync: PhantomData,
        }
    }

    /// The reference for as long as the borrow lasts; copies of it must not outlive that.
    #[inline]
    fn view(&self) -> ItemRef {
        // SAFETY: used by the methods of the item only, which hold on to `self`.
        unsafe { self.refer() }
    }

    /// For tests, whose items outlive the order that they stand in.
    #[cfg(test)]
    pub(super) fn refer_in_test(&self) -> ItemRef {
        self.view()
    }

    #[inline]
    pub(crate) fn score(&self) -> f64 {
        self.view().score()
    }

    #[inline]
    pub(crate) fn member(&self) -> &[u8] {
        let view = self.view();
        let (start, length) = view.span();
        // SAFETY: the member's bytes never change and live as long as the item, which is borrowed.
        unsafe { std::slice::from_raw_parts(start, length) }
    }

    /// The order that the item stands in must be told.
    #[inline]
    pub(super) fn set_score(&self, score: f64) {
        debug_assert!(!score.is_nan());
        // SAFETY: the allocation lives and begins with the score; no reference to the score is ever handed out, and
        // neither the item nor a reference to it can be used by two threads at once.
        unsafe { self.view().base().cast::<f64>().write(score) }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        allocated_bytes(self.member().len())
    }
}

impl Drop for ScoredItem {
    fn drop(&mut self) {
        let view = self.view();
        let (_, length) = view.span();
        // SAFETY: the item owns its allocation, made with the layout of its member's length.
        unsafe { dealloc(view.base(), layout(length)) }
    }
}

impl std::fmt::Debug for ScoredItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.score(), self.member().escape_ascii())
    }
}

// SAFETY: `ScoredItem` is transparent over a `NonZeroU64` whose low 48 bits are a non-null pointer, every method
// masks the upper 16 bits away, and the member never changes.
unsafe impl Item for ScoredItem {
    #[inline]
    fn key(&self) -> &[u8] {
        self.member()
    }
}

impl LargeItem for ScoredItem {
    #[inline]
    fn epoch(&self) -> u8 {
        (self.view().head() & EPOCH_MASK) as u8
    }

    #[inline]
    fn set_epoch(&self, epoch: u8) {
        let view = self.view();
        let head = view.head() & !EPOCH_MASK | u16::from(epoch) & EPOCH_MASK;
        // SAFETY: as in `set_score`, for the head.
        unsafe { view.base().add(HEAD_OFFSET).cast::<u16>().write(head) }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_scored(out, self.score(), self.member());
    }
}

/// An element, referred to by the order of its set. Whoever made it promised that the item lives: see
/// [`ScoredItem::refer`].
#[derive(Clone, Copy)]
pub(super) struct ItemRef {
    pointer: u64,
    _not_sync: PhantomData<*mut ()>,
}

// SAFETY: it moves between threads together with the set that owns the item.
unsafe impl Send for ItemRef {}

impl ItemRef {
    /// Fills the unused places of a node. Asking it for anything but identity is a bug.
    pub(super) const NONE: ItemRef = ItemRef {
        pointer: 0,
        _not_sync: PhantomData,
    };

    #[inline]
    pub(super) fn is(self, other: ItemRef) -> bool {
        self.pointer == other.pointer
    }

    #[inline]
    fn base(self) -> *mut u8 {
        assert!(self.pointer != 0, "an unused place of a node is not asked");
        ptr::with_exposed_provenance_mut(self.pointer as usize)
    }

    #[inline]
    fn head(self) -> u16 {
        // SAFETY: the item lives by the promise made in `refer`, and the head lies at this aligned offset.
        unsafe { self.base().add(HEAD_OFFSET).cast::<u16>().read() }
    }

    #[inline]
    fn span(self) -> (*const u8, usize) {
        let short = usize::from(self.head() >> LENGTH_SHIFT);
        let base = self.base();
        // SAFETY: as above; LONG says that the length stands behind the head.
        unsafe {
            if short < LONG {
                (base.add(LONG_OFFSET), short)
            } else {
                let length = base.add(LONG_OFFSET).cast::<u64>().read_unaligned();
                (base.add(LONG_OFFSET + 8), length as usize)
            }
        }
    }

    #[inline]
    pub(super) fn score(self) -> f64 {
        // SAFETY: the item lives by the promise made in `refer`, and begins with the score.
        unsafe { self.base().cast::<f64>().read() }
    }

    /// The member, for as long as the item lives.
    #[inline]
    pub(super) fn member<'a>(self) -> &'a [u8] {
        let (start, length) = self.span();
        // SAFETY: the item lives by the promise made in `refer`, and the bytes of its member never change.
        unsafe { std::slice::from_raw_parts(start, length) }
    }

    /// Whether the item stands before, at or behind a place.
    #[inline]
    pub(super) fn compare(self, score: f64, member: &[u8]) -> Ordering {
        super::compare_scores(self.score(), score).then_with(|| self.member().cmp(member))
    }

    #[inline]
    pub(super) fn prefetch(self) {
        prefetch_line(self.pointer as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_around_every_limit() {
        for length in [0, 1, 6, 22, 23, 54, LONG - 1, LONG, LONG + 1, 1 << 17] {
            let member: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let item = ScoredItem::new(-0.5, &member);
            assert_eq!(item.member(), member);
            assert_eq!(item.score(), -0.5);
            assert_eq!(item.heap_bytes(), allocated_bytes(length));
            assert_eq!(item.view().member(), member);
        }
        assert_eq!(ScoredItem::new(1.0, b"member:000000001").heap_bytes(), 32);
    }

    #[test]
    fn the_word_of_a_table_carries_hash_bits() {
        let item = ScoredItem::new(7.0, b"seven");
        let item = ScoredItem::from_word(item.into_word() | 0xabcd << 48);
        assert_eq!((item.member(), item.score()), (&b"seven"[..], 7.0));
        assert!(item.view().is(item.view()));
    }

    proptest! {
        #[test]
        fn fields_do_not_touch_each_other(
            scores in prop::collection::vec(any::<f64>().prop_filter("a number", |score| !score.is_nan()), 1..8),
            member in prop::collection::vec(any::<u8>(), 0..40),
            epochs in prop::collection::vec(0..4_u8, 1..8),
        ) {
            let item = ScoredItem::new(0.0, &member);
            for (score, epoch) in scores.iter().zip(&epochs) {
                item.set_epoch(*epoch);
                item.set_score(*score);
                prop_assert_eq!(item.score().to_bits(), score.to_bits());
                prop_assert_eq!(item.epoch(), *epoch);
                prop_assert_eq!(item.member(), member.as_slice());
            }
        }
    }
}
