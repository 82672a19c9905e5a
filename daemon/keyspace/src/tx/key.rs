//! Keys of any kind: deleting, renaming, copying, moving, expiring.

use esker_format::UnixMs;
use esker_format::record::Effect;

use super::Tx;
use crate::db::Leaving;
use crate::entry::Entry;
use crate::keyspace::Keyspace;
use crate::touched::Event;

/// The source of a rename, copy or move does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchKey;

/// What became of a key that was told when to expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpireResult {
    /// There is no such key.
    Absent,
    Set,
    /// The time had come already: the key was deleted.
    Deleted,
}

impl Tx<'_> {
    /// Deletes a key. Returns whether it was there.
    pub fn del(&mut self, key: &[u8]) -> bool {
        let hash = self.hash_of(key);
        if self.writable(hash, key).is_none() {
            return false;
        }
        self.record(&Effect::Del { key });
        self.remove(hash, key);
        self.changed_key(hash, key, Event::Del);
        true
    }

    /// Makes a key expire. A time that is not in the future deletes it.
    pub fn expire_at(&mut self, key: &[u8], at: UnixMs) -> ExpireResult {
        let hash = self.hash_of(key);
        if self.writable(hash, key).is_none() {
            return ExpireResult::Absent;
        }
        if at <= self.now {
            self.record(&Effect::Del { key });
            self.remove(hash, key);
            self.changed_key(hash, key, Event::Del);
            return ExpireResult::Deleted;
        }
        self.record(&Effect::PexpireAt { key, at });
        self.set_expiry(hash, key, Some(at));
        self.changed_key(hash, key, Event::Expire);
        ExpireResult::Set
    }

    /// Makes a key stay. Returns whether it had an expiry.
    pub fn persist(&mut self, key: &[u8]) -> bool {
        let hash = self.hash_of(key);
        if !self.writable(hash, key).is_some_and(Entry::has_expiry) {
            return false;
        }
        self.record(&Effect::Persist { key });
        self.set_expiry(hash, key, None);
        self.changed_key(hash, key, Event::Persist);
        true
    }

    /// Renames a key, over whatever the new name held. The same name twice changes nothing.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), NoSuchKey> {
        let from_hash = self.hash_of(from);
        self.writable(from_hash, from).ok_or(NoSuchKey)?;
        if from == to {
            return Ok(());
        }
        let to_hash = self.hash_of(to);
        self.settle(to_hash, to);
        self.record(&Effect::Rename { from, to });
        let Keyspace {
            dbs, snap, garbage, ..
        } = &mut *self.ks;
        let db = &mut dbs[self.db as usize];
        let entry = db
            .detach(from_hash, from, snap)
            .expect("the key was found before");
        db.put(to_hash, entry.with_key(to), &mut Leaving { snap, garbage });
        self.changed_key(from_hash, from, Event::RenameFrom);
        self.note_key_in(self.db, to_hash, to, Event::RenameTo);
        Ok(())
    }

    /// Copies a key, over whatever the target held. Source and target differ in key or database.
    pub fn copy(&mut self, from: &[u8], to: &[u8], to_db: u32) -> Result<(), NoSuchKey> {
        debug_assert!(
            from != to || to_db != self.db,
            "a key is not copied onto itself"
        );
        let from_hash = self.hash_of(from);
        let copy = self.writable(from_hash, from).ok_or(NoSuchKey)?.duplicate();
        let to_hash = self.hash_of(to);
        self.settle_in(to_db, to_hash, to);
        self.record(&Effect::Copy {
            from,
            to,
            db: to_db,
        });
        let Keyspace {
            dbs, snap, garbage, ..
        } = &mut *self.ks;
        dbs[to_db as usize].put(to_hash, copy.with_key(to), &mut Leaving { snap, garbage });
        self.changed_key_in(to_db, to_hash, to, Event::CopyTo);
        Ok(())
    }

    /// Moves a key to another database, over whatever is there under the same name.
    pub fn move_to(&mut self, key: &[u8], to_db: u32) -> Result<(), NoSuchKey> {
        debug_assert!(to_db != self.db, "a key is moved to another database");
        let hash = self.hash_of(key);
        self.writable(hash, key).ok_or(NoSuchKey)?;
        self.settle_in(to_db, hash, key);
        self.record(&Effect::Move { key, db: to_db });
        let Keyspace {
            dbs, snap, garbage, ..
        } = &mut *self.ks;
        let entry = dbs[self.db as usize]
            .detach(hash, key, snap)
            .expect("the key was found before");
        dbs[to_db as usize].put(hash, entry, &mut Leaving { snap, garbage });
        self.changed_key(hash, key, Event::MoveFrom);
        self.note_key_in(to_db, hash, key, Event::MoveTo);
        Ok(())
    }

    /// Whether a key exists in another database, e.g. as the target of MOVE or COPY.
    pub fn exists_in(&mut self, db: u32, key: &[u8]) -> bool {
        let here = std::mem::replace(&mut self.db, db);
        let hash = self.hash_of(key);
        let exists = self.settled(hash, key).is_some();
        self.db = here;
        exists
    }

    /// Restores a key's idle time or frequency, as RESTORE's options do.
    pub fn set_access(&mut self, key: &[u8], idle_seconds: Option<u32>, frequency: Option<u8>) {
        let bits = self.ks.access.restored(self.now, idle_seconds, frequency);
        let hash = self.hash_of(key);
        if let Some(entry) = self.table_db().table.find(hash, key) {
            entry.set_access(bits);
        }
    }

    /// Sets or clears an expiry as recorded, be it past or not.
    pub(crate) fn replay_expiry(
        &mut self,
        key: &[u8],
        at: Option<UnixMs>,
    ) -> Result<(), NoSuchKey> {
        let hash = self.hash_of(key);
        self.writable(hash, key).ok_or(NoSuchKey)?;
        self.set_expiry(hash, key, at);
        self.changed_key(hash, key, Event::Expire);
        Ok(())
    }

    pub(super) fn remove(&mut self, hash: u64, key: &[u8]) {
        let Keyspace {
            dbs, snap, garbage, ..
        } = &mut *self.ks;
        dbs[self.db as usize].remove(hash, key, &mut Leaving { snap, garbage });
    }

    fn set_expiry(&mut self, hash: u64, key: &[u8], at: Option<UnixMs>) {
        let Keyspace { dbs, snap, .. } = &mut *self.ks;
        dbs[self.db as usize].set_expiry(hash, key, at, snap);
    }

    fn settle_in(&mut self, db: u32, hash: u64, key: &[u8]) {
        let here = std::mem::replace(&mut self.db, db);
        self.settle(hash, key);
        self.db = here;
    }
}
