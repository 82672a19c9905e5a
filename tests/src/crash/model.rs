//! What one writer sends and what its keys then hold: plain maps, written without a look at the daemon.

use std::collections::BTreeMap;

use crate::client::{Value, encode};
use crate::seed::Random;

/// Values above this make the server write more than one frame for a change.
const LARGE_BYTES: u64 = 300_000;
const STRINGS: u64 = 24;
const COUNTERS: u64 = 4;
/// Keys that are only ever written together, by MSET.
pub const GROUP: u64 = 4;
/// Expiries lie in the year 2100 and are told apart by their milliseconds.
const FAR_MS: i64 = 4_102_444_800_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub value: Vec<u8>,
    pub expires_ms: Option<i64>,
}

pub type State = BTreeMap<Vec<u8>, Cell>;

#[derive(Clone, Debug)]
pub enum Change {
    Set {
        key: Vec<u8>,
        value: Vec<u8>,
        expires_ms: Option<i64>,
    },
    SetKeepTtl {
        key: Vec<u8>,
        value: Vec<u8>,
    },
    Del {
        key: Vec<u8>,
    },
    Append {
        key: Vec<u8>,
        tail: Vec<u8>,
    },
    SetRange {
        key: Vec<u8>,
        at: usize,
        part: Vec<u8>,
    },
    IncrBy {
        key: Vec<u8>,
        by: i64,
    },
    /// All keys of the group get the same value: after a crash they are equal or the unit was torn.
    MsetGroup {
        keys: Vec<Vec<u8>>,
        value: Vec<u8>,
    },
    Rename {
        from: Vec<u8>,
        to: Vec<u8>,
    },
    Copy {
        from: Vec<u8>,
        to: Vec<u8>,
    },
    ExpireAt {
        key: Vec<u8>,
        at_ms: i64,
    },
    Persist {
        key: Vec<u8>,
    },
    /// Only sent by a writer that is alone in its database.
    FlushDb,
    /// The one change whose result other writers share; the reply is kept, not predicted.
    IncrShared {
        key: Vec<u8>,
    },
}

impl Change {
    /// Draws a change that has a defined result in `state`. `unique` never repeats within a run.
    pub fn draw(
        random: &mut Random,
        state: &State,
        prefix: &str,
        alone: bool,
        unique: u64,
    ) -> Change {
        let string =
            |random: &mut Random| format!("{prefix}s{}", random.below(STRINGS)).into_bytes();
        let key = string(random);
        match random.below(100) {
            0..30 => {
                let expires_ms = random.one_in(4).then_some(FAR_MS + unique as i64);
                Change::Set {
                    key,
                    value: value(random, unique),
                    expires_ms,
                }
            }
            30..36 => Change::SetKeepTtl {
                key,
                value: value(random, unique),
            },
            36..44 => Change::Del { key },
            44..52 => Change::Append {
                key,
                tail: format!("+{unique}").into_bytes(),
            },
            52..58 => {
                let at = random.below(64) as usize;
                Change::SetRange {
                    key,
                    at,
                    part: format!("<{unique}>").into_bytes(),
                }
            }
            58..70 => {
                let key = format!("{prefix}n{}", random.below(COUNTERS)).into_bytes();
                Change::IncrBy {
                    key,
                    by: random.below(1000) as i64 - 300,
                }
            }
            70..87 => Change::draw_of_several(random, state, prefix, key, unique),
            87..91 => Change::ExpireAt {
                key,
                at_ms: FAR_MS + unique as i64,
            },
            91..94 => Change::Persist { key },
            94 if alone && random.one_in(20) => Change::FlushDb,
            _ => Change::IncrShared {
                key: b"shared".to_vec(),
            },
        }
    }

    /// Draws a change of more than one key.
    fn draw_of_several(
        random: &mut Random,
        state: &State,
        prefix: &str,
        key: Vec<u8>,
        unique: u64,
    ) -> Change {
        let other = format!("{prefix}s{}", random.below(STRINGS)).into_bytes();
        match random.below(17) {
            0..10 => {
                let keys = (0..GROUP)
                    .map(|i| format!("{prefix}g{i}").into_bytes())
                    .collect();
                Change::MsetGroup {
                    keys,
                    value: value(random, unique),
                }
            }
            10..14 if state.contains_key(&key) => Change::Rename {
                from: key,
                to: other,
            },
            10..14 => Change::Del { key },
            _ if key == other => Change::Persist { key },
            _ => Change::Copy {
                from: key,
                to: other,
            },
        }
    }

