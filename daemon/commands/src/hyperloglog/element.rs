//! From an element to a register and the rank that it asks for.
//!
//! Values move between servers, so the hash is a fixed one: MurmurHash64A with a fixed seed, read little endian
//! everywhere. Its lowest 14 bits choose the register; the rank is one more than the number of zeros at the low end
//! of the other 50.

use super::INDEX_BITS;

const SEED: u64 = 0xadc8_3b19;
const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;
const SHIFT: u32 = 47;

/// Bits of the hash behind the index; the largest rank is one more.
pub(super) const RANK_BITS: u32 = 64 - INDEX_BITS;

/// The register of an element, and its rank.
pub(super) fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur(element);
    let index = hash & ((1 << INDEX_BITS) - 1);
    // The guard bit ends a run of zeros that goes through all bits.
    let rest = hash >> INDEX_BITS | 1 << RANK_BITS;
    (index as usize, rest.trailing_zeros() as u8 + 1)
}

fn murmur(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        let mut word = u64::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        word ^= word >> SHIFT;
        hash = (hash ^ word.wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        let mut last = [0; 8];
        last[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(MULTIPLIER);
    hash ^ hash >> SHIFT
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As PFDEBUG DECODE of redis-server 8.0.6 shows the elements.
    #[test]
    fn elements_fall_where_redis_puts_them() {
        let mut found: Vec<_> = [b"a", b"b", b"c"].into_iter().map(|e| place(e)).collect();
        found.sort_unstable();
        assert_eq!(found, [(8436, 1), (12711, 2), (15780, 1)]);
    }
}
