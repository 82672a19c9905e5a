//! DUMP payloads into values and out again, under limits that make them small and others that make them large.

use esker_format::redis::rdb;
use esker_format::units::UnitReader;
use esker_keyspace::dump::{self, PayloadError, Restored};
use esker_keyspace::{Keyspace, Limits, Options, UnixMs};
use proptest::prelude::*;

const FOREIGN: &str = include_str!("../../../format-spec/golden/foreign/payloads.txt");
const NOW: UnixMs = UnixMs(1_700_000_000_000);

/// Name and payload of values of other servers.
fn foreign() -> Vec<(&'static str, Vec<u8>)> {
    let payload = |line: &'static str| {
        let (name, hex) = line.rsplit_once(' ').expect("name and payload");
        let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("digits");
        (name, (0..hex.len()).step_by(2).map(digit).collect())
    };
    FOREIGN.lines().map(payload).collect()
}

fn tiny() -> Limits {
    Limits {
        list_max_listpack_size: 1,
        hash_max_listpack_entries: 1,
        set_max_intset_entries: 1,
        set_max_listpack_entries: 1,
        zset_max_listpack_entries: 1,
        stream_node_max_entries: 1,
        ..Limits::default()
    }
}

fn encoding(payload: &[u8], limits: &Limits) -> &'static str {
    match dump::parse(payload, limits) {
        Ok(Restored::Collection(value)) => value.encoding(),
        Ok(_) => "string",
        Err(error) => panic!("{error:?}"),
    }
}

fn digest(payload: &[u8], limits: &Limits) -> Vec<u8> {
    let mut out = Vec::new();
    match dump::parse(payload, limits).expect("a value") {
        Restored::Collection(value) => value.digest(&mut out),
        Restored::Bytes(bytes) => out = bytes,
        Restored::Int(int) => out = int.to_string().into_bytes(),
    }
    out
}

#[test]
fn values_fit_the_limits() {
    let small = [
        ("list", "listpack", "quicklist"),
        ("ints", "intset", "hashtable"),
        ("set", "listpack", "hashtable"),
        ("hash", "listpack", "hashtable"),
        ("zset", "listpack", "skiplist"),
        ("expiring", "listpackex", "hashtable"),
        ("stream", "stream", "stream"),
    ];
    for (name, payload) in foreign() {
        let (_, key) = name.split_once(' ').expect("server and key");
        let (key, many_nodes) = match key.strip_prefix("large-") {
            Some(key) => (key, key == "list"),
            None => (key, false),
        };
        let Some((_, small, large)) = small.iter().find(|(kind, ..)| *kind == key) else {
            continue;
        };
        let small = if many_nodes { large } else { small };
        assert_eq!(encoding(&payload, &Limits::default()), *small, "{name}");
        assert_eq!(encoding(&payload, &tiny()), *large, "{name}");
    }
}

/// What is stored, logged, replayed and dumped stays the same value.
#[test]
fn restored_values_are_replayed_and_dumped() {
    let mut keyspace = Keyspace::new(Options::with_seed(1));
    let mut replica = Keyspace::new(Options::with_seed(1));
    for (name, payload) in foreign() {
        let mut tx = keyspace.tx(0, NOW);
        let value = dump::parse(&payload, tx.limits()).expect("a value");
        tx.restore(name.as_bytes(), value, Some(UnixMs(NOW.0 + 1000)));
        let ours = dump::payload(tx.peek(name.as_bytes()).expect("just stored"));
        tx.finish();
        for limits in [Limits::default(), tiny()] {
            assert_eq!(digest(&ours, &limits), digest(&payload, &limits), "{name}");
        }
        assert_eq!(
            digest(&ours, &Limits::default()),
            digest(&ours, &tiny()),
            "{name}"
        );
    }
    let chunk = keyspace.effects_mut().take();
    for mark in &chunk.marks {
        for record in UnitReader::new(&chunk.bytes[mark.start..mark.end], mark.db) {
            let record = record.expect("a well-formed stream");
            replica.apply(record.db, &record.effect).expect("it fits");
        }
    }
    assert_eq!(replica.digest(), keyspace.digest());
}

