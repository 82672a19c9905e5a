//! Property tests of the table against a plain map, with hashes that are good, and hashes that are out to hurt.

#![expect(unsafe_code, reason = "a test item is a packed pointer, too")]

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;

use proptest::prelude::*;

use super::cursor::mix;
use super::{Item, Table};
use crate::UnixMs;

thread_local! {
    static ALIVE: Cell<usize> = const { Cell::new(0) };
}

/// A boxed item; `hash` depends on the seed, so that the seed of a table chooses how its hashes behave.
#[repr(transparent)]
struct Probe(NonZeroU64);

struct Body {
    key: [u8; 4],
    value: u32,
    expire_at: Option<UnixMs>,
}

impl Probe {
    fn new(number: u32, value: u32, expire_at: Option<UnixMs>) -> Probe {
        ALIVE.set(ALIVE.get() + 1);
        let body = Box::new(Body {
            key: number.to_le_bytes(),
            value,
            expire_at,
        });
        let address = Box::into_raw(body).expose_provenance() as u64;
        assert!(address < 1 << 48);
        Probe(NonZeroU64::new(address).unwrap())
    }

    fn pointer(&self) -> *mut Body {
        std::ptr::with_exposed_provenance_mut((self.0.get() & ((1 << 48) - 1)) as usize)
    }

    fn body(&self) -> &Body {
        // SAFETY: owned, and the upper bits are masked.
        unsafe { &*self.pointer() }
    }

    fn body_mut(&mut self) -> &mut Body {
        // SAFETY: owned, and the upper bits are masked.
        unsafe { &mut *self.pointer() }
    }

    fn number(&self) -> u32 {
        u32::from_le_bytes(self.body().key)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
        // SAFETY: made by `Box::into_raw`, owned.
        drop(unsafe { Box::from_raw(self.pointer()) });
    }
}

// SAFETY: transparent over a word with a pointer in its low 48 bits, the rest masked everywhere.
unsafe impl Item for Probe {
    fn key(&self) -> &[u8] {
        &self.body().key
    }

    fn expire_at(&self) -> Option<UnixMs> {
        self.body().expire_at
    }

    fn hash(&self, seed: u64) -> u64 {
        probe_hash(seed, self.number())
    }
}

