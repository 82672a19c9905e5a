//! Hashes against a map of names to values and expiries.

use std::collections::BTreeMap;

use esker_format::native::value::{Part, ValueWriter};
use proptest::prelude::*;

use super::*;
use crate::tx::Expiry;

const NOW: i64 = 1_000;

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

#[derive(Clone, Debug)]
enum Step {
    Set(Vec<u8>, Vec<u8>, Expiry),
    SetExpiry(Vec<u8>, Option<i64>),
    Remove(Vec<u8>),
    Sweep(usize),
    Pass(i64),
    Duplicate,
    Reload(usize),
    MakeTriples,
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0..40_u32).prop_map(|number| format!("f{number}").into_bytes()),
        4 => (0..40_u32).prop_map(|number| number.to_string().into_bytes()),
        1 => (0..3_u8).prop_map(|byte| vec![byte; 30]),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0..12_usize, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
        2 => any::<i32>().prop_map(|int| int.to_string().into_bytes()),
        1 => (0..400_usize).prop_map(|length| vec![b'v'; length]),
    ]
}

fn at() -> impl Strategy<Value = i64> {
    NOW - 20..NOW + 60
}

fn expiry() -> impl Strategy<Value = Expiry> {
    prop_oneof![
        3 => Just(Expiry::Clear),
        2 => Just(Expiry::Keep),
        2 => at().prop_map(|at| Expiry::At(UnixMs(at))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (name(), value(), expiry()).prop_map(|(name, value, expiry)| Step::Set(name, value, expiry)),
        4 => (name(), proptest::option::of(at())).prop_map(|(name, at)| Step::SetExpiry(name, at)),
        4 => name().prop_map(Step::Remove),
        1 => (1..20_usize).prop_map(Step::Sweep),
        1 => (0..15_i64).prop_map(Step::Pass),
        1 => Just(Step::Duplicate),
        1 => (1..200_usize).prop_map(Step::Reload),
        1 => Just(Step::MakeTriples),
    ]
}

fn limits() -> Limits {
    Limits {
        hash_max_listpack_entries: 12,
        hash_max_listpack_value: 64,
        ..Limits::default()
    }
}

fn contents(hash: &Hash) -> Model {
    let mut model = Model::new();
    hash.for_all(|field| {
        let at = field.expire_at.map(|at| at.0);
        let old = model.insert(field.name.to_vec(), (field.value.to_vec(), at));
        assert!(old.is_none(), "a name is there once");
    });
    model
}

fn parts(hash: &Hash, piece_bytes: usize) -> Vec<(u8, Vec<u8>)> {
    let mut parts = Vec::new();
    let mut sink = |part: Part<'_>| parts.push((part.kind, part.bytes.to_vec()));
    let mut writer = ValueWriter::with_piece_bytes(piece_bytes, &mut sink);
    hash.encode(&mut writer);
    writer.finish();
    parts
}

fn reload(hash: &Hash, piece_bytes: usize) -> Hash {
    let mut parts = parts(hash, piece_bytes);
    let (kind, first) = parts.remove(0);
    let mut loaded = Hash::decode(kind, &first, &limits()).expect("what was encoded");
    // The pieces of a hash may come in any order.
    for (kind, bytes) in parts.iter().rev() {
        loaded.add_piece(*kind, bytes).expect("a further piece");
    }
    loaded.loaded().expect("complete");
    loaded
}

fn digest(hash: &Hash) -> Vec<u8> {
    let mut out = Vec::new();
    hash.digest(&mut out);
    out
}

fn live(model: &Model, now: i64) -> Model {
    let mut live = model.clone();
    live.retain(|_, (_, at)| at.is_none_or(|at| at >= now));
    live
}

struct Pair {
    hash: Hash,
    model: Model,
    now: i64,
}

impl Pair {
    fn with<R>(&mut self, f: impl FnOnce(&mut Hash, &mut HashCx<'_, '_>) -> R) -> R {
        let (limits, mut elements) = (limits(), Elements::unwatched());
        let mut cx = HashCx {
            limits: &limits,
            now: UnixMs(self.now),
            elements: &mut elements,
        };
        f(&mut self.hash, &mut cx)
    }

    fn live_field(&self, name: &[u8]) -> Option<(Vec<u8>, Option<i64>)> {
        let field = self.model.get(name).cloned();
        field.filter(|(_, at)| at.is_none_or(|at| at >= self.now))
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Set(name, value, expiry) => {
                let old = self.live_field(name);
                let before = old.as_ref().and_then(|(_, at)| at.map(UnixMs));
                let after = expiry.after(before).map(|at| at.0);
                let created = self.with(|hash, cx| hash.set(name, value, *expiry, cx));
                assert_eq!(created, old.is_none());
                self.model.insert(name.clone(), (value.clone(), after));
            }
            Step::SetExpiry(name, at) => {
                let there = self.live_field(name);
                let done = self.with(|hash, cx| hash.set_expiry(name, at.map(UnixMs), cx));
                assert_eq!(done, there.is_some());
                if let Some((value, _)) = there {
                    self.model.insert(name.clone(), (value, *at));
                }
            }
            Step::Remove(name) => {
                let there = self.live_field(name).is_some();
                assert_eq!(self.with(|hash, cx| hash.remove(name, cx)), there);
                self.model.remove(name);
            }
            Step::Sweep(budget) => {
                let mut gone = Vec::new();
                let swept =
                    self.with(|hash, cx| hash.sweep(*budget, cx, |name| gone.push(name.to_vec())));
                for name in gone {
                    let (_, at) = self
                        .model
                        .remove(&name)
                        .expect("only what is there is deleted");
                    assert!(at.is_some_and(|at| at < self.now));
                }
                let due = self
                    .model
                    .values()
                    .any(|(_, at)| at.is_some_and(|at| at < self.now));
                // What changed in the course of a pass may have made it too careful; the next one is not.
                if swept.complete && !due {
                    self.with(|hash, cx| hash.sweep(1000, cx, |_| unreachable!("nothing is due")));
                    assert!(self.hash.earliest().is_none_or(|at| at.0 >= self.now));
                }
            }
            Step::Pass(ms) => self.now += ms,
            Step::Duplicate => self.hash = self.hash.duplicate(),
            Step::Reload(bytes) if !self.model.is_empty() => self.hash = reload(&self.hash, *bytes),
            Step::Reload(_) => {}
            Step::MakeTriples => self.hash.make_triples(),
        }
    }

    fn compare(&self) {
        let now = UnixMs(self.now);
        assert_eq!(contents(&self.hash), self.model);
        assert_eq!(self.hash.len(), self.model.len());
        assert_eq!(self.hash.is_empty(), self.model.is_empty());
        let live = live(&self.model, self.now);
        assert_eq!(self.hash.live(now), live.len());
        let mut seen = Model::new();
        let end = self.hash.scan(0, usize::MAX, now, |field| {
            seen.insert(
                field.name.to_vec(),
                (field.value.to_vec(), field.expire_at.map(|at| at.0)),
            );
        });
        assert_eq!((end, seen), (0, live.clone()));
        for name in self.model.keys() {
            let value = self.hash.get(name, now).map(|value| value.to_vec());
            assert_eq!(value, live.get(name).map(|(value, _)| value.clone()));
        }
        let earliest = self.model.values().filter_map(|(_, at)| *at).min();
        match (self.hash.earliest(), earliest) {
            (None, None) => {}
            (Some(bound), Some(at)) => assert!(bound.0 <= at, "never too late"),
            other => panic!("{other:?}"),
        }
        let mut random = crate::Random::new(1);
        let drawn = self.hash.random(now, || random.next_u64());
        assert_eq!(drawn.is_some(), !live.is_empty());
        assert!(drawn.is_none_or(|field| live.contains_key(&field.name.to_vec())));
        match &self.hash {
            Hash::Table(table) => table.check(),
            Hash::Packed(pack) => {
                drop(Hash::from_pairs(pack.clone()).map_err(|_| assert!(pack.is_empty())))
            }
            Hash::PackedTtl(pack) => {
                drop(Hash::from_triples(pack.clone()).map_err(|_| assert!(pack.is_empty())))
            }
        }
    }
}

