//! The physical half of a client: socket, unparsed input, replies that wait.
//!
//! Invariants: replies leave in the order of the commands, so once one is held every later one queues
//! behind it; an idle connection (nothing half read, nothing unsent) owns no heap buffer.

use std::collections::VecDeque;
use std::io;

use esker_resp::{ArgRange, Parser};
use mio::{Interest, Registry, Token};

use super::output::OutQueue;
use super::stream::Stream;
use crate::config::OutputLimit;
use crate::session::ClientId;
use crate::shared::{Needs, Progress};

/// Replies that may not leave before the log has come this far.
#[derive(Debug)]
pub struct Held {
    pub needs: Needs,
    /// Failures of the log before this was held: one more and the wait may never end.
    pub failures: u64,
    pub out: OutQueue,
}

/// What came of an attempt to release held replies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Released {
    All,
    Some,
    /// The log failed under a reply that still waits.
    Failed,
}

#[derive(Debug)]
pub struct Conn {
    pub stream: Stream,
    pub client: ClientId,
    pub parser: Parser,
    /// Arguments of the command that `input` holds the start of.
    pub args: Vec<ArgRange>,
    /// Received and not executed yet: the start of an incomplete command, or commands beyond a tick's
    /// bound or behind a wait.
    pub input: Vec<u8>,
    /// `input` may hold complete commands: parse it before reading on.
    pub parse_pending: bool,
    /// Bytes that the command in `input` still lacks, where its header tells.
    pub missing: usize,
    pub held: VecDeque<Held>,
    pub out: OutQueue,
    /// The socket had more to give, or was not asked.
    pub readable: bool,
    /// The peer has closed its half: the bytes in the socket are the last.
    pub read_closed: bool,
    pub want_write: bool,
    pub authenticated: bool,
    /// The session waits (WAITAOF, pause, control job): no input is taken.
    pub waiting: bool,
    /// Close when everything is sent.
    pub closing: bool,
    pub in_ready: bool,
    /// What was read this turn is in the batch: nothing more is read until it is answered.
    pub in_batch: bool,
    pub in_holding: bool,
    /// When the output first exceeded the soft limit.
    pub soft_limit_since_ms: Option<i64>,
}

impl Conn {
    pub fn new(stream: Stream, client: ClientId, authenticated: bool) -> Conn {
        Conn {
            stream,
            client,
            parser: Parser::new(),
            args: Vec::new(),
            input: Vec::new(),
            parse_pending: false,
            missing: 0,
            held: VecDeque::new(),
            out: OutQueue::default(),
            readable: false,
            read_closed: false,
            want_write: false,
            authenticated,
            waiting: false,
            closing: false,
            in_ready: false,
            in_batch: false,
            in_holding: false,
            soft_limit_since_ms: None,
        }
    }

    /// Bytes of replies that this connection keeps in memory.
    pub fn output_bytes(&self) -> usize {
        self.out.bytes() + self.held.iter().map(|h| h.out.bytes()).sum::<usize>()
    }

    /// Moves what the log has reached to the socket's queue.
    pub fn release(&mut self, progress: Progress) -> Released {
        while let Some(first) = self.held.front() {
            if !first.needs.met(progress) {
                return if first.failures == progress.failures {
                    Released::Some
                } else {
                    Released::Failed
                };
            }
            let held = self.held.pop_front().expect("the queue has a front");
            self.out.append(held.out);
        }
        self.held = VecDeque::new();
        Released::All
    }

    /// Whether `client-output-buffer-limit` says that this peer reads too slowly.
    pub fn over_output_limit(&mut self, limit: OutputLimit, now_ms: impl FnOnce() -> i64) -> bool {
        let bytes = self.output_bytes() as u64;
        if limit.hard_bytes > 0 && bytes >= limit.hard_bytes {
            return true;
        }
        if limit.soft_bytes == 0 || bytes < limit.soft_bytes {
            self.soft_limit_since_ms = None;
            return false;
        }
        let now_ms = now_ms();
        let since = *self.soft_limit_since_ms.get_or_insert(now_ms);
        now_ms.saturating_sub(since) > limit.soft_seconds as i64 * 1000
    }

    /// Sends what is queued and asks the poll for writability when the socket refuses the rest.
    pub fn flush(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let done = self.out.write_to(&mut self.stream)?;
        self.watch_writes(registry, token, !done)
    }

    pub fn watch_writes(
        &mut self,
        registry: &Registry,
        token: Token,
        want: bool,
    ) -> io::Result<()> {
        if want == self.want_write {
            return Ok(());
        }
        let interest = if want {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        registry.reregister(&mut self.stream, token, interest)?;
        self.want_write = want;
        Ok(())
    }

    /// Everything that was to be sent is with the kernel.
    pub fn drained(&self) -> bool {
        self.out.is_empty() && self.held.is_empty()
    }
}
