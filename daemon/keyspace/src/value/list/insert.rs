//! Insertion in the middle of a long list: where a value goes when its node is full, and how the halves of a node
//! that was split find new neighbours.

use super::End;
use super::node::{ListNode, push_packed};
use super::nodes::{NodeList, Side};
use crate::rope::{Node, Place};

impl NodeList {
    /// Inserts a value beside the element at `index`, which must be there.
    pub(super) fn insert(&mut self, index: usize, side: Side, value: &[u8]) {
        let (place, offset) = self.rope.locate(index).expect("the element is there");
        let node = self.rope.node(place);
        let at_edge = match side {
            Side::Before => offset == 0,
            Side::After => offset + 1 == node.weight(),
        };
        if node.takes(value.len(), self.size) {
            let before = offset + usize::from(side == Side::After);
            self.rope.update(place, |node| {
                let packed = node.packed_mut().expect("a node that takes values");
                let pos = packed.seek(before).unwrap_or(packed.end());
                packed.insert(pos, value);
            });
        } else if at_edge {
            self.insert_at_edge(place, side, value);
        } else {
            self.insert_apart(index, side, value);
        }
        self.close_around(index);
    }

    /// Beside the first or last element of a full node: into the neighbour, or a node of its own.
    fn insert_at_edge(&mut self, place: Place, side: Side, value: &[u8]) {
        let (neighbour, end) = match side {
            Side::Before => (self.rope.prev(place), End::Right),
            Side::After => (self.rope.next(place), End::Left),
        };
        let takes = |place: &Place| self.rope.node(*place).takes(value.len(), self.size);
        match neighbour.filter(takes) {
            Some(neighbour) => self.rope.update(neighbour, |node| {
                let packed = node.packed_mut().expect("a node that takes values");
                push_packed(packed, end, value);
            }),
            None => {
                let node = ListNode::of(value, self.size);
                match side {
                    Side::Before => self.rope.insert_before(place, node),
                    Side::After => self.rope.insert_after(place, node),
                };
            }
        }
    }

    /// Between two elements of a full node: the node is split. A small value goes with the half that has not the
    /// element which it was inserted beside, a large one stands between the halves.
    fn insert_apart(&mut self, index: usize, side: Side, value: &[u8]) {
        let (place, offset) = self.rope.locate(index).expect("the element is there");
        let right = self.split(place, offset + usize::from(side == Side::After));
        if self.size.is_large(value.len()) {
            self.rope
                .insert_before(right, ListNode::of(value, self.size));
            return;
        }
        let (half, end) = match side {
            // The left half is right before the right one, wherever the rope moved it.
            Side::Before => (self.rope.prev(right).expect("the left half"), End::Right),
            Side::After => (right, End::Left),
        };
        self.rope.update(half, |node| {
            push_packed(node.packed_mut().expect("half of a listpack"), end, value);
        });
        let beside = index + usize::from(side == Side::Before);
        self.join_around(beside);
    }

    /// Splits the listpack at a place: elements from `offset` on go to a node of their own behind it. Tells where
    /// that is; the left half is right before it.
    pub(super) fn split(&mut self, place: Place, offset: usize) -> Place {
        let tail = self.rope.update(place, |node| {
            let packed = node.packed_mut().expect("only listpacks are split");
            let pos = packed.seek(offset).expect("elements in both halves");
            packed.split_off(pos)
        });
        self.rope.insert_after(place, ListNode::Packed(tail))
    }

    /// Joins nodes around the one that holds the element at `index`, where they fit: the two before it, the two
    /// behind it, it with the one before, and the outcome with the one behind.
    pub(super) fn join_around(&mut self, index: usize) {
        let center = |list: &NodeList| list.rope.locate(index).expect("the element is there").0;
        let two_before = self
            .rope
            .prev(center(self))
            .and_then(|prev| self.rope.prev(prev));
        if let Some(place) = two_before {
            self.join_next(place);
        }
        if let Some(place) = self.rope.next(center(self)) {
            self.join_next(place);
        }
        if let Some(place) = self.rope.prev(center(self)) {
            self.join_next(place);
        }
        self.join_next(center(self));
    }

    /// Joins the node at a place with the next one if they fit in one.
    fn join_next(&mut self, place: Place) {
        let Some(next) = self.rope.next(place) else {
            return;
        };
        if !self
            .rope
            .node(place)
            .can_join(self.rope.node(next), self.size)
        {
            return;
        }
        let mut tail = self.rope.node(next).clone();
        let tail = tail.packed_mut().expect("two listpacks");
        self.rope.update(place, |node| {
            node.packed_mut().expect("two listpacks").append(tail);
        });
        self.rope.remove(next);
    }
}
