//! Admin command families: handlers that need the server, the other clients or the configuration.
//!
//! They run under the engine lock like every command, and like every command make no system call
//! there, except that another thread may have to be woken. What takes time becomes a `control::Job`, which
//! answers the waiting session when it is done.

mod client;
mod command;
mod config;
mod connection;
mod debug;
mod lolwut;
mod memory;
mod migrate;
mod server;
mod transaction;

use std::sync::Arc;

use esker_commands::{Args, Arity, CmdError, CmdResult, Command, Table, count_rows};
use esker_resp::Reply;

use crate::background::Kind;
use crate::config::Settings;
use crate::control::Job;
use crate::engine::{Engine, Mail};
use crate::session::{ClientId, Session, Wait};
use crate::shared::Shared;
use crate::threads::snapshot;

pub use self::debug::subcommands as debug_subcommands;

/// The Redis release whose clients this server serves: what INFO and HELLO say.
pub const REDIS_VERSION: &str = "8.0.6";
pub const ESKER_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What an admin handler gets.
pub struct Ctx<'a> {
    pub shared: &'a Arc<Shared>,
    pub engine: &'a mut Engine,
    pub client: ClientId,
    /// Wall clock of this tick.
    pub now_ms: i64,
}

impl Ctx<'_> {
    pub fn session(&mut self) -> &mut Session {
        self.engine.session_mut(self.client)
    }

    pub fn settings(&self) -> Arc<Settings> {
        self.shared.settings()
    }

    /// Queues work whose end nobody waits for.
    fn queue(&mut self, job: Job) {
        let for_control = snapshot::for_control(&job);
        self.engine.jobs.push_back(job);
        let signal = if for_control {
            &self.shared.control_signal
        } else {
            &self.shared.snapshot_signal
        };
        signal.raise();
    }

    /// Queues work that answers this client; until then the client's next commands wait.
    fn queue_and_wait(&mut self, job: Job) -> CmdResult {
        if self.session().in_exec {
            return Err(CmdError::text(
                "this command waits for another thread and cannot be part of a transaction",
            ));
        }
        self.session().wait = Some(Wait::Control);
        self.queue(job);
        Ok(())
    }

    /// Visible at once, although the control thread starts it a little later.
    fn begin_background(&mut self, kind: Kind) {
        let changes = self.engine.keyspace.stats().changes;
        self.engine.background.begin(kind, self.now_ms, changes);
    }

    /// Closes another client's connection at once, or this client's after its reply.
    fn close_client(&mut self, id: ClientId) {
        let Some(session) = self.engine.clients.get_mut(&id) else {
            return;
        };
        // Nothing that it sent already is executed any more.
        session.close_after_reply = true;
        let thread = session.thread;
        self.engine.forget_blocked(id);
        if id != self.client {
            self.engine
                .post(id, |client, slot| Mail::Close { client, slot });
            self.shared.wake(thread);
        }
    }

    /// From the same machine: loopback or unix socket.
    fn is_local(&mut self) -> bool {
        self.session().peer.is_local()
    }
}

pub type AdminFn = fn(&mut Ctx<'_>, Args<'_>, &mut Reply<'_>) -> CmdResult;

/// The rows of every admin family.
pub type AdminRows = &'static [Command<AdminFn>];

/// Every admin family.
pub const FAMILIES: &[AdminRows] = &[
    connection::ROWS,
    client::ROWS,
    command::ROWS,
    config::ROWS,
    server::ROWS,
    memory::ROWS,
    migrate::ROWS,
    debug::ROWS,
    lolwut::ROWS,
    transaction::ROWS,
];

const ROWS: usize = count_rows(FAMILIES);

pub static TABLE: Table<AdminFn, ROWS, 512> = Table::join(FAMILIES);

/// A row with neither WRITE nor READONLY, which is what nearly all of them are.
const fn row(name: &'static str, arity: Arity, handler: AdminFn) -> Command<AdminFn> {
    Command::plain(name, arity, handler)
}

/// The answer of a container's HELP: `lines` are usages and, indented by four blanks, what they do.
fn help(reply: &mut Reply<'_>, container: &str, lines: &[&str]) -> CmdResult {
    reply.array(lines.len() + 3);
    reply.simple(&format!(
        "{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    ));
    for line in lines {
        reply.simple(line);
    }
    reply.simple("HELP");
    reply.simple("    Shows this help.");
    Ok(())
}

/// The word that switches something on or off.
fn on_off(word: &[u8]) -> Result<bool, CmdError> {
    if word.eq_ignore_ascii_case(b"on") {
        Ok(true)
    } else if word.eq_ignore_ascii_case(b"off") {
        Ok(false)
    } else {
        Err(CmdError::Syntax)
    }
}

/// A timeout argument in milliseconds, as WAIT and CLIENT PAUSE take it, added to `now_ms`; `None` for 0.
fn deadline(arg: &[u8], now_ms: i64) -> Result<Option<i64>, CmdError> {
    let timeout = esker_resp::parse_i64(arg)
        .ok_or_else(|| CmdError::text("timeout is not an integer or out of range"))?;
    if timeout < 0 {
        return Err(CmdError::text("timeout is negative"));
    }
    let at = now_ms
        .checked_add(timeout)
        .ok_or_else(|| CmdError::text("timeout is out of range"))?;
    Ok((timeout > 0).then_some(at))
}
