//! A rope: an ordered sequence of shared nodes, found by position, that is duplicated without copying a node.
//!
//! Lists keep their nodes of elements in it, streams their nodes of entries. Nodes are `Arc`s in segments of at most
//! [`SEGMENT_NODES_MAX`] pointers, and the segments are `Arc`s too:
//!
//! - `duplicate` copies the segments' pointers only: one word in 128 nodes. Both ropes then share everything, and a
//!   change of one copies what it changes: one node, and the pointers of the segment that holds it.
//! - Weights (elements in a node) are summed per segment, so that an element is located by one pass over the
//!   segments, from the nearer end, and one over a segment's nodes.
//! - No segment is empty, and two neighbours that could share half a segment are merged when one of them shrinks.
//! - `weight`, `nodes` and `heap_bytes` are counts. A node changes only inside [`Rope::update`], which keeps them.
//!
//! A rope knows nothing about what is in a node and never joins or splits one.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::entry::size_class;

/// Copying a node out of a shared segment copies as many pointers at most: about the cost of the node itself.
const SEGMENT_NODES_MAX: usize = 128;
/// The two reference counts before what an `Arc` holds.
const ARC_BYTES: usize = 2 * size_of::<usize>();

/// What a rope is made of.
pub trait Node: Clone {
    /// Elements in the node.
    fn weight(&self) -> usize;
    /// Bytes allocated behind the node, without the node itself.
    fn heap_bytes(&self) -> usize;
}

/// Where a node is. Good until nodes are added or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    segment: usize,
    slot: usize,
}

/// See the module's header.
#[derive(Debug)]
pub struct Rope<N> {
    segments: VecDeque<Counted<N>>,
    nodes: usize,
    weight: usize,
    /// What segments and nodes allocated; not the deque of segments, whose capacity tells.
    heap_bytes: usize,
}

#[derive(Debug)]
struct Counted<N> {
    segment: Arc<Segment<N>>,
    weight: usize,
}

/// One to [`SEGMENT_NODES_MAX`] nodes.
#[derive(Debug)]
struct Segment<N> {
    nodes: VecDeque<Arc<N>>,
}

impl<N> Clone for Segment<N> {
    fn clone(&self) -> Segment<N> {
        Segment {
            nodes: self.nodes.clone(),
        }
    }
}

impl<N> Segment<N> {
    fn heap_bytes(&self) -> usize {
        size_class(ARC_BYTES + size_of::<Segment<N>>())
            + allocated(self.nodes.capacity() * size_of::<Arc<N>>())
    }
}

/// What the allocator takes for a buffer, which an empty one does not have.
fn allocated(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { size_class(bytes) }
}

fn node_bytes<N: Node>(node: &N) -> usize {
    size_class(ARC_BYTES + size_of::<N>()) + node.heap_bytes()
}

impl<N> Default for Rope<N> {
    fn default() -> Rope<N> {
        Rope {
            segments: VecDeque::new(),
            nodes: 0,
            weight: 0,
            heap_bytes: 0,
        }
    }
}

/// Reading.
impl<N: Node> Rope<N> {
    pub fn new() -> Rope<N> {
        Rope::default()
    }

