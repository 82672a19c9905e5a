//! Values between the keyspace and the reply.

use std::borrow::Cow;

use esker_keyspace::entry::{Entry, StrRef};
use esker_keyspace::{IncrError, IntText, NoSuchKey, Tx, WrongType};
use esker_resp::Reply;

use crate::error::CmdError;

/// Strings up to this length share one allocation with their header in Redis, which calls that "embstr".
const EMBEDDED_BYTES_MAX: usize = 44;

/// How a value is kept, as OBJECT ENCODING says it.
pub fn encoding_name(entry: &Entry) -> &'static str {
    match entry.str() {
        Some(StrRef::Int(_)) => "int",
        Some(StrRef::Bytes(bytes)) if bytes.len() <= EMBEDDED_BYTES_MAX && !entry.is_raw() => {
            "embstr"
        }
        Some(_) => "raw",
        None => {
            let value = entry.value();
            value.map_or("unknown", |value| value.encoding())
        }
    }
}

/// Replies with a string; a big one is shared, not copied.
#[inline]
pub fn write_string(out: &mut Reply<'_>, value: StrRef<'_>) {
    match value {
        StrRef::Int(int) => out.bulk_integer(int),
        StrRef::Bytes(bytes) => out.bulk(bytes),
        StrRef::Blob(blob) => out.bulk_shared(blob),
    }
}

/// The bytes of a string.
pub fn bytes_of(value: StrRef<'_>) -> Cow<'_, [u8]> {
    match value {
        StrRef::Int(int) => Cow::Owned(IntText::new(int).bytes().to_vec()),
        StrRef::Bytes(bytes) => Cow::Borrowed(bytes),
        StrRef::Blob(blob) => Cow::Borrowed(blob),
    }
}

/// Compares a string with bytes, without allocating.
pub fn equals(value: StrRef<'_>, bytes: &[u8]) -> bool {
    match value {
        StrRef::Int(int) => IntText::new(int).bytes() == bytes,
        StrRef::Bytes(own) => own == bytes,
        StrRef::Blob(blob) => blob.as_slice() == bytes,
    }
}

/// Refuses a string that would grow beyond what is allowed.
pub fn check_length(tx: &Tx<'_>, bytes: usize) -> Result<(), CmdError> {
    if bytes > tx.keyspace().string_bytes_max() {
        Err(CmdError::StringTooBig)
    } else {
        Ok(())
    }
}

/// Refuses effects that would not fit in the unit any more. Only commands that write more than they were sent need
/// this: what a request itself carries is bounded before it is executed.
pub fn check_room(tx: &Tx<'_>, bytes: usize) -> Result<(), CmdError> {
    if bytes > tx.room() {
        Err(CmdError::UnitTooBig)
    } else {
        Ok(())
    }
}

impl From<WrongType> for CmdError {
    fn from(_: WrongType) -> CmdError {
        CmdError::WrongType
    }
}

impl From<NoSuchKey> for CmdError {
    fn from(_: NoSuchKey) -> CmdError {
        CmdError::NoSuchKey
    }
}

impl From<IncrError> for CmdError {
    fn from(error: IncrError) -> CmdError {
        match error {
            IncrError::WrongType => CmdError::WrongType,
            IncrError::NotAnInteger => CmdError::NotInteger,
            IncrError::Overflow => CmdError::Overflow,
        }
    }
}
