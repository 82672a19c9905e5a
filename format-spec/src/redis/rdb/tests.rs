//! Strings and footers; collections are in `tests/dump_collections.rs`.

use proptest::prelude::*;

use super::*;

/// What `DUMP` of redis-server 7.0.15 returned for these values.
#[test]
fn same_bytes_as_redis() {
    let payload = dump_string(b"hello");
    assert_eq!(payload[..6], *b"\x00\x05hell");
    assert_eq!(payload[payload.len() - 10..payload.len() - 8], [10, 0]);
    assert_eq!(dump_int(5)[..3], [0, 0xc0, 5]);
    assert_eq!(dump_string(b"-129")[..4], [0, 0xc1, 0x7f, 0xff]);
    assert_eq!(
        dump_string(b"2147483647")[..6],
        [0, 0xc2, 0xff, 0xff, 0xff, 0x7f]
    );
    assert_eq!(dump_string(b"2147483648")[..2], [0, 10]);
    assert_eq!(dump_string(b"007")[..5], *b"\x00\x03007");
}

#[test]
fn footer_is_checked_first() {
    let good = dump_string(b"value");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(load(&bad).is_err(), "flip at {at}");
        assert!(load(&good[..at]).is_err(), "cut at {at}");
    }
    let mut newer = good[..good.len() - 10].to_vec();
    put_u16(&mut newer, 13);
    let crc = crc64(0, &newer);
    put_u64(&mut newer, crc);
    assert_eq!(load(&newer), Err(Fault::UnknownVersion(13)));
}

/// Fields that expire are written as they lie, and only if they lie in the order of their expiries.
#[test]
fn packed_fields_that_expire() {
    use crate::native::value::{Fields, KIND_HASH_PACKED_TTL};
    use crate::redis::listpack::{Builder, Item};
    let dump = |fields: &[(&[u8], i64)]| {
        let mut builder = Builder::new();
        for (field, at) in fields {
            builder.push(Item::Bytes(field));
            builder.push(Item::Bytes(b"v"));
            builder.push(Item::Int(*at));
        }
        dump_collection(KIND_HASH_PACKED_TTL, &builder.finish())
    };
    let fields: &[(&[u8], i64)] = &[(b"a", 1), (b"b", 5), (b"c", 0)];
    let payload = dump(fields).expect("in order");
    assert_eq!(payload[0], TYPE_HASH_LISTPACK_EXPIRING);
    assert_eq!(
        u16::from(payload[payload.len() - FOOTER_BYTES]),
        VERSION_HASH_EXPIRING
    );
    let Ok(DumpValue::Collection { bytes, .. }) = load(&payload) else {
        panic!("a hash");
    };
    let read: Vec<(&[u8], i64)> = Fields::new(&bytes)
        .map(|field| field.expect("a field"))
        .map(|field| (field.field, field.expire_at as i64))
        .collect();
    assert_eq!(read, fields);
    assert!(dump(&[(b"a", 0), (b"b", 5)]).is_err());
    assert!(dump(&[(b"a", 6), (b"b", 5)]).is_err());
    let plain = dump(&[(b"a", 0)]).expect("in order");
    assert_eq!(plain[0], TYPE_HASH);
}

proptest! {
    #[test]
    fn load_gives_what_was_dumped(value in proptest::collection::vec(any::<u8>(), 0..300), repeat in 1usize..100) {
        let value = value.repeat(repeat);
        match load(&dump_string(&value)) {
            Ok(DumpValue::Bytes(bytes)) => prop_assert_eq!(bytes, value),
            Ok(DumpValue::Int(number)) => prop_assert_eq!(number.to_string().into_bytes(), value),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn integers_come_back(value in any::<i64>(), shift in 0u32..64) {
        let value = value >> shift;
        match load(&dump_int(value)) {
            Ok(DumpValue::Int(number)) => prop_assert_eq!(number, value),
            Ok(DumpValue::Bytes(bytes)) => prop_assert_eq!(bytes, value.to_string().into_bytes()),
            other => prop_assert!(false, "{:?}", other),
        }
        prop_assert_eq!(dump_int(value), dump_string(value.to_string().as_bytes()));
    }

    #[test]
    fn arbitrary_bodies_never_panic(body in proptest::collection::vec(any::<u8>(), 0..100)) {
        let mut payload = body;
        put_footer(&mut payload);
        drop(load(&payload));
    }
}
