//! The golden files: opened by every later version, compared with the text beside them and with the examples
//! in the specification. `ESKER_WRITE_GOLDEN=1` writes those that are missing; none is ever overwritten.

mod common;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use common::{Memory, Seen, complete, judge, samples};
use esker_format::crc::Seed;
use esker_format::native::audit::{Tail, check_block};
use esker_format::native::entry::{Entries, Value};
use esker_format::native::frame::FrameHeader;
use esker_format::native::manifest::Manifest;
use esker_format::native::segment::{self, SegmentHeader};
use esker_format::native::snapshot::SnapshotIndex;
use esker_format::native::value;
use esker_format::redis::rdb;
use esker_format::units::UnitReader;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// The content of a golden file; writes `current` if it is missing and writing is asked for.
fn golden(name: &str, current: &[u8]) -> Vec<u8> {
    let path = root().join("golden/v1").join(name);
    if !path.exists() && std::env::var_os("ESKER_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a file in a directory"))
            .expect("a directory");
        let file = std::fs::File::create_new(&path);
        file.and_then(|mut file| file.write_all(current))
            .expect("a new golden file");
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check_text(name: &str, text: &str) {
    let expected = golden(name, text.as_bytes());
    assert_eq!(text, String::from_utf8_lossy(&expected), "{name}");
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (row, line) in bytes.chunks(16).enumerate() {
        let digits: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |byte: &u8| {
            if byte.is_ascii_graphic() || *byte == b' ' {
                char::from(*byte)
            } else {
                '.'
            }
        };
        let text: String = line.iter().map(shown).collect();
        writeln!(out, "{:08x}  {:<47}  |{text}|", row * 16, digits.join(" ")).expect("a string");
    }
    out
}

#[test]
fn frame() {
    let (expected, current) = samples::frame();
    let bytes = golden("frame.bin", &current);
    let seed = Seed::segment(common::DATASET, 1);
    let offset = segment::HEADER_BYTES as u64;
    let (header, _) = FrameHeader::decode(&bytes, seed, offset).expect("a frame");
    assert_eq!(
        FrameHeader {
            payload_crc: 0,
            ..header
        },
        expected
    );
    assert_eq!(
        header.payload(&bytes, seed),
        Ok(&common::set("a", "one")[..])
    );
    assert_eq!(
        bytes, current,
        "what is written has changed: that needs a new version"
    );
}

#[test]
fn segment_header() {
    let (expected, current) = samples::segment();
    let bytes = golden("segment.bin", &current);
    assert_eq!(
        SegmentHeader::decode(&bytes).map(|found| found.0),
        Ok(expected)
    );
    assert_eq!(
        bytes, current,
        "what is written has changed: that needs a new version"
    );
}

#[test]
fn manifest() {
    let current = samples::manifest();
    let bytes = golden("manifest.bin", &current);
    assert_eq!(
        Manifest::decode_record(&bytes),
        Ok(common::Store::born().manifest)
    );
    assert_eq!(
        bytes, current,
        "what is written has changed: that needs a new version"
    );
}

#[test]
fn snapshot() {
    let current = samples::snapshot();
    let bytes = golden("snapshot.bin", &current);
    let index = SnapshotIndex::open(&bytes).expect("a snapshot");
    let header = &index.header;
    let mut text = format!(
        "dataset {} snapshot {} timeline {} cut {} offset {} sequence {} hash seed {:#x} at {}\n",
        header.dataset,
        header.number,
        header.timeline,
        header.cut_lsn,
        header.replication_offset,
        header.sequence,
        header.hash_seed,
        header.cut_at
    );
    let footer = &index.footer;
    writeln!(
        text,
        "{} keys, {} expire, {} raw bytes",
        footer.keys, footer.expires, footer.raw_bytes
    )
    .expect("a string");
    for block in &index.blocks {
        let raw = index.block(&bytes, block).expect("a block");
        let found = &block.header;
        let (kind, db, entries, expires) = (found.kind, found.db, found.entries, found.expires);
        writeln!(
            text,
            "{kind:?} block at {} of database {db}: {entries} entries, {expires} expire",
            block.offset
        )
        .expect("a string");
        for entry in Entries::new(&raw) {
            let entry = entry.expect("an entry");
            let (key, at) = (entry.key.escape_ascii(), entry.expire_at.map(|at| at.0));
            writeln!(
                text,
                "  {key} = {:?}, expires {at:?}, access {}",
                entry.value, entry.access
            )
            .expect("a string");
        }
    }
    check_text("snapshot.txt", &text);
    assert_eq!(
        bytes, current,
        "what is written has changed: that needs a new version"
    );
}

