//! The cases that other stores get wrong: damage to what they wrote, and what is left of the data afterwards.
//!
//! Each test damages a directory that a killed server left, as a disk or a power cut would, and says what has to
//! happen: refuse and name the place, or start and keep everything that was confirmed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use esker_tests::client::{Client, Value};
use esker_tests::process::{Options, Server, house_binary, subject_binary, subject_is_reference};
use tempfile::TempDir;

const KEYS: usize = 1000;

/// A directory and how to start on it.
struct Store {
    dir: TempDir,
    policy: &'static str,
    log: &'static str,
}

impl Store {
    fn new(log: &'static str, policy: &'static str) -> Store {
        Store {
            dir: TempDir::with_prefix("esker-peers-").expect("a directory"),
            policy,
            log,
        }
    }

    fn options(&self) -> Options {
        Options::new(subject_binary())
            .dir(self.dir.path())
            .flag("appendonly", self.log)
            .flag("appendfsync", self.policy)
            .flag("save", "")
    }

    fn start(&self) -> Server {
        Server::start(&self.options()).expect("the server starts")
    }

    fn refused(&self) -> String {
        let (status, output) = Server::start_refused(&self.options()).expect("the process runs");
        assert!(
            !status.success(),
            "the server started on a damaged directory:\n{output}"
        );
        output
    }

