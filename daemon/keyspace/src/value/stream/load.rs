//! Building a stream out of stored parts: for snapshots and DUMP payloads, whoever wrote them.
//!
//! Nodes come in any order, since a large stream is stored in pieces; the header comes once. Everything is checked
//! here that a node cannot prove about itself.

use esker_format::StreamId;
use esker_format::cursor::Fault;

use super::{Group, StreamData, StreamNode};

impl StreamData {
    /// Sets what is neither entry nor group.
    pub fn load_header(&mut self, last_id: StreamId, entries_added: u64, max_deleted: StreamId) {
        self.set_ids(last_id, entries_added, max_deleted);
    }

    /// Adds a node between the others, none of which it may overlap.
    pub fn load_node(&mut self, node: StreamNode) -> Result<(), Fault> {
        let overlaps = || Fault::Invalid("nodes of a stream overlap");
        if node.first() == StreamId::MIN {
            return Err(Fault::Invalid("an entry of a stream has the id 0-0"));
        }
        let behind = self
            .nodes
            .partition_point(|other| other.first() < node.first());
        if behind.is_some_and(|place| self.nodes.node(place).first() <= node.last().id) {
            return Err(overlaps());
        }
        let before = match behind {
            Some(place) => self.nodes.prev(place),
            None => self.nodes.last(),
        };
        if before.is_some_and(|place| self.nodes.node(place).last().id >= node.first()) {
            return Err(overlaps());
        }
        match behind {
            Some(place) => {
                self.nodes.insert_before(place, node);
            }
            None => self.nodes.push_back(node),
        }
        Ok(())
    }

    /// Adds a group that was built with [`Group::load_consumer`] and [`Group::load_pending`].
    pub fn load_group(&mut self, name: &[u8], group: Group) -> Result<(), Fault> {
        match self.create_group(name, group) {
            true => Ok(()),
            false => Err(Fault::Invalid("two groups of a stream have one name")),
        }
    }

    /// Ends the building: settles what follows from the parts and checks that they belong together.
    pub fn finish_load(&mut self) -> Result<(), Fault> {
        self.find_first();
        if self
            .entries_expected
            .take()
            .is_some_and(|expected| expected != self.len())
        {
            return Err(Fault::Invalid("a stream has another number of entries"));
        }
        let newest = self
            .nodes
            .back()
            .map_or(StreamId::MIN, |node| node.last().id);
        if newest > self.last_id {
            return Err(Fault::Invalid("an entry of a stream is behind its last id"));
        }
        Ok(())
    }
}

impl Group {
    /// Adds a consumer with its times; -1 for one that was never active.
    pub fn load_consumer(
        &mut self,
        name: &[u8],
        seen_ms: i64,
        active_ms: i64,
    ) -> Result<(), Fault> {
        if !self.create_consumer(name, seen_ms) {
            return Err(Fault::Invalid("two consumers of a group have one name"));
        }
        self.touch(name, seen_ms, Some(active_ms));
        Ok(())
    }

    /// Adds a pending entry of a consumer that was added before.
    pub fn load_pending(
        &mut self,
        consumer: &[u8],
        id: StreamId,
        delivered_ms: i64,
        count: i64,
    ) -> Result<(), Fault> {
        if self.consumer(consumer).is_none() || self.pending().get(id).is_some() {
            return Err(Fault::Invalid("an entry is pending twice, or for nobody"));
        }
        self.assign(consumer, std::iter::once(id), delivered_ms, count);
        Ok(())
    }
}
