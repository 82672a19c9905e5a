//! A listpack that can be changed in place. Layout and encodings: `esker_format::redis::listpack`.
//!
//! A position is the offset of an element's first byte, or of the end mark. Changes keep the positions before them
//! and move those behind. Nothing here allocates but the bytes themselves.

use std::fmt;
use std::ops::Range;

use esker_format::cursor::Fault;
use esker_format::redis::listpack::{self as codec, Encoded, HEADER_BYTES, Item};

use super::ThinBytes;

/// The offset of an element, or of the end mark.
pub type Pos = usize;

/// See the module's header.
#[derive(Clone, PartialEq, Eq)]
pub struct Listpack(ThinBytes);

impl Default for Listpack {
    fn default() -> Listpack {
        Listpack::new()
    }
}

impl Listpack {
    pub fn new() -> Listpack {
        Listpack(ThinBytes::from_slice(&codec::EMPTY))
    }

    /// Takes bytes that nobody vouches for.
    pub fn from_bytes(bytes: &[u8]) -> Result<Listpack, Fault> {
        codec::validate(bytes)?;
        Ok(Listpack(ThinBytes::from_slice(bytes)))
    }

    /// Takes bytes that nobody vouches for.
    pub fn from_vec(bytes: Vec<u8>) -> Result<Listpack, Fault> {
        Listpack::from_bytes(&bytes)
    }

    /// The listpack of `values`, in order.
    pub fn from_values<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Listpack {
        let mut builder = codec::Builder::new();
        for value in values {
            builder.push(Item::Bytes(value));
        }
        Listpack(ThinBytes::from_slice(&builder.finish()))
    }

    /// The whole listpack with header and end mark.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Number of elements. Counts them when there are more than the header can say.
    #[inline]
    pub fn len(&self) -> usize {
        codec::header_count(self.bytes()).unwrap_or_else(|| self.iter().count())
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.end() == HEADER_BYTES
    }

    /// Size of the listpack in bytes.
    #[inline]
    pub fn byte_len(&self) -> usize {
        self.0.len()
    }

    /// Size of the allocation.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    /// How many bytes `value` takes as an element.
    #[inline]
    pub fn entry_bytes(value: &[u8]) -> usize {
        Encoded::new(value).size()
    }

    /// Whether the listpack with `more_bytes` of elements is at most `bytes_max` long.
    #[inline]
    pub fn fits(&self, more_bytes: usize, bytes_max: usize) -> bool {
        self.byte_len().saturating_add(more_bytes) <= bytes_max
    }

    // Places.

    /// The position of the end mark.
    #[inline]
    pub fn end(&self) -> Pos {
        self.0.len() - 1
    }

    #[inline]
    pub fn first(&self) -> Option<Pos> {
        (!self.is_empty()).then_some(HEADER_BYTES)
    }

    #[inline]
    pub fn last(&self) -> Option<Pos> {
        self.prev(self.end())
    }

    /// The element behind the one at `pos`.
    #[inline]
    pub fn next(&self, pos: Pos) -> Option<Pos> {
        let next = self.behind(pos);
        (next < self.end()).then_some(next)
    }

    /// The element before `pos`, which may be the end.
    #[inline]
    pub fn prev(&self, pos: Pos) -> Option<Pos> {
        let (size, tail) = codec::back_length(&self.bytes()[HEADER_BYTES..pos])?;
        pos.checked_sub(size + tail)
    }

    /// Where the element at `pos` ends.
    #[inline]
    fn behind(&self, pos: Pos) -> Pos {
        let size = codec::element_bytes(&self.bytes()[pos..]).expect("an element at this position");
        pos + size + codec::back_length_bytes(size)
    }

    /// The element with that index, from the nearer end.
    pub fn seek(&self, index: usize) -> Option<Pos> {
        let from_end = match codec::header_count(self.bytes()) {
            Some(count) if index >= count => return None,
            Some(count) if index > count / 2 => Some(count - index),
            _ => None,
        };
        match from_end {
            Some(steps) => {
                let mut pos = self.end();
                for _ in 0..steps {
                    pos = self.prev(pos)?;
                }
                Some(pos)
            }
            None => {
                let mut pos = self.first()?;
                for _ in 0..index {
                    pos = self.next(pos)?;
                }
                Some(pos)
            }
        }
    }

    // Elements.

