//! Every crash of a short script: the power goes in every I/O operation of it, and then with every subset of what was
//! pending. Seconds, and a proof for these scripts instead of a sample.

use esker_env::sim::Faults;

use super::command::{Command, Expiry, Request};
use super::driver::{Action, Driver};
use super::history::Ending;
use super::options::Options;
use super::oracle::Failure;

/// Subsets are enumerated up to this many pending changes. Beyond, the first ones vary and the rest shares one bit.
const VARIED_MAX: u32 = 12;

/// A few steps with a name.
pub struct Script {
    pub name: &'static str,
    pub actions: Vec<Action>,
}

/// How much was tried.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried {
    /// Crash points.
    pub points: u64,
    /// Disks recovered from.
    pub disks: u64,
    /// The largest number of pending changes at a crash point.
    pub pending_max: usize,
}

fn set(key: &str, length: usize) -> Action {
    let value = std::sync::Arc::new(vec![b'v'; length]);
    let command = Command::Set {
        key: key.into(),
        value,
        expiry: Expiry::Clear,
    };
    Action::Request(Request {
        db: 0,
        commands: vec![command],
    })
}

fn several(actions: &[Action], times: usize) -> Vec<Action> {
    actions
        .iter()
        .cycle()
        .take(actions.len() * times)
        .cloned()
        .collect()
}

const JOB: [Action; 3] = [Action::JobBegin, Action::JobRun, Action::JobComplete];
const SYNC: [Action; 3] = [Action::SyncBegin, Action::SyncRun, Action::SyncComplete];

/// The protocols that durability rests on, each by itself.
pub fn scripts() -> Vec<Script> {
    let mut scripts = log_scripts();
    scripts.extend(snapshot_scripts());
    scripts
}

fn script(name: &'static str, parts: &[&[Action]]) -> Script {
    let actions = parts.concat();
    Script { name, actions }
}

fn log_scripts() -> Vec<Script> {
    vec![
        script("birth", &[]),
        script("one commit", &[&[set("a", 10), Action::Write], &SYNC]),
        script(
            "a write while a sync runs",
            &[&[
                set("a", 10),
                Action::Write,
                Action::SyncBegin,
                set("b", 10),
                Action::Write,
                Action::SyncRun,
            ]],
        ),
        script(
            "a roll",
            &[
                &JOB,
                &[set("a", 3000), Action::Write, set("b", 3000), Action::Write],
                &SYNC,
                &JOB,
            ],
        ),
        script(
            "a unit in fragments",
            &[
                &several(&JOB, 2),
                &[set("a", 6000), Action::Write],
                &JOB,
                &[Action::Write],
                &SYNC,
            ],
        ),
    ]
}

fn snapshot_scripts() -> Vec<Script> {
    let snapshot = several(&[Action::SnapshotStep], 40);
    vec![
        script(
            "a snapshot",
            &[
                &[set("a", 10), Action::Write],
                &SYNC,
                &JOB,
                &[Action::SnapshotBegin],
                &snapshot,
            ],
        ),
        script(
            "a snapshot and what it drops",
            &[
                &[set("a", 10), Action::Write],
                &SYNC,
                &JOB,
                &[Action::SnapshotBegin],
                &snapshot,
                &several(&JOB, 4),
            ],
        ),
        script(
            "the log off",
            &[&[set("a", 10), Action::Write, Action::LogOff, set("b", 10)]],
        ),
        script(
            "the log off and on",
            &[
                &[
                    set("a", 10),
                    Action::Write,
                    Action::LogOff,
                    set("b", 10),
                    Action::LogOn,
                ],
                &several(&JOB, 2),
                &[Action::SnapshotStep],
                &snapshot,
                &[set("c", 10), Action::Write],
                &SYNC,
            ],
        ),
    ]
}

/// Crashes in every operation of the script, with every subset of what is pending then.
pub fn try_all(script: &Script) -> Result<Tried, Failure> {
    let mut tried = Tried::default();
    for point in 0.. {
        let (mut driver, reached) = run_to(script, point)?;
        if !reached {
            break;
        }
        tried.points += 1;
        let pending = driver.disk.pending_count();
        tried.pending_max = tried.pending_max.max(pending);
        let varied = (pending as u32).min(VARIED_MAX);
        for mask in 0..1u64 << varied {
            driver.probe(script.name, point, mask, varied)?;
            tried.disks += 1;
        }
    }
    Ok(tried)
}

/// Runs the script until the power goes after `point` operations of it. False when it ends before.
fn run_to(script: &Script, point: u64) -> Result<(Driver, bool), Failure> {
    let mut driver = Driver::new(1, small());
    let from_birth = script.actions.is_empty();
    if from_birth {
        driver.disk.crash_after(Some(point));
    }
    driver.open_once()?;
    if !from_birth {
        for action in several(&JOB, 3) {
            driver.act(&action)?;
        }
        driver.disk.crash_after(Some(point));
    }
    for action in &script.actions {
        if driver.disk.is_dead() || !driver.act(action)? {
            break;
        }
    }
    let reached = driver.disk.is_dead();
    Ok((driver, reached))
}

fn small() -> Options {
    let mut options = Options::draw(1);
    options.faults = Faults::default();
    options.databases = 1;
    options.segment_bytes = 4096;
    options.policies = vec![esker_persist::SyncPolicy::Always];
    options.rewrite_percentage = 0;
    options.retain_ms = 0;
    options.compress = false;
    options
}

impl Driver {
    /// Recovers from a copy of the disk that kept the pending changes of the mask, and judges.
    fn probe(&mut self, name: &str, point: u64, mask: u64, varied: u32) -> Result<(), Failure> {
        let mut index = 0;
        let disk = self.disk.fork().restart_keeping(|| {
            let keep = mask >> index.min(varied.saturating_sub(1)) & 1 == 1;
            index += 1;
            keep
        });
        let result = self.judge_copy(&disk, Ending::PowerCut);
        result.map_err(|Failure(what)| {
            Failure(format!(
                "{name}: crash in operation {point}, pending changes kept {mask:0w$b}: {what}",
                w = varied as usize
            ))
        })
    }
}
