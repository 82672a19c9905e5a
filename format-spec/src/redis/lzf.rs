//! The LZF compression in Redis' files. Format: `format-spec/redis/lzf.md`.
//!
//! The format leaves the search for repetitions to the encoder. This one makes the same choices as the
//! encoder that Redis ships (a table of 2^16 slots addressed by a hash of three bytes, greedy matches), so
//! that the payloads of both are the same bytes.

use crate::cursor::Fault;

const HASH_BITS: u32 = 16;
const LITERALS_MAX: usize = 32;
const DISTANCE_MAX: usize = 1 << 13;
const MATCH_BYTES_MAX: usize = (1 << 8) + (1 << 3);
/// Three bytes of input give at most this many bytes of output.
const EXPANSION_MAX: usize = MATCH_BYTES_MAX;

/// Compresses strings, one after the other: the table is set up once for all of them.
#[derive(Debug, Default)]
pub struct Compressor {
    /// Where the three bytes with that hash were last seen: `base` and the offset. What is below `base` was seen in
    /// an earlier string. Offset 0 stands for never: the reference encoder, too, makes no match with the very first
    /// byte.
    slots: Vec<u32>,
    base: u32,
    out: Vec<u8>,
}

impl Compressor {
    /// Compresses `input`; `None` if the result would be longer than `output_bytes_max`, or if the input has 4 GiB.
    /// Allocates a table of 256 KiB once and the output.
    pub fn compress(&mut self, input: &[u8], output_bytes_max: usize) -> Option<&[u8]> {
        if input.is_empty() || output_bytes_max == 0 {
            return None;
        }
        let length = u32::try_from(input.len()).ok()?;
        let behind = self.base.checked_add(length);
        if self.slots.is_empty() || behind.is_none() {
            self.slots.clear();
            self.slots.resize(1 << HASH_BITS, 0);
            self.base = 0;
        }
        self.out.clear();
        self.out.push(0);
        let mut encoder = Encoder {
            input,
            slots: &mut self.slots,
            base: self.base,
            out: &mut self.out,
            out_max: output_bytes_max,
            literals: 0,
        };
        let done = encoder.run();
        self.base += length;
        done.map(|()| self.out.as_slice())
    }
}

/// Compresses one string, as [`Compressor`] does.
pub fn compress(input: &[u8], output_bytes_max: usize) -> Option<Vec<u8>> {
    Compressor::default()
        .compress(input, output_bytes_max)
        .map(<[u8]>::to_vec)
}

struct Encoder<'a> {
    input: &'a [u8],
    slots: &'a mut [u32],
    base: u32,
    /// Output; its last `literals + 1` bytes are an open run of literals behind its length byte.
    out: &'a mut Vec<u8>,
    out_max: usize,
    literals: usize,
}

impl Encoder<'_> {
    fn run(&mut self) -> Option<()> {
        let searchable = self.input.len().saturating_sub(2);
        let mut at = 0;
        while at < searchable {
            if let Some(distance) = self.look_up(at) {
                at += self.put_match(at, distance)?;
                if at >= searchable {
                    break;
                }
                self.look_up(at - 2);
                self.look_up(at - 1);
            } else {
                if self.out.len() >= self.out_max {
                    return None;
                }
                self.put_literal(at);
                at += 1;
            }
        }
        if self.out.len() + 3 > self.out_max {
            return None;
        }
        for at in at..self.input.len() {
            self.put_literal(at);
        }
        self.close_literals();
        Some(())
    }

    fn byte(&self, at: usize) -> u8 {
        self.input.get(at).copied().unwrap_or_default()
    }

    /// Enters the three bytes at `at` in the table; returns how far back (less one) they were last seen.
    fn look_up(&mut self, at: usize) -> Option<usize> {
        let three = self.input.get(at..at + 3)?;
        let value = three
            .iter()
            .fold(0u32, |value, &byte| value << 8 | u32::from(byte));
        let hash = (value >> (24 - HASH_BITS)).wrapping_sub(value.wrapping_mul(5));
        let slot = self
            .slots
            .get_mut((hash & ((1 << HASH_BITS) - 1)) as usize)?;
        let before = std::mem::replace(slot, self.base + at as u32);
        let before = before.saturating_sub(self.base) as usize;
        let distance = at.checked_sub(before + 1)?;
        let same = before > 0
            && distance < DISTANCE_MAX
            && self.input.get(before..before + 3) == Some(three);
        same.then_some(distance)
    }

    fn put_literal(&mut self, at: usize) {
        self.literals += 1;
        self.out.push(self.byte(at));
        if self.literals == LITERALS_MAX {
            self.close_literals();
            self.out.push(0);
        }
    }

    /// Writes the length of the open run before it, or takes back the length byte of an empty one.
    fn close_literals(&mut self) {
        if self.literals == 0 {
            self.out.pop();
            return;
        }
        let place = self.out.len() - self.literals - 1;
        if let Some(length) = self.out.get_mut(place) {
            *length = (self.literals - 1) as u8;
        }
        self.literals = 0;
    }

    /// Writes a back reference for the bytes at `at`; returns how many it covers.
    fn put_match(&mut self, at: usize, distance: usize) -> Option<usize> {
        if self.out.len() - usize::from(self.literals == 0) + 4 >= self.out_max {
            return None;
        }
        self.close_literals();
        let length = self.match_bytes(at, at - distance - 1);
        let code = length - 2;
        let high = (distance >> 8) as u8;
        if code < 7 {
            self.out.push(high + ((code as u8) << 5));
        } else {
            self.out.push(high + (7 << 5));
            self.out.push((code - 7) as u8);
        }
        self.out.push(distance as u8);
        self.out.push(0);
        Some(length)
    }

    /// How many bytes at `at` repeat those at `before`; at least 3. The two phases give the lengths of the
    /// reference encoder near the end of the input, where the first phase may go two bytes further.
    fn match_bytes(&self, at: usize, before: usize) -> usize {
        let limit = (self.input.len() - at - 2).min(MATCH_BYTES_MAX);
        let mut length = 2;
        if limit > 16 {
            while length < 18 {
                length += 1;
                if self.byte(before + length) != self.byte(at + length) {
                    return length;
                }
            }
        }
        loop {
            length += 1;
            if length >= limit || self.byte(before + length) != self.byte(at + length) {
                return length;
            }
        }
    }
}

