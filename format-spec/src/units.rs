//! Reading a log payload: effects in order, each with its database, and where units begin and end.
//!
//! A unit is what happens all or not at all: a single effect, or the effects between `MULTI` and `EXEC`.
//! A payload is a whole number of units. `SELECT` holds until the next one, across units; the payload
//! starts in the database that its frame header names.

use crate::cursor::Fault;
use crate::record::{EXEC, Effect, Item};

/// One effect in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The database that the effect is about.
    pub db: u32,
    /// The change.
    pub effect: Effect<'a>,
    /// Offset in the payload of the first byte of the unit (its `MULTI`, `SELECT` or effect).
    pub unit_start: usize,
    /// Offset in the payload behind the effect; behind `EXEC` if it is the last of a unit.
    pub end: usize,
    /// Whether this is the first effect of its unit.
    pub begins_unit: bool,
    /// Whether this is the last effect of its unit.
    pub ends_unit: bool,
}

/// Reads the records of one payload.
#[derive(Clone, Debug)]
pub struct UnitReader<'a> {
    payload: &'a [u8],
    at: usize,
    db: u32,
    unit_start: usize,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Between units.
    None,
    /// Behind `MULTI`, before the first effect.
    Opened,
    /// Behind an effect, before `EXEC`.
    Running,
}

impl<'a> UnitReader<'a> {
    /// A reader of `payload`, which starts in database `db`.
    pub fn new(payload: &'a [u8], db: u32) -> UnitReader<'a> {
        UnitReader {
            payload,
            at: 0,
            db,
            unit_start: 0,
            unit: Unit::None,
        }
    }

    /// The current database.
    pub fn db(&self) -> u32 {
        self.db
    }

    /// How far the payload has been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next record, or `None` at a proper end. An error leaves [`UnitReader::position`] at its place.
    pub fn next_record(&mut self) -> Result<Option<Record<'a>>, Fault> {
        if self.unit == Unit::None {
            self.unit_start = self.at;
        }
        loop {
            let rest = self.payload.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                return if self.unit == Unit::None && self.unit_start == self.at {
                    Ok(None)
                } else {
                    Err(Fault::Invalid("the payload ends inside a unit"))
                };
            }
            let (item, length) = Item::decode(rest)?;
            match item {
                Item::Select(db) => self.db = db,
                Item::Multi if self.unit == Unit::None => self.unit = Unit::Opened,
                Item::Multi => return Err(Fault::Invalid("MULTI inside a unit")),
                Item::Exec => return Err(Fault::Invalid("EXEC without an effect before it")),
                Item::Effect(effect) => return Ok(Some(self.record(effect, length))),
            }
            self.at += length;
        }
    }

    fn record(&mut self, effect: Effect<'a>, length: usize) -> Record<'a> {
        self.at += length;
        let begins_unit = self.unit != Unit::Running;
        let ends_unit = match self.unit {
            Unit::None => true,
            Unit::Opened | Unit::Running => {
                let closed = self
                    .payload
                    .get(self.at..)
                    .is_some_and(|rest| rest.starts_with(EXEC));
                if closed {
                    self.at += EXEC.len();
                }
                closed
            }
        };
        self.unit = if ends_unit { Unit::None } else { Unit::Running };
        Record {
            db: self.db,
            effect,
            unit_start: self.unit_start,
            end: self.at,
            begins_unit,
            ends_unit,
        }
    }
}

impl<'a> Iterator for UnitReader<'a> {
    type Item = Result<Record<'a>, Fault>;

    /// As [`UnitReader::next_record`]; after an error the reader is at its end.
    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_record().transpose();
        if matches!(next, Some(Err(_))) {
            self.at = self.payload.len();
            self.unit = Unit::None;
        }
        next
    }
}
