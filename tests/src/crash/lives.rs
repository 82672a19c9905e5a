//! The loop of lives: start, load, kill, restore, restart, verify.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::Client;
use crate::process::{Options, Server};
use crate::seed::Random;

use super::model::State;
use super::verify::verify;
use super::writer::Writer;
use super::{Plan, shadow};

/// The server is killed after between these many milliseconds of load.
const LIFE_MS: (u64, u64) = (15, 700);
/// One life in so many ends by SIGTERM, so that clean ends mix with crashes.
const CLEAN_END_ONE_IN: u64 = 12;
/// One restart in so many is itself killed once before it is let through.
const KILLED_START_ONE_IN: u64 = 6;

/// What a run saw. A run without kills, or without anything acknowledged, proves nothing: callers assert on these.
#[derive(Debug, Default)]
pub struct Report {
    pub name: String,
    pub seed: u64,
    pub kills: u64,
    pub killed_starts: u64,
    pub clean_ends: u64,
    pub sent: u64,
    pub acknowledged: u64,
    pub survived_in_flight: u64,
    pub lost_acknowledged: u64,
    pub wrong: Vec<String>,
    /// Kept when something was wrong.
    pub kept_dir: Option<PathBuf>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "crash {} seed {}: {} kills, {} killed starts, {} clean ends, {} sent, {} acknowledged, \
             {} survived in flight, {} lost after acknowledgement",
            self.name,
            self.seed,
            self.kills,
            self.killed_starts,
            self.clean_ends,
            self.sent,
            self.acknowledged,
            self.survived_in_flight,
            self.lost_acknowledged
        )?;
        for wrong in &self.wrong {
            write!(f, "\n  WRONG: {wrong}")?;
        }
        match &self.kept_dir {
            Some(dir) => write!(f, "\n  kept: {}", dir.display()),
            None => Ok(()),
        }
    }
}

/// Runs a plan to its end or to the first violation.
pub fn run(plan: &Plan) -> io::Result<Report> {
    let work = TempDir::with_prefix("esker-crash-")?;
    let mut lives = Lives {
        plan,
        work: work.path().to_path_buf(),
        random: Random::new(
            plan.name
                .bytes()
                .fold(plan.seed, |mix, byte| mix.rotate_left(7) ^ u64::from(byte)),
        ),
        life: 0,
        report: Report {
            name: plan.name.clone(),
            seed: plan.seed,
            ..Report::default()
        },
        writers: (0..plan.writers)
            .map(|i| Writer::new(i, plan.writers, plan.seed))
            .collect(),
        shared: BTreeMap::new(),
    };
    let outcome = lives.run();
    let mut report = lives.report;
    if let Err(error) = outcome {
        report.wrong.push(error.to_string());
    }
    if !report.wrong.is_empty() {
        report.kept_dir = Some(work.keep());
    }
    Ok(report)
}

struct Lives<'a> {
    plan: &'a Plan,
    work: PathBuf,
    random: Random,
    life: u64,
    report: Report,
    writers: Vec<Writer>,
    /// Per database, the shared counter at the start of the life.
    shared: BTreeMap<u32, i64>,
}