fn probe_hash(seed: u64, number: u32) -> u64 {
    let good = mix(u64::from(number) + 1);
    match seed {
        // All alike.
        1 => 0x0123_4567_89ab_cdef,
        // Four prefixes of 40 bits.
        2 => (good & 3) << 62 | good >> 40,
        // Two prefixes, which part only at bit 30.
        3 => (good & 1) << 33 | good >> 40,
        // Ascending in the number: the order of a snapshot.
        4 => u64::from(number) << 48,
        // Few values, each often, at the end of the space.
        5 => u64::MAX - good % 5,
        // As the hashes of two million keys in hash order: what a snapshot's blocks hold.
        7 => u64::from(number) << 43 | good >> 21,
        // Tags all alike.
        6 => good << 8,
        _ => good,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert {
        first: u32,
        count: u32,
        expire_at: Option<i64>,
    },
    Remove {
        first: u32,
        count: u32,
    },
    Expire {
        number: u32,
        at: Option<i64>,
    },
    Replace {
        number: u32,
        value: u32,
    },
    Scan {
        count: usize,
    },
    Sweep {
        now: i64,
    },
    Walk,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = 0..1500_u32;
    let count = prop_oneof![1..8_u32, 50..900_u32];
    let at = proptest::option::weighted(0.3, 0..1000_i64);
    let step = prop_oneof![
        4 => (number.clone(), count.clone(), at.clone())
            .prop_map(|(first, count, expire_at)| Step::Insert { first, count, expire_at }),
        4 => (number.clone(), count).prop_map(|(first, count)| Step::Remove { first, count }),
        2 => (number.clone(), at).prop_map(|(number, at)| Step::Expire { number, at }),
        2 => (number, any::<u32>()).prop_map(|(number, value)| Step::Replace { number, value }),
        6 => prop_oneof![1..20_usize, 20..400_usize].prop_map(|count| Step::Scan { count }),
        1 => (0..1000_i64).prop_map(|now| Step::Sweep { now }),
        1 => Just(Step::Walk),
    ];
    proptest::collection::vec(step, 1..40)
}

/// The table and its twin, and a scan that goes on while they change.
struct Pair {
    table: Table<Probe>,
    twin: HashMap<u32, (u32, Option<i64>)>,
    cursor: u64,
    seen: HashSet<u32>,
    stable: HashSet<u32>,
}

impl Pair {
    fn new(seed: u64) -> Pair {
        let table = Table::new(seed);
        Pair {
            table,
            twin: HashMap::new(),
            cursor: 0,
            seen: HashSet::new(),
            stable: HashSet::new(),
        }
    }

    fn hash(&self, number: u32) -> u64 {
        probe_hash(self.table.seed(), number)
    }

    fn insert(&mut self, number: u32, expire_at: Option<i64>) {
        if self.twin.contains_key(&number) {
            return;
        }
        self.twin.insert(number, (number, expire_at));
        self.table.insert_new(
            self.hash(number),
            Probe::new(number, number, expire_at.map(UnixMs)),
        );
    }

    fn remove(&mut self, number: u32) {
        let hash = self.hash(number);
        let found = self.table.find_mut(hash, &number.to_le_bytes());
        let removed = self.twin.remove(&number);
        assert_eq!(found.is_some(), removed.is_some());
        if let Some(slot) = found {
            assert_eq!(slot.remove().number(), number);
        }
        self.stable.remove(&number);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Insert {
                first,
                count,
                expire_at,
            } => {
                (first..first + count).for_each(|number| self.insert(number, expire_at));
            }
            Step::Remove { first, count } => {
                (first..first + count).for_each(|number| self.remove(number))
            }
            Step::Expire { number, at } => {
                let hash = self.hash(number);
                if let Some(mut slot) = self.table.find_mut(hash, &number.to_le_bytes()) {
                    slot.get_mut().body_mut().expire_at = at.map(UnixMs);
                    self.twin.get_mut(&number).unwrap().1 = at;
                }
            }
            Step::Replace { number, value } => {
                let hash = self.hash(number);
                if let Some(mut slot) = self.table.find_mut(hash, &number.to_le_bytes()) {
                    let old = slot.replace(Probe::new(number, value, None));
                    let twin = self.twin.insert(number, (value, None)).unwrap();
                    assert_eq!(
                        (old.body().value, old.body().expire_at),
                        (twin.0, twin.1.map(UnixMs))
                    );
                }
            }
            Step::Scan { count } => self.scan(count),
            Step::Sweep { now } => self.sweep(now),
            Step::Walk => self.walk(),
        }
        self.table.check();
        assert_eq!(self.table.len(), self.twin.len());
    }

    fn scan(&mut self, count: usize) {
        if self.cursor == 0 {
            self.seen.clear();
            self.stable = self.twin.keys().copied().collect();
        }
        let (seen, twin) = (&mut self.seen, &self.twin);
        self.cursor = self.table.scan(self.cursor, count, |probe| {
            assert!(twin.contains_key(&probe.number()));
            assert!(seen.insert(probe.number()), "seen twice");
        });
        if self.cursor == 0 {
            assert!(self.stable.is_subset(&self.seen), "missed");
        }
    }

    fn sweep(&mut self, now: i64) {
        let mut due = Vec::new();
        let mut position = Some(0);
        while let Some(at) = position {
            position = self
                .table
                .due_in_segment(at, UnixMs(now), |probe| due.push(probe.number()));
        }
        let mut expired = Vec::new();
        let mut position = Some(0);
        while let Some(at) = position {
            position = self
                .table
                .expire_segment(at, UnixMs(now), |probe| expired.push(probe.number()));
        }
        let mut expected: Vec<u32> = self
            .twin
            .iter()
            .filter(|(_, twin)| twin.1.is_some_and(|at| at < now))
            .map(|(number, _)| *number)
            .collect();
        due.sort_unstable();
        expired.sort_unstable();
        expected.sort_unstable();
        assert_eq!(due, expected);
        assert_eq!(expired, expected);
        for number in expected {
            self.twin.remove(&number);
            self.stable.remove(&number);
        }
    }

    fn walk(&mut self) {
        let mut seen = HashSet::new();
        let mut position = Some(0);
        while let Some(at) = position {
            let (seed, mut highest, mut lowest) = (self.table.seed(), at, u64::MAX);
            position = self.table.walk_segment(at, |probe| {
                assert!(seen.insert(probe.number()));
                probe.body_mut().value += 1;
                highest = highest.max(probe.hash(seed));
                lowest = lowest.min(probe.hash(seed));
            });
            assert!(lowest >= at && position.is_none_or(|next| highest < next));
        }
        assert_eq!(seen.len(), self.twin.len());
        self.twin.values_mut().for_each(|twin| twin.0 += 1);
    }

    /// Compares everything by lookup, present and absent.
    fn compare(&self) {
        for number in 0..2500 {
            let found = self.table.find(self.hash(number), &number.to_le_bytes());
            let twin = self.twin.get(&number);
            let found =
                found.map(|probe| (probe.body().value, probe.body().expire_at.map(|at| at.0)));
            assert_eq!(found, twin.copied(), "key {number}");
        }
        let mut count = 0;
        self.table.for_each(|_| count += 1);
        assert_eq!(count, self.twin.len());
        let drawn = self
            .table
            .random(count as u64)
            .map(|probe| self.twin.contains_key(&probe.number()));
        assert_eq!(drawn, (count > 0).then_some(true));
    }
}

