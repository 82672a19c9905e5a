//! Taking a snapshot without a fork: short slices under the engine's lock, everything else outside.
//!
//! The cut: with the log drained up to it, the keyspace begins its walk and the log is divided, so that a segment
//! starts exactly at the cut. From there each call of [`Snapshot::step`] does one thing: copy a slice and write a block;
//! then index, sync, name, sync of the name; then make the log's new segment durable; then publish the manifest that
//! names both; then hand what it drops to the chores. A crash between any two steps leaves the former dataset whole.
//!
//! Three kinds, by what the log does at the cut:
//! - `Chained`: the log goes on. The snapshot only shortens recovery.
//! - `Fresh`: the log starts at the cut, because it was off or has failed. Nothing that it holds counts before the
//!   manifest is published, so the writer holds back `written_lsn` and `durable_lsn` until then.
//! - `Alone`: there is no log.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use esker_env::{FileOps, Files};
use esker_format::crc::Seed;
use esker_format::native::manifest::{Gap, LogState as ManifestLog, Manifest, Reason, SnapshotRef};
use esker_format::native::snapshot::{
    BlockEncoder, BlockHeader, BlockKind, BlockRef, Codec, DatabaseTotals, INCOMPAT_COLLECTIONS,
    SnapshotHeader, encode_index,
};
use esker_format::{Lsn, UnixMs, names};
use esker_keyspace::{Budget, Image, RawBlock, SideBlocks, Step};

use crate::health::{LogState, SnapshotProgress, SnapshotReason};
use crate::publish::publish;
use crate::segment::remove_if_there;
use crate::shared::Shared;
use crate::triggers::rest_after;
use crate::writer::{Cut, Trouble, Writer};
use crate::{Engine, Now};

/// A main block longer than this gives its long values to side blocks.
const BLOCK_BYTES_MAX: usize = 4 << 20;
/// Encoded blocks are gathered up to this size before they are written.
const GATHER_BYTES: usize = 1 << 20;
/// Images are taken from the keyspace when they hold this much.
const IMAGE_BYTES: usize = 256 << 10;
/// The file is synced each time this much was written, so that the last sync is short and the disk's queue too.
const SYNC_EVERY_BYTES: u64 = 32 << 20;
/// Entries of one slice, whatever their size.
const SLICE_ENTRIES: usize = 1024;
const RETRY_US: u64 = 5_000_000;
const RESCUE_RETRY_MIN_US: u64 = 200_000;
const RESCUE_RETRY_MAX_US: u64 = 10_000_000;

/// Why no snapshot was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotRefused {
    /// One is under way.
    Running,
    /// The sweep after an abort is not finished; this call did a slice of it. Try again.
    Sweeping,
    /// The log cannot be drained at the moment: run the jobs and try again.
    Stalled,
    /// The log has failed: only a rescue is possible.
    LogFailed,
    /// There is nothing to rescue, or no log to start.
    NotNeeded,
    Io(String),
}

/// What came of a step.
#[derive(Debug)]
pub enum SnapshotStep {
    More,
    /// Something else must happen first: run the jobs, complete the sync, then try again.
    Wait,
    Done(Result<SnapshotDone, String>),
}

/// A committed snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotDone {
    pub reason: SnapshotReason,
    pub number: u64,
    pub cut_lsn: Lsn,
    pub keys: u64,
    pub bytes: u64,
    pub duration_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Chained,
    Fresh,
    Alone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Walk,
    Index,
    Sync,
    Name,
    SyncName,
    JoinLog,
    Commit,
    Over,
}

