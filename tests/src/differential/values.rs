//! What to pass as which argument: small key space, edges of numbers, sizes around encoding limits.
//!
//! Relative expiry times are long or not positive, never a few milliseconds, and plain numbers stay away from
//! `1..=20_000`: a mutation may put them where an expiry in milliseconds stands, and then the result would depend on
//! the clock.

use proptest::prelude::*;
use proptest::sample::select;

use super::grammar::{Shape, Words};
use super::typed;

pub type Bytes = BoxedStrategy<Vec<u8>>;

pub fn one_of(texts: &'static [&'static str]) -> Bytes {
    select(texts)
        .prop_map(|text| text.as_bytes().to_vec())
        .boxed()
}

pub fn key() -> Bytes {
    prop_oneof![
        40 => one_of(&["a", "b", "c", "d", "e", "f"]),
        2 => one_of(&["", "key with space", "k\r\n", "{tag}x", "*"]),
        1 => Just(vec![b'L'; 300]),
        1 => Just(vec![0, 255, 10]),
    ]
    .boxed()
}

/// A key of any type.
pub fn any_key() -> Bytes {
    prop_oneof![1 => key(), 1 => typed::any_collection()].boxed()
}

/// Strings that commands store.
pub fn value() -> Bytes {
    prop_oneof![
        6 => one_of(&["x", "hello", "foobar", "Hello World", "ohmytext", "mynewtext"]),
        6 => one_of(&["0", "-1", "100000", "-123456", "9223372036854775807", "-9223372036854775808"]),
        3 => one_of(&["9223372036854775808", "1.5", "-0", "+5", "00", " 1", "1 ", "3.0e3", "1e5", "inf", "nan"]),
        2 => one_of(&["", "\0", "\r\n", "a\0b"]),
        3 => (40usize..50).prop_map(|len| vec![b'e'; len]),
        1 => (1usize..3000).prop_map(|len| (0..len).map(|i| (i * 7 % 251) as u8).collect()),
        1 => prop::collection::vec(any::<u8>(), 0..80),
    ]
    .boxed()
}

/// Integers that are not expiry times.
fn integer() -> Bytes {
    prop_oneof![
        8 => (-12i64..25).prop_map(|n| n.to_string().into_bytes()),
        2 => one_of(&["100000", "-100000", "9223372036854775807", "-9223372036854775808", "4611686018427387904"]),
        1 => bad_number(),
    ]
    .boxed()
}

fn bad_number() -> Bytes {
    one_of(&[
        "",
        "abc",
        "1.5",
        "9223372036854775808",
        "-9223372036854775809",
        " 0",
        "0 ",
        "+0",
        "00",
        "0x10",
        "-",
        "-0",
    ])
}

fn seconds() -> Bytes {
    prop_oneof![
        6 => one_of(&["100000", "200000", "300000", "4000000"]),
        2 => one_of(&["0", "-1", "-100000", "9223372036854775", "9223372036854776", "9223372036854775807"]),
        1 => bad_number(),
    ]
    .boxed()
}

/// Points in time: past, far future, beyond what fits.
fn time(milliseconds: bool) -> Bytes {
    let future = if milliseconds {
        one_of(&["4102444800123", "4102444800000", "5000000000001"])
    } else {
        one_of(&["4102444800", "4102444801", "5000000000"])
    };
    prop_oneof![
        6 => future,
        2 => one_of(&["0", "-1", "100000", "-100000", "9223372036854775807", "9223372036854775"]),
        1 => bad_number(),
    ]
    .boxed()
}

fn double() -> Bytes {
    one_of(&[
        "1.5",
        "-0.25",
        "0",
        "3",
        "1e3",
        "0.1",
        "3.14159265358979",
        "1e-10",
        "12345678901234567890",
        "inf",
        "-inf",
        "nan",
        "1e400",
        "abc",
        "",
        " 1",
        "1 ",
        "0x1p3",
        "1e308",
        "-1e308",
        "5.0e3",
        "+2.5",
        ".5",
        "5.",
    ])
}

fn database() -> Bytes {
    prop_oneof![
        8 => one_of(&["0", "1", "2", "15"]),
        1 => one_of(&["16", "-1", "abc", "", "9223372036854775807", "1.0", "4294967296", "2147483648"]),
    ]
    .boxed()
}

fn pattern() -> Bytes {
    one_of(&[
        "*", "a*", "?", "[a-c]", "[^a]", "\\a", "", "*a*b", "[", "[a", "a[", "key*", "??*", "\\",
        "[c-a]",
    ])
}

/// Bit offsets: never so far that half a gigabyte is allocated.
fn bit_offset() -> Bytes {
    prop_oneof![
        8 => (0u32..200).prop_map(|n| n.to_string().into_bytes()),
        2 => (0u32..20_000).prop_map(|n| n.to_string().into_bytes()),
        2 => one_of(&["-1", "4294967296", "9223372036854775807", "9223372036854775808", "abc", ""]),
    ]
    .boxed()
}

fn byte_offset() -> Bytes {
    prop_oneof![
        8 => (0u32..70).prop_map(|n| n.to_string().into_bytes()),
        1 => (0u32..4000).prop_map(|n| n.to_string().into_bytes()),
        2 => one_of(&["-1", "536870912", "1048576", "1048575", "9223372036854775807", "abc", ""]),
    ]
    .boxed()
}

