//! A long list: a rope of nodes.
//!
//! - No node is empty, and none grows beyond `list-max-listpack-size` by a push or an insertion. A value that replaces
//!   another stays where that one was, however large it made the node.
//! - With a compression depth, so many nodes at each end lie open and those between are compressed where that helps.
//!   The state is set right where nodes come, go or are opened.
//! - The two settings are those of the time when the list became a long one.

use std::iter::Peekable;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::needle::Needle;
use super::node::{ListNode, NodeView, push_packed};
use super::size::NodeSize;
use super::{End, Way};
use crate::entry::size_class;
use crate::limits::Limits;
use crate::packed::{Item, Listpack};
use crate::rope::{Node, Place, Rope};

/// See the module's header.
#[derive(Debug)]
pub struct NodeList {
    pub(super) rope: Rope<ListNode>,
    pub(super) size: NodeSize,
    /// Nodes at each end that are not compressed; 0: none is.
    depth: usize,
}

impl NodeList {
    /// A list that begins with this listpack, which may be empty.
    pub(super) fn from_packed(packed: Listpack, limits: &Limits) -> NodeList {
        let mut rope = Rope::new();
        if !packed.is_empty() {
            rope.push_back(ListNode::Packed(packed));
        }
        NodeList {
            rope,
            size: NodeSize::of(limits),
            depth: limits.list_compress_depth,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.rope.weight()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_class(size_of::<NodeList>()) + self.rope.heap_bytes()
    }

    pub(super) fn duplicate(&self) -> NodeList {
        NodeList {
            rope: self.rope.duplicate(),
            ..*self
        }
    }

    /// The elements as a listpack, if they are one that is short under the present setting.
    pub(super) fn take_if_short(&mut self, size: NodeSize) -> Option<Listpack> {
        if self.rope.nodes() != 1 {
            return None;
        }
        let fits = match self.rope.front()?.view() {
            NodeView::Packed(packed) => size.is_half(&packed),
            NodeView::Plain(_) => false,
        };
        if !fits {
            return None;
        }
        let mut node = Arc::unwrap_or_clone(self.rope.pop_front()?);
        node.expand();
        match node {
            ListNode::Packed(packed) => Some(packed),
            _ => unreachable!("seen to be a listpack"),
        }
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeView<'_>> {
        self.rope.iter().map(ListNode::view)
    }

    /// Shows the elements from `start` on in one direction.
    pub(super) fn walk(
        &self,
        start: usize,
        way: Way,
        mut f: impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some((mut place, mut offset)) = self.rope.locate(start) else {
            return ControlFlow::Continue(());
        };
        loop {
            self.rope.node(place).view().walk(offset, way, &mut f)?;
            let Some(next) = self.step(place, way) else {
                return ControlFlow::Continue(());
            };
            place = next;
            offset = match way {
                Way::Forward => 0,
                Way::Backward => self.rope.node(place).weight() - 1,
            };
        }
    }

    fn end_place(&self, end: End) -> Option<Place> {
        match end {
            End::Left => self.rope.first(),
            End::Right => self.rope.last(),
        }
    }

    /// Pushes values one after another.
    pub(super) fn push<'v>(&mut self, end: End, values: impl Iterator<Item = &'v [u8]>) {
        let size = self.size;
        let mut values = values.peekable();
        let nodes = self.rope.nodes();
        while let Some(value) = values.peek() {
            let open = self.end_place(end);
            match open.filter(|place| self.rope.node(*place).takes(value.len(), size)) {
                Some(place) => self
                    .rope
                    .update(place, |node| fill(node, end, &mut values, size)),
                None => {
                    let node = ListNode::of(value, size);
                    match end {
                        End::Left => self.rope.push_front(node),
                        End::Right => self.rope.push_back(node),
                    }
                    values.next();
                }
            }
        }
        self.settle(self.rope.nodes() - nodes);
    }

    /// Removes elements at an end.
    pub(super) fn remove_end(&mut self, end: End, count: usize) {
        let nodes = self.rope.nodes();
        let mut left = count;
        while let Some(place) = self.end_place(end).filter(|_| left > 0) {
            let weight = self.rope.node(place).weight();
            if weight <= left {
                self.rope.remove(place);
                left -= weight;
                continue;
            }
            self.rope.update(place, |node| {
                let packed = node.packed_mut().expect("more than one element");
                match end {
                    End::Left => packed.remove_range(0, left),
                    End::Right => packed.remove_range(weight - left, left),
                }
            });
            left = 0;
        }
        if self.rope.nodes() != nodes {
            self.settle(1);
        }
    }