const CASES: u32 = if cfg!(miri) { 4 } else { 256 };

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn table_equals_its_twin(seed in 0..8_u64, steps in steps()) {
        let alive = ALIVE.get();
        let mut pair = Pair::new(seed);
        for step in &steps {
            pair.step(step);
        }
        pair.compare();
        while pair.cursor != 0 {
            pair.scan(50);
        }
        prop_assert_eq!(ALIVE.get() - alive, pair.table.len());
        drop(pair);
        prop_assert_eq!(ALIVE.get(), alive, "dropped exactly once");
    }

    /// Growth to many segments and back to none, with a scan all the way.
    #[test]
    fn table_grows_and_shrinks(count in 1_000..30_000_u32, scan in 1..300_usize, churn in any::<u64>()) {
        let count = if cfg!(miri) { count / 50 } else { count };
        let mut pair = Pair::new(0);
        for number in 0..count {
            pair.insert(number, None);
            if number % 16 == 0 {
                pair.scan(scan);
            }
        }
        pair.table.check();
        prop_assert_eq!(pair.table.len(), count as usize);
        for round in 0..count {
            pair.remove((round ^ churn as u32) % count);
            if round % 16 == 0 {
                pair.scan(scan);
            }
        }
        pair.table.check();
        for number in 0..count {
            pair.remove(number);
        }
        pair.table.check();
        let stats = pair.table.stats();
        prop_assert!(stats.bytes <= 256, "an empty table keeps nothing but its first segment: {:?}", stats);
    }

    #[test]
    fn loaded_tables_join(items in 1..20_000_usize, split in any::<u8>(), reserved in any::<bool>()) {
        let items = if cfg!(miri) { items / 50 } else { items };
        let mut numbers: Vec<u32> = (0..items as u32).collect();
        numbers.sort_unstable_by_key(|number| probe_hash(0, *number));
        let (mut low, mut high) = (Table::new(0), Table::new(0));
        if reserved {
            low.reserve(items);
            high.reserve(items);
        }
        for number in &numbers {
            let hash = probe_hash(0, *number);
            let half = if (hash >> 56) as u8 <= split { &mut low } else { &mut high };
            half.insert_new(hash, Probe::new(*number, *number, None));
        }
        low.absorb(high);
        low.loaded();
        low.check();
        prop_assert_eq!(low.len(), items);
        for number in numbers {
            prop_assert!(low.find(probe_hash(0, number), &number.to_le_bytes()).is_some());
        }
    }
}

