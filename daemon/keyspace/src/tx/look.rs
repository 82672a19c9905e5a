//! Looking at a key without using it.

use super::Tx;
use crate::entry::Entry;

impl Tx<'_> {
    /// As [`Tx::read`], but the key does not count as used: for TTL, EXISTS, TYPE, OBJECT, DUMP.
    pub fn look(&mut self, key: &[u8]) -> Option<&Entry> {
        let touch = std::mem::replace(&mut self.touch, false);
        let found = self.read(key).is_some();
        self.touch = touch;
        if found { self.peek(key) } else { None }
    }
}
