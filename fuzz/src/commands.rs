//! Streams of commands: what a keyspace records gives the same contents in another one, and a snapshot walked while
//! commands go on gives the contents of its cut.

use esker_format::native::snapshot::BlockKind;
use esker_keyspace::entry::{Entry, Kind};
use esker_keyspace::loader::decode_block;
use esker_keyspace::{
    AccessPolicy, Budget, Cut, Keyspace, Options, RawBlock, SideBlocks, Step, UnixMs,
};
use esker_resp::Proto;

use crate::grammar;
use crate::input::Input;
use crate::replica::Replica;
use crate::store::{execute, writes};

const DATABASES: u32 = 3;
const START: i64 = 1_700_000_000_000;
/// Longest string; beyond `INLINE_MAX`, so that every encoding is met.
const STRING_BYTES_MAX: usize = 3000;
const STEPS_MAX: usize = 400;

pub fn commands(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World::new(input.byte());
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
        world.replica.follow(&mut world.keyspace);
    }
    world.finish_walk();
    world.check_lengths();
}

struct World {
    keyspace: Keyspace,
    replica: Replica,
    now: i64,
    db: u32,
    proto: Proto,
    walk: Option<Walk>,
}

/// A snapshot being taken.
struct Walk {
    cut: Cut,
    digest: u128,
    block: RawBlock,
    blocks: Vec<RawBlock>,
    side: SideBlocks,
}

