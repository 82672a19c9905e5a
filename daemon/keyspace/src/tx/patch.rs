//! Changing a string whose new bytes the command computed itself: recorded as what differs from the old ones.
//!
//! For values that only look like strings from outside, such as HyperLogLogs: they are long and change in few places.
//! The key's expiry stays.

use esker_format::record::{Effect, SetExpiry};

use super::{Expiry, Tx};
use crate::entry::{Entry, INLINE_MAX, StrInput, StrRef};
use crate::touched::Event;
use std::sync::Arc;

impl Tx<'_> {
    /// Whether this transaction may change keys. Reads that only tidy up ask first.
    pub fn may_write(&self) -> bool {
        self.may_expire
    }

    /// Overwrites bytes of the string under `key`, which is there and longer than every patch reaches.
    pub fn patch_string(&mut self, key: &[u8], patches: &[(usize, Vec<u8>)], event: Event) {
        let hash = self.hash_of(key);
        let exists = self.writable(hash, key).and_then(Entry::str).is_some();
        assert!(exists, "the caller has seen the string");
        for (offset, bytes) in patches {
            self.record(&Effect::SetRange {
                key,
                offset: *offset as u64,
                value: bytes,
            });
            self.rewrite(hash, key, *offset, bytes);
        }
        self.changed_key(hash, key, event);
    }

    /// Stores bytes in the place of a string or of nothing. What is recorded is the part behind the first difference
    /// where the string does not become shorter; nothing if it stays the same.
    pub fn replace_string(&mut self, key: &[u8], value: Vec<u8>, event: Event) {
        let hash = self.hash_of(key);
        let range = match self.writable(hash, key).and_then(Entry::str) {
            None | Some(StrRef::Int(_)) => None,
            Some(StrRef::Bytes(old)) => difference(old, &value),
            Some(StrRef::Blob(old)) => difference(old, &value),
        };
        match range {
            None => self.record(&Effect::Set {
                key,
                value: &value,
                expiry: SetExpiry::Keep,
            }),
            Some((start, end)) if start < end => self.record(&Effect::SetRange {
                key,
                offset: start as u64,
                value: &value[start..end],
            }),
            Some(_) => {}
        }
        let value = match value.len() > INLINE_MAX {
            true => StrInput::Blob(Arc::new(value)),
            false => StrInput::Bytes(&value),
        };
        self.store(hash, key, value, Expiry::Keep, true);
        self.changed_key(hash, key, event);
    }
}

/// The range of `new` that makes it of `old` when written over it; `None` when that is not possible.
fn difference(old: &[u8], new: &[u8]) -> Option<(usize, usize)> {
    if new.len() < old.len() {
        return None;
    }
    let common = |pair: &(&u8, &u8)| pair.0 == pair.1;
    let start = old.iter().zip(new).take_while(common).count();
    let end = if new.len() == old.len() {
        let same = old[start..]
            .iter()
            .rev()
            .zip(new[start..].iter().rev())
            .take_while(common)
            .count();
        new.len() - same
    } else {
        new.len()
    };
    Some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_makes_the_new_of_the_old() {
        let cases: [(&[u8], &[u8], Option<(usize, usize)>); 6] = [
            (b"abc", b"abc", Some((3, 3))),
            (b"abc", b"aXc", Some((1, 2))),
            (b"abc", b"abcd", Some((3, 4))),
            (b"abc", b"Xabc", Some((0, 4))),
            (b"abc", b"ab", None),
            (b"aaa", b"aba", Some((1, 2))),
        ];
        for (old, new, want) in cases {
            assert_eq!(difference(old, new), want, "{old:?} {new:?}");
        }
    }
}
