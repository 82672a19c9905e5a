//! `FIELDS numfields field …` and the expiries of fields, as their commands have them in common.

use esker_keyspace::{Tx, UnixMs};
use esker_resp::parse_i64;

use crate::args::Args;
use crate::deadline::{Unit, to_moment};
use crate::error::CmdError;

/// The latest moment at which a field can expire.
const MOMENT_MAX: i64 = (1 << 46) - 1;

const MISSING: CmdError =
    CmdError::line_of("ERR Mandatory argument FIELDS is missing or not at the right position");
const NO_MATCH: CmdError =
    CmdError::line_of("ERR The `numfields` parameter must match the number of arguments");
pub(super) const NOT_POSITIVE: CmdError =
    CmdError::line_of("ERR Number of fields must be a positive integer");

/// The names behind `FIELDS numfields`, which begins at `at` and takes the rest of the arguments.
pub(super) fn counted_names<'a>(
    args: Args<'a>,
    at: usize,
    not_positive: CmdError,
) -> Result<Args<'a>, CmdError> {
    let keyword = args.try_get(at).ok_or(MISSING)?;
    if !keyword.eq_ignore_ascii_case(b"FIELDS") {
        return Err(MISSING);
    }
    let count = args.try_get(at + 1).and_then(parse_i64);
    let count = count.filter(|count| *count > 0).ok_or(not_positive)?;
    let names = args.rest(at + 2);
    match usize::try_from(count) {
        Ok(count) if count == names.len() => Ok(names),
        _ => Err(NO_MATCH),
    }
}

/// The moment at which fields are to expire.
pub(super) fn moment(
    tx: &Tx<'_>,
    text: &[u8],
    unit: Unit,
    absolute: bool,
    command: &'static str,
) -> Result<UnixMs, CmdError> {
    let value = parse_i64(text).ok_or(CmdError::NotInteger)?;
    if value < 0 {
        return Err(CmdError::line_of("ERR invalid expire time, must be >= 0"));
    }
    to_moment(tx, value, unit, absolute)
        .filter(|at| at.0 <= MOMENT_MAX)
        .ok_or(CmdError::InvalidExpire(command))
}

/// Unit and base of an expiry option.
pub(super) fn expiry_option(word: &[u8]) -> Option<(Unit, bool)> {
    const WORDS: [(&str, Unit, bool); 4] = [
        ("EX", Unit::Seconds, false),
        ("PX", Unit::Milliseconds, false),
        ("EXAT", Unit::Seconds, true),
        ("PXAT", Unit::Milliseconds, true),
    ];
    WORDS
        .iter()
        .find(|(name, ..)| word.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, unit, absolute)| (*unit, *absolute))
}
