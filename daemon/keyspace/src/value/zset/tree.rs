//! A large sorted set: a table that owns the items and finds them by member, and the order of references to them.
//!
//! Invariant: table and order hold the same items, but while pieces of a snapshot come in, when the order is empty. An
//! item leaves the order before it leaves the table, and its score changes only while it is out of the order or where
//! it stays in place.

#![expect(
    unsafe_code,
    reason = "references in the order live as long as the items in the table"
)]

use super::item::{ItemRef, ScoredItem};
use super::order::Order;
use crate::hash::hash_key;
use crate::table::Table;
use crate::walk::{Elements, Large, LargeTable};

/// How far ahead a walk along the order asks for items.
const AHEAD: usize = 6;

pub struct ZsetTree {
    large: Large,
    table: Table<ScoredItem>,
    order: Order,
    item_bytes: usize,
}

impl ZsetTree {
    pub(super) fn new(seed: u64) -> ZsetTree {
        ZsetTree {
            large: Large::new(),
            table: Table::new(seed),
            order: Order::new(),
            item_bytes: 0,
        }
    }

    /// Of elements with different members, in any order.
    pub(super) fn build<'a>(
        seed: u64,
        elements: impl Iterator<Item = (f64, &'a [u8])>,
    ) -> ZsetTree {
        let mut tree = ZsetTree::new(seed);
        let mut references = Vec::with_capacity(elements.size_hint().0);
        for (score, member) in elements {
            references.push(tree.own(hash_key(seed, member), ScoredItem::new(score, member)));
        }
        tree.order = Order::build(references);
        tree
    }

    /// Puts a new item in the table; the reference is for the order.
    fn own(&mut self, hash: u64, item: ScoredItem) -> ItemRef {
        self.item_bytes += item.heap_bytes();
        // SAFETY: the reference goes into the order beside the table that owns the item; both are dropped together,
        // dropping the order asks no item, and `remove` takes it out first.
        let reference = unsafe { item.refer() };
        self.table.insert_new(hash, item);
        reference
    }

    /// Adds an element of a snapshot to the table alone. Returns false if its member is there already.
    pub(super) fn load(&mut self, score: f64, member: &[u8]) -> bool {
        let hash = hash_key(self.table.seed(), member);
        let is_new = self.table.find(hash, member).is_none();
        if is_new {
            self.own(hash, ScoredItem::new(score, member));
        }
        is_new
    }

    /// After the last [`ZsetTree::load`]: puts everything in order.
    pub(super) fn loaded(&mut self) {
        let mut references = Vec::with_capacity(self.table.len());
        // SAFETY: as in `own`.
        self.table
            .for_each(|item| references.push(unsafe { item.refer() }));
        self.order = Order::build(references);
    }

    pub(super) fn large(&self) -> &Large {
        &self.large
    }

