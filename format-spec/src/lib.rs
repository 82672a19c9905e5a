//! What Esker's bytes mean.
//!
//! This crate holds every layout that reaches a disk or a wire on behalf of the store: the frames and
//! segments of the log, the blocks of a snapshot, the manifest, the vocabulary of effects, and the parts
//! of Redis' own formats that the store reads and writes. The written specification lies beside it
//! (`format-spec/README.md`); a test compares its tables with the constants here.
//!
//! It is pure: no files, no clock, no threads, no randomness. It decides nothing: it returns values, or a
//! [`verdict::Verdict`] that names file, offset and position. Readers never modify what they read.
//!
//! Every decoder takes bytes that nobody vouches for. It never panics on them and never allocates more
//! than a small constant times the length of its input, unless its documentation says otherwise.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod crc;
pub mod cursor;
pub mod names;
pub mod native;
pub mod record;
pub mod redis;
mod stream_id;
pub mod text;
pub mod units;
pub mod verdict;

/// The text of a score, as replies, listpacks and effects have it.
pub use esker_resp::write_double;

use std::fmt;

pub use stream_id::{IdText, StreamId};

/// A position in the log: payload bytes that were logged before it since the dataset was born.
///
/// It never repeats within a dataset. Ranges are half open: a frame with first LSN `a` and `n` bytes of
/// payload holds `[a, a + n)`, and "durable up to `d`" means every byte below `d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The position before the first byte of a dataset.
    pub const ZERO: Lsn = Lsn(0);

    /// The position `bytes` further on; saturates, so that a forged header cannot wrap it around.
    #[must_use]
    pub fn advance(self, bytes: u64) -> Lsn {
        Lsn(self.0.saturating_add(bytes))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMs(pub i64);

impl fmt::Display for UnixMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a dataset: sixteen random bytes chosen when it is born.
///
/// It seeds every checksum of the native files, so a file of another dataset never validates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DatasetId(pub [u8; 16]);

impl fmt::Display for DatasetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
