//! Loading the snapshot: blocks are decoded by as many threads as the caller lends, and inserted by one.
//!
//! The inserting thread takes blocks in order. When the next one is not decoded yet and nobody has begun it, it decodes
//! it itself; so the same code runs with and without helpers, and helpers never get further ahead than a window.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use esker_format::Lsn;
use esker_format::cursor::Fault;
use esker_format::native::audit::{Run, Visitor};
use esker_format::native::manifest::Manifest;
use esker_format::native::snapshot::{BlockKind, BlockRef, SnapshotIndex};
use esker_keyspace::loader::{DecodedBlock, LoadError, decode_block};
use esker_keyspace::{Keyspace, Limits};
use parking_lot::{Condvar, Mutex};

use crate::recover::replay::Replay;

/// Blocks that may be decoded but not inserted.
const WINDOW_BLOCKS: usize = 64;

/// Threads that the caller lends to recovery.
pub trait Workers {
    /// Calls `work` in parallel on each lent thread while `main` runs on this one; returns when all have returned.
    fn with(&self, work: &(dyn Fn() + Sync), main: &mut dyn FnMut());
}

/// No threads to lend.
#[derive(Clone, Copy, Debug)]
pub struct Inline;

impl Workers for Inline {
    fn with(&self, _work: &(dyn Fn() + Sync), main: &mut dyn FnMut()) {
        main();
    }
}

/// What the audit drives: it builds the keyspace.
pub(crate) struct Loader<'a> {
    options: esker_keyspace::Options,
    workers: &'a dyn Workers,
    keyspace: Keyspace,
    replay: Replay,
    snapshot_keys: u64,
    replayed_bytes: u64,
    databases_needed: u32,
    /// Runs of payload on the way, one for every [`PLACE_EVERY_BYTES`] at most.
    places: Vec<Place>,
}

const PLACE_EVERY_BYTES: u64 = 64 << 10;

/// Where a run of payload stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) end_lsn: Lsn,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(options: esker_keyspace::Options, workers: &'a dyn Workers) -> Loader<'a> {
        let options = esker_keyspace::Options {
            log: false,
            ..options
        };
        Loader {
            keyspace: Keyspace::new(options.clone()),
            options,
            workers,
            replay: Replay::default(),
            snapshot_keys: 0,
            replayed_bytes: 0,
            databases_needed: 0,
            places: Vec::new(),
        }
    }

    /// The number of databases that the dataset needs, if there are fewer.
    pub(crate) fn databases_needed(&self) -> Option<u32> {
        (self.databases_needed > self.keyspace.databases()).then_some(self.databases_needed)
    }

    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The keyspace, the keys of its snapshot, and the bytes replayed.
    pub(crate) fn finish(self) -> (Keyspace, u64, u64) {
        (self.keyspace, self.snapshot_keys, self.replayed_bytes)
    }

    fn note_place(&mut self, run: &Run<'_>) {
        let near = |place: &Place| {
            place.segment == run.segment && run.offset - place.offset < PLACE_EVERY_BYTES
        };
        if !self.places.last().is_some_and(near) {
            self.places.push(Place {
                segment: run.segment,
                offset: run.offset,
                end_lsn: run.end_lsn(),
            });
        }
    }

    fn load(&mut self, index: &SnapshotIndex, file: &[u8]) -> Result<(), (u64, Fault)> {
        for totals in &index.databases {
            self.databases_needed = self.databases_needed.max(totals.db + 1);
            self.keyspace
                .reserve(totals.db, usize::try_from(totals.keys).unwrap_or(0));
        }
        if self.databases_needed().is_some() {
            return Ok(());
        }
        let blocks: Vec<&BlockRef> = index.blocks.iter().filter(|block| is_data(block)).collect();
        let limits = *self.keyspace.limits();
        let decode = |at: usize| decode(index, file, blocks[at], &limits);
        let queue = Queue::new(blocks.len(), &decode);
        let keyspace = &mut self.keyspace;
        let mut loaded = Ok(());
        self.workers.with(&|| queue.help(), &mut || {
            loaded = insert_all(keyspace, &blocks, &queue);
            queue.stop();
        });
        let incomplete = self.keyspace.end_loading();
        self.snapshot_keys = index.footer.keys;
        loaded?;
        match incomplete.first() {
            None => Ok(()),
            Some(_) => Err((0, Fault::Invalid("a piece of a value is missing"))),
        }
    }
}

