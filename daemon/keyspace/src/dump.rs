//! Values as DUMP payloads, and out of them.
//!
//! A collection comes and goes in the native form of snapshots; what RDB files make of that is
//! `esker_format::redis::rdb`'s business. Here a value that was read gets the encoding that the current limits give
//! it: another server may have had other limits, and some forms say nothing about how the value was kept.

mod fit;

use esker_format::cursor::Fault;
use esker_format::native::value::{Part, ValueWriter};
use esker_format::redis::rdb::{self, DumpValue};

use crate::UnixMs;
use crate::entry::{Entry, StrInput, StrRef};
use crate::limits::Limits;
use crate::touched::Event;
use crate::tx::{Expiry, Tx};
use crate::value::Value;

/// Why a payload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// The footer: written by a newer version, or damaged.
    VersionOrChecksum,
    /// The footer is right and the value is not.
    BadData,
}

/// A value that was read from a payload.
#[derive(Debug)]
pub enum Restored {
    /// A string.
    Bytes(Vec<u8>),
    /// A string that is an integer.
    Int(i64),
    /// A collection, not empty unless it is a stream.
    Collection(Value),
}

/// The payload of an entry's value, without its key and expiry.
pub fn payload(entry: &Entry) -> Vec<u8> {
    match entry.str() {
        Some(StrRef::Int(int)) => rdb::dump_int(int),
        Some(StrRef::Bytes(bytes)) => rdb::dump_string(bytes),
        Some(StrRef::Blob(blob)) => rdb::dump_string(blob),
        None => {
            let value = entry.value().expect("what is no string is a collection");
            collection_payload(&value)
        }
    }
}

fn collection_payload(value: &Value) -> Vec<u8> {
    let mut payload = None;
    let mut sink = |part: Part<'_>| {
        payload = rdb::dump_collection(part.kind, part.bytes).ok();
    };
    let mut writer = ValueWriter::with_piece_bytes(usize::MAX, &mut sink);
    value.encode(&mut writer);
    writer.finish();
    payload.expect("a collection writes what can be read")
}

/// Reads a payload, whoever wrote it.
pub fn parse(payload: &[u8], limits: &Limits) -> Result<Restored, PayloadError> {
    let value = rdb::load(payload).map_err(|fault| match fault {
        Fault::BadCrc(_) | Fault::UnknownVersion(_) | Fault::Truncated => {
            PayloadError::VersionOrChecksum
        }
        _ => PayloadError::BadData,
    })?;
    match value {
        DumpValue::Bytes(bytes) => Ok(Restored::Bytes(bytes)),
        DumpValue::Int(int) => Ok(Restored::Int(int)),
        DumpValue::Collection { kind, bytes } => fit::build(kind, &bytes, limits)
            .map(Restored::Collection)
            .map_err(|_| PayloadError::BadData),
    }
}

impl Tx<'_> {
    /// Stores what was read from a payload, whatever was under the key.
    pub fn restore(&mut self, key: &[u8], value: Restored, expire_at: Option<UnixMs>) {
        let expiry = expire_at.map_or(Expiry::Clear, Expiry::At);
        match value {
            Restored::Bytes(bytes) => {
                self.set_as(key, StrInput::Bytes(&bytes), expiry, Event::Restore);
            }
            Restored::Int(int) => self.set_as(key, StrInput::Int(int), expiry, Event::Restore),
            Restored::Collection(value) => {
                self.store_value(key, value, expire_at, Event::Restore);
            }
        }
    }
}
