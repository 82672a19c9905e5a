//! From a directory to a keyspace, without touching the directory.

use std::io;

use esker_format::cursor::Fault;
use esker_format::native::audit::{self, Report, Run, Source, Visitor, check_block};
use esker_format::native::manifest::{Manifest, SnapshotRef};
use esker_format::native::salvage::{Salvaged, salvage};
use esker_format::native::snapshot::{
    BlockKind, BlockRef, INCOMPAT_COLLECTIONS, SnapshotHeader, SnapshotIndex,
};
use esker_format::record::Effect;
use esker_format::units::{Record, UnitReader};
use esker_format::{Lsn, UnixMs, names};
use esker_keyspace::hash::hash_key;
use esker_keyspace::loader::{LoadError, decode_block};
use esker_keyspace::{ApplyError, Keyspace};

use super::doubt::Doubt;
use super::dropped::{self, FramePlace, Region};
use super::losses::{Losses, LostRange, PartialKey, SkippedEffect};

/// A keyspace starts with as many databases; more are added as the data asks for them.
const DATABASES: u32 = 16;
const DATABASES_MAX: u32 = 1 << 16;

/// Up to where to rebuild. A unit is applied as a whole or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    End,
    /// Units that end at or below this position.
    Lsn(Lsn),
    /// Units of frames that were built at that time or before.
    Time(UnixMs),
}

/// What to rebuild, and how.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    pub until: Until,
    /// Leave out what is damaged and go on behind it. Without it the keyspace is worth something only if the report
    /// says that everything is sound.
    pub skip_damaged: bool,
    /// Judge only: build no keyspace, parse what recovery would apply.
    pub parse_only: bool,
    /// How closely the audit looks. The key hash is filled in.
    pub audit: audit::Options,
}

/// A position in the history of a dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    pub lsn: Lsn,
    pub replication_offset: u64,
    /// Sequence number of the last frame before it.
    pub sequence: u64,
    /// When that frame was built, or the snapshot was cut.
    pub time: UnixMs,
}

/// What was rebuilt.
pub struct Rebuilt {
    pub report: Report,
    /// Empty if there was nothing to rebuild from, or if the request was to parse only.
    pub keyspace: Keyspace,
    /// The state that `keyspace` is in.
    pub point: Point,
    /// There was more, beyond what was asked for.
    pub passed: bool,
    /// There was damage before that point.
    pub damaged: bool,
    pub effects: u64,
    pub losses: Losses,
}

/// Audits `source` and rebuilds what it holds. `examined` is told how many bytes have been looked at since its last call.
/// Fails only if reading does.
pub fn rebuild<S: Source>(
    source: &S,
    request: Request,
    examined: &mut dyn FnMut(u64),
) -> io::Result<Rebuilt> {
    let mut rebuilder = Rebuilder::new(source, request, examined);
    let options = audit::Options {
        key_hash: Some(hash_key),
        keep_going: request.audit.keep_going || request.skip_damaged,
        ..request.audit
    };
    let report = audit::audit(source, options, &mut rebuilder)?;
    rebuilder.finish(report)
}

struct Rebuilder<'a, S: Source> {
    source: &'a S,
    request: Request,
    examined: &'a mut dyn FnMut(u64),
    keyspace: Keyspace,
    point: Point,
    /// Where the next unit must start if nothing is missing.
    next_lsn: Lsn,
    time: UnixMs,
    last: Option<FramePlace>,
    awaits_snapshot: bool,
    passed: bool,
    damaged: bool,
    effects: u64,
    losses: Losses,
    doubt: Doubt,
    regions: Vec<Region>,
    error: Option<io::Error>,
}

impl<'a, S: Source> Rebuilder<'a, S> {
    fn new(source: &'a S, request: Request, examined: &'a mut dyn FnMut(u64)) -> Self {
        Rebuilder {
            source,
            request,
            examined,
            keyspace: keyspace(0),
            point: Point::default(),
            next_lsn: Lsn::ZERO,
            time: UnixMs(0),
            last: None,
            awaits_snapshot: false,
            passed: false,
            damaged: false,
            effects: 0,
            losses: Losses::default(),
            doubt: Doubt::default(),
            regions: Vec::new(),
            error: None,
        }
    }

