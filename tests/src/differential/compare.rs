//! Runs one sequence on both servers and compares replies and the state that is left.

use std::collections::BTreeMap;
use std::io;
use std::thread;
use std::time::Duration;

use crate::client::{Client, Value, encode, parse, show};
use crate::process::Server;

use super::case::{Case, Step};
use super::grammar::Words;
use super::normal;
use super::rules::{self, Rule, rule};
use super::state;

/// Databases that sequences can reach.
const DATABASES: [u32; 4] = [0, 1, 2, 15];
/// Between the same command on two servers on a busy machine.
const CLOCK_SLACK_MS: i64 = 5000;
const EXPIRE_WAIT: Duration = Duration::from_millis(3);
const SENTINEL: &[u8] = b"end-of-the-silence";

/// What a run compared; a run that compared little proves little.
#[derive(Debug, Default)]
pub struct Tally {
    pub replies: u64,
    pub errors: u64,
    pub keys: u64,
    /// Per command: calls, and those that were not answered with an error.
    pub calls: BTreeMap<String, (u64, u64)>,
}

/// Both servers with the connections of the current sequence.
pub struct Pair<'a> {
    reference: &'a Server,
    subject: &'a Server,
    controls: [Client; 2],
    clients: [Client; 2],
    batch: Vec<Words>,
    expired: bool,
    /// What the reference said to the call before.
    refused: bool,
    last: [Vec<u8>; 2],
    cuts: Vec<proptest::sample::Index>,
    pub tally: Tally,
}

type Outcome<T = ()> = Result<T, String>;

fn io_text(error: io::Error) -> String {
    error.to_string()
}

