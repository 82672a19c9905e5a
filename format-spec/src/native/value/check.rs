//! Judging the bytes of a value without building it.

use super::*;
use crate::cursor::Fault;
use crate::redis::{intset, listpack};

/// What is in a value, or in a piece of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Elements of a list, members of a set, fields of a hash, entries of a stream. Those of a stream are told by its
    /// first piece.
    pub elements: u64,
    /// Fields of a hash that expire.
    pub expires: u64,
}

/// Reads a value of the given kind from end to end: its structure, not the order of elements or whether one is there
/// twice, and of the nodes of a stream that they are listpacks. An unknown kind is a fault that needs a newer reader.
/// Allocates nothing.
pub fn check(kind: u8, bytes: &[u8]) -> Result<Summary, Fault> {
    let mut summary = Summary::default();
    match kind {
        KIND_LIST_PACKED | KIND_SET_PACKED => summary.elements = packed(bytes, 1)?,
        KIND_HASH_PACKED | KIND_ZSET_PACKED => summary.elements = packed(bytes, 2)?,
        KIND_HASH_PACKED_TTL => {
            summary.elements = packed(bytes, 3)?;
            summary.expires = packed_expiries(bytes)?;
        }
        KIND_SET_INTS => summary.elements = intset::validate(bytes)?.1 as u64,
        KIND_LIST_NODES => {
            for node in Nodes::new(bytes) {
                summary.elements += match node? {
                    Node::Packed(bytes) => packed(bytes, 1)?,
                    Node::Plain(_) => 1,
                };
            }
        }
        KIND_SET_MEMBERS => {
            for member in Members::new(bytes) {
                member?;
                summary.elements += 1;
            }
        }
        KIND_HASH_FIELDS => {
            for field in Fields::new(bytes) {
                summary.expires += u64::from(field?.expire_at != 0);
                summary.elements += 1;
            }
        }
        KIND_ZSET_MEMBERS => {
            for member in ScoredMembers::new(bytes) {
                member?;
                summary.elements += 1;
            }
        }
        KIND_STREAM => check_stream(bytes, &mut summary)?,
        KIND_STREAM_NODES => check_nodes(StreamNodes::new(bytes))?,
        kind => return Err(Fault::UnknownFeatures(u64::from(kind))),
    }
    Ok(summary)
}

/// How many elements of `group` items a listpack holds.
fn packed(bytes: &[u8], group: u64) -> Result<u64, Fault> {
    let items = listpack::validate(bytes)? as u64;
    if !items.is_multiple_of(group) {
        return Err(Fault::Invalid("a packed value ends within an element"));
    }
    Ok(items / group)
}

fn packed_expiries(bytes: &[u8]) -> Result<u64, Fault> {
    let mut expires = 0;
    for expiry in listpack::Reader::new(bytes)?.skip(2).step_by(3) {
        match expiry?.int() {
            Some(0) => {}
            Some(1..) => expires += 1,
            _ => return Err(Fault::Invalid("a field expires at an impossible time")),
        }
    }
    Ok(expires)
}

fn check_stream(bytes: &[u8], summary: &mut Summary) -> Result<(), Fault> {
    let stream = StreamReader::new(bytes)?;
    summary.elements = stream.top.header.entries;
    for group in stream.top.groups() {
        for pending in group?.pending() {
            pending?;
        }
    }
    check_nodes(stream.nodes)
}

fn check_nodes(nodes: StreamNodes<'_>) -> Result<(), Fault> {
    for node in nodes {
        listpack::validate(node?.listpack)?;
    }
    Ok(())
}
