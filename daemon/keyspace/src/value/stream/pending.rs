//! A map from ids to something small, sorted: what a group or a consumer has pending.
//!
//! Chunks of at most [`CHUNK_MAX`] sorted items in a rope, so that an image of a stream shares them and a change
//! copies one chunk. Ids mostly arrive in order and go in order, so chunks are filled at the end and left full; one
//! that becomes sparse is joined with a neighbour.

use esker_format::StreamId;

use crate::entry::size_class;
use crate::rope::{Node, Place, Rope};

const CHUNK_MAX: usize = 64;
/// Neighbours that hold no more than this together become one.
const CHUNK_JOINED_MAX: usize = CHUNK_MAX / 2;

/// A sorted map from ids.
#[derive(Debug)]
pub struct Pending<V> {
    chunks: Rope<Chunk<V>>,
}

/// Sorted, never empty.
#[derive(Clone, Debug)]
struct Chunk<V> {
    items: Vec<(StreamId, V)>,
}

impl<V: Clone> Chunk<V> {
    fn last(&self) -> StreamId {
        self.items.last().expect("no chunk is empty").0
    }

    fn find(&self, id: StreamId) -> Result<usize, usize> {
        self.items.binary_search_by_key(&id, |item| item.0)
    }

    /// Gives room back once three quarters of it are unused.
    fn shrink(&mut self) {
        if self.items.len() <= self.items.capacity() / 4 {
            self.items.shrink_to(self.items.len() * 2);
        }
    }
}

impl<V: Clone> Node for Chunk<V> {
    fn weight(&self) -> usize {
        self.items.len()
    }

    fn heap_bytes(&self) -> usize {
        match self.items.capacity() * size_of::<(StreamId, V)>() {
            0 => 0,
            bytes => size_class(bytes),
        }
    }
}

impl<V> Default for Pending<V> {
    fn default() -> Pending<V> {
        Pending {
            chunks: Rope::default(),
        }
    }
}

/// Shares all chunks.
impl<V: Clone> Clone for Pending<V> {
    fn clone(&self) -> Pending<V> {
        Pending {
            chunks: self.chunks.duplicate(),
        }
    }
}

