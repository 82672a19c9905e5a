//! A bucket: one cache line of seven slots.
//!
//! ```text
//! control word   byte 0..6   tag of each slot: low hash bits, 0 = empty
//!                byte 7      bits 0..6: the slot's item has an expiry; bit 7: some item passes this bucket
//! slots          7 words     low 48 bits: the item's pointer; high 16: hash bits behind the segment's prefix
//! ```
//!
//! An item *passes* a bucket when its home lies at or before it and its place behind it (cyclic, within the
//! segment). A passed bucket is full, and a search may stop at the first bucket that nothing passes.

pub(super) const SLOTS: usize = 7;

pub(super) const POINTER_MASK: u64 = (1 << 48) - 1;

const ONES: u64 = 0x0001_0101_0101_0101;
const LOWS: u64 = 0x007f_7f7f_7f7f_7f7f;
const HIGHS: u64 = 0x0080_8080_8080_8080;
const EXPIRES_SHIFT: u32 = 56;
const PASSED: u64 = 1 << 63;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Bucket {
    control: u64,
    pub(super) slots: [u64; SLOTS],
}

/// Never 0, which marks an empty slot.
#[inline]
pub(super) fn tag_of(hash: u64) -> u8 {
    (hash as u8).max(1)
}

/// The high bit of every byte among the lower seven that is zero; exact, unlike the shorter classic formula, whose
/// false hits would let an empty slot through.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    !(((word & LOWS) + LOWS) | word) & HIGHS
}

/// Iterates over slot numbers from a mask with one bit per byte.
#[derive(Clone, Copy)]
pub(super) struct SlotMask(u64);

impl Iterator for SlotMask {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let slot = (self.0.trailing_zeros() / 8) as usize;
        self.0 &= self.0 - 1;
        Some(slot)
    }
}

impl Bucket {
    pub(super) const EMPTY: Bucket = Bucket {
        control: 0,
        slots: [0; SLOTS],
    };

    #[inline]
    pub(super) fn matching(&self, tag: u8) -> SlotMask {
        SlotMask(zero_bytes(self.control ^ (u64::from(tag) * ONES)))
    }

    #[inline]
    pub(super) fn occupied(&self) -> SlotMask {
        SlotMask(!zero_bytes(self.control) & HIGHS)
    }

    #[inline]
    pub(super) fn vacant(&self) -> Option<usize> {
        SlotMask(zero_bytes(self.control)).next()
    }

    #[cfg(test)]
    pub(super) fn occupied_count(&self) -> usize {
        (!zero_bytes(self.control) & HIGHS).count_ones() as usize
    }

    #[inline]
    pub(super) fn is_passed(&self) -> bool {
        self.control & PASSED != 0
    }

    #[inline]
    pub(super) fn set_passed(&mut self, passed: bool) {
        self.control = self.control & !PASSED | if passed { PASSED } else { 0 };
    }

    #[inline]
    pub(super) fn expires(&self, slot: usize) -> bool {
        self.control >> (EXPIRES_SHIFT + slot as u32) & 1 != 0
    }

    #[inline]
    pub(super) fn any_expires(&self) -> bool {
        (self.control & !PASSED) >> EXPIRES_SHIFT != 0
    }

    #[inline]
    pub(super) fn set_expires(&mut self, slot: usize, expires: bool) {
        let bit = 1 << (EXPIRES_SHIFT + slot as u32);
        self.control = self.control & !bit | if expires { bit } else { 0 };
    }

    #[inline]
    pub(super) fn tag(&self, slot: usize) -> u8 {
        (self.control >> (8 * slot)) as u8
    }

    /// The slot's word: pointer and hash bits.
    #[inline]
    pub(super) fn word(&self, slot: usize) -> u64 {
        self.slots[slot]
    }

    #[inline]
    pub(super) fn word_mut(&mut self, slot: usize) -> &mut u64 {
        &mut self.slots[slot]
    }

    #[inline]
    pub(super) fn fill(&mut self, slot: usize, tag: u8, word: u64, expires: bool) {
        debug_assert!(self.tag(slot) == 0 && tag != 0);
        self.slots[slot] = word;
        self.control |=
            u64::from(tag) << (8 * slot) | u64::from(expires) << (EXPIRES_SHIFT + slot as u32);
    }

    #[inline]
    pub(super) fn vacate(&mut self, slot: usize) {
        self.slots[slot] = 0;
        self.control &= !(0xff << (8 * slot) | 1 << (EXPIRES_SHIFT + slot as u32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_bytes_is_exact() {
        // 01 above 00 is where the borrowing formula errs.
        for (word, slots) in [
            (0x0001_0001_0001_0001_u64, vec![1, 3, 5]),
            (0, vec![0, 1, 2, 3, 4, 5, 6]),
            (0xff80_8080_8080_8080, vec![]),
            (0x00ff_ff00_01ff_ffff, vec![4]),
        ] {
            assert_eq!(
                SlotMask(zero_bytes(word)).collect::<Vec<_>>(),
                slots,
                "{word:#x}"
            );
        }
    }

    #[test]
    fn fill_and_vacate_keep_the_neighbours() {
        let mut bucket = Bucket::EMPTY;
        for slot in 0..SLOTS {
            bucket.fill(slot, slot as u8 + 1, 100 + slot as u64, slot % 2 == 0);
        }
        bucket.set_passed(true);
        assert_eq!(bucket.vacant(), None);
        bucket.vacate(2);
        assert!(
            bucket.is_passed() && !bucket.expires(2) && bucket.expires(4) && !bucket.expires(5)
        );
        assert_eq!(bucket.vacant(), Some(2));
        assert_eq!(bucket.occupied().collect::<Vec<_>>(), [0, 1, 3, 4, 5, 6]);
        assert_eq!(bucket.occupied_count(), 6);
        assert_eq!(bucket.matching(4).collect::<Vec<_>>(), [3]);
        assert!(bucket.any_expires());
    }
}