    /// The folder of manifest, log and snapshots.
    fn data(&self) -> PathBuf {
        self.dir.path().join("appendonlydir")
    }

    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.data()).expect("the data directory is there");
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.retain(|path| path.to_string_lossy().ends_with(ending));
        files.sort();
        files
    }

    fn tool(&self, name: &str, args: &[&str]) -> Output {
        let output = Command::new(house_binary(name))
            .args(args)
            .output()
            .expect("the tool is built and runs");
        assert!(
            output.status.code().is_some(),
            "{name} {args:?} died: {}",
            said(&output)
        );
        output
    }

    fn check(&self) -> Output {
        self.tool("aof-check", &[self.data().to_str().expect("UTF-8")])
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn ok(client: &mut Client, line: &str) {
    let reply = client.words(line).expect("a reply");
    assert!(reply.is_ok(), "{line}: {reply:?}");
}

fn value(i: usize) -> String {
    format!("value-{i:06}-end")
}

/// One key per request, so one frame per key.
fn fill(store: &Store) {
    let mut server = store.start();
    let mut client = server.connect().expect("a connection");
    for i in 0..KEYS {
        ok(&mut client, &format!("SET key:{i:06} {}", value(i)));
    }
    server.kill().expect("the process ends");
}

/// The file and the offset of a text that stands in exactly one place.
fn find(files: &[PathBuf], text: &str) -> (PathBuf, usize) {
    let mut places = Vec::new();
    for path in files {
        let bytes = std::fs::read(path).expect("a readable file");
        let hits = bytes
            .windows(text.len())
            .enumerate()
            .filter(|(_, window)| *window == text.as_bytes());
        places.extend(hits.map(|(at, _)| (path.clone(), at)));
    }
    assert_eq!(places.len(), 1, "{text} stands in {places:?}");
    places.remove(0)
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("a readable file");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("a writable file");
}

fn keys(server: &Server) -> BTreeSet<Vec<u8>> {
    let reply = server
        .connect()
        .and_then(|mut client| client.words("KEYS *"))
        .expect("a reply");
    reply
        .into_array()
        .expect("an array")
        .iter()
        .filter_map(Value::as_bytes)
        .map(<[u8]>::to_vec)
        .collect()
}

#[test]
fn a_flipped_digit_in_a_value_is_refused_and_its_place_named() {
    if subject_is_reference() {
        return;
    }
    let store = Store::new("yes", "always");
    fill(&store);
    let (path, at) = find(&store.files(".seg"), &value(9));
    change(&path, |bytes| bytes[at + "value-00000".len()] = b'8');
    let output = store.refused();
    assert!(
        output.contains("aof-check"),
        "the tool is not named:\n{output}"
    );
    let report = store.check();
    let text = said(&report);
    assert_eq!(report.status.code(), Some(1), "{text}");
    let segment = path
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(text.contains(&segment), "the segment is not named:\n{text}");
    assert!(
        text.to_lowercase().contains("offset") && text.to_lowercase().contains("lsn"),
        "no place:\n{text}"
    );
}

#[test]
fn what_was_confirmed_after_a_cut_unit_is_kept() {
    if subject_is_reference() {
        return;
    }
    let store = Store::new("yes", "no");
    let mut server = store.start();
    let mut client = server.connect().expect("a connection");
    ok(&mut client, "SET before 1");
    ok(
        &mut client,
        "MSET unit:a first-of-the-unit unit:b 2 unit:c last-of-the-unit",
    );
    server.kill().expect("the process ends");
    let (path, at) = find(&store.files(".seg"), "last-of-the-unit");
    change(&path, |bytes| bytes.truncate(at + 4));

    let mut server = store.start();
    let mut client = server.connect().expect("a connection");
    assert_eq!(
        keys(&server),
        BTreeSet::from([b"before".to_vec()]),
        "a cut unit is applied whole or not at all"
    );
    ok(&mut client, "SET after 1");
    let confirmed = client.words("WAITAOF 1 0 0").expect("a reply");
    assert_eq!(confirmed, Value::Array(vec![Value::Int(1), Value::Int(0)]));
    server.kill().expect("the process ends");

    let server = store.start();
    assert_eq!(
        keys(&server),
        BTreeSet::from([b"before".to_vec(), b"after".to_vec()])
    );
}

#[test]
fn zeros_at_the_end_of_the_log_are_a_clean_end() {
    if subject_is_reference() {
        return;
    }
    for cut_first in [false, true] {
        let store = Store::new("yes", "always");
        fill(&store);
        let last = find(&store.files(".seg"), &value(KEYS - 1)).0;
        change(&last, |bytes| {
            if cut_first {
                // Frames are padded to 8 bytes: the preallocated rest goes, the padding stays.
                let used = bytes
                    .iter()
                    .rposition(|byte| *byte != 0)
                    .map_or(0, |at| at + 1);
                bytes.truncate(used.next_multiple_of(8));
            }
            bytes.extend([0; 4096]);
        });
        assert!(store.check().status.success(), "{}", said(&store.check()));
        let server = store.start();
        assert_eq!(keys(&server).len(), KEYS);
    }
}

#[test]
fn repair_keeps_all_but_the_damaged_frame() {
    if subject_is_reference() {
        return;
    }
    let store = Store::new("yes", "always");
    fill(&store);
    let (path, at) = find(&store.files(".seg"), &value(9));
    change(&path, |bytes| bytes[at] ^= 1);
    let before = std::fs::read(&path).expect("a readable file");
    assert_eq!(store.check().status.code(), Some(1));
    assert_eq!(
        std::fs::read(&path).expect("a readable file"),
        before,
        "a check changes nothing"
    );

    let dir = store.data().display().to_string();
    let output = store.tool("aof-check", &["--repair", "--skip-damaged", &dir]);
    let text = said(&output);
    let server = store.start();
    let kept = keys(&server);
    assert!(
        kept.len() >= KEYS - 1,
        "{} of {KEYS} keys are left:\n{text}",
        kept.len()
    );
    assert!(
        !kept.contains(b"key:000009".as_slice()),
        "the damaged key is back"
    );
    assert!(
        text.to_lowercase().contains("lsn"),
        "what was dropped is not listed:\n{text}"
    );
}

#[test]
fn a_flipped_bit_in_a_snapshot_costs_one_block_on_request() {
    if subject_is_reference() {
        return;
    }
    const MANY: usize = 30_000;
    let store = Store::new("yes", "always");
    let mut server = store.start();
    let mut client = server.connect().expect("a connection");
    for i in 0..MANY {
        // Half of it does not compress, so that there are many blocks.
        let noise = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        client
            .send(&[
                b"SET",
                format!("key:{i:06}").as_bytes(),
                format!("{noise:064x}").as_bytes(),
            ])
            .expect("sent");
    }
    for _ in 0..MANY {
        assert!(client.read().expect("a reply").is_ok());
    }
    ok(&mut client, "SAVE");
    server.kill().expect("the process ends");
    let snapshots = store.files(".snap");
    let path = snapshots.last().expect("a snapshot").clone();
    let snapshot = path.display().to_string();
    assert_eq!(store.tool("rdb-check", &[&snapshot]).status.code(), Some(0));
    change(&path, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    store.refused();
    assert_eq!(store.tool("rdb-check", &[&snapshot]).status.code(), Some(1));

    let dir = store.data().display().to_string();
    let text = said(&store.tool("aof-check", &["--repair", "--skip-damaged", &dir]));
    let server = store.start();
    let kept = keys(&server).len();
    assert!(
        kept < MANY,
        "nothing was lost, so nothing was damaged:\n{text}"
    );
    // A block holds about 256 KiB of entries, some three thousand of these.
    assert!(
        kept > MANY * 3 / 4,
        "{kept} of {MANY} keys are left:\n{text}"
    );
}

#[test]
fn every_file_that_the_server_writes_passes_the_tools() {
    if subject_is_reference() {
        return;
    }
    let store = Store::new("yes", "everysec");
    for round in 0..3 {
        let mut server = store.start();
        let mut client = server.connect().expect("a connection");
        for i in 0..2000 {
            client
                .send(&[
                    b"SET",
                    format!("k{i}").as_bytes(),
                    format!("{round} {i}").as_bytes(),
                ])
                .expect("sent");
        }
        for _ in 0..2000 {
            assert!(client.read().expect("a reply").is_ok());
        }
        if round == 1 {
            ok(&mut client, "SAVE");
            ok(&mut client, "MSET a 1 b 2");
        }
        if round == 2 {
            assert!(server.terminate().expect("the process ends").success());
        } else {
            server.kill().expect("the process ends");
        }
        drop(server);
        let report = store.check();
        assert!(
            report.status.success(),
            "aof-check after round {round}: {}",
            said(&report)
        );
        for path in store.files(".snap") {
            let snapshot = path.display().to_string();
            for (tool, args) in [
                ("rdb-check", vec![snapshot.as_str()]),
                ("rdb-inspect", vec![snapshot.as_str(), "totals"]),
            ] {
                let output = store.tool(tool, &args);
                assert!(
                    output.status.success(),
                    "{tool} {args:?}: {}",
                    said(&output)
                );
            }
        }
    }
}
