//! The order of a large sorted set: a B+tree with counts over references to its items, by score and then by member.
//!
//! Invariants
//! - The items stand in strictly ascending order of (score, member); their scores change only through here.
//! - An inner node knows of each child its count and its least item; no child is empty.
//! - All leaves are equally deep. A node below its minimum exists only at the right edge, where ascending inserts leave
//!   full nodes behind, or in a tree that was built whole.
//!
//! It owns nothing: who puts a reference in takes it out before the item goes. It does not know the table that owns
//! the items, and does not find items by member alone.

mod node;
#[cfg(test)]
mod tests;

use super::item::ItemRef;
use node::{Child, FANOUT, FANOUT_MIN, Inner, LEAF, LEAF_MIN, Leaf, Node, Place, search};

/// What a leaf is given when an order is built whole: nearly all it holds, so that the first inserts split nothing.
const LEAF_BUILT: usize = LEAF - 3;
const FANOUT_BUILT: usize = FANOUT - 4;
/// A full leaf gives to a neighbour that has room for at least twice this many.
const SHARED_MIN: usize = 4;

pub(super) struct Order {
    root: Node,
    heap_bytes: usize,
}

impl Order {
    pub(super) fn new() -> Order {
        Order {
            root: Node::Leaf(Leaf::new(&[])),
            heap_bytes: size_of::<Leaf>(),
        }
    }

