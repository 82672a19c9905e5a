//! A naive second implementation of the operations, with plain maps.

use esker_keyspace::Expiry;

use crate::common::{Contents, Op, Stored};

/// The naive twin.
#[derive(Clone, Debug, Default)]
pub struct Twin {
    pub contents: Contents,
}

impl Twin {
    /// Forgets what is due: in the twin expiry has no other effect.
    pub fn advance(&mut self, now: i64) {
        self.contents
            .retain(|_, (_, at)| at.is_none_or(|at| at >= now));
    }

    fn get(&self, db: u32, key: &[u8]) -> Option<&Stored> {
        self.contents.get(&(db, key.to_vec()))
    }

    fn put(&mut self, db: u32, key: &[u8], stored: Stored) {
        self.contents.insert((db, key.to_vec()), stored);
    }

    fn take(&mut self, db: u32, key: &[u8]) -> Option<Stored> {
        self.contents.remove(&(db, key.to_vec()))
    }

    pub fn perform(&mut self, db: u32, now: i64, op: &Op) -> String {
        match op {
            Op::Set {
                key, value, expiry, ..
            } => {
                let before = self.get(db, key).and_then(|(_, at)| *at);
                let at = match expiry {
                    Expiry::Clear => None,
                    Expiry::Keep => before,
                    Expiry::At(at) => Some(at.0),
                };
                self.put(db, key, (value.clone(), at));
                "ok".into()
            }
            Op::Append { key, value } => {
                let (mut bytes, at) = self.get(db, key).cloned().unwrap_or_default();
                bytes.extend_from_slice(value);
                let length = bytes.len();
                self.put(db, key, (bytes, at));
                format!("{:?}", Ok::<_, ()>(length))
            }
            Op::SetRange { key, offset, value } => {
                let (mut bytes, at) = self.get(db, key).cloned().unwrap_or_default();
                bytes.resize(bytes.len().max(offset + value.len()), 0);
                bytes.splice(*offset..offset + value.len(), value.iter().copied());
                let length = bytes.len();
                self.put(db, key, (bytes, at));
                format!("{:?}", Ok::<_, ()>(length))
            }
            Op::IncrBy { key, by } => {
                let (bytes, at) = self.get(db, key).cloned().unwrap_or((b"0".to_vec(), None));
                let text = String::from_utf8(bytes).expect("test values are text");
                let number = text
                    .parse::<i64>()
                    .ok()
                    .filter(|number| number.to_string() == text);
                let sum = number.and_then(|number| number.checked_add(*by));
                if let Some(sum) = sum {
                    self.put(db, key, (sum.to_string().into_bytes(), at));
                }
                format!("{sum:?}")
            }
            Op::Del { key } => format!("{}", self.take(db, key).is_some()),
            Op::ExpireAt { key, at } => {
                let Some((value, _)) = self.take(db, key) else {
                    return "false".into();
                };
                if *at > now {
                    self.put(db, key, (value, Some(*at)));
                }
                "true".into()
            }
            Op::Persist { key } => {
                let Some((value, Some(_))) = self.get(db, key).cloned() else {
                    return "false".into();
                };
                self.put(db, key, (value, None));
                "true".into()
            }
            _ => self.perform_on_keys(db, op),
        }
    }

    fn perform_on_keys(&mut self, db: u32, op: &Op) -> String {
        match op {
            Op::Rename { from, to } => self.transfer((db, from), (db, to), true),
            Op::Copy {
                from,
                to,
                db: target,
            } if from == to && *target == db => "same".into(),
            Op::Copy {
                from,
                to,
                db: target,
            } => self.transfer((db, from), (*target, to), false),
            Op::Move { db: target, .. } if *target == db => "same".into(),
            Op::Move { key, db: target } => self.transfer((db, key), (*target, key), true),
            Op::Read { key } => format!("{:?}", self.get(db, key).map(|(value, _)| value)),
            Op::SwapDb { a, b } => {
                let swapped = |db| {
                    if db == *a {
                        *b
                    } else if db == *b {
                        *a
                    } else {
                        db
                    }
                };
                let contents = std::mem::take(&mut self.contents);
                self.contents = contents
                    .into_iter()
                    .map(|((db, key), stored)| ((swapped(db), key), stored))
                    .collect();
                "ok".into()
            }
            Op::FlushDb => {
                self.contents.retain(|(at, _), _| *at != db);
                "ok".into()
            }
            Op::FlushAll => {
                self.contents.clear();
                "ok".into()
            }
            _ => unreachable!("handled by the caller"),
        }
    }

    fn transfer(&mut self, from: (u32, &Vec<u8>), to: (u32, &Vec<u8>), take: bool) -> String {
        let Some(stored) = self.get(from.0, from.1).cloned() else {
            return "false".into();
        };
        if take {
            self.take(from.0, from.1);
        }
        self.put(to.0, to.1, stored);
        "true".into()
    }
}
