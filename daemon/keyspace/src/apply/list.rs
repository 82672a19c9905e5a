//! Recorded changes of a list value.

use esker_format::record::{Verb, Words};

use super::{ApplyError, integer};
use crate::tx::{ListSetError, Tx};
use crate::value::{End, Side};

pub(super) fn execute(
    tx: &mut Tx<'_>,
    verb: Verb,
    key: &[u8],
    words: Words<'_>,
) -> Result<(), ApplyError> {
    let mut words = words.iter();
    match verb {
        Verb::RPush => drop(tx.list_push(key, End::Right, words, true)?),
        Verb::LPush => drop(tx.list_push(key, End::Left, words, true)?),
        Verb::RPop => pop(tx, key, End::Right, integer(words.next())?)?,
        Verb::LPop => pop(tx, key, End::Left, integer(words.next())?)?,
        Verb::LSet => {
            let index = integer(words.next())?;
            tx.list_set(key, index, word(words.next())?)?;
        }
        Verb::LInsert => {
            let side = match word(words.next())? {
                b"BEFORE" => Side::Before,
                b"AFTER" => Side::After,
                _ => return Err(ApplyError::Words),
            };
            let (pivot, value) = (word(words.next())?, word(words.next())?);
            let list = tx.list_insert(key, side, pivot, value)?;
            list.ok_or(ApplyError::NoSuchKey)?
                .ok_or(ApplyError::Words)?;
        }
        Verb::LRem => {
            let count = integer(words.next())?;
            if tx.list_remove(key, count, word(words.next())?)? == 0 {
                return Err(ApplyError::Words);
            }
        }
        Verb::LTrim => {
            let (start, stop) = (integer(words.next())?, integer(words.next())?);
            tx.list_trim(key, start, stop)?
                .ok_or(ApplyError::NoSuchKey)?;
        }
        _ => return Err(ApplyError::Words),
    }
    Ok(())
}

/// As many elements as were popped must be there.
fn pop(tx: &mut Tx<'_>, key: &[u8], end: End, count: usize) -> Result<(), ApplyError> {
    let len = tx.view::<crate::value::List>(key)?.map(|list| list.len());
    match len {
        None => Err(ApplyError::NoSuchKey),
        Some(len) if count == 0 || count > len => Err(ApplyError::Words),
        Some(_) => {
            tx.list_pop(key, end, count, |_, _| {})?;
            Ok(())
        }
    }
}

fn word(word: Option<&[u8]>) -> Result<&[u8], ApplyError> {
    word.ok_or(ApplyError::Words)
}

impl From<ListSetError> for ApplyError {
    fn from(error: ListSetError) -> ApplyError {
        match error {
            ListSetError::WrongType => ApplyError::WrongType,
            ListSetError::NoSuchKey => ApplyError::NoSuchKey,
            ListSetError::OutOfRange => ApplyError::Words,
        }
    }
}
