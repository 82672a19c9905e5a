//! What other stores get wrong, from the tools' side.

mod common;

use std::fs;

use common::*;
use esker_keyspace::Expiry;
use esker_keyspace::entry::StrInput;

#[test]
fn a_flipped_digit_is_refused_and_named() {
    let dir = sample();
    let data = data(&dir);
    let (segment, at) = find_in_log(&data, "value-b0009");
    flip(&segment, at + 9);
    assert!(Store::open(&data).is_err());
    let ran = run_on(AOF_CHECK, &data, &["--json"]);
    assert_eq!(ran.code, 1);
    let value = ran.json();
    let verdict = &value["verdicts"][0];
    let name = segment.file_name().expect("a name").to_string_lossy();
    assert_eq!(verdict["file"], *name);
    assert_eq!(verdict["severity"], "corrupt");
    assert!(
        verdict["offset"]
            .as_u64()
            .is_some_and(|offset| offset < at as u64)
    );
    assert_eq!(verdict["lsn"], value["losses"]["ranges"][0]["from_lsn"]);
}

#[test]
fn writes_behind_a_cut_unit_are_kept() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let data = data(&dir);
    let store = Store::open(&data).expect("a new store");
    store.set("before", "1");
    store.fill_at_once("unit", 3);
    drop(store);
    // Cut inside the unit.
    let (segment, at) = find_in_log(&data, "value-unit0002");
    let bytes = fs::read(&segment).expect("a file");
    fs::write(&segment, &bytes[..at]).expect("a file");
    let torn = run_on(AOF_CHECK, &data, &["--json"]).json();
    assert_eq!(
        (&torn["sound"], &torn["tail"]),
        (&true.into(), &"torn".into())
    );

    let store = Store::open(&data).expect("nobody was promised it");
    assert!(store.recovery.cut.is_some());
    assert_eq!(
        (store.get("before").is_some(), store.get("unit0000")),
        (true, None)
    );
    store.set("confirmed", "2");
    store.sync();
    assert_eq!(store.persist.durable_lsn(), store.persist.written_lsn());
    drop(store);

    assert_eq!(run_on(AOF_CHECK, &data, &[]).code, 0);
    let store = Store::open(&data).expect("it is sound");
    assert_eq!(store.get("confirmed"), Some(b"2".to_vec()));
    assert_eq!(store.get("unit0000"), None);
}

#[test]
fn zeros_are_a_clean_end() {
    let dir = sample();
    let data = data(&dir);
    let segment = last(&data, ".seg");
    let mut bytes = fs::read(&segment).expect("a file");
    let used = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |at| at + 1);
    bytes.truncate(used.next_multiple_of(8));
    bytes.extend([0; 4096]);
    fs::write(&segment, bytes).expect("a file");
    let ran = run_on(AOF_CHECK, &data, &["--json"]);
    assert_eq!((ran.code, &ran.json()["sound"]), (0, &true.into()));
    let store = Store::open(&data).expect("zeros are no damage");
    assert!(store.recovery.clean && store.recovery.cut.is_none());
}

#[test]
fn one_bad_byte_near_the_start_costs_one_key_of_a_thousand() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let data = data(&dir);
    let store = Store::open(&data).expect("a new store");
    store.fill("key", 1000);
    store.sync();
    store.close();
    let (segment, at) = find_in_log(&data, "value-key0009");
    flip(&segment, at);
    let ran = run_on(AOF_CHECK, &data, &["--repair", "--skip-damaged", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let value = ran.json();
    assert_eq!(value["repair"]["keys"], 999);
    assert_eq!(value["losses"]["effects_count"], 1);
    assert_eq!(value["losses"]["effects"][0]["key"], "key0009");
    let store = Store::open(&data).expect("it is sound again");
    assert_eq!((store.keys(), store.get("key0009")), (999, None));
}

#[test]
fn one_bad_bit_in_a_snapshot_costs_one_block_and_only_on_request() {
    let dir = blocks();
    let data = data(&dir);
    let snapshot = last(&data, ".snap");
    let at = find(&snapshot, "value-a1234").expect("it is in the snapshot");
    flip(&snapshot, at);
    let before = content(&data);
    assert!(Store::open(&data).is_err());
    assert_eq!(run_on(AOF_CHECK, &data, &["--repair"]).code, 1);
    assert_eq!(content(&data), before);
    let ran = run_on(AOF_CHECK, &data, &["--repair", "--skip-damaged"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("keys of db 0, hashes "), "{}", ran.out);
    let store = Store::open(&data).expect("it is sound again");
    assert!(store.keys() > 2000 && store.keys() < 4003);
    assert!(store.get("b0002").is_some());
}

#[test]
fn what_the_store_writes_passes_the_tools_at_any_moment() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let data = data(&dir);
    let look = |when: &str| {
        // A copy, because the store is running.
        let copy = dir.path().join("copy");
        restore(&copy, &content(&data));
        let ran = run_on(AOF_CHECK, &copy, &[]);
        assert_eq!(ran.code, 0, "{when}: {}", ran.out);
        for name in content(&copy)
            .into_keys()
            .filter(|name| name.ends_with(".snap"))
        {
            assert_eq!(run_on(RDB_CHECK, &copy.join(name), &[]).code, 0, "{when}");
        }
    };
    for life in 0..3 {
        let store = Store::open(&data).expect("it is sound");
        look("opened");
        store.fill(&format!("k{life}-"), 50);
        store.tick(|tx| {
            tx.set(
                b"volatile",
                StrInput::Int(7),
                Expiry::At(esker_format::UnixMs(1 << 50)),
            );
            tx.incr_by(b"volatile", 3).expect("an integer");
        });
        store.fill_at_once("long", 900);
        look("written");
        store.snapshot();
        look("compacted");
        store.tick(|tx| {
            tx.del(b"volatile");
        });
        store.sync();
        store.persist.mark_idle(store.now());
        look("idle");
        if life == 1 {
            store.tick(|tx| {
                tx.flush_all();
            });
        }
        store.close();
        look("closed");
    }
}
