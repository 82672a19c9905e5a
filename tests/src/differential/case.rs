//! One generated sequence and its strategies.

use std::fmt;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::Union;

use crate::client::show;

use super::grammar::{Shape, Words, calls};
use super::rules::{
    changes_by_lenient_bound, changes_by_lex, is_left_out, keeps_an_open_order, removes_too_many,
};
use super::typed;
use super::values;

/// One step of a sequence. All but `Raw` travel on one connection, pipelined as far as possible.
#[derive(Clone)]
pub enum Step {
    Call(Words),
    /// Lets a key run out of time without touching it: what comes next meets it expired.
    Expire(Vec<u8>),
    /// A whole iteration with these options, compared as a set.
    ScanAll(Words),
    /// CLIENT REPLY OFF, calls, CLIENT REPLY ON.
    Silent(Vec<Words>),
    /// CLIENT REPLY SKIP and one call.
    Skipped(Words),
    /// Bytes on a connection of their own, compared until the server closes it.
    Raw(Vec<u8>),
    /// QUIT, and on with a new connection.
    Quit,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |words: &Words| {
            words
                .iter()
                .map(|word| format!("\"{}\"", show(word)))
                .collect::<Vec<_>>()
                .join(" ")
        };
        match self {
            Step::Call(words) => write!(f, "{}", line(words)),
            Step::Expire(key) => write!(f, "(expire \"{}\")", show(key)),
            Step::ScanAll(options) => write!(f, "(scan to the end) {}", line(options)),
            Step::Silent(calls) => write!(
                f,
                "(silent) {}",
                calls.iter().map(line).collect::<Vec<_>>().join(" ; ")
            ),
            Step::Skipped(words) => write!(f, "(skipped) {}", line(words)),
            Step::Raw(bytes) => write!(f, "(raw) {}", show(bytes)),
            Step::Quit => write!(f, "QUIT"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Case {
    pub resp3: bool,
    /// Where the bytes of a pipeline are cut into separate writes.
    pub cuts: Vec<Index>,
    pub steps: Vec<Step>,
}

/// Damage done to a well-formed call.
#[derive(Clone, Debug)]
enum Mutation {
    None,
    Drop(Index),
    Double(Index),
    Insert(Index, Vec<u8>),
    Replace(Index, Vec<u8>),
    Truncate(Index),
    Swap(Index, Index),
}

impl Mutation {
    fn apply(&self, words: &mut Words) {
        // The name stays, so that damage meets handlers and not only "unknown command".
        let at = |index: &Index, len: usize| 1 + index.index(len - 1);
        if words.len() < 2 {
            if let Mutation::Insert(_, word) = self {
                words.push(word.clone());
            }
            return;
        }
        let len = words.len();
        match self {
            Mutation::None => {}
            Mutation::Drop(index) => {
                words.remove(at(index, len));
            }
            Mutation::Double(index) => words.insert(at(index, len), words[at(index, len)].clone()),
            Mutation::Insert(index, word) => words.insert(at(index, len), word.clone()),
            Mutation::Replace(index, word) => words[at(index, len)] = word.clone(),
            Mutation::Truncate(index) => words.truncate(at(index, len)),
            Mutation::Swap(a, b) => words.swap(at(a, len), at(b, len)),
        }
    }
}

fn mutation() -> BoxedStrategy<Mutation> {
    let index = any::<Index>;
    prop_oneof![
        24 => Just(Mutation::None),
        1 => index().prop_map(Mutation::Drop),
        1 => index().prop_map(Mutation::Double),
        2 => (index(), values::garbage()).prop_map(|(at, word)| Mutation::Insert(at, word)),
        2 => (index(), values::garbage()).prop_map(|(at, word)| Mutation::Replace(at, word)),
        1 => index().prop_map(Mutation::Truncate),
        1 => (index(), index()).prop_map(|(a, b)| Mutation::Swap(a, b)),
    ]
    .boxed()
}

/// Calls of all shapes, damaged now and then, with more of those that fill the key space.
fn any_call(shapes: &[Shape]) -> BoxedStrategy<Words> {
    let weight = |name: &str| match name {
        "set" | "mset" | "append" | "setrange" | "setbit" | "incrby" | "getex" | "expire" => 12,
        // Too much of these leaves nothing to look at.
        // Each wait costs some milliseconds.
        "blpop" | "brpop" | "blmove" | "brpoplpush" | "blmpop" | "bzpopmin" | "bzpopmax"
        | "bzmpop" => 1,
        _ if typed::FILLING.contains(&name) => 12,
        "flushall" | "flushdb" | "swapdb" | "reset" | "select" | "unlink" | "del" | "getdel" => 2,
        _ => 4,
    };
    let drawn = shapes
        .iter()
        .map(|shape| (weight(&shape.name), calls(shape)));
    let unknown = (
        select(vec!["nosuch", "GETT", "", "set\r\n", "object|freq"]),
        prop::collection::vec(values::value(), 0..4),
    )
        .prop_map(|(name, mut args)| {
            args.insert(0, name.as_bytes().to_vec());
            args
        });
    let all = drawn.chain([(1, unknown.boxed())]);
    (Union::new_weighted(all.collect()), mutation())
        .prop_map(|(mut words, mutation)| {
            mutation.apply(&mut words);
            words
        })
        .prop_filter(
            "may change how many replies come or pause the server",
            |words| is_harmless(words),
        )
        .boxed()
}

/// Damage to the arguments of a container can make another subcommand of it.
fn is_harmless(words: &[Vec<u8>]) -> bool {
    let word = |i: usize| {
        words
            .get(i)
            .map(|word| String::from_utf8_lossy(word).to_lowercase())
            .unwrap_or_default()
    };
    let (first, both) = (word(0), format!("{}|{}", word(0), word(1)));
    // COMMAND alone is left out, but its subcommands are judged by their own names.
    let name_counts = words.len() < 2 || first != "command";
    // The reference adds the clock to the time and overflows; what it then does is not defined.
    if typed::waits_long(words)
        || keeps_an_open_order(words)
        || removes_too_many(words)
        || changes_by_lex(words)
        || changes_by_lenient_bound(words)
        || repeats_too_often(words)
    {
        return false;
    }
    let overflows = first == "restore" && words.iter().any(|word| word == b"9223372036854775807");
    let left_out = overflows || is_left_out(&both) || (name_counts && is_left_out(&first));
    !left_out
}

/// The reference repeats elements until the memory is full.
fn repeats_too_often(words: &[Vec<u8>]) -> bool {
    let is_random = words.first().is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        name.ends_with(b"randmember") || name.ends_with(b"randfield")
    });
    let count = words.get(2).map(|text| String::from_utf8_lossy(text));
    let count = count.and_then(|text| text.parse::<i64>().ok());
    // The smallest number of all is refused.
    is_random && count.is_some_and(|count| i64::MIN < count && count < -1000)
}

fn raw() -> BoxedStrategy<Vec<u8>> {
    let known: Vec<&[u8]> = vec![
        b"PING\r\n",
        b"PING\n",
        b"\r\n\r\nPING\r\n",
        b"SET a \"x y\\n\\x41\"\r\nGET a\r\n",
        b"SET a 'it\\'s'\r\nGET a\r\n",
        b"GET \"unbalanced\r\n",
        b"GET 'unbalanced\r\n",
        b"GET \"a\"b\r\n",
        b"   PING   \r\n",
        b"*0\r\nPING\r\n",
        b"*-1\r\nPING\r\n",
        b"*-10\r\nPING\r\n",
        b"*abc\r\n",
        b"*\r\n",
        b"*1.5\r\n",
        b"*99999999999999999999\r\n",
        b"*2147483648\r\n",
        b"*1\r\nPING\r\n",
        b"*1\r\n+PING\r\n",
        b"*1\r\n$abc\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$-5\r\n",
        b"*1\r\n$\r\n",
        b"*1\r\n$536870913\r\n",
        b"*1\r\n$1048577\r\n",
        b"*1\r\n$99999999999999999999\r\n",
        b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
        b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI",
        b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*x\r\n",
        b"+OK\r\n",
        b":5\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"POST / HTTP/1.0\r\nPING\r\n",
        b"Host: example.org\r\nPING\r\n",
        b"\r\n",
        b"",
        b"QUIT\r\nPING\r\n",
    ];
    prop_oneof![
        10 => select(known).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        2 => (prop::collection::vec(values::value(), 1..4), any::<Index>(), any::<u8>()).prop_map(|(words, at, byte)| {
            let mut bytes = crate::client::encode(&words);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        }),
        1 => (60_000usize..70_000).prop_map(|len| vec![b'y'; len]),
        1 => (60_000usize..70_000).prop_map(|len| [b"*".as_slice(), &vec![b'1'; len]].concat()),
    ]
    .prop_filter("C strings end early at a NUL; HELLO tells connection numbers", |bytes| {
        let text = bytes.to_ascii_lowercase();
        !text.contains(&0) && !text.windows(5).any(|word| word == b"hello")
    })
    .boxed()
}

/// All sequences over these shapes.
pub fn cases(shapes: &[Shape]) -> BoxedStrategy<Case> {
    let call = any_call(shapes);
    let scan = shapes.iter().find(|shape| shape.name == "scan").map(calls);
    let mut steps = vec![
        (60, call.clone().prop_map(Step::Call).boxed()),
        (2, values::any_key().prop_map(Step::Expire).boxed()),
        (
            1,
            prop::collection::vec(call.clone(), 1..4)
                .prop_map(Step::Silent)
                .boxed(),
        ),
        (1, call.prop_map(Step::Skipped).boxed()),
        (2, raw().prop_map(Step::Raw).boxed()),
        (1, Just(Step::Quit).boxed()),
    ];
    if let Some(scan) = scan {
        steps.push((
            1,
            scan.prop_map(|words| Step::ScanAll(words.get(2..).unwrap_or_default().to_vec()))
                .boxed(),
        ));
    }
    let steps = prop::collection::vec(Union::new_weighted(steps), 1..30);
    let cuts = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(any::<Index>(), 1..4)];
    (any::<bool>(), cuts, steps)
        .prop_map(|(resp3, cuts, steps)| Case { resp3, cuts, steps })
        .boxed()
}
