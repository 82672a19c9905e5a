//! Growth and shrinking, one segment at a time, and the ways to load many items at once.
//!
//! Hysteresis: a full segment splits at some 400 items into halves of 200; buddies merge at 128 together. A segment
//! shrinks below 45 % to the size that the rest fills to about 70 %.

use super::directory::{Directory, next_prefix};
use super::segment::{DEPTH_MAX, Segment};
use super::size::{BUCKETS_LIMIT, BUCKETS_MAX, buckets_for, next_size};
use super::{Item, Table};

/// A segment with so few items is checked for a merge.
pub(super) const MERGE_CHECK: usize = 64;
/// Buddies merge when they have no more than this together.
const MERGE_MAX: usize = 128;
/// Mean items of a reserved segment: four standard deviations below a split.
const RESERVE_FILL: usize = 320;
/// A split that sets apart less than this share of the items is lopsided. It may make the directory longer only up to
/// one word per item of the table; otherwise the segment grows beyond its usual size instead. So equal prefixes cannot
/// blow up the directory, and a load in hash order into a table that was not reserved still finds its way down.
const LOPSIDED_SHARE: usize = 8;

impl<T: Item> Table<T> {
    /// Makes the full segment of `hash` larger or splits it; returns the segment that now holds `hash`.
    #[cold]
    pub(super) fn make_room(&mut self, hash: u64, segment: Segment) -> Segment {
        if segment.is_vacuum() {
            let fresh = self.allocate(self.fresh_buckets, segment.depth());
            self.directory.update(hash, fresh);
        } else if segment.buckets() < BUCKETS_MAX || !self.split(hash, segment) {
            self.resize(hash, segment, next_size(segment.buckets()));
        }
        self.directory.find(hash)
    }

    /// Lets the segment of `hash` shrink after removals, and merge with its buddy.
    #[cold]
    pub(super) fn give_room(&mut self, hash: u64, segment: Segment) {
        let count = segment.count();
        if count == 0 && segment.depth() > 0 {
            self.directory
                .update(hash, Segment::vacuum(segment.depth()));
            self.release(segment);
        } else if segment.is_sparse() {
            self.resize(hash, segment, buckets_for(count + count / 3));
        }
        if count.is_multiple_of(8) {
            while self.merge(hash) {}
        }
        if self.len == 0 && !self.directory.is_single() {
            // What is left are segments without items.
            self.clear();
        }
    }

    fn resize(&mut self, hash: u64, segment: Segment, buckets: usize) {
        if buckets == segment.buckets() {
            return;
        }
        let resized = segment.resized(buckets);
        self.adopt_segment(resized);
        self.directory.update(hash, resized);
        self.release(segment);
    }

    /// Divides a segment by its next hash bit, unless that costs more than it gives.
    fn split(&mut self, hash: u64, segment: Segment) -> bool {
        let depth = segment.depth() + 1;
        if depth > DEPTH_MAX {
            return false;
        }
        let hashes = self.hashes(segment);
        let bit = 1 << (64 - depth);
        let high_count = hashes.iter().filter(|hash| **hash & bit != 0).count();
        let low_count = hashes.len() - high_count;
        let lopsided = low_count.min(high_count) * LOPSIDED_SHARE < hashes.len();
        if lopsided
            && segment.buckets() < BUCKETS_LIMIT
            && self.directory.split_doubles(hash)
            && self.directory.words_after_double(hash) > self.len
        {
            return false;
        }
        let low = self.allocate_for(low_count, depth);
        let high = self.allocate_for(high_count, depth);
        let mut hashes = hashes.into_iter();
        segment.for_each_place(|place| {
            let hash = hashes.next().expect("one hash for each item");
            let half = if hash & bit == 0 { low } else { high };
            half.adopt::<T>(segment, place, hash);
        });
        self.directory.split(hash, low, high);
        self.release(segment);
        true
    }

    /// Merges the segment of `hash` with its buddy if both are sparse; whether it did.
    fn merge(&mut self, hash: u64) -> bool {
        let segment = self.directory.find(hash);
        let depth = segment.depth();
        if depth == 0 {
            return false;
        }
        let buddy = self.directory.find(hash ^ 1 << (64 - depth));
        let count = segment.count() + buddy.count();
        if buddy.depth() != depth || count > MERGE_MAX {
            return false;
        }
        let merged = self.allocate_for(count, depth - 1);
        for half in [segment, buddy] {
            let mut hashes = self.hashes(half).into_iter();
            half.for_each_place(|place| {
                let hash = hashes.next().expect("one hash for each item");
                merged.adopt::<T>(half, place, hash);
            });
        }
        self.directory.merge(hash, merged);
        self.release(segment);
        self.release(buddy);
        true
    }

    /// A segment for `items` and a few more.
    fn allocate_for(&mut self, items: usize, depth: u32) -> Segment {
        if items == 0 {
            return Segment::vacuum(depth);
        }
        self.allocate(buckets_for(items + 1), depth)
    }

    /// The hashes of a segment's items, in the order of `for_each_place`.
    fn hashes(&self, segment: Segment) -> Vec<u64> {
        let mut hashes = Vec::with_capacity(segment.count());
        segment.for_each_place(|place| hashes.push(segment.item::<T>(place).hash(self.seed)));
        hashes
    }

    /// Prepares an empty table for `items` items: a directory that needs no split, and segments that are allocated in
    /// their final size by the first item that enters them. Of a table with items nothing changes.
    pub fn reserve(&mut self, items: usize) {
        if self.len > 0 {
            return;
        }
        let mut depth = 0;
        while items.div_ceil(1 << depth) > RESERVE_FILL && depth < DEPTH_MAX - 4 {
            depth += 1;
        }
        self.clear();
        let mean = items.div_ceil(1 << depth);
        self.fresh_buckets = buckets_for(mean.max(1)).min(BUCKETS_MAX);
        self.directory = Directory::uniform(depth);
    }

    /// Ends the effect of [`Table::reserve`] on segments to come.
    pub fn loaded(&mut self) {
        self.fresh_buckets = 1;
    }

    /// Takes over all items of `other`, which has the same seed and no key in common. If both were reserved for the
    /// same number and filled with the two sides of a 256th of the hash space, whole parts change hands; otherwise
    /// item by item. For loading in several threads.
    pub fn absorb(&mut self, mut other: Table<T>) {
        assert_eq!(self.seed, other.seed, "one dataset has one seed");
        if self.directory.absorb(&mut other.directory) {
            self.recount();
            other.recount();
            self.buckets_max = self.buckets_max.max(other.buckets_max);
            return;
        }
        let mut position = Some(0);
        while let Some(start) = position {
            let segment = other.directory.find(start);
            position = next_prefix(start, segment.depth());
            let hashes = other.hashes(segment);
            other
                .directory
                .update(start, Segment::vacuum(segment.depth()));
            let mut hashes = hashes.into_iter();
            segment.for_each_place(|place| {
                let word = segment.bucket(place.bucket).word(place.slot);
                self.insert_new(
                    hashes.next().expect("one hash for each item"),
                    T::from_word(word),
                );
            });
            other.len -= segment.count();
            other.release(segment);
        }
    }

    fn recount(&mut self) {
        (self.len, self.segments, self.segment_bytes) = (0, 0, 0);
        let (mut len, mut segments, mut bytes) = (0, 0, 0);
        self.directory.for_each(|_, segment| {
            len += segment.count();
            segments += usize::from(!segment.is_vacuum());
            bytes += segment.bytes();
        });
        (self.len, self.segments, self.segment_bytes) = (len, segments, bytes);
    }
}
