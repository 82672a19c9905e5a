//! The requests of one tick, in a form that borrows nothing from a connection.
//!
//! Sockets are read into the arena, or, for a request larger than a read, into a buffer of the
//! connection's own that moves into the batch whole. Commands and arguments are offsets, so the batch
//! can be handed to another thread. A run is what one client sent; its commands lie in one buffer.

use esker_commands::Args;
use esker_resp::{ArgRange, ProtocolError};

use super::output::OutRange;
use crate::session::ClientId;
use crate::shared::Needs;
use crate::table::RowId;

/// The arena: reads of a tick go here. Beyond it the batch is executed and a new one begun.
pub const ARENA_BYTES: usize = 256 << 10;
/// One read of one connection takes at most this much, so that no client starves another.
pub const READ_BYTES_MAX: usize = 64 << 10;
/// Commands that one client may have executed in one tick.
pub const RUN_COMMANDS_MAX: usize = 1024;

#[derive(Clone, Copy, Debug)]
pub struct Cmd {
    /// Where the command starts in its run's buffer; argument offsets count from here.
    pub base: usize,
    pub args_first: u32,
    pub args_count: u32,
    /// `None`: no such command.
    pub row: Option<RowId>,
    /// Hash of the first key, where the row has one at a fixed place.
    pub hash: u64,
}

/// Which buffer a run's bytes lie in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    Arena,
    Owned(usize),
}

/// What one client sent this tick, and what came of it.
#[derive(Debug)]
pub struct Run {
    pub client: ClientId,
    pub slot: usize,
    pub source: Source,
    pub cmds: std::ops::Range<usize>,
    /// End of the run's bytes in its buffer, unparsed rest included.
    pub end: usize,
    pub bytes_in: usize,
    pub error: Option<ProtocolError>,
    pub outcome: Outcome,
}

/// Filled by execution.
#[derive(Default, Debug)]
pub struct Outcome {
    pub out: OutRange,
    pub needs: Needs,
    /// The first command that was not executed since the session waits.
    pub stopped_at: Option<usize>,
    pub close: bool,
    pub authenticated: bool,
}

#[derive(Debug)]
pub struct Batch {
    pub arena: Vec<u8>,
    pub used: usize,
    pub owned: Vec<Vec<u8>>,
    pub args: Vec<ArgRange>,
    pub cmds: Vec<Cmd>,
    pub runs: Vec<Run>,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch {
            arena: vec![0; ARENA_BYTES],
            used: 0,
            owned: Vec::new(),
            args: Vec::new(),
            cmds: Vec::new(),
            runs: Vec::new(),
        }
    }
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub fn free(&self) -> usize {
        self.arena.len() - self.used
    }

    pub fn buffer(&self, source: Source) -> &[u8] {
        match source {
            Source::Arena => &self.arena,
            Source::Owned(i) => &self.owned[i],
        }
    }

    /// Adds a command whose arguments lie at `ranges` behind `base`.
    pub fn push(&mut self, base: usize, ranges: &[ArgRange]) {
        let args_first = self.args.len() as u32;
        self.args.extend_from_slice(ranges);
        let args_count = ranges.len() as u32;
        self.cmds.push(Cmd {
            base,
            args_first,
            args_count,
            row: None,
            hash: 0,
        });
    }

    pub fn args(&self, source: Source, cmd: &Cmd) -> Args<'_> {
        let ranges = &self.args[cmd.args_first as usize..][..cmd.args_count as usize];
        Args::new(&self.buffer(source)[cmd.base..], ranges)
    }

    pub fn clear(&mut self) {
        self.used = 0;
        self.owned.clear();
        self.args.clear();
        self.cmds.clear();
        self.runs.clear();
    }
}
