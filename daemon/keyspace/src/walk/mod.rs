//! The walk: an image of all databases at one moment, taken while commands go on.
//!
//! The cut bumps the epoch, which is all that happens at that moment. An entry whose epoch is not the current one
//! is *old*: it existed at the cut, unchanged since, and is not copied yet. The walk copies old entries segment by
//! segment in short steps and gives them the current epoch. Whoever changes an old entry first queues its image.
//! New entries are never old. So each key of the cut is copied exactly once: by the walk, or as an image.
//!
//! Invariants
//! - Entries are old only while a walk is under way; therefore no cut is made before the last walk has passed all
//!   entries. An aborted walk goes on as a *sweep* that only gives them the current epoch.
//! - An image is queued under the database number and key that it had at the cut. A table remembers its number
//!   (`cut_db`), and the walk finds tables by identity, so SWAPDB changes nothing for it.
//! - A flushed table that the walk has not finished is handed to it whole.
//! - Segments may split between steps; positions are hashes, so none is passed twice or left out.

mod large;

use std::collections::VecDeque;

use esker_format::Lsn;

use crate::block::{Image, RawBlock};
use crate::db::{Db, Garbage};
use crate::entry::Entry;
use crate::keyspace::Keyspace;

pub use large::{Elements, Large, LargeItem, LargeTable};

const EPOCHS: u8 = 4;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Walking,
    /// After an abort: entries get the current epoch, nothing is copied.
    Sweeping,
}

/// A table on the walk's way.
struct Place {
    cut_db: u32,
    table: TableRef,
}

enum TableRef {
    /// In the live map, under this identity.
    Live(u64),
    /// Flushed since the cut.
    Detached(Db),
}

/// The walk's state within the keyspace.
#[derive(Default)]
pub(crate) struct Snap {
    epoch: u8,
    state: State,
    places: VecDeque<Place>,
    /// Where the first place is to be continued.
    pos: u64,
    images: Vec<Image>,
    image_bytes: usize,
}

impl Snap {
    #[inline]
    pub(crate) fn is_old(&self, entry: &Entry) -> bool {
        entry.epoch() != self.epoch
    }

    /// Marks an entry that comes into a table.
    #[inline]
    pub(crate) fn admit(&self, entry: &Entry) {
        entry.set_epoch(self.epoch);
    }

    /// Takes an entry that leaves its table if the walk still needs it, else gives it back.
    #[inline]
    pub(crate) fn donate(&mut self, cut_db: u32, entry: Entry) -> Option<Entry> {
        if !self.is_old(&entry) || self.state != State::Walking {
            return Some(entry);
        }
        self.queue(cut_db, entry);
        None
    }

    /// Queues the image of an entry that is about to change in place or to change its name.
    #[inline]
    pub(crate) fn before_change(&mut self, cut_db: u32, entry: &mut Entry) {
        if self.is_old(entry) {
            if self.state == State::Walking {
                self.queue(cut_db, entry.duplicate());
            }
            entry.set_epoch(self.epoch);
        }
    }

    #[cold]
    fn queue(&mut self, cut_db: u32, entry: Entry) {
        debug_assert!(cut_db != u32::MAX, "an old entry is in a table of the cut");
        self.image_bytes += entry.heap_bytes();
        self.images.push(Image { db: cut_db, entry });
    }

    /// Queues the image of one element of an open value.
    fn queue_element(&mut self, _opened: u64, encode: impl FnOnce(&mut Vec<u8>)) {
        if self.state == State::Walking {
            let mut bytes = Vec::new();
            encode(&mut bytes);
        }
    }

    /// Takes a flushed table if the walk still needs it, else gives it back.
    pub(crate) fn detach_db(&mut self, db: Db) -> Option<Db> {
        if self.state != State::Walking {
            return Some(db);
        }
        let place = self
            .places
            .iter_mut()
            .find(|place| matches!(place.table, TableRef::Live(id) if id == db.id));
        match place {
            Some(place) => {
                place.table = TableRef::Detached(db);
                None
            }
            None => Some(db),
        }
    }
}

/// What a snapshot says about the moment it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Everything logged below is in the snapshot, nothing above.
    pub lsn: Lsn,
    pub hash_seed: u64,
    /// Keys and expiring keys of each database.
    pub databases: Vec<(usize, usize)>,
}

/// What one step may do. Whole segments are walked, so it is exceeded by up to one segment.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Entries to visit.
    pub entries: usize,
    /// Bytes to copy.
    pub bytes: usize,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The budget is used up.
    More,
    /// The block is complete: replace it with a new one before the next step.
    BlockReady,
    /// Every entry of the cut has been copied or queued. Take the block and the last images.
    Done,
}

