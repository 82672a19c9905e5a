//! Which hashes of a database have fields that expire, the earliest first.
//!
//! A hint is a time and the hash of a key. Invariant: each hash with expiring fields has exactly the hint that its
//! value tells ([`next_field_expiry`]), whatever command or recovery brought it there; `Db` keeps it so. A hint says
//! when to look, never what to delete: the value itself is asked then. Keys of equal hashes and times share one.
//!
//! What is due is deleted with `HDEL` effects, so that replay needs no clock: by the command that comes to the hash, and
//! by a cycle over the hints.

use std::collections::BTreeSet;

use esker_format::UnixMs;
use esker_format::record::{Effect, Verb, Words};

use crate::db::Leaving;
use crate::entry::Entry;
use crate::hash::hash_key;
use crate::keyspace::Keyspace;
use crate::touched::Event;
use crate::value::{Collection, Hash, HashCx};
use crate::walk::Elements;

#[derive(Debug, Default)]
pub(crate) struct FieldExpiries {
    hints: BTreeSet<(UnixMs, u64)>,
}

/// No field of the entry's hash expires before this; `None` for what has no such fields.
#[inline]
pub(crate) fn next_field_expiry(entry: &Entry) -> Option<UnixMs> {
    entry.get::<Hash>()?.earliest()
}

impl FieldExpiries {
    pub(crate) fn len(&self) -> usize {
        self.hints.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.hints.is_empty()
    }

    /// The hint to look at first.
    pub(crate) fn first(&self) -> Option<(UnixMs, u64)> {
        self.hints.first().copied()
    }

    /// The hash under a key told `before` until now and tells `after` from now on.
    #[inline]
    pub(crate) fn change(&mut self, hash: u64, before: Option<UnixMs>, after: Option<UnixMs>) {
        if before == after {
            return;
        }
        if let Some(at) = before {
            self.hints.remove(&(at, hash));
        }
        if let Some(at) = after {
            self.hints.insert((at, hash));
        }
    }
}

/// Fields that one effect deletes at most.
const EFFECT_FIELDS_MAX: usize = 128;

/// What one look at a hash did.
#[derive(Clone, Copy, Debug, Default)]
struct Looked {
    /// As budgets count it: a segment of a large hash one, a deleted field one more.
    work: usize,
    deleted: usize,
}

impl Keyspace {
    /// Deletes fields of a hash whose time has come, within the open unit; of a large hash as many as `budget`
    /// allows. A hash without fields goes.
    pub(crate) fn expire_fields(
        &mut self,
        index: u32,
        hash: u64,
        key: &[u8],
        now: UnixMs,
        budget: usize,
    ) -> usize {
        self.look_at_fields(index, hash, key, now, budget).deleted
    }

    fn look_at_fields(
        &mut self,
        index: u32,
        hash: u64,
        key: &[u8],
        now: UnixMs,
        budget: usize,
    ) -> Looked {
        let Keyspace {
            dbs,
            snap,
            garbage,
            limits,
            ..
        } = &mut *self;
        let db = &mut dbs[index as usize];
        let site = db.site(hash);
        let Some(mut slot) = db.table.find_mut(hash, key) else {
            return Looked::default();
        };
        let before = next_field_expiry(slot.get());
        if before.is_none_or(|at| at >= now) {
            return Looked::default();
        }
        let entry = slot.get_mut();
        snap.before_change(site, entry);
        let mut value = entry.get_mut::<Hash>().expect("it has fields");
        let mut elements = Elements::of(value.large(), snap);
        let mut cx = HashCx {
            limits,
            now,
            elements: &mut elements,
        };
        let mut names = Names::default();
        let swept = value.sweep(budget, &mut cx, |name| names.push(name));
        let (after, removed) = (value.earliest(), value.is_empty());
        drop(value);
        drop(slot);
        db.fields.change(hash, before, after);
        if removed {
            db.remove(hash, key, &mut Leaving { snap, garbage });
        }
        if names.ends.is_empty() {
            return Looked {
                work: swept.work,
                deleted: 0,
            };
        }
        self.tell_expired(index, hash, key, &names, removed);
        Looked {
            work: swept.work,
            deleted: names.ends.len(),
        }
    }

    fn tell_expired(&mut self, index: u32, hash: u64, key: &[u8], names: &Names, removed: bool) {
        let all = names.slices();
        for some in all.chunks(EFFECT_FIELDS_MAX) {
            let (verb, words) = (Verb::HDel, Words::new(some));
            self.effects
                .record(index, &Effect::Collection { verb, key, words });
        }
        self.deps.note(index, hash);
        self.touched.push(index, key, Event::HExpired);
        if removed {
            self.touched.push(index, key, Event::Del);
        }
        self.stats.expired_fields += all.len() as u64;
    }

    /// Deletes fields whose time has come, the longest due first, until `budget` is used up: a hash or a segment of a
    /// large one counts one, a deleted field one more. Returns how much work is left of the budget.
    pub(crate) fn expire_fields_cycle(&mut self, now: UnixMs, budget: usize) -> usize {
        let mut left = budget;
        for index in 0..self.databases() {
            while left > 0 {
                let first = self.dbs[index as usize].fields.first();
                let Some((at, hash)) = first.filter(|(at, _)| *at < now) else {
                    break;
                };
                let looked = self.look_at_hint(index, at, hash, now, left);
                left = left.saturating_sub(looked.work.max(1));
            }
        }
        left
    }

    fn look_at_hint(
        &mut self,
        index: u32,
        at: UnixMs,
        hash: u64,
        now: UnixMs,
        budget: usize,
    ) -> Looked {
        let db = &mut self.dbs[index as usize];
        let told = |entry: &Entry| next_field_expiry(entry) == Some(at);
        let Some(entry) = db.table.find_by(hash, told) else {
            // Another key of the same hash shared the hint and went.
            db.fields.change(hash, Some(at), None);
            return Looked::default();
        };
        let key = entry.key().to_vec();
        let looked = self.look_at_fields(index, hash_key(self.hash_seed, &key), &key, now, budget);
        let end = self.effects.end_unit();
        self.deps.settle(end);
        looked
    }
}

/// Names one after the other, since the fields that had them are gone.
#[derive(Debug, Default)]
struct Names {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Names {
    fn push(&mut self, name: &[u8]) {
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len());
    }

    fn slices(&self) -> Vec<&[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.bytes[start..*end])
            .collect()
    }
}
