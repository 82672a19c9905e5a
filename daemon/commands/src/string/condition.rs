//! Conditions on a string: NX, XX, and comparisons with its value or digest.

use esker_keyspace::Tx;
use esker_resp::Reply;
use xxhash_rust::xxh3::xxh3_64;

use crate::args::{Args, Cursor};
use crate::error::{CmdError, CmdResult};
use crate::value::{bytes_of, equals};

/// When a write is done. An absent key equals nothing and differs from everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition<'a> {
    Absent,
    Present,
    Equal(&'a [u8]),
    Different(&'a [u8]),
    DigestEqual(u64),
    DigestDifferent(u64),
}

impl<'a> Condition<'a> {
    /// Takes NX or XX if it comes next.
    pub(super) fn take_presence(options: &mut Cursor<'a>) -> Option<Condition<'a>> {
        if options.word("NX") {
            Some(Condition::Absent)
        } else if options.word("XX") {
            Some(Condition::Present)
        } else {
            None
        }
    }

    /// Takes one of the comparisons if it comes next.
    pub(super) fn take_comparison(
        options: &mut Cursor<'a>,
    ) -> Result<Option<Condition<'a>>, CmdError> {
        if let Some(value) = options.option("IFEQ")? {
            return Ok(Some(Condition::Equal(value)));
        }
        if let Some(value) = options.option("IFNE")? {
            return Ok(Some(Condition::Different(value)));
        }
        if let Some(value) = options.option("IFDEQ")? {
            return parse_digest(value).map(|digest| Some(Condition::DigestEqual(digest)));
        }
        if let Some(value) = options.option("IFDNE")? {
            return parse_digest(value).map(|digest| Some(Condition::DigestDifferent(digest)));
        }
        Ok(None)
    }

    pub(super) fn holds(self, tx: &mut Tx<'_>, key: &[u8]) -> Result<bool, CmdError> {
        match self {
            Condition::Absent => return Ok(!tx.exists_in(tx.db(), key)),
            Condition::Present => return Ok(tx.exists_in(tx.db(), key)),
            _ => {}
        }
        let value = tx.string(key)?;
        Ok(match self {
            Condition::Equal(other) => value.is_some_and(|value| equals(value, other)),
            Condition::Different(other) => value.is_none_or(|value| !equals(value, other)),
            Condition::DigestEqual(other) => {
                value.is_some_and(|value| xxh3_64(&bytes_of(value)) == other)
            }
            Condition::DigestDifferent(other) => {
                value.is_none_or(|value| xxh3_64(&bytes_of(value)) != other)
            }
            Condition::Absent | Condition::Present => unreachable!("answered above"),
        })
    }
}

/// Sixteen hexadecimal digits, as DIGEST replies them.
fn parse_digest(text: &[u8]) -> Result<u64, CmdError> {
    let valid = text.len() == 16 && text.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(text).ok().filter(|_| valid);
    text.and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or(CmdError::line_of(
            "ERR must be exactly 16 hexadecimal characters",
        ))
}

pub(super) fn digest(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    match tx.string(args.get(1))? {
        None => out.null(),
        Some(value) => out.bulk(format!("{:016x}", xxh3_64(&bytes_of(value)))),
    }
    Ok(())
}

pub(super) fn delex(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    let mut options = args.cursor(2);
    let condition = Condition::take_comparison(&mut options)?;
    options.finish()?;
    let Some(condition) = condition else {
        out.integer(i64::from(tx.del(key)));
        return Ok(());
    };
    let present = tx.exists_in(tx.db(), key);
    let holds = present
        && condition.holds(tx, key).map_err(|error| match error {
            CmdError::WrongType => {
                CmdError::line_of("ERR Key should be of string type if conditions are specified")
            }
            other => other,
        })?;
    out.integer(i64::from(holds && tx.del(key)));
    Ok(())
}

pub(super) fn delifeq(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    let holds = Condition::Equal(args.get(2)).holds(tx, key)?;
    out.integer(i64::from(holds && tx.del(key)));
    Ok(())
}
