//! Building tables from the blocks of a snapshot.
//!
//! Decoding allocates the entries and needs no keyspace, so several threads can do it; inserting is what remains for
//! the one who owns the keyspace. Blocks are trusted to be what their checksum says, not to fit together: a key that
//! comes twice is an error.

use std::fmt;
use std::sync::Arc;

use esker_format::cursor::Fault;
use esker_format::native::entry::{Entries, Value};

use crate::entry::{Entry, INLINE_MAX, StrInput};
use crate::hash::hash_key;
use crate::keyspace::Keyspace;

/// The entries of one block, ready to be inserted. `Send`.
#[derive(Default)]
pub struct DecodedBlock {
    entries: Vec<(u64, Entry)>,
}

/// Why a block cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The bytes do not decode.
    Fault(Fault),
    /// An entry of a kind that this version does not know.
    UnknownKind(u8),
    /// The database does not exist in this configuration.
    NoSuchDatabase(u32),
    /// The key was loaded before, or twice from this block.
    Duplicate(Box<[u8]>),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Fault(fault) => fault.fmt(f),
            LoadError::UnknownKind(kind) => {
                write!(f, "a value of kind {kind} is unknown to this program")
            }
            LoadError::NoSuchDatabase(db) => write!(f, "database {db} does not exist"),
            LoadError::Duplicate(key) => {
                write!(f, "the key '{}' is there twice", key.escape_ascii())
            }
        }
    }
}

impl std::error::Error for LoadError {}

impl DecodedBlock {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries with the hashes of their keys, in the order of the block.
    pub fn entries(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries.iter().map(|(hash, entry)| (*hash, entry))
    }
}

/// Decodes the raw bytes of a block. `expected` is the count that the block's header states.
pub fn decode_block(
    raw: &[u8],
    hash_seed: u64,
    expected: usize,
) -> Result<DecodedBlock, LoadError> {
    // An entry takes at least its header: a wrong count cannot make us allocate more than the block is worth.
    let bound = raw.len() / esker_format::native::entry::HEADER_BYTES;
    let mut entries = Vec::with_capacity(expected.min(bound));
    for item in Entries::new(raw) {
        let item = item.map_err(LoadError::Fault)?;
        let value = match item.value {
            Value::Int(int) => StrInput::Int(int),
            Value::Bytes(bytes) if bytes.len() > INLINE_MAX => {
                StrInput::Blob(Arc::new(bytes.to_vec()))
            }
            Value::Bytes(bytes) => StrInput::Bytes(bytes),
            Value::Collection { kind, .. } | Value::Unknown { kind, .. } => {
                return Err(LoadError::UnknownKind(kind));
            }
        };
        let entry = Entry::string(item.key, value, item.expire_at);
        entry.set_access(item.access);
        entry.set_raw(item.raw);
        entries.push((hash_key(hash_seed, item.key), entry));
    }
    if entries.len() != expected {
        return Err(LoadError::Fault(Fault::Invalid(
            "a block holds another number of entries than it states",
        )));
    }
    Ok(DecodedBlock { entries })
}

impl Keyspace {
    /// Makes room for `keys` keys in an empty database, so that loading them moves nothing.
    pub fn reserve(&mut self, db: u32, keys: usize) {
        if let Some(db) = self.dbs.get_mut(db as usize) {
            db.table.reserve(keys);
        }
    }

    /// Ends what [`Keyspace::reserve`] began: tables grow by need again.
    pub fn end_loading(&mut self) {
        self.dbs.iter_mut().for_each(|db| db.table.loaded());
    }

    /// Inserts the entries of a block. On an error some of them are inserted: the keyspace is to be thrown away.
    pub fn insert_block(&mut self, db: u32, block: DecodedBlock) -> Result<(), LoadError> {
        let Keyspace { dbs, snap, .. } = self;
        let db = dbs
            .get_mut(db as usize)
            .ok_or(LoadError::NoSuchDatabase(db))?;
        for (hash, entry) in block.entries {
            if db.table.find(hash, entry.key()).is_some() {
                return Err(LoadError::Duplicate(entry.key().into()));
            }
            db.insert_new(hash, entry, snap);
        }
        Ok(())
    }
}
