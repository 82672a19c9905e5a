//! Recorded changes of a zset value.

use esker_format::record::{Verb, Words};

use super::{ApplyError, integer};
use crate::touched::Event;
use crate::tx::{Tx, ZaddRule};
use crate::value::Zset;

pub(super) fn execute(
    tx: &mut Tx<'_>,
    verb: Verb,
    key: &[u8],
    words: Words<'_>,
) -> Result<(), ApplyError> {
    match verb {
        Verb::ZAdd => add(tx, key, words),
        Verb::ZRem => remove(tx, key, words),
        Verb::ZRemRangeByRank => remove_range(tx, key, words),
        _ => unreachable!("the verbs of other types are executed elsewhere"),
    }
}

fn score(word: &[u8]) -> Result<f64, ApplyError> {
    std::str::from_utf8(word)
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|score: &f64| !score.is_nan())
        .ok_or(ApplyError::Words)
}

fn add(tx: &mut Tx<'_>, key: &[u8], words: Words<'_>) -> Result<(), ApplyError> {
    let mut pairs = Vec::with_capacity(words.len() / 2);
    let mut words = words.iter();
    while let (Some(text), Some(member)) = (words.next(), words.next()) {
        pairs.push((score(text)?, member));
    }
    if pairs.is_empty() {
        return Err(ApplyError::Words);
    }
    tx.zset_add(key, &pairs, ZaddRule::default())?;
    Ok(())
}

fn remove(tx: &mut Tx<'_>, key: &[u8], words: Words<'_>) -> Result<(), ApplyError> {
    let zset = tx.peek_view::<Zset>(key)?.ok_or(ApplyError::NoSuchKey)?;
    if words.iter().any(|member| zset.score(member).is_none()) {
        return Err(ApplyError::Words);
    }
    tx.zset_remove(key, words.iter())?;
    Ok(())
}

fn remove_range(tx: &mut Tx<'_>, key: &[u8], words: Words<'_>) -> Result<(), ApplyError> {
    let mut words = words.iter();
    let (start, stop) = (
        integer::<usize>(words.next())?,
        integer::<usize>(words.next())?,
    );
    let len = tx
        .peek_view::<Zset>(key)?
        .ok_or(ApplyError::NoSuchKey)?
        .len();
    if start > stop || stop >= len {
        return Err(ApplyError::Words);
    }
    tx.zset_remove_range(key, start, stop - start + 1, Event::ZRemRangeByRank)?;
    Ok(())
}
