//! DUMP and RESTORE.

use esker_keyspace::dump::{self, PayloadError};
use esker_keyspace::{Tx, UnixMs};
use esker_resp::{Reply, parse_i64};

use crate::args::Args;
use crate::error::{CmdError, CmdResult};

pub(super) fn dump(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    match tx.look(args.get(1)).map(dump::payload) {
        None => out.null(),
        Some(payload) => out.bulk(payload),
    }
    Ok(())
}

#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<u32>,
    frequency: Option<u8>,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Options, CmdError> {
        let mut cursor = args.cursor(4);
        let mut options = Options::default();
        while !cursor.is_done() {
            if cursor.word("REPLACE") {
                options.replace = true;
            } else if cursor.word("ABSTTL") {
                options.absolute = true;
            } else if options.frequency.is_none() && cursor.word("IDLETIME") {
                let seconds = cursor.int()?;
                let seconds = u64::try_from(seconds)
                    .map_err(|_| CmdError::line_of("ERR Invalid IDLETIME value, must be >= 0"))?;
                options.idle_seconds = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
            } else if options.idle_seconds.is_none() && cursor.word("FREQ") {
                let frequency = u8::try_from(cursor.int()?).map_err(|_| {
                    CmdError::line_of("ERR Invalid FREQ value, must be >= 0 and <= 255")
                })?;
                options.frequency = Some(frequency);
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }
}

pub(super) fn restore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    let options = Options::parse(args)?;
    let taken = tx.exists_in(tx.db(), key);
    if taken && !options.replace {
        return Err(CmdError::BusyKey);
    }
    let ttl = parse_i64(args.get(2)).ok_or(CmdError::NotInteger)?;
    if ttl < 0 {
        return Err(CmdError::line_of("ERR Invalid TTL value, must be >= 0"));
    }
    let value = dump::parse(args.get(3), tx.limits()).map_err(|error| match error {
        PayloadError::VersionOrChecksum => {
            CmdError::line_of("ERR DUMP payload version or checksum are wrong")
        }
        PayloadError::BadData => CmdError::line_of("ERR Bad data format"),
    })?;
    let at = match (ttl, options.absolute) {
        (0, _) => None,
        (at, true) => Some(UnixMs(at)),
        (ms, false) => Some(UnixMs(ms.saturating_add(tx.now().0))),
    };
    if at.is_some_and(|at| at <= tx.now()) {
        // It would expire at once: what is left to do is what REPLACE does to the old value.
        tx.del(key);
    } else {
        tx.restore(key, value, at);
        tx.set_access(key, options.idle_seconds, options.frequency);
    }
    out.ok();
    Ok(())
}
