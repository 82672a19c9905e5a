//! What the steps of a walk over a collection have in common: `[MATCH pattern] [COUNT count]`.

use crate::args::Cursor;
use crate::error::CmdError;
use crate::glob;

pub(crate) struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    pub(crate) count: usize,
    /// Of a hash only the fields are shown.
    pub(crate) no_values: bool,
}

impl<'a> ScanOptions<'a> {
    pub(crate) fn parse(cursor: Cursor<'a>) -> Result<ScanOptions<'a>, CmdError> {
        ScanOptions::parse_with(cursor, false)
    }

    /// With `NOVALUES`, which is for hashes.
    pub(crate) fn parse_of_hash(cursor: Cursor<'a>) -> Result<ScanOptions<'a>, CmdError> {
        ScanOptions::parse_with(cursor, true)
    }

    fn parse_with(mut cursor: Cursor<'a>, of_hash: bool) -> Result<ScanOptions<'a>, CmdError> {
        let mut options = ScanOptions {
            pattern: None,
            count: 10,
            no_values: false,
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
                if !of_hash {
                    return Err(CmdError::line_of(
                        "ERR NOVALUES option can only be used in HSCAN",
                    ));
                }
                options.no_values = true;
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
