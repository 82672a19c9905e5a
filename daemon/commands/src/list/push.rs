//! Adding elements at the ends.

use esker_keyspace::Tx;
use esker_keyspace::value::End;
use esker_resp::Reply;

use crate::args::Args;
use crate::error::CmdResult;

fn push(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>, end: End, create: bool) -> CmdResult {
    let len = tx.list_push(args.get(1), end, args.rest(2).iter(), create)?;
    out.integer(len as i64);
    Ok(())
}

pub(super) fn lpush(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    push(tx, args, out, End::Left, true)
}

pub(super) fn rpush(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    push(tx, args, out, End::Right, true)
}

pub(super) fn lpushx(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    push(tx, args, out, End::Left, false)
}

pub(super) fn rpushx(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    push(tx, args, out, End::Right, false)
}
