//! The judgement on whole directories: what is sound, what is torn, what is corrupt.

mod common;

use common::{DATASET, Memory, Seen, Store, complete, judge, judge_with, set};
use esker_format::native::audit::{Options, Report, Tail};
use esker_format::native::frame::{self, FrameKind, Part};
use esker_format::native::manifest::LogState;
use esker_format::native::segment::{self, Previous};
use esker_format::verdict::Severity;
use esker_format::{Lsn, names};

fn severities(report: &Report) -> Vec<Severity> {
    report
        .verdicts
        .iter()
        .map(|verdict| verdict.severity)
        .collect()
}

fn is_prefix(part: &Seen, whole: &Seen) -> bool {
    whole.runs.starts_with(&part.runs)
}

#[test]
fn an_empty_directory_is_fresh() {
    let mut disk = Memory::default();
    assert!(judge(&disk).0.fresh);
    disk.files.insert("MANIFEST.tmp".into(), b"half".to_vec());
    disk.files.insert("LOCK".into(), Vec::new());
    disk.files.insert("notes.txt".into(), Vec::new());
    let (report, _) = judge(&disk);
    assert!(report.fresh && report.sound());
    assert_eq!(report.orphans, ["MANIFEST.tmp"]);
}

#[test]
fn an_orderly_shutdown_is_complete() {
    let mut store = complete();
    store.preallocate(4096);
    let (report, seen) = judge(&store.disk);
    assert_eq!(report.verdicts, []);
    assert_eq!(report.tail, Tail::Clean);
    assert!(report.proven_complete());
    assert_eq!(report.end.lsn, Lsn(store.lsn));
    assert_eq!(report.end.sequence, store.sequence);
    assert_eq!(report.durable_claim, Lsn(store.lsn));
    assert_eq!(report.segments, [2, 3, 4]);
    assert_eq!(
        report.orphans,
        Vec::<String>::new(),
        "segment 1 is retained"
    );
    assert_eq!(seen.keys, [&b"early"[..], b"long", b"side"]);
    assert_eq!(seen.runs.len(), 5);
    assert_eq!(seen.runs[4].1, 3);
}

#[test]
fn every_flipped_bit_is_found_or_harmless() {
    let store = complete();
    let (sound, all) = judge(&store.disk);
    for (name, bytes) in &store.disk.files {
        for offset in 0..bytes.len() {
            for mask in [0x01, 0x80, 0xff] {
                let mut disk = store.disk.clone();
                disk.files.get_mut(name).expect("it is there")[offset] ^= mask;
                let (report, seen) = judge(&disk);
                let place = format!("{name} at {offset} ^ {mask:#x}: {:?}", report.verdicts);
                assert!(is_prefix(&seen, &all), "{place}");
                if seen == all && report.end.lsn == sound.end.lsn {
                    continue;
                }
                // Everything is covered by the claim of the last marker, so nothing may go by unnoticed.
                assert!(!report.sound(), "{place}");
            }
        }
    }
}

#[test]
fn every_flip_in_a_frame_is_told() {
    let store = complete();
    let last = names::segment(store.segment);
    let marker = store.disk.files[&last].len() - frame::HEADER_BYTES;
    for number in 2..=store.segment {
        let name = names::segment(number);
        for offset in 0..store.disk.files[&name].len() {
            let mut disk = store.disk.clone();
            disk.files.get_mut(&name).expect("it is there")[offset] ^= 0x10;
            let (report, _) = judge(&disk);
            if name == last && offset >= marker {
                assert!(
                    report.sound() && !report.proven_complete(),
                    "{name} at {offset}"
                );
                assert_eq!(report.end.lsn, Lsn(store.lsn));
            } else {
                assert!(!report.sound(), "{name} at {offset}");
                let verdict = report.verdicts.last().expect("a finding");
                assert_eq!(verdict.file, name, "{verdict}");
                assert!(verdict.offset as usize <= offset, "{verdict}");
            }
        }
    }
}

#[test]
fn every_truncation_is_found_or_harmless() {
    let store = complete();
    let (_, all) = judge(&store.disk);
    for (name, bytes) in &store.disk.files {
        for length in 0..bytes.len() {
            let mut disk = store.disk.clone();
            disk.files
                .get_mut(name)
                .expect("it is there")
                .truncate(length);
            let (report, seen) = judge(&disk);
            let place = format!("{name} cut at {length}: {:?}", report.verdicts);
            assert!(is_prefix(&seen, &all), "{place}");
            if name == "MANIFEST" {
                // What holds one whole copy is enough.
                let harmless = seen == all && !report.verdicts.is_empty();
                assert!(!report.sound() || harmless, "{place}");
                continue;
            }
            let history = name == "log-0000000001.seg";
            let last = *name == names::segment(store.segment);
            assert!(!report.proven_complete() || history, "{place}");
            assert_eq!(report.sound(), last || history, "{place}");
        }
    }
}

