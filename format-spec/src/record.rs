//! Effects: the closed vocabulary of changes that the log is written in.
//!
//! An effect is a deterministic command: applied in order to the same state it gives the same state,
//! whatever the time, configuration or version. On disk it is a RESP array of bulk strings in one canonical
//! spelling (upper-case words, decimal numbers without leading zeros), so printing what was parsed gives
//! the same bytes. A published effect never changes its meaning; new ones may be added, and a reader that
//! meets an unknown one refuses the log rather than guess.
//!
//! Parsing borrows from the payload and allocates nothing. What parses is well formed, not necessarily
//! applicable: `RENAME` of a key that does not exist is for the one who applies it to refuse.

mod verb;
mod words;

pub use verb::{Spelling, VERBS, Verb};
pub use words::Words;

use crate::UnixMs;
use crate::cursor::Fault;

/// The largest number of words in an item that is not about a collection.
const WORDS_MAX: usize = 6;

/// What `SET` does with the expiry of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetExpiry {
    /// No expiry afterwards.
    Clear,
    /// The expiry stays as it is (`KEEPTTL`).
    Keep,
    /// Expires at that time (`PXAT`).
    At(UnixMs),
}

/// One change to the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect<'a> {
    /// `SET key value [PXAT ms | KEEPTTL]`: the key holds this string.
    Set {
        /// The key.
        key: &'a [u8],
        /// The new value.
        value: &'a [u8],
        /// What becomes of the expiry.
        expiry: SetExpiry,
    },
    /// `DEL key`: the key does not exist.
    Del {
        /// The key.
        key: &'a [u8],
    },
    /// `PEXPIREAT key ms`: the key expires at that time.
    PexpireAt {
        /// The key.
        key: &'a [u8],
        /// When.
        at: UnixMs,
    },
    /// `PERSIST key`: the key does not expire.
    Persist {
        /// The key.
        key: &'a [u8],
    },
    /// `APPEND key value`: the string grows at its end; absent counts as empty.
    Append {
        /// The key.
        key: &'a [u8],
        /// What is appended.
        value: &'a [u8],
    },
    /// `SETRANGE key offset value`: bytes overwritten at an offset, zero-filled up to it.
    SetRange {
        /// The key.
        key: &'a [u8],
        /// The first byte that changes.
        offset: u64,
        /// The new bytes.
        value: &'a [u8],
    },
    /// `INCRBY key n`: the integer grows by `n`; absent counts as 0.
    IncrBy {
        /// The key.
        key: &'a [u8],
        /// The difference.
        by: i64,
    },
    /// `RENAME from to`: value and expiry move; what `to` held is gone.
    Rename {
        /// The old name.
        from: &'a [u8],
        /// The new name.
        to: &'a [u8],
    },
    /// `MOVE key db`: value and expiry move to the same name in another database.
    Move {
        /// The key.
        key: &'a [u8],
        /// The other database.
        db: u32,
    },
    /// `COPY from to DB n REPLACE`: value and expiry are copied; what was there is gone.
    Copy {
        /// The source, in the current database.
        from: &'a [u8],
        /// The target.
        to: &'a [u8],
        /// The database of the target.
        db: u32,
    },
    /// `SWAPDB a b`: two databases exchange their content.
    SwapDb {
        /// One database.
        a: u32,
        /// The other.
        b: u32,
    },
    /// `FLUSHDB`: the current database is empty.
    FlushDb,
    /// `FLUSHALL`: all databases are empty.
    FlushAll,
    /// `RESTORE key ms payload REPLACE ABSTTL`: the key holds the value in the DUMP payload; ms 0 is no expiry.
    Restore {
        /// The key.
        key: &'a [u8],
        /// The expiry.
        expire_at: Option<UnixMs>,
        /// The payload, see [`crate::redis::rdb`].
        payload: &'a [u8],
    },
    /// A change inside of a list, set, hash, sorted set or stream.
    Collection {
        /// What is done.
        verb: Verb,
        /// The key.
        key: &'a [u8],
        /// What it is done with.
        words: Words<'a>,
    },
}

