//! The tools as processes, on the golden dataset and on damaged copies of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../format-spec/golden/v1/dataset")
}

/// A copy of the golden dataset that is removed at the end.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Copy {
        let path = std::env::temp_dir().join(format!("esker-tools-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        for entry in std::fs::read_dir(golden()).expect("the golden dataset") {
            let entry = entry.expect("an entry");
            std::fs::copy(entry.path(), path.join(entry.file_name())).expect("a copy");
        }
        Copy(path)
    }

    fn flip(&self, name: &str, offset: usize) {
        let path = self.0.join(name);
        let mut bytes = std::fs::read(&path).expect("a file");
        bytes[offset] ^= 1;
        std::fs::write(&path, bytes).expect("a file");
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the directory is ours");
    }
}

fn run(tool: &str, args: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(tool)
        .args(args)
        .output()
        .expect("the tool runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        status.code().expect("an exit code"),
        text(stdout),
        text(stderr),
    )
}

const AOF_CHECK: &str = env!("CARGO_BIN_EXE_aof-check");
const RDB_CHECK: &str = env!("CARGO_BIN_EXE_rdb-check");
const RDB_INSPECT: &str = env!("CARGO_BIN_EXE_rdb-inspect");

#[test]
fn damage_is_named_and_nothing_is_changed() {
    let copy = Copy::new("damage");
    copy.flip("log-0000000002.seg", 128 + 85);
    let before = std::fs::read(copy.0.join("log-0000000002.seg")).expect("a file");
    let (code, out, _) = run(AOF_CHECK, &[copy.0.to_str().expect("a path")]);
    assert_eq!(code, 1, "{out}");
    assert!(
        out.contains("corrupt: log-0000000002.seg at offset 128 (LSN 31)"),
        "{out}"
    );
    assert!(out.contains("corrupt: recovery will refuse"), "{out}");
    assert_eq!(
        std::fs::read(copy.0.join("log-0000000002.seg")).expect("a file"),
        before
    );
}

#[test]
fn json_is_for_machines() {
    let (code, out, _) = run(AOF_CHECK, &["--json", golden().to_str().expect("a path")]);
    let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (code, value["sound"].as_bool(), value["end_lsn"].as_u64()),
        (0, Some(true), Some(257))
    );
    assert_eq!(value["tail"], "closed in order");
    assert_eq!(value["effects"], 6);
}

#[test]
fn a_torn_tail_is_a_problem_that_recovery_solves() {
    let copy = Copy::new("torn");
    let last = copy.0.join("log-0000000004.seg");
    let bytes = std::fs::read(&last).expect("a file");
    std::fs::write(&last, &bytes[..bytes.len() - 100]).expect("a file");
    let (code, out, _) = run(AOF_CHECK, &[copy.0.to_str().expect("a path")]);
    assert_eq!(code, 1);
    assert!(
        out.ends_with("torn: recovery will cut the tail, which nobody was promised\n"),
        "{out}"
    );
}

#[test]
fn a_locked_directory_is_refused() {
    let copy = Copy::new("locked");
    let lock = std::fs::File::create(copy.0.join("LOCK")).expect("a file");
    lock.lock().expect("a lock");
    let (code, _, err) = run(AOF_CHECK, &[copy.0.to_str().expect("a path")]);
    assert_eq!(code, 3);
    assert!(
        err.contains("a running store is using this directory"),
        "{err}"
    );
}

#[test]
fn exit_codes() {
    assert_eq!(run(AOF_CHECK, &[]).0, 2);
    assert_eq!(run(AOF_CHECK, &["/nonexistent"]).0, 3);
    assert_eq!(run(RDB_CHECK, &["/nonexistent"]).0, 3);
    for tool in [AOF_CHECK, RDB_CHECK, RDB_INSPECT] {
        let (code, out, _) = run(tool, &["--help"]);
        assert_eq!(code, 0);
        assert!(
            out.contains("Examples:") && out.contains("Exit codes:"),
            "{out}"
        );
    }
}

#[test]
fn a_snapshot_is_checked_and_shown() {
    let copy = Copy::new("snapshot");
    let path = copy.0.join("snap-0000000002.snap");
    let path = path.to_str().expect("a path");
    let (code, out, _) = run(RDB_INSPECT, &[path, "totals"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("db 0: 3 keys, 1 expire\n"), "{out}");
    let (_, out, _) = run(RDB_INSPECT, &[path, "list", "--match", "s*", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (&value["key"], &value["value"]),
        (&"side".into(), &"changed during the walk".into())
    );
    let (_, out, _) = run(RDB_INSPECT, &[path, "get", "side", "--raw"]);
    assert_eq!(out, "changed during the walk");
    assert_eq!(run(RDB_INSPECT, &[path, "get", "absent"]).0, 1);

    copy.flip("snap-0000000002.snap", 128 + 64 + 3);
    let (code, out, _) = run(RDB_CHECK, &[path]);
    assert_eq!(code, 1);
    assert!(
        out.contains("corrupt: ") && out.contains("at offset 128"),
        "{out}"
    );
}

#[test]
fn a_directory_shows_its_snapshot_and_its_log() {
    let golden = golden();
    let dir = golden.to_str().expect("a path");
    let (code, out, _) = run(RDB_INSPECT, &[dir, "totals"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("db 0: 3 keys, 1 expire\n"), "{out}");
    let (code, out, err) = run(RDB_INSPECT, &[dir, "log", "--json"]);
    assert_eq!(code, 0, "{err}");
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 6);
    let name = lines[0]["effect"].as_str().expect("a name");
    let (_, some, _) = run(RDB_INSPECT, &[dir, "log", "--effect", name]);
    assert!(
        (1..=6).contains(&some.lines().count()) && some.starts_with("LSN "),
        "{some}"
    );
    let (_, none, _) = run(RDB_INSPECT, &[dir, "log", "--until", "1"]);
    assert_eq!(none, "");
    assert_eq!(run(RDB_INSPECT, &["/nonexistent", "log"]).0, 3);
}
