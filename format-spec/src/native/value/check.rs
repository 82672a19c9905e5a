//! Judging the bytes of a value without building it.

use super::*;
use crate::cursor::Fault;

/// What is in a value, or in a piece of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Elements: of a list, members of a set, fields of a hash. Those of packed parts are not counted.
    pub elements: u64,
    /// Fields of a hash that expire.
    pub expires: u64,
}

/// Reads a value of the given kind from end to end. An unknown kind is a fault that needs a newer reader.
pub fn check(kind: u8, bytes: &[u8]) -> Result<Summary, Fault> {
    let mut summary = Summary::default();
    match kind {
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
        KIND_LIST_NODES => {
            for node in Nodes::new(bytes) {
                node?;
            }
        }
        KIND_STREAM => check_stream(bytes, &mut summary)?,
        KIND_STREAM_NODES => {
            for node in StreamNodes::new(bytes) {
                node?;
            }
        }
        KIND_LIST_PACKED | KIND_SET_INTS | KIND_SET_PACKED | KIND_HASH_PACKED
        | KIND_HASH_PACKED_TTL | KIND_ZSET_PACKED => {}
        kind => return Err(Fault::UnknownFeatures(u64::from(kind))),
    }
    Ok(summary)
}

fn check_stream(bytes: &[u8], summary: &mut Summary) -> Result<(), Fault> {
    let stream = StreamReader::new(bytes)?;
    summary.elements += stream.top.header.entries;
    for group in stream.top.groups() {
        let group = group?;
        for pending in group.pending() {
            pending?;
        }
    }
    for node in stream.nodes {
        node?;
    }
    Ok(())
}
