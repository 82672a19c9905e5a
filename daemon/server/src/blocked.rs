//! Clients that wait in a blocking command, and who is served when a key becomes ready.
//!
//! A waiting client is in the queue of each key that it waits for, in order of arrival. After each unit (a command, a
//! transaction) the executor passes on what was touched; each touched key that somebody waits for becomes ready, and for
//! each ready key, in that order, the waiting commands run again until nothing is left for them. What they change is
//! their own unit, behind the one that made the key ready, and may make further keys ready.
//!
//! Invariants: a client in `waiters` has `Wait::Keys` and a session; it is in the queue of each of its keys; a queue is
//! never empty. A command that finds nothing keeps its place. Who closed or was killed is forgotten before anything
//! else could be given to it. Under a pause nobody is served; what became ready meanwhile is looked at when it ends.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use esker_commands::{Block, CmdError};
use esker_format::UnixMs;
use esker_keyspace::entry::Kind;
use esker_keyspace::touched::{Event, Touched};
use esker_resp::{OutBuf, Reply};

use crate::call::Call;
use crate::engine::{Engine, Mail};
use crate::exec::is_refused;
use crate::io::batch::Run;
use crate::session::{ClientId, ReplyMode, Session, Wait};
use crate::shared::{Needs, Shared};
use crate::table::{Handler, TABLE};

/// A database and a key in it.
type Place = (u32, Box<[u8]>);

#[derive(Debug)]
struct Waiter {
    call: Call,
    places: Vec<Place>,
    kind: Kind,
    on_gone: bool,
    arrival: u64,
    deadline_ms: Option<i64>,
    /// CLIENT REPLY was off or skipping when the command came.
    silent: bool,
    /// What the tries so far revealed.
    needs: Needs,
}

/// Who waits for one key.
#[derive(Debug, Default)]
struct Queue {
    by_arrival: BTreeMap<u64, ClientId>,
    /// Of them, how many want a value of each kind, and how many a missing one too.
    kinds: [usize; KINDS],
    on_gone: usize,
}

const KINDS: usize = 6;

/// What CLIENT UNBLOCK … ERROR answers to the client that waited.
pub const UNBLOCKED: &str = "UNBLOCKED client unblocked via CLIENT UNBLOCK";

impl Queue {
    /// Whether anybody in here can do something with a key that holds `kind`, or nothing.
    fn wants(&self, kind: Option<Kind>) -> bool {
        self.on_gone > 0 || kind.is_some_and(|kind| self.kinds[kind as usize] > 0)
    }

    fn after(&self, arrival: Option<u64>) -> Option<(u64, ClientId)> {
        let from = arrival.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.by_arrival.range((from, Bound::Unbounded));
        rest.next().map(|(arrival, client)| (*arrival, *client))
    }
}

#[derive(Debug, Default)]
pub struct Blocked {
    waiters: BTreeMap<ClientId, Waiter>,
    queues: BTreeMap<Place, Queue>,
    deadlines: BTreeSet<(i64, ClientId)>,
    ready: VecDeque<Place>,
    arrivals: u64,
}

impl Blocked {
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Keys that somebody waits for, and those of them whose deletion wakes too.
    pub fn keys(&self) -> (usize, usize) {
        let on_gone = self.queues.values().filter(|queue| queue.on_gone > 0);
        (self.queues.len(), on_gone.count())
    }

    /// Clients with a deadline.
    pub fn with_deadline(&self) -> usize {
        self.deadlines.len()
    }

    pub fn next_deadline(&self) -> Option<i64> {
        self.deadlines.first().map(|(deadline_ms, _)| *deadline_ms)
    }