impl<'a> Pair<'a> {
    pub fn new(reference: &'a Server, subject: &'a Server) -> io::Result<Pair<'a>> {
        Ok(Pair {
            reference,
            subject,
            controls: [reference.connect()?, subject.connect()?],
            clients: [reference.connect()?, subject.connect()?],
            batch: Vec::new(),
            expired: false,
            refused: false,
            last: [Vec::new(), Vec::new()],
            cuts: Vec::new(),
            tally: Tally::default(),
        })
    }

    /// Runs a sequence from empty databases; the error says what differed first.
    pub fn check(&mut self, case: &Case) -> Outcome {
        for control in &mut self.controls {
            control.words("FLUSHALL").map_err(io_text)?;
        }
        self.batch.clear();
        self.expired = false;
        self.cuts.clone_from(&case.cuts);
        self.connect_again()?;
        if case.resp3 {
            self.batch.push(vec![b"HELLO".to_vec(), b"3".to_vec()]);
        }
        for step in &case.steps {
            self.step(step)?;
        }
        self.flush()?;
        self.compare_state()
    }

    fn connect_again(&mut self) -> Outcome {
        self.clients = [
            self.reference.connect().map_err(io_text)?,
            self.subject.connect().map_err(io_text)?,
        ];
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Outcome {
        let calls = match step {
            Step::Call(words) | Step::Skipped(words) => std::slice::from_ref(words),
            Step::Silent(calls) => calls,
            _ => &[],
        };
        self.expired |= calls.iter().any(|words| rules::is_born_expired(words));
        match step {
            Step::Call(words) => self.call(words),
            Step::Expire(key) => {
                self.batch
                    .push(vec![b"PEXPIRE".to_vec(), key.clone(), b"1".to_vec()]);
                self.expired = true;
                self.flush()?;
                thread::sleep(EXPIRE_WAIT);
                Ok(())
            }
            Step::ScanAll(options) => {
                self.flush()?;
                self.compare_scan(options)
            }
            Step::Silent(calls) => {
                let reply = |word: &str| {
                    vec![
                        b"CLIENT".to_vec(),
                        b"REPLY".to_vec(),
                        word.as_bytes().to_vec(),
                    ]
                };
                let mut all = vec![reply("OFF")];
                all.extend(calls.iter().filter(|call| keeps_silence(call)).cloned());
                all.push(reply("ON"));
                self.compare_until_sentinel(all)
            }
            Step::Skipped(call) => {
                let skip = vec![b"CLIENT".to_vec(), b"REPLY".to_vec(), b"SKIP".to_vec()];
                let call = if keeps_silence(call) {
                    call.clone()
                } else {
                    vec![b"PING".to_vec()]
                };
                self.compare_until_sentinel(vec![skip, call])
            }
            Step::Raw(bytes) => self.compare_raw(bytes),
            Step::Quit => {
                self.flush()?;
                self.send_both(&encode(&["QUIT"]))?;
                let ends = self.both(Client::read_to_end)?;
                equal("QUIT", &ends)?;
                self.connect_again()
            }
        }
    }

    /// One command, and what has to follow it so that both servers stay in the same state.
    fn call(&mut self, words: &Words) -> Outcome {
        self.batch.extend(rules::consumers_before(words));
        self.batch.push(words.clone());
        if rules::is_chance(words) {
            self.flush()?;
            return self.agree_on_popped(words);
        }
        if let Some(list) = rules::sorted_into(words) {
            self.flush()?;
            if self.last[0] == rules::NOT_SORTABLE {
                self.batch.push(vec![b"DEL".to_vec(), list.clone()]);
            }
        }
        if rules::may_leave_a_name(words) {
            self.flush()?;
            if self.refused {
                self.batch.push(rules::same_name());
            }
        }
        Ok(())
    }

    /// After a SPOP that took other members on either side.
    fn agree_on_popped(&mut self, words: &Words) -> Outcome {
        let mut popped = [Vec::new(), Vec::new()];
        for (reply, items) in self.last.iter().zip(&mut popped) {
            *items = match parse(reply).map_err(io_text)? {
                Value::Array(items) => items,
                one @ Value::Bulk(_) => vec![one],
                _ => return Ok(()),
            };
        }
        match words.get(1) {
            Some(key) => state::agree_on_popped(&mut self.clients[1], key, popped),
            None => Ok(()),
        }
    }

    /// Sends what is collected in one go and compares reply by reply.
    fn flush(&mut self) -> Outcome {
        let batch = std::mem::take(&mut self.batch);
        let bytes: Vec<u8> = batch.iter().flat_map(|words| encode(words)).collect();
        self.send_both(&bytes)?;
        for words in &batch {
            let replies = self
                .both(Client::read_raw)
                .map_err(|error| format!("{error} at {}", line(words)))?;
            self.compare_reply(words, &replies)?;
        }
        Ok(())
    }

    fn send_both(&mut self, bytes: &[u8]) -> Outcome {
        let mut cuts: Vec<usize> = self
            .cuts
            .iter()
            .map(|cut| cut.index(bytes.len() + 1))
            .collect();
        cuts.sort_unstable();
        cuts.push(bytes.len());
        let mut start = 0;
        for cut in cuts {
            if cut > start {
                for client in &mut self.clients {
                    client.send_bytes(&bytes[start..cut]).map_err(io_text)?;
                }
                start = cut;
            }
        }
        Ok(())
    }

    fn both<T>(&mut self, mut read: impl FnMut(&mut Client) -> io::Result<T>) -> Outcome<[T; 2]> {
        let [reference, subject] = &mut self.clients;
        let a = read(reference).map_err(|error| format!("the reference: {error}"))?;
        let b = read(subject).map_err(|error| format!("the subject: {error}"))?;
        Ok([a, b])
    }

    fn compare_reply(&mut self, words: &Words, replies: &[Vec<u8>; 2]) -> Outcome {
        self.tally.replies += 1;
        let failed = replies[0].starts_with(b"-");
        self.refused = failed;
        self.last.clone_from(replies);
        self.tally.errors += u64::from(failed);
        let name = words
            .first()
            .map(|name| String::from_utf8_lossy(name).to_lowercase())
            .unwrap_or_default();
        let calls = self.tally.calls.entry(name).or_default();
        calls.0 += 1;
        calls.1 += u64::from(!failed);
        let what = line(words);
        if replies[0] == replies[1] {
            return Ok(());
        }
        let rule = rule(words, self.expired);
        let refused = replies.each_ref().map(|reply| reply.starts_with(b"-"));
        let refusal_is_fine = match rule {
            Rule::Stricter => refused[1],
            Rule::Sorting => replies[0] == rules::NOT_SORTABLE && !refused[1],
            Rule::Scan | Rule::ScanOf(_) => replies[1] == b"-ERR invalid cursor\r\n",
            Rule::Hello | Rule::Reworded | Rule::Numbers => refused == [true, true],
            _ => false,
        };
        if refusal_is_fine {
            return Ok(());
        }
        if refused.contains(&true) {
            return equal(&what, replies);
        }
        let same = match rule {
            Rule::Exact | Rule::Stricter | Rule::Reworded => false,
            Rule::Time => same_time(replies)?,
            Rule::AnyOrder => normal::same_set(replies, 1)?,
            Rule::Pairs => normal::same_set(replies, 2)?,
            Rule::Sorting => sorts_the_same(words, replies)?,
            // Cursors are numbers of either server's own.
            Rule::ScanOf(width) => {
                words.get(2).is_none_or(|cursor| cursor != b"0")
                    || normal::same_scan(replies, width)?
            }
            Rule::Count => normal::same_count(replies)?,
            Rule::Numbers => normal::same_numbers(replies)?,
            Rule::Times => normal::same_times(replies, CLOCK_SLACK_MS)?,
            Rule::Facts(names) => normal::same_facts(replies, names, CLOCK_SLACK_MS)?,
            Rule::SameKind | Rule::Scan | Rule::Payload => {
                replies[0].first() == replies[1].first()
                    || replies.iter().any(|reply| is_null(reply))
            }
            Rule::Hello => hello_facts(&replies[0])? == hello_facts(&replies[1])?,
            Rule::Encoding => {
                replies[1] != b"$3\r\nraw\r\n" && !replies.iter().any(|reply| is_null(reply))
            }
        };
        if same { Ok(()) } else { equal(&what, replies) }
    }

    fn compare_until_sentinel(&mut self, calls: Vec<Words>) -> Outcome {
        self.flush()?;
        let mut bytes: Vec<u8> = calls.iter().flat_map(|words| encode(words)).collect();
        bytes.extend(encode(&[b"PING".as_slice(), SENTINEL]));
        self.send_both(&bytes)?;
        let until = |client: &mut Client| {
            let mut all = Vec::new();
            loop {
                let reply = client.read_raw()?;
                let last = reply.windows(SENTINEL.len()).any(|part| part == SENTINEL);
                all.extend_from_slice(&reply);
                if last {
                    return Ok(all);
                }
            }
        };
        let replies = self.both(until)?;
        let what: Vec<String> = calls.iter().map(line).collect();
        equal(&what.join(" ; "), &replies)
    }

    fn compare_raw(&mut self, bytes: &[u8]) -> Outcome {
        self.flush()?;
        let mut ends = Vec::new();
        for server in [self.reference, self.subject] {
            let mut client = server.connect().map_err(io_text)?;
            // A server that has seen enough may close before all is sent.
            if client
                .send_bytes(bytes)
                .and_then(|()| client.finish_sending())
                .is_err()
                && bytes.len() < 60_000
            {
                return Err(format!("cannot send {}", show(bytes)));
            }
            ends.push(client.read_to_end().map_err(io_text)?);
        }
        let ends: [Vec<u8>; 2] = ends.try_into().expect("one for each of two servers");
        self.tally.replies += 1;
        equal(&format!("(raw) {}", show(bytes)), &ends)
    }

    fn compare_scan(&mut self, options: &Words) -> Outcome {
        let iterate = |client: &mut Client| -> io::Result<Vec<Vec<u8>>> {
            let (mut cursor, mut keys) = (b"0".to_vec(), Vec::new());
            for _ in 0..1000 {
                let mut words = vec![b"SCAN".to_vec(), cursor.clone()];
                words.extend(options.iter().cloned());
                let args: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                let reply = client.call(&args)?;
                let Value::Array(parts) = &reply else {
                    return Ok(vec![format!("{reply:?}").into_bytes()]);
                };
                let found = parts
                    .get(1)
                    .cloned()
                    .and_then(Value::into_array)
                    .unwrap_or_default();
                keys.extend(found.iter().filter_map(Value::as_bytes).map(<[u8]>::to_vec));
                cursor = parts
                    .first()
                    .and_then(Value::as_bytes)
                    .unwrap_or(b"0")
                    .to_vec();
                if cursor == b"0" {
                    keys.sort();
                    keys.dedup();
                    return Ok(keys);
                }
            }
            Err(io::Error::other("SCAN does not come to an end"))
        };
        let [a, b] = self.both(iterate)?;
        if a == b {
            return Ok(());
        }
        let text = |keys: &[Vec<u8>]| {
            keys.iter()
                .map(|key| show(key))
                .collect::<Vec<_>>()
                .join(" ")
        };
        Err(format!(
            "whole SCAN {}\n  reference: {}\n  subject:   {}",
            line(options),
            text(&a),
            text(&b)
        ))
    }

    /// Keys, types, values, expiries and encodings of all databases.
    fn compare_state(&mut self) -> Outcome {
        for db in DATABASES {
            let mut lists = Vec::new();
            for control in &mut self.controls {
                control.words(&format!("SELECT {db}")).map_err(io_text)?;
                lists.push(sorted(&control.raw(&[b"KEYS", b"*"]).map_err(io_text)?)?);
            }
            if lists[0] != lists[1] {
                return Err(format!(
                    "keys of db {db}\n  reference: {:?}\n  subject:   {:?}",
                    lists[0], lists[1]
                ));
            }
            for key in lists[0].iter().filter_map(Value::as_bytes) {
                self.tally.keys += 1;
                self.compare_key(db, key)?;
            }
        }
        Ok(())
    }

    fn compare_key(&mut self, db: u32, key: &[u8]) -> Outcome {
        let place = |what: String| format!("state of db {db} afterwards: {what}");
        if let Some(replies) = state::difference(&mut self.controls, [key, key])? {
            return equal(&place(format!("what \"{}\" holds", show(key))), &replies);
        }
        let calls: [&[&[u8]]; 3] = [
            &[b"PEXPIRETIME", key],
            &[b"OBJECT", b"ENCODING", key],
            &[b"DUMP", key],
        ];
        let mut answers = [Vec::new(), Vec::new()];
        for (control, answers) in self.controls.iter_mut().zip(&mut answers) {
            let bytes: Vec<u8> = calls.iter().flat_map(|call| encode(call)).collect();
            control.send_bytes(&bytes).map_err(io_text)?;
            for _ in calls {
                answers.push(control.read_raw().map_err(io_text)?);
            }
        }
        for (i, call) in calls.iter().enumerate() {
            let replies = [answers[0][i].clone(), answers[1][i].clone()];
            let words: Words = call.iter().map(|word| word.to_vec()).collect();
            self.compare_reply(&words, &replies).map_err(place)?;
        }
        self.compare_payloads(key, [&answers[0][2], &answers[1][2]])
            .map_err(place)
    }

    fn compare_payloads(&mut self, key: &[u8], replies: [&[u8]; 2]) -> Outcome {
        let [theirs, ours] = replies.map(parse);
        let (Value::Bulk(theirs), Value::Bulk(ours)) =
            (theirs.map_err(io_text)?, ours.map_err(io_text)?)
        else {
            return Ok(());
        };
        match state::exchange(&mut self.controls, key, [&theirs, &ours])? {
            None => Ok(()),
            Some(wrong) => Err(format!(
                "{wrong}\n  payload of the reference: {}\n  payload of the subject:   {}",
                show(&theirs),
                show(&ours)
            )),
        }
    }
}

