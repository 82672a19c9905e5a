//! Streams: entries in order of their ids, and the groups that consume them.
//!
//! - Entries are in packed nodes that are what DUMP writes, in a rope ordered by first id. An entry is appended in
//!   place in the last node; deleting marks it, and a node goes with its last entry.
//! - Nodes, groups and consumers are shared with images of the stream and copied on write.
//! - `last_id` never goes back but by XSETID, and no entry is behind it. `first_id` is that of the first entry alive,
//!   zero if there is none. `entries_added` counts all that were ever added.
//! - Bytes are counted as they change, never by a walk.
//!
//! Time and the choice of ids are the commands' business. A stream may be empty; its key stays.

mod group;
mod load;
mod node;
mod pending;
mod progress;
mod range;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use esker_format::StreamId;
use esker_format::cursor::Fault;
use esker_format::native::value::ValueWriter;
use xxhash_rust::xxh3::Xxh3;

pub use self::group::{Consumer, Group, Nack};
pub use self::node::{Fields, StreamNode};
pub use self::pending::Pending;
pub use self::range::{Range, RangeBack, StreamEntry};

use self::group::put;
use self::node::NODE_BYTES_MAX;
use super::word::boxed_word;
use super::{Collection, value_of};
use crate::entry::{Kind, size_class};
use crate::limits::Limits;
use crate::rope::Rope;
use crate::text::IntText;

/// A stream, in one word.
#[derive(Debug)]
pub enum Stream {
    Data(Box<StreamData>),
}

boxed_word!(Stream { Data });

/// See the module's header.
#[derive(Debug, Default)]
pub struct StreamData {
    nodes: Rope<StreamNode>,
    last_id: StreamId,
    first_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
    groups: BTreeMap<Arc<[u8]>, Arc<Group>>,
    group_bytes: usize,
    /// While pieces of a snapshot are read: the entries that there will be.
    entries_expected: Option<u64>,
}

/// From where on a stream is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The last so many entries.
    Last(u64),
    /// The entries with this id and later ones.
    From(StreamId),
}

/// How exactly a stream is trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    Exact,
    /// Whole nodes only, and no more entries than this; 0: as many as there are.
    Nodes {
        entries_max: u64,
    },
}

impl Deref for Stream {
    type Target = StreamData;

    #[inline]
    fn deref(&self) -> &StreamData {
        let Stream::Data(data) = self;
        data
    }
}

impl DerefMut for Stream {
    #[inline]
    fn deref_mut(&mut self) -> &mut StreamData {
        let Stream::Data(data) = self;
        data
    }
}

impl From<StreamData> for Stream {
    fn from(data: StreamData) -> Stream {
        Stream::Data(Box::new(data))
    }
}

impl Collection for Stream {
    const KIND: Kind = Kind::Stream;

    fn empty(_: &Limits) -> Stream {
        Stream::from(StreamData::default())
    }

    /// A stream may be empty: its ids and groups stay.
    fn is_empty(&self) -> bool {
        false
    }

    fn elements(&self) -> usize {
        self.nodes.weight()
    }

    fn encoding(&self) -> &'static str {
        "stream"
    }

    fn heap_bytes(&self) -> usize {
        size_class(size_of::<StreamData>()) + self.nodes.heap_bytes() + self.group_bytes
    }

    fn duplicate(&self) -> Stream {
        Stream::from(StreamData {
            nodes: self.nodes.duplicate(),
            groups: self.groups.clone(),
            last_id: self.last_id,
            first_id: self.first_id,
            max_deleted_id: self.max_deleted_id,
            entries_added: self.entries_added,
            group_bytes: self.group_bytes,
            entries_expected: None,
        })
    }

    fn encode(&self, out: &mut ValueWriter<'_>) {
        self.write(out);
    }

    fn decode(kind: u8, bytes: &[u8], _: &Limits) -> Result<Stream, Fault> {
        StreamData::read(kind, bytes).map(Stream::from)
    }

    fn add_piece(&mut self, kind: u8, bytes: &[u8]) -> Result<(), Fault> {
        self.read_more(kind, bytes)
    }

    fn loaded(&mut self) -> Result<(), Fault> {
        self.finish_load()
    }

    fn digest(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.fingerprint().to_le_bytes());
    }

    value_of!(Stream);
}

