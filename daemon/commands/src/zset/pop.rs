//! Taking members from either end, at once or when there are some: ZPOPMIN, ZPOPMAX, ZMPOP and their blocking forms.

use esker_keyspace::Tx;
use esker_keyspace::entry::Kind;
use esker_keyspace::touched::Event;
use esker_resp::{Reply, parse_i64};

use super::{write_element, write_member};
use crate::args::{Args, Cursor};
use crate::block::{Block, Nothing, blocking_timeout};
use crate::error::{CmdError, CmdResult};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Min,
    Max,
}

impl End {
    fn event(self) -> Event {
        match self {
            End::Min => Event::ZPopMin,
            End::Max => Event::ZPopMax,
        }
    }
}

/// How the popped elements are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Member, score, member, score, …
    Flat,
    /// Pairs in RESP3, flat in RESP2.
    ByProtocol,
    /// The key, then pairs.
    KeyAndPairs,
    /// The key, then member and score of the only one.
    KeyAndOne,
}

/// Takes up to `count` elements from an end and replies with them. Returns false, with nothing replied, if there is no
/// such key.
fn pop(
    tx: &mut Tx<'_>,
    key: &[u8],
    end: End,
    count: usize,
    layout: Layout,
    out: &mut Reply<'_>,
) -> Result<bool, CmdError> {
    let Some(zset) = tx.zset_to_change(key)? else {
        return Ok(false);
    };
    let count = count.min(zset.len());
    let (start, walk_from) = match end {
        End::Min => (0, 0),
        End::Max => (zset.len() - count, zset.len() - 1),
    };
    match layout {
        Layout::ByProtocol if out.is_resp3() => out.array(count),
        Layout::Flat | Layout::ByProtocol => out.array(count * 2),
        Layout::KeyAndPairs => {
            out.array(2);
            out.bulk(key);
            out.array(count);
        }
        Layout::KeyAndOne => {
            out.array(3);
            out.bulk(key);
        }
    }
    for (score, member) in zset.range(walk_from, count, end == End::Max) {
        match layout {
            Layout::ByProtocol => write_element(out, score, member, true),
            Layout::Flat | Layout::KeyAndOne => {
                write_member(out, member);
                out.double(score);
            }
            Layout::KeyAndPairs => {
                out.array(2);
                write_member(out, member);
                out.double(score);
            }
        }
    }
    tx.zset_remove_range(key, start, count, end.event())?;
    Ok(true)
}

fn pop_one_key(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>, end: End) -> CmdResult {
    if args.len() > 3 {
        return Err(CmdError::Syntax);
    }
    let (count, layout) = match args.try_get(2) {
        None => (1, Layout::Flat),
        Some(text) => {
            let count = parse_i64(text).and_then(|count| usize::try_from(count).ok());
            (count.ok_or(CmdError::NotPositive)?, Layout::ByProtocol)
        }
    };
    if !pop(tx, args.get(1), end, count, layout, out)? {
        out.array(0);
    }
    Ok(())
}

pub(super) fn zpopmin(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    pop_one_key(tx, args, out, End::Min)
}

pub(super) fn zpopmax(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    pop_one_key(tx, args, out, End::Max)
}

/// `numkeys key … MIN|MAX [COUNT count]` from `at` on.
fn many_keys(args: Args<'_>, at: usize) -> Result<(Args<'_>, End, usize), CmdError> {
    let number = |text: &[u8], refusal: &'static str| {
        parse_i64(text)
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| *number > 0)
            .ok_or(CmdError::line_of(refusal))
    };
    let count = number(args.get(at), "ERR numkeys should be greater than 0")?;
    let keys = args.rest(at + 1).first(count).ok_or(CmdError::Syntax)?;
    let mut options: Cursor<'_> = args.cursor(at + 1 + count);
    let end = if options.word("MIN") {
        End::Min
    } else if options.word("MAX") {
        End::Max
    } else {
        return Err(CmdError::Syntax);
    };
    let count = match options.option("COUNT")? {
        None => 1,
        Some(text) => number(text, "ERR count should be greater than 0")?,
    };
    options.finish()?;
    Ok((keys, end, count))
}

pub(super) fn zmpop(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (keys, end, count) = many_keys(args, 1)?;
    for key in keys.iter() {
        if pop(tx, key, end, count, Layout::KeyAndPairs, out)? {
            return Ok(());
        }
    }
    out.null_array();
    Ok(())
}

/// Pops from the first key that has something, or waits for one.
fn pop_or_wait(
    tx: &mut Tx<'_>,
    keys: Args<'_>,
    (end, count, layout): (End, usize, Layout),
    timeout_ms: u64,
    out: &mut Reply<'_>,
) -> CmdResult {
    for key in keys.iter() {
        if pop(tx, key, end, count, layout, out)? {
            return Ok(());
        }
    }
    Err(CmdError::Block(Box::new(Block {
        keys: keys.iter().map(<[u8]>::to_vec).collect(),
        kind: Kind::Zset,
        timeout_ms,
        nothing: Nothing::NullArray,
        on_gone: false,
        again: None,
    })))
}

fn pop_one_or_wait(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>, end: End) -> CmdResult {
    let last = args.len() - 1;
    let timeout_ms = blocking_timeout(tx, args.get(last))?;
    let keys = args.rest(1).first(last - 1).ok_or(CmdError::Syntax)?;
    pop_or_wait(tx, keys, (end, 1, Layout::KeyAndOne), timeout_ms, out)
}

pub(super) fn bzpopmin(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    pop_one_or_wait(tx, args, out, End::Min)
}

pub(super) fn bzpopmax(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    pop_one_or_wait(tx, args, out, End::Max)
}

pub(super) fn bzmpop(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let timeout_ms = blocking_timeout(tx, args.get(1))?;
    let (keys, end, count) = many_keys(args, 2)?;
    pop_or_wait(tx, keys, (end, count, Layout::KeyAndPairs), timeout_ms, out)
}