#[test]
fn every_missing_file_is_corruption_unless_nobody_was_promised_it() {
    let store = complete();
    for name in store.disk.files.keys() {
        let mut disk = store.disk.clone();
        disk.files.remove(name);
        let (report, _) = judge(&disk);
        // The last segment holds the only claims about itself, and segment 1 is only history.
        let unprovable = *name == names::segment(store.segment) || name == "log-0000000001.seg";
        assert_eq!(report.sound(), unprovable, "{name}: {:?}", report.verdicts);
    }
}

#[test]
fn a_renamed_segment_is_missed() {
    let mut store = complete();
    let bytes = store
        .disk
        .files
        .remove("log-0000000003.seg")
        .expect("it is there");
    store.disk.files.insert("log-0000000009.seg".into(), bytes);
    let (report, _) = judge(&store.disk);
    assert_eq!(severities(&report), [Severity::Corrupt]);
    let verdict = &report.verdicts[0];
    assert_eq!(
        (verdict.file.as_str(), verdict.offset),
        ("log-0000000003.seg", 0),
        "{verdict}"
    );
}

#[test]
fn a_renamed_last_segment_still_testifies() {
    let mut store = complete();
    let bytes = store
        .disk
        .files
        .remove("log-0000000004.seg")
        .expect("it is there");
    store.disk.files.insert("log-0000000009.seg".into(), bytes);
    let (report, _) = judge(&store.disk);
    assert_eq!(severities(&report), [Severity::Corrupt]);
    assert!(
        report.verdicts[0].what.contains("log-0000000009.seg"),
        "{}",
        report.verdicts[0]
    );
}

#[test]
fn zeros_are_a_clean_end() {
    let mut store = Store::born();
    store.units(&set("a", "1"));
    store.preallocate(100_000);
    let (report, seen) = judge(&store.disk);
    assert_eq!(report.verdicts, []);
    assert_eq!(report.tail, Tail::Open);
    assert!(!report.proven_complete());
    assert_eq!(seen.runs.len(), 1);
}

#[test]
fn a_torn_frame_that_nobody_was_promised_is_cut() {
    let mut store = Store::born();
    store.units(&set("a", "1"));
    store.sync();
    let end = store.end();
    let lsn = store.lsn;
    store.units(&set("b", "2"));
    let length = store.file().len();
    store.file().truncate(length - 20);
    store.preallocate(4096);
    let (report, seen) = judge(&store.disk);
    assert_eq!(severities(&report), [Severity::Torn]);
    assert!(report.sound());
    assert_eq!(seen.runs.len(), 1);
    assert_eq!(report.end.lsn, Lsn(lsn));
    assert_eq!(report.end.segment, Some(end));
    assert!(
        matches!(report.tail, Tail::Torn { segment: 1, offset, bytes } if offset == end.end_offset && bytes > 0)
    );
}

#[test]
fn the_same_tear_is_corruption_if_a_later_frame_says_it_was_durable() {
    let mut store = Store::born();
    store.units(&set("a", "1"));
    let at = store.file().len();
    store.units(&set("b", "2"));
    store.sync();
    store.marker(false);
    store.file()[at + frame::HEADER_BYTES] ^= 1;
    let (report, _) = judge(&store.disk);
    assert_eq!(severities(&report), [Severity::Corrupt]);
    assert_eq!(report.tail, Tail::Damaged);
    let verdict = &report.verdicts[0];
    assert_eq!(
        (verdict.offset, verdict.lsn),
        (at as u64, Some(Lsn(set("a", "1").len() as u64)))
    );
}

#[test]
fn a_lost_write_before_a_kept_one_is_torn() {
    let mut store = Store::born();
    store.units(&set("a", "1"));
    store.sync();
    let at = store.file().len();
    store.units(&set("b", "2"));
    let end = store.file().len();
    store.units(&set("c", "3"));
    store.file()[at..end].fill(0);
    let (report, seen) = judge(&store.disk);
    assert_eq!(severities(&report), [Severity::Torn]);
    assert_eq!(seen.runs.len(), 1);
}

#[test]
fn the_manifest_can_be_the_one_who_says_it_was_durable() {
    let mut store = Store::born();
    store.units(&set("a", "1"));
    store.sync();
    store.manifest.durable_lsn = Lsn(store.durable);
    store.publish();
    store.disk.files.remove("log-0000000001.seg");
    let (report, _) = judge(&store.disk);
    assert_eq!(severities(&report), [Severity::Corrupt]);
    assert!(report.verdicts[0].what.contains("MANIFEST"));
}

