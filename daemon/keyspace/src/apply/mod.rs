//! Executing recorded effects: recovery, offline tools, replicas.
//!
//! An effect does the same whatever the time: nothing expires here, and nothing is recorded. It fails only where
//! it contradicts the state, which means that state and log do not belong together.
//!
//! For replay at speed the caller looks ahead: it hashes the keys of the next effects and asks for their buckets,
//! then for their entries, while it applies the ones before.

mod hash;
mod list;
mod set;
mod stream;
mod zset;

use std::fmt;

use esker_format::record::{Effect, SetExpiry, Verb, Words};

use crate::dump;
use crate::entry::StrInput;
use crate::keyspace::Keyspace;
use crate::tx::{Expiry, IncrError, NoSuchKey, Tx, WrongType};

/// Why an effect does not fit the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyError {
    /// The database does not exist in this configuration.
    NoSuchDatabase(u32),
    NoSuchKey,
    WrongType,
    /// The value is not an integer, or the sum is out of range.
    Increment,
    /// An offset beyond what a string can hold, or nothing to write.
    Range,
    /// Words that are not what the verb takes, or an element that is not there.
    Words,
    /// A DUMP payload that does not decode to a value this version knows.
    Payload,
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApplyError::NoSuchDatabase(db) => write!(f, "database {db} does not exist"),
            ApplyError::NoSuchKey => f.write_str("the key does not exist"),
            ApplyError::WrongType => f.write_str("the key holds another kind of value"),
            ApplyError::Increment => f.write_str("the value cannot be incremented"),
            ApplyError::Range => f.write_str("the range is not valid"),
            ApplyError::Words => f.write_str("the words do not fit the verb or the value"),
            ApplyError::Payload => f.write_str("the dump payload is not valid"),
        }
    }
}

impl std::error::Error for ApplyError {}

/// Longest string that a range may make: what a bulk string's length can say.
const STRING_BYTES_MAX: u64 = u32::MAX as u64;

impl Keyspace {
    /// Executes an effect on a database. On an error nothing has changed.
    pub fn apply(&mut self, db: u32, effect: &Effect<'_>) -> Result<(), ApplyError> {
        let hash = effect.key().map_or(0, |key| self.hash(key));
        self.apply_hashed(db, effect, hash)
    }

    /// Looks ahead, first stage: the hash of the effect's key, its bucket asked for.
    #[inline]
    pub fn prefetch_effect(&self, db: u32, effect: &Effect<'_>) -> u64 {
        let Some(key) = effect.key() else { return 0 };
        let hash = self.hash(key);
        if let Some(db) = self.dbs.get(db as usize) {
            db.table.prefetch_bucket(hash);
        }
        hash
    }

    /// Looks ahead, second stage: the entry asked for.
    #[inline]
    pub fn prefetch_effect_item(&self, db: u32, hash: u64) {
        if let Some(db) = self.dbs.get(db as usize) {
            db.table.prefetch_item(hash);
        }
    }

    /// Executes an effect whose key has the hash that [`Keyspace::prefetch_effect`] told.
    pub fn apply_hashed(
        &mut self,
        db: u32,
        effect: &Effect<'_>,
        hash: u64,
    ) -> Result<(), ApplyError> {
        self.check_databases(db, effect)?;
        let mut tx = Tx::replay(self, db);
        if let Some(key) = effect.key() {
            tx.hint(key, hash);
        }
        let result = execute(&mut tx, effect);
        tx.finish();
        result
    }

    fn check_databases(&self, db: u32, effect: &Effect<'_>) -> Result<(), ApplyError> {
        let (a, b) = match *effect {
            Effect::Move { db, .. } | Effect::Copy { db, .. } => (db, db),
            Effect::SwapDb { a, b } => (a, b),
            _ => (db, db),
        };
        let largest = db.max(a).max(b);
        if largest < self.databases() {
            Ok(())
        } else {
            Err(ApplyError::NoSuchDatabase(largest))
        }
    }
}