    /// Nodes, not elements.
    #[inline]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.nodes == 0
    }

    /// Elements in all nodes.
    #[inline]
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Bytes of all that the rope holds, also where another rope shares it.
    pub fn heap_bytes(&self) -> usize {
        self.heap_bytes + allocated(self.segments.capacity() * size_of::<Counted<N>>())
    }

    /// A second rope with the same nodes; neither sees what happens to the other.
    pub fn duplicate(&self) -> Rope<N> {
        let share = |counted: &Counted<N>| Counted {
            segment: Arc::clone(&counted.segment),
            weight: counted.weight,
        };
        Rope {
            segments: self.segments.iter().map(share).collect(),
            ..*self
        }
    }

    pub fn first(&self) -> Option<Place> {
        (self.nodes > 0).then_some(Place {
            segment: 0,
            slot: 0,
        })
    }

    pub fn last(&self) -> Option<Place> {
        let segment = self.segments.len().checked_sub(1)?;
        let slot = self.segments[segment].segment.nodes.len() - 1;
        Some(Place { segment, slot })
    }

    pub fn next(&self, place: Place) -> Option<Place> {
        let Place { segment, slot } = place;
        if slot + 1 < self.segments[segment].segment.nodes.len() {
            let slot = slot + 1;
            return Some(Place { segment, slot });
        }
        let segment = segment + 1;
        (segment < self.segments.len()).then_some(Place { segment, slot: 0 })
    }

    pub fn prev(&self, place: Place) -> Option<Place> {
        let Place { segment, slot } = place;
        if slot > 0 {
            let slot = slot - 1;
            return Some(Place { segment, slot });
        }
        let segment = segment.checked_sub(1)?;
        let slot = self.segments[segment].segment.nodes.len() - 1;
        Some(Place { segment, slot })
    }

    /// The node at a place; panics if there is none.
    #[inline]
    pub fn node(&self, place: Place) -> &N {
        &self.segments[place.segment].segment.nodes[place.slot]
    }

    pub fn front(&self) -> Option<&N> {
        Some(self.segments.front()?.segment.nodes.front()?)
    }

    pub fn back(&self) -> Option<&N> {
        Some(self.segments.back()?.segment.nodes.back()?)
    }

    /// The node that holds element `index`, and which of the node's elements it is.
    pub fn locate(&self, index: usize) -> Option<(Place, usize)> {
        if index >= self.weight {
            return None;
        }
        let (segment, index) = self.locate_segment(index);
        let mut index = index;
        for (slot, node) in self.segments[segment].segment.nodes.iter().enumerate() {
            if index < node.weight() {
                return Some((Place { segment, slot }, index));
            }
            index -= node.weight();
        }
        unreachable!("a segment weighs what its nodes weigh");
    }

    /// The segment that holds element `index`, and which of the segment's elements it is.
    fn locate_segment(&self, index: usize) -> (usize, usize) {
        if index < self.weight / 2 {
            let mut index = index;
            for (at, counted) in self.segments.iter().enumerate() {
                if index < counted.weight {
                    return (at, index);
                }
                index -= counted.weight;
            }
        } else {
            let mut start = self.weight;
            for (at, counted) in self.segments.iter().enumerate().rev() {
                start -= counted.weight;
                if index >= start {
                    return (at, index - start);
                }
            }
        }
        unreachable!("a rope weighs what its segments weigh");
    }

    /// Elements before the node at a place.
    pub fn weight_before(&self, place: Place) -> usize {
        let segments = self.segments.iter().take(place.segment);
        let nodes = &self.segments[place.segment].segment.nodes;
        segments.map(|counted| counted.weight).sum::<usize>()
            + nodes
                .iter()
                .take(place.slot)
                .map(|node| node.weight())
                .sum::<usize>()
    }

    /// The first node for which `before` does not hold, if it holds for all nodes up to some point and for none
    /// behind it. A binary search.
    pub fn partition_point(&self, mut before: impl FnMut(&N) -> bool) -> Option<Place> {
        let segment = self.segments.partition_point(|counted| {
            before(counted.segment.nodes.back().expect("no segment is empty"))
        });
        let nodes = &self.segments.get(segment)?.segment.nodes;
        let slot = nodes.partition_point(|node| before(node));
        Some(Place { segment, slot })
    }

    /// All nodes in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &N> {
        self.segments
            .iter()
            .flat_map(|counted| counted.segment.nodes.iter().map(|node| &**node))
    }

    /// The nodes from a place on, that one included.
    pub fn iter_from(&self, place: Place) -> impl Iterator<Item = &N> {
        std::iter::successors(Some(place), |place| self.next(*place)).map(|place| self.node(place))
    }

    /// The nodes from a place backwards, that one included.
    pub fn iter_back_from(&self, place: Place) -> impl Iterator<Item = &N> {
        std::iter::successors(Some(place), |place| self.prev(*place)).map(|place| self.node(place))
    }
}

