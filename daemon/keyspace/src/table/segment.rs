//! A segment: the buckets of all items whose hashes share a prefix of `depth` bits.
//!
//! One allocation: the buckets, 64-aligned, and a header of half a line. Its size is a whole number of lines and one
//! of the allocator's classes, but allocators align such blocks to 16 bytes only (asking for more costs the next
//! class). So one line is left over around the aligned buckets, and the header takes the larger part of it, before or
//! behind them. A `Segment` is the directory's word for it all, so that a search reads the directory and then the
//! bucket, never the header:
//!
//! ```text
//! bits 0..4    depth            bit 5  the header lies behind the buckets, not before them
//! bits 6..47   address of the first bucket
//! bits 48..63  number of buckets
//! ```
//!
//! The home bucket is `(h16 * buckets) >> 16`, where `h16` are the 16 hash bits behind the prefix: monotone in the
//! hash, so a segment takes any number of buckets, and growing reads only slots, never items. An item that finds
//! its home full goes to one of the following buckets, wrapping around; removal keeps the passed bits exact.
//!
//! Handles are copied freely. The table frees a segment only after it has taken its handle out of the directory and
//! keeps no other copy; that is what every SAFETY argument below means by "live".

#![expect(
    unsafe_code,
    reason = "buckets are cache lines of packed pointers behind a packed pointer"
)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr;

use super::Item;
use super::bucket::{Bucket, POINTER_MASK, tag_of};
use super::size::{BUCKETS_LIMIT, floor, limit};
use crate::prefetch::prefetch_line;

/// Deepest prefix: together with the 16 bits of a slot it fits a scan cursor of 48 bits.
pub(super) const DEPTH_MAX: u32 = 31;
/// No expiry known.
pub(super) const NEVER: i64 = i64::MAX;

const DEPTH_MASK: u64 = 31;
const HEADER_BEHIND: u64 = 1 << 5;
const ADDRESS_MASK: u64 = POINTER_MASK & !63;
/// What every allocator guarantees without a surcharge.
const ALLOCATION_ALIGN: usize = 16;
const LINE: usize = size_of::<Bucket>();
const BUCKETS_SHIFT: u32 = 48;

#[repr(C)]
pub(super) struct Header {
    pub(super) count: u32,
    /// Items at which the segment grows.
    limit: u32,
    /// Items below which it shrinks.
    floor: u32,
    /// Bytes from the start of the allocation to the first bucket.
    offset: u32,
    /// No item expires before this; may be too low, never too high.
    min_expire: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment(u64);

/// Where an item lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) bucket: usize,
    pub(super) slot: usize,
}

#[repr(C, align(64))]
struct Vacuum {
    bucket: Bucket,
    header: Header,
}

const _: () = assert!(size_of::<Header>() <= LINE / 2);

/// Stands for every segment without items: searches need no branch for it, and `limit` 0 keeps writers away.
static VACUUM: Vacuum = Vacuum {
    bucket: Bucket::EMPTY,
    header: Header {
        count: 0,
        limit: 0,
        floor: 0,
        offset: 0,
        min_expire: NEVER,
    },
};

#[inline]
pub(super) fn home(h16: u64, buckets: usize) -> usize {
    (h16 as usize * buckets) >> 16
}

impl Segment {
    /// The segment without items or allocation.
    pub(super) fn vacuum(depth: u32) -> Segment {
        Segment::pack((&raw const VACUUM).expose_provenance(), 1, depth, true)
    }

    pub(super) fn is_vacuum(self) -> bool {
        self.0 & ADDRESS_MASK == (&raw const VACUUM).addr() as u64
    }

    fn pack(address: usize, buckets: usize, depth: u32, header_behind: bool) -> Segment {
        debug_assert!(depth <= DEPTH_MAX && buckets <= BUCKETS_LIMIT);
        assert!(
            address as u64 & !ADDRESS_MASK == 0,
            "user addresses have 48 bits and buckets are aligned"
        );
        let behind = if header_behind { HEADER_BEHIND } else { 0 };
        Segment(address as u64 | behind | u64::from(depth) | (buckets as u64) << BUCKETS_SHIFT)
    }

