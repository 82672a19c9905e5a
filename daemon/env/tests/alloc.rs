//! The counted memory of a process. One test in a process of its own, because others would be counted too.

use esker_env::real::alloc::{CountingAlloc, peak_memory, used_memory};

#[global_allocator]
static ALLOC: CountingAlloc = CountingAlloc;

/// The test harness allocates a little meanwhile.
const NOISE_BYTES: i64 = 1_000_000;

#[test]
fn what_is_freed_is_uncounted_even_by_another_thread() {
    let before = used_memory() as i64;
    let blocks: Vec<Vec<u8>> = (0..1000).map(|_| vec![1; 10_000]).collect();
    let held = used_memory() as i64;
    assert!(held - before >= 10_000_000 - NOISE_BYTES, "{before} {held}");
    std::thread::spawn(move || drop(blocks))
        .join()
        .expect("the thread only frees");
    let after = used_memory() as i64;
    assert!((after - before).abs() < NOISE_BYTES, "{before} {after}");
    assert!(peak_memory() as i64 >= held);
}