    /// Replaces an element, which must be there.
    pub(super) fn set(&mut self, index: usize, value: &[u8]) {
        let size = self.size;
        let (place, offset) = self.rope.locate(index).expect("the element is there");
        let was_plain = self.rope.node(place).is_plain();
        if size.is_large(value.len()) != was_plain {
            self.set_apart(index, value);
            return;
        }
        if was_plain {
            self.rope.replace(place, ListNode::of(value, size));
        } else {
            self.rope.update(place, |node| {
                let packed = node.packed_mut().expect("not plain");
                let pos = packed.seek(offset).expect("the element is there");
                packed.replace(pos, value);
            });
        }
        self.close(place);
    }

    /// Replaces an element by one that does not fit in its node: a large one by a small one, or the reverse.
    fn set_apart(&mut self, index: usize, value: &[u8]) {
        let (place, offset) = self.rope.locate(index).expect("the element is there");
        if self.rope.node(place).is_plain() {
            self.insert(index, Side::After, value);
            let (place, _) = self.rope.locate(index).expect("as before");
            self.rope.remove(place);
        } else {
            let behind = offset + 1;
            let mut place = place;
            if behind < self.rope.node(place).weight() {
                let tail = self.split(place, behind);
                place = self.rope.prev(tail).expect("the left half");
            }
            let new = self
                .rope
                .insert_after(place, ListNode::of(value, self.size));
            let place = self.rope.prev(new).expect("what it was put behind");
            if offset == 0 {
                self.rope.remove(place);
            } else {
                self.rope.update(place, |node| {
                    let packed = node.packed_mut().expect("not plain");
                    packed.remove_range(offset, 1);
                });
                self.join_around(index);
            }
        }
        self.close_around(index);
    }

    /// Removes elements that equal the needle, at most `count` of them, beginning at one end. Returns how many.
    pub(super) fn remove_equal(&mut self, needle: &Needle<'_>, way: Way, count: usize) -> usize {
        let mut removed = 0;
        // Elements that were passed, seen from where the search began: they tell where it goes on.
        let mut passed = 0;
        let mut place = self.end_place(way.start());
        while let Some(at) = place.filter(|_| removed < count) {
            let weight = self.rope.node(at).weight();
            let found = self.offsets(at, needle, way, count - removed);
            removed += found.len();
            passed += weight - found.len();
            if found.len() == weight {
                self.rope.remove(at);
                place = match (way, passed < self.len()) {
                    (_, false) => None,
                    (Way::Forward, _) => self.rope.locate(passed).map(|(place, _)| place),
                    (Way::Backward, _) => {
                        let index = self.len() - passed - 1;
                        self.rope.locate(index).map(|(place, _)| place)
                    }
                };
                continue;
            }
            if !found.is_empty() {
                self.rope.update(at, |node| remove_offsets(node, &found));
                self.close(at);
            }
            place = self.step(at, way);
        }
        if removed > 0 {
            self.settle(1);
        }
        removed
    }

    /// Which elements of a node equal the needle, at most `count`, from one end of the node; in rising order.
    fn offsets(&self, place: Place, needle: &Needle<'_>, way: Way, count: usize) -> Vec<usize> {
        let node = self.rope.node(place);
        let start = match way {
            Way::Forward => 0,
            Way::Backward => node.weight() - 1,
        };
        let (mut offset, mut found) = (start, Vec::new());
        let stopped = node.view().walk(start, way, &mut |item| {
            if needle.is(item) {
                found.push(offset);
                if found.len() == count {
                    return ControlFlow::Break(());
                }
            }
            offset = match way {
                Way::Forward => offset + 1,
                Way::Backward => offset.wrapping_sub(1),
            };
            ControlFlow::Continue(())
        });
        debug_assert!(stopped.is_break() == (found.len() == count) || stopped.is_continue());
        if way == Way::Backward {
            found.reverse();
        }
        found
    }

    /// Appends a whole node as it was saved. One that is too long to be counted at a glance is taken apart.
    pub(super) fn append_packed(&mut self, packed: Listpack) {
        if packed.len() <= PACKED_ELEMENTS_MAX {
            if !packed.is_empty() {
                self.rope.push_back(ListNode::Packed(packed));
            }
            return;
        }
        let mut text = crate::IntText::default();
        for item in &packed {
            let value = item.bytes(&mut text);
            self.push(End::Right, std::iter::once(value));
        }
    }

