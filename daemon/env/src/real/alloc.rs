//! The process allocator: mimalloc, counted.
//!
//! `used_memory` is the sum of the size classes of all live allocations: what the data cost, rounding included, without
//! what the allocator keeps in reserve. Each thread owns one counter cell and updates it with a plain load and store (no
//! read-modify-write, no shared cache line); readers add the cells up. A block may be freed by another thread than the one
//! that allocated it, so a single cell may be negative; only the sum has a meaning. A sum taken while others allocate is
//! off by what they did meanwhile, never by more: cells do not lose updates.
//!
//! Threads beyond `CELLS_MAX` share the last cell with atomic additions. Cells of ended threads are not given back: their
//! balance still counts.

#![expect(
    unsafe_code,
    reason = "a global allocator is an unsafe trait over a C library"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Own cells; the one after them is shared.
const CELLS_MAX: usize = 255;
const UNASSIGNED: usize = usize::MAX;

#[repr(align(128))]
struct CounterCell {
    bytes: AtomicI64,
}

static CELLS: [CounterCell; CELLS_MAX + 1] = [const {
    CounterCell {
        bytes: AtomicI64::new(0),
    }
}; CELLS_MAX + 1];
static CELLS_TAKEN: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);

thread_local! {
    // Const-initialised and without a destructor: no lazy registration, so it may be used inside an allocation.
    static CELL: Cell<usize> = const { Cell::new(UNASSIGNED) };
}

/// Install with `#[global_allocator] static ALLOC: CountingAlloc = CountingAlloc;`.
#[derive(Debug)]
pub struct CountingAlloc;

// SAFETY: every method forwards to mimalloc, which fulfils the contract of GlobalAlloc, with unchanged arguments; the
// counting around it neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAlloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the callee's.
        let block = unsafe { mi_alloc(layout) };
        if !block.is_null() {
            count(class_bytes(layout.size()));
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the callee's.
        let block = unsafe { mi_alloc_zeroed(layout) };
        if !block.is_null() {
            count(class_bytes(layout.size()));
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-class_bytes(layout.size()));
        // SAFETY: the caller's contract is the callee's.
        unsafe { mimalloc::MiMalloc.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's contract is the callee's.
        let moved = unsafe { mi_realloc(block, layout, new_size) };
        if !moved.is_null() {
            count(class_bytes(new_size) - class_bytes(layout.size()));
        }
        moved
    }
}

/// Every block is aligned to this from this size on, and to its size's power of two below.
const NATURAL_ALIGN: usize = 16;

/// mimalloc's aligned functions reserve room to shift the block for every size that is no power of two, however small
/// the alignment: once the first page of a class is full, each block then costs the next class (112 bytes for 96). So
/// they are called only for alignments that plain blocks do not have.
#[inline]
fn naturally_aligned(size: usize, align: usize) -> bool {
    align <= NATURAL_ALIGN && align <= size
}

/// # Safety
/// As `GlobalAlloc::alloc`.
#[inline]
unsafe fn mi_alloc(layout: Layout) -> *mut u8 {
    if naturally_aligned(layout.size(), layout.align()) {
        // SAFETY: any size may be asked for.
        return unsafe { libmimalloc_sys::mi_malloc(layout.size()) }.cast();
    }
    // SAFETY: the caller's contract is the callee's.
    unsafe { mimalloc::MiMalloc.alloc(layout) }
}

/// # Safety
/// As `GlobalAlloc::alloc_zeroed`.
#[inline]
unsafe fn mi_alloc_zeroed(layout: Layout) -> *mut u8 {
    if naturally_aligned(layout.size(), layout.align()) {
        // SAFETY: any size may be asked for.
        return unsafe { libmimalloc_sys::mi_zalloc(layout.size()) }.cast();
    }
    // SAFETY: the caller's contract is the callee's.
    unsafe { mimalloc::MiMalloc.alloc_zeroed(layout) }
}

