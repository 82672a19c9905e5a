//! Directories written by the store's own code, damaged on purpose, and the tools run on them as processes.

#![allow(dead_code, reason = "every test binary uses its own part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use esker_env::Clock;
use esker_env::real::RealClock;
use esker_env::real::files::RealFiles;
use esker_format::UnixMs;
use esker_keyspace::entry::StrInput;
use esker_keyspace::{Expiry, Keyspace, Tx};
use esker_persist::offline::{self, Rebuilt, Request, Until};
use esker_persist::{
    Engine, Inline, Now, OpenError, Options, Persist, RecoveryReport, SnapshotReason, SnapshotStep,
    WriteOutcome,
};
use serde_json::Value;
use tempfile::TempDir;

pub const AOF_CHECK: &str = env!("CARGO_BIN_EXE_aof-check");
pub const AOF_REWRITE: &str = env!("CARGO_BIN_EXE_aof-rewrite");
pub const RDB_CHECK: &str = env!("CARGO_BIN_EXE_rdb-check");
pub const RDB_INSPECT: &str = env!("CARGO_BIN_EXE_rdb-inspect");

/// Held while a process is started. Between its fork and its exec it has a copy of every open file of this process, with
/// the lock of a store that another test may just be closing; so whoever takes a lock waits until nobody is there.
static STARTING: Mutex<()> = Mutex::new(());

fn await_starting() {
    drop(STARTING.lock().expect("no start panics"));
}

pub struct Held(pub Mutex<Keyspace>);

impl Engine for Held {
    fn with<R>(&self, f: impl FnOnce(&mut Keyspace) -> R) -> R {
        f(&mut self.0.lock().expect("no test panics with it"))
    }
}

/// A running store without a server.
pub struct Store {
    pub persist: Persist<RealFiles>,
    pub engine: Held,
    pub recovery: RecoveryReport,
    clock: RealClock,
}

/// Small segments and blocks, so that a few keys make a whole directory.
pub fn options() -> Options {
    Options {
        segment_bytes: 16 << 10,
        block_bytes: 1 << 10,
        slice_bytes: 1 << 10,
        compress: false,
        reserve_bytes: 0,
        ..Options::default()
    }
}

impl Store {
    pub fn open(dir: &Path) -> Result<Store, OpenError> {
        Store::open_with(dir, options())
    }

    pub fn open_with(dir: &Path, options: Options) -> Result<Store, OpenError> {
        await_starting();
        let files = RealFiles::open(dir).map_err(OpenError::Io)?;
        let clock = RealClock::new();
        let now = Now::read(&clock);
        let keyspace = esker_keyspace::Options::with_seed(7);
        let (persist, keyspace, recovery) =
            Persist::open(files, options, keyspace, &Inline, 11, now)?;
        Ok(Store {
            persist,
            engine: Held(Mutex::new(keyspace)),
            recovery,
            clock,
        })
    }

    pub fn now(&self) -> Now {
        Now::read(&self.clock)
    }

    /// One tick: the changes of `f`, written as one frame.
    pub fn tick(&self, f: impl FnOnce(&mut Tx<'_>)) {
        let now = UnixMs(self.clock.now_ms());
        self.engine.with(|keyspace| {
            let mut tx = keyspace.tx(0, now);
            f(&mut tx);
            tx.finish();
        });
        // A segment that is full stalls the log until the next is prepared.
        while self.persist.write_tick(&self.engine, self.now()) != WriteOutcome::Idle {
            self.jobs();
        }
    }

    pub fn set(&self, key: &str, value: &str) {
        self.tick(|tx| {
            tx.set(
                key.as_bytes(),
                StrInput::Bytes(value.as_bytes()),
                Expiry::Clear,
            )
        });
    }

    /// Each pair is a frame of its own.
    pub fn fill(&self, prefix: &str, count: usize) {
        for number in 0..count {
            self.set(
                &format!("{prefix}{number:04}"),
                &format!("value-{prefix}{number:04}"),
            );
        }
    }

    /// All of them in one unit, which is longer than a frame if they are many.
    pub fn fill_at_once(&self, prefix: &str, count: usize) {
        self.tick(|tx| {
            for number in 0..count {
                let (key, value) = (
                    format!("{prefix}{number:04}"),
                    format!("value-{prefix}{number:04}"),
                );
                tx.set(
                    key.as_bytes(),
                    StrInput::Bytes(value.as_bytes()),
                    Expiry::Clear,
                );
            }
        });
    }

    pub fn jobs(&self) {
        while let Some(mut job) = self.persist.poll_job(self.now()) {
            job.run();
            self.persist.complete_job(job, self.now());
        }
    }

    pub fn sync(&self) {
        if let Some(mut job) = self.persist.begin_sync(self.now()) {
            job.run();
            self.persist.complete_sync(job, self.now());
        }
    }

    pub fn snapshot(&self) {
        self.jobs();
        let begun = self
            .persist
            .begin_snapshot(&self.engine, SnapshotReason::Asked, self.now());
        let mut snapshot = begun.expect("a snapshot begins");
        loop {
            match snapshot.step(&self.engine, self.now()) {
                SnapshotStep::More => {}
                SnapshotStep::Wait => {
                    self.jobs();
                    self.sync();
                }
                SnapshotStep::Done(done) => {
                    done.expect("a snapshot is committed");
                    break;
                }
            }
        }
        self.jobs();
    }

    pub fn close(self) {
        self.persist
            .close(&self.engine, self.now())
            .expect("a log that is well closes");
    }

    pub fn digest(&self) -> u128 {
        self.engine.with(|keyspace| keyspace.digest())
    }

    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let now = UnixMs(self.clock.now_ms());
        self.engine.with(|keyspace| {
            let mut tx = keyspace.tx(0, now);
            let value = tx.string(key.as_bytes()).expect("a string");
            let value = value.map(|value| {
                let mut text = esker_keyspace::IntText::default();
                esker_keyspace::str_bytes(value, &mut text).to_vec()
            });
            tx.finish();
            value
        })
    }

