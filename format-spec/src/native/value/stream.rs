//! Streams: what is known of the whole, the consumer groups, the nodes.

use super::read::{bytes, elements};
use super::write::put_bytes;
use crate::StreamId;
use crate::cursor::{Cursor, Fault, put_i64, put_u32, put_u64};

/// What is known of a stream as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamHeader {
    /// Entries that are there.
    pub entries: u64,
    /// The largest id that was ever there.
    pub last_id: StreamId,
    /// The id of the first entry; 0-0 if there is none.
    pub first_id: StreamId,
    /// The largest id that was deleted.
    pub max_deleted_id: StreamId,
    /// Entries that were ever added.
    pub entries_added: u64,
    /// Consumer groups that follow.
    pub groups: u32,
}

/// A consumer group, without its consumers and pending entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupHeader<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The last id that was delivered to it.
    pub last_id: StreamId,
    /// How many entries it has read; negative if that is unknown.
    pub entries_read: i64,
    /// Consumers that follow.
    pub consumers: u32,
    /// Pending entries that follow the consumers.
    pub pending: u64,
}

/// A consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumer<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// When it last tried to read, in Unix milliseconds.
    pub seen_ms: i64,
    /// When it last read something; negative if never.
    pub active_ms: i64,
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The entry.
    pub id: StreamId,
    /// When it was delivered last, in Unix milliseconds.
    pub delivered_ms: i64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// To whom: the place of the consumer among those of the group.
    pub consumer: u32,
}

/// A node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamNode<'a> {
    /// The id that those of its entries are relative to.
    pub master: StreamId,
    /// A listpack of entries. Its structure is not checked.
    pub listpack: &'a [u8],
}

/// A consumer group with its lists.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// The group.
    pub header: GroupHeader<'a>,
    consumers: Cursor<'a>,
    pending: Cursor<'a>,
}

/// What stands before the nodes of a stream.
#[derive(Clone, Debug)]
pub struct StreamTop<'a> {
    /// The stream as a whole.
    pub header: StreamHeader,
    groups: Cursor<'a>,
}

/// A value of [`super::KIND_STREAM`], taken apart.
#[derive(Clone, Debug)]
pub struct StreamReader<'a> {
    /// Header and groups.
    pub top: StreamTop<'a>,
    /// The nodes.
    pub nodes: StreamNodes<'a>,
}

const CONSUMER_BYTES_MIN: usize = 4 + 8 + 8;
const PENDING_BYTES: usize = 16 + 8 + 8 + 4;

pub(super) fn put_header(out: &mut Vec<u8>, header: &StreamHeader) {
    put_u64(out, header.entries);
    for id in [header.last_id, header.first_id, header.max_deleted_id] {
        put_id(out, id);
    }
    put_u64(out, header.entries_added);
    put_u32(out, header.groups);
}

pub(super) fn put_group(out: &mut Vec<u8>, group: &GroupHeader<'_>) {
    put_bytes(out, group.name);
    put_id(out, group.last_id);
    put_i64(out, group.entries_read);
    put_u32(out, group.consumers);
    put_u64(out, group.pending);
}

pub(super) fn put_consumer(out: &mut Vec<u8>, consumer: &Consumer<'_>) {
    put_bytes(out, consumer.name);
    put_i64(out, consumer.seen_ms);
    put_i64(out, consumer.active_ms);
}

pub(super) fn put_pending(out: &mut Vec<u8>, pending: &Pending) {
    put_id(out, pending.id);
    put_i64(out, pending.delivered_ms);
    put_u64(out, pending.deliveries);
    put_u32(out, pending.consumer);
}

fn put_id(out: &mut Vec<u8>, id: StreamId) {
    put_u64(out, id.ms);
    put_u64(out, id.seq);
}

fn id(cursor: &mut Cursor<'_>) -> Result<StreamId, Fault> {
    let (ms, seq) = (cursor.u64()?, cursor.u64()?);
    Ok(StreamId { ms, seq })
}

