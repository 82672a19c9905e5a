//! Entries against a plain struct that keeps every field apart.

use std::sync::Arc;

use esker_keyspace::UnixMs;
use esker_keyspace::entry::{Entry, INLINE_MAX, Kind, StrInput, StrRef};
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Int(i64),
    Bytes(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq)]
struct Twin {
    key: Vec<u8>,
    value: Value,
    expire_at: Option<i64>,
    access: u32,
    epoch: u8,
    raw_mark: bool,
    /// A blob stays one whatever becomes of its length.
    blob: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Overwrite {
        value: Value,
        expire_at: Option<i64>,
        shared: bool,
    },
    SetExpire(Option<i64>),
    WithExpiry(Option<i64>),
    WithKey(Vec<u8>),
    Access(u32),
    Epoch(u8),
    Raw(bool),
    Truncate(usize),
    Duplicate,
}

fn value() -> impl Strategy<Value = Value> {
    let length = prop_oneof![0..130_usize, INLINE_MAX - 2..INLINE_MAX + 3, 0..5000_usize];
    prop_oneof![
        any::<i64>().prop_map(Value::Int),
        (length, any::<u8>()).prop_map(|(length, first)| {
            Value::Bytes(
                (0..length)
                    .map(|index| first.wrapping_add(index as u8))
                    .collect(),
            )
        }),
    ]
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![0..40_usize, 250..260_usize, 1000..70_000_usize];
    (length, any::<u8>())
        .prop_map(|(length, first)| (0..length).map(|index| first ^ index as u8).collect())
}

fn step() -> impl Strategy<Value = Step> {
    let at = || proptest::option::of(any::<i64>());
    prop_oneof![
        5 => (value(), at(), any::<bool>())
            .prop_map(|(value, expire_at, shared)| Step::Overwrite { value, expire_at, shared }),
        2 => at().prop_map(Step::SetExpire),
        2 => at().prop_map(Step::WithExpiry),
        1 => key().prop_map(Step::WithKey),
        1 => (0..1_u32 << 24).prop_map(Step::Access),
        1 => (0..4_u8).prop_map(Step::Epoch),
        1 => any::<bool>().prop_map(Step::Raw),
        1 => (0..3000_usize).prop_map(Step::Truncate),
        1 => Just(Step::Duplicate),
    ]
}

fn input(value: &Value, shared: bool) -> StrInput<'_> {
    match value {
        Value::Int(number) => StrInput::Int(*number),
        Value::Bytes(bytes) if shared => StrInput::Blob(Arc::new(bytes.clone())),
        Value::Bytes(bytes) => StrInput::Bytes(bytes),
    }
}

fn is_blob(value: &Value) -> bool {
    matches!(value, Value::Bytes(bytes) if bytes.len() > INLINE_MAX)
}

fn compare(entry: &Entry, twin: &Twin) {
    assert_eq!(entry.kind(), Kind::String);
    assert_eq!(entry.key(), twin.key);
    assert_eq!(entry.expire_at(), twin.expire_at.map(UnixMs));
    assert_eq!(entry.has_expiry(), twin.expire_at.is_some());
    assert_eq!((entry.access(), entry.epoch()), (twin.access, twin.epoch));
    let raw = match (entry.str().expect("a string"), &twin.value) {
        (StrRef::Int(number), Value::Int(expected)) => {
            assert_eq!(number, *expected);
            false
        }
        (StrRef::Bytes(bytes), Value::Bytes(expected)) => {
            assert_eq!(bytes, expected);
            assert!(!twin.blob);
            twin.raw_mark || bytes.len() > 44
        }
        (StrRef::Blob(blob), Value::Bytes(expected)) => {
            assert_eq!(**blob, *expected);
            assert!(twin.blob);
            true
        }
        (found, expected) => panic!("{found:?} is not {expected:?}"),
    };
    assert_eq!(entry.is_raw(), raw);
    assert!(entry.heap_bytes() >= 8 + twin.key.len());
}

fn overwrite(entry: &mut Entry, twin: &mut Twin, new: Twin, shared: bool) {
    let before = entry.heap_bytes();
    match entry.try_overwrite_in_place(input(&new.value, shared), new.expire_at.map(UnixMs)) {
        Ok(()) => {
            assert_eq!(
                entry.heap_bytes(),
                before,
                "in place means the same size class"
            );
            assert!(!twin.blob && !is_blob(&new.value));
            // Access and epoch stay.
            *twin = Twin {
                access: twin.access,
                epoch: twin.epoch,
                ..new
            };
        }
        Err(value) => {
            compare(entry, twin);
            *entry = Entry::string(&new.key, value, new.expire_at.map(UnixMs));
            *twin = new;
        }
    }
}

