//! parse ∘ print = identity for everything that is written, and no panic on anything else.

mod common;

use common::{Memory, judge_with};
use esker_format::crc::Seed;
use esker_format::cursor::{Cursor, Fault};
use esker_format::native::audit::Options;
use esker_format::native::entry::{Entries, Entry, Value};
use esker_format::native::frame::{FrameHeader, FrameKind, HEADER_BYTES, Part};
use esker_format::native::manifest::{Gap, LogState, Manifest, Reason, SnapshotRef, Timeline};
use esker_format::native::segment::{Previous, SegmentHeader};
use esker_format::native::snapshot::{
    BlockEncoder, BlockHeader, BlockKind, Codec, DatabaseTotals, SnapshotHeader, SnapshotIndex,
    decode_block, encode_index,
};
use esker_format::record::{Effect, Item, SetExpiry, VERBS, Verb, Words};
use esker_format::units::UnitReader;
use esker_format::{DatasetId, Lsn, UnixMs};
use proptest::collection::vec;
use proptest::prelude::*;

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..20),
        vec(Just(b'\r'), 0..4),
        vec(b'a'..=b'z', 1..300)
    ]
}

/// An effect with its words owned.
#[derive(Debug, Clone)]
struct Owned {
    shape: u8,
    a: Vec<u8>,
    b: Vec<u8>,
    n: i64,
    db: u32,
}

impl Owned {
    fn effect(&self) -> Effect<'_> {
        let Owned { shape, a, b, n, db } = self;
        let (key, value, n, db) = (a.as_slice(), b.as_slice(), *n, *db);
        match shape {
            0 => Effect::Set {
                key,
                value,
                expiry: SetExpiry::Clear,
            },
            1 => Effect::Set {
                key,
                value,
                expiry: SetExpiry::Keep,
            },
            2 => Effect::Set {
                key,
                value,
                expiry: SetExpiry::At(UnixMs(n)),
            },
            3 => Effect::Del { key },
            4 => Effect::PexpireAt { key, at: UnixMs(n) },
            5 => Effect::Persist { key },
            6 => Effect::Append { key, value },
            7 => Effect::SetRange {
                key,
                offset: n.unsigned_abs() >> 1,
                value,
            },
            8 => Effect::IncrBy { key, by: n },
            9 => Effect::Rename {
                from: key,
                to: value,
            },
            10 => Effect::Move { key, db },
            11 => Effect::Copy {
                from: key,
                to: value,
                db,
            },
            12 => Effect::SwapDb { a: db, b: n as u32 },
            13 => Effect::FlushDb,
            14 => Effect::FlushAll,
            _ => Effect::Restore {
                key,
                expire_at: (n != 0).then_some(UnixMs(n)),
                payload: value,
            },
        }
    }
}

fn owned() -> impl Strategy<Value = Owned> {
    let number = prop_oneof![any::<i64>(), -20i64..20, Just(i64::MIN), Just(i64::MAX)];
    (0u8..16, word(), word(), number, any::<u32>()).prop_map(|(shape, a, b, n, db)| Owned {
        shape,
        a,
        b,
        n,
        db,
    })
}

fn previous() -> impl Strategy<Value = Option<Previous>> {
    proptest::option::of((1u64.., any::<u64>(), any::<u32>())).prop_map(|link| {
        link.map(|(number, end_offset, crc)| Previous {
            number,
            end_offset,
            crc,
        })
    })
}

fn snapshot_ref() -> impl Strategy<Value = SnapshotRef> {
    (
        1u64..,
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        any::<i64>(),
        any::<u32>(),
    )
        .prop_map(
            |(number, cut, first_segment, file_bytes, at, footer_crc)| SnapshotRef {
                number,
                cut_lsn: Lsn(cut >> 1),
                first_segment,
                file_bytes,
                cut_at: UnixMs(at),
                footer_crc,
            },
        )
}

