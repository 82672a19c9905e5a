//! The walk: an image of all databases at one moment, taken while commands go on.
//!
//! The cut bumps the epoch, which is all that happens at that moment. An entry whose epoch is not the current one
//! is *old*: it existed at the cut, unchanged since, and is not copied yet. The walk copies old entries segment by
//! segment in short steps and gives them the current epoch. Whoever changes an old entry first queues its image.
//! New entries are never old. So each key of the cut is copied exactly once: by the walk, or as an image.
//!
//! A large value is not copied at once but *opened*, by whoever meets its old entry first; from there on the same holds
//! for its elements (`large`), which the walk passes before anything else. Long lists and streams share their nodes
//! with their image.
//!
//! Invariants
//! - Entries are old only while a walk is under way, and values are open only then; therefore no cut is made before the
//!   last walk has passed everything. An aborted walk goes on as a *sweep* that only sets epochs.
//! - An image is queued under the database number and key that it had at the cut. A table remembers its number
//!   (`cut_db`), and the walk finds tables by identity, so SWAPDB changes nothing for it.
//! - A flushed table that the walk has not finished is handed to it whole.
//! - Segments may split between steps; positions are hashes, so none is passed twice or left out.
//!
//! Files: `step` what the walk does · `large` large values and their elements · `open` those that are open · `image`
//! and `queue` what is set aside.

mod image;
mod large;
mod open;
mod queue;
mod step;

use std::collections::VecDeque;

use crate::block::lay_out;
use crate::db::{Db, Garbage};
use crate::entry::{Entry, Kind, StrRef};

pub use image::{Image, Opened};
pub use large::{Elements, Large, LargeItem, LargeTable};
pub(crate) use open::{Site, pass_rest};
pub use step::{Budget, Cut, Step};

use open::{OpenValues, opened};
use queue::Images;

const EPOCHS: u8 = 4;

const WHOLE: Whole = Whole {
    elements: 512,
    bytes: 64 << 10,
};

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

/// How an old entry is imaged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// Laid out at once.
    Copy,
    /// Its value shares what is long, and is laid out outside of the lock.
    Duplicate,
    /// Opened.
    Open,
}

/// The walk's state within the keyspace.
pub(crate) struct Snap {
    epoch: u8,
    state: State,
    places: VecDeque<Place>,
    /// Where the first place is to be continued.
    pos: u64,
    /// The end of a segment of the first place that was copied in part: no block ends before it.
    within: Option<u64>,
    open: OpenValues,
    images: Images,
    whole: Whole,
}

/// A collection of no more elements and bytes is copied at once.
#[derive(Clone, Copy)]
struct Whole {
    elements: usize,
    bytes: usize,
}

impl Default for Snap {
    fn default() -> Snap {
        Snap {
            epoch: 0,
            state: State::Idle,
            places: VecDeque::new(),
            pos: 0,
            within: None,
            open: OpenValues::default(),
            images: Images::default(),
            whole: WHOLE,
        }
    }
}

impl Snap {
    #[inline]
    pub(crate) fn is_old(&self, entry: &Entry) -> bool {
        entry.epoch() != self.epoch
    }

    /// Marks an entry of a new value that comes into a table.
    #[inline]
    pub(crate) fn admit(&self, entry: &Entry) {
        entry.set_epoch(self.epoch);
    }

    /// As [`Snap::admit`], for a value that may have been elsewhere before.
    #[inline]
    pub(crate) fn admit_value(&mut self, site: Site, entry: &Entry) {
        self.admit(entry);
        if !self.open.is_empty()
            && let Some(number) = opened(entry)
        {
            self.open.settle(number, site, entry.key());
        }
    }

    /// Takes an entry that leaves its table for good if the walk still needs it, else gives it back.
    #[inline]
    pub(crate) fn donate(&mut self, cut_db: u32, entry: Entry) -> Option<Entry> {
        if self.state == State::Idle {
            return Some(entry);
        }
        let copying = self.state == State::Walking;
        if !self.open.is_empty()
            && let Some(number) = opened(&entry)
        {
            let images = copying.then_some(&mut self.images);
            return self.open.leave(number, entry, images);
        }
        if !copying || !self.is_old(&entry) {
            return Some(entry);
        }
        self.queue(cut_db, entry);
        None
    }

    /// Sees to the image of an entry that is about to change in place or to change its name. What it holds may be
    /// opened: then its elements are still to be asked for.
    #[inline]
    pub(crate) fn before_change(&mut self, site: Site, entry: &mut Entry) {
        if self.is_old(entry) {
            self.image(site, entry);
            entry.set_epoch(self.epoch);
        }
    }

    #[cold]
    fn image(&mut self, site: Site, entry: &mut Entry) {
        if self.state != State::Walking {
            return;
        }
        match treatment(entry, self.whole) {
            Treatment::Duplicate => self.queue(site.cut_db, entry.duplicate()),
            Treatment::Open => self.open.open(site, entry, &mut self.images),
            Treatment::Copy => {
                let mut bytes = Vec::new();
                lay_out(entry, &mut bytes);
                self.images.push(Image::Laid {
                    db: site.cut_db,
                    hash: site.hash,
                    expires: entry.has_expiry(),
                    bytes,
                });
            }
        }
    }

    #[cold]
    fn queue(&mut self, cut_db: u32, entry: Entry) {
        debug_assert!(cut_db != u32::MAX, "an old entry is in a table of the cut");
        self.images.push(Image::Entry { db: cut_db, entry });
    }

    /// Queues the image of one element of an open value.
    fn queue_element(&mut self, number: u64, encode: impl FnOnce(&mut Vec<u8>)) {
        if self.state == State::Walking {
            self.images.add_elements(number, encode);
        }
    }

    /// Takes a flushed table as far as the walk still needs it; the rest is garbage.
    pub(crate) fn detach_db(&mut self, mut db: Db, garbage: &mut Garbage) {
        let copying = self.state == State::Walking;
        let images = copying.then_some(&mut self.images);
        garbage.discard_all(self.open.leave_table(&mut db, images).into_iter());
        let is_it = |place: &&mut Place| matches!(place.table, TableRef::Live(id) if id == db.id);
        match self.places.iter_mut().find(is_it) {
            Some(place) if copying => place.table = TableRef::Detached(db),
            _ => garbage.discard_db(db),
        }
    }
}

fn treatment(entry: &Entry, whole: Whole) -> Treatment {
    if let Some(string) = entry.str() {
        return match string {
            StrRef::Blob(_) => Treatment::Duplicate,
            StrRef::Int(_) | StrRef::Bytes(_) => Treatment::Copy,
        };
    }
    let value = entry.value().expect("what is no string is a collection");
    let long = value.heap_bytes() > whole.bytes;
    match entry.kind() {
        Kind::List | Kind::Stream if long => Treatment::Duplicate,
        Kind::List | Kind::Stream => Treatment::Copy,
        _ if value.large().is_some() && (long || value.elements() > whole.elements) => {
            Treatment::Open
        }
        _ => Treatment::Copy,
    }
}