/// # Safety
/// As `GlobalAlloc::realloc`.
#[inline]
unsafe fn mi_realloc(block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
    if naturally_aligned(new_size, layout.align()) {
        // SAFETY: the block is mimalloc's, by the caller's contract.
        return unsafe { libmimalloc_sys::mi_realloc(block.cast(), new_size) }.cast();
    }
    // SAFETY: the caller's contract is the callee's.
    unsafe { mimalloc::MiMalloc.realloc(block, layout, new_size) }
}

/// Bytes in live allocations, by size class.
pub fn used_memory() -> u64 {
    let sum: i64 = CELLS.iter().map(|c| c.bytes.load(Relaxed)).sum();
    let used = sum.max(0) as u64;
    PEAK.fetch_max(used, Relaxed);
    used
}

/// The highest `used_memory` that anyone has asked for and got: as fine as the caller's sampling.
pub fn peak_memory() -> u64 {
    PEAK.load(Relaxed).max(used_memory())
}

/// Starts the peak afresh from the present.
pub fn reset_peak_memory() {
    PEAK.store(0, Relaxed);
    used_memory();
}

#[inline]
fn count(delta: i64) {
    let mut index = CELL.get();
    if index == UNASSIGNED {
        index = CELLS_TAKEN.fetch_add(1, Relaxed).min(CELLS_MAX);
        CELL.set(index);
    }
    let cell = &CELLS[index].bytes;
    if index < CELLS_MAX {
        cell.store(cell.load(Relaxed) + delta, Relaxed);
    } else {
        cell.fetch_add(delta, Relaxed);
    }
}

/// Sizes up to this are looked up; larger ones ask the allocator.
const TABLE_BYTES_MAX: usize = 1024;

/// Class of `(size + 7) / 8` words, as mimalloc rounds: even words up to eight, then eighths of a power of two.
static CLASS_BYTES: [u16; TABLE_BYTES_MAX / 8 + 1] = class_table();

const fn class_table() -> [u16; TABLE_BYTES_MAX / 8 + 1] {
    let mut table = [0; TABLE_BYTES_MAX / 8 + 1];
    let mut words = 0;
    while words < table.len() {
        table[words] = (class_words(words) * 8) as u16;
        words += 1;
    }
    table
}

const fn class_words(words: usize) -> usize {
    if words <= 1 {
        return 1;
    }
    if words <= 8 {
        return (words + 1) & !1;
    }
    let top = (usize::BITS - 1 - (words - 1).leading_zeros()) as usize;
    let step = 1 << (top - 2);
    words.div_ceil(step) * step
}

/// What a block of `size` bytes occupies.
#[inline]
fn class_bytes(size: usize) -> i64 {
    if size <= TABLE_BYTES_MAX {
        return i64::from(CLASS_BYTES[size.div_ceil(8)]);
    }
    good_size(size)
}

fn good_size(size: usize) -> i64 {
    // SAFETY: a pure function of its argument.
    unsafe { libmimalloc_sys::mi_good_size(size) as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOC: CountingAlloc = CountingAlloc;

    #[test]
    fn the_table_agrees_with_the_allocator() {
        for size in 1..=TABLE_BYTES_MAX {
            assert_eq!(class_bytes(size), good_size(size), "size {size}");
        }
    }

    #[test]
    fn blocks_cost_their_own_class_and_are_aligned() {
        for size in [24_usize, 40, 80, 96, 112, 320, 2560, 3072] {
            // More than one page of blocks: the first page hides what later ones cost.
            let blocks: Vec<Vec<u128>> = (0..200_000 / size)
                .map(|_| Vec::with_capacity(size / 16))
                .collect();
            for block in blocks.iter().filter(|block| block.capacity() > 0) {
                // SAFETY: a live block of the allocator.
                let usable = unsafe { libmimalloc_sys::mi_usable_size(block.as_ptr().cast()) };
                assert_eq!(usable as i64, class_bytes(size / 16 * 16), "size {size}");
                assert_eq!(block.as_ptr().addr() % 16, 0, "size {size}");
            }
        }
    }
}
