//! DEBUG: for tests and the curious. Guarded by `enable-debug-command`.
//!
//! One command with subcommands of its own, not a container: what it does not know it refuses with one
//! text, whether the name or the number of arguments is wrong. Subcommands that switch machinery which
//! this server does not have (reply buffer resizing, packed list nodes) answer OK, since the state that
//! they ask for is the one there is; those that ask for what cannot be had are refused.

mod inspect;
mod protocol;
mod reload;

use std::time::Duration;

use esker_commands::{Args, CmdError, CmdResult, Command, Flags, Group, Traits, at_least};
use esker_format::UnixMs;
use esker_keyspace::Expiry;
use esker_keyspace::entry::StrInput;
use esker_resp::{Reply, parse_i64};

use super::{AdminFn, Ctx, help, row};
use crate::config::value::{Shape, Unit};
use crate::control::{Answer, Job, answer};
use crate::session::ClientId;
use crate::shared::Shared;

const FLAGS: Flags = Flags::ADMIN
    .with(Flags::NOSCRIPT)
    .with(Flags::LOADING)
    .with(Flags::STALE);

pub const ROWS: &[Command<AdminFn>] = &[row("DEBUG", at_least(2), debug)
    .flags(FLAGS)
    .traits(Traits::PROTECTED.with(Traits::SYSCMD))
    .group(Group::Server)
    .doc(
        "1.0.0",
        "Depends on subcommand.",
        "Looks into the server, or puts it into a state that tests need.",
    )];

struct Sub {
    name: &'static str,
    /// Arguments with `DEBUG` and the name.
    args_min: usize,
    args_max: usize,
    run: AdminFn,
}

const fn sub(name: &'static str, args_min: usize, args_max: usize, run: AdminFn) -> Sub {
    Sub {
        name,
        args_min,
        args_max,
        run,
    }
}

const ANY: usize = usize::MAX;

const SUBS: &[Sub] = &[
    sub("AOF-FLUSH-SLEEP", 3, 3, only_zero),
    sub("ASSERT", 2, 2, crash),
    sub("CHANGE-REPL-ID", 2, 2, change_replication_id),
    sub("DIGEST", 2, 2, inspect::digest),
    sub("DIGEST-VALUE", 2, ANY, inspect::digest_values),
    sub("ERROR", 3, 3, error),
    sub("HELP", 2, 2, debug_help),
    sub("HTSTATS", 3, 4, inspect::table_stats),
    sub("HTSTATS-KEY", 3, 4, inspect::table_stats_of_key),
    sub("LISTPACK", 3, 3, inspect::listpack),
    sub("LOADAOF", 2, 2, load_log),
    sub("LOG", 3, 3, log),
    sub("OBJECT", 3, 3, inspect::object),
    sub("PANIC", 2, 2, crash),
    sub("PAUSE-CRON", 3, 3, pause_cron),
    sub("POPULATE", 3, 5, populate),
    sub("PROTOCOL", 3, 3, protocol::sample),
    sub("QUICKLIST-PACKED-THRESHOLD", 3, 3, packed_threshold),
    sub("RELOAD", 2, ANY, reload),
    sub("REPLYBUFFER", 4, 4, reply_buffer),
    sub("SDSLEN", 3, 3, inspect::lengths),
    sub("SEGFAULT", 2, 2, crash),
    sub("SET-ACTIVE-EXPIRE", 3, 3, set_active_expire),
    sub("SET-DISABLE-DENY-SCRIPTS", 3, 3, nothing_to_switch),
    sub("SET-SKIP-CHECKSUM-VALIDATION", 3, 3, only_zero),
    sub("SLEEP", 3, 3, sleep),
    sub("STRINGMATCH-LEN", 4, 4, string_match),
];

/// The names of all subcommands, for those who list them.
pub fn subcommands() -> impl Iterator<Item = &'static str> {
    SUBS.iter().map(|sub| sub.name)
}

fn debug(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let name = args.get(1);
    let fits = |sub: &&Sub| {
        sub.name.as_bytes().eq_ignore_ascii_case(name)
            && (sub.args_min..=sub.args_max).contains(&args.len())
    };
    match SUBS.iter().find(fits) {
        Some(sub) => (sub.run)(ctx, args, reply),
        None => Err(unknown(name)),
    }
}

