//! The walk over collections: the loaded snapshot has the digest that the keyspace had at the cut, whatever writers do
//! in between.

#[expect(dead_code, reason = "shared with other tests")]
mod common;
#[path = "common/effects.rs"]
mod effects;

use common::below;
use effects::{Draw, census, perform_effect};
use esker_format::native::snapshot::BlockKind;
use esker_format::native::value::{Fields, Members, ScoredMembers};
use esker_format::record::{Effect, Verb, Words};
use esker_keyspace::entry::Kind;
use esker_keyspace::loader::decode_block;
use esker_keyspace::{
    Budget, Image, Keyspace, Limits, Options, Random, RawBlock, SideBlocks, Step, UnixMs,
};

const NOW: i64 = 1_000_000;
const DATABASES: u32 = 3;

/// Values of a few elements are large.
fn small_limits() -> Limits {
    Limits {
        list_max_listpack_size: 4,
        hash_max_listpack_entries: 4,
        set_max_intset_entries: 4,
        set_max_listpack_entries: 4,
        zset_max_listpack_entries: 4,
        stream_node_max_entries: 4,
        ..Limits::default()
    }
}

fn empty(seed: u64, limits: Limits) -> Keyspace {
    Keyspace::new(Options {
        databases: DATABASES,
        limits,
        log: false,
        ..Options::with_seed(seed)
    })
}

struct Snapshot {
    block: RawBlock,
    blocks: Vec<RawBlock>,
    side: SideBlocks,
}

impl Snapshot {
    fn new(ks: &Keyspace, piece_bytes: usize) -> Snapshot {
        Snapshot {
            block: RawBlock::new(BlockKind::Main, 0),
            blocks: Vec::new(),
            side: SideBlocks::with_piece_bytes(ks.hash_seed(), piece_bytes),
        }
    }

    fn step(&mut self, ks: &mut Keyspace, budget: Budget) -> Step {
        let step = ks.walk_step(&mut self.block, budget);
        if step != Step::More {
            let fresh = RawBlock::new(BlockKind::Main, self.block.db);
            self.blocks.push(std::mem::replace(&mut self.block, fresh));
        }
        step
    }

    fn take_images(&mut self, ks: &mut Keyspace) {
        for image in ks.take_images() {
            self.side.add(image, &mut |block| self.blocks.push(block));
        }
    }

    /// Loads the blocks in any order. Returns the keyspace and how many entries were pieces.
    fn load(self, random: &mut Random, seed: u64, limits: Limits) -> (Keyspace, u64) {
        let mut loaded = empty(seed, limits);
        let mut blocks: Vec<RawBlock> = self.blocks.into_iter().chain(self.side.finish()).collect();
        for at in (1..blocks.len()).rev() {
            blocks.swap(at, below(random, at as u64 + 1) as usize);
        }
        let mut continued = 0;
        for block in blocks {
            let (db, entries) = (block.db, block.entries as usize);
            continued += u64::from(block.continued);
            let decoded = decode_block(&block.into_bytes(), loaded.limits(), entries);
            let inserted = loaded.insert_block(db, decoded.expect("a sound block"));
            inserted.expect("blocks fit together");
        }
        assert_eq!(loaded.end_loading(), [], "every value is whole");
        (loaded, continued)
    }
}

fn budget(random: &mut Random) -> Budget {
    Budget {
        entries: 1 + below(random, 60) as usize,
        bytes: 1 + below(random, 3000) as usize,
    }
}

struct Case {
    ks: Keyspace,
    random: Random,
    now: i64,
    draw: Draw,
    seed: u64,
    limits: Limits,
    piece_bytes: usize,
}

impl Case {
    fn new(seed: u64) -> Case {
        let mut random = Random::new(seed);
        let small = below(&mut random, 3) > 0;
        let limits = if small {
            small_limits()
        } else {
            Limits::default()
        };
        let draw = Draw {
            databases: u64::from(DATABASES),
            keys: 1 + below(&mut random, 8),
            elements: if small { 60 } else { 900 },
            whole_odds: [0, 60, 600][seed as usize % 3],
        };
        let mut ks = empty(seed, limits);
        if below(&mut random, 4) > 0 {
            ks.set_walked_whole(below(&mut random, 10) as usize, 0);
        }
        let mut case = Case {
            ks,
            random,
            now: NOW,
            draw,
            seed,
            limits,
            piece_bytes: 200,
        };
        case.write(if small { 1500 } else { 12_000 });
        case
    }

    fn write(&mut self, count: u64) {
        for _ in 0..count {
            perform_effect(&mut self.ks, &mut self.random, self.now, self.draw);
            self.now += 1;
            if below(&mut self.random, 50) == 0 {
                self.ks.expire_cycle(UnixMs(self.now), 4);
            }
        }
        self.ks.take_garbage();
    }

    /// A snapshot with up to so many writes before each step; returns how many entries were pieces.
    fn snapshot(&mut self, writes: u64) -> u64 {
        let digest = self.ks.digest();
        let context = format!("seed {}: {:?}", self.seed, census(&mut self.ks));
        let cut = self.ks.begin_walk().expect("no walk is under way");
        let mut snapshot = Snapshot::new(&self.ks, self.piece_bytes);
        loop {
            let count = below(&mut self.random, writes + 1);
            self.write(count);
            if below(&mut self.random, 3) == 0 {
                snapshot.take_images(&mut self.ks);
            }
            let budget = budget(&mut self.random);
            if snapshot.step(&mut self.ks, budget) == Step::Done {
                break;
            }
        }
        snapshot.take_images(&mut self.ks);
        self.write(30);
        assert!(
            self.ks.take_images().is_empty(),
            "nothing is old after the walk"
        );
        let (loaded, continued) = snapshot.load(&mut self.random, cut.hash_seed, self.limits);
        assert!(
            loaded.digest() == digest,
            "another state than at the cut: {context}"
        );
        let keys = (0..DATABASES).map(|db| loaded.len(db));
        assert!(keys.eq(cut.databases.iter().map(|(keys, _)| *keys)));
        continued
    }

