//! What every thread of the server holds: the engine's lock, the log, the settings, the wakers.
//!
//! Lock order: the log's own locks before engine (see `esker_persist`). Under the engine only leaves are
//! taken, for a few instructions each: the settings, the sync histogram, the process sample, a signal's flag.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use esker_env::Clock;
use esker_env::real::{RealClock, RealFiles};
use esker_keyspace::{Keyspace, Lsn, Outcome};
use esker_persist::{Health, LogState, Now, Persist};
use parking_lot::{Condvar, Mutex, RwLock};

use crate::config::{Fsync, LogLevel, Settings};
use crate::engine::Engine;
use crate::histogram::Histogram;
use crate::io::thread::{IncomingQueue, IoLimits};
use crate::session::{Durability, Peer, Session};

/// A condition that a thread sleeps on and others raise.
#[derive(Default, Debug)]
pub struct Signal {
    raised: Mutex<bool>,
    condvar: Condvar,
}

impl Signal {
    pub fn raise(&self) {
        let mut raised = self.raised.lock();
        if !*raised {
            *raised = true;
            self.condvar.notify_one();
        }
    }

    /// Waits until raised or for `timeout`; lowers it again.
    pub fn wait(&self, timeout: Duration) -> bool {
        let mut raised = self.raised.lock();
        if !*raised {
            self.condvar.wait_for(&mut raised, timeout);
        }
        std::mem::take(&mut *raised)
    }
}

pub struct Shared {
    pub engine: EngineLock,
    pub persist: Persist<RealFiles>,
    settings: RwLock<Arc<Settings>>,
    /// Bumped with every change of the settings, so that the I/O threads refresh their copies.
    settings_version: AtomicU64,
    durability: AtomicU8,
    clock: RealClock,
    origin: Instant,
    wakers: Vec<mio::Waker>,
    incoming: Vec<IncomingQueue>,
    /// I/O threads that want to be woken when the log has come further.
    wants_wake: Vec<AtomicBool>,
    /// Connections whose replies wait for the disk.
    pub waiting_durable: AtomicU64,
    pub log_signal: Signal,
    pub control_signal: Signal,
    pub snapshot_signal: Signal,
    pub files_signal: Signal,
    /// Clients in WAITAOF.
    pub aof_waiters: AtomicU64,
    pub snapshot_running: AtomicBool,
    /// A shutdown is under way: snapshots other than its own are given up and none is begun.
    pub shutting_down: AtomicBool,
    /// What only system calls can tell, read by the control thread once a second.
    pub process: Mutex<ProcessSample>,
    /// Durations of the log's syncs in microseconds.
    pub syncs: Mutex<Histogram>,
    stopping: AtomicBool,
    clients_now: AtomicUsize,
    pub rejected: AtomicU64,
    pub run_id: String,
    pub started: ClockReading,
    set_log_level: Box<dyn Fn(LogLevel) + Send + Sync>,
}

/// The engine behind its mutex; `Persist` reaches the keyspace through it.
pub struct EngineLock(Mutex<Engine>);

impl EngineLock {
    #[inline]
    pub fn lock(&self) -> parking_lot::MutexGuard<'_, Engine> {
        self.0.lock()
    }
}

impl esker_persist::Engine for EngineLock {
    fn with<R>(&self, f: impl FnOnce(&mut Keyspace) -> R) -> R {
        f(&mut self.0.lock().keyspace)
    }
}

/// What the kernel says about this process.
#[derive(Clone, Copy, Default, Debug)]
pub struct ProcessSample {
    pub resident_bytes: u64,
    pub cpu_user_seconds: f64,
    pub cpu_system_seconds: f64,
    pub machine_memory_bytes: u64,
}

/// One reading of the clocks: wall time for expiry, monotonic for durations.
#[derive(Clone, Copy, Debug)]
pub struct ClockReading {
    pub wall_ms: i64,
    pub nanos: u64,
}

/// Everything that `Shared` is made of and that the start computes.
pub struct Parts {
    pub engine: Engine,
    pub persist: Persist<RealFiles>,
    pub settings: Settings,
    pub wakers: Vec<mio::Waker>,
    pub run_id: String,
    pub set_log_level: Box<dyn Fn(LogLevel) + Send + Sync>,
}