#[inline]
fn execute(tx: &mut Tx<'_>, effect: &Effect<'_>) -> Result<(), ApplyError> {
    match *effect {
        Effect::Set { key, value, expiry } => {
            tx.set(key, StrInput::Bytes(value), expiry_of(expiry))
        }
        Effect::Del { key } => {
            tx.del(key);
        }
        Effect::Append { key, value } => {
            tx.append(key, value)?;
        }
        Effect::SetRange { key, offset, value } => {
            if value.is_empty() || offset.saturating_add(value.len() as u64) > STRING_BYTES_MAX {
                return Err(ApplyError::Range);
            }
            tx.set_range(key, offset as usize, value)?;
        }
        Effect::IncrBy { key, by } => {
            tx.incr_by(key, by)?;
        }
        Effect::Restore {
            key,
            expire_at,
            payload,
        } => {
            let value = dump::parse(payload, tx.limits()).map_err(|_| ApplyError::Payload)?;
            tx.restore(key, value, expire_at);
        }
        Effect::Collection { verb, key, words } => execute_verb(tx, verb, key, words)?,
        _ => execute_on_keys(tx, effect)?,
    }
    Ok(())
}

fn execute_verb(
    tx: &mut Tx<'_>,
    verb: Verb,
    key: &[u8],
    words: Words<'_>,
) -> Result<(), ApplyError> {
    match verb {
        Verb::RPush
        | Verb::LPush
        | Verb::RPop
        | Verb::LPop
        | Verb::LSet
        | Verb::LInsert
        | Verb::LRem
        | Verb::LTrim => list::execute(tx, verb, key, words),
        Verb::SAdd | Verb::SRem => set::execute(tx, verb, key, words),
        Verb::HSet | Verb::HDel | Verb::HPexpireAt | Verb::HPersist => {
            hash::execute(tx, verb, key, words)
        }
        Verb::ZAdd | Verb::ZRem | Verb::ZRemRangeByRank => zset::execute(tx, verb, key, words),
        Verb::XAdd
        | Verb::XDel
        | Verb::XTrim
        | Verb::XSetId
        | Verb::XGroupCreate
        | Verb::XGroupSetId
        | Verb::XGroupDestroy
        | Verb::XGroupCreateConsumer
        | Verb::XGroupDelConsumer
        | Verb::XAck
        | Verb::XClaim => stream::execute(tx, verb, key, words),
    }
}

/// A word that is a decimal integer.
pub(super) fn integer<T: std::str::FromStr>(word: Option<&[u8]>) -> Result<T, ApplyError> {
    let text = word.and_then(|word| std::str::from_utf8(word).ok());
    text.and_then(|text| text.parse().ok())
        .ok_or(ApplyError::Words)
}

fn execute_on_keys(tx: &mut Tx<'_>, effect: &Effect<'_>) -> Result<(), ApplyError> {
    match *effect {
        Effect::PexpireAt { key, at } => tx.replay_expiry(key, Some(at))?,
        Effect::Persist { key } => tx.replay_expiry(key, None)?,
        Effect::Rename { from, to } => tx.rename(from, to)?,
        Effect::Move { key, db } => {
            if db != tx.db() {
                tx.move_to(key, db)?;
            }
        }
        Effect::Copy { from, to, db } => {
            if from != to || db != tx.db() {
                tx.copy(from, to, db)?;
            }
        }
        Effect::SwapDb { a, b } => tx.swap_db(a, b),
        Effect::FlushDb => {
            tx.flush_db();
        }
        Effect::FlushAll => {
            tx.flush_all();
        }
        _ => unreachable!("the effects on strings are executed before"),
    }
    Ok(())
}

fn expiry_of(expiry: SetExpiry) -> Expiry {
    match expiry {
        SetExpiry::Clear => Expiry::Clear,
        SetExpiry::Keep => Expiry::Keep,
        SetExpiry::At(at) => Expiry::At(at),
    }
}

impl From<NoSuchKey> for ApplyError {
    fn from(_: NoSuchKey) -> ApplyError {
        ApplyError::NoSuchKey
    }
}

impl From<WrongType> for ApplyError {
    fn from(_: WrongType) -> ApplyError {
        ApplyError::WrongType
    }
}

impl From<IncrError> for ApplyError {
    fn from(error: IncrError) -> ApplyError {
        match error {
            IncrError::WrongType => ApplyError::WrongType,
            IncrError::NotAnInteger | IncrError::Overflow => ApplyError::Increment,
        }
    }
}
