//! The logical half of a client: what commands see and change.
//!
//! Sessions live inside the engine, under its lock, so that CLIENT LIST, KILL, PAUSE and every later
//! family that looks at other clients need no further locking. The socket, the buffers and the held
//! replies belong to the I/O thread (`io::conn`); the two halves share a `ClientId`.

use std::net::SocketAddr;
use std::time::Duration;

use esker_resp::Proto;

use crate::multi::Transaction;
use crate::table::RowId;
use crate::watch::Watch;

/// Never reused while the process lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ClientId(pub u64);

/// The promise behind this session's replies; `None` in a session means the server's policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    Always,
    Everysec,
    No,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReplyMode {
    #[default]
    On,
    Off,
    /// The reply of the command that follows CLIENT REPLY SKIP is dropped.
    SkipNext,
    Skip,
}

#[derive(Clone, Debug)]
pub enum Peer {
    Tcp { peer: SocketAddr, local: SocketAddr },
    Unix { path: String },
}

impl Peer {
    /// On this machine: the loopback interface or the unix socket.
    pub fn is_local(&self) -> bool {
        match self {
            Peer::Tcp { peer, .. } => peer.ip().to_canonical().is_loopback(),
            Peer::Unix { .. } => true,
        }
    }
}

/// Why a session takes no further input for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// WAITAOF: until `lsn` is durable here and on so many replicas, or the deadline passes.
    Aof {
        lsn: u64,
        replicas: u64,
        deadline_ms: Option<i64>,
    },
    /// A blocking command: until a key holds something, or the deadline that `blocked` keeps.
    Keys,
    /// WAIT for replicas, of which there are none: until the deadline.
    Replicas { deadline_ms: Option<i64> },
    /// CLIENT PAUSE holds this session's next command, which is executed when the pause ends.
    Paused,
    /// A control job (SAVE, SHUTDOWN, DEBUG RELOAD, …) answers later through the mailbox.
    Control,
}

/// Sizes that only the I/O thread knows, refreshed whenever it executes for the client.
#[derive(Clone, Copy, Default, Debug)]
pub struct Buffers {
    pub query_bytes: usize,
    pub query_free_bytes: usize,
    pub args_bytes: usize,
    pub output_bytes: usize,
    pub output_list_len: usize,
}

#[derive(Debug)]
pub struct Session {
    pub id: ClientId,
    /// Index of the I/O thread that owns the connection, and the connection's slot there.
    pub thread: usize,
    pub slot: usize,
    pub peer: Peer,
    pub name: Vec<u8>,
    pub lib_name: Vec<u8>,
    pub lib_ver: Vec<u8>,
    pub db: u32,
    pub proto: Proto,
    pub authenticated: bool,
    pub user: String,
    pub reply: ReplyMode,
    pub durability: Option<Durability>,
    pub no_evict: bool,
    pub no_touch: bool,
    /// Set by QUIT, CLIENT KILL on oneself and protocol errors: close once the replies are out.
    pub close_after_reply: bool,
    pub wait: Option<Wait>,
    /// What MULTI collects.
    pub multi: Option<Box<Transaction>>,
    /// A command of EXEC is being executed: nothing may wait.
    pub in_exec: bool,
    pub watch: Watch,
    pub created_ms: i64,
    pub last_active_ms: i64,
    pub last_command: Option<RowId>,
    pub commands: u64,
    /// End of the last unit that this session wrote: what WAITAOF waits for.
    pub last_write_lsn: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub buffers: Buffers,
}

impl Session {
    pub fn new(id: ClientId, thread: usize, slot: usize, peer: Peer, now_ms: i64) -> Session {
        Session {
            id,
            thread,
            slot,
            peer,
            name: Vec::new(),
            lib_name: Vec::new(),
            lib_ver: Vec::new(),
            db: 0,
            proto: Proto::Resp2,
            authenticated: false,
            user: "default".into(),
            reply: ReplyMode::On,
            durability: None,
            no_evict: false,
            no_touch: false,
            close_after_reply: false,
            wait: None,
            multi: None,
            in_exec: false,
            watch: Watch::default(),
            created_ms: now_ms,
            last_active_ms: now_ms,
            last_command: None,
            commands: 0,
            last_write_lsn: 0,
            bytes_in: 0,
            bytes_out: 0,
            buffers: Buffers::default(),
        }
    }

    pub fn age(&self, now_ms: i64) -> Duration {
        Duration::from_millis(now_ms.saturating_sub(self.created_ms).max(0) as u64)
    }

    pub fn idle(&self, now_ms: i64) -> Duration {
        Duration::from_millis(now_ms.saturating_sub(self.last_active_ms).max(0) as u64)
    }
}
