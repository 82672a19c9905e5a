//! Executes a tick's batch under the engine lock, in slices.
//!
//! Order within a run is the client's order; a client that has to wait (WAITAOF, pause, control jobs)
//! keeps the rest of its commands. Replies go to one buffer per tick, each run's part contiguous. What a
//! reply promises is noted in the run's outcome as the log position that it must wait for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use esker_commands::{Args, CmdError, CmdResult, Group};
use esker_format::UnixMs;
use esker_keyspace::Tx;
use esker_resp::{OutBuf, Reply};

use crate::admin::Ctx;
use crate::blocked;
use crate::call::Call;
use crate::engine::Engine;
use crate::gates;
use crate::io::batch::{Batch, Cmd, Outcome, Run};
use crate::io::output::OutRange;
use crate::multi;
use crate::session::{ClientId, ReplyMode, Session, Wait};
use crate::shared::Shared;
use crate::table::{Handler, Row, TABLE};

/// Commands executed under one hold of the lock.
const SLICE_COMMANDS: usize = 64;
/// And the time after which a slice ends early.
const SLICE_NANOS: u64 = 50_000;
/// How often the clock is read within a slice.
const CLOCK_EVERY: usize = 16;

/// The end of a connection whose acknowledged state can no longer be promised.
pub const OUTCOME_UNKNOWN: &[u8] =
    b"-MISCONF The log failed before this write was durable: its outcome is unknown\r\n";

/// Where the execution of a batch stands.
#[derive(Clone, Copy, Default)]
struct Cursor {
    run: usize,
    /// The next command of the run; `None` before it has begun.
    cmd: Option<usize>,
}

pub fn run_batch(shared: &Arc<Shared>, batch: &mut Batch, out: &mut OutBuf) {
    let mut at = Cursor::default();
    let mut runs = std::mem::take(&mut batch.runs);
    while at.run < runs.len() {
        let mut engine = shared.engine.lock();
        slice(shared, &mut engine, batch, &mut runs, &mut at, out);
        let has_jobs = !engine.jobs.is_empty();
        drop(engine);
        if has_jobs {
            shared.control_signal.raise();
            shared.snapshot_signal.raise();
        }
    }
    batch.runs = runs;
}

/// One hold of the lock: prefetch what the next commands touch, then execute them.
fn slice(
    shared: &Arc<Shared>,
    engine: &mut Engine,
    batch: &Batch,
    runs: &mut [Run],
    at: &mut Cursor,
    out: &mut OutBuf,
) {
    let clock = shared.clock();
    let (now_ms, started) = (clock.wall_ms, clock.nanos);
    prefetch(engine, batch, runs, *at);
    let mut done = 0;
    while at.run < runs.len() && done < SLICE_COMMANDS {
        let run = &mut runs[at.run];
        let mut cmd = at.cmd.unwrap_or_else(|| {
            begin_run(engine, run, out, now_ms);
            run.cmds.start
        });
        while cmd < run.cmds.end && done < SLICE_COMMANDS && run.outcome.stopped_at.is_none() {
            execute(shared, engine, batch, run, cmd, out, now_ms);
            cmd += 1;
            done += 1;
            if done % CLOCK_EVERY == 0 && shared.nanos() - started > SLICE_NANOS {
                done = SLICE_COMMANDS;
            }
        }
        at.cmd = Some(cmd);
        if cmd == run.cmds.end || run.outcome.stopped_at.is_some() {
            end_run(engine, run, out);
            *at = Cursor {
                run: at.run + 1,
                cmd: None,
            };
        }
    }
    engine.stats.account(shared.nanos() - started);
}

