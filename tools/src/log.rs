//! The log as a list of changes.

use std::io;
use std::path::Path;

use esker_format::UnixMs;
use esker_format::cursor::Fault;
use esker_format::native::audit::{self, Run, Visitor};
use esker_format::units::{Record, UnitReader};
use serde_json::json;

use crate::directory::Directory;
use crate::report::{Outcome, Output};
use crate::{pattern, when};

/// Which changes to list.
pub struct Filter<'a> {
    /// A pattern for the key.
    pub key: Option<&'a str>,
    /// A pattern for the name of the effect.
    pub effect: Option<&'a str>,
    /// The database.
    pub db: Option<u32>,
    /// Not earlier.
    pub since: Option<UnixMs>,
    /// Not later.
    pub until: Option<UnixMs>,
}

impl Filter<'_> {
    fn wants(&self, record: &Record<'_>, time: UnixMs) -> bool {
        let fits = |pattern: Option<&str>, text: &[u8]| {
            pattern.is_none_or(|pattern| pattern::fits(pattern.as_bytes(), text))
        };
        let key = record.effect.key();
        self.db.is_none_or(|db| db == record.db)
            && self.since.is_none_or(|since| since <= time)
            && self.until.is_none_or(|until| time <= until)
            && fits(self.effect, record.effect.name().as_bytes())
            && (self.key.is_none() || key.is_some_and(|key| fits(self.key, key)))
    }
}

/// Lists the log of a data directory up to its end, or to the first damage, which is then named.
pub fn list(path: &Path, filter: &Filter<'_>, json: bool) -> io::Result<Outcome> {
    let directory = Directory::open(path)?;
    let mut listing = Listing {
        filter,
        json,
        output: Output::default(),
        error: None,
    };
    let report = audit::audit(&directory, audit::Options::default(), &mut listing)?;
    if let Some(error) = listing.error {
        return Err(error);
    }
    listing.output.finish()?;
    if report.fresh {
        let what = "there is no dataset here";
        return Err(io::Error::new(io::ErrorKind::NotFound, what));
    }
    if report.sound() {
        return Ok(Outcome::Sound);
    }
    let mut err = io::stderr();
    for verdict in &report.verdicts {
        io::Write::write_fmt(&mut err, format_args!("rdb-inspect: {verdict}\n"))?;
    }
    Ok(Outcome::Problems)
}

struct Listing<'a> {
    filter: &'a Filter<'a>,
    json: bool,
    output: Output,
    error: Option<io::Error>,
}

impl Listing<'_> {
    fn show(&mut self, run: &Run<'_>, record: &Record<'_>) -> io::Result<()> {
        let lsn = run.first_lsn.advance(record.unit_start as u64);
        let (db, name) = (record.db, record.effect.name());
        let key = record
            .effect
            .key()
            .map(|key| key.escape_ascii().to_string());
        if self.json {
            return self.output.line(json!({
                "lsn": lsn.0, "time_ms": run.time.0, "db": db, "effect": name, "key": key,
                "segment": run.segment, "begins_unit": record.begins_unit,
            }));
        }
        let key = key.unwrap_or_default();
        let time = when::show(run.time);
        self.output
            .line(format_args!("LSN {lsn:<12} {time}  db {db}  {name} {key}"))
    }
}

impl Visitor for Listing<'_> {
    fn run(&mut self, run: &Run<'_>) -> Result<(), Fault> {
        if run.stream_only || self.error.is_some() {
            return Ok(());
        }
        for record in UnitReader::new(run.payload, run.db) {
            let record = record?;
            if self.filter.wants(&record, run.time)
                && let Err(error) = self.show(run, &record)
            {
                self.error = Some(error);
                return Ok(());
            }
        }
        Ok(())
    }
}