    fn layout(buckets: usize) -> Layout {
        Layout::from_size_align((buckets + 1) * LINE, ALLOCATION_ALIGN)
            .expect("a segment is smaller than the address space")
    }

    pub(super) fn allocate(buckets: usize, depth: u32) -> Segment {
        let layout = Self::layout(buckets);
        // SAFETY: the layout holds at least the line that is left for the header.
        let start = unsafe { alloc_zeroed(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        let offset = start.addr().next_multiple_of(LINE) - start.addr();
        let segment = Segment::pack(
            start.expose_provenance() + offset,
            buckets,
            depth,
            offset < LINE / 2,
        );
        let header = Header {
            count: 0,
            limit: limit(buckets) as u32,
            floor: floor(buckets) as u32,
            offset: offset as u32,
            min_expire: NEVER,
        };
        // SAFETY: before or behind the buckets lies half a line of this fresh allocation: its start is 16-aligned, so
        // `offset` is 0 or 16 (48 bytes or more are left behind) or 32 or 48 (left before). Zeroed buckets are empty.
        unsafe { segment.header_pointer().write(header) };
        segment
    }

    /// Frees the buckets, not the items. The caller holds the last handle.
    pub(super) fn free(self) {
        if !self.is_vacuum() {
            let offset = self.header().offset as usize;
            // SAFETY: allocated at this address with this layout, live until now, and never used again by the
            // caller's word.
            unsafe {
                dealloc(
                    self.first_bucket().cast::<u8>().sub(offset),
                    Self::layout(self.buckets()),
                )
            };
        }
    }

    /// Bytes of the allocation.
    pub(super) fn bytes(self) -> usize {
        if self.is_vacuum() {
            0
        } else {
            Self::layout(self.buckets()).size()
        }
    }

    #[inline]
    fn first_bucket(self) -> *mut Bucket {
        ptr::with_exposed_provenance_mut((self.0 & ADDRESS_MASK) as usize)
    }

    #[inline]
    fn header_pointer(self) -> *mut Header {
        let address = self.first_bucket();
        // SAFETY: either place lies in the allocation, see `allocate`.
        unsafe {
            if self.0 & HEADER_BEHIND != 0 {
                address.add(self.buckets()).cast()
            } else {
                address.cast::<Header>().sub(1)
            }
        }
    }

    #[inline]
    pub(super) fn depth(self) -> u32 {
        (self.0 & DEPTH_MASK) as u32
    }

    #[inline]
    pub(super) fn buckets(self) -> usize {
        (self.0 >> BUCKETS_SHIFT) as usize
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: live; `&mut` to the header is only made inside methods that hold no shared one.
        unsafe { &*self.header_pointer() }
    }

    #[inline]
    pub(super) fn header_mut(&mut self) -> &mut Header {
        debug_assert!(!self.is_vacuum());
        // SAFETY: live, never the vacuum (it holds no item and takes none), and used within one method at a time.
        unsafe { &mut *self.header_pointer() }
    }

    #[inline]
    pub(super) fn count(self) -> usize {
        self.header().count as usize
    }

    #[inline]
    pub(super) fn is_full(self) -> bool {
        let header = self.header();
        header.count >= header.limit
    }

    #[inline]
    pub(super) fn is_sparse(self) -> bool {
        let header = self.header();
        header.count < header.floor
    }

    #[inline]
    pub(super) fn min_expire(self) -> i64 {
        self.header().min_expire
    }

    #[inline]
    pub(super) fn set_min_expire(mut self, at: i64) {
        self.header_mut().min_expire = at;
    }

    #[inline]
    pub(super) fn lower_min_expire(mut self, at: i64) {
        let header = self.header_mut();
        header.min_expire = header.min_expire.min(at);
    }

    /// The 16 bits behind the prefix.
    #[inline]
    pub(super) fn h16(self, hash: u64) -> u64 {
        (hash << self.depth()) >> 48
    }

    #[inline]
    pub(super) fn home_of(self, hash: u64) -> usize {
        home(self.h16(hash), self.buckets())
    }

    /// The smallest h16 whose home is `bucket`.
    pub(super) fn first_h16(self, bucket: usize) -> u64 {
        ((bucket << 16).div_ceil(self.buckets())) as u64
    }

    #[inline]
    fn bucket_pointer(self, index: usize) -> *mut Bucket {
        debug_assert!(index < self.buckets());
        // SAFETY: the allocation has `buckets` buckets from the first on; callers stay below.
        unsafe { self.first_bucket().add(index) }
    }

    #[inline]
    pub(super) fn bucket(&self, index: usize) -> &Bucket {
        // SAFETY: live and in range; buckets are changed only by methods that hold no shared reference to them.
        unsafe { &*self.bucket_pointer(index) }
    }

    #[inline]
    pub(super) fn bucket_mut(&mut self, index: usize) -> &mut Bucket {
        debug_assert!(!self.is_vacuum());
        // SAFETY: as in `bucket`, and the vacuum is never written: it holds no item and takes none.
        unsafe { &mut *self.bucket_pointer(index) }
    }

    #[inline]
    pub(super) fn next(self, index: usize) -> usize {
        if index + 1 == self.buckets() {
            0
        } else {
            index + 1
        }
    }

    #[inline]
    pub(super) fn prefetch_home(self, hash: u64) {
        prefetch_line(self.bucket_pointer(self.home_of(hash)).addr());
    }

    /// Prefetches the likely item of `hash` by its tag in the home bucket, or what a search or an insert reads next.
    #[inline]
    pub(super) fn prefetch_item(self, hash: u64) {
        let home = self.home_of(hash);
        let h16 = self.h16(hash);
        let bucket = self.bucket(home);
        for slot in bucket.matching(tag_of(hash)) {
            let word = bucket.word(slot);
            if word >> 48 == h16 {
                let address = (word & POINTER_MASK) as usize;
                prefetch_line(address);
                return prefetch_line(address + LINE);
            }
        }
        prefetch_line(self.header_pointer().addr());
        if bucket.is_passed() {
            prefetch_line(self.bucket_pointer(self.next(home)).addr());
        }
    }

    /// Prefetches all items of a bucket.
    pub(super) fn prefetch_bucket_items(self, index: usize) {
        let bucket = self.bucket(index);
        for slot in bucket.occupied() {
            prefetch_line((bucket.word(slot) & POINTER_MASK) as usize);
        }
    }

    #[inline]
    pub(super) fn find<T: Item>(self, hash: u64, key: &[u8]) -> Option<Place> {
        self.find_by::<T>(hash, |item| item.key() == key)
    }

    /// As `find`, of an item that is known otherwise than by its key. The hash bits of a slot are compared before.
    #[inline]
    pub(super) fn find_by<T: Item>(self, hash: u64, is: impl Fn(&T) -> bool) -> Option<Place> {
        let tag = tag_of(hash);
        let h16 = self.h16(hash);
        let mut index = home(h16, self.buckets());
        loop {
            let bucket = self.bucket(index);
            for slot in bucket.matching(tag) {
                let place = Place {
                    bucket: index,
                    slot,
                };
                if bucket.word(slot) >> 48 == h16 && is(self.item::<T>(place)) {
                    return Some(place);
                }
            }
            if !bucket.is_passed() {
                return None;
            }
            index = self.next(index);
        }
    }

    /// The item at an occupied place. The caller bounds the lifetime by its borrow of the table.
    #[inline]
    pub(super) fn item<'a, T: Item>(self, place: Place) -> &'a T {
        // SAFETY: the bucket is live and the slot is one of its own. An occupied slot holds an item of the table's
        // type, which is transparent over this word and ignores the upper 16 bits. The item may be a cell: the
        // pointer comes from the allocation, not from a reference to the bucket, and no such reference is used
        // across a call that is given an item.
        unsafe {
            let word = &raw const (*self.bucket_pointer(place.bucket)).slots[place.slot];
            &*word.cast::<T>()
        }
    }

    /// As `item`. Whoever changes the item calls [`Segment::settle`] afterwards.
    #[inline]
    pub(super) fn item_mut<'a, T: Item>(mut self, place: Place) -> &'a mut T {
        let word: *mut u64 = self.bucket_mut(place.bucket).word_mut(place.slot);
        // SAFETY: as in `item`; the caller holds the table mutably.
        unsafe { &mut *word.cast::<T>() }
    }

    /// Restores what the slot knows about its item after a change through `item_mut`: the hash bits, which a
    /// replaced item does not bring, and the expiry.
    #[inline]
    pub(super) fn settle<T: Item>(mut self, place: Place, h16: u64) {
        let word = self.bucket_mut(place.bucket).word_mut(place.slot);
        *word = *word & POINTER_MASK | h16 << 48;
        let expire_at = self.item::<T>(place).expire_at();
        self.bucket_mut(place.bucket)
            .set_expires(place.slot, expire_at.is_some());
        if let Some(at) = expire_at {
            self.lower_min_expire(at.0);
        }
    }

    /// Visits the places of all items whose home is `index`.
    pub(super) fn for_each_at_home(self, index: usize, mut visit: impl FnMut(Place)) {
        let mut at = index;
        loop {
            // A copy, because `visit` may change what an item keeps in its word.
            let bucket = *self.bucket(at);
            for slot in bucket.occupied() {
                if home(bucket.word(slot) >> 48, self.buckets()) == index {
                    visit(Place { bucket: at, slot });
                }
            }
            if !bucket.is_passed() {
                return;
            }
            at = self.next(at);
        }
    }

    /// Visits all occupied places, with the items of the bucket after next on their way into the cache.
    pub(super) fn for_each_place(self, mut visit: impl FnMut(Place)) {
        if self.count() == 0 {
            return;
        }
        self.prefetch_bucket_items(0);
        for index in 0..self.buckets() {
            if index + 1 < self.buckets() {
                self.prefetch_bucket_items(index + 1);
            }
            for slot in self.bucket(index).occupied() {
                visit(Place {
                    bucket: index,
                    slot,
                });
            }
        }
    }

    /// A copy with another number of buckets; this one still awaits `free`. Reads no item.
    pub(super) fn resized(self, buckets: usize) -> Segment {
        let new = Segment::allocate(buckets, self.depth());
        for index in 0..self.buckets() {
            let bucket = self.bucket(index);
            for slot in bucket.occupied() {
                let word = bucket.word(slot);
                new.place(word >> 48, bucket.tag(slot), word, bucket.expires(slot));
            }
        }
        new.set_min_expire(self.min_expire());
        new
    }

    /// Copies an item of another segment into this one by its full hash.
    pub(super) fn adopt<T: Item>(self, from: Segment, place: Place, hash: u64) {
        let bucket = from.bucket(place.bucket);
        let expires = bucket.expires(place.slot);
        self.place(
            self.h16(hash),
            bucket.tag(place.slot),
            bucket.word(place.slot),
            expires,
        );
        if expires && let Some(at) = from.item::<T>(place).expire_at() {
            self.lower_min_expire(at.0);
        }
    }

    /// Asserts every invariant of the module's header.
    #[cfg(test)]
    pub(super) fn check<T: Item>(self, seed: u64, prefix: u64) {
        let mut count = 0;
        for index in 0..self.buckets() {
            let bucket = *self.bucket(index);
            assert_eq!(
                bucket.is_passed(),
                self.passing(index).is_some(),
                "passed bit of bucket {index}"
            );
            assert!(
                !bucket.is_passed() || bucket.occupied_count() == super::bucket::SLOTS,
                "a passed bucket is full"
            );
            for slot in bucket.occupied() {
                let item = self.item::<T>(Place {
                    bucket: index,
                    slot,
                });
                let hash = item.hash(seed);
                assert_eq!(bucket.word(slot) >> 48, self.h16(hash));
                assert_eq!(bucket.tag(slot), tag_of(hash));
                assert_eq!(bucket.expires(slot), item.expire_at().is_some());
                assert!(item.expire_at().is_none_or(|at| self.min_expire() <= at.0));
                assert!(
                    self.depth() == 0 || (hash ^ prefix) >> (64 - self.depth()) == 0,
                    "wrong segment"
                );
                count += 1;
            }
        }
        assert_eq!(count, self.count());
        assert!(self.is_vacuum() || self.count() <= limit(self.buckets()));
    }
}