impl Keyspace {
    /// Cuts: from here on the walk shows the databases as they are now. Between units. `None` while an earlier
    /// walk or its sweep is under way.
    pub fn begin_walk(&mut self) -> Option<Cut> {
        if self.snap.state != State::Idle {
            return None;
        }
        assert!(!self.effects.in_unit(), "a cut lies between units");
        self.snap.epoch = (self.snap.epoch + 1) % EPOCHS;
        self.snap.state = State::Walking;
        self.snap.pos = 0;
        let mut databases = Vec::with_capacity(self.dbs.len());
        for (index, db) in self.dbs.iter_mut().enumerate() {
            db.cut_db = index as u32;
            databases.push((db.len(), db.volatile()));
            if db.len() > 0 {
                self.snap.places.push_back(Place {
                    cut_db: db.cut_db,
                    table: TableRef::Live(db.id),
                });
            }
        }
        Some(Cut {
            lsn: self.effects.end_lsn(),
            hash_seed: self.hash_seed,
            databases,
        })
    }

    /// Whether a walk or the sweep of an aborted one is under way.
    pub fn walk_in_progress(&self) -> bool {
        self.snap.state != State::Idle
    }

    /// Copies whole segments into `block` until the budget is used up or the block is complete. After an abort it
    /// copies nothing and only goes on with the sweep.
    pub fn walk_step(&mut self, block: &mut RawBlock, budget: Budget) -> Step {
        let mut left = budget;
        while let Some(place) = self.snap.places.front() {
            if self.snap.state == State::Walking && block.db != place.cut_db {
                if !block.is_empty() {
                    return Step::BlockReady;
                }
                block.turn_to(place.cut_db);
            }
            if block.is_full() {
                return Step::BlockReady;
            }
            if left.entries == 0 || left.bytes == 0 {
                return Step::More;
            }
            let before = block.copied_bytes();
            let visited = self.walk_segment(block);
            left.entries = left.entries.saturating_sub(visited.max(1));
            left.bytes = left.bytes.saturating_sub(block.copied_bytes() - before);
        }
        self.snap.state = State::Idle;
        Step::Done
    }

    /// One segment of the first place. Returns how many entries it had.
    fn walk_segment(&mut self, block: &mut RawBlock) -> usize {
        let Keyspace {
            dbs, snap, garbage, ..
        } = self;
        let Snap {
            epoch,
            state,
            places,
            pos,
            ..
        } = snap;
        let (epoch, copying) = (*epoch, *state == State::Walking);
        let place = places.front_mut().expect("a place to walk");
        let db = match &mut place.table {
            TableRef::Live(id) => dbs.iter_mut().find(|db| db.id == *id),
            TableRef::Detached(db) => Some(db),
        };
        let mut visited = 0;
        let next = db.and_then(|db| {
            db.table.walk_segment(*pos, |entry| {
                visited += 1;
                if entry.epoch() != epoch {
                    if copying {
                        block.add(entry);
                    }
                    entry.set_epoch(epoch);
                }
            })
        });
        if copying {
            block.cover(*pos, next.map_or(u64::MAX, |next| next - 1));
        }
        *pos = next.unwrap_or(0);
        if next.is_none() {
            leave_place(places, garbage);
        }
        visited
    }

    /// Bytes that queued images hold. Above what the caller is willing to spend, it takes and writes images before
    /// it walks on.
    pub fn image_bytes(&self) -> usize {
        self.snap.image_bytes
    }

    /// The images queued since the last call. They are laid out and freed outside the lock.
    pub fn take_images(&mut self) -> Vec<Image> {
        self.snap.image_bytes = 0;
        std::mem::take(&mut self.snap.images)
    }

    /// Gives the walk up, or what is left of its images. What remains of the tables is swept by further steps, and
    /// no new cut can be made until then.
    pub fn abort_walk(&mut self) {
        let images = self.take_images();
        self.garbage
            .discard_all(images.into_iter().map(|image| image.entry));
        if self.snap.state != State::Walking {
            return;
        }
        self.snap.state = State::Sweeping;
        // Flushed tables are of no more use; the position belongs to the first place.
        if matches!(
            self.snap.places.front(),
            Some(Place {
                table: TableRef::Detached(_),
                ..
            })
        ) {
            self.snap.pos = 0;
        }
        for place in std::mem::take(&mut self.snap.places) {
            match place.table {
                TableRef::Live(_) => self.snap.places.push_back(place),
                TableRef::Detached(db) => self.garbage.discard_db(db),
            }
        }
    }
}

fn leave_place(places: &mut VecDeque<Place>, garbage: &mut Garbage) {
    if let Some(Place {
        table: TableRef::Detached(db),
        ..
    }) = places.pop_front()
    {
        garbage.discard_db(db);
    }
}
