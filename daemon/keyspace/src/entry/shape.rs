//! The header word of an entry, where its fields lie, and how large its allocation is.

use std::alloc::Layout;

use super::Kind;

// The header word.
pub(super) const KIND_MASK: u64 = 0b111;
pub(super) const ENCODING_SHIFT: u32 = 3;
pub(super) const ENCODING_MASK: u64 = 0b11;
pub(super) const LONG_KEY: u64 = 1 << 5;
pub(super) const EXPIRY_SLOT: u64 = 1 << 6;
pub(super) const EXPIRES: u64 = 1 << 7;
pub(super) const RAW: u64 = 1 << 8;
pub(super) const EPOCH_SHIFT: u32 = 9;
pub(super) const EPOCH_MASK: u64 = 0b11;
pub(super) const ACCESS_SHIFT: u32 = 16;
pub(super) const ACCESS_MASK: u64 = 0xff_ffff;
pub(super) const KEY_LEN_SHIFT: u32 = 40;
pub(super) const KEY_LEN_MASK: u64 = 0xff;
pub(super) const VALUE_LEN_SHIFT: u32 = 48;
/// What survives when an entry is rebuilt around the same value.
pub(super) const CARRIED: u64 = RAW | (EPOCH_MASK << EPOCH_SHIFT) | (ACCESS_MASK << ACCESS_SHIFT);

pub(super) const ENCODING_INLINE: u64 = 0;
pub(super) const ENCODING_INT: u64 = 1;
pub(super) const ENCODING_BLOB: u64 = 2;
/// The word is a collection's, see `value::word`.
pub(super) const ENCODING_BOXED: u64 = 3;

/// What decides where the fields lie and how large the allocation is.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) encoding: u64,
    pub(super) long_key: bool,
    pub(super) expiry_slot: bool,
    pub(super) key_len: usize,
    pub(super) inline_len: usize,
}

impl Shape {
    #[inline]
    pub(super) fn expiry_offset(self) -> usize {
        8 + 8 * usize::from(self.long_key)
    }

    #[inline]
    pub(super) fn word_offset(self) -> usize {
        self.expiry_offset() + 8 * usize::from(self.expiry_slot)
    }

    #[inline]
    pub(super) fn key_offset(self) -> usize {
        self.word_offset() + 8 * usize::from(self.encoding != ENCODING_INLINE)
    }

    #[inline]
    pub(super) fn inline_offset(self) -> usize {
        self.key_offset() + self.key_len
    }

    #[inline]
    pub(super) fn allocated_bytes(self) -> usize {
        size_class(self.inline_offset() + self.inline_len)
    }

    pub(super) fn layout(self) -> Layout {
        Layout::from_size_align(self.allocated_bytes(), 8)
            .expect("an entry is smaller than the address space")
    }

    #[inline]
    pub(super) fn header(self, kind: Kind) -> u64 {
        let key_len = if self.long_key {
            0
        } else {
            self.key_len as u64
        };
        kind as u64
            | self.encoding << ENCODING_SHIFT
            | if self.long_key { LONG_KEY } else { 0 }
            | if self.expiry_slot { EXPIRY_SLOT } else { 0 }
            | key_len << KEY_LEN_SHIFT
            | (self.inline_len as u64) << VALUE_LEN_SHIFT
    }
}

/// The allocator's size class (mimalloc): 8, then steps of 16 up to 64 bytes, four per doubling above, pages for the huge.
#[inline]
pub fn size_class(bytes: usize) -> usize {
    if bytes <= 64 {
        return if bytes <= 8 {
            8
        } else {
            bytes.next_multiple_of(16)
        };
    }
    if bytes > 64 << 10 {
        return bytes.next_multiple_of(4096);
    }
    let step = 1 << ((bytes - 1).ilog2() - 2);
    bytes.next_multiple_of(step)
}
