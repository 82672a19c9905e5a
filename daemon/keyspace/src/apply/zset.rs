//! Recorded changes of a zset value.

use esker_format::record::{Verb, Words};

use super::ApplyError;
use crate::tx::Tx;

pub(super) fn execute(
    tx: &mut Tx<'_>,
    verb: Verb,
    key: &[u8],
    words: Words<'_>,
) -> Result<(), ApplyError> {
    let _ = (tx, verb, key, words);
    Err(ApplyError::Words)
}
