//! A member of a large set: one allocation behind a packed pointer.
//!
//! ```text
//! word    bits 0..1    snapshot epoch
//!         bit  2       BARE: the allocation is the member and nothing else
//!         bit  3       of a bare member: set when it has 32 bytes, clear when 16; else a bit of the address
//!         bits 3..47   address; that of a bare member is a multiple of 16
//!         bits 48..63  the table's
//! block   bare         the member
//!         else         length, one byte up to 254; or 255 and eight bytes, little endian; then the member
//! ```
//!
//! Members of exactly 16 and 32 bytes (padded names, hashes, identifiers) would fall into the next size class with a
//! length in front of them; without it they cost exactly their bytes. Members of up to 7 bytes take 8.
//!
//! The epoch is in the word and changes through `&self`, so the word is a cell, as the table allows for its items.

#![expect(
    unsafe_code,
    reason = "a member is one allocation behind a packed pointer"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;

use esker_format::native::value::put_member;

use crate::entry::size_class;
use crate::table::Item;
use crate::walk::LargeItem;

const EPOCH_MASK: u64 = 0b11;
const BARE: u64 = 1 << 2;
const BARE_32: u64 = 1 << 3;
const POINTER_MASK: u64 = (1 << 48) - 1;
/// The first byte of a block whose length is in the next eight.
const LONG: u8 = 255;

/// See the module's header.
#[repr(transparent)]
pub struct MemberItem {
    word: Cell<u64>,
    _owned: PhantomData<*mut u8>,
}

// SAFETY: a member owns its allocation, which holds plain bytes that nobody changes.
unsafe impl Send for MemberItem {}

/// Where the member's bytes begin in its block.
#[inline]
fn header_len(len: usize) -> usize {
    if len < LONG as usize { 1 } else { 9 }
}

fn is_bare(len: usize) -> bool {
    len == 16 || len == 32
}

/// Bytes and alignment of the block of a member.
fn layout(len: usize) -> Layout {
    let (bytes, align) = match is_bare(len) {
        true => (len, 16),
        false => (size_class(header_len(len) + len), 8),
    };
    Layout::from_size_align(bytes, align).expect("a member is smaller than the address space")
}

impl MemberItem {
    /// A member of epoch 0.
    pub fn new(member: &[u8]) -> MemberItem {
        let layout = layout(member.len());
        // SAFETY: no layout is empty: a bare member has 16 bytes, any other at least its length.
        let block = unsafe { alloc(layout) };
        if block.is_null() {
            handle_alloc_error(layout);
        }
        let bare = is_bare(member.len());
        let header = if bare { 0 } else { header_len(member.len()) };
        // SAFETY: the layout holds the header and the member; the source cannot overlap fresh memory, and the eight
        // bytes of a long length are written without regard to alignment.
        unsafe {
            match header {
                0 => {}
                1 => block.write(member.len() as u8),
                _ => {
                    block.write(LONG);
                    ptr::copy_nonoverlapping(
                        (member.len() as u64).to_le_bytes().as_ptr(),
                        block.add(1),
                        8,
                    );
                }
            }
            ptr::copy_nonoverlapping(member.as_ptr(), block.add(header), member.len());
        }
        let address = block.expose_provenance() as u64;
        assert!(
            address & !POINTER_MASK == 0
                && address != 0
                && address.is_multiple_of(layout.align() as u64),
            "user addresses have 48 bits and keep the alignment"
        );
        let form = match member.len() {
            16 => BARE,
            32 => BARE | BARE_32,
            _ => 0,
        };
        MemberItem {
            word: Cell::new(address | form),
            _owned: PhantomData,
        }
    }

    #[inline]
    fn block(&self) -> *mut u8 {
        let word = self.word.get() & POINTER_MASK;
        let tags = if word & BARE != 0 {
            EPOCH_MASK | BARE | BARE_32
        } else {
            EPOCH_MASK
        };
        ptr::with_exposed_provenance_mut((word & !tags) as usize)
    }

    #[inline]
    pub fn bytes(&self) -> &[u8] {
        let word = self.word.get();
        let block = self.block();
        if word & BARE != 0 {
            let len = if word & BARE_32 != 0 { 32 } else { 16 };
            // SAFETY: BARE says that the block is a member of this many bytes.
            return unsafe { std::slice::from_raw_parts(block, len) };
        }
        // SAFETY: a block that is not bare begins with its length, in one byte or, behind LONG, in the eight that
        // follow, and holds as many bytes behind it.
        unsafe {
            let first = block.read();
            if first < LONG {
                return std::slice::from_raw_parts(block.add(1), usize::from(first));
            }
            let len = u64::from_le_bytes(block.add(1).cast::<[u8; 8]>().read());
            std::slice::from_raw_parts(block.add(9), len as usize)
        }
    }