#[test]
fn a_newborn_dataset_may_have_no_segment_yet() {
    let mut store = Store::born();
    store.disk.files.remove("log-0000000001.seg");
    let (report, _) = judge(&store.disk);
    assert_eq!(report.verdicts, []);
    assert_eq!(report.tail, Tail::Open);
    assert_eq!(report.end.segment, None);
}

#[test]
fn an_incomplete_unit_is_discarded_whole() {
    let mut store = Store::born();
    store.units(&set("a", "1"));
    let (lsn, end) = (store.lsn, store.end());
    let unit = set("big", &"x".repeat(1000));
    store.fragment(Part::First, lsn, &unit[..500]);
    store.roll();
    store.fragment(Part::Middle, lsn, &unit[500..700]);
    let (report, seen) = judge(&store.disk);
    assert_eq!(severities(&report), [Severity::Torn]);
    assert_eq!(seen.runs.len(), 1);
    assert_eq!(report.end.lsn, Lsn(lsn));
    assert_eq!(
        report.end.segment,
        Some(end),
        "in the segment where the unit began"
    );
    assert!(matches!(report.tail, Tail::Torn { segment: 1, .. }));
}

#[test]
fn recovery_settles_a_torn_tail_by_the_next_header() {
    let mut store = Store::born();
    store.units(&set("a", "1"));
    store.sync();
    let (lsn, sequence, end) = (store.lsn, store.sequence, store.end());
    store.units(&set("b", "lost"));
    store.roll();
    store.units(&set("c", "lost too"));
    store
        .disk
        .files
        .get_mut("log-0000000001.seg")
        .expect("it is there")[end.end_offset as usize] ^= 1;
    assert_eq!(severities(&judge(&store.disk).0), [Severity::Torn]);

    (store.lsn, store.sequence) = (lsn, sequence);
    store.open_segment(3, Some(end));
    store.units(&set("d", "kept"));
    store.sync();
    store.marker(false);
    let (report, seen) = judge(&store.disk);
    assert_eq!(report.verdicts, []);
    assert_eq!(report.segments, [1, 3]);
    assert_eq!(report.orphans, ["log-0000000002.seg"], "superseded");
    assert_eq!(seen.runs.len(), 2);
    assert_eq!(seen.runs[1].2, set("d", "kept"));
}

#[test]
fn a_recycled_segment_never_shows_its_old_content() {
    let mut store = Store::born();
    for round in 0..50 {
        store.units(&set("k", &format!("old {round}")));
    }
    let old = store.disk.files["log-0000000001.seg"].clone();
    let mut store = Store::born();
    store.units(&set("a", "new"));
    store.sync();
    store.roll();
    store.units(&set("b", "new"));
    let file = store.file();
    let written = file.len();
    file.extend_from_slice(&old[written..]);
    // Old frames stand at the offsets where they were valid, behind what was written since.
    let (report, seen) = judge(&store.disk);
    assert!(report.sound());
    assert_eq!(seen.runs.len(), 2);
    assert!(matches!(report.tail, Tail::Torn { segment: 2, .. }));

    // With the eight zeros that a writer puts behind its last frame the end is clean.
    store.file()[written..written + frame::ALIGN].fill(0);
    let (report, _) = judge(&store.disk);
    assert_eq!((report.verdicts.len(), report.tail), (0, Tail::Open));

    // A recycled file waiting to be used still holds the header of a number that is gone.
    store.disk.files.insert("log-0000000003.seg".into(), old);
    store.manifest.oldest_segment = 2;
    let (report, _) = judge(&store.disk);
    assert_eq!((report.verdicts.len(), report.tail), (0, Tail::Open));
}

#[test]
fn a_frame_does_not_validate_elsewhere() {
    let mut store = Store::born();
    let start = store.file().len();
    store.units(&set("a", "1"));
    let frame = store.file()[start..].to_vec();
    // A client stores the bytes of a frame in a value.
    let mut payload = b"*3\r\n$3\r\nSET\r\n$5\r\nframe\r\n".to_vec();
    payload.extend_from_slice(format!("${}\r\n", frame.len()).as_bytes());
    payload.extend_from_slice(&frame);
    payload.extend_from_slice(b"\r\n");
    let at = store.file().len();
    store.units(&payload);
    store.file()[at] ^= 1;
    let (report, _) = judge(&store.disk);
    assert!(matches!(report.tail, Tail::Torn { .. }));
    assert_eq!(report.runs, 1);
}