/// Calls that may travel while replies are off: they neither bring them back nor end the connection.
fn keeps_silence(words: &Words) -> bool {
    let first = words
        .first()
        .map(|word| word.to_ascii_lowercase())
        .unwrap_or_default();
    !matches!(
        first.as_slice(),
        b"spop"
            | b"sort"
            | b"xclaim"
            | b"xautoclaim"
            | b"xreadgroup"
            | b"reset"
            | b"hello"
            | b"quit"
            | b"client"
    )
}

fn line(words: &Words) -> String {
    words
        .iter()
        .map(|word| format!("\"{}\"", show(word)))
        .collect::<Vec<_>>()
        .join(" ")
}

fn equal(what: &str, replies: &[Vec<u8>; 2]) -> Outcome {
    if replies[0] == replies[1] {
        return Ok(());
    }
    Err(format!(
        "{what}\n  reference: {}\n  subject:   {}",
        show(&replies[0]),
        show(&replies[1])
    ))
}

fn same_time(replies: &[Vec<u8>; 2]) -> Outcome<bool> {
    let [a, b] = [
        parse(&replies[0]).map_err(io_text)?,
        parse(&replies[1]).map_err(io_text)?,
    ];
    let (Value::Int(a), Value::Int(b)) = (a, b) else {
        return Ok(false);
    };
    // -1 and -2 mean "no expiry" and "no key".
    Ok((a < 0) == (b < 0) && a >= 0 && (a - b).abs() <= CLOCK_SLACK_MS)
}

