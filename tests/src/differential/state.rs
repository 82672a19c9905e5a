//! What a key holds, read by the commands of its type, and payloads of DUMP carried from one server to the other.

use std::io;

use crate::client::{Client, Value};

use super::normal;

type Outcome<T = ()> = Result<T, String>;

fn text(error: io::Error) -> String {
    error.to_string()
}

/// The reading command of a type, and how its replies compare.
struct Reading {
    kind: &'static [u8],
    words: fn(&[u8]) -> Vec<Vec<u8>>,
    same: fn(&[Vec<u8>; 2]) -> Outcome<bool>,
}

fn words(before: &[&str], key: &[u8], after: &[&str]) -> Vec<Vec<u8>> {
    let bytes = |word: &&str| word.as_bytes().to_vec();
    let mut all: Vec<Vec<u8>> = before.iter().map(bytes).collect();
    all.push(key.to_vec());
    all.extend(after.iter().map(bytes));
    all
}

/// What XINFO STREAM … FULL says in 7.0 and in 8.0 alike; times are compared with slack.
/// Consumers are not among them: since 7.2 a command that finds nothing has created its consumer. Nor are counts of what
/// a group has read: since 7.2 they are found anew where the group is behind the first entry.
pub const STREAM_FACTS: &[&str] = &[
    "length",
    "last-generated-id",
    "max-deleted-entry-id",
    "entries-added",
    "recorded-first-entry-id",
    "entries",
    "last-delivered-id",
];

const READINGS: &[Reading] = &[
    Reading {
        kind: b"string",
        words: |key| words(&["GET"], key, &[]),
        same: |replies| Ok(replies[0] == replies[1]),
    },
    Reading {
        kind: b"list",
        words: |key| words(&["LRANGE"], key, &["0", "-1"]),
        same: |replies| Ok(replies[0] == replies[1]),
    },
    Reading {
        kind: b"set",
        words: |key| words(&["SMEMBERS"], key, &[]),
        same: |replies| normal::same_set(replies, 1),
    },
    Reading {
        kind: b"hash",
        words: |key| words(&["HGETALL"], key, &[]),
        same: |replies| normal::same_set(replies, 2),
    },
    Reading {
        kind: b"zset",
        words: |key| words(&["ZRANGE"], key, &["0", "-1", "WITHSCORES"]),
        same: normal::same_numbers,
    },
    Reading {
        kind: b"stream",
        words: |key| words(&["XINFO", "STREAM"], key, &["FULL", "COUNT", "0"]),
        same: |replies| normal::same_facts(replies, STREAM_FACTS, 0),
    },
];

fn raw(client: &mut Client, words: &[Vec<u8>]) -> Outcome<Vec<u8>> {
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    client.raw(&words).map_err(text)
}

/// Reads a key on two connections; both replies if they differ.
pub fn difference(clients: &mut [Client; 2], keys: [&[u8]; 2]) -> Outcome<Option<[Vec<u8>; 2]>> {
    let [a, b] = clients;
    let kind = a.call(&[b"TYPE", keys[0]]).map_err(text)?;
    let kinds = [kind.clone(), b.call(&[b"TYPE", keys[1]]).map_err(text)?];
    let reading = READINGS
        .iter()
        .find(|reading| Some(reading.kind) == kind.as_bytes());
    let Some(reading) = reading.filter(|_| kinds[0] == kinds[1]) else {
        let [a, b] = kinds.map(|kind| format!("{kind:?}").into_bytes());
        return Ok((a != b).then_some([a, b]));
    };
    let replies = [
        raw(a, &(reading.words)(keys[0]))?,
        raw(b, &(reading.words)(keys[1]))?,
    ];
    Ok((!(reading.same)(&replies)?).then_some(replies))
}

/// The version of a payload: what an older server does not load.
fn version(payload: &[u8]) -> u16 {
    let at = payload.len().saturating_sub(10);
    payload
        .get(at..at + 2)
        .map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
}

/// Loads each payload (the reference's, the subject's) on the other server and compares what it became with what it
/// was made from. Under another key, so that expiries do not come along.
pub fn exchange(
    clients: &mut [Client; 2],
    key: &[u8],
    payloads: [&[u8]; 2],
) -> Outcome<Option<String>> {
    const COPY: &[u8] = b"exchanged payload";
    let load = |client: &mut Client, payload: &[u8]| {
        client
            .call(&[b"RESTORE", COPY, b"0", payload, b"REPLACE"])
            .map_err(text)
    };
    let mut wrong = None;
    let newer = version(payloads[1]) > version(payloads[0]);
    if !newer {
        let restored = load(&mut clients[0], payloads[1])?;
        if !restored.is_ok() {
            wrong = Some(format!(
                "the reference answers to the subject's payload: {restored:?}"
            ));
        } else if let Some(replies) = difference(clients, [COPY, key])? {
            wrong = Some(format!(
                "the subject's payload became another value: {replies:?}"
            ));
        }
        clients[0].call(&[b"DEL", COPY]).map_err(text)?;
    }
    let restored = load(&mut clients[1], payloads[0])?;
    if !restored.is_ok() {
        wrong = Some(format!(
            "the subject answers to the reference's payload: {restored:?}"
        ));
    } else if let Some(replies) = difference(clients, [key, COPY])? {
        wrong = Some(format!(
            "the reference's payload became another value: {replies:?}"
        ));
    }
    clients[1].call(&[b"DEL", COPY]).map_err(text)?;
    Ok(wrong)
}

/// SPOP takes what chance says: the subject gives back what it took and takes what the reference took.
pub fn agree_on_popped(subject: &mut Client, key: &[u8], popped: [Vec<Value>; 2]) -> Outcome {
    let [theirs, ours] = popped.map(|items| {
        let bytes = items.iter().filter_map(Value::as_bytes);
        bytes.map(<[u8]>::to_vec).collect::<Vec<_>>()
    });
    let mut change = |verb: &[u8], members: &[Vec<u8>]| -> Outcome {
        let mut words = vec![verb, key];
        words.extend(members.iter().map(Vec::as_slice));
        subject.call(&words).map_err(text).map(|_| ())
    };
    let exists = |list: &[Vec<u8>], member: &Vec<u8>| list.contains(member);
    let back: Vec<Vec<u8>> = ours
        .iter()
        .filter(|m| !exists(&theirs, m))
        .cloned()
        .collect();
    let away: Vec<Vec<u8>> = theirs
        .iter()
        .filter(|m| !exists(&ours, m))
        .cloned()
        .collect();
    if !back.is_empty() {
        change(b"SADD", &back)?;
        change(b"SREM", &away)?;
    }
    Ok(())
}
