//! `aof-rewrite`: compacts a data directory offline, or restores a point in time into another one.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use esker_env::Files;
use esker_env::real::files::RealFiles;
use esker_env::real::{RealClock, entropy_seed};
use esker_format::native::manifest::{LogState, Manifest, Reason};
use esker_format::verdict::Severity;
use esker_format::{Lsn, UnixMs, names};
use esker_persist::offline::{self, Dataset, History, Rebuilt, Request, Until, Written};
use esker_tools::directory::Directory;
use esker_tools::progress::Progress;
use esker_tools::report::{self, EXIT_CODES, Outcome, Output};
use esker_tools::{repair, when};
use serde_json::json;

/// Compacts a data directory offline: the end state goes into a new snapshot, and the files before it go. With
/// --output the source is not changed, and another directory is written.
///
/// A point in time (--to-time, --to-lsn, --before) is always written to --output. It can lie as far back as the log and
/// the retained snapshots reach. A unit of several effects is there as a whole or not at all. The result is the same
/// dataset on a new timeline.
#[derive(Parser)]
#[command(version, after_help = format!(
    "Examples:\n  aof-rewrite data\n  aof-rewrite data --output copy\n  \
     aof-rewrite data --to-time 2026-01-31T12:00:00Z --output restored\n  \
     rdb-inspect data log --effect 'FLUSH*'    (finds the LSN of an accident)\n  \
     aof-rewrite data --before 123456 --output restored\n\n{EXIT_CODES}"
))]
struct Args {
    /// The data directory: the one that holds MANIFEST.
    dir: PathBuf,
    /// Write here and leave DIR alone. Must be empty or absent.
    #[arg(long, value_name = "OUT_DIR")]
    output: Option<PathBuf>,
    /// Everything that was written at that time or before: RFC 3339, or Unix time in seconds or milliseconds.
    #[arg(long, value_name = "TIME", value_parser = when::parse, requires = "output", group = "point")]
    to_time: Option<UnixMs>,
    /// Everything below that position. A unit that goes beyond it is left out.
    #[arg(long, value_name = "LSN", requires = "output", group = "point")]
    to_lsn: Option<u64>,
    /// Everything before the unit that is at that position.
    #[arg(long, value_name = "LSN", requires = "output", group = "point")]
    before: Option<u64>,
    /// Compact although older snapshots are retained: they go, and with them the way to points in the past.
    #[arg(long)]
    drop_history: bool,
    /// Store snapshot blocks as they are.
    #[arg(long)]
    no_compression: bool,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

impl Args {
    fn until(&self) -> Until {
        match (self.to_time, self.to_lsn.or(self.before)) {
            (Some(time), _) => Until::Time(time),
            (None, Some(lsn)) => Until::Lsn(Lsn(lsn)),
            (None, None) => Until::End,
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    report::finish("aof-rewrite", &args.dir.display().to_string(), run(&args))
}

fn run(args: &Args) -> io::Result<Outcome> {
    match &args.output {
        Some(target) => restore(args, target),
        None => compact(args),
    }
}

/// Ends the tool with words about why nothing was done.
fn refuse(outcome: Outcome, why: impl std::fmt::Display) -> io::Result<Outcome> {
    use std::io::Write;
    writeln!(io::stderr(), "aof-rewrite: {why}")?;
    Ok(outcome)
}

fn compact(args: &Args) -> io::Result<Outcome> {
    let (files, lock) = repair::lock(&args.dir)?;
    let directory = Directory::unlocked(&args.dir);
    let progress = Progress::new(directory.bytes()?, args.json);
    let before = directory.bytes()?;
    let rebuilt = rebuild(&directory, Until::End, &progress)?;
    let Some(manifest) = rebuilt.report.manifest.clone() else {
        return refuse_damaged(&rebuilt);
    };
    if rebuilt.damaged || repair::is_torn(&rebuilt.report) {
        return refuse_damaged(&rebuilt);
    }
    if !manifest.retained.is_empty() && !args.drop_history {
        return refuse(
            Outcome::Usage,
            "older snapshots are retained for point-in-time recovery; --drop-history lets them go",
        );
    }
    let fork = (!rebuilt.report.proven_complete() && manifest.log == LogState::On)
        .then_some(Reason::UncleanRecovery);
    let dataset = dataset(rebuilt, manifest, fork);
    let written = write(args, files, lock, dataset, &progress)?;
    progress.finish();
    tell(
        args,
        &args.dir,
        &written,
        Some((before, directory.bytes()?)),
    )?;
    Ok(Outcome::Sound)
}

fn restore(args: &Args, target: &Path) -> io::Result<Outcome> {
    let source = Directory::open(&args.dir)?;
    if target.is_dir() && target.read_dir()?.next().is_some() {
        return refuse(
            Outcome::Usage,
            format_args!("{} is not empty", target.display()),
        );
    }
    let Some(manifest) = source.manifest()? else {
        let found = rebuild(&source, Until::End, &Progress::new(0, true))?;
        return refuse_damaged(&found);
    };
    let until = args.until();
    let history = match History::to(&source, &manifest, until) {
        Ok(history) => history,
        Err(error) => return refuse(Outcome::Problems, error),
    };
    let progress = Progress::new(source.bytes()?, args.json);
    let rebuilt = rebuild(&history, until, &progress)?;
    if rebuilt.damaged {
        return refuse_damaged(&rebuilt);
    }
    let end = rebuilt.report.end.lsn;
    let beyond = |lsn: u64, at_end: bool| end < Lsn(lsn) || (at_end && end == Lsn(lsn));
    if args.to_lsn.is_some_and(|lsn| beyond(lsn, false))
        || args.before.is_some_and(|lsn| beyond(lsn, true))
    {
        return refuse(Outcome::Problems, format_args!("the log ends at LSN {end}"));
    }
    let files = RealFiles::open(target)?;
    let lock = files.lock()?;
    let dataset = dataset(rebuilt, manifest, Some(Reason::Operator));
    let written = write(args, files, lock, dataset, &progress)?;
    progress.finish();
    // Of interest only while the directory was not complete.
    std::fs::remove_file(target.join(names::MANIFEST_PREV))?;
    tell(args, target, &written, None)?;
    Ok(Outcome::Sound)
}

fn rebuild(
    source: &impl esker_format::native::audit::Source,
    until: Until,
    progress: &Progress,
) -> io::Result<Rebuilt> {
    let request = Request {
        until,
        skip_damaged: false,
        parse_only: false,
        audit: repair::closely(false),
    };
    let rebuilt = offline::rebuild(source, request, &mut |bytes| progress.examined(bytes))?;
    if rebuilt.report.fresh {
        let what = "there is no dataset here";
        return Err(io::Error::new(io::ErrorKind::NotFound, what));
    }
    Ok(rebuilt)
}

fn refuse_damaged(rebuilt: &Rebuilt) -> io::Result<Outcome> {
    for verdict in &rebuilt.report.verdicts {
        if verdict.severity > Severity::Note {
            refuse(Outcome::Problems, verdict)?;
        }
    }
    refuse(
        Outcome::Problems,
        "nothing was written; aof-check --repair comes first",
    )
}

fn dataset(rebuilt: Rebuilt, manifest: Manifest, fork: Option<Reason>) -> Dataset {
    // What happened behind the point belongs to another future.
    let mut ancestor = manifest;
    ancestor.gaps.retain(|gap| gap.to <= rebuilt.point.lsn);
    Dataset {
        point: rebuilt.point,
        log: ancestor.log == LogState::On,
        fork,
        gap_from: None,
        next_number: ancestor.next_number.max(rebuilt.report.highest_number + 1),
        keyspace: rebuilt.keyspace,
        ancestor,
    }
}

fn write<F: Files>(
    args: &Args,
    files: F,
    lock: F::Lock,
    dataset: Dataset,
    progress: &Progress,
) -> io::Result<Written> {
    let options = esker_persist::Options {
        compress: !args.no_compression,
        ..repair::options(Some(&dataset.ancestor))
    };
    let mut show = |keys, of| progress.written(keys, of);
    offline::write(
        files,
        lock,
        dataset,
        options,
        &RealClock::new(),
        entropy_seed(),
        &mut show,
    )
}

fn tell(
    args: &Args,
    target: &Path,
    written: &Written,
    bytes: Option<(u64, u64)>,
) -> io::Result<()> {
    let mut output = Output::default();
    let snapshot = &written.snapshot;
    if args.json {
        output.line(json!({
            "dir": target.display().to_string(),
            "lsn": snapshot.cut_lsn.0,
            "keys": snapshot.keys,
            "snapshot": snapshot.number,
            "snapshot_bytes": snapshot.bytes,
            "timeline": written.manifest.timeline().map(|timeline| timeline.id),
            "removed": written.removed,
            "bytes_before": bytes.map(|(before, _)| before),
            "bytes_after": bytes.map(|(_, after)| after),
        }))?;
        return output.finish();
    }
    output.line(format_args!(
        "{}: {} keys up to LSN {} in snapshot {} of {} bytes",
        target.display(),
        snapshot.keys,
        snapshot.cut_lsn,
        snapshot.number,
        snapshot.bytes
    ))?;
    if let Some((before, after)) = bytes {
        let files = written.removed.len();
        output.line(format_args!(
            "{files} files removed; {before} bytes before, {after} after"
        ))?;
    }
    output.finish()
}
