//! Which LSN a reply has to wait for under `appendfsync always`.
//!
//! A reply may reveal what another client wrote a moment ago and what is not durable yet. The last change of
//! every key is kept in a small array by key hash: a collision only makes a reader wait for somebody else's
//! write. Operations that look at a whole database take the database's last change; those that exchange whole
//! databases raise a floor that every reader takes.
//!
//! Changes are noted while a unit is open and dated when it ends, because only then its end is known.

use esker_format::Lsn;

/// 64 KiB: small enough to stay in the second-level cache, large enough that collisions are rare in a tick.
const SLOTS: usize = 8192;
const SLOT_SHIFT: u32 = 64 - SLOTS.trailing_zeros();

#[derive(Debug)]
pub(crate) struct Dependencies {
    slots: Box<[u64]>,
    databases: Vec<u64>,
    floor: u64,
    /// Changes of the open unit as database << 16 | slot.
    noted: Vec<u64>,
    whole: bool,
}

impl Dependencies {
    pub(crate) fn new(databases: u32) -> Dependencies {
        Dependencies {
            slots: vec![0; SLOTS].into_boxed_slice(),
            databases: vec![0; databases as usize],
            floor: 0,
            noted: Vec::new(),
            whole: false,
        }
    }

    pub(crate) fn grow(&mut self, databases: u32) {
        let databases = self.databases.len().max(databases as usize);
        self.databases.resize(databases, 0);
    }

    fn slot(hash: u64) -> usize {
        (hash >> SLOT_SHIFT) as usize
    }

    #[inline]
    pub(crate) fn of_key(&self, hash: u64) -> u64 {
        self.slots[Self::slot(hash)].max(self.floor)
    }

    pub(crate) fn of_database(&self, db: u32) -> u64 {
        self.databases[db as usize].max(self.floor)
    }

    #[inline]
    pub(crate) fn note(&mut self, db: u32, hash: u64) {
        self.noted
            .push(u64::from(db) << 16 | Self::slot(hash) as u64);
    }

    /// The open unit changes whole databases.
    pub(crate) fn note_whole(&mut self) {
        self.whole = true;
    }

    /// Dates everything noted: the unit ends at `end`.
    #[inline]
    pub(crate) fn settle(&mut self, end: Lsn) {
        for noted in self.noted.drain(..) {
            self.slots[(noted & 0xFFFF) as usize] = end.0;
            self.databases[(noted >> 16) as usize] = end.0;
        }
        if self.whole {
            self.whole = false;
            self.floor = end.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_depends_on_the_last_change_of_its_key_and_database() {
        let mut deps = Dependencies::new(2);
        deps.note(1, 7 << 52);
        deps.settle(Lsn(100));
        assert_eq!(deps.of_key(7 << 52), 100);
        assert_eq!(deps.of_key(9 << 52), 0);
        assert_eq!((deps.of_database(0), deps.of_database(1)), (0, 100));
        deps.note_whole();
        deps.settle(Lsn(150));
        assert_eq!((deps.of_key(9 << 52), deps.of_database(0)), (150, 150));
    }
}