fn prefetch(engine: &Engine, batch: &Batch, runs: &[Run], at: Cursor) {
    let upcoming = || {
        let first = at.cmd.unwrap_or(runs[at.run].cmds.start);
        let last = runs[at.run..].last().map_or(first, |r| r.cmds.end);
        batch.cmds[first..last.min(first + SLICE_COMMANDS)]
            .iter()
            .filter(|c| c.hash != 0)
    };
    // Nearly every session uses database 0; for another the prefetch is merely wasted.
    let db = engine.clients.get(&runs[at.run].client).map_or(0, |s| s.db);
    upcoming().for_each(|c| engine.keyspace.prefetch_bucket(db, c.hash));
    upcoming().for_each(|c| engine.keyspace.prefetch_item(db, c.hash));
}

fn begin_run(engine: &mut Engine, run: &mut Run, out: &OutBuf, now_ms: i64) {
    run.outcome = Outcome {
        out: OutRange {
            bytes: out.bytes().len()..0,
            splices: out.splices().len()..0,
        },
        ..Outcome::default()
    };
    engine.stats.net_in_bytes += run.bytes_in as u64;
    engine.stats.reads += 1;
    let session = engine.session_mut(run.client);
    session.last_active_ms = now_ms;
    session.bytes_in += run.bytes_in as u64;
    session.buffers.query_bytes = run.bytes_in;
    if session.wait.is_some() {
        // Paused or waiting when the input was read: nothing of it may run yet.
        run.outcome.stopped_at = Some(run.cmds.start);
    }
}

fn end_run(engine: &mut Engine, run: &mut Run, out: &mut OutBuf) {
    let session = engine.session_mut(run.client);
    if let Some(error) = run.error.filter(|_| run.outcome.stopped_at.is_none()) {
        let mut reply = Reply::new(out, session.proto);
        reply.error([b"ERR ".as_slice(), error.to_bytes().as_slice()].concat());
        session.close_after_reply = true;
        engine.stats.count_error("ERR");
    }
    let session = engine.session_mut(run.client);
    run.outcome.close = session.close_after_reply;
    run.outcome.authenticated = session.authenticated;
    run.outcome.out.bytes.end = out.bytes().len();
    run.outcome.out.splices.end = out.splices().len();
    let bytes = run.outcome.out.bytes.len() as u64;
    session.bytes_out += bytes;
    engine.stats.net_out_bytes += bytes;
    engine.stats.writes += 1;
}

/// One command: gates, handler, outcome.
fn execute(
    shared: &Arc<Shared>,
    engine: &mut Engine,
    batch: &Batch,
    run: &mut Run,
    index: usize,
    out: &mut OutBuf,
    now_ms: i64,
) {
    let cmd = &batch.cmds[index];
    let args = batch.args(run.source, cmd);
    let session = engine
        .clients
        .get_mut(&run.client)
        .expect("a client that executes has a session");
    if session.close_after_reply {
        return;
    }
    if cmd.row.is_none() && is_http(args) {
        tracing::warn!(
            client = run.client.0,
            "HTTP request received: closing the connection"
        );
        session.close_after_reply = true;
        return;
    }
    let mark = out.mark();
    let mut executed = true;
    let result = match cmd.row.map(|id| TABLE.row(id)) {
        None => {
            multi::refused(engine.session_mut(run.client));
            Err(TABLE.unknown(args))
        }
        Some(row) => match gates::check(shared, engine, run.client, row, args) {
            Ok(gates::Pass::Go) => pass(shared, engine, run, cmd, row, args, out, now_ms),
            Ok(gates::Pass::Wait) => {
                run.outcome.stopped_at = Some(index);
                return;
            }
            Err(error) => {
                engine.stats.commands[row.id.index()].rejected += 1;
                executed = false;
                Err(refused(engine, run.client, row, error))
            }
        },
    };
    if let Err(error) = result {
        out.truncate_to(mark);
        if let (CmdError::Block(block), Some(row)) = (&error, cmd.row) {
            let call = Call::new(row, cmd.hash, args.iter());
            engine.settle_touched(now_ms);
            blocked::begin(shared, engine, run, call, block, now_ms);
            return after(shared, engine, run, index, out, mark);
        }
        let proto = engine.session(run.client).proto;
        error.write(&mut Reply::new(out, proto));
    }
    if out.is_error_at(mark) {
        engine.stats.count_error_line(out.error_line_at(mark));
        if let Some(id) = cmd.row.filter(|_| executed) {
            engine.stats.commands[id.index()].failed += 1;
        }
    }
    engine.settle_touched(now_ms);
    blocked::serve(shared, engine, now_ms);
    after(shared, engine, run, index, out, mark);
}