/// Reading.
impl StreamData {
    /// Entries alive.
    #[inline]
    pub fn len(&self) -> u64 {
        self.nodes.weight() as u64
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The largest id so far.
    #[inline]
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    pub fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// The largest id that XDEL deleted.
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    pub fn nodes(&self) -> impl Iterator<Item = &StreamNode> {
        self.nodes.iter()
    }

    pub fn node_count(&self) -> usize {
        self.nodes.nodes()
    }

    pub fn first(&self) -> Option<StreamEntry<'_>> {
        self.range(StreamId::MIN, StreamId::MAX).next()
    }

    pub fn last(&self) -> Option<StreamEntry<'_>> {
        self.range_back(StreamId::MIN, StreamId::MAX).next()
    }

    /// The entry with an id.
    pub fn get(&self, id: StreamId) -> Option<StreamEntry<'_>> {
        self.range(id, id).next()
    }

    /// In the order of their names.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (&**name, &**group))
    }

    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name).map(|group| &**group)
    }

    /// Of all that equal streams have in common, however their entries came into nodes.
    fn fingerprint(&self) -> u128 {
        let mut hash = Xxh3::new();
        let mut buffer = Vec::new();
        let (mut name_text, mut value_text) = (IntText::default(), IntText::default());
        for entry in self.range(StreamId::MIN, StreamId::MAX) {
            buffer.clear();
            buffer.extend_from_slice(&entry.id.to_bytes());
            buffer.extend_from_slice(&(entry.fields().len() as u64).to_le_bytes());
            for (name, value) in entry.fields() {
                put(&mut buffer, name.bytes(&mut name_text));
                put(&mut buffer, value.bytes(&mut value_text));
            }
            hash.update(&buffer);
        }
        buffer.clear();
        for id in [self.last_id, self.first_id, self.max_deleted_id] {
            buffer.extend_from_slice(&id.to_bytes());
        }
        buffer.extend_from_slice(&self.len().to_le_bytes());
        buffer.extend_from_slice(&self.entries_added.to_le_bytes());
        for (name, group) in self.groups() {
            put(&mut buffer, name);
            group.digest(&mut buffer);
        }
        hash.update(&buffer);
        hash.digest128()
    }
}