    /// Of all items at once; `items` need not be in order.
    pub(super) fn build(mut items: Vec<ItemRef>) -> Order {
        let in_order = |a: &ItemRef, b: &ItemRef| a.compare(b.score(), b.member());
        if !items.is_sorted_by(|a, b| in_order(a, b).is_lt()) {
            items.sort_unstable_by(in_order);
        }
        if items.is_empty() {
            return Order::new();
        }
        let mut heap_bytes = 0;
        let mut level: Vec<Node> = items
            .chunks(LEAF_BUILT)
            .map(|chunk| Node::Leaf(Leaf::new(chunk)))
            .collect();
        heap_bytes += level.iter().map(Node::heap_bytes).sum::<usize>();
        while level.len() > 1 {
            let mut nodes = level.into_iter().map(Child::of).peekable();
            let mut above = Vec::new();
            while nodes.peek().is_some() {
                above.push(Node::Inner(Inner::new(nodes.by_ref().take(FANOUT_BUILT))));
            }
            heap_bytes += above.iter().map(Node::heap_bytes).sum::<usize>();
            level = above;
        }
        Order {
            root: level.pop().expect("there are items"),
            heap_bytes,
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }

    /// Puts in an item that is not there.
    pub(super) fn insert(&mut self, item: ItemRef) {
        let place = Place::of(item);
        if let Some(right) = insert(&mut self.root, place, item, true, &mut self.heap_bytes) {
            let left = std::mem::replace(&mut self.root, Node::Leaf(Leaf::new(&[])));
            let children = [Child::of(left), Child::of(right)];
            self.root = Node::Inner(Inner::new(children));
            self.heap_bytes += self.root.heap_bytes();
        }
    }

    /// Takes out an item that is there.
    pub(super) fn remove(&mut self, item: ItemRef) {
        remove(&mut self.root, Place::of(item), item, &mut self.heap_bytes);
        while let Node::Inner(inner) = &mut self.root
            && inner.len() == 1
        {
            let child = inner.remove(0);
            self.heap_bytes -= self.root.heap_bytes();
            self.root = child.node;
        }
    }

    /// Whether an item that is there stays where it is with another score, so that the score alone may change.
    pub(super) fn stays(&self, item: ItemRef, score: f64) -> bool {
        let place = Place::of(item);
        let mut node = &self.root;
        while let Node::Inner(inner) = node {
            node = inner.node(inner.find(place));
        }
        let Node::Leaf(leaf) = node else {
            unreachable!("the loop ends at a leaf")
        };
        let at = position(leaf.items(), item);
        // The least item's score is known above, and the neighbours at the ends are in other leaves.
        let neighbours = leaf.items().get(at.wrapping_sub(1)..=at + 1);
        neighbours.is_some_and(|around| {
            around[0].compare(score, place.member).is_lt()
                && around[2].compare(score, place.member).is_gt()
        })
    }

    /// The number of items before one that is there.
    pub(super) fn rank(&self, item: ItemRef) -> usize {
        let place = Place::of(item);
        let (mut node, mut rank) = (&self.root, 0);
        loop {
            match node {
                Node::Inner(inner) => {
                    let at = inner.find(place);
                    rank += inner.count_before(at);
                    node = inner.node(at);
                }
                Node::Leaf(leaf) => return rank + position(leaf.items(), item),
            }
        }
    }

    /// The number of items for which `before` holds, which are the first ones.
    pub(super) fn partition_point(&self, before: impl Fn(f64, ItemRef) -> bool) -> usize {
        let (mut node, mut rank) = (&self.root, 0);
        loop {
            match node {
                Node::Inner(inner) => {
                    let at = inner.partition(&before);
                    rank += inner.count_before(at);
                    node = inner.node(at);
                }
                Node::Leaf(leaf) => {
                    let items = leaf.items();
                    return rank + items.partition_point(|item| before(item.score(), *item));
                }
            }
        }
    }

    /// The leaf that holds the item at `rank`, which exists, and where in it.
    pub(super) fn leaf_at(&self, mut rank: usize) -> (&[ItemRef], usize) {
        let mut node = &self.root;
        loop {
            match node {
                Node::Inner(inner) => {
                    let (at, within) = inner.seek(rank);
                    (node, rank) = (inner.node(at), within);
                }
                Node::Leaf(leaf) => return (leaf.items(), rank),
            }
        }
    }
}

fn position(items: &[ItemRef], item: ItemRef) -> usize {
    items
        .iter()
        .position(|other| other.is(item))
        .expect("the item stands where its score and member say")
}

/// Inserts below `node`; a node that is full parts with its right half. `edge`: nothing stands to the right of it.
fn insert(
    node: &mut Node,
    place: Place<'_>,
    item: ItemRef,
    edge: bool,
    heap_bytes: &mut usize,
) -> Option<Node> {
    let right = match node {
        Node::Leaf(leaf) => {
            let at = search(leaf.items(), place);
            if !leaf.is_full() {
                leaf.insert(at, item);
                return None;
            }
            let cut = if edge && at == LEAF { LEAF } else { LEAF / 2 };
            let mut right = leaf.split_off(cut);
            if at <= cut && cut < LEAF {
                leaf.insert(at, item);
            } else {
                right.insert(at - cut, item);
            }
            Node::Leaf(right)
        }
        Node::Inner(inner) => Node::Inner(insert_below(inner, place, item, edge, heap_bytes)?),
    };
    *heap_bytes += right.heap_bytes();
    Some(right)
}

fn insert_below(
    inner: &mut Inner,
    place: Place<'_>,
    item: ItemRef,
    edge: bool,
    heap_bytes: &mut usize,
) -> Option<Box<Inner>> {
    let mut at = inner.find(place);
    let last = at + 1 == inner.len();
    if is_full_leaf(inner.node(at)) && !(edge && last) && share(inner, at) {
        at = inner.find(place);
    }
    let edge = edge && at + 1 == inner.len();
    let right = insert(inner.node_mut(at), place, item, edge, heap_bytes);
    let Some(right) = right else {
        inner.add_to_count(at, 1);
        inner.refresh_least(at);
        return None;
    };
    inner.refresh(at);
    if !inner.is_full() {
        inner.insert(at + 1, Child::of(right));
        return None;
    }
    let cut = if edge { FANOUT } else { FANOUT / 2 };
    let mut split = inner.split_off(cut);
    if at < cut && cut < FANOUT {
        inner.insert(at + 1, Child::of(right));
    } else {
        split.insert(at + 1 - cut, Child::of(right));
    }
    Some(split)
}

fn is_full_leaf(node: &Node) -> bool {
    matches!(node, Node::Leaf(leaf) if leaf.is_full())
}

/// Lets the full leaf at `at` give to a neighbour. Returns whether one has room.
fn share(inner: &mut Inner, at: usize) -> bool {
    let room = |at: usize| LEAF - inner.node(at).fill().0;
    let left = at.checked_sub(1).map_or(0, room);
    let right = if at + 1 < inner.len() {
        room(at + 1)
    } else {
        0
    };
    if left.max(right) < 2 * SHARED_MIN {
        return false;
    }
    even_out(inner, if left > right { at - 1 } else { at });
    true
}

/// Gives the two children from `at` on equally much.
fn even_out(inner: &mut Inner, at: usize) {
    let (left, right) = inner.pair_mut(at);
    let (left_len, right_len) = (left.fill().0, right.fill().0);
    let target = (left_len + right_len) / 2;
    let count = target as isize - left_len as isize;
    if count != 0 {
        Node::shift(left, right, count);
        inner.refresh(at);
        inner.refresh(at + 1);
    }
}

fn remove(node: &mut Node, place: Place<'_>, item: ItemRef, heap_bytes: &mut usize) {
    match node {
        Node::Leaf(leaf) => leaf.remove(position(leaf.items(), item)),
        Node::Inner(inner) => {
            let at = inner.find(place);
            remove(inner.node_mut(at), place, item, heap_bytes);
            inner.add_to_count(at, -1);
            if inner.counts()[at] == 0 {
                *heap_bytes -= inner.remove(at).node.heap_bytes();
                return;
            }
            inner.refresh_least(at);
            let (fill, capacity) = inner.node(at).fill();
            let least = if capacity == LEAF {
                LEAF_MIN
            } else {
                FANOUT_MIN
            };
            if fill < least && inner.len() > 1 {
                fill_up(inner, at, heap_bytes);
            }
        }
    }
}

/// Merges a child that has become too small with a neighbour, or takes from it.
fn fill_up(inner: &mut Inner, at: usize, heap_bytes: &mut usize) {
    let left = if at + 1 < inner.len() { at } else { at - 1 };
    let (own, capacity) = inner.node(left).fill();
    let (other, _) = inner.node(left + 1).fill();
    // A merged node that is nearly full would split again at once.
    if own + other > capacity / 4 * 3 {
        return even_out(inner, left);
    }
    let mut right = inner.remove(left + 1).node;
    inner.node_mut(left).append(&mut right);
    inner.refresh(left);
    // The node that was emptied is freed without its children.
    *heap_bytes -= right.heap_bytes();
}
