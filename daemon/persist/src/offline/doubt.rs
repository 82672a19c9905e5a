//! Which keys behind damage are certain again.
//!
//! An effect that states the whole value makes its key certain. One that builds upon what was there (APPEND, INCRBY,
//! SETRANGE, RENAME …) leaves it in doubt, unless it was certain before. Errs on the side of doubt.

use std::collections::HashSet;

use esker_format::record::Effect;
use esker_keyspace::hash::hash_key;

use super::LostBlock;

#[derive(Default)]
pub(super) struct Doubt {
    /// Whether log positions are missing: any key may be affected.
    anything: bool,
    /// Lost parts of the snapshot: database and hashes; `None` for any.
    parts: Vec<(Option<u32>, Option<(u64, u64)>)>,
    /// Keys that were stated as a whole since, by hash of database and key.
    certain: HashSet<u64>,
    certain_databases: HashSet<u32>,
    /// Keys that were named as doubtful already.
    named: HashSet<u64>,
}

impl Doubt {
    pub(super) fn lose_anything(&mut self) {
        self.anything = true;
        self.certain.clear();
        self.certain_databases.clear();
    }

    pub(super) fn lose_blocks(&mut self, blocks: &[LostBlock]) {
        self.parts
            .extend(blocks.iter().map(|block| (block.db, block.hashes)));
    }

    pub(super) fn is_active(&self) -> bool {
        self.anything || !self.parts.is_empty()
    }

    /// Takes note of an effect. Returns the key that it leaves in doubt, with its database, the first time.
    pub(super) fn note<'a>(
        &mut self,
        db: u32,
        effect: &Effect<'a>,
        hash_seed: u64,
    ) -> Option<(u32, &'a [u8])> {
        self.judge(db, effect, hash_seed)
            .filter(|(db, key)| self.named.insert(hash_key(u64::from(*db), key)))
    }

    fn judge<'a>(
        &mut self,
        db: u32,
        effect: &Effect<'a>,
        hash_seed: u64,
    ) -> Option<(u32, &'a [u8])> {
        match *effect {
            Effect::Set { key, .. } | Effect::Del { key } | Effect::Restore { key, .. } => {
                self.certain.insert(hash_key(u64::from(db), key));
                None
            }
            Effect::Append { key, .. }
            | Effect::SetRange { key, .. }
            | Effect::IncrBy { key, .. }
            | Effect::Collection { key, .. } => {
                self.doubts(db, key, hash_seed).then_some((db, key))
            }
            Effect::Rename { from, to } => self.transfer((db, from), (db, to), hash_seed),
            Effect::Move { key, db: target } => self.transfer((db, key), (target, key), hash_seed),
            Effect::Copy {
                from,
                to,
                db: target,
            } => self.transfer((db, from), (target, to), hash_seed),
            Effect::SwapDb { .. } => {
                self.certain.clear();
                self.certain_databases.clear();
                // From here on the numbers of databases do not say which part of the snapshot a key came from.
                self.parts.iter_mut().for_each(|part| part.0 = None);
                None
            }
            Effect::FlushDb => {
                self.certain_databases.insert(db);
                None
            }
            Effect::FlushAll => {
                *self = Doubt::default();
                None
            }
            Effect::PexpireAt { .. } | Effect::Persist { .. } => None,
        }
    }

    fn transfer<'a>(
        &mut self,
        (from_db, from): (u32, &'a [u8]),
        (db, to): (u32, &'a [u8]),
        hash_seed: u64,
    ) -> Option<(u32, &'a [u8])> {
        let target = hash_key(u64::from(db), to);
        if self.doubts(from_db, from, hash_seed) {
            self.certain.remove(&target);
            return Some((db, to));
        }
        self.certain.insert(target);
        None
    }

    fn doubts(&self, db: u32, key: &[u8], hash_seed: u64) -> bool {
        if self.certain_databases.contains(&db)
            || self.certain.contains(&hash_key(u64::from(db), key))
        {
            return false;
        }
        let hash = hash_key(hash_seed, key);
        let touches = |part: &(Option<u32>, Option<(u64, u64)>)| {
            part.0.is_none_or(|of| of == db)
                && part
                    .1
                    .is_none_or(|(first, last)| (first..=last).contains(&hash))
        };
        self.anything || self.parts.iter().any(touches)
    }
}
