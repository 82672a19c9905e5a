//! Random effects on collections: whatever contradicts the state is refused, and nothing changes.

use std::collections::BTreeMap;

use esker_format::record::{Effect, Verb, Words};
use esker_keyspace::entry::Kind;
use esker_keyspace::{Keyspace, Random, UnixMs};

use super::below;

/// How effects are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    pub databases: u64,
    pub keys: u64,
    /// Different elements of a collection.
    pub elements: u64,
    /// One in so many effects empties, swaps or floods databases; 0 for none.
    pub whole_odds: u64,
}

fn element(random: &mut Random, elements: u64) -> Vec<u8> {
    let number = below(random, elements);
    match number % 7 {
        0 => number.to_string().into_bytes(),
        1 => format!("member:{number}:{}", "x".repeat(70)).into_bytes(),
        _ => format!("m{number}").into_bytes(),
    }
}

/// A key tells by its name which type it usually holds, so that most effects fit.
fn key(random: &mut Random, draw: Draw, kind: Kind) -> Vec<u8> {
    let kind = if below(random, 40) == 0 {
        [Kind::List, Kind::Set, Kind::Zset, Kind::Hash, Kind::Stream][below(random, 5) as usize]
    } else {
        kind
    };
    format!("{kind:?}:{}", below(random, draw.keys)).into_bytes()
}

fn elements(random: &mut Random, draw: Draw) -> Vec<Vec<u8>> {
    let count = match below(random, 10) {
        0 => 1 + below(random, 40),
        _ => 1 + below(random, 3),
    };
    (0..count).map(|_| element(random, draw.elements)).collect()
}

/// A verb with its words, for a value of that kind.
fn change(random: &mut Random, draw: Draw, kind: Kind, now: i64) -> (Verb, Vec<Vec<u8>>) {
    let word = |text: &str| text.as_bytes().to_vec();
    let number = |number: u64| number.to_string().into_bytes();
    let one = element(random, draw.elements);
    let few = elements(random, draw);
    let small = number(below(random, 4) + 1);
    match (kind, below(random, 10)) {
        (Kind::List, 0..=3) => (Verb::RPush, few),
        (Kind::List, 4) => (Verb::LPush, few),
        (Kind::List, 5) => (Verb::LPop, vec![small]),
        (Kind::List, 6) => (Verb::RPop, vec![small]),
        (Kind::List, 7) => (Verb::LSet, vec![number(below(random, 60)), one]),
        (Kind::List, 8) => {
            let pivot = element(random, draw.elements);
            (Verb::LInsert, vec![word("BEFORE"), pivot, one])
        }
        (Kind::List, _) => (Verb::LRem, vec![word("1"), one]),
        (Kind::Set, 0..=5) => (Verb::SAdd, few),
        (Kind::Set, _) => (Verb::SRem, vec![one]),
        (Kind::Zset, 0..=6) => {
            let scored = few.into_iter().flat_map(|member| {
                let score = below(random, 50) as f64 / 4.0 - 3.0;
                [score.to_string().into_bytes(), member]
            });
            (Verb::ZAdd, scored.collect())
        }
        (Kind::Zset, 7) => {
            let start = below(random, 10);
            (
                Verb::ZRemRangeByRank,
                vec![number(start), number(start + below(random, 3))],
            )
        }
        (Kind::Zset, _) => (Verb::ZRem, vec![one]),
        _ => paired_change(random, draw, kind, now),
    }
}

