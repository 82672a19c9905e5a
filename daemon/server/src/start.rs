//! Building the server: directory, sockets, recovery, threads, in the order in which things can fail.
//!
//! The sockets are opened before the dataset is loaded, so that a port in use is found at once and clients
//! that connect meanwhile are served as soon as the load is done; nothing is accepted before that.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use esker_env::real::{self, RealFiles};
use mio::{Poll, Waker};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::config::{LogLevel, Settings, SignalShutdown};
use crate::control::{Job, ShutdownSave};
use crate::engine::Engine;
use crate::info::Gauges;
use crate::io::listen;
use crate::io::thread::IoThread;
use crate::shared::{Parts, Shared};
use crate::stats::Stats;
use crate::table::TABLE;
use crate::threads;

/// Why the server did not start: what was tried, and what came of it.
#[derive(Debug)]
pub struct StartError(String);

impl StartError {
    fn new(what: impl fmt::Display, error: impl fmt::Display) -> StartError {
        StartError(format!("{what}: {error}"))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// A server that runs. Dropping it does not stop it.
pub struct Running {
    shared: Arc<Shared>,
    ended: Mutex<Option<oneshot::Receiver<u8>>>,
}

impl Running {
    /// Resolves to the exit code when the server has stopped. To be taken once.
    pub fn ended(&self) -> oneshot::Receiver<u8> {
        self.ended.lock().take().expect("the end is awaited once")
    }

    /// A signal that asks for the end; `settings` say how. A second one does not wait for a snapshot.
    pub fn on_signal(&self, name: &str) {
        tracing::info!("received {name}, scheduling shutdown");
        let settings = self.shared.settings();
        let how = if name == "SIGINT" {
            settings.shutdown.on_sigint
        } else {
            settings.shutdown.on_sigterm
        };
        let mut engine = self.shared.engine.lock();
        let job = signal_job(how, self.shared.shutting_down.load(Ordering::SeqCst));
        engine.jobs.push_back(job);
        drop(engine);
        self.shared.control_signal.raise();
    }
}

fn signal_job(how: SignalShutdown, again: bool) -> Job {
    let save = match (how.save, how.nosave || again) {
        (_, true) => ShutdownSave::NoSave,
        (true, false) => ShutdownSave::Save,
        (false, false) => ShutdownSave::Default,
    };
    Job::Shutdown {
        client: None,
        save,
        now: how.now,
        force: how.force || again,
    }
}

/// How the log level is changed while the server runs.
pub type SetLogLevel = Box<dyn Fn(LogLevel) + Send + Sync>;

pub fn start(settings: Settings, set_log_level: SetLogLevel) -> Result<Running, StartError> {
    let gauges = Gauges::at_start();
    crate::table::rename(&settings.security.renames);
    let directory = enter_directory(&settings)?;
    prepare_process(&settings);
    let listeners =
        listen::open(&settings.network).map_err(|e| StartError::new("cannot listen", e))?;
    let files = RealFiles::open(&directory)
        .map_err(|e| StartError::new(format_args!("cannot open {}", directory.display()), e))?;
    let opened = threads::load::open(files, &directory, &settings).map_err(StartError)?;

    let count = settings.network.io_threads.max(1);
    let polls = (0..count)
        .map(|_| Poll::new())
        .collect::<io::Result<Vec<_>>>();
    let polls = polls.map_err(|e| StartError::new("cannot poll", e))?;
    let wakers = polls
        .iter()
        .map(|p| Waker::new(p.registry(), IoThread::waker_token()))
        .collect::<io::Result<Vec<_>>>();
    let wakers = wakers.map_err(|e| StartError::new("cannot create a waker", e))?;
    let mut engine = Engine::new(
        opened.keyspace,
        count,
        Stats::for_rows(TABLE.rows().count()),
    );
    engine.gauges = gauges;
    let run_id = format!(
        "{:016x}{:016x}{:08x}",
        real::entropy_seed(),
        real::entropy_seed(),
        real::entropy_seed() as u32
    );
    let shared = Arc::new(Shared::new(Parts {
        engine,
        persist: opened.persist,
        settings,
        wakers,
        run_id,
        set_log_level,
    }));
    let mut listeners = Some(listeners);
    let io = polls.into_iter().enumerate().map(|(i, poll)| {
        IoThread::new(
            i,
            shared.clone(),
            poll,
            listeners.take().unwrap_or_default(),
        )
    });
    let io = io
        .collect::<io::Result<Vec<_>>>()
        .map_err(|e| StartError::new("cannot watch a listener", e))?;
    let ended =
        run_threads(&shared, io).map_err(|e| StartError::new("cannot start a thread", e))?;
    announce(&shared);
    Ok(Running {
        shared,
        ended: Mutex::new(Some(ended)),
    })
}

/// Works in `dir`, as Redis does: relative paths of the configuration mean that.
fn enter_directory(settings: &Settings) -> Result<PathBuf, StartError> {
    let dir = &settings.persistence.dir;
    std::env::set_current_dir(dir)
        .map_err(|e| StartError::new(format_args!("cannot enter dir {dir}"), e))?;
    let here = std::env::current_dir()
        .map_err(|e| StartError::new("cannot find the working directory", e))?;
    Ok(here.join(&settings.persistence.appenddirname))
}

/// Limits that the settings need and the process may not have, and what it must not have.
fn prepare_process(settings: &Settings) {
    if settings.process.disable_thp
        && let Err(error) = real::process::disable_huge_pages()
    {
        tracing::warn!(%error, "huge pages could not be disabled");
    }
    let wanted = u64::from(settings.clients.maxclients) + crate::config::OWN_FILES;
    match real::process::raise_open_files(wanted) {
        Ok(limit) if limit < wanted => {
            tracing::warn!(
                limit,
                wanted,
                "the open file limit is lower than maxclients needs"
            );
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the open file limit could not be raised"),
    }
    if let Err(error) = crate::config::adjust_oom_score(settings) {
        tracing::warn!(%error, "oom-score-adj could not be applied");
    }
    if let Some(path) = pidfile(settings)
        && let Err(error) = std::fs::write(path, format!("{}\n", std::process::id()))
    {
        tracing::warn!(%error, path, "the pid file could not be written");
    }
}

/// Where the process id is written; a daemon has such a file whether asked for or not, as in Redis.
pub fn pidfile(settings: &Settings) -> Option<&str> {
    match settings.process.pidfile.as_str() {
        "" => settings.process.daemonize.then_some("/var/run/redis.pid"),
        path => Some(path),
    }
}

/// Starts every thread, and one that waits for their end and tells it.
fn run_threads(shared: &Arc<Shared>, io: Vec<IoThread>) -> io::Result<oneshot::Receiver<u8>> {
    let mut handles = Vec::new();
    for (i, thread) in io.into_iter().enumerate() {
        handles.push(spawn(&format!("io-{i}"), move || thread.run())?);
    }
    let s = shared.clone();
    let log = spawn("log", move || threads::log::run(&s))?;
    let s = shared.clone();
    handles.push(spawn("snapshot", move || threads::snapshot::run(&s))?);
    let s = shared.clone();
    handles.push(spawn("files", move || threads::files::run(&s))?);
    let s = shared.clone();
    let control = spawn("control", move || threads::control::run(&s))?;
    let (tell, ended) = oneshot::channel();
    let s = shared.clone();
    spawn("end", move || {
        let code = control.join().unwrap_or(1);
        for handle in handles {
            drop(handle.join());
        }
        drop(log.join());
        threads::control::cleanup(&s);
        // Nobody may be waiting any more; then the process ends without being told.
        tell.send(code).ok();
    })?;
    Ok(ended)
}

fn spawn<T: Send + 'static>(
    name: &str,
    f: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(f)
}

fn announce(shared: &Shared) {
    let settings = shared.settings();
    if settings.network.port != 0 {
        tracing::info!(
            "Ready to accept connections tcp on port {}",
            settings.network.port
        );
    }
    if !settings.network.unixsocket.is_empty() {
        tracing::info!(
            "Ready to accept connections unix on {}",
            settings.network.unixsocket
        );
    }
    match real::process::sd_notify("READY=1\nSTATUS=Ready to accept connections\n") {
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "systemd could not be notified"),
    }
}
