//! One database: its table and the counts that must agree with it.
//!
//! Invariant: `volatile` is the number of entries with an expiry and `expiry_sum` the sum of these expiries. Both
//! change only here, in the functions that change the table; so do the hints about fields that expire, but for changes
//! of a hash in its place. A database does not know its number: SWAPDB moves it.

use esker_format::UnixMs;

use crate::entry::{Entry, StrInput};
use crate::field_expiry::{FieldExpiries, next_field_expiry};
use crate::hash::hash_key;
use crate::table::Table;
use crate::tx::Expiry;
use crate::walk::{Site, Snap};

pub(crate) struct Db {
    pub(crate) table: Table<Entry>,
    /// Identity across SWAPDB, by which a walk finds its tables again.
    pub(crate) id: u64,
    /// The number this table had at the last cut: its entries of the old epoch belong there.
    pub(crate) cut_db: u32,
    /// Where active expiry goes on.
    pub(crate) expire_pos: u64,
    /// Hashes with fields that expire.
    pub(crate) fields: FieldExpiries,
    volatile: usize,
    expiry_sum: i128,
}

/// A string to store.
pub(crate) struct Stored<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: StrInput<'a>,
    pub(crate) expiry: Expiry,
    /// Not to be reported as an embedded string, whatever its length.
    pub(crate) raw: bool,
}

/// What becomes of entries that leave a table.
pub(crate) struct Leaving<'a> {
    pub(crate) snap: &'a mut Snap,
    pub(crate) garbage: &'a mut Garbage,
}

impl Leaving<'_> {
    pub(crate) fn entry(&mut self, cut_db: u32, entry: Entry) {
        if let Some(entry) = self.snap.donate(cut_db, entry) {
            self.garbage.discard(entry);
        }
    }
}

