//! Commands about the server as a whole: time, saving, waiting for the disk, the end.

use esker_commands::arg::{Arg, integer, one_of, optional, string, word};
use esker_commands::{
    Args, Categories, CmdError, CmdResult, Command, Flags, Group, at_least, exactly, in_group,
};
use esker_resp::Reply;

use super::{AdminFn, Ctx, deadline, row};
use crate::background::Kind;
use crate::control::{Job, ShutdownSave};
use crate::info;
use crate::session::Wait;

const ADMIN: Flags = Flags::ADMIN.with(Flags::NOSCRIPT);
const ANYTIME: Flags = Flags::LOADING.with(Flags::STALE);
/// Not ADMIN by its flags, yet in the categories that admin commands are in.
const SHOWS_OPERATORS: Categories = Categories::ADMIN.with(Categories::DANGEROUS);
const ALL_SHARDS_MIN: &[&str] = &["request_policy:all_shards", "response_policy:agg_min"];

const SHUTDOWN_ARGS: &[Arg] = &[
    optional(one_of(
        "save-selector",
        &[word("nosave", "NOSAVE"), word("save", "SAVE")],
    )),
    optional(word("now", "NOW")).since("7.0.0"),
    optional(word("force", "FORCE")).since("7.0.0"),
    optional(word("abort", "ABORT")).since("7.0.0"),
];

pub const ROWS: &[Command<AdminFn>] = &in_group(
    Group::Server,
    [
        row("BGREWRITEAOF", exactly(1), bgrewriteaof)
            .flags(ADMIN.with(Flags::NO_ASYNC_LOADING))
            .doc("1.0.0", "O(1)", "Compacts the log: takes a snapshot in the background and drops what it covers."),
        row("BGSAVE", at_least(1), bgsave)
            .flags(ADMIN.with(Flags::NO_ASYNC_LOADING))
            .args(&[optional(word("schedule", "SCHEDULE")).since("3.2.2")])
            .doc("1.0.0", "O(1)", "Takes a snapshot in the background."),
        row("INFO", at_least(1), info::command)
            .flags(ANYTIME)
            .categories(Categories::DANGEROUS)
            .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
            .args(&[optional(string("section")).many()])
            .history(&[("7.0.0", "Takes several sections.")])
            .doc("1.0.0", "O(1)", "Describes the server in numbers."),
        row("LASTSAVE", exactly(1), lastsave)
            .flags(ANYTIME.with(Flags::FAST))
            .categories(SHOWS_OPERATORS)
            .tips(&["nondeterministic_output"])
            .doc("1.0.0", "O(1)", "Answers when the last snapshot was completed."),
        row("ROLE", exactly(1), role)
            .flags(ANYTIME.with(Flags::FAST).with(Flags::NOSCRIPT))
            .categories(SHOWS_OPERATORS)
            .doc("2.8.12", "O(1)", "Answers what part the server plays in replication."),
        row("SAVE", exactly(1), save)
            .flags(ADMIN.with(Flags::NO_ASYNC_LOADING).with(Flags::NO_MULTI))
            .doc("1.0.0", "O(N) where N is the total number of keys in all databases", "Takes a snapshot and waits for it."),
        row("SHUTDOWN", at_least(1), shutdown)
            .flags(ADMIN.with(ANYTIME).with(Flags::NO_MULTI).with(Flags::ALLOW_BUSY))
            .args(SHUTDOWN_ARGS)
            .history(&[("7.0.0", "Knows NOW, FORCE and ABORT.")])
            .doc(
                "1.0.0",
                "O(N) when saving, where N is the total number of keys in all databases, otherwise O(1)",
                "Makes everything durable and ends the server.",
            ),
        row("TIME", exactly(1), time)
            .flags(ANYTIME.with(Flags::FAST))
            .tips(&["nondeterministic_output"])
            .doc("2.6.0", "O(1)", "Answers the server's clock."),
        waits("WAIT", exactly(3), wait)
            .args(&[integer("numreplicas"), integer("timeout")])
            .doc("3.0.0", "O(1)", "Waits until replicas have this connection's changes."),
        waits("WAITAOF", exactly(4), waitaof)
            .args(&[integer("numlocal"), integer("numreplicas"), integer("timeout")])
            .doc("7.2.0", "O(1)", "Waits until this connection's changes are durable, here and on replicas."),
    ],
);

const fn waits(
    name: &'static str,
    arity: esker_commands::Arity,
    handler: AdminFn,
) -> Command<AdminFn> {
    row(name, arity, handler)
        .blocking()
        .categories(Categories::CONNECTION)
        .tips(ALL_SHARDS_MIN)
}

/// Reads the clock itself: its answer is the clock, to the microsecond.
fn time(_: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    reply.array(2);
    reply.bulk_integer(now.as_secs() as i64);
    reply.bulk_integer(i64::from(now.subsec_micros()));
    Ok(())
}

