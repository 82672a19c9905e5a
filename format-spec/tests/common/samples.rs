//! The structures of the examples in the specification.

use esker_format::crc::Seed;
use esker_format::native::entry::{Entry, Value};
use esker_format::native::frame::{FrameHeader, FrameKind, HEADER_BYTES};
use esker_format::native::segment::{self, Previous, SegmentHeader};
use esker_format::native::snapshot::{
    BlockEncoder, BlockHeader, BlockKind, Codec, DatabaseTotals, SnapshotHeader, encode_index,
};
use esker_format::record::{Effect, Item, SetExpiry};
use esker_format::redis::rdb;
use esker_format::{Lsn, UnixMs};

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