/// Changing.
impl<N: Node> Rope<N> {
    /// Changes the node at a place, after copying it if another rope shares it.
    #[inline]
    pub fn update<R>(&mut self, place: Place, change: impl FnOnce(&mut N) -> R) -> R {
        let counted = &mut self.segments[place.segment];
        // Pointers to a shared node are in a shared segment, or in one that was copied from such.
        let segment = match Arc::get_mut(&mut counted.segment) {
            Some(segment) => segment,
            None => {
                self.heap_bytes -= counted.segment.heap_bytes();
                let segment = Arc::make_mut(&mut counted.segment);
                self.heap_bytes += segment.heap_bytes();
                segment
            }
        };
        let shared = &mut segment.nodes[place.slot];
        let before = (shared.weight(), shared.heap_bytes());
        let node = Arc::make_mut(shared);
        let result = change(node);
        let after = (node.weight(), node.heap_bytes());
        counted.weight = counted.weight - before.0 + after.0;
        self.weight = self.weight - before.0 + after.0;
        self.heap_bytes = self.heap_bytes - before.1 + after.1;
        result
    }

    /// Puts another node at a place and gives the old one back.
    pub fn replace(&mut self, place: Place, node: N) -> Arc<N> {
        let (bytes, weight) = (node_bytes(&node), node.weight());
        let old = self.change_segment(place.segment, |nodes| {
            std::mem::replace(&mut nodes[place.slot], Arc::new(node))
        });
        self.count_in(place.segment, bytes, weight);
        self.count_out(place.segment, &old);
        old
    }

    pub fn push_front(&mut self, node: N) {
        self.insert_in(0, 0, node);
    }

    pub fn push_back(&mut self, node: N) {
        let segment = self.segments.len().saturating_sub(1);
        let slot = self
            .segments
            .back()
            .map_or(0, |last| last.segment.nodes.len());
        self.insert_in(segment, slot, node);
    }

    pub fn pop_front(&mut self) -> Option<Arc<N>> {
        self.first().map(|place| self.remove(place))
    }

    pub fn pop_back(&mut self) -> Option<Arc<N>> {
        self.last().map(|place| self.remove(place))
    }

    /// Adds a node before the one at a place; tells where the new one is. The other comes right behind it.
    pub fn insert_before(&mut self, place: Place, node: N) -> Place {
        self.insert_in(place.segment, place.slot, node)
    }

    /// Adds a node behind the one at a place; tells where the new one is. The other comes right before it.
    pub fn insert_after(&mut self, place: Place, node: N) -> Place {
        self.insert_in(place.segment, place.slot + 1, node)
    }

    /// Takes the node at a place out. What came behind it, if anything, is found by [`Rope::partition_point`],
    /// [`Rope::locate`] or from an end: places are not good any more.
    pub fn remove(&mut self, place: Place) -> Arc<N> {
        let Place { segment, slot } = place;
        let node = self.change_segment(segment, |nodes| {
            nodes.remove(slot).expect("a place names a node")
        });
        self.nodes -= 1;
        self.count_out(segment, &node);
        if self.segments[segment].segment.nodes.is_empty() {
            self.drop_segment(segment);
        } else {
            self.merge(segment);
        }
        node
    }

    fn insert_in(&mut self, segment: usize, slot: usize, node: N) -> Place {
        let (mut segment, mut slot) = (segment, slot);
        let full = self
            .segments
            .get(segment)
            .is_none_or(|counted| counted.segment.nodes.len() >= SEGMENT_NODES_MAX);
        if full {
            (segment, slot) = self.make_room(segment, slot);
        }
        let (bytes, weight) = (node_bytes(&node), node.weight());
        self.change_segment(segment, |nodes| nodes.insert(slot, Arc::new(node)));
        self.nodes += 1;
        self.count_in(segment, bytes, weight);
        Place { segment, slot }
    }