    /// Bytes of the allocation.
    pub fn heap_bytes(&self) -> usize {
        MemberItem::bytes_for(self.bytes().len())
    }

    /// Bytes that the allocation of a member of this length takes.
    pub fn bytes_for(len: usize) -> usize {
        layout(len).size()
    }
}

impl LargeItem for MemberItem {
    #[inline]
    fn epoch(&self) -> u8 {
        (self.word.get() & EPOCH_MASK) as u8
    }

    #[inline]
    fn set_epoch(&self, epoch: u8) {
        self.word
            .set(self.word.get() & !EPOCH_MASK | u64::from(epoch) & EPOCH_MASK);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_member(out, self.bytes());
    }
}

impl Drop for MemberItem {
    fn drop(&mut self) {
        let layout = layout(self.bytes().len());
        // SAFETY: the member owns its block, made with the layout of its length.
        unsafe { dealloc(self.block(), layout) };
    }
}

impl std::fmt::Debug for MemberItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemberItem")
            .field("bytes", &String::from_utf8_lossy(self.bytes()))
            .field("epoch", &self.epoch())
            .finish()
    }
}

// SAFETY: `MemberItem` is transparent over a cell of a `u64` whose low 48 bits hold a non-null address, and every
// method masks the upper 16 bits away or keeps them. The member never changes.
unsafe impl Item for MemberItem {
    #[inline]
    fn key(&self) -> &[u8] {
        self.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Table;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn members_cost_their_size_class() {
        for (len, bytes) in [
            (0, 8),
            (7, 8),
            (8, 16),
            (15, 16),
            (16, 16),
            (17, 32),
            (31, 32),
            (32, 32),
            (33, 48),
            (254, 256),
            (255, 320),
        ] {
            assert_eq!(MemberItem::bytes_for(len), bytes, "{len}");
        }
    }

    proptest! {
        /// The word and its block say what a pair of a vector and an epoch says, whatever the table does to the
        /// upper bits.
        #[test]
        fn a_member_is_its_bytes_and_its_epoch(
            len in prop_oneof![0usize..40, 250usize..260, Just(5000)], fill: u8, epoch in 0u8..4, later in 0u8..4, upper: u16,
        ) {
            let twin: Vec<u8> = (0..len).map(|at| fill.wrapping_add(at as u8)).collect();
            let item = MemberItem::new(&twin);
            item.set_epoch(epoch);
            prop_assert_eq!((item.bytes(), item.epoch()), (twin.as_slice(), epoch));
            let item = MemberItem::from_word(item.into_word() & POINTER_MASK | u64::from(upper) << 48);
            item.set_epoch(later);
            prop_assert_eq!((item.bytes(), item.epoch()), (twin.as_slice(), later));
            prop_assert_eq!(item.heap_bytes(), MemberItem::bytes_for(len));
        }

        #[test]
        fn a_table_of_members_agrees_with_a_map(
            ops in prop::collection::vec((0u8..4, 0usize..60, 0u8..4), 1..400), seed: u64,
        ) {
            let mut table = Table::<MemberItem>::new(seed);
            let mut twin = BTreeMap::new();
            for (op, number, epoch) in ops {
                let member = format!("{number:0width$}", width = 1 + number % 40).into_bytes();
                let hash = crate::hash::hash_key(seed, &member);
                match op {
                    0 | 1 => {
                        if table.find(hash, &member).is_none() {
                            let item = MemberItem::new(&member);
                            item.set_epoch(epoch);
                            table.insert_new(hash, item);
                            twin.insert(member, epoch);
                        }
                    }
                    2 => {
                        let removed = table.find_mut(hash, &member).map(|slot| slot.remove().epoch());
                        prop_assert_eq!(removed, twin.remove(&member));
                    }
                    _ => {
                        if let Some(item) = table.find(hash, &member) {
                            item.set_epoch(epoch);
                            twin.insert(member, epoch);
                        }
                    }
                }
            }
            let mut found = BTreeMap::new();
            table.for_each(|item| {
                found.insert(item.bytes().to_vec(), item.epoch());
            });
            prop_assert_eq!(found, twin);
        }
    }
}
