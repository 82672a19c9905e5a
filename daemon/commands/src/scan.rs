//! What the steps of a walk over a collection have in common: `[MATCH pattern] [COUNT count]`.

use crate::args::Cursor;
use crate::error::CmdError;
use crate::glob;

pub(crate) struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    pub(crate) count: usize,
    /// Only the fields of a hash or the members of a sorted set are shown, without what belongs to them.
    pub(crate) bare: bool,
}

/// Whose elements are walked over; each has a word for leaving out what belongs to an element, but for sets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Set,
    Hash,
    Zset,
}

impl<'a> ScanOptions<'a> {
    pub(crate) fn parse(mut cursor: Cursor<'a>, of: Of) -> Result<ScanOptions<'a>, CmdError> {
        let mut options = ScanOptions {
            pattern: None,
            count: 10,
            bare: false,
        };
        while !cursor.is_done() {
            if let Some(pattern) = cursor.option("MATCH")? {
                options.pattern = Some(pattern).filter(|pattern| *pattern != b"*");
            } else if cursor.word("COUNT") {
                options.count = usize::try_from(cursor.int()?)
                    .ok()
                    .filter(|count| *count > 0)
                    .ok_or(CmdError::Syntax)?;
            } else if cursor.word("NOVALUES") {
                if of != Of::Hash {
                    return Err(CmdError::line_of(
                        "ERR NOVALUES option can only be used in HSCAN",
                    ));
                }
                options.bare = true;
            } else if of == Of::Zset && cursor.word("NOSCORES") {
                options.bare = true;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }

    pub(crate) fn shows(&self, element: &[u8]) -> bool {
        self.pattern
            .is_none_or(|pattern| glob::matches(pattern, element))
    }
}
