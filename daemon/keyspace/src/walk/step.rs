//! What the walk does: the cut, its steps, its end.

use std::collections::VecDeque;

use esker_format::Lsn;

use super::image::Image;
use super::open::OpenValues;
use super::{EPOCHS, Place, Site, Snap, State, TableRef, Treatment, Whole, treatment};
use crate::block::{RawBlock, lay_out};
use crate::db::{Db, Garbage};
use crate::entry::Entry;
use crate::keyspace::Keyspace;

/// What a snapshot says about the moment it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Everything logged below is in the snapshot, nothing above.
    pub lsn: Lsn,
    pub hash_seed: u64,
    /// Keys and expiring keys of each database.
    pub databases: Vec<(usize, usize)>,
}

/// What one step may do. Whole segments are visited, and entries copied one by one, so it is exceeded by up to one
/// segment and one entry.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Entries and elements to visit.
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

/// What duplicating a list or stream counts for: references to runs of nodes are copied.
const DUPLICATE_BYTES: usize = 4 << 10;

/// What visiting one segment came to.
struct Visited {
    entries: usize,
    bytes: usize,
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

    /// Collections of up to so many elements and bytes are copied at once by a walk; others are shared or opened. So
    /// that tests need not make them large.
    pub fn set_walked_whole(&mut self, elements: usize, bytes: usize) {
        self.snap.whole = Whole { elements, bytes };
    }

    /// Copies into `block`, and to the images, until the budget is used up or the block is complete. After an abort
    /// it copies nothing and only goes on with the sweep.
    pub fn walk_step(&mut self, block: &mut RawBlock, budget: Budget) -> Step {
        let mut left = budget;
        loop {
            let has_open = !self.snap.open.is_empty();
            let Some(place) = self.snap.places.front().filter(|_| !has_open) else {
                if !has_open {
                    break;
                }
                if left.entries == 0 || left.bytes == 0 {
                    return Step::More;
                }
                left.spend(&self.pass_elements(left.bytes));
                continue;
            };
            if self.snap.state == State::Walking && block.db != place.cut_db {
                if !block.is_empty() {
                    return Step::BlockReady;
                }
                block.turn_to(place.cut_db);
            }
            if block.is_full() && self.snap.within.is_none() {
                return Step::BlockReady;
            }
            if left.entries == 0 || left.bytes == 0 {
                return Step::More;
            }
            left.spend(&self.walk_segment(block, left.bytes));
        }
        self.snap.state = State::Idle;
        Step::Done
    }

    /// One segment of the elements of an open value.
    fn pass_elements(&mut self, bytes_max: usize) -> Visited {
        let Keyspace { dbs, snap, .. } = self;
        let table = snap.open.first_table().expect("a value is open");
        let db = match dbs.iter_mut().find(|db| db.id == table) {
            Some(db) => db,
            None => detached(&mut snap.places, table).expect("an open value lives in a table"),
        };
        let copying = snap.state == State::Walking;
        let images = copying.then_some(&mut snap.images);
        let passed = snap.open.pass(db, images, bytes_max);
        Visited {
            entries: passed.elements,
            bytes: passed.bytes,
        }
    }

    /// One segment of the first place, or what is left of it.
    fn walk_segment(&mut self, block: &mut RawBlock, bytes_max: usize) -> Visited {
        let Keyspace {
            dbs,
            snap,
            garbage,
            hash_seed,
            ..
        } = self;
        let place = snap.places.front_mut().expect("a place to walk");
        let cut_db = place.cut_db;
        let db = match &mut place.table {
            TableRef::Live(id) => dbs.iter_mut().find(|db| db.id == *id),
            TableRef::Detached(db) => Some(db),
        };
        let mut copier = Copier {
            epoch: snap.epoch,
            copying: snap.state == State::Walking,
            whole: snap.whole,
            site: Site {
                cut_db,
                table: db.as_ref().map_or(0, |db| db.id),
                hash: 0,
            },
            hash_seed: *hash_seed,
            bytes_max,
            bytes: 0,
            visited: 0,
            left: false,
            block,
            open: &mut snap.open,
            images: &mut snap.images,
        };
        let pos = snap.pos;
        let next = db.and_then(|db| db.table.walk_segment(pos, |entry| copier.visit(entry)));
        let visited = Visited {
            entries: copier.visited,
            bytes: copier.bytes,
        };
        let (copying, left) = (copier.copying, copier.left);
        let last = next.map_or(u64::MAX, |next| next - 1);
        if copying {
            block.cover(pos, last);
        }
        if left {
            snap.within = Some(snap.within.map_or(last, |within| within.max(last)));
            return visited;
        }
        if snap.within.is_some_and(|within| within <= last) {
            snap.within = None;
        }
        snap.pos = next.unwrap_or(0);
        if next.is_none() {
            snap.leave_place(garbage);
        }
        visited
    }