/// A command that passed the gates: queued in a transaction, the end of one, or executed at once.
#[inline]
fn pass(
    shared: &Arc<Shared>,
    engine: &mut Engine,
    run: &mut Run,
    cmd: &Cmd,
    row: &'static Row,
    args: Args<'_>,
    out: &mut OutBuf,
    now_ms: i64,
) -> Result<(), CmdError> {
    let session = engine.session_mut(run.client);
    if session.multi.is_none() {
        return dispatch(shared, engine, run, cmd, row, args, out, now_ms);
    }
    let mut reply = Reply::new(out, session.proto);
    if multi::queue(session, row, cmd, args, &mut reply) {
        Ok(())
    } else if row.name() == "EXEC" {
        transaction(shared, engine, run, row, out, now_ms)
    } else {
        dispatch(shared, engine, run, cmd, row, args, out, now_ms)
    }
}

/// A gate refused a command: a transaction that is being collected fails with it.
fn refused(engine: &mut Engine, client: ClientId, row: &Row, error: CmdError) -> CmdError {
    let session = engine.session_mut(client);
    if session.multi.is_none() {
        return error;
    }
    if row.name() == "EXEC" {
        return multi::exec_refused(engine, client, &error);
    }
    multi::refused(session);
    error
}

/// EXEC: the queued commands one after the other, as one unit of the log. An error of one ends no other.
fn transaction(
    shared: &Arc<Shared>,
    engine: &mut Engine,
    run: &mut Run,
    row: &'static Row,
    out: &mut OutBuf,
    now_ms: i64,
) -> Result<(), CmdError> {
    engine.stats.commands[row.id.index()].calls += 1;
    engine.stats.batch.push(row.id);
    let proto = engine.session(run.client).proto;
    let queued = match multi::take(engine, run.client, now_ms)? {
        multi::Exec::Run(queued) => queued,
        multi::Exec::Changed => {
            Reply::new(out, proto).null_array();
            return Ok(());
        }
    };
    Reply::new(out, proto).array(queued.len());
    let start = engine.keyspace.effects().end_lsn();
    engine.keyspace.effects_mut().begin_group();
    engine.session_mut(run.client).in_exec = true;
    for queued in &queued {
        let mark = out.mark();
        let row = TABLE.row(queued.row);
        let (cmd, args) = (queued.cmd(), queued.args());
        if let Err(error) = dispatch(shared, engine, run, &cmd, row, args, out, now_ms) {
            out.truncate_to(mark);
            let proto = engine.session(run.client).proto;
            error.write(&mut Reply::new(out, proto));
        }
        if out.is_error_at(mark) {
            engine.stats.count_error_line(out.error_line_at(mark));
            engine.stats.commands[row.id.index()].failed += 1;
        }
    }
    let end = engine.keyspace.effects_mut().end_group();
    let session = engine.session_mut(run.client);
    session.in_exec = false;
    if end > start {
        session.last_write_lsn = end.0;
        let session = engine.session(run.client);
        run.outcome.needs.raise(shared, session, end.0, true);
    }
    Ok(())
}

/// A web page can make a browser send us a request: its first or second line gives it away before its body,
/// which could hold commands, is read.
fn is_http(args: Args<'_>) -> bool {
    args.get(0).eq_ignore_ascii_case(b"POST") || args.get(0).eq_ignore_ascii_case(b"Host:")
}