/// What a log payload is made of: effects, and the words that give them context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A change.
    Effect(Effect<'a>),
    /// `SELECT n`: the following effects are about database `n`.
    Select(u32),
    /// `MULTI`: the effects up to `EXEC` happen all or not at all.
    Multi,
    /// `EXEC`: the end of such a unit.
    Exec,
}

impl<'a> Effect<'a> {
    /// Appends the canonical RESP bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Effect::Set { key, value, expiry } => encode_set(out, key, value, expiry),
            Effect::Del { key } => words(out, b"*2\r\n$3\r\nDEL\r\n", &[key]),
            Effect::PexpireAt { key, at } => {
                words(out, b"*3\r\n$9\r\nPEXPIREAT\r\n", &[key]);
                put_number(out, at.0);
            }
            Effect::Persist { key } => words(out, b"*2\r\n$7\r\nPERSIST\r\n", &[key]),
            Effect::Append { key, value } => words(out, b"*3\r\n$6\r\nAPPEND\r\n", &[key, value]),
            Effect::SetRange { key, offset, value } => {
                words(out, b"*4\r\n$8\r\nSETRANGE\r\n", &[key]);
                put_unsigned(out, offset);
                put_bulk(out, value);
            }
            Effect::IncrBy { key, by } => {
                words(out, b"*3\r\n$6\r\nINCRBY\r\n", &[key]);
                put_number(out, by);
            }
            Effect::Rename { from, to } => words(out, b"*3\r\n$6\r\nRENAME\r\n", &[from, to]),
            Effect::Move { key, db } => {
                words(out, b"*3\r\n$4\r\nMOVE\r\n", &[key]);
                put_unsigned(out, u64::from(db));
            }
            Effect::Copy { from, to, db } => {
                words(out, b"*6\r\n$4\r\nCOPY\r\n", &[from, to, b"DB"]);
                put_unsigned(out, u64::from(db));
                put_bulk(out, b"REPLACE");
            }
            Effect::SwapDb { a, b } => {
                out.extend_from_slice(b"*3\r\n$6\r\nSWAPDB\r\n");
                put_unsigned(out, u64::from(a));
                put_unsigned(out, u64::from(b));
            }
            Effect::FlushDb => out.extend_from_slice(b"*1\r\n$7\r\nFLUSHDB\r\n"),
            Effect::FlushAll => out.extend_from_slice(b"*1\r\n$8\r\nFLUSHALL\r\n"),
            Effect::Restore {
                key,
                expire_at,
                payload,
            } => {
                words(out, b"*6\r\n$7\r\nRESTORE\r\n", &[key]);
                put_number(out, expire_at.map_or(0, |at| at.0));
                put_bulk(out, payload);
                out.extend_from_slice(b"$7\r\nREPLACE\r\n$6\r\nABSTTL\r\n");
            }
            Effect::Collection { verb, key, words } => encode_collection(out, verb, key, words),
        }
    }

    /// Reads an effect that is not about a collection from its words, in canonical spelling.
    pub fn parse(args: &[&'a [u8]]) -> Result<Effect<'a>, Fault> {
        let effect = match *args {
            [b"SET", key, value] => Effect::Set {
                key,
                value,
                expiry: SetExpiry::Clear,
            },
            [b"SET", key, value, b"KEEPTTL"] => Effect::Set {
                key,
                value,
                expiry: SetExpiry::Keep,
            },
            [b"SET", key, value, b"PXAT", at] => Effect::Set {
                key,
                value,
                expiry: SetExpiry::At(UnixMs(number(at)?)),
            },
            [b"DEL", key] => Effect::Del { key },
            [b"PEXPIREAT", key, at] => Effect::PexpireAt {
                key,
                at: UnixMs(number(at)?),
            },
            [b"PERSIST", key] => Effect::Persist { key },
            [b"APPEND", key, value] => Effect::Append { key, value },
            [b"SETRANGE", key, offset, value] => Effect::SetRange {
                key,
                offset: unsigned(offset)?,
                value,
            },
            [b"INCRBY", key, by] => Effect::IncrBy {
                key,
                by: number(by)?,
            },
            [b"RENAME", from, to] => Effect::Rename { from, to },
            [b"MOVE", key, to] => Effect::Move {
                key,
                db: database(to)?,
            },
            [b"COPY", from, to, b"DB", db, b"REPLACE"] => Effect::Copy {
                from,
                to,
                db: database(db)?,
            },
            [b"SWAPDB", a, b] => Effect::SwapDb {
                a: database(a)?,
                b: database(b)?,
            },
            [b"FLUSHDB"] => Effect::FlushDb,
            [b"FLUSHALL"] => Effect::FlushAll,
            [b"RESTORE", key, at, payload, b"REPLACE", b"ABSTTL"] => {
                let at = number(at)?;
                Effect::Restore {
                    key,
                    expire_at: (at != 0).then_some(UnixMs(at)),
                    payload,
                }
            }
            _ => {
                return Err(Fault::Invalid(
                    "the command is not in the vocabulary of effects",
                ));
            }
        };
        Ok(effect)
    }

    /// The first word.
    pub fn name(&self) -> &'static str {
        match self {
            Effect::Set { .. } => "SET",
            Effect::Del { .. } => "DEL",
            Effect::PexpireAt { .. } => "PEXPIREAT",
            Effect::Persist { .. } => "PERSIST",
            Effect::Append { .. } => "APPEND",
            Effect::SetRange { .. } => "SETRANGE",
            Effect::IncrBy { .. } => "INCRBY",
            Effect::Rename { .. } => "RENAME",
            Effect::Move { .. } => "MOVE",
            Effect::Copy { .. } => "COPY",
            Effect::SwapDb { .. } => "SWAPDB",
            Effect::FlushDb => "FLUSHDB",
            Effect::FlushAll => "FLUSHALL",
            Effect::Restore { .. } => "RESTORE",
            Effect::Collection { verb, .. } => verb.name(),
        }
    }

    /// The key that the effect is about, if it is about one; for two keys the first.
    pub fn key(&self) -> Option<&'a [u8]> {
        match *self {
            Effect::Set { key, .. }
            | Effect::Del { key }
            | Effect::PexpireAt { key, .. }
            | Effect::Persist { key }
            | Effect::Append { key, .. }
            | Effect::SetRange { key, .. }
            | Effect::IncrBy { key, .. }
            | Effect::Move { key, .. }
            | Effect::Restore { key, .. }
            | Effect::Collection { key, .. } => Some(key),
            Effect::Rename { from, .. } | Effect::Copy { from, .. } => Some(from),
            Effect::SwapDb { .. } | Effect::FlushDb | Effect::FlushAll => None,
        }
    }
}

