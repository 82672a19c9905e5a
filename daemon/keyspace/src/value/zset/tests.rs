//! Sorted sets of both encodings against a map and a sorted list.

use std::collections::BTreeMap;

use super::*;
use proptest::prelude::*;

fn limits(entries: usize) -> Limits {
    Limits {
        zset_max_listpack_entries: entries,
        zset_max_listpack_value: 12,
        ..Limits::default()
    }
}

type Twin = BTreeMap<Vec<u8>, f64>;

/// The twin's elements in the order of a sorted set.
fn sorted(twin: &Twin) -> Vec<(f64, Vec<u8>)> {
    let mut elements: Vec<_> = twin
        .iter()
        .map(|(member, score)| (*score, member.clone()))
        .collect();
    elements.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    elements
}

fn shown(range: Range<'_>) -> Vec<(f64, Vec<u8>)> {
    let len = range.len();
    let all: Vec<_> = range
        .map(|(score, member)| (score, member.to_vec()))
        .collect();
    assert_eq!(all.len(), len);
    all
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-5..5).prop_map(f64::from),
        1 => (-5..5).prop_map(|n| f64::from(n) / 3.0 + 0.01),
        1 => any::<f64>().prop_filter("a number, and not -0", |score| !score.is_nan() && *score != 0.0),
        1 => prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, 1e17, 1e20, -9.3e18]),
    ]
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (-20..60_i64).prop_map(|n| n.to_string().into_bytes()),
        3 => (0..60_u8).prop_map(|n| vec![b'm', n]),
        1 => prop::collection::vec(any::<u8>(), 0..14),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Add(f64, Vec<u8>),
    Remove(Vec<u8>),
    RemoveRange(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (score(), member()).prop_map(|(score, member)| Step::Add(score, member)),
        2 => member().prop_map(Step::Remove),
        1 => (0..40_usize, 0..6_usize).prop_map(|(start, count)| Step::RemoveRange(start, count)),
    ]
}

fn perform(zset: &mut Zset, twin: &mut Twin, limits: &Limits, step: &Step) {
    let mut elements = Elements::unwatched();
    match step {
        Step::Add(score, member) => {
            let mut before = None;
            zset.upsert(member, limits, &mut elements, |present| {
                before = present;
                Some(*score)
            });
            assert_eq!(before, twin.insert(member.clone(), *score));
        }
        Step::Remove(member) => {
            assert_eq!(zset.remove(member, &mut elements), twin.remove(member));
        }
        Step::RemoveRange(start, count) => {
            let start = (*start).min(twin.len());
            let count = (*count).min(twin.len() - start);
            for (_, member) in &sorted(twin)[start..start + count] {
                twin.remove(member);
            }
            zset.remove_range(start, count, &mut elements);
        }
    }
}

fn compare(zset: &Zset, twin: &Twin) {
    let want = sorted(twin);
    assert_eq!(zset.len(), want.len());
    assert_eq!(shown(zset.iter()), want);
    for (rank, (score, member)) in want.iter().enumerate() {
        assert_eq!(zset.rank(member), Some((rank, *score)));
        assert_eq!(zset.score(member), Some(*score));
        let place = zset.partition_point(|other, item| {
            compare_scores(other, *score)
                .then_with(|| item.cmp(member))
                .is_lt()
        });
        assert_eq!(place, rank);
        let upwards = shown(zset.range(rank, want.len() - rank, false));
        assert_eq!(upwards, want[rank..]);
        let mut downwards = shown(zset.range(rank, rank + 1, true));
        downwards.reverse();
        assert_eq!(downwards, want[..=rank]);
    }
    assert_eq!(zset.score(b"never there"), None);
    assert_eq!(zset.rank(b"never there"), None);
}

fn digest(zset: &Zset) -> Vec<u8> {
    let mut out = Vec::new();
    zset.digest(&mut out);
    out
}

