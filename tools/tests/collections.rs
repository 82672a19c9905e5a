//! Collections in snapshots: shown element by element, kept as far as they are sound when a piece of one is damaged.

mod common;

use std::fs;
use std::path::PathBuf;

use common::*;
use esker_format::native::entry::Entries;
use esker_format::native::snapshot::{BLOCK_HEADER_BYTES, SnapshotIndex};
use esker_format::record::{Effect, Verb, Words};
use esker_keyspace::{Keyspace, UnixMs};

const MEMBERS: usize = 40_000;

fn change(keyspace: &mut Keyspace, verb: Verb, key: &str, words: &[&str]) {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let (key, words) = (key.as_bytes(), Words::new(&words));
    keyspace
        .apply(0, &Effect::Collection { verb, key, words })
        .expect("it fits");
}

/// A snapshot with small values of each type and some that stand in pieces.
fn snapshot() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::TempDir::new().expect("a directory");
    let store = Store::open(&data(&dir)).expect("a new store");
    store
        .engine
        .0
        .lock()
        .map(|mut keyspace| {
            let keyspace = &mut *keyspace;
            change(keyspace, Verb::RPush, "list", &["a", "b", "3"]);
            change(keyspace, Verb::HSet, "hash", &["field", "value"]);
            let words = ["4102444800000", "FIELDS", "1", "field"];
            change(keyspace, Verb::HPexpireAt, "hash", &words);
            change(keyspace, Verb::ZAdd, "zset", &["1.5", "one", "2", "two"]);
            change(keyspace, Verb::XAdd, "stream", &["5-1", "f", "v", "g", "w"]);
            for number in 0..MEMBERS {
                let name = format!("member:{number:06}");
                change(
                    keyspace,
                    Verb::ZAdd,
                    "big:zset",
                    &[&number.to_string(), &name],
                );
                change(keyspace, Verb::HSet, "big:hash", &[&name, "some value"]);
                change(
                    keyspace,
                    Verb::RPush,
                    "big:list",
                    &[&name, "another element"],
                );
            }
            let at = UnixMs(4_102_444_800_000);
            keyspace
                .apply(
                    0,
                    &Effect::PexpireAt {
                        key: b"big:zset",
                        at,
                    },
                )
                .expect("it fits");
        })
        .expect("no test panics with it");
    store.snapshot();
    store.close();
    let path = dir.path().join("one.snap");
    fs::copy(last(&data(&dir), ".snap"), &path).expect("a copy");
    (dir, path)
}

fn lines(path: &std::path::Path, args: &[&str]) -> Vec<String> {
    let ran = run_on(RDB_INSPECT, path, args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out.lines().map(str::to_owned).collect()
}

#[test]
fn elements_are_shown() {
    let (_dir, path) = snapshot();
    assert_eq!(run_on(RDB_CHECK, &path, &[]).code, 0);
    assert_eq!(lines(&path, &["get", "list"])[1..], ["a", "b", "3"]);
    assert_eq!(
        lines(&path, &["get", "hash"])[1..],
        ["field value 4102444800000"]
    );
    assert_eq!(lines(&path, &["get", "zset"])[1..], ["one 1.5", "two 2"]);
    assert_eq!(lines(&path, &["get", "stream"])[1..], ["5-1 f v g w"]);
    let shown = lines(&path, &["get", "big:list"]);
    assert_eq!(shown.len(), 1 + 2 * MEMBERS);
    assert_eq!(shown[1..3], ["member:000000", "another element"]);
    assert_eq!(shown[2 * MEMBERS - 1], format!("member:{:06}", MEMBERS - 1));
    let shown = lines(&path, &["get", "big:hash"]);
    assert_eq!(shown.len(), 1 + MEMBERS);
    let listed = lines(&path, &["list"]);
    assert_eq!(listed.len(), 7);
    let of_zset = listed.iter().find(|line| line.ends_with("big:zset"));
    let words = format!("db 0  zset  skiplist  {MEMBERS} elements");
    assert!(
        of_zset.is_some_and(|line| line.starts_with(&words)),
        "{listed:?}"
    );
    let totals = lines(&path, &["totals"]);
    let line = format!("zset (skiplist): 1 keys, {MEMBERS} elements");
    assert!(
        totals.iter().any(|found| found.starts_with(&line)),
        "{totals:?}"
    );
}

#[test]
fn of_a_value_in_pieces_the_sound_ones_are_kept() {
    let (dir, path) = snapshot();
    let bytes = fs::read(&path).expect("a file");
    let index = SnapshotIndex::open(&bytes).expect("it is sound");
    // A block with a piece of the sorted set that is neither its first nor its last.
    let holds = |block: &&esker_format::native::snapshot::BlockRef| {
        let raw = index.block(&bytes, block).expect("a sound block");
        Entries::new(&raw).map_while(Result::ok).any(|entry| {
            let within =
                |piece: esker_format::native::entry::Piece| piece.ordinal > 0 && piece.pieces == 0;
            entry.key == b"big:zset" && entry.piece.is_some_and(within)
        })
    };
    let block = index.blocks.iter().find(holds).expect("such a block");
    flip(&path, block.offset as usize + BLOCK_HEADER_BYTES + 5);
    assert_eq!(run_on(RDB_CHECK, &path, &[]).code, 1);

    let out = dir.path().join("salvaged.snap");
    let target = out.to_str().expect("a path");
    let ran = run_on(RDB_CHECK, &path, &["--salvage", target, "--json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let partial = &ran.json()["salvage"]["partial"][0];
    assert_eq!(partial["key"], "big:zset");
    assert_eq!(partial["kept"], true);
    let checked = run_on(RDB_CHECK, &out, &["--json"]);
    assert_eq!(checked.code, 0, "{}", checked.out);
    assert_eq!(checked.json()["keys"], ran.json()["salvage"]["keys"]);
    let shown = lines(&out, &["get", "big:zset"]).len() - 1;
    assert!((MEMBERS / 2..MEMBERS).contains(&shown), "{shown}");

    // The same damage in a directory: a repair keeps as much and names the key.
    flip(
        &last(&data(&dir), ".snap"),
        block.offset as usize + BLOCK_HEADER_BYTES + 5,
    );
    assert!(Store::open(&data(&dir)).is_err(), "a store refuses it");
    let ran = run_on(
        AOF_CHECK,
        &data(&dir),
        &["--repair", "--skip-damaged", "--json"],
    );
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    assert!(ran.out.contains("big:zset"), "{}", ran.out);
    let store = Store::open(&data(&dir)).expect("it is sound again");
    assert_eq!(store.keys(), 7);
    store.close();
}