#[test]
fn the_checker_goes_on_behind_damage() {
    let mut store = Store::born();
    store.units(&set("a", "1"));
    let at = store.file().len();
    store.units(&set("b", "2"));
    store.units(&set("c", "3"));
    store.roll();
    store.units(&set("d", "4"));
    store.sync();
    store.marker(true);
    let file = store
        .disk
        .files
        .get_mut("log-0000000001.seg")
        .expect("it is there");
    file[at + 85] ^= 4;
    let options = Options {
        keep_going: true,
        ..Options::default()
    };
    let (report, seen) = judge_with(&store.disk, options);
    assert_eq!(severities(&report), [Severity::Corrupt]);
    let values: Vec<_> = seen.runs.iter().map(|run| run.2.clone()).collect();
    assert_eq!(values, [set("a", "1"), set("c", "3"), set("d", "4")]);
    assert_eq!(report.tail, Tail::Damaged);
    assert_eq!(report.end.lsn, Lsn(store.lsn));
}

#[test]
fn the_log_ends_where_the_manifest_says() {
    let mut store = Store::born();
    store.units(&set("a", "1"));
    store.sync();
    store.manifest.log = LogState::Off {
        end: Lsn(store.lsn),
    };
    store.publish();
    let after = store.lsn;
    store.units(&set("b", "not any more"));
    let (report, seen) = judge(&store.disk);
    assert_eq!(
        (report.tail.clone(), report.end.lsn),
        (Tail::Clean, Lsn(after))
    );
    assert_eq!(seen.runs.len(), 1);

    store.manifest.log = LogState::Starting {
        end: Lsn(store.lsn + 1),
    };
    store.publish();
    let (report, _) = judge(&store.disk);
    assert_eq!(severities(&report), [Severity::Corrupt]);

    store.manifest.log = LogState::Off {
        end: Lsn(after - 1),
    };
    store.publish();
    assert!(!judge(&store.disk).0.sound(), "an end inside a frame");

    store.manifest.log = LogState::Off { end: Lsn(0) };
    store.manifest.first_segment = 0;
    store.manifest.oldest_segment = 2;
    store.publish();
    let (report, _) = judge(&store.disk);
    assert_eq!((report.tail.clone(), report.sound()), (Tail::NoLog, true));
    assert_eq!(report.orphans, ["log-0000000001.seg"]);
}

#[test]
fn one_damaged_copy_of_the_manifest_is_a_note() {
    let store = complete();
    let (_, all) = judge(&store.disk);
    for offset in [0, 4096 + 100] {
        let mut disk = store.disk.clone();
        disk.files.get_mut("MANIFEST").expect("it is there")[offset] ^= 1;
        let (report, seen) = judge(&disk);
        assert_eq!(severities(&report), [Severity::Note]);
        assert_eq!(seen, all);
    }
    let mut disk = store.disk.clone();
    let manifest = disk.files["MANIFEST"].clone();
    disk.files.insert("MANIFEST.prev".into(), manifest);
    disk.files.insert("MANIFEST".into(), vec![0; 8192]);
    let (report, seen) = judge(&disk);
    assert_eq!(severities(&report), [Severity::Corrupt]);
    assert_eq!(seen, Seen::default(), "the previous manifest is never used");
    assert!(report.verdicts[0].what.contains("generation 2"));
}

#[test]
fn a_segment_of_a_newer_version_is_refused_not_cut() {
    let mut store = Store::born();
    store.units(&set("a", "1"));
    let mut header = store.disk.files["log-0000000001.seg"][..segment::HEADER_BYTES].to_vec();
    header[24] = 1 << 7;
    let crc = esker_format::crc::Seed::segment(DATASET, 1).sum(&header[..124]);
    header[124..].copy_from_slice(&crc.to_le_bytes());
    store.file()[..segment::HEADER_BYTES].copy_from_slice(&header);
    let (report, seen) = judge(&store.disk);
    assert!(!report.sound());
    assert_eq!(seen.runs.len(), 0);
}

#[test]
fn a_second_header_for_the_same_place_wins_by_number() {
    let mut store = Store::born();
    store.units(&set("a", "1"));
    let end: Previous = store.end();
    store.roll();
    store.units(&set("b", "2"));
    let (lsn, sequence) = (set("a", "1").len() as u64, 1);
    (store.lsn, store.sequence) = (lsn, sequence);
    store.open_segment(5, Some(end));
    store.frame(FrameKind::Units, 0, 0, &set("b", "other"));
    let (report, seen) = judge(&store.disk);
    assert_eq!(report.segments, [1, 5]);
    assert_eq!(seen.runs[1].2, set("b", "other"));
}

#[test]
fn recovery_of_a_recovery_is_the_same() {
    let store = complete();
    let (first, seen) = judge(&store.disk);
    let (second, again) = judge(&store.disk);
    assert_eq!((first.end, seen), (second.end, again));
}
