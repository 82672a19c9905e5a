//! A second, naive implementation of the changes that the simulator issues: plain ordered maps, every rule spelled
//! out again. It shares no code with the store, so a mistake has to be made twice to go unnoticed.
//!
//! An expired key is logically absent: every command that meets one removes it first, and two states are compared
//! without the keys that have expired by then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::command::{Change, Command, Expiry, Key, Request};

/// A value of any type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    String(Arc<Vec<u8>>),
    List(VecDeque<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    /// Scores by member.
    Zset(BTreeMap<Vec<u8>, i32>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
}

/// A value with its expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub content: Content,
    pub expire_at: Option<i64>,
}

impl Content {
    fn is_empty(&self) -> bool {
        match self {
            Content::String(_) => false,
            Content::List(list) => list.is_empty(),
            Content::Set(set) => set.is_empty(),
            Content::Zset(zset) => zset.is_empty(),
            Content::Hash(hash) => hash.is_empty(),
        }
    }

    /// What a change makes of it; nothing if it is of another type.
    fn change(&mut self, change: &Change) {
        match (self, change) {
            (Content::List(list), Change::ListPush { left, values }) => {
                for value in values.iter().cloned() {
                    if *left {
                        list.push_front(value);
                    } else {
                        list.push_back(value);
                    }
                }
            }
            (Content::List(list), Change::ListPop { left, count }) => {
                for _ in 0..*count {
                    let _gone = if *left {
                        list.pop_front()
                    } else {
                        list.pop_back()
                    };
                }
            }
            (Content::Set(set), Change::SetAdd(members)) => set.extend(members.iter().cloned()),
            (Content::Set(set), Change::SetRemove(member)) => {
                set.remove(member);
            }
            (Content::Zset(zset), Change::ZsetAdd(members)) => {
                zset.extend(
                    members
                        .iter()
                        .map(|(score, member)| (member.clone(), *score)),
                );
            }
            (Content::Zset(zset), Change::ZsetRemove(member)) => {
                zset.remove(member);
            }
            (Content::Hash(hash), Change::HashSet(pairs)) => hash.extend(pairs.iter().cloned()),
            (Content::Hash(hash), Change::HashRemove(field)) => {
                hash.remove(field);
            }
            _ => {}
        }
    }

    /// An empty value of the type that a change is about; `None` if the change creates nothing.
    fn created_by(change: &Change) -> Option<Content> {
        match change {
            Change::ListPush { .. } => Some(Content::List(VecDeque::new())),
            Change::SetAdd(_) => Some(Content::Set(BTreeSet::new())),
            Change::ZsetAdd(_) => Some(Content::Zset(BTreeMap::new())),
            Change::HashSet(_) => Some(Content::Hash(BTreeMap::new())),
            _ => None,
        }
    }
}

