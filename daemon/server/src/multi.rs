//! Transactions: what MULTI collects and EXEC executes.
//!
//! Invariants: a command is queued only after it passed every gate, so that EXEC meets no unknown command and no
//! wrong number of arguments. What EXEC changes is one unit of the log, all or nothing, although each command is
//! executed by itself. A transaction that was refused anything while it was collected is never executed.

use esker_commands::{Args, CmdError, CmdResult, Flags};
use esker_resp::Reply;

use crate::call::Call;
use crate::engine::Engine;
use crate::io::batch::Cmd;
use crate::session::{ClientId, Session};
use crate::table::Row;

/// What a session has collected since MULTI.
#[derive(Debug, Default)]
pub struct Transaction {
    pub queued: Vec<Call>,
    /// The flags of all queued commands together.
    pub flags: Flags,
    /// A command was refused: EXEC will refuse everything.
    pub failed: bool,
}

impl Transaction {
    fn push(&mut self, row: &'static Row, cmd: &Cmd, args: Args<'_>) {
        self.flags = self.flags.with(row.flags);
        self.queued.push(Call::new(row.id, cmd.hash, args.iter()));
    }

    /// Bytes that the queue holds, as CLIENT LIST shows them.
    pub fn bytes(&self) -> usize {
        self.queued.iter().map(Call::bytes).sum::<usize>()
            + self.queued.capacity() * size_of::<Call>()
    }
}

/// Commands that act at once inside of a transaction.
const AT_ONCE: &[&str] = &["EXEC", "DISCARD", "MULTI", "WATCH", "QUIT", "RESET"];

/// Queues the command if the session collects a transaction. Returns whether it did.
pub fn queue(
    session: &mut Session,
    row: &'static Row,
    cmd: &Cmd,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> bool {
    let Some(transaction) = &mut session.multi else {
        return false;
    };
    if AT_ONCE.contains(&row.name()) {
        return false;
    }
    transaction.push(row, cmd, args);
    reply.simple("QUEUED");
    true
}

/// Notes that a command was refused before its handler.
pub fn refused(session: &mut Session) {
    if let Some(transaction) = &mut session.multi {
        transaction.failed = true;
    }
}

/// EXEC itself was refused: the transaction is over, and the reason is in the answer.
pub fn exec_refused(engine: &mut Engine, client: ClientId, why: &CmdError) -> CmdError {
    discard(engine, client);
    CmdError::Line(format!("EXECABORT Transaction discarded because of: {}", why.line()).into())
}

/// Forgets the transaction and the watched keys. Returns whether there was a transaction.
pub fn discard(engine: &mut Engine, client: ClientId) -> bool {
    engine.unwatch(client);
    engine.session_mut(client).multi.take().is_some()
}

/// What EXEC is to do.
pub enum Exec {
    /// Execute these.
    Run(Vec<Call>),
    /// A watched key has changed.
    Changed,
}

/// Ends the collecting.
pub fn take(engine: &mut Engine, client: ClientId, now_ms: i64) -> Result<Exec, CmdError> {
    let changed = engine.watched_changed(client, now_ms);
    engine.unwatch(client);
    let Some(transaction) = engine.session_mut(client).multi.take() else {
        return Err(CmdError::text("EXEC without MULTI"));
    };
    if transaction.failed {
        return Err(CmdError::line_of(
            "EXECABORT Transaction discarded because of previous errors.",
        ));
    }
    Ok(if changed {
        Exec::Changed
    } else {
        Exec::Run(transaction.queued)
    })
}

/// MULTI.
pub fn begin(session: &mut Session) -> CmdResult {
    if session.multi.is_some() {
        return Err(CmdError::text("MULTI calls can not be nested"));
    }
    session.multi = Some(Box::default());
    Ok(())
}
