//! The effect buffer: what the transactions did, as the log will hold it.
//!
//! The engine appends the effects of each transaction here as bytes of the log stream; the log writer takes
//! them away in chunks. Nothing is parsed or copied in between, so recording an effect costs one encode.
//!
//! Invariants
//! - The bytes taken so far, joined, are one valid stream: `SELECT` precedes an effect on another database than
//!   the one before it, and a unit of several effects stands between `MULTI` and `EXEC`.
//! - `end_lsn` = first LSN + bytes recorded. It stands still while the log is off, so LSNs stay comparable.
//! - A frame mark lies at the end of a unit, never inside one. A frame longer than [`FRAME_BYTES_MAX`] holds one
//!   unit only, so whoever must split a frame splits a single unit.
//!
//! The buffer knows nothing of files, frames' headers or fsync; that is the log's business.

use esker_format::Lsn;
use esker_format::record::{EXEC, Effect, Item, MULTI};

/// A frame is closed at the first unit end at or beyond this many bytes.
pub const FRAME_BYTES_AIM: usize = 32 * 1024;
/// Several units share a frame only up to this many bytes.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// A buffer that grew beyond this is not kept to be filled again.
const SPARE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// As many buffers are kept: one for each chunk that may be on its way through the log writer at once.
const SPARES_MAX: usize = 3;
/// What a unit's `SELECT`, `MULTI` and `EXEC` add at most to its effects, in bytes.
const UNIT_OVERHEAD: usize = 64;

/// A run of whole units that may become one frame of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameMark {
    /// Offset of the first byte in [`Chunk::bytes`].
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
    /// The stream's database where the frame starts: applying the frame begins there.
    pub db: u32,
    /// How many units it holds; at least one. More than one only up to [`FRAME_BYTES_MAX`] bytes.
    pub units: u32,
}

/// Everything recorded between two calls of [`EffectBuf::take`].
#[derive(Debug, Default)]
pub struct Chunk {
    pub bytes: Vec<u8>,
    /// The LSN of `bytes[0]`.
    pub first_lsn: Lsn,
    /// In order, without gaps, covering `bytes` exactly.
    pub marks: Vec<FrameMark>,
}

impl Chunk {
    /// The LSN behind the last byte.
    pub fn end_lsn(&self) -> Lsn {
        Lsn(self.first_lsn.0 + self.bytes.len() as u64)
    }
}

/// The stream's database before anything selected one: no real database, so that the first effect selects.
const DB_UNKNOWN: u32 = u32::MAX;

#[derive(Debug)]
pub struct EffectBuf {
    enabled: bool,
    bytes: Vec<u8>,
    marks: Vec<FrameMark>,
    first_lsn: u64,
    /// The database that the last recorded effect was on.
    stream_db: u32,
    frame_start: usize,
    frame_db: u32,
    frame_units: u32,
    unit_start: usize,
    /// The stream's database at `unit_start`, before the unit's own `SELECT`.
    unit_start_db: u32,
    /// Where `MULTI` goes if a second effect comes.
    unit_body: usize,
    unit_effects: u32,
    /// Several transactions are one unit: none of them ends it.
    in_group: bool,
    spares: Vec<(Vec<u8>, Vec<FrameMark>)>,
}

impl EffectBuf {
    /// `next` is the LSN that the first byte recorded will have.
    pub fn new(enabled: bool, next: Lsn) -> EffectBuf {
        EffectBuf {
            enabled,
            bytes: Vec::new(),
            marks: Vec::new(),
            first_lsn: next.0,
            stream_db: DB_UNKNOWN,
            frame_start: 0,
            frame_db: DB_UNKNOWN,
            frame_units: 0,
            unit_start: 0,
            unit_start_db: DB_UNKNOWN,
            unit_body: 0,
            unit_effects: 0,
            in_group: false,
            spares: Vec::new(),
        }
    }

    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// Turns recording on or off. Between units only. What was recorded so far stays to be taken.
    pub fn set_enabled(&mut self, enabled: bool) {
        assert!(self.unit_effects == 0, "the log is switched between units");
        if enabled && !self.enabled {
            // Whoever reads the stream from here on knows no database.
            self.close_frame();
            self.stream_db = DB_UNKNOWN;
        }
        self.enabled = enabled;
    }

    /// The LSN that the next byte will have.
    pub fn end_lsn(&self) -> Lsn {
        Lsn(self.first_lsn + self.bytes.len() as u64)
    }

    /// Continues at `next`, e.g. after recovery. Nothing may wait to be taken.
    pub fn restart_at(&mut self, next: Lsn) {
        assert!(self.bytes.is_empty(), "effects wait to be taken");
        self.first_lsn = next.0;
        self.stream_db = DB_UNKNOWN;
    }

