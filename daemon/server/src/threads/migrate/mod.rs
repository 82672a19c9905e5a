//! The thread of one MIGRATE: sends copies of keys to another server, and deletes here what was accepted there.
//!
//! Invariant: a key is deleted only after the target has said that it has it, and only if nobody touched it since it
//! was copied. Whatever goes wrong, a key is then in two places rather than in none. The engine's lock is held for the
//! deletions only, some keys at a time.

mod target;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use esker_format::UnixMs;
use esker_keyspace::Outcome;
use parking_lot::MutexGuard;

use self::target::{Target, Trouble};
use crate::blocked;
use crate::control::{Answer, answer, answer_after};
use crate::departing::TripId;
use crate::engine::Engine;
use crate::gates::Refusal;
use crate::session::ClientId;
use crate::shared::{Needs, Shared};

/// Keys sent before their replies are read; the target's replies to so many fit into any socket's buffer.
const BATCH_KEYS: usize = 64;
const BATCH_BYTES: usize = 1 << 20;
/// Keys deleted under one hold of the lock.
const DELETE_KEYS: usize = 64;
/// How often it is looked whether a pause is over.
const PAUSE_POLL: Duration = Duration::from_millis(10);

/// Where to.
#[derive(Debug)]
pub struct Destination {
    pub host: Vec<u8>,
    pub port: Vec<u8>,
    pub db: i64,
    /// The arguments of AUTH, if it is to be sent.
    pub auth: Vec<Vec<u8>>,
    /// For each connecting, writing and reading.
    pub timeout: Duration,
}

/// A key as it was when the command was executed.
#[derive(Debug)]
pub struct Parcel {
    pub key: Box<[u8]>,
    pub payload: Vec<u8>,
    pub expire_at: Option<UnixMs>,
}

/// All that one MIGRATE has to do.
#[derive(Debug)]
pub struct Trip {
    pub id: TripId,
    pub client: ClientId,
    pub db: u32,
    pub destination: Destination,
    pub copy: bool,
    pub replace: bool,
    pub parcels: Vec<Parcel>,
    /// What the copying saw: the reply reveals it.
    pub seen: Outcome,
}

/// Gives the trip a thread of its own, which answers the client.
pub fn start(shared: &Arc<Shared>, trip: Trip) {
    let (id, client, s) = (trip.id, trip.client, shared.clone());
    let thread = std::thread::Builder::new().name("migrate".into());
    if let Err(error) = thread.spawn(move || run(&s, &trip)) {
        tracing::warn!(%error, "a thread for MIGRATE could not be started");
        end_trip(&mut shared.engine.lock(), id);
        let line = format!("ERR no thread for the migration could be started: {error}");
        answer(shared, client, Answer::Error(line));
    }
}

fn end_trip(engine: &mut Engine, id: TripId) {
    engine.departing.end(id);
    engine.listen();
}

fn run(shared: &Shared, trip: &Trip) {
    let mut progress = Progress {
        outcomes: vec![trip.seen],
        ..Progress::default()
    };
    if let Err(trouble) = transfer(shared, trip, &mut progress) {
        progress.fail(trouble.line());
    }
    if !trip.copy {
        delete(shared, trip, &mut progress);
    }
    let mut engine = shared.engine.lock();
    end_trip(&mut engine, trip.id);
    let mut needs = Needs::default();
    if let Some(session) = engine.clients.get(&trip.client) {
        for outcome in &progress.outcomes {
            needs.raise_by(shared, session, outcome);
        }
    }
    let with = progress.error.map_or(Answer::Ok, Answer::Error);
    let thread = answer_after(&mut engine, trip.client, &with, needs);
    drop(engine);
    shared.commit_tick();
    if let Some(thread) = thread {
        shared.wake(thread);
    }
}

/// How far a trip has come.
#[derive(Default)]
struct Progress {
    /// Positions of the parcels that the target has.
    accepted: Vec<usize>,
    /// The first thing that went wrong.
    error: Option<String>,
    outcomes: Vec<Outcome>,
}

impl Progress {
    fn fail(&mut self, line: String) {
        self.error.get_or_insert(line);
    }

    fn refused(&mut self, by_target: &str) {
        self.fail(format!(
            "ERR Target instance replied with error: {by_target}"
        ));
    }
}

// ---- sending -----------------------------------------------------------------------------------

