//! The changes that simulated clients ask for, and how they are drawn.
//!
//! A request is what one client sends as a whole: one command, or several that must stay together.

use std::fmt;
use std::sync::Arc;

use esker_env::Rng;

use super::options::Options;

/// A key; small numbers spelled out, so that clients meet.
pub type Key = Vec<u8>;

/// What a SET does to the expiry of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expiry {
    Clear,
    Keep,
    At(i64),
}

/// A change inside of a collection. It creates the key; on a value of another type it does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    ListPush {
        left: bool,
        values: Vec<Vec<u8>>,
    },
    ListPop {
        left: bool,
        count: usize,
    },
    SetAdd(Vec<Vec<u8>>),
    SetRemove(Vec<u8>),
    /// Scores are whole numbers, so that they can be compared.
    ZsetAdd(Vec<(i32, Vec<u8>)>),
    ZsetRemove(Vec<u8>),
    HashSet(Vec<(Vec<u8>, Vec<u8>)>),
    HashRemove(Vec<u8>),
}

/// One change. The database is the client's own unless a field says otherwise.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    Set {
        key: Key,
        value: Arc<Vec<u8>>,
        expiry: Expiry,
    },
    Del {
        key: Key,
    },
    Append {
        key: Key,
        bytes: Arc<Vec<u8>>,
    },
    SetRange {
        key: Key,
        offset: usize,
        bytes: Arc<Vec<u8>>,
    },
    IncrBy {
        key: Key,
        by: i64,
    },
    ExpireAt {
        key: Key,
        at: i64,
    },
    Persist {
        key: Key,
    },
    Rename {
        from: Key,
        to: Key,
    },
    Move {
        key: Key,
        to_db: u32,
    },
    Copy {
        from: Key,
        to: Key,
        to_db: u32,
    },
    SwapDb {
        first: u32,
        second: u32,
    },
    FlushDb,
    FlushAll,
    Collection {
        key: Key,
        change: Change,
    },
}

/// What one client asks for in one piece: all of it happens or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub db: u32,
    pub commands: Vec<Command>,
}

/// Draws a request.
pub fn draw_request(options: &Options, now: i64, rng: &mut Rng) -> Request {
    let db = rng.below(u64::from(options.databases)) as u32;
    let count = match rng.below(16) {
        0 => 2 + rng.below(8),
        1 => 2,
        _ => 1,
    };
    let mut commands: Vec<Command> = (0..count)
        .map(|_| draw_command(options, now, rng))
        .collect();
    if rng.per_mille(options.big_unit_per_mille) {
        commands.extend(draw_big(options, rng));
    }
    Request { db, commands }
}

/// Enough bytes for several frames, and often for several segments.
fn draw_big(options: &Options, rng: &mut Rng) -> Vec<Command> {
    let mut left = options.big_unit_bytes;
    let mut commands = Vec::new();
    while left > 0 {
        let length = left
            .min(1 + rng.below(left as u64) as usize)
            .max(left / 4 + 1);
        let value = bytes_of(length, rng);
        commands.push(Command::Set {
            key: draw_key(options, rng),
            value,
            expiry: Expiry::Clear,
        });
        left = left.saturating_sub(length);
    }
    commands
}

fn draw_command(options: &Options, now: i64, rng: &mut Rng) -> Command {
    if rng.one_in(3) {
        return draw_collection(options, rng);
    }
    let key = draw_key(options, rng);
    match rng.below(100) {
        0..40 => Command::Set {
            key,
            value: draw_value(options, rng),
            expiry: draw_expiry(now, rng),
        },
        40..52 => Command::Del { key },
        52..62 => Command::Append {
            key,
            bytes: draw_value(options, rng),
        },
        62..68 => {
            let offset = rng.below(options.value_bytes_max as u64 / 2 + 2) as usize;
            Command::SetRange {
                key,
                offset,
                bytes: draw_value(options, rng),
            }
        }
        68..78 => Command::IncrBy {
            key,
            by: rng.range(0, 200) as i64 - 100,
        },
        78..83 => Command::ExpireAt {
            key,
            at: draw_deadline(now, rng),
        },
        83..85 => Command::Persist { key },
        85..90 => Command::Rename {
            from: key,
            to: draw_key(options, rng),
        },
        90..94 => Command::Move {
            key,
            to_db: draw_db(options, rng),
        },
        94..97 => Command::Copy {
            from: key,
            to: draw_key(options, rng),
            to_db: draw_db(options, rng),
        },
        97 => Command::SwapDb {
            first: draw_db(options, rng),
            second: draw_db(options, rng),
        },
        98 if rng.one_in(2) => Command::FlushDb,
        99 if rng.one_in(4) => Command::FlushAll,
        _ => Command::Del { key },
    }
}