/// What a snapshot holds of a set, cut into small pieces, and the set that is made of it.
fn through_a_snapshot(zset: &Zset, limits: &Limits) -> Zset {
    let mut parts = Vec::new();
    let mut sink = |part: esker_format::native::value::Part<'_>| {
        parts.push((part.kind, part.bytes.to_vec()));
    };
    let mut writer = ValueWriter::with_piece_bytes(100, &mut sink);
    zset.encode(&mut writer);
    writer.finish();
    let (kind, bytes) = parts.remove(0);
    let mut loaded = Zset::decode(kind, &bytes, limits).expect("what was written");
    for (kind, bytes) in parts {
        loaded.add_piece(kind, &bytes).expect("what was written");
    }
    loaded.loaded().expect("what was written");
    loaded
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 96 }))]

    #[test]
    fn like_a_map(entries in prop::sample::select(vec![0, 5, 20, 1000]), steps in prop::collection::vec(step(), 1..120)) {
        let limits = limits(entries);
        let (mut zset, mut twin) = (Zset::empty(&limits), Twin::new());
        let mut large = false;
        for step in &steps {
            perform(&mut zset, &mut twin, &limits, step);
            large |= twin.len() > entries || twin.keys().any(|member| member.len() > 12);
            prop_assert_eq!(zset.encoding(), if large { "skiplist" } else { "listpack" });
        }
        compare(&zset, &twin);
        let copy = zset.duplicate();
        prop_assert_eq!(digest(&copy), digest(&zset));
        if !twin.is_empty() {
            let loaded = through_a_snapshot(&zset, &limits);
            compare(&loaded, &twin);
            prop_assert_eq!(loaded.encoding(), zset.encoding());
        }
        let elements: Vec<_> = twin.iter().map(|(member, score)| (*score, member.as_slice())).collect();
        let built = Zset::build(elements, &limits);
        compare(&built, &twin);
        prop_assert_eq!(digest(&built), digest(&zset));
        // All of the way down again.
        for (member, score) in &twin {
            prop_assert_eq!(zset.remove(member, &mut Elements::unwatched()), Some(*score));
        }
        prop_assert!(zset.is_empty());
        prop_assert!(zset.heap_bytes() < 1000, "{}", zset.heap_bytes());
    }

    #[test]
    fn any_listpack_is_judged(pairs in prop::collection::vec((member(), prop_oneof![
        4 => score().prop_map(|score| { let mut text = Vec::new(); esker_format::write_double(&mut text, score); text }),
        1 => member(),
    ]), 0..8), odd in any::<bool>()) {
        let mut list = Listpack::new();
        for (member, score) in &pairs {
            list.push_back(member);
            list.push_back(score);
        }
        if odd {
            list.push_back(b"one more");
        }
        let twin: Option<Twin> = pairs.iter().map(|(member, score)| {
            let score: f64 = std::str::from_utf8(score).ok()?.parse().ok()?;
            (!score.is_nan()).then(|| (member.clone(), score))
        }).collect();
        let sound = twin.filter(|twin| twin.len() == pairs.len() && !twin.is_empty() && !odd);
        let zset = Zset::from_listpack(list, &limits(4));
        prop_assert_eq!(zset.is_some(), sound.is_some());
        if let (Some(zset), Some(twin)) = (zset, sound) {
            compare(&zset, &twin);
        }
    }
}

#[test]
fn scores_in_a_small_set_are_the_shortest_text() {
    let limits = Limits::default();
    let mut zset = Zset::empty(&limits);
    let scores = [
        ("a", -0.0),
        ("b", 0.1),
        ("c", 1e20),
        ("d", 1e17),
        ("f", 1e-7),
        ("g", -1e30),
        ("h", f64::INFINITY),
        ("i", f64::NEG_INFINITY),
        ("m", 12345678901234567890.0),
    ];
    for (member, score) in scores {
        zset.upsert(
            member.as_bytes(),
            &limits,
            &mut Elements::unwatched(),
            |_| Some(score),
        );
    }
    let texts: Vec<String> = zset
        .listpack()
        .expect("a small one")
        .iter()
        .map(|item| String::from_utf8(item.to_vec()).expect("ascii"))
        .collect();
    let want = "i -inf g -1e+30 a 0 f 1e-7 b 0.1 d 100000000000000000 m 12345678901234567000 c 1e+20 h inf";
    assert_eq!(texts.join(" "), want);
}

#[test]
fn more_members_than_a_small_set_takes_enlarge_it_at_once() {
    let limits = limits(3);
    let mut zset = Zset::empty(&limits);
    zset.expect(3, 12, &limits);
    assert_eq!(zset.encoding(), "listpack");
    zset.expect(3, 13, &limits);
    assert_eq!(zset.encoding(), "skiplist");
    let mut zset = Zset::empty(&limits);
    zset.expect(4, 1, &limits);
    assert_eq!(zset.encoding(), "skiplist");
}

/// What one large set costs for each element with a member of 16 bytes, in the bytes of the allocator's classes.
#[test]
fn an_element_is_small() {
    let many = if cfg!(miri) { 300 } else { 200_000 };
    let limits = Limits::default();
    let mut zset = Zset::tree(1, std::iter::empty());
    for at in 0..many {
        let member = format!("member:{at:09}");
        zset.upsert(
            member.as_bytes(),
            &limits,
            &mut Elements::unwatched(),
            |_| Some((at * 7 % many) as f64),
        );
    }
    let each = zset.heap_bytes() as f64 / many as f64;
    assert!(cfg!(miri) || each <= 58.0, "{each} bytes");
}
