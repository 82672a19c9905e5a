//! Payloads that other servers dumped (`golden/foreign/payloads.txt`: server, key, payload), compared with the text
//! of what they hold beside them. Damaged ones never do harm.

use std::fmt::Write as _;
use std::path::Path;

use esker_format::native::value::{
    self, Fields, KIND_HASH_FIELDS, KIND_LIST_NODES, KIND_SET_INTS, KIND_SET_MEMBERS, KIND_STREAM,
    KIND_ZSET_MEMBERS, Members, Node, Nodes, ScoredMembers, StreamReader,
};
use esker_format::redis::rdb::{self, DumpValue};
use esker_format::redis::{intset, listpack};

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden/foreign")
        .join(name);
    std::fs::read_to_string(path).expect("a golden file")
}

fn payloads() -> Vec<(String, Vec<u8>)> {
    let file = file("payloads.txt");
    let payload = |line: &str| {
        let (name, hex) = line.rsplit_once(' ').expect("name and payload");
        let digits = hex.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).expect("digits");
            u8::from_str_radix(pair, 16).expect("digits")
        });
        (name.to_string(), digits.collect())
    };
    file.lines().map(payload).collect()
}

fn items(bytes: &[u8]) -> String {
    let item = |item: Result<listpack::Item<'_>, _>| text(&item.expect("an element").to_vec());
    let items: Vec<String> = listpack::Reader::new(bytes)
        .expect("a listpack")
        .map(item)
        .collect();
    format!("[{}]", items.join(" "))
}

fn text(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

fn describe(value: &DumpValue) -> String {
    let (kind, bytes) = match value {
        DumpValue::Int(int) => return format!("integer {int}"),
        DumpValue::Bytes(bytes) => return format!("string {}", text(bytes)),
        DumpValue::Collection { kind, bytes } => (*kind, bytes.as_slice()),
    };
    value::check(kind, bytes).expect("intact");
    let mut out = format!("kind {kind}");
    match kind {
        KIND_LIST_NODES => Nodes::new(bytes).for_each(|node| match node.expect("a node") {
            Node::Packed(bytes) => write!(out, " {}", items(bytes)).expect("a string"),
            Node::Plain(bytes) => write!(out, " plain {}", text(bytes)).expect("a string"),
        }),
        KIND_SET_INTS => {
            let (width, _) = intset::validate(bytes).expect("intact");
            for int in bytes[intset::HEADER_BYTES..].chunks(width.bytes()) {
                write!(out, " {}", width.decode(int).expect("whole")).expect("a string");
            }
        }
        KIND_SET_MEMBERS => Members::new(bytes).for_each(|member| {
            write!(out, " {}", text(member.expect("a member"))).expect("a string");
        }),
        KIND_HASH_FIELDS => Fields::new(bytes).for_each(|field| {
            let field = field.expect("a field");
            let (name, value) = (text(field.field), text(field.value));
            write!(out, " {name}: {value} until {}", field.expire_at).expect("a string");
        }),
        KIND_ZSET_MEMBERS => ScoredMembers::new(bytes).for_each(|scored| {
            let scored = scored.expect("a member");
            write!(out, " {}: {}", text(scored.member), scored.score).expect("a string");
        }),
        KIND_STREAM => describe_stream(&mut out, bytes),
        _ => write!(out, " {}", items(bytes)).expect("a string"),
    }
    out
}

/// Times are left out: they are those of the day when the payloads were made.
fn describe_stream(out: &mut String, bytes: &[u8]) {
    let stream = StreamReader::new(bytes).expect("a stream");
    let header = stream.top.header;
    let (last, first, deleted) = (header.last_id, header.first_id, header.max_deleted_id);
    write!(
        out,
        " {} entries, {first} to {last}, deleted up to {deleted}, {} added",
        header.entries, header.entries_added
    )
    .expect("a string");
    for group in stream.top.groups() {
        let group = group.expect("a group");
        let (name, last, read) = (
            text(group.header.name),
            group.header.last_id,
            group.header.entries_read,
        );
        write!(out, "; group {name} at {last}, {read} read").expect("a string");
        for consumer in group.consumers() {
            let consumer = consumer.expect("a consumer");
            let active = consumer.active_ms >= 0;
            write!(out, ", {} active {active}", text(consumer.name)).expect("a string");
        }
        for pending in group.pending() {
            let pending = pending.expect("an entry");
            let (id, consumer, times) = (pending.id, pending.consumer, pending.deliveries);
            write!(out, ", {id} with {consumer} {times} times").expect("a string");
        }
    }
    for node in stream.nodes {
        let node = node.expect("a node");
        write!(out, "; {} {}", node.master, items(node.listpack)).expect("a string");
    }
}

fn again(value: &DumpValue) -> Vec<u8> {
    match value {
        DumpValue::Int(int) => rdb::dump_int(*int),
        DumpValue::Bytes(bytes) => rdb::dump_string(bytes),
        DumpValue::Collection { kind, bytes } => {
            rdb::dump_collection(*kind, bytes).expect("a whole value")
        }
    }
}

#[test]
fn what_they_hold() {
    let mut text = String::new();
    for (name, payload) in payloads() {
        let value = rdb::load(&payload).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        writeln!(text, "{name}: {}", describe(&value)).expect("a string");
        let ours = again(&value);
        let read = rdb::load(&ours).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        // A set of few members is written as its members, which Redis 7.0 knows.
        if !name.ends_with(" set") {
            assert_eq!(read, value, "{name}");
        }
        assert_eq!(again(&read), ours, "{name}");
    }
    if std::env::var_os("ESKER_WRITE_GOLDEN").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/foreign/values.txt");
        if !path.exists() {
            std::fs::write(path, &text).expect("a new golden file");
        }
    }
    assert_eq!(text, file("values.txt"));
}

/// One byte is another, the checksum is right again: there is a value or a refusal, and a value can be written.
#[test]
fn damage_does_no_harm() {
    let mut accepted = 0;
    for (name, payload) in payloads() {
        let body = &payload[..payload.len() - rdb::FOOTER_BYTES];
        let version = u16::from_le_bytes([payload[body.len()], payload[body.len() + 1]]);
        for at in 0..body.len() {
            for byte in [
                0,
                1,
                0x7f,
                0x80,
                0xff,
                body[at] ^ 1,
                body[at].wrapping_add(1),
            ] {
                let mut damaged = body.to_vec();
                damaged[at] = byte;
                rdb::put_footer_of(&mut damaged, version);
                let Ok(value) = rdb::load(&damaged) else {
                    continue;
                };
                accepted += 1;
                let ours = again(&value);
                let read = rdb::load(&ours).unwrap_or_else(|fault| panic!("{name} {at}: {fault}"));
                assert_eq!(again(&read), ours, "{name} {at}");
            }
        }
        for cut in 0..body.len() {
            let mut damaged = body[..cut].to_vec();
            rdb::put_footer_of(&mut damaged, version);
            assert!(rdb::load(&damaged).is_err(), "{name} cut at {cut}");
        }
    }
    assert!(accepted > 1000, "{accepted}");
}
