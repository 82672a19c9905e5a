//! The words of an effect on a collection: as many as it needs, borrowed from where they are.
//!
//! Who records an effect has them as slices; who reads a log has them as RESP bulk strings that the decoder found
//! well formed. Both look the same from outside, and two of equal words are equal.

use super::{bulk, put_bulk};
use crate::cursor::Fault;

/// The words behind the key of an effect.
#[derive(Clone, Copy)]
pub struct Words<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    Slices(&'a [&'a [u8]]),
    /// `count` bulk strings in canonical spelling, checked when they were read.
    Bulks {
        bytes: &'a [u8],
        count: usize,
    },
}

impl<'a> Words<'a> {
    /// The words to record.
    pub fn new(words: &'a [&'a [u8]]) -> Words<'a> {
        Words(Source::Slices(words))
    }

    /// Reads `count` bulk strings; returns them and what follows.
    pub(super) fn decode(bytes: &'a [u8], count: usize) -> Result<(Words<'a>, &'a [u8]), Fault> {
        let mut rest = bytes;
        for _ in 0..count {
            (_, rest) = bulk(rest)?;
        }
        let used = bytes.len() - rest.len();
        let bytes = bytes.get(..used).unwrap_or_default();
        Ok((Words(Source::Bulks { bytes, count }), rest))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self.0 {
            Source::Slices(words) => words.len(),
            Source::Bulks { count, .. } => count,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One after the other. Cheap to begin, and begun as often as needed.
    pub fn iter(&self) -> Iter<'a> {
        Iter(self.0)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self.0 {
            Source::Slices(words) => {
                out.reserve(words.iter().map(|word| word.len() + 16).sum::<usize>());
                words.iter().for_each(|word| put_bulk(out, word));
            }
            Source::Bulks { bytes, .. } => out.extend_from_slice(bytes),
        }
    }
}

impl<'a> IntoIterator for Words<'a> {
    type Item = &'a [u8];
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// See [`Words::iter`].
#[derive(Clone)]
pub struct Iter<'a>(Source<'a>);

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        match &mut self.0 {
            Source::Slices(words) => {
                let (first, rest) = words.split_first()?;
                *words = rest;
                Some(first)
            }
            Source::Bulks { bytes, count } => {
                *count = count.checked_sub(1)?;
                let (word, rest) = bulk(bytes).ok()?;
                *bytes = rest;
                Some(word)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = Words(self.0).len();
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl PartialEq for Words<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Words<'_> {}

impl std::fmt::Debug for Words<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|word| word.escape_ascii().to_string()))
            .finish()
    }
}