    /// Bytes that wait to be taken.
    pub fn pending_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that the open unit holds so far, counting what its end may add.
    pub fn unit_bytes(&self) -> usize {
        self.bytes.len() - self.unit_start + UNIT_OVERHEAD
    }

    pub fn in_unit(&self) -> bool {
        self.unit_effects > 0
    }

    /// Appends one effect to the open unit.
    #[inline]
    pub fn record(&mut self, db: u32, effect: &Effect<'_>) {
        if !self.enabled {
            return;
        }
        if self.unit_effects == 0 {
            self.begin_unit(db);
        } else {
            if self.unit_effects == 1 {
                self.wrap_unit();
            }
            self.select(db);
        }
        self.unit_effects += 1;
        effect.encode(&mut self.bytes);
    }

    fn begin_unit(&mut self, db: u32) {
        self.unit_start = self.bytes.len();
        self.unit_start_db = self.stream_db;
        if self.frame_units == 0 {
            self.frame_start = self.unit_start;
            self.frame_db = self.stream_db;
        }
        self.select(db);
        self.unit_body = self.bytes.len();
    }

    #[inline]
    fn select(&mut self, db: u32) {
        if db != self.stream_db {
            Item::Select(db).encode(&mut self.bytes);
            self.stream_db = db;
        }
    }

    /// A second effect came: the unit becomes a transaction. Its first effect moves behind `MULTI`.
    #[cold]
    fn wrap_unit(&mut self) {
        let body = self.unit_body;
        self.bytes.splice(body..body, MULTI.iter().copied());
    }

    /// Ends the unit, if it has any effect, and returns the LSN behind it. A group goes on.
    #[inline]
    pub fn end_unit(&mut self) -> Lsn {
        if self.unit_effects > 0 && !self.in_group {
            self.close_unit();
        }
        self.end_lsn()
    }

    /// Makes everything up to [`EffectBuf::end_group`] one unit, whatever ends meanwhile. Between units.
    pub fn begin_group(&mut self) {
        assert!(
            !self.in_group && self.unit_effects == 0,
            "a group begins between units and holds no other"
        );
        self.in_group = true;
    }

    /// Ends the group's unit and returns the LSN behind it.
    pub fn end_group(&mut self) -> Lsn {
        assert!(self.in_group, "a group that ends has begun");
        self.in_group = false;
        self.end_unit()
    }

    fn close_unit(&mut self) {
        if self.unit_effects > 1 {
            self.bytes.extend_from_slice(EXEC);
        }
        self.unit_effects = 0;
        let end = self.bytes.len();
        if end - self.frame_start > FRAME_BYTES_MAX && self.frame_units > 0 {
            // The units before this one make a frame of their own.
            self.push_mark(self.unit_start);
            self.frame_start = self.unit_start;
            self.frame_db = self.unit_start_db;
        }
        self.frame_units += 1;
        if end - self.frame_start >= FRAME_BYTES_AIM {
            self.close_frame();
        }
        self.unit_start = end;
    }

    fn close_frame(&mut self) {
        if self.frame_units > 0 {
            self.push_mark(self.bytes.len());
        }
    }

    fn push_mark(&mut self, end: usize) {
        // A frame that starts where no database is known begins with its own SELECT: any value will do.
        let db = if self.frame_db == DB_UNKNOWN {
            0
        } else {
            self.frame_db
        };
        self.marks.push(FrameMark {
            start: self.frame_start,
            end,
            db,
            units: self.frame_units,
        });
        self.frame_units = 0;
        self.frame_start = end;
    }

    /// Hands out everything recorded. Between units only.
    pub fn take(&mut self) -> Chunk {
        assert!(
            self.unit_effects == 0 && !self.in_group,
            "a chunk ends between units"
        );
        self.close_frame();
        let first_lsn = Lsn(self.first_lsn);
        let (bytes, marks) = self.spares.pop().unwrap_or_default();
        let bytes = std::mem::replace(&mut self.bytes, bytes);
        let marks = std::mem::replace(&mut self.marks, marks);
        self.first_lsn += bytes.len() as u64;
        self.frame_start = 0;
        self.unit_start = 0;
        self.unit_body = 0;
        Chunk {
            bytes,
            first_lsn,
            marks,
        }
    }

    /// Takes a chunk's buffers back to fill them again.
    pub fn recycle(&mut self, chunk: Chunk) {
        let Chunk {
            mut bytes,
            mut marks,
            ..
        } = chunk;
        if self.spares.len() < SPARES_MAX && (1..=SPARE_BYTES_MAX).contains(&bytes.capacity()) {
            bytes.clear();
            marks.clear();
            self.spares.push((bytes, marks));
        }
    }
}

#[cfg(test)]
mod tests {
    use esker_format::units::UnitReader;

