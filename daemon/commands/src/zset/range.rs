//! Ranges: to read, to count, to store elsewhere, to remove.

use esker_keyspace::touched::Event;
use esker_keyspace::{IntText, Tx, Zset};
use esker_resp::Reply;

use super::bounds::{Bounds, By, Limit};
use super::{store, write_element};
use crate::args::Args;
use crate::error::{CmdError, CmdResult};

/// A range as a command spells it.
struct Wanted<'a> {
    bounds: Bounds<'a>,
    reverse: bool,
    limit: Option<Limit>,
    with_scores: bool,
}

/// What a command's name says already.
struct Form {
    /// `None`: BYSCORE and BYLEX say.
    by: Option<By>,
    /// `None`: REV says.
    reverse: Option<bool>,
    /// The position of the key that is read.
    source: usize,
    stores: bool,
}

impl<'a> Wanted<'a> {
    fn parse(args: Args<'a>, form: &Form) -> Result<Wanted<'a>, CmdError> {
        let (mut by, mut reverse) = (form.by, form.reverse);
        let (mut limit, mut with_scores) = (None, false);
        let mut options = args.cursor(form.source + 3);
        while !options.is_done() {
            if !form.stores && options.word("WITHSCORES") {
                with_scores = true;
            } else if options.left() > 2 && options.word("LIMIT") {
                limit = Some(Limit {
                    offset: options.int()?,
                    count: options.int()?,
                });
            } else if reverse.is_none() && options.word("REV") {
                reverse = Some(true);
            } else if by.is_none() && options.word("BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && options.word("BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(CmdError::Syntax);
            }
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if by == By::Rank && limit.is_some_and(|limit| limit.count != -1) {
            return Err(CmdError::line_of(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if by == By::Lex && with_scores {
            return Err(CmdError::line_of(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let (mut min, mut max) = (args.get(form.source + 1), args.get(form.source + 2));
        if reverse && by != By::Rank {
            std::mem::swap(&mut min, &mut max);
        }
        Ok(Wanted {
            bounds: Bounds::parse(by, min, max)?,
            reverse,
            limit: limit.filter(|_| by != By::Rank),
            with_scores,
        })
    }

    /// The elements, in the order of the range.
    fn of<'z>(&self, zset: &'z Zset) -> esker_keyspace::value::ZsetRange<'z> {
        let ranks = self.bounds.ranks(zset, self.reverse);
        let ranks = ranks.limited(self.limit, self.reverse);
        let start = match self.reverse {
            true => (ranks.start + ranks.count).saturating_sub(1),
            false => ranks.start,
        };
        zset.range(start, ranks.count, self.reverse)
    }
}

fn read(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>, form: &Form) -> CmdResult {
    let wanted = Wanted::parse(args, form)?;
    let Some(zset) = tx.view::<Zset>(args.get(form.source))? else {
        out.array(0);
        return Ok(());
    };
    let elements = wanted.of(&zset);
    let flat = wanted.with_scores && !out.is_resp3();
    out.array(elements.len() * if flat { 2 } else { 1 });
    for (score, member) in elements {
        write_element(out, score, member, wanted.with_scores);
    }
    Ok(())
}

const fn form(by: Option<By>, reverse: Option<bool>) -> Form {
    Form {
        by,
        reverse,
        source: 1,
        stores: false,
    }
}

pub(super) fn zrange(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    read(tx, args, out, &form(None, None))
}

pub(super) fn zrevrange(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    read(tx, args, out, &form(Some(By::Rank), Some(true)))
}

pub(super) fn zrangebyscore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    read(tx, args, out, &form(Some(By::Score), Some(false)))
}

pub(super) fn zrevrangebyscore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    read(tx, args, out, &form(Some(By::Score), Some(true)))
}

pub(super) fn zrangebylex(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    read(tx, args, out, &form(Some(By::Lex), Some(false)))
}

pub(super) fn zrevrangebylex(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    read(tx, args, out, &form(Some(By::Lex), Some(true)))
}

pub(super) fn zrangestore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let form = Form {
        by: None,
        reverse: None,
        source: 2,
        stores: true,
    };
    let wanted = Wanted::parse(args, &form)?;
    let mut text = IntText::default();
    let mut elements: Vec<(f64, Vec<u8>)> = Vec::new();
    if let Some(zset) = tx.view::<Zset>(args.get(2))? {
        let range = wanted.of(&zset);
        elements.extend(range.map(|(score, member)| (score, member.bytes(&mut text).to_vec())));
    }
    let count = store(tx, args.get(1), &elements, Event::ZRangeStore)?;
    out.integer(count as i64);
    Ok(())
}

fn count(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>, by: By) -> CmdResult {
    let bounds = Bounds::parse(by, args.get(2), args.get(3))?;
    let zset = tx.view::<Zset>(args.get(1))?;
    let count = zset.map_or(0, |zset| bounds.ranks(&zset, false).count);
    out.integer(count as i64);
    Ok(())
}

pub(super) fn zcount(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    count(tx, args, out, By::Score)
}

pub(super) fn zlexcount(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    count(tx, args, out, By::Lex)
}

fn remove(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>, by: By, event: Event) -> CmdResult {
    let bounds = Bounds::parse(by, args.get(2), args.get(3))?;
    let key = args.get(1);
    let Some(zset) = tx.zset_to_change(key)? else {
        out.integer(0);
        return Ok(());
    };
    let ranks = bounds.ranks(&zset, false);
    tx.zset_remove_range(key, ranks.start, ranks.count, event)?;
    out.integer(ranks.count as i64);
    Ok(())
}

pub(super) fn zremrangebyrank(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    remove(tx, args, out, By::Rank, Event::ZRemRangeByRank)
}

pub(super) fn zremrangebyscore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    remove(tx, args, out, By::Score, Event::ZRemRangeByScore)
}

pub(super) fn zremrangebylex(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    remove(tx, args, out, By::Lex, Event::ZRemRangeByLex)
}
