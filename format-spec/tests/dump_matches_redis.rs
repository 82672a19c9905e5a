//! DUMP payloads compared byte for byte with a redis-server, where one is installed.

mod redis;

use esker_format::redis::rdb::{self, DumpValue};

use redis::Server;

/// Strings of every kind that the encoder treats differently.
fn samples() -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut samples: Vec<Vec<u8>> = [
        "",
        "0",
        "-0",
        "7",
        "127",
        "128",
        "-128",
        "-129",
        "32767",
        "32768",
        "-32769",
        "2147483647",
        "2147483648",
        "-2147483648",
        "-2147483649",
        "007",
        "+1",
        "1.0",
        "9223372036854775807",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    for length in (18..70).chain([255, 256, 263, 264, 265, 266, 300, 4096, 16383, 16384, 20000]) {
        samples.push(vec![b'x'; length]);
        samples.push((0..length).map(|at| (at % 7) as u8).collect());
    }
    for _ in 0..3000 {
        let widest = if random(2) == 0 { 4 } else { 256 };
        let alphabet = 1 + random(widest);
        let longest = if random(10) == 0 { 30_000 } else { 400 };
        let length = random(longest);
        let mut sample = Vec::new();
        while (sample.len() as u64) < length {
            if random(5) == 0 && !sample.is_empty() {
                let from = random(sample.len() as u64) as usize;
                let count = random(400) as usize;
                let piece: Vec<u8> = sample[from..].iter().copied().take(count).collect();
                sample.extend_from_slice(&piece);
            } else {
                sample.push(random(alphabet) as u8);
            }
        }
        samples.push(sample);
    }
    samples
}

#[test]
fn payloads_are_the_same_bytes() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let is_7_0 =
        String::from_utf8_lossy(&server.call(&[b"INFO", b"server"])).contains("redis_version:7.0");
    for sample in samples() {
        assert_eq!(server.call(&[b"SET", b"k", &sample]), b"+OK");
        let theirs = server.call(&[b"DUMP", b"k"]);
        let ours = rdb::dump_string(&sample);
        if is_7_0 {
            assert_eq!(
                ours,
                theirs,
                "a string of {} bytes: {sample:?}",
                sample.len()
            );
        }
        let loaded = match rdb::load(&theirs).expect("what redis-server writes") {
            DumpValue::Bytes(bytes) => bytes,
            DumpValue::Int(number) => number.to_string().into_bytes(),
            DumpValue::Collection { .. } => panic!("a string"),
        };
        assert_eq!(loaded, sample);
        assert_eq!(
            server.call(&[b"RESTORE", b"copy", b"0", &ours, b"REPLACE"]),
            b"+OK"
        );
        assert_eq!(server.call(&[b"GET", b"copy"]), sample);
    }
}
