//! The field tables of the specification, compared with bytes that the crate writes: offsets and sizes add up,
//! and at every offset stands what the field of that name holds.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::samples;
use esker_format::native::{entry, frame, manifest, segment, snapshot};
use esker_format::record::VERBS;

struct Row {
    offset: usize,
    size: usize,
    kind: String,
    field: String,
    meaning: String,
}

/// The rows of the table under `## heading` of a page.
fn table(page: &str, heading: &str) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = std::fs::read_to_string(path).expect("a page");
    let (_, section) = text
        .split_once(&format!("## {heading}\n"))
        .expect("a heading");
    let section = section.split("\n## ").next().expect("a section");
    let rows: Vec<Row> = section
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
            let [offset, size, kind, field, meaning, ..] = cells[..] else {
                return None;
            };
            Some(Row {
                offset: offset.parse().ok()?,
                size: size.parse().ok()?,
                kind: kind.into(),
                field: field.into(),
                meaning: meaning.into(),
            })
        })
        .collect();
    assert!(!rows.is_empty(), "{page}: {heading}");
    rows
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Compares a table with `bytes`, which are `length` long and hold `values` in the fields of those names. Fields
/// that are called zero or reserved hold zero; checksums are not compared here.
fn check(page: &str, heading: &str, length: usize, bytes: &[u8], values: &[(&str, u64)]) {
    let mut values: BTreeMap<&str, u64> = values.iter().copied().collect();
    let mut offset = 0;
    for row in table(page, heading) {
        let place = format!("{page}: {heading}: {}", row.field);
        assert_eq!(row.offset, offset, "{place}");
        offset += row.size;
        let width = match row.kind.as_str() {
            "u8" => 1,
            "u16" => 2,
            "u32" => 4,
            "u64" | "i64" => 8,
            "bytes" => row.size,
            kind => panic!("{place}: type {kind}"),
        };
        assert_eq!(row.size, width, "{place}");
        let found = &bytes[row.offset..offset];
        if row.field == "magic" {
            assert_eq!(row.meaning.trim_matches('`').as_bytes(), found, "{place}");
        } else if row.field.starts_with("zero") || row.field.starts_with("reserved") {
            assert!(found.iter().all(|&byte| byte == 0), "{place}");
        } else if row.field == "dataset" {
            assert_eq!(found, common::DATASET.0, "{place}");
        } else if let Some(value) = values.remove(row.field.as_str()) {
            assert_eq!(number(found), value, "{place}");
        } else {
            let uncompared = row.field.ends_with("crc") || row.kind == "bytes";
            assert!(uncompared, "{place}: no value to compare with");
        }
    }
    assert_eq!(offset, length, "{page}: {heading}");
    assert!(
        values.is_empty(),
        "{page}: {heading}: not in the table: {values:?}"
    );
}

#[test]
fn frame_header() {
    let (_, mut bytes) = samples::frame();
    let header = frame::FrameHeader {
        kind: frame::FrameKind::Fragment(frame::Part::Last),
        db: 1,
        payload_bytes: 2,
        sequence: 3,
        first_lsn: esker_format::Lsn(4),
        replication_offset: 5,
        time: esker_format::UnixMs(6),
        durable_lsn: esker_format::Lsn(7),
        unit_id: 8,
        previous_crc: 9,
        payload_crc: 10,
    };
    let seed = esker_format::crc::Seed::segment(common::DATASET, 1);
    bytes[..frame::HEADER_BYTES].copy_from_slice(&header.header_bytes(seed, 0).0);
    let values = [
        ("flags", u64::from(frame::FLAG_LAST)),
        ("db", 1),
        ("payload_bytes", 2),
        ("sequence", 3),
        ("first_lsn", 4),
        ("replication_offset", 5),
        ("time", 6),
        ("durable_lsn", 7),
        ("unit_id", 8),
        ("previous_crc", 9),
        ("payload_crc", 10),
    ];
    check(
        "native/frame.md",
        "Frame header",
        frame::HEADER_BYTES,
        &bytes,
        &values,
    );
}

#[test]
fn frame_flags() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("native/frame.md");
    let text = std::fs::read_to_string(path).expect("a page");
    let flags = [
        (frame::FLAG_MARKER, "MARKER"),
        (frame::FLAG_STREAM_ONLY, "STREAM_ONLY"),
        (frame::FLAG_FIRST, "FIRST"),
        (frame::FLAG_MIDDLE, "MIDDLE"),
        (frame::FLAG_LAST, "LAST"),
        (frame::FLAG_CLEAN, "CLEAN"),
    ];
    for (flag, name) in flags {
        assert!(
            text.contains(&format!("| {flag:#06x} | {name} |")),
            "{name}"
        );
    }
    assert!(text.contains(&format!("0 to {}", frame::PAYLOAD_BYTES_MAX)));
    assert!(text.contains(&format!("multiple of {}", frame::ALIGN)));
}

