//! Sorted sets through transactions: what is recorded replays to an equal keyspace, and listeners hear what happened.

use esker_format::units::UnitReader;
use esker_keyspace::touched::Event;
use esker_keyspace::{Keyspace, Limits, Options, UnixMs, ZaddRule};
use proptest::prelude::*;

fn keyspace() -> Keyspace {
    let mut keyspace = Keyspace::new(Options::with_seed(5));
    keyspace.set_limits(Limits {
        zset_max_listpack_entries: 8,
        ..*keyspace.limits()
    });
    keyspace
}

#[derive(Clone, Debug)]
enum Step {
    Add(u8, Vec<(f64, u8)>, ZaddRule),
    Remove(u8, Vec<u8>),
    RemoveRange(u8, usize, usize),
}

fn rule() -> impl Strategy<Value = ZaddRule> {
    prop::sample::select(vec![
        (false, false, false, false),
        (true, false, false, false),
        (false, true, false, false),
        (false, false, true, false),
        (false, true, false, true),
    ])
    .prop_map(|(nx, xx, gt, lt)| ZaddRule {
        nx,
        xx,
        gt,
        lt,
        incr: false,
    })
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-9..9).prop_map(|number| f64::from(number) / 4.0),
        1 => any::<f64>().prop_filter("a number", |score| !score.is_nan()),
        1 => prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, -0.0]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let pairs = prop::collection::vec((score(), 0..30_u8), 1..12);
    prop_oneof![
        5 => (0..3_u8, pairs, rule()).prop_map(|(key, pairs, rule)| Step::Add(key, pairs, rule)),
        2 => (0..3_u8, (score(), 0..30_u8)).prop_map(|(key, pair)| {
            let rule = ZaddRule { incr: true, ..ZaddRule::default() };
            Step::Add(key, vec![pair], rule)
        }),
        2 => (0..3_u8, prop::collection::vec(0..30_u8, 1..5)).prop_map(|(key, members)| Step::Remove(key, members)),
        1 => (0..3_u8, 0..20_usize, 0..9_usize).prop_map(|(key, start, count)| Step::RemoveRange(key, start, count)),
    ]
}

/// Executes a step as a transaction; the transaction says whether it changed anything, and so does the digest.
fn perform(keyspace: &mut Keyspace, step: &Step) {
    let mut tx = keyspace.tx(0, UnixMs(1));
    match step {
        Step::Add(key, pairs, rule) => {
            let members: Vec<[u8; 1]> = pairs.iter().map(|(_, member)| [*member]).collect();
            let pairs: Vec<(f64, &[u8])> = pairs
                .iter()
                .zip(&members)
                .map(|((score, _), member)| (*score, member.as_slice()))
                .collect();
            let added = tx.zset_add(&[*key], &pairs, *rule).expect("a sorted set");
            assert_eq!(tx.changed(), (added.added + added.updated) as u64);
        }
        Step::Remove(key, members) => {
            let members: Vec<[u8; 1]> = members.iter().map(|member| [*member]).collect();
            let removed = tx.zset_remove(&[*key], members.iter().map(<[u8; 1]>::as_slice));
            assert_eq!(tx.changed(), removed.expect("a sorted set") as u64);
        }
        Step::RemoveRange(key, start, count) => {
            let zset = tx.zset_to_change(&[*key]).expect("a sorted set");
            let len = zset.map_or(0, |zset| zset.len());
            let count = (*count).min(len.saturating_sub(*start));
            tx.zset_remove_range(&[*key], *start, count, Event::ZRemRangeByRank)
                .expect("a sorted set");
            assert_eq!(tx.changed(), count as u64);
        }
    }
    tx.finish();
}

fn replay(keyspace: &mut Keyspace, replica: &mut Keyspace) {
    let chunk = keyspace.effects_mut().take();
    for mark in &chunk.marks {
        for record in UnitReader::new(&chunk.bytes[mark.start..mark.end], mark.db) {
            let record = record.expect("a well-formed stream");
            replica
                .apply(record.db, &record.effect)
                .expect("an effect fits its state");
        }
    }
}

proptest! {
    #[test]
    fn effects_replay_to_an_equal_keyspace(steps in prop::collection::vec(step(), 1..80)) {
        let (mut keyspace, mut replica) = (keyspace(), keyspace());
        for step in &steps {
            perform(&mut keyspace, step);
        }
        replay(&mut keyspace, &mut replica);
        prop_assert_eq!(keyspace.digest(), replica.digest());
    }
}

#[test]
fn a_change_is_heard_before_the_end_of_the_key() {
    let mut keyspace = keyspace();
    keyspace.touched_mut().set_listening(true);
    let mut tx = keyspace.tx(0, UnixMs(1));
    tx.zset_add(b"z", &[(1.0, b"a")], ZaddRule::default())
        .expect("absent");
    tx.zset_add(b"z", &[(1.0, b"a")], ZaddRule::default())
        .expect("a sorted set");
    let incr = ZaddRule {
        incr: true,
        ..ZaddRule::default()
    };
    tx.zset_add(b"z", &[(1.0, b"a")], incr)
        .expect("a sorted set");
    tx.zset_remove_range(b"z", 0, 1, Event::ZPopMin)
        .expect("a sorted set");
    tx.finish();
    let mut heard = Vec::new();
    keyspace.touched_mut().take_into(&mut heard);
    let events: Vec<Event> = heard.into_iter().map(|touched| touched.event).collect();
    assert_eq!(
        events,
        [Event::ZAdd, Event::ZIncr, Event::ZPopMin, Event::Del]
    );
}
