//! Keys on their way to another server: which of them are still as they were copied.
//!
//! A trip begins when the keys are copied, under the same hold of the engine's lock, and is told of everything that
//! is touched from then on. What comes back unchanged may be deleted: the target has it. It does not matter whether a
//! change left the same bytes behind, so that a server that migrates to itself does not delete what it received.

use std::collections::{BTreeMap, BTreeSet};

use esker_keyspace::touched::{Event, Touched};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TripId(u64);

#[derive(Debug)]
struct Trip {
    db: u32,
    unchanged: BTreeSet<Box<[u8]>>,
}

/// All trips under way.
#[derive(Debug, Default)]
pub struct Departing {
    next: u64,
    trips: BTreeMap<TripId, Trip>,
}

impl Departing {
    pub fn is_empty(&self) -> bool {
        self.trips.is_empty()
    }

    pub fn begin<'a>(&mut self, db: u32, keys: impl Iterator<Item = &'a [u8]>) -> TripId {
        let id = TripId(self.next);
        self.next += 1;
        let unchanged = keys.map(Box::from).collect();
        self.trips.insert(id, Trip { db, unchanged });
        id
    }

    pub fn note(&mut self, touched: &[Touched]) {
        for trip in self.trips.values_mut() {
            for touch in touched.iter().filter(|touch| touch.db == trip.db) {
                match touch.event {
                    Event::Flush | Event::Swap => trip.unchanged.clear(),
                    _ => drop(trip.unchanged.remove(&touch.key)),
                }
            }
        }
    }

    pub fn is_unchanged(&self, id: TripId, key: &[u8]) -> bool {
        self.trips
            .get(&id)
            .is_some_and(|trip| trip.unchanged.contains(key))
    }

    pub fn end(&mut self, id: TripId) {
        self.trips.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(db: u32, key: &str, event: Event) -> Touched {
        Touched {
            db,
            key: key.as_bytes().into(),
            event,
        }
    }

    #[test]
    fn a_touched_key_has_changed_in_its_database_only() {
        let mut departing = Departing::default();
        let keys = [b"a".as_slice(), b"b"];
        let (one, other) = (
            departing.begin(0, keys.into_iter()),
            departing.begin(1, keys.into_iter()),
        );
        departing.note(&[touch(0, "a", Event::Set), touch(0, "c", Event::Del)]);
        assert!(!departing.is_unchanged(one, b"a") && departing.is_unchanged(one, b"b"));
        assert!(departing.is_unchanged(other, b"a"));
        departing.note(&[touch(1, "", Event::Flush)]);
        assert!(!departing.is_unchanged(other, b"b") && departing.is_unchanged(one, b"b"));
        departing.end(one);
        departing.end(other);
        assert!(departing.is_empty());
    }
}
