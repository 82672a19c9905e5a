//! What a transaction owes besides the change: effects, expiry, dependencies, listeners, counters.

use std::sync::Arc;

use esker_format::record::Effect;
use esker_format::units::UnitReader;
use esker_keyspace::entry::{Kind, StrInput, StrRef};
use esker_keyspace::touched::Event;
use esker_keyspace::{
    AccessPolicy, ExpireResult, Expiry, IncrError, IntText, Keyspace, Lsn, Options, Outcome, Tx,
    UnixMs, str_bytes,
};

fn keyspace() -> Keyspace {
    Keyspace::new(Options::with_seed(1))
}

fn at<R>(ks: &mut Keyspace, now: i64, f: impl FnOnce(&mut Tx<'_>) -> R) -> (R, Outcome) {
    let mut tx = ks.tx(0, UnixMs(now));
    let result = f(&mut tx);
    (result, tx.finish())
}

fn set(ks: &mut Keyspace, now: i64, key: &[u8], value: &[u8], expiry: Expiry) -> Outcome {
    at(ks, now, |tx| tx.set(key, StrInput::Bytes(value), expiry)).1
}

fn get(ks: &mut Keyspace, now: i64, key: &[u8]) -> Option<Vec<u8>> {
    let read = |tx: &mut Tx<'_>| {
        let value = tx.string(key).expect("a string");
        value.map(|value| str_bytes(value, &mut IntText::default()).to_vec())
    };
    at(ks, now, read).0
}

/// The recorded units since the last call: one line each.
fn units(ks: &mut Keyspace) -> Vec<String> {
    let chunk = ks.effects_mut().take();
    let mut units = vec![String::new()];
    for mark in &chunk.marks {
        for record in UnitReader::new(&chunk.bytes[mark.start..mark.end], mark.db) {
            let record = record.expect("a sound stream");
            let name = match record.effect {
                Effect::Set { value, .. } => format!("set {} ", value.escape_ascii()),
                Effect::Del { .. } => "del ".to_owned(),
                Effect::PexpireAt { at, .. } => format!("pexpireat {at} "),
                Effect::IncrBy { by, .. } => format!("incrby {by} "),
                other => format!("{other:?} "),
            };
            units.last_mut().expect("never empty").push_str(&name);
            if record.ends_unit {
                units.push(String::new());
            }
        }
    }
    units.pop();
    units
        .iter()
        .map(|unit| unit.trim_end().to_owned())
        .collect()
}

#[test]
fn an_expired_key_is_deleted_in_a_unit_before_the_command() {
    let mut ks = keyspace();
    set(&mut ks, 0, b"k", b"old", Expiry::At(UnixMs(10)));
    assert_eq!(
        get(&mut ks, 10, b"k"),
        Some(b"old".to_vec()),
        "it lives up to its time"
    );
    units(&mut ks);
    let (length, outcome) = at(&mut ks, 11, |tx| tx.append(b"k", b"new"));
    assert_eq!((length, outcome.changed), (Ok(3), 1));
    assert_eq!(units(&mut ks).len(), 2, "the deletion is its own unit");

    set(&mut ks, 11, b"k", b"v", Expiry::At(UnixMs(20)));
    units(&mut ks);
    let (found, outcome) = at(&mut ks, 30, |tx| tx.exists(b"k"));
    assert!(!found && !outcome.recorded && outcome.changed == 0);
    assert_eq!(units(&mut ks), ["del"]);
    assert_eq!((ks.stats().expired, ks.len(0)), (2, 0));
}

#[test]
fn where_deleting_is_forbidden_an_expired_key_is_only_absent() {
    let mut ks = keyspace();
    set(&mut ks, 0, b"k", b"v", Expiry::At(UnixMs(10)));
    units(&mut ks);
    let mut tx = ks.tx(0, UnixMs(11));
    tx.forbid_expiry();
    assert!(tx.string(b"k").expect("a string").is_none() && tx.peek(b"k").is_none());
    assert!(tx.random_key().is_none());
    let mut shown = 0;
    tx.for_each(|_| shown += 1);
    assert_eq!((shown, tx.db_len()), (0, 1));
    tx.finish();
    assert!(units(&mut ks).is_empty());
}

