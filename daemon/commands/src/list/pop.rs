//! Taking elements at the ends, from one list or the first of several that has any, and moving them.

use esker_keyspace::value::{End, List};
use esker_keyspace::{Tx, WrongType};
use esker_resp::{Reply, parse_i64};

use super::{end_of, write_element};
use crate::args::{Args, Cursor};
use crate::error::{CmdError, CmdResult};

pub(super) fn lpop(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    pop(tx, args, out, End::Left, "lpop")
}

pub(super) fn rpop(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    pop(tx, args, out, End::Right, "rpop")
}

fn pop(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    out: &mut Reply<'_>,
    end: End,
    command: &'static str,
) -> CmdResult {
    let key = args.get(1);
    if args.len() == 2 {
        return match pop_one(tx, key, end, out)? {
            true => Ok(()),
            false => {
                out.null();
                Ok(())
            }
        };
    }
    if args.len() > 3 {
        return Err(CmdError::WrongArity(command.into()));
    }
    let count = parse_i64(args.get(2)).and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or(CmdError::NotPositive)?;
    if count == 0 {
        match tx.view::<List>(key)? {
            None => out.null_array(),
            Some(_) => out.array(0),
        }
    } else if !pop_many(tx, key, end, count, out)? {
        out.null_array();
    }
    Ok(())
}

/// Takes and shows one element; false if there is no list.
pub(super) fn pop_one(
    tx: &mut Tx<'_>,
    key: &[u8],
    end: End,
    out: &mut Reply<'_>,
) -> Result<bool, WrongType> {
    let popped = tx.list_pop(key, end, 1, |list, count| show(list, end, count, out))?;
    Ok(popped.is_some())
}

/// Takes and shows up to `count` elements, at least one, as an array; false if there is no list.
pub(super) fn pop_many(
    tx: &mut Tx<'_>,
    key: &[u8],
    end: End,
    count: usize,
    out: &mut Reply<'_>,
) -> Result<bool, WrongType> {
    let popped = tx.list_pop(key, end, count, |list, count| {
        out.array(count);
        show(list, end, count, out);
    })?;
    Ok(popped.is_some())
}

pub(super) fn show(list: &List, end: End, count: usize, out: &mut Reply<'_>) {
    let start = match end {
        End::Left => 0,
        End::Right => list.len() - 1,
    };
    list.for_each(start, count, end.way(), |element| {
        write_element(out, element)
    });
}

/// What LMPOP and BLMPOP are told: `numkeys key [key …] LEFT|RIGHT [COUNT count]`.
pub(super) struct PopMany<'a> {
    pub(super) keys: Args<'a>,
    pub(super) end: End,
    pub(super) count: usize,
}

impl<'a> PopMany<'a> {
    /// Reads what stands from `index` on.
    pub(super) fn parse(args: Args<'a>, index: usize) -> Result<PopMany<'a>, CmdError> {
        let no_keys = "numkeys should be greater than 0";
        let keys = positive(args.get(index), no_keys)?;
        let rest = args.rest(index + 1);
        // The word behind the keys must be there too.
        let keys = rest.first(keys).filter(|_| keys < rest.len());
        let keys = keys.ok_or(CmdError::Syntax)?;
        let end = end_of(rest.get(keys.len()))?;
        let mut options: Cursor<'a> = rest.cursor(keys.len() + 1);
        let mut count = None;
        while !options.is_done() {
            let value = match count {
                None => options.option("COUNT")?,
                Some(_) => None,
            };
            let value = value.ok_or(CmdError::Syntax)?;
            count = Some(positive(value, "count should be greater than 0")?);
        }
        Ok(PopMany {
            keys,
            end,
            count: count.unwrap_or(1),
        })
    }

    /// Takes elements of the first list there is and shows them with its key; false if there is none.
    pub(super) fn run(&self, tx: &mut Tx<'_>, out: &mut Reply<'_>) -> Result<bool, CmdError> {
        for key in self.keys.iter() {
            let end = self.end;
            let popped = tx.list_pop(key, end, self.count, |list, count| {
                out.array(2);
                out.bulk(key);
                out.array(count);
                show(list, end, count, out);
            })?;
            if popped.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn positive(arg: &[u8], otherwise: &'static str) -> Result<usize, CmdError> {
    let number = parse_i64(arg).filter(|number| *number > 0);
    let number = number.ok_or_else(|| CmdError::text(otherwise))?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

pub(super) fn lmpop(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    if !PopMany::parse(args, 1)?.run(tx, out)? {
        out.null_array();
    }
    Ok(())
}

pub(super) fn lmove(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let ends = (end_of(args.get(3))?, end_of(args.get(4))?);
    if !move_one(tx, args, ends, out)? {
        out.null();
    }
    Ok(())
}

pub(super) fn rpoplpush(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    if !move_one(tx, args, (End::Right, End::Left), out)? {
        out.null();
    }
    Ok(())
}

/// Moves an element from the first key to the second and shows it; false if there is no source.
pub(super) fn move_one(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    (from, to): (End, End),
    out: &mut Reply<'_>,
) -> Result<bool, WrongType> {
    let moved = tx.list_move(args.get(1), from, args.get(2), to)?;
    if let Some(value) = &moved {
        out.bulk(value);
    }
    Ok(moved.is_some())
}