    /// Bytes that queued images hold. Above what the caller is willing to spend, it takes and writes images before
    /// it walks on.
    pub fn image_bytes(&self) -> usize {
        self.snap.images.bytes()
    }

    /// The images queued since the last call. They are laid out and freed outside the lock.
    pub fn take_images(&mut self) -> Vec<Image> {
        self.snap.images.take()
    }

    /// Gives the walk up, or what is left of its images. What remains of the tables is swept by further steps, and
    /// no new cut can be made until then.
    pub fn abort_walk(&mut self) {
        let Keyspace { snap, garbage, .. } = self;
        let images = snap.images.take().into_iter();
        garbage.discard_all(images.filter_map(Image::into_entry));
        if snap.state != State::Walking {
            return;
        }
        snap.state = State::Sweeping;
        snap.within = None;
        // Flushed tables are of no more use; the position belongs to the first place.
        if matches!(
            snap.places.front(),
            Some(Place {
                table: TableRef::Detached(_),
                ..
            })
        ) {
            snap.pos = 0;
        }
        for place in std::mem::take(&mut snap.places) {
            match place.table {
                TableRef::Live(_) => snap.places.push_back(place),
                TableRef::Detached(db) => {
                    snap.open.forget_table(db.id);
                    garbage.discard_db(db);
                }
            }
        }
    }
}

impl Budget {
    fn spend(&mut self, visited: &Visited) {
        self.entries = self.entries.saturating_sub(visited.entries.max(1));
        self.bytes = self.bytes.saturating_sub(visited.bytes);
    }
}

impl Snap {
    fn leave_place(&mut self, garbage: &mut Garbage) {
        if let Some(Place {
            table: TableRef::Detached(mut db),
            ..
        }) = self.places.pop_front()
        {
            // Only a walk has detached tables, so it copies.
            let unneeded = self.open.leave_table(&mut db, Some(&mut self.images));
            debug_assert!(unneeded.is_empty());
            garbage.discard_db(db);
        }
    }
}

fn detached(places: &mut VecDeque<Place>, table: u64) -> Option<&mut Db> {
    places.iter_mut().find_map(|place| match &mut place.table {
        TableRef::Detached(db) if db.id == table => Some(db),
        _ => None,
    })
}

/// Copies the old entries of a segment.
struct Copier<'a> {
    epoch: u8,
    copying: bool,
    whole: Whole,
    /// Where the segment is; without the hash.
    site: Site,
    hash_seed: u64,
    bytes_max: usize,
    bytes: usize,
    visited: usize,
    /// Whether old entries were left because there was no more to spend.
    left: bool,
    block: &'a mut RawBlock,
    open: &'a mut OpenValues,
    images: &'a mut super::Images,
}

impl Copier<'_> {
    fn visit(&mut self, entry: &mut Entry) {
        self.visited += 1;
        if entry.epoch() == self.epoch {
            return;
        }
        if self.copying {
            if self.bytes >= self.bytes_max {
                self.left = true;
                return;
            }
            self.copy(entry);
        }
        entry.set_epoch(self.epoch);
    }

    fn copy(&mut self, entry: &mut Entry) {
        match treatment(entry, self.whole) {
            Treatment::Open => {
                let hash = crate::hash::hash_key(self.hash_seed, entry.key());
                self.open
                    .open(Site { hash, ..self.site }, entry, self.images);
            }
            Treatment::Duplicate if entry.str().is_none() => {
                let (db, entry) = (self.site.cut_db, entry.duplicate());
                self.bytes += DUPLICATE_BYTES;
                self.images.push(Image::Entry { db, entry });
            }
            // A block that cannot end yet is not to grow without bounds.
            Treatment::Copy if self.block.is_overfull() => {
                let mut bytes = Vec::new();
                lay_out(entry, &mut bytes);
                self.bytes += bytes.len();
                self.images.push(Image::Laid {
                    db: self.site.cut_db,
                    hash: crate::hash::hash_key(self.hash_seed, entry.key()),
                    expires: entry.has_expiry(),
                    bytes,
                });
            }
            _ => {
                let before = self.block.copied_bytes();
                self.block.add(entry);
                self.bytes += self.block.copied_bytes() - before;
            }
        }
    }
}