/// A snapshot under way. Step it until it is done, or abort it.
pub struct Snapshot<F: Files> {
    shared: Arc<Shared<F>>,
    reason: SnapshotReason,
    kind: Kind,
    phase: Phase,
    header: SnapshotHeader,
    seed: Seed,
    epoch: u64,
    /// What was durable when the log failed; with `Fresh` the gap starts here.
    gap_from: Lsn,
    gap_reason: Reason,
    segment: u64,
    file: Option<F::File>,
    /// File offset behind what is written; `gathered` follows.
    offset: u64,
    synced: u64,
    gathered: Vec<u8>,
    encoder: BlockEncoder,
    block: RawBlock,
    side: Option<SideBlocks>,
    blocks: Vec<BlockRef>,
    totals: BTreeMap<u32, DatabaseTotals>,
    side_blocks: u64,
    keys_done: u64,
    keys_total: u64,
    footer_crc: u32,
    budget: Budget,
    block_bytes: usize,
    started: Now,
}

impl<F: Files> Shared<F> {
    pub(crate) fn begin_snapshot<E: Engine>(
        self: &Arc<Self>,
        engine: &E,
        reason: SnapshotReason,
        now: Now,
    ) -> Result<Snapshot<F>, SnapshotRefused> {
        // From here on nobody else begins one: a sweep of ours must never meet a walk of theirs.
        if std::mem::replace(&mut self.snapshots.lock().running, true) {
            return Err(SnapshotRefused::Running);
        }
        let begun = self.cut(engine, reason, now);
        let mut book = self.snapshots.lock();
        match &begun {
            Ok(snapshot) => book.info.running = Some(snapshot.progress()),
            Err(_) => book.running = false,
        }
        begun
    }

    fn cut<E: Engine>(
        self: &Arc<Self>,
        engine: &E,
        reason: SnapshotReason,
        now: Now,
    ) -> Result<Snapshot<F>, SnapshotRefused> {
        let kind = self.kind_of(reason)?;
        let mut writer = self.writer.lock();
        self.settle_log(&mut writer, engine, kind, now)?;
        let (cut, databases) = engine.with(|keyspace| cut_keyspace(keyspace, &mut writer, kind))?;
        let number = writer.next_number;
        writer.next_number += 1;
        let gap_from = match (kind, reason) {
            (Kind::Fresh, SnapshotReason::Rescue) => self.status.durable_lsn(),
            // Where the log ended when it was switched off.
            _ => writer.durable_lsn,
        };
        self.divide_log(&mut writer, kind, cut.lsn);
        if reason == SnapshotReason::LogStart {
            self.status.set_log_state(LogState::Starting);
            #[cfg(feature = "sim")]
            if writer.fault == crate::PlantedFault::OnBeforeSnapshot {
                self.status.set_log_state(LogState::On);
            }
        }
        let header = SnapshotHeader {
            compat: 0,
            incompat: INCOMPAT_COLLECTIONS,
            dataset: writer.dataset,
            number,
            timeline: writer.timeline,
            databases,
            cut_lsn: cut.lsn,
            replication_offset: cut.lsn.0.wrapping_add(writer.replication_delta),
            sequence: writer.sequence.saturating_sub(1),
            hash_seed: cut.hash_seed,
            cut_at: now.wall,
        };
        let keys_total = cut.databases.iter().map(|(keys, _)| *keys as u64).sum();
        Ok(Snapshot::new(
            self, reason, kind, header, gap_from, keys_total, now,
        ))
    }

    fn kind_of(&self, reason: SnapshotReason) -> Result<Kind, SnapshotRefused> {
        let failed = self.status.is_failed();
        match (reason, self.status.log_state()) {
            (SnapshotReason::Rescue, LogState::On) if failed => Ok(Kind::Fresh),
            (SnapshotReason::Rescue, _) => Err(SnapshotRefused::NotNeeded),
            (_, _) if failed => Err(SnapshotRefused::LogFailed),
            (SnapshotReason::LogStart, LogState::Off) => Ok(Kind::Fresh),
            (SnapshotReason::LogStart, _) => Err(SnapshotRefused::NotNeeded),
            (_, LogState::Off) => Ok(Kind::Alone),
            (_, LogState::On) => Ok(Kind::Chained),
            (_, LogState::Starting) => Err(SnapshotRefused::Running),
        }
    }