fn transfer(shared: &Shared, trip: &Trip, progress: &mut Progress) -> Result<(), Trouble> {
    let destination = &trip.destination;
    let mut target = Target::connect(&destination.host, &destination.port, destination.timeout)?;
    let mut greetings = 0;
    if !destination.auth.is_empty() {
        let words = std::iter::once(b"AUTH".as_slice());
        target.queue(words.chain(destination.auth.iter().map(Vec::as_slice)));
        greetings += 1;
    }
    if destination.db != 0 {
        target.queue([b"SELECT", destination.db.to_string().as_bytes()].into_iter());
        greetings += 1;
    }
    target.flush()?;
    // Nothing is sent before these are known to have worked: it would end up in another database.
    for _ in 0..greetings {
        if let Err(refusal) = target.reply()? {
            progress.refused(&refusal);
        }
    }
    if progress.error.is_some() {
        return Ok(());
    }
    let mut next = 0;
    while next < trip.parcels.len() {
        let first = next;
        while next < trip.parcels.len()
            && next - first < BATCH_KEYS
            && target.queued() < BATCH_BYTES
        {
            queue_restore(&mut target, trip, &trip.parcels[next], shared.now_ms());
            next += 1;
        }
        target.flush()?;
        for position in first..next {
            match target.reply()? {
                Ok(()) => progress.accepted.push(position),
                Err(refusal) => progress.refused(&refusal),
            }
        }
    }
    Ok(())
}

fn queue_restore(target: &mut Target, trip: &Trip, parcel: &Parcel, now_ms: i64) {
    // What expires on the way arrives with its last millisecond: 0 would mean that it never expires.
    let ttl = parcel
        .expire_at
        .map_or(0, |at| at.0.saturating_sub(now_ms).max(1));
    let ttl = ttl.to_string();
    let words = [
        b"RESTORE".as_slice(),
        &parcel.key,
        ttl.as_bytes(),
        &parcel.payload,
    ];
    let replace = trip.replace.then_some(b"REPLACE".as_slice());
    target.queue(words.into_iter().chain(replace));
}

// ---- deleting ----------------------------------------------------------------------------------

/// Deletes what the target has and nobody has touched.
fn delete(shared: &Shared, trip: &Trip, progress: &mut Progress) {
    let mut keys = BTreeSet::new();
    let parcels: Vec<&Parcel> = progress
        .accepted
        .iter()
        .map(|position| &trip.parcels[*position])
        .filter(|parcel| keys.insert(&parcel.key))
        .collect();
    let mut kept = 0;
    for some in parcels.chunks(DELETE_KEYS) {
        let Some(mut engine) = writable(shared) else {
            return progress
                .fail("ERR the server is shutting down: migrated keys were kept".into());
        };
        let health = Refusal::of(&shared.persist.health());
        let refusal = health.as_ref().or(engine.write_refusal.as_ref());
        if let Some(refusal) = refusal.filter(|refusal| !refusal.spares_deletes) {
            return progress.fail(refusal.text.clone());
        }
        kept += delete_some(shared, &mut engine, trip, some, &mut progress.outcomes);
    }
    if kept > 0 {
        progress.fail(format!(
            "ERR {kept} keys were changed during their migration: the target has them as they were before, and what \
             they are now was kept here"
        ));
    }
}

/// Returns how many keys have changed.
fn delete_some(
    shared: &Shared,
    engine: &mut Engine,
    trip: &Trip,
    parcels: &[&Parcel],
    outcomes: &mut Vec<Outcome>,
) -> usize {
    let now = UnixMs(shared.now_ms());
    let mut tx = engine.keyspace.tx(trip.db, now);
    let mut kept = 0;
    for parcel in parcels {
        if engine.departing.is_unchanged(trip.id, &parcel.key) {
            tx.del(&parcel.key);
        } else {
            let expired = parcel.expire_at.is_some_and(|at| at <= now);
            kept += usize::from(!expired || tx.peek(&parcel.key).is_some());
        }
    }
    let outcome = tx.finish();
    outcomes.push(outcome);
    if let Some(session) = engine.clients.get_mut(&trip.client)
        && outcome.recorded
    {
        session.last_write_lsn = outcome.end_lsn.0;
    }
    engine.settle_touched(now.0);
    blocked::serve(shared, engine, now.0);
    kept
}

/// The engine once nobody has paused it; `None` when the server ends first.
fn writable(shared: &Shared) -> Option<MutexGuard<'_, Engine>> {
    loop {
        let engine = shared.engine.lock();
        if engine.pause.is_none() {
            return Some(engine);
        }
        drop(engine);
        if shared.stopping() {
            return None;
        }
        std::thread::sleep(PAUSE_POLL);
    }
}
