//! Random calls of every string, bit and key command reply the same bytes from our handlers and from a redis-server.
//!
//! In process: only the handlers and the keyspace are ours here, so a difference points at one function. The
//! differential test of the daemon covers the rest of the way. `ESKER_SEED` repeats a run, `ESKER_CALLS` sets its length.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use esker_commands::{Args, CmdError, TABLE};
use esker_keyspace::{Keyspace, Options, UnixMs};
use esker_resp::{ArgRange, OutBuf, Proto, Reply};
use esker_tests::redis::start_reference;
use esker_tests::seed::{Random, count, seed};

const KEYS: &[&str] = &["a", "b", "c", "d", "absent"];
const VALUES: &[&str] = &[
    "",
    "v",
    "10",
    "-3",
    "3.25",
    "0x1p4",
    "hello world",
    "foobarfoobar",
    "99999999999999999999",
    "1e3",
    "\u{7f}\0\u{1}",
];
const INTEGERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "7",
    "-5",
    "13",
    "100",
    "-100",
    "9223372036854775807",
    "-9223372036854775808",
    "x",
    "1.5",
    "01",
    "",
];
/// Without the smallest integer: as the value of a signed field it overflows inside Redis and saturates upwards.
const WRITTEN: &[&str] = &[
    "0",
    "1",
    "-1",
    "13",
    "100",
    "-100",
    "300",
    "9223372036854775807",
    "-9223372036854775000",
    "x",
];
const FLOATS: &[&str] = &[
    "0.1",
    "-2.5",
    "1e10",
    "3.0e-5",
    "1234567.891",
    "1e18",
    "1e40",
    "-1e40",
    "0",
    "abc",
    "inf",
    "nan",
    "1e-20",
    "0x10",
    ".5",
    "33.333333333333333333333",
];
const OFFSETS: &[&str] = &[
    "0",
    "1",
    "7",
    "8",
    "23",
    "100",
    "-1",
    "-8",
    "x",
    "4294967296",
];
const SECONDS: &[&str] = &["100", "1000", "0", "-1", "x", "9223372036854775807", "50"];
/// Long enough that nothing expires while the test runs.
const MILLISECONDS: &[&str] = &["1000000", "90000000", "0", "-1", "x", "9223372036854775807"];
const TIMES: &[&str] = &["33177117420", "1", "0", "x", "9223372036854775807"];
const TYPES: &[&str] = &["u8", "i8", "u1", "i64", "u63", "i5", "u64", "u13", "x"];
const FIELDS: &[&str] = &["0", "3", "#1", "#2", "17", "64", "-1", "#x"];

/// `k` key, `v` value, `i` integer, `f` float, `o` offset, `s` seconds, `m` milliseconds, `t` Unix time, `y` and `z` type and offset of
/// a bit field, `w` what is written there; `[…]` is left out half of the time; other words stand for themselves.
const SHAPES: &[&str] = &[
    "SET k v",
    "SET k i",
    "SET k v [NX] [XX] [GET] [EX s] [PX m] [EXAT t] [PXAT t] [KEEPTTL]",
    "GET k",
    "GETDEL k",
    "GETEX k [EX s] [PERSIST] [EXAT t]",
    "GETSET k v",
    "SETNX k v",
    "SETEX k s v",
    "PSETEX k m v",
    "MSET k v [k v] [k]",
    "MSETNX k v [k v] [k]",
    "MGET k [k] [k]",
    "APPEND k v",
    "STRLEN k",
    "SETRANGE k o v",
    "GETRANGE k i i",
    "SUBSTR k i i",
    "INCR k",
    "DECR k",
    "INCRBY k i",
    "DECRBY k i",
    "INCRBYFLOAT k f",
    "SET k f",
    "LCS k k [LEN] [IDX] [MINMATCHLEN i] [WITHMATCHLEN]",
    "SETBIT k o 1",
    "SETBIT k o 0",
    "GETBIT k o",
    "BITCOUNT k [i i] [BIT]",
    "BITPOS k 0 [i] [i] [BIT]",
    "BITPOS k 1 [i] [i] [BYTE]",
    "BITOP AND k k [k]",
    "BITOP OR k k [k] [k]",
    "BITOP XOR k k [k]",
    "BITOP NOT k k",
    "BITFIELD k [GET y z] [SET y z w] [INCRBY y z w]",
    "BITFIELD k OVERFLOW SAT SET y z w INCRBY y z w [GET y z]",
    "BITFIELD k OVERFLOW FAIL INCRBY y z w SET y z w",
    "BITFIELD_RO k GET y z",
    "DEL k [k]",
    "UNLINK k",
    "EXISTS k k [k]",
    "TYPE k",
    "TOUCH k k",
    "RENAME k k",
    "RENAMENX k k",
    "COPY k k [REPLACE] [DB 0]",
    "EXPIRE k s [NX] [XX] [GT] [LT]",
    "PEXPIRE k m",
    "EXPIREAT k t [GT]",
    "PEXPIREAT k t [LT]",
    "TTL k",
    "EXPIRETIME k",
    "PERSIST k",
    "OBJECT ENCODING k",
    "DUMP k",
    "DBSIZE",
    "MOVE k 0",
    "KEYS b*",
    "SCAN 0 COUNT 100 MATCH absent",
];