    /// Before a cut in a running log, everything recorded so far is written, so that little is left for the moment of
    /// the cut.
    fn settle_log<E: Engine>(
        &self,
        writer: &mut Writer<F>,
        engine: &E,
        kind: Kind,
        now: Now,
    ) -> Result<(), SnapshotRefused> {
        match kind {
            Kind::Chained if writer.failed => Err(SnapshotRefused::LogFailed),
            Kind::Chained => match self.pump(writer, engine, now) {
                Ok(_) => Ok(()),
                Err(Trouble::Stalled) => Err(SnapshotRefused::Stalled),
                Err(Trouble::Io(_)) => Err(SnapshotRefused::LogFailed),
            },
            Kind::Fresh | Kind::Alone => Ok(()),
        }
    }

    /// Lets the next segment start at the cut, now or as soon as one is prepared.
    fn divide_log(&self, writer: &mut Writer<F>, kind: Kind, lsn: Lsn) {
        match kind {
            Kind::Alone => return,
            Kind::Chained => writer.cut = Some(Cut { lsn, chained: true }),
            Kind::Fresh => {
                writer.cut = Some(Cut {
                    lsn,
                    chained: false,
                });
                writer.held = Some(writer.durable_lsn);
                #[cfg(feature = "sim")]
                if matches!(
                    writer.fault,
                    crate::PlantedFault::OnBeforeSnapshot
                        | crate::PlantedFault::RescueWithoutSnapshot
                ) {
                    writer.held = None;
                }
            }
        }
        // A segment that is not there yet, or a failure, shows up again in the step that needs the division.
        if let Err(Trouble::Io(error)) = writer.divide() {
            self.fail(writer, format!("writing the log failed: {error}"));
        }
    }
}

/// The moment of the cut: the walk begins, and the log is told where.
fn cut_keyspace<F: Files>(
    keyspace: &mut esker_keyspace::Keyspace,
    writer: &mut Writer<F>,
    kind: Kind,
) -> Result<(esker_keyspace::Cut, u32), SnapshotRefused> {
    let Some(cut) = keyspace.begin_walk() else {
        sweep(keyspace);
        return Err(SnapshotRefused::Sweeping);
    };
    let effects = keyspace.effects_mut();
    match kind {
        Kind::Chained => writer.push(Some(effects.take())),
        Kind::Fresh => {
            effects.set_enabled(true);
            writer.restart(effects.take().end_lsn());
        }
        Kind::Alone => {}
    }
    Ok((cut, keyspace.databases()))
}

/// One slice of the sweep after an aborted walk.
fn sweep(keyspace: &mut esker_keyspace::Keyspace) {
    let mut block = RawBlock::new(BlockKind::Main, 0);
    keyspace.walk_step(
        &mut block,
        Budget {
            entries: SLICE_ENTRIES,
            bytes: usize::MAX,
        },
    );
}

impl<F: Files> Snapshot<F> {
    /// To be called under the writer's lock, so that no failure falls between the cut and the epoch.
    fn new(
        shared: &Arc<Shared<F>>,
        reason: SnapshotReason,
        kind: Kind,
        header: SnapshotHeader,
        gap_from: Lsn,
        keys_total: u64,
        started: Now,
    ) -> Snapshot<F> {
        let options = shared.options.lock();
        let level = options.compress.then_some(options.zstd_level);
        let rescue = reason == SnapshotReason::Rescue;
        Snapshot {
            shared: Arc::clone(shared),
            reason,
            kind,
            phase: Phase::Walk,
            seed: header.seed(),
            header,
            epoch: shared.status.epoch(),
            gap_from,
            gap_reason: if rescue {
                Reason::DiskFailure
            } else {
                Reason::LogOff
            },
            segment: 0,
            file: None,
            offset: 0,
            synced: 0,
            gathered: Vec::new(),
            encoder: BlockEncoder::new(level),
            block: RawBlock::new(BlockKind::Main, 0).with_aim(options.block_bytes),
            side: Some(SideBlocks::new(header.hash_seed)),
            blocks: Vec::new(),
            totals: BTreeMap::new(),
            side_blocks: 0,
            keys_done: 0,
            keys_total,
            footer_crc: 0,
            budget: Budget {
                entries: SLICE_ENTRIES,
                bytes: options.slice_bytes,
            },
            block_bytes: options.block_bytes,
            started,
        }
    }

