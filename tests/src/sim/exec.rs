//! The simulated clients' requests, executed through the one door of the real keyspace, and its state read back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use esker_format::UnixMs;
use esker_keyspace::entry::{Entry, StrInput, StrRef};
use esker_keyspace::touched::Event;
use esker_keyspace::value::{End, Way};
use esker_keyspace::{
    Collection, Expiry as KeyExpiry, Keyspace, Outcome, Tx, Value as Stored, WrongType, ZaddRule,
};

use super::command::{Change, Command, Expiry, Request};
use super::model::{Content, Model, Value};

/// Executes a request as one transaction.
pub fn execute(keyspace: &mut Keyspace, request: &Request, now: i64) -> Outcome {
    let mut tx = keyspace.tx(request.db, UnixMs(now));
    for command in &request.commands {
        execute_command(&mut tx, request.db, command);
    }
    tx.finish()
}

/// What the command families do, without their parsing and replies. Refusals are part of the model, so a refused
/// command is simply one without effect.
fn execute_command(tx: &mut Tx<'_>, db: u32, command: &Command) {
    match command {
        Command::Set { key, value, expiry } => {
            let expiry = match expiry {
                Expiry::Clear => KeyExpiry::Clear,
                Expiry::Keep => KeyExpiry::Keep,
                Expiry::At(at) => KeyExpiry::At(UnixMs(*at)),
            };
            tx.set(key, StrInput::Bytes(value), expiry);
        }
        Command::Del { key } => {
            tx.del(key);
        }
        Command::Append { key, bytes } => {
            let _refused = tx.append(key, bytes).is_err();
        }
        Command::SetRange { key, offset, bytes } => {
            if !bytes.is_empty() {
                let _refused = tx.set_range(key, *offset, bytes).is_err();
            }
        }
        Command::IncrBy { key, by } => {
            let _refused = tx.incr_by(key, *by).is_err();
        }
        Command::ExpireAt { key, at } => {
            tx.expire_at(key, UnixMs(*at));
        }
        Command::Persist { key } => {
            tx.persist(key);
        }
        Command::Rename { from, to } => {
            let _absent = tx.rename(from, to).is_err();
        }
        Command::Move { key, to_db } => {
            if *to_db != db && !tx.exists_in(*to_db, key) {
                let _absent = tx.move_to(key, *to_db).is_err();
            }
        }
        Command::Copy { from, to, to_db } => {
            if *to_db != db || from != to {
                let _absent = tx.copy(from, to, *to_db).is_err();
            }
        }
        Command::SwapDb { first, second } => tx.swap_db(*first, *second),
        Command::FlushDb => {
            tx.flush_db();
        }
        Command::FlushAll => {
            tx.flush_all();
        }
        Command::Collection { key, change } => {
            let _refused = execute_change(tx, key, change).is_err();
        }
    }
}

fn execute_change(tx: &mut Tx<'_>, key: &[u8], change: &Change) -> Result<(), WrongType> {
    fn slices(words: &[Vec<u8>]) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        words.iter().map(Vec::as_slice)
    }
    let end = |left| if left { End::Left } else { End::Right };
    match change {
        Change::ListPush { left, values } => {
            tx.list_push(key, end(*left), slices(values), true)?;
        }
        Change::ListPop { left, count } => {
            tx.list_pop(key, end(*left), *count, |_, _| {})?;
        }
        Change::SetAdd(members) => {
            tx.set_add(key, slices(members))?;
        }
        Change::SetRemove(member) => {
            tx.set_remove(key, std::iter::once(member.as_slice()))?;
        }
        Change::ZsetAdd(members) => {
            let pairs: Vec<(f64, &[u8])> = members
                .iter()
                .map(|(score, member)| (f64::from(*score), member.as_slice()))
                .collect();
            tx.zset_add(key, &pairs, ZaddRule::default())?;
        }
        Change::ZsetRemove(member) => {
            tx.zset_remove(key, std::iter::once(member.as_slice()))?;
        }
        Change::HashSet(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(field, value)| (field.as_slice(), value.as_slice()));
            tx.hash_set(key, pairs, KeyExpiry::Clear, Event::HSet)?;
        }
        Change::HashRemove(field) => {
            tx.hash_remove(key, std::iter::once(field.as_slice()))?;
        }
    }
    Ok(())
}

/// The state that a client can see at `now`.
pub fn visible_state(keyspace: &mut Keyspace, now: i64) -> Model {
    let mut model = Model::new(keyspace.databases());
    for db in 0..keyspace.databases() {
        let mut tx = keyspace.tx(db, UnixMs(now));
        tx.for_each(|entry| {
            let content = content_of(entry);
            let expire_at = entry.expire_at().map(|at| at.0);
            model.insert(db, entry.key().to_vec(), Value { content, expire_at });
        });
        tx.finish();
    }
    model
}

fn string_of(value: StrRef<'_>) -> Vec<u8> {
    match value {
        StrRef::Int(number) => number.to_string().into_bytes(),
        StrRef::Bytes(bytes) => bytes.to_vec(),
        StrRef::Blob(blob) => blob.to_vec(),
    }
}

fn content_of(entry: &Entry) -> Content {
    if let Some(value) = entry.str() {
        return Content::String(Arc::new(string_of(value)));
    }
    let value = entry.value().expect("what is no string is a collection");
    match &*value {
        Stored::List(list) => {
            let mut values = VecDeque::new();
            list.for_each(0, list.elements(), Way::Forward, |item| {
                values.push_back(item.to_vec());
            });
            Content::List(values)
        }
        Stored::Set(set) => {
            let mut members = BTreeSet::new();
            set.for_each(|item| assert!(members.insert(item.to_vec()), "a member is there once"));
            Content::Set(members)
        }
        Stored::Zset(zset) => {
            let scored = zset.iter();
            Content::Zset(
                scored
                    .map(|(score, item)| (item.to_vec(), score as i32))
                    .collect(),
            )
        }
        Stored::Hash(hash) => {
            let mut fields = BTreeMap::new();
            hash.for_each(UnixMs(i64::MIN), |field| {
                fields.insert(field.name.to_vec(), field.value.to_vec());
            });
            Content::Hash(fields)
        }
        Stored::Stream(_) => unreachable!("the simulator makes no streams"),
    }
}

/// A GET; what it found if that is a string, and what the reply depends on.
pub fn read(keyspace: &mut Keyspace, db: u32, key: &[u8], now: i64) -> (Option<Vec<u8>>, Outcome) {
    let mut tx = keyspace.tx(db, UnixMs(now));
    let found = tx.string(key).ok().flatten().map(string_of);
    (found, tx.finish())
}