    /// Notes which of the keys that somebody waits for were touched.
    pub fn note(&mut self, touched: &[Touched]) {
        for touch in touched {
            match touch.event {
                Event::Flush | Event::Swap => {
                    let first = (touch.db, Box::default());
                    let of_db = self.queues.range(first..);
                    let places = of_db.map(|(place, _)| place);
                    let places = places.take_while(|(db, _)| *db == touch.db).cloned();
                    self.ready.extend(places);
                }
                _ => {
                    let place = (touch.db, touch.key.clone());
                    if self.queues.contains_key(&place) && self.ready.back() != Some(&place) {
                        self.ready.push_back(place);
                    }
                }
            }
        }
    }

    fn enter(&mut self, client: ClientId, waiter: Waiter) {
        for place in &waiter.places {
            let queue = self.queues.entry(place.clone()).or_default();
            // A key that is named twice is waited for once.
            if queue.by_arrival.insert(waiter.arrival, client).is_none() {
                queue.kinds[waiter.kind as usize] += 1;
                queue.on_gone += usize::from(waiter.on_gone);
            }
        }
        if let Some(deadline_ms) = waiter.deadline_ms {
            self.deadlines.insert((deadline_ms, client));
        }
        self.waiters.insert(client, waiter);
    }

    fn leave(&mut self, client: ClientId) -> Option<Waiter> {
        let waiter = self.waiters.remove(&client)?;
        for place in &waiter.places {
            let Some(queue) = self.queues.get_mut(place) else {
                continue;
            };
            if queue.by_arrival.remove(&waiter.arrival).is_some() {
                queue.kinds[waiter.kind as usize] -= 1;
                queue.on_gone -= usize::from(waiter.on_gone);
            }
            if queue.by_arrival.is_empty() {
                self.queues.remove(place);
            }
        }
        if let Some(deadline_ms) = waiter.deadline_ms {
            self.deadlines.remove(&(deadline_ms, client));
        }
        Some(waiter)
    }
}

impl Engine {
    /// The client is gone or about to go: it is served no more.
    pub fn forget_blocked(&mut self, client: ClientId) {
        if self.blocked.leave(client).is_some() {
            self.listen();
        }
    }

    fn kind_of(&mut self, (db, key): &Place, now_ms: i64) -> Option<Kind> {
        let mut tx = self.keyspace.tx(*db, UnixMs(now_ms));
        tx.forbid_expiry();
        let kind = tx.peek(key).map(|entry| entry.kind());
        tx.finish();
        kind
    }
}

/// A command of this run has nothing to give yet: its client waits, and the rest of its input with it.
pub fn begin(
    shared: &Shared,
    engine: &mut Engine,
    run: &Run,
    call: Call,
    block: &Block,
    now_ms: i64,
) {
    let session = engine.session_mut(run.client);
    session.wait = Some(Wait::Keys);
    let (db, silent) = (session.db, session.reply != ReplyMode::On);
    let deadline_ms =
        (block.timeout_ms > 0).then(|| now_ms.saturating_add_unsigned(block.timeout_ms));
    let blocked = &mut engine.blocked;
    blocked.arrivals += 1;
    let wakes_earlier = deadline_ms
        .is_some_and(|deadline| blocked.next_deadline().is_none_or(|next| deadline < next));
    let waiter = Waiter {
        call: again(call, block),
        places: block
            .keys
            .iter()
            .map(|key| (db, key.as_slice().into()))
            .collect(),
        kind: block.kind,
        on_gone: block.on_gone,
        arrival: blocked.arrivals,
        deadline_ms,
        silent,
        needs: run.outcome.needs,
    };
    blocked.enter(run.client, waiter);
    engine.listen();
    if wakes_earlier {
        shared.control_signal.raise();
    }
}

fn again(call: Call, block: &Block) -> Call {
    match &block.again {
        Some(words) => Call::new(call.row, 0, words.iter().map(Vec::as_slice)),
        None => call,
    }
}

/// Serves whom the units before made ready. Costs one look at a queue when nothing was touched.
#[inline]
pub fn serve(shared: &Shared, engine: &mut Engine, now_ms: i64) {
    if !engine.blocked.ready.is_empty() && engine.pause.is_none() {
        serve_ready(shared, engine, now_ms);
    }
}

