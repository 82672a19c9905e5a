//! When fields expire.

use esker_keyspace::{FieldCondition, FieldExpire, FieldPersist, Tx, UnixMs};
use esker_resp::Reply;

use super::check_type;
use super::fields::{NOT_POSITIVE, counted_names, moment};
use crate::args::Args;
use crate::deadline::Unit;
use crate::error::{CmdError, CmdResult};

const ABSENT: i64 = -2;
const ENDLESS: i64 = -1;

pub(super) fn hexpire(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    set(tx, args, out, Unit::Seconds, false, "hexpire")
}

pub(super) fn hpexpire(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    set(tx, args, out, Unit::Milliseconds, false, "hpexpire")
}

pub(super) fn hexpireat(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    set(tx, args, out, Unit::Seconds, true, "hexpireat")
}

pub(super) fn hpexpireat(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    set(tx, args, out, Unit::Milliseconds, true, "hpexpireat")
}

fn set(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    out: &mut Reply<'_>,
    unit: Unit,
    absolute: bool,
    command: &'static str,
) -> CmdResult {
    const NOT_POSITIVE: CmdError =
        CmdError::line_of("ERR Parameter `numFields` should be greater than 0");
    let key = args.get(1);
    check_type(tx, key)?;
    let at = moment(tx, args.get(2), unit, absolute, command)?;
    let condition = condition_of(args.get(3));
    let fields_at = if condition.is_some() { 4 } else { 3 };
    let names = counted_names(args, fields_at, NOT_POSITIVE)?;
    let condition = condition.unwrap_or_default();
    let outcome = tx.hash_expire(key, names.iter(), at, condition)?;
    write_codes(out, names, outcome, |outcome| match outcome {
        FieldExpire::Absent => ABSENT,
        FieldExpire::Kept => 0,
        FieldExpire::Set => 1,
        FieldExpire::Deleted => 2,
    });
    Ok(())
}

fn condition_of(word: &[u8]) -> Option<FieldCondition> {
    Some(match word.to_ascii_uppercase().as_slice() {
        b"NX" => FieldCondition::None,
        b"XX" => FieldCondition::Some,
        b"GT" => FieldCondition::Later,
        b"LT" => FieldCondition::Earlier,
        _ => return None,
    })
}

/// One code for each name; of an absent key each field is absent.
fn write_codes<T: Copy>(
    out: &mut Reply<'_>,
    names: Args<'_>,
    outcomes: Option<Vec<T>>,
    code: impl Fn(T) -> i64,
) {
    out.array(names.len());
    match outcomes {
        Some(outcomes) => outcomes
            .into_iter()
            .for_each(|outcome| out.integer(code(outcome))),
        None => names.iter().for_each(|_| out.integer(ABSENT)),
    }
}

pub(super) fn hpersist(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    check_type(tx, key)?;
    let names = counted_names(args, 2, NOT_POSITIVE)?;
    let outcome = tx.hash_persist(key, names.iter())?;
    write_codes(out, names, outcome, |outcome| match outcome {
        FieldPersist::Absent => ABSENT,
        FieldPersist::Endless => ENDLESS,
        FieldPersist::Done => 1,
    });
    Ok(())
}

pub(super) fn httl(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let now = tx.now();
    tell(tx, args, out, |at| to_seconds(at.0 - now.0))
}

pub(super) fn hpttl(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let now = tx.now();
    tell(tx, args, out, |at| at.0 - now.0)
}

pub(super) fn hexpiretime(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    tell(tx, args, out, |at| to_seconds(at.0))
}

pub(super) fn hpexpiretime(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    tell(tx, args, out, |at| at.0)
}

fn tell(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    out: &mut Reply<'_>,
    show: impl Fn(UnixMs) -> i64,
) -> CmdResult {
    let (key, now) = (args.get(1), tx.now());
    check_type(tx, key)?;
    let names = counted_names(args, 2, NOT_POSITIVE)?;
    let hash = tx.hash(key)?;
    out.array(names.len());
    for name in names.iter() {
        out.integer(match hash.as_ref().and_then(|hash| hash.field(name, now)) {
            None => ABSENT,
            Some(field) => field.expire_at.map_or(ENDLESS, &show),
        });
    }
    Ok(())
}

/// Rounds up to seconds.
fn to_seconds(ms: i64) -> i64 {
    (ms + 999) / 1000
}
