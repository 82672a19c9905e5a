//! What to pass to commands on collections: keys that hold the right type most of the time, and members, fields, scores
//! and ids out of small pools, so that commands meet what others have stored.
//!
//! No number here lies in `1..=20_000` where a mutation could make an expiry of it, and no timeout is long or endless.

use proptest::prelude::*;

use super::grammar::Shape;
use super::values::{self, Bytes, one_of};

/// The keys that commands of a group draw; others meet them now and then, and are refused.
fn pool(group: &str) -> Option<Bytes> {
    Some(match group {
        "list" => one_of(&["l1", "l2", "l3"]),
        "set" => one_of(&["s1", "s2", "s3"]),
        "hash" => one_of(&["h1", "h2"]),
        "sorted-set" => one_of(&["z1", "z2", "z3"]),
        // Of their own: what a score stands for that is no position, a negative one above all, is not defined.
        "geo" => one_of(&["g1", "g2"]),
        "stream" => one_of(&["t1", "t2"]),
        "hyperloglog" => one_of(&["p1", "p2", "p3"]),
        _ => return None,
    })
}

pub fn any_collection() -> Bytes {
    one_of(&[
        "l1", "l2", "l3", "s1", "s2", "s3", "h1", "h2", "z1", "z2", "z3", "t1", "t2", "p1",
    ])
}

/// A key for a command of this shape.
pub fn key(shape: &Shape) -> Bytes {
    if shape.name.starts_with("sort") {
        return prop_oneof![8 => one_of(&["l1", "l2", "s1", "s2", "z1"]), 1 => values::key()]
            .boxed();
    }
    match (shape.group.as_str(), pool(&shape.group)) {
        // A sorted set command takes sets too where it combines, and a command on strings sees an HLL.
        ("sorted-set", Some(own)) if shape.name.contains("inter") || shape.name.contains("union") => {
            prop_oneof![16 => own, 4 => one_of(&["s1", "s2"]), 1 => any_collection(), 1 => values::key()].boxed()
        }
        ("geo", Some(own)) => {
            prop_oneof![24 => own, 1 => one_of(&["l1", "s1"]), 1 => values::key()].boxed()
        }
        (_, Some(own)) => {
            prop_oneof![24 => own, 1 => any_collection(), 1 => values::key()].boxed()
        }
        ("generic", None) => {
            prop_oneof![3 => any_collection(), 2 => values::key()].boxed()
        }
        _ => prop_oneof![24 => values::key(), 1 => any_collection()].boxed(),
    }
}

/// Members, fields and elements: few enough to collide, integers that fit an intset and some that do not.
fn member() -> Bytes {
    prop_oneof![
        10 => one_of(&["a", "b", "c", "d", "e", "foo", "bar", "f1"]),
        6 => one_of(&["0", "-1", "-7", "100000", "100001", "-40000", "4294967296"]),
        1 => one_of(&["", "1.5", "a\0b", "\r\n", "9223372036854775807", "9223372036854775808", "0100000", "+0"]),
        1 => (60usize..70).prop_map(|len| vec![b'm'; len]),
        1 => (0u32..300).prop_map(|n| format!("many:{n}").into_bytes()),
        1 => values::value(),
    ]
    .boxed()
}

fn score() -> Bytes {
    prop_oneof![
        8 => one_of(&["0", "-1", "-2", "1.5", "-0.25", "2.75", "100000", "1e5", "3.0e0"]),
        2 => one_of(&["inf", "-inf", "+inf", "1e308", "-1e308", "0.1", "1e-7", "17179869184.5", "9007199254740993"]),
        1 => one_of(&["nan", "abc", "", "1.5x", " 1", "1e400"]),
    ]
    .boxed()
}

fn score_bound() -> Bytes {
    prop_oneof![
        6 => one_of(&["-inf", "+inf", "0", "1.5", "-1", "(0", "(1.5", "(-1", "100000", "(-inf", "(inf"]),
        1 => one_of(&["", "(", "abc", "((1", "nan"]),
    ]
    .boxed()
}

