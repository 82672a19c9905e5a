//! XINFO.

use esker_keyspace::stream::{Group, StreamData};
use esker_keyspace::{Stream, StreamId, Tx};
use esker_resp::{Reply, parse_i64};

use super::entry::{write_entries, write_entry_or_null};
use super::{bad_subcommand, ids, no_group_for};
use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::help::write_help;

/// What FULL shows of entries and of what is pending, unless the client says.
const FULL_COUNT: usize = 10;

pub(super) fn help(_: &mut Tx<'_>, _: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    write_help(
        out,
        "XINFO",
        &[
            (
                "CONSUMERS <key> <group>",
                "Tell about the consumers of a group.",
            ),
            ("GROUPS <key>", "Tell about the groups of a stream."),
            (
                "STREAM <key> [FULL [COUNT <count>]]",
                "Tell about a stream; with FULL about all that is in it.",
            ),
        ],
    );
    Ok(())
}

pub(super) fn groups(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let stream = tx.view::<Stream>(args.get(2))?;
    let stream = stream.ok_or(CmdError::NoSuchKey)?;
    out.array(stream.groups().len());
    for (name, group) in stream.groups() {
        out.map(6);
        out.bulk("name");
        out.bulk(name);
        out.bulk("consumers");
        out.integer(group.consumers().len() as i64);
        out.bulk("pending");
        out.integer(group.pending().len() as i64);
        out.bulk("last-delivered-id");
        ids::write_id(out, group.last_id);
        write_progress(out, &stream, group);
    }
    Ok(())
}

fn write_progress(out: &mut Reply<'_>, stream: &StreamData, group: &Group) {
    let mut write = |name: &str, count: Option<i64>| {
        out.bulk(name);
        match count {
            Some(count) => out.integer(count),
            None => out.null(),
        }
    };
    let read = group.entries_read.map(u64::cast_signed);
    write("entries-read", read);
    write("lag", stream.lag(group));
}

pub(super) fn consumers(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let now = tx.now().0;
    let (key, name) = (args.get(2), args.get(3));
    let stream = tx.view::<Stream>(key)?.ok_or(CmdError::NoSuchKey)?;
    let group = stream.group(name).ok_or_else(|| no_group_for(key, name))?;
    out.array(group.consumers().len());
    for (name, consumer) in group.consumers() {
        let inactive = match consumer.active_ms {
            -1 => -1,
            active_ms => now.saturating_sub(active_ms).max(0),
        };
        out.map(4);
        out.bulk("name");
        out.bulk(name);
        out.bulk("pending");
        out.integer(consumer.pending().len() as i64);
        out.bulk("idle");
        out.integer(now.saturating_sub(consumer.seen_ms).max(0));
        out.bulk("inactive");
        out.integer(inactive);
    }
    Ok(())
}

pub(super) fn stream(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let stream = tx.view::<Stream>(args.get(2))?.ok_or(CmdError::NoSuchKey)?;
    let full = args
        .try_get(3)
        .is_some_and(|word| word.eq_ignore_ascii_case(b"FULL"));
    let is_count = |at: usize| args.get(at).eq_ignore_ascii_case(b"COUNT");
    let count = match args.len() {
        3 => {
            write_head(out, &stream, 10);
            out.bulk("groups");
            out.integer(stream.groups().len() as i64);
            out.bulk("first-entry");
            write_entry_or_null(out, stream.first());
            out.bulk("last-entry");
            write_entry_or_null(out, stream.last());
            return Ok(());
        }
        4 if full => FULL_COUNT,
        6 if full && is_count(4) => {
            let count = parse_i64(args.get(5)).ok_or(CmdError::NotInteger)?;
            match usize::try_from(count) {
                Ok(0) => usize::MAX,
                Ok(count) => count,
                Err(_) => FULL_COUNT,
            }
        }
        _ => return Err(bad_subcommand("XINFO", args)),
    };
    write_head(out, &stream, 9);
    out.bulk("entries");
    let entries = stream.range(StreamId::MIN, StreamId::MAX);
    write_entries(out, entries.take(count));
    out.bulk("groups");
    out.array(stream.groups().len());
    for (name, group) in stream.groups() {
        write_full_group(out, &stream, name, group, count);
    }
    Ok(())
}