proptest! {
    #[test]
    fn a_hash_is_a_map(steps in proptest::collection::vec(step(), 1..120)) {
        let mut pair = Pair {
            hash: Hash::empty(&limits()),
            model: Model::new(),
            now: NOW,
        };
        for step in &steps {
            pair.run(step);
            pair.compare();
        }
        // An equal hash with another history.
        let mut other = Hash::empty(&limits());
        let (limits, mut elements) = (limits(), Elements::unwatched());
        for (name, (value, at)) in pair.model.iter().rev() {
            let mut cx = HashCx { limits: &limits, now: UnixMs(i64::MIN), elements: &mut elements };
            other.set(name, value, at.map_or(Expiry::Clear, |at| Expiry::At(UnixMs(at))), &mut cx);
        }
        prop_assert_eq!(digest(&pair.hash), digest(&other));
    }

    /// Whatever the bytes are, decoding them neither panics nor makes a hash that breaks its invariants.
    #[test]
    fn foreign_bytes_are_refused_or_sound(
        kind in 6..11_u8,
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        if let Ok(hash) = Hash::decode(kind, &bytes, &limits()) {
            prop_assert_eq!(contents(&hash).len(), hash.len());
        }
    }
}

/// The orders that Redis 8.0.6 gives to fields with expiries.
#[test]
fn triples_lie_in_the_order_of_their_expiries() {
    let check = |steps: &[(&str, i64)], want: &str| {
        let mut pair = Pair {
            hash: Hash::empty(&limits()),
            model: Model::new(),
            now: NOW,
        };
        for name in ["a", "b", "c", "d"] {
            pair.run(&Step::Set(name.into(), b"1".to_vec(), Expiry::Clear));
        }
        for (name, at) in steps {
            pair.run(&Step::SetExpiry(
                name.as_bytes().to_vec(),
                (*at != 0).then_some(*at),
            ));
        }
        let mut order = String::new();
        pair.hash
            .for_all(|field| order.push(char::from(field.name.to_vec()[0])));
        assert_eq!(order, want, "{steps:?}");
    };
    check(&[("c", 5000), ("b", 5000)], "bcad");
    check(&[("c", 5000), ("d", 4999), ("a", 5001)], "dcab");
    check(
        &[("a", 5000), ("b", 5000), ("c", 5000), ("d", 5000)],
        "dcba",
    );
    check(
        &[("a", 5000), ("b", 5000), ("c", 5000), ("a", 5000)],
        "acbd",
    );
    check(
        &[
            ("a", 5000),
            ("b", 5000),
            ("c", 5000),
            ("d", 5000),
            ("b", 0),
            ("a", 0),
        ],
        "dcba",
    );
    check(
        &[
            ("a", 5000),
            ("b", 5000),
            ("c", 5000),
            ("b", 5005),
            ("d", 5005),
        ],
        "cadb",
    );
}

