//! BITFIELD and BITFIELD_RO: a list of operations on integers inside one string.

use esker_keyspace::touched::Event;
use esker_keyspace::{Tx, str_len};
use esker_resp::Reply;

use super::bit_offset;
use super::integer::{IntType, Overflow};
use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::value::bytes_of;

const INVALID_TYPE: CmdError = CmdError::line_of(
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Get,
    Set(i64),
    IncrBy(i64),
}

struct Operation {
    action: Action,
    kind: IntType,
    offset: u64,
    overflow: Overflow,
}

pub(super) fn bitfield(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let operations = parse(tx, args)?;
    execute(tx, args.get(1), &operations, out)
}

pub(super) fn bitfield_ro(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let operations = parse(tx, args)?;
    if operations
        .iter()
        .any(|operation| operation.action != Action::Get)
    {
        return Err(CmdError::line_of(
            "ERR BITFIELD_RO only supports the GET subcommand",
        ));
    }
    execute(tx, args.get(1), &operations, out)
}

fn parse(tx: &Tx<'_>, args: Args<'_>) -> Result<Vec<Operation>, CmdError> {
    let mut cursor = args.cursor(2);
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    while !cursor.is_done() {
        if cursor.word("OVERFLOW") {
            overflow = match cursor.value()?.to_ascii_uppercase().as_slice() {
                b"WRAP" => Overflow::Wrap,
                b"SAT" => Overflow::Saturate,
                b"FAIL" => Overflow::Fail,
                _ => return Err(CmdError::line_of("ERR Invalid OVERFLOW type specified")),
            };
            continue;
        }
        let word = ["GET", "SET", "INCRBY"]
            .into_iter()
            .find(|word| cursor.word(word))
            .ok_or(CmdError::Syntax)?;
        // All operands must be there before the first is looked at.
        if cursor.left() < if word == "GET" { 2 } else { 3 } {
            return Err(CmdError::Syntax);
        }
        let kind = IntType::parse(cursor.value()?).ok_or(INVALID_TYPE)?;
        let offset = bit_offset(tx, cursor.value()?, Some(kind.bits))?;
        let action = match word {
            "GET" => Action::Get,
            "SET" => Action::Set(cursor.int()?),
            _ => Action::IncrBy(cursor.int()?),
        };
        operations.push(Operation {
            action,
            kind,
            offset,
            overflow,
        });
    }
    Ok(operations)
}

fn execute(
    tx: &mut Tx<'_>,
    key: &[u8],
    operations: &[Operation],
    out: &mut Reply<'_>,
) -> CmdResult {
    let length = tx.string(key)?.map_or(0, str_len);
    let written = operations
        .iter()
        .filter(|operation| operation.action != Action::Get);
    let bytes_needed = written
        .map(|op| (op.offset + u64::from(op.kind.bits)).div_ceil(8))
        .max();
    let before = tx.changed();
    let grows = bytes_needed
        .map(|bytes| bytes as usize)
        .filter(|needed| *needed > length);
    if let Some(needed) = grows {
        // The string grows for every write that is asked for, also for one that then fails.
        tx.set_range_as(key, needed - 1, &[0], Event::SetBit)?;
    }
    if bytes_needed.is_some() {
        tx.make_raw(key);
    }
    out.array(operations.len());
    // Growing is not a change of its own; every write that succeeds on a string that grew is one.
    let mut changes = 0;
    for operation in operations {
        let done = apply(tx, key, operation)?;
        changes += u64::from(done.wrote && (grows.is_some() || done.differs));
        match done.reply {
            Some(value) => out.integer(value),
            None => out.null(),
        }
    }
    tx.recount(before, changes);
    Ok(())
}

/// What came of one operation.
struct Done {
    /// `None`: an overflow that was to fail.
    reply: Option<i64>,
    wrote: bool,
    /// The field holds another value than before.
    differs: bool,
}

/// Does one operation: the reply is the value read, the value replaced, or the sum.
fn apply(tx: &mut Tx<'_>, key: &[u8], operation: &Operation) -> Result<Done, CmdError> {
    let Operation {
        action,
        kind,
        offset,
        overflow,
    } = *operation;
    let bytes = tx.string(key)?.map_or_else(Default::default, bytes_of);
    let old = kind.read(&bytes, offset);
    let (new, reply) = match action {
        Action::Get => {
            return Ok(Done {
                reply: Some(old),
                wrote: false,
                differs: false,
            });
        }
        Action::Set(value) => (kind.convert(value, overflow), Some(old)),
        Action::IncrBy(by) => {
            let sum = kind.add(old, by, overflow);
            (sum, sum)
        }
    };
    let Some(new) = new else {
        return Ok(Done {
            reply: None,
            wrote: false,
            differs: false,
        });
    };
    let (at, patch) = kind.patch(&bytes, offset, new);
    drop(bytes);
    if new != old {
        tx.set_range_as(key, at, &patch, Event::SetBit)?;
    }
    Ok(Done {
        reply,
        wrote: true,
        differs: new != old,
    })
}