impl<'a> Item<'a> {
    /// Appends the canonical RESP bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Item::Effect(effect) => effect.encode(out),
            Item::Select(db) => {
                out.extend_from_slice(b"*2\r\n$6\r\nSELECT\r\n");
                put_unsigned(out, u64::from(*db));
            }
            Item::Multi => out.extend_from_slice(MULTI),
            Item::Exec => out.extend_from_slice(EXEC),
        }
    }

    /// Reads the item at the start of `bytes`; returns it and its length.
    pub fn decode(bytes: &'a [u8]) -> Result<(Item<'a>, usize), Fault> {
        if let Some(found) = decode_plain_set(bytes) {
            return Ok(found);
        }
        if let Some(found) = decode_collection(bytes)? {
            return Ok(found);
        }
        let mut args: [&[u8]; WORDS_MAX] = [&[]; WORDS_MAX];
        let (count, consumed) = decode_words(bytes, &mut args)?;
        let args = args
            .get(..count)
            .ok_or(Fault::Invalid("the command has too many words"))?;
        let item = match *args {
            [b"SELECT", db] => Item::Select(database(db)?),
            [b"MULTI"] => Item::Multi,
            [b"EXEC"] => Item::Exec,
            _ => Item::Effect(Effect::parse(args)?),
        };
        Ok((item, consumed))
    }
}