/// Changing.
impl StreamData {
    /// Adds an entry behind all others: `id` is larger than the last one.
    pub(crate) fn append<'f>(
        &mut self,
        id: StreamId,
        fields: impl ExactSizeIterator<Item = (&'f [u8], &'f [u8])> + Clone,
        limits: &Limits,
    ) {
        assert!(id > self.last_id, "entries are added at the end");
        let bytes: usize = fields.clone().map(|(f, v)| f.len() + v.len()).sum();
        match self.nodes.last() {
            Some(place) if has_room(self.nodes.node(place), bytes, limits) => {
                self.nodes.update(place, |node| node.append(id, fields));
            }
            last => {
                let slack = last.filter(|place| self.nodes.node(*place).has_slack());
                if let Some(place) = slack {
                    self.nodes.update(place, StreamNode::seal);
                }
                self.nodes.push_back(StreamNode::new(id, fields));
            }
        }
        if self.first_id == StreamId::MIN {
            self.first_id = id;
        }
        self.last_id = id;
        self.entries_added += 1;
    }

    /// Deletes an entry; `false` if there is none of that id.
    pub(crate) fn delete(&mut self, id: StreamId) -> bool {
        let Some(place) = self.place_of(id) else {
            return false;
        };
        let node = self.nodes.node(place);
        let Some(entry) = node.find(id) else {
            return false;
        };
        if node.counts().0 == 1 {
            self.nodes.remove(place);
        } else {
            self.nodes.update(place, |node| node.delete(&entry));
        }
        self.max_deleted_id = self.max_deleted_id.max(id);
        if id == self.first_id {
            self.find_first();
        }
        true
    }

    /// Deletes entries from the front on; tells how many.
    pub(crate) fn trim(&mut self, keep: Keep, precision: Precision) -> u64 {
        let mut deleted = 0;
        while let Some(place) = self.nodes.first() {
            let node = self.nodes.node(place);
            let entries = node.counts().0;
            let length = self.len();
            if matches!(keep, Keep::Last(count) if length <= count) {
                break;
            }
            if let Precision::Nodes { entries_max } = precision
                && entries_max > 0
                && deleted + entries > entries_max
            {
                break;
            }
            let whole = match keep {
                Keep::Last(count) => length - entries >= count,
                Keep::From(id) => node.last().id < id,
            };
            if whole {
                self.nodes.remove(place);
                deleted += entries;
                continue;
            }
            if precision == Precision::Exact {
                deleted += self
                    .nodes
                    .update(place, |node| trim_node(node, keep, length));
            }
            break;
        }
        if deleted > 0 {
            self.find_first();
        }
        deleted
    }

    fn find_first(&mut self) {
        self.first_id = self.first().map_or(StreamId::MIN, |entry| entry.id);
    }

    /// XSETID: the caller has checked the ids against the entries.
    pub(crate) fn set_ids(&mut self, last_id: StreamId, entries_added: u64, max_deleted: StreamId) {
        self.last_id = last_id;
        self.entries_added = entries_added;
        self.max_deleted_id = max_deleted;
    }

    /// Adds a group; `false` if there is one of that name.
    pub(crate) fn create_group(&mut self, name: &[u8], group: Group) -> bool {
        if self.groups.contains_key(name) {
            return false;
        }
        self.group_bytes += group_name_bytes(name) + group.heap_bytes();
        self.groups.insert(name.into(), Arc::new(group));
        true
    }

    pub(crate) fn destroy_group(&mut self, name: &[u8]) -> bool {
        let Some(group) = self.groups.remove(name) else {
            return false;
        };
        self.group_bytes -= group_name_bytes(name) + group.heap_bytes();
        true
    }

    /// Changes a group, after copying what an image shares of it. `None` if there is no such group.
    pub(crate) fn change_group<R>(
        &mut self,
        name: &[u8],
        change: impl FnOnce(&mut Group) -> R,
    ) -> Option<R> {
        let shared = self.groups.get_mut(name)?;
        // A copy may take less than what it was copied from.
        let before = shared.heap_bytes();
        let group = Arc::make_mut(shared);
        let result = change(group);
        self.group_bytes = self.group_bytes - before + group.heap_bytes();
        Some(result)
    }
}

fn has_room(node: &StreamNode, bytes: usize, limits: &Limits) -> bool {
    let bytes_max = match limits.stream_node_max_bytes {
        0 => NODE_BYTES_MAX,
        bytes => bytes.min(NODE_BYTES_MAX),
    };
    let (alive, deleted) = node.counts();
    let entries_max = limits.stream_node_max_entries as u64;
    node.bytes().len() + bytes < bytes_max && (entries_max == 0 || alive + deleted < entries_max)
}

/// Marks what goes of the first node that stays; the stream has `length` entries.
fn trim_node(node: &mut StreamNode, keep: Keep, length: u64) -> u64 {
    let mut left = length;
    node.delete_while(|id| {
        let gone = match keep {
            Keep::Last(count) => left > count,
            Keep::From(first) => id < first,
        };
        left -= u64::from(gone);
        gone
    })
}

/// What the name of a group takes, and its place among the others.
fn group_name_bytes(name: &[u8]) -> usize {
    size_class(2 * size_of::<usize>() + name.len()) + size_of::<(Arc<[u8]>, Arc<Group>)>()
}
