//! Changing sorted sets.

use esker_format::record::Verb;
use esker_format::write_double;

use super::collection::Create;
use super::{Tx, WrongType};
use crate::touched::Event;
use crate::value::{Guard, Zset};

/// Elements that one effect holds at most.
const EFFECT_ELEMENTS_MAX: usize = 128;

/// Which members an addition may touch, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZaddRule {
    /// New members only.
    pub nx: bool,
    /// Present members only.
    pub xx: bool,
    /// Present members only towards greater scores.
    pub gt: bool,
    /// Present members only towards smaller scores.
    pub lt: bool,
    /// Scores are added to the present ones.
    pub incr: bool,
}

/// What became of the members of an addition.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Zadded {
    pub added: usize,
    pub updated: usize,
    /// The score of the last member afterwards; `None` if the rule kept it out.
    pub score: Option<f64>,
    /// A sum was not a number. Nothing of this member has changed.
    pub not_a_number: bool,
}

impl ZaddRule {
    /// The score that a member gets, `None` if nothing comes of it.
    #[inline]
    fn decide(self, present: Option<f64>, score: f64, result: &mut Zadded) -> Option<f64> {
        result.score = None;
        let Some(before) = present else {
            if self.xx {
                return None;
            }
            result.added += 1;
            result.score = Some(score);
            return Some(score);
        };
        if self.nx {
            return None;
        }
        let score = if self.incr { before + score } else { score };
        if score.is_nan() {
            result.not_a_number = true;
            return None;
        }
        if self.lt && score >= before || self.gt && score <= before {
            return None;
        }
        result.score = Some(score);
        if score == before {
            return None;
        }
        result.updated += 1;
        Some(score)
    }
}

impl Tx<'_> {
    /// The sorted set under `key` for a command that is going to change it: no hit or miss is counted.
    pub fn zset_to_change(&mut self, key: &[u8]) -> Result<Option<Guard<'_, Zset>>, WrongType> {
        let hash = self.hash_of(key);
        match self.writable(hash, key) {
            None => Ok(None),
            Some(entry) => entry.get::<Zset>().map(Some).ok_or(WrongType),
        }
    }

    /// Adds members or changes their scores. `pairs` is not empty.
    pub fn zset_add(
        &mut self,
        key: &[u8],
        pairs: &[(f64, &[u8])],
        rule: ZaddRule,
    ) -> Result<Zadded, WrongType> {
        let hash = self.hash_of(key);
        let create = if rule.xx { Create::No } else { Create::Yes };
        let mut changes = Vec::with_capacity(pairs.len());
        let changed = self.change(hash, key, create, |zset: &mut Zset, cx| {
            let mut result = Zadded::default();
            zset.expect(pairs.len(), pairs[0].1.len(), cx.limits);
            for (score, member) in pairs {
                zset.upsert(member, cx.limits, &mut cx.elements, |present| {
                    let decided = rule.decide(present, *score, &mut result);
                    changes.extend(decided.map(|score| (score, *member)));
                    decided
                });
            }
            result
        })?;
        let result = changed.map_or_else(Zadded::default, |changed| changed.result);
        if !changes.is_empty() {
            self.record_scores(key, &changes);
            let event = if rule.incr { Event::ZIncr } else { Event::ZAdd };
            self.changed_zset(hash, key, event, changes.len(), false);
        }
        Ok(result)
    }

    fn record_scores(&mut self, key: &[u8], changes: &[(f64, &[u8])]) {
        if let [(score, member)] = changes {
            let mut text = Vec::with_capacity(32);
            write_double(&mut text, *score);
            return self.record_verb(Verb::ZAdd, key, &[&text, member]);
        }
        for some in changes.chunks(EFFECT_ELEMENTS_MAX) {
            let (mut texts, mut ends) = (Vec::with_capacity(16 * some.len()), Vec::new());
            for (score, _) in some {
                write_double(&mut texts, *score);
                ends.push(texts.len());
            }
            let mut words: Vec<&[u8]> = Vec::with_capacity(2 * some.len());
            let mut start = 0;
            for ((_, member), end) in some.iter().zip(ends) {
                words.extend([&texts[start..end], *member]);
                start = end;
            }
            self.record_verb(Verb::ZAdd, key, &words);
        }
    }

    /// What a change of some elements owes beside its effect.
    fn changed_zset(
        &mut self,
        hash: u64,
        key: &[u8],
        event: Event,
        elements: usize,
        removed: bool,
    ) {
        let before = self.changed();
        self.changed_key(hash, key, event);
        if removed {
            self.note_key_in(self.db, hash, key, Event::Del);
        }
        self.recount(before, elements as u64);
    }

    /// Removes members; returns how many were there.
    pub fn zset_remove<'m>(
        &mut self,
        key: &[u8],
        members: impl Iterator<Item = &'m [u8]>,
    ) -> Result<usize, WrongType> {
        let hash = self.hash_of(key);
        let mut gone: Vec<&[u8]> = Vec::new();
        let changed = self.change(hash, key, Create::No, |zset: &mut Zset, cx| {
            gone.extend(members.filter(|member| zset.remove(member, &mut cx.elements).is_some()));
        })?;
        if !gone.is_empty() {
            for some in gone.chunks(EFFECT_ELEMENTS_MAX) {
                self.record_verb(Verb::ZRem, key, some);
            }
            let removed = changed.is_some_and(|changed| changed.removed);
            self.changed_zset(hash, key, Event::ZRem, gone.len(), removed);
        }
        Ok(gone.len())
    }

    /// Removes `count` elements from the one at rank `start` on, which exist, and tells it as `event`.
    pub fn zset_remove_range(
        &mut self,
        key: &[u8],
        start: usize,
        count: usize,
        event: Event,
    ) -> Result<(), WrongType> {
        if count == 0 {
            return Ok(());
        }
        let hash = self.hash_of(key);
        let changed = self.change(hash, key, Create::No, |zset: &mut Zset, cx| {
            zset.remove_range(start, count, &mut cx.elements);
        })?;
        let removed = changed.is_some_and(|changed| changed.removed);
        let (start, stop) = (start.to_string(), (start + count - 1).to_string());
        let words: [&[u8]; 2] = [start.as_bytes(), stop.as_bytes()];
        self.record_verb(Verb::ZRemRangeByRank, key, &words);
        self.changed_zset(hash, key, event, count, removed);
        Ok(())
    }
}
