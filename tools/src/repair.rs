//! Repairing a data directory. Nothing is destroyed: what was there stays beside it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use esker_env::Clock;
use esker_env::real::files::{RealFiles, RealLock};
use esker_env::real::{RealClock, entropy_seed};
use esker_format::names::{self, FileName};
use esker_format::native::audit::{self, Report, Tail};
use esker_format::native::manifest::{LogState, Manifest, Reason};
use esker_persist::offline::{self, Dataset, History, Losses, Request, Until};
use esker_persist::{OpenError, Options, RecoveryReport};

use crate::directory::Directory;
use crate::progress::Progress;

/// What was done about damage.
pub struct Repaired {
    /// What is missing.
    pub losses: Losses,
    /// Keys in the repaired dataset.
    pub keys: u64,
    /// The directory, beside the files, that has everything as it was.
    pub kept: String,
    /// The files there.
    pub files: Vec<String>,
}

/// The options that leave a directory's log as the manifest says.
pub fn options(manifest: Option<&Manifest>) -> Options {
    Options {
        log: manifest.is_none_or(|manifest| manifest.log == LogState::On),
        reserve_bytes: 0,
        ..Options::default()
    }
}

/// What the audit looks at when a directory is read to be written anew.
pub fn closely(keep_going: bool) -> audit::Options {
    audit::Options {
        snapshot_blocks: true,
        key_hash: None,
        retained: false,
        keep_going,
    }
}

/// Opens the directory for changes. Refuses if anybody has it.
pub fn lock(path: &Path) -> io::Result<(RealFiles, RealLock)> {
    use esker_env::Files;
    if !path.is_dir() {
        let what = "not a directory";
        return Err(io::Error::new(io::ErrorKind::NotADirectory, what));
    }
    let files = RealFiles::open(path)?;
    let lock = files.lock()?;
    Ok((files, lock))
}

/// Whether recovery would cut something.
pub fn is_torn(report: &Report) -> bool {
    report.sound() && matches!(report.tail, Tail::Torn { .. })
}

/// Cuts a torn tail by recovering the directory. The lock must not be held; `databases` must be enough.
pub fn cut(
    files: RealFiles,
    manifest: Option<&Manifest>,
    databases: u32,
) -> io::Result<RecoveryReport> {
    let clock = RealClock::new();
    offline::recover(files, options(manifest), databases, &clock, entropy_seed()).map_err(|error| {
        match error {
            OpenError::Locked => io::ErrorKind::WouldBlock.into(),
            OpenError::Io(error) | OpenError::Settling(error) => error,
            other => io::Error::other(other.to_string()),
        }
    })
}

/// Writes everything that is readable as a new dataset in the same directory; what was there is kept aside.
pub fn skip_damaged(
    path: &Path,
    (files, lock): (RealFiles, RealLock),
    progress: &Progress,
) -> io::Result<Repaired> {
    let directory = Directory::unlocked(path);
    let manifest = match directory.manifest()? {
        Some(manifest) => Some(manifest),
        None => offline::guess_manifest(&directory)?,
    };
    let Some(manifest) = manifest else {
        return Err(io::Error::other(
            "there is no manifest, and nothing to make one from",
        ));
    };
    let source = History::with(&directory, manifest);
    let request = Request {
        until: Until::End,
        skip_damaged: true,
        parse_only: false,
        audit: closely(true),
    };
    let rebuilt = offline::rebuild(&source, request, &mut |bytes| progress.examined(bytes))?;
    let Some(manifest) = rebuilt.report.manifest else {
        return Err(io::Error::other(
            "without a manifest there is nothing to go by",
        ));
    };
    let clock = RealClock::new();
    let (kept, names) = keep_aside(path, &clock)?;
    let dataset = Dataset {
        keyspace: rebuilt.keyspace,
        point: rebuilt.point,
        log: manifest.log == LogState::On,
        fork: Some(Reason::Operator),
        gap_from: rebuilt.losses.first_lsn(manifest.cut_lsn()),
        next_number: manifest.next_number.max(rebuilt.report.highest_number + 1),
        ancestor: manifest,
    };
    let options = options(Some(&dataset.ancestor));
    let mut show = |keys, of| progress.written(keys, of);
    let written = offline::write(
        files,
        lock,
        dataset,
        options,
        &clock,
        entropy_seed(),
        &mut show,
    )?;
    Ok(Repaired {
        losses: rebuilt.losses,
        keys: written.snapshot.keys,
        kept,
        files: names,
    })
}

/// Gives every file a second name, or a copy where that is not possible, in a directory of its own.
fn keep_aside(path: &Path, clock: &impl Clock) -> io::Result<(String, Vec<String>)> {
    let name = format!("damaged-{}", clock.now_ms());
    let aside: PathBuf = path.join(&name);
    fs::create_dir(&aside)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        let ours = match names::parse(&file) {
            FileName::Manifest
            | FileName::ManifestPrev
            | FileName::Segment(_)
            | FileName::Snapshot(_) => true,
            FileName::Lock | FileName::Temporary | FileName::Foreign => false,
        };
        if !ours || !entry.file_type()?.is_file() {
            continue;
        }
        let target = aside.join(&file);
        if fs::hard_link(entry.path(), &target).is_err() {
            fs::copy(entry.path(), &target)?;
            fs::File::open(&target)?.sync_all()?;
        }
        names.push(file);
    }
    fs::File::open(&aside)?.sync_all()?;
    fs::File::open(path)?.sync_all()?;
    names.sort();
    Ok((name, names))
}
