//! Directives with a grammar of their own.

use super::super::row::{Bind, How};
use super::super::settings::{BindAddr, OutputLimit, SaveRule, Settings, SignalShutdown};
use super::super::syntax::quote;
use super::super::value::Shape;
use crate::table::TABLE;

const MEMORY: Shape = Shape::Memory {
    min: 0,
    max: i64::MAX,
};

pub const BIND: Bind = Bind::Special {
    get: |s| {
        let show = |a: &BindAddr| format!("{}{}", if a.optional { "-" } else { "" }, a.host);
        s.network
            .bind
            .iter()
            .map(show)
            .collect::<Vec<_>>()
            .join(" ")
    },
    set: |s, args, _| {
        // `bind ""` listens nowhere.
        let named = if args == [""] { &[] } else { args };
        if named.len() > 16 {
            return Err("Too many bind addresses specified.".into());
        }
        s.network.bind = named
            .iter()
            .map(|arg| match arg.strip_prefix('-') {
                Some(host) => BindAddr {
                    host: host.into(),
                    optional: true,
                },
                None => BindAddr {
                    host: (*arg).into(),
                    optional: false,
                },
            })
            .collect();
        Ok(())
    },
    lines: |s| {
        let shown = (if let Bind::Special { get, .. } = BIND {
            Some(get(s))
        } else {
            None
        })
        .unwrap_or_default();
        vec![if shown.is_empty() {
            "bind \"\"".into()
        } else {
            format!("bind {shown}")
        }]
    },
};

/// `normal|replica|slave|pubsub hard soft seconds`, any number of times; classes that are not named keep theirs.
pub const OUTPUT_LIMITS: Bind = Bind::Special {
    get: |s| {
        let limits = &s.clients.output_limits;
        let show = |class: &str, l: &OutputLimit| {
            format!(
                "{class} {} {} {}",
                l.hard_bytes, l.soft_bytes, l.soft_seconds
            )
        };
        // The replica class keeps its oldest name in replies, which clients parse.
        [
            show("normal", &limits.normal),
            show("slave", &limits.replica),
            show("pubsub", &limits.pubsub),
        ]
        .join(" ")
    },
    set: |s, args, _| {
        if args.is_empty() || args.len() % 4 != 0 {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        let mut limits = s.clients.output_limits;
        for group in args.chunks(4) {
            let class = match group[0].to_ascii_lowercase().as_str() {
                "normal" => &mut limits.normal,
                "replica" | "slave" => &mut limits.replica,
                "pubsub" => &mut limits.pubsub,
                _ => {
                    return Err(
                        "Invalid client class specified in buffer limit configuration.".into(),
                    );
                }
            };
            *class = output_limit(group).ok_or(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            )?;
        }
        s.clients.output_limits = limits;
        Ok(())
    },
    lines: |s| {
        let limits = &s.clients.output_limits;
        [
            ("normal", limits.normal),
            ("replica", limits.replica),
            ("pubsub", limits.pubsub),
        ]
        .iter()
        .map(|(class, l)| {
            let (hard, soft) = (show_bytes(l.hard_bytes), show_bytes(l.soft_bytes));
            format!(
                "client-output-buffer-limit {class} {hard} {soft} {}",
                l.soft_seconds
            )
        })
        .collect()
    },
};

fn output_limit(group: &[&str]) -> Option<OutputLimit> {
    Some(OutputLimit {
        hard_bytes: MEMORY.number(group[1]).ok()? as u64,
        soft_bytes: MEMORY.number(group[2]).ok()? as u64,
        soft_seconds: Shape::Int {
            min: 0,
            max: i64::MAX,
        }
        .number(group[3])
        .ok()? as u64,
    })
}

fn show_bytes(bytes: u64) -> String {
    super::super::value::show_memory(bytes as i64)
}

/// `rename-command old new`; lines add up.
pub const RENAMES: Bind = Bind::Special {
    get: |_| String::new(),
    set: |s, args, how| {
        let [old, new] = args else {
            return Err("wrong number of arguments".into());
        };
        if TABLE.find(old.as_bytes()).is_none() {
            return Err("No such command in rename-command".into());
        }
        let taken = TABLE.find(new.as_bytes()).is_some()
            || s.security.renames.iter().any(|(_, name)| name == new);
        let freed = s
            .security
            .renames
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(new));
        if !new.is_empty() && taken && !freed {
            return Err("Target command name already exists".into());
        }
        if how == How::Replace {
            s.security.renames.clear();
        }
        s.security.renames.push(((*old).into(), (*new).into()));
        Ok(())
    },
    lines: |s| {
        s.security
            .renames
            .iter()
            .map(|(old, new)| format!("rename-command {} {}", quote(old), quote(new)))
            .collect()
    },
};