fn role(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    reply.array(3);
    reply.bulk("master");
    reply.integer(ctx.engine.keyspace.effects().end_lsn().0 as i64);
    reply.array(0);
    Ok(())
}

fn lastsave(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    reply.integer(info::last_save_seconds(ctx));
    Ok(())
}

fn save(ctx: &mut Ctx<'_>, _: Args<'_>, _: &mut Reply<'_>) -> CmdResult {
    if ctx.engine.background.running().is_some() {
        return Err(CmdError::text("Background save already in progress"));
    }
    let client = ctx.client;
    ctx.queue_and_wait(Job::Save { client })
}

fn bgsave(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let mut cursor = args.cursor(1);
    let schedule = cursor.word("SCHEDULE");
    cursor.finish()?;
    match ctx.engine.background.running() {
        None => {
            ctx.begin_background(Kind::Save);
            ctx.queue(Job::BackgroundSave);
            reply.simple("Background saving started");
        }
        Some(Kind::Save) => return Err(CmdError::text("Background save already in progress")),
        Some(Kind::Rewrite) if schedule => {
            ctx.engine.background.schedule(Kind::Save);
            reply.simple("Background saving scheduled");
        }
        Some(Kind::Rewrite) => {
            return Err(CmdError::text(
                "Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to \
                 schedule a BGSAVE whenever possible.",
            ));
        }
    }
    Ok(())
}

fn bgrewriteaof(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    match ctx.engine.background.running() {
        None => {
            ctx.begin_background(Kind::Rewrite);
            ctx.queue(Job::Rewrite);
            reply.simple("Background append only file rewriting started");
        }
        Some(Kind::Rewrite) => {
            return Err(CmdError::text(
                "Background append only file rewriting already in progress",
            ));
        }
        Some(Kind::Save) => {
            ctx.engine.background.schedule(Kind::Rewrite);
            reply.simple("Background append only file rewriting scheduled");
        }
    }
    Ok(())
}

fn shutdown(ctx: &mut Ctx<'_>, args: Args<'_>, _: &mut Reply<'_>) -> CmdResult {
    let (mut save, mut now, mut force, mut abort) = (ShutdownSave::Default, false, false, false);
    let mut cursor = args.cursor(1);
    while !cursor.is_done() {
        if save != ShutdownSave::Save && cursor.word("NOSAVE") {
            save = ShutdownSave::NoSave;
        } else if save != ShutdownSave::NoSave && cursor.word("SAVE") {
            save = ShutdownSave::Save;
        } else if cursor.word("NOW") {
            now = true;
        } else if cursor.word("FORCE") {
            force = true;
        } else if cursor.word("ABORT") {
            abort = true;
        } else {
            return Err(CmdError::Syntax);
        }
    }
    let client = ctx.client;
    if !abort {
        return ctx.queue_and_wait(Job::Shutdown {
            client: Some(client),
            save,
            now,
            force,
        });
    }
    if args.len() > 2 {
        return Err(CmdError::Syntax);
    }
    // A shutdown waits for nobody: once begun it holds all commands, this one too, until it ends or is given up.
    Err(CmdError::text("No shutdown in progress."))
}

/// Without replicas nothing but the timeout can end the wait.
fn wait(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let replicas = args.int(1)?;
    let deadline_ms = deadline(args.get(2), ctx.now_ms)?;
    if replicas <= 0 {
        reply.integer(0);
        return Ok(());
    }
    if ctx.session().in_exec {
        reply.integer(0);
        return Ok(());
    }
    ctx.session().wait = Some(Wait::Replicas { deadline_ms });
    Ok(())
}

fn waitaof(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let local = args.int(1)?;
    if !(0..=1).contains(&local) {
        return Err(CmdError::text(
            "value is out of range, value must between 0 and 1",
        ));
    }
    let replicas = args.int(2)?;
    if replicas < 0 {
        return Err(CmdError::NotPositive);
    }
    let deadline_ms = deadline(args.get(3), ctx.now_ms)?;
    if local == 1 && !ctx.settings().persistence.appendonly {
        return Err(CmdError::text(
            "WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    let lsn = ctx.session().last_write_lsn;
    let durable = ctx.shared.log_progress().durable >= lsn;
    if ctx.session().in_exec || (replicas == 0 && (local == 0 || durable)) {
        waitaof_reply(reply, durable && ctx.settings().persistence.appendonly);
        return Ok(());
    }
    ctx.session().wait = Some(Wait::Aof {
        lsn,
        replicas: replicas as u64,
        deadline_ms,
    });
    Ok(())
}

/// How many copies are durable: here, and on replicas.
pub fn waitaof_reply(reply: &mut Reply<'_>, local: bool) {
    reply.array(2);
    reply.integer(i64::from(local));
    reply.integer(0);
}
