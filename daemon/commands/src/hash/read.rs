//! Reading fields: by name, all at once, in steps.

use esker_keyspace::value::Field;
use esker_keyspace::{IntText, Tx};
use esker_resp::{OutBuf, Reply, parse_u64};

use super::write_item;
use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::scan::{Of, ScanOptions};

pub(super) fn hget(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let now = tx.now();
    let hash = tx.hash(args.get(1))?;
    match hash.as_ref().and_then(|hash| hash.get(args.get(2), now)) {
        Some(value) => write_item(out, value),
        None => out.null(),
    }
    Ok(())
}

pub(super) fn hmget(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let names = args.rest(2);
    write_values(tx, args.get(1), names, out)
}

/// One value or nil for each name.
pub(super) fn write_values(
    tx: &mut Tx<'_>,
    key: &[u8],
    names: Args<'_>,
    out: &mut Reply<'_>,
) -> CmdResult {
    let now = tx.now();
    let hash = tx.hash(key)?;
    out.array(names.len());
    for name in names.iter() {
        match hash.as_ref().and_then(|hash| hash.get(name, now)) {
            Some(value) => write_item(out, value),
            None => out.null(),
        }
    }
    Ok(())
}

pub(super) fn hexists(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let now = tx.now();
    let hash = tx.hash(args.get(1))?;
    let found = hash.is_some_and(|hash| hash.get(args.get(2), now).is_some());
    out.integer(i64::from(found));
    Ok(())
}

pub(super) fn hstrlen(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let now = tx.now();
    let hash = tx.hash(args.get(1))?;
    let value = hash.as_ref().and_then(|hash| hash.get(args.get(2), now));
    out.integer(value.map_or(0, |value| value.len()) as i64);
    Ok(())
}

pub(super) fn hlen(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let hash = tx.hash(args.get(1))?;
    out.integer(hash.map_or(0, |hash| hash.len()) as i64);
    Ok(())
}

pub(super) fn hgetall(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let place = out.defer();
    let count = for_each(tx, args, |field| {
        write_item(out, field.name);
        write_item(out, field.value);
    })?;
    out.finish_map(place, count);
    Ok(())
}

pub(super) fn hkeys(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let place = out.defer();
    let count = for_each(tx, args, |field| write_item(out, field.name))?;
    out.finish_array(place, count);
    Ok(())
}

pub(super) fn hvals(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let place = out.defer();
    let count = for_each(tx, args, |field| write_item(out, field.value))?;
    out.finish_array(place, count);
    Ok(())
}

/// Shows each field of the key that the first argument names, and counts them.
fn for_each(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    mut show: impl FnMut(Field<'_>),
) -> Result<usize, CmdError> {
    let now = tx.now();
    let mut count = 0;
    if let Some(hash) = tx.hash(args.get(1))? {
        hash.for_each(now, |field| {
            show(field);
            count += 1;
        });
    }
    Ok(count)
}

/// An absent key is answered before the options are looked at.
pub(super) fn hscan(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let cursor = parse_u64(args.get(2)).ok_or(CmdError::line_of("ERR invalid cursor"))?;
    let now = tx.now();
    let Some(hash) = tx.hash(args.get(1))? else {
        out.array(2);
        out.bulk("0");
        out.array(0);
        return Ok(());
    };
    let options = ScanOptions::parse(args.cursor(3), Of::Hash)?;
    // The next cursor comes first in the reply and is known last.
    let mut shown = OutBuf::new();
    let mut fields = Reply::new(&mut shown, out.proto());
    let mut count = 0;
    let next = hash.scan(cursor, options.count, now, |field| {
        if options.shows(field.name.bytes(&mut IntText::default())) {
            write_item(&mut fields, field.name);
            count += 1;
            if !options.bare {
                write_item(&mut fields, field.value);
                count += 1;
            }
        }
    });
    out.array(2);
    out.bulk(next.to_string());
    out.array(count);
    out.out().append(&mut shown);
    Ok(())
}
