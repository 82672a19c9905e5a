//! XGROUP.

use esker_keyspace::{Stream, StreamId, Tx};
use esker_resp::{Reply, parse_i64};

use super::{ids, no_group_for};
use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::help::write_help;
use crate::stream::bad_subcommand;

const KEY_MISSING: &str = "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.";

pub(super) fn help(_: &mut Tx<'_>, _: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    write_help(
        out,
        "XGROUP",
        &[
            (
                "CREATE <key> <group> <id|$> [MKSTREAM] [ENTRIESREAD <count>]",
                "Create a group that begins behind an entry; with MKSTREAM the stream too.",
            ),
            (
                "CREATECONSUMER <key> <group> <consumer>",
                "Create a consumer in a group.",
            ),
            (
                "DELCONSUMER <key> <group> <consumer>",
                "Delete a consumer with all that is pending for it.",
            ),
            ("DESTROY <key> <group>", "Delete a group."),
            (
                "SETID <key> <group> <id|$> [ENTRIESREAD <count>]",
                "Let a group go on behind another entry.",
            ),
        ],
    );
    Ok(())
}

/// Options behind the id.
#[derive(Debug, Default)]
struct Options {
    create_stream: bool,
    entries_read: Option<u64>,
}

fn options(args: Args<'_>, create: bool) -> Result<Options, CmdError> {
    let mut found = Options::default();
    let mut at = 5;
    while at < args.len() {
        let is = |word: &[u8]| args.get(at).eq_ignore_ascii_case(word);
        if create && is(b"MKSTREAM") {
            found.create_stream = true;
        } else if is(b"ENTRIESREAD") && at + 1 < args.len() {
            at += 1;
            let count = parse_i64(args.get(at)).ok_or(CmdError::NotInteger)?;
            if count < -1 {
                return Err(CmdError::text(
                    "value for ENTRIESREAD must be positive or -1",
                ));
            }
            found.entries_read = u64::try_from(count).ok();
        } else {
            return Err(bad_subcommand("XGROUP", args));
        }
        at += 1;
    }
    Ok(found)
}

/// The last id of the stream, if there is one.
fn last_id(tx: &mut Tx<'_>, key: &[u8]) -> Result<Option<StreamId>, CmdError> {
    Ok(tx.view::<Stream>(key)?.map(|stream| stream.last_id()))
}

/// The stream and the group must be there; returns the last id of the stream.
fn require(tx: &mut Tx<'_>, args: Args<'_>) -> Result<StreamId, CmdError> {
    let (key, group) = (args.get(2), args.get(3));
    let stream = tx.view::<Stream>(key)?;
    let stream = stream.ok_or_else(|| CmdError::text(KEY_MISSING))?;
    match stream.group(group) {
        Some(_) => Ok(stream.last_id()),
        None => Err(no_group_for(key, group)),
    }
}

pub(super) fn create(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let options = options(args, true)?;
    let (key, group) = (args.get(2), args.get(3));
    let last = last_id(tx, key)?;
    if last.is_none() && !options.create_stream {
        return Err(CmdError::text(KEY_MISSING));
    }
    if args.len() > 8 {
        return Err(bad_subcommand("XGROUP", args));
    }
    let id = match args.get(4) {
        b"$" => last.unwrap_or(StreamId::MIN),
        id => ids::strict(id, 0)?,
    };
    let exists = tx
        .view::<Stream>(key)?
        .is_some_and(|stream| stream.group(group).is_some());
    if exists {
        return Err(CmdError::line_of(
            "BUSYGROUP Consumer Group name already exists",
        ));
    }
    tx.stream_create_group(key, group, id, options.entries_read, options.create_stream)?;
    out.ok();
    Ok(())
}

pub(super) fn setid(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let options = options(args, false)?;
    let last = require(tx, args)?;
    if !matches!(args.len(), 5 | 7) {
        return Err(bad_subcommand("XGROUP", args));
    }
    let id = match args.get(4) {
        b"$" => last,
        id => ids::lenient(id, 0)?,
    };
    tx.stream_set_group_id(args.get(2), args.get(3), id, options.entries_read)?;
    out.ok();
    Ok(())
}

pub(super) fn destroy(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    last_id(tx, args.get(2))?.ok_or_else(|| CmdError::text(KEY_MISSING))?;
    let gone = tx.stream_destroy_group(args.get(2), args.get(3))?;
    out.integer(i64::from(gone));
    Ok(())
}

pub(super) fn create_consumer(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    require(tx, args)?;
    let created = tx.stream_create_consumer(args.get(2), args.get(3), args.get(4))?;
    out.integer(i64::from(created == Some(true)));
    Ok(())
}

pub(super) fn delete_consumer(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    require(tx, args)?;
    let pending = tx.stream_delete_consumer(args.get(2), args.get(3), args.get(4))?;
    out.integer(pending.unwrap_or(0) as i64);
    Ok(())
}