    fn progress(&self) -> SnapshotProgress {
        SnapshotProgress {
            reason: self.reason,
            started_ms: self.started.wall.0,
            keys_done: self.keys_done,
            keys_total: self.keys_total,
            bytes_written: self.offset + self.gathered.len() as u64,
            side_blocks: self.side_blocks,
        }
    }

    pub fn reason(&self) -> SnapshotReason {
        self.reason
    }

    /// Does the next thing. The engine is locked for one slice at most.
    pub fn step<E: Engine>(&mut self, engine: &E, now: Now) -> SnapshotStep {
        if self.phase == Phase::Over {
            return SnapshotStep::Done(Err("the snapshot is over".to_owned()));
        }
        if let Some(why) = self.overtaken() {
            return self.give_up(engine, now, why);
        }
        match self.advance(engine, now) {
            Ok(SnapshotStep::More) => {
                self.show_progress();
                SnapshotStep::More
            }
            Ok(other) => other,
            Err(error) => self.give_up(engine, now, error.to_string()),
        }
    }

    /// Gives the snapshot up. The dataset is as if it had never been begun.
    pub fn abort<E: Engine>(mut self, engine: &E, now: Now) {
        if self.phase != Phase::Over {
            self.shared.snapshots.lock().info.aborted += 1;
            self.give_up(engine, now, "aborted".to_owned());
        }
    }

    /// Whether what the snapshot was to continue is gone.
    fn overtaken(&self) -> Option<String> {
        if self.epoch != self.shared.status.epoch() && self.kind != Kind::Alone {
            return Some("the log failed meanwhile".to_owned());
        }
        let log_is_off = self.shared.status.log_state() == LogState::Off;
        if self.kind != Kind::Alone && log_is_off {
            return Some("the log was switched off meanwhile".to_owned());
        }
        None
    }

    fn advance<E: Engine>(&mut self, engine: &E, now: Now) -> io::Result<SnapshotStep> {
        match self.phase {
            Phase::Walk => self.walk(engine)?,
            Phase::Index => self.write_index()?,
            Phase::Sync => {
                self.sync_file()?;
                self.phase = Phase::Name;
            }
            Phase::Name => {
                let name = names::snapshot(self.header.number);
                self.shared.files.rename(&names::temporary(&name), &name)?;
                self.phase = Phase::SyncName;
            }
            Phase::SyncName => {
                self.shared.files.sync_dir()?;
                self.phase = Phase::JoinLog;
            }
            Phase::JoinLog => return self.join_log(now),
            Phase::Commit => return self.commit(now).map(|done| SnapshotStep::Done(Ok(done))),
            Phase::Over => {}
        }
        Ok(SnapshotStep::More)
    }

