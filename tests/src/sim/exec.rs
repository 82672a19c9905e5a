//! The simulated clients' requests, executed through the one door of the real keyspace, and its state read back.

use std::sync::Arc;

use esker_format::UnixMs;
use esker_keyspace::entry::{StrInput, StrRef};
use esker_keyspace::{Expiry as KeyExpiry, Keyspace, Outcome, Tx};

use super::command::{Command, Expiry, Request};
use super::model::{Model, Value};

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
            tx.append(key, bytes).expect("every value is a string");
        }
        Command::SetRange { key, offset, bytes } => {
            if !bytes.is_empty() {
                tx.set_range(key, *offset, bytes)
                    .expect("every value is a string");
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
    }
}

/// The state that a client can see at `now`.
pub fn visible_state(keyspace: &mut Keyspace, now: i64) -> Model {
    let mut model = Model::new(keyspace.databases());
    for db in 0..keyspace.databases() {
        let mut tx = keyspace.tx(db, UnixMs(now));
        tx.for_each(|entry| {
            let value = entry.str().expect("every value is a string");
            let bytes = match value {
                StrRef::Int(number) => number.to_string().into_bytes(),
                StrRef::Bytes(bytes) => bytes.to_vec(),
                StrRef::Blob(blob) => blob.to_vec(),
            };
            let expire_at = entry.expire_at().map(|at| at.0);
            model.insert(
                db,
                entry.key().to_vec(),
                Value {
                    bytes: Arc::new(bytes),
                    expire_at,
                },
            );
        });
        tx.finish();
    }
    model
}

/// A GET; what it found, and what the reply depends on.
pub fn read(keyspace: &mut Keyspace, db: u32, key: &[u8], now: i64) -> (Option<Vec<u8>>, Outcome) {
    let mut tx = keyspace.tx(db, UnixMs(now));
    let found = match tx.string(key).expect("every value is a string") {
        None => None,
        Some(StrRef::Int(number)) => Some(number.to_string().into_bytes()),
        Some(StrRef::Bytes(bytes)) => Some(bytes.to_vec()),
        Some(StrRef::Blob(blob)) => Some(blob.to_vec()),
    };
    (found, tx.finish())
}
