//! Where an item goes whose home bucket is full, and how removal undoes it.
//!
//! The item takes the first vacancy behind its home, wrapping around, and sets the passed bit of every bucket on the
//! way. Removal pulls passing items back into the gap and recomputes the bits that may have lost their last passer:
//! whatever is inserted and removed, a search for an absent key stops where it would in a fresh segment.

use super::bucket::POINTER_MASK;
use super::segment::{Place, Segment, home};

impl Segment {
    /// Puts a pointer at the first vacancy from its home. The segment is not full.
    #[inline]
    pub(super) fn place(mut self, h16: u64, tag: u8, word: u64, expires: bool) {
        let mut index = home(h16, self.buckets());
        let word = word & POINTER_MASK | h16 << 48;
        loop {
            let bucket = self.bucket_mut(index);
            if let Some(slot) = bucket.vacant() {
                bucket.fill(slot, tag, word, expires);
                break;
            }
            bucket.set_passed(true);
            index = self.next(index);
        }
        self.header_mut().count += 1;
    }

    /// Takes the word out of its slot, pulls passing items back into the gap and keeps the passed bits exact.
    pub(super) fn erase(mut self, place: Place) -> u64 {
        let word = self.bucket(place.bucket).word(place.slot);
        let first = home(word >> 48, self.buckets());
        self.bucket_mut(place.bucket).vacate(place.slot);
        self.header_mut().count -= 1;
        let mut gap = place;
        while self.bucket(gap.bucket).is_passed() {
            let from = self
                .passing(gap.bucket)
                .expect("a passed bit means that some item passes");
            let source = *self.bucket(from.bucket);
            let (tag, word, expires) = (
                source.tag(from.slot),
                source.word(from.slot),
                source.expires(from.slot),
            );
            self.bucket_mut(gap.bucket)
                .fill(gap.slot, tag, word, expires);
            self.bucket_mut(from.bucket).vacate(from.slot);
            gap = from;
        }
        // Everything between the removed item's home and the last gap may have lost its last passer.
        let mut index = gap.bucket;
        while index != first {
            index = if index == 0 {
                self.buckets() - 1
            } else {
                index - 1
            };
            let passed = self.bucket(index).vacant().is_none() && self.passing(index).is_some();
            self.bucket_mut(index).set_passed(passed);
        }
        word
    }

    /// The nearest item that passes bucket `index`. The passed bits behind `index` are exact.
    pub(super) fn passing(self, index: usize) -> Option<Place> {
        let buckets = self.buckets();
        let mut at = index;
        for distance in 1..buckets {
            at = self.next(at);
            let bucket = self.bucket(at);
            for slot in bucket.occupied() {
                let from = home(bucket.word(slot) >> 48, buckets);
                let displacement = if from <= at {
                    at - from
                } else {
                    at + buckets - from
                };
                if displacement >= distance {
                    return Some(Place { bucket: at, slot });
                }
            }
            if !bucket.is_passed() {
                return None;
            }
        }
        None
    }
}
