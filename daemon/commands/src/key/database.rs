//! Whole databases.

use esker_keyspace::Tx;
use esker_resp::{Reply, parse_i64};

use crate::args::Args;
use crate::error::{CmdError, CmdResult};

pub(super) fn dbsize(tx: &mut Tx<'_>, _: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    out.integer(tx.db_len() as i64);
    Ok(())
}

pub(super) fn randomkey(tx: &mut Tx<'_>, _: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    match tx.random_key() {
        None => out.null(),
        Some(entry) => out.bulk(entry.key()),
    }
    Ok(())
}

pub(super) fn flushdb(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    check_flush_options(args)?;
    tx.flush_db();
    out.ok();
    Ok(())
}

pub(super) fn flushall(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    check_flush_options(args)?;
    tx.flush_all();
    out.ok();
    Ok(())
}

/// SYNC and ASYNC do the same: the keys are gone at once and their memory is freed beside the engine.
fn check_flush_options(args: Args<'_>) -> Result<(), CmdError> {
    let mut options = args.cursor(1);
    if !options.word("ASYNC") {
        options.word("SYNC");
    }
    options.finish()
}

pub(super) fn swapdb(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let number = |index: usize, error: &'static str| {
        let number = parse_i64(args.get(index)).and_then(|number| i32::try_from(number).ok());
        number.ok_or(CmdError::line_of(error))
    };
    let first = number(1, "ERR invalid first DB index")?;
    let second = number(2, "ERR invalid second DB index")?;
    let existing = |number: i32| u32::try_from(number).ok().filter(|db| *db < tx.databases());
    let (Some(first), Some(second)) = (existing(first), existing(second)) else {
        return Err(CmdError::line_of("ERR DB index is out of range"));
    };
    tx.swap_db(first, second);
    out.ok();
    Ok(())
}
