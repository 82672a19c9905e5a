//! Writing DUMP payloads.

use super::string::{put_int, put_length, put_string, put_string_with};
use super::types::*;
use super::{RDB_VERSION, put_footer, put_footer_of, stream};
use crate::cursor::{Fault, put_u64};
use crate::native::value::{
    Fields, KIND_HASH_FIELDS, KIND_HASH_PACKED, KIND_HASH_PACKED_TTL, KIND_LIST_NODES,
    KIND_LIST_PACKED, KIND_SET_INTS, KIND_SET_MEMBERS, KIND_SET_PACKED, KIND_STREAM,
    KIND_ZSET_MEMBERS, KIND_ZSET_PACKED, Members, Node, Nodes, ScoredMembers,
};
use crate::redis::listpack::{self, Item};
use crate::redis::lzf::Compressor;

/// The DUMP payload of a string of bytes.
pub fn dump_string(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 24);
    out.push(TYPE_STRING);
    put_string(&mut out, value);
    put_footer(&mut out);
    out
}

/// The DUMP payload of a string that is kept as an integer.
pub fn dump_int(value: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    out.push(TYPE_STRING);
    put_int(&mut out, value);
    put_footer(&mut out);
    out
}

/// The DUMP payload of a collection that is in its native form, whole. The lowest version that holds it; Redis 7.0
/// reads it unless fields expire or a consumer was active at another time than it was seen. A fault says
/// that the native form is damaged.
pub fn dump_collection(kind: u8, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(bytes.len() + 32);
    let mut writer = Writer {
        out: &mut out,
        compressor: Compressor::default(),
    };
    let version = match kind {
        KIND_LIST_PACKED => {
            writer.begin(TYPE_LIST_QUICKLIST_2, 1);
            writer.length(NODE_PACKED);
            writer.string(bytes);
            RDB_VERSION
        }
        KIND_LIST_NODES => writer.list(bytes)?,
        KIND_SET_INTS => writer.packed(TYPE_SET_INTSET, bytes),
        // Redis 7.0 does not know sets that are listpacks.
        KIND_SET_PACKED => writer.set_of_items(bytes)?,
        KIND_SET_MEMBERS => writer.set(bytes)?,
        KIND_HASH_PACKED => writer.packed(TYPE_HASH_LISTPACK, bytes),
        KIND_HASH_PACKED_TTL => writer.hash_of_items(bytes)?,
        KIND_HASH_FIELDS => writer.hash(bytes)?,
        KIND_ZSET_PACKED => writer.packed(TYPE_ZSET_LISTPACK, bytes),
        KIND_ZSET_MEMBERS => writer.zset(bytes)?,
        KIND_STREAM => match stream::put(writer.out, bytes, &mut writer.compressor)? {
            true => VERSION_STREAM_3,
            false => RDB_VERSION,
        },
        kind => return Err(Fault::UnknownFeatures(u64::from(kind))),
    };
    put_footer_of(&mut out, version);
    Ok(out)
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    compressor: Compressor,
}

