//! COMMAND DOCS: summary, history and argument tree of each row.

use esker_commands::arg::{Arg, ArgKind};
use esker_commands::{Args, CmdResult, Traits};
use esker_resp::Reply;

use super::super::Ctx;
use super::info::words;
use crate::either_row;
use crate::table::{Row, TABLE};

pub fn docs(_: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let rows: Vec<&Row> = if args.len() == 2 {
        TABLE.commands().collect()
    } else {
        args.rest(2)
            .iter()
            .filter_map(|name| TABLE.find_full(name))
            .collect()
    };
    reply.map(rows.len());
    for row in rows {
        reply.bulk(row.lower_name());
        document(row, reply);
    }
    Ok(())
}

fn document(row: &Row, reply: &mut Reply<'_>) {
    let place = reply.defer();
    let mut pairs = 3;
    let (summary, since, group) = either_row!(row.facts, r => (r.summary, r.since, r.group.word()));
    for (name, text) in [("summary", summary), ("since", since), ("group", group)] {
        text_pair(name, text, reply);
    }
    let complexity = either_row!(row.facts, r => r.complexity);
    if !complexity.is_empty() {
        text_pair("complexity", complexity, reply);
        pairs += 1;
    }
    pairs += flags_and_deprecation(row, reply);
    let history = either_row!(row.facts, r => r.history);
    if !history.is_empty() {
        reply.bulk("history");
        reply.set(history.len());
        for (version, change) in history {
            reply.array(2);
            reply.bulk(version);
            reply.bulk(change);
        }
        pairs += 1;
    }
    let arguments = either_row!(row.facts, r => r.args);
    if !arguments.is_empty() {
        tree("arguments", arguments, reply);
        pairs += 1;
    }
    let subs: Vec<&Row> = TABLE.subs(row).collect();
    if !subs.is_empty() {
        reply.bulk("subcommands");
        reply.map(subs.len());
        for sub in subs {
            reply.bulk(sub.lower_name());
            document(sub, reply);
        }
        pairs += 1;
    }
    reply.finish_map(place, pairs);
}

fn text_pair(name: &str, text: &str, reply: &mut Reply<'_>) {
    reply.bulk(name);
    reply.bulk(text);
}

/// Returns how many pairs it wrote.
fn flags_and_deprecation(row: &Row, reply: &mut Reply<'_>) -> usize {
    let (traits, deprecated) = either_row!(row.facts, r => (r.traits, r.deprecated));
    let mut flags = Vec::new();
    if deprecated.is_some() {
        flags.push("deprecated".to_owned());
    }
    if traits.has(Traits::SYSCMD) {
        flags.push("syscmd".to_owned());
    }
    let mut pairs = 0;
    if !flags.is_empty() {
        reply.bulk("doc_flags");
        words(flags, reply);
        pairs += 1;
    }
    if let Some(deprecated) = deprecated {
        text_pair("deprecated_since", deprecated.since, reply);
        text_pair("replaced_by", deprecated.replaced_by, reply);
        pairs += 2;
    }
    pairs
}

fn tree(name: &str, args: &[Arg], reply: &mut Reply<'_>) {
    reply.bulk(name);
    reply.array(args.len());
    args.iter().for_each(|arg| node(arg, reply));
}

fn node(arg: &Arg, reply: &mut Reply<'_>) {
    let place = reply.defer();
    let mut pairs = 2;
    text_pair("name", arg.name, reply);
    text_pair("type", arg.kind.word(), reply);
    let inner = matches!(arg.kind, ArgKind::OneOf | ArgKind::Block);
    if !inner {
        text_pair("display_text", arg.display.unwrap_or(arg.name), reply);
        pairs += 1;
    }
    if arg.kind == ArgKind::Key {
        reply.bulk("key_spec_index");
        reply.integer(i64::from(arg.key_spec));
        pairs += 1;
    }
    for (name, text) in [
        ("token", arg.token),
        ("since", arg.since),
        ("deprecated_since", arg.deprecated_since),
    ] {
        if let Some(text) = text {
            text_pair(name, text, reply);
            pairs += 1;
        }
    }
    let flags = [
        (arg.optional, "optional"),
        (arg.multiple, "multiple"),
        (arg.multiple_token, "multiple_token"),
    ];
    let flags: Vec<String> = flags
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, word)| (*word).to_owned())
        .collect();
    if !flags.is_empty() {
        reply.bulk("flags");
        words(flags, reply);
        pairs += 1;
    }
    if inner {
        tree("arguments", arg.args, reply);
        pairs += 1;
    }
    reply.finish_map(place, pairs);
}
