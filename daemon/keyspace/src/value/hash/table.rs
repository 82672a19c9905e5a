//! A large hash: a table of fields.
//!
//! Invariants
//! - `item_bytes` is the sum of the fields' allocations, and `volatile` the number of fields with an expiry.
//! - No field expires before `earliest`, and it is `None` exactly if no field expires. It may be too early, never too
//!   late: each segment of the table knows its own earliest expiry no better. A pass over all segments corrects it.

use crate::UnixMs;
use crate::limits::Limits;
use crate::table::Table;
use crate::tx::Expiry;
use crate::walk::{Elements, Large};

use super::field::FieldItem;

const NEVER: UnixMs = UnixMs(i64::MAX);

#[derive(Debug)]
pub struct HashTable {
    pub(super) large: Large,
    pub(super) table: Table<FieldItem>,
    item_bytes: usize,
    volatile: usize,
    earliest: Option<UnixMs>,
    pass: Pass,
}

/// A pass over the segments that deletes what is due and looks for what expires next.
#[derive(Debug)]
struct Pass {
    position: u64,
    /// What the segments before `position` and the changes since the pass began say about the next expiry.
    earliest: UnixMs,
}

impl Pass {
    const fn new() -> Pass {
        Pass {
            position: 0,
            earliest: NEVER,
        }
    }
}

/// What came of one step of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Segments visited and fields deleted.
    pub(crate) work: usize,
    /// Whether the pass came to the end of the table.
    pub(crate) complete: bool,
}

impl HashTable {
    pub(super) fn new(limits: &Limits) -> HashTable {
        HashTable::with_seed(limits.hash_seed)
    }

