//! What the one lock guards: the keyspace, the sessions, and what commands count.
//!
//! Invariants: every change to the keyspace goes through a `Tx` begun here; a session in `clients`
//! has a connection on the thread that it names, until that thread reports the close; mail for a
//! thread is delivered in order. Nothing in here makes a system call.

use std::collections::{BTreeMap, VecDeque};

use esker_keyspace::Keyspace;
use esker_resp::OutBuf;

use crate::background::Background;
use crate::blocked::Blocked;
use crate::control::Job;
use crate::departing::Departing;
use crate::gates::Refusal;
use crate::info::Gauges;
use crate::session::{ClientId, Session};
use crate::shared::Needs;
use crate::stats::Stats;
use crate::watch::Watchers;

/// Something an I/O thread has to do for one of its connections.
#[derive(Debug)]
pub enum Mail {
    /// Send these bytes after everything the client was sent before; with `resume`, the wait is over.
    Output {
        client: ClientId,
        slot: usize,
        out: OutBuf,
        needs: Needs,
        resume: bool,
    },
    /// The wait is over without bytes of its own (the end of CLIENT PAUSE): take input again.
    Resume { client: ClientId, slot: usize },
    /// Close at once (CLIENT KILL, limits).
    Close { client: ClientId, slot: usize },
}

/// CLIENT PAUSE in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    pub until_ms: i64,
    /// `true`: all commands wait; `false`: only those that may write.
    pub all: bool,
}

impl Pause {
    /// The server's own, while it shuts down or proves its files: no client ends it.
    pub const OWN: Pause = Pause {
        until_ms: i64::MAX,
        all: true,
    };
}

pub struct Engine {
    pub keyspace: Keyspace,
    pub clients: BTreeMap<ClientId, Session>,
    pub next_client: u64,
    pub pause: Option<Pause>,
    pub stats: Stats,
    /// One queue for each I/O thread; the thread is woken by whoever pushes (`Shared::wake`).
    pub mail: Vec<Vec<Mail>>,
    /// Work for the control thread, in order of request.
    pub jobs: VecDeque<Job>,
    /// Writes are refused with this text (MISCONF and its like) while set.
    pub write_refusal: Option<Refusal>,
    /// `Keyspace::stats().changes` when the last snapshot was cut: `save` rules count from there.
    pub changes_at_snapshot: u64,
    pub background: Background,
    pub gauges: Gauges,
    pub watchers: Watchers,
    pub blocked: Blocked,
    pub departing: Departing,
    /// DEBUG PAUSE-CRON.
    pub cron_paused: bool,
}

impl Engine {
    pub fn new(keyspace: Keyspace, threads: usize, stats: Stats) -> Engine {
        Engine {
            keyspace,
            clients: BTreeMap::new(),
            next_client: 1,
            pause: None,
            stats,
            mail: (0..threads).map(|_| Vec::new()).collect(),
            jobs: VecDeque::new(),
            write_refusal: None,
            changes_at_snapshot: 0,
            background: Background::default(),
            gauges: Gauges::default(),
            watchers: Watchers::default(),
            blocked: Blocked::default(),
            departing: Departing::default(),
            cron_paused: false,
        }
    }

    pub fn session(&self, id: ClientId) -> &Session {
        self.clients
            .get(&id)
            .expect("a client that executes has a session")
    }

    pub fn session_mut(&mut self, id: ClientId) -> &mut Session {
        self.clients
            .get_mut(&id)
            .expect("a client that executes has a session")
    }

    /// Has the keyspace collect what it touches while somebody wants to know.
    pub fn listen(&mut self) {
        let on =
            !self.watchers.is_empty() || !self.blocked.is_empty() || !self.departing.is_empty();
        if self.keyspace.touched().listening() != on {
            self.keyspace.touched_mut().set_listening(on);
        }
    }

    /// Passes on what was touched since the last call. To be called after each command and each turn of the cron
    /// that may have changed the keyspace.
    #[inline]
    pub fn settle_touched(&mut self, now_ms: i64) {
        if self.keyspace.touched().listening() {
            let mut touched = Vec::new();
            self.keyspace.touched_mut().take_into(&mut touched);
            self.tell_watchers(&touched, now_ms);
            self.departing.note(&touched);
            self.blocked.note(&touched);
        }
    }

    /// Queues mail for the thread that owns `client`; false when the client is gone.
    pub fn post(&mut self, client: ClientId, make: impl FnOnce(ClientId, usize) -> Mail) -> bool {
        let Some(s) = self.clients.get(&client) else {
            return false;
        };
        let (thread, slot) = (s.thread, s.slot);
        self.mail[thread].push(make(client, slot));
        true
    }
}