fn draw(random: &mut Random) -> Vec<String> {
    let mut pick = |from: &[&str]| from[random.below(from.len() as u64) as usize].to_string();
    let shape = pick(SHAPES);
    let mut words = Vec::new();
    let mut skipping = false;
    for part in shape.split(' ') {
        if part.starts_with('[') {
            skipping = pick(&["yes", "no"]) == "yes";
        }
        let word = part.trim_matches(['[', ']']);
        if !skipping {
            words.push(match word {
                "k" => pick(KEYS),
                "v" => pick(VALUES),
                "i" => pick(INTEGERS),
                "f" => pick(FLOATS),
                "w" => pick(WRITTEN),
                "o" => pick(OFFSETS),
                "s" => pick(SECONDS),
                "m" => pick(MILLISECONDS),
                "t" => pick(TIMES),
                "y" => pick(TYPES),
                "z" => pick(FIELDS),
                other => other.to_string(),
            });
        }
        if part.ends_with(']') {
            skipping = false;
        }
    }
    words
}

fn now() -> UnixMs {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    UnixMs(since.as_millis() as i64)
}

/// Executes as the server does: look-up, sub-command, arity, handler.
fn execute(keyspace: &mut Keyspace, words: &[String]) -> Vec<u8> {
    let mut buf = Vec::new();
    let mut ranges = Vec::new();
    for word in words {
        ranges.push(ArgRange {
            start: buf.len() as u32,
            len: word.len() as u32,
        });
        buf.extend_from_slice(word.as_bytes());
    }
    let args = Args::new(&buf, &ranges);
    let mut found = TABLE.find(args.get(0)).expect("known");
    if found.row.is_container() {
        found = TABLE.find_sub(found, args.get(1)).expect("known");
    }
    let mut out = OutBuf::new();
    let mut tx = keyspace.tx(0, now());
    let mut reply = Reply::new(&mut out, Proto::Resp2);
    let start = reply.mark();
    let result = match found.row.arity.accepts(args.len()) {
        true => (found.row.handler.expect("a handler"))(&mut tx, args, &mut reply),
        false => Err(CmdError::WrongArity(found.row.lower_name().into())),
    };
    if let Err(error) = result {
        assert_eq!(tx.changed(), 0, "{words:?} failed after its first change");
        reply.truncate_to(start);
        error.write(&mut reply);
    }
    tx.finish();
    out.to_vec()
}

/// What we answer differently on purpose. Newer versions than 7.0.15 read numbers before they look the key up.
fn is_known(words: &[String], ours: &[u8], theirs: &[u8]) -> bool {
    let numbers_first = ["BITCOUNT", "BITPOS", "LCS"].contains(&words[0].as_str());
    numbers_first
        && ours.starts_with(b"-ERR")
        && (theirs.starts_with(b":") || theirs.starts_with(b"-"))
}

#[test]
fn random_calls_reply_alike() -> io::Result<()> {
    let server = start_reference()?;
    let mut client = server.connect()?;
    let seed = seed();
    let mut random = Random::new(seed);
    let mut keyspace = Keyspace::new(Options::with_seed(seed));
    let mut history: Vec<String> = Vec::new();
    for _ in 0..count("ESKER_CALLS", 30_000) {
        let words = draw(&mut random);
        history.push(format!("{words:?}"));
        let ours = execute(&mut keyspace, &words);
        let slices: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        let theirs = client.raw(&slices)?;
        if ours != theirs && !is_known(&words, &ours, &theirs) {
            let named = |call: &&String| {
                words[1..]
                    .iter()
                    .any(|word| call.contains(&format!("{word:?}")))
            };
            let recent: Vec<&str> = history
                .iter()
                .rev()
                .filter(named)
                .take(12)
                .map(String::as_str)
                .collect();
            let recent = recent.join("\n  ");
            panic!(
                "seed {seed}: {words:?}\n  ours   {}\n  theirs {}\nlatest first:\n  {recent}",
                ours.escape_ascii(),
                theirs.escape_ascii()
            );
        }
    }
    Ok(())
}
