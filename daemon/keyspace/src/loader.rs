//! Building tables from the blocks of a snapshot.
//!
//! Decoding allocates the entries and needs no keyspace, so several threads can do it; inserting is what remains for
//! the one who owns the keyspace. Blocks are trusted to be what their checksum says, not to fit together: a key that
//! comes twice is an error.
//!
//! A value in pieces is put together beside the tables, and comes into its table when it is whole.

mod pieces;

use std::fmt;
use std::sync::Arc;

use esker_format::cursor::Fault;
use esker_format::native::entry::{Entries, Value};

use crate::entry::{Entry, INLINE_MAX, StrInput};
use crate::hash::hash_key;
use crate::keyspace::Keyspace;
use crate::limits::Limits;
use crate::value::Value as Collection;

use pieces::DecodedPiece;
pub(crate) use pieces::Pieces;

/// The entries of one block, ready to be inserted. `Send`.
#[derive(Default)]
pub struct DecodedBlock {
    entries: Vec<(u64, Entry)>,
    pieces: Vec<DecodedPiece>,
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
    /// The pieces of the key do not fit together.
    Pieces(Box<[u8]>),
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
            LoadError::Pieces(key) => {
                let key = key.escape_ascii();
                write!(f, "the pieces of the key '{key}' do not fit together")
            }
        }
    }
}

impl std::error::Error for LoadError {}

impl DecodedBlock {
    pub fn len(&self) -> usize {
        self.entries.len() + self.pieces.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole entries with the hashes of their keys, in the order of the block.
    pub fn entries(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries.iter().map(|(hash, entry)| (*hash, entry))
    }
}

/// Decodes the raw bytes of a block. `limits` say how collections are kept, and the seed of the key hash; `expected` is
/// the count that the block's header states.
pub fn decode_block(
    raw: &[u8],
    limits: &Limits,
    expected: usize,
) -> Result<DecodedBlock, LoadError> {
    // An entry takes at least its header: a wrong count cannot make us allocate more than the block is worth.
    let bound = raw.len() / esker_format::native::entry::HEADER_BYTES;
    let mut block = DecodedBlock {
        entries: Vec::with_capacity(expected.min(bound)),
        pieces: Vec::new(),
    };
    for item in Entries::new(raw) {
        let item = item.map_err(LoadError::Fault)?;
        let hash = hash_key(limits.hash_seed, item.key);
        let value = match item.value {
            Value::Int(int) => StrInput::Int(int),
            Value::Bytes(bytes) if bytes.len() > INLINE_MAX => {
                StrInput::Blob(Arc::new(bytes.to_vec()))
            }
            Value::Bytes(bytes) => StrInput::Bytes(bytes),
            Value::Collection { kind, bytes } => {
                match item.piece {
                    Some(piece) => {
                        let piece = DecodedPiece::new(hash, &item, piece, kind, bytes);
                        block.pieces.push(piece);
                    }
                    None => {
                        let entry = decode_collection(&item, kind, bytes, limits)?;
                        block.entries.push((hash, entry));
                    }
                }
                continue;
            }
            Value::Unknown { kind, .. } => {
                return Err(LoadError::UnknownKind(kind));
            }
        };
        let entry = Entry::string(item.key, value, item.expire_at);
        entry.set_access(item.access);
        entry.set_raw(item.raw);
        block.entries.push((hash, entry));
    }
    if block.len() != expected {
        return Err(LoadError::Fault(Fault::Invalid(
            "a block holds another number of entries than it states",
        )));
    }
    Ok(block)
}

fn decode_collection(
    item: &esker_format::native::entry::Entry<'_>,
    kind: u8,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Entry, LoadError> {
    let mut value = Collection::decode(kind, bytes, limits).map_err(LoadError::Fault)?;
    value.loaded().map_err(LoadError::Fault)?;
    let entry = Entry::collection(item.key, value, item.expire_at);
    entry.set_access(item.access);
    Ok(entry)
}

impl Keyspace {
    /// Makes room for `keys` keys in an empty database, so that loading them moves nothing.
    pub fn reserve(&mut self, db: u32, keys: usize) {
        if let Some(db) = self.dbs.get_mut(db as usize) {
            db.table.reserve(keys);
        }
    }

    /// Ends what [`Keyspace::reserve`] began: tables grow by need again. Keys of which pieces are missing are not
    /// there: they are returned with their databases.
    pub fn end_loading(&mut self) -> Vec<(u32, Box<[u8]>)> {
        self.dbs.iter_mut().for_each(|db| db.table.loaded());
        std::mem::take(&mut self.pieces).into_incomplete()
    }

    /// As [`Keyspace::end_loading`], of a damaged snapshot: of keys of which pieces are missing, those that came are
    /// kept, unless that is of no use. Returns the keys, and whether anything of them was kept.
    pub fn end_damaged_loading(&mut self) -> Vec<(u32, Box<[u8]>, bool)> {
        let partial = std::mem::take(&mut self.pieces).into_partial();
        let mut keys = Vec::new();
        for ((db, key), entry) in partial {
            let hash = self.hash(&key);
            let Keyspace { dbs, snap, .. } = &mut *self;
            let db_of = &mut dbs[db as usize];
            let entry = entry.filter(|_| db_of.table.find(hash, &key).is_none());
            keys.push((db, key, entry.is_some()));
            if let Some(entry) = entry {
                db_of.insert_new(hash, entry, snap);
            }
        }
        self.end_loading();
        keys
    }

    /// Inserts the entries of a block. On an error some of them are inserted: the keyspace is to be thrown away.
    pub fn insert_block(&mut self, db: u32, block: DecodedBlock) -> Result<(), LoadError> {
        let number = db;
        let Keyspace {
            dbs,
            snap,
            pieces,
            limits,
            ..
        } = self;
        let db = dbs
            .get_mut(db as usize)
            .ok_or(LoadError::NoSuchDatabase(db))?;
        let mut insert = |hash, entry: Entry| {
            if db.table.find(hash, entry.key()).is_some() {
                return Err(LoadError::Duplicate(entry.key().into()));
            }
            db.insert_new(hash, entry, snap);
            Ok(())
        };
        for (hash, entry) in block.entries {
            insert(hash, entry)?;
        }
        for piece in block.pieces {
            let hash = piece.hash();
            if let Some(entry) = pieces.add(number, piece, limits)? {
                insert(hash, entry)?;
            }
        }
        Ok(())
    }
}
