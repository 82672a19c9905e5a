//! All databases and what they share: the effect buffer, dependency LSNs, counters, the walk.
//!
//! The keyspace is deterministic: it takes the time and its seeds as arguments, so that the same calls give the
//! same state, the same effects and the same replies. It is changed through [`Tx`] only, and by recovery through
//! `apply` and `loader`.

use esker_format::{Lsn, UnixMs};

use crate::access::AccessPolicy;
use crate::db::{Db, Garbage};
use crate::deps::Dependencies;
use crate::effects::EffectBuf;
use crate::hash::hash_key;
use crate::limits::Limits;
use crate::loader::Pieces;
use crate::random::Random;
use crate::touched::TouchedList;
use crate::tx::Tx;
use crate::walk::Snap;

/// The longest string until it is configured: Redis' default of `proto-max-bulk-len`.
const STRING_BYTES_MAX: usize = 512 * 1024 * 1024;

#[derive(Clone, Debug)]
pub struct Options {
    pub databases: u32,
    /// Seed of the key hash. It is the order of a snapshot's blocks, so recovery passes what the snapshot says.
    pub hash_seed: u64,
    pub random_seed: u64,
    /// Whether effects are recorded.
    pub log: bool,
    /// The LSN of the first byte that will be recorded.
    pub next_lsn: Lsn,
    pub access: AccessPolicy,
    /// Longest unit of effects, in bytes; see [`Tx::room`].
    pub unit_bytes_max: usize,
    /// Longest string that a command may make, in bytes.
    pub string_bytes_max: usize,
    pub limits: Limits,
}

impl Options {
    /// 16 databases, LRU, log on from LSN 0.
    pub fn with_seed(seed: u64) -> Options {
        Options {
            databases: 16,
            hash_seed: seed,
            random_seed: seed,
            log: true,
            next_lsn: Lsn(0),
            access: AccessPolicy::Lru,
            unit_bytes_max: 1 << 30,
            string_bytes_max: STRING_BYTES_MAX,
            limits: Limits::default(),
        }
    }
}

/// Counters since start or the last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub hits: u64,
    pub misses: u64,
    /// Keys deleted because their time had come.
    pub expired: u64,
    /// Of these, found by active expiry.
    pub expired_actively: u64,
    /// Fields of hashes deleted because their time had come.
    pub expired_fields: u64,
    /// Changes since start: what `save` rules count.
    pub changes: u64,
}

/// What `INFO keyspace` says about one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DbInfo {
    pub keys: usize,
    pub expires: usize,
    pub mean_ttl_ms: i64,
    /// Hashes with fields that expire.
    pub hashes_expiring: usize,
    /// What the table takes beside its entries.
    pub table_bytes: usize,
}

pub struct Keyspace {
    pub(crate) dbs: Vec<Db>,
    pub(crate) next_db_id: u64,
    pub(crate) hash_seed: u64,
    pub(crate) access: AccessPolicy,
    pub(crate) unit_bytes_max: usize,
    pub(crate) string_bytes_max: usize,
    pub(crate) limits: Limits,
    pub(crate) random: Random,
    pub(crate) effects: EffectBuf,
    pub(crate) deps: Dependencies,
    pub(crate) touched: TouchedList,
    pub(crate) stats: Stats,
    pub(crate) snap: Snap,
    pub(crate) garbage: Garbage,
    /// Values that are being loaded.
    pub(crate) pieces: Pieces,
    pub(crate) expire_db: u32,
    pub(crate) active_expire: bool,
    /// Buffer for values that are put together before they are stored.
    pub(crate) scratch: Vec<u8>,
}

impl Keyspace {
    pub fn new(options: Options) -> Keyspace {
        assert!(
            options.databases >= 1,
            "a keyspace has at least one database"
        );
        let dbs = (0..u64::from(options.databases))
            .map(|id| Db::new(options.hash_seed, id))
            .collect();
        Keyspace {
            dbs,
            next_db_id: u64::from(options.databases),
            hash_seed: options.hash_seed,
            access: options.access,
            unit_bytes_max: options.unit_bytes_max,
            string_bytes_max: options.string_bytes_max,
            limits: Limits {
                hash_seed: options.hash_seed,
                ..options.limits
            },
            random: Random::new(options.random_seed),
            effects: EffectBuf::new(options.log, options.next_lsn),
            deps: Dependencies::new(options.databases),
            touched: TouchedList::default(),
            stats: Stats::default(),
            snap: Snap::default(),
            garbage: Garbage::default(),
            pieces: Pieces::default(),
            expire_db: 0,
            active_expire: true,
            scratch: Vec::new(),
        }
    }

