//! Reading elements and where they are.

use std::ops::ControlFlow;

use esker_keyspace::value::{End, List, Needle, Way};
use esker_keyspace::{Tx, index_in, range_in};
use esker_resp::{Reply, parse_i64};

use super::{negatable, write_element};
use crate::args::Args;
use crate::error::{CmdError, CmdResult};

pub(super) fn llen(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let len = tx.view::<List>(args.get(1))?.map_or(0, |list| list.len());
    out.integer(len as i64);
    Ok(())
}

pub(super) fn lindex(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    // The key is looked up first: the index does not matter if there is none.
    let Some(list) = tx.view::<List>(args.get(1))? else {
        out.null();
        return Ok(());
    };
    match index_in(args.int(2)?, list.len()) {
        None => out.null(),
        Some(at) => list.for_each(at, 1, Way::Forward, |element| write_element(out, element)),
    }
    Ok(())
}

pub(super) fn lrange(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (start, stop) = (args.int(2)?, args.int(3)?);
    let list = tx.view::<List>(args.get(1))?;
    let range = list
        .as_ref()
        .and_then(|list| range_in(start, stop, list.len()));
    let (Some(list), Some((start, count))) = (list, range) else {
        out.array(0);
        return Ok(());
    };
    out.array(count);
    list.for_each(start, count, Way::Forward, |element| {
        write_element(out, element)
    });
    Ok(())
}

/// What LPOS is told.
struct Search {
    from: End,
    /// Matches that are passed over first.
    skip: u64,
    /// How many matches to tell as an array; without it, one that is no array.
    count: Option<usize>,
    /// How many elements to compare.
    compared_max: usize,
}

impl Search {
    fn parse(args: Args<'_>) -> Result<Search, CmdError> {
        let mut search = Search {
            from: End::Left,
            skip: 0,
            count: None,
            compared_max: usize::MAX,
        };
        let mut options = args.cursor(3);
        while !options.is_done() {
            if let Some(rank) = options.option("RANK")? {
                let rank = parse_rank(rank)?;
                search.from = if rank > 0 { End::Left } else { End::Right };
                search.skip = rank.unsigned_abs() - 1;
            } else if let Some(count) = options.option("COUNT")? {
                let count = limit(count, "COUNT can't be negative")?;
                search.count = Some(count);
            } else if let Some(most) = options.option("MAXLEN")? {
                search.compared_max = limit(most, "MAXLEN can't be negative")?;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(search)
    }
}

/// A number of which 0 means no limit.
fn limit(arg: &[u8], otherwise: &'static str) -> Result<usize, CmdError> {
    match parse_i64(arg).and_then(|number| usize::try_from(number).ok()) {
        None => Err(CmdError::text(otherwise)),
        Some(0) => Ok(usize::MAX),
        Some(number) => Ok(number),
    }
}

fn parse_rank(arg: &[u8]) -> Result<i64, CmdError> {
    match negatable(arg)? {
        0 => Err(CmdError::text(
            "RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start \
             from the end of the list",
        )),
        rank => Ok(rank),
    }
}

pub(super) fn lpos(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let search = Search::parse(args)?;
    let found = match tx.view::<List>(args.get(1))? {
        None => Vec::new(),
        Some(list) => positions(&list, &Needle::new(args.get(2)), &search),
    };
    match (search.count, found.first()) {
        (Some(_), _) => {
            out.array(found.len());
            found.iter().for_each(|at| out.integer(*at as i64));
        }
        (None, None) => out.null(),
        (None, Some(at)) => out.integer(*at as i64),
    }
    Ok(())
}

fn positions(list: &List, needle: &Needle<'_>, search: &Search) -> Vec<usize> {
    let Some(last) = list.len().checked_sub(1) else {
        return Vec::new();
    };
    let wanted = search.count.unwrap_or(1);
    let start = match search.from {
        End::Left => 0,
        End::Right => last,
    };
    let (mut found, mut skip, mut passed) = (Vec::new(), search.skip, 0);
    let (ControlFlow::Continue(()) | ControlFlow::Break(())) =
        list.walk(start, search.from.way(), |element| {
            if passed == search.compared_max {
                return ControlFlow::Break(());
            }
            if needle.is(element) {
                match skip {
                    0 => found.push(match search.from {
                        End::Left => passed,
                        End::Right => last - passed,
                    }),
                    _ => skip -= 1,
                }
            }
            passed += 1;
            match found.len() < wanted {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
    found
}
