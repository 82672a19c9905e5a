//! Encodings at their limits, and a listpack against the strings that it was built from.

use super::*;
use proptest::prelude::*;

fn built(values: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = Builder::new();
    for value in values {
        builder.push(Item::Bytes(value));
    }
    builder.finish()
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        (any::<i64>(), 0u32..64).prop_map(|(int, shift)| (int >> shift).to_string().into_bytes()),
        (4000usize..17_000).prop_map(|length| vec![b'x'; length]),
    ]
}

/// The bytes of each encoding at its limits.
#[test]
fn encodings_at_their_limits() {
    let cases: &[(&[u8], &[u8])] = &[
        (b"0", &[0, 1]),
        (b"127", &[0x7f, 1]),
        (b"128", &[0xc0, 0x80, 2]),
        (b"-1", &[0xdf, 0xff, 2]),
        (b"4095", &[0xcf, 0xff, 2]),
        (b"-4096", &[0xd0, 0x00, 2]),
        (b"4096", &[0xf1, 0x00, 0x10, 3]),
        (b"-32768", &[0xf1, 0x00, 0x80, 3]),
        (b"32768", &[0xf2, 0x00, 0x80, 0x00, 4]),
        (b"-8388608", &[0xf2, 0x00, 0x00, 0x80, 4]),
        (b"8388608", &[0xf3, 0x00, 0x00, 0x80, 0x00, 5]),
        (b"2147483648", &[0xf4, 0, 0, 0, 0x80, 0, 0, 0, 0, 9]),
        (b"", &[0x80, 1]),
        (b"a", &[0x81, b'a', 2]),
        (b"007", &[0x83, b'0', b'0', b'7', 4]),
    ];
    for (value, bytes) in cases {
        let mut out = Vec::new();
        Encoded::new(value).put(&mut out);
        assert_eq!(out, *bytes, "{}", value.escape_ascii());
        let (item, size) = decode(&out).expect("an element");
        assert!(item.eq_bytes(value));
        assert_eq!(size + 1, out.len());
    }
}

/// Back lengths change their size one below a power of 128.
#[test]
fn back_lengths_at_their_limits() {
    for size in [
        1,
        127,
        128,
        16_382,
        16_383,
        2_097_150,
        2_097_151,
        268_435_454,
        268_435_455,
    ] {
        let encoded = Encoded::assemble([0; 9], 0, &[]);
        assert_eq!(encoded.size(), 1);
        let bytes = back_length_bytes(size);
        let mut groups: Vec<u8> = (0..bytes)
            .map(|index| (size >> (7 * index) & 0x7f) as u8 | 0x80)
            .collect();
        groups[bytes - 1] &= 0x7f;
        groups.reverse();
        assert_eq!(back_length(&groups), Some((size, bytes)));
    }
    assert_eq!(back_length(&[0x80; 6]), None);
    assert_eq!(back_length(&[]), None);
}

#[test]
fn an_unknown_count_is_not_compared() {
    let mut bytes = built(&[b"a".to_vec(), b"b".to_vec()]);
    bytes[4..6].copy_from_slice(&COUNT_UNKNOWN.to_le_bytes());
    assert_eq!(validate(&bytes), Ok(2));
    bytes[4..6].copy_from_slice(&3u16.to_le_bytes());
    assert!(validate(&bytes).is_err());
    assert_eq!(validate(&built(&vec![b"1".to_vec(); 70_000])), Ok(70_000));
}

proptest! {
    #[test]
    fn what_is_built_reads_back(values in proptest::collection::vec(value(), 0..12)) {
        let bytes = built(&values);
        prop_assert_eq!(validate(&bytes), Ok(values.len()));
        let read: Vec<Vec<u8>> = Reader::new(&bytes)
            .expect("a header")
            .map(|item| item.expect("an element").to_vec())
            .collect();
        prop_assert_eq!(&read, &values);
        // Backwards, by the back lengths alone.
        let mut end = bytes.len() - 1;
        for value in values.iter().rev() {
            let (size, tail) = back_length(&bytes[..end]).expect("a back length");
            end -= size + tail;
            prop_assert_eq!(element_bytes(&bytes[end..]), Some(size));
            prop_assert!(decode(&bytes[end..]).expect("an element").0.eq_bytes(value));
        }
        prop_assert_eq!(end, HEADER_BYTES);
    }

    #[test]
    fn damage_never_panics(values in proptest::collection::vec(value(), 0..6), at in any::<usize>(), byte in any::<u8>(), cut in any::<usize>()) {
        let mut bytes = built(&values);
        let length = bytes.len();
        bytes[at % length] = byte;
        drop(validate(&bytes));
        bytes.truncate(cut % length);
        prop_assert!(validate(&bytes).is_err());
    }

    #[test]
    fn foreign_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        drop(validate(&bytes));
        if bytes.len() >= 7 {
            let length = bytes.len();
            bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
            bytes[4..6].copy_from_slice(&COUNT_UNKNOWN.to_le_bytes());
            bytes[length - 1] = END;
            drop(validate(&bytes));
        }
    }

    #[test]
    fn order_and_equality_are_those_of_the_strings(a in value(), b in value()) {
        prop_assert_eq!(Item::of(&a).cmp(&Item::of(&b)), a.cmp(&b));
        prop_assert_eq!(Item::of(&a) == Item::of(&b), a == b);
        prop_assert_eq!(Item::of(&a) == Item::Bytes(&b), a == b);
        prop_assert_eq!(Item::of(&a).len(), a.len());
    }
}