    fn file(&mut self) -> io::Result<F::File> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let name = names::temporary(&names::snapshot(self.header.number));
        remove_if_there(&self.shared.files, &name)?;
        let file = self.shared.files.create(&name)?;
        self.header.encode(&mut self.gathered);
        self.file = Some(file.clone());
        Ok(file)
    }

    fn walk<E: Engine>(&mut self, engine: &E) -> io::Result<()> {
        self.file()?;
        let (block, budget) = (&mut self.block, self.budget);
        let (step, images) = engine.with(|keyspace| {
            let step = keyspace.walk_step(block, budget);
            let take = step == Step::Done || keyspace.image_bytes() >= IMAGE_BYTES;
            let images = if take {
                keyspace.take_images()
            } else {
                Vec::new()
            };
            (step, images)
        });
        self.add_images(images)?;
        match step {
            Step::More => {}
            Step::BlockReady => self.finish_block()?,
            Step::Done => {
                self.finish_block()?;
                for block in self.side.take().map(SideBlocks::finish).unwrap_or_default() {
                    self.put_block(block)?;
                }
                self.phase = Phase::Index;
            }
        }
        Ok(())
    }

    fn finish_block(&mut self) -> io::Result<()> {
        let empty = RawBlock::new(BlockKind::Main, 0).with_aim(self.block_bytes);
        let mut block = std::mem::replace(&mut self.block, empty);
        let long_values = if block.raw_bytes() > BLOCK_BYTES_MAX {
            block.take_shared()
        } else {
            Vec::new()
        };
        self.put_block(block)?;
        self.put_aside(long_values)
    }

    fn add_images(&mut self, images: Vec<Image>) -> io::Result<()> {
        #[cfg(feature = "sim")]
        if self.shared.options.lock().fault == crate::PlantedFault::PreimageSkipped {
            return Ok(());
        }
        self.put_aside(images)
    }

    /// Adds entries to the side blocks.
    fn put_aside(&mut self, images: Vec<Image>) -> io::Result<()> {
        let Some(mut side) = self.side.take() else {
            return Ok(());
        };
        let mut written = Ok(());
        for image in images {
            side.add(image, &mut |block| {
                if written.is_ok() {
                    written = self.put_block(block);
                }
            });
        }
        self.side = Some(side);
        written
    }

    fn put_block(&mut self, block: RawBlock) -> io::Result<()> {
        if block.is_empty() {
            return Ok(());
        }
        let header = BlockHeader {
            kind: block.kind,
            codec: Codec::Stored,
            db: block.db,
            entries: block.entries,
            expires: block.expires,
            continued: block.continued,
            raw_bytes: 0,
            stored_bytes: 0,
            hash_first: block.hash_first,
            hash_last: block.hash_last,
            stored_crc: 0,
        };
        let totals = self.totals.entry(block.db).or_insert(DatabaseTotals {
            db: block.db,
            keys: 0,
            expires: 0,
        });
        totals.keys += block.keys();
        totals.expires += u64::from(block.expires);
        self.keys_done += block.keys();
        self.side_blocks += u64::from(block.kind == BlockKind::Side);
        let raw = block.into_bytes();
        let at = self.offset + self.gathered.len() as u64;
        self.blocks.push(
            self.encoder
                .encode(&header, self.seed, at, &raw, &mut self.gathered),
        );
        if self.gathered.len() >= GATHER_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let file = self.file()?;
        file.write_at(self.offset, &self.gathered)?;
        self.offset += self.gathered.len() as u64;
        self.gathered.clear();
        if self.offset - self.synced >= SYNC_EVERY_BYTES {
            self.synced = self.offset;
            file.sync_data()?;
        }
        Ok(())
    }

    fn write_index(&mut self) -> io::Result<()> {
        let databases: Vec<DatabaseTotals> = self.totals.values().copied().collect();
        let at = self.offset + self.gathered.len() as u64;
        let (_, crc) = encode_index(self.seed, at, &self.blocks, &databases, &mut self.gathered);
        self.footer_crc = crc;
        self.flush()?;
        assert!(
            self.keys_done == self.keys_total,
            "a snapshot holds every key of its cut once"
        );
        self.phase = Phase::Sync;
        Ok(())
    }

    fn sync_file(&mut self) -> io::Result<()> {
        #[cfg(feature = "sim")]
        if self.shared.options.lock().fault == crate::PlantedFault::SnapshotNotSynced {
            return Ok(());
        }
        self.file()?.sync_data()
    }

    /// Makes durable what the manifest will name beside the snapshot: the segment that starts at the cut, and
    /// everything before it.
    fn join_log(&mut self, now: Now) -> io::Result<SnapshotStep> {
        if self.kind == Kind::Alone {
            self.phase = Phase::Commit;
            return Ok(SnapshotStep::More);
        }
        let shared = Arc::clone(&self.shared);
        let mut writer = shared.writer.lock();
        match writer.divide() {
            Ok(()) => {}
            Err(Trouble::Stalled) => return Ok(SnapshotStep::Wait),
            Err(Trouble::Io(error)) => {
                shared.fail(&mut writer, format!("writing the log failed: {error}"));
                return Err(error);
            }
        }
        if writer.cut.is_some() {
            return Ok(SnapshotStep::Wait);
        }
        let Some(segment) = writer.segment_at(self.header.cut_lsn) else {
            return Err(io::Error::other("the segment of the cut is gone"));
        };
        self.segment = segment;
        let reached = writer.held.unwrap_or(writer.durable_lsn);
        let durable = writer.synced_segment >= segment
            && (self.kind == Kind::Fresh || reached >= self.header.cut_lsn);
        if durable || shared.sync_now(&mut writer, now) {
            self.phase = Phase::Commit;
            return Ok(SnapshotStep::More);
        }
        if writer.failed {
            Err(io::Error::other("syncing the log failed"))
        } else {
            Ok(SnapshotStep::Wait)
        }
    }

    fn commit(&mut self, now: Now) -> io::Result<SnapshotDone> {
        let shared = Arc::clone(&self.shared);
        let mut book = shared.book.lock();
        let durable = shared.status.durable_lsn().max(self.header.cut_lsn);
        let next = self.next_manifest(&book.manifest, durable, now.wall);
        #[cfg(feature = "sim")]
        if self.shared.options.lock().fault == crate::PlantedFault::RemoveBeforeManifest {
            shared.plant_early_removal(&next)?;
        }
        if let Err(error) = publish(&shared.files, &next, shared.publish_steps()) {
            book.doubtful.push(self.header.number);
            book.manifest.generation = next.generation;
            return Err(error);
        }
        let dropped = shared.dropped_by(&mut book, next);
        let mut writer = shared.writer.lock();
        if self.epoch == shared.status.epoch() {
            self.join_writer(&mut writer);
        }
        shared.queue_removals(&mut writer, &book.manifest, dropped);
        shared.show_manifest(&book.manifest);
        shared.show_writer(&writer);
        drop(writer);
        drop(book);
        self.phase = Phase::Over;
        Ok(self.note_done(now))
    }

    fn next_manifest(&self, current: &Manifest, durable: Lsn, now: UnixMs) -> Manifest {
        let snapshot = SnapshotRef {
            number: self.header.number,
            cut_lsn: self.header.cut_lsn,
            first_segment: self.segment,
            file_bytes: self.offset,
            cut_at: self.header.cut_at,
            footer_crc: self.footer_crc,
        };
        let mut next = current.clone();
        next.generation += 1;
        next.written = now;
        next.durable_lsn = durable;
        next.first_segment = self.segment;
        next.next_number = next
            .next_number
            .max(self.header.number + 1)
            .max(self.segment + 1);
        match self.kind {
            Kind::Chained => {}
            Kind::Alone => {
                next.log = ManifestLog::Off {
                    end: self.header.cut_lsn,
                }
            }
            Kind::Fresh => {
                next.log = ManifestLog::On;
                if self.gap_from < self.header.cut_lsn {
                    let (from, to) = (self.gap_from, self.header.cut_lsn);
                    next.gaps.push(Gap {
                        from,
                        to,
                        segment: self.segment,
                        at: now,
                        reason: self.gap_reason,
                    });
                }
            }
        }
        self.shared.retain(&mut next, snapshot, now);
        next
    }

    /// The log counts from here on: publish what it reached meanwhile.
    fn join_writer(&self, writer: &mut Writer<F>) {
        let status = &self.shared.status;
        if self.kind == Kind::Fresh {
            let reached = writer.held.take().unwrap_or_default();
            writer.durable_lsn = writer.durable_lsn.max(self.header.cut_lsn).max(reached);
            status.publish_durable(writer.durable_lsn);
            status.publish_written(writer.complete_lsn);
            status.set_log_state(LogState::On);
            if self.reason == SnapshotReason::Rescue {
                status.set_rescued();
            }
        }
    }

    fn note_done(&self, now: Now) -> SnapshotDone {
        let duration_ms = now.monotonic_us.saturating_sub(self.started.monotonic_us) / 1000;
        let done = SnapshotDone {
            reason: self.reason,
            number: self.header.number,
            cut_lsn: self.header.cut_lsn,
            keys: self.keys_done,
            bytes: self.offset,
            duration_ms,
        };
        let mut book = self.shared.snapshots.lock();
        book.running = false;
        book.base_bytes = self.offset;
        book.retry_after_us = 0;
        book.grown_after_us = now.monotonic_us + rest_after(duration_ms);
        book.rescue_after_us = 0;
        book.rescue_delay_us = 0;
        if self.reason == SnapshotReason::LogStart {
            book.start_log = false;
        }
        let info = &mut book.info;
        info.running = None;
        info.last_ok_ms = self.started.wall.0;
        info.last_failed = false;
        info.last_error = None;
        info.last_duration_ms = duration_ms;
        info.last_bytes = done.bytes;
        info.last_keys = done.keys;
        info.last_cut = done.cut_lsn;
        info.taken += 1;
        done
    }

    fn give_up<E: Engine>(&mut self, engine: &E, now: Now, why: String) -> SnapshotStep {
        self.phase = Phase::Over;
        let mut writer = self.shared.writer.lock();
        let starting = self.reason == SnapshotReason::LogStart;
        engine.with(|keyspace| {
            keyspace.abort_walk();
            if starting {
                self.shared.forget_started_log(&mut writer, keyspace);
            }
        });
        if self.kind == Kind::Chained
            && writer.cut.is_some_and(|cut| cut.lsn == self.header.cut_lsn)
        {
            writer.cut = None;
        }
        drop(writer);
        self.drop_files();
        self.note_failed(now, &why);
        SnapshotStep::Done(Err(why))
    }

    /// The files go, unless a manifest may name them.
    fn drop_files(&self) {
        let number = self.header.number;
        let doubtful = self.shared.book.lock().doubtful.contains(&number);
        #[cfg(feature = "sim")]
        let doubtful = doubtful
            && self.shared.options.lock().fault != crate::PlantedFault::DoubtfulSnapshotRemoved;
        let mut chores = self.shared.chores.lock();
        if !doubtful {
            chores
                .names
                .push_back(names::temporary(&names::snapshot(number)));
            chores.names.push_back(names::snapshot(number));
        }
    }

    fn note_failed(&self, now: Now, why: &str) {
        let mut book = self.shared.snapshots.lock();
        book.running = false;
        book.info.running = None;
        book.info.last_failed = true;
        book.info.last_error = Some(why.to_owned());
        book.info.failed += 1;
        if self.reason == SnapshotReason::Rescue {
            let delay = (book.rescue_delay_us * 2).clamp(RESCUE_RETRY_MIN_US, RESCUE_RETRY_MAX_US);
            book.rescue_delay_us = delay;
            book.rescue_after_us = now.monotonic_us + delay;
        } else {
            book.retry_after_us = now.monotonic_us + RETRY_US;
        }
    }

    fn show_progress(&self) {
        self.shared.snapshots.lock().info.running = Some(self.progress());
    }
}
