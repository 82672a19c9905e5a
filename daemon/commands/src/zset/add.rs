//! Adding members, changing scores, removing members: ZADD, ZINCRBY, ZREM.

use esker_keyspace::{Tx, ZaddRule};
use esker_resp::Reply;

use crate::args::Args;
use crate::double::parse_double;
use crate::error::{CmdError, CmdResult};

const NOT_A_NUMBER: CmdError = CmdError::line_of("ERR resulting score is not a number (NaN)");

/// The options of ZADD, and where the pairs begin.
fn options(args: Args<'_>) -> Result<(ZaddRule, bool, usize), CmdError> {
    let mut cursor = args.cursor(2);
    let mut rule = ZaddRule::default();
    let mut changed = false;
    loop {
        let option = [
            ("NX", &mut rule.nx),
            ("XX", &mut rule.xx),
            ("GT", &mut rule.gt),
            ("LT", &mut rule.lt),
            ("INCR", &mut rule.incr),
            ("CH", &mut changed),
        ];
        let Some((_, flag)) = option.into_iter().find(|(word, _)| cursor.word(word)) else {
            break;
        };
        *flag = true;
    }
    let left = cursor.left();
    if left == 0 || !left.is_multiple_of(2) {
        return Err(CmdError::Syntax);
    }
    if rule.nx && rule.xx {
        return Err(CmdError::line_of(
            "ERR XX and NX options at the same time are not compatible",
        ));
    }
    if (rule.gt || rule.lt) && rule.nx || rule.gt && rule.lt {
        return Err(CmdError::line_of(
            "ERR GT, LT, and/or NX options at the same time are not compatible",
        ));
    }
    if rule.incr && left > 2 {
        return Err(CmdError::line_of(
            "ERR INCR option supports a single increment-element pair",
        ));
    }
    Ok((rule, changed, cursor.position()))
}

pub(super) fn zadd(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (rule, changed, first) = options(args)?;
    let score = |text| parse_double(text).ok_or(CmdError::NotFloat);
    let pairs = args.rest(first);
    let added = if pairs.len() == 2 {
        let pair = [(score(pairs.get(0))?, pairs.get(1))];
        tx.zset_add(args.get(1), &pair, rule)?
    } else {
        let pairs = pairs
            .pairs()
            .map(|(text, member)| Ok((score(text)?, member)));
        let pairs: Vec<(f64, &[u8])> = pairs.collect::<Result<_, CmdError>>()?;
        tx.zset_add(args.get(1), &pairs, rule)?
    };
    if added.not_a_number {
        return Err(NOT_A_NUMBER);
    }
    match (rule.incr, added.score) {
        (true, Some(score)) => out.double(score),
        (true, None) => out.null(),
        (false, _) if changed => out.integer((added.added + added.updated) as i64),
        (false, _) => out.integer(added.added as i64),
    }
    Ok(())
}

pub(super) fn zincrby(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let by = parse_double(args.get(2)).ok_or(CmdError::NotFloat)?;
    let rule = ZaddRule {
        incr: true,
        ..ZaddRule::default()
    };
    let added = tx.zset_add(args.get(1), &[(by, args.get(3))], rule)?;
    out.double(added.score.ok_or(NOT_A_NUMBER)?);
    Ok(())
}

pub(super) fn zrem(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let removed = tx.zset_remove(args.get(1), args.rest(2).iter())?;
    out.integer(removed as i64);
    Ok(())
}