fn dispatch(
    shared: &Arc<Shared>,
    engine: &mut Engine,
    run: &mut Run,
    cmd: &Cmd,
    row: &'static Row,
    args: Args<'_>,
    out: &mut OutBuf,
    now_ms: i64,
) -> Result<(), CmdError> {
    engine.stats.commands[row.id.index()].calls += 1;
    engine.stats.batch.push(row.id);
    match row.handler {
        Handler::Data(handler) => {
            let session = engine
                .clients
                .get_mut(&run.client)
                .expect("checked by the caller");
            session.last_command = Some(row.id);
            session.commands += 1;
            let mut tx = engine.keyspace.tx(session.db, UnixMs(now_ms));
            prepare(&mut tx, session, engine.pause.is_some(), cmd, args);
            let mut reply = Reply::new(out, session.proto);
            let result = handler(&mut tx, args, &mut reply);
            let outcome = tx.finish();
            if outcome.recorded {
                session.last_write_lsn = outcome.end_lsn.0;
            }
            assert!(
                outcome.changed == 0 || !is_refused(&result),
                "{} failed after a change",
                row.name()
            );
            run.outcome.needs.raise_by(shared, session, &outcome);
            result
        }
        Handler::None => Err(CmdError::WrongArity(row.lower_name().into())),
        Handler::Admin(handler) => {
            let session = engine.session_mut(run.client);
            session.last_command = Some(row.id);
            session.commands += 1;
            let proto = session.proto;
            let mut ctx = Ctx {
                shared,
                engine,
                client: run.client,
                now_ms,
            };
            let start = ctx.engine.keyspace.effects().end_lsn().0;
            let mut reply = Reply::new(out, proto);
            let result = handler(&mut ctx, args, &mut reply);
            let end = engine.keyspace.effects().end_lsn().0;
            let session = engine.session_mut(run.client);
            if end > start {
                session.last_write_lsn = end;
            }
            // The server's own commands may show anything that was executed before them; those about
            // the connection reveal nothing of the dataset. MIGRATE says whether keys are there.
            if row.group() == Group::Server || row.is_write() {
                let session = engine.session(run.client);
                run.outcome.needs.raise(shared, session, end, false);
            }
            result
        }
    }
}

/// Who waits is not refused: it may have changed something, as XREADGROUP does that creates its consumer.
pub fn is_refused(result: &CmdResult) -> bool {
    result
        .as_ref()
        .is_err_and(|error| !matches!(error, CmdError::Block(_)))
}

/// What a transaction must know of its session.
fn prepare<'a>(tx: &mut Tx<'a>, session: &Session, paused: bool, cmd: &Cmd, args: Args<'a>) {
    if session.no_touch {
        tx.no_touch();
    }
    if paused {
        tx.forbid_expiry();
    }
    if cmd.hash != 0 {
        tx.hint(args.get(1), cmd.hash);
    }
}

/// CLIENT REPLY, and waits that the command has put its session into.
fn after(
    shared: &Shared,
    engine: &mut Engine,
    run: &mut Run,
    index: usize,
    out: &mut OutBuf,
    mark: esker_resp::Mark,
) {
    let session = engine.session_mut(run.client);
    match session.reply {
        ReplyMode::On => {}
        ReplyMode::Off => out.truncate_to(mark),
        ReplyMode::SkipNext => {
            out.truncate_to(mark);
            session.reply = ReplyMode::Skip;
        }
        ReplyMode::Skip => {
            out.truncate_to(mark);
            session.reply = ReplyMode::On;
        }
    }
    if let Some(wait) = &session.wait {
        if let Wait::Aof { .. } = wait {
            shared.aof_waiters.fetch_add(1, Ordering::Relaxed);
            shared.log_signal.raise();
        }
        run.outcome.stopped_at = Some(index + 1);
    }
}