/// The bytes that open a unit of several effects.
pub const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
/// The bytes that close it.
pub const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

const PLAIN_SET: &[u8] = b"*3\r\n$3\r\nSET\r\n";

fn encode_set(out: &mut Vec<u8>, key: &[u8], value: &[u8], expiry: SetExpiry) {
    match expiry {
        SetExpiry::Clear => words(out, PLAIN_SET, &[key, value]),
        SetExpiry::Keep => words(out, b"*4\r\n$3\r\nSET\r\n", &[key, value, b"KEEPTTL"]),
        SetExpiry::At(at) => {
            words(out, b"*5\r\n$3\r\nSET\r\n", &[key, value, b"PXAT"]);
            put_number(out, at.0);
        }
    }
}

/// The shortcut for the most common item; `None` leaves the judgement to the general way.
#[inline]
fn decode_plain_set(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let rest = bytes.strip_prefix(PLAIN_SET)?;
    let (key, rest) = bulk(rest).ok()?;
    let (value, rest) = bulk(rest).ok()?;
    let effect = Effect::Set {
        key,
        value,
        expiry: SetExpiry::Clear,
    };
    Some((Item::Effect(effect), bytes.len() - rest.len()))
}

fn encode_collection(out: &mut Vec<u8>, verb: Verb, key: &[u8], words: Words<'_>) {
    let spelling = verb.spelling();
    debug_assert!(spelling.takes(words.len()), "{verb:?} of {words:?}");
    let names = 2 + usize::from(spelling.subcommand.is_some());
    out.push(b'*');
    put_decimal(out, (names + words.len()) as u64);
    out.extend_from_slice(b"\r\n");
    put_bulk(out, spelling.name.as_bytes());
    if let Some(subcommand) = spelling.subcommand {
        put_bulk(out, subcommand.as_bytes());
    }
    put_bulk(out, key);
    words.encode(out);
}

/// `None` if the item does not begin with a verb.
fn decode_collection(bytes: &[u8]) -> Result<Option<(Item<'_>, usize)>, Fault> {
    let (count, rest) = prefixed_length(bytes, b'*')?;
    if count < 3 {
        return Ok(None);
    }
    let (name, rest) = bulk(rest)?;
    let (second, after_second) = bulk(rest)?;
    let Some(spelling) = Verb::find(name, second) else {
        return Ok(None);
    };
    let (key, rest, names) = match spelling.subcommand {
        None => (second, after_second, 2),
        Some(_) => {
            let (key, rest) = bulk(after_second)?;
            (key, rest, 3)
        }
    };
    let count = count
        .checked_sub(names)
        .filter(|count| spelling.takes(*count))
        .ok_or(Fault::Invalid("the verb takes another number of words"))?;
    let (words, rest) = Words::decode(rest, count)?;
    let effect = Effect::Collection {
        verb: spelling.verb,
        key,
        words,
    };
    Ok(Some((Item::Effect(effect), bytes.len() - rest.len())))
}

fn decode_words<'a>(
    bytes: &'a [u8],
    args: &mut [&'a [u8]; WORDS_MAX],
) -> Result<(usize, usize), Fault> {
    let (count, mut rest) = prefixed_length(bytes, b'*')?;
    let args = args
        .get_mut(..count)
        .ok_or(Fault::Invalid("the command has too many words"))?;
    for arg in args {
        (*arg, rest) = bulk(rest)?;
    }
    Ok((count, bytes.len() - rest.len()))
}

