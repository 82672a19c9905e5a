//! CLIENT: who is connected, and what each connection asked for.

mod filter;
mod list;

use std::sync::atomic::Ordering;

use esker_commands::arg::{Arg, integer, one_of, optional, string, word};
use esker_commands::{
    Args, CmdError, CmdResult, Command, Flags, Group, at_least, exactly, in_group,
};
use esker_persist::LogState;
use esker_resp::Reply;

use self::filter::Filters;
use super::{AdminFn, Ctx, connection, help, on_off, row};
use crate::blocked;
use crate::control::{Answer, answer_locked, end_pause_locked};
use crate::engine::Pause;
use crate::session::{ClientId, Durability, ReplyMode, Wait};

/// What the subcommands share.
const BASE: Flags = Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE);

const ON_OFF: &[Arg] = &[one_of("enabled", &[word("on", "ON"), word("off", "OFF")])];
const REPLY_MODES: &[Arg] = &[one_of(
    "action",
    &[word("on", "ON"), word("off", "OFF"), word("skip", "SKIP")],
)];
const PAUSE_ARGS: &[Arg] = &[
    integer("timeout"),
    optional(one_of(
        "mode",
        &[word("write", "WRITE"), word("all", "ALL")],
    ))
    .since("6.2.0"),
];
const UNBLOCK_ARGS: &[Arg] = &[
    integer("client-id"),
    optional(one_of(
        "unblock-type",
        &[word("timeout", "TIMEOUT"), word("error", "ERROR")],
    )),
];
const SETINFO_ARGS: &[Arg] = &[one_of(
    "attr",
    &[
        string("libname").token("LIB-NAME"),
        string("libver").token("LIB-VER"),
    ],
)];
const DURABILITY_ARGS: &[Arg] = &[optional(one_of(
    "policy",
    &[
        word("always", "ALWAYS"),
        word("everysec", "EVERYSEC"),
        word("no", "NO"),
        word("default", "DEFAULT"),
    ],
))];

const SUBS: &[Command<AdminFn>] = &in_group(
    Group::Connection,
    [
        row("CLIENT|DURABILITY", at_least(2), durability).flags(BASE).args(DURABILITY_ARGS).doc(
            "8.0.6",
            "O(1)",
            "Chooses when the replies of this connection may leave, or shows the choice. Esker's own.",
        ),
        row("CLIENT|GETNAME", exactly(2), getname).flags(BASE).doc(
            "2.6.9",
            "O(1)",
            "Answers the name of this connection.",
        ),
        row("CLIENT|GETREDIR", exactly(2), getredir).flags(BASE).doc(
            "6.0.0",
            "O(1)",
            "Answers the connection that tracking messages are redirected to.",
        ),
        row("CLIENT|HELP", exactly(2), client_help).loading().stale().doc(
            "5.0.0",
            "O(1)",
            "Lists the subcommands.",
        ),
        row("CLIENT|ID", exactly(2), id).flags(BASE).doc("5.0.0", "O(1)", "Answers this connection's id."),
        row("CLIENT|INFO", exactly(2), info)
            .flags(BASE)
            .tips(&["nondeterministic_output"])
            .doc("6.2.0", "O(1)", "Describes this connection."),
        row("CLIENT|KILL", at_least(3), kill)
            .flags(BASE)
            .admin()
            .args(filter::KILL_ARGS)
            .doc("2.4.0", "O(N) where N is the number of client connections", "Closes connections."),
        row("CLIENT|LIST", at_least(2), list)
            .flags(BASE)
            .admin()
            .tips(&["nondeterministic_output"])
            .args(filter::LIST_ARGS)
            .doc("2.4.0", "O(N) where N is the number of client connections", "Describes connections."),
        row("CLIENT|NO-EVICT", exactly(3), no_evict).flags(BASE).admin().args(ON_OFF).doc(
            "7.0.0",
            "O(1)",
            "Keeps this connection out of client eviction.",
        ),
        row("CLIENT|NO-TOUCH", exactly(3), no_touch).flags(BASE).args(ON_OFF).doc(
            "7.2.0",
            "O(1)",
            "Lets this connection's commands leave the access bits of keys alone.",
        ),
        row("CLIENT|PAUSE", at_least(3), pause_clients).flags(BASE).admin().args(PAUSE_ARGS).doc(
            "3.0.0",
            "O(1)",
            "Holds the commands of all connections, or those that write.",
        ),
        row("CLIENT|REPLY", exactly(3), reply_mode).flags(BASE).args(REPLY_MODES).doc(
            "3.2.0",
            "O(1)",
            "Chooses whether this connection gets replies.",
        ),
        row("CLIENT|SETINFO", exactly(4), setinfo)
            .flags(BASE)
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
            .args(SETINFO_ARGS)
            .doc("7.2.0", "O(1)", "Notes the name or version of the client library."),
        row("CLIENT|SETNAME", exactly(3), setname)
            .flags(BASE)
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
            .args(&[string("connection-name")])
            .doc("2.6.9", "O(1)", "Names this connection."),
        row("CLIENT|TRACKINGINFO", exactly(2), trackinginfo).flags(BASE).doc(
            "6.2.0",
            "O(1)",
            "Describes the tracking of this connection.",
        ),
        row("CLIENT|UNBLOCK", at_least(3), unblock).flags(BASE).admin().args(UNBLOCK_ARGS).doc(
            "5.0.0",
            "O(log N) where N is the number of client connections",
            "Ends the wait of another connection.",
        ),
        row("CLIENT|UNPAUSE", exactly(2), unpause).flags(BASE).admin().doc(
            "6.2.0",
            "O(N) where N is the number of paused clients",
            "Ends the pause of connections.",
        ),
    ],
);