fn is_null(reply: &[u8]) -> bool {
    matches!(reply, b"$-1\r\n" | b"_\r\n" | b"*-1\r\n")
}

fn sorted(reply: &[u8]) -> Outcome<Vec<Value>> {
    let mut items = parse(reply)
        .map_err(io_text)?
        .into_array()
        .unwrap_or_default();
    items.sort_by(|a, b| a.as_bytes().cmp(&b.as_bytes()));
    Ok(items)
}

/// SORT of a set by nothing leaves the order open, and what a LIMIT then takes.
fn sorts_the_same(words: &Words, replies: &[Vec<u8>; 2]) -> Outcome<bool> {
    if rules::sorts_by_nothing(words) {
        return normal::same_count(replies);
    }
    Ok(false)
}

fn hello_facts(reply: &[u8]) -> Outcome<Vec<(String, Value)>> {
    let items = parse(reply)
        .map_err(io_text)?
        .into_array()
        .unwrap_or_default();
    let mut facts: Vec<(String, Value)> = Vec::new();
    for pair in items.chunks_exact(2) {
        let name = String::from_utf8_lossy(pair[0].as_bytes().unwrap_or_default()).into_owned();
        if ["proto", "mode", "role"].contains(&name.as_str()) {
            facts.push((name, pair[1].clone()));
        }
    }
    Ok(facts)
}

/// A DUMP payload of a string, written here so that RESTORE is fed without a DUMP before it.
pub fn dump_payload(value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    match value.len() {
        len @ 0..64 => bytes.push(len as u8),
        len => bytes.extend_from_slice(&[0x40 | (len >> 8) as u8, len as u8]),
    }
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(&[10, 0]);
    let sum = crc64(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// CRC-64 with Jones' polynomial, bit by bit.
fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0x95ac_9329_ac4b_c9b5
            } else {
                crc >> 1
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_has_its_published_check_value() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn times_are_equal_within_the_slack_and_never_across_the_negative_answers() {
        let same = |a: &str, b: &str| {
            same_time(&[format!(":{a}\r\n").into(), format!(":{b}\r\n").into()]).expect("integers")
        };
        assert!(same("100000", "99999"));
        assert!(!same("100000", "200000"));
        assert!(!same("-1", "-2"));
        assert!(!same("-1", "5"));
    }
}