    pub(super) fn append_plain(&mut self, value: &[u8]) {
        self.rope.push_back(ListNode::of(value, self.size));
    }

    // Compression.

    /// Opens the nodes near the ends and compresses as many of those behind them as may have come from there.
    pub(super) fn settle(&mut self, fresh: usize) {
        let (depth, nodes) = (self.depth, self.rope.nodes());
        if depth == 0 {
            return;
        }
        for way in [Way::Forward, Way::Backward] {
            let mut place = self.end_place(way.start());
            for step in 0..depth + fresh {
                let Some(at) = place else { break };
                if step < depth {
                    self.open(at);
                } else if nodes > step + depth {
                    self.compress(at);
                }
                place = self.step(at, way);
            }
        }
    }

    fn step(&self, place: Place, way: Way) -> Option<Place> {
        match way {
            Way::Forward => self.rope.next(place),
            Way::Backward => self.rope.prev(place),
        }
    }

    /// Compresses every node that is not near an end: after loading.
    pub(super) fn settle_all(&mut self) {
        let (depth, nodes) = (self.depth, self.rope.nodes());
        let mut place = self.rope.first().filter(|_| depth > 0);
        for at in 0..nodes {
            let Some(here) = place else { break };
            if at >= depth && at + depth < nodes {
                self.compress(here);
            }
            place = self.rope.next(here);
        }
    }

    /// Compresses a node again that was opened to be changed, unless it is near an end.
    fn close(&mut self, place: Place) {
        if self.depth == 0 {
            return;
        }
        let left = std::iter::successors(self.rope.first(), |at| self.rope.next(*at));
        let right = std::iter::successors(self.rope.last(), |at| self.rope.prev(*at));
        let mut open = left.take(self.depth).chain(right.take(self.depth));
        if !open.any(|at| at == place) {
            self.compress(place);
        }
    }

    /// Sets right what an insertion beside the element at `index` may have opened: the element's node, its halves
    /// and their neighbours.
    pub(super) fn close_around(&mut self, index: usize) {
        if self.depth == 0 {
            return;
        }
        // A node that is split around a new one pushes two others away from its end.
        self.settle(FRESH_MAX);
        let (center, _) = self.rope.locate(index).expect("the element is there");
        for way in [Way::Forward, Way::Backward] {
            let mut place = Some(center);
            for _ in 0..NEIGHBOURS {
                let Some(at) = place else { break };
                self.close(at);
                place = self.step(at, way);
            }
        }
    }

    fn compress(&mut self, place: Place) {
        if let Some(compressed) = self.rope.node(place).compressed() {
            self.rope.replace(place, compressed);
        }
    }

    fn open(&mut self, place: Place) {
        if self.rope.node(place).is_compressed() {
            self.rope.update(place, ListNode::expand);
        }
    }
}

/// Nodes that one insertion may add: a half and the new one, and the other half of what they are joined to.
const FRESH_MAX: usize = 3;
/// How far from an insertion nodes may be opened, the node itself counted.
const NEIGHBOURS: usize = 4;

/// The length of a listpack is in its header up to a number that is a little larger.
const PACKED_ELEMENTS_MAX: usize = 60_000;

/// On which side of an element another one goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

/// Pushes values as long as the node takes them.
#[inline]
fn fill<'v>(
    node: &mut ListNode,
    end: End,
    values: &mut Peekable<impl Iterator<Item = &'v [u8]>>,
    size: NodeSize,
) {
    let packed = node.packed_mut().expect("a node that takes values");
    while let Some(value) =
        values.next_if(|value| size.takes(packed.byte_len(), packed.len(), value.len()))
    {
        push_packed(packed, end, value);
    }
}

/// Removes elements of a node at rising offsets.
fn remove_offsets(node: &mut ListNode, offsets: &[usize]) {
    let packed = node.packed_mut().expect("some elements stay");
    remove_packed(packed, offsets);
}

/// Removes elements of a listpack at rising offsets.
pub(super) fn remove_packed(packed: &mut Listpack, offsets: &[usize]) {
    let (mut pos, mut at) = (packed.first(), 0);
    for (gone, offset) in offsets.iter().enumerate() {
        // Positions behind a removed element hold the next one.
        let target = offset - gone;
        let mut here = pos.expect("an element at every offset");
        while at < target {
            here = packed.next(here).expect("an element at every offset");
            at += 1;
        }
        packed.remove(here);
        pos = (here < packed.end()).then_some(here);
    }
}
