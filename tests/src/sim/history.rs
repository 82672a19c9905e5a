//! What the clients asked for, what they were told, and what that promised.
//!
//! Units are counted, and a state of the store is named by the number of units in it. A promise is such a number: that
//! many units must be there again. Two promises are kept apart, because the two ways in which a life ends break
//! different ones: what was *written* must survive the death of the process, what was *durable* a power cut. A
//! restart keeps the promises of the life before until the new life gives better ones.

use esker_format::Lsn;
use esker_persist::SyncPolicy;

use super::command::Request;
use super::model::Model;

/// One executed request. One without commands stands for what the store did by itself, such as active expiry.
#[derive(Clone, Debug)]
pub struct Unit {
    pub request: Request,
    pub now: i64,
    /// The end of the log once the request is in it; as before when the log is off.
    pub end: Lsn,
    /// Whether the log was recording.
    pub logged: bool,
    pub policy: SyncPolicy,
    pub reply: Reply,
}

/// What the client of a unit has heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    Pending,
    /// Sent at once, because the log was not on: it promises nothing.
    Unpromised,
    Acknowledged,
    /// An error: nobody knows whether the change will be there again.
    Unknown,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    PowerCut,
    ProcessDeath,
    /// The server was told to end, and said that it did.
    Shutdown,
}

/// Numbers of units that must survive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promise {
    pub durable: usize,
    pub written: usize,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct History {
    base: Model,
    base_end: Lsn,
    units: Vec<Unit>,
    promise: Promise,
    /// The state after all units: what reads must answer.
    head: Model,
}

impl History {
    pub fn new(databases: u32) -> History {
        let base = Model::new(databases);
        let promise = Promise::default();
        History {
            head: base.clone(),
            base,
            base_end: Lsn(0),
            units: Vec::new(),
            promise,
        }
    }

    pub fn head(&self) -> &Model {
        &self.head
    }

    pub fn count(&self) -> usize {
        self.units.len()
    }

    pub fn promise(&self) -> Promise {
        self.promise
    }

    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The end of the log after `count` units.
    pub fn end_of(&self, count: usize) -> Lsn {
        count
            .checked_sub(1)
            .map_or(self.base_end, |last| self.units[last].end)
    }

    pub fn push(&mut self, unit: Unit) {
        assert!(
            unit.end >= self.end_of(self.count()),
            "the log end never goes back"
        );
        self.head.apply(&unit.request, unit.now);
        self.units.push(unit);
    }

    /// The client of unit `index` hears something.
    pub fn reply(&mut self, index: usize, reply: Reply) {
        let unit = &mut self.units[index];
        assert_eq!(unit.reply, Reply::Pending, "one reply for each request");
        unit.reply = reply;
        if reply == Reply::Acknowledged {
            self.promise.written = self.promise.written.max(index + 1);
            if unit.policy == SyncPolicy::Always {
                self.promise.durable = self.promise.durable.max(index + 1);
            }
        }
    }

    /// The store published that the log is written and durable up to here.
    pub fn published(&mut self, written: Lsn, durable: Lsn) {
        self.promise.written = self
            .promise
            .written
            .max(self.logged_until(self.promise.written, written));
        self.promise.durable = self
            .promise
            .durable
            .max(self.logged_until(self.promise.durable, durable));
    }

    /// A snapshot with the first `count` units is committed.
    pub fn committed(&mut self, count: usize) {
        self.promise.written = self.promise.written.max(count);
        self.promise.durable = self.promise.durable.max(count);
    }

    /// The units from `start` on that a log up to `end` certainly holds. A unit that the log never saw ends the proof.
    fn logged_until(&self, start: usize, end: Lsn) -> usize {
        start
            + self.units[start..]
                .iter()
                .take_while(|unit| unit.logged && unit.end <= end)
                .count()
    }

    /// Every number of units whose log ends where a log up to `end` ends: one, unless the log was off.
    pub fn counts_at(&self, end: Lsn) -> Vec<usize> {
        let last = (0..=self.count())
            .rev()
            .map(|count| self.end_of(count))
            .find(|other| *other <= end);
        (0..=self.count())
            .filter(|count| Some(self.end_of(*count)) == last)
            .collect()
    }

    /// The states after each of the given numbers of units, which ascend.
    pub fn states(&self, counts: &[usize]) -> Vec<Model> {
        let mut state = self.base.clone();
        let mut done = 0;
        let mut states = Vec::with_capacity(counts.len());
        for count in counts {
            for unit in &self.units[done..*count] {
                state.apply(&unit.request, unit.now);
            }
            done = *count;
            states.push(state.clone());
        }
        states
    }

    /// The state that a log up to `end` leads to: what remains at the least when that much is durable.
    pub fn state_until(&self, end: Lsn) -> Model {
        let count = self.units.iter().take_while(|unit| unit.end <= end).count();
        self.states(&[count])
            .pop()
            .expect("one state was asked for")
    }

    /// For a diagnosis: every number of units after which the visible state is `seen`.
    pub fn prefixes_like(&self, seen: &Model, now: i64) -> Vec<usize> {
        let mut state = self.base.clone();
        let mut found = Vec::new();
        for count in 0..=self.count() {
            if state.visible_at(now) == *seen {
                found.push(count);
            }
            if let Some(unit) = self.units.get(count) {
                state.apply(&unit.request, unit.now);
            }
        }
        found
    }

    /// A new life began with the first `count` units and is known to be durable up to `durable` of them. What
    /// followed is gone for good.
    pub fn recovered(&mut self, count: usize, end: Lsn, durable: usize) {
        self.units.truncate(count);
        self.promise.durable = self.promise.durable.min(count).max(durable);
        self.promise.written = count;
        self.head = self
            .states(&[count])
            .pop()
            .expect("one state was asked for");
        if let Some(last) = self.units.last_mut() {
            last.end = end;
        } else {
            self.base_end = end;
        }
        for unit in &mut self.units {
            if unit.reply == Reply::Pending {
                unit.reply = Reply::Unknown;
            }
        }
        self.fold(self.promise.durable);
    }

    /// Nobody will ask for a state before `count` units again.
    fn fold(&mut self, count: usize) {
        self.base = self
            .states(&[count])
            .pop()
            .expect("one state was asked for");
        self.base_end = self.end_of(count);
        self.units.drain(..count);
        self.promise.durable -= count;
        self.promise.written -= count;
    }
}
