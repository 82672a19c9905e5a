//! One I/O thread: poll, read and parse, execute, commit, reply.
//!
//! Sockets are edge triggered: a read that filled less than it could has drained the socket, unless the
//! peer closed its half, which the event says. Thread 0 also accepts and deals connections out.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use esker_resp::{ArgRange, Limits, OutBuf, Step};
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use parking_lot::Mutex;

use super::batch::{Batch, Outcome, READ_BYTES_MAX, RUN_COMMANDS_MAX, Run, Source};
use super::conn::{Conn, Held, Released};
use super::listen::Listener;
use super::output::{self, OutQueue, OutRange};
use super::stream::Stream;
use crate::config::{OutputLimit, Settings};
use crate::engine::Mail;
use crate::exec;
use crate::session::{ClientId, Peer, Session, Wait};
use crate::shared::{Needs, Progress, Shared};
use crate::table::TABLE;

const WAKER: Token = Token(0);
const LISTENERS: usize = 1;
const LISTENERS_MAX: usize = 64;
const CONNS: usize = LISTENERS + LISTENERS_MAX;
/// Below this much room in the arena the batch is executed before the next read.
const ARENA_RESERVE: usize = 16 << 10;
/// A request that lacks more than this is read into a buffer of its own.
const OWN_BUFFER_BYTES: usize = 32 << 10;
/// Output of a tick beyond this is committed and sent before the rest of the batch is read.
const OUT_BYTES_FLUSH: usize = 1 << 20;
/// Output kept for one connection beyond this stops its input until the peer reads.
const BACKPRESSURE_BYTES: usize = 8 << 20;

/// Until accepting is tried again after it failed.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// A connection on its way to the thread that will own it.
#[derive(Debug)]
pub struct Incoming {
    pub stream: Stream,
    pub peer: Peer,
}

/// The settings that every turn needs, copied so that a turn takes no lock for them.
#[derive(Clone, Debug)]
pub struct IoLimits {
    limits: Limits,
    query_buffer_bytes_max: u64,
    output: OutputLimit,
}

impl IoLimits {
    pub fn of(settings: &Settings) -> IoLimits {
        let clients = &settings.clients;
        IoLimits {
            limits: Limits::new(i64::try_from(clients.bulk_bytes_max).unwrap_or(i64::MAX)),
            query_buffer_bytes_max: clients.query_buffer_bytes_max,
            output: clients.output_limits.normal,
        }
    }
}

pub struct IoThread {
    index: usize,
    shared: Arc<Shared>,
    limits: IoLimits,
    settings_version: u64,
    hash_seed: u64,
    poll: Poll,
    listeners: Vec<Listener>,
    conns: Vec<Option<Box<Conn>>>,
    free: Vec<usize>,
    batch: Batch,
    /// Arguments of the command that is being parsed.
    scratch: Vec<ArgRange>,
    out: OutBuf,
    /// Connections with input that no event will announce again.
    ready: Vec<usize>,
    /// Connections with held replies.
    holding: Vec<usize>,
    /// Clients whose connection is gone and whose session must go.
    closed: Vec<ClientId>,
    mail: Vec<Mail>,
    next_thread: usize,
    /// Accepting failed for want of something (descriptors, memory): try again soon.
    accept_again: bool,
}

impl IoThread {
    pub fn new(
        index: usize,
        shared: Arc<Shared>,
        poll: Poll,
        listeners: Vec<Listener>,
    ) -> io::Result<IoThread> {
        let hash_seed = shared.engine.lock().keyspace.hash_seed();
        let mut thread = IoThread {
            index,
            limits: shared.io_limits(),
            settings_version: shared.settings_version(),
            hash_seed,
            shared,
            poll,
            listeners,
            conns: Vec::new(),
            free: Vec::new(),
            batch: Batch::default(),
            scratch: Vec::new(),
            out: OutBuf::default(),
            ready: Vec::new(),
            holding: Vec::new(),
            closed: Vec::new(),
            mail: Vec::new(),
            next_thread: 0,
            accept_again: false,
        };
        assert!(
            thread.listeners.len() <= LISTENERS_MAX,
            "listener tokens end where connections begin"
        );
        for (i, listener) in thread.listeners.iter_mut().enumerate() {
            let token = Token(LISTENERS + i);
            match listener {
                Listener::Tcp(l) => {
                    thread
                        .poll
                        .registry()
                        .register(l, token, Interest::READABLE)?
                }
                Listener::Unix(l) => {
                    thread
                        .poll
                        .registry()
                        .register(l, token, Interest::READABLE)?
                }
            }
        }
        Ok(thread)
    }