impl<V: Clone> Pending<V> {
    pub fn len(&self) -> usize {
        self.chunks.weight()
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub fn heap_bytes(&self) -> usize {
        self.chunks.heap_bytes()
    }

    pub fn get(&self, id: StreamId) -> Option<&V> {
        let chunk = self.chunks.node(self.place(id)?);
        let at = chunk.find(id).ok()?;
        Some(&chunk.items[at].1)
    }

    pub fn first(&self) -> Option<StreamId> {
        Some(self.chunks.front()?.items[0].0)
    }

    pub fn last(&self) -> Option<StreamId> {
        Some(self.chunks.back()?.last())
    }

    /// All from an id on, in order.
    pub fn range(&self, from: StreamId) -> impl Iterator<Item = (StreamId, &V)> {
        let place = self.place(from);
        let chunks = place
            .into_iter()
            .flat_map(|place| self.chunks.iter_from(place));
        chunks
            .flat_map(|chunk| chunk.items.iter())
            .map(|(id, value)| (*id, value))
            .skip_while(move |(id, _)| *id < from)
    }

    pub fn iter(&self) -> impl Iterator<Item = (StreamId, &V)> {
        self.range(StreamId::MIN)
    }

    /// Sets the value of an id; gives back what it had.
    pub(super) fn insert(&mut self, id: StreamId, value: V) -> Option<V> {
        let Some(place) = self.place(id) else {
            self.append(id, value);
            return None;
        };
        let full = match self.chunks.node(place).find(id) {
            Ok(at) => {
                let old = self.chunks.update(place, |chunk| {
                    std::mem::replace(&mut chunk.items[at].1, value)
                });
                return Some(old);
            }
            Err(_) => self.chunks.node(place).items.len() >= CHUNK_MAX,
        };
        if full {
            let tail = self
                .chunks
                .update(place, |chunk| chunk.items.split_off(CHUNK_MAX / 2));
            self.chunks.insert_after(place, Chunk { items: tail });
            return self.insert(id, value);
        }
        self.chunks.update(place, |chunk| {
            let at = chunk.find(id).expect_err("it was not there");
            chunk.items.insert(at, (id, value));
        });
        None
    }

    /// Adds what comes behind all others.
    fn append(&mut self, id: StreamId, value: V) {
        match self.chunks.last() {
            Some(place) if self.chunks.node(place).items.len() < CHUNK_MAX => {
                self.chunks
                    .update(place, |chunk| chunk.items.push((id, value)));
            }
            _ => self.chunks.push_back(Chunk {
                items: vec![(id, value)],
            }),
        }
    }

    pub(super) fn remove(&mut self, id: StreamId) -> Option<V> {
        let place = self.place(id)?;
        let chunk = self.chunks.node(place);
        let at = chunk.find(id).ok()?;
        if chunk.items.len() == 1 {
            let chunk = self.chunks.remove(place);
            return chunk.items.first().map(|item| item.1.clone());
        }
        let (_, value) = self.chunks.update(place, |chunk| {
            let removed = chunk.items.remove(at);
            chunk.shrink();
            removed
        });
        self.join(place);
        Some(value)
    }

    /// Joins the chunk at a place with the one behind it, or before it, if both are small.
    fn join(&mut self, place: Place) {
        let len = |place: Place| self.chunks.node(place).items.len();
        let left = match (self.chunks.prev(place), self.chunks.next(place)) {
            (_, Some(next)) if len(place) + len(next) <= CHUNK_JOINED_MAX => place,
            (Some(prev), _) if len(prev) + len(place) <= CHUNK_JOINED_MAX => prev,
            _ => return,
        };
        let right = self.chunks.next(left).expect("it is `place` or behind it");
        // What stands left keeps its place when what is right of it goes.
        let right = self.chunks.node(right).items.clone();
        self.chunks.update(left, |chunk| chunk.items.extend(right));
        let right = self.chunks.next(left).expect("it is still there");
        self.chunks.remove(right);
    }

    /// The first chunk that ends at or behind an id: the only one that may hold it.
    fn place(&self, id: StreamId) -> Option<Place> {
        self.chunks.partition_point(|chunk| chunk.last() < id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Op {
        Insert(u16, u8),
        Append(u8),
        Remove(u16),
        RemoveFirst,
        Duplicate,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            4 => (0..600u16, any::<u8>()).prop_map(|(at, value)| Op::Insert(at, value)),
            8 => any::<u8>().prop_map(Op::Append),
            6 => (0..600u16).prop_map(Op::Remove),
            4 => Just(Op::RemoveFirst),
            1 => Just(Op::Duplicate),
        ]
    }

    fn id(at: u16) -> StreamId {
        StreamId::new(u64::from(at / 7), u64::from(at % 7))
    }

    type Model = BTreeMap<StreamId, u8>;

    fn run(map: &mut Pending<u8>, model: &mut Model, op: &Op) {
        match *op {
            Op::Insert(at, value) => {
                assert_eq!(map.insert(id(at), value), model.insert(id(at), value));
            }
            Op::Append(value) => {
                let last = model.last_key_value().map_or(StreamId::MIN, |last| *last.0);
                let next = last.next().expect("far from the end");
                map.insert(next, value);
                model.insert(next, value);
            }
            Op::Remove(at) => assert_eq!(map.remove(id(at)), model.remove(&id(at))),
            Op::RemoveFirst => {
                if let Some((first, value)) = model.pop_first() {
                    assert_eq!(map.remove(first), Some(value));
                }
            }
            Op::Duplicate => {}
        }
    }

    fn compare(map: &Pending<u8>, model: &Model) {
        assert_eq!(map.len(), model.len());
        assert!(map.iter().eq(model.iter().map(|(id, value)| (*id, value))));
        assert_eq!(map.first(), model.keys().next().copied());
        assert_eq!(map.last(), model.keys().next_back().copied());
        for at in (0..600).step_by(37) {
            assert_eq!(map.get(id(at)), model.get(&id(at)));
            let rest = model.range(id(at)..).map(|(id, value)| (*id, value));
            assert!(map.range(id(at)).eq(rest));
        }
    }

    proptest! {
        #[test]
        fn does_what_a_tree_map_does(ops in prop::collection::vec(op(), 0..500)) {
            let (mut map, mut model) = (Pending::default(), Model::new());
            let mut images = Vec::new();
            for op in &ops {
                if let Op::Duplicate = op {
                    images.push((map.clone(), model.clone()));
                }
                run(&mut map, &mut model, op);
            }
            compare(&map, &model);
            images.iter().for_each(|(image, then)| compare(image, then));
        }
    }

    #[test]
    fn few_items_are_in_few_chunks() {
        let mut map = Pending::default();
        for n in 0..10_000u64 {
            map.insert(StreamId::new(n, 0), ());
        }
        assert_eq!(map.chunks.nodes(), 10_000usize.div_ceil(CHUNK_MAX));
        for n in (0..10_000u64).filter(|n| n % 50 != 0) {
            map.remove(StreamId::new(n, 0));
        }
        assert_eq!(map.len(), 200);
        assert!(map.chunks.nodes() < 20, "{}", map.chunks.nodes());
    }
}
