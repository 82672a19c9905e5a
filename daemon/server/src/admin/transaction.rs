//! MULTI EXEC DISCARD WATCH UNWATCH.

use esker_commands::arg::key;
use esker_commands::{
    Args, CmdError, CmdResult, Command, Flags, Group, KeyFlags, KeySpec, at_least, exactly,
    in_group,
};
use esker_resp::Reply;

use super::{AdminFn, Ctx, row};
use crate::multi;

/// Allowed in nearly every state of the server, but not in scripts.
const ALWAYS: Flags = Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE);
const QUICK: Flags = ALWAYS.with(Flags::FAST).with(Flags::ALLOW_BUSY);

pub const ROWS: &[Command<AdminFn>] = &in_group(
    Group::Transactions,
    [
        row("MULTI", exactly(1), begin).flags(QUICK).doc(
            "1.2.0",
            "O(1)",
            "Begins a transaction: the commands that follow are queued.",
        ),
        row("EXEC", exactly(1), exec)
            .flags(ALWAYS.with(Flags::SKIP_SLOWLOG))
            .doc(
                "1.2.0",
                "Depends on the commands in the transaction",
                "Executes the queued commands as one unit.",
            ),
        row("DISCARD", exactly(1), discard).flags(QUICK).doc(
            "2.0.0",
            "O(N) where N is the number of queued commands",
            "Forgets the queued commands and the watched keys.",
        ),
        row("WATCH", at_least(2), watch)
            .flags(QUICK)
            .keys(&[KeySpec::to_end(1, 1, KeyFlags::RO)])
            .args(&[key("key").many()])
            .doc(
                "2.2.0",
                "O(1) for every key",
                "Makes the next EXEC depend on keys staying as they are.",
            ),
        row("UNWATCH", exactly(1), unwatch).flags(QUICK).doc(
            "2.2.0",
            "O(1)",
            "Forgets the watched keys.",
        ),
    ],
);

fn begin(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    multi::begin(ctx.session())?;
    reply.simple("OK");
    Ok(())
}

/// With a transaction to execute the executor takes over before this handler.
fn exec(_: &mut Ctx<'_>, _: Args<'_>, _: &mut Reply<'_>) -> CmdResult {
    Err(CmdError::text("EXEC without MULTI"))
}

fn discard(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    if ctx.session().multi.is_none() {
        return Err(CmdError::text("DISCARD without MULTI"));
    }
    multi::discard(ctx.engine, ctx.client);
    reply.simple("OK");
    Ok(())
}

fn watch(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    if ctx.session().multi.is_some() {
        return Err(CmdError::text("WATCH inside MULTI is not allowed"));
    }
    // Once something has changed, no further key can matter.
    if !ctx.session().watch.changed {
        for key in args.iter().skip(1) {
            ctx.engine.watch(ctx.client, key, ctx.now_ms);
        }
    }
    reply.simple("OK");
    Ok(())
}

fn unwatch(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    ctx.engine.unwatch(ctx.client);
    reply.simple("OK");
    Ok(())
}
