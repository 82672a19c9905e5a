//! Whole databases: counting, scanning, flushing, swapping.

use esker_format::record::Effect;

use super::Tx;
use crate::entry::Entry;
use crate::keyspace::Keyspace;
use crate::touched::Event;

/// How many expired keys RANDOMKEY meets before it gives up.
const RANDOM_TRIES: usize = 100;

impl Tx<'_> {
    /// Keys in the database, counting those whose time has come but that nobody has deleted yet.
    pub fn db_len(&mut self) -> usize {
        self.depend_on_database();
        self.table_db().len()
    }

    /// One step of a scan: shows about `count` keys and returns the next cursor. 0 starts and ends it.
    /// A key present throughout is shown exactly once, whatever else happens between the steps.
    pub fn scan(&mut self, cursor: u64, count: usize, mut f: impl FnMut(&Entry)) -> u64 {
        self.depend_on_database();
        let db = self.table_db();
        db.table.scan(cursor, count, |entry| {
            if !self.is_due(entry) {
                f(entry);
            }
        })
    }

    /// Shows every key of the database, in no particular order.
    pub fn for_each(&mut self, mut f: impl FnMut(&Entry)) {
        self.depend_on_database();
        let db = self.table_db();
        db.table.for_each(|entry| {
            if !self.is_due(entry) {
                f(entry);
            }
        });
    }

    /// Any key of the database.
    pub fn random_key(&mut self) -> Option<&Entry> {
        self.depend_on_database();
        for _ in 0..RANDOM_TRIES {
            let random = self.random();
            let entry = self.table_db().table.random(random)?;
            if !self.is_due(entry) {
                return self.table_db().table.random(random);
            }
        }
        None
    }

    /// Deletes every key of the database. Returns how many there were.
    pub fn flush_db(&mut self) -> usize {
        self.record(&Effect::FlushDb);
        let removed = self.flush(self.db);
        self.changed += removed as u64;
        self.ks.deps.note_whole();
        removed
    }

    /// Deletes every key of every database. Returns how many there were.
    pub fn flush_all(&mut self) -> usize {
        self.record(&Effect::FlushAll);
        let removed = (0..self.databases())
            .map(|db| self.flush(db))
            .sum::<usize>();
        self.changed += removed as u64;
        self.ks.deps.note_whole();
        removed
    }

    /// Exchanges the contents of two databases.
    pub fn swap_db(&mut self, a: u32, b: u32) {
        if a == b {
            return;
        }
        self.record(&Effect::SwapDb { a, b });
        self.ks.dbs.swap(a as usize, b as usize);
        self.changed += 1;
        self.ks.deps.note_whole();
        self.ks.touched.push(a, b"", Event::Swap);
        self.ks.touched.push(b, b"", Event::Swap);
    }

    fn flush(&mut self, db: u32) -> usize {
        let fresh = self.ks.fresh_db();
        let old = std::mem::replace(&mut self.ks.dbs[db as usize], fresh);
        let removed = old.len();
        let Keyspace { snap, garbage, .. } = &mut *self.ks;
        snap.detach_db(old, garbage);
        self.ks.touched.push(db, b"", Event::Flush);
        removed
    }

    fn depend_on_database(&mut self) {
        self.depends = self.depends.max(self.ks.deps.of_database(self.db));
    }
}
