//! DUMP and RESTORE: our payloads come back as they were, foreign ones become a value or an error that changes nothing.

use esker_format::redis::rdb::{self, DumpValue};
use esker_keyspace::{Keyspace, Options, UnixMs};
use esker_resp::Proto;

use crate::input::Input;
use crate::replica::Replica;
use crate::store::execute;

const NOW: UnixMs = UnixMs(1_700_000_000_000);
/// Compressed data expands to 264 times its length.
const PAYLOAD_BYTES_MAX: usize = 16 << 10;
const REFUSALS: &[&[u8]] = &[
    b"-ERR DUMP payload version or checksum are wrong\r\n",
    b"-ERR Bad data format\r\n",
];

/// What other servers dumped, of every type: server, key, payload in hexadecimal.
const FOREIGN: &str = include_str!("../../format-spec/golden/foreign/payloads.txt");

pub fn restore(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.below(5);
    let mut store = Store {
        keyspace: Keyspace::new(Options::with_seed(7)),
        replica: Replica::new(16),
    };
    match kind {
        0 => store.there_and_back(input.take(PAYLOAD_BYTES_MAX)),
        1 => store.foreign(input.take(PAYLOAD_BYTES_MAX)),
        2 => {
            let version = *input.pick(&[rdb::RDB_VERSION_MAX, rdb::RDB_VERSION_VALKEY]);
            store.sealed(input.take(PAYLOAD_BYTES_MAX), version);
        }
        3 => {
            // The footer of the payload itself may be what was damaged.
            let bytes = input.take(PAYLOAD_BYTES_MAX);
            let body = &bytes[..bytes.len().saturating_sub(rdb::FOOTER_BYTES)];
            store.sealed(body, rdb::RDB_VERSION);
        }
        _ => {
            let (body, version) = edited(&mut input);
            store.sealed(&body, version);
        }
    }
}

/// One of the foreign payloads without its footer, after a few changes, and its version.
fn edited(input: &mut Input<'_>) -> (Vec<u8>, u16) {
    let payloads: Vec<&str> = FOREIGN.lines().collect();
    let hex = input.pick(&payloads).rsplit(' ').next().unwrap_or("");
    let digits = hex.as_bytes().chunks_exact(2);
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a digit") as u8;
    let mut body: Vec<u8> = digits
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect();
    let footer = body.split_off(body.len() - rdb::FOOTER_BYTES);
    for _ in 0..input.below(4) {
        let at = input.below(body.len() + 1);
        let end = (at + input.below(6)).min(body.len());
        let count = input.below(6);
        body.splice(at..end, input.take(count).iter().copied());
    }
    (body, u16::from_le_bytes([footer[0], footer[1]]))
}

struct Store {
    keyspace: Keyspace,
    replica: Replica,
}

impl Store {
    fn run(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
        let mut tx = self.keyspace.tx(0, NOW);
        let reply = execute(&mut tx, &words, Proto::Resp2);
        tx.finish();
        self.replica.follow(&mut self.keyspace);
        reply
    }

    /// The one bulk of a reply.
    fn bulk(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let reply = self.run(words);
        let start = reply.iter().position(|&byte| byte == b'\n').unwrap_or(0) + 1;
        assert!(
            reply.starts_with(b"$") && reply.len() >= start + 2,
            "a bulk"
        );
        reply[start..reply.len() - 2].to_vec()
    }

    fn there_and_back(&mut self, value: &[u8]) {
        self.run(&[b"SET", b"k", value]);
        let payload = self.bulk(&[b"DUMP", b"k"]);
        assert_eq!(payload, rdb::dump_string(value));
        assert_eq!(self.run(&[b"RESTORE", b"r", b"0", &payload]), b"+OK\r\n");
        assert_eq!(self.bulk(&[b"GET", b"r"]), value);
        assert_eq!(self.bulk(&[b"DUMP", b"r"]), payload);
        let damaged = &payload[..payload.len() - 1];
        self.refused(damaged);
    }

    fn sealed(&mut self, body: &[u8], version: u16) {
        let mut payload = body.to_vec();
        rdb::put_footer_of(&mut payload, version);
        self.foreign(&payload);
    }

    /// A payload is refused, or it is a value that comes back out of what is dumped of it.
    fn foreign(&mut self, payload: &[u8]) {
        let Ok(value) = rdb::load(payload) else {
            return self.refused(payload);
        };
        let reply = self.run(&[b"RESTORE", b"r", b"0", payload]);
        if REFUSALS.contains(&reply.as_slice()) {
            return self.refused(payload);
        }
        assert_eq!(reply, b"+OK\r\n");
        let digest = self.keyspace.digest();
        let ours = self.bulk(&[b"DUMP", b"r"]);
        match value {
            DumpValue::Bytes(bytes) => assert_eq!(ours, rdb::dump_string(&bytes)),
            DumpValue::Int(int) => assert_eq!(ours, rdb::dump_int(int)),
            DumpValue::Collection { .. } => {
                assert_eq!(self.run(&[b"COPY", b"r", b"copy"]), b":1\r\n");
                assert_eq!(self.run(&[b"DEL", b"copy"]), b":1\r\n");
            }
        }
        let again: &[&[u8]] = &[b"RESTORE", b"r", b"0", &ours, b"REPLACE"];
        assert_eq!(self.run(again), b"+OK\r\n");
        assert_eq!(self.keyspace.digest(), digest);
    }

    fn refused(&mut self, payload: &[u8]) {
        let before = (self.keyspace.digest(), self.keyspace.effects().end_lsn());
        for options in [&[][..], &[&b"REPLACE"[..]]] {
            let words: [&[u8]; 4] = [b"RESTORE", b"new", b"0", payload];
            let words = [&words[..], options].concat();
            let reply = self.run(&words);
            assert!(
                REFUSALS.contains(&reply.as_slice()),
                "{}",
                reply.escape_ascii()
            );
        }
        assert_eq!(
            (self.keyspace.digest(), self.keyspace.effects().end_lsn()),
            before
        );
    }
}