#[test]
fn expiry_follows_what_the_write_says() {
    let mut ks = keyspace();
    let expiry = |ks: &mut Keyspace| at(ks, 0, |tx| tx.read(b"k").expect("exists").expire_at()).0;
    set(&mut ks, 0, b"k", b"v", Expiry::At(UnixMs(50)));
    set(&mut ks, 0, b"k", b"longer than before", Expiry::Keep);
    assert_eq!(expiry(&mut ks), Some(UnixMs(50)));
    at(&mut ks, 0, |tx| tx.append(b"k", b"!").expect("a string"));
    assert_eq!(expiry(&mut ks), Some(UnixMs(50)));
    set(&mut ks, 0, b"k", b"v", Expiry::Clear);
    assert_eq!(expiry(&mut ks), None);
    assert!(!at(&mut ks, 0, |tx| tx.persist(b"k")).0);
    assert_eq!(
        at(&mut ks, 0, |tx| tx.expire_at(b"k", UnixMs(9))).0,
        ExpireResult::Set
    );
    assert!(at(&mut ks, 0, |tx| tx.persist(b"k")).0);
    assert_eq!(
        at(&mut ks, 0, |tx| tx.expire_at(b"no", UnixMs(9))).0,
        ExpireResult::Absent
    );
    units(&mut ks);
    let (result, outcome) = at(&mut ks, 5, |tx| tx.expire_at(b"k", UnixMs(5)));
    assert_eq!((result, outcome.changed), (ExpireResult::Deleted, 1));
    assert_eq!(
        units(&mut ks),
        ["del"],
        "a time that is not in the future deletes"
    );
}

#[test]
fn increments_keep_the_limits_of_integers() {
    let mut ks = keyspace();
    assert_eq!(
        at(&mut ks, 0, |tx| tx.incr_by(b"k", i64::MAX)).0,
        Ok(i64::MAX)
    );
    units(&mut ks);
    assert_eq!(
        at(&mut ks, 0, |tx| tx.incr_by(b"k", 1)).0,
        Err(IncrError::Overflow)
    );
    set(&mut ks, 0, b"s", b" 1", Expiry::Clear);
    assert_eq!(
        at(&mut ks, 0, |tx| tx.incr_by(b"s", 1)).0,
        Err(IncrError::NotAnInteger)
    );
    set(&mut ks, 0, b"n", b"1", Expiry::Clear);
    at(&mut ks, 0, |tx| tx.append(b"n", b"0").expect("a string"));
    assert!(matches!(
        at(&mut ks, 0, |tx| tx.read(b"n").map(|entry| entry.is_raw())).0,
        Some(true)
    ));
    assert_eq!(at(&mut ks, 0, |tx| tx.incr_by(b"n", -20)).0, Ok(-10));
    let read = at(&mut ks, 0, |tx| {
        matches!(tx.string(b"n"), Ok(Some(StrRef::Int(-10))))
    });
    assert!(read.0, "the sum is an integer again");
    let recorded = units(&mut ks);
    assert_eq!(recorded.last().map(String::as_str), Some("incrby -20"));
}

#[test]
fn what_bytes_were_computed_is_raw() {
    let mut ks = keyspace();
    for (value, blob) in [(b"12".to_vec(), false), (vec![b'7'; 5000], true)] {
        at(&mut ks, 0, |tx| {
            tx.set_bytes_as(b"k", value.clone(), Expiry::Clear, true, Event::Set)
        });
        assert_eq!(get(&mut ks, 0, b"k"), Some(value));
        let entry = at(&mut ks, 0, |tx| {
            let entry = tx.peek(b"k").expect("exists");
            (entry.is_raw(), matches!(entry.str(), Some(StrRef::Blob(_))))
        });
        assert_eq!(entry.0, (true, blob));
    }
}

#[test]
fn a_shared_value_is_not_changed_under_its_reader() {
    let mut ks = keyspace();
    let big = Arc::new(vec![b'x'; 100_000]);
    at(&mut ks, 0, |tx| {
        tx.set(b"k", StrInput::Blob(Arc::clone(&big)), Expiry::Clear)
    });
    let held = at(&mut ks, 0, |tx| match tx.string(b"k") {
        Ok(Some(StrRef::Blob(blob))) => Arc::clone(blob),
        _ => panic!("long strings are shared"),
    })
    .0;
    assert!(Arc::ptr_eq(&held, &big), "nothing was copied");
    at(&mut ks, 0, |tx| {
        tx.set_range(b"k", 5, b"y").expect("a string")
    });
    assert_eq!(held[5], b'x');
    assert_eq!(get(&mut ks, 0, b"k").expect("exists")[5], b'y');
    drop((held, big));
    assert_eq!(at(&mut ks, 0, |tx| tx.append(b"k", b"z")).0, Ok(100_001));
    at(&mut ks, 0, |tx| tx.del(b"k"));
    assert!(ks.has_garbage(), "big values are freed elsewhere");
}