    /// Where a node for this place goes when the segment is full or missing. At an end of the segment a new one
    /// begins, so that pushing leaves full segments behind; elsewhere the segment is halved.
    fn make_room(&mut self, segment: usize, slot: usize) -> (usize, usize) {
        if slot == 0 {
            self.add_segment(segment, VecDeque::new());
            return (segment, 0);
        }
        let behind = segment + 1;
        if slot == SEGMENT_NODES_MAX {
            self.add_segment(behind, VecDeque::new());
            return (behind, 0);
        }
        let half = SEGMENT_NODES_MAX / 2;
        let tail = self.change_segment(segment, |nodes| nodes.split_off(half));
        let weight: usize = tail.iter().map(|node| node.weight()).sum();
        self.segments[segment].weight -= weight;
        self.add_segment(behind, tail);
        self.segments[behind].weight = weight;
        if slot <= half {
            (segment, slot)
        } else {
            (behind, slot - half)
        }
    }

    /// Adds a segment whose nodes, if any, are counted already, but for the segment's own weight.
    fn add_segment(&mut self, at: usize, nodes: VecDeque<Arc<N>>) {
        let segment = Segment { nodes };
        self.heap_bytes += segment.heap_bytes();
        let counted = Counted {
            segment: Arc::new(segment),
            weight: 0,
        };
        self.segments.insert(at, counted);
    }

    fn drop_segment(&mut self, at: usize) {
        let counted = self.segments.remove(at).expect("the segment is there");
        self.heap_bytes -= counted.segment.heap_bytes();
        if self.segments.is_empty() {
            self.segments = VecDeque::new();
        }
    }

    /// Joins a segment with a neighbour if both together fill at most half of one.
    fn merge(&mut self, at: usize) {
        let len = |at: usize| Some(self.segments.get(at)?.segment.nodes.len());
        let small = |left: usize| Some(len(left)? + len(left + 1)? <= SEGMENT_NODES_MAX / 2);
        let left = match at.checked_sub(1) {
            Some(before) if small(before) == Some(true) => before,
            _ if small(at) == Some(true) => at,
            _ => return,
        };
        let right = self.segments.remove(left + 1).expect("checked above");
        self.heap_bytes -= right.segment.heap_bytes();
        self.change_segment(left, |nodes| {
            nodes.extend(right.segment.nodes.iter().cloned());
        });
        self.segments[left].weight += right.weight;
    }

    /// Changes a segment's pointers, after copying them if another rope shares them. Counts only the pointers.
    fn change_segment<R>(
        &mut self,
        at: usize,
        change: impl FnOnce(&mut VecDeque<Arc<N>>) -> R,
    ) -> R {
        let shared = &mut self.segments[at].segment;
        self.heap_bytes -= shared.heap_bytes();
        let segment = Arc::make_mut(shared);
        let result = change(&mut segment.nodes);
        self.heap_bytes += segment.heap_bytes();
        result
    }

    fn count_in(&mut self, segment: usize, bytes: usize, weight: usize) {
        self.heap_bytes += bytes;
        self.weight += weight;
        self.segments[segment].weight += weight;
    }

