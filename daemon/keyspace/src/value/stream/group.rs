//! A consumer group: how far it has read, what is pending, who consumes.
//!
//! What is pending is kept twice, in the order of ids both times: by the group with consumer, time and count, and by
//! each consumer as bare ids. Both sides change in one place each, [`Group::assign`] and [`Group::forget`]. Items name
//! their consumer by a number, which is that of a slot with the name and is used again once the consumer is gone.
//!
//! Times are milliseconds of whoever changes the group. Seen and active times of consumers are not part of what two
//! equal streams have in common: see `tx/stream.rs` for where they come from after a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use esker_format::StreamId;

use super::pending::Pending;
use crate::entry::size_class;

/// The two reference counts before what an `Arc` holds.
const ARC_BYTES: usize = 2 * size_of::<usize>();

/// One delivered entry that nobody has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nack {
    pub delivered_ms: i64,
    /// Deliveries so far; whatever a client made of it.
    pub count: i64,
    consumer: u32,
}

#[derive(Clone, Debug)]
pub struct Consumer {
    /// When it last tried anything.
    pub seen_ms: i64,
    /// When it last got an entry; -1: never.
    pub active_ms: i64,
    pending: Pending<()>,
    slot: u32,
}

impl Nack {
    pub(super) fn consumer_number(&self) -> usize {
        self.consumer as usize
    }
}

impl Consumer {
    pub fn pending(&self) -> &Pending<()> {
        &self.pending
    }

    fn heap_bytes(&self) -> usize {
        size_class(ARC_BYTES + size_of::<Consumer>()) + self.pending.heap_bytes()
    }
}

#[derive(Clone, Debug)]
pub struct Group {
    /// The last entry that the group was given.
    pub last_id: StreamId,
    /// Entries given so far, counted from the first ever; `None` where that is not known.
    pub entries_read: Option<u64>,
    pending: Pending<Nack>,
    consumers: BTreeMap<Arc<[u8]>, Arc<Consumer>>,
    /// Names by the number of a consumer.
    slots: Vec<Option<Arc<[u8]>>>,
    free_slots: Vec<u32>,
    /// What consumers and their names take.
    consumer_bytes: usize,
}

/// Reading.
impl Group {
    pub fn new(last_id: StreamId, entries_read: Option<u64>) -> Group {
        Group {
            last_id,
            entries_read,
            pending: Pending::default(),
            consumers: BTreeMap::new(),
            slots: Vec::new(),
            free_slots: Vec::new(),
            consumer_bytes: 0,
        }
    }

    pub fn pending(&self) -> &Pending<Nack> {
        &self.pending
    }

    /// In the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = (&[u8], &Consumer)> {
        self.consumers
            .iter()
            .map(|(name, consumer)| (&**name, &**consumer))
    }

    pub fn consumer(&self, name: &[u8]) -> Option<&Consumer> {
        self.consumers.get(name).map(|consumer| &**consumer)
    }

    /// The name of the consumer that has an item.
    pub fn owner(&self, nack: &Nack) -> &[u8] {
        self.slots[nack.consumer as usize]
            .as_deref()
            .expect("a consumer with something pending exists")
    }

    /// By the number of a consumer, its place in the order of names.
    pub(super) fn places(&self) -> Vec<u32> {
        let mut places = vec![0; self.slots.len()];
        for (place, consumer) in self.consumers.values().enumerate() {
            places[consumer.slot as usize] = place as u32;
        }
        places
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let slots = self.slots.capacity() * size_of::<Option<Arc<[u8]>>>();
        let free = self.free_slots.capacity() * size_of::<u32>();
        size_class(ARC_BYTES + size_of::<Group>())
            + slots
            + free
            + self.pending.heap_bytes()
            + self.consumer_bytes
    }

    /// All that is the same in equal groups.
    pub(super) fn digest(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.last_id.to_bytes());
        let read = self.entries_read.map_or(-1, |read| read as i64);
        out.extend_from_slice(&read.to_le_bytes());
        out.extend_from_slice(&(self.consumers.len() as u64).to_le_bytes());
        for name in self.consumers.keys() {
            put(out, name);
        }
        out.extend_from_slice(&(self.pending.len() as u64).to_le_bytes());
        for (id, nack) in self.pending.iter() {
            out.extend_from_slice(&id.to_bytes());
            out.extend_from_slice(&nack.delivered_ms.to_le_bytes());
            out.extend_from_slice(&nack.count.to_le_bytes());
            put(out, self.owner(nack));
        }
    }
}