    /// The element at `pos`.
    #[inline]
    pub fn at(&self, pos: Pos) -> Item<'_> {
        let (item, _) = codec::decode(&self.bytes()[pos..]).expect("an element at this position");
        item
    }

    /// The elements from `from` on, looked at one, passed over `skip`, and so on: the first that is `value`.
    #[inline]
    pub fn find(&self, from: Pos, value: &[u8], skip: usize) -> Option<Pos> {
        let bytes = &self.bytes()[..self.end()];
        let wanted = Item::of(value);
        let mut pos = from;
        while pos < bytes.len() {
            let (item, size) = codec::decode(&bytes[pos..]).expect("an element at this position");
            let found = match (item, wanted) {
                (Item::Bytes(bytes), _) => bytes == value,
                (Item::Int(int), Item::Int(wanted)) => int == wanted,
                (Item::Int(_), Item::Bytes(_)) => false,
            };
            if found {
                return Some(pos);
            }
            pos += size + codec::back_length_bytes(size);
            for _ in 0..skip {
                if pos >= bytes.len() {
                    return None;
                }
                pos = self.behind(pos);
            }
        }
        None
    }

    pub fn iter(&self) -> Iter<'_> {
        self.iter_from(HEADER_BYTES)
    }

    /// The elements from `pos` on.
    #[inline]
    pub fn iter_from(&self, pos: Pos) -> Iter<'_> {
        Iter {
            rest: &self.bytes()[pos..self.end()],
        }
    }

    /// The elements from the last to the first.
    pub fn iter_rev(&self) -> IterRev<'_> {
        self.iter_rev_from(self.end())
    }

    /// The elements before `pos`, the nearest first.
    #[inline]
    pub fn iter_rev_from(&self, pos: Pos) -> IterRev<'_> {
        IterRev {
            rest: &self.bytes()[HEADER_BYTES..pos],
        }
    }

    // Changes.

    /// Puts `value` before the element at `at`, or at the end; returns where it is.
    #[inline]
    pub fn insert(&mut self, at: Pos, value: &[u8]) -> Pos {
        self.put(at..at, Encoded::new(value), 1);
        at
    }

    /// As [`insert`](Self::insert), of an element.
    #[inline]
    pub fn insert_item(&mut self, at: Pos, item: Item<'_>) -> Pos {
        self.put(at..at, Encoded::item(item), 1);
        at
    }

    #[inline]
    pub fn push_back(&mut self, value: &[u8]) {
        self.insert(self.end(), value);
    }

    #[inline]
    pub fn push_back_int(&mut self, int: i64) {
        self.insert_item(self.end(), Item::Int(int));
    }

    #[inline]
    pub fn push_front(&mut self, value: &[u8]) {
        self.insert(HEADER_BYTES, value);
    }

    /// Puts `value` in the place of the element at `pos`.
    #[inline]
    pub fn replace(&mut self, pos: Pos, value: &[u8]) {
        self.put(pos..self.behind(pos), Encoded::new(value), 0);
    }

    #[inline]
    pub fn replace_int(&mut self, pos: Pos, int: i64) {
        self.put(pos..self.behind(pos), Encoded::int(int), 0);
    }

    /// Takes out the element at `pos`; the next one is then there.
    #[inline]
    pub fn remove(&mut self, pos: Pos) {
        self.cut(pos..self.behind(pos), 1);
    }

    /// Takes out `count` elements at `pos`, or as many as there are; the next one is then there.
    pub fn remove_at(&mut self, pos: Pos, count: usize) {
        let (mut end, mut removed) = (pos, 0);
        while removed < count && end < self.end() {
            end = self.behind(end);
            removed += 1;
        }
        self.cut(pos..end, removed);
    }

    /// Takes out `count` elements from that index on, or as many as there are.
    pub fn remove_range(&mut self, index: usize, count: usize) {
        if let Some(pos) = self.seek(index) {
            self.remove_at(pos, count);
        }
    }

    /// Takes the elements from `pos` on into a listpack of their own.
    pub fn split_off(&mut self, pos: Pos) -> Listpack {
        let mut bytes = ThinBytes::from_slice(&codec::EMPTY);
        bytes.splice(HEADER_BYTES..HEADER_BYTES, &self.bytes()[pos..self.end()]);
        let mut tail = Listpack(bytes);
        let count = tail.iter().count();
        tail.set_header(count);
        self.cut(pos..self.end(), count);
        tail
    }

    /// Appends the elements of `other`.
    pub fn append(&mut self, other: &Listpack) {
        let count = self.len() + other.len();
        let end = self.end();
        self.0
            .splice(end..end, &other.bytes()[HEADER_BYTES..other.end()]);
        self.set_header(count);
    }

    /// Replaces a range of whole elements by one, `added` more than before.
    #[inline]
    fn put(&mut self, range: Range<Pos>, encoded: Encoded<'_>, added: usize) {
        assert!(
            HEADER_BYTES <= range.start && range.end <= self.end(),
            "the position of an element or the end"
        );
        let count = codec::header_count(self.bytes());
        self.0.splice_parts(range, encoded.parts());
        match count {
            Some(count) => self.set_header(count + added),
            None => self.set_total(),
        }
    }

    #[inline]
    fn cut(&mut self, range: Range<Pos>, removed: usize) {
        assert!(
            HEADER_BYTES <= range.start && range.end <= self.end(),
            "the position of an element or the end"
        );
        let count = codec::header_count(self.bytes());
        self.0.splice(range, &[]);
        match count {
            Some(count) => self.set_header(count - removed),
            None => {
                let count = self.iter().count();
                self.set_header(count);
            }
        }
    }

    #[inline]
    fn set_header(&mut self, count: usize) {
        let field = codec::count_field(count).to_le_bytes();
        self.0.as_mut_slice()[4..HEADER_BYTES].copy_from_slice(&field);
        self.set_total();
    }

    #[inline]
    fn set_total(&mut self) {
        let total = self.0.len() as u32;
        self.0.as_mut_slice()[..4].copy_from_slice(&total.to_le_bytes());
    }

    // The word.

    /// Gives the allocation away as an address of 48 bits.
    #[inline]
    pub fn into_thin(self) -> ThinBytes {
        self.0
    }

    /// Takes back what [`into_thin`](Self::into_thin) gave away.
    #[inline]
    pub fn from_thin(bytes: ThinBytes) -> Listpack {
        Listpack(bytes)
    }
}

impl fmt::Debug for Listpack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a Listpack {
    type Item = Item<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The elements in order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (item, size) = codec::decode(self.rest).expect("an element behind an element");
        self.rest = &self.rest[size + codec::back_length_bytes(size)..];
        Some(item)
    }
}

/// The elements from the last to the first.
#[derive(Clone, Debug)]
pub struct IterRev<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for IterRev<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        let (size, tail) = codec::back_length(self.rest)?;
        let (rest, element) = self.rest.split_at(self.rest.len() - size - tail);
        self.rest = rest;
        let (item, _) = codec::decode(element).expect("an element before an element");
        Some(item)
    }
}

#[cfg(test)]
#[path = "listpack/tests.rs"]
mod tests;