#[test]
fn segment_header() {
    let (header, bytes) = samples::segment();
    let previous = header.previous.expect("it continues another");
    let values = [
        ("version", u64::from(segment::VERSION)),
        ("header_bytes", segment::HEADER_BYTES as u64),
        ("compat", 0),
        ("incompat", header.incompat),
        ("timeline", 1),
        ("number", 2),
        ("first_lsn", header.first_lsn.0),
        ("first_sequence", 2),
        ("durable_lsn", header.durable_lsn.0),
        ("previous_number", 1),
        ("previous_end", previous.end_offset),
        ("previous_crc", u64::from(previous.crc)),
        ("created", header.created.0 as u64),
    ];
    check(
        "native/segment.md",
        "Segment header",
        segment::HEADER_BYTES,
        &bytes,
        &values,
    );
}

/// A manifest with one of everything.
fn full_manifest() -> manifest::Manifest {
    let mut store = common::complete();
    store.manifest.gaps = vec![manifest::Gap {
        from: esker_format::Lsn(1),
        to: esker_format::Lsn(2),
        segment: 3,
        at: esker_format::UnixMs(4),
        reason: manifest::Reason::DiskFailure,
    }];
    store.manifest.log = manifest::LogState::Starting {
        end: esker_format::Lsn(77),
    };
    store.manifest
}

#[test]
fn manifest_record() {
    let found = full_manifest();
    let bytes = found.encode_record();
    let values = [
        ("version", u64::from(manifest::VERSION)),
        ("record_bytes", bytes.len() as u64),
        ("compat", 0),
        ("incompat", manifest::INCOMPAT_KNOWN),
        ("generation", found.generation),
        ("hash_seed", found.hash_seed),
        ("written", found.written.0 as u64),
        ("durable_lsn", found.durable_lsn.0),
        ("log_state", 1),
        ("retained_count", 0),
        ("timeline_count", 1),
        ("gap_count", 1),
        ("log_end", 77),
        ("first_segment", found.first_segment),
        ("oldest_segment", found.oldest_segment),
        ("next_number", found.next_number),
    ];
    let page = "native/manifest.md";
    check(
        page,
        "Manifest record",
        manifest::HEADER_BYTES,
        &bytes,
        &values,
    );
}

#[test]
fn manifest_lists() {
    let found = full_manifest();
    let bytes = found.encode_record();
    let page = "native/manifest.md";
    let snapshot = found.snapshot.expect("there is one");
    let values = [
        ("number", snapshot.number),
        ("cut_lsn", snapshot.cut_lsn.0),
        ("first_segment", snapshot.first_segment),
        ("file_bytes", snapshot.file_bytes),
        ("cut_at", snapshot.cut_at.0 as u64),
        ("footer_crc", u64::from(snapshot.footer_crc)),
    ];
    let at = manifest::HEADER_BYTES - manifest::SNAPSHOT_BYTES;
    check(
        page,
        "Snapshot reference",
        manifest::SNAPSHOT_BYTES,
        &bytes[at..],
        &values,
    );

    let timeline = found.timelines[0];
    let values = [
        ("id", u64::from(timeline.id)),
        ("parent", 0),
        ("start_lsn", 0),
        ("first_segment", timeline.first_segment),
        ("replication_offset", 0),
        ("started", timeline.started.0 as u64),
        ("reason", 1),
    ];
    let at = manifest::HEADER_BYTES;
    check(
        page,
        "Timeline",
        manifest::TIMELINE_BYTES,
        &bytes[at..],
        &values,
    );
    assert_eq!(bytes[at + 40..at + 60], timeline.replication_id);

    let values = [
        ("from", 1),
        ("to", 2),
        ("segment", 3),
        ("at", 4),
        ("reason", 3),
    ];
    let at = at + manifest::TIMELINE_BYTES;
    check(page, "Gap", manifest::GAP_BYTES, &bytes[at..], &values);
    assert_eq!(bytes.len(), at + manifest::GAP_BYTES + 4);
    assert_eq!(found.encode().len(), 2 * manifest::COPY_ALIGN);
}

