//! CONFIG: the settings, as `crate::config` knows them.

use esker_commands::arg::{Arg, block, many, string};
use esker_commands::{
    Args, CmdError, CmdResult, Command, Flags, Group, at_least, exactly, glob, in_group,
};
use esker_resp::Reply;

use super::{AdminFn, Ctx, help, row};
use crate::config;
use crate::control::{Answer, Job, Work, answer};

const BASE: Flags = Flags::ADMIN
    .with(Flags::NOSCRIPT)
    .with(Flags::LOADING)
    .with(Flags::STALE);
const EVERYWHERE: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];
const SET_ARGS: &[Arg] = &[many(block("data", &[string("parameter"), string("value")]))];

const SUBS: &[Command<AdminFn>] = &in_group(
    Group::Server,
    [
        row("CONFIG|GET", at_least(3), get)
            .flags(BASE)
            .args(&[many(string("parameter"))])
            .history(&[("7.0.0", "Takes several patterns.")])
            .doc(
                "2.0.0",
                "O(N) when N is the number of configuration parameters provided",
                "Shows settings.",
            ),
        row("CONFIG|HELP", exactly(2), config_help)
            .loading()
            .stale()
            .doc("5.0.0", "O(1)", "Lists the subcommands."),
        row("CONFIG|RESETSTAT", exactly(2), resetstat)
            .flags(BASE)
            .tips(EVERYWHERE)
            .doc("2.0.0", "O(1)", "Starts the statistics of INFO afresh."),
        row("CONFIG|REWRITE", exactly(2), rewrite)
            .flags(BASE)
            .tips(EVERYWHERE)
            .doc(
                "2.8.0",
                "O(1)",
                "Writes the settings in force into the configuration file.",
            ),
        row("CONFIG|SET", at_least(4), set)
            .flags(BASE)
            .tips(EVERYWHERE)
            .args(SET_ARGS)
            .history(&[("7.0.0", "Takes several pairs.")])
            .doc(
                "2.0.0",
                "O(N) when N is the number of configuration parameters provided",
                "Changes settings.",
            ),
    ],
);

pub const ROWS: &[Command<AdminFn>] = &[Command::container("CONFIG", SUBS)
    .group(Group::Server)
    .doc("2.0.0", "Depends on subcommand.", "About the settings.")];

/// A pattern shows the directives that match, a plain name also a hidden one, under the name asked for.
fn get(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let settings = ctx.settings();
    let mut shown: Vec<(String, String)> = Vec::new();
    let mut add = |name: String, value: String| {
        if !shown
            .iter()
            .any(|(earlier, _)| earlier.eq_ignore_ascii_case(&name))
        {
            shown.push((name, value));
        }
    };
    for pattern in args.rest(2).iter() {
        if let Some((name, row)) = std::str::from_utf8(pattern)
            .ok()
            .and_then(|n| Some((n, config::find(n)?)))
        {
            if !row.start_only {
                add(name.to_owned(), row.get(&settings));
            }
            continue;
        }
        if !pattern.iter().any(|byte| b"*?[".contains(byte)) {
            continue;
        }
        for row in config::all().filter(|row| !row.hidden && !row.start_only) {
            for name in std::iter::once(&row.name).chain(row.aliases) {
                if glob::matches_any_case(pattern, name.as_bytes()) {
                    add((*name).to_owned(), row.get(&settings));
                }
            }
        }
    }
    reply.map(shown.len());
    for (name, value) in shown {
        reply.bulk(name);
        reply.bulk(value);
    }
    Ok(())
}

fn set(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    if !args.len().is_multiple_of(2) {
        return Err(CmdError::Syntax);
    }
    let settings = ctx.settings();
    let allow_protected = settings
        .security
        .enable_protected_configs
        .allows(ctx.is_local());
    let mut pairs = Vec::with_capacity(args.len() / 2 - 1);
    for (name, value) in args.rest(2).pairs() {
        let name = String::from_utf8_lossy(name).into_owned();
        let value = String::from_utf8(value.to_vec());
        let value = value.map_err(|_| {
            CmdError::Line(config::failed(&name, "argument is not valid UTF-8").into())
        })?;
        pairs.push((name, value));
    }
    let changed = config::change(&settings, &pairs, allow_protected)
        .map_err(|line| CmdError::Line(line.into()))?;
    if !changed.outside.is_empty() {
        let client = ctx.client;
        // Switching the log takes a snapshot, or waits for one; everything else is soon done.
        let is_long = changed.outside.contains(&"appendonly");
        let work: Work = Box::new(move |shared| config::configure(shared, client, &pairs));
        return ctx.queue_and_wait(if is_long {
            Job::Run(work)
        } else {
            Job::RunSoon(work)
        });
    }
    config::publish(ctx.shared, ctx.engine, changed.settings);
    reply.ok();
    Ok(())
}

fn rewrite(ctx: &mut Ctx<'_>, _: Args<'_>, _: &mut Reply<'_>) -> CmdResult {
    if ctx.settings().config_file.is_none() {
        return Err(CmdError::text(
            "The server is running without a config file",
        ));
    }
    let client = ctx.client;
    ctx.queue_and_wait(Job::RunSoon(Box::new(move |shared| {
        let result = config::rewrite_file(&shared.settings());
        if let Err(error) = &result {
            tracing::warn!(%error, "CONFIG REWRITE failed");
        }
        let error = |error| Answer::Error(format!("ERR Rewriting config file: {error}"));
        answer(shared, client, result.map_or_else(error, |()| Answer::Ok));
    })))
}

fn resetstat(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    ctx.engine.stats.reset();
    *ctx.engine.keyspace.stats_mut() = esker_keyspace::Stats {
        // What `save` rules count is no statistic.
        changes: ctx.engine.keyspace.stats().changes,
        ..esker_keyspace::Stats::default()
    };
    esker_env::real::alloc::reset_peak_memory();
    reply.ok();
    Ok(())
}

fn config_help(_: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    help(reply, "CONFIG", HELP)
}

const HELP: &[&str] = &[
    "GET <pattern> [<pattern> ...]",
    "    Show the settings whose names match.",
    "SET <directive> <value> [<directive> <value> ...]",
    "    Change settings, all of them or none.",
    "RESETSTAT",
    "    Start the statistics of INFO afresh.",
    "REWRITE",
    "    Write the settings in force into the configuration file.",
];