fn serve_ready(shared: &Shared, engine: &mut Engine, now_ms: i64) {
    let mut threads = BTreeSet::new();
    while let Some(place) = engine.blocked.ready.pop_front() {
        let mut last = None;
        // Who comes from here on has already seen the key as it is.
        let newest = engine.blocked.arrivals;
        loop {
            let kind = engine.kind_of(&place, now_ms);
            let Some(queue) = engine.blocked.queues.get(&place) else {
                break;
            };
            let Some((arrival, client)) = queue.after(last).filter(|_| queue.wants(kind)) else {
                break;
            };
            if arrival > newest {
                break;
            }
            last = Some(arrival);
            let waiter = &engine.blocked.waiters[&client];
            if waiter.on_gone || kind == Some(waiter.kind) {
                threads.extend(retry(shared, engine, client, now_ms));
                engine.settle_touched(now_ms);
            }
        }
    }
    threads.into_iter().for_each(|thread| shared.wake(thread));
}

/// Runs a waiting command once more. Returns the thread to wake if it is answered.
fn retry(shared: &Shared, engine: &mut Engine, client: ClientId, now_ms: i64) -> Option<usize> {
    let Engine {
        clients,
        keyspace,
        blocked,
        stats,
        ..
    } = engine;
    let waiter = blocked.waiters.get_mut(&client)?;
    let session = clients.get_mut(&client)?;
    let row = TABLE.row(waiter.call.row);
    let Handler::Data(handler) = row.handler else {
        return None;
    };
    let mut tx = keyspace.tx(session.db, UnixMs(now_ms));
    if session.no_touch {
        tx.no_touch();
    }
    let mut out = OutBuf::default();
    let mut reply = Reply::new(&mut out, session.proto);
    let start = reply.mark();
    let result = handler(&mut tx, waiter.call.args(), &mut reply);
    let outcome = tx.finish();
    assert!(
        outcome.changed == 0 || !is_refused(&result),
        "{} failed after a change",
        row.name()
    );
    if outcome.recorded {
        session.last_write_lsn = outcome.end_lsn.0;
    }
    waiter.needs.raise_by(shared, session, &outcome);
    if let Err(error) = &result {
        if let CmdError::Block(block) = error {
            if let Some(words) = &block.again {
                waiter.call = Call::new(waiter.call.row, 0, words.iter().map(Vec::as_slice));
            }
            return None;
        }
        out.truncate_to(start);
        error.write(&mut Reply::new(&mut out, session.proto));
    }
    if out.is_error_at(start) {
        stats.count_error_line(out.error_line_at(start));
        stats.commands[row.id.index()].failed += 1;
    }
    end(engine, client, out)
}

/// The wait is over, with this reply.
fn end(engine: &mut Engine, client: ClientId, mut out: OutBuf) -> Option<usize> {
    let waiter = engine.blocked.leave(client)?;
    engine.listen();
    let session = engine.clients.get_mut(&client)?;
    session.wait = None;
    let thread = session.thread;
    if waiter.silent {
        out = OutBuf::default();
    }
    let bytes = out.bytes().len() as u64;
    session.bytes_out += bytes;
    engine.stats.net_out_bytes += bytes;
    engine.post(client, |client, slot| Mail::Output {
        client,
        slot,
        out,
        needs: waiter.needs,
        resume: true,
    });
    Some(thread)
}

/// Answers those whose time is over.
pub fn time_out(shared: &Shared, engine: &mut Engine, now_ms: i64) {
    let mut threads = BTreeSet::new();
    while let Some((deadline_ms, client)) = engine.blocked.deadlines.first().copied() {
        // A deadline is counted from the start of a millisecond: once it has passed, so has the time.
        if deadline_ms >= now_ms {
            break;
        }
        threads.extend(give_up(engine, client));
    }
    threads.into_iter().for_each(|thread| shared.wake(thread));
}

