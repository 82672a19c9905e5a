//! Elements that a reply may repeat: SRANDMEMBER, HRANDFIELD and ZRANDMEMBER with a negative count.
//!
//! Such a count has nothing to do with what is stored: one request of a few bytes could ask for more than there is
//! memory. The reply is therefore held to a number of elements and of bytes, beyond which the command is refused.

use esker_resp::Reply;

use crate::error::{CmdError, CmdResult};

/// So many elements are drawn in about a second, during which no other command runs.
const ELEMENTS_MAX: u64 = 1 << 24;
const BYTES_MAX: usize = 1 << 30;

/// The number of elements to draw.
pub(crate) fn repeats(count: u64) -> Result<usize, CmdError> {
    if count > ELEMENTS_MAX {
        return Err(CmdError::OutOfRange);
    }
    Ok(count as usize)
}

/// Writes `count` elements, one by each call of `one`.
pub(crate) fn write_repeated(
    out: &mut Reply<'_>,
    count: usize,
    mut one: impl FnMut(&mut Reply<'_>),
) -> CmdResult {
    let start = out.out().len();
    for _ in 0..count {
        one(out);
        if out.out().len() - start > BYTES_MAX {
            return Err(CmdError::OutOfRange);
        }
    }
    Ok(())
}
