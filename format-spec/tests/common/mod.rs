//! A data directory in memory, and a writer that follows the rules of the specification.

#![allow(dead_code, reason = "every test binary uses a part")]

pub mod samples;

use std::collections::BTreeMap;
use std::io;

use esker_format::crc::Seed;
use esker_format::cursor::Fault;
use esker_format::native::audit::{self, Options, Report, Run, Source, Visitor};
use esker_format::native::entry::{Entry, Value};
use esker_format::native::frame::{FrameHeader, FrameKind, Part};
use esker_format::native::manifest::{LogState, Manifest, Reason, SnapshotRef, Timeline};
use esker_format::native::segment::{Previous, SegmentHeader};
use esker_format::native::snapshot::{
    BlockEncoder, BlockHeader, BlockKind, Codec, DatabaseTotals, SnapshotHeader, encode_index,
};
use esker_format::record::Effect;
use esker_format::record::SetExpiry;
use esker_format::units::UnitReader;
use esker_format::{DatasetId, Lsn, UnixMs, names};

pub const DATASET: DatasetId = DatasetId(*b"esker golden set");
pub const HASH_SEED: u64 = 0x0123_4567_89ab_cdef;
pub const BORN: i64 = 1_700_000_000_000;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Source for Memory {
    type Bytes = Vec<u8>;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.files
            .get(name)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// What a run of the audit showed.
#[derive(Debug, Default, PartialEq, Clone)]
pub struct Seen {
    pub runs: Vec<(u64, u32, Vec<u8>)>,
    pub keys: Vec<Vec<u8>>,
}

impl Visitor for Seen {
    fn snapshot(
        &mut self,
        index: &esker_format::native::snapshot::SnapshotIndex,
        file: &[u8],
    ) -> Result<(), (u64, Fault)> {
        for block in &index.blocks {
            let raw = index
                .block(file, block)
                .map_err(|fault| (block.offset, fault))?;
            for entry in esker_format::native::entry::Entries::new(&raw) {
                let entry = entry.map_err(|fault| (block.offset, fault))?;
                self.keys.push(entry.key.to_vec());
            }
        }
        Ok(())
    }

    fn run(&mut self, run: &Run<'_>) -> Result<(), Fault> {
        if !run.stream_only {
            UnitReader::new(run.payload, run.db).try_for_each(|record| record.map(drop))?;
        }
        self.runs
            .push((run.first_lsn.0, run.db, run.payload.to_vec()));
        Ok(())
    }
}

pub fn judge(files: &Memory) -> (Report, Seen) {
    judge_with(
        files,
        Options {
            snapshot_blocks: true,
            retained: true,
            ..Options::default()
        },
    )
}

pub fn judge_with(files: &Memory, options: Options) -> (Report, Seen) {
    let mut seen = Seen::default();
    let report = audit::audit(files, options, &mut seen).expect("memory does not fail");
    (report, seen)
}

pub fn set(key: &str, value: &str) -> Vec<u8> {
    let mut out = Vec::new();
    Effect::Set {
        key: key.as_bytes(),
        value: value.as_bytes(),
        expiry: SetExpiry::Clear,
    }
    .encode(&mut out);
    out
}

/// A dataset and its log writer.
pub struct Store {
    pub disk: Memory,
    pub manifest: Manifest,
    pub lsn: u64,
    pub sequence: u64,
    pub durable: u64,
    pub crc: u32,
    pub time: i64,
    /// The current segment.
    pub segment: u64,
}

impl Store {
    /// A newborn dataset with its first segment.
    pub fn born() -> Store {
        let manifest = Manifest {
            generation: 1,
            compat: 0,
            incompat: 0,
            dataset: DATASET,
            hash_seed: HASH_SEED,
            written: UnixMs(BORN),
            durable_lsn: Lsn(0),
            log: LogState::On,
            first_segment: 1,
            oldest_segment: 1,
            next_number: 2,
            snapshot: None,
            retained: Vec::new(),
            timelines: vec![Timeline {
                id: 1,
                parent: 0,
                start_lsn: Lsn(0),
                first_segment: 1,
                replication_offset: 0,
                started: UnixMs(BORN),
                replication_id: *b"replication id no. 1",
                reason: Reason::Birth,
            }],
            gaps: Vec::new(),
        };
        let mut store = Store {
            disk: Memory::default(),
            manifest,
            lsn: 0,
            sequence: 0,
            durable: 0,
            crc: 0,
            time: BORN,
            segment: 0,
        };
        store.publish();
        store.open_segment(1, None);
        store
    }

    pub fn publish(&mut self) {
        self.disk
            .files
            .insert(names::MANIFEST.into(), self.manifest.encode());
    }

    pub fn file(&mut self) -> &mut Vec<u8> {
        self.disk
            .files
            .entry(names::segment(self.segment))
            .or_default()
    }

    pub fn open_segment(&mut self, number: u64, previous: Option<Previous>) {
        let header = SegmentHeader {
            compat: 0,
            incompat: 0,
            dataset: DATASET,
            timeline: self.manifest.timelines.len() as u32,
            number,
            first_lsn: Lsn(self.lsn),
            first_sequence: self.sequence + 1,
            durable_lsn: Lsn(self.durable),
            previous,
            created: UnixMs(self.time),
        };
        self.segment = number;
        let mut bytes = Vec::new();
        self.crc = header.encode(&mut bytes);
        self.disk.files.insert(names::segment(number), bytes);
    }

    /// The end of the current segment, as its successor names it.
    pub fn end(&mut self) -> Previous {
        Previous {
            number: self.segment,
            end_offset: self.file().len() as u64,
            crc: self.crc,
        }
    }

    pub fn roll(&mut self) {
        let previous = self.end();
        self.open_segment(self.segment + 1, Some(previous));
    }

    pub fn frame(&mut self, kind: FrameKind, db: u32, unit_id: u64, payload: &[u8]) {
        self.sequence += 1;
        let header = FrameHeader {
            kind,
            db,
            payload_bytes: payload.len() as u32,
            sequence: self.sequence,
            first_lsn: Lsn(self.lsn),
            replication_offset: self.lsn + payload.len() as u64,
            time: UnixMs(self.time),
            durable_lsn: Lsn(self.durable),
            unit_id,
            previous_crc: self.crc,
            payload_crc: 0,
        };
        let seed = Seed::segment(DATASET, self.segment);
        let file = self.file();
        let offset = file.len() as u64;
        self.crc = header.encode(seed, offset, payload, file);
        self.lsn += payload.len() as u64;
        self.time += 10;
    }

    pub fn units(&mut self, payload: &[u8]) {
        self.frame(FrameKind::Units, 0, 0, payload);
    }

    pub fn fragment(&mut self, part: Part, unit_id: u64, payload: &[u8]) {
        self.frame(FrameKind::Fragment(part), 0, unit_id, payload);
    }

    pub fn sync(&mut self) {
        self.durable = self.lsn;
    }

    pub fn marker(&mut self, clean: bool) {
        self.frame(FrameKind::Marker { clean }, 0, 0, &[]);
    }

    /// Appends zeros, as in a preallocated file.
    pub fn preallocate(&mut self, bytes: usize) {
        let file = self.file();
        file.resize(file.len() + bytes, 0);
    }

    fn snapshot_header(&self) -> SnapshotHeader {
        SnapshotHeader {
            compat: 0,
            incompat: 0,
            dataset: DATASET,
            number: self.segment,
            timeline: self.manifest.timelines.len() as u32,
            databases: 16,
            cut_lsn: Lsn(self.lsn),
            replication_offset: self.lsn,
            sequence: self.sequence,
            hash_seed: HASH_SEED,
            cut_at: UnixMs(self.time),
        }
    }

    /// Cuts a snapshot of `keys` here, rolls the log and publishes.
    pub fn snapshot(&mut self, keys: &[(&str, Value<'_>, Option<i64>)]) {
        self.sync();
        self.roll();
        let number = self.segment;
        let header = self.snapshot_header();
        let seed = header.seed();
        let mut file = Vec::new();
        header.encode(&mut file);
        let mut blocks = Vec::new();
        let mut encoder = BlockEncoder::new(Some(1));
        let half = keys.len().div_ceil(2);
        let ranges = [
            (BlockKind::Main, 0, u64::MAX),
            (BlockKind::Side, 0, u64::MAX),
        ];
        for (chunk, (kind, hash_first, hash_last)) in keys.chunks(half.max(1)).zip(ranges) {
            let mut raw = Vec::new();
            for &(key, value, expire_at) in chunk {
                let expire_at = expire_at.map(UnixMs);
                Entry {
                    key: key.as_bytes(),
                    value,
                    expire_at,
                    access: 7,
                    raw: false,
                    piece: None,
                }
                .encode(&mut raw);
            }
            let header = BlockHeader {
                kind,
                codec: Codec::Stored,
                db: 0,
                entries: chunk.len() as u32,
                expires: chunk.iter().filter(|key| key.2.is_some()).count() as u32,
                continued: 0,
                raw_bytes: 0,
                stored_bytes: 0,
                hash_first,
                hash_last,
                stored_crc: 0,
            };
            let offset = file.len() as u64;
            blocks.push(encoder.encode(&header, seed, offset, &raw, &mut file));
        }
        let totals = DatabaseTotals {
            db: 0,
            keys: keys.len() as u64,
            expires: keys.iter().filter(|key| key.2.is_some()).count() as u64,
        };
        let offset = file.len() as u64;
        let (_, footer_crc) = encode_index(seed, offset, &blocks, &[totals], &mut file);
        self.manifest.snapshot = Some(SnapshotRef {
            number,
            cut_lsn: Lsn(self.lsn),
            first_segment: number,
            file_bytes: file.len() as u64,
            cut_at: UnixMs(self.time),
            footer_crc,
        });
        self.manifest.first_segment = number;
        self.manifest.generation += 1;
        self.manifest.durable_lsn = Lsn(self.durable);
        self.manifest.next_number = number + 1;
        self.disk.files.insert(names::snapshot(number), file);
        self.publish();
    }
}

/// A dataset with everything in it: snapshot, three segments, a unit in fragments, stream-only bytes, markers,
/// and an orderly shutdown.
pub fn complete() -> Store {
    let mut store = Store::born();
    store.units(&set("early", "1"));
    let long = "compressible ".repeat(20);
    store.snapshot(&[
        ("early", Value::Int(1), None),
        ("long", Value::Bytes(long.as_bytes()), Some(BORN + 100_000)),
        ("side", Value::Bytes(b"changed during the walk"), None),
    ]);
    store.units(&set("a", "one"));
    store.sync();
    store.units(&[set("b", "two"), set("c", "three")].concat());
    store.frame(FrameKind::StreamOnly, 0, 0, b"*1\r\n$4\r\nPING\r\n");
    store.roll();
    let unit = [
        b"*1\r\n$5\r\nMULTI\r\n".to_vec(),
        set("d", "4"),
        set("e", "5"),
        b"*1\r\n$4\r\nEXEC\r\n".to_vec(),
    ];
    let unit = unit.concat();
    let start = store.lsn;
    let third = unit.len() / 3;
    store.fragment(Part::First, start, &unit[..third]);
    store.marker(false);
    store.fragment(Part::Middle, start, &unit[third..2 * third]);
    store.roll();
    store.fragment(Part::Last, start, &unit[2 * third..]);
    store.frame(FrameKind::Units, 3, 0, &set("f", "in database 3"));
    store.sync();
    store.marker(true);
    store
}
