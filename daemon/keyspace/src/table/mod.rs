//! The hash table of keys, and of the elements of big collections.
//!
//! A directory of small segments, see `directory`, `segment` and `bucket`. What the shape buys:
//!
//! - No step is longer than one split or merge of a segment (some 400 items), however large the table is. Only items
//!   whose hashes share a long prefix, which a keyed hash does not produce, make a segment larger than that.
//! - Items lie in hash order between segments and between home buckets, so the scan cursor is a hash prefix and a
//!   snapshot block is a hash range.
//! - A table of few items is one small segment, and an empty one has none.
//!
//! The table does not hash keys on its own: the caller passes `item.hash(seed)`, computed early and outside locks.
//! It never evicts or expires by itself. Iteration order is hash order and so differs between datasets.
//!
//! Files: `item` what the table holds · `slot` a found item · `scan` cursors and random items · `sweep` walks and
//! expiry · `resize` growth, splits, merges, loading.

mod bucket;
mod cursor;
mod directory;
mod item;
mod overflow;
mod resize;
mod scan;
mod segment;
mod size;
mod slot;
mod sweep;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;

pub use item::Item;
pub use slot::Slot;

use bucket::tag_of;
use directory::Directory;
use segment::{Place, Segment};

/// What a table consists of. `bytes` are those of segments and directory, not those of the items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub items: usize,
    pub segments: usize,
    pub buckets: usize,
    pub bytes: usize,
}

pub struct Table<T: Item> {
    directory: Directory,
    seed: u64,
    len: usize,
    segments: usize,
    segment_bytes: usize,
    /// Buckets of a segment's first allocation; more than one only while a reserved table is filled.
    fresh_buckets: usize,
    /// The most buckets that any segment has had: what `random` draws from.
    buckets_max: usize,
    _items: PhantomData<T>,
}

impl<T: Item> Table<T> {
    pub fn new(seed: u64) -> Table<T> {
        const { assert!(size_of::<T>() == size_of::<u64>() && align_of::<T>() == align_of::<u64>()) };
        Table {
            directory: Directory::new(),
            seed,
            len: 0,
            segments: 0,
            segment_bytes: 0,
            fresh_buckets: 1,
            buckets_max: 1,
            _items: PhantomData,
        }
    }

    #[inline]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<&T> {
        let segment = self.directory.find(hash);
        let place = segment.find::<T>(hash, key)?;
        Some(segment.item(place))
    }

    /// The item of that hash that `is` knows; `is` may also be shown items of other hashes.
    pub fn find_by(&self, hash: u64, is: impl Fn(&T) -> bool) -> Option<&T> {
        let segment = self.directory.find(hash);
        let place = segment.find_by::<T>(hash, is)?;
        Some(segment.item(place))
    }

    #[inline]
    pub fn find_mut(&mut self, hash: u64, key: &[u8]) -> Option<Slot<'_, T>> {
        let segment = self.directory.find(hash);
        let place = segment.find::<T>(hash, key)?;
        Some(Slot::new(self, segment, place, hash))
    }

    /// Adds an item whose key the caller knows to be absent. `hash` is `item.hash(seed)`.
    #[inline]
    pub fn insert_new(&mut self, hash: u64, item: T) {
        let mut segment = self.directory.find(hash);
        while segment.is_full() {
            segment = self.make_room(hash, segment);
        }
        let expire_at = item.expire_at();
        segment.place(
            segment.h16(hash),
            tag_of(hash),
            item.into_word(),
            expire_at.is_some(),
        );
        if let Some(at) = expire_at {
            segment.lower_min_expire(at.0);
        }
        self.len += 1;
    }

    /// Takes an item out of its place and lets the segment shrink. The place is occupied.
    fn take(&mut self, hash: u64, segment: Segment, place: Place) -> T {
        let word = segment.erase(place);
        self.len -= 1;
        if segment.is_sparse() || segment.count() <= resize::MERGE_CHECK {
            self.give_room(hash, segment);
        }
        T::from_word(word)
    }

    /// First stage of a batch: asks for the bucket's cache line.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.directory.find(hash).prefetch_home(hash);
    }

    /// Second stage, some hundred nanoseconds later: asks for the lines of the item that probably is meant.
    #[inline]
    pub fn prefetch_item(&self, hash: u64) {
        self.directory.find(hash).prefetch_item(hash);
    }

    /// Visits every item, in hash order between segments.
    pub fn for_each(&self, mut f: impl FnMut(&T)) {
        self.directory
            .for_each(|_, segment| segment.for_each_place(|place| f(segment.item(place))));
    }

    pub fn stats(&self) -> Stats {
        let line_bytes = size_of::<bucket::Bucket>();
        Stats {
            items: self.len,
            segments: self.segments,
            buckets: self.segment_bytes / line_bytes - self.segments,
            bytes: self.segment_bytes + self.directory.bytes(),
        }
    }

    /// Drops all items, which takes as long as there are many: a large table is better taken out and dropped elsewhere.
    pub fn clear(&mut self) {
        *self = Table::new(self.seed);
    }

    fn allocate(&mut self, buckets: usize, depth: u32) -> Segment {
        let segment = Segment::allocate(buckets, depth);
        self.adopt_segment(segment);
        segment
    }

    /// Counts a segment that was just allocated.
    fn adopt_segment(&mut self, segment: Segment) {
        self.segments += 1;
        self.segment_bytes += segment.bytes();
        self.buckets_max = self.buckets_max.max(segment.buckets());
    }

    /// Frees a segment whose handle has left the directory and whose items have moved on.
    fn release(&mut self, segment: Segment) {
        if !segment.is_vacuum() {
            self.segments -= 1;
            self.segment_bytes -= segment.bytes();
            segment.free();
        }
    }

    /// Asserts the invariants of every level.
    #[cfg(test)]
    fn check(&self) {
        let (mut items, mut segments, mut bytes) = (0, 0, 0);
        self.directory.check();
        self.directory.for_each(|start, segment| {
            segment.check::<T>(self.seed, start);
            items += segment.count();
            segments += usize::from(!segment.is_vacuum());
            bytes += segment.bytes();
            assert!(segment.is_vacuum() || segment.buckets() <= self.buckets_max);
            assert!(segment.depth() <= self.directory.depth_max());
        });
        assert_eq!(
            (items, segments, bytes),
            (self.len, self.segments, self.segment_bytes)
        );
    }
}

impl<T: Item> Drop for Table<T> {
    fn drop(&mut self) {
        self.directory.for_each(|_, segment| {
            segment.for_each_place(|place| {
                drop(T::from_word(segment.bucket(place.bucket).word(place.slot)))
            });
        });
        // Apart from the visit above: `for_each` still reads a segment's handle after it has visited it.
        let mut segments = Vec::with_capacity(self.segments);
        self.directory.for_each(|_, segment| segments.push(segment));
        for segment in segments {
            segment.free();
        }
    }
}

impl<T: Item> std::fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
