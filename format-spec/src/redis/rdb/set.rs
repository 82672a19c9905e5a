//! Sets.

use super::read::{Distinct, Read, take_listpack};
use super::string::{take_bytes, take_count};
use crate::cursor::{Cursor, Fault};
use crate::native::value::{KIND_SET_INTS, KIND_SET_PACKED};
use crate::redis::intset;

pub(super) fn members(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    let count = take_count(cursor)?;
    Read::written(|out| {
        let mut distinct = Distinct::default();
        for _ in 0..count {
            let member = take_bytes(cursor)?;
            out.set_member(&member);
            distinct.add(member)?;
        }
        Ok(())
    })
}

pub(super) fn intset(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    let bytes = take_bytes(cursor)?;
    let (_, count) = intset::validate(&bytes)?;
    if count == 0 {
        return Err(Fault::Invalid("a collection without elements"));
    }
    Ok(Read {
        kind: KIND_SET_INTS,
        bytes: bytes.into_owned(),
    })
}

pub(super) fn listpack(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    let packed = take_listpack(cursor)?;
    let mut distinct = Distinct::default();
    packed
        .items()
        .try_for_each(|item| distinct.add_item(item))?;
    drop(distinct);
    Ok(Read {
        kind: KIND_SET_PACKED,
        bytes: packed.bytes.into_owned(),
    })
}
