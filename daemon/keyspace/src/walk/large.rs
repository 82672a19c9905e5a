//! Large values: hash tables, whose elements a walk copies one by one.
//!
//! A large value has an epoch, and so has each of its elements. An element whose epoch is not the value's is *old*:
//! the walk that *opened* the value still needs it. Opening a value only moves the value's epoch on, which makes all
//! its elements old at once. Whoever changes an old element first queues its image; new elements are never old.
//!
//! Invariant: the elements of a value that is not open all have the value's epoch. A value and elements that are made
//! outside of a transaction (COPY, RESTORE, loading, conversion) have epoch 0, which keeps it.

use crate::table::{Item, Table};

use super::{EPOCHS, Snap};

/// The head of a large value: what a walk knows about it.
#[derive(Debug, Default)]
pub struct Large {
    epoch: u8,
    /// The number under which a walk has opened the value; 0 if none has.
    opened: u64,
}

impl Large {
    /// The head of a new value, whose elements have epoch 0.
    pub const fn new() -> Large {
        Large {
            epoch: 0,
            opened: 0,
        }
    }

    pub(super) fn epoch(&self) -> u8 {
        self.epoch
    }

    pub(super) fn opened(&self) -> Option<u64> {
        (self.opened != 0).then_some(self.opened)
    }

    /// Makes all elements old.
    pub(super) fn open(&mut self, number: u64) {
        assert!(self.opened == 0, "a value is opened once");
        self.opened = number;
        self.epoch = (self.epoch + 1) % EPOCHS;
    }

    /// No element is old any more.
    pub(super) fn close(&mut self) {
        self.opened = 0;
    }
}

/// An element of a large value.
pub trait LargeItem: Item {
    /// Two bits; 0 in a new element.
    fn epoch(&self) -> u8;

    fn set_epoch(&self, epoch: u8);

    /// Appends the element as it stands in a snapshot: `put_member`, `put_field` or `put_scored` of
    /// `esker_format::native::value`.
    fn encode(&self, out: &mut Vec<u8>);
}

/// The table of a large value, whatever its elements are.
pub trait LargeTable {
    /// Passes the segment of the table that holds `position`: elements of another epoch are appended to `out`, if
    /// there is one, and get this epoch. Once `out` is longer than the limit beside it, the others stay as they are.
    /// Returns how many elements the segment has, and where to go on: the same position if some were left.
    fn pass(
        &mut self,
        position: u64,
        epoch: u8,
        out: Option<(&mut Vec<u8>, usize)>,
    ) -> (usize, Option<u64>);
}

impl<T: LargeItem> LargeTable for Table<T> {
    fn pass(
        &mut self,
        position: u64,
        epoch: u8,
        mut out: Option<(&mut Vec<u8>, usize)>,
    ) -> (usize, Option<u64>) {
        let (mut visited, mut left) = (0, false);
        let next = self.walk_segment(position, |item| {
            visited += 1;
            if item.epoch() == epoch {
                return;
            }
            if let Some((out, limit)) = &mut out {
                if out.len() > *limit {
                    left = true;
                    return;
                }
                item.encode(out);
            }
            item.set_epoch(epoch);
        });
        (visited, if left { Some(position) } else { next })
    }
}

/// What an operation on a collection owes to a walk about the elements that it changes. Nothing if the collection is
/// not a large one.
pub struct Elements<'a> {
    epoch: u8,
    /// The walk that has opened the collection, and the number under which it did.
    walk: Option<(&'a mut Snap, u64)>,
}

impl Elements<'_> {
    /// For values that are not stored: nobody walks them.
    pub fn unwatched() -> Elements<'static> {
        Elements {
            epoch: 0,
            walk: None,
        }
    }

    /// Before an element changes in place, be it its value, its score or its expiry.
    #[inline]
    pub fn before_change<T: LargeItem>(&mut self, item: &T) {
        if item.epoch() != self.epoch {
            self.image(item);
            item.set_epoch(self.epoch);
        }
    }

    /// Takes an element that was removed.
    #[inline]
    pub fn donate<T: LargeItem>(&mut self, item: T) {
        if item.epoch() != self.epoch {
            self.image(&item);
        }
    }

    /// Marks an element that is added, before or after it comes into its table.
    #[inline]
    pub fn admit<T: LargeItem>(&self, item: &T) {
        item.set_epoch(self.epoch);
    }

    #[cold]
    fn image<T: LargeItem>(&mut self, item: &T) {
        if let Some((snap, opened)) = &mut self.walk {
            snap.queue_element(*opened, |out| item.encode(out));
        }
    }
}

impl<'a> Elements<'a> {
    /// For a change of the value with this head; `None` if it is not large.
    pub(crate) fn of(large: Option<&Large>, snap: &'a mut Snap) -> Elements<'a> {
        match large {
            None => Elements {
                epoch: 0,
                walk: None,
            },
            Some(large) => Elements {
                epoch: large.epoch,
                walk: (large.opened != 0).then_some((snap, large.opened)),
            },
        }
    }
}