    fn finish(mut self, report: Report) -> io::Result<Rebuilt> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let claim = report.durable_claim;
        if report.manifest.is_some() && !self.passed && claim > self.next_lsn {
            self.lose(claim, None);
        }
        self.damaged |= !self.passed && !report.sound();
        if let Some(manifest) = &report.manifest {
            for region in &self.regions {
                let dropped = &mut self.losses.dropped;
                dropped::list(
                    self.source,
                    manifest.dataset,
                    &report.segments,
                    region,
                    dropped,
                )?;
            }
        }
        if !self.passed {
            self.point.lsn = self.point.lsn.max(self.next_lsn);
            self.point.sequence = self.point.sequence.max(report.end.sequence);
            self.point.time = self.point.time.max(report.end.time);
        }
        Ok(Rebuilt {
            report,
            keyspace: self.keyspace,
            point: self.point,
            passed: self.passed,
            damaged: self.damaged,
            effects: self.effects,
            losses: self.losses,
        })
    }

    /// No unit was found between the last one and `to`.
    fn lose(&mut self, to: Lsn, next: Option<&Run<'_>>) {
        let range = LostRange {
            from: self.next_lsn,
            to,
            after: self.time,
            before: next.map(|run| run.time),
        };
        self.damaged = true;
        self.losses.ranges.push(range);
        self.doubt.lose_anything();
        self.regions.push(Region {
            range,
            after: self.last,
            before: next.map(|run| FramePlace {
                segment: run.segment,
                offset: run.offset,
            }),
        });
        // What is missing counts as passed, so that no position is given out twice.
        let missing = to.0 - self.next_lsn.0;
        self.point.replication_offset = self.point.replication_offset.wrapping_add(missing);
        self.next_lsn = to;
    }

    /// Whether effects are applied. Behind damage only a request to skip it goes on.
    fn applies(&self) -> bool {
        !self.request.parse_only && (!self.damaged || self.request.skip_damaged)
    }

    fn apply(&mut self, record: &Record<'_>, lsn: Lsn) -> Result<(), Fault> {
        let effect = &record.effect;
        make_room(&mut self.keyspace, record.db, effect)?;
        let applied = self.keyspace.apply(record.db, effect);
        if self.keyspace.has_garbage() {
            drop(self.keyspace.take_garbage());
        }
        match applied {
            Ok(()) if self.doubt.is_active() => {
                let seed = self.keyspace.hash_seed();
                if let Some((db, key)) = self.doubt.note(record.db, effect, seed) {
                    self.losses.doubtful.push((db, key.to_vec()));
                }
            }
            Ok(()) => {}
            Err(error) if self.damaged => self.losses.skipped.push(SkippedEffect {
                lsn,
                db: record.db,
                name: effect.name(),
                key: effect.key().unwrap_or_default().to_vec(),
                why: error.to_string(),
            }),
            Err(error) => return Err(fault_of(error)),
        }
        Ok(())
    }

    fn units(&mut self, run: &Run<'_>, payload: &[u8]) -> Result<(), Fault> {
        for record in UnitReader::new(payload, run.db) {
            let record = record?;
            self.effects += 1;
            if self.applies() {
                let lsn = run.first_lsn.advance(record.unit_start as u64);
                self.apply(&record, lsn)
                    .inspect_err(|_| self.damaged = true)?;
            }
        }
        Ok(())
    }

    /// The part of a run that is asked for: whole units.
    fn wanted<'p>(&self, run: &Run<'p>) -> &'p [u8] {
        match self.request.until {
            Until::Time(time) if run.time > time => &[],
            Until::Lsn(lsn) if run.end_lsn() > lsn => {
                let limit = lsn.0.saturating_sub(run.first_lsn.0) as usize;
                let end = if run.stream_only {
                    0
                } else {
                    UnitReader::new(run.payload, run.db)
                        .map_while(Result::ok)
                        .filter(|record| record.ends_unit && record.end <= limit)
                        .last()
                        .map_or(0, |record| record.end)
                };
                run.payload.get(..end).unwrap_or_default()
            }
            _ => run.payload,
        }
    }

    fn load_sound(&mut self, index: &SnapshotIndex, file: &[u8]) -> Result<(), (u64, Fault)> {
        for block in index.blocks.iter().filter(|block| is_data(block)) {
            if self.request.audit.snapshot_blocks
                && check_block(index, file, block, Some(hash_key)).is_err()
            {
                // The audit has said so already.
                self.damaged = true;
                return Ok(());
            }
            let loaded = index
                .block(file, block)
                .and_then(|raw| self.load(block, &raw));
            if let Err(fault) = loaded {
                self.damaged = true;
                return Err((block.offset, fault));
            }
        }
        if self.keyspace.end_loading().is_empty() {
            return Ok(());
        }
        self.damaged = true;
        Err((0, Fault::Invalid("a piece of a value is missing")))
    }

    fn load(&mut self, block: &BlockRef, raw: &[u8]) -> Result<(), Fault> {
        let header = &block.header;
        grow(&mut self.keyspace, header.db)?;
        decode_block(raw, self.keyspace.limits(), header.entries as usize)
            .and_then(|decoded| self.keyspace.insert_block(header.db, decoded))
            .map_err(|error| match error {
                LoadError::Fault(fault) => fault,
                LoadError::UnknownKind(kind) => Fault::UnknownFeatures(u64::from(kind)),
                LoadError::NoSuchDatabase(_) => Fault::Invalid("a block is of no database"),
                LoadError::Pieces(_) => Fault::Invalid("the pieces of a value do not fit together"),
                LoadError::Duplicate(_) => Fault::Invalid("a key stands in the snapshot twice"),
            })
    }

    fn load_damaged(&mut self, manifest: &Manifest, snapshot: &SnapshotRef) {
        let file = match self.source.read(&names::snapshot(snapshot.number)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.lose_snapshot("it is missing".to_owned());
            }
            Err(error) => {
                self.error = Some(error);
                return;
            }
        };
        let file = file.as_ref();
        match salvage(file, Some(header_for(manifest, snapshot)), hash_key) {
            Ok(salvaged) if !same(&salvaged.header, manifest, snapshot) => {
                self.lose_snapshot("it is not the one that the manifest names".to_owned());
            }
            Ok(salvaged) => self.load_salvaged(salvaged, file),
            Err(fault) => self.lose_snapshot(fault.to_string()),
        }
    }

    fn load_salvaged(&mut self, mut salvaged: Salvaged, file: &[u8]) {
        for block in salvaged.blocks.iter().filter(|block| is_data(block)) {
            let loaded = salvaged
                .block(file, block)
                .and_then(|raw| self.load(block, &raw));
            if let Err(fault) = loaded {
                let what = format!("a block cannot be loaded: {fault}");
                return self.lose_snapshot(what);
            }
        }
        for (db, key, kept) in self.keyspace.end_damaged_loading() {
            self.damaged = true;
            let key = key.into_vec();
            self.losses.partial.push(PartialKey { db, key, kept });
        }
        self.damaged |= !salvaged.lost.is_empty();
        self.doubt.lose_blocks(&salvaged.lost);
        self.losses.blocks = salvaged.lost;
        self.losses.mended.append(&mut salvaged.mended);
    }

    fn lose_snapshot(&mut self, why: String) {
        self.keyspace = keyspace(self.keyspace.hash_seed());
        self.damaged = true;
        self.doubt.lose_anything();
        self.losses.snapshot = Some(why);
    }
}

