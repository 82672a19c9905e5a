//! Nanoseconds per operation and bytes per key of the table with string entries, under the daemon's allocator.
//!
//! `cargo run --profile fast -p esker-keyspace --example table_bench [-- KEYS [plain|expiring|integer|load]]`

#![expect(
    unsafe_code,
    reason = "a global allocator is an unsafe trait over a C library"
)]
#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::alloc::{GlobalAlloc, Layout};
use std::time::{Duration, Instant};

use esker_keyspace::UnixMs;
use esker_keyspace::entry::{Entry, StrInput, StrRef};
use esker_keyspace::hash::hash_key;
use esker_keyspace::table::Table;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// mimalloc as the daemon uses it: its aligned functions only where alignment is asked for.
struct Allocator;

// SAFETY: forwards to mimalloc, whose blocks are 16-aligned from 16 bytes on, and 8-aligned below.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the callee's.
        unsafe {
            if layout.align() <= 16 && layout.align() <= layout.size() {
                libmimalloc_sys::mi_malloc(layout.size()).cast()
            } else {
                libmimalloc_sys::mi_malloc_aligned(layout.size(), layout.align()).cast()
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the callee's.
        unsafe {
            if layout.align() <= 16 && layout.align() <= layout.size() {
                libmimalloc_sys::mi_zalloc(layout.size()).cast()
            } else {
                libmimalloc_sys::mi_zalloc_aligned(layout.size(), layout.align()).cast()
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: the caller's contract is the callee's.
        unsafe { libmimalloc_sys::mi_free(block.cast()) }
    }
}

const SEED: u64 = 0x5eed;
const BATCH: usize = 32;

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = statm
        .split(' ')
        .nth(1)
        .and_then(|field| field.parse().ok())
        .expect("resident pages");
    pages * 4096
}

fn key(number: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// A fixed shuffle of the numbers below `count`.
fn shuffled(count: u64) -> impl Iterator<Item = u64> {
    // Odd multipliers and xor-shifts are bijections below a power of two; what falls outside is skipped.
    let mask = count.next_power_of_two() - 1;
    let half = mask.count_ones() / 2;
    let mixed = move |index: u64| {
        let once = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask;
        (once ^ once >> half).wrapping_mul(0xbf58_476d_1ce4_e5b9) & mask
    };
    (0..=mask).map(mixed).filter(move |number| *number < count)
}

fn report(name: &str, count: u64, elapsed: Duration) {
    println!(
        "{name:<44} {:>8.1} ns/op",
        elapsed.as_nanos() as f64 / count as f64
    );
}

#[derive(Clone, Copy)]
enum Shape {
    Plain,
    Expiring,
    Integer,
}

fn entry(number: u64, shape: Shape) -> Entry {
    let value = [b'v'; 64];
    match shape {
        Shape::Plain => Entry::string(&key(number), StrInput::Bytes(&value), None),
        Shape::Expiring => {
            Entry::string(&key(number), StrInput::Bytes(&value), Some(UnixMs(1 << 40)))
        }
        Shape::Integer => Entry::string(&key(number), StrInput::Int(number as i64), None),
    }
}

fn fill(name: &str, keys: u64, shape: Shape) -> Table<Entry> {
    let before = resident_bytes();
    let mut table = Table::new(SEED);
    let start = Instant::now();
    for number in 0..keys {
        let entry = entry(number, shape);
        table.insert_new(hash_key(SEED, entry.key()), entry);
    }
    report(&format!("insert new, {name}"), keys, start.elapsed());
    // SAFETY: a request to the allocator to give back what it holds in reserve.
    unsafe { libmimalloc_sys::mi_collect(true) };
    let mut entry_bytes = 0;
    table.for_each(|entry| entry_bytes += entry.heap_bytes());
    let stats = table.stats();
    println!(
        "  {name}: {:.1} B/key resident, {:.1} counted = entries {:.1} + table {:.1}; load {:.1} %",
        (resident_bytes() as f64 - before as f64) / keys as f64,
        (entry_bytes + stats.bytes) as f64 / keys as f64,
        entry_bytes as f64 / keys as f64,
        stats.bytes as f64 / keys as f64,
        stats.items as f64 / (stats.buckets * 7) as f64 * 100.0,
    );
    table
}

fn batches(order: &[u64], mut run: impl FnMut(&[(u64, [u8; 16])])) {
    let mut batch = Vec::with_capacity(BATCH);
    for chunk in order.chunks(BATCH) {
        batch.clear();
        batch.extend(
            chunk
                .iter()
                .map(|number| (hash_key(SEED, &key(*number)), key(*number))),
        );
        run(&batch);
    }
}

fn prefetch(table: &Table<Entry>, batch: &[(u64, [u8; 16])]) {
    batch
        .iter()
        .for_each(|(hash, _)| table.prefetch_bucket(*hash));
    batch
        .iter()
        .for_each(|(hash, _)| table.prefetch_item(*hash));
}

fn get(table: &Table<Entry>, batch: &[(u64, [u8; 16])], sum: &mut usize) {
    for (hash, key) in batch {
        if let Some(StrRef::Bytes(bytes)) = table.find(*hash, key).and_then(Entry::str) {
            *sum += usize::from(bytes[63]);
        }
    }
}

fn lookups(table: &mut Table<Entry>, keys: u64, order: &[u64]) {
    let mut sum = 0;
    let start = Instant::now();
    batches(order, |batch| sum += batch.len());
    let making = start.elapsed();
    report("(making keys and hashes)", keys, making);

    let start = Instant::now();
    batches(order, |batch| get(table, batch, &mut sum));
    report("get, cold", keys, start.elapsed().saturating_sub(making));
    let start = Instant::now();
    batches(order, |batch| {
        prefetch(table, batch);
        get(table, batch, &mut sum);
    });
    report(
        "get, prefetched batch, all",
        keys,
        start.elapsed().saturating_sub(making),
    );
    let hot: Vec<u64> = order.iter().map(|number| number % 2_000).collect();
    let start = Instant::now();
    batches(&hot, |batch| get(table, batch, &mut sum));
    report(
        "get, in cache",
        keys,
        start.elapsed().saturating_sub(making),
    );
    let absent: Vec<u64> = order.iter().map(|number| number + (1 << 33)).collect();
    let start = Instant::now();
    batches(&absent, |batch| {
        prefetch(table, batch);
        get(table, batch, &mut sum);
    });
    report(
        "get absent, prefetched batch, all",
        keys,
        start.elapsed().saturating_sub(making),
    );
    assert!(sum > 0);
    let start = Instant::now();
    batches(order, |batch| {
        prefetch(table, batch);
        for (hash, key) in batch {
            let mut slot = table.find_mut(*hash, key).expect("every key is there");
            let done = slot
                .get_mut()
                .try_overwrite_in_place(StrInput::Bytes(&[b'w'; 64]), None);
            assert!(done.is_ok());
        }
    });
    report(
        "set in place, prefetched batch, all",
        keys,
        start.elapsed().saturating_sub(making),
    );
}

fn churn(table: &mut Table<Entry>, keys: u64, order: &[u64]) {
    let start = Instant::now();
    batches(order, |batch| {
        prefetch(table, batch);
        for (hash, key) in batch {
            drop(
                table
                    .find_mut(*hash, key)
                    .expect("every key is there")
                    .remove(),
            );
        }
    });
    report(
        "delete all, prefetched, with key making",
        keys,
        start.elapsed(),
    );
    println!("  afterwards: {:?}", table.stats());
}

fn sweeps(table: &mut Table<Entry>, keys: u64) {
    let start = Instant::now();
    let (mut cursor, mut seen) = (0, 0);
    loop {
        cursor = table.scan(cursor, 10, |_| seen += 1);
        if cursor == 0 {
            break;
        }
    }
    report("scan, 10 at a time", seen, start.elapsed());
    let (mut position, mut bytes, mut slowest) = (Some(0), 0, Duration::ZERO);
    let start = Instant::now();
    while let Some(at) = position {
        let begun = Instant::now();
        position = table.walk_segment(at, |entry| bytes += entry.key().len());
        slowest = slowest.max(begun.elapsed());
    }
    let name = format!("walk, slowest segment {} us", slowest.as_micros());
    report(&name, keys, start.elapsed());
}

fn load(keys: u64) {
    let mut sorted: Vec<(u64, Entry)> = (0..keys)
        .map(|number| entry(number, Shape::Plain))
        .map(|entry| (hash_key(SEED, entry.key()), entry))
        .collect();
    sorted.sort_unstable_by_key(|(hash, _)| *hash);
    for reserved in [true, false] {
        let mut table = Table::new(SEED);
        let mut back = Vec::with_capacity(sorted.len());
        let start = Instant::now();
        if reserved {
            table.reserve(keys as usize);
        }
        for (hash, entry) in sorted {
            table.insert_new(hash, entry);
        }
        report(
            &format!("load in hash order, reserved: {reserved}"),
            keys,
            start.elapsed(),
        );
        println!(
            "  table {:.1} B/key",
            table.stats().bytes as f64 / keys as f64
        );
        let mut position = Some(0);
        while let Some(at) = position {
            let last = back.len();
            table.walk_segment(at, |entry| {
                back.push((hash_key(SEED, entry.key()), entry.duplicate()))
            });
            back[last..].sort_unstable_by_key(|(hash, _)| *hash);
            position = table.walk_segment(at, |_| ());
        }
        sorted = back;
        let start = Instant::now();
        drop(table);
        report("drop", keys, start.elapsed());
    }
}

/// A process for each shape, so that resident memory is that of one table.
fn main() {
    let mut arguments = std::env::args().skip(1);
    let keys: u64 = arguments
        .next()
        .and_then(|keys| keys.parse().ok())
        .unwrap_or(1_000_000);
    match arguments.next().as_deref() {
        Some("expiring") => drop(fill("expiring", keys, Shape::Expiring)),
        Some("integer") => drop(fill("integer", keys, Shape::Integer)),
        Some("load") => load(keys),
        _ => {
            let mut table = fill("plain", keys, Shape::Plain);
            let order: Vec<u64> = shuffled(keys).collect();
            assert_eq!(order.len() as u64, keys);
            lookups(&mut table, keys, &order);
            sweeps(&mut table, keys);
            churn(&mut table, keys, &order);
        }
    }
}
