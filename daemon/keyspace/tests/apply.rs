//! Recorded effects do what they say whatever the time, and an effect that does not fit changes nothing.

use esker_format::record::{Effect, SetExpiry};
use esker_format::redis::rdb;
use esker_keyspace::{ApplyError, Keyspace, Options, UnixMs};

/// Applies an effect given as its words.
fn apply(ks: &mut Keyspace, db: u32, text: &str) -> Result<(), ApplyError> {
    let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
    ks.apply(db, &Effect::parse(&words).expect("in the vocabulary"))
}

fn keyspace() -> Keyspace {
    let mut ks = Keyspace::new(Options {
        databases: 2,
        log: false,
        ..Options::with_seed(1)
    });
    apply(&mut ks, 0, "SET text hello").expect("the database exists");
    apply(&mut ks, 0, "SET number 9223372036854775807").expect("the database exists");
    ks
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let far = format!("SETRANGE text {} x", i64::MAX);
    let cases = [
        (2, "DEL text", ApplyError::NoSuchDatabase(2)),
        (0, "MOVE text 2", ApplyError::NoSuchDatabase(2)),
        (0, "SWAPDB 0 9", ApplyError::NoSuchDatabase(9)),
        (0, "PEXPIREAT none 1", ApplyError::NoSuchKey),
        (0, "PERSIST none", ApplyError::NoSuchKey),
        (0, "RENAME none text", ApplyError::NoSuchKey),
        (0, "COPY none text DB 1 REPLACE", ApplyError::NoSuchKey),
        (0, "MOVE none 1", ApplyError::NoSuchKey),
        (0, "INCRBY text 1", ApplyError::Increment),
        (0, "INCRBY number 1", ApplyError::Increment),
        (0, far.as_str(), ApplyError::Range),
        (0, "SETRANGE text 0 ", ApplyError::Range),
        (
            0,
            "RESTORE text 0 rubbish REPLACE ABSTTL",
            ApplyError::Payload,
        ),
    ];
    let mut ks = keyspace();
    let before = ks.digest();
    for (db, text, error) in cases {
        assert_eq!(apply(&mut ks, db, text), Err(error), "{text}");
        assert_eq!(ks.digest(), before, "{text}");
    }
}

#[test]
fn nothing_expires_during_replay() {
    let mut ks = keyspace();
    for effect in ["PEXPIREAT text 1", "APPEND text !", "RENAME text other"] {
        apply(&mut ks, 0, effect).expect("it fits");
    }
    assert_eq!((ks.len(0), ks.stats().expired), (2, 0));
    let tx = ks.tx(0, UnixMs(1));
    let expire_at = tx.peek(b"other").expect("not due yet").expire_at();
    tx.finish();
    assert_eq!(expire_at, Some(UnixMs(1)));
    for effect in ["PERSIST other", "DEL none"] {
        apply(&mut ks, 0, effect).expect("it fits");
    }
    assert_eq!(ks.db_info(0, UnixMs(0)).expires, 0);
}

#[test]
fn a_restored_string_is_the_one_dumped() {
    let cases = [
        (rdb::dump_string(b"hello"), &b"hello"[..]),
        (rdb::dump_int(-5), b"-5"),
        (rdb::dump_string(&[b'z'; 3000]), &[b'z'; 3000]),
    ];
    for (payload, value) in &cases {
        let mut restored = keyspace();
        let restore = Effect::Restore {
            key: b"k",
            expire_at: Some(UnixMs(77)),
            payload,
        };
        restored.apply(1, &restore).expect("a sound payload");
        let mut set = keyspace();
        let effect = Effect::Set {
            key: b"k",
            value,
            expiry: SetExpiry::At(UnixMs(77)),
        };
        set.apply(1, &effect).expect("databases exist");
        assert_eq!(restored.digest(), set.digest());
        assert!(restored.digest_key(1, b"k").is_some() && restored.digest_key(0, b"k").is_none());
    }
}
