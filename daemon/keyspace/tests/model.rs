//! Random transactions against the naive twin, and their effects replayed into a fresh keyspace.

mod common;
mod twin;

use common::{DATABASES, Mix, below, contents, perform, random_op};
use esker_format::units::UnitReader;
use esker_keyspace::effects::Chunk;
use esker_keyspace::{Keyspace, Options, Random, UnixMs};
use twin::Twin;

fn options(seed: u64) -> Options {
    Options {
        databases: DATABASES,
        ..Options::with_seed(seed)
    }
}

/// Applies a chunk frame by frame, as recovery does. Returns how many units it had.
fn replay(replica: &mut Keyspace, chunk: &Chunk) -> usize {
    let mut units = 0;
    let mut at = 0;
    for mark in &chunk.marks {
        assert_eq!(mark.start, at, "frames leave no gap");
        at = mark.end;
        let mut in_frame = 0;
        for record in UnitReader::new(&chunk.bytes[mark.start..mark.end], mark.db) {
            let record = record.expect("a well-formed stream");
            replica
                .apply(record.db, &record.effect)
                .expect("an effect fits its state");
            in_frame += usize::from(record.ends_unit);
        }
        assert_eq!(in_frame, mark.units as usize, "frames hold whole units");
        units += in_frame;
    }
    assert_eq!(at, chunk.bytes.len(), "frames cover the chunk");
    units
}

fn run(seed: u64, mix: Mix, transactions: usize) {
    let check_odds = 8 + mix.keys / 20;
    let mut random = Random::new(seed);
    let mut ks = Keyspace::new(options(seed));
    // Another hash seed: the contents must not depend on the order in the table.
    let mut replica = Keyspace::new(options(!seed));
    let mut twin = Twin::default();
    let mut now = 1_000_000;
    let mut end = ks.effects().end_lsn();
    for _ in 0..transactions {
        now += below(&mut random, 20) as i64;
        twin.advance(now);
        let db = below(&mut random, u64::from(DATABASES)) as u32;
        let mut tx = ks.tx(db, UnixMs(now));
        for _ in 0..below(&mut random, 4) {
            let op = random_op(&mut random, now, mix);
            assert_eq!(
                perform(&mut tx, &op),
                twin.perform(db, now, &op),
                "seed {seed}: {op:?}"
            );
        }
        let outcome = tx.finish();
        assert!(outcome.end_lsn >= end && outcome.depends_lsn <= outcome.end_lsn);
        assert!(
            outcome.recorded || outcome.changed == 0,
            "a change is recorded"
        );
        end = outcome.end_lsn;
        if below(&mut random, 10) == 0 {
            ks.expire_cycle(UnixMs(now), below(&mut random, 20) as usize);
            end = ks.effects().end_lsn();
        }
        if below(&mut random, check_odds) == 0 {
            let chunk = ks.effects_mut().take();
            assert_eq!(chunk.end_lsn(), end);
            replay(&mut replica, &chunk);
            ks.effects_mut().recycle(chunk);
            assert_eq!(ks.digest(), replica.digest(), "seed {seed}");
            assert_eq!(contents(&mut ks, now), twin.contents, "seed {seed}");
        }
    }
    let chunk = ks.effects_mut().take();
    replay(&mut replica, &chunk);
    assert_eq!(ks.digest(), replica.digest(), "seed {seed}");
    assert_eq!(contents(&mut ks, now), twin.contents, "seed {seed}");
    for db in 0..DATABASES {
        let mut expires = 0;
        let mut tx = ks.tx(db, UnixMs(i64::MIN));
        tx.for_each(|entry| expires += usize::from(entry.has_expiry()));
        tx.finish();
        assert_eq!(ks.db_info(db, UnixMs(now)).expires, expires, "seed {seed}");
    }
}

#[test]
fn few_keys_meet_often() {
    for seed in 0..60 {
        run(
            seed,
            Mix {
                keys: 8,
                whole_odds: 40,
            },
            400,
        );
    }
}

#[test]
fn many_keys_split_segments() {
    for seed in 100..104 {
        run(
            seed,
            Mix {
                keys: 20_000,
                whole_odds: 0,
            },
            12_000,
        );
    }
}

#[test]
fn everything_expires_in_the_end() {
    let mut random = Random::new(7);
    let mut ks = Keyspace::new(options(7));
    for number in 0..5000_u64 {
        let mut tx = ks.tx(below(&mut random, 3) as u32, UnixMs(0));
        let at = UnixMs(1 + below(&mut random, 1000) as i64);
        tx.set(
            &number.to_le_bytes(),
            esker_keyspace::entry::StrInput::Bytes(b"v"),
            esker_keyspace::Expiry::At(at),
        );
        tx.finish();
    }
    ks.set_active_expire(false);
    assert_eq!(ks.expire_cycle(UnixMs(2000), usize::MAX).expired, 0);
    ks.set_active_expire(true);
    let (mut expired, mut cycles) = (0, 0);
    while !ks.is_empty() {
        expired += ks.expire_cycle(UnixMs(2000), 100).expired;
        cycles += 1;
        assert!(cycles < 1000, "cycles make progress");
    }
    assert_eq!((expired, ks.stats().expired_actively), (5000, 5000));
    let mut replica = Keyspace::new(options(8));
    assert_eq!(replay(&mut replica, &ks.effects_mut().take()), 10_000);
    assert!(replica.is_empty());
}