pub const ROWS: &[Command<AdminFn>] = &[Command::container("CLIENT", SUBS)
    .group(Group::Connection)
    .doc(
        "2.4.0",
        "Depends on subcommand.",
        "About client connections.",
    )];

fn id(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    reply.integer(ctx.client.0 as i64);
    Ok(())
}

fn getname(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    match ctx.session().name.as_slice() {
        [] => reply.null(),
        name => reply.bulk(name),
    }
    Ok(())
}

fn setname(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    connection::set_name(ctx.session(), args.get(2))?;
    reply.ok();
    Ok(())
}

fn setinfo(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let option = String::from_utf8_lossy(args.get(2)).into_owned();
    let session = ctx.session();
    let field = match option.to_ascii_lowercase().as_str() {
        "lib-name" => &mut session.lib_name,
        "lib-ver" => &mut session.lib_ver,
        _ => {
            return Err(CmdError::text(format_args!(
                "Unrecognized option '{option}'"
            )));
        }
    };
    if !connection::is_plain(args.get(3)) {
        let option = option.to_ascii_lowercase();
        return Err(CmdError::text(format_args!(
            "{option} cannot contain spaces, newlines or special characters."
        )));
    }
    *field = args.get(3).to_vec();
    reply.ok();
    Ok(())
}

fn info(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let (now_ms, policy) = (ctx.now_ms, ctx.shared.durability());
    let line = list::line(ctx.session(), now_ms, policy);
    reply.verbatim(b"txt", line);
    Ok(())
}

fn list(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let filters = Filters::parse_list(args)?;
    let policy = ctx.shared.durability();
    let sessions = ctx.engine.clients.values();
    let shown = sessions.filter(|session| filters.select(session, ctx.client, ctx.now_ms));
    let lines: Vec<u8> = shown
        .flat_map(|session| list::line(session, ctx.now_ms, policy))
        .collect();
    reply.verbatim(b"txt", lines);
    Ok(())
}

fn kill(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let filters = Filters::parse_kill(args)?;
    let sessions = ctx.engine.clients.values();
    let chosen = sessions.filter(|session| filters.select(session, ctx.client, ctx.now_ms));
    let chosen: Vec<ClientId> = chosen.map(|session| session.id).collect();
    for id in &chosen {
        ctx.close_client(*id);
    }
    match (filters.is_old_form, chosen.len()) {
        (true, 0) => return Err(CmdError::text("No such client")),
        (true, _) => reply.ok(),
        (false, count) => reply.integer(count as i64),
    }
    Ok(())
}

fn no_evict(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    ctx.session().no_evict = on_off(args.get(2))?;
    reply.ok();
    Ok(())
}

fn no_touch(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    ctx.session().no_touch = on_off(args.get(2))?;
    reply.ok();
    Ok(())
}

/// The executor drops the reply of this command too, unless the mode is `On` afterwards.
fn reply_mode(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let mut cursor = args.cursor(2);
    let session = ctx.session();
    if cursor.word("ON") {
        session.reply = ReplyMode::On;
        reply.ok();
    } else if cursor.word("OFF") {
        session.reply = ReplyMode::Off;
    } else if cursor.word("SKIP") {
        if session.reply != ReplyMode::Off {
            session.reply = ReplyMode::SkipNext;
        }
    } else {
        return Err(CmdError::Syntax);
    }
    Ok(())
}

