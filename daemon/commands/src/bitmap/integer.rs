//! Integers of 1 to 64 bits at any bit of a string, and what happens when they overflow.

/// `i1`..`i64` and `u1`..`u63`: an unsigned 64-bit number could not be replied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IntType {
    pub(super) signed: bool,
    pub(super) bits: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

impl IntType {
    pub(super) fn parse(text: &[u8]) -> Option<IntType> {
        let (signed, digits) = match text {
            [b'i', digits @ ..] => (true, digits),
            [b'u', digits @ ..] => (false, digits),
            _ => return None,
        };
        let bits = esker_resp::parse_u64(digits)?;
        let max = if signed { 64 } else { 63 };
        (1..=max).contains(&bits).then_some(IntType {
            signed,
            bits: bits as u32,
        })
    }

    /// The integer whose highest bit is at `offset` of a string.
    pub(super) fn read(self, bytes: &[u8], offset: u64) -> i64 {
        let window = Window::at(offset, self.bits);
        let raw = window.load(bytes) >> window.below & window.mask;
        let unused = 64 - self.bits;
        if self.signed {
            (raw as u64 as i64) << unused >> unused
        } else {
            raw as i64
        }
    }

    /// The changed bytes and where they belong, for writing `value` at `offset`.
    pub(super) fn patch(self, bytes: &[u8], offset: u64, value: i64) -> (usize, Vec<u8>) {
        let window = Window::at(offset, self.bits);
        let kept = window.load(bytes) & !(window.mask << window.below);
        let new = kept | (u128::from(value as u64) & window.mask) << window.below;
        let mut patch = new.to_le_bytes()[..window.count].to_vec();
        patch.reverse();
        (window.first, patch)
    }

    /// `value + by` in this type; none when it does not fit and that fails.
    pub(super) fn add(self, value: i64, by: i64, overflow: Overflow) -> Option<i64> {
        self.fit(i128::from(value) + i128::from(by), overflow)
    }

    /// `value` in this type. An unsigned type takes a negative number for the large one with the same bits.
    pub(super) fn convert(self, value: i64, overflow: Overflow) -> Option<i64> {
        if self.signed && self.bits < 64 && overflow == Overflow::Saturate {
            let max = (1i64 << (self.bits - 1)) - 1;
            if max.checked_sub(value).is_none() {
                // Redis measures the distance to the largest value in 64 bits: from so far below it wraps, and the
                // number counts as too large.
                return Some(max);
            }
        }
        let value = if self.signed {
            i128::from(value)
        } else {
            i128::from(value as u64)
        };
        self.fit(value, overflow)
    }

    fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = match self.signed {
            true => (-(1i128 << (self.bits - 1)), (1i128 << (self.bits - 1)) - 1),
            false => (0, (1i128 << self.bits) - 1),
        };
        if (min..=max).contains(&value) {
            return Some(value as i64);
        }
        match overflow {
            Overflow::Fail => None,
            Overflow::Saturate => Some(if value < min { min } else { max } as i64),
            Overflow::Wrap => {
                let unused = 64 - self.bits;
                let cut = (value as i64) << unused;
                Some(if self.signed {
                    cut >> unused
                } else {
                    (cut as u64 >> unused) as i64
                })
            }
        }
    }
}

/// The at most nine bytes that an integer lies in, as one big-endian number.
struct Window {
    first: usize,
    count: usize,
    /// Bits of the window below the integer.
    below: u32,
    mask: u128,
}

impl Window {
    fn at(offset: u64, bits: u32) -> Window {
        let (first, last) = (
            (offset / 8) as usize,
            ((offset + u64::from(bits) - 1) / 8) as usize,
        );
        let count = last - first + 1;
        let below = count as u32 * 8 - (offset % 8) as u32 - bits;
        Window {
            first,
            count,
            below,
            mask: (1u128 << bits) - 1,
        }
    }

    fn load(&self, bytes: &[u8]) -> u128 {
        let byte = |at| bytes.get(at).copied().unwrap_or(0);
        (self.first..self.first + self.count).fold(0, |value, at| value << 8 | u128::from(byte(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn types() {
        assert_eq!(
            IntType::parse(b"u8"),
            Some(IntType {
                signed: false,
                bits: 8
            })
        );
        assert_eq!(
            IntType::parse(b"i64"),
            Some(IntType {
                signed: true,
                bits: 64
            })
        );
        for bad in ["u64", "i65", "i0", "u", "x8", "I8", "u08", "u-1", ""] {
            assert_eq!(IntType::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn writing_then_reading_is_identity(
            bytes in prop::collection::vec(any::<u8>(), 0..24), offset in 0u64..150, signed: bool, bits in 1u32..=64, value: i64,
        ) {
            let kind = IntType { signed, bits: if signed { bits } else { bits.min(63) } };
            let value = kind.convert(value, Overflow::Wrap).expect("wraps");
            let (at, patch) = kind.patch(&bytes, offset, value);
            let mut after = bytes.clone();
            after.resize(after.len().max(at + patch.len()), 0);
            after[at..at + patch.len()].copy_from_slice(&patch);
            prop_assert_eq!(kind.read(&after, offset), value);
            // Every other bit is as before.
            let one = IntType { signed: false, bits: 1 };
            for bit in (0..after.len() as u64 * 8).filter(|bit| !(offset..offset + u64::from(kind.bits)).contains(bit)) {
                prop_assert_eq!(one.read(&after, bit), one.read(&bytes, bit));
            }
        }
    }
}
