//! Streams. Three forms: the second added first id, largest deleted id and counts, the third when consumers were
//! active.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::read::{Read, take_listpack_as_is};
use super::string::{put_length, put_string_with, take_bytes, take_length};
use super::types::{TYPE_STREAM_2, TYPE_STREAM_3};
use crate::StreamId;
use crate::cursor::{Cursor, Fault, put_i64};
use crate::native::value::{
    Consumer, Group, GroupHeader, Pending, StreamHeader, StreamReader, ValueWriter,
};
use crate::redis::listpack::{self, Item};
use crate::redis::lzf::Compressor;

const ENTRY_DELETED: i64 = 1;
const ENTRY_SAME_FIELDS: i64 = 2;

/// A node: its master id and its listpack.
type Nodes<'a> = Vec<(StreamId, Cow<'a, [u8]>)>;

pub(super) fn read(cursor: &mut Cursor<'_>, form: u8) -> Result<Read, Fault> {
    let nodes = take_nodes(cursor)?;
    let mut header = StreamHeader {
        entries: take_length(cursor)?,
        last_id: take_id(cursor)?,
        first_id: StreamId::MIN,
        max_deleted_id: StreamId::MIN,
        entries_added: 0,
        groups: 0,
    };
    if (header.entries == 0) != nodes.is_empty() {
        return Err(Fault::Invalid("a stream has another number of entries"));
    }
    if form >= 2 {
        header.first_id = take_id(cursor)?;
        header.max_deleted_id = take_id(cursor)?;
        header.entries_added = take_length(cursor)?;
    } else {
        header.first_id = nodes.iter().find_map(first_entry).unwrap_or(StreamId::MIN);
        header.entries_added = header.entries;
    }
    let groups = take_length(cursor)?;
    if groups > cursor.rest().len() as u64 {
        return Err(Fault::Truncated);
    }
    header.groups = u32::try_from(groups).map_err(|_| Fault::Truncated)?;
    Read::written(|out| {
        out.stream(&header);
        for _ in 0..groups {
            copy_group(cursor, form, &header, out)?;
        }
        for (master, listpack) in &nodes {
            out.stream_node(*master, listpack);
        }
        Ok(())
    })
}

fn take_nodes<'a>(cursor: &mut Cursor<'a>) -> Result<Nodes<'a>, Fault> {
    let count = take_length(cursor)?;
    let mut nodes = Nodes::new();
    for _ in 0..count {
        let key = take_bytes(cursor)?;
        let master = match Cursor::new(&key) {
            mut key if key.rest().len() == 16 => raw_id(&mut key)?,
            _ => return Err(Fault::Invalid("the key of a node is no id")),
        };
        if nodes.last().is_some_and(|(before, _)| *before >= master) {
            return Err(Fault::Invalid("the nodes of a stream are out of order"));
        }
        nodes.push((master, take_listpack_as_is(cursor)?));
    }
    Ok(nodes)
}

/// The id of the first entry of a node that is not deleted.
fn first_entry((master, listpack): &(StreamId, Cow<'_, [u8]>)) -> Option<StreamId> {
    let mut items = listpack::Reader::new(listpack).ok()?.map_while(Result::ok);
    let fields = usize::try_from(items.nth(2)?.int()?).ok()?;
    let mut skip = fields.checked_add(1)?;
    loop {
        let flags = items.nth(skip)?.int()?;
        let (ms, seq) = (items.next()?.int()?, items.next()?.int()?);
        if flags & ENTRY_DELETED == 0 {
            return Some(StreamId {
                ms: master.ms.wrapping_add_signed(ms),
                seq: master.seq.wrapping_add_signed(seq),
            });
        }
        // What is left of the entry: fields and values, then the number of its elements.
        skip = if flags & ENTRY_SAME_FIELDS != 0 {
            fields.checked_add(1)?
        } else {
            let own = items.next().as_ref().and_then(Item::int)?;
            usize::try_from(own).ok()?.checked_mul(2)?.checked_add(1)?
        };
    }
}

/// How many entries a group that stands at `id` has read, as far as the header of a stream tells; -1 if it does not.
fn estimate_read(header: &StreamHeader, id: StreamId) -> i64 {
    let (added, alive) = (header.entries_added as i64, header.entries as i64);
    if added == 0 {
        0
    } else if id == header.last_id || (alive == 0 && id < header.last_id) {
        added
    } else if id > header.last_id || id > header.first_id {
        -1
    } else if id == header.first_id {
        added - alive + 1
    } else {
        added - alive
    }
}

fn copy_group(
    cursor: &mut Cursor<'_>,
    form: u8,
    header: &StreamHeader,
    out: &mut ValueWriter<'_>,
) -> Result<(), Fault> {
    let name = take_bytes(cursor)?;
    let last_id = take_id(cursor)?;
    let entries_read = match form {
        1 => estimate_read(header, last_id),
        _ => take_length(cursor)?.cast_signed().max(-1),
    };
    let mut pending = take_pending(cursor)?;
    let consumers = take_consumers(cursor, form, &mut pending)?;
    out.stream_group(&GroupHeader {
        name: &name,
        last_id,
        entries_read,
        consumers: consumers.len() as u32,
        pending: pending.len() as u64,
    });
    for (name, seen_ms, active_ms) in &consumers {
        out.stream_consumer(&Consumer {
            name,
            seen_ms: *seen_ms,
            active_ms: *active_ms,
        });
    }
    for entry in pending.values() {
        if entry.consumer == NOBODY {
            return Err(Fault::Invalid("an entry is pending for nobody"));
        }
        out.stream_pending(entry);
    }
    Ok(())
}

/// The place of the consumer of a pending entry whose consumer is not known yet.
const NOBODY: u32 = u32::MAX;

fn take_pending(cursor: &mut Cursor<'_>) -> Result<BTreeMap<StreamId, Pending>, Fault> {
    let count = take_length(cursor)?;
    let mut pending = BTreeMap::new();
    for _ in 0..count {
        let id = raw_id(cursor)?;
        let entry = Pending {
            id,
            delivered_ms: cursor.i64()?,
            deliveries: take_length(cursor)?,
            consumer: NOBODY,
        };
        if i64::try_from(entry.deliveries).is_err() {
            return Err(Fault::Invalid("an entry was delivered too often"));
        }
        if pending.insert(id, entry).is_some() {
            return Err(Fault::Invalid("an entry is pending twice"));
        }
    }
    Ok(pending)
}

fn take_consumers<'a>(
    cursor: &mut Cursor<'a>,
    form: u8,
    pending: &mut BTreeMap<StreamId, Pending>,
) -> Result<Vec<(Cow<'a, [u8]>, i64, i64)>, Fault> {
    let count = take_length(cursor)?;
    let mut consumers: Vec<(Cow<'a, [u8]>, i64, i64)> = Vec::new();
    let mut names = super::read::Distinct::default();
    for place in 0..count {
        let name = take_bytes(cursor)?;
        let seen_ms = cursor.i64()?;
        let active_ms = match form {
            3 => cursor.i64()?.max(-1),
            _ => seen_ms,
        };
        for _ in 0..take_length(cursor)? {
            let entry = pending.get_mut(&raw_id(cursor)?);
            match entry {
                Some(entry) if entry.consumer == NOBODY => entry.consumer = place as u32,
                _ => return Err(Fault::Invalid("an entry is pending for a consumer alone")),
            }
        }
        names.add(name.clone())?;
        consumers.push((name, seen_ms, active_ms));
    }
    Ok(consumers)
}

/// An id as two lengths.
fn take_id(cursor: &mut Cursor<'_>) -> Result<StreamId, Fault> {
    Ok(StreamId {
        ms: take_length(cursor)?,
        seq: take_length(cursor)?,
    })
}

/// An id as 128 bits, largest first, so that ids sort as bytes.
#[expect(
    clippy::big_endian_bytes,
    reason = "RDB files hold the keys of streams in network order"
)]
fn raw_id(cursor: &mut Cursor<'_>) -> Result<StreamId, Fault> {
    Ok(StreamId {
        ms: u64::from_be_bytes(cursor.array()?),
        seq: u64::from_be_bytes(cursor.array()?),
    })
}

