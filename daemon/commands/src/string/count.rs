//! Numbers kept in strings.

use esker_keyspace::entry::StrRef;
use esker_keyspace::touched::Event;
use esker_keyspace::{Expiry, Tx};
use esker_resp::Reply;

use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::extended::{Extended, Parsed};
use crate::value::bytes_of;

pub(super) fn incr(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    add(tx, args, out, 1)
}

pub(super) fn decr(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    add(tx, args, out, -1)
}

pub(super) fn incrby(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let by = args.int(2)?;
    add(tx, args, out, by)
}

pub(super) fn decrby(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let by = args
        .int(2)?
        .checked_neg()
        .ok_or(CmdError::line_of("ERR decrement would overflow"))?;
    add(tx, args, out, by)
}

fn add(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>, by: i64) -> CmdResult {
    out.integer(tx.incr_by(args.get(1), by)?);
    Ok(())
}

pub(super) fn incrbyfloat(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    let value = match tx.string(key)? {
        None => Parsed::Finite(Extended::ZERO),
        Some(StrRef::Int(int)) => Parsed::Finite(Extended::from_i64(int)),
        Some(text) => Extended::parse(&bytes_of(text)).ok_or(CmdError::NotFloat)?,
    };
    let by = Extended::parse(args.get(2)).ok_or(CmdError::NotFloat)?;
    let sum = match (value, by) {
        (Parsed::Finite(value), Parsed::Finite(by)) => value.add(by),
        _ => None,
    };
    let text = sum.ok_or(CmdError::NotANumber)?.to_text();
    out.bulk(&text);
    tx.set_bytes_as(key, text, Expiry::Keep, false, Event::IncrByFloat);
    Ok(())
}