fn timeline() -> impl Strategy<Value = Timeline> {
    (
        any::<[u32; 2]>(),
        any::<[u64; 3]>(),
        any::<i64>(),
        any::<[u8; 20]>(),
    )
        .prop_map(
            |([id, parent], [start, first_segment, replication_offset], at, replication_id)| {
                Timeline {
                    id,
                    parent,
                    start_lsn: Lsn(start),
                    first_segment,
                    replication_offset,
                    started: UnixMs(at),
                    replication_id,
                    reason: Reason::UncleanRecovery,
                }
            },
        )
}

fn gap() -> impl Strategy<Value = Gap> {
    (any::<[u64; 3]>(), any::<i64>(), 8u32..).prop_map(|([from, to, segment], at, code)| Gap {
        from: Lsn(from),
        to: Lsn(to),
        segment,
        at: UnixMs(at),
        reason: Reason::Other(code),
    })
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let lists = (
        vec(snapshot_ref(), 0..4),
        vec(timeline(), 0..70),
        vec(gap(), 0..4),
    );
    let log = (0u8..3, any::<u64>()).prop_map(|(state, end)| match state {
        0 => LogState::Off { end: Lsn(end >> 1) },
        1 => LogState::Starting { end: Lsn(end >> 1) },
        _ => LogState::On,
    });
    let head = (any::<[u64; 8]>(), any::<[u8; 16]>(), any::<i64>());
    (head, log, proptest::option::of(snapshot_ref()), lists).prop_map(
        |((words, dataset, written), log, snapshot, (retained, timelines, gaps))| Manifest {
            generation: words[0] >> 1,
            compat: words[1],
            incompat: 0,
            dataset: DatasetId(dataset),
            hash_seed: words[2],
            written: UnixMs(written),
            durable_lsn: Lsn(words[3] >> 1),
            log,
            first_segment: words[4],
            oldest_segment: words[5],
            next_number: words[6] >> 1,
            snapshot,
            retained,
            timelines,
            gaps,
        },
    )
}

/// A verb with as many words as it may take.
fn verb() -> impl Strategy<Value = (Verb, Vec<Vec<u8>>)> {
    (0..VERBS.len(), 0usize..4, vec(word(), 16)).prop_map(|(at, groups, mut words)| {
        let spelling = &VERBS[at];
        words.truncate(spelling.words_min + groups * spelling.group);
        words.resize(spelling.words_min + groups * spelling.group, Vec::new());
        (spelling.verb, words)
    })
}