/// A length and bytes.
pub(super) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Changing.
impl Group {
    /// Adds a consumer; `false` if there is one of that name.
    pub(crate) fn create_consumer(&mut self, name: &[u8], seen_ms: i64) -> bool {
        if self.consumers.contains_key(name) {
            return false;
        }
        let name: Arc<[u8]> = name.into();
        let slot = match self.free_slots.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                (self.slots.len() - 1) as u32
            }
        };
        self.slots[slot as usize] = Some(Arc::clone(&name));
        let consumer = Consumer {
            seen_ms,
            active_ms: -1,
            pending: Pending::default(),
            slot,
        };
        self.consumer_bytes += name_bytes(&name) + consumer.heap_bytes();
        self.consumers.insert(name, Arc::new(consumer));
        true
    }

    /// Removes a consumer with all that it has pending; tells how much that was.
    pub(crate) fn delete_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let (name, consumer) = self.consumers.remove_entry(name)?;
        for (id, ()) in consumer.pending.iter() {
            self.pending.remove(id);
        }
        self.consumer_bytes -= name_bytes(&name) + consumer.heap_bytes();
        self.slots[consumer.slot as usize] = None;
        self.free_slots.push(consumer.slot);
        Some(consumer.pending.len())
    }

    /// Sets when a consumer was seen and, if given, active.
    pub(crate) fn touch(&mut self, name: &[u8], seen_ms: i64, active_ms: Option<i64>) {
        self.change_consumer(name, |consumer| {
            consumer.seen_ms = seen_ms;
            consumer.active_ms = active_ms.unwrap_or(consumer.active_ms);
        });
    }

    /// Makes entries pending for a consumer, whoever had them.
    pub(crate) fn assign(
        &mut self,
        name: &[u8],
        ids: impl Iterator<Item = StreamId>,
        delivered_ms: i64,
        count: i64,
    ) {
        let slot = self.consumers[name].slot;
        let nack = Nack {
            delivered_ms,
            count,
            consumer: slot,
        };
        let mut news = Vec::new();
        for id in ids {
            match self.pending.insert(id, nack) {
                Some(old) if old.consumer == slot => {}
                Some(old) => {
                    let owner = self.name_of(old.consumer);
                    self.change_consumer(&owner, |consumer| consumer.pending.remove(id));
                    news.push(id);
                }
                None => news.push(id),
            }
        }
        self.change_consumer(name, |consumer| {
            for id in news {
                consumer.pending.insert(id, ());
            }
        });
    }

    /// Takes an entry off; `false` if it was not pending.
    pub(crate) fn forget(&mut self, id: StreamId) -> bool {
        let Some(nack) = self.pending.remove(id) else {
            return false;
        };
        let owner = self.name_of(nack.consumer);
        self.change_consumer(&owner, |consumer| consumer.pending.remove(id));
        true
    }

    fn name_of(&self, slot: u32) -> Arc<[u8]> {
        let name = self.slots[slot as usize].as_ref();
        Arc::clone(name.expect("a consumer with something pending exists"))
    }

    fn change_consumer<R>(&mut self, name: &[u8], change: impl FnOnce(&mut Consumer) -> R) -> R {
        let shared = self.consumers.get_mut(name).expect("the consumer exists");
        // A copy may take less than what it was copied from.
        let before = shared.heap_bytes();
        let consumer = Arc::make_mut(shared);
        let result = change(consumer);
        self.consumer_bytes = self.consumer_bytes - before + consumer.heap_bytes();
        result
    }
}

/// What a name takes, and its place among the others.
fn name_bytes(name: &[u8]) -> usize {
    size_class(ARC_BYTES + name.len()) + size_of::<(Arc<[u8]>, Arc<Consumer>)>()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Model = BTreeMap<u64, (u8, i64, i64)>;

    #[derive(Clone, Debug)]
    enum Op {
        Create(u8),
        Delete(u8),
        Assign(u8, u64, u64, i64),
        Forget(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            1 => (0..5u8).prop_map(Op::Create),
            1 => (0..5u8).prop_map(Op::Delete),
            5 => (0..5u8, 0..200u64, 1..20u64, 1..9i64)
                .prop_map(|(name, from, len, count)| Op::Assign(name, from, len, count)),
            5 => (0..220u64).prop_map(Op::Forget),
        ]
    }

    fn check(group: &Group, consumers: &BTreeMap<u8, ()>, model: &Model) {
        let names: Vec<&[u8]> = group.consumers().map(|(name, _)| name).collect();
        let expected: Vec<[u8; 1]> = consumers.keys().map(|name| [*name]).collect();
        assert!(names.iter().eq(expected.iter()));
        let found = group
            .pending()
            .iter()
            .map(|(id, nack)| (id.ms, (group.owner(nack)[0], nack.delivered_ms, nack.count)));
        assert!(found.eq(model.iter().map(|(id, item)| (*id, *item))));
        let mut bytes = 0;
        for (name, consumer) in group.consumers() {
            let own = model.iter().filter(|(_, item)| item.0 == name[0]);
            assert!(
                consumer
                    .pending()
                    .iter()
                    .map(|(id, _)| id.ms)
                    .eq(own.map(|(id, _)| *id))
            );
            bytes += name_bytes(name) + consumer.heap_bytes();
        }
        assert_eq!(group.consumer_bytes, bytes);
    }

    proptest! {
        #[test]
        fn both_sides_agree(ops in prop::collection::vec(op(), 0..120)) {
            let mut group = Group::new(StreamId::MIN, None);
            let (mut consumers, mut model) = (BTreeMap::new(), Model::new());
            for (now, op) in ops.iter().enumerate() {
                let image = group.clone();
                let then = (consumers.clone(), model.clone());
                match *op {
                    Op::Create(name) => {
                        let new = consumers.insert(name, ()).is_none();
                        prop_assert_eq!(group.create_consumer(&[name], 0), new);
                    }
                    Op::Delete(name) => {
                        let pending = model.values().filter(|item| item.0 == name).count();
                        let deleted = group.delete_consumer(&[name]);
                        prop_assert_eq!(deleted, consumers.remove(&name).map(|()| pending));
                        model.retain(|_, item| item.0 != name);
                    }
                    Op::Assign(name, from, len, count) => {
                        group.create_consumer(&[name], 0);
                        consumers.insert(name, ());
                        let ids = (from..from + len).map(|ms| StreamId::new(ms, 0));
                        group.assign(&[name], ids, now as i64, count);
                        model.extend((from..from + len).map(|ms| (ms, (name, now as i64, count))));
                    }
                    Op::Forget(ms) => {
                        let known = model.remove(&ms).is_some();
                        prop_assert_eq!(group.forget(StreamId::new(ms, 0)), known);
                    }
                }
                check(&group, &consumers, &model);
                check(&image, &then.0, &then.1);
            }
        }
    }
}