    use super::*;

    const DEL_A: Effect<'_> = Effect::Del { key: b"a" };

    fn unit(buf: &mut EffectBuf, effects: &[(u32, Effect<'_>)]) -> Lsn {
        for (db, effect) in effects {
            buf.record(*db, effect);
        }
        buf.end_unit()
    }

    fn words(bytes: &[u8]) -> String {
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        text.split("\r\n")
            .filter(|word| !word.starts_with(['*', '$']))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn several_effects_are_wrapped_and_databases_selected() {
        let mut buf = EffectBuf::new(true, Lsn(100));
        unit(&mut buf, &[(0, DEL_A)]);
        unit(&mut buf, &[(0, DEL_A), (2, DEL_A), (2, DEL_A)]);
        unit(&mut buf, &[]);
        unit(&mut buf, &[(0, DEL_A)]);
        let chunk = buf.take();
        let expected = "SELECT 0 DEL a MULTI DEL a SELECT 2 DEL a DEL a EXEC SELECT 0 DEL a ";
        assert_eq!(words(&chunk.bytes), expected);
        let end = chunk.bytes.len();
        assert_eq!(
            chunk.marks,
            [FrameMark {
                start: 0,
                end,
                db: 0,
                units: 3
            }]
        );
        assert_eq!(
            (chunk.first_lsn, chunk.end_lsn()),
            (Lsn(100), Lsn(100 + end as u64))
        );
        assert_eq!(buf.end_lsn(), chunk.end_lsn());
    }

    #[test]
    fn a_frame_starts_in_the_database_that_the_stream_is_in() {
        let mut buf = EffectBuf::new(true, Lsn::ZERO);
        unit(&mut buf, &[(1, DEL_A), (7, DEL_A)]);
        let first = buf.take();
        buf.recycle(first);
        unit(&mut buf, &[(7, DEL_A)]);
        let second = buf.take();
        assert_eq!(
            words(&second.bytes),
            "DEL a ",
            "the stream goes on in its database"
        );
        assert_eq!(second.marks[0].db, 7);
    }

    #[test]
    fn frames_close_at_their_aim_and_a_long_unit_stands_alone() {
        let mut buf = EffectBuf::new(true, Lsn::ZERO);
        let value = vec![b'v'; 20_000];
        let set = Effect::Append {
            key: b"k",
            value: &value,
        };
        for _ in 0..4 {
            unit(&mut buf, &[(0, set)]);
        }
        unit(&mut buf, &[(0, DEL_A)]);
        let long = vec![(3, set); 60];
        unit(&mut buf, &long);
        unit(&mut buf, &[(0, DEL_A)]);
        let chunk = buf.take();
        let shape: Vec<_> = chunk
            .marks
            .iter()
            .map(|mark| (mark.units, mark.db))
            .collect();
        assert_eq!(shape, [(2, 0), (2, 0), (1, 0), (1, 0), (1, 3)]);
        assert!(chunk.marks[3].end - chunk.marks[3].start > FRAME_BYTES_MAX);
        for mark in &chunk.marks {
            let reader = UnitReader::new(&chunk.bytes[mark.start..mark.end], mark.db);
            let units = reader
                .filter(|record| record.as_ref().expect("sound").ends_unit)
                .count();
            assert_eq!(units, mark.units as usize);
        }
    }

    #[test]
    fn a_group_is_one_unit() {
        let mut buf = EffectBuf::new(true, Lsn(0));
        buf.begin_group();
        unit(&mut buf, &[(0, DEL_A)]);
        unit(&mut buf, &[]);
        unit(&mut buf, &[(1, DEL_A), (0, DEL_A)]);
        let end = buf.end_group();
        let chunk = buf.take();
        assert_eq!(end.0, chunk.bytes.len() as u64);
        assert_eq!(
            words(&chunk.bytes),
            "SELECT 0 MULTI DEL a SELECT 1 DEL a SELECT 0 DEL a EXEC "
        );
    }

    #[test]
    fn a_log_that_is_off_records_nothing_and_stands_still() {
        let mut buf = EffectBuf::new(false, Lsn(5));
        assert_eq!(unit(&mut buf, &[(0, DEL_A), (0, DEL_A)]), Lsn(5));
        assert!(buf.take().bytes.is_empty());
        buf.set_enabled(true);
        unit(&mut buf, &[(0, DEL_A)]);
        buf.set_enabled(false);
        buf.set_enabled(true);
        unit(&mut buf, &[(0, DEL_A)]);
        let chunk = buf.take();
        assert_eq!(
            words(&chunk.bytes),
            "SELECT 0 DEL a SELECT 0 DEL a ",
            "a new reader knows no database"
        );
        assert_eq!(chunk.marks.len(), 2);
    }
}