pub const OOM_VALUES: Bind = Bind::Special {
    get: |s| {
        s.process
            .oom_score_adj_values
            .map(|v| v.to_string())
            .join(" ")
    },
    set: |s, args, _| {
        const RANGE: &str =
            "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
        if args.len() != 3 {
            return Err("wrong number of arguments".into());
        }
        let mut values = [0; 3];
        for (value, arg) in values.iter_mut().zip(args) {
            *value = arg
                .parse()
                .ok()
                .filter(|v| (-2000..=2000).contains(v))
                .ok_or(RANGE)?;
        }
        s.process.oom_score_adj_values = values;
        Ok(())
    },
    lines: |s| {
        vec![format!(
            "oom-score-adj-values {}",
            s.process
                .oom_score_adj_values
                .map(|v| v.to_string())
                .join(" ")
        )]
    },
};

/// Pairs of seconds and changes. Lines of a file add up; an empty value removes all rules.
pub const SAVE: Bind = Bind::Special {
    get: |s| {
        let show = |rule: &SaveRule| format!("{} {}", rule.seconds, rule.changes);
        s.persistence
            .save
            .iter()
            .map(show)
            .collect::<Vec<_>>()
            .join(" ")
    },
    set: |s, args, how| {
        const REASON: &str = "Invalid save parameters";
        if args.is_empty() || args == [""] {
            s.persistence.save.clear();
            return Ok(());
        }
        if args.len() % 2 != 0 {
            return Err(REASON.into());
        }
        let mut rules = Vec::new();
        for pair in args.chunks(2) {
            let seconds = Shape::Int {
                min: 1,
                max: i64::MAX,
            }
            .number(pair[0])
            .map_err(|_| REASON)?;
            let changes = Shape::Int {
                min: 0,
                max: i32::MAX as i64,
            }
            .number(pair[1])
            .map_err(|_| REASON)?;
            rules.push(SaveRule {
                seconds: seconds as u64,
                changes: changes as u64,
            });
        }
        if how == How::Replace {
            s.persistence.save.clear();
        }
        s.persistence.save.extend(rules);
        Ok(())
    },
    lines: |s| match s.persistence.save.as_slice() {
        [] => vec!["save \"\"".into()],
        rules => rules
            .iter()
            .map(|rule| format!("save {} {}", rule.seconds, rule.changes))
            .collect(),
    },
};

pub const ON_SIGTERM: Bind = Bind::Special {
    get: |s| show_signal(s.shutdown.on_sigterm),
    set: |s, args, _| {
        s.shutdown.on_sigterm = signal_shutdown(args)?;
        Ok(())
    },
    lines: |s| {
        vec![format!(
            "shutdown-on-sigterm {}",
            show_signal(s.shutdown.on_sigterm)
        )]
    },
};

pub const ON_SIGINT: Bind = Bind::Special {
    get: |s| show_signal(s.shutdown.on_sigint),
    set: |s, args, _| {
        s.shutdown.on_sigint = signal_shutdown(args)?;
        Ok(())
    },
    lines: |s| {
        vec![format!(
            "shutdown-on-sigint {}",
            show_signal(s.shutdown.on_sigint)
        )]
    },
};

fn show_signal(options: SignalShutdown) -> String {
    let words = [
        (options.save, "save"),
        (options.nosave, "nosave"),
        (options.now, "now"),
        (options.force, "force"),
    ];
    let set: Vec<&str> = words
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, word)| *word)
        .collect();
    if set.is_empty() {
        "default".into()
    } else {
        set.join(" ")
    }
}

fn signal_shutdown(args: &[&str]) -> Result<SignalShutdown, String> {
    const WORDS: Shape = Shape::Words(&["default", "save", "nosave", "now", "force"]);
    let mut options = SignalShutdown::default();
    for arg in args {
        match WORDS.word(arg)? {
            1 => options.save = true,
            2 => options.nosave = true,
            3 => options.now = true,
            4 => options.force = true,
            _ => {}
        }
    }
    if options.save && options.nosave {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    Ok(options)
}

pub const PERCENTILES: Bind = Bind::Special {
    get: |s| {
        s.stats
            .percentiles
            .iter()
            .map(f64::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    },
    set: |s, args, _| {
        let mut percentiles = Vec::new();
        for arg in args.iter().filter(|arg| !arg.is_empty()) {
            let value: f64 = arg
                .parse()
                .map_err(|_| "Invalid latency-tracking-info-percentiles parameters")?;
            if !(0.0..=100.0).contains(&value) {
                return Err(
                    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
                        .into(),
                );
            }
            percentiles.push(value);
        }
        s.stats.percentiles = percentiles;
        Ok(())
    },
    lines: |s: &Settings| {
        let shown = s
            .stats
            .percentiles
            .iter()
            .map(f64::to_string)
            .collect::<Vec<_>>()
            .join(" ");
        vec![format!(
            "latency-tracking-info-percentiles {}",
            if shown.is_empty() { "\"\"" } else { &shown }
        )]
    },
};
