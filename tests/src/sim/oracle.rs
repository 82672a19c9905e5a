//! The judge of a recovery.
//!
//! - What the auditor says before recovery is what recovery then does, and neither the auditor nor a refusal changes a
//!   byte.
//! - Without rot or read errors recovery starts.
//! - The state is that of the model after a whole number of units, at least as many as were promised for the way in
//!   which the life before ended. Where the log ends must be where those units end: the right state at a wrong
//!   position would go wrong later.
//! - With rot a promise may be broken, but only by refusing, or by what looks exactly like an end of the log that was
//!   never reached: the state is still one that once was.
//! - Everything the manifest names is there, and nothing else is.

use std::fmt;

use esker_env::Files;
use esker_env::sim::SimDisk;
use esker_format::Lsn;
use esker_format::names::{self, FileName};
use esker_format::native::audit::{self, Report, Run, Visitor};

use super::history::{Ending, History};
use super::image::Image;
use super::model::Model;

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `Err` with a text.
pub fn fail<T>(what: impl Into<String>) -> Result<T, Failure> {
    Err(Failure(what.into()))
}

/// Takes everything and keeps nothing.
struct Nothing;

impl Visitor for Nothing {
    fn run(&mut self, _run: &Run<'_>) -> Result<(), esker_format::cursor::Fault> {
        Ok(())
    }
}

/// The auditor's report on a disk; of what is only retained too, if asked for.
pub fn audit(disk: &SimDisk, retained: bool) -> Result<Report, Failure> {
    let before = disk.image_digest();
    let options = audit::Options {
        snapshot_blocks: true,
        key_hash: None,
        retained,
        keep_going: false,
    };
    let report = audit::audit(&Image(disk), options, &mut Nothing);
    if disk.image_digest() != before {
        return fail("the auditor changed the disk");
    }
    report.map_err(|error| Failure(format!("the auditor cannot read: {error}")))
}

/// What recovery brought back.
#[derive(Clone, Debug)]
pub struct Recovered {
    pub end: Lsn,
    pub state: Model,
    pub now: i64,
}

/// Finds the number of units that the recovered state holds, or says what is wrong with it.
pub fn judge(
    history: &History,
    recovered: &Recovered,
    ending: Ending,
    rotten: bool,
) -> Result<usize, Failure> {
    let promise = history.promise();
    let promised = match ending {
        _ if rotten => 0,
        Ending::PowerCut => promise.durable,
        Ending::ProcessDeath => promise.durable.max(promise.written),
        Ending::Shutdown => history.count(),
    };
    let counts = history.counts_at(recovered.end);
    let states = history.states(&counts);
    let found = counts
        .iter()
        .zip(&states)
        .rev()
        .find(|(_, state)| state.visible_at(recovered.now) == recovered.state);
    let Some((&count, _)) = found else {
        return fail(wrong_state(history, recovered, &counts, &states));
    };
    if count >= promised {
        return Ok(count);
    }
    fail(format!(
        "lost what was promised: {count} units are back (log end {}), {promised} were promised for {ending:?} (log end {})",
        recovered.end,
        history.end_of(promised)
    ))
}

fn wrong_state(
    history: &History,
    recovered: &Recovered,
    counts: &[usize],
    states: &[Model],
) -> String {
    let nearest = states.last().map(|state| state.visible_at(recovered.now));
    let difference = nearest
        .and_then(|state| state.difference(&recovered.state))
        .unwrap_or_default();
    let elsewhere = history.prefixes_like(&recovered.state, recovered.now);
    format!(
        "wrong state at log end {}: expected that after {counts:?} of {} units; model / store: {difference}; it is that after \
         {elsewhere:?}",
        recovered.end,
        history.count()
    )
}

/// The directory of a store that has just opened holds what its manifest names and what it works with, and nothing
/// else. `in_use` tells the numbers of the files that are the store's business.
pub fn check_files(disk: &SimDisk, in_use: impl Fn(FileName) -> bool) -> Result<(), Failure> {
    let Ok(files) = disk.list() else {
        return Ok(());
    };
    for name in files {
        if !in_use(names::parse(&name)) {
            return fail(format!("{name} belongs to nobody"));
        }
    }
    Ok(())
}
