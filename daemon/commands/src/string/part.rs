//! Parts of a string: APPEND, SETRANGE, GETRANGE, STRLEN.

use esker_keyspace::entry::StrRef;
use esker_keyspace::{Tx, str_len};
use esker_resp::Reply;

use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::value::{bytes_of, check_length};

pub(super) fn strlen(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    out.integer(tx.string(args.get(1))?.map_or(0, str_len) as i64);
    Ok(())
}

pub(super) fn append(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (key, more) = (args.get(1), args.get(2));
    let length = tx
        .peek(key)
        .and_then(|entry| entry.str())
        .map_or(0, str_len);
    check_length(tx, length.saturating_add(more.len()))?;
    out.integer(tx.append(key, more)? as i64);
    Ok(())
}

pub(super) fn setrange(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (key, bytes) = (args.get(1), args.get(3));
    let offset = usize::try_from(args.int(2)?).map_err(|_| CmdError::OffsetOutOfRange)?;
    if bytes.is_empty() {
        // Nothing is written, so nothing is padded either.
        return strlen(tx, args, out);
    }
    if tx.peek(key).is_some_and(|entry| entry.str().is_none()) {
        return Err(CmdError::WrongType);
    }
    check_length(tx, offset.saturating_add(bytes.len()))?;
    out.integer(tx.set_range(key, offset, bytes)? as i64);
    Ok(())
}

pub(super) fn getrange(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (start, end) = (args.int(2)?, args.int(3)?);
    let Some(value) = tx.string(args.get(1))? else {
        out.bulk("");
        return Ok(());
    };
    let range = slice_range(start, end, str_len(value));
    match (value, range) {
        (_, None) => out.bulk(""),
        (StrRef::Blob(blob), Some((0, end))) if end == blob.len() => out.bulk_shared(blob),
        (value, Some((start, end))) => out.bulk(&bytes_of(value)[start..end]),
    }
    Ok(())
}

/// Inclusive offsets, negative ones counted from the end, as a half-open range; none when it is empty.
pub(crate) fn slice_range(start: i64, end: i64, length: usize) -> Option<(usize, usize)> {
    // Two offsets before the beginning are not both moved to it if they are in the wrong order.
    if start < 0 && end < 0 && start > end {
        return None;
    }
    clamp_range(start, end, length)
}

/// The same with each offset moved into the string by itself.
pub(crate) fn clamp_range(start: i64, end: i64, length: usize) -> Option<(usize, usize)> {
    let length = length as i64;
    let from_front = |at: i64| {
        if at < 0 {
            at.saturating_add(length).max(0)
        } else {
            at
        }
    };
    let (start, end) = (from_front(start), from_front(end).min(length - 1));
    (start <= end).then(|| (start as usize, end as usize + 1))
}