fn read_header(cursor: &mut Cursor<'_>) -> Result<StreamHeader, Fault> {
    Ok(StreamHeader {
        entries: cursor.u64()?,
        last_id: id(cursor)?,
        first_id: id(cursor)?,
        max_deleted_id: id(cursor)?,
        entries_added: cursor.u64()?,
        groups: cursor.u32()?,
    })
}

fn read_consumer<'a>(cursor: &mut Cursor<'a>) -> Result<Consumer<'a>, Fault> {
    Ok(Consumer {
        name: bytes(cursor)?,
        seen_ms: cursor.i64()?,
        active_ms: cursor.i64()?,
    })
}

fn read_pending(cursor: &mut Cursor<'_>) -> Result<Pending, Fault> {
    Ok(Pending {
        id: id(cursor)?,
        delivered_ms: cursor.i64()?,
        deliveries: cursor.u64()?,
        consumer: cursor.u32()?,
    })
}

/// Reads a group and steps over its lists.
fn read_group<'a>(cursor: &mut Cursor<'a>) -> Result<Group<'a>, Fault> {
    let header = GroupHeader {
        name: bytes(cursor)?,
        last_id: id(cursor)?,
        entries_read: cursor.i64()?,
        consumers: cursor.u32()?,
        pending: cursor.u64()?,
    };
    let consumers_start = cursor.clone();
    if header.consumers as usize > cursor.rest().len() / CONSUMER_BYTES_MIN {
        return Err(Fault::Truncated);
    }
    for _ in 0..header.consumers {
        read_consumer(cursor)?;
    }
    let consumers_bytes = cursor.position() - consumers_start.position();
    let pending_bytes = usize::try_from(header.pending)
        .ok()
        .and_then(|count| count.checked_mul(PENDING_BYTES))
        .ok_or(Fault::Truncated)?;
    let pending = Cursor::new(cursor.take(pending_bytes)?);
    let mut consumers = consumers_start;
    let consumers = Cursor::new(consumers.take(consumers_bytes)?);
    Ok(Group {
        header,
        consumers,
        pending,
    })
}

impl<'a> StreamReader<'a> {
    /// Reads header and groups; the nodes are read as they are asked for.
    pub fn new(value: &'a [u8]) -> Result<StreamReader<'a>, Fault> {
        let mut cursor = Cursor::new(value);
        let header = read_header(&mut cursor)?;
        let groups = cursor.clone();
        for _ in 0..header.groups {
            read_group(&mut cursor)?;
        }
        let nodes = StreamNodes::new(cursor.rest());
        let top = StreamTop { header, groups };
        Ok(StreamReader { top, nodes })
    }
}

impl<'a> StreamTop<'a> {
    /// The groups. Their structure was checked when the reader was made.
    pub fn groups(&self) -> impl Iterator<Item = Result<Group<'a>, Fault>> + use<'a> {
        let mut cursor = self.groups.clone();
        (0..self.header.groups).map(move |_| read_group(&mut cursor))
    }
}

impl<'a> Group<'a> {
    /// Its consumers.
    pub fn consumers(&self) -> impl Iterator<Item = Result<Consumer<'a>, Fault>> + use<'a> {
        let mut cursor = self.consumers.clone();
        (0..self.header.consumers).map(move |_| read_consumer(&mut cursor))
    }

    /// Its pending entries. Each is of a consumer that there is.
    pub fn pending(&self) -> impl Iterator<Item = Result<Pending, Fault>> + use<'a> {
        let mut cursor = self.pending.clone();
        let consumers = self.header.consumers;
        (0..self.header.pending).map(move |_| {
            let pending = read_pending(&mut cursor)?;
            if pending.consumer < consumers {
                Ok(pending)
            } else {
                Err(Fault::Invalid("an entry is pending for nobody"))
            }
        })
    }
}

elements!(
    /// The nodes of a stream.
    StreamNodes, StreamNode<'a>, |cursor| {
        Ok(StreamNode {
            master: id(cursor)?,
            listpack: bytes(cursor)?,
        })
    }
);