    /// Opens a transaction on a database. Its changes count when it is finished; dropping it unfinished with
    /// changes is a bug of the caller and panics.
    #[inline]
    pub fn tx(&mut self, db: u32, now: UnixMs) -> Tx<'_> {
        Tx::new(self, db, now)
    }

    pub fn databases(&self) -> u32 {
        self.dbs.len() as u32
    }

    /// Makes sure that there are at least so many databases: for tools, which learn their number from the data.
    pub fn grow(&mut self, databases: u32) {
        while self.databases() < databases {
            let db = self.fresh_db();
            self.dbs.push(db);
        }
        self.deps.grow(databases);
    }

    /// Other limits for the encodings; values that are there keep theirs until they change.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = Limits {
            hash_seed: self.hash_seed,
            ..limits
        };
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Keys of a database, counting those whose time has come but that nobody has deleted yet.
    pub fn len(&self, db: u32) -> usize {
        self.dbs[db as usize].len()
    }

    pub fn is_empty(&self) -> bool {
        self.dbs.iter().all(|db| db.len() == 0)
    }

    pub fn db_info(&self, db: u32, now: UnixMs) -> DbInfo {
        let db = &self.dbs[db as usize];
        DbInfo {
            keys: db.len(),
            expires: db.volatile(),
            mean_ttl_ms: db.mean_ttl_ms(now),
            hashes_expiring: db.fields.len(),
            table_bytes: db.table.stats().bytes,
        }
    }

    pub fn hash_seed(&self) -> u64 {
        self.hash_seed
    }

    /// The hash under which every database stores `key`.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        hash_key(self.hash_seed, key)
    }

    /// First stage of a batch: asks for the bucket of a key.
    #[inline]
    pub fn prefetch_bucket(&self, db: u32, hash: u64) {
        self.dbs[db as usize].table.prefetch_bucket(hash);
    }

    /// Second stage, when the bucket has arrived: asks for the entry.
    #[inline]
    pub fn prefetch_item(&self, db: u32, hash: u64) {
        self.dbs[db as usize].table.prefetch_item(hash);
    }

    pub fn effects(&self) -> &EffectBuf {
        &self.effects
    }

    pub fn effects_mut(&mut self) -> &mut EffectBuf {
        &mut self.effects
    }

    pub fn touched(&self) -> &TouchedList {
        &self.touched
    }

    pub fn touched_mut(&mut self) -> &mut TouchedList {
        &mut self.touched
    }

    pub fn stats(&self) -> Stats {
        self.stats
    }

    pub fn stats_mut(&mut self) -> &mut Stats {
        &mut self.stats
    }

    pub fn access_policy(&self) -> AccessPolicy {
        self.access
    }

    /// Existing entries keep their bits: they mean something else now, and settle with use.
    pub fn set_access_policy(&mut self, access: AccessPolicy) {
        self.access = access;
    }

    pub fn set_unit_bytes_max(&mut self, bytes: usize) {
        self.unit_bytes_max = bytes;
    }

    /// Longest string that a command may make, in bytes.
    pub fn string_bytes_max(&self) -> usize {
        self.string_bytes_max
    }

    pub fn set_string_bytes_max(&mut self, bytes: usize) {
        self.string_bytes_max = bytes;
    }

    pub fn has_garbage(&self) -> bool {
        !self.garbage.is_empty()
    }

    /// What was replaced or flushed and is too big to be freed under the lock: drop it elsewhere.
    pub fn take_garbage(&mut self) -> Garbage {
        std::mem::take(&mut self.garbage)
    }

    /// An empty table in place of a flushed one.
    pub(crate) fn fresh_db(&mut self) -> Db {
        let id = self.next_db_id;
        self.next_db_id += 1;
        Db::new(self.hash_seed, id)
    }
}
