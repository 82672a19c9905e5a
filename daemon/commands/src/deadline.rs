//! The options EX, PX, EXAT and PXAT, and the times they stand for.

use esker_keyspace::{Tx, UnixMs};
use esker_resp::parse_i64;

use crate::args::Cursor;
use crate::error::CmdError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Milliseconds,
}

/// An expiry as the client gave it. The number is only read when it is needed: options are checked before values.
#[derive(Clone, Copy, Debug)]
pub struct Deadline<'a> {
    text: &'a [u8],
    unit: Unit,
    absolute: bool,
}

impl<'a> Deadline<'a> {
    pub fn after(text: &'a [u8], unit: Unit) -> Deadline<'a> {
        Deadline {
            text,
            unit,
            absolute: false,
        }
    }

    /// Takes one of the four options if it comes next. A repeated option counts as the last one; different
    /// options contradict each other.
    pub fn take_over(
        old: Option<Deadline<'a>>,
        options: &mut Cursor<'a>,
    ) -> Result<Option<Deadline<'a>>, CmdError> {
        let new = Deadline::take(options)?;
        match (old, new) {
            (Some(old), Some(new)) if (old.unit, old.absolute) != (new.unit, new.absolute) => {
                Err(CmdError::Syntax)
            }
            _ => Ok(new),
        }
    }

    /// Takes one of the four options if it comes next.
    pub fn take(options: &mut Cursor<'a>) -> Result<Option<Deadline<'a>>, CmdError> {
        const WORDS: [(&str, Unit, bool); 4] = [
            ("EX", Unit::Seconds, false),
            ("PX", Unit::Milliseconds, false),
            ("EXAT", Unit::Seconds, true),
            ("PXAT", Unit::Milliseconds, true),
        ];
        for (word, unit, absolute) in WORDS {
            if let Some(text) = options.option(word)? {
                return Ok(Some(Deadline {
                    text,
                    unit,
                    absolute,
                }));
            }
        }
        Ok(None)
    }

    /// The moment it stands for. Only the future of the epoch counts: zero and less are refused.
    pub fn resolve(self, tx: &Tx<'_>, command: &'static str) -> Result<UnixMs, CmdError> {
        let value = parse_i64(self.text).ok_or(CmdError::NotInteger)?;
        if value <= 0 {
            return Err(CmdError::InvalidExpire(command));
        }
        to_moment(tx, value, self.unit, self.absolute).ok_or(CmdError::InvalidExpire(command))
    }
}

/// Converts to milliseconds since the epoch; none when that overflows.
pub fn to_moment(tx: &Tx<'_>, value: i64, unit: Unit, absolute: bool) -> Option<UnixMs> {
    let ms = match unit {
        Unit::Seconds => value.checked_mul(1000)?,
        Unit::Milliseconds => value,
    };
    let base = if absolute { 0 } else { tx.now().0 };
    ms.checked_add(base).map(UnixMs)
}