proptest! {
    #[test]
    fn effects_on_collections((verb, words) in verb(), key in word()) {
        let slices: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let effect = Effect::Collection { verb, key: &key, words: Words::new(&slices) };
        let mut bytes = Vec::new();
        effect.encode(&mut bytes);
        let (item, length) = Item::decode(&bytes).expect("what was encoded decodes");
        prop_assert_eq!(length, bytes.len());
        prop_assert_eq!(item, Item::Effect(effect));
        let mut again = Vec::new();
        item.encode(&mut again);
        prop_assert_eq!(&again, &bytes);
        for length in 0..bytes.len().min(60) {
            prop_assert_eq!(Item::decode(&bytes[..length]), Err(Fault::Truncated));
        }
    }

    #[test]
    fn effects(owned in owned()) {
        let effect = owned.effect();
        let mut bytes = Vec::new();
        effect.encode(&mut bytes);
        prop_assert_eq!(Item::decode(&bytes), Ok((Item::Effect(effect), bytes.len())));
        for length in 0..bytes.len().min(60) {
            prop_assert_eq!(Item::decode(&bytes[..length]), Err(Fault::Truncated));
        }
        let mut args = Vec::new();
        let mut again = Vec::new();
        if let Ok(Some(_)) = words_of(&bytes, &mut args) {
            Effect::parse(&args).expect("it parsed as a whole").encode(&mut again);
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn other_bytes_are_refused_or_canonical(bytes in vec(prop_oneof![
        Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), b'0'..=b'9', Just(b'S'), Just(b'E'), Just(b'T')
    ], 0..60)) {
        if let Ok((item, length)) = Item::decode(&bytes) {
            let mut again = Vec::new();
            item.encode(&mut again);
            prop_assert_eq!(&again[..], &bytes[..length]);
        }
    }

    #[test]
    fn units(units in vec((vec(owned(), 1..4), 0u32..3, any::<bool>()), 0..6), start in 0u32..3) {
        let mut payload = Vec::new();
        let mut expected = Vec::new();
        let mut db = start;
        for (effects, into, multi) in &units {
            let multi = *multi || effects.len() > 1;
            if multi {
                Item::Multi.encode(&mut payload);
            }
            if *into != db {
                db = *into;
                Item::Select(db).encode(&mut payload);
            }
            for (at, effect) in effects.iter().enumerate() {
                effect.effect().encode(&mut payload);
                expected.push((db, effect.effect(), at == 0, at + 1 == effects.len()));
            }
            if multi {
                Item::Exec.encode(&mut payload);
            }
        }
        let mut reader = UnitReader::new(&payload, start);
        for (db, effect, begins, ends) in expected {
            let record = reader.next_record().expect("well formed").expect("one more");
            prop_assert_eq!((record.db, record.effect), (db, effect));
            prop_assert_eq!((record.begins_unit, record.ends_unit), (begins, ends));
        }
        prop_assert_eq!(reader.next_record(), Ok(None));
        prop_assert_eq!((reader.position(), reader.db()), (payload.len(), db));
    }

    #[test]
    fn frames(words in any::<[u64; 5]>(), db in any::<u32>(), kind in 0usize..5, payload in vec(any::<u8>(), 1..300), offset in any::<u32>(), flip in any::<(usize, u8)>()) {
        let kinds = [FrameKind::Units, FrameKind::StreamOnly, FrameKind::Fragment(Part::First), FrameKind::Fragment(Part::Middle), FrameKind::Fragment(Part::Last)];
        let seed = Seed::segment(DatasetId::default(), words[0]);
        let header = FrameHeader {
            kind: kinds[kind],
            db,
            payload_bytes: payload.len() as u32,
            sequence: words[1],
            first_lsn: Lsn(words[2]),
            replication_offset: words[3],
            time: UnixMs(words[4] as i64),
            durable_lsn: Lsn(words[4]),
            unit_id: words[0],
            previous_crc: db,
            payload_crc: 0,
        };
        let mut file = Vec::new();
        let crc = header.encode(seed, u64::from(offset), &payload, &mut file);
        prop_assert_eq!(file.len(), header.frame_bytes());
        let (decoded, found) = FrameHeader::decode(&file, seed, u64::from(offset)).expect("just written");
        prop_assert_eq!(crc, found);
        prop_assert_eq!(FrameHeader { payload_crc: 0, ..decoded }, header);
        prop_assert_eq!(decoded.payload(&file, seed), Ok(&payload[..]));

        let elsewhere = FrameHeader::decode(&file, seed, u64::from(offset) + 8);
        prop_assert_eq!(elsewhere, Err(Fault::BadCrc("frame header")));
        let number = words[0].wrapping_add(u64::from(db).max(1));
        let recycled = FrameHeader::decode(&file, Seed::segment(DatasetId::default(), number), u64::from(offset));
        prop_assert_eq!(recycled, Err(Fault::BadCrc("frame header")));

        let at = flip.0 % file.len();
        file[at] ^= flip.1.max(1);
        let header = FrameHeader::decode(&file, seed, u64::from(offset));
        prop_assert!(header.is_err() == (at < HEADER_BYTES));
        if let Ok((header, _)) = header {
            prop_assert!(header.payload(&file, seed).is_err());
        }
    }

    #[test]
    fn segment_headers(words in any::<[u64; 5]>(), dataset in any::<[u8; 16]>(), previous in previous(), timeline in any::<u32>()) {
        let header = SegmentHeader {
            compat: words[0],
            incompat: 0,
            dataset: DatasetId(dataset),
            timeline,
            number: words[1],
            first_lsn: Lsn(words[2]),
            first_sequence: words[3],
            durable_lsn: Lsn(words[4]),
            previous,
            created: UnixMs(words[0] as i64),
        };
        let mut bytes = Vec::new();
        let crc = header.encode(&mut bytes);
        prop_assert_eq!(SegmentHeader::decode(&bytes), Ok((header, crc)));
    }

    #[test]
    fn manifests(manifest in manifest(), flip in any::<(usize, u8)>()) {
        let mut file = manifest.encode();
        prop_assert_eq!(Manifest::decode(&file).map(|decoded| decoded.manifest), Ok(manifest.clone()));
        let at = flip.0 % file.len();
        file[at] ^= flip.1.max(1);
        prop_assert_eq!(Manifest::decode(&file).map(|decoded| decoded.manifest), Ok(manifest), "one copy is enough");
    }

    #[test]
    fn entries(entries in vec((word(), any::<Option<i64>>(), word(), proptest::option::of(any::<i64>()), 0u32..1 << 24, any::<bool>()), 0..20)) {
        let entry = |(key, int, bytes, expiry, access, raw): &(Vec<u8>, Option<i64>, Vec<u8>, Option<i64>, u32, bool)| {
            Entry {
                key: &key.clone().leak()[..],
                value: int.map_or(Value::Bytes(&bytes.clone().leak()[..]), Value::Int),
                expire_at: expiry.map(UnixMs),
                access: *access,
                raw: *raw,
                piece: None,
            }
        };
        let entries: Vec<Entry<'_>> = entries.iter().map(entry).collect();
        let mut raw = Vec::new();
        entries.iter().for_each(|entry| entry.encode(&mut raw));
        let read: Result<Vec<_>, _> = Entries::new(&raw).collect();
        prop_assert_eq!(read, Ok(entries));
    }

    #[test]
    fn blocks(raw in vec(any::<u8>(), 0..2000), repeat in 1usize..60, words in any::<[u64; 2]>(), level in proptest::option::of(1i32..4)) {
        let raw = raw.repeat(repeat);
        let seed = Seed::snapshot(DatasetId::default(), words[0]);
        let header = BlockHeader {
            kind: BlockKind::Main, codec: Codec::Stored, db: 3, entries: 9, expires: 4, continued: 2, raw_bytes: 0, stored_bytes: 0,
            hash_first: words[0].min(words[1]), hash_last: words[0].max(words[1]), stored_crc: 0,
        };
        let mut file = Vec::new();
        let block = BlockEncoder::new(level).encode(&header, seed, 128, &raw, &mut file);
        prop_assert_eq!(file.len() as u64, block.header.block_bytes());
        prop_assert_eq!(BlockHeader::decode(&file, seed, 128), Ok(block.header));
        let stored = &file[64..64 + block.header.stored_bytes as usize];
        prop_assert_eq!(decode_block(&block.header, seed, stored), Ok(raw));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..400), magic in 0usize..7) {
        let magics: [&[u8]; 7] = [b"", b"ESKERLOG", b"EsKf", b"ESKERSNP", b"EsKb", b"ESKERMAN", b"*3\r\n$3\r\nSET\r\n"];
        let mut file = magics[magic].to_vec();
        file.extend_from_slice(&bytes);
        let seed = Seed::segment(DatasetId::default(), 1);
        drop(SegmentHeader::decode(&file));
        drop(FrameHeader::decode(&file, seed, 0));
        drop(SnapshotHeader::decode(&file));
        drop(SnapshotIndex::open(&file));
        drop(BlockHeader::decode(&file, seed, 0));
        drop(Manifest::decode(&file));
        drop(Entry::decode(&mut Cursor::new(&file)));
        UnitReader::new(&file, 0).for_each(drop);
        let mut disk = common::complete().disk;
        let names: Vec<String> = disk.files.keys().cloned().collect();
        for name in names {
            let mut disk = disk.clone();
            disk.files.insert(name, file.clone());
            drop(judge_with(&disk, Options { snapshot_blocks: true, retained: true, keep_going: true, key_hash: None }));
        }
        disk = Memory::default();
        disk.files.insert("MANIFEST".into(), file);
        drop(judge_with(&disk, Options::default()));
    }

    #[test]
    fn whole_directories_with_several_scars_never_panic(scars in vec((any::<usize>(), any::<usize>(), any::<u8>()), 1..12)) {
        let mut disk = common::complete().disk;
        let names: Vec<String> = disk.files.keys().cloned().collect();
        let (_, all) = common::judge(&disk);
        for (name, at, value) in scars {
            let file = disk.files.get_mut(&names[name % names.len()]).expect("it is there");
            let at = at % file.len();
            file[at] = value;
        }
        let options = Options { snapshot_blocks: true, retained: true, keep_going: true, key_hash: None };
        let (_, seen) = judge_with(&disk, options);
        prop_assert!(seen.runs.iter().all(|run| all.runs.contains(run)), "nothing that was never written");
        let (report, seen) = common::judge(&disk);
        prop_assert!(all.runs.starts_with(&seen.runs));
        prop_assert!(report.end.lsn <= Lsn(all.runs.iter().map(|run| run.0 + run.2.len() as u64).max().unwrap_or(0)));
    }
}