    pub fn keys(&self) -> usize {
        self.engine.with(|keyspace| keyspace.len(0))
    }
}

/// A directory of 60 keys in a snapshot and 40 more in the log, closed in order.
pub fn sample() -> TempDir {
    let dir = TempDir::new().expect("a directory");
    let store = Store::open(&data(&dir)).expect("a new store");
    store.fill("a", 60);
    store.snapshot();
    store.fill("b", 40);
    store.sync();
    store.close();
    dir
}

pub fn data(dir: &TempDir) -> PathBuf {
    dir.path().join("data")
}

/// Files by name, with their content.
pub fn content(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).expect("a directory");
    let files = entries.map(|entry| entry.expect("an entry").path());
    files
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), fs::read(&path).expect("a file"))
        })
        .collect()
}

pub fn restore(dir: &Path, files: &BTreeMap<String, Vec<u8>>) {
    if dir.exists() {
        fs::remove_dir_all(dir).expect("the directory is ours");
    }
    fs::create_dir_all(dir).expect("a directory");
    for (name, bytes) in files {
        fs::write(dir.join(name), bytes).expect("a file");
    }
}

pub fn flip(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[offset] ^= 0x10;
    fs::write(path, bytes).expect("a file");
}

/// A directory of 4000 keys in a snapshot of several blocks.
pub fn blocks() -> TempDir {
    let dir = TempDir::new().expect("a directory");
    let store = Store::open(&data(&dir)).expect("a new store");
    store.fill_at_once("a", 4000);
    store.snapshot();
    store.fill("b", 3);
    store.sync();
    store.close();
    dir
}

/// The only file with that ending, or the last of them.
pub fn last(dir: &Path, ending: &str) -> PathBuf {
    let mut names = content(dir).into_keys();
    let name = names.rfind(|name| name.ends_with(ending));
    dir.join(name.expect("there is one"))
}

/// Where `needle` stands in a file.
pub fn find(path: &Path, needle: &str) -> Option<usize> {
    let bytes = fs::read(path).expect("a file");
    bytes
        .windows(needle.len())
        .position(|window| window == needle.as_bytes())
}

/// The segment that holds `needle`, and where.
pub fn find_in_log(dir: &Path, needle: &str) -> (PathBuf, usize) {
    content(dir)
        .into_keys()
        .filter(|name| name.ends_with(".seg"))
        .find_map(|name| {
            let path = dir.join(name);
            find(&path, needle).map(|at| (path, at))
        })
        .expect("it is in the log")
}

pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

pub fn run(tool: &str, args: &[&str]) -> Ran {
    let mut command = Command::new(tool);
    command.args(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = {
        let _starting = STARTING.lock().expect("no start panics");
        command.spawn().expect("it starts")
    };
    let ran = started.wait_with_output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran {
        code: ran.status.code().expect("an exit code"),
        out: text(ran.stdout),
        err: text(ran.stderr),
    }
}

pub fn run_on(tool: &str, dir: &Path, args: &[&str]) -> Ran {
    let mut all = vec![dir.to_str().expect("a path")];
    all.extend(args);
    run(tool, &all)
}

/// What the library judges, as `aof-check` does.
pub fn judge(dir: &Path) -> Rebuilt {
    let directory = esker_tools::directory::Directory::unlocked(dir);
    let request = Request {
        until: Until::End,
        skip_damaged: false,
        parse_only: false,
        audit: esker_tools::repair::closely(true),
    };
    offline::rebuild(&directory, request, &mut |_| {}).expect("it can be read")
}

/// `ESKER_SEED`, `random` included, or always the same: two runs of the tests judge the same cases.
pub fn seed() -> u64 {
    match std::env::var("ESKER_SEED").as_deref() {
        Ok("random") => esker_env::real::entropy_seed(),
        Ok(text) => text.parse().expect("ESKER_SEED is a number or `random`"),
        Err(_) => 20_250_611,
    }
}