    pub(super) fn large_mut(&mut self) -> (&mut Large, &mut dyn LargeTable) {
        (&mut self.large, &mut self.table)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Visits all elements, in no particular order.
    pub(super) fn for_each(&self, mut f: impl FnMut(f64, &[u8])) {
        self.table.for_each(|item| f(item.score(), item.member()));
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<ZsetTree>() + self.table.stats().bytes + self.order.heap_bytes() + self.item_bytes
    }

    #[inline]
    pub(super) fn find(&self, member: &[u8]) -> Option<&ScoredItem> {
        self.table.find(hash_key(self.table.seed(), member), member)
    }

    /// Changes the score of a member as `decide` says of the present one, or adds the member.
    #[inline]
    pub(super) fn upsert(
        &mut self,
        member: &[u8],
        elements: &mut Elements<'_>,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) {
        let hash = hash_key(self.table.seed(), member);
        match self.table.find(hash, member) {
            None => {
                if let Some(score) = decide(None) {
                    let item = ScoredItem::new(score, member);
                    elements.admit(&item);
                    let reference = self.own(hash, item);
                    self.order.insert(reference);
                }
            }
            Some(item) => {
                let before = item.score();
                let score = decide(Some(before));
                if let Some(score) = score.filter(|score| *score != before) {
                    elements.before_change(item);
                    // SAFETY: as in `own`.
                    let reference = unsafe { item.refer() };
                    if self.order.stays(reference, score) {
                        item.set_score(score);
                    } else {
                        self.order.remove(reference);
                        item.set_score(score);
                        self.order.insert(reference);
                    }
                }
            }
        }
    }

    /// Takes a member out and gives its score.
    pub(super) fn remove(&mut self, member: &[u8], elements: &mut Elements<'_>) -> Option<f64> {
        let hash = hash_key(self.table.seed(), member);
        let slot = self.table.find_mut(hash, member)?;
        let score = slot.get().score();
        // SAFETY: as in `own`; the reference is used before the item goes.
        self.order.remove(unsafe { slot.get().refer() });
        let item = slot.remove();
        self.item_bytes -= item.heap_bytes();
        elements.donate(item);
        Some(score)
    }

    /// Takes out the element at a rank, which exists.
    pub(super) fn remove_at(&mut self, rank: usize, elements: &mut Elements<'_>) {
        let (leaf, at) = self.order.leaf_at(rank);
        let reference = leaf[at];
        let hash = hash_key(self.table.seed(), reference.member());
        self.order.remove(reference);
        let slot = self.table.find_mut(hash, reference.member());
        let item = slot
            .expect("the order refers to items of the table")
            .remove();
        self.item_bytes -= item.heap_bytes();
        elements.donate(item);
    }

    /// The place of a member in ascending order, with its score.
    pub(super) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let item = self.find(member)?;
        // SAFETY: as in `own`; the reference is used while `self` is borrowed.
        let rank = self.order.rank(unsafe { item.refer() });
        Some((rank, item.score()))
    }

    pub(super) fn partition_point<'a>(&'a self, before: impl Fn(f64, &'a [u8]) -> bool) -> usize {
        self.order
            .partition_point(|score, item| before(score, item.member()))
    }

    /// `count` elements from the one at `start` on, which all exist; with `reverse` downwards.
    pub(super) fn range(&self, start: usize, count: usize, reverse: bool) -> TreeRange<'_> {
        TreeRange {
            order: &self.order,
            leaf: &[],
            at: 0,
            rank: start,
            left: count,
            reverse,
        }
    }

    /// See [`Table::scan`].
    pub(super) fn scan(&self, cursor: u64, count: usize, mut f: impl FnMut(f64, &[u8])) -> u64 {
        self.table
            .scan(cursor, count, |item| f(item.score(), item.member()))
    }

    pub(super) fn duplicate(&self) -> ZsetTree {
        let all = self.range(0, self.len(), false);
        ZsetTree::build(self.table.seed(), all)
    }
}

impl std::fmt::Debug for ZsetTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(self.range(0, self.len(), false))
            .finish()
    }
}

/// A stretch of a large sorted set, leaf by leaf.
pub struct TreeRange<'a> {
    order: &'a Order,
    leaf: &'a [ItemRef],
    at: usize,
    rank: usize,
    left: usize,
    reverse: bool,
}

impl<'a> TreeRange<'a> {
    /// Goes to the leaf of the current rank and asks for its first items.
    fn enter_leaf(&mut self) {
        (self.leaf, self.at) = self.order.leaf_at(self.rank);
        for ahead in 0..AHEAD.min(self.left) {
            self.prefetch(ahead);
        }
    }

    #[inline]
    fn prefetch(&self, ahead: usize) {
        let at = match self.reverse {
            false => self.at + ahead,
            true => self.at.wrapping_sub(ahead),
        };
        if let Some(item) = self.leaf.get(at) {
            item.prefetch();
        }
    }
}

impl<'a> Iterator for TreeRange<'a> {
    type Item = (f64, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        // Past the end of a leaf, or before its begin by wrapping.
        if self.at >= self.leaf.len() {
            self.enter_leaf();
        }
        self.prefetch(AHEAD);
        let item = self.leaf[self.at];
        self.left -= 1;
        if self.reverse {
            self.at = self.at.wrapping_sub(1);
            self.rank = self.rank.wrapping_sub(1);
        } else {
            self.at += 1;
            self.rank += 1;
        }
        Some((item.score(), item.member()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for TreeRange<'_> {}
