//! The structures of the examples in the specification.

use esker_format::crc::Seed;
use esker_format::native::entry::{Entry, Piece, Value};
use esker_format::native::frame::{FrameHeader, FrameKind, HEADER_BYTES};
use esker_format::native::segment::{self, Previous, SegmentHeader};
use esker_format::native::snapshot::{
    BlockEncoder, BlockHeader, BlockKind, Codec, DatabaseTotals, INCOMPAT_COLLECTIONS,
    SnapshotHeader, encode_index,
};
use esker_format::native::value::{
    self, Consumer, GroupHeader, Part, Pending, StreamHeader, ValueWriter,
};
use esker_format::record::{Effect, Item, SetExpiry};
use esker_format::redis::{intset, listpack, rdb};
use esker_format::{Lsn, StreamId, UnixMs};

use super::{BORN, DATASET, HASH_SEED, Store, set};

pub fn frame() -> (FrameHeader, Vec<u8>) {
    let payload = set("a", "one");
    let mut header = Vec::new();
    let previous_crc = first_segment().encode(&mut header);
    let frame = FrameHeader {
        kind: FrameKind::Units,
        db: 0,
        payload_bytes: payload.len() as u32,
        sequence: 1,
        first_lsn: Lsn(0),
        replication_offset: payload.len() as u64,
        time: UnixMs(BORN),
        durable_lsn: Lsn(0),
        unit_id: 0,
        previous_crc,
        payload_crc: 0,
    };
    let mut bytes = Vec::new();
    frame.encode(
        Seed::segment(DATASET, 1),
        segment::HEADER_BYTES as u64,
        &payload,
        &mut bytes,
    );
    (frame, bytes)
}

fn first_segment() -> SegmentHeader {
    SegmentHeader {
        compat: 0,
        incompat: 0,
        dataset: DATASET,
        timeline: 1,
        number: 1,
        first_lsn: Lsn(0),
        first_sequence: 1,
        durable_lsn: Lsn(0),
        previous: None,
        created: UnixMs(BORN),
    }
}

pub fn segment() -> (SegmentHeader, Vec<u8>) {
    let (frame, bytes) = frame();
    let crc = u32::from_le_bytes(
        bytes[HEADER_BYTES - 4..HEADER_BYTES]
            .try_into()
            .expect("four bytes"),
    );
    let end_offset = segment::HEADER_BYTES as u64 + bytes.len() as u64;
    let header = SegmentHeader {
        number: 2,
        first_lsn: frame.end_lsn(),
        first_sequence: 2,
        durable_lsn: frame.end_lsn(),
        previous: Some(Previous {
            number: 1,
            end_offset,
            crc,
        }),
        created: UnixMs(BORN + 10),
        ..first_segment()
    };
    let mut bytes = Vec::new();
    header.encode(&mut bytes);
    (header, bytes)
}

pub fn manifest() -> Vec<u8> {
    Store::born().manifest.encode_record()
}

pub fn snapshot_header() -> SnapshotHeader {
    SnapshotHeader {
        compat: 0,
        incompat: 0,
        dataset: DATASET,
        number: 2,
        timeline: 1,
        databases: 16,
        cut_lsn: Lsn(100),
        replication_offset: 100,
        sequence: 3,
        hash_seed: HASH_SEED,
        cut_at: UnixMs(BORN),
    }
}