impl Writer<'_> {
    fn begin(&mut self, kind: u8, count: usize) {
        self.out.push(kind);
        self.length(count as u64);
    }

    fn length(&mut self, length: u64) {
        put_length(self.out, length);
    }

    fn string(&mut self, string: &[u8]) {
        put_string_with(self.out, string, &mut self.compressor);
    }

    fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Int(int) => put_int(self.out, int),
            Item::Bytes(bytes) => self.string(bytes),
        }
    }

    fn packed(&mut self, kind: u8, bytes: &[u8]) -> u16 {
        self.out.push(kind);
        self.string(bytes);
        RDB_VERSION
    }

    fn list(&mut self, bytes: &[u8]) -> Result<u16, Fault> {
        self.begin(TYPE_LIST_QUICKLIST_2, Nodes::new(bytes).count());
        for node in Nodes::new(bytes) {
            let (sort, bytes) = match node? {
                Node::Plain(bytes) => (NODE_PLAIN, bytes),
                Node::Packed(bytes) => (NODE_PACKED, bytes),
            };
            self.length(sort);
            self.string(bytes);
        }
        Ok(RDB_VERSION)
    }

    fn set(&mut self, bytes: &[u8]) -> Result<u16, Fault> {
        self.begin(TYPE_SET, Members::new(bytes).count());
        for member in Members::new(bytes) {
            self.string(member?);
        }
        Ok(RDB_VERSION)
    }

    fn set_of_items(&mut self, listpack: &[u8]) -> Result<u16, Fault> {
        self.begin(TYPE_SET, listpack::validate(listpack)?);
        for member in listpack::Reader::new(listpack)? {
            self.item(member?);
        }
        Ok(RDB_VERSION)
    }

    fn zset(&mut self, bytes: &[u8]) -> Result<u16, Fault> {
        self.begin(TYPE_ZSET_2, ScoredMembers::new(bytes).count());
        for member in ScoredMembers::new(bytes) {
            let member = member?;
            self.string(member.member);
            put_u64(self.out, member.score.to_bits());
        }
        Ok(RDB_VERSION)
    }

    fn hash(&mut self, bytes: &[u8]) -> Result<u16, Fault> {
        let (mut count, mut earliest) = (0, u64::MAX);
        for field in Fields::new(bytes) {
            match field?.expire_at {
                0 => {}
                at => earliest = earliest.min(at),
            }
            count += 1;
        }
        self.begin_hash(count, earliest);
        for field in Fields::new(bytes) {
            let field = field?;
            self.expiry(field.expire_at, earliest);
            self.string(field.field);
            self.string(field.value);
        }
        Ok(hash_version(earliest))
    }

    /// A listpack of fields, values and expiries.
    /// Triples as they are if any field expires, and else in a form that Redis 7.0 reads.
    fn hash_of_items(&mut self, listpack: &[u8]) -> Result<u16, Fault> {
        const BAD_EXPIRY: Fault = Fault::Invalid("a field expires at an impossible time");
        let expiry = |item: Item<'_>| item.int().and_then(|at| u64::try_from(at).ok());
        let count = listpack::validate(listpack)?;
        let (mut earliest, mut latest) = (u64::MAX, 0);
        for item in listpack::Reader::new(listpack)?.skip(2).step_by(3) {
            // None counts as the latest.
            let at = match expiry(item?).ok_or(BAD_EXPIRY)? {
                0 => u64::MAX,
                at => at,
            };
            if at < latest {
                return Err(Fault::Invalid("the fields of a hash are out of order"));
            }
            latest = at;
            earliest = earliest.min(at);
        }
        if !count.is_multiple_of(3) {
            return Err(Fault::Invalid("a field without a value or an expiry"));
        }
        if earliest != u64::MAX {
            self.out.push(TYPE_HASH_LISTPACK_EXPIRING);
            put_u64(self.out, earliest);
            self.string(listpack);
            return Ok(VERSION_HASH_EXPIRING);
        }
        self.begin(TYPE_HASH, count / 3);
        let mut items = listpack::Reader::new(listpack)?;
        while let (Some(field), Some(value), Some(_)) = (items.next(), items.next(), items.next()) {
            self.item(field?);
            self.item(value?);
        }
        Ok(RDB_VERSION)
    }

    /// `earliest` is the largest number there is when no field expires.
    fn begin_hash(&mut self, count: usize, earliest: u64) {
        if earliest == u64::MAX {
            self.begin(TYPE_HASH, count);
        } else {
            self.out.push(TYPE_HASH_EXPIRING);
            put_u64(self.out, earliest);
            self.length(count as u64);
        }
    }

    fn expiry(&mut self, at: u64, earliest: u64) {
        match at {
            _ if earliest == u64::MAX => {}
            0 => self.length(0),
            at => self.length(at - earliest + 1),
        }
    }
}

fn hash_version(earliest: u64) -> u16 {
    match earliest {
        u64::MAX => RDB_VERSION,
        _ => VERSION_HASH_EXPIRING,
    }
}