/// Splits a RESP array of bulks into its words, the plain way.
fn words_of<'a>(bytes: &'a [u8], words: &mut Vec<&'a [u8]>) -> Result<Option<usize>, ()> {
    let line = |at: usize| {
        bytes[at..]
            .iter()
            .position(|&byte| byte == b'\n')
            .map(|end| at + end + 1)
    };
    let number = |from: usize, to: usize| {
        std::str::from_utf8(&bytes[from + 1..to - 2])
            .ok()?
            .parse::<usize>()
            .ok()
    };
    let mut at = line(0).ok_or(())?;
    for _ in 0..number(0, at).ok_or(())? {
        let start = line(at).ok_or(())?;
        let length = number(at, start).ok_or(())?;
        words.push(&bytes[start..start + length]);
        at = start + length + 2;
    }
    Ok(Some(at))
}

fn snapshot_header() -> SnapshotHeader {
    SnapshotHeader {
        compat: 0,
        incompat: 0,
        dataset: DatasetId([7; 16]),
        number: 9,
        timeline: 2,
        databases: 16,
        cut_lsn: Lsn(1000),
        replication_offset: 2000,
        sequence: 30,
        hash_seed: 4,
        cut_at: UnixMs(5),
    }
}

#[test]
fn snapshots_open() {
    let header = snapshot_header();
    let mut file = Vec::new();
    header.encode(&mut file);
    let seed = header.seed();
    let mut encoder = BlockEncoder::new(Some(1));
    let mut blocks = Vec::new();
    for (db, hash_first, hash_last) in [(1, 0, 99), (1, 100, u64::MAX), (0, 0, u64::MAX)] {
        let mut raw = Vec::new();
        let key = format!("key {hash_first}");
        let entry = Entry {
            key: key.as_bytes(),
            value: Value::Int(5),
            expire_at: None,
            access: 0,
            raw: false,
            piece: None,
        };
        entry.encode(&mut raw);
        let block = BlockHeader {
            kind: BlockKind::Main,
            codec: Codec::Stored,
            db,
            entries: 1,
            expires: 0,
            continued: 0,
            raw_bytes: 0,
            stored_bytes: 0,
            hash_first,
            hash_last,
            stored_crc: 0,
        };
        let offset = file.len() as u64;
        blocks.push(encoder.encode(&block, seed, offset, &raw, &mut file));
    }
    let totals = [
        DatabaseTotals {
            db: 0,
            keys: 1,
            expires: 0,
        },
        DatabaseTotals {
            db: 1,
            keys: 2,
            expires: 0,
        },
    ];
    let offset = file.len() as u64;
    let (footer, footer_crc) = encode_index(seed, offset, &blocks, &totals, &mut file);
    let index = SnapshotIndex::open(&file).expect("just written");
    assert_eq!(
        (index.header, index.footer, index.footer_crc),
        (header, footer, footer_crc)
    );
    assert_eq!(
        (&index.blocks, &index.databases[..]),
        (&blocks, &totals[..])
    );
    assert_eq!(index.candidates(1, 100).count(), 1);
    assert_eq!(index.candidates(2, 100).count(), 0);
    let raw = index.block(&file, &index.blocks[1]).expect("just written");
    assert_eq!(
        Entries::new(&raw).next().expect("one").expect("sound").key,
        b"key 100"
    );
}
