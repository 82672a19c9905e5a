//! Deleting keys whose time has come: on access, and actively by a cycle over the segments.
//!
//! Each deletion is recorded as a `DEL` in a unit of its own, so that replay needs no clock. Most segments of a
//! cycle cost one comparison, because a segment knows its earliest expiry.

use esker_format::UnixMs;
use esker_format::record::Effect;

use crate::db::{Db, Leaving};
use crate::keyspace::Keyspace;
use crate::touched::Event;

/// What one call of [`Keyspace::expire_cycle`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpireCycle {
    pub expired: usize,
    /// Every database was passed to its end; otherwise the budget ran out and there may be more to delete.
    pub complete: bool,
}

impl Keyspace {
    /// Whether [`Keyspace::expire_cycle`] does anything (`DEBUG SET-ACTIVE-EXPIRE`).
    pub fn set_active_expire(&mut self, on: bool) {
        self.active_expire = on;
    }

    pub fn active_expire(&self) -> bool {
        self.active_expire
    }

    /// Deletes fields and keys whose time has come, going on where the last cycle stopped. `budget` bounds the work: a
    /// segment counts one, a deleted key or field one more. Between units, while writing is allowed.
    pub fn expire_cycle(&mut self, now: UnixMs, budget: usize) -> ExpireCycle {
        let mut cycle = ExpireCycle {
            expired: 0,
            complete: true,
        };
        if !self.active_expire {
            return cycle;
        }
        // Fields take at most half, so that they cannot keep the keys from their turn.
        let fields_budget = budget.div_ceil(2);
        let fields_left = self.expire_fields_cycle(now, fields_budget);
        cycle.complete = fields_left > 0;
        let mut spent = fields_budget - fields_left;
        for _ in 0..self.dbs.len() {
            while self.dbs[self.expire_db as usize].volatile() > 0 {
                if spent >= budget {
                    cycle.complete = false;
                    return cycle;
                }
                let (expired, more) = self.expire_segment(self.expire_db, now);
                cycle.expired += expired;
                spent += 1 + expired;
                if !more {
                    break;
                }
            }
            self.expire_db = (self.expire_db + 1) % self.databases();
        }
        cycle
    }

    fn expire_segment(&mut self, index: u32, now: UnixMs) -> (usize, bool) {
        let Keyspace {
            dbs,
            snap,
            garbage,
            effects,
            deps,
            touched,
            stats,
            hash_seed,
            ..
        } = self;
        let db: &mut Db = &mut dbs[index as usize];
        let cut_db = db.cut_db;
        let mut expired = 0;
        let mut leaving = Leaving { snap, garbage };
        let next = db.expire_segment(db.expire_pos, now, |entry| {
            let key = entry.key();
            effects.record(index, &Effect::Del { key });
            let end = effects.end_unit();
            deps.note(index, crate::hash::hash_key(*hash_seed, key));
            deps.settle(end);
            touched.push(index, key, Event::Expired);
            expired += 1;
            leaving.entry(cut_db, entry);
        });
        db.expire_pos = next.unwrap_or(0);
        stats.expired += expired as u64;
        stats.expired_actively += expired as u64;
        (expired, next.is_some())
    }

    /// Deletes one entry that is due, within the open unit.
    pub(crate) fn delete_expired(&mut self, index: u32, hash: u64, key: &[u8]) {
        self.effects.record(index, &Effect::Del { key });
        let Keyspace {
            dbs, snap, garbage, ..
        } = &mut *self;
        dbs[index as usize].remove(hash, key, &mut Leaving { snap, garbage });
        self.deps.note(index, hash);
        self.touched.push(index, key, Event::Expired);
        self.stats.expired += 1;
    }
}
