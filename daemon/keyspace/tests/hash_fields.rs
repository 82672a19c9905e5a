//! Fields of hashes that expire: effects, hints and events, through random changes and their replay.

use esker_format::UnixMs;
use esker_format::record::Item;
use esker_keyspace::touched::Event;
use esker_keyspace::{Expiry, FieldCondition, Hash, Keyspace, Options, Random};

const NOW: i64 = 1_000_000;

fn keyspace(log: bool) -> Keyspace {
    let mut options = Options {
        databases: 2,
        log,
        ..Options::with_seed(5)
    };
    options.limits.hash_max_listpack_entries = 8;
    Keyspace::new(options)
}

/// Executes everything that was recorded since the last call on another keyspace.
fn replay(from: &mut Keyspace, to: &mut Keyspace) {
    let chunk = from.effects_mut().take();
    let mut db = chunk.marks.first().map_or(0, |mark| mark.db);
    let mut rest = &chunk.bytes[..];
    while !rest.is_empty() {
        let (item, used) = Item::decode(rest).expect("what was recorded");
        match item {
            Item::Effect(effect) => to.apply(db, &effect).expect("it fits"),
            Item::Select(index) => db = index,
            _ => {}
        }
        rest = &rest[used..];
    }
}

/// How many hashes have fields that expire, counted by looking.
fn counted(ks: &mut Keyspace, db: u32) -> usize {
    let mut tx = ks.tx(db, UnixMs(i64::MIN));
    let mut count = 0;
    tx.for_each(|entry| {
        let hash = entry.get::<Hash>();
        count += usize::from(hash.is_some_and(|hash| hash.earliest().is_some()));
    });
    tx.finish();
    count
}

fn check(ks: &mut Keyspace, now: i64) {
    for db in 0..2 {
        let told = ks.db_info(db, UnixMs(now)).hashes_expiring;
        assert_eq!(told, counted(ks, db), "hints of database {db}");
    }
}

fn random_step(ks: &mut Keyspace, random: &mut Random, now: i64) {
    let mut below = |bound: u64| random.next_u64() % bound;
    let key = format!("key{}", below(4)).into_bytes();
    let names: Vec<Vec<u8>> = (0..=below(3))
        .map(|_| format!("f{}", below(14)).into_bytes())
        .collect();
    let names = || names.iter().map(Vec::as_slice);
    let value = vec![b'v'; below(70) as usize];
    let pairs: Vec<(&[u8], &[u8])> = names().map(|name| (name, &value[..])).collect();
    let at = UnixMs(now - 5 + below(60) as i64);
    let choice = below(16);
    let mut tx = ks.tx(below(2) as u32, UnixMs(now));
    match choice {
        0..5 => {
            let expiry = [Expiry::Clear, Expiry::Keep, Expiry::At(at)][below(3) as usize];
            tx.hash_set(&key, pairs.iter().copied(), expiry, Event::HSet)
                .expect("a hash or nothing");
        }
        5..8 => drop(tx.hash_expire(&key, names(), at, FieldCondition::Always)),
        8 => drop(tx.hash_persist(&key, names())),
        9 | 10 => drop(tx.hash_remove(&key, names())),
        11 => drop(tx.hash(&key).map(|hash| hash.is_some())),
        12 => drop(tx.rename(&key, b"key1")),
        13 => drop(tx.copy(&key, b"copied", 1)),
        14 => drop(tx.del(&key)),
        _ => drop(tx.expire_at(&key, UnixMs(now + 30))),
    }
    tx.finish();
}

#[test]
fn the_log_alone_brings_back_fields_and_their_expiries() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let (mut ks, mut copy) = (keyspace(true), keyspace(false));
        let mut now = NOW;
        for step in 0..400 {
            random_step(&mut ks, &mut random, now);
            if random.next_u64().is_multiple_of(3) {
                now += (random.next_u64() % 7) as i64;
            }
            if random.next_u64().is_multiple_of(8) {
                ks.expire_cycle(UnixMs(now), 1 + (random.next_u64() % 40) as usize);
            }
            replay(&mut ks, &mut copy);
            assert_eq!(ks.digest(), copy.digest(), "seed {seed} step {step}");
            check(&mut ks, now);
            check(&mut copy, now);
        }
    }
}

fn with_expiring(ks: &mut Keyspace, key: &[u8], fields: usize, at: i64) {
    let names: Vec<String> = (0..fields)
        .map(|number| format!("field:{number}"))
        .collect();
    let pairs: Vec<(&[u8], &[u8])> = names
        .iter()
        .map(|name| (name.as_bytes(), &b"v"[..]))
        .collect();
    let mut tx = ks.tx(0, UnixMs(NOW));
    tx.hash_set(
        key,
        pairs.iter().copied(),
        Expiry::At(UnixMs(at)),
        Event::HSet,
    )
    .expect("no other type");
    tx.finish();
}

#[test]
fn the_cycle_deletes_what_is_due_within_its_budget() {
    let mut ks = keyspace(true);
    ks.touched_mut().set_listening(true);
    with_expiring(&mut ks, b"large", 5000, NOW + 1);
    with_expiring(&mut ks, b"small", 3, NOW + 2);
    with_expiring(&mut ks, b"later", 3, NOW + 500);
    let mut events = Vec::new();
    ks.touched_mut().take_into(&mut events);
    let mut cycles = 0;
    loop {
        let before = ks.stats().expired_fields;
        let cycle = ks.expire_cycle(UnixMs(NOW + 10), 200);
        assert!(
            ks.stats().expired_fields - before < 1000,
            "the budget bounds the work"
        );
        cycles += 1;
        if cycle.complete {
            break;
        }
    }
    assert!(cycles > 5);
    assert_eq!(ks.stats().expired_fields, 5003);
    assert_eq!(
        (ks.len(0), ks.db_info(0, UnixMs(NOW)).hashes_expiring),
        (1, 1)
    );
    ks.touched_mut().take_into(&mut events);
    let small: Vec<Event> = events
        .iter()
        .filter(|touched| &*touched.key == b"small")
        .map(|touched| touched.event)
        .collect();
    assert_eq!(small, [Event::HExpired, Event::Del]);
    let mut copy = keyspace(false);
    replay(&mut ks, &mut copy);
    assert_eq!(ks.digest(), copy.digest());
}

#[test]
fn a_transaction_that_may_not_delete_sees_nothing_of_what_is_due() {
    let mut ks = keyspace(true);
    with_expiring(&mut ks, b"h", 3, NOW + 1);
    let mut tx = ks.tx(0, UnixMs(NOW + 2));
    tx.forbid_expiry();
    let hash = tx.hash(b"h").expect("a hash").expect("still there");
    assert!(hash.get(b"field:1", UnixMs(NOW + 2)).is_none());
    assert_eq!((hash.live(UnixMs(NOW + 2)), hash.len()), (0, 3));
    tx.finish();
    assert_eq!(ks.len(0), 1);
}
