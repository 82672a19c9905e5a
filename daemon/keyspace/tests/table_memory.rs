//! What table and entries say they occupy is what they took from the allocator, to the byte; and nothing is left.

#![expect(unsafe_code, reason = "a global allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use esker_keyspace::UnixMs;
use esker_keyspace::entry::{Entry, StrInput, size_class};
use esker_keyspace::hash::hash_key;
use esker_keyspace::table::Table;

/// The system's allocator, counted in size classes; each thread by itself, because the test harness allocates too.
struct Counting;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

fn live() -> usize {
    LIVE.get()
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: forwards unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.set(live().wrapping_add(size_class(layout.size())));
        // SAFETY: the caller's contract is the callee's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.set(live().wrapping_sub(size_class(layout.size())));
        // SAFETY: the caller's contract is the callee's.
        unsafe { System.dealloc(block, layout) }
    }
}

const SEED: u64 = 42;

fn entry(number: u32) -> Entry {
    let key = format!("key:{number}");
    let expire_at = number
        .is_multiple_of(3)
        .then_some(UnixMs(i64::from(number)));
    match number % 5 {
        0 => Entry::string(key.as_bytes(), StrInput::Int(i64::from(number)), expire_at),
        1 => Entry::string(
            key.as_bytes(),
            StrInput::Bytes(&vec![1; number as usize % 3000]),
            expire_at,
        ),
        2 => Entry::string(
            key.as_bytes(),
            StrInput::Blob(Arc::new(vec![2; 1500])),
            expire_at,
        ),
        3 => Entry::string(&[7; 300], StrInput::Bytes(b"long key"), expire_at)
            .with_key(key.as_bytes()),
        _ => Entry::string(key.as_bytes(), StrInput::Bytes(b""), expire_at)
            .with_expiry(Some(UnixMs(1 << 40))),
    }
}

fn assert_accounted(table: &Table<Entry>, before: usize) {
    let mut claimed = table.stats().bytes;
    table.for_each(|entry| claimed += entry.heap_bytes());
    assert_eq!(live().wrapping_sub(before), claimed, "{:?}", table.stats());
}

#[test]
fn every_byte_is_accounted_for_and_given_back() {
    let before = live();
    let count: u32 = if cfg!(miri) { 500 } else { 40_000 };
    let mut table = Table::new(SEED);
    assert_accounted(&table, before);
    for number in 0..count {
        let entry = entry(number);
        table.insert_new(hash_key(SEED, entry.key()), entry);
        if number.is_power_of_two() || number % 9973 == 0 {
            assert_accounted(&table, before);
        }
    }
    for number in (0..count).filter(|number| number % 7 != 0) {
        let key = format!("key:{number}");
        let slot = table
            .find_mut(hash_key(SEED, key.as_bytes()), key.as_bytes())
            .expect("inserted above");
        drop(slot.remove());
        drop(key);
        if number % 997 == 0 {
            assert_accounted(&table, before);
        }
    }
    let mut position = Some(0);
    while let Some(at) = position {
        position = table.expire_segment(at, UnixMs(1 << 39), drop);
    }
    assert_accounted(&table, before);
    assert!(!table.is_empty());
    drop(table);
    assert_eq!(live(), before, "nothing leaks");
}
