//! DUMP and RESTORE: our payloads come back as they were, foreign ones become a value or an error that changes nothing.

use esker_format::redis::rdb;
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

pub fn restore(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.below(4);
    let bytes = input.take(PAYLOAD_BYTES_MAX);
    let mut store = Store {
        keyspace: Keyspace::new(Options::with_seed(7)),
        replica: Replica::new(16),
    };
    match kind {
        0 => store.there_and_back(bytes),
        1 => store.foreign(bytes),
        2 => {
            let mut payload = bytes.to_vec();
            rdb::put_footer(&mut payload);
            store.foreign(&payload);
        }
        _ => {
            // The footer of the payload itself may be what was damaged.
            let mut payload = bytes[..bytes.len().saturating_sub(rdb::FOOTER_BYTES)].to_vec();
            rdb::put_footer(&mut payload);
            store.foreign(&payload);
        }
    }
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

    fn foreign(&mut self, payload: &[u8]) {
        if rdb::load(payload).is_err() {
            return self.refused(payload);
        }
        assert_eq!(self.run(&[b"RESTORE", b"r", b"0", payload]), b"+OK\r\n");
        let value = self.bulk(&[b"GET", b"r"]);
        let ours = self.bulk(&[b"DUMP", b"r"]);
        assert_eq!(ours, rdb::dump_string(&value));
        let again: &[&[u8]] = &[b"RESTORE", b"r", b"5000", &ours, b"REPLACE"];
        assert_eq!(self.run(again), b"+OK\r\n");
        assert_eq!(self.bulk(&[b"GET", b"r"]), value);
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
