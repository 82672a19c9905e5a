//! Sorted sets: members with scores, in ascending order of score and then of the member's bytes.
//!
//! A small one is a listpack, a large one a table and a tree with counts; OBJECT ENCODING calls that "skiplist". A large
//! one stays large. A score is never "not a number": who computes scores sees to that.
//!
//! Whatever asks for a range finds its two ranks first, by [`Zset::partition_point`], and then walks from rank to rank:
//! ranges by rank, score and member are the same thing here.

mod item;
mod order;
mod small;
#[cfg(test)]
mod tests;
mod tree;

use std::cmp::Ordering;

use esker_format::cursor::Fault;
use esker_format::native::value::{
    KIND_ZSET_MEMBERS, KIND_ZSET_PACKED, ScoredMembers, ValueWriter,
};

use super::word::boxed_word;
use super::{Collection, value_of};
use crate::entry::Kind;
use crate::limits::Limits;
use crate::packed::{Item, Listpack};
use crate::text::IntText;
use crate::walk::{Elements, Large, LargeTable};
use small::Pairs;
use tree::{TreeRange, ZsetTree};

#[derive(Debug)]
pub enum Zset {
    Packed(Listpack),
    Tree(Box<ZsetTree>),
}

boxed_word!(Zset { Packed, Tree });

const NOT_A_ZSET: Fault = Fault::Invalid("not the value of a sorted set");

