//! Walks over whole segments: the snapshot's and the expiry cycle's.
//!
//! Positions are hashes. A position stays good whatever happens to the table: it names the segment that holds it
//! now. After a merge a walk may see items again that it has passed; walkers tell them by their epoch.

use super::directory::next_prefix;
use super::segment::{NEVER, Place, Segment};
use super::{Item, Table};
use crate::UnixMs;

impl<T: Item> Table<T> {
    /// Visits every item of the segment that holds `position`, in no particular order, and returns where the next
    /// segment begins, `None` behind the last. `f` may change an item but not its key.
    pub fn walk_segment(&mut self, position: u64, mut f: impl FnMut(&mut T)) -> Option<u64> {
        let segment = self.directory.find(position);
        segment.for_each_place(|place| {
            let h16 = segment.bucket(place.bucket).word(place.slot) >> 48;
            f(segment.item_mut(place));
            segment.settle::<T>(place, h16);
        });
        next_prefix(position, segment.depth())
    }

    /// Visits the items of the segment that holds `position` whose expiry lies before `now`; returns as
    /// [`Table::walk_segment`]. Costs next to nothing where nothing is due.
    pub fn due_in_segment(&self, position: u64, now: UnixMs, mut f: impl FnMut(&T)) -> Option<u64> {
        let segment = self.directory.find(position);
        if segment.min_expire() < now.0 {
            segment.for_each_place(|place| {
                if Self::is_due(segment, place, now) {
                    f(segment.item(place));
                }
            });
        }
        next_prefix(position, segment.depth())
    }

    /// Removes the items that [`Table::due_in_segment`] would visit and hands them over.
    pub fn expire_segment(
        &mut self,
        position: u64,
        now: UnixMs,
        mut f: impl FnMut(T),
    ) -> Option<u64> {
        let segment = self.directory.find(position);
        let next = next_prefix(position, segment.depth());
        if segment.min_expire() >= now.0 {
            return next;
        }
        for index in 0..segment.buckets() {
            // Removal pulls other items into the bucket, which then count as its own.
            while let Some(place) = Self::first_due(segment, index, now) {
                let word = segment.erase(place);
                self.len -= 1;
                f(T::from_word(word));
            }
        }
        let mut min_expire = NEVER;
        segment.for_each_place(|place| {
            if segment.bucket(place.bucket).expires(place.slot)
                && let Some(at) = segment.item::<T>(place).expire_at()
            {
                min_expire = min_expire.min(at.0);
            }
        });
        segment.set_min_expire(min_expire);
        self.give_room(position, segment);
        next
    }

    /// No item of the segment that holds `position` expires before this; may be too early, never too late.
    pub fn min_expire_of_segment(&self, position: u64) -> i64 {
        self.directory.find(position).min_expire()
    }

    fn is_due(segment: Segment, place: Place, now: UnixMs) -> bool {
        segment.bucket(place.bucket).expires(place.slot)
            && segment
                .item::<T>(place)
                .expire_at()
                .is_some_and(|at| at.0 < now.0)
    }

    fn first_due(segment: Segment, index: usize, now: UnixMs) -> Option<Place> {
        let bucket = segment.bucket(index);
        if !bucket.any_expires() {
            return None;
        }
        bucket
            .occupied()
            .map(|slot| Place {
                bucket: index,
                slot,
            })
            .find(|place| Self::is_due(segment, *place, now))
    }
}