pub fn snapshot() -> Vec<u8> {
    let header = snapshot_header();
    let seed = header.seed();
    let mut file = Vec::new();
    header.encode(&mut file);
    let entry = |key: &'static [u8], value, expire_at| Entry {
        key,
        value,
        expire_at,
        access: 7,
        raw: false,
        piece: None,
    };
    let main = [
        entry(b"count", Value::Int(42), None),
        entry(
            b"greeting",
            Value::Bytes(b"hello"),
            Some(UnixMs(BORN + 1000)),
        ),
    ];
    let side = [entry(b"side", Value::Bytes(b"changed since"), None)];
    let mut blocks = Vec::new();
    for (kind, entries) in [(BlockKind::Main, &main[..]), (BlockKind::Side, &side[..])] {
        let mut raw = Vec::new();
        entries.iter().for_each(|entry| entry.encode(&mut raw));
        let block = BlockHeader {
            kind,
            codec: Codec::Stored,
            db: 0,
            entries: entries.len() as u32,
            expires: entries
                .iter()
                .filter(|entry| entry.expire_at.is_some())
                .count() as u32,
            continued: 0,
            raw_bytes: 0,
            stored_bytes: 0,
            hash_first: 0,
            hash_last: u64::MAX,
            stored_crc: 0,
        };
        let offset = file.len() as u64;
        blocks.push(BlockEncoder::new(None).encode(&block, seed, offset, &raw, &mut file));
    }
    let offset = file.len() as u64;
    let totals = DatabaseTotals {
        db: 0,
        keys: 3,
        expires: 1,
    };
    encode_index(seed, offset, &blocks, &[totals], &mut file);
    file
}

/// A value of every kind of collection, and a hash in two pieces, one of them in a side block.
pub fn collections() -> Vec<u8> {
    let header = SnapshotHeader {
        incompat: INCOMPAT_COLLECTIONS,
        ..snapshot_header()
    };
    let seed = header.seed();
    let mut file = Vec::new();
    header.encode(&mut file);
    let (main, side) = (main_collections(), side_collections());
    let mut blocks = Vec::new();
    for (kind, raw, entries, continued) in [
        (BlockKind::Main, main, 11, 0),
        (BlockKind::Side, side, 2, 1),
    ] {
        let block = BlockHeader {
            kind,
            codec: Codec::Stored,
            db: 0,
            entries,
            expires: u32::from(kind == BlockKind::Side),
            continued,
            raw_bytes: 0,
            stored_bytes: 0,
            hash_first: 0,
            hash_last: u64::MAX,
            stored_crc: 0,
        };
        let offset = file.len() as u64;
        blocks.push(BlockEncoder::new(None).encode(&block, seed, offset, &raw, &mut file));
    }
    let offset = file.len() as u64;
    let totals = DatabaseTotals {
        db: 0,
        keys: 12,
        expires: 1,
    };
    encode_index(seed, offset, &blocks, &[totals], &mut file);
    file
}

fn collection<'a>(key: &'a [u8], kind: u8, bytes: &'a [u8]) -> Entry<'a> {
    Entry {
        key,
        value: Value::Collection { kind, bytes },
        expire_at: None,
        access: 7,
        raw: false,
        piece: None,
    }
}

fn listpack(words: &[&str]) -> Vec<u8> {
    let mut builder = listpack::Builder::new();
    for word in words {
        builder.push(listpack::Item::of(word.as_bytes()));
    }
    builder.finish()
}