/// The reclaim thread takes whole tables; nobody shares one.
#[test]
fn a_table_goes_to_another_thread() {
    let mut table = Table::new(3);
    for number in 0..1000_u32 {
        let entry = crate::entry::Entry::string(
            &number.to_le_bytes(),
            crate::entry::StrInput::Int(1),
            None,
        );
        table.insert_new(crate::hash::hash_key(3, &number.to_le_bytes()), entry);
    }
    let len = std::thread::spawn(move || table.len())
        .join()
        .expect("only drops the table");
    assert_eq!(len, 1000);
}

#[test]
fn a_reserved_table_splits_nothing() {
    for items in [0, 1, 7, 300, 5_000, 100_000] {
        let mut table = Table::new(0);
        table.reserve(items);
        let directory_bytes = table.stats().bytes;
        for number in 0..items as u32 {
            table.insert_new(probe_hash(0, number), Probe::new(number, 0, None));
        }
        table.check();
        assert_eq!(table.directory.bytes(), directory_bytes, "{items} items");
    }
}

/// The first items of a big load in hash order share long prefixes.
#[test]
fn a_load_in_hash_order_needs_no_reservation() {
    let count: u32 = if cfg!(miri) { 3_000 } else { 300_000 };
    for descending in [false, true] {
        let mut table = Table::new(7);
        for step in 0..count {
            let number = if descending { count - 1 - step } else { step };
            table.insert_new(probe_hash(7, number), Probe::new(number, 0, None));
        }
        table.check();
        let stats = table.stats();
        assert!(stats.bytes < count as usize * 16, "{stats:?}");
        for number in 0..count {
            assert!(
                table
                    .find(probe_hash(7, number), &number.to_le_bytes())
                    .is_some()
            );
        }
    }
}

#[test]
fn random_is_fair() {
    for items in [3_u32, 50, 1_000] {
        let mut table = Table::new(0);
        for number in 0..items {
            table.insert_new(probe_hash(0, number), Probe::new(number, 0, None));
        }
        let mut drawn = vec![0_u32; items as usize];
        let rounds = if cfg!(miri) { 20 } else { 1_000 };
        for draw in 0..u64::from(items * rounds) {
            drawn[table.random(mix(draw)).unwrap().number() as usize] += 1;
        }
        // Six standard deviations of a Poisson count.
        let slack = 6.0 * f64::from(rounds).sqrt();
        for (number, count) in drawn.iter().enumerate() {
            assert!(
                (f64::from(*count) - f64::from(rounds)).abs() < slack,
                "{number} of {items}: {count}"
            );
        }
    }
}

#[test]
fn churn_leaves_no_trace_in_searches() {
    // Passed bits that only ever grew would end up set everywhere and make every miss walk a whole segment.
    let mut table = Table::new(0);
    let count = if cfg!(miri) { 300 } else { 3_000_u32 };
    (0..count)
        .for_each(|number| table.insert_new(probe_hash(0, number), Probe::new(number, 0, None)));
    for number in 0..count * 20 {
        let hash = probe_hash(0, number);
        drop(
            table
                .find_mut(hash, &number.to_le_bytes())
                .unwrap()
                .remove(),
        );
        let new = number + count;
        table.insert_new(probe_hash(0, new), Probe::new(new, 0, None));
    }
    table.check();
}
