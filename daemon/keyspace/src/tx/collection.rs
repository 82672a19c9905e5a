//! Collections of every type: how a transaction reads one, changes one, and replaces a key with one.
//!
//! What a change of a collection owes (expiry, the image for a running walk, the rule that no key holds an empty
//! collection, counts) is done here. The families add what they alone know: the effect and the event.

use esker_format::UnixMs;
use esker_format::record::{Effect, Verb, Words};

use super::{Tx, WrongType};
use crate::db::Leaving;
use crate::dump;
use crate::entry::Entry;
use crate::keyspace::Keyspace;
use crate::limits::Limits;
use crate::random::Random;
use crate::touched::Event;
use crate::value::{Collection, Guard, Value};
use crate::walk::Elements;

/// Whether an absent key is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Create {
    Yes,
    No,
}

/// What a change may need besides the collection.
pub(crate) struct Cx<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) now: UnixMs,
    pub(crate) random: &'a mut Random,
    /// What is owed to a walk about each element of a large value.
    pub(crate) elements: Elements<'a>,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changed<R> {
    pub(crate) result: R,
    /// The key is new.
    pub(crate) created: bool,
    /// The collection became empty, and the key is gone.
    pub(crate) removed: bool,
}

impl Tx<'_> {
    pub fn limits(&self) -> &Limits {
        &self.ks.limits
    }

    /// The collection under `key`, to read.
    #[inline]
    pub fn view<C: Collection>(&mut self, key: &[u8]) -> Result<Option<Guard<'_, C>>, WrongType> {
        match self.read(key) {
            None => Ok(None),
            Some(entry) => entry.get::<C>().map(Some).ok_or(WrongType),
        }
    }

    /// As [`Tx::view`] by shared reference, so that a command can hold several: neither touched nor counted. What is
    /// to expire must have been settled by a read before.
    #[inline]
    pub fn peek_view<C: Collection>(&self, key: &[u8]) -> Result<Option<Guard<'_, C>>, WrongType> {
        match self.peek(key) {
            None => Ok(None),
            Some(entry) => entry.get::<C>().map(Some).ok_or(WrongType),
        }
    }

    /// Changes the collection under `key`, or a new one. `None` if there is none and none is to be created. `f` may
    /// well change nothing; what it did to the value, the caller records and tells.
    #[inline]
    pub(crate) fn change<C: Collection, R>(
        &mut self,
        hash: u64,
        key: &[u8],
        create: Create,
        f: impl FnOnce(&mut C, &mut Cx<'_>) -> R,
    ) -> Result<Option<Changed<R>>, WrongType> {
        self.depends = self.depends.max(self.ks.deps.of_key(hash));
        self.settle(hash, key);
        let (now, touch) = (self.now, self.touch);
        let Keyspace {
            dbs,
            snap,
            garbage,
            random,
            limits,
            access,
            ..
        } = &mut *self.ks;
        let db = &mut dbs[self.db as usize];
        let site = db.site(hash);
        let Some(mut slot) = db.table.find_mut(hash, key) else {
            return Ok((create == Create::Yes).then(|| self.create(hash, key, f)));
        };
        let entry = slot.get_mut();
        // What is due and still there may not be deleted by this transaction, so it may not write either.
        if entry.expire_at().is_some_and(|at| at < now) {
            assert!(
                create == Create::No,
                "a transaction that may not expire keys does not write"
            );
            return Ok(None);
        }
        if entry.kind() != C::KIND {
            return Err(WrongType);
        }
        if touch {
            entry.set_access(access.touched(entry.access(), now, || random.next_u64()));
        }
        snap.before_change(site, entry);
        let mut value = entry.get_mut::<C>().expect("of this kind, checked above");
        let mut cx = Cx {
            limits,
            now,
            random,
            elements: Elements::of(value.large(), snap),
        };
        let result = f(&mut value, &mut cx);
        let removed = value.is_empty();
        drop(value);
        drop(slot);
        if removed {
            db.remove(hash, key, &mut Leaving { snap, garbage });
        }
        Ok(Some(Changed {
            result,
            created: false,
            removed,
        }))
    }

    /// Makes a collection of an absent key, unless `f` leaves it empty.
    fn create<C: Collection, R>(
        &mut self,
        hash: u64,
        key: &[u8],
        f: impl FnOnce(&mut C, &mut Cx<'_>) -> R,
    ) -> Changed<R> {
        let (now, replay) = (self.now, self.replay);
        let Keyspace {
            dbs,
            snap,
            random,
            limits,
            access,
            ..
        } = &mut *self.ks;
        let mut cx = Cx {
            limits,
            now,
            random,
            elements: Elements::unwatched(),
        };
        let mut value = C::empty(limits);
        let result = f(&mut value, &mut cx);
        let created = !value.is_empty();
        if created {
            let entry = Entry::collection(key, value.into_value(), None);
            entry.set_access(if replay { 0 } else { access.initial(now) });
            dbs[self.db as usize].insert_new(hash, entry, snap);
        }
        Changed {
            result,
            created,
            removed: false,
        }
    }

    /// Records a change of a collection.
    #[inline]
    pub(crate) fn record_verb(&mut self, verb: Verb, key: &[u8], words: &[&[u8]]) {
        let words = Words::new(words);
        self.record(&Effect::Collection { verb, key, words });
    }

    /// Replaces whatever is under `key` by a collection; an empty one deletes the key. Returns whether anything
    /// changed: deleting what is not there does not.
    pub fn store_value(
        &mut self,
        key: &[u8],
        value: Value,
        expire_at: Option<UnixMs>,
        event: Event,
    ) -> bool {
        if value.is_empty() && value.kind() != crate::entry::Kind::Stream {
            return self.del(key);
        }
        let hash = self.hash_of(key);
        self.settle(hash, key);
        let (now, replay) = (self.now, self.replay);
        let entry = Entry::collection(key, value, expire_at);
        entry.set_access(if replay {
            0
        } else {
            self.ks.access.initial(now)
        });
        if !replay {
            let payload = dump::payload(&entry);
            self.record(&Effect::Restore {
                key,
                expire_at,
                payload: &payload,
            });
        }
        let Keyspace {
            dbs, snap, garbage, ..
        } = &mut *self.ks;
        dbs[self.db as usize].put(hash, entry, &mut Leaving { snap, garbage });
        self.changed_key(hash, key, event);
        true
    }
}