/// The order of scores: numbers only, and the two zeros are equal.
#[inline]
fn compare_scores(a: f64, b: f64) -> Ordering {
    if a < b {
        Ordering::Less
    } else if a > b {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

impl Zset {
    /// Of elements with different members, in any order.
    pub fn build(mut elements: Vec<(f64, &[u8])>, limits: &Limits) -> Zset {
        let longest = elements.iter().map(|(_, member)| member.len()).max();
        if elements.len() > limits.zset_max_listpack_entries
            || longest.unwrap_or(0) > limits.zset_max_listpack_value
        {
            return Zset::tree(limits.hash_seed, elements.into_iter());
        }
        elements.sort_unstable_by(|a, b| compare_scores(a.0, b.0).then_with(|| a.1.cmp(b.1)));
        Zset::Packed(small::build(elements.into_iter()))
    }

    /// As [`Zset::build`], large whatever the limits are.
    pub fn tree<'a>(seed: u64, elements: impl Iterator<Item = (f64, &'a [u8])>) -> Zset {
        Zset::Tree(Box::new(ZsetTree::build(seed, elements)))
    }

    /// Takes a listpack that nobody vouches for; `None` if it is not one of a sorted set. It need not be in order.
    pub fn from_listpack(list: Listpack, limits: &Limits) -> Option<Zset> {
        let in_order = small::check(&list)?;
        if in_order && list.len() / 2 <= limits.zset_max_listpack_entries {
            return Some(Zset::Packed(list));
        }
        let elements = small::copy(&list);
        let elements = elements
            .iter()
            .map(|(score, member)| (*score, member.as_slice()));
        Some(Zset::build(elements.collect(), limits))
    }

    /// The listpack of a small one: the bytes that DUMP writes.
    pub fn listpack(&self) -> Option<&Listpack> {
        match self {
            Zset::Packed(list) => Some(list),
            Zset::Tree(_) => None,
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Zset::Packed(list) => list.len() / 2,
            Zset::Tree(tree) => tree.len(),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        match self {
            Zset::Packed(list) => list.is_empty(),
            Zset::Tree(tree) => tree.len() == 0,
        }
    }

    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Zset::Packed(list) => small::find(list, member).map(|(_, score)| score),
            Zset::Tree(tree) => tree.find(member).map(|item| item.score()),
        }
    }

    /// The place of a member in ascending order, with its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            Zset::Packed(list) => {
                let mut pairs = Pairs::from(list, list.first());
                let mut rank = 0;
                while let Some((score, item)) = pairs.next() {
                    if item.eq_bytes(member) {
                        return Some((rank, score));
                    }
                    rank += 1;
                }
                None
            }
            Zset::Tree(tree) => tree.rank(member),
        }
    }

    /// The number of elements for which `before` holds, which are the first ones.
    pub fn partition_point(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        match self {
            Zset::Packed(list) => {
                let mut text = IntText::default();
                let mut pairs = Pairs::from(list, list.first());
                let mut count = 0;
                while let Some((score, member)) = pairs.next() {
                    if !before(score, member.bytes(&mut text)) {
                        break;
                    }
                    count += 1;
                }
                count
            }
            Zset::Tree(tree) => tree.partition_point(before),
        }
    }

    /// `count` elements from the one at rank `start` on, upwards or with `reverse` downwards. They exist.
    pub fn range(&self, start: usize, count: usize, reverse: bool) -> Range<'_> {
        debug_assert!(count == 0 || start < self.len());
        match self {
            Zset::Packed(list) => Range::Packed {
                pairs: Pairs::from(list, list.seek(start * 2)),
                left: count,
                reverse,
            },
            Zset::Tree(tree) => Range::Tree(tree.range(start, count, reverse)),
        }
    }

    /// All elements in ascending order.
    pub fn iter(&self) -> Range<'_> {
        self.range(0, self.len(), false)
    }

    /// Visits about `count` elements from `cursor` on and returns the cursor to go on with; 0 is start and end. A small
    /// set is visited whole.
    pub fn scan(&self, cursor: u64, count: usize, mut f: impl FnMut(f64, Item<'_>)) -> u64 {
        match self {
            Zset::Packed(_) => {
                self.iter().for_each(|(score, member)| f(score, member));
                0
            }
            Zset::Tree(tree) => tree.scan(cursor, count, |score, member| {
                f(score, Item::Bytes(member));
            }),
        }
    }

    /// Prepares for `count` members of which the first is `member_len` long: with more than a small set takes, it
    /// becomes a large one at once, whatever comes of them.
    pub fn expect(&mut self, count: usize, member_len: usize, limits: &Limits) {
        let first_too_long = self.is_empty() && member_len > limits.zset_max_listpack_value;
        if count > limits.zset_max_listpack_entries || first_too_long {
            self.enlarge(limits.hash_seed);
        }
    }

    /// Changes the score of a member as `decide` says of the present one, or adds the member with it. `None`, or the
    /// present score, changes nothing.
    pub fn upsert(
        &mut self,
        member: &[u8],
        limits: &Limits,
        elements: &mut Elements<'_>,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) {
        let list = match self {
            Zset::Tree(tree) => return tree.upsert(member, elements, decide),
            Zset::Packed(list) => list,
        };
        let Some((at, before)) = small::find(list, member) else {
            let Some(score) = decide(None) else { return };
            let fits = list.len() / 2 < limits.zset_max_listpack_entries
                && member.len() <= limits.zset_max_listpack_value
                && small::has_room(list, member.len());
            if fits {
                small::insert(list, score, member);
            } else {
                let tree = self.enlarge(limits.hash_seed);
                tree.upsert(member, elements, |_| Some(score));
            }
            return;
        };
        if let Some(score) = decide(Some(before)).filter(|score| *score != before) {
            list.remove_at(at, 2);
            small::insert(list, score, member);
        }
    }

    fn enlarge(&mut self, seed: u64) -> &mut ZsetTree {
        if let Zset::Packed(list) = self {
            let elements = small::copy(list);
            let elements = elements
                .iter()
                .map(|(score, member)| (*score, member.as_slice()));
            *self = Zset::tree(seed, elements);
        }
        match self {
            Zset::Tree(tree) => tree,
            Zset::Packed(_) => unreachable!("it was made large above"),
        }
    }

    /// Takes a member out and gives its score.
    pub fn remove(&mut self, member: &[u8], elements: &mut Elements<'_>) -> Option<f64> {
        match self {
            Zset::Packed(list) => {
                let (at, score) = small::find(list, member)?;
                list.remove_at(at, 2);
                Some(score)
            }
            Zset::Tree(tree) => tree.remove(member, elements),
        }
    }

    /// Takes out `count` elements from the one at rank `start` on. They exist.
    pub fn remove_range(&mut self, start: usize, count: usize, elements: &mut Elements<'_>) {
        match self {
            Zset::Packed(list) => list.remove_range(start * 2, count * 2),
            Zset::Tree(tree) => (0..count).for_each(|_| tree.remove_at(start, elements)),
        }
    }
}

