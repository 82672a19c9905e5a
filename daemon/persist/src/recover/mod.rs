//! Recovery: from a directory to a keyspace and an open log, in named phases.
//!
//! 1. *lock* the directory;
//! 2. *judge* it: the audit of `esker-format` walks manifest, snapshot and log, and while it does, the keyspace is loaded
//!    (`load.rs`) and replayed (`replay.rs`). Damage to anything that was promised ends here, with nothing changed;
//! 3. *settle* (`settle.rs`): make durable what was found, cut the torn tail, keeping a copy;
//! 4. *open* (`open.rs`): a new segment behind the end, and a manifest that says so.
//!
//! Recovery never appends to an old segment and never believes a sync that an earlier process did. Until the manifest of
//! phase 4 is durable a crash leaves a directory that recovers to the same state.

mod load;
mod open;
mod relog;
mod replay;
mod settle;
mod source;

use std::fmt;
use std::io;

use esker_env::Files;
use esker_format::native::audit::{self, Report, Tail};
use esker_format::verdict::{Severity, Verdict};
use esker_format::{Lsn, names};
use esker_keyspace::Keyspace;

pub use load::{Inline, Workers};
pub(crate) use open::TIMELINES_MAX;

use crate::options::Options;
use crate::persist::Persist;
use crate::{Now, SEGMENT_BYTES_MIN};

/// What recovery found and did.
#[derive(Clone, Debug)]
pub struct RecoveryReport {
    /// The directory was empty: a dataset was born.
    pub born: bool,
    /// Keys read from the snapshot.
    pub snapshot_keys: u64,
    /// Payload bytes replayed from the log.
    pub replayed_bytes: u64,
    /// Where the log ends, and a new segment begins.
    pub end_lsn: Lsn,
    /// A torn tail was cut.
    pub cut: Option<CutTail>,
    /// The log was closed in order.
    pub clean: bool,
    /// A new timeline began, because it cannot be proven that nothing is missing.
    pub new_timeline: bool,
    pub timeline: u32,
    /// Everything that the audit remarked.
    pub verdicts: Vec<Verdict>,
}

/// A tail that nobody was promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutTail {
    pub segment: u64,
    pub offset: u64,
    pub lsn: Lsn,
    /// Bytes that are not zero.
    pub bytes: u64,
    /// Where they were copied.
    pub copies: Vec<String>,
}

/// Why a directory was not opened. Nothing in it was changed, unless it says `Settling`.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has it.
    Locked,
    /// Something that was promised is damaged or missing.
    Damaged(Vec<Verdict>),
    /// The tail is torn and the options forbid to cut it.
    TornTail(Vec<Verdict>),
    /// The dataset has more databases than the options.
    TooFewDatabases {
        needed: u32,
    },
    BadOptions(&'static str),
    /// Reading failed.
    Io(io::Error),
    /// Writing failed while the end was settled; opening again is safe.
    Settling(io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Locked => f.write_str("the data directory is in use by another process"),
            OpenError::Damaged(verdicts) | OpenError::TornTail(verdicts) => {
                let bad = verdicts
                    .iter()
                    .filter(|verdict| verdict.severity > Severity::Note);
                f.write_str("the data directory is damaged; run aof-check on it")?;
                bad.take(8).try_for_each(|verdict| write!(f, "; {verdict}"))
            }
            OpenError::TooFewDatabases { needed } => {
                write!(f, "the dataset needs {needed} databases")
            }
            OpenError::BadOptions(what) => f.write_str(what),
            OpenError::Io(error) => write!(f, "reading the data directory failed: {error}"),
            OpenError::Settling(error) => {
                write!(f, "writing to the data directory failed: {error}")
            }
        }
    }
}

impl std::error::Error for OpenError {}

/// Opens a directory. `keyspace` says what the keyspace shall be like; its hash seed, log state and next LSN are replaced
/// by what the directory says. `seed` is drawn from once for every identity that is created.
pub(crate) fn open<F: Files>(
    files: F,
    options: Options,
    keyspace: esker_keyspace::Options,
    workers: &dyn Workers,
    seed: u64,
    now: Now,
) -> Result<(Persist<F>, Keyspace, RecoveryReport), OpenError> {
    if options.segment_bytes < SEGMENT_BYTES_MIN {
        return Err(OpenError::BadOptions("the segment size is too small"));
    }
    let lock = match files.lock() {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(OpenError::Locked),
        Err(error) => return Err(OpenError::Io(error)),
    };
    let (report, loader) = judge(&files, &options, keyspace, workers)?;
    let next_number = report
        .manifest
        .as_ref()
        .map_or(1, |manifest| manifest.next_number);
    let number = next_number.max(report.highest_number + 1);
    let settled = settle::settle(
        &files,
        &report,
        loader.places(),
        number,
        trust(&options),
        now,
    );
    let settled = settled.map_err(OpenError::Settling)?;
    let (keyspace, snapshot_keys, replayed_bytes) = loader.finish();
    let found = open::Found {
        report,
        settled,
        next_number: number,
        seed,
        snapshot_keys,
        replayed_bytes,
    };
    open::open_log(files, lock, options, keyspace, found, now).map_err(OpenError::Settling)
}

#[cfg(not(feature = "sim"))]
fn trust(_options: &Options) -> settle::Trust {
    settle::Trust::Proof
}

#[cfg(feature = "sim")]
fn trust(options: &Options) -> settle::Trust {
    match options.fault {
        crate::PlantedFault::RecoveryTrustsCache => settle::Trust::Cache,
        crate::PlantedFault::RecoveryTrustsOldSyncs => settle::Trust::OldSyncs,
        _ => settle::Trust::Proof,
    }
}

fn judge<'a, F: Files>(
    files: &F,
    options: &Options,
    keyspace: esker_keyspace::Options,
    workers: &'a dyn Workers,
) -> Result<(Report, load::Loader<'a>), OpenError> {
    let source = source::Directory::new(files.clone());
    #[cfg(feature = "sim")]
    let source = source.with_fault(options.fault);
    let mut loader = load::Loader::new(keyspace, workers);
    let look = audit::Options {
        snapshot_blocks: false,
        key_hash: None,
        retained: false,
        keep_going: false,
    };
    let report = audit::audit(&source, look, &mut loader).map_err(OpenError::Io)?;
    if let Some(needed) = loader.databases_needed() {
        return Err(OpenError::TooFewDatabases { needed });
    }
    if !report.sound() {
        return Err(OpenError::Damaged(report.verdicts));
    }
    if !options.cut_torn_tail && matches!(report.tail, Tail::Torn { .. }) {
        return Err(OpenError::TornTail(report.verdicts));
    }
    Ok((report, loader))
}

/// The name under which the cut end of a file is kept.
fn copy_name(file: &str, lsn: Lsn, now: Now) -> String {
    format!("cut-{file}-at-{lsn}-{}", now.wall)
}

fn is_copy(name: &str) -> bool {
    name.starts_with("cut-log-")
}

fn segments_in<F: Files>(files: &F) -> io::Result<Vec<u64>> {
    let numbers = files
        .list()?
        .into_iter()
        .filter_map(|name| match names::parse(&name) {
            names::FileName::Segment(number) => Some(number),
            _ => None,
        });
    Ok(numbers.collect())
}