impl Db {
    pub(crate) fn new(seed: u64, id: u64) -> Db {
        Db {
            table: Table::new(seed),
            id,
            cut_db: u32::MAX,
            expire_pos: 0,
            fields: FieldExpiries::default(),
            volatile: 0,
            expiry_sum: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Where an entry of this table lives whose key has that hash.
    #[inline]
    pub(crate) fn site(&self, hash: u64) -> Site {
        Site {
            cut_db: self.cut_db,
            table: self.id,
            hash,
        }
    }

    pub(crate) fn volatile(&self) -> usize {
        self.volatile
    }

    /// Mean time to live of the entries that have one.
    pub(crate) fn mean_ttl_ms(&self, now: UnixMs) -> i64 {
        if self.volatile == 0 {
            return 0;
        }
        let mean = self.expiry_sum / self.volatile as i128 - i128::from(now.0);
        i64::try_from(mean.max(0)).unwrap_or(i64::MAX)
    }

    #[inline]
    fn account(&mut self, before: Option<UnixMs>, after: Option<UnixMs>) {
        if let Some(at) = before {
            self.volatile -= 1;
            self.expiry_sum -= i128::from(at.0);
        }
        if let Some(at) = after {
            self.volatile += 1;
            self.expiry_sum += i128::from(at.0);
        }
    }

    /// Stores an entry under its key, whatever was there before.
    pub(crate) fn put(&mut self, hash: u64, entry: Entry, leaving: &mut Leaving<'_>) {
        leaving.snap.admit_value(self.site(hash), &entry);
        let after = entry.expire_at();
        let fields_after = next_field_expiry(&entry);
        let Some(mut slot) = self.table.find_mut(hash, entry.key()) else {
            self.table.insert_new(hash, entry);
            self.account(None, after);
            self.fields.change(hash, None, fields_after);
            return;
        };
        let old = slot.replace(entry);
        drop(slot);
        self.account(old.expire_at(), after);
        self.fields
            .change(hash, next_field_expiry(&old), fields_after);
        leaving.entry(self.cut_db, old);
    }

    /// Stores a string under its key: in the allocation of the old one where it fits and no walk needs the old one.
    /// `access` gives the access bits, from the old ones if there was an entry.
    #[inline]
    pub(crate) fn put_string(
        &mut self,
        hash: u64,
        stored: Stored<'_>,
        access: impl FnOnce(Option<u32>) -> u32,
        leaving: &mut Leaving<'_>,
    ) {
        let Stored {
            key,
            mut value,
            expiry,
            raw,
        } = stored;
        let Some(mut slot) = self.table.find_mut(hash, key) else {
            let at = expiry.after(None);
            let entry = Entry::string(key, value, at);
            entry.set_access(access(None));
            entry.set_raw(raw);
            leaving.snap.admit(&entry);
            self.table.insert_new(hash, entry);
            self.account(None, at);
            return;
        };
        let old = slot.get();
        let (before, bits) = (old.expire_at(), access(Some(old.access())));
        let after = expiry.after(before);
        if !leaving.snap.is_old(old) {
            let entry = slot.get_mut();
            match entry.try_overwrite_in_place(value, after) {
                Ok(()) => {
                    entry.set_access(bits);
                    if raw {
                        entry.set_raw(true);
                    }
                    drop(slot);
                    self.account(before, after);
                    return;
                }
                Err(given_back) => value = given_back,
            }
        }
        let entry = Entry::string(key, value, after);
        entry.set_access(bits);
        entry.set_raw(raw);
        leaving.snap.admit(&entry);
        let replaced = slot.replace(entry);
        drop(slot);
        self.account(before, after);
        self.fields.change(hash, next_field_expiry(&replaced), None);
        leaving.entry(self.cut_db, replaced);
    }

    /// Takes an entry out for good.
    pub(crate) fn remove(&mut self, hash: u64, key: &[u8], leaving: &mut Leaving<'_>) -> bool {
        let Some(slot) = self.table.find_mut(hash, key) else {
            return false;
        };
        let entry = slot.remove();
        self.account(entry.expire_at(), None);
        self.fields.change(hash, next_field_expiry(&entry), None);
        leaving.entry(self.cut_db, entry);
        true
    }

    /// Takes an entry out of a table that is given up.
    pub(crate) fn take(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let entry = self.table.find_mut(hash, key)?.remove();
        self.account(entry.expire_at(), None);
        self.fields.change(hash, next_field_expiry(&entry), None);
        Some(entry)
    }

    /// Takes an entry out to store it elsewhere; its old image is kept for a walk.
    pub(crate) fn detach(&mut self, hash: u64, key: &[u8], snap: &mut Snap) -> Option<Entry> {
        let mut entry = self.table.find_mut(hash, key)?.remove();
        self.account(entry.expire_at(), None);
        self.fields.change(hash, next_field_expiry(&entry), None);
        snap.before_change(self.site(hash), &mut entry);
        Some(entry)
    }

    /// Gives an existing entry another expiry, or none.
    pub(crate) fn set_expiry(
        &mut self,
        hash: u64,
        key: &[u8],
        at: Option<UnixMs>,
        snap: &mut Snap,
    ) {
        let site = self.site(hash);
        let mut slot = self
            .table
            .find_mut(hash, key)
            .expect("the key was found before");
        let entry = slot.get_mut();
        let before = entry.expire_at();
        snap.before_change(site, entry);
        let in_place = entry.set_expire_at(at);
        if in_place {
            drop(slot);
        } else {
            let entry = slot.remove().with_expiry(at);
            self.table.insert_new(hash, entry);
        }
        self.account(before, at);
    }

    /// Deletes what is due in one segment and hands each entry over; returns where the next segment begins.
    pub(crate) fn expire_segment(
        &mut self,
        pos: u64,
        now: UnixMs,
        mut f: impl FnMut(Entry),
    ) -> Option<u64> {
        let Db {
            table,
            fields,
            volatile,
            expiry_sum,
            ..
        } = self;
        let seed = table.seed();
        table.expire_segment(pos, now, |entry| {
            let at = entry.expire_at().expect("what is due has an expiry");
            *volatile -= 1;
            *expiry_sum -= i128::from(at.0);
            if let Some(at) = next_field_expiry(&entry) {
                fields.change(hash_key(seed, entry.key()), Some(at), None);
            }
            f(entry);
        })
    }

    /// Inserts an entry whose key the caller knows to be absent.
    pub(crate) fn insert_new(&mut self, hash: u64, entry: Entry, snap: &mut Snap) {
        snap.admit_value(self.site(hash), &entry);
        self.account(None, entry.expire_at());
        self.fields.change(hash, None, next_field_expiry(&entry));
        self.table.insert_new(hash, entry);
    }
}

/// Values too big to be freed under the engine lock, and whole tables: another thread drops them.
#[derive(Default)]
pub struct Garbage {
    entries: Vec<Entry>,
    databases: Vec<Db>,
}

/// Freeing less than this is cheaper than handing it over.
const DISCARD_BYTES_MIN: usize = 64 * 1024;

impl Garbage {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.databases.is_empty()
    }

    #[inline]
    pub(crate) fn discard(&mut self, entry: Entry) {
        if entry.heap_bytes() >= DISCARD_BYTES_MIN {
            self.entries.push(entry);
        }
    }

    pub(crate) fn discard_all(&mut self, entries: impl Iterator<Item = Entry>) {
        self.entries.extend(entries);
    }

    pub(crate) fn discard_db(&mut self, db: Db) {
        if db.len() > 0 {
            self.databases.push(db);
        }
    }
}