/// Elements of a sorted set, one after the other.
pub enum Range<'a> {
    #[doc(hidden)]
    Packed {
        pairs: Pairs<'a>,
        left: usize,
        reverse: bool,
    },
    #[doc(hidden)]
    Tree(TreeRange<'a>),
}

impl<'a> Iterator for Range<'a> {
    type Item = (f64, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Range::Tree(range) => range
                .next()
                .map(|(score, member)| (score, Item::Bytes(member))),
            Range::Packed {
                pairs,
                left,
                reverse,
            } => {
                *left = left.checked_sub(1)?;
                if *reverse {
                    pairs.next_back()
                } else {
                    pairs.next()
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self {
            Range::Packed { left, .. } => *left,
            Range::Tree(range) => range.len(),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Range<'_> {}

impl Collection for Zset {
    const KIND: Kind = Kind::Zset;

    fn empty(_: &Limits) -> Self {
        Zset::Packed(Listpack::new())
    }

    fn is_empty(&self) -> bool {
        Zset::is_empty(self)
    }

    fn elements(&self) -> usize {
        self.len()
    }

    fn encoding(&self) -> &'static str {
        match self {
            Zset::Packed(_) => "listpack",
            Zset::Tree(_) => "skiplist",
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Zset::Packed(list) => list.heap_bytes(),
            Zset::Tree(tree) => tree.heap_bytes(),
        }
    }

    fn duplicate(&self) -> Self {
        match self {
            Zset::Packed(list) => Zset::Packed(list.clone()),
            Zset::Tree(tree) => Zset::Tree(Box::new(tree.duplicate())),
        }
    }

    fn encode(&self, out: &mut ValueWriter<'_>) {
        match self {
            Zset::Packed(list) => out.packed(KIND_ZSET_PACKED, list.bytes()),
            Zset::Tree(tree) => tree.for_each(|score, member| out.zset_member(score, member)),
        }
    }

    fn decode(kind: u8, bytes: &[u8], limits: &Limits) -> Result<Self, Fault> {
        if kind == KIND_ZSET_PACKED {
            let list = Listpack::from_bytes(bytes)?;
            return Zset::from_listpack(list, limits).ok_or(NOT_A_ZSET);
        }
        let mut zset = Zset::Tree(Box::new(ZsetTree::new(limits.hash_seed)));
        zset.add_piece(kind, bytes)?;
        Ok(zset)
    }

    fn add_piece(&mut self, kind: u8, bytes: &[u8]) -> Result<(), Fault> {
        let Zset::Tree(tree) = self else {
            return Err(NOT_A_ZSET);
        };
        if kind != KIND_ZSET_MEMBERS {
            return Err(NOT_A_ZSET);
        }
        for scored in ScoredMembers::new(bytes) {
            let scored = scored?;
            if !tree.load(scored.score, scored.member) {
                return Err(Fault::Invalid("a member stands twice in a sorted set"));
            }
        }
        Ok(())
    }

    fn loaded(&mut self) -> Result<(), Fault> {
        if let Zset::Tree(tree) = self {
            tree.loaded();
        }
        Ok(())
    }

    fn large(&self) -> Option<&Large> {
        match self {
            Zset::Packed(_) => None,
            Zset::Tree(tree) => Some(tree.large()),
        }
    }

    fn large_mut(&mut self) -> Option<(&mut Large, &mut dyn LargeTable)> {
        match self {
            Zset::Packed(_) => None,
            Zset::Tree(tree) => Some(tree.large_mut()),
        }
    }

    fn digest(&self, out: &mut Vec<u8>) {
        let mut text = IntText::default();
        for (score, member) in self.iter() {
            let member = member.bytes(&mut text);
            // A small set does not know `-0`.
            out.extend_from_slice(&(score + 0.0).to_bits().to_le_bytes());
            out.extend_from_slice(&(member.len() as u64).to_le_bytes());
            out.extend_from_slice(member);
        }
    }

    value_of!(Zset);
}
