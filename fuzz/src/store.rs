//! One way from words to a command: what the executor does, without a session.

use esker_commands::{Args, CmdError, DataFn, Found, TABLE};
use esker_keyspace::Tx;
use esker_resp::{ArgRange, OutBuf, Proto, Reply};

use crate::reply::one_reply;

pub type Words = Vec<Vec<u8>>;

/// Executes one command in an open transaction and returns its one reply. A command that fails has changed nothing.
pub fn execute(tx: &mut Tx<'_>, words: &[Vec<u8>], proto: Proto) -> Vec<u8> {
    let (mut buf, mut ranges) = (Vec::new(), Vec::new());
    for word in words {
        ranges.push(ArgRange {
            start: buf.len() as u32,
            len: word.len() as u32,
        });
        buf.extend_from_slice(word);
    }
    let args = Args::new(&buf, &ranges);
    let mut out = OutBuf::new();
    let mut reply = Reply::new(&mut out, proto);
    let start = reply.mark();
    let before = tx.changed();
    if let Err(error) = call(tx, args, &mut reply) {
        assert_eq!(tx.changed(), before, "failed after a change: {error}");
        reply.truncate_to(start);
        error.write(&mut reply);
    }
    let bytes = out.to_vec();
    assert_eq!(
        one_reply(&bytes, proto),
        bytes.len(),
        "one reply for one command"
    );
    bytes
}

/// Whether the command that these words name may change something.
pub fn writes(words: &[Vec<u8>]) -> bool {
    let Some(found) = words.first().and_then(|name| TABLE.find(name)) else {
        return false;
    };
    let sub = words.get(1).filter(|_| found.row.is_container());
    let found = sub
        .and_then(|sub| TABLE.find_sub(found, sub))
        .unwrap_or(found);
    found.row.is_write()
}

fn call(tx: &mut Tx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CmdError> {
    let found = find(args)?;
    if !found.row.arity.accepts(args.len()) {
        return Err(CmdError::WrongArity(found.row.lower_name().into()));
    }
    let handler = found
        .row
        .handler
        .expect("a row that is found has a handler");
    let keys = found.row.for_each_key(args, |key| {
        assert!(key.index < args.len(), "a key beyond the arguments");
    });
    assert!(
        keys.is_ok() || found.row.takes_keys(),
        "keys of a row without"
    );
    handler(tx, args, reply)
}

fn find(args: Args<'_>) -> Result<Found<DataFn>, CmdError> {
    let name = args.try_get(0).unwrap_or_default();
    let unknown = || CmdError::text("unknown command");
    let found = TABLE.find(name).ok_or_else(unknown)?;
    if !found.row.is_container() {
        return Ok(found);
    }
    let sub = args.try_get(1).unwrap_or_default();
    let subs = TABLE.find_sub(found, sub);
    subs.ok_or_else(|| CmdError::unknown_subcommand(found.row.name, sub))
}