    fn with_seed(seed: u64) -> HashTable {
        HashTable {
            large: Large::new(),
            table: Table::new(seed),
            item_bytes: 0,
            volatile: 0,
            earliest: None,
            pass: Pass::new(),
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fields with an expiry.
    pub fn volatile(&self) -> usize {
        self.volatile
    }

    /// No field expires before this; `None` if none expires at all.
    pub fn earliest(&self) -> Option<UnixMs> {
        self.earliest
    }

    pub fn for_each(&self, f: impl FnMut(&FieldItem)) {
        self.table.for_each(f);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        crate::entry::size_class(size_of::<HashTable>())
            + self.table.stats().bytes
            + self.item_bytes
    }

    #[inline]
    pub(super) fn hash_of(&self, name: &[u8]) -> u64 {
        crate::hash::hash_key(self.table.seed(), name)
    }

    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<&FieldItem> {
        self.table.find(self.hash_of(name), name)
    }

    #[inline]
    fn account(&mut self, before: Option<UnixMs>, after: Option<UnixMs>) {
        self.volatile -= usize::from(before.is_some());
        if let Some(at) = after {
            self.volatile += 1;
            self.earliest = Some(self.earliest.map_or(at, |earliest| earliest.min(at)));
            // Behind the position of a pass the table has no other witness of it.
            self.pass.earliest = self.pass.earliest.min(at);
        }
        if self.volatile == 0 {
            self.earliest = None;
            self.pass = Pass::new();
        }
    }

    /// Adds a field whose name is not there.
    pub(super) fn insert_new(
        &mut self,
        name: &[u8],
        value: &[u8],
        expire_at: Option<UnixMs>,
        elements: &Elements<'_>,
    ) {
        self.insert_hashed(self.hash_of(name), name, value, expire_at, elements);
    }

    fn insert_hashed(
        &mut self,
        hash: u64,
        name: &[u8],
        value: &[u8],
        expire_at: Option<UnixMs>,
        elements: &Elements<'_>,
    ) {
        let item = FieldItem::new(name, value, expire_at);
        elements.admit(&item);
        self.item_bytes += item.heap_bytes();
        self.table.insert_new(hash, item);
        self.account(None, expire_at);
    }

    /// Stores a field; one that is due counts as absent. Returns whether it is new.
    #[inline]
    pub(super) fn set(
        &mut self,
        name: &[u8],
        value: &[u8],
        expiry: Expiry,
        now: UnixMs,
        elements: &mut Elements<'_>,
    ) -> bool {
        let hash = self.hash_of(name);
        let Some(mut slot) = self.table.find_mut(hash, name) else {
            self.insert_hashed(hash, name, value, expiry.after(None), elements);
            return true;
        };
        let before = slot.get().expires_at();
        let due = before.is_some_and(|at| at < now);
        let after = expiry.after(before.filter(|_| !due));
        let old_bytes = slot.get().heap_bytes();
        elements.before_change(slot.get());
        if !slot.get_mut().try_overwrite(value, after) {
            let item = FieldItem::new(name, value, after);
            elements.admit(&item);
            self.item_bytes += item.heap_bytes();
            self.item_bytes -= old_bytes;
            slot.replace(item);
        }
        drop(slot);
        if before.is_some() || after.is_some() {
            self.account(before, after);
        }
        due
    }

    /// Gives a field that is there another expiry.
    pub(super) fn set_expiry(
        &mut self,
        name: &[u8],
        after: Option<UnixMs>,
        elements: &mut Elements<'_>,
    ) -> bool {
        let hash = self.hash_of(name);
        let Some(mut slot) = self.table.find_mut(hash, name) else {
            return false;
        };
        let (before, old_bytes) = (slot.get().expires_at(), slot.get().heap_bytes());
        elements.before_change(slot.get());
        if !slot.get_mut().try_set_expiry(after) {
            let item = FieldItem::new(name, slot.get().value(), after);
            elements.admit(&item);
            self.item_bytes += item.heap_bytes();
            self.item_bytes -= old_bytes;
            slot.replace(item);
        }
        drop(slot);
        self.account(before, after);
        true
    }

    /// Takes a field out. `None` if it was not there, else whether it was due.
    pub(super) fn remove(
        &mut self,
        name: &[u8],
        now: UnixMs,
        elements: &mut Elements<'_>,
    ) -> Option<bool> {
        let item = self.table.find_mut(self.hash_of(name), name)?.remove();
        let before = item.expires_at();
        self.item_bytes -= item.heap_bytes();
        self.account(before, None);
        elements.donate(item);
        Some(before.is_some_and(|at| at < now))
    }

    /// Goes on with the pass over the segments and deletes what is due, until `budget` is used up: a segment counts
    /// one, a deleted field one more. `gone` is shown each deleted field.
    pub(super) fn sweep(
        &mut self,
        now: UnixMs,
        budget: usize,
        elements: &mut Elements<'_>,
        mut gone: impl FnMut(&[u8]),
    ) -> Swept {
        let mut work = 0;
        if self.pass.position == 0 {
            self.pass.earliest = NEVER;
        }
        while work < budget && self.volatile > 0 {
            let HashTable {
                table,
                item_bytes,
                volatile,
                ..
            } = self;
            let position = self.pass.position;
            let next = table.expire_segment(position, now, |item| {
                *volatile -= 1;
                *item_bytes -= item.heap_bytes();
                work += 1;
                gone(item.name());
                elements.donate(item);
            });
            work += 1;
            // A segment that has just merged with one to come says too little about what is left of this one.
            let here = UnixMs(table.min_expire_of_segment(position)).max(now);
            self.pass.earliest = self.pass.earliest.min(here);
            let Some(next) = next else {
                self.finish_pass();
                return Swept {
                    work,
                    complete: true,
                };
            };
            self.pass.position = next;
        }
        if self.volatile == 0 {
            self.finish_pass();
        }
        Swept {
            work,
            complete: self.volatile == 0,
        }
    }

    fn finish_pass(&mut self) {
        self.earliest = (self.volatile > 0).then_some(self.pass.earliest);
        self.pass = Pass::new();
    }

    /// An equal table of its own, of epoch 0.
    pub(super) fn duplicate(&self) -> HashTable {
        let mut copy = HashTable::with_seed(self.table.seed());
        copy.table.reserve(self.len());
        let elements = Elements::unwatched();
        self.for_each(|item| {
            copy.insert_new(item.name(), item.value(), item.expires_at(), &elements);
        });
        copy
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        let (mut bytes, mut volatile, mut earliest) = (0, 0, None::<UnixMs>);
        self.for_each(|item| {
            bytes += item.heap_bytes();
            if let Some(at) = item.expires_at() {
                volatile += 1;
                earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
            }
        });
        assert_eq!((bytes, volatile), (self.item_bytes, self.volatile));
        assert_eq!(earliest.is_some(), self.earliest.is_some());
        assert!(self.earliest <= earliest, "too late");
    }
}
