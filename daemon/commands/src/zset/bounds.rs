//! Ranges of a sorted set: by rank, by score, by member; as they are written, and the ranks that they stand for.

use esker_keyspace::Zset;
use esker_resp::parse_i64;

use crate::double::parse_lenient;
use crate::error::CmdError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Rank,
    Score,
    Lex,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Bounds<'a> {
    /// From and to, negative ones counted from the end.
    Rank(i64, i64),
    Score(ScoreBound, ScoreBound),
    Lex(LexBound<'a>, LexBound<'a>),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ScoreBound {
    pub(super) score: f64,
    pub(super) exclusive: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum LexBound<'a> {
    /// `-`: before every member.
    Least,
    /// `+`: behind every member.
    Greatest,
    Member {
        member: &'a [u8],
        exclusive: bool,
    },
}

/// Elements by rank: from `start` on, `count` of them. `start` may lie at the end if there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ranks {
    pub(super) start: usize,
    pub(super) count: usize,
}

impl Ranks {
    const NONE: Ranks = Ranks { start: 0, count: 0 };

    fn between(start: usize, end: usize) -> Ranks {
        Ranks {
            start,
            count: end.saturating_sub(start),
        }
    }

    /// What LIMIT leaves, seen from the end that the range is walked from.
    pub(super) fn limited(self, limit: Option<Limit>, reverse: bool) -> Ranks {
        let Some(Limit { offset, count }) = limit else {
            return self;
        };
        // A negative offset is beyond everything, a negative count no limit.
        let skipped = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.count);
        let left = self.count - skipped;
        let kept = usize::try_from(count).unwrap_or(usize::MAX).min(left);
        match reverse {
            false => Ranks {
                start: self.start + skipped,
                count: kept,
            },
            true => Ranks {
                start: self.start + left - kept,
                count: kept,
            },
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) offset: i64,
    pub(super) count: i64,
}

impl<'a> Bounds<'a> {
    pub(super) fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Bounds<'a>, CmdError> {
        match by {
            By::Rank => {
                let int = |text| parse_i64(text).ok_or(CmdError::NotInteger);
                Ok(Bounds::Rank(int(min)?, int(max)?))
            }
            By::Score => ScoreBound::parse(min)
                .zip(ScoreBound::parse(max))
                .map(|(min, max)| Bounds::Score(min, max))
                .ok_or(CmdError::line_of("ERR min or max is not a float")),
            By::Lex => LexBound::parse(min)
                .zip(LexBound::parse(max))
                .map(|(min, max)| Bounds::Lex(min, max))
                .ok_or(CmdError::line_of(
                    "ERR min or max not valid string range item",
                )),
        }
    }

    /// The elements within the bounds. Ranks count from the end that the range is walked from.
    pub(super) fn ranks(&self, zset: &Zset, reverse: bool) -> Ranks {
        match self {
            Bounds::Rank(start, stop) => {
                let ranks = index_range(*start, *stop, zset.len());
                match reverse {
                    true if ranks.count > 0 => Ranks {
                        start: zset.len() - ranks.start - ranks.count,
                        ..ranks
                    },
                    _ => ranks,
                }
            }
            Bounds::Score(min, max) => {
                let start = zset.partition_point(|score, _| !min.is_below(score));
                let end = zset.partition_point(|score, _| max.is_above(score));
                Ranks::between(start, end)
            }
            Bounds::Lex(min, max) => lex_range(zset, min, max),
        }
    }
}

/// Inclusive positions, negative ones counted from the end.
fn index_range(start: i64, stop: i64, len: usize) -> Ranks {
    let length = len as i64;
    let from_end = |at: i64| {
        if at < 0 {
            at.saturating_add(length)
        } else {
            at
        }
    };
    let (start, stop) = (from_end(start).max(0), from_end(stop).min(length - 1));
    if start > stop || start >= length {
        return Ranks::NONE;
    }
    Ranks::between(start as usize, stop as usize + 1)
}

/// Members are in order only among equal scores; among others what is found is what a search from either end meets.
fn lex_range(zset: &Zset, min: &LexBound<'_>, max: &LexBound<'_>) -> Ranks {
    let len = zset.len();
    let at = |rank: usize, test: &dyn Fn(&[u8]) -> bool| {
        zset.range(rank, 1, false)
            .next()
            .is_some_and(|(_, member)| test(&member.to_vec()))
    };
    let reaches = len > 0
        && at(len - 1, &|member| min.is_below(member))
        && at(0, &|member| max.is_above(member));
    if !reaches {
        return Ranks::NONE;
    }
    let start = zset.partition_point(|_, member| !min.is_below(member));
    let end = zset.partition_point(|_, member| max.is_above(member));
    Ranks::between(start, end)
}

impl ScoreBound {
    fn parse(text: &[u8]) -> Option<ScoreBound> {
        let (exclusive, text) = match text {
            [b'(', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        parse_lenient(text).map(|score| ScoreBound { score, exclusive })
    }

    /// As a lower bound: whether it lets this score in.
    fn is_below(&self, score: f64) -> bool {
        self.score < score || self.score == score && !self.exclusive
    }

    fn is_above(&self, score: f64) -> bool {
        score < self.score || self.score == score && !self.exclusive
    }
}

impl<'a> LexBound<'a> {
    fn parse(text: &'a [u8]) -> Option<LexBound<'a>> {
        match text {
            [b'-'] | [b'-', 0, ..] => Some(LexBound::Least),
            [b'+'] | [b'+', 0, ..] => Some(LexBound::Greatest),
            [b'(', member @ ..] => Some(LexBound::Member {
                member,
                exclusive: true,
            }),
            [b'[', member @ ..] => Some(LexBound::Member {
                member,
                exclusive: false,
            }),
            _ => None,
        }
    }

    fn is_below(&self, other: &[u8]) -> bool {
        match self {
            LexBound::Least => true,
            LexBound::Greatest => false,
            LexBound::Member { member, exclusive } => {
                *member < other || *member == other && !exclusive
            }
        }
    }

    fn is_above(&self, other: &[u8]) -> bool {
        match self {
            LexBound::Least => false,
            LexBound::Greatest => true,
            LexBound::Member { member, exclusive } => {
                other < *member || *member == other && !exclusive
            }
        }
    }
}
