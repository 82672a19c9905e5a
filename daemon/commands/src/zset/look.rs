//! Looking at members: their number, scores and ranks, some at random, all in steps.

use esker_keyspace::packed::Item;
use esker_keyspace::{IntText, Random, Tx, Zset};
use esker_resp::{OutBuf, Reply, parse_u64};

use super::{write_element, write_member};
use crate::args::Args;
use crate::double::write_17_digits;
use crate::error::{CmdError, CmdResult};
use crate::repeat::{repeats, write_repeated};
use crate::scan::{Of, ScanOptions};

pub(super) fn zcard(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let zset = tx.view::<Zset>(args.get(1))?;
    out.integer(zset.map_or(0, |zset| zset.len()) as i64);
    Ok(())
}

fn write_score(out: &mut Reply<'_>, score: Option<f64>) {
    match score {
        Some(score) => out.double(score),
        None => out.null(),
    }
}

pub(super) fn zscore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let zset = tx.view::<Zset>(args.get(1))?;
    write_score(out, zset.and_then(|zset| zset.score(args.get(2))));
    Ok(())
}

pub(super) fn zmscore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let zset = tx.view::<Zset>(args.get(1))?;
    let members = args.rest(2);
    out.array(members.len());
    for member in members.iter() {
        write_score(out, zset.as_ref().and_then(|zset| zset.score(member)));
    }
    Ok(())
}

pub(super) fn zrank(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    rank(tx, args, out, "zrank", false)
}

pub(super) fn zrevrank(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    rank(tx, args, out, "zrevrank", true)
}

fn rank(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    out: &mut Reply<'_>,
    command: &'static str,
    reverse: bool,
) -> CmdResult {
    if args.len() > 4 {
        return Err(CmdError::WrongArity(command.into()));
    }
    let mut options = args.cursor(3);
    let with_score = options.word("WITHSCORE");
    options.finish()?;
    let zset = tx.view::<Zset>(args.get(1))?;
    let found = zset.and_then(|zset| {
        let (rank, score) = zset.rank(args.get(2))?;
        let rank = if reverse { zset.len() - 1 - rank } else { rank };
        Some((rank, score))
    });
    match found {
        None if with_score => out.null_array(),
        None => out.null(),
        Some((rank, score)) => {
            if with_score {
                out.array(2);
            }
            out.integer(rank as i64);
            if with_score {
                out.double(score);
            }
        }
    }
    Ok(())
}

/// How many members ZRANDMEMBER is asked for.
enum Sample {
    /// Different ones, at most so many.
    Different(usize),
    /// So many, the same one as often as it comes.
    Any(usize),
}

fn sample(args: Args<'_>) -> Result<(Sample, bool), CmdError> {
    const OUT_OF_RANGE: CmdError = CmdError::OutOfRange;
    let count = esker_resp::parse_i64(args.get(2)).ok_or(CmdError::NotInteger)?;
    if count == i64::MIN {
        return Err(CmdError::text(format_args!(
            "value is out of range, value must between {} and {}",
            -i64::MAX,
            i64::MAX
        )));
    }
    let mut options = args.cursor(3);
    let with_scores = options.word("WITHSCORES");
    options.finish()?;
    if with_scores && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) {
        return Err(OUT_OF_RANGE);
    }
    let many = count.unsigned_abs() as usize;
    Ok(match count {
        0.. => (Sample::Different(many), with_scores),
        _ => (Sample::Any(many), with_scores),
    })
}

