//! MEMORY: what a key costs.

use esker_commands::arg::{Arg, integer, key, optional};
use esker_commands::keyspec::KEY2_RO;
use esker_commands::{
    Args, CmdError, CmdResult, Command, Flags, Group, at_least, exactly, in_group,
};
use esker_format::UnixMs;
use esker_resp::Reply;

use super::{AdminFn, Ctx, help, row};

const USAGE_ARGS: &[Arg] = &[key("key"), optional(integer("count").token("SAMPLES"))];

const SUBS: &[Command<AdminFn>] = &in_group(
    Group::Server,
    [
        row("MEMORY|HELP", exactly(2), memory_help)
            .loading()
            .stale()
            .doc("4.0.0", "O(1)", "Lists the subcommands."),
        row("MEMORY|USAGE", at_least(3), usage)
            .flags(Flags::READONLY)
            .keys(KEY2_RO)
            .args(USAGE_ARGS)
            .doc(
                "4.0.0",
                "O(N) where N is the number of samples.",
                "Answers how many bytes a key and its value take.",
            ),
    ],
);

pub const ROWS: &[Command<AdminFn>] = &[Command::container("MEMORY", SUBS)
    .group(Group::Server)
    .doc("4.0.0", "Depends on subcommand.", "About memory.")];

/// A slot of the table with its tag, at the mean load of a segment.
const SLOT_BYTES: usize = 11;

fn usage(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let mut cursor = args.cursor(3);
    while !cursor.is_done() {
        match cursor.option("SAMPLES")? {
            // The sizes are exact, so the number of samples says nothing; it must only be valid.
            Some(count) if esker_resp::parse_i64(count).ok_or(CmdError::NotInteger)? >= 0 => {}
            _ => return Err(CmdError::Syntax),
        }
    }
    let (db, now) = (ctx.session().db, UnixMs(ctx.now_ms));
    let tx = ctx.engine.keyspace.tx(db, now);
    let bytes = tx
        .peek(args.get(2))
        .map(|entry| entry.heap_bytes() + SLOT_BYTES);
    tx.finish();
    match bytes {
        Some(bytes) => reply.integer(bytes as i64),
        None => reply.null(),
    }
    Ok(())
}

fn memory_help(_: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    help(
        reply,
        "MEMORY",
        &[
            "USAGE <key> [SAMPLES <count>]",
            "    Show how many bytes a key and its value take.",
        ],
    )
}
