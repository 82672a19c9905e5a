//! What SORT is told.

use crate::args::Args;
use crate::error::CmdError;

/// The options of one call.
pub(super) struct Options<'a> {
    /// What elements are compared by, if not themselves.
    pub(super) by: Option<&'a [u8]>,
    /// What is shown of each element, if not itself.
    pub(super) get: Vec<&'a [u8]>,
    pub(super) offset: i64,
    /// Negative: all.
    pub(super) count: i64,
    pub(super) descending: bool,
    pub(super) alphabetic: bool,
    pub(super) store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    pub(super) fn parse(args: Args<'a>, may_store: bool) -> Result<Options<'a>, CmdError> {
        let mut options = Options {
            by: None,
            get: Vec::new(),
            offset: 0,
            count: -1,
            descending: false,
            alphabetic: false,
            store: None,
        };
        let mut rest = args.cursor(2);
        while !rest.is_done() {
            if rest.word("ASC") {
                options.descending = false;
            } else if rest.word("DESC") {
                options.descending = true;
            } else if rest.word("ALPHA") {
                options.alphabetic = true;
            } else if rest.left() >= 3 && rest.word("LIMIT") {
                (options.offset, options.count) = (rest.int()?, rest.int()?);
            } else if let Some(pattern) = rest.option("BY")? {
                options.by = Some(pattern);
            } else if let Some(pattern) = rest.option("GET")? {
                options.get.push(pattern);
            } else if may_store && rest.word("STORE") {
                options.store = Some(rest.value()?);
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }

    /// A pattern without a place for the element asks for the order that the elements have.
    pub(super) fn keeps_order(&self) -> bool {
        self.by.is_some_and(|pattern| !pattern.contains(&b'*'))
    }

    /// Which of `len` elements are wanted.
    pub(super) fn range(&self, len: usize) -> (usize, usize) {
        let within = |number: i64| usize::try_from(number).unwrap_or(usize::MAX).min(len);
        let start = within(self.offset.max(0));
        let count = match self.count {
            ..0 => len,
            count => within(count),
        };
        (start, count.min(len - start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_cut_to_what_there_is() {
        let range = |offset, count| {
            let options = Options {
                by: None,
                get: Vec::new(),
                offset,
                count,
                descending: false,
                alphabetic: false,
                store: None,
            };
            options.range(5)
        };
        assert_eq!(range(0, -1), (0, 5));
        assert_eq!(range(2, -1), (2, 3));
        assert_eq!(range(-3, 2), (0, 2));
        assert_eq!(range(4, 100), (4, 1));
        assert_eq!(range(100, 100), (5, 0));
        assert_eq!(range(i64::MIN, i64::MIN), (0, 5));
        assert_eq!(range(i64::MAX, i64::MAX), (5, 0));
        assert_eq!(range(1, 0), (1, 0));
    }
}
