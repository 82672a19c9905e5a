//! Recorded changes of a stream.
//!
//! Whatever an effect names must be there: it was when the effect was recorded.

use esker_format::StreamId;
use esker_format::record::{Verb, Words};

use super::{ApplyError, integer};
use crate::tx::{NewStreamId, StreamAddError, StreamClaim, Tx};
use crate::value::stream::{Keep, Precision};

pub(super) fn execute(
    tx: &mut Tx<'_>,
    verb: Verb,
    key: &[u8],
    words: Words<'_>,
) -> Result<(), ApplyError> {
    match verb {
        Verb::XAdd => add(tx, key, words),
        Verb::XDel => {
            let ids = ids(words.iter())?;
            all_of(tx.stream_delete(key, &ids)?, &ids)
        }
        Verb::XTrim => trim(tx, key, words),
        Verb::XSetId => set_ids(tx, key, words),
        Verb::XAck => {
            let mut words = words.iter();
            let group = words.next().ok_or(ApplyError::Words)?;
            let ids = ids(words)?;
            all_of(tx.stream_ack(key, group, &ids)?, &ids)
        }
        Verb::XClaim => claim(tx, key, words),
        _ => execute_on_group(tx, verb, key, words),
    }
}

fn execute_on_group(
    tx: &mut Tx<'_>,
    verb: Verb,
    key: &[u8],
    words: Words<'_>,
) -> Result<(), ApplyError> {
    let mut words = words.iter();
    let group = words.next().ok_or(ApplyError::Words)?;
    let second = words.next();
    let done = match verb {
        Verb::XGroupCreate | Verb::XGroupSetId => {
            let last_id = id(second)?;
            keyword(words.next(), b"ENTRIESREAD")?;
            let entries_read: i64 = integer(words.next())?;
            let entries_read = u64::try_from(entries_read).ok();
            let create = match words.next() {
                None => false,
                word => keyword(word, b"MKSTREAM").map(|()| true)?,
            };
            match verb {
                Verb::XGroupCreate => tx
                    .stream_create_group(key, group, last_id, entries_read, create)?
                    .unwrap_or(false),
                _ => tx
                    .stream_set_group_id(key, group, last_id, entries_read)?
                    .is_some(),
            }
        }
        Verb::XGroupDestroy => tx.stream_destroy_group(key, group)?,
        _ => {
            let consumer = second.ok_or(ApplyError::Words)?;
            match verb {
                Verb::XGroupCreateConsumer => tx
                    .stream_create_consumer(key, group, consumer)?
                    .unwrap_or(false),
                _ => tx.stream_delete_consumer(key, group, consumer)?.is_some(),
            }
        }
    };
    check(done)
}

fn add(tx: &mut Tx<'_>, key: &[u8], words: Words<'_>) -> Result<(), ApplyError> {
    let mut words = words.iter();
    let id = id(words.next())?;
    if id == StreamId::MIN || !words.len().is_multiple_of(2) {
        return Err(ApplyError::Words);
    }
    match tx.stream_add(key, NewStreamId::Exact(id), Pairs(words), true, None) {
        Ok(_) => Ok(()),
        Err(StreamAddError::WrongType) => Err(ApplyError::WrongType),
        Err(_) => Err(ApplyError::Words),
    }
}

fn trim(tx: &mut Tx<'_>, key: &[u8], words: Words<'_>) -> Result<(), ApplyError> {
    let mut words = words.iter();
    let keep = match words.next() {
        Some(b"MAXLEN") => Keep::Last(integer(words.next())?),
        Some(b"MINID") => Keep::From(id(words.next())?),
        _ => return Err(ApplyError::Words),
    };
    check(tx.stream_trim(key, keep, Precision::Exact)? > 0)
}

fn set_ids(tx: &mut Tx<'_>, key: &[u8], words: Words<'_>) -> Result<(), ApplyError> {
    let mut words = words.iter();
    let last_id = id(words.next())?;
    keyword(words.next(), b"ENTRIESADDED")?;
    let added: i64 = integer(words.next())?;
    keyword(words.next(), b"MAXDELETEDID")?;
    let deleted = id(words.next())?;
    check(tx.stream_set_ids(key, last_id, Some(added.cast_unsigned()), Some(deleted))?)
}

/// `group consumer 0 id… TIME ms RETRYCOUNT n FORCE JUSTID LASTID id`
fn claim(tx: &mut Tx<'_>, key: &[u8], words: Words<'_>) -> Result<(), ApplyError> {
    let mut words = words.iter();
    let group = words.next().ok_or(ApplyError::Words)?;
    let consumer = words.next().ok_or(ApplyError::Words)?;
    keyword(words.next(), b"0")?;
    // Eight words follow the ids.
    let count = words.len().checked_sub(8).ok_or(ApplyError::Words)?;
    let ids = ids(words.by_ref().take(count))?;
    keyword(words.next(), b"TIME")?;
    let delivered_ms = integer(words.next())?;
    keyword(words.next(), b"RETRYCOUNT")?;
    let count = integer(words.next())?;
    for word in [b"FORCE".as_slice(), b"JUSTID", b"LASTID"] {
        keyword(words.next(), word)?;
    }
    let claim = StreamClaim {
        id: id(words.next())?,
        delivered_ms,
        count,
    };
    let done = tx.replay_claim(key, group, consumer, &ids, claim)?;
    check(done.is_some())
}

fn id(word: Option<&[u8]>) -> Result<StreamId, ApplyError> {
    word.and_then(StreamId::parse).ok_or(ApplyError::Words)
}

fn ids<'a>(words: impl Iterator<Item = &'a [u8]>) -> Result<Vec<StreamId>, ApplyError> {
    words.map(|word| id(Some(word))).collect()
}

fn keyword(word: Option<&[u8]>, expected: &[u8]) -> Result<(), ApplyError> {
    check(word == Some(expected))
}

fn check(fits: bool) -> Result<(), ApplyError> {
    match fits {
        true => Ok(()),
        false => Err(ApplyError::Words),
    }
}

fn all_of(count: u64, ids: &[StreamId]) -> Result<(), ApplyError> {
    check(count == ids.len() as u64)
}

/// Neighbours two by two.
#[derive(Clone)]
struct Pairs<I>(I);

impl<'a, I: ExactSizeIterator<Item = &'a [u8]>> Iterator for Pairs<I> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let pairs = self.0.len() / 2;
        (pairs, Some(pairs))
    }
}

impl<'a, I: ExactSizeIterator<Item = &'a [u8]>> ExactSizeIterator for Pairs<I> {}