    /// The waker token under which `Shared::wakers` are registered.
    pub const fn waker_token() -> Token {
        WAKER
    }

    /// Runs until the server stops.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        while !self.shared.stopping() {
            let timeout = match (self.ready.is_empty(), self.accept_again) {
                (false, _) => Some(Duration::ZERO),
                (true, true) => Some(ACCEPT_RETRY),
                (true, false) => None,
            };
            if let Err(error) = self.poll.poll(&mut events, timeout) {
                assert!(
                    error.kind() == io::ErrorKind::Interrupted,
                    "polling for events failed: {error}"
                );
                continue;
            }
            self.turn(&events);
        }
        self.say_goodbye();
    }

    fn turn(&mut self, events: &Events) {
        if self.shared.settings_version() != self.settings_version {
            self.settings_version = self.shared.settings_version();
            self.limits = self.shared.io_limits();
        }
        if std::mem::take(&mut self.accept_again) {
            (0..self.listeners.len()).for_each(|listener| self.accept(listener));
        }
        let ready = std::mem::take(&mut self.ready);
        let mut woken = false;
        for event in events {
            match event.token() {
                WAKER => woken = true,
                Token(t) if t < CONNS => self.accept(t - LISTENERS),
                Token(t) => self.on_event(t - CONNS, event),
            }
        }
        for slot in ready {
            if let Some(conn) = self.conns[slot].as_mut() {
                conn.in_ready = false;
                self.read(slot);
            }
        }
        self.commit();
        if woken {
            self.adopt();
            self.read_mail();
            self.commit();
            self.release_held();
        }
        self.reap();
    }

    fn on_event(&mut self, slot: usize, event: &Event) {
        let Some(conn) = self.conns.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        if event.is_error() {
            return self.close(slot);
        }
        if event.is_writable() && conn.want_write {
            let throttled = conn.output_bytes() > BACKPRESSURE_BYTES;
            if conn
                .flush(self.poll.registry(), Token(CONNS + slot))
                .is_err()
            {
                return self.close(slot);
            }
            if conn.closing && conn.drained() {
                return self.close(slot);
            }
            if throttled && (conn.readable || conn.parse_pending) {
                self.make_ready(slot);
            }
        }
        let Some(conn) = self.conns[slot].as_mut() else {
            return;
        };
        if event.is_readable() || event.is_read_closed() {
            conn.readable = true;
            conn.read_closed |= event.is_read_closed();
            if self.left_while_blocked(slot) {
                return self.close(slot);
            }
            self.read(slot);
        }
    }

    /// The peer has closed its half while it waits in a blocking command: it is not served any more, as in Redis.
    fn left_while_blocked(&self, slot: usize) -> bool {
        let conn = self.conns[slot].as_ref();
        conn.is_some_and(|conn| {
            let engine = || self.shared.engine.lock();
            conn.waiting
                && conn.read_closed
                && engine()
                    .clients
                    .get(&conn.client)
                    .is_some_and(|session| session.wait == Some(Wait::Keys))
        })
    }

    fn make_ready(&mut self, slot: usize) {
        if let Some(conn) = self.conns[slot].as_mut()
            && !conn.in_ready
        {
            conn.in_ready = true;
            self.ready.push(slot);
        }
    }

    // ---- reading and parsing -------------------------------------------------------------------

    /// Takes one bounded read's worth of requests of a connection into the batch.
    fn read(&mut self, slot: usize) {
        if self.batch.free() < ARENA_RESERVE || self.out.bytes().len() > OUT_BYTES_FLUSH {
            self.commit();
        }
        let Some(conn) = self.conns[slot].as_mut() else {
            return;
        };
        if conn.closing || conn.waiting || conn.output_bytes() > BACKPRESSURE_BYTES {
            return;
        }
        if conn.in_batch {
            // A run must be answered before the next one is read: where it makes the client wait, the rest of
            // it goes back in front of the input.
            return self.make_ready(slot);
        }
        let taken = if conn.parse_pending {
            Ok(Taken::Parse)
        } else if conn.missing > OWN_BUFFER_BYTES {
            read_own(conn)
        } else {
            read_arena(conn, &mut self.batch)
        };
        match taken {
            Ok(Taken::Parse) => {
                conn.parse_pending = false;
                let input = std::mem::take(&mut conn.input);
                let (source, end) = (Source::Owned(self.batch.owned.len()), input.len());
                self.batch.owned.push(input);
                self.parse(slot, source, 0, end, 0);
            }
            Ok(Taken::Arena {
                start,
                end,
                bytes_in,
            }) => self.parse(slot, Source::Arena, start, end, bytes_in),
            Ok(Taken::Partial) => {}
            Ok(Taken::Closed) => self.finish(slot),
            Err(_) => self.close(slot),
        }
        if let Some(conn) = self.conns[slot].as_ref()
            && (conn.readable || conn.parse_pending)
        {
            self.make_ready(slot);
        }
    }

    /// The peer sends no more. What it has sent is answered before the connection goes.
    fn finish(&mut self, slot: usize) {
        let unanswered = self.batch.runs.iter().any(|run| run.slot == slot);
        let Some(conn) = self.conns[slot].as_mut() else {
            return;
        };
        conn.closing = true;
        conn.readable = false;
        if !unanswered && conn.drained() {
            self.close(slot);
        }
    }

    fn parse(&mut self, slot: usize, source: Source, start: usize, end: usize, bytes_in: usize) {
        let batch = &mut self.batch;
        let conn = self.conns[slot]
            .as_mut()
            .expect("the caller has the connection");
        let limits = self.limits.limits.for_session(conn.authenticated);
        let first = batch.cmds.len();
        let mut pos = start;
        let mut error = None;
        // The parser clears the scratch when a command begins and expects it back while one is incomplete.
        let scratch = &mut self.scratch;
        std::mem::swap(scratch, &mut conn.args);
        while pos < end && batch.cmds.len() - first < RUN_COMMANDS_MAX {
            let buf = match source {
                Source::Arena => &mut batch.arena[pos..end],
                Source::Owned(i) => &mut batch.owned[i][pos..end],
            };
            match conn.parser.parse(buf, &limits, scratch) {
                Step::Command { consumed } => {
                    if !scratch.is_empty() {
                        batch.push(pos, scratch);
                    }
                    pos += consumed;
                }
                Step::Incomplete { missing_bytes } => {
                    conn.missing = missing_bytes;
                    std::mem::swap(scratch, &mut conn.args);
                    break;
                }
                Step::Error(e) => {
                    error = Some(e);
                    pos = end;
                }
            }
        }
        conn.parse_pending = pos < end && batch.cmds.len() - first >= RUN_COMMANDS_MAX;
        conn.input = match source {
            Source::Arena => batch.arena[pos..end].to_vec(),
            Source::Owned(i) => batch.owned[i][pos..end].to_vec(),
        };
        if conn.input.is_empty() {
            conn.missing = 0;
        }
        let over = conn.input.len() as u64 > self.limits.query_buffer_bytes_max;
        if over {
            tracing::warn!(
                client = conn.client.0,
                "closing client that reached max query buffer length"
            );
            return self.close(slot);
        }
        let cmds = first..batch.cmds.len();
        TABLE.resolve(batch, source, cmds.clone(), self.hash_seed);
        conn.in_batch = true;
        batch.runs.push(Run {
            client: conn.client,
            slot,
            source,
            cmds,
            end,
            bytes_in,
            error,
            outcome: Outcome::default(),
        });
    }

    // ---- execute, commit, reply ----------------------------------------------------------------

    /// Executes the batch, has the log written, and lets the replies go that may.
    fn commit(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        exec::run_batch(&self.shared, &mut self.batch, &mut self.out);
        // Replies that wait for the disk leave the write to the log thread, which writes once for all that
        // came while it synced.
        let outcomes = || self.batch.runs.iter().map(|run| &run.outcome);
        let durable = outcomes().map(|o| o.needs.durable).max().unwrap_or(0);
        let only_disk = durable > 0 && outcomes().all(|o| o.needs.written == 0);
        let progress = if only_disk {
            self.shared.log_progress()
        } else {
            self.shared.commit_tick()
        };
        let throttled = self.shared.throttles();
        let runs = std::mem::take(&mut self.batch.runs);
        for run in &runs {
            self.reply(run, progress, throttled);
        }
        self.batch.runs = runs;
        self.batch.clear();
        self.out.clear();
        if !self.holding.is_empty() {
            self.shared.ask_for_wake(self.index);
        } else if only_disk && durable > progress.durable {
            // Nobody waits for a reply (CLIENT REPLY OFF), but the write was left to the log thread.
            self.shared.log_signal.raise();
        }
    }

    /// Hands a run's replies to the socket, or holds them until the log has come far enough. While the disk
    /// is too far behind, writers of every class wait for it; readers do not.
    fn reply(&mut self, run: &Run, progress: Progress, throttled: bool) {
        let conn = self.conns[run.slot].as_mut();
        let Some(conn) = conn.filter(|conn| conn.client == run.client) else {
            return;
        };
        conn.in_batch = false;
        conn.authenticated = run.outcome.authenticated;
        if let Some(cmd) = run.outcome.stopped_at {
            stash(conn, &self.batch, run, cmd);
        }
        let outcome = &run.outcome;
        let mut needs = outcome.needs;
        if throttled {
            needs.durable = needs.durable.max(needs.written);
        }
        if !outcome.out.is_empty() {
            if needs.met(progress) && conn.held.is_empty() {
                match output::send_range(&mut conn.stream, &self.out, &outcome.out, &mut conn.out) {
                    Ok(_) => {}
                    Err(_) => return self.close(run.slot),
                }
            } else {
                let mut out = OutQueue::default();
                out.push_range(&self.out, &outcome.out);
                self.hold(run.slot, needs, progress, out);
            }
        }
        let Some(conn) = self.conns[run.slot].as_mut() else {
            return;
        };
        if outcome.close {
            conn.closing = true;
        }
        if self.left_while_blocked(run.slot) {
            return self.close(run.slot);
        }
        self.after_output(run.slot);
    }

    fn hold(&mut self, slot: usize, needs: Needs, progress: Progress, out: OutQueue) {
        let conn = self.conns[slot]
            .as_mut()
            .expect("the caller has the connection");
        conn.held.push_back(Held {
            needs,
            failures: progress.failures,
            out,
        });
        if !conn.in_holding {
            conn.in_holding = true;
            self.holding.push(slot);
            self.shared.waiting_durable.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What has to follow whenever a connection's queue has changed.
    fn after_output(&mut self, slot: usize) {
        let limit = self.limits.output;
        let Some(conn) = self.conns[slot].as_mut() else {
            return;
        };
        if conn.closing && conn.drained() {
            return self.close(slot);
        }
        let token = Token(CONNS + slot);
        let pending = !conn.out.is_empty();
        if conn
            .watch_writes(self.poll.registry(), token, pending)
            .is_err()
        {
            return self.close(slot);
        }
        if conn.over_output_limit(limit, || self.shared.now_ms()) {
            tracing::warn!(
                client = conn.client.0,
                bytes = conn.output_bytes(),
                "closing client that reached its output buffer limit"
            );
            self.shared.engine.lock().stats.output_limit_closed += 1;
            return self.close(slot);
        }
        if conn.readable || conn.parse_pending {
            self.make_ready(slot);
        }
    }

    /// Sends what the log has caught up with.
    fn release_held(&mut self) {
        if self.holding.is_empty() {
            return;
        }
        let progress = self.shared.log_progress();
        let holding = std::mem::take(&mut self.holding);
        for slot in holding {
            let Some(conn) = self.conns[slot].as_mut() else {
                continue;
            };
            conn.in_holding = false;
            match conn.release(progress) {
                Released::All => {
                    self.shared.waiting_durable.fetch_sub(1, Ordering::Relaxed);
                }
                Released::Some => {
                    conn.in_holding = true;
                    self.holding.push(slot);
                }
                Released::Failed => {
                    // The promise behind these replies can no longer be kept: say so and part.
                    self.shared.waiting_durable.fetch_sub(1, Ordering::Relaxed);
                    conn.held.clear();
                    conn.out.push_bytes(exec::OUTCOME_UNKNOWN);
                    conn.closing = true;
                }
            }
            if conn
                .flush(self.poll.registry(), Token(CONNS + slot))
                .is_err()
            {
                self.close(slot);
                continue;
            }
            self.after_output(slot);
        }
        if !self.holding.is_empty() {
            self.shared.ask_for_wake(self.index);
        }
    }

    // ---- mail ----------------------------------------------------------------------------------

    fn read_mail(&mut self) {
        let mut mail = std::mem::take(&mut self.mail);
        std::mem::swap(&mut mail, &mut self.shared.engine.lock().mail[self.index]);
        for item in mail.drain(..) {
            match item {
                Mail::Output {
                    client,
                    slot,
                    out,
                    needs,
                    resume,
                } => self.deliver(client, slot, &out, needs, resume),
                Mail::Resume { client, slot } => self.resume(client, slot),
                Mail::Close { client, slot } => {
                    if self.owns(client, slot) {
                        self.close(slot);
                    }
                }
            }
        }
        self.mail = mail;
    }

    fn owns(&self, client: ClientId, slot: usize) -> bool {
        self.conns
            .get(slot)
            .and_then(Option::as_ref)
            .is_some_and(|c| c.client == client)
    }

    fn deliver(&mut self, client: ClientId, slot: usize, out: &OutBuf, needs: Needs, resume: bool) {
        if !self.owns(client, slot) {
            return;
        }
        let conn = self.conns[slot].as_mut().expect("owned just above");
        let range = OutRange {
            bytes: 0..out.bytes().len(),
            splices: 0..out.splices().len(),
        };
        let progress = self.shared.log_progress();
        if conn.held.is_empty() && needs.met(progress) {
            conn.out.push_range(out, &range);
            if conn
                .flush(self.poll.registry(), Token(CONNS + slot))
                .is_err()
            {
                return self.close(slot);
            }
        } else {
            let mut queue = OutQueue::default();
            queue.push_range(out, &range);
            self.hold(slot, needs, progress, queue);
        }
        if resume {
            self.resume(client, slot);
        }
        self.after_output(slot);
    }

    fn resume(&mut self, client: ClientId, slot: usize) {
        if self.owns(client, slot) {
            let conn = self.conns[slot].as_mut().expect("owned just above");
            conn.waiting = false;
            conn.parse_pending = !conn.input.is_empty();
            if conn.parse_pending || conn.readable {
                self.make_ready(slot);
            }
        }
    }

    // ---- coming and going ----------------------------------------------------------------------

    fn accept(&mut self, listener: usize) {
        loop {
            let accepted = match &self.listeners[listener] {
                Listener::Tcp(l) => l.accept().and_then(|(s, peer)| {
                    let local = s.local_addr()?;
                    Ok((Stream::Tcp(s), Peer::Tcp { peer, local }))
                }),
                Listener::Unix(l) => l.accept().map(|(s, _)| {
                    let path = self.shared.settings().network.unixsocket.clone();
                    (Stream::Unix(s), Peer::Unix { path })
                }),
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    tracing::warn!(error = %e, "accepting a connection failed");
                    // Who waits in the backlog is announced no second time.
                    self.accept_again = true;
                    return;
                }
            }
        }
    }

    fn admit(&mut self, mut stream: Stream, peer: Peer) {
        if let Err(refusal) = self.shared.admit(&peer) {
            // Whether the peer reads the reason is its own affair.
            drop(io::Write::write(&mut stream, refusal));
            return;
        }
        if let Err(error) = stream.tune(self.shared.settings().network.tcp_keepalive) {
            tracing::debug!(%error, "a connection could not be tuned");
        }
        let thread = self.next_thread;
        self.next_thread = (thread + 1) % self.shared.io_threads();
        if thread == self.index {
            self.own(Incoming { stream, peer });
        } else {
            self.shared
                .incoming(thread)
                .lock()
                .push(Incoming { stream, peer });
            self.shared.wake(thread);
        }
    }

    fn adopt(&mut self) {
        let arrived = std::mem::take(&mut *self.shared.incoming(self.index).lock());
        for incoming in arrived {
            self.own(incoming);
        }
    }

    fn own(&mut self, incoming: Incoming) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.conns.push(None);
            self.conns.len() - 1
        });
        let Incoming { mut stream, peer } = incoming;
        if let Err(error) =
            self.poll
                .registry()
                .register(&mut stream, Token(CONNS + slot), Interest::READABLE)
        {
            tracing::warn!(%error, "registering a connection failed");
            self.free.push(slot);
            self.shared.leave();
            return;
        }
        let now_ms = self.shared.now_ms();
        let authenticated = !self.shared.needs_password();
        let client = {
            let mut engine = self.shared.engine.lock();
            let client = ClientId(engine.next_client);
            engine.next_client += 1;
            engine.stats.connections += 1;
            let mut session = Session::new(client, self.index, slot, peer, now_ms);
            session.authenticated = authenticated;
            engine.clients.insert(client, session);
            client
        };
        self.conns[slot] = Some(Box::new(Conn::new(stream, client, authenticated)));
    }

    fn close(&mut self, slot: usize) {
        let Some(mut conn) = self.conns[slot].take() else {
            return;
        };
        if let Err(error) = self.poll.registry().deregister(&mut conn.stream) {
            tracing::debug!(%error, "deregistering a connection failed");
        }
        self.closed.push(conn.client);
        if conn.in_holding {
            self.shared.waiting_durable.fetch_sub(1, Ordering::Relaxed);
        }
        self.shared.leave();
        self.ready.retain(|s| *s != slot);
        self.holding.retain(|s| *s != slot);
        self.free.push(slot);
    }

    /// Removes the sessions of closed connections; only now may their ids be missing from the engine.
    fn reap(&mut self) {
        if self.closed.is_empty() {
            return;
        }
        let mut engine = self.shared.engine.lock();
        for client in self.closed.drain(..) {
            let Some(session) = engine.clients.remove(&client) else {
                continue;
            };
            engine.forget_watched(client, &session.watch);
            engine.forget_blocked(client);
            if let Some(Wait::Aof { .. }) = session.wait {
                self.shared.aof_waiters.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// The last replies (SHUTDOWN's error, what was acknowledged) leave before the sockets close.
    fn say_goodbye(&mut self) {
        self.read_mail();
        self.release_held();
    }
}

enum Taken {
    /// The connection's own buffer holds input to parse.
    Parse,
    Arena {
        start: usize,
        end: usize,
        bytes_in: usize,
    },
    /// Read, but not a whole command yet.
    Partial,
    Closed,
}

/// Reads straight into the connection's buffer while a large request is incomplete.
fn read_own(conn: &mut Conn) -> io::Result<Taken> {
    let have = conn.input.len();
    let want = conn.missing.min(1 << 20);
    conn.input.reserve_exact(conn.missing.min(64 << 20));
    conn.input.resize(have + want, 0);
    let n = read_some(conn, have);
    conn.input.truncate(have + *n.as_ref().unwrap_or(&0));
    let n = n?;
    if n == 0 && conn.readable {
        return Ok(Taken::Closed);
    }
    conn.readable &= n == want || conn.read_closed;
    conn.missing -= n;
    Ok(if conn.missing == 0 {
        Taken::Parse
    } else {
        Taken::Partial
    })
}

fn read_some(conn: &mut Conn, from: usize) -> io::Result<usize> {
    loop {
        match conn.stream.read(&mut conn.input[from..]) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                conn.readable = false;
                return Ok(0);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Reads into the arena, behind what the connection had received before.
fn read_arena(conn: &mut Conn, batch: &mut Batch) -> io::Result<Taken> {
    let start = batch.used;
    let old = conn.input.len();
    if old + ARENA_RESERVE > batch.free() {
        // Too much for what is left of the arena: parse from the connection's own buffer.
        conn.input.resize(old + READ_BYTES_MAX, 0);
        let n = read_some(conn, old);
        conn.input.truncate(old + *n.as_ref().unwrap_or(&0));
        return match n? {
            0 if conn.readable => Ok(Taken::Closed),
            0 => Ok(Taken::Partial),
            _ => Ok(Taken::Parse),
        };
    }
    let cap = (batch.free() - old).min(READ_BYTES_MAX);
    let n = loop {
        match conn
            .stream
            .read(&mut batch.arena[start + old..start + old + cap])
        {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                conn.readable = false;
                return Ok(Taken::Partial);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if n == 0 {
        return Ok(Taken::Closed);
    }
    conn.readable = n == cap || conn.read_closed;
    batch.arena[start..start + old].copy_from_slice(&conn.input);
    conn.input = Vec::new();
    let end = start + old + n;
    batch.used = end;
    Ok(Taken::Arena {
        start,
        end,
        bytes_in: n,
    })
}

/// Puts what the client may not execute yet back in front of its input.
fn stash(conn: &mut Conn, batch: &Batch, run: &Run, cmd: usize) {
    let from = if cmd < run.cmds.end {
        batch.cmds[cmd].base
    } else {
        run.end - conn.input.len()
    };
    conn.input = batch.buffer(run.source)[from..run.end].to_vec();
    conn.parser = esker_resp::Parser::new();
    conn.missing = 0;
    conn.parse_pending = false;
    conn.waiting = true;
}

/// Connections dealt to a thread and not yet adopted by it.
pub type IncomingQueue = Mutex<Vec<Incoming>>;
