//! INFO: the server in numbers, section by section.
//!
//! The handler runs under the engine lock and makes no system call: what only the kernel or the log knows
//! is in `Gauges`, which the cron renews.

mod gauges;
mod persistence;
mod server;
mod statistics;

use std::fmt::{Display, Write};

use esker_commands::{Args, CmdResult};
use esker_resp::Reply;

pub use self::gauges::Gauges;
use crate::admin::Ctx;
use crate::config::Settings;
use crate::engine::Engine;
use crate::session::Session;
use crate::shared::Shared;

/// What a section reads.
pub struct Source<'a> {
    pub shared: &'a Shared,
    pub engine: &'a Engine,
    pub settings: &'a Settings,
    pub now_ms: i64,
}

impl Source<'_> {
    fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.engine.clients.values()
    }
}

/// `name:value` lines.
#[derive(Default)]
pub struct Lines(String);

impl Lines {
    pub fn add(&mut self, name: &str, value: impl Display) {
        write!(self.0, "{name}:{value}\r\n").expect("a String takes all text");
    }

    /// A size, and again with a unit that people read.
    pub fn add_bytes(&mut self, name: &str, bytes: u64) {
        self.add(name, bytes);
        self.add(&format!("{name}_human"), human(bytes));
    }
}

struct Section {
    name: &'static str,
    title: &'static str,
    /// Shown by INFO without arguments.
    is_default: bool,
    write: fn(&Source<'_>, &mut Lines),
}

const fn section(
    name: &'static str,
    title: &'static str,
    write: fn(&Source<'_>, &mut Lines),
) -> Section {
    Section {
        name,
        title,
        is_default: true,
        write,
    }
}

const fn on_request(
    name: &'static str,
    title: &'static str,
    write: fn(&Source<'_>, &mut Lines),
) -> Section {
    Section {
        name,
        title,
        is_default: false,
        write,
    }
}

const SECTIONS: &[Section] = &[
    section("server", "Server", server::server),
    section("clients", "Clients", server::clients),
    section("memory", "Memory", server::memory),
    section("persistence", "Persistence", persistence::persistence),
    section("threads", "Threads", server::threads),
    section("stats", "Stats", statistics::stats),
    section("replication", "Replication", server::replication),
    section("cpu", "CPU", server::cpu),
    section("modules", "Modules", |_, _| ()),
    on_request("commandstats", "Commandstats", statistics::commands),
    section("errorstats", "Errorstats", statistics::errors),
    on_request("latencystats", "Latencystats", statistics::latencies),
    section("cluster", "Cluster", |_, lines| {
        lines.add("cluster_enabled", 0)
    }),
    section("keyspace", "Keyspace", statistics::keyspace),
];

pub fn command(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let names: Vec<String> = args
        .rest(1)
        .iter()
        .map(|name| String::from_utf8_lossy(name).to_ascii_lowercase())
        .collect();
    let settings = ctx.settings();
    let source = Source {
        shared: ctx.shared,
        engine: ctx.engine,
        settings: &settings,
        now_ms: ctx.now_ms,
    };
    reply.verbatim(b"txt", write(&source, &names));
    Ok(())
}

/// The sections asked for, each once, in the order of the table; unknown names are passed over.
fn write(source: &Source<'_>, names: &[String]) -> String {
    let wanted = |section: &Section| {
        let named = |name: &String| match name.as_str() {
            "all" | "everything" => true,
            "default" => section.is_default,
            other => other == section.name,
        };
        if names.is_empty() {
            section.is_default
        } else {
            names.iter().any(named)
        }
    };
    let mut texts = Vec::new();
    for section in SECTIONS.iter().filter(|section| wanted(section)) {
        let mut lines = Lines::default();
        (section.write)(source, &mut lines);
        texts.push(format!("# {}\r\n{}", section.title, lines.0));
    }
    texts.join("\r\n")
}

/// Second of the last committed snapshot; of the start before there is one.
pub fn last_save_seconds(ctx: &Ctx<'_>) -> i64 {
    last_save(&ctx.engine.gauges, ctx.shared)
}

fn last_save(gauges: &Gauges, shared: &Shared) -> i64 {
    let committed = gauges
        .persist
        .as_ref()
        .map_or(0, |info| info.snapshot.last_ok_ms);
    (if committed > 0 {
        committed
    } else {
        shared.started.wall_ms
    }) / 1000
}

/// A size as Redis shows it to people: `512B`, `1.50K`, `2.00G`.
fn human(bytes: u64) -> String {
    const UNITS: [(&str, u64); 5] = [
        ("P", 1 << 50),
        ("T", 1 << 40),
        ("G", 1 << 30),
        ("M", 1 << 20),
        ("K", 1 << 10),
    ];
    match UNITS.iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{:.2}{unit}", bytes as f64 / *size as f64),
        None => format!("{bytes}B"),
    }
}

/// A share of 100, two decimals; 0 of nothing.
fn percent(part: u64, whole: u64) -> String {
    let share = if whole == 0 {
        0.0
    } else {
        part as f64 * 100.0 / whole as f64
    };
    format!("{share:.2}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        for (bytes, expected) in [
            (0, "0B"),
            (1023, "1023B"),
            (1536, "1.50K"),
            (2 << 30, "2.00G"),
        ] {
            assert_eq!(human(bytes), expected);
        }
        assert_eq!(percent(1, 3), "33.33%");
        assert_eq!(percent(1, 0), "0.00%");
    }

    #[test]
    fn section_names_are_distinct() {
        let mut names: Vec<_> = SECTIONS.iter().map(|section| section.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SECTIONS.len());
    }
}
