//! Storing and deleting fields.

use esker_keyspace::touched::Event;
use esker_keyspace::{Expiry, Tx};
use esker_resp::Reply;

use crate::args::Args;
use crate::error::{CmdError, CmdResult};

pub(super) fn hset(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let created = set(tx, args, "hset")?;
    out.integer(created as i64);
    Ok(())
}

pub(super) fn hmset(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    set(tx, args, "hmset")?;
    out.ok();
    Ok(())
}

fn set(tx: &mut Tx<'_>, args: Args<'_>, command: &'static str) -> Result<usize, CmdError> {
    let pairs = args.rest(2);
    if !pairs.len().is_multiple_of(2) {
        return Err(CmdError::WrongArity(command.into()));
    }
    Ok(tx.hash_set(args.get(1), pairs.pairs(), Expiry::Clear, Event::HSet)?)
}

pub(super) fn hsetnx(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (key, now) = (args.get(1), tx.now());
    let absent = match tx.hash(key)? {
        None => true,
        Some(hash) => hash.get(args.get(2), now).is_none(),
    };
    if absent {
        tx.hash_set(key, args.rest(2).pairs(), Expiry::Clear, Event::HSet)?;
    }
    out.integer(i64::from(absent));
    Ok(())
}

pub(super) fn hdel(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let removed = tx.hash_remove(args.get(1), args.rest(2).iter())?;
    out.integer(removed as i64);
    Ok(())
}