/// The seven facts that both forms begin with.
fn write_head(out: &mut Reply<'_>, stream: &StreamData, pairs: usize) {
    let firsts = stream.nodes().map(|node| node.first());
    out.map(pairs);
    out.bulk("length");
    out.integer(stream.len() as i64);
    out.bulk("radix-tree-keys");
    out.integer(stream.node_count() as i64);
    out.bulk("radix-tree-nodes");
    out.integer(radix_nodes(firsts) as i64);
    out.bulk("last-generated-id");
    ids::write_id(out, stream.last_id());
    out.bulk("max-deleted-entry-id");
    ids::write_id(out, stream.max_deleted_id());
    out.bulk("entries-added");
    out.integer(stream.entries_added().cast_signed());
    out.bulk("recorded-first-entry-id");
    ids::write_id(out, stream.first_id());
}

fn write_full_group(
    out: &mut Reply<'_>,
    stream: &StreamData,
    name: &[u8],
    group: &Group,
    count: usize,
) {
    out.map(7);
    out.bulk("name");
    out.bulk(name);
    out.bulk("last-delivered-id");
    ids::write_id(out, group.last_id);
    write_progress(out, stream, group);
    let pending = group.pending();
    out.bulk("pel-count");
    out.integer(pending.len() as i64);
    out.bulk("pending");
    out.array(pending.len().min(count));
    for (id, nack) in pending.iter().take(count) {
        out.array(4);
        ids::write_id(out, id);
        out.bulk(group.owner(nack));
        out.integer(nack.delivered_ms);
        out.integer(nack.count);
    }
    out.bulk("consumers");
    out.array(group.consumers().len());
    for (name, consumer) in group.consumers() {
        out.map(5);
        out.bulk("name");
        out.bulk(name);
        out.bulk("seen-time");
        out.integer(consumer.seen_ms);
        out.bulk("active-time");
        out.integer(consumer.active_ms);
        out.bulk("pel-count");
        out.integer(consumer.pending().len() as i64);
        out.bulk("pending");
        out.array(consumer.pending().len().min(count));
        for (id, ()) in consumer.pending().iter().take(count) {
            let nack = pending.get(id).expect("what a consumer has is pending");
            out.array(3);
            ids::write_id(out, id);
            out.integer(nack.delivered_ms);
            out.integer(nack.count);
        }
    }
}

/// How many nodes a compressed radix tree has that holds these ids, given in order, as sixteen bytes each: what Redis
/// shows of the tree in which it keeps the nodes of a stream.
///
/// Each id is a leaf and each point where two part is a node, all with one more node before them for the bytes that lie
/// between them and the point above, if there are any. The root is there for itself only in an empty tree.
fn radix_nodes(ids: impl Iterator<Item = StreamId>) -> usize {
    const ID_BYTES: usize = 16;
    /// The node at a depth and the bytes before it, below the byte that leads away from the point above.
    fn below(depth: usize, above: Option<usize>) -> usize {
        let start = above.map_or(0, |above| above + 1);
        1 + usize::from(depth > start)
    }
    let mut before: Option<[u8; ID_BYTES]> = None;
    // Depths of the points above the last id, from the root down.
    let mut open: Vec<usize> = Vec::new();
    let mut nodes = 0;
    for id in ids {
        let bytes = id.to_bytes();
        if let Some(before) = before {
            let common = before.iter().zip(&bytes).take_while(|(a, b)| a == b);
            let depth = common.count();
            // The last id hangs at the deepest of its points: the one before it or this new one.
            let above = open.last().copied().max(Some(depth));
            nodes += below(ID_BYTES, above);
            while let Some(point) = open.pop_if(|point| *point > depth) {
                let above = open.last().copied().max(Some(depth));
                nodes += below(point, above);
            }
            if open.last() != Some(&depth) {
                open.push(depth);
            }
        }
        before = Some(bytes);
    }
    if before.is_none() {
        return 1;
    }
    nodes += below(ID_BYTES, open.last().copied());
    while let Some(point) = open.pop() {
        nodes += below(point, open.last().copied());
    }
    nodes
}
