//! `aof-rewrite`: compaction keeps the state and drops the rest; a point in time is written elsewhere.

mod common;

use std::thread::sleep;
use std::time::Duration;

use common::*;
use esker_persist::Options;

#[test]
fn compaction_keeps_the_state() {
    let dir = sample();
    let data = data(&dir);
    let before = judge(&data);
    let ran = run_on(AOF_REWRITE, &data, &["--json"]);
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    let value = ran.json();
    assert_eq!(value["keys"], 100);
    let names: Vec<String> = content(&data).into_keys().collect();
    assert_eq!(
        names.iter().filter(|name| name.ends_with(".snap")).count(),
        1
    );
    assert_eq!(
        names.iter().filter(|name| name.ends_with(".seg")).count(),
        1
    );
    assert!(
        !names.iter().any(|name| name.ends_with(".tmp")),
        "{names:?}"
    );
    let after = judge(&data);
    assert!(after.report.sound() && after.report.proven_complete());
    assert_eq!(after.keyspace.digest(), before.keyspace.digest());
    assert_eq!(after.report.end.lsn, before.report.end.lsn);
    assert_eq!(after.effects, 0);
    let store = Store::open(&data).expect("recovery accepts");
    assert!(store.recovery.clean && !store.recovery.new_timeline);
    assert_eq!(store.digest(), before.keyspace.digest());
    store.set("after", "compaction");
    store.close();
    assert_eq!(run_on(AOF_CHECK, &data, &[]).code, 0);
}

#[test]
fn a_copy_leaves_the_source_alone() {
    let dir = sample();
    let (data, copy) = (data(&dir), dir.path().join("copy"));
    let before = content(&data);
    let output = copy.to_str().expect("a path");
    let ran = run_on(AOF_REWRITE, &data, &["--output", output]);
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    assert_eq!(content(&data), before);
    assert_eq!(
        judge(&copy).keyspace.digest(),
        judge(&data).keyspace.digest()
    );
    assert_eq!(run_on(AOF_CHECK, &copy, &[]).code, 0);
    // A second run would write over it.
    assert_eq!(run_on(AOF_REWRITE, &data, &["--output", output]).code, 2);
}

#[test]
fn a_position_in_the_past_is_restored() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let (data, past) = (data(&dir), dir.path().join("past"));
    let store = Store::open(&data).expect("a new store");
    store.fill("k", 20);
    let (digest, lsn) = (store.digest(), store.persist.written_lsn());
    store.tick(|tx| {
        tx.flush_all();
    });
    let flushed = store.persist.written_lsn();
    store.fill("new", 5);
    store.sync();
    store.close();
    let (to, output) = (lsn.0.to_string(), past.to_str().expect("a path"));
    let inside = (flushed.0 - 3).to_string();
    // The point itself, a place in the middle of the unit that did it, and "before" it.
    for args in [["--to-lsn", &to], ["--to-lsn", &inside], ["--before", &to]] {
        let ran = run_on(
            AOF_REWRITE,
            &data,
            &[args[0], args[1], "--output", output, "--json"],
        );
        assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
        assert_eq!(ran.json()["lsn"], lsn.0);
        let store = Store::open(&past).expect("recovery accepts");
        assert_eq!(store.digest(), digest);
        assert_eq!(store.recovery.timeline, 2);
        store.set("another", "future");
        store.close();
        assert_eq!(run_on(AOF_CHECK, &past, &[]).code, 0);
        std::fs::remove_dir_all(&past).expect("the directory is ours");
    }
    let beyond = (flushed.0 + 100_000).to_string();
    let ran = run_on(
        AOF_REWRITE,
        &data,
        &["--to-lsn", &beyond, "--output", output],
    );
    assert_eq!((ran.code, past.exists()), (1, false), "{}", ran.err);
    assert!(ran.err.contains("the log ends at LSN"), "{}", ran.err);
}

#[test]
fn a_time_in_the_past_is_restored_through_retained_snapshots() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let (data, past) = (data(&dir), dir.path().join("past"));
    let retaining = Options {
        retain_ms: 3_600_000,
        retain_bytes_max: 1 << 30,
        ..options()
    };
    let store = Store::open_with(&data, retaining).expect("a new store");
    let mut points = Vec::new();
    for round in 0..4 {
        store.fill(&format!("r{round}-"), 30);
        points.push((store.now().wall, store.digest()));
        sleep(Duration::from_millis(15));
        if round == 1 || round == 2 {
            store.snapshot();
            sleep(Duration::from_millis(15));
        }
    }
    store.sync();
    store.close();
    let first = points[1].0;
    let output = past.to_str().expect("a path");
    for (time, digest) in points.into_iter().skip(1) {
        let time = time.0.to_string();
        let ran = run_on(
            AOF_REWRITE,
            &data,
            &["--to-time", &time, "--output", output],
        );
        if ran.code == 1 && time == first.0.to_string() {
            // The first snapshot is behind that point, and the log before it is gone.
            assert!(
                ran.err.contains("what is kept of the past begins"),
                "{}",
                ran.err
            );
            continue;
        }
        assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
        assert_eq!(judge(&past).keyspace.digest(), digest);
        std::fs::remove_dir_all(&past).expect("the directory is ours");
    }
    let refused = run_on(AOF_REWRITE, &data, &[]);
    assert_eq!(refused.code, 2, "{}", refused.out);
    assert!(refused.err.contains("--drop-history"), "{}", refused.err);
    assert_eq!(run_on(AOF_REWRITE, &data, &["--drop-history"]).code, 0);
    assert_eq!(run_on(AOF_CHECK, &data, &[]).code, 0);
}

#[test]
fn damage_is_refused_and_nothing_written() {
    let dir = sample();
    let (data, copy) = (data(&dir), dir.path().join("copy"));
    let (segment, at) = find_in_log(&data, "value-b0020");
    flip(&segment, at);
    let before = content(&data);
    let output = copy.to_str().expect("a path");
    for args in [&[][..], &["--output", output]] {
        let ran = run_on(AOF_REWRITE, &data, args);
        assert_eq!(ran.code, 1, "{} {}", ran.out, ran.err);
        assert!(ran.err.contains("aof-check --repair"), "{}", ran.err);
    }
    assert_eq!((content(&data), copy.exists()), (before, false));
}

#[test]
fn a_dataset_without_a_log_stays_one() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let data = data(&dir);
    let quiet = Options {
        log: false,
        ..options()
    };
    let store = Store::open_with(&data, quiet.clone()).expect("a new store");
    store.fill("k", 10);
    store.snapshot();
    store.close();
    let ran = run_on(AOF_REWRITE, &data, &[]);
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    assert!(!content(&data).keys().any(|name| name.ends_with(".seg")));
    let store = Store::open_with(&data, quiet).expect("recovery accepts");
    assert_eq!(store.keys(), 10);
}

#[test]
fn usage() {
    for args in [
        &["d", "--to-lsn", "5"][..],
        &["d", "--to-time", "soon", "--output", "o"],
        &[],
    ] {
        assert_eq!(run(AOF_REWRITE, args).code, 2, "{args:?}");
    }
    assert_eq!(run(AOF_REWRITE, &["/nonexistent"]).code, 3);
    let help = run(AOF_REWRITE, &["--help"]);
    assert!(
        help.out.contains("Examples:") && help.out.contains("Exit codes:"),
        "{}",
        help.out
    );
}
