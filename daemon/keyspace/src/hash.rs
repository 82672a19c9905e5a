//! The keyed hash of every table.
//!
//! Snapshots store their blocks in hash order together with the seed, so this function is part of the
//! on-disk format: its value for a given seed and key must never change.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The 64-bit hash of `key` under the dataset's `seed`.
#[inline]
pub fn hash_key(seed: u64, key: &[u8]) -> u64 {
    xxh3_64_with_seed(key, seed)
}

#[cfg(test)]
mod tests {
    use super::hash_key;

    /// A change here would make every written snapshot unreadable. One key for each of the function's length classes.
    #[test]
    fn values_are_frozen() {
        let long: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let frozen: [(u64, &[u8], u64); 8] = [
            (0, b"", 0x2d06_8005_38d3_94c2),
            (0, b"a", 0xe6c6_32b6_1e96_4e1f),
            (1, b"key", 0x0c37_033b_f421_05f2),
            (0x5eed, b"user:1000", 0x76b9_a835_0615_cf23),
            (u64::MAX, b"0123456789abcdef", 0xfa7c_260e_e457_1142),
            (
                7,
                b"session:0123456789abcdef0123456789abcdef",
                0x0f84_0ee2_1f4f_2f4b,
            ),
            (9, &long[..200], 0x5313_50aa_f806_fdde),
            (9, &long, 0x0594_a06c_8bf8_7b6d),
        ];
        for (seed, key, hash) in frozen {
            assert_eq!(hash_key(seed, key), hash, "seed {seed} key {key:?}");
        }
    }
}