fn apply(mut entry: Entry, twin: &mut Twin, step: Step) -> Entry {
    match step {
        Step::Overwrite {
            value,
            expire_at,
            shared,
        } => {
            let blob = is_blob(&value);
            let new = Twin {
                key: twin.key.clone(),
                value,
                expire_at,
                access: 0,
                epoch: 0,
                raw_mark: false,
                blob,
            };
            overwrite(&mut entry, twin, new, shared);
        }
        Step::SetExpire(at) => {
            if entry.set_expire_at(at.map(UnixMs)) {
                twin.expire_at = at;
            } else {
                assert!(at.is_some() && twin.expire_at.is_none());
            }
        }
        Step::WithExpiry(at) => {
            entry = entry.with_expiry(at.map(UnixMs));
            twin.expire_at = at;
        }
        Step::WithKey(key) => {
            entry = entry.with_key(&key);
            twin.key = key;
        }
        Step::Access(access) => {
            entry.set_access(access);
            twin.access = access;
        }
        Step::Epoch(epoch) => {
            entry.set_epoch(epoch);
            twin.epoch = epoch;
        }
        Step::Raw(raw) => {
            entry.set_raw(raw);
            twin.raw_mark = raw;
        }
        Step::Truncate(length) => {
            assert_eq!(entry.blob_mut().is_some(), twin.blob);
            if let (Some(blob), Value::Bytes(bytes)) = (entry.blob_mut(), &mut twin.value) {
                Arc::make_mut(blob).truncate(length);
                bytes.truncate(length);
            }
        }
        Step::Duplicate => {
            let second = entry.duplicate();
            // Rebuilding must not disturb the first, nor what they share.
            compare(
                &second.with_key(b"another"),
                &Twin {
                    key: b"another".to_vec(),
                    ..twin.clone()
                },
            );
            entry = entry.duplicate();
        }
    }
    entry
}

const CASES: u32 = if cfg!(miri) { 8 } else { 1000 };

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn entry_equals_its_twin(
        key in key(),
        value in value(),
        expire_at in proptest::option::of(any::<i64>()),
        steps in proptest::collection::vec(step(), 0..30),
    ) {
        let mut entry = Entry::string(&key, input(&value, false), expire_at.map(UnixMs));
        let blob = is_blob(&value);
        let mut twin = Twin { key, value, expire_at, access: 0, epoch: 0, raw_mark: false, blob };
        compare(&entry, &twin);
        for step in steps {
            entry = apply(entry, &mut twin, step);
            compare(&entry, &twin);
        }
    }

    #[test]
    fn parse_knows_what_an_integer_prints_as(number in any::<i64>(), text in "-?[0-9]{0,21}") {
        let printed = number.to_string();
        prop_assert!(matches!(StrInput::parse(printed.as_bytes()), StrInput::Int(n) if n == number));
        let canonical = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
        match StrInput::parse(text.as_bytes()) {
            StrInput::Int(number) => prop_assert_eq!(Some(number), canonical),
            StrInput::Bytes(bytes) => prop_assert!(canonical.is_none() && bytes == text.as_bytes()),
            StrInput::Blob(_) => prop_assert!(false, "parse makes no blob"),
        }
    }
}

#[test]
fn blobs_are_shared_and_released() {
    let blob = Arc::new(vec![7; INLINE_MAX + 1]);
    let entry = Entry::string(b"key", StrInput::Blob(Arc::clone(&blob)), None);
    let second = entry.duplicate();
    assert_eq!(Arc::strong_count(&blob), 3);
    let entry = entry
        .with_key(b"a longer key than before")
        .with_expiry(Some(UnixMs(5)));
    assert_eq!(Arc::strong_count(&blob), 3);
    drop((entry, second));
    assert_eq!(Arc::strong_count(&blob), 1);
}

#[test]
fn the_usual_entries_cost_what_the_design_allows() {
    let plain = Entry::string(&[b'k'; 16], StrInput::Bytes(&[b'v'; 64]), None);
    let expiring = Entry::string(&[b'k'; 16], StrInput::Bytes(&[b'v'; 64]), Some(UnixMs(1)));
    let integer = Entry::string(&[b'k'; 16], StrInput::Int(1), None);
    assert_eq!(
        (
            plain.heap_bytes(),
            expiring.heap_bytes(),
            integer.heap_bytes()
        ),
        (96, 96, 32)
    );
}