/// A key usually stays with one type, so that collections grow.
fn draw_collection(options: &Options, rng: &mut Rng) -> Command {
    let number = rng.below(options.keys);
    let key = format!("k{number}").into_bytes();
    let kind = if rng.one_in(10) {
        rng.below(4)
    } else {
        number % 4
    };
    let element = |rng: &mut Rng| {
        let number = rng.below(300);
        let long = if number.is_multiple_of(9) { 70 } else { 0 };
        format!("e{number}{}", "x".repeat(long)).into_bytes()
    };
    let one = element(rng);
    let count = if rng.one_in(6) { 30 } else { 1 + rng.below(3) };
    let few: Vec<Vec<u8>> = (0..count).map(|_| element(rng)).collect();
    let (removes, left) = (rng.one_in(4), rng.one_in(2));
    let change = match (kind, removes) {
        (0, false) => Change::ListPush { left, values: few },
        (0, true) => Change::ListPop {
            left,
            count: 1 + rng.below(4) as usize,
        },
        (1, false) => Change::SetAdd(few),
        (1, true) => Change::SetRemove(one),
        (2, false) => {
            let scored = few
                .into_iter()
                .map(|member| (rng.below(40) as i32 - 20, member));
            Change::ZsetAdd(scored.collect())
        }
        (2, true) => Change::ZsetRemove(one),
        (_, false) => {
            let pairs = few.into_iter().map(|field| (field, element(rng)));
            Change::HashSet(pairs.collect())
        }
        (_, true) => Change::HashRemove(one),
    };
    Command::Collection { key, change }
}

pub fn draw_key(options: &Options, rng: &mut Rng) -> Key {
    format!("k{}", rng.below(options.keys)).into_bytes()
}

fn draw_db(options: &Options, rng: &mut Rng) -> u32 {
    rng.below(u64::from(options.databases)) as u32
}

/// Small numbers for INCRBY, else bytes; some compress well and some not at all.
fn draw_value(options: &Options, rng: &mut Rng) -> Arc<Vec<u8>> {
    if rng.one_in(5) {
        return Arc::new(rng.below(1000).to_string().into_bytes());
    }
    let length = match rng.below(8) {
        0 => rng.below(options.value_bytes_max as u64 + 1),
        1 => 0,
        _ => rng.below(options.value_bytes_max as u64 / 16 + 16),
    };
    bytes_of((length as usize).min(options.value_bytes_max), rng)
}

fn bytes_of(length: usize, rng: &mut Rng) -> Arc<Vec<u8>> {
    let mut bytes = vec![b'a' + rng.below(26) as u8; length];
    let noise = if rng.one_in(2) { length } else { length.min(8) };
    rng.fill(&mut bytes[..noise]);
    Arc::new(bytes)
}

fn draw_expiry(now: i64, rng: &mut Rng) -> Expiry {
    match rng.below(8) {
        0 => Expiry::At(draw_deadline(now, rng)),
        1 => Expiry::Keep,
        _ => Expiry::Clear,
    }
}

/// Mostly soon, so that keys do expire within a run.
fn draw_deadline(now: i64, rng: &mut Rng) -> i64 {
    let ahead = if rng.one_in(3) {
        1_000_000
    } else {
        1 + rng.below(2_000) as i64
    };
    now + ahead
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy;
        match self {
            Command::Set { key, value, expiry } => {
                write!(f, "SET {} {} bytes {expiry:?}", text(key), value.len())
            }
            Command::Del { key } => write!(f, "DEL {}", text(key)),
            Command::Append { key, bytes } => {
                write!(f, "APPEND {} {} bytes", text(key), bytes.len())
            }
            Command::SetRange { key, offset, bytes } => {
                write!(f, "SETRANGE {} {offset} {} bytes", text(key), bytes.len())
            }
            Command::IncrBy { key, by } => write!(f, "INCRBY {} {by}", text(key)),
            Command::ExpireAt { key, at } => write!(f, "PEXPIREAT {} {at}", text(key)),
            Command::Persist { key } => write!(f, "PERSIST {}", text(key)),
            Command::Rename { from, to } => write!(f, "RENAME {} {}", text(from), text(to)),
            Command::Move { key, to_db } => write!(f, "MOVE {} {to_db}", text(key)),
            Command::Copy { from, to, to_db } => {
                write!(f, "COPY {} {} DB {to_db}", text(from), text(to))
            }
            Command::SwapDb { first, second } => write!(f, "SWAPDB {first} {second}"),
            Command::FlushDb => f.write_str("FLUSHDB"),
            Command::FlushAll => f.write_str("FLUSHALL"),
            Command::Collection { key, change } => write!(f, "{} {change:?}", text(key)),
        }
    }
}
