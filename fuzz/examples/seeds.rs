//! Writes the seeds of the corpora, made by the real encoders: `cargo run -p esker-fuzz --example seeds`.
//!
//! What the fuzzers find later is added beside them by hand (`fuzz/run` keeps it out of the stored corpus).

use std::io;
use std::path::Path;

use esker_env::Rng;
use esker_format::native::frame::{FrameHeader, FrameKind, Part};
use esker_format::native::manifest::Manifest;
use esker_format::native::segment::SegmentHeader;
use esker_format::native::snapshot::{
    BlockEncoder, BlockHeader, BlockKind, Codec, DatabaseTotals, SnapshotHeader, SnapshotIndex,
    encode_index,
};
use esker_format::native::{entry, snapshot};
use esker_format::record::{EXEC, Effect, Item, MULTI, SetExpiry};
use esker_format::redis::rdb;
use esker_format::{Lsn, UnixMs, names};
use esker_fuzz::memory::Memory;
use esker_keyspace::hash::hash_key;
use esker_resp::write_command;

fn main() -> io::Result<()> {
    let golden = Memory::golden();
    write("resp", &resp())?;
    write("unit", &units())?;
    write("frame", &frames(&golden))?;
    write("segment", &segments(&golden))?;
    write("snapshot", &snapshots(&golden))?;
    write("manifest", &manifests(&golden))?;
    write("restore", &payloads())?;
    write("audit", &decisions(1, 24, 40))?;
    write("commands", &decisions(2, 32, 600))
}

fn write(target: &str, seeds: &[Vec<u8>]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    std::fs::create_dir_all(&folder)?;
    for (number, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number:02}")), seed)?;
    }
    Ok(())
}

/// Input bytes in front of the subject, then the subject.
fn led(lead: &[u8], subject: &[u8]) -> Vec<u8> {
    [lead, subject].concat()
}

/// Stories for the targets that are driven by decisions: any bytes tell one.
fn decisions(seed: u64, count: usize, length: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng::new(seed);
    let story = |number: usize| {
        let mut bytes = vec![0; length / 4 + number * length / count];
        rng.fill(&mut bytes);
        bytes
    };
    (0..count).map(story).collect()
}

fn resp() -> Vec<Vec<u8>> {
    let mut pipeline = Vec::new();
    write_command(&mut pipeline, &[b"SET", b"key", b"value"]);
    write_command(&mut pipeline, &[b"GET", b"key"]);
    write_command(
        &mut pipeline,
        &[b"MSET", b"a", b"", b"b", b"\r\n", b"c", &[0; 100]],
    );
    let streams: &[&[u8]] = &[
        &pipeline,
        b"PING\r\nset k \"a b\\x41\\n\" 'c\\'d'\r\n\r\nget k\n",
        b"*1\r\n$4\r\nPING\r\n*0\r\n*-1\r\n\r\nPING\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000\r\nhalf of it",
        b"*1\r\n:5\r\n",
        b"*1000000000\r\n$1\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$9223372036854775807\r\n",
        b"set \"open",
        b"a \"b\"c\r\n",
    ];
    let leads: &[[u8; 2]] = &[[4, 3], [0, 7], [2, 0]];
    let all = streams
        .iter()
        .flat_map(|stream| leads.iter().map(move |lead| led(lead, stream)));
    all.collect()
}

fn effects() -> Vec<Effect<'static>> {
    let (key, value) = (&b"key"[..], &b"value"[..]);
    let at = UnixMs(1_700_000_000_123);
    vec![
        Effect::Set {
            key,
            value,
            expiry: SetExpiry::Clear,
        },
        Effect::Append {
            key,
            value: b"\r\n*1",
        },
        Effect::SetRange {
            key,
            offset: 20,
            value,
        },
        Effect::Set {
            key: b"",
            value: b"7",
            expiry: SetExpiry::At(at),
        },
        Effect::IncrBy {
            key: b"",
            by: i64::MIN,
        },
        Effect::Set {
            key: b"",
            value: b"8",
            expiry: SetExpiry::Keep,
        },
        Effect::PexpireAt { key, at },
        Effect::Persist { key },
        Effect::Rename {
            from: key,
            to: b"new",
        },
        Effect::Copy {
            from: b"new",
            to: key,
            db: 2,
        },
        Effect::Move { key: b"new", db: 1 },
        Effect::SwapDb { a: 0, b: 3 },
        Effect::Del { key },
        Effect::FlushDb,
        Effect::FlushAll,
    ]
}