    pub fn command(&self) -> Vec<u8> {
        match self {
            Change::Set {
                key,
                value,
                expires_ms: None,
            } => encode(&[b"SET", key.as_slice(), value]),
            Change::Set {
                key,
                value,
                expires_ms: Some(at),
            } => encode(&[
                b"SET",
                key.as_slice(),
                value,
                b"PXAT",
                at.to_string().as_bytes(),
            ]),
            Change::SetKeepTtl { key, value } => {
                encode(&[b"SET", key.as_slice(), value, b"KEEPTTL"])
            }
            Change::Del { key } => encode(&[b"DEL", key.as_slice()]),
            Change::Append { key, tail } => encode(&[b"APPEND", key.as_slice(), tail]),
            Change::SetRange { key, at, part } => {
                encode(&[b"SETRANGE", key.as_slice(), at.to_string().as_bytes(), part])
            }
            Change::IncrBy { key, by } => {
                encode(&[b"INCRBY", key.as_slice(), by.to_string().as_bytes()])
            }
            Change::MsetGroup { keys, value } => {
                let mut args: Vec<&[u8]> = vec![b"MSET"];
                for key in keys {
                    args.push(key);
                    args.push(value);
                }
                encode(&args)
            }
            Change::Rename { from, to } => encode(&[b"RENAME", from.as_slice(), to]),
            Change::Copy { from, to } => encode(&[b"COPY", from.as_slice(), to, b"REPLACE"]),
            Change::ExpireAt { key, at_ms } => {
                encode(&[b"PEXPIREAT", key.as_slice(), at_ms.to_string().as_bytes()])
            }
            Change::Persist { key } => encode(&[b"PERSIST", key.as_slice()]),
            Change::FlushDb => encode(&[b"FLUSHDB"]),
            Change::IncrShared { key } => encode(&[b"INCR", key.as_slice()]),
        }
    }

    /// The keys that may change, for the verifier; `None` means all of the writer's keys.
    pub fn touches(&self) -> Option<Vec<&[u8]>> {
        match self {
            Change::Set { key, .. }
            | Change::SetKeepTtl { key, .. }
            | Change::Del { key }
            | Change::Append { key, .. }
            | Change::SetRange { key, .. }
            | Change::IncrBy { key, .. }
            | Change::ExpireAt { key, .. }
            | Change::Persist { key } => Some(vec![key]),
            Change::MsetGroup { keys, .. } => Some(keys.iter().map(Vec::as_slice).collect()),
            Change::Rename { from, to } | Change::Copy { from, to } => Some(vec![from, to]),
            Change::IncrShared { .. } => Some(Vec::new()),
            Change::FlushDb => None,
        }
    }

    /// Changes the state and tells the reply that must come (`None`: not predictable here).
    pub fn apply(&self, state: &mut State) -> Option<Value> {
        let ok = Some(Value::Simple(b"OK".to_vec()));
        let int = |n: i64| Some(Value::Int(n));
        match self {
            Change::Set {
                key,
                value,
                expires_ms,
            } => {
                state.insert(
                    key.clone(),
                    Cell {
                        value: value.clone(),
                        expires_ms: *expires_ms,
                    },
                );
                ok
            }
            Change::SetKeepTtl { key, value } => {
                cell(state, key).value = value.clone();
                ok
            }
            Change::Del { key } => int(i64::from(state.remove(key).is_some())),
            Change::Append { key, tail } => {
                let value = &mut cell(state, key).value;
                value.extend_from_slice(tail);
                int(value.len() as i64)
            }
            Change::SetRange { key, at, part } => {
                let value = &mut cell(state, key).value;
                value.resize(value.len().max(at + part.len()), 0);
                value[*at..at + part.len()].copy_from_slice(part);
                int(value.len() as i64)
            }
            Change::IncrBy { key, by } => {
                let value = &mut cell(state, key).value;
                let old = if value.is_empty() { 0 } else { number(value) };
                *value = (old + by).to_string().into_bytes();
                int(old + by)
            }
            Change::MsetGroup { .. }
            | Change::Rename { .. }
            | Change::Copy { .. }
            | Change::FlushDb => self.apply_to_several(state),
            Change::ExpireAt { key, at_ms } => match state.get_mut(key) {
                Some(cell) => {
                    cell.expires_ms = Some(*at_ms);
                    int(1)
                }
                None => int(0),
            },
            Change::Persist { key } => int(i64::from(
                state
                    .get_mut(key)
                    .is_some_and(|cell| cell.expires_ms.take().is_some()),
            )),
            Change::IncrShared { .. } => None,
        }
    }

    fn apply_to_several(&self, state: &mut State) -> Option<Value> {
        match self {
            Change::MsetGroup { keys, value } => {
                for key in keys {
                    let cell = Cell {
                        value: value.clone(),
                        expires_ms: None,
                    };
                    state.insert(key.clone(), cell);
                }
            }
            Change::Rename { from, to } => {
                let moved = state
                    .remove(from)
                    .expect("drawn only for a key that exists");
                state.insert(to.clone(), moved);
            }
            Change::Copy { from, to } => {
                let copied = state.get(from).cloned();
                let done = copied.is_some();
                state.extend(copied.map(|cell| (to.clone(), cell)));
                return Some(Value::Int(i64::from(done)));
            }
            _ => state.clear(),
        }
        Some(Value::Simple(b"OK".to_vec()))
    }
}

fn cell<'a>(state: &'a mut State, key: &[u8]) -> &'a mut Cell {
    state.entry(key.to_vec()).or_insert_with(|| Cell {
        value: Vec::new(),
        expires_ms: None,
    })
}

fn number(text: &[u8]) -> i64 {
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .expect("counters hold integers")
}

/// A value that names its change, mostly short, now and then long, so that frames, fragments and blobs all occur.
fn value(random: &mut Random, unique: u64) -> Vec<u8> {
    let mut value = format!("v{unique}:").into_bytes();
    let padding = match random.below(1000) {
        0 => random.below(LARGE_BYTES),
        1..50 => random.below(8000),
        _ => random.below(80),
    };
    let start = value.len();
    value.resize(start + padding as usize, b'.');
    // Some of the padding does not compress.
    let noisy = random.below(padding + 1) as usize;
    for byte in &mut value[start..start + noisy] {
        *byte = random.draw() as u8;
    }
    value
}