/// Ends a wait as its timeout would: with a null array, whatever the command answers where it may not wait. Returns the thread to wake.
pub fn give_up(engine: &mut Engine, client: ClientId) -> Option<usize> {
    end_with(engine, client, |reply| reply.null_array())
}

/// Ends a wait with the error of CLIENT UNBLOCK. Returns the thread to wake.
pub fn refuse(engine: &mut Engine, client: ClientId) -> Option<usize> {
    let row = engine.blocked.waiters.get(&client)?.call.row;
    engine.stats.count_error("UNBLOCKED");
    engine.stats.commands[row.index()].failed += 1;
    end_with(engine, client, |reply| reply.error(UNBLOCKED))
}

fn end_with(
    engine: &mut Engine,
    client: ClientId,
    write: impl FnOnce(&mut Reply<'_>),
) -> Option<usize> {
    let session: &Session = engine.clients.get(&client)?;
    let mut out = OutBuf::default();
    write(&mut Reply::new(&mut out, session.proto));
    end(engine, client, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(keys: &[&str], kind: Kind, arrival: u64) -> Waiter {
        let places = keys.iter().map(|key| (0, key.as_bytes().into()));
        Waiter {
            call: Call::new(
                TABLE.rows().next().expect("a row").id,
                0,
                std::iter::empty(),
            ),
            places: places.collect(),
            kind,
            on_gone: false,
            arrival,
            deadline_ms: Some(100 + arrival as i64),
            silent: false,
            needs: Needs::default(),
        }
    }

    fn touch(db: u32, key: &str, event: Event) -> Touched {
        Touched {
            db,
            key: key.as_bytes().into(),
            event,
        }
    }

    #[test]
    fn queues_keep_the_order_of_arrival_and_vanish_with_their_last() {
        let mut blocked = Blocked::default();
        blocked.enter(ClientId(9), waiter(&["a", "b", "a"], Kind::List, 1));
        blocked.enter(ClientId(3), waiter(&["a"], Kind::Zset, 2));
        let queue = &blocked.queues[&(0, b"a".as_slice().into())];
        assert_eq!(queue.after(None), Some((1, ClientId(9))));
        assert_eq!(queue.after(Some(1)), Some((2, ClientId(3))));
        assert_eq!(queue.after(Some(2)), None);
        assert!(queue.wants(Some(Kind::List)) && queue.wants(Some(Kind::Zset)));
        assert!(!queue.wants(Some(Kind::Stream)) && !queue.wants(None));
        assert_eq!((blocked.keys(), blocked.with_deadline()), ((2, 0), 2));
        assert_eq!(blocked.next_deadline(), Some(101));

        assert!(blocked.leave(ClientId(9)).is_some());
        assert!(blocked.leave(ClientId(9)).is_none());
        assert_eq!(
            (blocked.keys(), blocked.next_deadline()),
            ((1, 0), Some(102))
        );
        assert!(blocked.leave(ClientId(3)).is_some());
        assert!(blocked.is_empty() && blocked.queues.is_empty() && blocked.deadlines.is_empty());
    }

    #[test]
    fn only_keys_that_somebody_waits_for_become_ready() {
        let mut blocked = Blocked::default();
        blocked.enter(ClientId(1), waiter(&["a", "b"], Kind::List, 1));
        blocked.note(&[
            touch(0, "c", Event::Set),
            touch(1, "a", Event::RPush),
            touch(0, "b", Event::RPush),
            touch(0, "b", Event::RPush),
            touch(0, "a", Event::RPush),
        ]);
        let ready: Vec<Place> = blocked.ready.drain(..).collect();
        let place = |key: &str| (0, key.as_bytes().into());
        assert_eq!(ready, [place("b"), place("a")]);
        blocked.note(&[touch(1, "", Event::Flush)]);
        assert!(blocked.ready.is_empty());
        blocked.note(&[touch(0, "", Event::Swap)]);
        assert_eq!(blocked.ready, [place("a"), place("b")]);
    }
}
