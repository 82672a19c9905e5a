//! Our command rows say the same as a real redis-server: arity, flags, key specs, categories, argument trees.
//!
//! Both replies are read as values and compared field by field; sets are compared without order. What differs on
//! purpose is in `DIFFERENCES`, with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use esker_commands::info::{command_docs, command_info};
use esker_commands::{Args, TABLE};
use esker_resp::{ArgRange, OutBuf, Proto, Reply};
use esker_tests::client::{Client, Value, parse};
use esker_tests::redis::start_reference;

/// Command, field, and why we answer something else.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("blmove", "flags", "Redis 8 lets scripts call it"),
    ("blpop", "flags", "Redis 8 lets scripts call it"),
    ("brpop", "flags", "Redis 8 lets scripts call it"),
    ("brpoplpush", "flags", "Redis 8 lets scripts call it"),
    ("bzpopmax", "flags", "Redis 8 lets scripts call it"),
    ("bzpopmin", "flags", "Redis 8 lets scripts call it"),
    (
        "msetnx",
        "tips",
        "Redis 8 took them back: the command is not split over shards",
    ),
    ("randomkey", "tips", "as in Redis 8"),
    ("scan", "tips", "as in Redis 8"),
    (
        "sinterstore",
        "key specs",
        "the target is only written, as for the other STORE commands",
    ),
    ("zrank", "arity", "WITHSCORE came with 7.2"),
    ("zrevrank", "arity", "WITHSCORE came with 7.2"),
];

const FIELDS: [&str; 10] = [
    "name",
    "arity",
    "flags",
    "first key",
    "last key",
    "key step",
    "categories",
    "tips",
    "key specs",
    "subcommands",
];