impl World {
    fn new(choice: u8) -> World {
        let lfu = AccessPolicy::Lfu {
            log_factor: 10,
            decay_minutes: 1,
        };
        let mut keyspace = Keyspace::new(Options {
            databases: DATABASES,
            access: if choice & 1 == 0 {
                AccessPolicy::Lru
            } else {
                lfu
            },
            unit_bytes_max: if choice & 2 == 0 { 1 << 30 } else { 4096 },
            ..Options::with_seed(u64::from(choice))
        });
        keyspace.set_string_bytes_max(STRING_BYTES_MAX);
        keyspace.touched_mut().set_listening(choice & 4 != 0);
        World {
            keyspace,
            replica: Replica::new(DATABASES),
            now: START,
            db: 0,
            proto: if choice & 8 == 0 {
                Proto::Resp2
            } else {
                Proto::Resp3
            },
            walk: None,
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(32) {
            0 => self.now += [1, 100, 5000, 0][input.below(4)],
            1 => self.expire(input),
            2 => self.db = input.below(DATABASES as usize) as u32,
            3 => self.begin_walk(),
            4 => self.abort_walk(input),
            5..=8 => self.walk_on(input),
            9 | 10 => self.transaction(input, 6),
            _ => self.transaction(input, 1),
        }
        drop(self.keyspace.take_garbage());
    }

    fn expire(&mut self, input: &mut Input<'_>) {
        let budget = 1 + input.below(20);
        self.keyspace.expire_cycle(UnixMs(self.now), budget);
    }

    /// Between one and `max` commands as one unit, perhaps in several databases.
    fn transaction(&mut self, input: &mut Input<'_>, max: usize) {
        let before = self.keyspace.effects().end_lsn();
        let mut tx = self.keyspace.tx(self.db, UnixMs(self.now));
        // As while clients are paused: only reads are let through then.
        let reads_only = input.one_in(16);
        if reads_only {
            tx.forbid_expiry();
        }
        for _ in 0..=input.below(max) {
            let call = grammar::call(input, self.now);
            if !(reads_only && writes(&call)) {
                execute(&mut tx, &call, self.proto);
            }
            if max > 1 && input.one_in(4) {
                tx.select(input.below(DATABASES as usize) as u32);
            }
        }
        let outcome = tx.finish();
        let after = self.keyspace.effects().end_lsn();
        assert_eq!(outcome.end_lsn, after);
        assert!(!outcome.recorded || after > before, "recorded nothing");
        assert!(outcome.depends_lsn <= after);
        self.keyspace.touched_mut().take_into(&mut Vec::new());
    }

    fn begin_walk(&mut self) {
        let Some(cut) = self.keyspace.begin_walk() else {
            return;
        };
        assert_eq!(cut.databases.len(), DATABASES as usize);
        self.walk = Some(Walk {
            digest: self.keyspace.digest(),
            block: RawBlock::new(BlockKind::Main, 0),
            blocks: Vec::new(),
            side: SideBlocks::new(cut.hash_seed),
            cut,
        });
    }

    fn abort_walk(&mut self, input: &mut Input<'_>) {
        if input.one_in(3) {
            self.keyspace.abort_walk();
            self.walk = None;
        }
    }

    /// One slice of the walk, or of the sweep of one that was given up.
    fn walk_on(&mut self, input: &mut Input<'_>) {
        let budget = Budget {
            entries: 1 + input.below(8),
            bytes: 1 + input.below(4000),
        };
        self.slice(budget);
    }

    fn slice(&mut self, budget: Budget) -> bool {
        let Some(walk) = &mut self.walk else {
            let mut nothing = RawBlock::new(BlockKind::Main, 0);
            let step = self.keyspace.walk_step(&mut nothing, budget);
            assert!(nothing.is_empty(), "a sweep copies nothing");
            return step == Step::Done;
        };
        let step = self.keyspace.walk_step(&mut walk.block, budget);
        if step != Step::More {
            let fresh = RawBlock::new(BlockKind::Main, walk.block.db);
            walk.blocks.push(std::mem::replace(&mut walk.block, fresh));
        }
        for image in self.keyspace.take_images() {
            walk.side.add(image, &mut |block| walk.blocks.push(block));
        }
        if step == Step::Done
            && let Some(walk) = self.walk.take()
        {
            walk.check();
        }
        step == Step::Done
    }

    fn finish_walk(&mut self) {
        while !self.slice(Budget {
            entries: 1000,
            bytes: 1 << 20,
        }) {}
        assert!(!self.keyspace.walk_in_progress());
    }

    fn check_lengths(&mut self) {
        for db in 0..DATABASES {
            let mut tx = self.keyspace.tx(db, UnixMs(i64::MIN));
            let mut keys = 0;
            tx.for_each(|entry| {
                keys += 1;
                match entry.str() {
                    Some(value) => assert!(esker_keyspace::str_len(value) <= STRING_BYTES_MAX),
                    None => check_collection(entry),
                }
            });
            assert_eq!(keys, tx.db_len());
            tx.finish();
        }
    }
}

/// An empty collection is never stored, unless it is a stream.
fn check_collection(entry: &Entry) {
    let value = entry.value().expect("what is no string is a collection");
    assert!(entry.kind() == Kind::Stream || !value.is_empty());
}

impl Walk {
    /// Loads the blocks: the contents are those of the cut.
    fn check(self) {
        let seed = self.cut.hash_seed;
        let mut loaded = Keyspace::new(Options {
            databases: DATABASES,
            ..Options::with_seed(seed)
        });
        for block in self.blocks.into_iter().chain(self.side.finish()) {
            let (db, expected, expires) = (block.db, block.entries as usize, block.expires);
            let range = block.hash_first..=block.hash_last;
            let decoded =
                decode_block(&block.into_bytes(), loaded.limits(), expected).expect("our block");
            let expiring = decoded.entries().filter(|(_, entry)| entry.has_expiry());
            assert!(expiring.count() <= expires as usize);
            assert!(decoded.entries().all(|(hash, _)| range.contains(&hash)));
            loaded
                .insert_block(db, decoded)
                .expect("a key is in one block");
        }
        assert!(loaded.end_loading().is_empty(), "every value is whole");
        assert_eq!(
            loaded.digest(),
            self.digest,
            "the snapshot shows another moment"
        );
        let keys = (0..DATABASES).map(|db| loaded.len(db));
        assert!(keys.eq(self.cut.databases.iter().map(|(keys, _)| *keys)));
    }
}