/// One unit of one effect, then all effects as one unit, then in another database.
fn payload() -> Vec<u8> {
    let mut payload = Vec::new();
    effects()[0].encode(&mut payload);
    payload.extend_from_slice(MULTI);
    effects()
        .iter()
        .for_each(|effect| effect.encode(&mut payload));
    payload.extend_from_slice(EXEC);
    Item::Select(2).encode(&mut payload);
    effects()[3].encode(&mut payload);
    payload
}

fn units() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = vec![led(&[0], &payload())];
    for effect in effects() {
        let mut bytes = vec![1];
        effects()[0].encode(&mut bytes);
        effect.encode(&mut bytes);
        seeds.push(bytes);
    }
    let dump = rdb::dump_string(&[b'z'; 60]);
    let mut bytes = vec![3];
    for expire_at in [None, Some(UnixMs(5))] {
        let (key, payload) = (&b"r"[..], &dump[..]);
        Effect::Restore {
            key,
            expire_at,
            payload,
        }
        .encode(&mut bytes);
    }
    seeds.push(bytes);
    seeds
}

fn frames(golden: &Memory) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for number in 1..=4_u8 {
        let file = &golden.files[&names::segment(u64::from(number))];
        // Which segment, which offset (the first), which bit.
        let lead = [number - 1, 0, number, 0, 0, 0];
        seeds.push(led(&lead, &file[128..]));
    }
    seeds.push(led(&[3, 1, 9, 0, 0, 0], &log(0)[128..]));
    seeds
}

/// A segment that starts at LSN 0 with every kind of frame in it.
fn log(zeros: usize) -> Vec<u8> {
    let dataset = Manifest::decode(&Memory::golden().files[names::MANIFEST])
        .expect("the golden manifest")
        .manifest
        .dataset;
    let header = SegmentHeader {
        compat: 0,
        incompat: 0,
        dataset,
        timeline: 1,
        number: 1,
        first_lsn: Lsn(0),
        first_sequence: 1,
        durable_lsn: Lsn(0),
        previous: None,
        created: UnixMs(1_700_000_000_000),
    };
    let mut file = Vec::new();
    let mut previous_crc = header.encode(&mut file);
    let payload = payload();
    let (head, tail) = payload.split_at(payload.len() / 2);
    let unit = payload.len() as u64;
    let frames: &[(FrameKind, u64, &[u8])] = &[
        (FrameKind::Units, 0, &payload),
        (FrameKind::Fragment(Part::First), unit, head),
        (FrameKind::Marker { clean: false }, 0, b""),
        (FrameKind::Fragment(Part::Middle), unit, b""),
        (FrameKind::Fragment(Part::Last), unit, tail),
        (FrameKind::StreamOnly, 0, b"*1\r\n$4\r\nPING\r\n"),
        (FrameKind::Units, 0, &payload),
        (FrameKind::Marker { clean: true }, 0, b""),
    ];
    let (mut lsn, mut sequence) = (0, 0);
    let written = frames.iter().filter(|(kind, _, payload)| {
        payload.is_empty() == matches!(kind, FrameKind::Marker { .. })
    });
    for &(kind, unit_id, payload) in written {
        sequence += 1;
        let frame = FrameHeader {
            kind,
            db: 1,
            payload_bytes: payload.len() as u32,
            sequence,
            first_lsn: Lsn(lsn),
            replication_offset: lsn,
            time: UnixMs(1_700_000_000_000 + lsn as i64),
            durable_lsn: Lsn(lsn),
            unit_id,
            previous_crc,
            payload_crc: 0,
        };
        previous_crc = frame.encode(header.seed(), file.len() as u64, payload, &mut file);
        lsn += payload.len() as u64;
    }
    file.resize(file.len() + zeros, 0);
    file
}

fn segments(golden: &Memory) -> Vec<Vec<u8>> {
    let first = &golden.files[&names::segment(1)];
    let mut seeds = vec![led(&[0, 0], first), led(&[1, 31], first)];
    for (chain, promised, zeros) in [(0, 0, 0), (1, 0, 400), (1, 200, 64), (0, 255, 8)] {
        seeds.push(led(&[chain, promised], &log(zeros)));
    }
    for number in 2..=4 {
        seeds.push(led(&[1, 31], &golden.files[&names::segment(number)]));
    }
    seeds
}

