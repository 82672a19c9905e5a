//! Requests that outlive the lock: jobs that a command starts and another thread finishes.
//!
//! A handler that cannot answer at once (SAVE, SHUTDOWN, DEBUG RELOAD, CONFIG SET appendonly) puts its
//! session into `Wait::Control` and queues a `Job`; the thread that does the work mails the reply.

use std::fmt;
use std::sync::Arc;

use esker_resp::{OutBuf, Reply};

use crate::blocked;
use crate::engine::{Engine, Mail};
use crate::session::{ClientId, Wait};
use crate::shared::{Needs, Shared};

/// Work that takes time, done by the snapshot thread without holding the engine.
pub type Work = Box<dyn FnOnce(&Arc<Shared>) + Send>;

pub enum Job {
    /// SAVE: a snapshot whose end is the reply.
    Save { client: ClientId },
    /// BGSAVE, answered already.
    BackgroundSave,
    /// BGREWRITEAOF, answered already: compact.
    Rewrite,
    Shutdown {
        client: Option<ClientId>,
        save: ShutdownSave,
        now: bool,
        force: bool,
    },
    /// Whatever else takes long (DEBUG RELOAD, switching the log); it answers its client itself.
    Run(Work),
    /// What makes a few system calls and is soon done (CONFIG REWRITE): the control thread does it, so that a
    /// running snapshot does not hold it up.
    RunSoon(Work),
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Job::Save { .. } => "Save",
            Job::BackgroundSave => "BackgroundSave",
            Job::Rewrite => "Rewrite",
            Job::Shutdown { .. } => "Shutdown",
            Job::Run(_) => "Run",
            Job::RunSoon(_) => "RunSoon",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownSave {
    /// As the configuration says.
    Default,
    Save,
    NoSave,
}

/// The reply of a job.
pub enum Answer {
    Ok,
    /// A complete error line, code included.
    Error(String),
    Integer(i64),
    Integers(Vec<i64>),
}

impl Answer {
    fn write(&self, reply: &mut Reply<'_>) {
        match self {
            Answer::Ok => reply.ok(),
            Answer::Error(line) => reply.error(line),
            Answer::Integer(n) => reply.integer(*n),
            Answer::Integers(list) => {
                reply.array(list.len());
                list.iter().for_each(|n| reply.integer(*n));
            }
        }
    }
}

/// Ends the wait of a client with its reply; does nothing if the client is gone.
pub fn answer(shared: &Shared, client: ClientId, with: Answer) {
    let thread = answer_locked(&mut shared.engine.lock(), client, &with);
    if let Some(thread) = thread {
        shared.wake(thread);
    }
}

/// As `answer`, for a caller who holds the engine and wakes the returned thread afterwards.
pub fn answer_locked(engine: &mut Engine, client: ClientId, with: &Answer) -> Option<usize> {
    answer_after(engine, client, with, Needs::default())
}

/// As `answer_locked`, once the log is as far as the reply needs it.
pub fn answer_after(
    engine: &mut Engine,
    client: ClientId,
    with: &Answer,
    needs: Needs,
) -> Option<usize> {
    let session = engine.clients.get_mut(&client)?;
    session.wait = None;
    let (thread, proto) = (session.thread, session.proto);
    let mut out = OutBuf::default();
    with.write(&mut Reply::new(&mut out, proto));
    if let Answer::Error(line) = with {
        engine.stats.count_error_line(line.as_bytes());
    }
    engine.post(client, |client, slot| Mail::Output {
        client,
        slot,
        out,
        needs,
        resume: true,
    });
    Some(thread)
}

/// Lets every session that a pause held go on.
pub fn end_pause(shared: &Shared) {
    let mut engine = shared.engine.lock();
    end_pause_locked(&mut engine);
    blocked::serve(shared, &mut engine, shared.now_ms());
    drop(engine);
    shared.commit_tick();
    shared.wake_all();
}

/// As `end_pause`, for a caller who holds the engine and wakes the I/O threads afterwards.
pub fn end_pause_locked(engine: &mut Engine) {
    engine.pause = None;
    let held: Vec<ClientId> = engine
        .clients
        .values()
        .filter(|s| s.wait == Some(Wait::Paused))
        .map(|s| s.id)
        .collect();
    for client in held {
        engine.session_mut(client).wait = None;
        engine.post(client, |client, slot| Mail::Resume { client, slot });
    }
}