#[test]
fn snapshot_header() {
    let page = "native/snapshot.md";
    let bytes = samples::snapshot();
    let header = samples::snapshot_header();
    let values = [
        ("version", u64::from(snapshot::VERSION)),
        ("header_bytes", snapshot::HEADER_BYTES as u64),
        ("compat", 0),
        ("incompat", header.incompat),
        ("number", header.number),
        ("timeline", 1),
        ("databases", 16),
        ("cut_lsn", header.cut_lsn.0),
        ("replication_offset", header.replication_offset),
        ("sequence", header.sequence),
        ("hash_seed", header.hash_seed),
        ("cut_at", header.cut_at.0 as u64),
        ("hash", u64::from(snapshot::HASH_XXH3_64)),
    ];
    check(
        page,
        "Snapshot header",
        snapshot::HEADER_BYTES,
        &bytes,
        &values,
    );
}

#[test]
fn snapshot_blocks() {
    let page = "native/snapshot.md";
    let bytes = samples::snapshot();
    let index = snapshot::SnapshotIndex::open(&bytes).expect("a snapshot");
    let block = index.blocks[1];
    let values = [
        ("kind", 2),
        ("codec", 0),
        ("db", 0),
        ("entries", 1),
        ("expires", 0),
        ("continued", 0),
        ("raw_bytes", u64::from(block.header.raw_bytes)),
        ("stored_bytes", u64::from(block.header.stored_bytes)),
        ("hash_first", 0),
        ("hash_last", u64::MAX),
        ("stored_crc", u64::from(block.header.stored_crc)),
    ];
    let at = block.offset as usize;
    check(
        page,
        "Block header",
        snapshot::BLOCK_HEADER_BYTES,
        &bytes[at..],
        &values,
    );

    let values = [
        ("kind", 1),
        ("flags", 0),
        ("key_length", 4),
        ("value_length", 13),
    ];
    let at = at + snapshot::BLOCK_HEADER_BYTES;
    check(page, "Entry", entry::HEADER_BYTES, &bytes[at..], &values);
    assert_eq!(number(&bytes[at + 2..at + 5]), 7, "access");

    let values = [
        ("index_offset", index.footer.index_offset),
        ("keys", 3),
        ("expires", 1),
        ("raw_bytes", index.footer.raw_bytes),
        ("blocks", 2),
        ("index_crc", u64::from(index.footer.index_crc)),
    ];
    let at = bytes.len() - snapshot::FOOTER_BYTES;
    check(
        page,
        "Footer",
        snapshot::FOOTER_BYTES,
        &bytes[at..],
        &values,
    );
}

/// Every effect that the page lists parses, and the page lists every effect.
#[test]
fn effects() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("native/effects.md");
    let page = std::fs::read_to_string(path).expect("a page");
    let (text, collections) = page.split_once("## Collections").expect("two tables");
    verbs(collections);
    let listed: Vec<Vec<&str>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(effect, _)| effect.split(' ').collect())
        .collect();
    let payload = samples::effects();
    let records: Vec<_> = esker_format::units::UnitReader::new(&payload, 0)
        .map(|record| record.expect("a record"))
        .collect();
    assert_eq!(
        records.len(),
        listed.len() + 2,
        "one of each, and a unit of two"
    );
    for (words, record) in listed.iter().zip(records) {
        let mut bytes = Vec::new();
        record.effect.encode(&mut bytes);
        let count = format!(
            "*{}\r\n${}\r\n{}\r\n",
            words.len(),
            words[0].len(),
            words[0]
        );
        assert!(
            bytes.starts_with(count.as_bytes()),
            "{words:?} and {record:?}"
        );
    }
}

/// The page lists every verb with its words: those of its least form, and an ellipsis where more may follow.
fn verbs(text: &str) {
    let listed: Vec<Vec<&str>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(verb, _)| verb.split(' ').collect())
        .collect();
    assert_eq!(listed.len(), VERBS.len());
    for (words, spelling) in listed.iter().zip(VERBS) {
        let names: Vec<&str> = std::iter::once(spelling.name)
            .chain(spelling.subcommand)
            .chain(["key"])
            .collect();
        assert!(words.starts_with(&names), "{words:?} and {spelling:?}");
        let rest = &words[names.len()..];
        let more = rest.contains(&"…");
        let least = rest.len() - usize::from(more);
        assert_eq!(
            (least, more),
            (spelling.words_min, spelling.group > 0),
            "{words:?}"
        );
    }
}
