//! The directory: from a hash to the segment of its prefix.
//!
//! Extendible hashing in two levels. The root divides the hash space into one chunk, or into 256 once the table is
//! large; each chunk is an array of `1 << bits` words that grows and shrinks on its own. So the longest copy is a
//! 256th of the directory: some 16 KiB at a hundred million items. A segment whose depth is less than its chunk's
//! fills several neighbouring words, or several whole chunks.

use super::segment::{DEPTH_MAX, Segment};
use crate::entry::size_class;

const ROOT_BITS: u32 = 8;

pub(super) struct Directory {
    chunks: Box<[Chunk]>,
    /// 0 or [`ROOT_BITS`].
    root_bits: u32,
    /// The greatest `bits` of any chunk.
    bits_max: u32,
}

struct Chunk {
    words: Box<[Segment]>,
    bits: u32,
    /// Segments that fill exactly one word; the chunk shrinks when there are none.
    deepest: u32,
}

/// The top `bits` bits of `hash`, for `bits` of 0 too.
#[inline]
fn top(hash: u64, bits: u32) -> usize {
    ((hash >> 1) >> (63 - bits)) as usize
}

/// The first hash behind the prefix of `depth` bits that holds `hash`, or `None` at the end of the hash space.
pub(super) fn next_prefix(hash: u64, depth: u32) -> Option<u64> {
    if depth == 0 {
        return None;
    }
    let step = 1 << (64 - depth);
    (hash & !(step - 1)).checked_add(step)
}

/// The first hash of the prefix of `depth` bits that holds `hash`.
pub(super) fn prefix_start(hash: u64, depth: u32) -> u64 {
    if depth == 0 {
        0
    } else {
        hash & !((1 << (64 - depth)) - 1)
    }
}

impl Directory {
    pub(super) fn new() -> Directory {
        Directory::uniform(0)
    }

    /// `1 << depth` segments without items.
    pub(super) fn uniform(depth: u32) -> Directory {
        let root_bits = if depth > ROOT_BITS { ROOT_BITS } else { 0 };
        let bits = depth - root_bits;
        let chunks = (0..1 << root_bits).map(|_| Chunk {
            words: vec![Segment::vacuum(depth); 1 << bits].into_boxed_slice(),
            bits,
            deepest: 1 << bits,
        });
        Directory {
            chunks: chunks.collect(),
            root_bits,
            bits_max: bits,
        }
    }

    /// Whether it is as small as a new one.
    pub(super) fn is_single(&self) -> bool {
        self.root_bits + self.bits_max == 0
    }

    #[inline]
    pub(super) fn find(&self, hash: u64) -> Segment {
        let chunk = &self.chunks[top(hash, self.root_bits)];
        chunk.words[top(hash << self.root_bits, chunk.bits)]
    }

    /// Replaces the handle of the segment of `segment.depth()` bits that holds `hash`. The depth does not change.
    pub(super) fn update(&mut self, hash: u64, segment: Segment) {
        let depth = segment.depth();
        if depth < self.root_bits {
            let count = 1 << (self.root_bits - depth);
            let first = top(hash, self.root_bits) & !(count - 1);
            for chunk in &mut self.chunks[first..first + count] {
                chunk.words.fill(segment);
            }
            return;
        }
        let chunk = &mut self.chunks[top(hash, self.root_bits)];
        let count = 1 << (self.root_bits + chunk.bits - depth);
        let first = top(hash << self.root_bits, chunk.bits) & !(count - 1);
        chunk.words[first..first + count].fill(segment);
    }

    /// Whether a split of the segment that holds `hash` needs a longer chunk.
    pub(super) fn split_doubles(&self, hash: u64) -> bool {
        let chunk = &self.chunks[top(hash, self.root_bits)];
        self.find(hash).depth() == self.root_bits + chunk.bits
    }

    /// The length of all chunks together once the chunk of `hash` is doubled.
    pub(super) fn words_after_double(&self, hash: u64) -> usize {
        let words: usize = self.chunks.iter().map(|chunk| chunk.words.len()).sum();
        words + self.chunks[top(hash, self.root_bits)].words.len()
    }

    /// Replaces the segment that holds `hash` by the two halves of its range.
    pub(super) fn split(&mut self, hash: u64, low: Segment, high: Segment) {
        let depth = low.depth();
        debug_assert!(
            depth == high.depth() && depth <= DEPTH_MAX && self.find(hash).depth() + 1 == depth
        );
        if self.split_doubles(hash) {
            if self.root_bits == 0 && self.chunks[0].bits == ROOT_BITS {
                self.divide();
            }
            let chunk = &mut self.chunks[top(hash, self.root_bits)];
            chunk.double();
            self.bits_max = self.bits_max.max(chunk.bits);
        }
        let start = prefix_start(hash, depth - 1);
        self.update(start, low);
        self.update(start | 1 << (64 - depth), high);
        let chunk = &mut self.chunks[top(hash, self.root_bits)];
        if depth == self.root_bits + chunk.bits && chunk.bits > 0 {
            chunk.deepest += 2;
        }
    }

