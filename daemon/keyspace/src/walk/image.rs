//! Images: what a walk needs of the state at its cut and a writer, or the walk itself, has set aside.
//!
//! An entry that was about to change is an image as a whole. A large value is imaged in parts: first that it was
//! *opened*, with the key as it was at the cut, then elements, and at last that it is complete. Images are laid out in
//! side blocks outside of the engine lock, in the order in which they were queued.

use esker_format::UnixMs;

use crate::entry::{Entry, Kind};

/// A key with a large value, as it was at the cut.
#[derive(Debug)]
pub struct Opened {
    /// The number by which its elements are known. Never used twice.
    pub number: u64,
    /// The database by its number at the cut.
    pub db: u32,
    pub key: Box<[u8]>,
    pub expire_at: Option<UnixMs>,
    pub access: u32,
    pub kind: Kind,
}

/// See the module's header.
#[derive(Debug)]
pub enum Image {
    /// An entry, whole.
    Entry {
        /// The database by its number at the cut.
        db: u32,
        entry: Entry,
    },
    /// An entry that is laid out already, with the hash of its key.
    Laid {
        /// The database by its number at the cut.
        db: u32,
        hash: u64,
        expires: bool,
        bytes: Vec<u8>,
    },
    /// The elements of a large value follow.
    Opened(Box<Opened>),
    /// Elements of the value with this number, laid out one behind the other.
    Elements { number: u64, bytes: Vec<u8> },
    /// The value with this number was deleted: its old elements are the rest.
    Rest { number: u64, entry: Entry },
    /// Nothing more will come of the value with this number.
    Closed { number: u64 },
}

impl Image {
    /// What it holds in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Image>()
            + match self {
                Image::Entry { entry, .. } | Image::Rest { entry, .. } => entry.heap_bytes(),
                Image::Laid { bytes, .. } | Image::Elements { bytes, .. } => bytes.capacity(),
                Image::Opened(opened) => size_of::<Opened>() + opened.key.len(),
                Image::Closed { .. } => 0,
            }
    }

    /// The entry in it, whose memory may be much.
    pub(super) fn into_entry(self) -> Option<Entry> {
        match self {
            Image::Entry { entry, .. } | Image::Rest { entry, .. } => Some(entry),
            _ => None,
        }
    }
}
