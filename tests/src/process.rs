//! Server processes: started on a port that the kernel chose, always ended by process id.
//!
//! Invariants: a `Server` that is dropped is dead; its directory lives as long as the last handle on it; its output
//! goes to `server.log` in that directory, which failures quote.
//! This module does not know what the server is: flags are the caller's.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::Client;

/// How long a server may take to answer its first PING before the start counts as failed. Generous: it only ends
/// tests that would otherwise hang.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Starts on another port when somebody took the chosen one in between.
const START_ATTEMPTS: usize = 8;

/// What to start. Flags are `--directive value` pairs; port, bind and dir are added by `start`.
#[derive(Clone, Debug)]
pub struct Options {
    pub binary: PathBuf,
    pub flags: Vec<String>,
    /// Arguments in front of all flags: a configuration file.
    pub front: Vec<String>,
    pub env: Vec<(String, String)>,
    /// `None`: a new temporary directory.
    pub dir: Option<PathBuf>,
}

impl Options {
    pub fn new(binary: impl Into<PathBuf>) -> Options {
        Options {
            binary: binary.into(),
            flags: Vec::new(),
            front: Vec::new(),
            env: Vec::new(),
            dir: None,
        }
    }

    /// Adds one directive with its value.
    #[must_use]
    pub fn flag(mut self, name: &str, value: &str) -> Options {
        self.flags.push(format!("--{name}"));
        self.flags.push(value.to_string());
        self
    }

    /// Starts with a configuration file.
    #[must_use]
    pub fn config_file(mut self, path: &Path) -> Options {
        self.front.push(path.display().to_string());
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Options {
        self.env.push((name.to_string(), value.to_string()));
        self
    }

    #[must_use]
    pub fn dir(mut self, dir: &Path) -> Options {
        self.dir = Some(dir.to_path_buf());
        self
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    dir: PathBuf,
    log: PathBuf,
    /// Keeps a directory of ours alive; `None` when the caller gave one.
    _own_dir: Option<Arc<TempDir>>,
}

impl Server {
    /// Starts a server and waits until it answers PING (also with an error such as NOAUTH).
    pub fn start(options: &Options) -> io::Result<Server> {
        let own_dir = match &options.dir {
            Some(_) => None,
            None => Some(Arc::new(TempDir::with_prefix("esker-test-")?)),
        };
        let dir = match (&options.dir, &own_dir) {
            (Some(dir), _) => dir.clone(),
            (None, Some(own)) => own.path().to_path_buf(),
            (None, None) => unreachable!("one of the two is set above"),
        };
        let log = dir.join("server.log");
        let mut last = String::new();
        for _ in 0..START_ATTEMPTS {
            let port = free_port()?;
            let child = spawn(options, &dir, &log, port)?;
            let mut server = Server {
                child,
                port,
                dir: dir.clone(),
                log: log.clone(),
                _own_dir: own_dir.clone(),
            };
            match server.wait_ready() {
                Ok(()) => return Ok(server),
                Err(error) => {
                    last = format!("{error}; log:\n{}", server.log_tail(40));
                    if !last.contains("in use") {
                        break;
                    }
                }
            }
        }
        Err(io::Error::other(format!(
            "{} did not start: {last}",
            options.binary.display()
        )))
    }

    /// Starts a server that is expected to refuse; returns its exit status and its output.
    pub fn start_refused(options: &Options) -> io::Result<(ExitStatus, String)> {
        let own_dir = TempDir::with_prefix("esker-test-")?;
        let dir = options
            .dir
            .clone()
            .unwrap_or_else(|| own_dir.path().to_path_buf());
        let log = dir.join("refused.log");
        let mut child = spawn(options, &dir, &log, free_port()?)?;
        let limit = Instant::now() + START_LIMIT;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() > limit {
                child.kill()?;
                break child.wait()?;
            }
            thread::sleep(Duration::from_millis(5));
        };
        Ok((status, std::fs::read_to_string(&log).unwrap_or_default()))
    }

    fn wait_ready(&mut self) -> io::Result<()> {
        let limit = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("ended at start with {status}")));
            }
            if let Ok(mut client) = Client::connect(self.addr())
                && let Ok(reply) = client.raw(&[b"PING"])
                && !reply.starts_with(b"-LOADING")
            {
                return Ok(());
            }
            if Instant::now() > limit {
                return Err(io::Error::other("no answer to PING"));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn connect(&self) -> io::Result<Client> {
        Client::connect(self.addr())
    }

    /// `kill -9`, and waits until the process is gone.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// SIGTERM, and waits for the clean end.
    pub fn terminate(&mut self) -> io::Result<ExitStatus> {
        self.signal("TERM")?;
        self.wait()
    }

    /// Waits until the process ends by itself; kills it when it does not.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let limit = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > limit {
                self.child.kill()?;
                self.child.wait()?;
                return Err(io::Error::other(format!(
                    "server did not end; log:\n{}",
                    self.log_tail(40)
                )));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends a signal to this process only.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid().to_string())
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("kill -{name} failed")))
        }
    }

    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub fn log_text(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The last lines of the log, for failure messages.
    pub fn log_tail(&self, lines: usize) -> String {
        let text = self.log_text();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Both may only fail when the process is already gone.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn spawn(options: &Options, dir: &Path, log: &Path, port: u16) -> io::Result<Child> {
    let out = File::options().create(true).append(true).open(log)?;
    let mut command = Command::new(&options.binary);
    command
        .args(&options.front)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
        .arg(dir)
        .args(&options.flags)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out);
    for (name, value) in &options.env {
        command.env(name, value);
    }
    command.spawn().map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot start {}: {error}", options.binary.display()),
        )
    })
}

/// A port that was free a moment ago.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// The binary under test: `ESKER_SERVER`, or `eskerd`.
pub fn subject_binary() -> PathBuf {
    std::env::var_os("ESKER_SERVER").map_or_else(|| house_binary("eskerd"), PathBuf::from)
}

/// A binary of the workspace: in `ESKER_BIN`, or where cargo put those of the profile of the running test
/// (`target/<profile>/<name>`).
pub fn house_binary(name: &str) -> PathBuf {
    if let Some(dir) = std::env::var_os("ESKER_BIN") {
        return Path::new(&dir).join(name);
    }
    let test = std::env::current_exe().expect("the test binary has a path");
    let folder = test.parent().expect("a binary lies in a folder");
    let profile = if folder.ends_with("deps") {
        folder.parent()
    } else {
        Some(folder)
    };
    profile
        .expect("test binaries live below target/<profile>")
        .join(name)
}

/// True when the subject is the reference server itself (the harnesses are then testing themselves).
pub fn subject_is_reference() -> bool {
    subject_binary()
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("redis-server"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_server_is_dead_and_its_log_is_kept_until_then() {
        let options = Options::new(crate::redis::reference_binary()).flag("save", "");
        let server = Server::start(&options).expect("the reference starts");
        let addr = server.addr();
        assert!(server.log_text().contains("Ready to accept connections"));
        drop(server);
        assert!(Client::connect(addr).is_err());
    }

    #[test]
    fn a_refused_start_returns_the_output() {
        let options = Options::new(crate::redis::reference_binary()).flag("no-such-directive", "1");
        let (status, output) = Server::start_refused(&options).expect("the process runs");
        assert!(!status.success());
        assert!(output.contains("no-such-directive"));
    }
}
