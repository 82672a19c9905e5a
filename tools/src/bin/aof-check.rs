//! `aof-check`: the verdict on a data directory that recovery will give, before it gives it; and repair.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use esker_format::verdict::Severity;
use esker_persist::offline::{self, Rebuilt, Request, Until};
use esker_tools::audit_words::{self, Tool};
use esker_tools::directory::Directory;
use esker_tools::losses;
use esker_tools::progress::Progress;
use esker_tools::repair::{self, Repaired};
use esker_tools::report::{self, EXIT_CODES, Outcome, Output};
use serde_json::{Value, json};

/// Audits manifest, snapshot, segments and LSN continuity of a data directory exactly as recovery will, and replays
/// every effect in memory. Changes nothing without --repair. A directory that a running store uses is refused.
///
/// --repair cuts a torn tail as recovery would, and keeps a copy. With --skip-damaged it also leaves out what is
/// damaged, and no more: everything else goes into a new snapshot, what was lost is listed, and the files as they were
/// stay in a directory damaged-TIME beside it. If the manifest cannot be read, the newest sound snapshot and the log
/// behind it are taken for the dataset; if the log was switched off since, changes are missing that nothing tells of. After a repair the exit code is 0 if the directory is sound.
#[derive(Parser)]
#[command(version, after_help = format!(
    "Examples:\n  aof-check /var/lib/esker/appendonlydir\n  aof-check --quick --json data | jq .verdicts\n  \
     aof-check --repair data\n  aof-check --repair --skip-damaged --json data > lost.json\n\n{EXIT_CODES}"
))]
struct Args {
    /// The data directory: the one that holds MANIFEST.
    dir: PathBuf,
    /// Check only header and index of the snapshot, not its blocks, and replay nothing.
    #[arg(long, conflicts_with = "repair")]
    quick: bool,
    /// Parse effects but do not replay them: needs little memory.
    #[arg(long, conflicts_with = "repair")]
    no_replay: bool,
    /// Cut a torn tail, keeping a copy.
    #[arg(long)]
    repair: bool,
    /// Leave out what is damaged, list it, and keep all the rest.
    #[arg(long, requires = "repair")]
    skip_damaged: bool,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    report::finish("aof-check", &args.dir.display().to_string(), run(&args))
}

fn run(args: &Args) -> io::Result<Outcome> {
    let mut output = Output::default();
    let outcome = if args.repair {
        check_and_repair(args, &mut output)?
    } else {
        let directory = Directory::open(&args.dir)?;
        let found = examine(args, &directory)?;
        let told = tell(args, &found, None, &mut output);
        told.map(|()| verdict(&found))?
    };
    output.finish()?;
    Ok(outcome)
}

fn examine(args: &Args, directory: &Directory) -> io::Result<Rebuilt> {
    let progress = Progress::new(directory.bytes()?, args.json);
    let mut closely = repair::closely(true);
    closely.snapshot_blocks = !args.quick;
    closely.retained = true;
    let request = Request {
        until: Until::End,
        skip_damaged: false,
        parse_only: args.quick || args.no_replay,
        audit: closely,
    };
    let found = offline::rebuild(directory, request, &mut |bytes| progress.examined(bytes))?;
    progress.finish();
    if found.report.fresh {
        let what = "there is no dataset here";
        return Err(io::Error::new(io::ErrorKind::NotFound, what));
    }
    Ok(found)
}

fn verdict(found: &Rebuilt) -> Outcome {
    let worst = found.report.verdicts.iter().map(|verdict| verdict.severity);
    if worst.max() > Some(Severity::Note) {
        Outcome::Problems
    } else {
        Outcome::Sound
    }
}

