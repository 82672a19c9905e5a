//! A small sorted set: a listpack of member, score, member, score, … in ascending order of score and then member.
//!
//! A score that is a whole number well inside 64 bits is an integer element, any other is the shortest text that reads
//! back. So `-0` becomes `0` here, as it does in Redis.

use std::cmp::Ordering;

use esker_format::write_double;

use super::compare_scores;
use crate::packed::{Item, Listpack, Pos};
use crate::text::IntText;

/// Longest listpack that is added to.
const BYTES_MAX: usize = 1 << 30;
/// Whole numbers up to this are kept as integers.
const WHOLE_MAX: f64 = (i64::MAX / 2) as f64;

/// The number that a score element stands for; not a number if it is no score.
#[inline]
pub(super) fn score_of(item: Item<'_>) -> f64 {
    match item {
        Item::Int(int) => int as f64,
        Item::Bytes(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(f64::NAN),
    }
}

/// Calls `f` with the element that stands for a score.
fn with_score<R>(score: f64, f: impl FnOnce(Item<'_>) -> R) -> R {
    if score.abs() <= WHOLE_MAX && score.trunc() == score {
        return f(Item::Int(score as i64));
    }
    let mut text = Vec::with_capacity(32);
    write_double(&mut text, score);
    f(Item::Bytes(&text))
}

/// Whether the listpack may take another member of this length.
pub(super) fn has_room(list: &Listpack, member_len: usize) -> bool {
    list.fits(member_len, BYTES_MAX)
}

/// The position of a member and its score.
#[inline]
pub(super) fn find(list: &Listpack, member: &[u8]) -> Option<(Pos, f64)> {
    let at = list.find(list.first()?, member, 1)?;
    let score = list.next(at).expect("a score behind each member");
    Some((at, score_of(list.at(score))))
}

/// Puts in a member that is not there.
pub(super) fn insert(list: &mut Listpack, score: f64, member: &[u8]) {
    let mut text = IntText::default();
    let mut at = list.end();
    let mut pairs = Pairs::from(list, list.first());
    while let Some((here, other, item)) = pairs.next_placed() {
        let order = compare_scores(other, score).then_with(|| item.bytes(&mut text).cmp(member));
        if order == Ordering::Greater {
            at = here;
            break;
        }
    }
    let at = list.insert(at, member);
    let behind = list.next(at).unwrap_or(list.end());
    with_score(score, |item| list.insert_item(behind, item));
}

/// Judges a listpack that nobody vouches for: `None` if it is not one of a sorted set, else whether it is in order.
pub(super) fn check(list: &Listpack) -> Option<bool> {
    let elements: Vec<Item<'_>> = list.iter().collect();
    if elements.is_empty() || !elements.len().is_multiple_of(2) {
        return None;
    }
    let mut members: Vec<Item<'_>> = elements.iter().copied().step_by(2).collect();
    members.sort_unstable_by_key(|member| match *member {
        Item::Int(int) => (Some(int), &[][..]),
        Item::Bytes(bytes) => (None, bytes),
    });
    let is_score = |item: &Item<'_>| !score_of(*item).is_nan();
    if members.windows(2).any(|pair| pair[0] == pair[1])
        || !elements.iter().skip(1).step_by(2).all(is_score)
    {
        return None;
    }
    let (mut text, mut other) = (IntText::default(), IntText::default());
    let pairs = elements.chunks_exact(2);
    let in_order = pairs.clone().zip(pairs.skip(1)).all(|(pair, next)| {
        compare_scores(score_of(pair[1]), score_of(next[1]))
            .then_with(|| pair[0].bytes(&mut text).cmp(next[0].bytes(&mut other)))
            .is_lt()
    });
    Some(in_order)
}

/// The elements, each on its own.
pub(super) fn copy(list: &Listpack) -> Vec<(f64, Vec<u8>)> {
    let mut elements = Vec::with_capacity(list.len() / 2);
    let mut pairs = Pairs::from(list, list.first());
    while let Some((score, member)) = pairs.next() {
        elements.push((score, member.to_vec()));
    }
    elements
}

/// The listpack of elements that are in order.
pub(super) fn build<'a>(elements: impl Iterator<Item = (f64, &'a [u8])>) -> Listpack {
    let mut list = Listpack::new();
    for (score, member) in elements {
        list.push_back(member);
        let end = list.end();
        with_score(score, |item| list.insert_item(end, item));
    }
    list
}

/// Members with their scores, from a place on.
#[derive(Clone)]
pub struct Pairs<'a> {
    list: &'a Listpack,
    /// The next member upwards, or what follows the next score downwards.
    at: Option<Pos>,
}

impl<'a> Pairs<'a> {
    pub(super) fn from(list: &'a Listpack, at: Option<Pos>) -> Pairs<'a> {
        Pairs { list, at }
    }

    #[inline]
    fn next_placed(&mut self) -> Option<(Pos, f64, Item<'a>)> {
        let at = self.at?;
        let score = self.list.next(at).expect("a score behind each member");
        self.at = self.list.next(score);
        Some((at, score_of(self.list.at(score)), self.list.at(at)))
    }

    #[inline]
    pub(super) fn next(&mut self) -> Option<(f64, Item<'a>)> {
        self.next_placed().map(|(_, score, member)| (score, member))
    }

    /// The pair at the current place, then the one before.
    #[inline]
    pub(super) fn next_back(&mut self) -> Option<(f64, Item<'a>)> {
        let at = self.at?;
        let score = self.list.next(at).expect("a score behind each member");
        self.at = self.list.prev(at).and_then(|score| self.list.prev(score));
        Some((score_of(self.list.at(score)), self.list.at(at)))
    }
}
