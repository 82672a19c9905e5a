//! The checksum of the native files: CRC-32 (IEEE) started from a seed that says *whose* bytes these are.
//!
//! The seed is the CRC-32 of dataset id, kind of file and file number. CRC-32 started from different seeds
//! gives different sums for equal bytes, always: the state evolves by an invertible map. Two numbers less
//! than 2^32 apart never share a seed: they differ in one burst of at most 32 bits. So a frame left over in
//! a recycled segment is not merely unlikely to validate under the new number, it cannot.

use crate::DatasetId;

/// Which family of files a checksum belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A log segment.
    Segment,
    /// A snapshot.
    Snapshot,
}

/// The start value of all checksums of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u32);

impl Seed {
    /// The seed for file `number` of `kind` in `dataset`.
    pub fn new(dataset: DatasetId, kind: FileKind, number: u64) -> Seed {
        let kind: u8 = match kind {
            FileKind::Segment => b'L',
            FileKind::Snapshot => b'S',
        };
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&dataset.0);
        hasher.update(&[kind]);
        hasher.update(&number.to_le_bytes());
        Seed(hasher.finalize())
    }

    /// The seed of a log segment.
    pub fn segment(dataset: DatasetId, number: u64) -> Seed {
        Seed::new(dataset, FileKind::Segment, number)
    }

    /// The seed of a snapshot.
    pub fn snapshot(dataset: DatasetId, number: u64) -> Seed {
        Seed::new(dataset, FileKind::Snapshot, number)
    }

    /// The checksum of `bytes`.
    pub fn sum(self, bytes: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.0);
        hasher.update(bytes);
        hasher.finalize()
    }

    /// The checksum of `bytes` that stand at `offset` of the file: the same bytes elsewhere do not match.
    pub fn sum_at(self, bytes: &[u8], offset: u64) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.0);
        hasher.update(bytes);
        hasher.update(&offset.to_le_bytes());
        hasher.finalize()
    }
}

/// The unseeded checksum, for the manifest: it is what tells a reader the dataset id in the first place.
pub fn plain(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}