#[test]
fn refusals() {
    let refused = |payload: &[u8]| dump::parse(payload, &Limits::default()).err();
    let good = rdb::dump_string(b"x");
    assert_eq!(
        refused(&good[..good.len() - 1]),
        Some(PayloadError::VersionOrChecksum)
    );
    let bodies: [&[u8]; 16] = [
        b"",
        b"\x63x",
        // Nothing in it.
        b"\x01\x00",
        b"\x02\x00",
        b"\x0b\x08\x02\0\0\0\0\0\0\0",
        b"\x10\x07\x07\0\0\0\0\0\xff",
        // Twice the same.
        b"\x02\x02\x01a\x01a",
        b"\x02\x02\xc0\x07\x017",
        b"\x04\x02\x01a\x01b\x01a\x01c",
        b"\x05\x02\x01a\0\0\0\0\0\0\0\0\x01a\0\0\0\0\0\0\xf0\x3f",
        // An intset that falls.
        b"\x0b\x0c\x02\0\0\0\x02\0\0\0\x02\0\x01\0",
        // Scores that are no numbers.
        b"\x05\x01\x01a\0\0\0\0\0\0\xf8\x7f",
        b"\x03\x01\x01a\xfd",
        b"\x03\x01\x01a\x03abc",
        // More than there is, and less.
        b"\x01\x82\xff\xff\xff\xff\x01a",
        b"\x01\x01\x01a\x01b",
    ];
    for body in bodies {
        let mut payload = body.to_vec();
        rdb::put_footer(&mut payload);
        assert_eq!(refused(&payload), Some(PayloadError::BadData), "{body:x?}");
    }
}

#[test]
fn damage_does_no_harm() {
    let mut accepted = 0;
    for (name, payload) in foreign() {
        let body = &payload[..payload.len() - rdb::FOOTER_BYTES];
        let version = u16::from_le_bytes([payload[body.len()], payload[body.len() + 1]]);
        for at in 0..body.len() {
            for byte in [
                0,
                1,
                0x7f,
                0x80,
                0xff,
                body[at] ^ 1,
                body[at].wrapping_add(1),
            ] {
                let mut damaged = body.to_vec();
                damaged[at] = byte;
                rdb::put_footer_of(&mut damaged, version);
                for limits in [Limits::default(), tiny()] {
                    accepted += usize::from(survives(&damaged, &limits, name));
                }
            }
        }
    }
    assert!(accepted > 1000, "{accepted}");
}

/// A value that is accepted can be stored, dumped and read again.
fn survives(payload: &[u8], limits: &Limits, name: &str) -> bool {
    let Ok(value) = dump::parse(payload, limits) else {
        return false;
    };
    let before = digest(payload, limits);
    let mut keyspace = Keyspace::new(Options::with_seed(1));
    let mut tx = keyspace.tx(0, NOW);
    tx.restore(b"k", value, None);
    let ours = dump::payload(tx.peek(b"k").expect("just stored"));
    tx.finish();
    assert_eq!(digest(&ours, limits), before, "{name}");
    true
}

proptest! {
    /// Bodies of the shape of a type, with anything in them.
    #[test]
    fn arbitrary_bodies_do_no_harm(kind in 0u8..27, body in proptest::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..60), valkey in any::<bool>()) {
        let mut payload = vec![kind];
        payload.extend_from_slice(&body);
        rdb::put_footer_of(&mut payload, if valkey { 80 } else { 12 });
        for limits in [Limits::default(), tiny()] {
            survives(&payload, &limits, "arbitrary");
        }
    }

    #[test]
    fn members_of_any_number_come_back(members in proptest::collection::btree_map(prop_oneof!["[a-c]{0,3}", "-?[1-9][0-9]{0,12}"], (0u64..3, any::<i32>()), 1..40)) {
        let (mut set, mut hash, mut zset) = (Vec::new(), Vec::new(), Vec::new());
        for (member, (expire_at, score)) in &members {
            esker_format::native::value::put_member(&mut set, member.as_bytes());
            let at = match expire_at { 0 => 0, n => 4_000_000_000_000 + n };
            esker_format::native::value::put_field(&mut hash, at, member.as_bytes(), b"v");
            let score = f64::from(*score) / 8.0;
            esker_format::native::value::put_scored(&mut zset, score, member.as_bytes());
        }
        for (kind, bytes) in [(6, &set), (9, &hash), (11, &zset)] {
            let payload = rdb::dump_collection(kind, bytes).expect("a whole value");
            let limits = [Limits::default(), tiny(), Limits { hash_max_listpack_entries: 8, set_max_intset_entries: 8, set_max_listpack_entries: 16, zset_max_listpack_entries: 8, ..Limits::default() }];
            for limits in limits {
                prop_assert!(survives(&payload, &limits, "members"));
                prop_assert_eq!(digest(&payload, &limits), digest(&payload, &tiny()));
            }
        }
    }
}
