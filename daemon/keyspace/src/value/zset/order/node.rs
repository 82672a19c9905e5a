//! The nodes of an order: leaves of references, inner nodes with what a search needs of each child.
//!
//! A leaf fills a 512-byte size class. An inner node keeps its columns apart, so that a search for a score runs through
//! neighbouring words and follows no reference but among equal scores, and a search for a rank sums neighbouring
//! counts.

use std::cmp::Ordering;

use super::super::compare_scores;
use super::super::item::ItemRef;

/// References in a leaf.
pub(super) const LEAF: usize = 63;
/// Children of an inner node.
pub(super) const FANOUT: usize = 64;
/// Nodes with less than this are merged with a neighbour or filled up from it. Low enough that the halves of a split
/// stay alone for a while.
pub(super) const LEAF_MIN: usize = LEAF / 3;
pub(super) const FANOUT_MIN: usize = FANOUT / 4;

/// A place in the order: what a search compares with.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) score: f64,
    pub(super) member: &'a [u8],
}

impl<'a> Place<'a> {
    pub(super) fn of(item: ItemRef) -> Place<'a> {
        Place {
            score: item.score(),
            member: item.member(),
        }
    }
}

pub(super) struct Leaf {
    len: usize,
    items: [ItemRef; LEAF],
}

impl Leaf {
    pub(super) fn new(items: &[ItemRef]) -> Box<Leaf> {
        let mut leaf = Box::new(Leaf {
            len: items.len(),
            items: [ItemRef::NONE; LEAF],
        });
        leaf.items[..items.len()].copy_from_slice(items);
        leaf
    }

    #[inline]
    pub(super) fn items(&self) -> &[ItemRef] {
        &self.items[..self.len]
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == LEAF
    }

    pub(super) fn insert(&mut self, at: usize, item: ItemRef) {
        insert(&mut self.items, self.len, at, item);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, at: usize) {
        remove(&mut self.items, self.len, at);
        self.len -= 1;
    }

    /// Cuts off everything from `at` on.
    pub(super) fn split_off(&mut self, at: usize) -> Box<Leaf> {
        let right = Leaf::new(&self.items[at..self.len]);
        self.len = at;
        right
    }
}

/// One child on its way into or out of a node.
pub(super) struct Child {
    pub(super) node: Node,
    pub(super) count: usize,
    pub(super) least: ItemRef,
}

impl Child {
    /// A node that is not empty, with its count and its least item.
    pub(super) fn of(node: Node) -> Child {
        Child {
            count: node.count(),
            least: node.least(),
            node,
        }
    }
}

pub(super) struct Inner {
    len: usize,
    /// The score of each child's least item.
    scores: [f64; FANOUT],
    counts: [usize; FANOUT],
    leasts: [ItemRef; FANOUT],
    nodes: [Option<Node>; FANOUT],
}

impl Inner {
    pub(super) fn new(children: impl IntoIterator<Item = Child>) -> Box<Inner> {
        let mut inner = Box::new(Inner {
            len: 0,
            scores: [0.0; FANOUT],
            counts: [0; FANOUT],
            leasts: [ItemRef::NONE; FANOUT],
            nodes: [const { None }; FANOUT],
        });
        for child in children {
            inner.insert(inner.len, child);
        }
        inner
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == FANOUT
    }

    #[inline]
    pub(super) fn counts(&self) -> &[usize] {
        &self.counts[..self.len]
    }

    #[cfg(test)]
    pub(super) fn least(&self, at: usize) -> ItemRef {
        self.leasts[at]
    }

    #[cfg(test)]
    pub(super) fn score(&self, at: usize) -> f64 {
        self.scores[at]
    }

    #[inline]
    pub(super) fn node(&self, at: usize) -> &Node {
        self.nodes[at].as_ref().expect("a child below the length")
    }

    #[inline]
    pub(super) fn node_mut(&mut self, at: usize) -> &mut Node {
        self.nodes[at].as_mut().expect("a child below the length")
    }

    /// The child that holds a place, or would.
    #[inline]
    pub(super) fn find(&self, place: Place<'_>) -> usize {
        self.partition(|score, least| {
            let by_score = compare_scores(score, place.score);
            by_score
                .then_with(|| least.member().cmp(place.member))
                .is_le()
        })
    }