fn main_collections() -> Vec<u8> {
    let mut raw = Vec::new();
    let packed: [(&str, u8, Vec<u8>); 6] = [
        ("list 2", value::KIND_LIST_PACKED, listpack(&["a", "1"])),
        ("set 4", value::KIND_SET_INTS, intset::build(&[-1, 500])),
        ("set 5", value::KIND_SET_PACKED, listpack(&["a", "b"])),
        ("hash 7", value::KIND_HASH_PACKED, listpack(&["f", "v"])),
        (
            "hash 8",
            value::KIND_HASH_PACKED_TTL,
            listpack(&["f", "v", "1700000000000", "g", "w", "0"]),
        ),
        ("zset 10", value::KIND_ZSET_PACKED, listpack(&["m", "1.5"])),
    ];
    for (key, kind, bytes) in &packed {
        collection(key.as_bytes(), *kind, bytes).encode(&mut raw);
    }
    let mut put = |key: &str, write: &dyn Fn(&mut ValueWriter<'_>)| {
        let mut sink = |part: Part<'_>| {
            collection(key.as_bytes(), part.kind, part.bytes).encode(&mut raw);
        };
        let mut out = ValueWriter::new(&mut sink);
        write(&mut out);
        out.finish();
    };
    put("list 3", &|out| {
        out.list_node(&listpack(&["a"]));
        out.list_plain(b"a long element");
    });
    put("set 6", &|out| out.set_member(b"member"));
    put("zset 11", &|out| out.zset_member(-2.5, b"member"));
    put("hash 9", &|out| out.hash_field(0, b"field", b"value"));
    put("stream 12", &|out| {
        let id = |ms, seq| StreamId { ms, seq };
        out.stream(&StreamHeader {
            entries: 1,
            last_id: id(5, 1),
            first_id: id(5, 1),
            max_deleted_id: id(4, 0),
            entries_added: 2,
            groups: 1,
        });
        out.stream_group(&GroupHeader {
            name: b"group",
            last_id: id(5, 1),
            entries_read: 2,
            consumers: 1,
            pending: 1,
        });
        out.stream_consumer(&Consumer {
            name: b"consumer",
            seen_ms: BORN,
            active_ms: -1,
        });
        out.stream_pending(&Pending {
            id: id(5, 1),
            delivered_ms: BORN,
            deliveries: 1,
            consumer: 0,
        });
        // One entry, none deleted, one field; the entry: flags, id, value, items.
        let node = ["1", "0", "1", "f", "0", "2", "0", "0", "v", "4"];
        out.stream_node(id(5, 1), &listpack(&node));
    });
    raw
}

/// The pieces of a hash, the second one first.
fn side_collections() -> Vec<u8> {
    let mut raw = Vec::new();
    for (ordinal, pieces, field) in [(1, 2, "second"), (0, 0, "first")] {
        let mut bytes = Vec::new();
        value::put_field(&mut bytes, 0, field.as_bytes(), b"value");
        Entry {
            expire_at: (ordinal == 0).then_some(UnixMs(BORN + 1000)),
            piece: Some(Piece { ordinal, pieces }),
            ..collection(b"hash in pieces", value::KIND_HASH_FIELDS, &bytes)
        }
        .encode(&mut raw);
    }
    raw
}

pub fn effects() -> Vec<u8> {
    let (key, value) = (&b"k"[..], &b"v"[..]);
    let at = UnixMs(BORN);
    let payload = rdb::dump_string(b"v");
    let effects = [
        Effect::Set {
            key,
            value,
            expiry: SetExpiry::Clear,
        },
        Effect::Set {
            key,
            value,
            expiry: SetExpiry::At(at),
        },
        Effect::Set {
            key,
            value,
            expiry: SetExpiry::Keep,
        },
        Effect::Del { key },
        Effect::PexpireAt { key, at },
        Effect::Persist { key },
        Effect::Append { key, value },
        Effect::SetRange {
            key,
            offset: 10,
            value,
        },
        Effect::IncrBy { key, by: -1 },
        Effect::Rename {
            from: key,
            to: b"l",
        },
        Effect::Move { key, db: 1 },
        Effect::Copy {
            from: key,
            to: b"l",
            db: 2,
        },
        Effect::SwapDb { a: 0, b: 1 },
        Effect::FlushDb,
        Effect::FlushAll,
        Effect::Restore {
            key,
            expire_at: None,
            payload: &payload,
        },
    ];
    let mut out = Vec::new();
    effects.iter().for_each(|effect| effect.encode(&mut out));
    Item::Multi.encode(&mut out);
    Item::Select(1).encode(&mut out);
    effects[0].encode(&mut out);
    effects[3].encode(&mut out);
    Item::Exec.encode(&mut out);
    out
}

pub fn dump() -> Vec<u8> {
    rdb::dump_string(b"hello hello hello hello")
}