#[test]
fn replies_depend_on_the_last_change_of_what_they_show() {
    let mut ks = keyspace();
    let written = set(&mut ks, 0, b"a", b"1", Expiry::Clear);
    assert!(written.recorded && written.end_lsn > Lsn::ZERO);
    let (_, read) = at(&mut ks, 0, |tx| tx.exists(b"a"));
    assert_eq!((read.depends_lsn, read.recorded), (written.end_lsn, false));
    assert_eq!(
        at(&mut ks, 0, |tx| tx.exists(b"other key")).1.depends_lsn,
        Lsn::ZERO
    );
    let deleted = at(&mut ks, 0, |tx| tx.del(b"a")).1;
    let (_, failed) = at(&mut ks, 0, |tx| tx.persist(b"a"));
    assert_eq!(
        failed.depends_lsn, deleted.end_lsn,
        "also that a key is absent"
    );
    assert_eq!(
        at(&mut ks, 0, |tx| tx.db_len()).1.depends_lsn,
        deleted.end_lsn
    );
    let swapped = at(&mut ks, 0, |tx| tx.swap_db(0, 1)).1;
    assert_eq!(
        at(&mut ks, 0, |tx| tx.exists(b"other key")).1.depends_lsn,
        swapped.end_lsn
    );
}

#[test]
fn a_transaction_is_one_unit_over_databases() {
    let mut ks = keyspace();
    let mut tx = ks.tx(0, UnixMs(0));
    tx.set(b"a", StrInput::Bytes(b"1"), Expiry::Clear);
    tx.select(3);
    tx.set(b"a", StrInput::Bytes(b"x"), Expiry::At(UnixMs(9)));
    assert_eq!(tx.changed(), 2);
    assert!(tx.room() < 1 << 30);
    tx.finish();
    assert_eq!(units(&mut ks), ["set 1 set x"]);
    assert_eq!((ks.len(0), ks.len(3), ks.stats().changes), (1, 1, 2));
}

#[test]
fn listeners_hear_of_changes_only_while_they_listen() {
    let mut ks = keyspace();
    let mut heard = Vec::new();
    set(&mut ks, 0, b"k", b"v", Expiry::Clear);
    ks.touched_mut().take_into(&mut heard);
    assert!(heard.is_empty());
    ks.touched_mut().set_listening(true);
    set(&mut ks, 0, b"k", b"v", Expiry::At(UnixMs(5)));
    at(&mut ks, 6, |tx| {
        tx.incr_by(b"k", 1).expect("absent counts as 0")
    });
    at(&mut ks, 6, |tx| tx.move_to(b"k", 1).expect("exists"));
    at(&mut ks, 6, |tx| tx.flush_db());
    ks.touched_mut().take_into(&mut heard);
    let events: Vec<_> = heard
        .iter()
        .map(|touched| (touched.db, touched.event))
        .collect();
    let expected = [
        (0, Event::Set),
        (0, Event::Expire),
        (0, Event::Expired),
        (0, Event::IncrBy),
        (0, Event::MoveFrom),
        (1, Event::MoveTo),
        (0, Event::Flush),
    ];
    assert_eq!(events, expected);
    assert_eq!(Event::Set.name(), Some("set"));
}

#[test]
fn reads_count_and_touch_unless_they_are_told_not_to() {
    let mut ks = keyspace();
    set(&mut ks, 0, b"k", b"v", Expiry::Clear);
    let idle = |ks: &mut Keyspace, now: i64| {
        let access = at(ks, now, |tx| tx.peek(b"k").expect("exists").access()).0;
        ks.access_policy().idle_seconds(access, UnixMs(now))
    };
    at(&mut ks, 60_000, |tx| {
        assert!(tx.look(b"k").is_some() && tx.exists_in(0, b"k"));
        tx.no_touch();
        assert!(tx.exists(b"k"));
    });
    assert_eq!((idle(&mut ks, 60_000), ks.stats().hits), (60, 2));
    at(&mut ks, 60_000, |tx| (tx.exists(b"k"), tx.exists(b"no")));
    assert_eq!(
        (idle(&mut ks, 60_000), ks.stats().hits, ks.stats().misses),
        (0, 3, 1)
    );
    ks.set_access_policy(AccessPolicy::Lfu {
        log_factor: 10,
        decay_minutes: 1,
    });
    at(&mut ks, 60_000, |tx| tx.set_access(b"k", None, Some(77)));
    let access = at(&mut ks, 60_000, |tx| {
        tx.peek(b"k").expect("exists").access()
    })
    .0;
    assert_eq!(ks.access_policy().frequency(access, UnixMs(60_000)), 77);
}

#[test]
fn a_hint_saves_the_hash_and_changes_nothing_else() {
    let mut ks = keyspace();
    let key: &[u8] = b"hinted";
    let hash = ks.hash(key);
    ks.prefetch_bucket(0, hash);
    ks.prefetch_item(0, hash);
    let mut tx = ks.tx(0, UnixMs(0));
    tx.hint(key, hash);
    tx.set(key, StrInput::Bytes(b"v"), Expiry::Clear);
    assert!(
        tx.exists(b"hinted")
            && tx
                .read(key)
                .is_some_and(|entry| entry.kind() == Kind::String)
    );
    tx.finish();
}
