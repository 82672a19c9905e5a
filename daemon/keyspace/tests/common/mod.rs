//! Random operations on a keyspace, and its contents by way of the public interface.

use std::collections::BTreeMap;
use std::sync::Arc;

use esker_keyspace::entry::StrInput;
use esker_keyspace::{ExpireResult, Expiry, IntText, Keyspace, Random, Tx, UnixMs, str_bytes};

pub const DATABASES: u32 = 3;

/// Value and expiry.
pub type Stored = (Vec<u8>, Option<i64>);
pub type Contents = BTreeMap<(u32, Vec<u8>), Stored>;

/// One change, as a command would ask for it.
#[derive(Clone, Debug)]
pub enum Op {
    Set {
        key: Vec<u8>,
        value: Vec<u8>,
        expiry: Expiry,
        shared: bool,
    },
    Append {
        key: Vec<u8>,
        value: Vec<u8>,
    },
    SetRange {
        key: Vec<u8>,
        offset: usize,
        value: Vec<u8>,
    },
    IncrBy {
        key: Vec<u8>,
        by: i64,
    },
    Del {
        key: Vec<u8>,
    },
    ExpireAt {
        key: Vec<u8>,
        at: i64,
    },
    Persist {
        key: Vec<u8>,
    },
    Rename {
        from: Vec<u8>,
        to: Vec<u8>,
    },
    Copy {
        from: Vec<u8>,
        to: Vec<u8>,
        db: u32,
    },
    Move {
        key: Vec<u8>,
        db: u32,
    },
    Read {
        key: Vec<u8>,
    },
    SwapDb {
        a: u32,
        b: u32,
    },
    FlushDb,
    FlushAll,
}

/// How the random operations are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    pub keys: u64,
    /// One in so many operations empties or swaps databases; 0 for none.
    pub whole_odds: u64,
}

pub fn below(random: &mut Random, n: u64) -> u64 {
    random.next_u64() % n
}

pub fn random_key(random: &mut Random, keys: u64) -> Vec<u8> {
    let number = below(random, keys);
    match number % 50 {
        // Longer than a byte can count.
        0 => format!("key:{number}:{}", "k".repeat(300)).into_bytes(),
        _ => format!("key:{number}").into_bytes(),
    }
}

pub fn random_value(random: &mut Random) -> Vec<u8> {
    let length = match below(random, 8) {
        0 => return random.next_u64().to_string().into_bytes(),
        1 | 2 => return (below(random, 2000) as i64 - 1000).to_string().into_bytes(),
        3 => 0,
        4 => 1000 + below(random, 2000),
        _ => below(random, 100),
    };
    let byte = b'a' + below(random, 26) as u8;
    vec![byte; length as usize]
}

fn random_expiry(random: &mut Random, now: i64) -> i64 {
    now + below(random, 400) as i64 - 50
}

pub fn random_op(random: &mut Random, now: i64, mix: Mix) -> Op {
    if mix.whole_odds > 0 && below(random, mix.whole_odds) == 0 {
        let (a, b) = (below(random, 3) as u32, below(random, 3) as u32);
        return match below(random, 5) {
            0 => Op::FlushDb,
            1 => Op::FlushAll,
            _ => Op::SwapDb { a, b },
        };
    }
    let key = random_key(random, mix.keys);
    let other = random_key(random, mix.keys);
    let value = random_value(random);
    match below(random, 20) {
        0..=4 => {
            let expiry = match below(random, 4) {
                0 => Expiry::Keep,
                1 => Expiry::At(UnixMs(now + 1 + below(random, 300) as i64)),
                _ => Expiry::Clear,
            };
            Op::Set {
                key,
                value,
                expiry,
                shared: below(random, 2) == 0,
            }
        }
        5 | 6 => Op::Append { key, value },
        7 | 8 if !value.is_empty() => Op::SetRange {
            key,
            offset: below(random, 40) as usize,
            value,
        },
        9 | 10 => Op::IncrBy {
            key,
            by: random.next_u64() as i64 >> below(random, 64),
        },
        11 | 12 => Op::Del { key },
        13 | 14 => Op::ExpireAt {
            key,
            at: random_expiry(random, now),
        },
        15 => Op::Persist { key },
        16 => Op::Rename {
            from: key,
            to: other,
        },
        17 => Op::Copy {
            from: key,
            to: other,
            db: below(random, 3) as u32,
        },
        18 => Op::Move {
            key,
            db: below(random, 3) as u32,
        },
        _ => Op::Read { key },
    }
}

/// Does one operation on the keyspace and returns what a client would learn from it.
pub fn perform(tx: &mut Tx<'_>, op: &Op) -> String {
    match op {
        Op::Set {
            key,
            value,
            expiry,
            shared,
        } => {
            let value = match shared {
                true => StrInput::Blob(Arc::new(value.clone())),
                false => StrInput::Bytes(value),
            };
            tx.set(key, value, *expiry);
            "ok".into()
        }
        Op::Append { key, value } => format!("{:?}", tx.append(key, value)),
        Op::SetRange { key, offset, value } => format!("{:?}", tx.set_range(key, *offset, value)),
        Op::IncrBy { key, by } => format!("{:?}", tx.incr_by(key, *by).ok()),
        Op::Del { key } => format!("{}", tx.del(key)),
        Op::ExpireAt { key, at } => {
            format!("{}", tx.expire_at(key, UnixMs(*at)) != ExpireResult::Absent)
        }
        Op::Persist { key } => format!("{}", tx.persist(key)),
        Op::Rename { from, to } => format!("{}", tx.rename(from, to).is_ok()),
        Op::Copy { from, to, db } if from == to && *db == tx.db() => "same".into(),
        Op::Copy { from, to, db } => format!("{}", tx.copy(from, to, *db).is_ok()),
        Op::Move { db, .. } if *db == tx.db() => "same".into(),
        Op::Move { key, db } => format!("{}", tx.move_to(key, *db).is_ok()),
        Op::Read { key } => {
            let value = tx.string(key).expect("a string");
            format!(
                "{:?}",
                value.map(|value| str_bytes(value, &mut IntText::default()).to_vec())
            )
        }
        Op::SwapDb { a, b } => {
            tx.swap_db(*a, *b);
            "ok".into()
        }
        Op::FlushDb => {
            tx.flush_db();
            "ok".into()
        }
        Op::FlushAll => {
            tx.flush_all();
            "ok".into()
        }
    }
}

/// Everything that is stored and not due, by way of the public interface.
pub fn contents(ks: &mut Keyspace, now: i64) -> Contents {
    let mut contents = Contents::new();
    for db in 0..ks.databases() {
        let mut tx = ks.tx(db, UnixMs(now));
        tx.for_each(|entry| {
            let value = str_bytes(entry.str().expect("a string"), &mut IntText::default()).to_vec();
            let before = contents.insert(
                (db, entry.key().to_vec()),
                (value, entry.expire_at().map(|at| at.0)),
            );
            assert!(before.is_none(), "a key is shown once");
        });
        tx.finish();
    }
    contents
}
