//! A transaction: the only door through which commands read and change keys.
//!
//! Every change made here records its effect, notes the dependency LSN, tells listeners, counts, keeps expiry and
//! a running walk in step. A handler cannot forget any of it because it has no other way to an entry.
//!
//! One transaction is one unit of the log, all or nothing: a command, or everything between MULTI and EXEC. There
//! is no rollback: handlers check first and change afterwards.
//!
//! An expired key is absent at once. Where the transaction may delete it, its `DEL` is recorded at that moment, as
//! a unit of its own if it comes before the transaction's other effects.

mod collection;
mod hash;
mod key;
mod list;
mod look;
mod patch;
mod set;
mod stream;
mod string;
mod whole;
mod zset;

use esker_format::record::Effect;
use esker_format::{Lsn, UnixMs};

pub use self::hash::{FieldCondition, FieldExpire, FieldPersist};
pub use self::key::{ExpireResult, NoSuchKey};
pub use self::list::{ListSetError, index_in, range_in};
pub use self::stream::{NewStreamId, StreamAddError, StreamClaim};
pub use self::string::IncrError;
pub use self::zset::{ZaddRule, Zadded};

use crate::db::Db;
use crate::entry::{Entry, StrRef};
use crate::hash::hash_key;
use crate::keyspace::Keyspace;
use crate::touched::Event;

/// The key holds another kind of value than the command works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

/// What a write does about the key's expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    Clear,
    Keep,
    At(UnixMs),
}

impl Expiry {
    /// The expiry afterwards, of a key that had `before`.
    #[inline]
    pub(crate) fn after(self, before: Option<UnixMs>) -> Option<UnixMs> {
        match self {
            Expiry::Clear => None,
            Expiry::Keep => before,
            Expiry::At(at) => Some(at),
        }
    }
}

/// What a finished transaction means for its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Changes, as `save` rules count them.
    pub changed: u64,
    /// Whether this unit has effects: `end_lsn` is then its end. Deletions of expired keys before the first effect
    /// are units of their own and do not count.
    pub recorded: bool,
    /// The end of the log once this transaction is in it.
    pub end_lsn: Lsn,
    /// The last change that the reply may reveal, by whomever.
    pub depends_lsn: Lsn,
}

pub struct Tx<'a> {
    ks: &'a mut Keyspace,
    db: u32,
    now: UnixMs,
    depends: u64,
    changed: u64,
    start: Lsn,
    hint: Option<(&'a [u8], u64)>,
    may_expire: bool,
    touch: bool,
    count: bool,
    replay: bool,
    finished: bool,
}

impl<'a> Tx<'a> {
    #[inline]
    pub(crate) fn new(ks: &'a mut Keyspace, db: u32, now: UnixMs) -> Tx<'a> {
        debug_assert!((db as usize) < ks.dbs.len());
        let start = ks.effects.end_lsn();
        Tx {
            ks,
            db,
            now,
            depends: 0,
            changed: 0,
            start,
            hint: None,
            may_expire: true,
            touch: true,
            count: true,
            replay: false,
            finished: false,
        }
    }

    /// A transaction that does what a recorded effect says: no time, nothing recorded, nothing counted.
    #[inline]
    pub(crate) fn replay(ks: &'a mut Keyspace, db: u32) -> Tx<'a> {
        let mut tx = Tx::new(ks, db, UnixMs(i64::MIN));
        (tx.may_expire, tx.touch, tx.count, tx.replay) = (false, false, false, true);
        tx
    }

    /// Expired keys are absent but not deleted: for sessions that may not write and while clients are paused.
    pub fn forbid_expiry(&mut self) {
        self.may_expire = false;
    }

    /// Reads leave the access bits alone (`CLIENT NO-TOUCH`).
    pub fn no_touch(&mut self) {
        self.touch = false;
    }

    /// Tells the hash of a key that the caller computed while it parsed. `key` must be the very slice that the
    /// command will pass.
    #[inline]
    pub fn hint(&mut self, key: &'a [u8], hash: u64) {
        self.hint = Some((key, hash));
    }

    pub fn now(&self) -> UnixMs {
        self.now
    }

    pub fn db(&self) -> u32 {
        self.db
    }

    pub fn databases(&self) -> u32 {
        self.ks.databases()
    }

    /// Goes on in another database, as SELECT inside a transaction does.
    pub fn select(&mut self, db: u32) {
        assert!(
            db < self.databases(),
            "the caller checks the database number"
        );
        self.db = db;
    }

    /// Changes so far: the difference before and after one command of a transaction is that command's count.
    pub fn changed(&self) -> u64 {
        self.changed
    }

    /// Sets the count of a command that began at `before`, where it differs from the number of keys changed.
    pub fn recount(&mut self, before: u64, changes: u64) {
        self.changed = before + changes;
    }

    /// Bytes of effects that may still be recorded in this unit. Commands that write much check it first.
    pub fn room(&self) -> usize {
        self.ks
            .unit_bytes_max
            .saturating_sub(if self.ks.effects.in_unit() {
                self.ks.effects.unit_bytes()
            } else {
                0
            })
    }

    /// The keyspace, to look at: counters, policies.
    pub fn keyspace(&self) -> &Keyspace {
        self.ks
    }

    pub fn random(&mut self) -> u64 {
        self.ks.random.next_u64()
    }

    /// The value under `key`, of any kind.
    #[inline]
    pub fn read(&mut self, key: &[u8]) -> Option<&Entry> {
        let hash = self.hash_of(key);
        self.read_hashed(hash, key)
    }

    /// The string under `key`.
    #[inline]
    pub fn string(&mut self, key: &[u8]) -> Result<Option<StrRef<'_>>, WrongType> {
        match self.read(key) {
            None => Ok(None),
            Some(entry) => entry.str().map(Some).ok_or(WrongType),
        }
    }

    /// The value under `key` without touching, counting or deleting anything; by shared reference, so that a
    /// command can hold several.
    pub fn peek(&self, key: &[u8]) -> Option<&Entry> {
        let entry = self.table_db().table.find(self.hash_of(key), key)?;
        (!self.is_due(entry)).then_some(entry)
    }

    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.read(key).is_some()
    }

