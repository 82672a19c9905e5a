//! Hashes, with and without fields that expire.

use std::borrow::Cow;

use super::read::{Distinct, Packed, Read, take_listpack, take_ziplist};
use super::string::{take_bytes, take_count, take_length};
use crate::cursor::{Cursor, Fault};
use crate::native::value::{KIND_HASH_PACKED, ValueWriter};
use crate::redis::zipmap;
use crate::text::IntText;

/// The latest time at which a field can expire: Redis keeps 46 bits.
pub const EXPIRE_AT_MAX: u64 = (1 << 46) - 1;

/// Writes fields, each of which must be new.
struct Fields<'a, 'w, 's> {
    out: &'w mut ValueWriter<'s>,
    distinct: Distinct<'a>,
}

impl<'a> Fields<'a, '_, '_> {
    /// `expire_at` is 0 for a field that does not expire.
    fn add(&mut self, expire_at: u64, field: Cow<'a, [u8]>, value: &[u8]) -> Result<(), Fault> {
        if expire_at > EXPIRE_AT_MAX {
            return Err(Fault::Invalid("a field expires at an impossible time"));
        }
        self.out.hash_field(expire_at, &field, value);
        self.distinct.add(field)
    }
}

fn written<'a>(
    write: impl FnOnce(&mut Fields<'a, '_, '_>) -> Result<(), Fault>,
) -> Result<Read, Fault> {
    Read::written(|out| {
        let distinct = Distinct::default();
        write(&mut Fields { out, distinct })
    })
}

pub(super) fn fields(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    let count = take_count(cursor)?;
    written(|out| {
        for _ in 0..count {
            let (field, value) = (take_bytes(cursor)?, take_bytes(cursor)?);
            out.add(0, field, &value)?;
        }
        Ok(())
    })
}

pub(super) fn zipmap(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    let bytes = take_bytes(cursor)?;
    let mut reader = zipmap::Reader::new(&bytes)?.peekable();
    if reader.peek().is_none() {
        return Err(Fault::Invalid("a collection without elements"));
    }
    written(|out| {
        for pair in reader {
            let (field, value) = pair?;
            out.add(0, Cow::Borrowed(field), value)?;
        }
        Ok(())
    })
}

pub(super) fn ziplist(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    packed(take_ziplist(cursor)?)
}

pub(super) fn listpack(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    packed(take_listpack(cursor)?)
}

fn packed(packed: Packed<'_>) -> Result<Read, Fault> {
    if !packed.count.is_multiple_of(2) {
        return Err(Fault::Invalid("a field without a value"));
    }
    let mut distinct = Distinct::default();
    packed
        .items()
        .step_by(2)
        .try_for_each(|field| distinct.add_item(field))?;
    drop(distinct);
    Ok(Read {
        kind: KIND_HASH_PACKED,
        bytes: packed.bytes.into_owned(),
    })
}

/// The earliest expiry comes first, and the others are told by their distance from it, one more than it is; 0 is
/// none. Before that form was final there was no earliest one and they were told as they are.
pub(super) fn expiring(cursor: &mut Cursor<'_>, relative: bool) -> Result<Read, Fault> {
    let base = if relative { cursor.u64()? } else { 1 };
    let count = take_count(cursor)?;
    written(|out| {
        for _ in 0..count {
            let expire_at = match take_length(cursor)? {
                0 => 0,
                distance => (distance - 1)
                    .checked_add(base)
                    .ok_or(Fault::Invalid("a field expires at an impossible time"))?,
            };
            let (field, value) = (take_bytes(cursor)?, take_bytes(cursor)?);
            out.add(expire_at, field, &value)?;
        }
        Ok(())
    })
}

/// A listpack of fields, values and expiries by expiry, 0 for none, which comes last. Before that form was final the
/// earliest expiry did not stand in front.
pub(super) fn listpack_expiring(cursor: &mut Cursor<'_>, minimum: bool) -> Result<Read, Fault> {
    if minimum {
        cursor.u64()?;
    }
    let packed = take_listpack(cursor)?;
    if !packed.count.is_multiple_of(3) {
        return Err(Fault::Invalid("a field without a value or an expiry"));
    }
    written(|out| {
        let mut items = packed.items();
        let mut latest = 0;
        while let (Some(field), Some(value), Some(expire_at)) =
            (items.next(), items.next(), items.next())
        {
            let expire_at = expire_at
                .int()
                .and_then(|at| u64::try_from(at).ok())
                .ok_or(Fault::Invalid("a field expires at an impossible time"))?;
            let rank = expire_at.wrapping_sub(1);
            if rank < latest {
                return Err(Fault::Invalid("the fields of a hash are out of order"));
            }
            latest = rank;
            let value = value.bytes(&mut IntText::default()).to_vec();
            out.add(expire_at, Cow::Owned(field.to_vec()), &value)?;
        }
        Ok(())
    })
}

/// Fields, values and expiries in 64 bits, -1 for none.
pub(super) fn expiring_valkey(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    let count = take_count(cursor)?;
    written(|out| {
        for _ in 0..count {
            let (field, value) = (take_bytes(cursor)?, take_bytes(cursor)?);
            let expire_at = match cursor.i64()? {
                -1 => 0,
                at => u64::try_from(at)
                    .map_err(|_| Fault::Invalid("a field expires at an impossible time"))?,
            };
            out.add(expire_at, field, &value)?;
        }
        Ok(())
    })
}