    fn count_out(&mut self, segment: usize, node: &N) {
        self.heap_bytes -= node_bytes(node);
        self.weight -= node.weight();
        self.segments[segment].weight -= node.weight();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A node of the tests: its elements.
    type Few = Vec<u32>;

    impl Node for Few {
        fn weight(&self) -> usize {
            self.len()
        }

        fn heap_bytes(&self) -> usize {
            allocated(self.capacity() * 4)
        }
    }

    impl Rope<Few> {
        /// Every count is what a walk over everything says, and the segments are as they should be.
        fn check(&self) {
            let mut heap = allocated(self.segments.capacity() * size_of::<Counted<Few>>());
            for counted in &self.segments {
                let nodes = &counted.segment.nodes;
                assert!((1..=SEGMENT_NODES_MAX).contains(&nodes.len()));
                let weight: usize = nodes.iter().map(|node| node.len()).sum();
                assert_eq!(counted.weight, weight);
                heap += counted.segment.heap_bytes();
                heap += nodes.iter().map(|node| node_bytes(&**node)).sum::<usize>();
            }
            assert_eq!(self.heap_bytes(), heap);
            assert_eq!(self.iter().count(), self.nodes());
            assert_eq!(self.iter().map(Vec::len).sum::<usize>(), self.weight());
        }

        fn place(&self, index: usize) -> Place {
            let mut place = self.first().expect("a node");
            for _ in 0..index {
                place = self.next(place).expect("as many nodes");
            }
            place
        }

        fn copied(&self) -> Vec<Few> {
            self.iter().cloned().collect()
        }
    }

    /// A few fixed nodes: the contents do not matter to a rope, only weights do.
    fn node(seed: u32) -> Few {
        (0..seed % 5).map(|n| seed * 10 + n).collect()
    }

    #[derive(Clone, Debug)]
    enum Op {
        PushFront(u32),
        PushBack(u32),
        PopFront,
        PopBack,
        InsertBefore(prop::sample::Index, u32),
        InsertAfter(prop::sample::Index, u32),
        Remove(prop::sample::Index),
        Replace(prop::sample::Index, u32),
        Update(prop::sample::Index, u32),
        Duplicate,
    }

    fn op() -> impl Strategy<Value = Op> {
        let at = any::<prop::sample::Index>;
        prop_oneof![
            2 => (0..1000u32).prop_map(Op::PushFront),
            2 => (0..1000u32).prop_map(Op::PushBack),
            1 => Just(Op::PopFront),
            1 => Just(Op::PopBack),
            2 => (at(), 0..1000u32).prop_map(|(at, seed)| Op::InsertBefore(at, seed)),
            2 => (at(), 0..1000u32).prop_map(|(at, seed)| Op::InsertAfter(at, seed)),
            4 => at().prop_map(Op::Remove),
            1 => (at(), 0..1000u32).prop_map(|(at, seed)| Op::Replace(at, seed)),
            2 => (at(), 0..1000u32).prop_map(|(at, seed)| Op::Update(at, seed)),
            1 => Just(Op::Duplicate),
        ]
    }

    /// Runs one change on the rope and on a plain vector.
    fn run(rope: &mut Rope<Few>, model: &mut Vec<Few>, op: &Op) {
        match op {
            Op::PushFront(seed) => {
                rope.push_front(node(*seed));
                model.insert(0, node(*seed));
            }
            Op::PushBack(seed) => {
                rope.push_back(node(*seed));
                model.push(node(*seed));
            }
            Op::PopFront => {
                let expected = (!model.is_empty()).then(|| model.remove(0));
                assert_eq!(rope.pop_front().as_deref(), expected.as_ref());
            }
            Op::PopBack => assert_eq!(rope.pop_back().as_deref(), model.pop().as_ref()),
            _ if model.is_empty() => {}
            Op::InsertBefore(at, seed) => {
                let at = at.index(model.len());
                let place = rope.insert_before(rope.place(at), node(*seed));
                model.insert(at, node(*seed));
                assert_eq!(place, rope.place(at));
            }
            Op::InsertAfter(at, seed) => {
                let at = at.index(model.len());
                let place = rope.insert_after(rope.place(at), node(*seed));
                model.insert(at + 1, node(*seed));
                assert_eq!(place, rope.place(at + 1));
            }
            Op::Remove(at) => {
                let at = at.index(model.len());
                assert_eq!(*rope.remove(rope.place(at)), model.remove(at));
            }
            Op::Replace(at, seed) => {
                let at = at.index(model.len());
                let old = std::mem::replace(&mut model[at], node(*seed));
                assert_eq!(*rope.replace(rope.place(at), node(*seed)), old);
            }
            Op::Update(at, seed) => {
                let at = at.index(model.len());
                rope.update(rope.place(at), |node| node.push(*seed));
                model[at].push(*seed);
            }
            Op::Duplicate => {}
        }
    }

    fn compare(rope: &Rope<Few>, model: &[Few]) {
        rope.check();
        assert!(rope.iter().eq(model));
        assert!(rope.iter().rev().eq(model.iter().rev()));
        assert_eq!(rope.front(), model.first());
        assert_eq!(rope.back(), model.last());
        let mut weight = 0;
        for (at, node) in model.iter().enumerate() {
            let place = rope.place(at);
            assert_eq!(rope.weight_before(place), weight);
            for offset in 0..node.len() {
                assert_eq!(rope.locate(weight + offset), Some((place, offset)));
            }
            weight += node.len();
        }
        assert_eq!(rope.locate(weight), None);
    }

    proptest! {
        #[test]
        fn behaves_as_a_vector_and_duplicates_stand_still(
            filled in 0..400u32,
            ops in prop::collection::vec(op(), 1..80),
        ) {
            let mut rope = Rope::new();
            let mut model = Vec::new();
            for seed in 0..filled {
                rope.push_back(node(seed));
                model.push(node(seed));
            }
            let mut duplicates = Vec::new();
            for op in &ops {
                if matches!(op, Op::Duplicate) {
                    duplicates.push((rope.duplicate(), model.clone()));
                }
                run(&mut rope, &mut model, op);
                rope.check();
            }
            compare(&rope, &model);
            for (duplicate, then) in &duplicates {
                duplicate.check();
                prop_assert_eq!(&duplicate.copied(), then);
            }
            // A change of a duplicate is not seen by the rope either.
            for (duplicate, then) in &mut duplicates {
                for op in &ops {
                    run(duplicate, then, op);
                }
                compare(duplicate, then);
            }
            compare(&rope, &model);
        }

        #[test]
        fn a_search_finds_the_first_node_that_is_not_before(len in 0..700u32, key in 0..1500u32) {
            let mut rope = Rope::new();
            (0..len).for_each(|n| rope.push_back(vec![2 * n]));
            let found = rope.partition_point(|node| node[0] < key);
            let expected = (0..len).find(|n| 2 * n >= key);
            prop_assert_eq!(found, expected.map(|n| rope.place(n as usize)));
            if let Some(place) = found {
                let forward: Vec<u32> = rope.iter_from(place).map(|node| node[0]).collect();
                let all: Vec<u32> = (0..len).map(|n| 2 * n).collect();
                let at = expected.expect("found") as usize;
                prop_assert_eq!(&forward, &all[at..]);
                let back: Vec<u32> = rope.iter_back_from(place).map(|node| node[0]).collect();
                prop_assert!(back.iter().eq(all[..=at].iter().rev()));
            }
        }
    }

    #[test]
    fn pushing_fills_segments_and_removing_merges_them() {
        let mut rope = Rope::new();
        (0..1280).for_each(|n| rope.push_back(vec![n]));
        assert_eq!(rope.segments.len(), 10);
        (0..1280).for_each(|n| rope.push_front(vec![n]));
        assert_eq!(rope.segments.len(), 20);
        for index in 0..2000 {
            let place = rope.place(index * 7919 % rope.nodes());
            rope.remove(place);
        }
        rope.check();
        assert!(rope.segments.len() <= 20, "{}", rope.segments.len());
        while rope.pop_back().is_some() {}
        assert_eq!((rope.heap_bytes(), rope.weight()), (0, 0));
    }

    #[test]
    fn a_change_copies_one_node() {
        let mut rope = Rope::new();
        (0..300).for_each(|n| rope.push_back(vec![n]));
        let image = rope.duplicate();
        rope.update(rope.place(200), |node| node.push(1));
        let same = |at: usize| std::ptr::eq(rope.node(rope.place(at)), image.node(image.place(at)));
        assert_eq!((0..300).filter(|at| !same(*at)).count(), 1);
    }
}
