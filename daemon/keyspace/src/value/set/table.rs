//! A large set: a hash table of members.

use super::member::MemberItem;
use crate::entry::size_class;
use crate::hash::hash_key;
use crate::table::Table;
use crate::walk::{Elements, Large, LargeTable};

#[derive(Debug)]
pub struct SetTable {
    large: Large,
    table: Table<MemberItem>,
    /// Bytes of all members' allocations.
    member_bytes: usize,
}

impl SetTable {
    /// A set for about `expected` members.
    pub(super) fn new(seed: u64, expected: usize) -> SetTable {
        let mut table = Table::new(seed);
        table.reserve(expected);
        table.loaded();
        SetTable {
            large: Large::new(),
            table,
            member_bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn contains(&self, member: &[u8]) -> bool {
        self.table.find(self.hash(member), member).is_some()
    }

    /// Returns whether the member was not there.
    pub(super) fn add(&mut self, member: &[u8], elements: &Elements<'_>) -> bool {
        let hash = self.hash(member);
        if self.table.find(hash, member).is_some() {
            return false;
        }
        let item = MemberItem::new(member);
        elements.admit(&item);
        self.member_bytes += item.heap_bytes();
        self.table.insert_new(hash, item);
        true
    }

    /// Returns whether the member was there.
    pub(super) fn remove(&mut self, member: &[u8], elements: &mut Elements<'_>) -> bool {
        let hash = self.hash(member);
        let Some(slot) = self.table.find_mut(hash, member) else {
            return false;
        };
        let item = slot.remove();
        self.member_bytes -= item.heap_bytes();
        elements.donate(item);
        true
    }

    pub(super) fn for_each(&self, mut f: impl FnMut(&[u8])) {
        self.table.for_each(|item| f(item.bytes()));
    }

    /// Each member with the same probability; `random` is a random number.
    pub(super) fn random(&self, random: u64) -> Option<&[u8]> {
        self.table.random(random).map(MemberItem::bytes)
    }

    /// See [`Table::scan`].
    pub(super) fn scan(&self, cursor: u64, count: usize, mut f: impl FnMut(&[u8])) -> u64 {
        self.table.scan(cursor, count, |item| f(item.bytes()))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_class(size_of::<SetTable>()) + self.table.stats().bytes + self.member_bytes
    }

    pub(super) fn duplicate(&self) -> SetTable {
        let mut copy = SetTable::new(self.table.seed(), self.len());
        self.table.for_each(|item| {
            copy.table
                .insert_new(self.hash(item.bytes()), MemberItem::new(item.bytes()));
        });
        copy.member_bytes = self.member_bytes;
        copy
    }

    pub(super) fn large(&self) -> &Large {
        &self.large
    }

    pub(super) fn large_mut(&mut self) -> (&mut Large, &mut dyn LargeTable) {
        (&mut self.large, &mut self.table)
    }

    #[inline]
    fn hash(&self, member: &[u8]) -> u64 {
        hash_key(self.table.seed(), member)
    }
}
