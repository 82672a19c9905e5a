//! A value that is searched for among elements.

use crate::packed::Item;

/// Knows once whether the value is an integer in the form that listpacks keep, so that elements are compared in the
/// form that they have.
pub struct Needle<'a> {
    bytes: &'a [u8],
    int: Option<i64>,
}

impl<'a> Needle<'a> {
    pub fn new(bytes: &'a [u8]) -> Needle<'a> {
        let int = Item::of(bytes).int();
        Needle { bytes, int }
    }

    #[inline]
    pub fn is(&self, item: Item<'_>) -> bool {
        match item {
            Item::Bytes(bytes) => bytes == self.bytes,
            Item::Int(int) => self.int == Some(int),
        }
    }
}