#[expect(
    clippy::big_endian_bytes,
    reason = "RDB files hold the keys of streams in network order"
)]
fn put_raw_id(out: &mut Vec<u8>, id: StreamId) {
    out.extend_from_slice(&id.ms.to_be_bytes());
    out.extend_from_slice(&id.seq.to_be_bytes());
}

fn put_id(out: &mut Vec<u8>, id: StreamId) {
    put_length(out, id.ms);
    put_length(out, id.seq);
}

/// Appends a stream that is in its native form. Returns whether the third form was needed: consumers were not active
/// when they were last seen.
pub(super) fn put(
    out: &mut Vec<u8>,
    native: &[u8],
    compressor: &mut Compressor,
) -> Result<bool, Fault> {
    let reader = StreamReader::new(native)?;
    let groups: Vec<Group<'_>> = reader.top.groups().collect::<Result<_, _>>()?;
    let mut third = false;
    for consumer in groups.iter().flat_map(Group::consumers) {
        let consumer = consumer?;
        third |= consumer.active_ms != consumer.seen_ms;
    }
    out.push(if third { TYPE_STREAM_3 } else { TYPE_STREAM_2 });
    put_length(out, reader.nodes.clone().count() as u64);
    for node in reader.nodes {
        let node = node?;
        let mut key = Vec::with_capacity(16);
        put_raw_id(&mut key, node.master);
        put_string_with(out, &key, compressor);
        put_string_with(out, node.listpack, compressor);
    }
    let header = reader.top.header;
    put_length(out, header.entries);
    put_id(out, header.last_id);
    put_id(out, header.first_id);
    put_id(out, header.max_deleted_id);
    put_length(out, header.entries_added);
    put_length(out, groups.len() as u64);
    for group in &groups {
        put_group(out, group, third, compressor)?;
    }
    Ok(third)
}

fn put_group(
    out: &mut Vec<u8>,
    group: &Group<'_>,
    third: bool,
    compressor: &mut Compressor,
) -> Result<(), Fault> {
    put_string_with(out, group.header.name, compressor);
    put_id(out, group.header.last_id);
    put_length(out, group.header.entries_read.cast_unsigned());
    put_length(out, group.header.pending);
    let mut of_consumer: BTreeMap<u32, Vec<StreamId>> = BTreeMap::new();
    for pending in group.pending() {
        let pending = pending?;
        put_raw_id(out, pending.id);
        put_i64(out, pending.delivered_ms);
        put_length(out, pending.deliveries);
        of_consumer
            .entry(pending.consumer)
            .or_default()
            .push(pending.id);
    }
    put_length(out, u64::from(group.header.consumers));
    for (place, consumer) in (0..).zip(group.consumers()) {
        let consumer = consumer?;
        put_string_with(out, consumer.name, compressor);
        put_i64(out, consumer.seen_ms);
        if third {
            put_i64(out, consumer.active_ms);
        }
        let ids = of_consumer.get(&place).map_or(&[][..], Vec::as_slice);
        put_length(out, ids.len() as u64);
        for id in ids {
            put_raw_id(out, *id);
        }
    }
    Ok(())
}
