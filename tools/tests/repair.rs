//! `aof-check --repair`: what is torn is cut, what is damaged is left out, and all the rest is kept.

mod common;

use std::fs;

use common::*;

/// Every key of the sample but those in `lost`.
fn expect_all_but(store: &Store, lost: &[&str]) {
    for (prefix, count) in [("a", 60), ("b", 40)] {
        for number in 0..count {
            let key = format!("{prefix}{number:04}");
            let value =
                (!lost.contains(&key.as_str())).then(|| format!("value-{key}").into_bytes());
            assert_eq!(store.get(&key), value, "{key}");
        }
    }
}

#[test]
fn nothing_is_changed_without_repair() {
    let dir = sample();
    let data = data(&dir);
    let (segment, at) = find_in_log(&data, "value-b0020");
    flip(&segment, at);
    let before = content(&data);
    for args in [&[][..], &["--quick"], &["--no-replay", "--json"]] {
        assert_eq!(run_on(AOF_CHECK, &data, args).code, 1, "{args:?}");
        assert_eq!(content(&data), before, "{args:?}");
    }
    // A repair that may not skip damage changes nothing but for the lock file, which the store leaves, too.
    let refused = run_on(AOF_CHECK, &data, &["--repair"]);
    assert_eq!(refused.code, 1);
    assert!(refused.out.contains("--skip-damaged"), "{}", refused.out);
    assert_eq!(content(&data), before);
}

#[test]
fn a_digit_flipped_in_a_value_costs_one_frame() {
    let dir = sample();
    let data = data(&dir);
    let (segment, at) = find_in_log(&data, "value-b0020");
    flip(&segment, at + 6);
    assert!(Store::open(&data).is_err(), "recovery refuses");

    let checked = run_on(AOF_CHECK, &data, &[]);
    assert_eq!(checked.code, 1);
    let name = segment.file_name().expect("a name").to_string_lossy();
    assert!(checked.out.contains(&*name), "{}", checked.out);
    assert!(
        checked.out.contains("SET b0020 in db 0 (LSN"),
        "{}",
        checked.out
    );

    let repaired = run_on(AOF_CHECK, &data, &["--repair", "--skip-damaged", "--json"]);
    assert_eq!(repaired.code, 0, "{} {}", repaired.out, repaired.err);
    let value = repaired.json();
    assert_eq!(value["sound"], false);
    assert_eq!(value["after"]["sound"], true);
    assert_eq!(value["losses"]["effects"][0]["key"], "b0020");
    assert_eq!(value["losses"]["effects_count"], 1);
    assert_eq!(value["losses"]["ranges"].as_array().map(Vec::len), Some(1));
    assert_eq!(value["after"]["gaps"][0]["reason"], "Operator");
    assert_eq!(value["repair"]["keys"], 99);
    let kept = data.join(value["repair"]["kept"].as_str().expect("a name"));
    assert!(kept.join("MANIFEST").exists() && kept.join(&*name).exists());

    let store = Store::open(&data).expect("recovery accepts");
    assert!(store.recovery.clean);
    expect_all_but(&store, &["b0020"]);
    store.set("after", "repair");
    store.close();
    assert_eq!(run_on(AOF_CHECK, &data, &[]).code, 0);
}

#[test]
fn a_damaged_frame_header_costs_one_frame() {
    let dir = sample();
    let data = data(&dir);
    let (segment, at) = find_in_log(&data, "$5\r\nb0011");
    // 80 bytes of header stand before the payload, which starts with "*3\r\n$3\r\nSET\r\n".
    flip(&segment, at - 13 - 80 + 9);
    let repaired = run_on(AOF_CHECK, &data, &["--repair", "--skip-damaged", "--json"]);
    assert_eq!(repaired.code, 0, "{}", repaired.out);
    let losses = &repaired.json()["losses"];
    assert_eq!(losses["effects"][0]["key"], "b0011", "{losses}");
    expect_all_but(&Store::open(&data).expect("recovery accepts"), &["b0011"]);
}

#[test]
fn a_damaged_block_costs_its_keys() {
    let dir = blocks();
    let data = data(&dir);
    let snapshot = last(&data, ".snap");
    let at = find(&snapshot, "value-a0030").expect("it is in the snapshot");
    flip(&snapshot, at);
    assert!(Store::open(&data).is_err(), "recovery refuses");
    let repaired = run_on(AOF_CHECK, &data, &["--repair", "--skip-damaged", "--json"]);
    assert_eq!(repaired.code, 0, "{}", repaired.out);
    let value = repaired.json();
    let blocks = value["losses"]["blocks"].as_array().expect("a list");
    assert_eq!(blocks.len(), 1);
    let lost = blocks[0]["keys"].as_u64().expect("a number");
    assert!((1..2000).contains(&lost), "{lost}");
    assert!(blocks[0]["hash_first"].is_string());
    assert_eq!(value["repair"]["keys"], 4003 - lost);
    let store = Store::open(&data).expect("recovery accepts");
    assert_eq!(store.get("a0030"), None);
    assert_eq!(store.keys() as u64, 4003 - lost);
}

