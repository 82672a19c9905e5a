//! Several sets together: SINTER, SUNION, SDIFF, their STORE forms, SINTERCARD.

use esker_keyspace::touched::Event;
use esker_keyspace::value::Guard;
use esker_keyspace::{Limits, Set, Tx};
use esker_resp::{Reply, parse_i64};

use super::algebra::{Purpose, difference, intersect, intersection, union};
use super::member::write_member;
use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::value::check_room;

/// Reads all sets, and gives `f` those that are there. The first read of each settles its expiry, which needs the
/// transaction; then all are looked at together.
fn with_sets<R>(
    tx: &mut Tx<'_>,
    keys: Args<'_>,
    f: impl FnOnce(&[Option<&Set>], &Limits) -> R,
) -> Result<R, CmdError> {
    for key in keys.iter() {
        tx.view::<Set>(key)?;
    }
    let guards = keys
        .iter()
        .map(|key| tx.peek_view::<Set>(key))
        .collect::<Result<Vec<_>, _>>()?;
    let sets: Vec<Option<&Set>> = guards.iter().map(as_set).collect();
    Ok(f(&sets, tx.limits()))
}

fn as_set<'g>(guard: &'g Option<Guard<'_, Set>>) -> Option<&'g Set> {
    guard.as_deref()
}

/// Whether the first key is there twice.
fn repeats_first(keys: Args<'_>) -> bool {
    keys.iter().skip(1).any(|key| key == keys.get(0))
}

fn write_set(out: &mut Reply<'_>, set: &Set) {
    out.set(set.len());
    set.for_each(|item| write_member(out, item));
}

fn store(tx: &mut Tx<'_>, key: &[u8], set: Set, event: Event, out: &mut Reply<'_>) -> CmdResult {
    check_room(tx, set.elements_bytes_max(set.len()))?;
    out.integer(set.len() as i64);
    tx.set_store(key, set, event);
    Ok(())
}

pub(super) fn sinter(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    with_sets(tx, args.rest(1), |sets, _| {
        let place = out.defer();
        let mut count = 0;
        intersect(sets, |item| {
            write_member(out, item);
            count += 1;
            false
        });
        out.finish_set(place, count);
    })
}

pub(super) fn sinterstore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let set = with_sets(tx, args.rest(2), intersection)?;
    store(tx, args.get(1), set, Event::SInterStore, out)
}

pub(super) fn sintercard(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let count = parse_i64(args.get(1))
        .and_then(|count| usize::try_from(count).ok())
        .filter(|count| *count > 0)
        .ok_or(CmdError::line_of("ERR numkeys should be greater than 0"))?;
    let keys = args.rest(2).first(count).ok_or(CmdError::line_of(
        "ERR Number of keys can't be greater than number of args",
    ))?;
    let mut limit = 0;
    let mut options = args.cursor(2 + count);
    while !options.is_done() {
        let text = options.option("LIMIT")?.ok_or(CmdError::Syntax)?;
        limit = parse_i64(text)
            .and_then(|limit| usize::try_from(limit).ok())
            .ok_or(CmdError::line_of("ERR LIMIT can't be negative"))?;
    }
    let mut found = 0;
    with_sets(tx, keys, |sets, _| {
        intersect(sets, |_| {
            found += 1;
            found == limit
        });
    })?;
    out.integer(found as i64);
    Ok(())
}

pub(super) fn sunion(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    with_sets(tx, args.rest(1), |sets, limits| match sets {
        [Some(only)] => write_set(out, only),
        _ => write_set(out, &union(sets, Purpose::Reply, limits)),
    })
}

pub(super) fn sunionstore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let set = with_sets(tx, args.rest(2), |sets, limits| {
        union(sets, Purpose::Store, limits)
    })?;
    store(tx, args.get(1), set, Event::SUnionStore, out)
}

pub(super) fn sdiff(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let keys = args.rest(1);
    with_sets(tx, keys, |sets, limits| {
        let repeated = repeats_first(keys);
        write_set(out, &difference(sets, repeated, Purpose::Reply, limits));
    })
}

pub(super) fn sdiffstore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let keys = args.rest(2);
    let set = with_sets(tx, keys, |sets, limits| {
        difference(sets, repeats_first(keys), Purpose::Store, limits)
    })?;
    store(tx, args.get(1), set, Event::SDiffStore, out)
}
