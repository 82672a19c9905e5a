//! A found item that may be changed, replaced or removed.

use super::segment::{Place, Segment};
use super::{Item, Table};

/// Borrowed from [`Table::find_mut`]. The table learns of a changed expiry when the slot is dropped.
pub struct Slot<'a, T: Item> {
    table: &'a mut Table<T>,
    segment: Segment,
    place: Place,
    hash: u64,
    changed: bool,
}

impl<'a, T: Item> Slot<'a, T> {
    #[inline]
    pub(super) fn new(table: &'a mut Table<T>, segment: Segment, place: Place, hash: u64) -> Self {
        Slot {
            table,
            segment,
            place,
            hash,
            changed: false,
        }
    }

    #[inline]
    pub fn get(&self) -> &T {
        self.segment.item(self.place)
    }

    /// The item, to change in place or to replace by another with the same key.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.changed = true;
        self.segment.item_mut(self.place)
    }

    /// Puts `item`, which has the same key, in the place of the old one.
    #[inline]
    pub fn replace(&mut self, item: T) -> T {
        debug_assert!(item.key() == self.get().key());
        std::mem::replace(self.get_mut(), item)
    }

    pub fn remove(mut self) -> T {
        self.changed = false;
        self.table.take(self.hash, self.segment, self.place)
    }
}

impl<T: Item> Drop for Slot<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.changed {
            self.segment
                .settle::<T>(self.place, self.segment.h16(self.hash));
        }
    }
}
