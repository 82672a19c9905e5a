//! Looking at all keys: at once, or in steps.

use esker_keyspace::Tx;
use esker_keyspace::entry::Entry;
use esker_resp::{OutBuf, Reply, parse_u64};

use super::object::kind_name;
use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::glob;

pub(super) fn keys(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let pattern = args.get(1);
    let place = out.defer();
    let mut count = 0;
    tx.for_each(|entry| {
        if pattern == b"*" || glob::matches(pattern, entry.key()) {
            out.bulk(entry.key());
            count += 1;
        }
    });
    out.finish_array(place, count);
    Ok(())
}

struct Options<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
    /// The kind to show; a name that no kind has shows nothing.
    kind: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Options<'a>, CmdError> {
        let mut cursor = args.cursor(2);
        let mut options = Options {
            pattern: None,
            count: 10,
            kind: None,
        };
        while !cursor.is_done() {
            if let Some(pattern) = cursor.option("MATCH")? {
                options.pattern = Some(pattern).filter(|pattern| *pattern != b"*");
            } else if let Some(kind) = cursor.option("TYPE")? {
                options.kind = Some(kind);
            } else if cursor.word("COUNT") {
                let count = cursor.int()?;
                options.count = usize::try_from(count)
                    .ok()
                    .filter(|count| *count > 0)
                    .ok_or(CmdError::Syntax)?;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }

    fn shows(&self, entry: &Entry) -> bool {
        let is_kind = |name: &[u8]| name.eq_ignore_ascii_case(kind_name(entry.kind()).as_bytes());
        self.pattern
            .is_none_or(|pattern| glob::matches(pattern, entry.key()))
            && self.kind.is_none_or(is_kind)
    }
}

pub(super) fn scan(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let cursor = parse_u64(args.get(1)).ok_or(CmdError::line_of("ERR invalid cursor"))?;
    let options = Options::parse(args)?;
    // The next cursor comes first in the reply and is known last.
    let mut shown = OutBuf::new();
    let mut keys = Reply::new(&mut shown, out.proto());
    let mut count = 0;
    let next = tx.scan(cursor, options.count, |entry| {
        if options.shows(entry) {
            keys.bulk(entry.key());
            count += 1;
        }
    });
    out.array(2);
    out.bulk(next.to_string());
    out.array(count);
    out.out().append(&mut shown);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use esker_keyspace::entry::Kind;

    #[test]
    fn every_kind_has_its_own_name() {
        let kinds = [
            Kind::String,
            Kind::List,
            Kind::Set,
            Kind::Zset,
            Kind::Hash,
            Kind::Stream,
        ];
        let names: std::collections::BTreeSet<&str> = kinds.into_iter().map(kind_name).collect();
        assert_eq!(names.len(), kinds.len());
    }
}
