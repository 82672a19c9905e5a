//! The crash harness: the real binary under load, killed at random moments, checked against what it acknowledged.
//!
//! Several writers, each with its own connection and its own keys, send pipelines of changes and keep the full list
//! of what they sent and how much of it was acknowledged (`model`, `writer`). The server dies by `kill -9`, starts
//! again and must hold, for each writer, the state after some prefix of that list: one that covers every
//! acknowledged change (`Keeps::Acknowledged`), or any prefix where the policy allows loss (`Keeps::Prefix`).
//!
//! A kill keeps the page cache, so it says nothing about syncs. With `power` the server runs under the shadow
//! library (`shadow`), and recovery starts from what was really synced.

mod lives;
mod model;
pub mod shadow;
mod verify;
mod writer;

pub use lives::{Report, run};

use std::path::PathBuf;
use std::time::Duration;

/// What must have survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// Everything that was acknowledged, and a prefix of what was not.
    Acknowledged,
    /// A prefix of what was sent since the last start.
    Prefix,
}

/// One run: a server killed `kills` times, or for `time`, whichever is later.
#[derive(Clone, Debug)]
pub struct Plan {
    pub name: String,
    pub binary: PathBuf,
    /// Flags beside port, bind and dir, `--directive value` pairs.
    pub flags: Vec<String>,
    pub seed: u64,
    pub writers: usize,
    pub kills: u64,
    pub time: Duration,
    /// Recover from the shadow of what was synced.
    pub power: bool,
    pub keeps: Keeps,
    /// Sent by every writer first, e.g. `CLIENT DURABILITY always`.
    pub hello: Option<String>,
    /// May the disturber change `appendfsync` (only when a kill keeps everything whatever the policy).
    pub change_policy: bool,
    /// A tool that is run on the directory before each restart and must end with status 0.
    pub audit: Option<PathBuf>,
    /// Sent now and then by the disturber; their replies do not matter.
    pub disturb: Vec<String>,
}

impl Plan {
    /// A plan for one fsync policy with the usual disturbances.
    pub fn new(name: &str, binary: PathBuf, policy: &str, seed: u64) -> Plan {
        let mut flags: Vec<String> = Vec::new();
        for (flag, value) in [("appendonly", "yes"), ("appendfsync", policy), ("save", "")] {
            flags.push(format!("--{flag}"));
            flags.push(value.to_string());
        }
        Plan {
            name: name.to_string(),
            binary,
            flags,
            seed,
            writers: 4,
            kills: 10,
            time: Duration::ZERO,
            power: false,
            keeps: Keeps::Acknowledged,
            hello: None,
            change_policy: false,
            audit: None,
            disturb: vec![
                "BGREWRITEAOF".into(),
                "BGSAVE".into(),
                "INFO persistence".into(),
            ],
        }
    }

    #[must_use]
    pub fn kills(mut self, kills: u64) -> Plan {
        self.kills = kills;
        self
    }

    #[must_use]
    pub fn power(mut self, keeps: Keeps) -> Plan {
        self.power = true;
        self.keeps = keeps;
        self
    }

    #[must_use]
    pub fn flag(mut self, name: &str, value: &str) -> Plan {
        self.flags.push(format!("--{name}"));
        self.flags.push(value.to_string());
        self
    }
}
