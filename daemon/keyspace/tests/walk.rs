//! The walk against the contents at its cut, with writers at work between its steps.

mod common;

use common::{
    Contents, DATABASES, Mix, Op, below, contents, perform, random_key, random_op, random_value,
};
use esker_format::native::snapshot::BlockKind;
use esker_keyspace::loader::decode_block;
use esker_keyspace::{
    Budget, Cut, Expiry, IntText, Keyspace, Limits, Options, Random, RawBlock, SideBlocks, Step,
    UnixMs, str_bytes,
};

const NOW: i64 = 1_000_000;

fn filled(random: &mut Random, seed: u64, keys: u64) -> Keyspace {
    let mut ks = Keyspace::new(Options {
        databases: DATABASES,
        ..Options::with_seed(seed)
    });
    for _ in 0..keys {
        let mut tx = ks.tx(below(random, 3) as u32, UnixMs(NOW));
        let (key, value) = (random_key(random, keys), random_value(random));
        perform(
            &mut tx,
            &Op::Set {
                key,
                value,
                expiry: Expiry::Clear,
                shared: false,
            },
        );
        if below(random, 4) == 0 {
            let key = random_key(random, keys);
            perform(&mut tx, &Op::ExpireAt { key, at: NOW + 200 });
        }
        tx.finish();
    }
    ks
}

/// Everything in the tables, due or not: what a snapshot must hold.
fn stored(ks: &mut Keyspace) -> Contents {
    contents(ks, i64::MIN)
}

fn limits(cut: &Cut) -> Limits {
    Limits {
        hash_seed: cut.hash_seed,
        ..Limits::default()
    }
}

/// The snapshot being taken.
struct Snapshot {
    block: RawBlock,
    blocks: Vec<RawBlock>,
    side: SideBlocks,
}

impl Snapshot {
    fn new(ks: &Keyspace) -> Snapshot {
        let block = RawBlock::new(BlockKind::Main, 0);
        Snapshot {
            block,
            blocks: Vec::new(),
            side: SideBlocks::new(ks.hash_seed()),
        }
    }

    fn step(&mut self, ks: &mut Keyspace, budget: Budget) -> Step {
        let step = ks.walk_step(&mut self.block, budget);
        if step == Step::BlockReady || step == Step::Done {
            let fresh = RawBlock::new(BlockKind::Main, self.block.db);
            self.blocks.push(std::mem::replace(&mut self.block, fresh));
        }
        step
    }

    fn take_images(&mut self, ks: &mut Keyspace) {
        for image in ks.take_images() {
            self.side.add(image, &mut |block| self.blocks.push(block));
        }
        assert_eq!(ks.image_bytes(), 0);
    }

    /// Decodes all blocks; each key must be there once, within the hash range of its block.
    fn contents(self, cut: &Cut) -> Contents {
        let limits = limits(cut);
        let mut contents = Contents::new();
        let mut ranges = Vec::new();
        for block in self.blocks.into_iter().chain(self.side.finish()) {
            let (db, kind, first, last) = (block.db, block.kind, block.hash_first, block.hash_last);
            let (entries, expires) = (block.entries as usize, block.expires as usize);
            let decoded =
                decode_block(&block.into_bytes(), &limits, entries).expect("a sound block");
            let mut expiring = 0;
            for (hash, entry) in decoded.entries() {
                assert!(
                    (first..=last).contains(&hash),
                    "the hash is in the block's range"
                );
                let value =
                    str_bytes(entry.str().expect("a string"), &mut IntText::default()).to_vec();
                expiring += usize::from(entry.has_expiry());
                let at = entry.expire_at().map(|at| at.0);
                let twice = contents.insert((db, entry.key().to_vec()), (value, at));
                assert!(twice.is_none(), "a key is in one block");
            }
            assert_eq!(expires, expiring);
            if kind == BlockKind::Main && entries > 0 {
                ranges.push((db, first, last));
            }
        }
        ranges.sort_unstable();
        for pair in ranges.windows(2) {
            assert!(
                pair[0].0 != pair[1].0 || pair[0].2 < pair[1].1,
                "main blocks do not overlap"
            );
        }
        contents
    }
}

fn write(ks: &mut Keyspace, random: &mut Random, now: i64, mix: Mix) {
    let mut tx = ks.tx(below(random, 3) as u32, UnixMs(now));
    for _ in 0..1 + below(random, 2) {
        perform(&mut tx, &random_op(random, now, mix));
    }
    tx.finish();
    if below(random, 30) == 0 {
        ks.expire_cycle(UnixMs(now), 3);
    }
}

fn budget(random: &mut Random) -> Budget {
    Budget {
        entries: 1 + below(random, 300) as usize,
        bytes: 1 + below(random, 50_000) as usize,
    }
}

