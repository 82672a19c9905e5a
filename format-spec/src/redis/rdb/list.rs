//! Lists.

use super::read::{Read, take_listpack, take_ziplist};
use super::string::{take_bytes, take_count, take_length};
use super::types::{NODE_PACKED, NODE_PLAIN};
use crate::cursor::{Cursor, Fault};
use crate::redis::listpack::{Builder, Encoded, Item};

/// Elements that come one by one are gathered into listpacks up to this size, Redis' default for a node.
const NODE_BYTES_MAX: usize = 8 << 10;

pub(super) fn elements(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    let count = take_count(cursor)?;
    Read::written(|out| {
        let mut node = Builder::new();
        for _ in 0..count {
            let element = take_bytes(cursor)?;
            let size = Encoded::new(&element).size();
            if node.count() > 0 && node.size() + size > NODE_BYTES_MAX {
                out.list_node(&std::mem::take(&mut node).finish());
            }
            if size + node.size() > NODE_BYTES_MAX {
                out.list_plain(&element);
            } else {
                node.push(Item::Bytes(&element));
            }
        }
        if node.count() > 0 {
            out.list_node(&node.finish());
        }
        Ok(())
    })
}

pub(super) fn ziplist(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    let node = take_ziplist(cursor)?;
    Read::written(|out| {
        out.list_node(&node.bytes);
        Ok(())
    })
}

pub(super) fn ziplist_nodes(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    let count = take_count(cursor)?;
    Read::written(|out| {
        for _ in 0..count {
            out.list_node(&take_ziplist(cursor)?.bytes);
        }
        Ok(())
    })
}

pub(super) fn nodes(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    let count = take_count(cursor)?;
    Read::written(|out| {
        for _ in 0..count {
            match take_length(cursor)? {
                NODE_PLAIN => out.list_plain(&take_bytes(cursor)?),
                NODE_PACKED => out.list_node(&take_listpack(cursor)?.bytes),
                _ => return Err(Fault::Invalid("a node of a list is of an unknown sort")),
            }
        }
        Ok(())
    })
}
