//! Entries: their number, their removal, the range commands, and how an entry is written in a reply.

use esker_keyspace::stream::{StreamData, StreamEntry};
use esker_keyspace::{IntText, Stream, StreamId, Tx};
use esker_resp::{Reply, parse_i64};

use super::ids;
use crate::args::Args;
use crate::error::{CmdError, CmdResult};

pub(super) fn xlen(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let stream = tx.view::<Stream>(args.get(1))?;
    out.integer(stream.map_or(0, |stream| stream.len() as i64));
    Ok(())
}

pub(super) fn xdel(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    if tx.view::<Stream>(args.get(1))?.is_none() {
        out.integer(0);
        return Ok(());
    }
    let ids = ids::all(args.rest(2))?;
    let deleted = tx.stream_delete(args.get(1), &ids)?;
    out.integer(deleted as i64);
    Ok(())
}

pub(super) fn xrange(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    range(tx, args, out, (2, 3), false)
}

pub(super) fn xrevrange(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    range(tx, args, out, (3, 2), true)
}

fn range(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    out: &mut Reply<'_>,
    (start, end): (usize, usize),
    backwards: bool,
) -> CmdResult {
    let from = ids::range_start(args.get(start))?;
    let to = ids::range_end(args.get(end))?;
    let mut count = None;
    let mut options = args.cursor(4);
    while !options.is_done() {
        let given = options.option("COUNT")?.ok_or(CmdError::Syntax)?;
        count = Some(parse_i64(given).ok_or(CmdError::NotInteger)?.max(0));
    }
    let Some(stream) = tx.view::<Stream>(args.get(1))? else {
        out.array(0);
        return Ok(());
    };
    let count = match count {
        None => usize::MAX,
        Some(0) => {
            out.null_array();
            return Ok(());
        }
        Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
    };
    match backwards {
        false => write_entries(out, stream.range(from, to).take(count)),
        true => write_entries(out, stream.range_back(from, to).take(count)),
    };
    Ok(())
}

/// An array of entries; tells how many.
pub(super) fn write_entries<'a>(
    out: &mut Reply<'_>,
    entries: impl Iterator<Item = StreamEntry<'a>>,
) -> usize {
    let place = out.defer();
    let mut count = 0;
    for entry in entries {
        write_entry(out, entry);
        count += 1;
    }
    out.finish_array(place, count);
    count
}

/// Id, and fields with their values.
pub(super) fn write_entry(out: &mut Reply<'_>, entry: StreamEntry<'_>) {
    out.array(2);
    ids::write_id(out, entry.id);
    let fields = entry.fields();
    out.array(fields.len() * 2);
    let mut text = IntText::default();
    for (field, value) in fields {
        out.bulk(field.bytes(&mut text));
        out.bulk(value.bytes(&mut text));
    }
}

pub(super) fn write_entry_or_null(out: &mut Reply<'_>, entry: Option<StreamEntry<'_>>) {
    match entry {
        Some(entry) => write_entry(out, entry),
        None => out.null(),
    }
}

pub(super) fn xsetid(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let last_id = ids::strict(args.get(2), 0)?;
    let (mut added, mut deleted) = (None, None);
    let mut options = args.cursor(3);
    while !options.is_done() {
        if options.left() < 2 {
            return Err(CmdError::Syntax);
        }
        if let Some(given) = options.option("ENTRIESADDED")? {
            let number = parse_i64(given).ok_or(CmdError::NotInteger)?;
            let number = u64::try_from(number)
                .map_err(|_| CmdError::text("entries_added must be positive"))?;
            added = Some(number);
        } else if let Some(given) = options.option("MAXDELETEDID")? {
            let id = ids::strict(given, 0)?;
            if last_id < id {
                return Err(CmdError::text(
                    "The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
            deleted = Some(id);
        } else {
            return Err(CmdError::Syntax);
        }
    }
    {
        let stream = tx.view::<Stream>(args.get(1))?.ok_or(CmdError::NoSuchKey)?;
        check_ids(&stream, last_id, added)?;
    }
    let deleted = deleted.filter(|id| *id != StreamId::MIN);
    tx.stream_set_ids(args.get(1), last_id, added, deleted)?;
    out.ok();
    Ok(())
}

fn check_ids(stream: &StreamData, last_id: StreamId, added: Option<u64>) -> CmdResult {
    if last_id < stream.max_deleted_id() {
        return Err(CmdError::text(
            "The ID specified in XSETID is smaller than current max_deleted_entry_id",
        ));
    }
    let Some(newest) = stream.last() else {
        return Ok(());
    };
    if last_id < newest.id {
        return Err(CmdError::text(
            "The ID specified in XSETID is smaller than the target stream top item",
        ));
    }
    match added {
        Some(added) if added < stream.len() => Err(CmdError::text(
            "The entries_added specified in XSETID is smaller than the target stream length",
        )),
        _ => Ok(()),
    }
}
