//! The commands that wait for an element when there is none.

use esker_keyspace::Tx;
use esker_keyspace::entry::Kind;
use esker_keyspace::value::End;
use esker_resp::Reply;

use super::end_of;
use super::pop::{PopMany, move_one};
use crate::args::Args;
use crate::block::{Block, Nothing, blocking_timeout};
use crate::error::{CmdError, CmdResult};

fn wait<'a>(keys: impl Iterator<Item = &'a [u8]>, timeout_ms: u64, nothing: Nothing) -> CmdResult {
    Err(CmdError::Block(Box::new(Block {
        keys: keys.map(<[u8]>::to_vec).collect(),
        kind: Kind::List,
        timeout_ms,
        nothing,
        on_gone: false,
        again: None,
    })))
}

pub(super) fn blpop(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    pop(tx, args, out, End::Left)
}

pub(super) fn brpop(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    pop(tx, args, out, End::Right)
}

fn pop(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>, end: End) -> CmdResult {
    let last = args.len() - 1;
    let timeout_ms = blocking_timeout(tx, args.get(last))?;
    let keys = args.iter().take(last).skip(1);
    for key in keys.clone() {
        let popped = tx.list_pop(key, end, 1, |list, count| {
            out.array(2);
            out.bulk(key);
            super::pop::show(list, end, count, out);
        })?;
        if popped.is_some() {
            return Ok(());
        }
    }
    wait(keys, timeout_ms, Nothing::NullArray)
}

pub(super) fn blmpop(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let wanted = PopMany::parse(args, 2)?;
    let timeout_ms = blocking_timeout(tx, args.get(1))?;
    if wanted.run(tx, out)? {
        return Ok(());
    }
    wait(wanted.keys.iter(), timeout_ms, Nothing::NullArray)
}

pub(super) fn blmove(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let ends = (end_of(args.get(3))?, end_of(args.get(4))?);
    move_or_wait(tx, args, ends, args.get(5), out)
}

pub(super) fn brpoplpush(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    move_or_wait(tx, args, (End::Right, End::Left), args.get(3), out)
}

fn move_or_wait(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    ends: (End, End),
    timeout: &[u8],
    out: &mut Reply<'_>,
) -> CmdResult {
    let timeout_ms = blocking_timeout(tx, timeout)?;
    if move_one(tx, args, ends, out)? {
        return Ok(());
    }
    wait(std::iter::once(args.get(1)), timeout_ms, Nothing::Null)
}