impl Value {
    /// The string; `None` if it is of another type.
    pub fn string(&self) -> Option<&Arc<Vec<u8>>> {
        match &self.content {
            Content::String(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn string_mut(&mut self) -> Option<&mut Arc<Vec<u8>>> {
        match &mut self.content {
            Content::String(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn is_expired(&self, now: i64) -> bool {
        self.expire_at.is_some_and(|at| at < now)
    }
}

/// All databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    dbs: Vec<BTreeMap<Key, Value>>,
}

impl Model {
    pub fn new(databases: u32) -> Model {
        Model {
            dbs: vec![BTreeMap::new(); databases as usize],
        }
    }

    /// Builds a state from outside, for comparison.
    pub fn insert(&mut self, db: u32, key: Key, value: Value) {
        let previous = self.db(db).insert(key, value);
        assert!(previous.is_none(), "the store lists a key twice");
    }

    pub fn value(&self, db: u32, key: &[u8], now: i64) -> Option<&Value> {
        self.dbs[db as usize]
            .get(key)
            .filter(|value| !value.is_expired(now))
    }

    /// The state as a client can see it at `now`.
    #[must_use]
    pub fn visible_at(&self, now: i64) -> Model {
        let mut visible = self.clone();
        for db in &mut visible.dbs {
            db.retain(|_, value| !value.is_expired(now));
        }
        visible
    }

    pub fn len(&self) -> usize {
        self.dbs.iter().map(BTreeMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn apply(&mut self, request: &Request, now: i64) {
        for command in &request.commands {
            self.apply_command(request.db, command, now);
        }
    }

    fn apply_command(&mut self, db: u32, command: &Command, now: i64) {
        match command {
            Command::Set { key, value, expiry } => self.set(db, key, value, expiry, now),
            Command::Del { key } => {
                self.db(db).remove(key);
            }
            Command::Append { key, bytes } => self.append(db, key, bytes, now),
            Command::SetRange { key, offset, bytes } => {
                self.set_range(db, key, *offset, bytes, now)
            }
            Command::IncrBy { key, by } => self.incr_by(db, key, *by, now),
            Command::ExpireAt { key, at } => {
                if let Some(value) = self.present(db, key, now) {
                    value.expire_at = Some(*at);
                }
            }
            Command::Persist { key } => {
                if let Some(value) = self.present(db, key, now) {
                    value.expire_at = None;
                }
            }
            Command::Rename { from, to } => self.rename(db, from, to, now),
            Command::Move { key, to_db } => self.move_to(db, key, *to_db, now),
            Command::Copy { from, to, to_db } => self.copy(db, from, to, *to_db, now),
            Command::SwapDb { first, second } => self.dbs.swap(*first as usize, *second as usize),
            Command::FlushDb => self.db(db).clear(),
            Command::FlushAll => self.dbs.iter_mut().for_each(BTreeMap::clear),
            Command::Collection { key, change } => self.change(db, key, change, now),
        }
    }

    fn db(&mut self, db: u32) -> &mut BTreeMap<Key, Value> {
        &mut self.dbs[db as usize]
    }

    fn present(&mut self, db: u32, key: &Key, now: i64) -> Option<&mut Value> {
        let db = self.db(db);
        if db.get(key).is_some_and(|value| value.is_expired(now)) {
            db.remove(key);
        }
        db.get_mut(key)
    }

    /// A collection that becomes empty is gone.
    fn change(&mut self, db: u32, key: &Key, change: &Change, now: i64) {
        if self.present(db, key, now).is_none() {
            let Some(content) = Content::created_by(change) else {
                return;
            };
            let expire_at = None;
            self.db(db)
                .insert(key.clone(), Value { content, expire_at });
        }
        let value = self.present(db, key, now).expect("was just made sure of");
        value.content.change(change);
        if value.content.is_empty() {
            self.db(db).remove(key);
        }
    }

    fn set(&mut self, db: u32, key: &Key, bytes: &Arc<Vec<u8>>, expiry: &Expiry, now: i64) {
        let expire_at = match expiry {
            Expiry::Clear => None,
            Expiry::Keep => self.present(db, key, now).and_then(|value| value.expire_at),
            Expiry::At(at) => Some(*at),
        };
        self.db(db).insert(
            key.clone(),
            Value {
                content: Content::String(Arc::clone(bytes)),
                expire_at,
            },
        );
    }

    fn append(&mut self, db: u32, key: &Key, bytes: &[u8], now: i64) {
        match self.present(db, key, now) {
            Some(value) => {
                if let Some(string) = value.string_mut() {
                    Arc::make_mut(string).extend_from_slice(bytes);
                }
            }
            None => self.insert_plain(db, key, bytes.to_vec()),
        }
    }

    fn set_range(&mut self, db: u32, key: &Key, offset: usize, bytes: &[u8], now: i64) {
        if bytes.is_empty() {
            return;
        }
        if self.present(db, key, now).is_none() {
            self.insert_plain(db, key, Vec::new());
        }
        let value = self.present(db, key, now).expect("was just made sure of");
        let Some(string) = value.string_mut() else {
            return;
        };
        let target = Arc::make_mut(string);
        if target.len() < offset + bytes.len() {
            target.resize(offset + bytes.len(), 0);
        }
        target[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    fn incr_by(&mut self, db: u32, key: &Key, by: i64, now: i64) {
        match self.present(db, key, now) {
            Some(value) => {
                if let Some(string) = value.string_mut()
                    && let Some(sum) = integer(string).and_then(|number| number.checked_add(by))
                {
                    *string = Arc::new(sum.to_string().into_bytes());
                }
            }
            None => self.insert_plain(db, key, by.to_string().into_bytes()),
        }
    }

    fn rename(&mut self, db: u32, from: &Key, to: &Key, now: i64) {
        if from == to || self.present(db, from, now).is_none() {
            return;
        }
        let value = self.db(db).remove(from).expect("is present");
        self.db(db).insert(to.clone(), value);
    }

    fn move_to(&mut self, db: u32, key: &Key, to_db: u32, now: i64) {
        if db == to_db
            || self.present(db, key, now).is_none()
            || self.present(to_db, key, now).is_some()
        {
            return;
        }
        let value = self.db(db).remove(key).expect("is present");
        self.db(to_db).insert(key.clone(), value);
    }

    fn copy(&mut self, db: u32, from: &Key, to: &Key, to_db: u32, now: i64) {
        if (db == to_db && from == to) || self.present(db, from, now).is_none() {
            return;
        }
        let value = self.db(db)[from].clone();
        self.db(to_db).insert(to.clone(), value);
    }

    fn insert_plain(&mut self, db: u32, key: &Key, bytes: Vec<u8>) {
        self.db(db).insert(
            key.clone(),
            Value {
                content: Content::String(Arc::new(bytes)),
                expire_at: None,
            },
        );
    }

    /// The first difference to another state, in words.
    pub fn difference(&self, other: &Model) -> Option<String> {
        for (db, (ours, theirs)) in self.dbs.iter().zip(&other.dbs).enumerate() {
            for key in ours.keys().chain(theirs.keys()) {
                if ours.get(key) != theirs.get(key) {
                    let name = String::from_utf8_lossy(key);
                    return Some(format!(
                        "db {db} key {name}: {} / {}",
                        show(ours.get(key)),
                        show(theirs.get(key))
                    ));
                }
            }
        }
        None
    }
}

/// A canonical 64-bit decimal, as the increment commands accept it.
fn integer(bytes: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == bytes).then_some(number)
}

fn show(value: Option<&Value>) -> String {
    match value {
        None => "absent".to_owned(),
        Some(value) => match value.string() {
            Some(bytes) => {
                let head = String::from_utf8_lossy(&bytes[..bytes.len().min(12)]);
                let (length, at) = (bytes.len(), value.expire_at);
                format!("{head:?}({length} bytes, expires {at:?})")
            }
            None => format!("{value:?}"),
        },
    }
}
