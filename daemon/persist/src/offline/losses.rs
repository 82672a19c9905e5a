//! What a repair leaves out, in as much detail as can be known.

use esker_format::{Lsn, UnixMs};

use super::LostBlock;

/// Entries that a list keeps; the rest is counted.
const LIST_MAX: usize = 10_000;

/// A list that keeps its first entries and counts all.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    pub first: Vec<T>,
    pub count: u64,
}

impl<T> Default for Listed<T> {
    fn default() -> Listed<T> {
        Listed {
            first: Vec::new(),
            count: 0,
        }
    }
}

impl<T> Listed<T> {
    pub(super) fn push(&mut self, entry: T) {
        self.count += 1;
        if self.first.len() < LIST_MAX {
            self.first.push(entry);
        }
    }
}

/// Log positions of which no payload can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostRange {
    pub from: Lsn,
    pub to: Lsn,
    /// When the last frame before was built, and the first behind, if there is one.
    pub after: UnixMs,
    pub before: Option<UnixMs>,
}

/// An effect that stands in damaged bytes, as far as it can be read. It was not applied, and may not be what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedEffect {
    pub segment: u64,
    pub offset: u64,
    pub lsn: Option<Lsn>,
    pub db: Option<u32>,
    pub name: &'static str,
    pub key: Vec<u8>,
}

/// A sound effect that does not fit what is left of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedEffect {
    pub lsn: Lsn,
    pub db: u32,
    pub name: &'static str,
    pub key: Vec<u8>,
    pub why: String,
}

/// A key of the snapshot of which pieces are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialKey {
    pub db: u32,
    pub key: Vec<u8>,
    /// Whether the rest of it was kept.
    pub kept: bool,
}

/// Everything that is missing or in doubt.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    /// The snapshot as a whole, and why.
    pub snapshot: Option<String>,
    /// Blocks of the snapshot.
    pub blocks: Vec<LostBlock>,
    /// Keys that were partly in these blocks.
    pub partial: Listed<PartialKey>,
    /// Damage to the snapshot that costs nothing: offset and what.
    pub mended: Vec<(u64, String)>,
    pub ranges: Vec<LostRange>,
    pub dropped: Listed<DroppedEffect>,
    pub skipped: Listed<SkippedEffect>,
    /// Keys that were changed behind the damage in a way that builds upon what they held, which may have been lost.
    pub doubtful: Listed<(u32, Vec<u8>)>,
}

impl Losses {
    /// Whether anything is missing. Damage that was made up for does not count.
    pub fn any(&self) -> bool {
        self.snapshot.is_some() || !self.blocks.is_empty() || !self.ranges.is_empty()
    }

    /// The keys that the lost blocks held.
    pub fn snapshot_keys(&self) -> u64 {
        self.blocks.iter().map(|block| block.keys).sum()
    }

    /// The first position behind which the history is not whole any more; `cut` is that of the snapshot.
    pub fn first_lsn(&self, cut: Lsn) -> Option<Lsn> {
        let of_snapshot = (self.snapshot.is_some() || !self.blocks.is_empty()).then_some(cut);
        of_snapshot.or_else(|| self.ranges.first().map(|range| range.from))
    }
}