fn lex_bound() -> Bytes {
    prop_oneof![
        6 => one_of(&["-", "+", "[a", "(a", "[c", "(c", "[foo", "(", "["]),
        1 => one_of(&["", "a", "0", "--"]),
    ]
    .boxed()
}

/// Small and ordered, so that most of what is added comes after what is there.
fn entry_id() -> Bytes {
    prop_oneof![
        8 => (30_000u64..30_040).prop_map(|ms| format!("{ms}-0").into_bytes()),
        4 => (30_000u64..30_040, 0u64..3).prop_map(|(ms, seq)| format!("{ms}-{seq}").into_bytes()),
        3 => (30_000u64..30_040).prop_map(|ms| format!("{ms}-*").into_bytes()),
        2 => (30_000u64..30_040).prop_map(|ms| ms.to_string().into_bytes()),
        1 => one_of(&["0-0", "0", "0-*", "abc", "", "-", "1-2-3", "-1-1", "18446744073709551615-18446744073709551615", "18446744073709551616"]),
    ]
    .boxed()
}

fn range_id() -> Bytes {
    prop_oneof![
        3 => one_of(&["-", "+", "0", "0-0"]),
        4 => entry_id(),
        2 => (30_000u64..30_040).prop_map(|ms| format!("({ms}-0").into_bytes()),
        1 => one_of(&["(-", "(+", "(0-0", "(18446744073709551615-18446744073709551615", "$", ">"]),
    ]
    .boxed()
}

fn coordinate(bound: i32) -> Bytes {
    prop_oneof![
        6 => one_of(&["13.361389", "15.087269", "0", "-0.5", "2.3522", "12.758489", "38.115556", "37.502669"]),
        2 => (-bound * 10..bound * 10).prop_map(|n| format!("{}", f64::from(n) / 10.0).into_bytes()),
        1 => one_of(&["180", "-180", "85.05112878", "-85.05112878", "86", "181", "abc", "", "nan", "inf"]),
    ]
    .boxed()
}

fn distance() -> Bytes {
    prop_oneof![
        6 => one_of(&["200", "100000", "0", "166.274", "4000", "1e7"]),
        1 => one_of(&["-1", "abc", "", "nan", "inf"]),
    ]
    .boxed()
}

/// Seconds of a blocking command: next to nothing, since nobody comes to fill the key meanwhile.
fn timeout() -> Bytes {
    one_of(&[
        "0.001", "0.002", "1e-3", "0.001", "-1", "abc", "", "nan", "-inf", "inf", "1e30",
    ])
}

fn count() -> Bytes {
    prop_oneof![
        6 => one_of(&["0", "1", "2", "3", "-1", "-2", "-5", "100000"]),
        1 => one_of(&["9223372036854775807", "-9223372036854775808", "-9223372036854775807", "9223372036854775808", "abc", ""]),
    ]
    .boxed()
}

fn in_stream(name: &str, argument: &str) -> Option<Bytes> {
    Some(match argument {
        "group" | "groupname" => one_of(&["g1", "g1", "g1", "g2", "nogroup"]),
        "consumer" | "consumername" => one_of(&["alice", "bob", "carol", ""]),
        "milliseconds" => one_of(&["1", "2", "-1", "abc"]),
        // Nothing is that idle, or all is: what lies between depends on the clock.
        "min-idle-time" => one_of(&["0", "0", "0", "100000000", "-1", "abc"]),
        "ms" => one_of(&["0", "100000", "-1", "abc"]),
        "unix-time-milliseconds" => one_of(&["100000", "4102444800123", "0", "-1", "abc"]),
        "entries_added" | "entries_read" => one_of(&["0", "2", "30", "100000", "-1", "-2", "abc"]),
        "threshold" => {
            prop_oneof![2 => one_of(&["0", "1", "2", "5", "100000", "-1", "abc"]), 1 => entry_id()]
                .boxed()
        }
        "count" => one_of(&["1", "2", "3", "10", "0", "-1", "abc"]),
        "id" if name == "xreadgroup" => one_of(&[">", ">", ">", "0", "0-0", "30005", "$", "abc"]),
        "id" if name == "xread" => {
            prop_oneof![2 => one_of(&["0", "$", "30010-0"]), 1 => entry_id()].boxed()
        }
        "id" if name.starts_with("xgroup") => one_of(&["0", "$", "30010", "30020-0", "abc"]),
        "start" | "end" => range_id(),
        "id" | "last-id" | "max_deleted_entry_id" => entry_id(),
        "field" | "value" => member(),
        _ => return None,
    })
}

