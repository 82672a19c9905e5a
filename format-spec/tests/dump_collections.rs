//! DUMP payloads of collections, exchanged both ways with a redis-server where one is installed: what it dumped is
//! read and written again, what was written is restored there, and both values are the same to it.

#[path = "redis/old.rs"]
mod old;
mod redis;

use esker_format::redis::rdb::{self, DumpValue};

use redis::Server;

struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn string(&mut self) -> Vec<u8> {
        match self.below(6) {
            0 => (self.below(300) as i64 - 150).to_string().into_bytes(),
            1 => {
                let bits = self.below(63);
                (self.below(u64::MAX) as i64 >> bits)
                    .to_string()
                    .into_bytes()
            }
            2 => vec![b'x'; self.below(400) as usize],
            3 => (0..self.below(40)).map(|_| self.below(256) as u8).collect(),
            _ => format!("word-{}", self.below(2000)).into_bytes(),
        }
    }

    fn distinct(&mut self, count: u64) -> Vec<Vec<u8>> {
        let strings: std::collections::BTreeSet<Vec<u8>> =
            (0..count).map(|_| self.string()).collect();
        strings.into_iter().collect()
    }
}

/// Our payload of what another one holds.
fn again(payload: &[u8]) -> Vec<u8> {
    let value = rdb::load(payload).unwrap_or_else(|fault| panic!("{fault}: {payload:02x?}"));
    match value {
        DumpValue::Collection { kind, bytes } => {
            rdb::dump_collection(kind, &bytes).expect("a whole value")
        }
        DumpValue::Bytes(bytes) => rdb::dump_string(&bytes),
        DumpValue::Int(int) => rdb::dump_int(int),
    }
}

/// Restores our payload of the value beside it and compares.
fn exchange(server: &mut Server, key: &[u8]) {
    let theirs = server.call(&[b"DUMP", key]);
    let ours = again(&theirs);
    assert_eq!(
        server.call(&[b"RESTORE", b"copy", b"0", &ours, b"REPLACE"]),
        b"+OK",
        "{ours:02x?}"
    );
    same(server, key, b"copy");
    // Reading what was written gives the same again.
    assert_eq!(again(&ours), ours);
}

fn same(server: &mut Server, a: &[u8], b: &[u8]) {
    let digest = |server: &mut Server, key: &[u8]| server.call(&[b"DEBUG", b"DIGEST-VALUE", key]);
    let theirs = digest(server, a);
    assert!(theirs.len() >= 40, "{}", theirs.escape_ascii());
    assert_eq!(digest(server, b), theirs);
}

/// Limits under which values are small, and others under which they are not.
const LIMITS: [&[(&str, &str)]; 3] = [
    &[],
    &[
        ("list-max-listpack-size", "3"),
        ("hash-max-listpack-entries", "2"),
        ("zset-max-listpack-entries", "2"),
        ("set-max-intset-entries", "2"),
        ("stream-node-max-entries", "3"),
    ],
    &[
        ("list-max-listpack-size", "-1"),
        ("hash-max-listpack-value", "8"),
        ("zset-max-listpack-value", "8"),
        ("stream-node-max-bytes", "100"),
        ("list-compress-depth", "1"),
    ],
];

fn fill(server: &mut Server, random: &mut Random) {
    server.call(&[b"FLUSHALL"]);
    let count = 1 + random.below(60);
    for _ in 0..count {
        server.call(&[b"RPUSH", b"list", &random.string()]);
        server.call(&[b"SADD", b"set", &random.string()]);
        server.call(&[
            b"SADD",
            b"ints",
            random.below(70_000).to_string().as_bytes(),
        ]);
        server.call(&[b"HSET", b"hash", &random.string(), &random.string()]);
        let score = match random.below(4) {
            0 => "inf".to_string(),
            1 => "-inf".to_string(),
            2 => random.below(9).to_string(),
            _ => (random.below(1 << 40) as f64 / 977.0 - 1e6).to_string(),
        };
        server.call(&[b"ZADD", b"zset", score.as_bytes(), &random.string()]);
    }
    server.call(&[b"RPUSH", b"long", &vec![b'l'; 70_000], b"short"]);
}

