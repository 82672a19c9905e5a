//! Members by name: SADD, SREM, SISMEMBER, SMISMEMBER, SCARD, SMEMBERS, SMOVE.

use esker_keyspace::packed::Item;
use esker_keyspace::{IntText, Set, Tx};
use esker_resp::Reply;

use crate::args::Args;
use crate::error::CmdResult;

pub(super) fn write_member(out: &mut Reply<'_>, item: Item<'_>) {
    out.bulk(item.bytes(&mut IntText::default()));
}

pub(super) fn sadd(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let added = tx.set_add(args.get(1), args.rest(2).iter())?;
    out.integer(added as i64);
    Ok(())
}

pub(super) fn srem(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let removed = tx.set_remove(args.get(1), args.rest(2).iter())?;
    out.integer(removed as i64);
    Ok(())
}

pub(super) fn sismember(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let set = tx.view::<Set>(args.get(1))?;
    let found = set.is_some_and(|set| set.contains(args.get(2)));
    out.integer(i64::from(found));
    Ok(())
}

pub(super) fn smismember(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let set = tx.view::<Set>(args.get(1))?;
    let members = args.rest(2);
    out.array(members.len());
    for member in members.iter() {
        let found = set.as_ref().is_some_and(|set| set.contains(member));
        out.integer(i64::from(found));
    }
    Ok(())
}

pub(super) fn scard(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let set = tx.view::<Set>(args.get(1))?;
    out.integer(set.map_or(0, |set| set.len()) as i64);
    Ok(())
}

pub(super) fn smembers(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    match tx.view::<Set>(args.get(1))? {
        None => out.set(0),
        Some(set) => {
            out.set(set.len());
            set.for_each(|item| write_member(out, item));
        }
    }
    Ok(())
}

pub(super) fn smove(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let moved = tx.set_move(args.get(1), args.get(2), args.get(3))?;
    out.integer(i64::from(moved));
    Ok(())
}