impl Shared {
    pub fn new(parts: Parts) -> Shared {
        let (clock, origin) = (RealClock::new(), Instant::now());
        let threads = parts.wakers.len();
        let shared = Shared {
            engine: EngineLock(Mutex::new(parts.engine)),
            persist: parts.persist,
            durability: AtomicU8::new(0),
            settings: RwLock::new(Arc::new(parts.settings)),
            settings_version: AtomicU64::new(0),
            started: ClockReading {
                wall_ms: clock.now_ms(),
                nanos: 0,
            },
            clock,
            origin,
            incoming: (0..threads).map(|_| IncomingQueue::default()).collect(),
            wants_wake: (0..threads).map(|_| AtomicBool::new(false)).collect(),
            wakers: parts.wakers,
            waiting_durable: AtomicU64::new(0),
            log_signal: Signal::default(),
            control_signal: Signal::default(),
            snapshot_signal: Signal::default(),
            files_signal: Signal::default(),
            aof_waiters: AtomicU64::new(0),
            snapshot_running: AtomicBool::new(false),
            shutting_down: AtomicBool::new(false),
            process: Mutex::new(ProcessSample::default()),
            syncs: Mutex::new(Histogram::default()),
            stopping: AtomicBool::new(false),
            clients_now: AtomicUsize::new(0),
            rejected: AtomicU64::new(0),
            run_id: parts.run_id,
            set_log_level: parts.set_log_level,
        };
        shared.settings_changed();
        shared
    }

    // ---- time ----------------------------------------------------------------------------------

    pub fn clock(&self) -> ClockReading {
        ClockReading {
            wall_ms: self.clock.now_ms(),
            nanos: self.nanos(),
        }
    }

    #[inline]
    pub fn nanos(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    pub fn now(&self) -> Now {
        Now::read(&self.clock)
    }

    // ---- settings ------------------------------------------------------------------------------

    pub fn settings(&self) -> Arc<Settings> {
        self.settings.read().clone()
    }

    /// Swaps the settings in whole and tells everything that keeps a copy.
    pub fn set_settings(&self, settings: Settings) {
        *self.settings.write() = Arc::new(settings);
        self.settings_changed();
    }

    fn settings_changed(&self) {
        let settings = self.settings();
        self.durability
            .store(settings.persistence.appendfsync as u8, Ordering::Release);
        (self.set_log_level)(settings.process.loglevel);
        self.settings_version.fetch_add(1, Ordering::Release);
    }

    pub fn settings_version(&self) -> u64 {
        self.settings_version.load(Ordering::Acquire)
    }

    /// What the I/O threads keep a copy of.
    pub fn io_limits(&self) -> IoLimits {
        IoLimits::of(&self.settings())
    }

    /// The server's policy, for sessions without one of their own.
    #[inline]
    pub fn durability(&self) -> Durability {
        const ALWAYS: u8 = Fsync::Always as u8;
        const EVERYSEC: u8 = Fsync::Everysec as u8;
        match self.durability.load(Ordering::Relaxed) {
            ALWAYS => Durability::Always,
            EVERYSEC => Durability::Everysec,
            _ => Durability::No,
        }
    }

    // ---- clients -------------------------------------------------------------------------------

    pub fn io_threads(&self) -> usize {
        self.wakers.len()
    }

    pub fn incoming(&self, thread: usize) -> &IncomingQueue {
        &self.incoming[thread]
    }

    pub fn clients(&self) -> usize {
        self.clients_now.load(Ordering::Relaxed)
    }

    /// Counts a client in, or says why it may not come in.
    pub fn admit(&self, peer: &Peer) -> Result<(), &'static [u8]> {
        let settings = self.settings();
        if self.clients_now.fetch_add(1, Ordering::Relaxed) >= settings.clients.maxclients as usize
        {
            self.leave();
            self.rejected.fetch_add(1, Ordering::Relaxed);
            return Err(b"-ERR max number of clients reached\r\n");
        }
        let exposed = settings.security.protected_mode && settings.security.requirepass.is_empty();
        if exposed && !peer.is_local() {
            self.leave();
            self.rejected.fetch_add(1, Ordering::Relaxed);
            return Err(PROTECTED);
        }
        Ok(())
    }

