//! Values as DUMP payloads.

use esker_format::cursor::Fault;
use esker_format::redis::rdb::{self, DumpValue};

use crate::entry::{Entry, StrInput, StrRef};

/// Why a payload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// The footer: written by a newer version, or damaged.
    VersionOrChecksum,
    /// The footer is right and the value is not.
    BadData,
}

/// A value that was read from a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored(DumpValue);

impl Restored {
    /// What to store.
    pub fn input(&self) -> StrInput<'_> {
        match &self.0 {
            DumpValue::Bytes(bytes) => StrInput::Bytes(bytes),
            DumpValue::Int(int) => StrInput::Int(*int),
        }
    }
}

/// The payload of an entry's value, without its key and expiry.
pub fn payload(entry: &Entry) -> Vec<u8> {
    match entry.str().expect("every value is a string so far") {
        StrRef::Int(int) => rdb::dump_int(int),
        StrRef::Bytes(bytes) => rdb::dump_string(bytes),
        StrRef::Blob(blob) => rdb::dump_string(blob),
    }
}

/// Reads a payload, whoever wrote it.
pub fn parse(payload: &[u8]) -> Result<Restored, PayloadError> {
    rdb::load(payload)
        .map(Restored)
        .map_err(|fault| match fault {
            Fault::BadCrc(_) | Fault::UnknownVersion(_) | Fault::Truncated => {
                PayloadError::VersionOrChecksum
            }
            _ => PayloadError::BadData,
        })
}
