//! Streams in snapshots: header and groups, then nodes, in pieces when they are many.

use esker_format::StreamId;
use esker_format::cursor::Fault;
use esker_format::native::value::{
    self, GroupHeader, KIND_STREAM, KIND_STREAM_NODES, Pending, StreamHeader, StreamNodes,
    StreamReader, ValueWriter,
};

use super::{Group, StreamData, StreamNode};

impl StreamData {
    pub(super) fn write(&self, out: &mut ValueWriter<'_>) {
        out.stream(&StreamHeader {
            entries: self.len(),
            last_id: self.last_id(),
            first_id: self.first_id(),
            max_deleted_id: self.max_deleted_id(),
            entries_added: self.entries_added(),
            groups: self.groups().len() as u32,
        });
        for (name, group) in self.groups() {
            write_group(out, name, group);
        }
        for node in self.nodes() {
            out.stream_node(node.first(), node.bytes());
        }
    }

    /// Reads a value, or its first piece.
    pub(super) fn read(kind: u8, bytes: &[u8]) -> Result<StreamData, Fault> {
        if kind != KIND_STREAM {
            return Err(Fault::Invalid("a stream does not begin with its header"));
        }
        let reader = StreamReader::new(bytes)?;
        let header = reader.top.header;
        let mut stream = StreamData {
            entries_expected: Some(header.entries),
            ..StreamData::default()
        };
        stream.load_header(header.last_id, header.entries_added, header.max_deleted_id);
        for group in reader.top.groups() {
            let group = group?;
            let (name, group) = (group.header.name, read_group(&group)?);
            stream.load_group(name, group)?;
        }
        stream.read_nodes(reader.nodes)?;
        Ok(stream)
    }

    pub(super) fn read_more(&mut self, kind: u8, bytes: &[u8]) -> Result<(), Fault> {
        if kind != KIND_STREAM_NODES {
            return Err(Fault::Invalid("a stream goes on with something else"));
        }
        self.read_nodes(StreamNodes::new(bytes))
    }

    fn read_nodes(&mut self, nodes: StreamNodes<'_>) -> Result<(), Fault> {
        for node in nodes {
            let node = node?;
            self.load_node(StreamNode::parse(node.master, node.listpack.to_vec())?)?;
        }
        Ok(())
    }
}

fn write_group(out: &mut ValueWriter<'_>, name: &[u8], group: &Group) {
    out.stream_group(&GroupHeader {
        name,
        last_id: group.last_id,
        entries_read: group.entries_read.map_or(-1, |read| read as i64),
        consumers: group.consumers().len() as u32,
        pending: group.pending().len() as u64,
    });
    for (name, consumer) in group.consumers() {
        out.stream_consumer(&value::Consumer {
            name,
            seen_ms: consumer.seen_ms,
            active_ms: consumer.active_ms,
        });
    }
    let places = group.places();
    for (id, nack) in group.pending().iter() {
        out.stream_pending(&Pending {
            id,
            delivered_ms: nack.delivered_ms,
            deliveries: nack.count as u64,
            consumer: places[nack.consumer_number()],
        });
    }
}

fn read_group(from: &value::Group<'_>) -> Result<Group, Fault> {
    let header = from.header;
    let entries_read = u64::try_from(header.entries_read).ok();
    let mut group = Group::new(header.last_id, entries_read);
    let mut names = Vec::new();
    for consumer in from.consumers() {
        let consumer = consumer?;
        group.load_consumer(consumer.name, consumer.seen_ms, consumer.active_ms)?;
        names.push(consumer.name);
    }
    let mut before = None;
    for pending in from.pending() {
        let pending = pending?;
        if before
            .replace(pending.id)
            .is_some_and(|id: StreamId| id >= pending.id)
        {
            return Err(Fault::Invalid("pending entries are out of order"));
        }
        let name = names
            .get(pending.consumer as usize)
            .ok_or(Fault::Invalid("an entry is pending for nobody"))?;
        let count = pending.deliveries.cast_signed();
        group.load_pending(name, pending.id, pending.delivered_ms, count)?;
    }
    Ok(group)
}
