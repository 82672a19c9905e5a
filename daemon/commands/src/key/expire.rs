//! When keys expire.

use esker_keyspace::{ExpireResult, Tx, UnixMs};
use esker_resp::Reply;

use crate::args::Args;
use crate::deadline::{Unit, to_moment};
use crate::error::{CmdError, CmdResult, quoted};

pub(super) fn expire(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    set(tx, args, out, Unit::Seconds, false, "expire")
}

pub(super) fn pexpire(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    set(tx, args, out, Unit::Milliseconds, false, "pexpire")
}

pub(super) fn expireat(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    set(tx, args, out, Unit::Seconds, true, "expireat")
}

pub(super) fn pexpireat(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    set(tx, args, out, Unit::Milliseconds, true, "pexpireat")
}

fn set(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    out: &mut Reply<'_>,
    unit: Unit,
    absolute: bool,
    command: &'static str,
) -> CmdResult {
    let condition = Condition::parse(args)?;
    let at = to_moment(tx, args.int(2)?, unit, absolute).ok_or(CmdError::InvalidExpire(command))?;
    let key = args.get(1);
    let allowed = tx
        .look(key)
        .is_some_and(|entry| condition.allows(entry.expire_at(), at));
    let done = allowed && tx.expire_at(key, at) != ExpireResult::Absent;
    out.integer(i64::from(done));
    Ok(())
}

/// When EXPIRE and its relatives act. A key without expiry counts as one that lives for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Condition {
    none_yet: bool,
    some_already: bool,
    later: bool,
    earlier: bool,
}

impl Condition {
    fn parse(args: Args<'_>) -> Result<Condition, CmdError> {
        let mut condition = Condition::default();
        for word in args.rest(3).iter() {
            let flag = match word.to_ascii_uppercase().as_slice() {
                b"NX" => &mut condition.none_yet,
                b"XX" => &mut condition.some_already,
                b"GT" => &mut condition.later,
                b"LT" => &mut condition.earlier,
                _ => {
                    let word = quoted(word, word.len());
                    return Err(CmdError::text(format_args!("Unsupported option {word}")));
                }
            };
            *flag = true;
        }
        if condition.none_yet && (condition.some_already || condition.later || condition.earlier) {
            return Err(CmdError::line_of(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if condition.later && condition.earlier {
            return Err(CmdError::line_of(
                "ERR GT and LT options at the same time are not compatible",
            ));
        }
        Ok(condition)
    }

    fn allows(self, old: Option<UnixMs>, new: UnixMs) -> bool {
        match old {
            None => !self.some_already && !self.later,
            Some(old) => {
                !self.none_yet && (!self.later || new > old) && (!self.earlier || new < old)
            }
        }
    }
}

pub(super) fn persist(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    out.integer(i64::from(tx.persist(args.get(1))));
    Ok(())
}

pub(super) fn ttl(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let now = tx.now();
    tell(tx, args, out, |at| to_seconds((at.0 - now.0).max(0)))
}

pub(super) fn pttl(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let now = tx.now();
    tell(tx, args, out, |at| (at.0 - now.0).max(0))
}

pub(super) fn expiretime(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    tell(tx, args, out, |at| to_seconds(at.0))
}

pub(super) fn pexpiretime(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    tell(tx, args, out, |at| at.0)
}

fn tell(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    out: &mut Reply<'_>,
    show: impl Fn(UnixMs) -> i64,
) -> CmdResult {
    const ABSENT: i64 = -2;
    const ENDLESS: i64 = -1;
    out.integer(match tx.look(args.get(1)) {
        None => ABSENT,
        Some(entry) => entry.expire_at().map_or(ENDLESS, show),
    });
    Ok(())
}

/// Rounds to the nearest second.
fn to_seconds(ms: i64) -> i64 {
    ms / 1000 + i64::from(ms % 1000 >= 500)
}