/// The argument of that name in a command on collections.
pub fn argument(shape: &Shape, name: &str, kind: &str) -> Option<Bytes> {
    let command = shape.name.as_str();
    if kind == "key" {
        return Some(key(shape));
    }
    match shape.group.as_str() {
        "stream" => return in_stream(command, name),
        "list" | "set" | "hash" | "sorted-set" | "geo" | "hyperloglog" => {}
        _ if command.starts_with("sort") => {
            return Some(match name {
                "pattern" => one_of(&["*", "#", "nosort", "w_*", "h1->*", "*->f1", "a", "l*", ""]),
                "offset" | "count" => count(),
                _ => return None,
            });
        }
        _ => return None,
    }
    Some(match name {
        "timeout" => timeout(),
        "cursor" => one_of(&["0", "0", "0", "100000", "abc", "18446744073709551615", "-1"]),
        "pattern" => one_of(&["*", "a*", "?", "[a-c]", "many:*", "f1", ""]),
        "score" | "weight" => score(),
        "increment" if command == "zincrby" || command == "hincrbyfloat" => score(),
        "increment" => prop_oneof![3 => count(), 1 => score()].boxed(),
        "min" | "max" if command.contains("lex") => lex_bound(),
        "min" | "max" if command == "zrangestore" => any_bound(),
        "min" | "max" => score_bound(),
        "start" | "stop" if command == "zrange" => any_bound(),
        "longitude" => coordinate(180),
        "latitude" => coordinate(85),
        "radius" | "width" | "height" => distance(),
        "count" | "num-matches" | "rank" | "len" | "limit" | "index" | "start" | "stop"
        | "offset" => count(),
        "member" | "member1" | "member2" | "element" | "field" | "pivot" | "value" => member(),
        "subcommand" => one_of(&["getreg", "encoding", "todense", "nosuch"]),
        _ => return None,
    })
}

fn any_bound() -> Bytes {
    prop_oneof![3 => count(), 1 => score_bound(), 1 => lex_bound()].boxed()
}

/// Commands that fill the key space, drawn more often.
pub const FILLING: &[&str] = &[
    "rpush",
    "lpush",
    "linsert",
    "sadd",
    "zadd",
    "hset",
    "hmset",
    "xadd",
    "geoadd",
    "pfadd",
    "xgroup|create",
    "xreadgroup",
    "sunionstore",
    "zunionstore",
    "zincrby",
    "hincrby",
];

/// Where the timeout of a blocking command stands, as an index from the start or the end of the words.
fn timeout_of(words: &[Vec<u8>]) -> Option<&[u8]> {
    let name = String::from_utf8_lossy(words.first()?).to_lowercase();
    let is_block = |word: &Vec<u8>| word.eq_ignore_ascii_case(b"block");
    let word = match name.as_str() {
        "blpop" | "brpop" | "bzpopmin" | "bzpopmax" | "blmove" | "brpoplpush" => words.last(),
        "blmpop" | "bzmpop" => words.get(1),
        "xread" | "xreadgroup" => words.get(words.iter().position(is_block)? + 1),
        _ => None,
    };
    word.map(Vec::as_slice)
}

/// Whether a damaged blocking command would wait for longer than a moment.
pub fn waits_long(words: &[Vec<u8>]) -> bool {
    let text = timeout_of(words).map(|word| String::from_utf8_lossy(word).into_owned());
    let number = text.and_then(|text| text.trim().parse::<f64>().ok());
    let in_ms = words
        .first()
        .is_some_and(|name| name.to_ascii_lowercase().starts_with(b"xread"));
    let longest = if in_ms { 5.0 } else { 0.005 };
    number.is_some_and(|timeout| timeout == 0.0 || (timeout > longest && timeout < 9e15))
}