impl<S: Source> Visitor for Rebuilder<'_, S> {
    fn manifest(&mut self, manifest: &Manifest) {
        self.keyspace = keyspace(manifest.hash_seed);
        self.next_lsn = manifest.cut_lsn();
        self.point.lsn = manifest.cut_lsn();
        if let Some(timeline) = manifest.timeline() {
            self.point.replication_offset = timeline.replication_offset;
        }
        let Some(snapshot) = &manifest.snapshot else {
            return;
        };
        self.time = snapshot.cut_at;
        self.point.time = snapshot.cut_at;
        if self.request.skip_damaged && !self.request.parse_only {
            self.load_damaged(manifest, snapshot);
        } else {
            self.awaits_snapshot = true;
        }
    }

    fn snapshot(&mut self, index: &SnapshotIndex, file: &[u8]) -> Result<(), (u64, Fault)> {
        self.point.replication_offset = index.header.replication_offset;
        self.point.sequence = index.header.sequence;
        if !std::mem::take(&mut self.awaits_snapshot) || self.request.parse_only {
            return Ok(());
        }
        self.load_sound(index, file)
    }

    fn examined(&mut self, bytes: u64) {
        (self.examined)(bytes);
    }

    fn run(&mut self, run: &Run<'_>) -> Result<(), Fault> {
        if self.passed {
            return Ok(());
        }
        // The audit did not show us the snapshot, because it is damaged.
        self.damaged |= std::mem::take(&mut self.awaits_snapshot);
        if run.first_lsn > self.next_lsn {
            self.lose(run.first_lsn, Some(run));
        }
        let payload = self.wanted(run);
        self.passed = payload.len() < run.payload.len();
        let end = run.first_lsn.advance(payload.len() as u64);
        if !payload.is_empty() {
            self.next_lsn = end;
            self.time = run.time;
            self.last = Some(FramePlace {
                segment: run.segment,
                offset: run.offset,
            });
            let beyond = run.end_lsn().0 - end.0;
            self.point = Point {
                lsn: end,
                replication_offset: run.replication_offset.wrapping_sub(beyond),
                sequence: run.sequence,
                time: run.time,
            };
        }
        if run.stream_only {
            return Ok(());
        }
        self.units(run, payload)
    }
}

