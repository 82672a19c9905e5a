//! The one way from a test to a command: a line in, the shape of the reply out.
//!
//! Replies are shown as in the manual: `"bulk"`, `status`, `-ERR …`, `:1`, `nil`, `[…]`, `{…}` for maps.

use esker_keyspace::{Keyspace, Options, Tx, UnixMs};
use esker_resp::{ArgRange, OutBuf, Proto, Reply, split_inline};

use crate::args::Args;
use crate::{Block, CmdError, Found, TABLE};

pub(crate) struct Store {
    pub(crate) keyspace: Keyspace,
    pub(crate) now: i64,
    pub(crate) db: u32,
    pub(crate) proto: Proto,
}

impl Store {
    pub(crate) fn new() -> Store {
        Store {
            keyspace: Keyspace::new(Options::with_seed(7)),
            now: 1_700_000_000_000,
            db: 0,
            proto: Proto::Resp2,
        }
    }

    /// Executes a line as the server would: look-up, arity, handler.
    pub(crate) fn run(&mut self, line: &str) -> String {
        let mut buf = line.as_bytes().to_vec();
        let mut ranges = Vec::new();
        let len = buf.len();
        split_inline(&mut buf, len, &mut ranges).expect("a well-formed line");
        String::from_utf8_lossy(&self.execute(&buf, &ranges)).into_owned()
    }

    /// Executes a line that finds nothing; tells what it wants to wait for.
    pub(crate) fn blocked(&mut self, line: &str) -> Block {
        let mut buf = line.as_bytes().to_vec();
        let mut ranges = Vec::new();
        let len = buf.len();
        split_inline(&mut buf, len, &mut ranges).expect("a well-formed line");
        let mut out = OutBuf::new();
        let mut tx = self.keyspace.tx(self.db, UnixMs(self.now));
        let mut reply = Reply::new(&mut out, self.proto);
        let result = call(&mut tx, Args::new(&buf, &ranges), &mut reply);
        assert_eq!(tx.changed(), 0, "a command that waits has changed nothing");
        tx.finish();
        match result {
            Err(CmdError::Block(block)) => *block,
            other => panic!("{line} does not wait: {other:?}"),
        }
    }

    fn execute(&mut self, buf: &[u8], ranges: &[ArgRange]) -> Vec<u8> {
        let args = Args::new(buf, ranges);
        let mut out = OutBuf::new();
        let mut tx = self.keyspace.tx(self.db, UnixMs(self.now));
        let mut reply = Reply::new(&mut out, self.proto);
        let start = reply.mark();
        if let Err(error) = call(&mut tx, args, &mut reply) {
            assert_eq!(tx.changed(), 0, "a command failed after its first change");
            reply.truncate_to(start);
            error.write(&mut reply);
        }
        tx.finish();
        let bytes = out.to_vec();
        let mut rest = bytes.as_slice();
        let shown = show(&mut rest);
        assert!(
            rest.is_empty(),
            "one reply for one command: {:?}",
            String::from_utf8_lossy(&bytes)
        );
        shown
    }
}

fn call(tx: &mut Tx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result<(), CmdError> {
    let found = TABLE.find(args.get(0)).expect("a known command");
    let found = match found.row.is_container() {
        false => found,
        true => sub(found, args)?,
    };
    if !found.row.arity.accepts(args.len()) {
        return Err(CmdError::WrongArity(found.row.lower_name().into()));
    }
    (found.row.handler.expect("not a container"))(tx, args, reply)
}

fn sub(container: Found<crate::DataFn>, args: Args<'_>) -> Result<Found<crate::DataFn>, CmdError> {
    let name = args
        .try_get(1)
        .ok_or(CmdError::WrongArity(container.row.lower_name().into()))?;
    TABLE
        .find_sub(container, name)
        .ok_or(CmdError::unknown_subcommand(container.row.name, name))
}

/// Printable bytes as they are, others as `\xHH`.
fn visible(bytes: &[u8]) -> Vec<u8> {
    let show = |byte: &u8| match byte {
        b' '..=b'~' => vec![*byte],
        _ => format!("\\x{byte:02x}").into_bytes(),
    };
    bytes.iter().flat_map(show).collect()
}

fn show(rest: &mut &[u8]) -> Vec<u8> {
    let line_len = rest
        .windows(2)
        .position(|pair| pair == b"\r\n")
        .expect("a line");
    let (sign, text) = (rest[0], &rest[1..line_len]);
    *rest = &rest[line_len + 2..];
    let number = || {
        String::from_utf8_lossy(text)
            .parse::<i64>()
            .expect("a length")
    };
    match sign {
        b'+' => text.to_vec(),
        b'-' | b':' | b',' | b'#' => [&[sign], text].concat(),
        b'_' => b"nil".to_vec(),
        b'$' | b'*' if number() < 0 => b"nil".to_vec(),
        b'$' => {
            let bytes = &rest[..number() as usize];
            *rest = &rest[number() as usize + 2..];
            [b"\"", visible(bytes).as_slice(), b"\""].concat()
        }
        b'*' | b'~' => {
            let items: Vec<_> = (0..number()).map(|_| show(rest)).collect();
            [b"[", items.join(&b' ').as_slice(), b"]"].concat()
        }
        b'%' => {
            let items: Vec<_> = (0..number() * 2).map(|_| show(rest)).collect();
            [b"{", items.join(&b' ').as_slice(), b"}"].concat()
        }
        other => panic!("unexpected reply type {}", char::from(other)),
    }
}

/// Runs lines that end in ` => reply`, in one fresh store, and shows all that differ.
#[track_caller]
pub(crate) fn check_script(script: &str) {
    let mut store = Store::new();
    let mut wrong = String::new();
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (command, want) = line.split_once(" => ").expect("command => reply");
        let got = store.run(command);
        if got != want {
            wrong += &format!("\n  {command}\n    got  {got}\n    want {want}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
