//! Reading and changing hashes.
//!
//! A field whose time has come is deleted when a transaction that may do so comes to its hash, up to a bound; what is
//! left of a large hash then is absent to reads and to changes alike.

use esker_format::record::Verb;

use super::collection::{Changed, Create};
use super::{Expiry, Tx, WrongType};
use crate::UnixMs;
use crate::field_expiry::next_field_expiry;
use crate::touched::Event;
use crate::value::{Guard, Hash, HashCx};

/// What a transaction spends on the due fields of a hash that it comes to.
const SETTLE_BUDGET: usize = 256;

/// When a field gets another expiry. One without expiry counts as one that stays for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldCondition {
    #[default]
    Always,
    /// Only one without expiry.
    None,
    /// Only one with an expiry.
    Some,
    /// Only towards a later expiry.
    Later,
    /// Only towards an earlier expiry.
    Earlier,
}

impl FieldCondition {
    fn allows(self, old: Option<UnixMs>, new: UnixMs) -> bool {
        match self {
            FieldCondition::Always => true,
            FieldCondition::None => old.is_none(),
            FieldCondition::Some => old.is_some(),
            FieldCondition::Later => old.is_some_and(|old| new > old),
            FieldCondition::Earlier => old.is_none_or(|old| new < old),
        }
    }
}

/// What became of a field that was told when to expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldExpire {
    /// There is no such field.
    Absent,
    /// The condition was not met.
    Kept,
    Set,
    /// The time had come already.
    Deleted,
}

/// What became of a field that was told to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldPersist {
    /// There is no such field.
    Absent,
    /// It had no expiry.
    Endless,
    Done,
}