fn unknown(name: &[u8]) -> CmdError {
    let name = String::from_utf8_lossy(&name[..name.len().min(128)]).into_owned();
    CmdError::text(format_args!(
        "unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."
    ))
}

/// Ends the process on the spot, as a crash would: nothing is flushed.
fn crash(_: &mut Ctx<'_>, _: Args<'_>, _: &mut Reply<'_>) -> CmdResult {
    std::process::abort();
}

/// The control thread sleeps and holds the engine, so that nothing is executed meanwhile.
fn sleep(ctx: &mut Ctx<'_>, args: Args<'_>, _: &mut Reply<'_>) -> CmdResult {
    // As strtod does, whatever is no number counts as 0.
    let seconds: f64 = std::str::from_utf8(args.get(2))
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.0);
    let micros = (seconds * 1e6).clamp(0.0, 3600e6) as u64;
    let client = ctx.client;
    ctx.queue_and_wait(Job::RunSoon(Box::new(move |shared| {
        let engine = shared.engine.lock();
        std::thread::sleep(Duration::from_micros(micros));
        drop(engine);
        answer(shared, client, Answer::Ok);
    })))
}

fn error(_: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    reply.error(args.get(2));
    Ok(())
}

fn log(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let text = String::from_utf8_lossy(args.get(2)).into_owned();
    ctx.queue(Job::RunSoon(Box::new(move |_| {
        tracing::warn!("DEBUG LOG: {text}")
    })));
    reply.ok();
    Ok(())
}

fn set_active_expire(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    ctx.engine.keyspace.set_active_expire(is_on(args.get(2)));
    reply.ok();
    Ok(())
}

fn pause_cron(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    ctx.engine.cron_paused = is_on(args.get(2));
    reply.ok();
    Ok(())
}

/// As atoi does: anything but a number other than 0 is off.
fn is_on(arg: &[u8]) -> bool {
    parse_i64(arg).is_some_and(|value| value != 0)
}

/// `RELOAD [MERGE] [NOFLUSH] [NOSAVE]`. What is loaded equals what is there, so keeping or merging is all the same.
fn reload(ctx: &mut Ctx<'_>, args: Args<'_>, _: &mut Reply<'_>) -> CmdResult {
    let mut save = true;
    let mut cursor = args.cursor(2);
    while !cursor.is_done() {
        if cursor.word("NOSAVE") {
            save = false;
        } else if !cursor.word("NOFLUSH") && !cursor.word("MERGE") {
            return Err(CmdError::text(
                "DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
            ));
        }
    }
    let client = ctx.client;
    ctx.queue_and_wait(Job::Run(Box::new(move |shared| {
        finish_reload(shared, client, reload::reload(shared, save))
    })))
}

fn load_log(ctx: &mut Ctx<'_>, _: Args<'_>, _: &mut Reply<'_>) -> CmdResult {
    let client = ctx.client;
    ctx.queue_and_wait(Job::Run(Box::new(move |shared| {
        finish_reload(shared, client, reload::reload(shared, false))
    })))
}

fn finish_reload(shared: &Shared, client: ClientId, result: Result<(), String>) {
    if let Err(error) = &result {
        tracing::error!(error, "DEBUG RELOAD failed");
    }
    let refusal = |error| {
        Answer::Error(format!(
            "ERR Error trying to load the dataset back: {error}"
        ))
    };
    answer(shared, client, result.map_or_else(refusal, |()| Answer::Ok));
}

/// `POPULATE count [prefix] [size]`: `prefix:n` holds `value:n`, cut or padded with zero bytes to `size`.
fn populate(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let positive = |arg| {
        parse_i64(arg)
            .filter(|n| *n >= 0)
            .ok_or(CmdError::NotPositive)
    };
    let count = positive(args.get(2))?;
    let prefix = args.try_get(3).unwrap_or(b"key").to_vec();
    let size = args.try_get(4).map(positive).transpose()?.unwrap_or(0) as usize;
    let (db, now) = (ctx.session().db, UnixMs(ctx.now_ms));
    for n in 0..count {
        let mut tx = ctx.engine.keyspace.tx(db, now);
        let key = [&prefix[..], b":", n.to_string().as_bytes()].concat();
        if !tx.exists(&key) {
            let mut value = format!("value:{n}").into_bytes();
            if size > 0 {
                value.resize(size, 0);
            }
            tx.set(&key, StrInput::Bytes(&value), Expiry::Clear);
        }
        tx.finish();
    }
    reply.ok();
    Ok(())
}