    /// Ends the unit.
    #[inline]
    pub fn finish(mut self) -> Outcome {
        self.finished = true;
        let ks = &mut *self.ks;
        let end_lsn = ks.effects.end_unit();
        ks.deps.settle(end_lsn);
        ks.stats.changes += self.changed;
        Outcome {
            changed: self.changed,
            recorded: end_lsn > self.start,
            end_lsn,
            depends_lsn: Lsn(self.depends),
        }
    }

    #[inline]
    fn hash_of(&self, key: &[u8]) -> u64 {
        match self.hint {
            Some((hinted, hash)) if std::ptr::eq(hinted, key) => hash,
            _ => hash_key(self.ks.hash_seed, key),
        }
    }

    #[inline]
    fn table_db(&self) -> &Db {
        &self.ks.dbs[self.db as usize]
    }

    #[inline]
    fn is_due(&self, entry: &Entry) -> bool {
        entry.expire_at().is_some_and(|at| at < self.now)
    }

    #[inline]
    fn read_hashed(&mut self, hash: u64, key: &[u8]) -> Option<&Entry> {
        self.depends = self.depends.max(self.ks.deps.of_key(hash));
        self.settle(hash, key);
        let Keyspace {
            dbs,
            random,
            stats,
            access,
            ..
        } = &mut *self.ks;
        let found = dbs[self.db as usize].table.find(hash, key);
        // What is due and still there may not be deleted by this transaction.
        let found = found.filter(|entry| entry.expire_at().is_none_or(|at| at >= self.now));
        if self.count {
            let counter = if found.is_some() {
                &mut stats.hits
            } else {
                &mut stats.misses
            };
            *counter += 1;
        }
        let entry = found?;
        if self.touch {
            entry.set_access(access.touched(entry.access(), self.now, || random.next_u64()));
        }
        Some(entry)
    }

    /// The entry under `key` for an operation that is going to change it: settles its expiry and touches it, but
    /// counts neither a hit nor a miss.
    #[inline]
    fn writable(&mut self, hash: u64, key: &[u8]) -> Option<&Entry> {
        self.depends = self.depends.max(self.ks.deps.of_key(hash));
        self.settle(hash, key);
        let Keyspace {
            dbs,
            random,
            access,
            ..
        } = &mut *self.ks;
        let found = dbs[self.db as usize].table.find(hash, key);
        let entry = found.filter(|entry| entry.expire_at().is_none_or(|at| at >= self.now))?;
        if self.touch {
            entry.set_access(access.touched(entry.access(), self.now, || random.next_u64()));
        }
        Some(entry)
    }

    /// The entry under `key` once its expiry is settled, neither touched nor counted.
    #[inline]
    fn settled(&mut self, hash: u64, key: &[u8]) -> Option<&Entry> {
        self.depends = self.depends.max(self.ks.deps.of_key(hash));
        self.settle(hash, key);
        let found = self.table_db().table.find(hash, key);
        found.filter(|entry| !self.is_due(entry))
    }

    /// Deletes the key if its time has come and this transaction may do so.
    #[inline]
    fn settle(&mut self, hash: u64, key: &[u8]) {
        let db = self.table_db();
        if db.volatile() > 0
            && self.may_expire
            && db
                .table
                .find(hash, key)
                .is_some_and(|entry| self.is_due(entry))
        {
            self.expire(hash, key);
        }
    }

    /// Deletes an entry whose time has come, with the effect that says so. Not a change of the command's own.
    #[cold]
    fn expire(&mut self, hash: u64, key: &[u8]) {
        let own_unit = !self.ks.effects.in_unit();
        self.ks.delete_expired(self.db, hash, key);
        if own_unit {
            // What follows is the command's own; a read that only met an expired key has recorded nothing.
            self.start = self.ks.effects.end_unit();
        }
    }

    /// Everything that a change of one key owes, apart from the change itself.
    #[inline]
    fn changed_key(&mut self, hash: u64, key: &[u8], event: Event) {
        self.changed_key_in(self.db, hash, key, event);
    }

    #[inline]
    fn changed_key_in(&mut self, db: u32, hash: u64, key: &[u8], event: Event) {
        self.changed += 1;
        self.note_key_in(db, hash, key, event);
    }

    /// As [`Tx::changed_key_in`] for a second key or event of one change.
    #[inline]
    fn note_key_in(&mut self, db: u32, hash: u64, key: &[u8], event: Event) {
        self.ks.deps.note(db, hash);
        self.ks.touched.push(db, key, event);
    }

    #[inline]
    fn record(&mut self, effect: &Effect<'_>) {
        if !self.replay {
            // What builds upon a due key that is still there would not replay: the key's DEL comes first.
            assert!(
                self.may_expire,
                "a transaction that may not expire keys does not write"
            );
            self.ks.effects.record(self.db, effect);
        }
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        // Effects of an unfinished unit would be logged with the next one.
        assert!(
            self.finished || self.changed == 0 || std::thread::panicking(),
            "a transaction with changes was dropped unfinished"
        );
        if !self.finished {
            let end = self.ks.effects.end_unit();
            self.ks.deps.settle(end);
        }
    }
}
