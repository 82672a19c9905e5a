//! A digest of everything stored: for tests, the simulator and `DEBUG DIGEST`.
//!
//! The sum of one hash per key, so that the order in which keys are met does not matter. It covers database, key,
//! kind, value and expiry, not what is private to this process: access bits, encodings, epochs. It is not part of any
//! file and may change between versions.

use xxhash_rust::xxh3::xxh3_128;

use crate::entry::Entry;
use crate::keyspace::Keyspace;
use crate::text::{IntText, str_bytes};

impl Keyspace {
    /// Equal for equal contents, whatever the history. 0 if there are no keys.
    pub fn digest(&self) -> u128 {
        let mut sum = 0u128;
        let mut buffer = Vec::new();
        for (index, db) in self.dbs.iter().enumerate() {
            db.table.for_each(|entry| {
                sum = sum.wrapping_add(digest_entry(index as u32, entry, &mut buffer))
            });
        }
        sum
    }

    /// Shows every key of a database, due or not, in no particular order.
    pub fn for_each_key(&self, db: u32, mut f: impl FnMut(&[u8])) {
        self.dbs[db as usize].table.for_each(|entry| f(entry.key()));
    }

    /// The digest of one key; `None` if it does not exist.
    pub fn digest_key(&self, db: u32, key: &[u8]) -> Option<u128> {
        let entry = self.dbs[db as usize].table.find(self.hash(key), key)?;
        Some(digest_entry(db, entry, &mut Vec::new()))
    }
}

/// `buffer` is only there to be reused.
pub(crate) fn digest_entry(db: u32, entry: &Entry, buffer: &mut Vec<u8>) -> u128 {
    buffer.clear();
    buffer.extend_from_slice(&db.to_le_bytes());
    buffer.push(entry.kind() as u8);
    let expiry = entry.expire_at();
    buffer.push(u8::from(expiry.is_some()));
    buffer.extend_from_slice(&expiry.map_or(0, |at| at.0).to_le_bytes());
    buffer.extend_from_slice(&(entry.key().len() as u64).to_le_bytes());
    buffer.extend_from_slice(entry.key());
    match entry.str() {
        Some(value) => buffer.extend_from_slice(str_bytes(value, &mut IntText::default())),
        None => {
            let value = entry.value().expect("what is no string is a collection");
            value.digest(buffer);
        }
    }
    xxh3_128(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::StrInput;
    use crate::{Expiry, Options, UnixMs};

    fn digest(db: u32, key: &[u8], value: &[u8], expiry: Expiry) -> u128 {
        let mut ks = Keyspace::new(Options::with_seed(3));
        let mut tx = ks.tx(db, UnixMs(0));
        tx.set(key, StrInput::Bytes(value), expiry);
        tx.finish();
        ks.digest()
    }

    #[test]
    fn every_part_of_a_key_counts() {
        let digests = [
            digest(0, b"ab", b"c", Expiry::Clear),
            digest(1, b"ab", b"c", Expiry::Clear),
            digest(0, b"a", b"bc", Expiry::Clear),
            digest(0, b"ab", b"d", Expiry::Clear),
            digest(0, b"ab", b"c", Expiry::At(UnixMs(0))),
            digest(0, b"ab", b"c", Expiry::At(UnixMs(1))),
        ];
        for (at, one) in digests.iter().enumerate() {
            assert!(!digests[..at].contains(one) && *one != 0, "case {at}");
        }
    }

    #[test]
    fn an_encoding_does_not_count() {
        let mut ks = Keyspace::new(Options::with_seed(3));
        let mut tx = ks.tx(0, UnixMs(0));
        tx.append(b"k", b"1").expect("absent");
        tx.append(b"k", b"2").expect("a string");
        tx.finish();
        assert_eq!(ks.digest(), digest(0, b"k", b"12", Expiry::Clear));
        assert_eq!(ks.digest_key(0, b"k"), Some(ks.digest()));
    }
}