#[test]
fn encodings_change_at_the_limits() {
    let mut pair = Pair {
        hash: Hash::empty(&limits()),
        model: Model::new(),
        now: NOW,
    };
    let set = |pair: &mut Pair, name: &str, len: usize, expiry| {
        pair.run(&Step::Set(name.into(), vec![b'v'; len], expiry));
        pair.hash.encoding()
    };
    for number in 0..12 {
        assert_eq!(
            set(&mut pair, &format!("f{number}"), 64, Expiry::Clear),
            "listpack"
        );
    }
    assert_eq!(
        set(&mut pair, "f0", 10, Expiry::At(UnixMs(NOW + 1))),
        "listpackex"
    );
    assert_eq!(set(&mut pair, "f12", 10, Expiry::Clear), "hashtable");
    pair.hash = Hash::empty(&limits());
    pair.model.clear();
    assert_eq!(set(&mut pair, "f", 64, Expiry::Clear), "listpack");
    assert_eq!(set(&mut pair, "f", 65, Expiry::Clear), "hashtable");
}

#[test]
fn what_is_no_hash_is_refused() {
    let pack = |values: &[&[u8]]| Listpack::from_values(values.iter().copied());
    assert!(Hash::from_pairs(pack(&[b"a", b"1"])).is_ok());
    assert_eq!(Hash::from_pairs(pack(&[])).err(), Some(NOT_A_HASH));
    assert_eq!(Hash::from_pairs(pack(&[b"a"])).err(), Some(NOT_A_HASH));
    assert_eq!(
        Hash::from_pairs(pack(&[b"a", b"1", b"a", b"2"])).err(),
        Some(TWICE)
    );
    assert_eq!(
        Hash::from_pairs(pack(&[b"7", b"1", b"7", b"2"])).err(),
        Some(TWICE)
    );
    assert!(Hash::from_triples(pack(&[b"a", b"1", b"5", b"b", b"1", b"0"])).is_ok());
    assert!(Hash::from_triples(pack(&[b"a", b"1", b"0", b"b", b"1", b"5"])).is_err());
    assert!(Hash::from_triples(pack(&[b"a", b"1", b"x"])).is_err());
    assert!(Hash::from_triples(pack(&[b"a", b"1", b"-1"])).is_err());
}

/// A pass over a table of many segments finds the next expiry, whatever happens between its steps.
#[test]
fn a_large_table_is_swept_in_steps() {
    let mut pair = Pair {
        hash: Hash::Table(Box::new(HashTable::new(&limits()))),
        model: Model::new(),
        now: NOW,
    };
    for number in 0..5000_i64 {
        let at = Expiry::At(UnixMs(NOW + 1 + number % 10));
        let name = format!("field:{number}").into_bytes();
        pair.run(&Step::Set(name, b"value".to_vec(), at));
    }
    for pass in 1..=12 {
        pair.now = NOW + pass;
        let mut steps = 0;
        loop {
            let mut gone = 0;
            let swept = pair.with(|hash, cx| hash.sweep(50, cx, |_| gone += 1));
            steps += 1;
            assert!(swept.work <= 50 + 450, "a step ends within one segment");
            if swept.complete {
                break;
            }
        }
        assert!(steps > 1 || pass == 1 || pass > 10);
        let now = pair.now;
        pair.model.clear();
        pair.hash
            .for_all(|field| assert!(field.expire_at.is_none_or(|at| at.0 >= now)));
        assert!(pair.hash.earliest().is_none_or(|at| at.0 >= now));
    }
    assert!(pair.hash.is_empty());
}
