//! XADD and XTRIM, whose options for trimming are the same.

use esker_keyspace::stream::{Keep, Precision};
use esker_keyspace::{NewStreamId, Stream, StreamAddError, StreamId, Tx};
use esker_resp::{Reply, parse_i64};

use super::ids::{self, Written};
use crate::args::Args;
use crate::error::{CmdError, CmdResult};

/// What fields and values of one entry may have together.
const ENTRY_BYTES_MAX: usize = 1 << 30;
/// How many entries an approximate trim deletes at most, unless the client says: so many nodes, within bounds.
const TRIM_NODES_MAX: usize = 100;
const TRIM_ENTRIES_DEFAULT: u64 = 10_000;
const TRIM_ENTRIES_MAX: u64 = 1_000_000;

pub(super) fn xadd(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let options = Options::parse(tx, args, Command::Add)?;
    let fields = args.rest(options.next);
    if fields.len() < 2 || !fields.len().is_multiple_of(2) {
        return Err(CmdError::WrongArity("xadd".into()));
    }
    if options.id == NewStreamId::Exact(StreamId::MIN) {
        return Err(CmdError::text(
            "The ID specified in XADD must be greater than 0-0",
        ));
    }
    if fields.iter().map(<[u8]>::len).sum::<usize>() > ENTRY_BYTES_MAX {
        return too_large(tx, args, &options, out);
    }
    let added = tx.stream_add(
        args.get(1),
        options.id,
        fields.pairs(),
        options.create,
        options.trim,
    );
    match added {
        Ok(Some(id)) => ids::write_id(out, id),
        Ok(None) => out.null(),
        Err(StreamAddError::WrongType) => return Err(CmdError::WrongType),
        Err(StreamAddError::Exhausted) => {
            return Err(CmdError::text(
                "The stream has exhausted the last possible ID, unable to add more items",
            ));
        }
        Err(StreamAddError::NotGreater) => {
            return Err(CmdError::text(
                "The ID specified in XADD is equal or smaller than the target stream top item",
            ));
        }
    }
    Ok(())
}

#[cold]
fn too_large(tx: &mut Tx<'_>, args: Args<'_>, options: &Options, out: &mut Reply<'_>) -> CmdResult {
    if tx.view::<Stream>(args.get(1))?.is_none() && !options.create {
        out.null();
        return Ok(());
    }
    Err(CmdError::text("Elements are too large to be stored"))
}

pub(super) fn xtrim(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let options = Options::parse(tx, args, Command::Trim)?;
    let (keep, precision) = options.trim.ok_or_else(|| {
        CmdError::text("syntax error, XTRIM must be called with a trimming strategy")
    })?;
    let deleted = tx.stream_trim(args.get(1), keep, precision)?;
    out.integer(deleted as i64);
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Add,
    Trim,
}

#[derive(Debug)]
struct Options {
    create: bool,
    id: NewStreamId,
    trim: Option<(Keep, Precision)>,
    /// Where the fields begin.
    next: usize,
}

impl Options {
    fn parse(tx: &Tx<'_>, args: Args<'_>, command: Command) -> Result<Options, CmdError> {
        let add = command == Command::Add;
        let (mut create, mut id) = (true, NewStreamId::Auto);
        let (mut keep, mut approximate, mut limit) = (None, false, None);
        let mut at = 2;
        while at < args.len() {
            let arg = args.get(at);
            let is = |word: &[u8]| arg.eq_ignore_ascii_case(word);
            let has_value = at + 1 < args.len();
            if add && arg == b"*" {
                break;
            } else if has_value && (is(b"MAXLEN") || is(b"MINID")) {
                if keep.is_some() {
                    return Err(CmdError::text(
                        "syntax error, MAXLEN and MINID options at the same time are not compatible",
                    ));
                }
                let operator = args.get(at + 1);
                let operated = at + 2 < args.len() && matches!(operator, b"~" | b"=");
                approximate = operated && operator == b"~";
                at += 1 + usize::from(operated);
                keep = Some(bound(args.get(at), is(b"MAXLEN"))?);
            } else if has_value && is(b"LIMIT") {
                at += 1;
                limit = Some(not_negative(args.get(at), "LIMIT")?);
            } else if add && is(b"NOMKSTREAM") {
                create = false;
            } else if add {
                id = match ids::of_new_entry(arg)? {
                    Written::Id(id) => NewStreamId::Exact(id),
                    Written::AnyOf(ms) => NewStreamId::Within(ms),
                };
                break;
            } else {
                return Err(CmdError::Syntax);
            }
            at += 1;
        }
        if keep.is_none() && limit.is_some_and(|limit| limit > 0) {
            return Err(CmdError::text(
                "syntax error, LIMIT cannot be used without specifying a trimming strategy",
            ));
        }
        if !add && keep.is_none() {
            return Err(CmdError::text(
                "syntax error, XTRIM must be called with a trimming strategy",
            ));
        }
        let precision = precision(tx, approximate, limit)?;
        Ok(Options {
            create,
            id,
            trim: keep.map(|keep| (keep, precision)),
            next: at + 1,
        })
    }
}

/// What MAXLEN or MINID is to keep.
fn bound(arg: &[u8], length: bool) -> Result<Keep, CmdError> {
    match length {
        true => not_negative(arg, "MAXLEN").map(Keep::Last),
        false => ids::strict(arg, 0).map(Keep::From),
    }
}

fn not_negative(arg: &[u8], option: &str) -> Result<u64, CmdError> {
    let number = parse_i64(arg).ok_or(CmdError::NotInteger)?;
    u64::try_from(number)
        .map_err(|_| CmdError::text(format_args!("The {option} argument must be >= 0.")))
}

fn precision(tx: &Tx<'_>, approximate: bool, limit: Option<u64>) -> Result<Precision, CmdError> {
    match (approximate, limit) {
        (false, None) => Ok(Precision::Exact),
        (false, Some(_)) => Err(CmdError::text(
            "syntax error, LIMIT cannot be used without the special ~ option",
        )),
        (true, Some(entries_max)) => Ok(Precision::Nodes { entries_max }),
        (true, None) => {
            let entries = tx.limits().stream_node_max_entries as u64 * TRIM_NODES_MAX as u64;
            let entries_max = match entries {
                0 => TRIM_ENTRIES_DEFAULT,
                entries => entries.min(TRIM_ENTRIES_MAX),
            };
            Ok(Precision::Nodes { entries_max })
        }
    }
}
