//! Recorded changes of a set. One that changes nothing contradicts the state.

use esker_format::record::{Verb, Words};

use super::ApplyError;
use crate::tx::Tx;
use crate::value::Set;

pub(super) fn execute(
    tx: &mut Tx<'_>,
    verb: Verb,
    key: &[u8],
    words: Words<'_>,
) -> Result<(), ApplyError> {
    let changed = match verb {
        Verb::SAdd => tx.set_add(key, words.iter())?,
        Verb::SRem => {
            if tx.peek_view::<Set>(key)?.is_none() {
                return Err(ApplyError::NoSuchKey);
            }
            tx.set_remove(key, words.iter())?
        }
        other => unreachable!("{other:?} does not change sets"),
    };
    if changed == 0 {
        return Err(ApplyError::Words);
    }
    Ok(())
}
