//! Calls of commands, drawn from the argument trees of their rows: a new command is fuzzed without an edit here.
//!
//! The key space is small so that commands meet, and most keys are those of the command's group, so that most commands
//! meet a value of their type; values lie around the limits of the encodings; numbers lie at the edges and around the
//! time of the test.

use esker_commands::arg::{Arg, ArgKind};
use esker_commands::{DataFn, Found, Group, TABLE};

use crate::input::Input;
use crate::store::Words;

const KEYS: &[&[u8]] = &[
    b"a",
    b"b",
    b"c",
    b"d",
    b"e",
    b"{t}f",
    b"",
    b"key with space",
    b"\r\n",
    b"\x00\xff\n",
    &[b'L'; 300],
    b"*",
];
const TEXTS: &[&[u8]] = &[
    b"",
    b"x",
    b"hello",
    b"0",
    b"-1",
    b"10",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"1.5",
    b"3.0e3",
    b"-0",
    b"00",
    b" 1",
    b"inf",
    b"nan",
    b"1e400",
    b"\x00",
    b"\xff\xff\xff\xff",
    &[b'e'; 44],
    &[b'r'; 45],
    &[b'l'; 1024],
    &[b'b'; 1025],
];
const NUMBERS: &[i64] = &[
    0,
    1,
    2,
    3,
    -1,
    -2,
    5,
    7,
    8,
    10,
    15,
    16,
    63,
    64,
    100,
    1000,
    2999,
    3000,
    8191,
    24_000,
    4_294_967_295,
    i64::MAX,
    i64::MIN,
    i64::MAX / 1000,
    -1000,
];
const WORDS: &[&[u8]] = &[
    b"NX",
    b"XX",
    b"GET",
    b"KEEPTTL",
    b"EX",
    b"PX",
    b"REPLACE",
    b"DB",
    b"u8",
    b"i64",
    b"u63",
    b"i5",
    b"#3",
    b"BIT",
    b"BYTE",
    b"OVERFLOW",
    b"WRAP",
    b"SAT",
    b"FAIL",
    b"FIELDS",
    b"LEFT",
    b"RIGHT",
    b"BEFORE",
    b"LIMIT",
    b"MAXLEN",
    b"MKSTREAM",
    b"-",
    b"+",
    b"$",
    b">",
    b"1-1",
    b"5-*",
    b"(2",
    b"[x",
    b"INCRBY",
    b"string",
    b"AND",
    b"NOT",
    b"COUNT",
    b"MATCH",
    b"",
];

/// The most arguments that one call is given.
const WORDS_MAX: usize = 24;

/// A call of some command; now and then one that is not well formed.
pub fn call(input: &mut Input<'_>, now: i64) -> Words {
    let row = loop {
        let Found { row, .. } = row(input);
        if row.handler.is_some() && !row.is_container() {
            break row;
        }
    };
    let mut words: Words = row
        .name
        .split('|')
        .map(|word| word.as_bytes().to_vec())
        .collect();
    let scene = Scene {
        group: row.group,
        now,
        repeats: row.name.ends_with("RANDMEMBER") || row.name == "HRANDFIELD",
    };
    sequence(input, row.args, scene, &mut words);
    if input.one_in(16) {
        spoil(input, &mut words);
    }
    words
}

/// What a call is drawn for.
#[derive(Clone, Copy)]
struct Scene {
    group: Group,
    now: i64,
    /// A number says how often an element is shown, again and again if it is negative.
    repeats: bool,
}

/// Keys that usually hold a value of the type that a group of commands is about.
const TYPED: &[(Group, &[&[u8]])] = &[
    (Group::List, &[b"list:1", b"list:2", b"{t}list"]),
    (Group::Set, &[b"set:1", b"set:2", b"{t}set"]),
    (Group::SortedSet, &[b"zset:1", b"zset:2", b"{t}zset"]),
    (Group::Hash, &[b"hash:1", b"hash:2", b"{t}hash"]),
    (Group::Stream, &[b"stream:1", b"stream:2", b"{t}stream"]),
];

