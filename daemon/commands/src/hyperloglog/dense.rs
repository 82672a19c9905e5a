//! The dense form of the registers: 16384 numbers of six bits, packed from the low end of each byte on.
//!
//! ```text
//! byte 0     byte 1     byte 2     ...
//! 11000000 | 22221111 | 33333322 |       digits name the register that a bit belongs to, highest bit first
//! ```

use std::collections::BTreeMap;

use super::REGISTERS;

pub(super) const BYTES: usize = REGISTERS * 6 / 8;
const MASK: u16 = 0x3f;

/// The first byte of a register and its lowest bit there.
fn position(index: usize) -> (usize, u32) {
    (index * 6 / 8, (index * 6 % 8) as u32)
}

pub(super) fn get(registers: &[u8], index: usize) -> u8 {
    let (byte, shift) = position(index);
    // The last register ends with the last byte.
    let high = registers.get(byte + 1).copied().unwrap_or(0);
    (u16::from_le_bytes([registers[byte], high]) >> shift & MASK) as u8
}

/// Both bytes of a register after it is set; the second one belongs to it only when the register does not fit in one.
fn patched(low: u8, high: u8, shift: u32, rank: u8) -> [u8; 2] {
    let word = u16::from_le_bytes([low, high]);
    (word & !(MASK << shift) | u16::from(rank) << shift).to_le_bytes()
}

pub(super) fn set(registers: &mut [u8], index: usize, rank: u8) {
    let (byte, shift) = position(index);
    let high = registers.get(byte + 1).copied().unwrap_or(0);
    let bytes = patched(registers[byte], high, shift, rank);
    registers[byte] = bytes[0];
    if shift > 2 {
        registers[byte + 1] = bytes[1];
    }
}

/// Calls `each` for every register in order.
pub(super) fn for_each(registers: &[u8], mut each: impl FnMut(u8)) {
    let (groups, _) = registers.as_chunks::<3>();
    for [a, b, c] in groups {
        each(a & 0x3f);
        each(a >> 6 | (b & 0x0f) << 2);
        each(b >> 4 | (c & 0x03) << 4);
        each(c >> 2);
    }
}

/// The bytes to write so that registers take higher ranks, without a copy of the others.
#[derive(Debug)]
pub(super) struct Raise<'a> {
    registers: &'a [u8],
    changed: BTreeMap<usize, u8>,
    /// Elements that raised a register.
    pub(super) count: u64,
}

impl<'a> Raise<'a> {
    pub(super) fn new(registers: &'a [u8]) -> Raise<'a> {
        Raise {
            registers,
            changed: BTreeMap::new(),
            count: 0,
        }
    }

    fn byte(&self, at: usize) -> u8 {
        let old = || self.registers.get(at).copied().unwrap_or(0);
        self.changed.get(&at).copied().unwrap_or_else(old)
    }

    /// Raises a register that is lower.
    pub(super) fn raise(&mut self, index: usize, rank: u8) {
        let (byte, shift) = position(index);
        let (low, high) = (self.byte(byte), self.byte(byte + 1));
        let old = (u16::from_le_bytes([low, high]) >> shift & MASK) as u8;
        if old >= rank {
            return;
        }
        let bytes = patched(low, high, shift, rank);
        self.changed.insert(byte, bytes[0]);
        if shift > 2 {
            self.changed.insert(byte + 1, bytes[1]);
        }
        self.count += 1;
    }

    /// The changed bytes, neighbours together, each with the place of its first among the registers.
    pub(super) fn patches(&self) -> Vec<(usize, Vec<u8>)> {
        let mut patches: Vec<(usize, Vec<u8>)> = Vec::new();
        for (at, byte) in &self.changed {
            match patches.last_mut() {
                Some((first, bytes)) if *first + bytes.len() == *at => bytes.push(*byte),
                _ => patches.push((*at, vec![*byte])),
            }
        }
        patches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_vector(sets in prop::collection::vec((0..REGISTERS, 0u8..64), 1..300)) {
            let mut registers = vec![0; BYTES];
            let mut twin = vec![0; REGISTERS];
            for (index, rank) in sets {
                set(&mut registers, index, rank);
                twin[index] = rank;
                prop_assert_eq!(get(&registers, index), rank);
            }
            let mut seen = Vec::new();
            for_each(&registers, |rank| seen.push(rank));
            prop_assert_eq!(&seen, &twin);
            let got: Vec<u8> = (0..REGISTERS).map(|index| get(&registers, index)).collect();
            prop_assert_eq!(got, twin);
        }

        #[test]
        fn patches_raise_like_setting(
            base in prop::collection::vec((0..REGISTERS, 0u8..64), 0..100),
            raises in prop::collection::vec((prop_oneof![0usize..12, 16370..REGISTERS, 0..REGISTERS], 1u8..52), 1..60),
        ) {
            let mut registers = vec![0; BYTES];
            base.into_iter().for_each(|(index, rank)| set(&mut registers, index, rank));
            let mut twin = registers.clone();
            let mut count = 0;
            let mut raise = Raise::new(&registers);
            for (index, rank) in raises {
                raise.raise(index, rank);
                if get(&twin, index) < rank {
                    set(&mut twin, index, rank);
                    count += 1;
                }
            }
            prop_assert_eq!(raise.count, count);
            let patches = raise.patches();
            for (at, bytes) in patches {
                registers[at..at + bytes.len()].copy_from_slice(&bytes);
            }
            prop_assert!(registers == twin);
        }
    }
}