/// As [`change`], for what consists of fields and values.
fn paired_change(random: &mut Random, draw: Draw, kind: Kind, now: i64) -> (Verb, Vec<Vec<u8>>) {
    let word = |text: &str| text.as_bytes().to_vec();
    let number = |number: u64| number.to_string().into_bytes();
    let one = element(random, draw.elements);
    let mut few = elements(random, draw);
    let id = |random: &mut Random| format!("{}-0", 1 + below(random, 4000)).into_bytes();
    let growing = format!("{}-{}", now, random.next_u64() >> 20).into_bytes();
    match (kind, below(random, 10)) {
        (Kind::Hash, 0..=4) => {
            let pairs = few
                .into_iter()
                .flat_map(|field| [field, element(random, draw.elements)]);
            (Verb::HSet, pairs.collect())
        }
        (Kind::Hash, 5 | 6) => {
            let at = number(now as u64 + 1 + below(random, 1000));
            (Verb::HPexpireAt, vec![at, word("FIELDS"), word("1"), one])
        }
        (Kind::Hash, 7) => (Verb::HPersist, vec![word("FIELDS"), word("1"), one]),
        (Kind::Hash, _) => (Verb::HDel, vec![one]),
        (Kind::Stream, 0..=4) => {
            few.truncate(3);
            let mut words = vec![growing];
            words.extend(few.into_iter().flat_map(|field| [field, one.clone()]));
            (Verb::XAdd, words)
        }
        (Kind::Stream, 5) => (
            Verb::XTrim,
            vec![word("MAXLEN"), number(below(random, 200))],
        ),
        (Kind::Stream, 6) => (
            Verb::XGroupCreate,
            vec![
                format!("g{}", below(random, 3)).into_bytes(),
                id(random),
                word("ENTRIESREAD"),
                number(3),
                word("MKSTREAM"),
            ],
        ),
        (Kind::Stream, 7) => (
            Verb::XGroupCreateConsumer,
            vec![word("g1"), format!("c{}", below(random, 3)).into_bytes()],
        ),
        (Kind::Stream, _) => (
            Verb::XSetId,
            vec![
                format!("{}-0", now + 1).into_bytes(),
                word("ENTRIESADDED"),
                number(100_000),
                word("MAXDELETEDID"),
                word("0-0"),
            ],
        ),
        _ => unreachable!("not a collection of pairs"),
    }
}

/// Does something to a collection or to a key. Returns whether anything was changed.
pub fn perform_effect(ks: &mut Keyspace, random: &mut Random, now: i64, draw: Draw) -> bool {
    let db = below(random, draw.databases) as u32;
    let other_db = below(random, draw.databases) as u32;
    let kinds = [Kind::List, Kind::Set, Kind::Zset, Kind::Hash, Kind::Stream];
    let kind = kinds[below(random, 5) as usize];
    let name = key(random, draw, kind);
    let other = key(random, draw, kind);
    if draw.whole_odds > 0 && below(random, draw.whole_odds) == 0 {
        let effect = match below(random, 5) {
            0 => Effect::FlushDb,
            1 if below(random, 3) == 0 => Effect::FlushAll,
            _ => Effect::SwapDb { a: db, b: other_db },
        };
        return ks.apply(db, &effect).is_ok();
    }
    let at = UnixMs(now + below(random, 300) as i64);
    let (key, from, to) = (&name[..], &name[..], &other[..]);
    let effect = match below(random, 60) {
        0 => Effect::Del { key },
        1 | 2 => Effect::Rename { from, to },
        3 => Effect::Move { key, db: other_db },
        4 => Effect::Copy {
            from,
            to,
            db: other_db,
        },
        5 | 6 => Effect::PexpireAt { key, at },
        7 => Effect::Persist { key },
        8 => Effect::Set {
            key,
            value: b"a string",
            expiry: esker_format::record::SetExpiry::Clear,
        },
        _ => {
            let (verb, words) = change(random, draw, kind, now);
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let words = Words::new(&words);
            return ks
                .apply(db, &Effect::Collection { verb, key, words })
                .is_ok();
        }
    };
    ks.apply(db, &effect).is_ok()
}

/// How many keys there are of each encoding.
pub fn census(ks: &mut Keyspace) -> BTreeMap<(&'static str, &'static str), usize> {
    let mut census = BTreeMap::new();
    for db in 0..ks.databases() {
        let mut tx = ks.tx(db, UnixMs(i64::MIN));
        tx.for_each(|entry| {
            if let Some(value) = entry.value() {
                let kind = match entry.kind() {
                    Kind::String => "string",
                    Kind::List => "list",
                    Kind::Set => "set",
                    Kind::Zset => "zset",
                    Kind::Hash => "hash",
                    Kind::Stream => "stream",
                };
                *census.entry((kind, value.encoding())).or_default() += 1;
            }
        });
        tx.finish();
    }
    census
}
