//! Where keys are: deleting, counting, renaming, moving, copying.

use esker_keyspace::Tx;
use esker_resp::{Reply, parse_i64};

use crate::args::Args;
use crate::error::{CmdError, CmdResult};

const DB_OUT_OF_RANGE: CmdError = CmdError::line_of("ERR DB index is out of range");

pub(super) fn del(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let deleted = args.rest(1).iter().filter(|key| tx.del(key)).count();
    out.integer(deleted as i64);
    Ok(())
}

/// A key that is named twice counts twice.
pub(super) fn exists(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let found = args
        .rest(1)
        .iter()
        .filter(|key| tx.look(key).is_some())
        .count();
    out.integer(found as i64);
    Ok(())
}

pub(super) fn touch(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let found = args.rest(1).iter().filter(|key| tx.exists(key)).count();
    out.integer(found as i64);
    Ok(())
}

pub(super) fn rename(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    tx.rename(args.get(1), args.get(2))?;
    out.ok();
    Ok(())
}

pub(super) fn renamenx(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (from, to) = (args.get(1), args.get(2));
    if !tx.exists_in(tx.db(), from) {
        return Err(CmdError::NoSuchKey);
    }
    let free = !tx.exists_in(tx.db(), to);
    if free {
        tx.rename(from, to)?;
    }
    out.integer(i64::from(free));
    Ok(())
}

pub(super) fn move_key(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    let db = database(tx, args.get(2))?;
    if db == tx.db() {
        return Err(CmdError::SameObject);
    }
    let moves = tx.exists_in(tx.db(), key) && !tx.exists_in(db, key);
    if moves {
        tx.move_to(key, db)?;
    }
    out.integer(i64::from(moves));
    Ok(())
}

pub(super) fn copy(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (from, to) = (args.get(1), args.get(2));
    let mut options = args.cursor(3);
    let (mut db, mut replace) = (tx.db(), false);
    while !options.is_done() {
        if options.word("REPLACE") {
            replace = true;
        } else if let Some(number) = options.option("DB")? {
            db = database(tx, number)?;
        } else {
            return Err(CmdError::Syntax);
        }
    }
    if db == tx.db() && from == to {
        return Err(CmdError::SameObject);
    }
    let copies = tx.exists_in(tx.db(), from) && (replace || !tx.exists_in(db, to));
    if copies {
        tx.copy(from, to, db)?;
    }
    out.integer(i64::from(copies));
    Ok(())
}

/// The number of an existing database.
fn database(tx: &Tx<'_>, text: &[u8]) -> Result<u32, CmdError> {
    let number = parse_i64(text).ok_or(CmdError::NotInteger)?;
    let number = i32::try_from(number).map_err(|_| {
        let (min, max) = (i32::MIN, i32::MAX);
        CmdError::text(format_args!(
            "value is out of range, value must between {min} and {max}"
        ))
    })?;
    u32::try_from(number)
        .ok()
        .filter(|db| *db < tx.databases())
        .ok_or(DB_OUT_OF_RANGE)
}
