//! Changes anywhere in a list: LSET, LINSERT, LREM, LTRIM.

use esker_keyspace::value::{List, Side};
use esker_keyspace::{ListSetError, Tx};
use esker_resp::Reply;

use super::negatable;
use crate::args::Args;
use crate::error::{CmdError, CmdResult};

pub(super) fn lset(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (key, index, value) = (args.get(1), args.int(2), args.get(3));
    // Without a list the index does not matter.
    let index = match index {
        Ok(index) => index,
        Err(invalid) => {
            return Err(match tx.view::<List>(key)? {
                None => CmdError::NoSuchKey,
                Some(_) => invalid,
            });
        }
    };
    tx.list_set(key, index, value)
        .map_err(|error| match error {
            ListSetError::WrongType => CmdError::WrongType,
            ListSetError::NoSuchKey => CmdError::NoSuchKey,
            ListSetError::OutOfRange => CmdError::IndexOutOfRange,
        })?;
    out.ok();
    Ok(())
}

pub(super) fn linsert(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let side = match args.get(2) {
        word if word.eq_ignore_ascii_case(b"BEFORE") => Side::Before,
        word if word.eq_ignore_ascii_case(b"AFTER") => Side::After,
        _ => return Err(CmdError::Syntax),
    };
    let len = tx.list_insert(args.get(1), side, args.get(3), args.get(4))?;
    out.integer(match len {
        None => 0,
        Some(None) => -1,
        Some(Some(len)) => len as i64,
    });
    Ok(())
}

pub(super) fn lrem(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let count = negatable(args.get(2))?;
    let removed = tx.list_remove(args.get(1), count, args.get(3))?;
    out.integer(removed as i64);
    Ok(())
}

pub(super) fn ltrim(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (start, stop) = (args.int(2)?, args.int(3)?);
    tx.list_trim(args.get(1), start, stop)?;
    out.ok();
    Ok(())
}