fn snapshots(golden: &Memory) -> Vec<Vec<u8>> {
    let file = &golden.files[&names::snapshot(2)];
    let index = SnapshotIndex::open(file).expect("the golden snapshot");
    let mut seeds = vec![led(&[0], file), led(&[3], file)];
    for level in [None, Some(1)] {
        seeds.push(led(&[0], &small_snapshot(&index.header, level)));
    }
    for block in &index.blocks {
        // Raw entries: the target reads them without a file around them as well.
        seeds.push(led(
            &[0],
            &index.block(file, block).expect("a golden block"),
        ));
    }
    seeds
}

/// Two main blocks and a side block, one entry of every shape.
fn small_snapshot(header: &SnapshotHeader, level: Option<i32>) -> Vec<u8> {
    let header = SnapshotHeader {
        number: 9,
        ..*header
    };
    let mut file = Vec::new();
    header.encode(&mut file);
    let mut encoder = BlockEncoder::new(level);
    let mut blocks = Vec::new();
    let long = [b'k'; 300];
    for (db, kind) in [
        (0, BlockKind::Main),
        (5, BlockKind::Main),
        (5, BlockKind::Side),
    ] {
        let (mut raw, mut hashes) = (Vec::new(), Vec::new());
        let shapes: [(&[u8], entry::Value<'_>, Option<UnixMs>); 3] = [
            (b"int", entry::Value::Int(-5), None),
            (
                b"text",
                entry::Value::Bytes(&[b'v'; 200]),
                Some(UnixMs(1_800_000_000_000)),
            ),
            (&long, entry::Value::Bytes(b""), None),
        ];
        for (number, (key, value, expire_at)) in shapes.into_iter().enumerate() {
            let key = match kind {
                BlockKind::Side => [key, b"+"].concat(),
                _ => key.to_vec(),
            };
            hashes.push(hash_key(header.hash_seed, &key));
            let key = &key;
            let (access, raw_flag) = (7, number == 1);
            entry::Entry {
                key,
                value,
                expire_at,
                access,
                raw: raw_flag,
                piece: None,
            }
            .encode(&mut raw);
        }
        let block = BlockHeader {
            kind,
            codec: Codec::Stored,
            db,
            entries: 3,
            expires: 1,
            continued: 0,
            raw_bytes: 0,
            stored_bytes: 0,
            hash_first: *hashes.iter().min().expect("three keys"),
            hash_last: *hashes.iter().max().expect("three keys"),
            stored_crc: 0,
        };
        let offset = file.len() as u64;
        blocks.push(encoder.encode(&block, header.seed(), offset, &raw, &mut file));
    }
    let databases = [(0, 3), (5, 6)].map(|(db, keys)| DatabaseTotals {
        db,
        keys,
        expires: keys / 3,
    });
    let offset = file.len() as u64;
    encode_index(header.seed(), offset, &blocks, &databases, &mut file);
    assert!(snapshot::SnapshotIndex::open(&file).is_ok());
    file
}

fn manifests(golden: &Memory) -> Vec<Vec<u8>> {
    let file = &golden.files[names::MANIFEST];
    let manifest = Manifest::decode(file)
        .expect("the golden manifest")
        .manifest;
    let record = manifest.encode_record();
    vec![
        led(&[0; 4], file),
        led(&[1, 1, 0, 0], &[&record[..], &record[..]].concat()),
    ]
}

/// How many payloads of other servers there are.
const FOREIGN_PAYLOADS: u8 = 46;

fn payloads() -> Vec<Vec<u8>> {
    let values: &[&[u8]] = &[
        b"",
        b"x",
        b"hello",
        b"12",
        b"-300",
        b"70000",
        b"2147483648",
        &[b'a'; 500],
    ];
    let mut seeds = Vec::new();
    for value in values {
        let payload = rdb::dump_string(value);
        seeds.push(led(&[0], value));
        seeds.push(led(&[1], &payload));
        seeds.push(led(&[3], &payload));
    }
    // Every length and string encoding, some of them never written by us.
    let bodies: &[&[u8]] = &[
        b"\x00\x40\x05hello",
        b"\x00\x80\x00\x00\x00\x05hello",
        b"\x00\x81\x00\x00\x00\x00\x00\x00\x00\x05hello",
        b"\x00\xc3\x04\x09\x00a\xe0\x00\x00",
        b"\x00\xc3\x0b\x05\x04hello",
        b"\x00\xc4",
        b"\x01\x01\x01a",
    ];
    seeds.extend(bodies.iter().map(|body| led(&[2, 0], body)));
    // What other servers dumped, as it is.
    seeds.extend((0..FOREIGN_PAYLOADS).map(|number| led(&[4, number], &[])));
    seeds
}