/// What a repair did.
enum Done {
    /// There was nothing to repair.
    Nothing,
    /// A torn tail was cut; the names of the copies.
    Cut(Vec<String>),
    /// Damage was left out.
    Skipped(Box<Repaired>),
    /// Nothing was done, and why.
    Refused(&'static str),
}

fn check_and_repair(args: &Args, output: &mut Output) -> io::Result<Outcome> {
    let locked = repair::lock(&args.dir)?;
    let directory = Directory::unlocked(&args.dir);
    let found = examine(args, &directory)?;
    let report = &found.report;
    let done = if repair::is_torn(report) {
        let (files, lock) = locked;
        // Recovery locks for itself; whoever comes in between makes it refuse, and then nothing is done.
        drop(lock);
        let databases = found.keyspace.databases();
        Done::Cut(
            repair::cut(files, report.manifest.as_ref(), databases)?
                .cut
                .map_or_else(Vec::new, |cut| cut.copies),
        )
    } else if report.sound() {
        Done::Nothing
    } else if report.needs_newer {
        Done::Refused("a newer program is needed to read it, so it is left alone")
    } else if !args.skip_damaged {
        Done::Refused("--skip-damaged would leave out what is damaged and keep all the rest")
    } else {
        let progress = Progress::new(directory.bytes()?, args.json);
        let repaired = repair::skip_damaged(&args.dir, locked, &progress)?;
        progress.finish();
        Done::Skipped(Box::new(repaired))
    };
    let after = match &done {
        Done::Cut(_) | Done::Skipped(_) => examine(args, &Directory::open(&args.dir)?)?,
        Done::Nothing => return tell(args, &found, None, output).map(|()| Outcome::Sound),
        Done::Refused(_) => {
            return tell(args, &found, Some((&done, None)), output).map(|()| Outcome::Problems);
        }
    };
    tell(args, &found, Some((&done, Some(&after))), output)?;
    Ok(verdict(&after))
}

/// Says what was found, and what was done about it with the outcome.
fn tell(
    args: &Args,
    found: &Rebuilt,
    done: Option<(&Done, Option<&Rebuilt>)>,
    output: &mut Output,
) -> io::Result<()> {
    if args.json {
        let mut value = audit_words::in_json(&found.report, found.effects);
        // What a repair really lost is known better than what the check saw.
        value["losses"] = match done {
            Some((Done::Skipped(repaired), _)) => losses::in_json(&repaired.losses),
            _ => losses::in_json(&found.losses),
        };
        if let Some((done, after)) = done {
            value["repair"] = done_json(done);
            value["after"] = after.map_or(Value::Null, |after| {
                audit_words::in_json(&after.report, after.effects)
            });
        }
        return output.line(value);
    }
    audit_words::in_words(Tool::Check, output, &found.report, found.effects)?;
    match done {
        Some((Done::Skipped(repaired), _)) => losses::in_words(&repaired.losses, output)?,
        _ => losses::in_words(&found.losses, output)?,
    }
    let Some((done, after)) = done else {
        return Ok(());
    };
    done_words(done, output)?;
    match after {
        Some(after) => audit_words::in_words(Tool::Repair, output, &after.report, after.effects),
        None => Ok(()),
    }
}

fn done_words(done: &Done, output: &mut Output) -> io::Result<()> {
    match done {
        Done::Nothing => output.line("nothing to repair"),
        Done::Cut(copies) if copies.is_empty() => output.line("repaired: the tail was cut"),
        Done::Cut(copies) => output.line(format_args!(
            "repaired: the tail was cut; what was cut is in {}",
            copies.join(", ")
        )),
        Done::Skipped(repaired) => output.line(format_args!(
            "repaired: {} keys are in a new snapshot; the files as they were are in {}: {}",
            repaired.keys,
            repaired.kept,
            repaired.files.join(", ")
        )),
        Done::Refused(why) => output.line(format_args!("not repaired: {why}")),
    }
}

fn done_json(done: &Done) -> Value {
    match done {
        Done::Nothing => json!({ "done": "nothing" }),
        Done::Cut(copies) => json!({ "done": "cut", "copies": copies }),
        Done::Skipped(repaired) => json!({
            "done": "skipped", "keys": repaired.keys, "kept": repaired.kept, "files": repaired.files,
        }),
        Done::Refused(why) => json!({ "done": "refused", "why": why }),
    }
}