/// A value in which the order of a set's members does not count, nor the notes in a key spec: each has its own.
fn canonical(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let from = if items.first().is_some_and(|first| text(first) == "notes") {
                2
            } else {
                0
            };
            let mut items: Vec<String> = items[from..].iter().map(canonical).collect();
            items.sort();
            format!("[{}]", items.join(" "))
        }
        Value::Simple(text) | Value::Bulk(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

fn text(value: &Value) -> String {
    String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned()
}

fn reply(write: impl Fn(&mut Reply<'_>)) -> io::Result<Value> {
    let mut out = OutBuf::new();
    write(&mut Reply::new(&mut out, Proto::Resp2));
    parse(&out.to_vec())
}

fn ask(client: &mut Client, args: &[&str]) -> io::Result<Vec<Value>> {
    let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
    Ok(client.call(&args)?.into_array().unwrap_or_default())
}

fn is_excused(name: &str, field: &str, excused: &mut BTreeSet<(String, String)>) -> bool {
    let listed = DIFFERENCES
        .iter()
        .any(|(row, what, _)| *row == name && *what == field);
    if listed {
        excused.insert((name.to_string(), field.to_string()));
    }
    listed
}

fn assert_all_used(excused: &BTreeSet<(String, String)>) {
    for (row, field, _) in DIFFERENCES {
        let used = excused.contains(&(row.to_string(), field.to_string()));
        assert!(used, "{row} {field}: a listed difference is none any more");
    }
}

/// Compares the ten fields of one row, and those of its sub-rows by name.
fn compare(
    ours: &Value,
    theirs: &Value,
    wrong: &mut Vec<String>,
    excused: &mut BTreeSet<(String, String)>,
) {
    let (Value::Array(ours), Value::Array(theirs)) = (ours, theirs) else {
        return wrong.push(format!("not a row: {ours:?} / {theirs:?}"));
    };
    let name = text(&ours[0]);
    for (at, field) in FIELDS.iter().enumerate().take(9) {
        let (a, b) = (canonical(&ours[at]), canonical(&theirs[at]));
        if a != b && !is_excused(&name, field, excused) {
            wrong.push(format!("{name}: {field}\n    ours   {a}\n    theirs {b}"));
        }
    }
    let by_name = |rows: &Value| -> BTreeMap<String, Value> {
        let rows = rows.clone().into_array().unwrap_or_default();
        rows.into_iter()
            .map(|row| (text(&row.clone().into_array().unwrap_or_default()[0]), row))
            .collect()
    };
    let (ours, theirs) = (by_name(&ours[9]), by_name(&theirs[9]));
    for (sub, row) in &theirs {
        match ours.get(sub) {
            Some(own) => compare(own, row, wrong, excused),
            None if is_excused(sub, "missing", excused) => {}
            None => wrong.push(format!("{sub}: missing")),
        }
    }
}

#[test]
fn rows_agree_with_a_redis_server() -> io::Result<()> {
    let server = start_reference()?;
    let mut client = server.connect()?;
    let (mut wrong, mut excused, mut compared) = (Vec::new(), BTreeSet::new(), 0);
    for found in TABLE.commands() {
        let theirs = ask(&mut client, &["COMMAND", "INFO", found.row.name])?.remove(0);
        if theirs != Value::Null {
            compared += 1;
            compare(
                &reply(|out| command_info(found.row, out))?,
                &theirs,
                &mut wrong,
                &mut excused,
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= 55, "only {compared} rows were compared");
    assert_all_used(&excused);
    Ok(())
}

/// The words of an argument tree. Later versions add some and rename what stands between them, so the reference's
/// words must be among ours.
fn tokens(arguments: &Value, found: &mut BTreeSet<String>) {
    for argument in arguments.clone().into_array().unwrap_or_default() {
        let fields = argument.into_array().unwrap_or_default();
        let field = |name: &str| {
            fields
                .chunks(2)
                .find(|pair| text(&pair[0]) == name)
                .map(|pair| pair[1].clone())
        };
        let word = |name: &str| field(name).map(|value| text(&value)).unwrap_or_default();
        found.insert(word("token"));
        if let Some(inner) = field("arguments") {
            tokens(&inner, found);
        }
    }
}

#[test]
fn argument_trees_hold_what_a_redis_server_takes() -> io::Result<()> {
    let server = start_reference()?;
    let mut client = server.connect()?;
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for found in TABLE.rows() {
        let theirs = ask(&mut client, &["COMMAND", "DOCS", &found.row.lower_name()])?;
        let Some(Value::Array(theirs)) = theirs.get(1) else {
            continue;
        };
        let ours = reply(|out| {
            out.array(2);
            command_docs(found.row, out);
        })?;
        let ours = ours
            .into_array()
            .unwrap_or_default()
            .remove(1)
            .into_array()
            .unwrap_or_default();
        let field = |fields: &[Value], name: &str| {
            fields
                .chunks(2)
                .find(|pair| text(&pair[0]) == name)
                .map(|pair| pair[1].clone())
        };
        for name in ["since", "group"] {
            let (a, b) = (field(&ours, name), field(theirs, name));
            if a.as_ref().map(canonical) != b.as_ref().map(canonical) {
                wrong.push(format!("{}: {name}: {a:?} {b:?}", found.row.name));
            }
        }
        let (mut own, mut other) = (BTreeSet::new(), BTreeSet::new());
        tokens(&field(&ours, "arguments").unwrap_or(Value::Null), &mut own);
        tokens(
            &field(theirs, "arguments").unwrap_or(Value::Null),
            &mut other,
        );
        let missing: Vec<&String> = other.difference(&own).collect();
        if !missing.is_empty() {
            wrong.push(format!("{}: {missing:?} not in {own:?}", found.row.name));
        }
        compared += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= 60, "only {compared} rows were compared");
    Ok(())
}

#[test]
fn keys_agree_with_a_redis_server() -> io::Result<()> {
    const CALLS: &[&str] = &[
        "GET k",
        "SET k v",
        "SET k v GET",
        "SET k v EX 10 get",
        "MSET a 1 b 2 c 3",
        "MSET a 1 b",
        "MGET a b c",
        "DEL a b",
        "BITOP AND d a b",
        "BITFIELD k GET u8 0",
        "BITFIELD k GET u8 0 SET u8 0 1",
        "LCS a b LEN",
        "RENAME a b",
        "COPY a b REPLACE",
        "OBJECT ENCODING k",
        "OBJECT HELP",
        "KEYS *",
        "SCAN 0",
        "GETRANGE k",
        "FLUSHALL SYNC",
    ];
    let server = start_reference()?;
    let mut client = server.connect()?;
    for call in CALLS {
        let words: Vec<&str> = call.split(' ').collect();
        let mut buf = Vec::new();
        let mut ranges = Vec::new();
        for word in &words {
            ranges.push(ArgRange {
                start: buf.len() as u32,
                len: word.len() as u32,
            });
            buf.extend_from_slice(word.as_bytes());
        }
        let args = Args::new(&buf, &ranges);
        let found = TABLE.find(args.get(0)).expect("known");
        let row = match found.row.is_container() {
            true => TABLE.find_sub(found, args.get(1)).expect("known").row,
            false => found.row,
        };
        for (sub, with_flags) in [("GETKEYS", false), ("GETKEYSANDFLAGS", true)] {
            let ours = reply(|out| match esker_commands::info::getkeys(row, args) {
                Err(error) => error.write(out),
                Ok(keys) if with_flags => {
                    esker_commands::info::write_keys_and_flags(&keys, args, out)
                }
                Ok(keys) => esker_commands::info::write_keys(&keys, args, out),
            })?;
            let mut question = vec!["COMMAND", sub];
            question.extend(&words);
            let question: Vec<&[u8]> = question.iter().map(|word| word.as_bytes()).collect();
            assert_eq!(ours, client.call(&question)?, "{sub} {call}");
        }
    }
    Ok(())
}