fn pause_clients(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let all = match args.try_get(3) {
        None => true,
        Some(_) if args.len() > 4 => return Err(CmdError::Syntax),
        Some(mode) if mode.eq_ignore_ascii_case(b"ALL") => true,
        Some(mode) if mode.eq_ignore_ascii_case(b"WRITE") => false,
        Some(_) => return Err(CmdError::text("CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let until_ms = super::deadline(args.get(2), ctx.now_ms)?.unwrap_or(ctx.now_ms);
    // A second pause can make the first longer and stricter, never shorter or weaker.
    ctx.engine.pause = Some(match ctx.engine.pause {
        Some(running) => Pause {
            until_ms: running.until_ms.max(until_ms),
            all: running.all || all,
        },
        None => Pause { until_ms, all },
    });
    // The end of the pause is the cron's: it has to know when.
    ctx.shared.control_signal.raise();
    reply.ok();
    Ok(())
}

/// Ends a wait as its timeout would, or with an error. What waits for a pause or a job is let alone.
fn unblock(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let with_error = match args.try_get(3) {
        _ if args.len() > 4 => {
            let name = String::from_utf8_lossy(args.get(1));
            return Err(CmdError::text(format_args!(
                "unknown subcommand or wrong number of arguments for '{name}'. Try CLIENT HELP."
            )));
        }
        None => false,
        Some(reason) if reason.eq_ignore_ascii_case(b"timeout") => false,
        Some(reason) if reason.eq_ignore_ascii_case(b"error") => true,
        Some(_) => {
            return Err(CmdError::text(
                "CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
            ));
        }
    };
    let id = u64::try_from(args.int(2)?).map(ClientId);
    let thread = id.ok().and_then(|id| end_wait(ctx, id, with_error));
    if let Some(thread) = thread {
        ctx.shared.wake(thread);
    }
    reply.integer(i64::from(thread.is_some()));
    Ok(())
}

/// The thread to wake if the client waited.
fn end_wait(ctx: &mut Ctx<'_>, id: ClientId, with_error: bool) -> Option<usize> {
    let wait = ctx.engine.clients.get(&id)?.wait.clone()?;
    let answer = match wait {
        Wait::Keys if with_error => return blocked::refuse(ctx.engine, id),
        Wait::Keys => return blocked::give_up(ctx.engine, id),
        Wait::Paused | Wait::Control => return None,
        Wait::Aof { .. } | Wait::Replicas { .. } if with_error => {
            Answer::Error(blocked::UNBLOCKED.into())
        }
        Wait::Aof { lsn, .. } => {
            let log_on = ctx.shared.persist.log_state() == LogState::On;
            let reached = log_on && lsn <= ctx.shared.persist.durable_lsn().0;
            Answer::Integers(vec![i64::from(reached), 0])
        }
        Wait::Replicas { .. } => Answer::Integer(0),
    };
    if let Wait::Aof { .. } = wait {
        ctx.shared.aof_waiters.fetch_sub(1, Ordering::Relaxed);
    }
    answer_locked(ctx.engine, id, &answer)
}

fn unpause(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    end_pause_locked(ctx.engine);
    ctx.shared.wake_all();
    reply.ok();
    Ok(())
}

fn durability(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let server = ctx.shared.durability();
    let session = ctx.session();
    let Some(policy) = args.try_get(2) else {
        reply.bulk(list::policy_word(session.durability.unwrap_or(server)));
        return Ok(());
    };
    if args.len() > 3 {
        return Err(CmdError::Syntax);
    }
    session.durability = match policy.to_ascii_lowercase().as_slice() {
        b"always" => Some(Durability::Always),
        b"everysec" => Some(Durability::Everysec),
        b"no" => Some(Durability::No),
        b"default" => None,
        _ => {
            return Err(CmdError::text(
                "CLIENT DURABILITY policy must be ALWAYS, EVERYSEC, NO or DEFAULT",
            ));
        }
    };
    reply.ok();
    Ok(())
}

/// Nothing is tracked, so nothing is redirected.
fn getredir(_: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    reply.integer(-1);
    Ok(())
}

fn trackinginfo(_: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    reply.map(3);
    reply.bulk("flags");
    reply.set(1);
    reply.bulk("off");
    reply.bulk("redirect");
    reply.integer(-1);
    reply.bulk("prefixes");
    reply.array(0);
    Ok(())
}

fn client_help(_: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    help(reply, "CLIENT", HELP)
}

const HELP: &[&str] = &[
    "DURABILITY [ALWAYS|EVERYSEC|NO|DEFAULT]",
    "    Choose when this connection's replies may leave, or show the choice.",
    "GETNAME",
    "    Show this connection's name.",
    "GETREDIR",
    "    Show where tracking messages go.",
    "ID",
    "    Show this connection's id.",
    "INFO",
    "    Describe this connection.",
    "KILL <ip:port>",
    "    Close the connection from that address.",
    "KILL <filter> [<filter> ...]",
    "    Close the connections that pass all filters. SKIPME is yes unless given.",
    "LIST [<filter> ...]",
    "    Describe the connections that pass all filters. Filters are:",
    "    ID <id> [<id> ...], ADDR <ip:port>, LADDR <ip:port>, IP <ip>, USER <name>, NAME <name>, DB <index>,",
    "    TYPE (NORMAL|MASTER|REPLICA|PUBSUB), LIB-NAME <name>, LIB-VER <version>, FLAGS <flags>,",
    "    MAXAGE <seconds>, IDLE <seconds>, SKIPME (YES|NO), and NOT- before all but the last three.",
    "NO-EVICT (ON|OFF)",
    "    Keep this connection out of client eviction.",
    "NO-TOUCH (ON|OFF)",
    "    Leave the access bits of keys alone.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Hold commands, or those that write, for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Choose whether this connection gets replies; SKIP drops the next one.",
    "SETINFO (LIB-NAME <name>|LIB-VER <version>)",
    "    Note what library this client uses.",
    "SETNAME <name>",
    "    Name this connection.",
    "TRACKINGINFO",
    "    Describe the tracking of this connection.",
    "UNBLOCK <client-id> [TIMEOUT|ERROR]",
    "    End the wait of a connection as its timeout would, or with an error.",
    "UNPAUSE",
    "    End the pause.",
];