impl Lives<'_> {
    fn run(&mut self) -> io::Result<()> {
        let end = Instant::now() + self.plan.time;
        std::fs::create_dir_all(self.data())?;
        let mut server = self.start()?;
        while self.report.kills < self.plan.kills || Instant::now() < end {
            let clean = self.random.one_in(CLEAN_END_ONE_IN);
            self.load_until_end(&mut server, clean)?;
            if !self.report.wrong.is_empty() {
                return Ok(());
            }
            server = self.restart(server, clean)?;
            self.judge(&server)?;
            if !self.report.wrong.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.work.join(format!("data-{}", self.life))
    }

    fn shadow(&self) -> PathBuf {
        self.work.join(format!("shadow-{}", self.life))
    }

    fn options(&self) -> io::Result<Options> {
        let mut options = Options::new(&self.plan.binary).dir(&self.data());
        options.flags.clone_from(&self.plan.flags);
        if self.plan.power {
            std::fs::create_dir_all(self.shadow())?;
            options.env = shadow::environment(&self.data(), &self.shadow())?;
        }
        Ok(options)
    }

    fn start(&self) -> io::Result<Server> {
        Server::start(&self.options()?)
    }

    /// Lets all writers and the disturber work, then ends the server.
    fn load_until_end(&mut self, server: &mut Server, clean: bool) -> io::Result<()> {
        let addr = server.addr();
        let plan = self.plan;
        let time = Duration::from_millis(LIFE_MS.0 + self.random.below(LIFE_MS.1 - LIFE_MS.0));
        let disturb_seed = self.random.draw();
        let ended = thread::scope(|scope| {
            for writer in &mut self.writers {
                scope.spawn(|| writer.work(addr, plan.hello.as_deref()));
            }
            scope.spawn(|| disturb(addr, plan, disturb_seed));
            thread::sleep(time);
            if clean {
                server.terminate()
            } else {
                server.kill()
            }
        });
        let status = ended?;
        if clean && !status.success() {
            self.report.wrong.push(format!(
                "SIGTERM ended with {status}; log:\n{}",
                server.log_tail(20)
            ));
        }
        if clean {
            self.report.clean_ends += 1;
        } else {
            self.report.kills += 1;
        }
        for writer in &mut self.writers {
            self.report.sent += writer.sent.len() as u64;
            self.report.acknowledged += writer.acknowledged as u64;
            self.report.wrong.append(&mut writer.wrong);
        }
        Ok(())
    }

    /// After a power cut the next life starts from the shadow, else from the same directory.
    fn restart(&mut self, old: Server, clean: bool) -> io::Result<Server> {
        drop(old);
        if self.plan.power {
            self.power_cut(clean)?;
        }
        self.audit()?;
        if self.random.one_in(KILLED_START_ONE_IN) {
            self.killed_start()?;
        }
        self.start()
    }

    fn power_cut(&mut self, clean: bool) -> io::Result<()> {
        let (old_data, old_shadow) = (self.data(), self.shadow());
        self.life += 1;
        // A clean end is followed by a restart of the process, not of the machine; and a process that was killed
        // before its shadow was set up has written nothing.
        if clean || !old_shadow.join("root").exists() {
            std::fs::rename(&old_data, self.data())?;
        } else {
            shadow::restore(&old_shadow, &self.data())?;
            std::fs::remove_dir_all(&old_data)?;
        }
        std::fs::remove_dir_all(&old_shadow)
    }

    /// Kills a start at a random moment of its recovery.
    fn killed_start(&mut self) -> io::Result<()> {
        let options = self.options()?;
        let log = std::fs::File::create(self.work.join("killed-start.log"))?;
        let mut command = Command::new(&options.binary);
        command
            .args(["--port", "0", "--dir"])
            .arg(self.data())
            .args(&options.flags);
        command
            .current_dir(self.data())
            .stdout(log.try_clone()?)
            .stderr(log);
        command.envs(options.env.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn()?;
        thread::sleep(Duration::from_millis(self.random.below(60)));
        child.kill()?;
        child.wait()?;
        self.report.killed_starts += 1;
        if self.plan.power {
            self.power_cut(false)
        } else {
            Ok(())
        }
    }

    /// What the offline check calls sound, the server must start on, and the other way round.
    fn audit(&self) -> io::Result<()> {
        let dir = log_directory(&self.data());
        let Some(tool) = self.plan.audit.as_ref().filter(|_| dir.exists()) else {
            return Ok(());
        };
        let output = Command::new(tool).arg("--json").arg(&dir).output()?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let report: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or(serde_json::Value::Null);
        // A start that was killed early leaves nothing to check.
        if report["sound"] == true || errors.contains("no dataset") {
            return Ok(());
        }
        let name = tool.display();
        let status = output.status;
        Err(io::Error::other(format!(
            "{name} {}: {status}\n{report:#}\n{errors}",
            dir.display()
        )))
    }

    fn judge(&mut self, server: &Server) -> io::Result<()> {
        let mut client = server.connect()?;
        let found = verify(&mut client, &self.writers, self.plan.keeps, &self.shared)?;
        self.report.survived_in_flight += found.survived_in_flight;
        self.report.lost_acknowledged += found.lost_acknowledged;
        self.report.wrong.extend(
            found
                .wrong
                .into_iter()
                .map(|what| format!("life {}: {what}", self.life)),
        );
        if !self.report.wrong.is_empty() {
            self.report.wrong.push(format!(
                "log of the restarted server:\n{}",
                server.log_tail(30)
            ));
        }
        let states: Vec<State> = found.states;
        for (writer, state) in self.writers.iter_mut().zip(states) {
            writer.begin(state, found.shared.get(&writer.db).copied().unwrap_or(0));
        }
        self.shared = found.shared;
        Ok(())
    }
}

/// The directory of the log below `dir`: Redis' and our default name.
fn log_directory(dir: &Path) -> PathBuf {
    dir.join("appendonlydir")
}

/// Starts snapshots and changes the configuration under load, so that kills land in them.
fn disturb(addr: SocketAddr, plan: &Plan, seed: u64) {
    let mut random = Random::new(seed);
    let Ok(mut client) = Client::connect(addr) else {
        return;
    };
    loop {
        thread::sleep(Duration::from_millis(random.below(80)));
        let line = if plan.change_policy && random.one_in(3) {
            let policy = ["always", "everysec", "no"][random.below(3) as usize];
            format!("CONFIG SET appendfsync {policy}")
        } else {
            plan.disturb[random.below(plan.disturb.len() as u64) as usize].clone()
        };
        if client.words(&line).is_err() {
            return;
        }
    }
}