    fn aborted(&mut self) {
        self.ks.begin_walk().expect("no walk is under way");
        let mut discarded = Snapshot::new(&self.ks, self.piece_bytes);
        for _ in 0..below(&mut self.random, 30) {
            let count = below(&mut self.random, 20);
            self.write(count);
            let budget = budget(&mut self.random);
            discarded.step(&mut self.ks, budget);
            if below(&mut self.random, 3) == 0 {
                self.ks.take_images();
            }
        }
        self.ks.abort_walk();
        let mut block = RawBlock::new(BlockKind::Main, 0);
        loop {
            assert!(self.ks.take_images().is_empty(), "a sweep queues nothing");
            let budget = budget(&mut self.random);
            if self.ks.walk_step(&mut block, budget) == Step::Done {
                break;
            }
            let count = below(&mut self.random, 10);
            self.write(count);
        }
        assert!(block.is_empty(), "a sweep copies nothing");
    }
}

#[test]
fn a_snapshot_shows_collections_as_at_the_cut() {
    let (mut pieces, mut encodings) = (0, std::collections::BTreeSet::new());
    for seed in 0..60 {
        let mut case = Case::new(seed);
        for _ in 0..3 {
            encodings.extend(census(&mut case.ks).into_keys());
            let writes = [2, 15, 200][below(&mut case.random, 3) as usize];
            pieces += case.snapshot(writes);
        }
    }
    assert!(pieces > 1000, "{pieces} pieces");
    for expected in [
        ("list", "listpack"),
        ("list", "quicklist"),
        ("set", "listpack"),
        ("set", "hashtable"),
        ("zset", "listpack"),
        ("zset", "skiplist"),
        ("hash", "listpack"),
        ("hash", "listpackex"),
        ("hash", "hashtable"),
        ("stream", "stream"),
    ] {
        assert!(encodings.contains(&expected), "{expected:?} was not met");
    }
}

#[test]
fn eight_aborts_in_a_row_leave_the_elements_in_order() {
    for seed in 100..115 {
        let mut case = Case::new(seed);
        for _ in 0..8 {
            case.aborted();
        }
        case.snapshot(20);
    }
}

fn collection(ks: &mut Keyspace, verb: Verb, key: &[u8], words: &[&[u8]]) {
    let words = Words::new(words);
    ks.apply(0, &Effect::Collection { verb, key, words })
        .expect("it fits");
}

/// Elements in the images that were queued.
fn imaged(images: &[Image], kind: Kind) -> usize {
    let count = |bytes: &[u8]| match kind {
        Kind::Hash => Fields::new(bytes).count(),
        Kind::Set => Members::new(bytes).count(),
        _ => ScoredMembers::new(bytes).count(),
    };
    let of_image = |image: &Image| match image {
        Image::Elements { bytes, .. } => count(bytes),
        Image::Opened(_) => 0,
        other => panic!("a whole image: {other:?}"),
    };
    images.iter().map(of_image).sum()
}

#[test]
fn a_write_to_a_large_collection_images_one_element() {
    let names: Vec<String> = (0..20_000)
        .map(|number| format!("member:{number}"))
        .collect();
    for (kind, add, remove) in [
        (Kind::Hash, Verb::HSet, Verb::HDel),
        (Kind::Set, Verb::SAdd, Verb::SRem),
        (Kind::Zset, Verb::ZAdd, Verb::ZRem),
    ] {
        let mut ks = empty(7, Limits::default());
        for name in &names {
            let name = name.as_bytes();
            match kind {
                Kind::Hash => collection(&mut ks, add, b"k", &[name, b"value"]),
                Kind::Set => collection(&mut ks, add, b"k", &[name]),
                _ => collection(&mut ks, add, b"k", &[b"1", name]),
            }
        }
        let digest = ks.digest();
        ks.begin_walk().expect("no walk is under way");
        let mut snapshot = Snapshot::new(&ks, 4000);
        let write =
            |ks: &mut Keyspace, snapshot: &mut Snapshot, verb, words: &[&[u8]], expected| {
                collection(ks, verb, b"k", words);
                let images = ks.take_images();
                assert_eq!(imaged(&images, kind), expected, "{kind:?} {verb:?}");
                for image in images {
                    snapshot
                        .side
                        .add(image, &mut |block| snapshot.blocks.push(block));
                }
            };
        write(&mut ks, &mut snapshot, remove, &[b"member:5"], 1);
        let again: &[&[u8]] = match kind {
            Kind::Hash => &[b"member:5", b"other"],
            Kind::Set => &[b"member:5"],
            _ => &[b"2", b"member:5"],
        };
        write(&mut ks, &mut snapshot, add, again, 0);
        if kind != Kind::Set {
            let words: &[&[u8]] = match kind {
                Kind::Hash => &[b"member:6", b"other"],
                _ => &[b"2", b"member:6"],
            };
            write(&mut ks, &mut snapshot, add, words, 1);
            write(&mut ks, &mut snapshot, add, words, 0);
        }
        let budget = Budget {
            entries: 100,
            bytes: 10_000,
        };
        while snapshot.step(&mut ks, budget) != Step::Done {}
        snapshot.take_images(&mut ks);
        let (loaded, _) = snapshot.load(&mut Random::new(1), ks.hash_seed(), Limits::default());
        assert_eq!(loaded.digest(), digest, "{kind:?}");
    }
}
