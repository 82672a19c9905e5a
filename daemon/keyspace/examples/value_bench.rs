//! How long a large collection holds the engine: the longest of each kind of step.
//!
//! `cargo run --release -p esker-keyspace --example value_bench [elements]`. A step is what happens under the lock at
//! once: one change, one slice of a walk, a deletion. What is freed elsewhere is not counted.

#![expect(clippy::print_stdout, reason = "a measurement on a terminal")]

use std::collections::BTreeMap;
use std::time::Instant;

use esker_format::native::snapshot::BlockKind;
use esker_format::record::{Effect, SetExpiry, Verb, Words};
use esker_keyspace::{Budget, Keyspace, Options, RawBlock, SideBlocks, Step, UnixMs};

const KINDS: [(&str, Verb); 5] = [
    ("hash", Verb::HSet),
    ("set", Verb::SAdd),
    ("zset", Verb::ZAdd),
    ("list", Verb::RPush),
    ("stream", Verb::XAdd),
];

/// Each scene is played so often; of each step the shortest time counts, so that what else the machine does is not
/// taken for ours.
const ROUNDS: usize = 3;

/// The steps of a scene by what they are, in order, with their times in nanoseconds.
#[derive(Default)]
struct Times(BTreeMap<&'static str, Vec<u32>>);

impl Times {
    fn time<R>(&mut self, what: &'static str, f: impl FnOnce() -> R) -> R {
        let started = Instant::now();
        let result = f();
        let took = u32::try_from(started.elapsed().as_nanos()).unwrap_or(u32::MAX);
        self.0.entry(what).or_default().push(took);
        result
    }

    /// Keeps the shorter time of each step.
    fn shorten(&mut self, other: Times) {
        for (what, times) in other.0 {
            let Some(ours) = self.0.get_mut(what) else {
                self.0.insert(what, times);
                continue;
            };
            for (our, time) in ours.iter_mut().zip(times) {
                *our = (*our).min(time);
            }
        }
    }

    fn show(&self) {
        for (what, times) in &self.0 {
            let total: u64 = times.iter().map(|time| u64::from(*time)).sum();
            let mut longest = times.clone();
            longest.sort_unstable_by_key(|time| std::cmp::Reverse(*time));
            let micros = |at: usize| f64::from(longest.get(at).copied().unwrap_or(0)) / 1e3;
            println!(
                "  {what:<24} longest {:>8.1} {:>8.1} {:>8.1} µs, mean {:>7} ns of {}",
                micros(0),
                micros(1),
                micros(2),
                total / times.len() as u64,
                times.len()
            );
        }
    }
}

fn change(ks: &mut Keyspace, verb: Verb, number: u64) {
    let name = format!("element:{number:08}");
    let (score, id) = (number.to_string(), format!("{}-0", number + 1));
    let words: [&[u8]; 3] = match verb {
        Verb::HSet => [name.as_bytes(), b"value", b""],
        Verb::ZAdd => [score.as_bytes(), name.as_bytes(), b""],
        Verb::XAdd => [id.as_bytes(), b"field", name.as_bytes()],
        _ => [name.as_bytes(), b"", b""],
    };
    let count = match verb {
        Verb::HSet | Verb::ZAdd => 2,
        Verb::XAdd => 3,
        _ => 1,
    };
    let words = Words::new(&words[..count]);
    let key = b"k";
    ks.apply(0, &Effect::Collection { verb, key, words })
        .expect("it fits");
}

/// A change of an element that is there, where the type has one.
fn touch(ks: &mut Keyspace, verb: Verb, number: u64, elements: u64) {
    let name = format!("element:{number:08}");
    let (index, score) = (number.to_string(), (number + 1).to_string());
    let id = (elements + number).to_string();
    let (verb, words): (Verb, Vec<&[u8]>) = match verb {
        Verb::HSet => (Verb::HSet, vec![name.as_bytes(), b"other"]),
        Verb::ZAdd => (Verb::ZAdd, vec![score.as_bytes(), name.as_bytes()]),
        Verb::SAdd => (Verb::SRem, vec![name.as_bytes()]),
        Verb::RPush => (Verb::LSet, vec![index.as_bytes(), b"other"]),
        _ => (Verb::XAdd, vec![id.as_bytes(), b"field", b"value"]),
    };
    let words = Words::new(&words);
    // A member may be gone already, an id used: that is a step, too.
    let _refused = ks
        .apply(
            0,
            &Effect::Collection {
                verb,
                key: b"k",
                words,
            },
        )
        .is_err();
}

fn snapshot(ks: &mut Keyspace, verb: Verb, elements: u64, times: &mut Times) {
    let begun = times.time("cut", || ks.begin_walk());
    begun.expect("no walk is under way");
    let mut block = RawBlock::new(BlockKind::Main, 0);
    let mut side = SideBlocks::new(ks.hash_seed());
    let budget = Budget {
        entries: 1024,
        bytes: 128 << 10,
    };
    let mut random = 1u64;
    loop {
        for _ in 0..20 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let number = (random >> 33) % elements;
            times.time("write during a walk", || touch(ks, verb, number, elements));
        }
        let (step, images) = times.time("slice of a walk", || {
            let step = ks.walk_step(&mut block, budget);
            (step, ks.take_images())
        });
        for image in images {
            side.add(image, &mut |block| drop(block.into_bytes()));
        }
        if step == Step::Done {
            return;
        }
    }
}

fn scene(verb: Verb, elements: u64) -> Times {
    let mut times = Times::default();
    let mut ks = Keyspace::new(Options {
        log: false,
        ..Options::with_seed(1)
    });
    let key = &b"k"[..];
    let apply = |ks: &mut Keyspace, effect: &Effect<'_>| ks.apply(0, effect).expect("it fits");
    let fill = |ks: &mut Keyspace, times: &mut Times, elements| {
        for number in 0..elements {
            times.time("growth", || change(ks, verb, number));
        }
    };
    fill(&mut ks, &mut times, elements);
    snapshot(&mut ks, verb, elements, &mut times);
    times.time("DEL", || apply(&mut ks, &Effect::Del { key }));
    drop(ks.take_garbage());
    fill(&mut ks, &mut Times::default(), elements);
    let (value, expiry) = (&b"v"[..], SetExpiry::Clear);
    times.time("SET over it", || {
        apply(&mut ks, &Effect::Set { key, value, expiry })
    });
    drop(ks.take_garbage());
    apply(&mut ks, &Effect::Del { key });
    fill(&mut ks, &mut Times::default(), elements);
    apply(&mut ks, &Effect::PexpireAt { key, at: UnixMs(5) });
    times.time("expiry", || ks.expire_cycle(UnixMs(10), 1000));
    drop(ks.take_garbage());
    assert!(ks.is_empty(), "it has expired");
    times
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let elements = arguments
        .next()
        .map_or(10_000_000, |text| text.parse().expect("a number"));
    for (name, verb) in KINDS {
        println!("{name} of {elements} elements");
        let mut times = scene(verb, elements);
        for _ in 1..ROUNDS {
            times.shorten(scene(verb, elements));
        }
        times.show();
    }
}
