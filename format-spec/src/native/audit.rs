//! The one judgement on a data directory, used by recovery and by the offline checker.
//!
//! The audit goes manifest → snapshot → segments → tail, in one pass, and hands what it has judged to a
//! [`Visitor`]: recovery applies it, the checker only parses it. It modifies nothing.
//!
//! Torn or corrupt? A place in the log that should hold a frame and does not is *corrupt* if anything that
//! was written later says that this position was durable: a frame or marker, a segment header, the
//! manifest. Otherwise nobody was ever promised it, and it is a *torn* tail. Nothing else counts as proof,
//! and in particular not the look of the bytes. The rules and their crash analysis are in
//! `format-spec/native/segment.md`.

mod chain;
mod directory;
mod evidence;
mod snapshots;
mod walk;

use std::io;

use crate::cursor::Fault;
use crate::native::manifest::{LogState, Manifest};
use crate::native::segment::Previous;
use crate::native::snapshot::SnapshotIndex;
use crate::verdict::{Severity, Verdict};
use crate::{Lsn, UnixMs, names};

pub use snapshots::check_block;
pub(crate) use snapshots::check_entries;

use directory::Directory;
use walk::Walk;

/// Read-only access to a data directory.
pub trait Source {
    /// The content of a file: a mapping, or bytes that were read.
    type Bytes: AsRef<[u8]>;
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// The whole content of a file. A missing file is [`io::ErrorKind::NotFound`].
    fn read(&self, name: &str) -> io::Result<Self::Bytes>;
    /// The first `count` bytes of a file, or all if it is shorter.
    fn head(&self, name: &str, count: usize) -> io::Result<Vec<u8>> {
        let bytes = self.read(name)?;
        let bytes = bytes.as_ref();
        Ok(bytes.get(..count).unwrap_or(bytes).to_vec())
    }
}

/// Payload that the audit has found valid, in the order of the log: whole units, contiguous.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The segment it is in; for a unit in fragments, that of the last one.
    pub segment: u64,
    /// Where its (last) frame starts in that segment.
    pub offset: u64,
    /// The database in which it starts.
    pub db: u32,
    /// Position of its first byte.
    pub first_lsn: Lsn,
    /// Sequence number of its (last) frame.
    pub sequence: u64,
    /// The replication offset that is reached when it has been applied.
    pub replication_offset: u64,
    /// When its last frame was built.
    pub time: UnixMs,
    /// Whether it is for the replication stream only; recovery skips it.
    pub stream_only: bool,
    /// The units.
    pub payload: &'a [u8],
}

impl Run<'_> {
    /// Position behind its last byte.
    pub fn end_lsn(&self) -> Lsn {
        self.first_lsn.advance(self.payload.len() as u64)
    }
}

/// What is done with what the audit finds. Called in the order manifest, snapshot, runs.
pub trait Visitor {
    /// The manifest is valid.
    fn manifest(&mut self, _manifest: &Manifest) {}
    /// The snapshot that the manifest names has a valid header, index and footer. `file` is its content. An
    /// error names the offset of what is damaged.
    fn snapshot(&mut self, _index: &SnapshotIndex, _file: &[u8]) -> Result<(), (u64, Fault)> {
        Ok(())
    }
    /// So many bytes of files have been examined since the last call: for those who show progress.
    fn examined(&mut self, _bytes: u64) {}
    /// Payload behind the cut of the snapshot. An error says what in it does not make sense; that is
    /// corruption, because its checksum is right.
    fn run(&mut self, _run: &Run<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// The key hash of the snapshots: seed and key to hash.
pub type KeyHash = fn(u64, &[u8]) -> u64;

/// How closely to look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Check and parse every block of the snapshot; otherwise its header, index and footer only.
    pub snapshot_blocks: bool,
    /// With `snapshot_blocks`: check that every key's hash is in the range of its block.
    pub key_hash: Option<KeyHash>,
    /// Check the segments and snapshots that are retained for point-in-time recovery, too.
    pub retained: bool,
    /// Go on behind damage, as far as valid frames can be found: for the checker and for repair. Recovery
    /// does not: without this nothing is visited behind the first finding that is corrupt.
    pub keep_going: bool,
}

/// How the log ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// There is no log to replay.
    NoLog,
    /// Provably complete: an orderly shutdown is marked here, or the manifest says that the log ends here.
    Clean,
    /// Nothing follows the last frame. Nothing shows that something is missing; nothing proves the contrary.
    Open,
    /// What follows the last complete unit is not valid, and nobody was promised it.
    Torn {
        /// The segment.
        segment: u64,
        /// Where in it the first byte that does not count stands.
        offset: u64,
        /// How many bytes are cut off, in this and later segments, up to the last that is not zero.
        bytes: u64,
    },
    /// Something that was promised is damaged or missing from `End` on.
    Damaged,
}

/// Where the log ends: what recovery continues from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Position behind the last complete unit.
    pub lsn: Lsn,
    /// Sequence number of the last frame that counts.
    pub sequence: u64,
    /// Replication offset at `lsn`.
    pub replication_offset: u64,
    /// Time of the last frame that counts, or of the cut.
    pub time: UnixMs,
    /// The last segment that counts and where it ends: what a new segment's header names as its predecessor.
    pub segment: Option<Previous>,
}

