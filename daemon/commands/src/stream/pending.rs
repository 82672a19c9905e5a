//! What is pending: XACK and XPENDING.

use esker_keyspace::stream::Group;
use esker_keyspace::{Stream, StreamId, Tx};
use esker_resp::{Reply, parse_i64};

use super::{ids, no_key_or_group};
use crate::args::Args;
use crate::error::{CmdError, CmdResult};

pub(super) fn xack(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (key, group) = (args.get(1), args.get(2));
    let there = tx
        .view::<Stream>(key)?
        .is_some_and(|stream| stream.group(group).is_some());
    if !there {
        out.integer(0);
        return Ok(());
    }
    let ids = ids::all(args.rest(3))?;
    let count = tx.stream_ack(key, group, &ids)?;
    out.integer(count as i64);
    Ok(())
}

/// Which of the pending entries to show.
#[derive(Debug)]
struct Filter<'a> {
    idle_min: i64,
    from: StreamId,
    to: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Result<Filter<'a>, CmdError> {
        let (mut at, mut idle_min) = (3, 0);
        if args.get(3).eq_ignore_ascii_case(b"IDLE") {
            idle_min = args.int(4)?;
            if args.len() < 8 {
                return Err(CmdError::Syntax);
            }
            at = 5;
        }
        let count = args.int(at + 2)?.max(0);
        Ok(Filter {
            idle_min,
            from: ids::range_start(args.get(at))?,
            to: ids::range_end(args.get(at + 1))?,
            count: usize::try_from(count).unwrap_or(usize::MAX),
            consumer: args.try_get(at + 3),
        })
    }
}

pub(super) fn xpending(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    if args.len() != 3 && !(6..=9).contains(&args.len()) {
        return Err(CmdError::Syntax);
    }
    let filter = match args.len() {
        3 => None,
        _ => Some(Filter::parse(args)?),
    };
    let now = tx.now().0;
    let (key, name) = (args.get(1), args.get(2));
    let stream = tx.view::<Stream>(key)?;
    let group = stream.as_ref().and_then(|stream| stream.group(name));
    let group = group.ok_or_else(|| no_key_or_group(key, name, ""))?;
    match filter {
        None => write_summary(out, group),
        Some(filter) => write_pending(out, group, &filter, now),
    }
    Ok(())
}

fn write_summary(out: &mut Reply<'_>, group: &Group) {
    let pending = group.pending();
    out.array(4);
    out.integer(pending.len() as i64);
    let (Some(first), Some(last)) = (pending.first(), pending.last()) else {
        out.null();
        out.null();
        out.null_array();
        return;
    };
    ids::write_id(out, first);
    ids::write_id(out, last);
    let place = out.defer();
    let mut count = 0;
    for (name, consumer) in group.consumers() {
        if !consumer.pending().is_empty() {
            out.array(2);
            out.bulk(name);
            out.bulk_integer(consumer.pending().len() as i64);
            count += 1;
        }
    }
    out.finish_array(place, count);
}

fn write_pending(out: &mut Reply<'_>, group: &Group, filter: &Filter<'_>, now: i64) {
    let place = out.defer();
    let mut written = 0;
    let mut write = |out: &mut Reply<'_>, id: StreamId| {
        let nack = group
            .pending()
            .get(id)
            .expect("what a consumer has is pending");
        let idle = now.saturating_sub(nack.delivered_ms);
        if filter.idle_min != 0 && idle < filter.idle_min {
            return true;
        }
        out.array(4);
        ids::write_id(out, id);
        out.bulk(group.owner(nack));
        out.integer(idle.max(0));
        out.integer(nack.count);
        written += 1;
        written < filter.count
    };
    let within = |id: &StreamId| *id <= filter.to;
    if filter.count > 0 {
        match filter.consumer {
            None => {
                let ids = group.pending().range(filter.from).map(|(id, _)| id);
                ids.take_while(within).all(|id| write(out, id));
            }
            Some(name) => {
                if let Some(consumer) = group.consumer(name) {
                    let ids = consumer.pending().range(filter.from).map(|(id, ())| id);
                    ids.take_while(within).all(|id| write(out, id));
                }
            }
        }
    }
    out.finish_array(place, written);
}

/// An option that is a count of milliseconds or deliveries; refused in the option's own words.
pub(super) fn number(arg: &[u8], refusal: &'static str) -> Result<i64, CmdError> {
    parse_i64(arg).ok_or_else(|| CmdError::text(refusal))
}