#[test]
fn collections() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let mut random = Random(0x1234_5678_9abc_def1);
    for round in 0..60 {
        for (name, value) in LIMITS[round % 3] {
            server.call(&[b"CONFIG", b"SET", name.as_bytes(), value.as_bytes()]);
        }
        fill(&mut server, &mut random);
        for key in ["list", "set", "ints", "hash", "zset", "long"] {
            exchange(&mut server, key.as_bytes());
        }
    }
}

fn fill_stream(server: &mut Server, random: &mut Random) {
    server.call(&[b"FLUSHALL"]);
    let count = random.below(40);
    for id in 1..=count {
        let id = format!("{}-{}", 1000 + id / 3, id);
        let (field, value) = (random.string(), random.string());
        if random.below(3) == 0 {
            server.call(&[b"XADD", b"s", id.as_bytes(), b"f", &value, b"g", &field]);
        } else {
            server.call(&[b"XADD", b"s", id.as_bytes(), b"only", &value]);
        }
    }
    server.call(&[b"XGROUP", b"CREATE", b"s", b"idle", b"$", b"MKSTREAM"]);
    server.call(&[b"XGROUP", b"CREATE", b"s", b"busy", b"0"]);
    for consumer in ["ann", "bob", "cyd"] {
        let many = random.below(9).to_string();
        server.call(&[
            b"EVAL",
            b"return {ok = redis.call('XREADGROUP', 'GROUP', 'busy', ARGV[1], 'COUNT', ARGV[2] + 1, 'STREAMS', 's', '>') and 'OK' or 'NO'}",
            b"0",
            consumer.as_bytes(),
            many.as_bytes(),
        ]);
    }
    for id in 1..=count {
        if random.below(4) == 0 {
            let id = format!("{}-{}", 1000 + id / 3, id);
            server.call(&[b"XDEL", b"s", id.as_bytes()]);
        }
        if random.below(4) == 0 {
            let id = format!("{}-{}", 1000 + id / 3, id);
            server.call(&[b"XACK", b"s", b"busy", id.as_bytes()]);
        }
    }
}

#[test]
fn streams() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let mut random = Random(0x9876_5432_1fed_cba9);
    for round in 0..60 {
        for (name, value) in LIMITS[round % 3] {
            server.call(&[b"CONFIG", b"SET", name.as_bytes(), value.as_bytes()]);
        }
        fill_stream(&mut server, &mut random);
        exchange(&mut server, b"s");
        let full: &[u8] =
            b"return cjson.encode(redis.call('XINFO', 'STREAM', KEYS[1], 'FULL', 'COUNT', '0'))";
        let theirs = server.call(&[b"EVAL", full, b"1", b"s"]);
        assert!(theirs.starts_with(b"["), "{}", theirs.escape_ascii());
        assert_eq!(server.call(&[b"EVAL", full, b"1", b"copy"]), theirs);
    }
}

#[test]
fn old_forms() {
    let server = Server::start();
    let mut random = Random(0x0bad_cafe_0bad_cafe);
    let mut server = server;
    for _ in 0..60 {
        let count = 2 + random.below(50);
        let values = random.distinct(count);
        for payload in old::forms(&values) {
            let ours = again(&payload);
            assert_eq!(again(&ours), ours);
            let Some(server) = &mut server else { continue };
            for (key, payload) in [(b"a", &payload), (b"b", &ours)] {
                let restore: [&[u8]; 5] = [b"RESTORE", key, b"0", payload, b"REPLACE"];
                assert_eq!(server.call(&restore), b"+OK", "type {}", payload[0]);
            }
            same(server, b"a", b"b");
        }
    }
}