fn is_data(block: &BlockRef) -> bool {
    matches!(block.header.kind, BlockKind::Main | BlockKind::Side)
}

fn decode(
    index: &SnapshotIndex,
    file: &[u8],
    block: &BlockRef,
    limits: &Limits,
) -> Result<DecodedBlock, Fault> {
    let raw = index.block(file, block)?;
    decode_block(&raw, limits, block.header.entries as usize).map_err(fault_of)
}

fn fault_of(error: LoadError) -> Fault {
    match error {
        LoadError::Fault(fault) => fault,
        LoadError::UnknownKind(kind) => Fault::UnknownFeatures(u64::from(kind)),
        LoadError::NoSuchDatabase(_) => {
            Fault::Invalid("a block is of a database that does not exist")
        }
        LoadError::Pieces(_) => Fault::Invalid("the pieces of a value do not fit together"),
        LoadError::Duplicate(_) => Fault::Invalid("a key stands in the snapshot twice"),
    }
}

fn insert_all(
    keyspace: &mut Keyspace,
    blocks: &[&BlockRef],
    queue: &Queue<'_>,
) -> Result<(), (u64, Fault)> {
    for (at, block) in blocks.iter().enumerate() {
        let inserted = queue.take(at).and_then(|decoded| {
            keyspace
                .insert_block(block.header.db, decoded)
                .map_err(fault_of)
        });
        inserted.map_err(|fault| (block.offset, fault))?;
    }
    Ok(())
}

impl Visitor for Loader<'_> {
    fn manifest(&mut self, manifest: &Manifest) {
        self.options.hash_seed = manifest.hash_seed;
        self.keyspace = Keyspace::new(self.options.clone());
    }

    fn snapshot(&mut self, index: &SnapshotIndex, file: &[u8]) -> Result<(), (u64, Fault)> {
        self.load(index, file)
    }

    fn run(&mut self, run: &Run<'_>) -> Result<(), Fault> {
        if self.databases_needed().is_some() {
            return Ok(());
        }
        if !run.payload.is_empty() {
            self.note_place(run);
        }
        if run.stream_only {
            return Ok(());
        }
        self.replayed_bytes += run.payload.len() as u64;
        self.replay.apply(&mut self.keyspace, run.payload, run.db)
    }
}

type Decode<'a> = &'a (dyn Fn(usize) -> Result<DecodedBlock, Fault> + Sync);

/// Blocks on their way from the decoders to the inserter.
struct Queue<'a> {
    decode: Decode<'a>,
    count: usize,
    state: Mutex<State>,
    changed: Condvar,
    stopped: AtomicBool,
}

struct State {
    /// The first block that nobody has begun.
    next: usize,
    /// The first block that is not inserted.
    taken: usize,
    ready: BTreeMap<usize, Result<DecodedBlock, Fault>>,
}

impl<'a> Queue<'a> {
    fn new(count: usize, decode: Decode<'a>) -> Queue<'a> {
        let state = State {
            next: 0,
            taken: 0,
            ready: BTreeMap::new(),
        };
        Queue {
            decode,
            count,
            state: Mutex::new(state),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
        }
    }

    /// What a lent thread does: decode until there is nothing left.
    fn help(&self) {
        loop {
            let at = {
                let mut state = self.state.lock();
                while state.next < self.count
                    && state.next >= state.taken + WINDOW_BLOCKS
                    && !self.is_stopped()
                {
                    self.changed.wait(&mut state);
                }
                if state.next >= self.count || self.is_stopped() {
                    return;
                }
                state.next += 1;
                state.next - 1
            };
            let decoded = (self.decode)(at);
            self.state.lock().ready.insert(at, decoded);
            self.changed.notify_all();
        }
    }

    /// The next block in order.
    fn take(&self, at: usize) -> Result<DecodedBlock, Fault> {
        let mut state = self.state.lock();
        state.taken = at;
        self.changed.notify_all();
        loop {
            if let Some(decoded) = state.ready.remove(&at) {
                return decoded;
            }
            if state.next == at {
                state.next += 1;
                drop(state);
                return (self.decode)(at);
            }
            self.changed.wait(&mut state);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn stop(&self) {
        let _state = self.state.lock();
        self.stopped.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }
}
