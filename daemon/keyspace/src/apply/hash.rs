//! Recorded changes of a hash value.

use esker_format::record::{Verb, Words};

use super::{ApplyError, integer};
use crate::UnixMs;
use crate::touched::Event;
use crate::tx::{Expiry, FieldCondition, Tx};
use crate::value::Hash;

pub(super) fn execute(
    tx: &mut Tx<'_>,
    verb: Verb,
    key: &[u8],
    words: Words<'_>,
) -> Result<(), ApplyError> {
    match verb {
        Verb::HSet => set(tx, key, words),
        Verb::HDel => {
            check_present(tx, key, words.iter())?;
            tx.hash_remove(key, words.iter())?;
            Ok(())
        }
        Verb::HPexpireAt => expire(tx, key, words),
        Verb::HPersist => persist(tx, key, words),
        _ => unreachable!("the verbs of other types are executed elsewhere"),
    }
}

fn set(tx: &mut Tx<'_>, key: &[u8], words: Words<'_>) -> Result<(), ApplyError> {
    let words: Vec<&[u8]> = words.iter().collect();
    if words.is_empty() || !words.len().is_multiple_of(2) {
        return Err(ApplyError::Words);
    }
    let pairs = words.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    tx.hash_set(key, pairs, Expiry::Clear, Event::HSet)?;
    Ok(())
}

fn check_present<'a>(
    tx: &mut Tx<'_>,
    key: &[u8],
    mut names: impl Iterator<Item = &'a [u8]>,
) -> Result<(), ApplyError> {
    let now = tx.now();
    let hash = tx.peek_view::<Hash>(key)?.ok_or(ApplyError::NoSuchKey)?;
    match names.all(|name| hash.field(name, now).is_some()) {
        true => Ok(()),
        false => Err(ApplyError::Words),
    }
}

/// `FIELDS count name…`
fn names<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Result<Vec<&'a [u8]>, ApplyError> {
    if words.next() != Some(b"FIELDS") {
        return Err(ApplyError::Words);
    }
    let count: usize = integer(words.next())?;
    let names: Vec<&[u8]> = words.collect();
    match names.len() == count && count > 0 {
        true => Ok(names),
        false => Err(ApplyError::Words),
    }
}

fn expire(tx: &mut Tx<'_>, key: &[u8], words: Words<'_>) -> Result<(), ApplyError> {
    let mut words = words.iter();
    let at: i64 = integer(words.next())?;
    if at <= 0 {
        return Err(ApplyError::Words);
    }
    let names = names(words)?;
    check_present(tx, key, names.iter().copied())?;
    tx.hash_expire(key, names.into_iter(), UnixMs(at), FieldCondition::Always)?;
    Ok(())
}

fn persist(tx: &mut Tx<'_>, key: &[u8], words: Words<'_>) -> Result<(), ApplyError> {
    let names = names(words.iter())?;
    check_present(tx, key, names.iter().copied())?;
    tx.hash_persist(key, names.into_iter())?;
    Ok(())
}