#[inline]
fn bulk(bytes: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let (length, rest) = prefixed_length(bytes, b'$')?;
    let (body, rest) = rest.split_at_checked(length).ok_or(Fault::Truncated)?;
    Ok((body, line_end(rest)?))
}

#[inline]
fn line_end(bytes: &[u8]) -> Result<&[u8], Fault> {
    match bytes {
        [b'\r', b'\n', rest @ ..] => Ok(rest),
        [] | [b'\r'] => Err(Fault::Truncated),
        _ => Err(Fault::Invalid("a word does not end with CR LF")),
    }
}

/// `{prefix}{decimal}\r\n` in canonical spelling, at most ten digits.
#[inline]
fn prefixed_length(bytes: &[u8], prefix: u8) -> Result<(usize, &[u8]), Fault> {
    let [first, digits @ ..] = bytes else {
        return Err(Fault::Truncated);
    };
    if *first != prefix {
        return Err(Fault::Invalid("a RESP array of bulk strings is expected"));
    }
    let mut length = 0usize;
    let mut rest = digits;
    loop {
        match rest {
            [digit @ b'0'..=b'9', tail @ ..] => {
                length = length * 10 + usize::from(*digit - b'0');
                rest = tail;
            }
            [] => return Err(Fault::Truncated),
            _ => break,
        }
        if digits.len() - rest.len() > 10 {
            return Err(Fault::Invalid("a length has too many digits"));
        }
    }
    let count = digits.len() - rest.len();
    if count == 0 || (count > 1 && digits.first() == Some(&b'0')) {
        return Err(Fault::Invalid("a length is not in canonical spelling"));
    }
    Ok((length, line_end(rest)?))
}

/// A decimal integer in canonical spelling: no `+`, no leading zeros, no `-0`.
fn number(bytes: &[u8]) -> Result<i64, Fault> {
    let bad = Fault::Invalid("a number is not in canonical spelling");
    let canonical = matches!(bytes, [b'0'] | [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..]);
    if !canonical {
        return Err(bad);
    }
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(bad)
}

fn unsigned(bytes: &[u8]) -> Result<u64, Fault> {
    u64::try_from(number(bytes)?).map_err(|_| Fault::Invalid("a number is negative"))
}

fn database(bytes: &[u8]) -> Result<u32, Fault> {
    u32::try_from(number(bytes)?).map_err(|_| Fault::Invalid("a database number is out of range"))
}

fn words(out: &mut Vec<u8>, head: &[u8], args: &[&[u8]]) {
    out.reserve(head.len() + args.iter().map(|arg| arg.len() + 16).sum::<usize>());
    out.extend_from_slice(head);
    for arg in args {
        put_bulk(out, arg);
    }
}

fn put_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'$');
    put_decimal(out, bytes.len() as u64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn put_number(out: &mut Vec<u8>, value: i64) {
    let mut text = [0; 20];
    let used = write_digits(&mut text, value.unsigned_abs());
    let (sign, length): (&[u8], usize) = if value < 0 {
        (b"-", used + 1)
    } else {
        (b"", used)
    };
    out.push(b'$');
    put_decimal(out, length as u64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(sign);
    out.extend_from_slice(text.get(20 - used..).unwrap_or_default());
    out.extend_from_slice(b"\r\n");
}

fn put_unsigned(out: &mut Vec<u8>, value: u64) {
    let mut text = [0; 20];
    let used = write_digits(&mut text, value);
    put_bulk(out, text.get(20 - used..).unwrap_or_default());
}

fn put_decimal(out: &mut Vec<u8>, value: u64) {
    let mut text = [0; 20];
    let used = write_digits(&mut text, value);
    out.extend_from_slice(text.get(20 - used..).unwrap_or_default());
}

/// Writes the decimal digits at the end of `text`; returns how many.
fn write_digits(text: &mut [u8; 20], mut value: u64) -> usize {
    let mut used = 0;
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
        used += 1;
        if value == 0 {
            break;
        }
    }
    used
}