pub(super) fn zrandmember(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    if args.len() == 2 {
        let random = tx.random();
        match tx.view::<Zset>(key)? {
            None => out.null(),
            Some(zset) => {
                let rank = pick(random, zset.len());
                let (_, member) = zset.range(rank, 1, false).next().expect("not empty");
                write_member(out, member);
            }
        }
        return Ok(());
    }
    let (sample, with_scores) = sample(args)?;
    let zset = tx.view::<Zset>(key)?;
    let large = zset.as_ref().is_some_and(|zset| zset.listpack().is_none());
    let len = zset.map_or(0, |zset| zset.len());
    let ranks = match sample {
        _ if len == 0 => Vec::new(),
        // All of a large set come from the last on.
        Sample::Different(many) if many >= len && large => (0..len).rev().collect(),
        Sample::Any(many) => return any(tx, key, many, len, with_scores, out),
        Sample::Different(many) => different(tx, many, len),
    };
    write_header(out, ranks.len(), with_scores);
    if let Some(zset) = tx.peek_view::<Zset>(key)? {
        for rank in ranks {
            let (score, member) = zset.range(rank, 1, false).next().expect("below the length");
            write_element(out, score, member, with_scores);
        }
    }
    Ok(())
}

/// A number below `len`, of a uniformly random one.
fn pick(random: u64, len: usize) -> usize {
    ((u128::from(random) * len as u128) >> 64) as usize
}

fn write_header(out: &mut Reply<'_>, count: usize, with_scores: bool) {
    let flat = with_scores && !out.is_resp3();
    out.array(if flat { 2 * count } else { count });
}

fn any(
    tx: &mut Tx<'_>,
    key: &[u8],
    many: usize,
    len: usize,
    with_scores: bool,
    out: &mut Reply<'_>,
) -> CmdResult {
    let many = repeats(many as u64)?;
    let mut random = Random::new(tx.random());
    let zset = tx.peek_view::<Zset>(key)?.expect("it was there before");
    write_header(out, many, with_scores);
    write_repeated(out, many, |out| {
        let rank = pick(random.next_u64(), len);
        let (score, member) = zset.range(rank, 1, false).next().expect("below the length");
        write_element(out, score, member, with_scores);
    })
}

/// Different ranks below `len`, in random order unless they are all.
fn different(tx: &mut Tx<'_>, many: usize, len: usize) -> Vec<usize> {
    if many >= len {
        return (0..len).collect();
    }
    if many > len / 3 {
        // Most of them: shuffle all and keep the first.
        let mut ranks: Vec<usize> = (0..len).collect();
        for at in 0..many {
            ranks.swap(at, at + pick(tx.random(), len - at));
        }
        ranks.truncate(many);
        return ranks;
    }
    let mut ranks = Vec::with_capacity(many);
    let mut seen = std::collections::BTreeSet::new();
    while ranks.len() < many {
        let rank = pick(tx.random(), len);
        if seen.insert(rank) {
            ranks.push(rank);
        }
    }
    ranks
}

pub(super) fn zscan(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let cursor = parse_u64(args.get(2)).ok_or(CmdError::line_of("ERR invalid cursor"))?;
    let Some(zset) = tx.view::<Zset>(args.get(1))? else {
        out.array(2);
        out.bulk("0");
        out.array(0);
        return Ok(());
    };
    let options = ScanOptions::parse(args.cursor(3), Of::Zset)?;
    // The next cursor comes first in the reply and is known last.
    let mut shown = OutBuf::new();
    let mut elements = Reply::new(&mut shown, out.proto());
    let (mut written, mut text) = (0, IntText::default());
    let large = zset.listpack().is_none();
    let next = zset.scan(cursor, options.count, |score, member: Item<'_>| {
        if options.shows(member.bytes(&mut text)) {
            write_member(&mut elements, member);
            written += 1;
            if !options.bare {
                write_scanned_score(&mut elements, score, large);
                written += 1;
            }
        }
    });
    out.array(2);
    out.bulk(next.to_string());
    out.array(written);
    out.out().append(&mut shown);
    Ok(())
}

/// Scores are bulk strings here in both protocols, and those of a large set have all of their 17 digits.
fn write_scanned_score(out: &mut Reply<'_>, score: f64, large: bool) {
    if !large {
        return out.bulk_double(score);
    }
    let mut text = Vec::with_capacity(32);
    write_17_digits(&mut text, score);
    out.bulk(text);
}