/// Expands `input` to exactly `output_bytes` bytes. Refuses, before allocating, sizes that no input of that
/// length can give.
pub fn decompress(input: &[u8], output_bytes: usize) -> Result<Vec<u8>, Fault> {
    if output_bytes > input.len().saturating_mul(EXPANSION_MAX) {
        return Err(Fault::Invalid("the LZF data cannot expand to that length"));
    }
    let mut out = Vec::with_capacity(output_bytes);
    let mut rest = input;
    while let [control, tail @ ..] = rest {
        rest = tail;
        if usize::from(*control) < LITERALS_MAX {
            let (literals, tail) = rest
                .split_at_checked(usize::from(*control) + 1)
                .ok_or(Fault::Truncated)?;
            out.extend_from_slice(literals);
            rest = tail;
        } else {
            rest = copy_match(*control, rest, &mut out)?;
        }
        if out.len() > output_bytes {
            break;
        }
    }
    if out.len() != output_bytes {
        return Err(Fault::Invalid(
            "the LZF data does not expand to the length it should",
        ));
    }
    Ok(out)
}

fn copy_match<'a>(control: u8, rest: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], Fault> {
    let mut length = usize::from(control >> 5) + 2;
    let mut rest = rest;
    if length == 9 {
        let [more, tail @ ..] = rest else {
            return Err(Fault::Truncated);
        };
        length += usize::from(*more);
        rest = tail;
    }
    let [low, rest @ ..] = rest else {
        return Err(Fault::Truncated);
    };
    let distance = (usize::from(control & 0x1f) << 8 | usize::from(*low)) + 1;
    let start = out
        .len()
        .checked_sub(distance)
        .ok_or(Fault::Invalid("an LZF match before the start"))?;
    if distance >= length {
        out.extend_from_within(start..start + length);
    } else {
        // The match overlaps what it writes: it repeats the last `distance` bytes.
        for at in start..start + length {
            let byte = out.get(at).copied().ok_or(Fault::Truncated)?;
            out.push(byte);
        }
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn repetition_shrinks() {
        let input = vec![b'a'; 1000];
        let packed = compress(&input, 996).expect("a thousand equal bytes shrink");
        assert!(packed.len() < 30);
        assert_eq!(decompress(&packed, 1000), Ok(input));
    }

    #[test]
    fn noise_does_not() {
        let input: Vec<u8> = (0u32..200)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        assert_eq!(compress(&input, input.len() - 4), None);
    }

    proptest! {
        #[test]
        fn expands_to_what_was_compressed(input in proptest::collection::vec(0u8..4, 1..2000)) {
            if let Some(packed) = compress(&input, input.len()) {
                prop_assert!(packed.len() <= input.len());
                prop_assert_eq!(decompress(&packed, input.len()), Ok(input));
            }
        }

        /// What was compressed before leaves no trace.
        #[test]
        fn one_after_the_other(inputs in proptest::collection::vec(proptest::collection::vec(0u8..3, 1..300), 1..8), late in any::<bool>()) {
            let mut compressor = Compressor::default();
            if late {
                compressor.slots.resize(1 << HASH_BITS, u32::MAX - 400);
                compressor.base = u32::MAX - 399;
            }
            for input in inputs {
                let packed = compressor.compress(&input, input.len()).map(<[u8]>::to_vec);
                prop_assert_eq!(packed, compress(&input, input.len()));
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(input in proptest::collection::vec(any::<u8>(), 0..200), length in 0usize..100_000) {
            drop(decompress(&input, length));
        }
    }
}
