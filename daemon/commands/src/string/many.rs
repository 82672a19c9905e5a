//! Several strings at once: MGET, MSET, MSETNX, MSETEX.

use esker_keyspace::entry::StrInput;
use esker_keyspace::{Expiry, Tx};
use esker_resp::{Reply, parse_i64};

use super::condition::Condition;
use crate::args::Args;
use crate::deadline::Deadline;
use crate::error::{CmdError, CmdResult};
use crate::value::write_string;

pub(super) fn mget(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    out.array(args.len() - 1);
    for key in args.rest(1).iter() {
        match tx.string(key) {
            Ok(Some(value)) => write_string(out, value),
            // A key of another kind has no string either.
            Ok(None) | Err(_) => out.null(),
        }
    }
    Ok(())
}

pub(super) fn mset(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let data = pairs(args, "mset")?;
    store(tx, data, Expiry::Clear);
    out.ok();
    Ok(())
}

pub(super) fn msetnx(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let data = pairs(args, "msetnx")?;
    let free = data.pairs().all(|(key, _)| !tx.exists_in(tx.db(), key));
    if free {
        store(tx, data, Expiry::Clear);
    }
    out.integer(i64::from(free));
    Ok(())
}

pub(super) fn msetex(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let count =
        parse_i64(args.get(1)).filter(|count| (1..=i64::from(i32::MAX / 2)).contains(count));
    let count = count.ok_or(CmdError::line_of(
        "ERR invalid numkeys value or out of range",
    ))? as usize;
    let data = args.rest(2).first(count * 2).ok_or(CmdError::Syntax)?;
    let mut options = args.cursor(2 + count * 2);
    let (mut condition, mut keep, mut deadline) = (None, false, None);
    while !options.is_done() {
        if let Some(presence) = Condition::take_presence(&mut options) {
            if condition
                .replace(presence)
                .is_some_and(|old| old != presence)
            {
                return Err(CmdError::Syntax);
            }
        } else if deadline.is_none() && options.word("KEEPTTL") {
            keep = true;
        } else {
            deadline = Deadline::take_over(deadline, &mut options)?.filter(|_| !keep);
            deadline.ok_or(CmdError::Syntax)?;
        }
    }
    let expiry = match deadline {
        Some(deadline) => Expiry::At(deadline.resolve(tx, "msetex")?),
        None if keep => Expiry::Keep,
        None => Expiry::Clear,
    };
    for (key, _) in data.pairs() {
        if let Some(condition) = condition
            && !condition.holds(tx, key)?
        {
            out.integer(0);
            return Ok(());
        }
    }
    store(tx, data, expiry);
    out.integer(1);
    Ok(())
}

/// The arguments behind the name as pairs.
fn pairs<'a>(args: Args<'a>, command: &'static str) -> Result<Args<'a>, CmdError> {
    let data = args.rest(1);
    if data.len().is_multiple_of(2) {
        Ok(data)
    } else {
        Err(CmdError::WrongArity(command.into()))
    }
}

fn store(tx: &mut Tx<'_>, data: Args<'_>, expiry: Expiry) {
    for (key, value) in data.pairs() {
        tx.set(key, StrInput::Bytes(value), expiry);
    }
}
