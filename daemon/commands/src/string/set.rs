//! One string at one key: SET and its relatives, GET and its relatives.

use esker_keyspace::entry::StrInput;
use esker_keyspace::{Expiry, Tx};
use esker_resp::Reply;

use super::condition::Condition;
use crate::args::Args;
use crate::deadline::{Deadline, Unit};
use crate::error::{CmdError, CmdResult};
use crate::value::write_string;

#[inline]
pub(super) fn get(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    match tx.string(args.get(1))? {
        None => out.null(),
        Some(value) => write_string(out, value),
    }
    Ok(())
}

/// The options of SET.
#[derive(Default)]
struct SetOptions<'a> {
    condition: Option<Condition<'a>>,
    get: bool,
    keep: bool,
    deadline: Option<Deadline<'a>>,
}

impl<'a> SetOptions<'a> {
    fn parse(args: Args<'a>) -> Result<SetOptions<'a>, CmdError> {
        let mut options = args.cursor(3);
        let mut parsed = SetOptions::default();
        while !options.is_done() {
            // The same presence word may be repeated, as Redis has it; two different conditions contradict.
            if let Some(presence) = Condition::take_presence(&mut options) {
                if parsed
                    .condition
                    .replace(presence)
                    .is_some_and(|old| old != presence)
                {
                    return Err(CmdError::Syntax);
                }
            } else if let Some(comparison) = Condition::take_comparison(&mut options)? {
                if parsed.condition.replace(comparison).is_some() {
                    return Err(CmdError::Syntax);
                }
            } else if options.word("GET") {
                parsed.get = true;
            } else if parsed.deadline.is_none() && options.word("KEEPTTL") {
                parsed.keep = true;
            } else {
                let deadline = Deadline::take_over(parsed.deadline, &mut options)?;
                parsed.deadline = deadline.filter(|_| !parsed.keep);
                parsed.deadline.ok_or(CmdError::Syntax)?;
            }
        }
        Ok(parsed)
    }

    fn expiry(&self, tx: &Tx<'_>) -> Result<Expiry, CmdError> {
        match self.deadline {
            Some(deadline) => deadline.resolve(tx, "set").map(Expiry::At),
            None if self.keep => Ok(Expiry::Keep),
            None => Ok(Expiry::Clear),
        }
    }
}

pub(super) fn set(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (key, value) = (args.get(1), args.get(2));
    if args.len() == 3 {
        tx.set(key, StrInput::Bytes(value), Expiry::Clear);
        out.ok();
        return Ok(());
    }
    let options = SetOptions::parse(args)?;
    let expiry = options.expiry(tx)?;
    if options.get {
        // Answered first: the old value is gone afterwards.
        get(tx, args, out)?;
    }
    let holds = match options.condition {
        None => true,
        Some(condition) => condition.holds(tx, key)?,
    };
    if holds {
        tx.set(key, StrInput::Bytes(value), expiry);
    }
    match (options.get, holds) {
        (true, _) => {}
        (false, true) => out.ok(),
        (false, false) => out.null(),
    }
    Ok(())
}

pub(super) fn setnx(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let absent = !tx.exists_in(tx.db(), args.get(1));
    if absent {
        tx.set(args.get(1), StrInput::Bytes(args.get(2)), Expiry::Clear);
    }
    out.integer(i64::from(absent));
    Ok(())
}

pub(super) fn setex(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    set_for(tx, args, out, Unit::Seconds, "setex")
}

pub(super) fn psetex(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    set_for(tx, args, out, Unit::Milliseconds, "psetex")
}

fn set_for(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    out: &mut Reply<'_>,
    unit: Unit,
    command: &'static str,
) -> CmdResult {
    let at = Deadline::after(args.get(2), unit).resolve(tx, command)?;
    tx.set(args.get(1), StrInput::Bytes(args.get(3)), Expiry::At(at));
    out.ok();
    Ok(())
}

pub(super) fn getset(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    get(tx, args, out)?;
    tx.set(args.get(1), StrInput::Bytes(args.get(2)), Expiry::Clear);
    Ok(())
}

pub(super) fn getdel(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    get(tx, args, out)?;
    tx.del(args.get(1));
    Ok(())
}

pub(super) fn getex(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    let mut options = args.cursor(2);
    let (mut persist, mut deadline) = (false, None);
    while !options.is_done() {
        if deadline.is_none() && options.word("PERSIST") {
            persist = true;
        } else {
            deadline = Deadline::take_over(deadline, &mut options)?.filter(|_| !persist);
            deadline.ok_or(CmdError::Syntax)?;
        }
    }
    // An absent key is answered before the time is looked at.
    if tx.string(key)?.is_none() {
        out.null();
        return Ok(());
    }
    let at = deadline
        .map(|deadline| deadline.resolve(tx, "getex"))
        .transpose()?;
    get(tx, args, out)?;
    if persist {
        tx.persist(key);
    }
    if let Some(at) = at {
        tx.expire_at(key, at);
    }
    Ok(())
}