#[test]
fn a_missing_segment_costs_what_was_in_it() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let data = data(&dir);
    let store = Store::open(&data).expect("a new store");
    // The first segment may be longer than the others; so fill several.
    store.fill("k", 600);
    store.sync();
    store.close();
    let segments: Vec<String> = content(&data)
        .into_keys()
        .filter(|name| name.ends_with(".seg"))
        .collect();
    assert!(segments.len() >= 4, "{segments:?}");
    fs::remove_file(data.join(&segments[1])).expect("a file");
    let repaired = run_on(AOF_CHECK, &data, &["--repair", "--skip-damaged", "--json"]);
    assert_eq!(repaired.code, 0, "{}", repaired.out);
    let value = repaired.json();
    assert_eq!(value["losses"]["ranges"].as_array().map(Vec::len), Some(1));
    let store = Store::open(&data).expect("recovery accepts");
    assert!(store.get("k0000").is_some() && store.get("k0599").is_some());
    assert_eq!(store.keys() as u64, value["repair"]["keys"]);
    assert!(store.keys() < 600);
}

#[test]
fn effects_that_cannot_apply_behind_damage_are_skipped_and_doubtful_ones_named() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let data = data(&dir);
    let store = Store::open(&data).expect("a new store");
    store.set("counter", "5");
    store.set("source", "unique-source");
    store.set("other", "stays");
    store.tick(|tx| {
        tx.append(b"counter", b"-1").expect("a string");
        tx.append(b"counter", b"-2").expect("a string");
    });
    store.tick(|tx| tx.rename(b"source", b"target").expect("it is there"));
    store.tick(|tx| {
        tx.append(b"other", b"-grown").expect("a string");
    });
    store.sync();
    store.close();
    let (segment, at) = find_in_log(&data, "unique-source");
    flip(&segment, at);
    let repaired = run_on(AOF_CHECK, &data, &["--repair", "--skip-damaged", "--json"]);
    assert_eq!(repaired.code, 0, "{}", repaired.out);
    let losses = &repaired.json()["losses"];
    assert_eq!(losses["skipped"][0]["effect"], "RENAME");
    assert_eq!(losses["skipped"][0]["key"], "source");
    // "other" was set as a whole behind the damage, so it is certain.
    assert_eq!(losses["doubtful_count"], 1, "{losses}");
    assert_eq!(losses["doubtful"][0]["key"], "counter");
    let store = Store::open(&data).expect("recovery accepts");
    assert_eq!(store.get("other"), Some(b"stays-grown".to_vec()));
    assert_eq!(store.get("target"), None);
}

#[test]
fn a_torn_tail_is_cut_as_recovery_would() {
    let dir = sample();
    let data = data(&dir);
    let (segment, at) = find_in_log(&data, "value-b0039");
    let mut bytes = fs::read(&segment).expect("a file");
    bytes.truncate(at + 3);
    fs::write(&segment, &bytes).expect("a file");
    // The markers behind are gone with it, so nothing promises what is cut.
    let checked = run_on(AOF_CHECK, &data, &[]);
    assert_eq!(checked.code, 1);
    assert!(
        checked.out.contains("torn: recovery will cut"),
        "{}",
        checked.out
    );
    let repaired = run_on(AOF_CHECK, &data, &["--repair"]);
    assert_eq!(repaired.code, 0, "{}", repaired.out);
    let copies: Vec<String> = content(&data)
        .into_keys()
        .filter(|name| name.starts_with("cut-"))
        .collect();
    assert_eq!(copies.len(), 1, "{copies:?}: {}", repaired.out);
    assert!(repaired.out.contains(&copies[0]), "{}", repaired.out);
    assert!(!content(&data).keys().any(|name| name.ends_with(".tmp")));
    assert_eq!(run_on(AOF_CHECK, &data, &[]).code, 0);
    expect_all_but(&Store::open(&data).expect("recovery accepts"), &["b0039"]);
}

#[test]
fn zeros_at_the_end_are_no_damage() {
    let dir = sample();
    let data = data(&dir);
    let segment = last(&data, ".seg");
    let mut bytes = fs::read(&segment).expect("a file");
    bytes.extend([0; 4096]);
    fs::write(&segment, bytes).expect("a file");
    assert_eq!(run_on(AOF_CHECK, &data, &[]).code, 0);
    expect_all_but(&Store::open(&data).expect("recovery accepts"), &[]);
}

#[test]
fn there_is_nothing_to_repair_in_a_sound_directory() {
    let dir = sample();
    let data = data(&dir);
    let before = content(&data);
    let ran = run_on(AOF_CHECK, &data, &["--repair", "--skip-damaged"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert_eq!(content(&data), before);
}

#[test]
fn a_store_in_use_is_left_alone() {
    let dir = sample();
    let data = data(&dir);
    let store = Store::open(&data).expect("it is sound");
    for args in [&["--repair"][..], &[]] {
        let ran = run_on(AOF_CHECK, &data, args);
        assert_eq!(ran.code, 3, "{} {}", ran.out, ran.err);
        assert!(ran.err.contains("a running store"), "{}", ran.err);
    }
    store.close();
}

#[test]
fn a_manifest_that_is_gone_is_made_up_for_by_the_files() {
    for removed in [&["MANIFEST"][..], &["MANIFEST", "MANIFEST.prev"]] {
        let dir = sample();
        let data = data(&dir);
        let before = judge(&data);
        for name in removed {
            fs::remove_file(data.join(name)).expect("a file");
        }
        assert!(Store::open(&data).is_err(), "recovery refuses");
        assert_eq!(run_on(AOF_CHECK, &data, &["--repair"]).code, 1);
        let ran = run_on(AOF_CHECK, &data, &["--repair", "--skip-damaged"]);
        assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
        let after = judge(&data);
        assert_eq!(after.keyspace.digest(), before.keyspace.digest());
        expect_all_but(&Store::open(&data).expect("recovery accepts"), &[]);
    }
}