fn field_type() -> Bytes {
    one_of(&[
        "u1", "u2", "u8", "i8", "i5", "u63", "i64", "u64", "i65", "i0", "u0", "x8", "i", "8", "",
        "I8",
    ])
}

fn field_offset() -> Bytes {
    prop_oneof![3 => bit_offset(), 1 => one_of(&["#0", "#1", "#7", "#", "#-1", "#abc", "#100"])]
        .boxed()
}

/// Payloads for RESTORE: whole ones made here and broken ones.
fn payload() -> Bytes {
    let good = value().prop_map(|value| super::compare::dump_payload(&value));
    prop_oneof![
        6 => good.clone(),
        1 => (good.clone(), any::<prop::sample::Index>(), 1u8..=255).prop_map(|(mut bytes, at, flip)| {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            bytes
        }),
        1 => (good, any::<prop::sample::Index>()).prop_map(|(mut bytes, at)| {
            bytes.truncate(at.index(bytes.len()));
            bytes
        }),
        1 => value(),
    ]
    .boxed()
}

/// The argument of that name and kind in that command.
pub fn argument(shape: &Shape, name: &str, kind: &str) -> Bytes {
    let command = shape.name.as_str();
    let named = typed::argument(shape, name, kind).or_else(|| named(command, name));
    named.unwrap_or_else(|| match (kind, name) {
        ("pattern", _) => pattern(),
        ("double", _) => double(),
        ("unix-time", name) => {
            time(name.contains("milliseconds") || command.starts_with("pexpire"))
        }
        ("integer", "seconds" | "milliseconds" | "timeout" | "ttl") => seconds(),
        ("integer", _) => integer(),
        _ => value(),
    })
}

/// Arguments that go by their names, for strings, keys and connections.
fn named(command: &str, name: &str) -> Option<Bytes> {
    Some(match (command, name) {
        ("restore", "serialized-value") => payload(),
        // No times that overflow once the clock is added: what the reference then does is not defined.
        ("restore", "ttl") => one_of(&[
            "0",
            "0",
            "100000",
            "4102444800123",
            "-1",
            "abc",
            "",
            "9223372036854775808",
        ]),
        ("setrange", "offset") => byte_offset(),
        ("setbit" | "getbit", "offset") => bit_offset(),
        ("setbit", "value") => one_of(&["0", "1", "0", "1", "2", "-1", "abc", ""]),
        ("bitop", "operation") => one_of(&[
            "AND", "or", "XOR", "NOT", "and", "OR", "xor", "not", "nosuch", "",
        ]),
        ("bitpos", "bit") => one_of(&["0", "1", "0", "1", "2", "-1", "abc", ""]),
        ("bitfield" | "bitfield_ro", "encoding") => field_type(),
        ("bitfield" | "bitfield_ro", "offset") => field_offset(),
        // Left out: the reference takes an empty cursor for 0 and a negative one for a very large one.
        ("scan", "cursor") => one_of(&[
            "0",
            "0",
            "0",
            "100000",
            "abc",
            "18446744073709551615",
            "1e3",
            " 0",
        ]),
        ("scan", "type") => one_of(&[
            "string", "STRING", "list", "set", "zset", "hash", "stream", "nosuch", "",
        ]),
        ("scan", "count") => one_of(&["100000", "10", "0", "-1", "abc", "9223372036854775807"]),
        ("hello", "protover") => one_of(&["2", "3", "2", "3", "1", "4", "abc", "", "-1"]),
        ("auth", _) | ("hello", "username" | "password") => {
            one_of(&["default", "nobody", "", "secret"])
        }
        (_, "clientname" | "connection-name") => {
            one_of(&["me", "", "with space", "x\n", "worker-1"])
        }
        ("swapdb", _) | (_, "db" | "destination-db" | "index" | "index1" | "index2") => database(),
        ("lcs", "len") => one_of(&["0", "1", "4", "-1", "abc"]),
        _ => return None,
    })
}

/// A command as arguments of another one (COMMAND GETKEYS).
pub fn inner_command() -> BoxedStrategy<Words> {
    let name = one_of(&[
        "get", "SET", "mset", "bitop", "object", "nosuch", "ping", "copy", "config", "exists",
        "lcs", "getex",
    ]);
    (
        name,
        prop::collection::vec(prop_oneof![key(), value()], 0..5),
    )
        .prop_map(|(name, mut args)| {
            args.insert(0, name);
            args
        })
        .boxed()
}

/// Anything, for mutations.
pub fn garbage() -> Bytes {
    prop_oneof![
        2 => value(),
        1 => key(),
        2 => one_of(&["NX", "XX", "EX", "PX", "EXAT", "PXAT", "KEEPTTL", "GET", "GT", "LT", "PERSIST", "REPLACE", "ABSTTL"]),
        2 => one_of(&["DB", "COUNT", "MATCH", "TYPE", "ASYNC", "SYNC", "IDX", "LEN", "BYTE", "BIT", "help", "nosuch", "FREQ"]),
        1 => bad_number(),
        1 => Just(vec![b'g'; 200]),
    ]
    .boxed()
}