#[test]
fn collections() {
    let current = samples::collections();
    let bytes = golden("collections.bin", &current);
    let index = SnapshotIndex::open(&bytes).expect("a snapshot");
    let mut text = String::new();
    for block in &index.blocks {
        check_block(&index, &bytes, block, None).expect("a sound block");
        let raw = index.block(&bytes, block).expect("a block");
        let (kind, keys) = (block.header.kind, block.header.keys());
        writeln!(text, "{kind:?} block of {keys} keys").expect("a string");
        for entry in Entries::new(&raw) {
            let entry = entry.expect("an entry");
            let Value::Collection { kind, bytes } = entry.value else {
                panic!("not a collection: {entry:?}");
            };
            let found = value::check(kind, bytes).expect("a sound value");
            let (key, name) = (entry.key.escape_ascii(), entry.value_type());
            let (piece, at) = (entry.piece, entry.expire_at.map(|at| at.0));
            writeln!(
                text,
                "  {key}: kind {kind} {name:?}, {found:?}, {piece:?}, expires {at:?}: {}",
                bytes.escape_ascii()
            )
            .expect("a string");
        }
    }
    check_text("collections.txt", &text);
    assert_eq!(
        bytes, current,
        "what is written has changed: that needs a new version"
    );
}

#[test]
fn effects() {
    let current = samples::effects();
    let bytes = golden("effects.resp", &current);
    let mut text = String::new();
    for record in UnitReader::new(&bytes, 0) {
        let record = record.expect("a record");
        let (db, effect, start, end) = (record.db, record.effect, record.unit_start, record.end);
        writeln!(
            text,
            "database {db}: {effect:?}, unit from {start}, up to {end}"
        )
        .expect("a string");
    }
    check_text("effects.txt", &text);
    assert_eq!(
        bytes, current,
        "what is written has changed: that needs a new version"
    );
}

#[test]
fn dump_payload() {
    let current = samples::dump();
    let bytes = golden("dump.bin", &current);
    assert_eq!(
        rdb::load(&bytes),
        Ok(rdb::DumpValue::Bytes(b"hello hello hello hello".to_vec()))
    );
}

/// A whole directory, with a compressed block, fragments over two segments and an orderly end.
#[test]
fn dataset() {
    let names: Vec<String> = complete().disk.files.into_keys().collect();
    let mut disk = Memory::default();
    for name in names {
        let current = complete().disk.files.remove(&name).expect("it is there");
        disk.files
            .insert(name.clone(), golden(&format!("dataset/{name}"), &current));
    }
    let (report, seen) = judge(&disk);
    assert_eq!(report.verdicts, []);
    assert_eq!(report.tail, Tail::Clean);
    let Seen { runs, keys } = seen;
    let end = report.end;
    let mut text = format!(
        "segments {:?}, end {} sequence {} offset {} at {}, durable {}\n",
        report.segments,
        end.lsn,
        end.sequence,
        end.replication_offset,
        end.time,
        report.durable_claim
    );
    for key in keys {
        writeln!(text, "key {}", key.escape_ascii()).expect("a string");
    }
    for (lsn, db, payload) in runs {
        writeln!(
            text,
            "run at {lsn} in database {db}: {}",
            payload.escape_ascii()
        )
        .expect("a string");
    }
    check_text("dataset.txt", &text);
}

/// Every example in the specification shows the golden file that it names.
#[test]
fn examples_in_the_specification() {
    let mut examples = 0;
    for directory in ["native", "redis"] {
        for page in std::fs::read_dir(root().join(directory)).expect("the specification") {
            let path = page.expect("a page").path();
            let text = std::fs::read_to_string(&path).expect("a page");
            let Some((_, rest)) = text.split_once("Golden: `") else {
                continue;
            };
            let (name, rest) = rest.split_once('`').expect("a quoted name");
            let shown = rest
                .split("```")
                .nth(1)
                .expect("a block")
                .trim_start_matches('\n');
            let bytes = std::fs::read(root().join(name)).expect("a golden file");
            assert_eq!(shown, hex(&bytes), "{} shows {name}", path.display());
            examples += 1;
        }
    }
    assert_eq!(examples, 6);
}

/// Writes the examples into the pages where the placeholder `HEX file` stands.
#[test]
fn examples_are_filled_in_on_demand() {
    if std::env::var_os("ESKER_WRITE_GOLDEN").is_none() {
        return;
    }
    for directory in ["native", "redis"] {
        for page in std::fs::read_dir(root().join(directory)).expect("the specification") {
            let path = page.expect("a page").path();
            let text = std::fs::read_to_string(&path).expect("a page");
            let Some((before, rest)) = text.split_once("\nHEX ") else {
                continue;
            };
            let (name, after) = rest.split_once('\n').expect("a line");
            let Ok(bytes) = std::fs::read(root().join(name)) else {
                continue;
            };
            let filled = format!("{before}\n{}{after}", hex(&bytes));
            std::fs::write(&path, filled).expect("the page is ours");
        }
    }
}