impl Tx<'_> {
    /// The hash under `key`, to read.
    #[inline]
    pub fn hash(&mut self, key: &[u8]) -> Result<Option<Guard<'_, Hash>>, WrongType> {
        let hash = self.hash_of(key);
        self.settle_fields(hash, key);
        self.view::<Hash>(key)
    }

    /// Stores fields. Returns how many are new. `pairs` is not empty.
    pub fn hash_set<'v>(
        &mut self,
        key: &[u8],
        pairs: impl ExactSizeIterator<Item = (&'v [u8], &'v [u8])> + Clone,
        expiry: Expiry,
        event: Event,
    ) -> Result<usize, WrongType> {
        let hash = self.hash_of(key);
        let past = matches!(expiry, Expiry::At(at) if at <= self.now);
        // What is already past is stored first, and deleted afterwards.
        let stored_expiry = if past { Expiry::Clear } else { expiry };
        let mut kept = Vec::new();
        let changed = self.change_hash(hash, key, Create::Yes, |value, cx| {
            if pairs.len() > cx.limits.hash_max_listpack_entries {
                value.make_table(cx.limits);
            } else if matches!(expiry, Expiry::At(_)) {
                value.make_triples();
            }
            let mut created = 0;
            for (name, text) in pairs.clone() {
                created += usize::from(value.set(name, text, stored_expiry, cx));
                if expiry == Expiry::Keep {
                    let field = value.field(name, cx.now).expect("it was just stored");
                    kept.extend(field.expire_at.map(|at| (at, name)));
                }
            }
            if past {
                for (name, _) in pairs.clone() {
                    value.remove(name, cx);
                }
            }
            created
        })?;
        let Changed {
            result, removed, ..
        } = changed.expect("created if absent");
        self.record_stored(key, pairs.clone(), &kept);
        self.changed += pairs.len() as u64;
        self.note_key_in(self.db, hash, key, event);
        if let Expiry::At(at) = expiry {
            let names: Vec<&[u8]> = pairs.map(|(name, _)| name).collect();
            if past {
                self.record_verb(Verb::HDel, key, &names);
                self.note_key_in(self.db, hash, key, Event::HDel);
            } else {
                self.record_expiry(key, at, &names);
                self.note_key_in(self.db, hash, key, Event::HExpire);
            }
        }
        // The key may have been created by this very call, and is gone all the same.
        if removed || (past && self.peek(key).is_none()) {
            self.note_key_in(self.db, hash, key, Event::Del);
        }
        Ok(result)
    }

    fn record_stored<'v>(
        &mut self,
        key: &[u8],
        mut pairs: impl ExactSizeIterator<Item = (&'v [u8], &'v [u8])>,
        kept: &[(UnixMs, &[u8])],
    ) {
        if pairs.len() == 1 {
            let (name, value) = pairs.next().expect("there is one");
            self.record_verb(Verb::HSet, key, &[name, value]);
        } else {
            let words: Vec<&[u8]> = pairs.flat_map(|(name, value)| [name, value]).collect();
            self.record_verb(Verb::HSet, key, &words);
        }
        for (at, name) in kept {
            self.record_expiry(key, *at, &[name]);
        }
    }

    fn record_expiry(&mut self, key: &[u8], at: UnixMs, names: &[&[u8]]) {
        let (at, count) = (at.0.to_string(), names.len().to_string());
        let mut words: Vec<&[u8]> = Vec::with_capacity(3 + names.len());
        words.extend([at.as_bytes(), b"FIELDS", count.as_bytes()]);
        words.extend(names);
        self.record_verb(Verb::HPexpireAt, key, &words);
    }

    /// Deletes fields. Returns how many there were.
    pub fn hash_remove<'v>(
        &mut self,
        key: &[u8],
        names: impl Iterator<Item = &'v [u8]>,
    ) -> Result<usize, WrongType> {
        let hash = self.hash_of(key);
        let mut gone = Vec::new();
        let changed = self.change_hash(hash, key, Create::No, |value, cx| {
            gone.extend(names.filter(|name| value.remove(name, cx)));
        })?;
        if !gone.is_empty() {
            let removed = changed.is_some_and(|changed| changed.removed);
            self.record_verb(Verb::HDel, key, &gone);
            self.changed_fields(hash, key, Event::HDel, gone.len(), removed);
        }
        Ok(gone.len())
    }

    /// Makes fields expire; a time that is not in the future deletes them. `None` if there is no such key, else what
    /// became of each.
    pub fn hash_expire<'v>(
        &mut self,
        key: &[u8],
        names: impl Iterator<Item = &'v [u8]>,
        at: UnixMs,
        condition: FieldCondition,
    ) -> Result<Option<Vec<FieldExpire>>, WrongType> {
        let hash = self.hash_of(key);
        let past = at <= self.now;
        let mut done = Vec::new();
        let changed = self.change_hash(hash, key, Create::No, |value, cx| {
            value.make_triples();
            names
                .map(|name| {
                    let Some(field) = value.field(name, cx.now) else {
                        return FieldExpire::Absent;
                    };
                    if !condition.allows(field.expire_at, at) {
                        return FieldExpire::Kept;
                    }
                    done.push(name);
                    if past {
                        value.remove(name, cx);
                        return FieldExpire::Deleted;
                    }
                    value.set_expiry(name, Some(at), cx);
                    FieldExpire::Set
                })
                .collect()
        })?;
        let Some(Changed {
            result, removed, ..
        }) = changed
        else {
            return Ok(None);
        };
        if !done.is_empty() {
            let event = if past {
                self.record_verb(Verb::HDel, key, &done);
                Event::HDel
            } else {
                self.record_expiry(key, at, &done);
                Event::HExpire
            };
            self.changed_fields(hash, key, event, done.len(), removed);
        }
        Ok(Some(result))
    }

    /// Makes fields stay. `None` if there is no such key, else what became of each.
    pub fn hash_persist<'v>(
        &mut self,
        key: &[u8],
        names: impl Iterator<Item = &'v [u8]>,
    ) -> Result<Option<Vec<FieldPersist>>, WrongType> {
        let hash = self.hash_of(key);
        let mut done = Vec::new();
        let changed = self.change_hash(hash, key, Create::No, |value, cx| {
            names
                .map(|name| match value.field(name, cx.now) {
                    None => FieldPersist::Absent,
                    Some(field) if field.expire_at.is_none() => FieldPersist::Endless,
                    Some(_) => {
                        value.set_expiry(name, None, cx);
                        done.push(name);
                        FieldPersist::Done
                    }
                })
                .collect()
        })?;
        if !done.is_empty() {
            let count = done.len().to_string();
            let mut words: Vec<&[u8]> = vec![b"FIELDS", count.as_bytes()];
            words.extend(&done);
            self.record_verb(Verb::HPersist, key, &words);
            self.changed_fields(hash, key, Event::HPersist, done.len(), false);
        }
        Ok(changed.map(|changed| changed.result))
    }

    /// Gives a small hash room for expiries, as commands do that could have set one.
    pub fn hash_expect_expiries(&mut self, key: &[u8]) -> Result<(), WrongType> {
        let hash = self.hash_of(key);
        self.change_hash(hash, key, Create::No, |value, _| value.make_triples())?;
        Ok(())
    }

    fn changed_fields(
        &mut self,
        hash: u64,
        key: &[u8],
        event: Event,
        changes: usize,
        removed: bool,
    ) {
        self.changed += changes as u64;
        self.note_key_in(self.db, hash, key, event);
        if removed {
            self.note_key_in(self.db, hash, key, Event::Del);
        }
    }

    /// As [`Tx::change`], with the due fields settled before and the database told what expires next.
    fn change_hash<R>(
        &mut self,
        hash: u64,
        key: &[u8],
        create: Create,
        f: impl FnOnce(&mut Hash, &mut HashCx<'_, '_>) -> R,
    ) -> Result<Option<Changed<R>>, WrongType> {
        self.settle_fields(hash, key);
        let mut expiry = (None, None);
        let changed = self.change(hash, key, create, |value: &mut Hash, cx| {
            let before = value.earliest();
            let mut cx = HashCx {
                limits: cx.limits,
                now: cx.now,
                elements: &mut cx.elements,
            };
            let result = f(value, &mut cx);
            expiry = (before, value.earliest());
            result
        })?;
        let db = &mut self.ks.dbs[self.db as usize];
        db.fields.change(hash, expiry.0, expiry.1);
        Ok(changed)
    }

    /// Deletes the fields whose time has come, if this transaction may do so.
    #[inline]
    fn settle_fields(&mut self, hash: u64, key: &[u8]) {
        if self.may_expire && !self.table_db().fields.is_empty() {
            self.settle_due_fields(hash, key);
        }
    }

    #[cold]
    fn settle_due_fields(&mut self, hash: u64, key: &[u8]) {
        self.settle(hash, key);
        let entry = self.table_db().table.find(hash, key);
        let next = entry.and_then(next_field_expiry);
        if next.is_none_or(|at| at >= self.now) {
            return;
        }
        let own_unit = !self.ks.effects.in_unit();
        self.ks
            .expire_fields(self.db, hash, key, self.now, SETTLE_BUDGET);
        if own_unit {
            // As with a key that is due: what follows is the command's own.
            self.start = self.ks.effects.end_unit();
        }
    }
}
