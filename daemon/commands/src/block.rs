//! What a blocking command says when there is nothing for it yet, and how it reads its timeout.
//!
//! A blocking handler tries; if there is nothing it returns `CmdError::Block`, having changed nothing. That is no error
//! on the wire: the executor queues the client behind the keys and runs the command again when one of them may have
//! become ready. Where a command must not block (transactions, scripts), the executor answers `nothing` at once. The
//! waiting itself is not known here.

use esker_keyspace::Tx;
use esker_keyspace::entry::Kind;
use esker_resp::{Reply, parse_i64};

use crate::error::CmdError;
use crate::extended::{Extended, Parsed};

/// A wait for one of these keys to hold something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub keys: Vec<Vec<u8>>,
    /// The type of value that the command can use; what another type does to a key wakes nobody.
    pub kind: Kind,
    /// From now on; 0 waits forever.
    pub timeout_ms: u64,
    pub nothing: Nothing,
    /// Deletion of a key and a change of its type wake too (XREADGROUP, which answers them with an error).
    pub on_gone: bool,
    /// Arguments for the next try where they differ from the given ones: `$` of XREAD means the last entry at the
    /// first try. The command's name is the first.
    pub again: Option<Vec<Vec<u8>>>,
}

/// What a command answers that finds nothing and may not wait, in a transaction or a script. A wait that ends without a
/// value always answers a null array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    Null,
    NullArray,
}

impl Nothing {
    pub fn write(self, reply: &mut Reply<'_>) {
        match self {
            Nothing::Null => reply.null(),
            Nothing::NullArray => reply.null_array(),
        }
    }
}

/// A timeout in seconds, fractions allowed and rounded up, as milliseconds (BLPOP, BZPOPMIN, …).
pub fn blocking_timeout(tx: &Tx<'_>, arg: &[u8]) -> Result<u64, CmdError> {
    let seconds = Extended::parse(arg)
        .ok_or_else(|| CmdError::text("timeout is not a float or out of range"))?;
    let milliseconds = match seconds {
        Parsed::Finite(seconds) => seconds.thousandfold_up(),
        Parsed::Infinite if arg.starts_with(b"-") => Some(i64::MIN),
        Parsed::Infinite => None,
    };
    within_time(tx, milliseconds.ok_or_else(too_late)?)
}

/// A timeout in milliseconds (XREAD BLOCK).
pub fn blocking_timeout_ms(tx: &Tx<'_>, arg: &[u8]) -> Result<u64, CmdError> {
    let milliseconds = parse_i64(arg)
        .ok_or_else(|| CmdError::text("timeout is not an integer or out of range"))?;
    within_time(tx, milliseconds)
}

fn too_late() -> CmdError {
    CmdError::text("timeout is out of range")
}

fn within_time(tx: &Tx<'_>, milliseconds: i64) -> Result<u64, CmdError> {
    let timeout = u64::try_from(milliseconds).map_err(|_| CmdError::text("timeout is negative"))?;
    match milliseconds.checked_add(tx.now().0) {
        Some(_) => Ok(timeout),
        None => Err(too_late()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Store;
    use esker_keyspace::UnixMs;

    type Parse = fn(&Tx<'_>, &[u8]) -> Result<u64, CmdError>;

    fn parsed(parse: Parse, arg: &str) -> Result<u64, String> {
        let mut store = Store::new();
        let tx = store.keyspace.tx(0, UnixMs(store.now));
        let result = parse(&tx, arg.as_bytes());
        tx.finish();
        result.map_err(|error| error.line().into())
    }

    fn seconds(arg: &str) -> Result<u64, String> {
        parsed(blocking_timeout, arg)
    }

    fn milliseconds(arg: &str) -> Result<u64, String> {
        parsed(blocking_timeout_ms, arg)
    }

    #[test]
    fn seconds_become_milliseconds_rounded_up() {
        for (arg, expected) in [
            ("0", 0),
            ("-0", 0),
            ("1", 1000),
            ("0.001", 1),
            ("0.0001", 1),
            ("1.0001", 1001),
            ("0.1", 100),
            ("2.345", 2345),
            ("1e2", 100_000),
            ("0x1p1", 2000),
            // Less than nothing, but by less than a millisecond.
            ("-0.0001", 0),
        ] {
            assert_eq!(seconds(arg), Ok(expected), "{arg}");
        }
    }

    #[test]
    fn refusals_have_their_own_words() {
        let no_float = "ERR timeout is not a float or out of range";
        let negative = "ERR timeout is negative";
        let too_late = "ERR timeout is out of range";
        for (arg, expected) in [
            ("", no_float),
            ("abc", no_float),
            (" 1", no_float),
            ("1 ", no_float),
            ("nan", no_float),
            ("-1", negative),
            ("-0.002", negative),
            ("-inf", negative),
            ("inf", too_late),
            ("1e30", too_late),
            ("9223372036854775.807", too_late),
        ] {
            assert_eq!(seconds(arg), Err(expected.to_owned()), "{arg}");
        }
        assert_eq!(milliseconds("15"), Ok(15));
        assert_eq!(milliseconds("0"), Ok(0));
        assert_eq!(milliseconds("-1"), Err(negative.to_owned()));
        assert_eq!(
            milliseconds("1.5"),
            Err("ERR timeout is not an integer or out of range".to_owned())
        );
        assert_eq!(
            milliseconds("9223372036854775807"),
            Err(too_late.to_owned())
        );
    }
}
