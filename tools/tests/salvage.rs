//! `rdb-check --salvage`: damage costs one block, and often nothing.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::*;
use esker_env::Rng;
use esker_format::native::snapshot::{BLOCK_HEADER_BYTES, HEADER_BYTES, SnapshotIndex};

/// A snapshot of several blocks in a directory of its own.
fn snapshot() -> (tempfile::TempDir, PathBuf) {
    let dir = blocks();
    let path = dir.path().join("one.snap");
    fs::copy(last(&data(&dir), ".snap"), &path).expect("a copy");
    (dir, path)
}

fn index(path: &Path) -> SnapshotIndex {
    let bytes = fs::read(path).expect("a file");
    SnapshotIndex::open(&bytes).expect("it is sound")
}

/// Salvages and returns what the tool says; the result is sound.
fn salvaged(path: &Path) -> serde_json::Value {
    let out = path.with_extension("out");
    let target = out.to_str().expect("a path");
    let ran = run_on(RDB_CHECK, path, &["--salvage", target, "--json"]);
    assert_eq!(ran.code, 1, "{} {}", ran.out, ran.err);
    let value = ran.json();
    let checked = run_on(RDB_CHECK, &out, &["--json"]);
    assert_eq!(checked.code, 0, "{}", checked.out);
    assert_eq!(checked.json()["keys"], value["salvage"]["keys"]);
    // It never writes over anything.
    assert_eq!(run_on(RDB_CHECK, path, &["--salvage", target]).code, 3);
    fs::remove_file(out).expect("a file");
    value["salvage"].clone()
}

#[test]
fn a_damaged_block_is_left_out() {
    let (_dir, path) = snapshot();
    let index = index(&path);
    let block = index.blocks[1];
    flip(&path, block.offset as usize + BLOCK_HEADER_BYTES + 5);
    let before = fs::read(&path).expect("a file");
    let value = salvaged(&path);
    assert_eq!(fs::read(&path).expect("a file"), before);
    assert_eq!(value["keys"], 4000 - u64::from(block.header.entries));
    let lost = &value["lost"][0];
    assert_eq!(lost["keys"], block.header.entries);
    assert_eq!(lost["db"], 0);
    assert_eq!(
        lost["hash_first"],
        format!("{:016x}", block.header.hash_first)
    );
    assert_eq!(lost["estimated"], false);
}

#[test]
fn what_stands_twice_is_not_lost() {
    let (_dir, path) = snapshot();
    let index = index(&path);
    let sound = fs::read(&path).expect("a file");
    let footer = index.footer.index_offset as usize;
    let places = [
        HEADER_BYTES / 2,
        40,
        index.blocks[1].offset as usize + 9,
        footer,
        footer + 3,
        footer + 16 + 24 + 72 + 20,
        sound.len() - 30,
        sound.len() - 1,
    ];
    for at in places {
        flip(&path, at);
        let value = salvaged(&path);
        assert_eq!(value["keys"], 4000, "byte {at}: {value}");
        assert_eq!(
            value["mended"].as_array().map(Vec::len),
            Some(1),
            "byte {at}: {value}"
        );
        fs::write(&path, &sound).expect("a file");
    }
}

#[test]
fn a_file_that_ends_early_keeps_its_beginning() {
    let (_dir, path) = snapshot();
    let index = index(&path);
    let bytes = fs::read(&path).expect("a file");
    let third = index.blocks[2];
    fs::write(&path, &bytes[..third.offset as usize + 100]).expect("a file");
    let value = salvaged(&path);
    let kept = index.blocks[..2]
        .iter()
        .map(|block| u64::from(block.header.entries));
    assert_eq!(value["keys"], kept.sum::<u64>());
    assert_eq!(value["lost"][0]["keys"], third.header.entries);
}

#[test]
fn any_wrong_byte_costs_one_block_at_most() {
    let (_dir, path) = snapshot();
    let most = index(&path)
        .blocks
        .iter()
        .map(|block| block.header.entries)
        .max();
    let sound = fs::read(&path).expect("a file");
    let seed = common::seed();
    let mut rng = Rng::new(seed);
    for _ in 0..300 {
        let (at, bits) = (
            rng.below(sound.len() as u64) as usize,
            rng.range(1, 256) as u8,
        );
        let mut bytes = sound.clone();
        bytes[at] ^= bits;
        let salvaged =
            esker_format::native::salvage::salvage(&bytes, None, esker_keyspace::hash::hash_key);
        let salvaged = salvaged.unwrap_or_else(|fault| panic!("seed {seed}, byte {at}: {fault}"));
        let lost: u64 = salvaged.lost.iter().map(|block| block.keys).sum();
        assert_eq!(
            salvaged.keys() + lost,
            4000,
            "seed {seed}, byte {at} ^ {bits}"
        );
        assert!(
            lost <= u64::from(most.unwrap_or(0)),
            "seed {seed}, byte {at}"
        );
        let mut out = Vec::new();
        salvaged.write(&bytes, &mut out).expect("a vector takes it");
        let index = SnapshotIndex::open(&out)
            .unwrap_or_else(|fault| panic!("seed {seed}, byte {at}: {fault:?}"));
        assert_eq!(index.footer.keys, salvaged.keys(), "seed {seed}, byte {at}");
    }
}
