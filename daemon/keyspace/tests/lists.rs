//! Lists through transactions: the log alone brings them back, and listeners hear what happened in order.

use esker_format::UnixMs;
use esker_format::record::Item;
use esker_keyspace::touched::Event;
use esker_keyspace::value::{End, Side};
use esker_keyspace::{Keyspace, ListSetError, Options, Random};

const NOW: UnixMs = UnixMs(1_000_000);

/// Other limits on both sides: how a list is kept is no part of what it is.
fn keyspace(log: bool) -> Keyspace {
    let mut options = Options {
        log,
        ..Options::with_seed(5)
    };
    options.limits.list_max_listpack_size = if log { 4 } else { -1 };
    options.limits.list_compress_depth = usize::from(log);
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

fn random_step(ks: &mut Keyspace, random: &mut Random) {
    let mut below = |bound: u64| random.next_u64() % bound;
    let key = format!("key{}", below(3)).into_bytes();
    let other = format!("key{}", below(3)).into_bytes();
    let values: Vec<Vec<u8>> = (0..=below(20))
        .map(|_| vec![b'a' + below(4) as u8; 1 + below(60) as usize * below(3) as usize])
        .collect();
    let values = || values.iter().map(Vec::as_slice);
    let value = [b'a' + below(4) as u8];
    let end = [End::Left, End::Right];
    let (from, to) = (end[below(2) as usize], end[below(2) as usize]);
    let side = [Side::Before, Side::After][below(2) as usize];
    let (start, stop) = (below(20) as i64 - 10, below(20) as i64 - 10);
    let (choice, count) = (below(16), below(6) as usize);
    let mut tx = ks.tx(0, NOW);
    let fits = match choice {
        0..5 => tx.list_push(&key, from, values(), true).is_ok(),
        5 => tx.list_push(&key, from, values(), false).is_ok(),
        6..9 => tx.list_pop(&key, from, count + 1, |_, _| {}).is_ok(),
        9 | 10 => tx.list_move(&key, from, &other, to).is_ok(),
        11 => tx.list_set(&key, start, &value) != Err(ListSetError::WrongType),
        12 => tx.list_insert(&key, side, &value, &value).is_ok(),
        13 => tx.list_remove(&key, start, &value).is_ok(),
        14 => tx.list_trim(&key, start, stop).is_ok(),
        _ => {
            tx.del(&key);
            true
        }
    };
    assert!(fits, "no key holds anything else");
    tx.finish();
}

#[test]
fn the_log_alone_brings_lists_back() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let (mut ks, mut copy) = (keyspace(true), keyspace(false));
        for step in 0..300 {
            random_step(&mut ks, &mut random);
            replay(&mut ks, &mut copy);
            assert_eq!(ks.digest(), copy.digest(), "seed {seed} step {step}");
        }
    }
}

#[test]
fn a_list_that_goes_is_told_after_why_it_went() {
    let mut ks = keyspace(true);
    ks.touched_mut().set_listening(true);
    let mut tx = ks.tx(0, NOW);
    tx.list_push(b"a", End::Right, [&b"x"[..]].into_iter(), true)
        .expect("no other kind");
    tx.list_move(b"a", End::Left, b"b", End::Right)
        .expect("two lists");
    assert_eq!(tx.changed(), 2, "a push and a move");
    tx.finish();
    let mut touched = Vec::new();
    ks.touched_mut().take_into(&mut touched);
    let told: Vec<(&[u8], Event)> = touched
        .iter()
        .map(|touched| (&*touched.key, touched.event))
        .collect();
    let expected: [(&[u8], Event); 4] = [
        (b"a", Event::RPush),
        (b"b", Event::RPush),
        (b"a", Event::LPop),
        (b"a", Event::Del),
    ];
    assert_eq!(told, expected);
}