    /// Counts a client out.
    pub fn leave(&self) {
        self.clients_now.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn needs_password(&self) -> bool {
        !self.settings().security.requirepass.is_empty()
    }

    // ---- the log -------------------------------------------------------------------------------

    /// Writes what was executed, unless the log thread is at it; returns how far the log is.
    pub fn commit_tick(&self) -> Progress {
        // What cannot be written here is written by the log thread, which the holder of replies wakes.
        let _outcome = self.persist.write_tick(&self.engine, self.now());
        self.log_progress()
    }

    /// Whether writers have to wait for the disk because it is too far behind.
    pub fn throttles(&self) -> bool {
        self.persist.throttles(self.now())
    }

    /// Whether the log has failed and nothing has replaced it yet. One load while all is well.
    pub fn log_failed(&self) -> bool {
        !self.persist.accepts_writes() && matches!(self.persist.health(), Health::Failed { .. })
    }

    pub fn log_progress(&self) -> Progress {
        // Without a log, and while one is only being started, nothing is promised and no reply waits.
        let logging = self.persist.log_state() == LogState::On;
        let reached = |lsn: Lsn| if logging { lsn.0 } else { u64::MAX };
        Progress {
            written: reached(self.persist.written_lsn()),
            durable: reached(self.persist.durable_lsn()),
            failures: self.persist.failure_epoch(),
        }
    }

    /// An I/O thread holds replies: the log thread shall work on it and wake the thread.
    pub fn ask_for_wake(&self, thread: usize) {
        self.wants_wake[thread].store(true, Ordering::SeqCst);
        self.log_signal.raise();
    }

    /// Wakes every thread that holds replies.
    pub fn wake_holders(&self) {
        for (thread, wants) in self.wants_wake.iter().enumerate() {
            if wants.swap(false, Ordering::SeqCst) {
                self.wake(thread);
            }
        }
    }

    // ---- waking --------------------------------------------------------------------------------

    /// Makes an I/O thread look at its mail, its arrivals and its held replies.
    pub fn wake(&self, thread: usize) {
        if let Err(error) = self.wakers[thread].wake() {
            tracing::warn!(%error, thread, "waking an I/O thread failed");
        }
    }

    pub fn wake_all(&self) {
        (0..self.wakers.len()).for_each(|thread| self.wake(thread));
    }

    pub fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake_all();
        self.log_signal.raise();
        self.control_signal.raise();
        self.snapshot_signal.raise();
        self.files_signal.raise();
    }
}

/// How far the log must be before a reply may leave.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Needs {
    pub written: u64,
    pub durable: u64,
}

impl Needs {
    /// Raises the needs of a reply that reveals what lies before `lsn`. Reads wait only under `always`: what they reveal
    /// must not be taken back by a power cut. Writes of the weaker classes wait until the kernel has them. While the
    /// log has failed and a snapshot is to replace it, reads go on without waiting for what may take long.
    pub fn raise(&mut self, shared: &Shared, session: &Session, lsn: u64, wrote: bool) {
        match session.durability.unwrap_or(shared.durability()) {
            Durability::Always if !wrote && shared.log_failed() => {}
            Durability::Always => self.durable = self.durable.max(lsn),
            Durability::Everysec | Durability::No if wrote => {
                self.written = self.written.max(lsn);
            }
            Durability::Everysec | Durability::No => {}
        }
    }

    /// Raises them by what a transaction did and saw.
    pub fn raise_by(&mut self, shared: &Shared, session: &Session, outcome: &Outcome) {
        if outcome.recorded {
            self.raise(shared, session, outcome.end_lsn.0, true);
        }
        self.raise(shared, session, outcome.depends_lsn.0, false);
    }

    pub fn met(self, progress: Progress) -> bool {
        self.written <= progress.written && self.durable <= progress.durable
    }
}

/// How far the log is, as replies see it.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub written: u64,
    pub durable: u64,
    /// Failures of the log so far; see `Held`.
    pub failures: u64,
}

const PROTECTED: &[u8] = b"-DENIED Esker is running in protected mode because protected mode is enabled and no password \
is set for the default user. In this mode connections are only accepted from the loopback interface. To connect from \
other machines set a password with requirepass, or turn protected-mode off in a network that you trust.\r\n";