/// What the audit found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The manifest; `None` for a directory without a dataset, and if it is unreadable.
    pub manifest: Option<Manifest>,
    /// Whether the directory holds no dataset at all: nothing but temporary and foreign files.
    pub fresh: bool,
    /// Whether something in it can be read only by a newer program. Then it is to be left alone, and not to be repaired.
    pub needs_newer: bool,
    /// All findings, in the order of the audit.
    pub verdicts: Vec<Verdict>,
    /// Where the log ends.
    pub end: End,
    /// How it ends.
    pub tail: Tail,
    /// The highest position that anything in the directory says was durable.
    pub durable_claim: Lsn,
    /// The segments that make up the log from the cut on, in order.
    pub segments: Vec<u64>,
    /// Files of ours that belong neither to the dataset nor to what is retained. They may be removed, not
    /// recycled, once a manifest is durable that was written after this audit.
    pub orphans: Vec<String>,
    /// The highest number of any segment or snapshot file, valid or not, finished or not, and of any that the
    /// manifest names.
    pub highest_number: u64,
    /// How many runs were visited.
    pub runs: u64,
    /// Their payload bytes.
    pub payload_bytes: u64,
}

impl Report {
    /// Whether recovery may start: nothing that was promised is damaged or missing.
    pub fn sound(&self) -> bool {
        self.verdicts
            .iter()
            .all(|verdict| verdict.severity < Severity::Corrupt)
    }

    /// Whether the end of the log is proven to be all that there ever was.
    pub fn proven_complete(&self) -> bool {
        matches!(self.tail, Tail::Clean)
    }

    fn empty(directory: &Directory) -> Report {
        Report {
            manifest: None,
            fresh: false,
            needs_newer: false,
            verdicts: Vec::new(),
            end: End::default(),
            tail: Tail::NoLog,
            durable_claim: Lsn::ZERO,
            segments: Vec::new(),
            orphans: directory.temporaries.clone(),
            highest_number: directory.highest_number(),
            runs: 0,
            payload_bytes: 0,
        }
    }
}

/// Judges the directory behind `source`. Fails only if `source` does.
pub fn audit<S: Source>(
    source: &S,
    options: Options,
    visitor: &mut dyn Visitor,
) -> io::Result<Report> {
    let directory = Directory::list(source)?;
    let mut report = Report::empty(&directory);
    let Some(manifest) = find_manifest(source, &directory, &mut report)? else {
        return Ok(report);
    };
    visitor.manifest(&manifest);
    report.highest_number = report
        .highest_number
        .max(manifest.next_number.saturating_sub(1));
    report.end = End {
        lsn: manifest.cut_lsn(),
        ..End::default()
    };
    if let Some(timeline) = manifest.timeline() {
        report.end.replication_offset = timeline.replication_offset;
    }

    snapshots::audit_current(source, &manifest, options, visitor, &mut report)?;
    if report.sound() || options.keep_going {
        walk_log(source, &directory, &manifest, options, visitor, &mut report)?;
    }
    if options.retained {
        snapshots::audit_retained(source, &manifest, options, visitor, &mut report)?;
        walk::audit_retained(source, &directory, &manifest, &mut report)?;
    }
    report
        .orphans
        .extend(directory.orphans(&manifest, &report.segments));
    report.manifest = Some(manifest);
    Ok(report)
}

fn find_manifest<S: Source>(
    source: &S,
    directory: &Directory,
    report: &mut Report,
) -> io::Result<Option<Manifest>> {
    let fault = match source.read(names::MANIFEST) {
        Ok(bytes) => match Manifest::decode(bytes.as_ref()) {
            Ok(decoded) => {
                if let Some(offset) = decoded.damaged {
                    let what = "one of the two copies of the manifest is damaged; the other counts";
                    report.verdicts.push(finding(
                        names::MANIFEST,
                        offset,
                        None,
                        Severity::Note,
                        what,
                    ));
                }
                return Ok(Some(decoded.manifest));
            }
            Err(fault) => {
                report.needs_newer |= fault.needs_newer();
                fault.to_string()
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if directory.holds_no_dataset() {
                report.fresh = true;
                return Ok(None);
            }
            "the manifest is missing, but there are files of a dataset".to_owned()
        }
        Err(error) => return Err(error),
    };
    let what = fault + &previous_manifest(source)?;
    report
        .verdicts
        .push(finding(names::MANIFEST, 0, None, Severity::Corrupt, &what));
    Ok(None)
}

/// What the previous manifest could offer an operator. Going back to it is never automatic: what was
/// committed since cannot be known.
fn previous_manifest<S: Source>(source: &S) -> io::Result<String> {
    match source.read(names::MANIFEST_PREV) {
        Ok(bytes) => Ok(match Manifest::decode(bytes.as_ref()) {
            Ok(decoded) => format!(
                "; {} is generation {} of {}, and may be out of date",
                names::MANIFEST_PREV,
                decoded.manifest.generation,
                decoded.manifest.written
            ),
            Err(fault) => format!("; {} is unreadable as well ({fault})", names::MANIFEST_PREV),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn walk_log<S: Source>(
    source: &S,
    directory: &Directory,
    manifest: &Manifest,
    options: Options,
    visitor: &mut dyn Visitor,
    report: &mut Report,
) -> io::Result<()> {
    report.durable_claim = manifest.durable_lsn.max(manifest.cut_lsn());
    if manifest.first_segment == 0 {
        let missing = match manifest.log {
            LogState::On => true,
            LogState::Off { end } | LogState::Starting { end } => end > manifest.cut_lsn(),
        };
        if missing {
            let what = "the manifest names no segment, but there must be a log";
            report
                .verdicts
                .push(finding(names::MANIFEST, 0, None, Severity::Corrupt, what));
        }
        return Ok(());
    }
    Walk::new(source, directory, manifest, options, visitor, report)?.run()
}

fn finding(file: &str, offset: u64, lsn: Option<Lsn>, severity: Severity, what: &str) -> Verdict {
    Verdict {
        file: file.to_owned(),
        offset,
        lsn,
        severity,
        what: what.to_owned(),
    }
}