fn keyspace(hash_seed: u64) -> Keyspace {
    Keyspace::new(esker_keyspace::Options {
        databases: DATABASES,
        log: false,
        ..esker_keyspace::Options::with_seed(hash_seed)
    })
}

fn grow(keyspace: &mut Keyspace, db: u32) -> Result<(), Fault> {
    if db >= DATABASES_MAX {
        return Err(Fault::Invalid("the number of a database is out of range"));
    }
    keyspace.grow(db + 1);
    Ok(())
}

fn make_room(keyspace: &mut Keyspace, db: u32, effect: &Effect<'_>) -> Result<(), Fault> {
    let other = match *effect {
        Effect::Move { db, .. } | Effect::Copy { db, .. } => db,
        Effect::SwapDb { a, b } => a.max(b),
        _ => 0,
    };
    let highest = db.max(other);
    if highest < keyspace.databases() {
        return Ok(());
    }
    grow(keyspace, highest)
}

fn is_data(block: &BlockRef) -> bool {
    matches!(block.header.kind, BlockKind::Main | BlockKind::Side)
}

fn same(header: &SnapshotHeader, manifest: &Manifest, snapshot: &SnapshotRef) -> bool {
    header.dataset == manifest.dataset
        && header.number == snapshot.number
        && header.cut_lsn == snapshot.cut_lsn
        && header.hash_seed == manifest.hash_seed
}

/// What the manifest knows of the header of its snapshot: all that reading the blocks takes.
fn header_for(manifest: &Manifest, snapshot: &SnapshotRef) -> SnapshotHeader {
    SnapshotHeader {
        compat: 0,
        incompat: INCOMPAT_COLLECTIONS,
        dataset: manifest.dataset,
        number: snapshot.number,
        timeline: manifest.timeline().map_or(0, |timeline| timeline.id),
        databases: DATABASES,
        cut_lsn: snapshot.cut_lsn,
        replication_offset: snapshot.cut_lsn.0,
        sequence: 0,
        hash_seed: manifest.hash_seed,
        cut_at: snapshot.cut_at,
    }
}

fn fault_of(error: ApplyError) -> Fault {
    match error {
        ApplyError::NoSuchKey => Fault::Invalid("an effect is on a key that does not exist"),
        _ => Fault::Invalid("an effect does not fit the data that it is on"),
    }
}