fn key(input: &mut Input<'_>, group: Group) -> Vec<u8> {
    if input.one_in(8) {
        return input.pick(KEYS).to_vec();
    }
    match TYPED.iter().find(|(of, _)| *of == group) {
        Some((_, keys)) => input.pick(keys).to_vec(),
        None if input.one_in(3) => {
            let (_, keys) = input.pick(TYPED);
            input.pick(keys).to_vec()
        }
        None => input.pick(KEYS).to_vec(),
    }
}

fn row(input: &mut Input<'_>) -> Found<DataFn> {
    let at = input.below(TABLE.len());
    let found = TABLE.rows().nth(at).expect("a number below the length");
    if input.is_empty() {
        // The end of the input must not be a row that cannot be called.
        return TABLE.find(b"GET").expect("a command that every table has");
    }
    found
}

fn spoil(input: &mut Input<'_>, words: &mut Words) {
    let at = input.below(words.len());
    match input.below(4) {
        0 if words.len() > 1 => drop(words.remove(at.max(1))),
        1 => words.push(input.pick(WORDS).to_vec()),
        2 if at > 0 => words[at] = input.pick(TEXTS).to_vec(),
        _ if at > 0 => words[at] = input.pick(WORDS).to_vec(),
        _ => words.push(input.pick(TEXTS).to_vec()),
    }
}

fn sequence(input: &mut Input<'_>, args: &[Arg], scene: Scene, words: &mut Words) {
    for arg in args {
        if arg.optional && !input.one_in(3) {
            continue;
        }
        let times = if arg.multiple { 1 + input.below(3) } else { 1 };
        for time in 0..times {
            if words.len() >= WORDS_MAX {
                return;
            }
            if (time == 0 || arg.multiple_token)
                && let Some(token) = arg.token
            {
                words.push(token.as_bytes().to_vec());
            }
            value(input, arg, scene, words);
        }
    }
}

fn value(input: &mut Input<'_>, arg: &Arg, scene: Scene, words: &mut Words) {
    let word = match arg.kind {
        ArgKind::PureToken => return,
        ArgKind::OneOf => {
            if !arg.args.is_empty() {
                let choice = input.below(arg.args.len());
                let mut chosen = arg.args[choice];
                chosen.optional = false;
                sequence(input, &[chosen], scene, words);
            }
            return;
        }
        ArgKind::Block => return sequence(input, arg.args, scene, words),
        ArgKind::Key => key(input, scene.group),
        ArgKind::Integer if scene.repeats => (input.below(40) as i64 - 20).to_string().into_bytes(),
        ArgKind::Integer => integer(input, scene.now).to_string().into_bytes(),
        ArgKind::UnixTime => time(input, scene.now).to_string().into_bytes(),
        ArgKind::Double | ArgKind::String => text(input),
        ArgKind::Pattern => pattern(input),
    };
    words.push(word);
}

fn integer(input: &mut Input<'_>, now: i64) -> i64 {
    match input.below(8) {
        0..=5 => *input.pick(NUMBERS),
        6 => time(input, now),
        _ => input.u64() as i64,
    }
}

/// Points in time and durations alike, in seconds and milliseconds.
fn time(input: &mut Input<'_>, now: i64) -> i64 {
    let near = now + input.below(400) as i64 - 100;
    match input.below(4) {
        0 => near,
        1 => near / 1000,
        2 => input.below(1000) as i64,
        _ => *input.pick(NUMBERS),
    }
}

fn text(input: &mut Input<'_>) -> Vec<u8> {
    match input.below(8) {
        0..=3 => input.pick(TEXTS).to_vec(),
        4 => input.pick(WORDS).to_vec(),
        5 => input.pick(NUMBERS).to_string().into_bytes(),
        _ => {
            let length = input.below(24);
            input.take(length).to_vec()
        }
    }
}

fn pattern(input: &mut Input<'_>) -> Vec<u8> {
    const PIECES: &[&[u8]] = &[
        b"*", b"?", b"[", b"]", b"^", b"\\", b"a", b"-", b"z", b"[a-c]", b"key", b"[^",
    ];
    let length = input.below(6);
    (0..length)
        .flat_map(|_| input.pick(PIECES).to_vec())
        .collect()
}