    /// The last child whose least item satisfies `before`, which holds for a prefix of the order; else the first.
    #[inline]
    pub(super) fn partition(&self, before: impl Fn(f64, ItemRef) -> bool) -> usize {
        let (mut low, mut high) = (1, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.scores[middle], self.leasts[middle]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low - 1
    }

    /// The child that holds the item at `rank`, and the item's rank within it.
    #[inline]
    pub(super) fn seek(&self, mut rank: usize) -> (usize, usize) {
        for (at, count) in self.counts().iter().enumerate() {
            if rank < *count {
                return (at, rank);
            }
            rank -= count;
        }
        unreachable!("the caller asks for a rank below the count")
    }

    #[inline]
    pub(super) fn count_before(&self, at: usize) -> usize {
        self.counts[..at].iter().sum()
    }

    pub(super) fn insert(&mut self, at: usize, child: Child) {
        let len = self.len;
        insert(&mut self.scores, len, at, child.least.score());
        insert(&mut self.counts, len, at, child.count);
        insert(&mut self.leasts, len, at, child.least);
        self.nodes[at..=len].rotate_right(1);
        self.nodes[at] = Some(child.node);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, at: usize) -> Child {
        let len = self.len;
        let (count, least) = (self.counts[at], self.leasts[at]);
        remove(&mut self.scores, len, at);
        remove(&mut self.counts, len, at);
        remove(&mut self.leasts, len, at);
        self.nodes[at..len].rotate_left(1);
        self.len -= 1;
        let node = self.nodes[self.len]
            .take()
            .expect("a child below the length");
        Child { node, count, least }
    }

    /// Cuts off everything from `at` on.
    pub(super) fn split_off(&mut self, at: usize) -> Box<Inner> {
        let mut right = Inner::new([]);
        for (to, from) in (at..self.len).enumerate() {
            right.scores[to] = self.scores[from];
            right.counts[to] = self.counts[from];
            right.leasts[to] = self.leasts[from];
            right.nodes[to] = self.nodes[from].take();
        }
        right.len = self.len - at;
        self.len = at;
        right
    }

    pub(super) fn add_to_count(&mut self, at: usize, more: isize) {
        self.counts[at] = self.counts[at].wrapping_add_signed(more);
    }

    /// Takes over what has changed in a child: its least item.
    pub(super) fn refresh_least(&mut self, at: usize) {
        let least = self.node(at).least();
        self.leasts[at] = least;
        self.scores[at] = least.score();
    }

    /// As [`Inner::refresh_least`], and its count.
    pub(super) fn refresh(&mut self, at: usize) {
        self.refresh_least(at);
        self.counts[at] = self.node(at).count();
    }

    /// The two children from `at` on, to move something between them.
    pub(super) fn pair_mut(&mut self, at: usize) -> (&mut Node, &mut Node) {
        match &mut self.nodes[at..at + 2] {
            [Some(left), Some(right)] => (left, right),
            _ => unreachable!("a child below the length"),
        }
    }
}

pub(super) enum Node {
    Leaf(Box<Leaf>),
    Inner(Box<Inner>),
}

impl Node {
    /// Items below.
    pub(super) fn count(&self) -> usize {
        match self {
            Node::Leaf(leaf) => leaf.len,
            Node::Inner(inner) => inner.counts().iter().sum(),
        }
    }

    /// The first item below.
    pub(super) fn least(&self) -> ItemRef {
        match self {
            Node::Leaf(leaf) => leaf.items[0],
            Node::Inner(inner) => inner.leasts[0],
        }
    }

    /// What it holds directly, and how much it can hold.
    pub(super) fn fill(&self) -> (usize, usize) {
        match self {
            Node::Leaf(leaf) => (leaf.len, LEAF),
            Node::Inner(inner) => (inner.len, FANOUT),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Node::Leaf(_) => size_of::<Leaf>(),
            Node::Inner(_) => size_of::<Inner>(),
        }
    }

    /// Moves everything of a right neighbour to the end, for which there is room.
    pub(super) fn append(&mut self, right: &mut Node) {
        let (len, _) = right.fill();
        Node::shift(self, right, len as isize);
    }

    /// Moves `count` items or children from the begin of `right` to the end of `left`; negative: the other way.
    pub(super) fn shift(left: &mut Node, right: &mut Node, count: isize) {
        let many = count.unsigned_abs();
        match (left, right) {
            (Node::Leaf(left), Node::Leaf(right)) if count > 0 => {
                left.items[left.len..left.len + many].copy_from_slice(&right.items[..many]);
                right.items.copy_within(many..right.len, 0);
                (left.len, right.len) = (left.len + many, right.len - many);
            }
            (Node::Leaf(left), Node::Leaf(right)) => {
                right.items.copy_within(..right.len, many);
                right.items[..many].copy_from_slice(&left.items[left.len - many..left.len]);
                (left.len, right.len) = (left.len - many, right.len + many);
            }
            (Node::Inner(left), Node::Inner(right)) if count > 0 => {
                for _ in 0..many {
                    left.insert(left.len, right.remove(0));
                }
            }
            (Node::Inner(left), Node::Inner(right)) => {
                for _ in 0..many {
                    right.insert(0, left.remove(left.len - 1));
                }
            }
            _ => unreachable!("neighbours are of one height"),
        }
    }
}

/// Inserts into the first `len` of an array.
fn insert<T: Copy, const N: usize>(array: &mut [T; N], len: usize, at: usize, value: T) {
    array.copy_within(at..len, at + 1);
    array[at] = value;
}

fn remove<T: Copy, const N: usize>(array: &mut [T; N], len: usize, at: usize) {
    array.copy_within(at + 1..len, at);
}

/// Where `place` stands among references, or would.
#[inline]
pub(super) fn search(items: &[ItemRef], place: Place<'_>) -> usize {
    items.partition_point(|item| item.compare(place.score, place.member) == Ordering::Less)
}
