//! A set of integers as a sorted array. Layout: `esker_format::redis::intset`.
//!
//! All integers have the width of the widest that was ever inserted, as Redis keeps them: removing never narrows.

use std::fmt;

use esker_format::cursor::Fault;
use esker_format::redis::intset::{self as codec, HEADER_BYTES, Width};

use super::ThinBytes;

/// See the module's header.
#[derive(Clone, PartialEq, Eq)]
pub struct Intset(ThinBytes);

impl Default for Intset {
    fn default() -> Intset {
        Intset::new()
    }
}

impl Intset {
    pub fn new() -> Intset {
        Intset(ThinBytes::from_slice(&codec::EMPTY))
    }

    /// Takes bytes that nobody vouches for.
    pub fn from_bytes(bytes: &[u8]) -> Result<Intset, Fault> {
        codec::validate(bytes)?;
        Ok(Intset(ThinBytes::from_slice(bytes)))
    }

    /// Takes bytes that nobody vouches for.
    pub fn from_vec(bytes: Vec<u8>) -> Result<Intset, Fault> {
        Intset::from_bytes(&bytes)
    }

    /// The whole intset with its header.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Number of integers.
    #[inline]
    pub fn len(&self) -> usize {
        self.body().len() / self.width().bytes()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.body().is_empty()
    }

    /// Size of the allocation.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    #[inline]
    fn body(&self) -> &[u8] {
        &self.bytes()[HEADER_BYTES..]
    }

    #[inline]
    fn width(&self) -> Width {
        let field = self.bytes()[0];
        Width::from_field(u32::from(field)).expect("a width that was validated")
    }

    /// The integer with that index, in rising order.
    #[inline]
    pub fn get(&self, index: usize) -> Option<i64> {
        let width = self.width();
        let body = self.body();
        if index >= body.len() / width.bytes() {
            return None;
        }
        width.decode(&body[index * width.bytes()..])
    }

    /// The index of `int`, or the index that it would have.
    #[inline]
    fn search(&self, int: i64) -> Result<usize, usize> {
        let (width, body) = (self.width(), self.body());
        let at = |index: usize| {
            width
                .decode(&body[index * width.bytes()..])
                .expect("an index below the length")
        };
        let (mut low, mut high) = (0, body.len() / width.bytes());
        // Integers that come in order are the common case.
        if high > 0 && int > at(high - 1) {
            return Err(high);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            match at(middle).cmp(&int) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// The index of `int`.
    #[inline]
    pub fn position(&self, int: i64) -> Option<usize> {
        self.search(int).ok()
    }

    #[inline]
    pub fn contains(&self, int: i64) -> bool {
        self.search(int).is_ok()
    }

    /// Returns whether it was not there.
    pub fn insert(&mut self, int: i64) -> bool {
        let width = self.width();
        if Width::of(int) > width {
            self.widen(int);
            return true;
        }
        let Err(index) = self.search(int) else {
            return false;
        };
        let at = HEADER_BYTES + index * width.bytes();
        self.0.splice(at..at, &int.to_le_bytes()[..width.bytes()]);
        self.set_count();
        true
    }

    /// Inserts an integer that is wider than all others: it is then the first or the last.
    fn widen(&mut self, int: i64) {
        let mut ints = Vec::with_capacity(self.len() + 1);
        ints.extend(self.iter());
        ints.insert(if int < 0 { 0 } else { ints.len() }, int);
        self.0 = ThinBytes::from_slice(&codec::build(&ints));
    }

    /// Returns whether it was there.
    pub fn remove(&mut self, int: i64) -> bool {
        let Ok(index) = self.search(int) else {
            return false;
        };
        let width = self.width().bytes();
        let at = HEADER_BYTES + index * width;
        self.0.splice(at..at + width, &[]);
        self.set_count();
        true
    }

    fn set_count(&mut self) {
        let count = self.len() as u32;
        self.0.as_mut_slice()[4..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
    }

    /// The integers in rising order.
    pub fn iter(&self) -> IntsetIter<'_> {
        IntsetIter {
            width: self.width(),
            rest: self.body(),
        }
    }

    /// Gives the allocation away.
    #[inline]
    pub fn into_thin(self) -> ThinBytes {
        self.0
    }

    /// Takes back what [`into_thin`](Self::into_thin) gave away.
    #[inline]
    pub fn from_thin(bytes: ThinBytes) -> Intset {
        Intset(bytes)
    }
}

impl fmt::Debug for Intset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a Intset {
    type Item = i64;
    type IntoIter = IntsetIter<'a>;

    fn into_iter(self) -> IntsetIter<'a> {
        self.iter()
    }
}

/// The integers in rising order.
#[derive(Clone, Debug)]
pub struct IntsetIter<'a> {
    width: Width,
    rest: &'a [u8],
}

impl Iterator for IntsetIter<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        let (head, rest) = self.rest.split_at_checked(self.width.bytes())?;
        self.rest = rest;
        self.width.decode(head)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.rest.len() / self.width.bytes();
        (count, Some(count))
    }
}

impl DoubleEndedIterator for IntsetIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<i64> {
        let at = self.rest.len().checked_sub(self.width.bytes())?;
        let (rest, tail) = self.rest.split_at(at);
        self.rest = rest;
        self.width.decode(tail)
    }
}

impl ExactSizeIterator for IntsetIter<'_> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn widens_once_and_stays() {
        let mut set = Intset::new();
        assert!(set.insert(5) && set.insert(70_000) && set.insert(-1) && !set.insert(5));
        assert_eq!(set.width(), Width::Four);
        assert!(set.insert(i64::MIN) && set.insert(i64::MAX));
        assert!(set.remove(i64::MIN) && set.remove(i64::MAX) && set.remove(70_000));
        assert_eq!(set.width(), Width::Eight);
        assert_eq!(set.iter().collect::<Vec<_>>(), [-1, 5]);
        assert_eq!(set.bytes().len(), 8 + 16);
    }

    fn int() -> impl Strategy<Value = i64> {
        prop_oneof![
            -20i64..20,
            (any::<i64>(), 0u32..64).prop_map(|(int, shift)| int >> shift)
        ]
    }

    proptest! {
        #[test]
        fn like_a_sorted_set(steps in proptest::collection::vec((any::<bool>(), int()), 0..150)) {
            let mut set = Intset::new();
            let mut twin = BTreeSet::new();
            for (insert, int) in steps {
                if insert {
                    prop_assert_eq!(set.insert(int), twin.insert(int));
                } else {
                    prop_assert_eq!(set.remove(int), twin.remove(&int));
                }
                prop_assert_eq!(set.len(), twin.len());
                prop_assert_eq!(set.contains(int), insert);
                prop_assert_eq!(set.position(int), insert.then(|| twin.range(..int).count()));
            }
            prop_assert!(set.iter().eq(twin.iter().copied()));
            prop_assert!(set.iter().rev().eq(twin.iter().rev().copied()));
            for (index, int) in twin.iter().enumerate() {
                prop_assert_eq!(set.get(index), Some(*int));
            }
            prop_assert_eq!(set.get(twin.len()), None);
            prop_assert_eq!(Intset::from_bytes(set.bytes()).expect("intact"), set);
        }
    }
}
