//! XCLAIM and XAUTOCLAIM: pending entries change hands.

use esker_keyspace::stream::{Group, Nack};
use esker_keyspace::{Stream, StreamClaim, StreamId, Tx};
use esker_resp::Reply;

use super::entry::write_entry;
use super::pending::number;
use super::{ids, no_key_or_group};
use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::value::check_room;

/// About what one entry that changes hands adds to the log.
const CLAIM_BYTES: usize = 160;
/// XAUTOCLAIM looks at so many pending entries for each that it is to claim.
const LOOKS_PER_CLAIM: i64 = 10;
const AUTOCLAIM_COUNT: i64 = 100;
const AUTOCLAIM_COUNT_MAX: i64 = i64::MAX / 16;

/// What is to happen to some entries.
#[derive(Debug, Default)]
struct Plan {
    claims: Vec<StreamClaim>,
    /// Pending, but deleted from the stream.
    gone: Vec<StreamId>,
}

/// Who claims, from which group of which stream.
#[derive(Clone, Copy)]
struct Claimer<'a> {
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
}

impl<'a> Claimer<'a> {
    fn of(args: Args<'a>) -> Claimer<'a> {
        Claimer {
            key: args.get(1),
            group: args.get(2),
            consumer: args.get(3),
        }
    }

    fn require(&self, tx: &mut Tx<'_>) -> Result<(), CmdError> {
        let stream = tx.view::<Stream>(self.key)?;
        match stream.and_then(|stream| stream.group(self.group).map(|_| ())) {
            Some(()) => Ok(()),
            None => Err(no_key_or_group(self.key, self.group, "")),
        }
    }

    /// Looks at stream and group; they were required before.
    fn look<R>(&self, tx: &Tx<'_>, look: impl FnOnce(&Stream, &Group) -> R) -> Result<R, CmdError> {
        let stream = tx.peek_view::<Stream>(self.key)?;
        let stream = stream.ok_or_else(|| no_key_or_group(self.key, self.group, ""))?;
        let group = stream.group(self.group);
        let group = group.ok_or_else(|| no_key_or_group(self.key, self.group, ""))?;
        Ok(look(&stream, group))
    }

    fn carry_out(&self, tx: &mut Tx<'_>, plan: &Plan) -> CmdResult {
        tx.stream_see_consumer(self.key, self.group, self.consumer)?;
        tx.stream_ack(self.key, self.group, &plan.gone)?;
        let active = !plan.claims.is_empty();
        tx.stream_claim(self.key, self.group, self.consumer, &plan.claims, active)?;
        Ok(())
    }

    /// The claimed entries, or only their ids.
    fn write(&self, tx: &Tx<'_>, out: &mut Reply<'_>, plan: &Plan, ids_only: bool) -> CmdResult {
        out.array(plan.claims.len());
        let stream = tx.peek_view::<Stream>(self.key)?;
        for claim in &plan.claims {
            match stream.as_ref().and_then(|stream| stream.get(claim.id)) {
                Some(entry) if !ids_only => write_entry(out, entry),
                _ => ids::write_id(out, claim.id),
            }
        }
        Ok(())
    }
}

struct Options {
    ids_only: bool,
    force: bool,
    delivered_ms: Option<i64>,
    count: Option<i64>,
    last_id: StreamId,
}

impl Options {
    fn parse(args: Args<'_>, from: usize, now: i64) -> Result<Options, CmdError> {
        let mut found = Options {
            ids_only: false,
            force: false,
            delivered_ms: None,
            count: None,
            last_id: StreamId::MIN,
        };
        let mut at = from;
        while at < args.len() {
            let is = |word: &[u8]| args.get(at).eq_ignore_ascii_case(word);
            let value = args.try_get(at + 1);
            match value {
                _ if is(b"FORCE") => found.force = true,
                _ if is(b"JUSTID") => found.ids_only = true,
                Some(value) if is(b"IDLE") => {
                    let idle = number(value, "Invalid IDLE option argument for XCLAIM")?;
                    found.delivered_ms = Some(now.wrapping_sub(idle));
                }
                Some(value) if is(b"TIME") => {
                    let time = number(value, "Invalid TIME option argument for XCLAIM")?;
                    found.delivered_ms = Some(time);
                }
                Some(value) if is(b"RETRYCOUNT") => {
                    let count = number(value, "Invalid RETRYCOUNT option argument for XCLAIM")?;
                    found.count = Some(count);
                }
                Some(value) if is(b"LASTID") => found.last_id = ids::strict(value, 0)?,
                _ => {
                    let option = crate::error::quoted(args.get(at), usize::MAX);
                    return Err(CmdError::text(format_args!(
                        "Unrecognized XCLAIM option '{option}'"
                    )));
                }
            }
            let takes_value = !(is(b"FORCE") || is(b"JUSTID"));
            at += 1 + usize::from(takes_value);
        }
        // A time that cannot be is taken for now: clients reckon with clocks of their own.
        found.delivered_ms = found.delivered_ms.filter(|time| (0..=now).contains(time));
        found.count = found.count.filter(|count| *count >= 0);
        Ok(found)
    }
}

pub(super) fn xclaim(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let claimer = Claimer::of(args);
    claimer.require(tx)?;
    let idle_min = number(args.get(4), "Invalid min-idle-time argument for XCLAIM")?.max(0);
    let ids: Vec<StreamId> = args
        .rest(5)
        .iter()
        .map_while(|arg| ids::strict(arg, 0).ok())
        .collect();
    let now = tx.now().0;
    let options = Options::parse(args, 5 + ids.len(), now)?;
    let plan = claimer.look(tx, |stream, group| {
        let mut plan = Plan::default();
        for id in &ids {
            claim_one(stream, group, *id, idle_min, now, &options, &mut plan);
        }
        plan
    })?;
    check_room(tx, CLAIM_BYTES * (plan.claims.len() + plan.gone.len()))?;
    tx.stream_advance_group(claimer.key, claimer.group, options.last_id)?;
    claimer.carry_out(tx, &plan)?;
    claimer.write(tx, out, &plan, options.ids_only)
}

/// Decides about one id of XCLAIM. An id that is given twice is claimed twice.
fn claim_one(
    stream: &Stream,
    group: &Group,
    id: StreamId,
    idle_min: i64,
    now: i64,
    options: &Options,
    plan: &mut Plan,
) {
    let before = plan.claims.iter().rev().find(|claim| claim.id == id);
    let state = before
        .map(|claim| (claim.delivered_ms, claim.count))
        .or_else(|| group.pending().get(id).map(state_of));
    if stream.get(id).is_none() {
        if state.is_some() && !plan.gone.contains(&id) {
            plan.gone.push(id);
        }
        return;
    }
    let count = match state {
        // Made pending by force; being claimed counts as a delivery on top.
        None if options.force => 1,
        None => return,
        Some((delivered_ms, _)) if is_fresh(delivered_ms, idle_min, now) => return,
        Some((_, count)) => count,
    };
    let more = i64::from(!options.ids_only);
    plan.claims.push(StreamClaim {
        id,
        delivered_ms: options.delivered_ms.unwrap_or(now),
        count: options.count.unwrap_or(count.wrapping_add(more)),
    });
}

fn state_of(nack: &Nack) -> (i64, i64) {
    (nack.delivered_ms, nack.count)
}

/// Delivered too short a time ago to be claimed.
fn is_fresh(delivered_ms: i64, idle_min: i64, now: i64) -> bool {
    idle_min != 0 && now.saturating_sub(delivered_ms) < idle_min
}

pub(super) fn xautoclaim(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let claimer = Claimer::of(args);
    let idle_min = number(args.get(4), "Invalid min-idle-time argument for XAUTOCLAIM")?.max(0);
    let start = ids::range_start(args.get(5))?;
    let (mut count, mut ids_only) = (AUTOCLAIM_COUNT, false);
    let mut options = args.cursor(6);
    while !options.is_done() {
        if options.left() > 1
            && let Some(given) = options.option("COUNT")?
        {
            count = number(given, "COUNT must be > 0")?;
            if !(1..=AUTOCLAIM_COUNT_MAX).contains(&count) {
                return Err(CmdError::text("COUNT must be > 0"));
            }
        } else if options.word("JUSTID") {
            ids_only = true;
        } else {
            return Err(CmdError::Syntax);
        }
    }
    claimer.require(tx)?;
    let now = tx.now().0;
    let (plan, next) = claimer.look(tx, |stream, group| {
        sweep(stream, group, start, count, idle_min, now, ids_only)
    })?;
    check_room(tx, CLAIM_BYTES * (plan.claims.len() + plan.gone.len()))?;
    claimer.carry_out(tx, &plan)?;
    out.array(3);
    ids::write_id(out, next);
    claimer.write(tx, out, &plan, ids_only)?;
    out.array(plan.gone.len());
    plan.gone.iter().for_each(|id| ids::write_id(out, *id));
    Ok(())
}

/// Walks over what is pending; returns also where the next sweep goes on, 0-0 at the end.
fn sweep(
    stream: &Stream,
    group: &Group,
    start: StreamId,
    count: i64,
    idle_min: i64,
    now: i64,
    ids_only: bool,
) -> (Plan, StreamId) {
    let mut plan = Plan::default();
    let (mut left, mut looks) = (count, count.saturating_mul(LOOKS_PER_CLAIM));
    let mut pending = group.pending().range(start);
    while looks > 0 && left > 0 {
        looks -= 1;
        let Some((id, nack)) = pending.next() else {
            return (plan, StreamId::MIN);
        };
        if stream.get(id).is_none() {
            plan.gone.push(id);
            left -= 1;
        } else if !is_fresh(nack.delivered_ms, idle_min, now) {
            plan.claims.push(StreamClaim {
                id,
                delivered_ms: now,
                count: nack.count.wrapping_add(i64::from(!ids_only)),
            });
            left -= 1;
        }
    }
    let next = pending.next().map_or(StreamId::MIN, |(id, _)| id);
    (plan, next)
}