/// A replication id belongs to the timeline in the manifest and changes only with it.
fn change_replication_id(_: &mut Ctx<'_>, _: Args<'_>, _: &mut Reply<'_>) -> CmdResult {
    Err(CmdError::text(
        "DEBUG CHANGE-REPL-ID is not supported: the id follows the timeline of the data",
    ))
}

fn packed_threshold(_: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let text = String::from_utf8_lossy(args.get(2)).into_owned();
    let shape = Shape::Memory {
        min: 0,
        max: (4 << 30) - 1,
    };
    shape.number(&text).map_err(|_| {
        CmdError::text("argument must be a memory value bigger than 1 and smaller than 4gb")
    })?;
    reply.ok();
    Ok(())
}

/// `REPLYBUFFER PEAK-RESET-TIME (NEVER|RESET|ms)` and `REPLYBUFFER RESIZING (0|1)`: idle connections hold no buffers.
fn reply_buffer(_: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let mut cursor = args.cursor(2);
    if cursor.word("PEAK-RESET-TIME") {
        if !cursor.word("NEVER") && !cursor.word("RESET") {
            let text = String::from_utf8_lossy(cursor.value()?).into_owned();
            let shape = Shape::Duration {
                unit: Unit::Millis,
                min: 0,
                max: i64::MAX,
            };
            shape.number(&text).map_err(|_| CmdError::NotInteger)?;
        }
    } else if !cursor.word("RESIZING") {
        return Err(unknown(args.get(1)));
    }
    reply.ok();
    Ok(())
}

fn nothing_to_switch(_: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    reply.ok();
    Ok(())
}

/// Checks that are never skipped and delays that do not exist can only be asked for in the way they are.
fn only_zero(_: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    if is_on(args.get(2)) {
        let name = String::from_utf8_lossy(args.get(1)).to_ascii_uppercase();
        return Err(CmdError::text(format_args!("DEBUG {name} supports only 0")));
    }
    reply.ok();
    Ok(())
}

/// `STRINGMATCH-LEN pattern text`: whether a pattern matches, and nothing about how long it took.
fn string_match(_: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    reply.integer(i64::from(esker_commands::glob::matches(
        args.get(2),
        args.get(3),
    )));
    Ok(())
}

fn debug_help(_: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    help(reply, "DEBUG", HELP)
}

const HELP: &[&str] = &[
    "ASSERT, PANIC, SEGFAULT",
    "    End the process as a crash would.",
    "DIGEST",
    "    Show a hash of everything in all databases.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Show a hash of each value and its expiry.",
    "ERROR <text>",
    "    Answer with this error.",
    "HTSTATS <dbid>",
    "    Describe the table of a database.",
    "HTSTATS-KEY <key>",
    "    Describe the table of a value.",
    "LISTPACK <key>",
    "    Write the bytes of a value in the compact encoding to the server's log.",
    "LOADAOF",
    "    Load everything back from the files and compare.",
    "LOG <text>",
    "    Write a line to the server's log.",
    "OBJECT <key>",
    "    Describe an entry.",
    "PAUSE-CRON (0|1)",
    "    Stop or resume the periodic work.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create <count> strings named <prefix>:<n>, of <size> bytes.",
    "PROTOCOL <type>",
    "    Answer with a sample: string, integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
    "    true or false.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    Accepted; nodes of lists have no such threshold.",
    "RELOAD [NOSAVE] [NOFLUSH] [MERGE]",
    "    Take a snapshot, load everything back from the files and compare.",
    "REPLYBUFFER PEAK-RESET-TIME (NEVER|RESET|<ms>), REPLYBUFFER RESIZING (0|1)",
    "    Accepted; idle connections hold no buffers.",
    "SDSLEN <key>",
    "    Show the lengths of a key and its string.",
    "SET-ACTIVE-EXPIRE (0|1)",
    "    Stop or resume the removal of expired keys that nobody asks for.",
    "SET-DISABLE-DENY-SCRIPTS (0|1)",
    "    Accepted; there are no scripts.",
    "SLEEP <seconds>",
    "    Execute nothing for so long.",
    "STRINGMATCH-LEN <pattern> <text>",
    "    Show whether the pattern matches.",
];
