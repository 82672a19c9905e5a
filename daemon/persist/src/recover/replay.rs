//! Replaying the log: effects are read a batch ahead, so that the memory they touch is on its way when they are applied.

use esker_format::cursor::Fault;
use esker_format::record::Effect;
use esker_format::units::UnitReader;
use esker_keyspace::{ApplyError, Keyspace};

/// Effects in flight. Enough to hide a cache miss, few enough to stay in the cache.
const BATCH: usize = 16;

#[derive(Default)]
pub(crate) struct Replay {
    applied: u64,
}

impl Replay {
    /// Applies a payload of whole units.
    pub(crate) fn apply(
        &mut self,
        keyspace: &mut Keyspace,
        payload: &[u8],
        db: u32,
    ) -> Result<(), Fault> {
        let mut reader = UnitReader::new(payload, db);
        let mut batch: Vec<(u32, Effect<'_>, u64)> = Vec::with_capacity(BATCH);
        loop {
            let next = reader.next_record()?;
            if let Some(record) = &next {
                let hash = keyspace.prefetch_effect(record.db, &record.effect);
                batch.push((record.db, record.effect, hash));
            }
            if batch.len() == BATCH || (next.is_none() && !batch.is_empty()) {
                self.apply_batch(keyspace, &mut batch)?;
            }
            if next.is_none() {
                return Ok(());
            }
        }
    }

    fn apply_batch(
        &mut self,
        keyspace: &mut Keyspace,
        batch: &mut Vec<(u32, Effect<'_>, u64)>,
    ) -> Result<(), Fault> {
        for (db, _, hash) in batch.iter() {
            keyspace.prefetch_effect_item(*db, *hash);
        }
        for (db, effect, hash) in batch.drain(..) {
            keyspace.apply_hashed(db, &effect, hash).map_err(fault_of)?;
            self.applied += 1;
        }
        // Tables that a FLUSH took away are dropped here: nobody else is around to do it.
        if keyspace.has_garbage() {
            drop(keyspace.take_garbage());
        }
        Ok(())
    }
}

fn fault_of(error: ApplyError) -> Fault {
    Fault::Invalid(match error {
        ApplyError::NoSuchDatabase(_) => "an effect is on a database that does not exist",
        ApplyError::NoSuchKey => "an effect is on a key that does not exist",
        ApplyError::WrongType => "an effect is on a key that holds another kind of value",
        ApplyError::Increment => "an effect increments a value that cannot be",
        ApplyError::Range => "an effect has a range that is not valid",
        ApplyError::Words => "an effect has words that do not fit its verb or the value",
        ApplyError::Payload => "an effect has a payload that is not valid",
    })
}
