//! The intset: a sorted array of integers that are all 2, 4 or 8 bytes wide.
//! Format: `format-spec/redis/intset.md`.

use crate::cursor::Fault;

/// Size of the header: width of an integer in bytes (u32) and number of integers (u32).
pub const HEADER_BYTES: usize = 8;
/// The intset without integers.
pub const EMPTY: [u8; HEADER_BYTES] = [2, 0, 0, 0, 0, 0, 0, 0];

/// How many bytes each integer of an intset takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// 16 bits.
    Two = 2,
    /// 32 bits.
    Four = 4,
    /// 64 bits.
    Eight = 8,
}

impl Width {
    /// The narrowest width that holds `int`.
    #[inline]
    pub fn of(int: i64) -> Width {
        if i16::try_from(int).is_ok() {
            Width::Two
        } else if i32::try_from(int).is_ok() {
            Width::Four
        } else {
            Width::Eight
        }
    }

    /// The width that the header field names.
    #[inline]
    pub fn from_field(field: u32) -> Option<Width> {
        match field {
            2 => Some(Width::Two),
            4 => Some(Width::Four),
            8 => Some(Width::Eight),
            _ => None,
        }
    }

    /// In bytes.
    #[inline]
    pub fn bytes(self) -> usize {
        self as usize
    }

    /// The integer at the start of `bytes`.
    #[inline]
    pub fn decode(self, bytes: &[u8]) -> Option<i64> {
        Some(match self {
            Width::Two => i64::from(i16::from_le_bytes(*bytes.first_chunk()?)),
            Width::Four => i64::from(i32::from_le_bytes(*bytes.first_chunk()?)),
            Width::Eight => i64::from_le_bytes(*bytes.first_chunk()?),
        })
    }
}

/// Checks an intset that nobody vouches for: its size, and that the integers rise. Returns width and number of the
/// integers. Allocates nothing. An intset without integers is intact.
pub fn validate(bytes: &[u8]) -> Result<(Width, usize), Fault> {
    let (header, body) = bytes
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(Fault::Truncated)?;
    let [a, b, c, d, e, f, g, h] = *header;
    let width = Width::from_field(u32::from_le_bytes([a, b, c, d]))
        .ok_or(Fault::Invalid("the width of the intset is unknown"))?;
    let count = u32::from_le_bytes([e, f, g, h]) as usize;
    if count.checked_mul(width.bytes()) != Some(body.len()) {
        return Err(Fault::Invalid("the size of the intset is wrong"));
    }
    let mut before = None;
    for chunk in body.chunks_exact(width.bytes()) {
        let int = width.decode(chunk);
        if before.is_some() && before >= int {
            return Err(Fault::Invalid("the integers of the intset do not rise"));
        }
        before = int;
    }
    Ok((width, count))
}

/// The intset of integers that rise, in the narrowest width that holds them all.
pub fn build(ints: &[i64]) -> Vec<u8> {
    let ends = [ints.first(), ints.last()];
    let width = ends
        .into_iter()
        .flatten()
        .map(|&int| Width::of(int))
        .max()
        .unwrap_or(Width::Two);
    let mut out = Vec::with_capacity(HEADER_BYTES + ints.len() * width.bytes());
    out.extend_from_slice(&(width.bytes() as u32).to_le_bytes());
    out.extend_from_slice(&(ints.len() as u32).to_le_bytes());
    for int in ints {
        let [a, b, c, d, e, f, g, h] = int.to_le_bytes();
        match width {
            Width::Two => out.extend_from_slice(&[a, b]),
            Width::Four => out.extend_from_slice(&[a, b, c, d]),
            Width::Eight => out.extend_from_slice(&[a, b, c, d, e, f, g, h]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_does_not_rise() {
        let good = build(&[-5, 1, 300]);
        assert_eq!(validate(&good), Ok((Width::Two, 3)));
        for (at, byte) in [(0, 3), (4, 4), (8, 5), (11, 0x2d)] {
            let mut bad = good.clone();
            bad[at] = byte;
            if at == 8 {
                bad[9] = 0;
            }
            assert!(validate(&bad).is_err(), "byte {byte} at {at}");
        }
        assert!(validate(&good[..good.len() - 1]).is_err());
        assert_eq!(validate(&EMPTY), Ok((Width::Two, 0)));
    }

    proptest! {
        #[test]
        fn what_is_built_is_intact(ints in proptest::collection::btree_set((any::<i64>(), 0u32..64).prop_map(|(int, shift)| int >> shift), 0..50)) {
            let ints: Vec<i64> = ints.into_iter().collect();
            let bytes = build(&ints);
            let (width, count) = validate(&bytes).expect("intact");
            prop_assert_eq!(count, ints.len());
            let read: Vec<i64> = bytes[HEADER_BYTES..]
                .chunks(width.bytes())
                .map(|chunk| width.decode(chunk).expect("a whole integer"))
                .collect();
            prop_assert_eq!(read, ints);
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), width in 0u8..9, count in 0u8..16) {
            drop(validate(&bytes));
            let mut bytes = bytes;
            if bytes.len() >= HEADER_BYTES {
                bytes[..8].copy_from_slice(&[width, 0, 0, 0, count, 0, 0, 0]);
                drop(validate(&bytes));
            }
        }
    }
}