/// One whole snapshot with writers in between; it must show the cut exactly.
fn snapshot(ks: &mut Keyspace, random: &mut Random, mut now: i64, mix: Mix, writes: u64) {
    let expected = stored(ks);
    let cut = ks.begin_walk().expect("no walk is under way");
    assert_eq!(cut.lsn, ks.effects().end_lsn());
    for (db, (keys, expires)) in cut.databases.iter().enumerate() {
        let of_db = || {
            expected
                .iter()
                .filter(move |((at, _), _)| *at as usize == db)
        };
        assert_eq!(*keys, of_db().count());
        assert_eq!(
            *expires,
            of_db().filter(|(_, (_, at))| at.is_some()).count()
        );
    }
    let mut snapshot = Snapshot::new(ks);
    loop {
        for _ in 0..below(random, writes + 1) {
            write(ks, random, now, mix);
            now += 1;
        }
        if below(random, 3) == 0 {
            snapshot.take_images(ks);
        }
        if snapshot.step(ks, budget(random)) == Step::Done {
            break;
        }
        assert!(ks.begin_walk().is_none(), "one walk at a time");
    }
    snapshot.take_images(ks);
    for _ in 0..20 {
        write(ks, random, now, mix);
    }
    assert!(ks.take_images().is_empty(), "nothing is old after the walk");
    assert!(
        snapshot.contents(&cut) == expected,
        "the snapshot is the state at the cut"
    );
}

/// Starts a walk, gives it up somewhere, and sweeps with writers at work.
fn aborted(ks: &mut Keyspace, random: &mut Random, now: i64, mix: Mix) {
    ks.begin_walk().expect("no walk is under way");
    let mut discarded = Snapshot::new(ks);
    for _ in 0..below(random, 6) {
        for _ in 0..below(random, 60) {
            write(ks, random, now, mix);
        }
        discarded.step(ks, budget(random));
    }
    ks.abort_walk();
    assert!(
        ks.take_images().is_empty(),
        "images of an aborted walk are dropped"
    );
    let mut block = RawBlock::new(BlockKind::Main, 0);
    while ks.walk_step(&mut block, budget(random)) != Step::Done {
        assert!(ks.begin_walk().is_none(), "no cut before the sweep is over");
        for _ in 0..below(random, 20) {
            write(ks, random, now, mix);
        }
    }
    assert!(block.is_empty(), "a sweep copies nothing");
    assert!(ks.take_images().is_empty(), "a sweep queues nothing");
}

#[test]
fn a_snapshot_shows_the_cut_while_writers_work() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let keys = 1 + below(&mut random, 4000);
        let mix = Mix {
            keys,
            whole_odds: [0, 30, 300, 3000][seed as usize % 4],
        };
        let mut ks = filled(&mut random, seed, keys);
        for round in 0..3 {
            let writes = [3, 40, 400][below(&mut random, 3) as usize];
            snapshot(&mut ks, &mut random, NOW + round * 10_000, mix, writes);
            ks.take_garbage();
        }
    }
}

#[test]
fn eight_aborts_in_a_row_do_not_disturb_the_next_snapshot() {
    for seed in 50..65 {
        let mut random = Random::new(seed);
        let mix = Mix {
            keys: 3000,
            whole_odds: [0, 200][seed as usize % 2],
        };
        let mut ks = filled(&mut random, seed, 3000);
        for _ in 0..8 {
            aborted(&mut ks, &mut random, NOW, mix);
        }
        snapshot(&mut ks, &mut random, NOW, mix, 50);
    }
}

#[test]
fn tables_that_grow_under_the_walk_are_walked_once() {
    for seed in 80..84 {
        let mut random = Random::new(seed);
        let mut ks = filled(&mut random, seed, 2000);
        snapshot(
            &mut ks,
            &mut random,
            NOW,
            Mix {
                keys: 200_000,
                whole_odds: 0,
            },
            4000,
        );
    }
}

#[test]
fn blocks_load_into_the_same_keyspace() {
    let mut random = Random::new(99);
    let mut ks = filled(&mut random, 99, 5000);
    let cut = ks.begin_walk().expect("no walk is under way");
    let digest = ks.digest();
    let mut snapshot = Snapshot::new(&ks);
    let mut loaded = Keyspace::new(Options {
        databases: DATABASES,
        hash_seed: cut.hash_seed,
        ..Options::with_seed(1)
    });
    for (db, (keys, _)) in cut.databases.iter().enumerate() {
        loaded.reserve(db as u32, *keys);
    }
    while snapshot.step(
        &mut ks,
        Budget {
            entries: 500,
            bytes: usize::MAX,
        },
    ) != Step::Done
    {}
    for block in snapshot.blocks {
        let (db, entries) = (block.db, block.entries as usize);
        let raw = block.into_bytes();
        let decoded = decode_block(&raw, &limits(&cut), entries).expect("a sound block");
        loaded
            .insert_block(db, decoded)
            .expect("blocks fit together");
        if entries > 0 {
            let again = decode_block(&raw, &limits(&cut), entries).expect("a sound block");
            assert!(
                loaded.insert_block(db, again).is_err(),
                "a key that comes twice is refused"
            );
        }
    }
    assert!(loaded.end_loading().is_empty());
    assert_eq!(loaded.digest(), digest);
}