    /// Replaces the segment that holds `hash` and its buddy by one of their common prefix.
    pub(super) fn merge(&mut self, hash: u64, merged: Segment) {
        let depth = merged.depth() + 1;
        self.update(hash, merged);
        let root_bits = self.root_bits;
        let chunk = &mut self.chunks[top(hash, self.root_bits)];
        if depth == root_bits + chunk.bits && chunk.bits > 0 {
            chunk.deepest -= 2;
            if chunk.deepest == 0 {
                chunk.halve(root_bits);
                self.bits_max = self.widest();
            }
        }
    }

    /// From one chunk of 256 words to 256 chunks of one.
    fn divide(&mut self) {
        let words = &self.chunks[0].words;
        self.chunks = words
            .iter()
            .map(|segment| Chunk {
                words: Box::new([*segment]),
                bits: 0,
                deepest: 0,
            })
            .collect();
        self.root_bits = ROOT_BITS;
        self.bits_max = 0;
    }

    fn widest(&self) -> u32 {
        self.chunks
            .iter()
            .map(|chunk| chunk.bits)
            .max()
            .unwrap_or(0)
    }

    /// No segment is deeper than this.
    pub(super) fn depth_max(&self) -> u32 {
        self.root_bits + self.bits_max
    }

    /// Bytes of the heap.
    pub(super) fn bytes(&self) -> usize {
        let words = self
            .chunks
            .iter()
            .map(|chunk| size_class(size_of_val(&*chunk.words)));
        size_class(size_of_val(&*self.chunks)) + words.sum::<usize>()
    }

    /// Visits each segment once, in hash order, with the first hash of its range.
    pub(super) fn for_each(&self, mut visit: impl FnMut(u64, Segment)) {
        let mut position = Some(0);
        while let Some(start) = position {
            let segment = self.find(start);
            visit(start, segment);
            position = next_prefix(start, segment.depth());
        }
    }

    /// Takes every chunk from `other` in which this directory has no item. False, without any change, when the
    /// two are not divided alike or some chunk has items in both.
    pub(super) fn absorb(&mut self, other: &mut Directory) -> bool {
        let idle = |chunk: &Chunk| chunk.words.iter().all(|segment| segment.count() == 0);
        let whole = |chunk: &Chunk| {
            chunk
                .words
                .iter()
                .all(|segment| segment.depth() >= ROOT_BITS)
        };
        let alike =
            self.root_bits == ROOT_BITS
                && other.root_bits == ROOT_BITS
                && self.chunks.iter().zip(&other.chunks).all(|(mine, theirs)| {
                    whole(mine) && whole(theirs) && (idle(mine) || idle(theirs))
                });
        if alike {
            for (mine, theirs) in self.chunks.iter_mut().zip(&mut other.chunks) {
                if !idle(theirs) {
                    std::mem::swap(mine, theirs);
                }
            }
            self.bits_max = self.widest();
            other.bits_max = other.widest();
        }
        alike
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        assert_eq!(self.bits_max, self.widest());
        for (index, chunk) in self.chunks.iter().enumerate() {
            let full_depth = self.root_bits + chunk.bits;
            assert_eq!(chunk.words.len(), 1 << chunk.bits);
            let deepest = chunk
                .words
                .iter()
                .filter(|segment| segment.depth() == full_depth)
                .count();
            assert!(
                chunk.bits == 0 || (deepest == chunk.deepest as usize && deepest > 0),
                "chunk {index}"
            );
        }
        self.for_each(|start, segment| {
            let next = next_prefix(start, segment.depth());
            let last = next.map_or(u64::MAX, |next| next - 1);
            assert!(
                self.find(last) == segment,
                "a segment owns every word of its range"
            );
        });
    }
}

impl Chunk {
    fn double(&mut self) {
        self.words = self
            .words
            .iter()
            .flat_map(|segment| [*segment, *segment])
            .collect();
        self.bits += 1;
        self.deepest = 0;
    }

    fn halve(&mut self, root_bits: u32) {
        while self.bits > 0 && self.deepest == 0 {
            self.words = self.words.iter().copied().step_by(2).collect();
            self.bits -= 1;
            let full_depth = root_bits + self.bits;
            self.deepest = self
                .words
                .iter()
                .filter(|segment| segment.depth() == full_depth)
                .count() as u32;
        }
    }
}
