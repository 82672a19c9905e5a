//! Numbers kept in fields. A field keeps its expiry.

use esker_keyspace::packed::Item;
use esker_keyspace::touched::Event;
use esker_keyspace::{Expiry, IntText, Tx};
use esker_resp::{Reply, parse_i64};

use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::extended::{Extended, Parsed};

const NOT_AN_INTEGER: CmdError = CmdError::line_of("ERR hash value is not an integer");
const NOT_A_FLOAT: CmdError = CmdError::line_of("ERR hash value is not a float");

pub(super) fn hincrby(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let by = args.int(3)?;
    let (key, name, now) = (args.get(1), args.get(2), tx.now());
    let hash = tx.hash(key)?;
    let value = match hash.as_ref().and_then(|hash| hash.get(name, now)) {
        None => 0,
        Some(Item::Int(int)) => int,
        Some(Item::Bytes(text)) => parse_i64(text).ok_or(NOT_AN_INTEGER)?,
    };
    let sum = value.checked_add(by).ok_or(CmdError::Overflow)?;
    store(tx, key, name, IntText::new(sum).bytes(), Event::HIncrBy)?;
    out.integer(sum);
    Ok(())
}

pub(super) fn hincrbyfloat(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let by = match Extended::parse(args.get(3)).ok_or(CmdError::NotFloat)? {
        Parsed::Finite(by) => by,
        Parsed::Infinite => return Err(CmdError::line_of("ERR value is NaN or Infinity")),
    };
    let (key, name, now) = (args.get(1), args.get(2), tx.now());
    let hash = tx.hash(key)?;
    let value = match hash.as_ref().and_then(|hash| hash.get(name, now)) {
        None => Parsed::Finite(Extended::ZERO),
        Some(Item::Int(int)) => Parsed::Finite(Extended::from_i64(int)),
        Some(Item::Bytes(text)) => Extended::parse(text).ok_or(NOT_A_FLOAT)?,
    };
    let sum = match value {
        Parsed::Finite(value) => value.add(by),
        Parsed::Infinite => None,
    };
    let text = sum.ok_or(CmdError::NotANumber)?.to_text();
    store(tx, key, name, &text, Event::HIncrByFloat)?;
    out.bulk(&text);
    Ok(())
}

fn store(tx: &mut Tx<'_>, key: &[u8], name: &[u8], value: &[u8], event: Event) -> CmdResult {
    tx.hash_set(key, std::iter::once((name, value)), Expiry::Keep, event)?;
    Ok(())
}
