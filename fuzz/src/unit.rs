//! Payloads of the log: what parses is spelled in one way only, survives being recorded again, and applying it
//! gives the same state each time, or an error that changes nothing.

use esker_format::Lsn;
use esker_format::record::{Effect, Item};
use esker_format::units::{Record, UnitReader};
use esker_keyspace::effects::EffectBuf;
use esker_keyspace::{Keyspace, Options};

use crate::input::Input;

/// An offset in a string costs as many zeros as it is large, whatever the length of the payload.
const OFFSET_MAX: u64 = 1 << 16;
const PAYLOAD_BYTES_MAX: usize = 16 << 10;

pub fn unit(data: &[u8]) {
    let mut input = Input::new(data);
    let db = u32::from(input.byte() % 4);
    let payload = input.take(PAYLOAD_BYTES_MAX);
    one_spelling(payload);
    let records = records(payload, db);
    recorded_again(&records);
    applied_twice(&records);
}

/// Prints the items that can be read from the start of the payload.
fn one_spelling(payload: &[u8]) {
    let (mut rest, mut printed) = (payload, Vec::new());
    while let Ok((item, used)) = Item::decode(rest) {
        printed.clear();
        item.encode(&mut printed);
        assert_eq!(printed, rest[..used], "a second spelling of {item:?}");
        rest = &rest[used..];
    }
}

/// The records of all complete units, checked for their order.
fn records(payload: &[u8], db: u32) -> Vec<Record<'_>> {
    let mut reader = UnitReader::new(payload, db);
    let (mut records, mut complete, mut end, mut ends_unit) = (Vec::new(), 0, 0, true);
    loop {
        match reader.next_record() {
            Ok(Some(record)) => {
                assert_eq!(record.begins_unit, ends_unit);
                assert!(record.unit_start <= end.max(record.unit_start) && record.end > end);
                assert!(!record.begins_unit || record.unit_start == end);
                assert_eq!(reader.position(), record.end);
                (end, ends_unit) = (record.end, record.ends_unit);
                records.push(record);
                if ends_unit {
                    complete = records.len();
                }
            }
            Ok(None) => {
                assert!(ends_unit && end == payload.len() && complete == records.len());
                return records;
            }
            Err(_) => {
                assert!(reader.position() >= end);
                records.truncate(complete);
                return records;
            }
        }
    }
}

/// The engine's buffer makes the same units of the same effects.
fn recorded_again(records: &[Record<'_>]) {
    // The largest number stands for "no database yet" in the buffer.
    if records.iter().any(|record| record.db == u32::MAX) {
        return;
    }
    let mut buf = EffectBuf::new(true, Lsn(7));
    for record in records {
        buf.record(record.db, &record.effect);
        if record.ends_unit {
            buf.end_unit();
        }
    }
    let chunk = buf.take();
    let mut again = Vec::new();
    for mark in &chunk.marks {
        let reader = UnitReader::new(&chunk.bytes[mark.start..mark.end], mark.db);
        again.extend(reader.map(|record| meaning(&record.expect("our own units"))));
    }
    let before: Vec<_> = records.iter().map(meaning).collect();
    assert_eq!(again, before);
}

fn meaning<'a>(record: &Record<'a>) -> (u32, Effect<'a>, bool) {
    (record.db, record.effect, record.ends_unit)
}

fn applied_twice(records: &[Record<'_>]) {
    let keyspace = |seed| {
        Keyspace::new(Options {
            databases: 4,
            ..Options::with_seed(seed)
        })
    };
    // Different hash seeds, hence different tables.
    let (mut one, mut other) = (keyspace(1), keyspace(2));
    for record in records {
        if matches!(record.effect, Effect::SetRange { offset, .. } if offset > OFFSET_MAX) {
            continue;
        }
        let before = one.digest();
        let result = one.apply(record.db, &record.effect);
        assert_eq!(other.apply(record.db, &record.effect), result);
        if result.is_err() {
            assert_eq!(one.digest(), before, "{:?} was refused", record.effect);
        }
    }
    assert_eq!(one.digest(), other.digest());
    assert_eq!(one.effects().pending_bytes(), 0, "replay records nothing");
}
