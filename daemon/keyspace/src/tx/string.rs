//! Writing strings.

use std::sync::Arc;

use esker_format::record::{Effect, SetExpiry};

use super::{Expiry, Tx, WrongType};
use crate::db::{Leaving, Stored};
use crate::entry::{Entry, INLINE_MAX, StrInput, StrRef};
use crate::keyspace::Keyspace;
use crate::text::{IntText, str_len};
use crate::touched::Event;

/// Why an increment was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncrError {
    WrongType,
    NotAnInteger,
    Overflow,
}

impl Tx<'_> {
    /// Stores a string, whatever kind of value was there. Text of a canonical integer is stored as the integer.
    #[inline]
    pub fn set(&mut self, key: &[u8], value: StrInput<'_>, expiry: Expiry) {
        self.set_as(key, value, expiry, Event::Set);
    }

    /// As [`Tx::set`], told to listeners as `event`: for commands that compute the value.
    #[inline]
    pub fn set_as(&mut self, key: &[u8], value: StrInput<'_>, expiry: Expiry, event: Event) {
        let hash = self.hash_of(key);
        self.settle(hash, key);
        let value = match value {
            StrInput::Bytes(bytes) => StrInput::parse(bytes),
            other => other,
        };
        self.record_set(key, &value, expiry);
        self.store(hash, key, value, expiry, false);
        self.changed_key(hash, key, event);
        if matches!(expiry, Expiry::At(_)) && event != Event::Restore {
            self.ks.touched.push(self.db, key, Event::Expire);
        }
    }

    /// Stores computed bytes as they are: they stay bytes, also when they look like an integer.
    pub fn set_bytes_as(
        &mut self,
        key: &[u8],
        value: Vec<u8>,
        expiry: Expiry,
        raw: bool,
        event: Event,
    ) {
        let hash = self.hash_of(key);
        self.settle(hash, key);
        let value = match value.len() > INLINE_MAX {
            true => StrInput::Blob(Arc::new(value)),
            false => StrInput::Bytes(&value),
        };
        self.record_set(key, &value, expiry);
        self.store(hash, key, value, expiry, raw);
        self.changed_key(hash, key, event);
    }

    /// Keeps a string as raw bytes from now on, as Redis does when a command that edits strings has been at it. The
    /// value is the same, so nothing is recorded.
    pub fn make_raw(&mut self, key: &[u8]) {
        let hash = self.hash_of(key);
        let compact = self.writable(hash, key).filter(|entry| !entry.is_raw());
        let bytes = match compact.and_then(Entry::str) {
            None | Some(StrRef::Blob(_)) => return,
            Some(StrRef::Bytes(bytes)) => bytes.to_vec(),
            Some(StrRef::Int(int)) => IntText::new(int).bytes().to_vec(),
        };
        self.store(hash, key, StrInput::Bytes(&bytes), Expiry::Keep, true);
    }

    #[inline]
    fn record_set(&mut self, key: &[u8], value: &StrInput<'_>, expiry: Expiry) {
        let expiry = match expiry {
            Expiry::Clear => SetExpiry::Clear,
            Expiry::Keep => SetExpiry::Keep,
            Expiry::At(at) => SetExpiry::At(at),
        };
        match value {
            StrInput::Int(int) => {
                let text = IntText::new(*int);
                self.record(&Effect::Set {
                    key,
                    value: text.bytes(),
                    expiry,
                });
            }
            StrInput::Bytes(value) => self.record(&Effect::Set { key, value, expiry }),
            StrInput::Blob(value) => self.record(&Effect::Set { key, value, expiry }),
        }
    }

    /// Puts a string in the table: over the old one in its own allocation where that is possible.
    #[inline]
    pub(super) fn store(
        &mut self,
        hash: u64,
        key: &[u8],
        value: StrInput<'_>,
        expiry: Expiry,
        raw: bool,
    ) {
        let Keyspace {
            dbs,
            snap,
            garbage,
            access,
            random,
            ..
        } = &mut *self.ks;
        let (now, policy, touch) = (self.now, *access, self.touch);
        let access = |old: Option<u32>| match old {
            None if self.replay => 0,
            None => policy.initial(now),
            Some(bits) if touch => policy.touched(bits, now, || random.next_u64()),
            Some(bits) => bits,
        };
        let stored = Stored {
            key,
            value,
            expiry,
            raw,
        };
        dbs[self.db as usize].put_string(hash, stored, access, &mut Leaving { snap, garbage });
    }

    /// Appends to a string; an absent one counts as empty. Returns the new length.
    pub fn append(&mut self, key: &[u8], more: &[u8]) -> Result<usize, WrongType> {
        let hash = self.hash_of(key);
        let Some(old) = self.writable(hash, key) else {
            self.record(&Effect::Append { key, value: more });
            self.store(hash, key, StrInput::parse(more), Expiry::Clear, false);
            self.changed_key(hash, key, Event::Append);
            return Ok(more.len());
        };
        let length = str_len(old.str().ok_or(WrongType)?);
        self.record(&Effect::Append { key, value: more });
        self.rewrite(hash, key, length, more);
        self.changed_key(hash, key, Event::Append);
        Ok(length + more.len())
    }

    /// Overwrites bytes at an offset, after filling up with zeros; returns the new length. `bytes` is not empty:
    /// writing nothing changes nothing and is the caller's case.
    pub fn set_range(
        &mut self,
        key: &[u8],
        offset: usize,
        bytes: &[u8],
    ) -> Result<usize, WrongType> {
        self.set_range_as(key, offset, bytes, Event::SetRange)
    }

    /// As [`Tx::set_range`], told to listeners as `event`. Bit commands write their changed bytes through it.
    pub fn set_range_as(
        &mut self,
        key: &[u8],
        offset: usize,
        bytes: &[u8],
        event: Event,
    ) -> Result<usize, WrongType> {
        assert!(!bytes.is_empty(), "a range to set has bytes");
        let hash = self.hash_of(key);
        let old = match self.writable(hash, key) {
            Some(entry) => Some(str_len(entry.str().ok_or(WrongType)?)),
            None => None,
        };
        self.record(&Effect::SetRange {
            key,
            offset: offset as u64,
            value: bytes,
        });
        if old.is_none() {
            self.store(hash, key, StrInput::Bytes(&[]), Expiry::Clear, true);
        }
        self.rewrite(hash, key, offset, bytes);
        self.changed_key(hash, key, event);
        Ok(old.unwrap_or(0).max(offset + bytes.len()))
    }

    /// Adds to an integer; an absent one counts as 0.
    pub fn incr_by(&mut self, key: &[u8], by: i64) -> Result<i64, IncrError> {
        let hash = self.hash_of(key);
        let old = match self.writable(hash, key) {
            None => 0,
            Some(entry) => match entry.str().ok_or(IncrError::WrongType)? {
                StrRef::Int(int) => int,
                StrRef::Bytes(bytes) => match StrInput::parse(bytes) {
                    StrInput::Int(int) => int,
                    _ => return Err(IncrError::NotAnInteger),
                },
                StrRef::Blob(_) => return Err(IncrError::NotAnInteger),
            },
        };
        let new = old.checked_add(by).ok_or(IncrError::Overflow)?;
        self.record(&Effect::IncrBy { key, by });
        self.store(hash, key, StrInput::Int(new), Expiry::Keep, false);
        self.changed_key(hash, key, Event::IncrBy);
        Ok(new)
    }

    /// Writes `bytes` at `offset` of the existing string, in place where it is a blob that nobody else holds.
    pub(super) fn rewrite(&mut self, hash: u64, key: &[u8], offset: usize, bytes: &[u8]) {
        let Keyspace {
            dbs, snap, scratch, ..
        } = &mut *self.ks;
        let db = &mut dbs[self.db as usize];
        let site = db.site(hash);
        let mut slot = db
            .table
            .find_mut(hash, key)
            .expect("the string was found before");
        let mut value = std::mem::take(scratch);
        value.clear();
        match slot.get().str().expect("the entry is a string") {
            StrRef::Int(int) => value.extend_from_slice(IntText::new(int).bytes()),
            StrRef::Bytes(old) => value.extend_from_slice(old),
            StrRef::Blob(_) => {
                *scratch = value;
                let entry = slot.get_mut();
                snap.before_change(site, entry);
                let blob = entry.blob_mut().expect("the entry is a blob");
                write_at(Arc::make_mut(blob), offset, bytes);
                return;
            }
        }
        drop(slot);
        write_at(&mut value, offset, bytes);
        if value.len() > INLINE_MAX {
            self.store(
                hash,
                key,
                StrInput::Blob(Arc::new(value)),
                Expiry::Keep,
                true,
            );
        } else {
            self.store(hash, key, StrInput::Bytes(&value), Expiry::Keep, true);
            self.ks.scratch = value;
        }
    }
}

fn write_at(value: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if offset == value.len() {
        value.extend_from_slice(bytes);
        return;
    }
    if value.len() < end {
        value.resize(end, 0);
    }
    value[offset..end].copy_from_slice(bytes);
}
