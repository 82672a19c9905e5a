//! What clients can ask about a row: the replies of COMMAND INFO, DOCS and GETKEYS.
//!
//! The layouts are those of Redis 8: sets, maps and arrays as RESP3 clients see them, flattened for RESP2.

use esker_resp::Reply;

use crate::arg::{Arg, ArgKind};
use crate::args::Args;
use crate::command::Command;
use crate::error::CmdError;
use crate::flags::{Flags, Traits};
use crate::keyspec::{Begin, Find, KeyRef, KeySpec};

/// One element of COMMAND INFO: ten fields, sub-rows nested in the last.
pub fn command_info<F>(row: &Command<F>, out: &mut Reply<'_>) {
    let legacy = row.legacy_range();
    out.array(10);
    out.bulk(row.lower_name());
    out.integer(i64::from(row.arity.number()));
    write_statuses(out, row.flags.words().map(String::from).collect());
    for field in [legacy.first, legacy.last, legacy.step] {
        out.integer(i64::from(field));
    }
    let categories = row.acl_categories().words();
    write_statuses(out, categories.map(|word| format!("@{word}")).collect());
    out.set(row.tips.len());
    for tip in row.tips {
        out.bulk(tip);
    }
    out.set(row.key_specs.len());
    for spec in row.key_specs {
        write_key_spec(out, spec);
    }
    // Containers list their sub-rows in order; others have an empty set.
    if row.subs.is_empty() {
        out.set(0);
    } else {
        out.array(row.subs.len());
    }
    for sub in row.subs {
        command_info(sub, out);
    }
}

fn write_statuses(out: &mut Reply<'_>, words: Vec<String>) {
    out.set(words.len());
    for word in words {
        out.simple(&word);
    }
}

fn write_key_spec(out: &mut Reply<'_>, spec: &KeySpec) {
    out.map(if spec.notes.is_some() { 4 } else { 3 });
    if let Some(notes) = spec.notes {
        out.bulk("notes");
        out.bulk(notes);
    }
    out.bulk("flags");
    write_statuses(out, spec.flags.words().map(String::from).collect());
    out.bulk("begin_search");
    match spec.begin {
        Begin::Unknown => write_search(out, "unknown", &[]),
        Begin::Index(index) => write_search(out, "index", &[("index", index)]),
        Begin::Keyword { word, from } => {
            write_search_head(out, "keyword", 2);
            out.bulk("keyword");
            out.bulk(word);
            out.bulk("startfrom");
            out.integer(i64::from(from));
        }
    }
    out.bulk("find_keys");
    match spec.find {
        Find::Unknown => write_search(out, "unknown", &[]),
        Find::Range { last, step, limit } => {
            write_search(
                out,
                "range",
                &[("lastkey", last), ("keystep", step), ("limit", limit)],
            );
        }
        Find::KeyNum {
            count_at,
            first,
            step,
        } => {
            write_search(
                out,
                "keynum",
                &[
                    ("keynumidx", count_at),
                    ("firstkey", first),
                    ("keystep", step),
                ],
            );
        }
    }
}

fn write_search_head(out: &mut Reply<'_>, kind: &str, fields: usize) {
    out.map(2);
    out.bulk("type");
    out.bulk(kind);
    out.bulk("spec");
    out.map(fields);
}

fn write_search(out: &mut Reply<'_>, kind: &str, fields: &[(&str, i16)]) {
    write_search_head(out, kind, fields.len());
    for (name, value) in fields {
        out.bulk(name);
        out.integer(i64::from(*value));
    }
}

/// One entry of COMMAND DOCS: the name and the map behind it.
pub fn command_docs<F>(row: &Command<F>, out: &mut Reply<'_>) {
    out.bulk(row.lower_name());
    let fields = out.defer();
    let mut count = 3;
    for (name, value) in [
        ("summary", row.summary),
        ("since", row.since),
        ("group", row.group.word()),
    ] {
        out.bulk(name);
        out.bulk(value);
    }
    if !row.complexity.is_empty() {
        count += 1;
        out.bulk("complexity");
        out.bulk(row.complexity);
    }
    count += write_status(row, out);
    let history = history(row);
    if !history.is_empty() {
        count += 1;
        out.bulk("history");
        out.set(history.len());
        for (version, change) in history {
            out.array(2);
            out.bulk(version);
            out.bulk(change);
        }
    }
    if !row.args.is_empty() {
        count += 1;
        out.bulk("arguments");
        write_args(out, row.args);
    }
    if !row.subs.is_empty() {
        count += 1;
        out.bulk("subcommands");
        out.map(row.subs.len());
        for sub in row.subs {
            command_docs(sub, out);
        }
    }
    out.finish_map(fields, count);
}

/// What each version changed: the words that it added, then what the row itself tells.
fn history<F>(row: &Command<F>) -> Vec<(&'static str, String)> {
    let mut added: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
    collect_additions(row.args, row.since, &mut added);
    added.retain(|(version, _)| *version != row.since);
    let words_of = |(version, words): (&'static str, Vec<&str>)| {
        (version, format!("Added `{}`.", words.join("`, `")))
    };
    let told = row
        .history
        .iter()
        .map(|(version, change)| (*version, change.to_string()));
    let mut history: Vec<_> = added.into_iter().map(words_of).chain(told).collect();
    history.sort_by_key(|(version, _)| version_numbers(version));
    history
}

fn version_numbers(version: &str) -> Vec<u32> {
    version
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// Gathers the words of a tree by the version that brought them; an inner node came with its outer one.
fn collect_additions(
    args: &[Arg],
    since: &'static str,
    added: &mut Vec<(&'static str, Vec<&'static str>)>,
) {
    for arg in args {
        let version = arg.since.unwrap_or(since);
        if let Some(word) = arg.token {
            match added.iter_mut().find(|(other, _)| *other == version) {
                Some((_, words)) => words.push(word),
                None => added.push((version, vec![word])),
            }
        }
        collect_additions(arg.args, version, added);
    }
}

/// Deprecated or internal: returns how many fields were written.
fn write_status<F>(row: &Command<F>, out: &mut Reply<'_>) -> usize {
    let words = [
        ("deprecated", row.deprecated.is_some()),
        ("syscmd", row.traits.has(Traits::SYSCMD)),
    ];
    let words: Vec<&str> = words
        .iter()
        .filter(|(_, on)| *on)
        .map(|(word, _)| *word)
        .collect();
    if words.is_empty() {
        return 0;
    }
    out.bulk("doc_flags");
    out.set(words.len());
    words.iter().for_each(|word| out.simple(word));
    let Some(deprecated) = row.deprecated else {
        return 1;
    };
    out.bulk("deprecated_since");
    out.bulk(deprecated.since);
    out.bulk("replaced_by");
    out.bulk(deprecated.replaced_by);
    3
}

fn write_args(out: &mut Reply<'_>, args: &[Arg]) {
    out.array(args.len());
    for arg in args {
        write_arg(out, arg);
    }
}

fn write_arg(out: &mut Reply<'_>, arg: &Arg) {
    let fields = out.defer();
    let mut count = 2;
    let field = |out: &mut Reply<'_>, name: &str, value: &str| {
        out.bulk(name);
        out.bulk(value);
    };
    field(out, "name", arg.name);
    field(out, "type", arg.kind.word());
    let is_leaf = !matches!(arg.kind, ArgKind::OneOf | ArgKind::Block);
    let optional = [
        (
            "display_text",
            is_leaf.then(|| arg.display.unwrap_or(arg.name)),
        ),
        ("token", arg.token),
        ("since", arg.since),
        ("deprecated_since", arg.deprecated_since),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            field(out, name, value);
            count += 1;
        }
        if name == "display_text" && arg.kind == ArgKind::Key {
            out.bulk("key_spec_index");
            out.integer(i64::from(arg.key_spec));
            count += 1;
        }
    }
    let flags = [
        ("optional", arg.optional),
        ("multiple", arg.multiple),
        ("multiple_token", arg.multiple_token),
    ];
    let flags: Vec<String> = flags
        .iter()
        .filter(|(_, on)| *on)
        .map(|(word, _)| word.to_string())
        .collect();
    if !flags.is_empty() {
        out.bulk("flags");
        write_statuses(out, flags);
        count += 1;
    }
    if !arg.args.is_empty() {
        out.bulk("arguments");
        write_args(out, arg.args);
        count += 1;
    }
    out.finish_map(fields, count);
}

/// The keys of a call, or why there are none to tell. `args` begins with the command's name.
pub fn getkeys<F>(row: &Command<F>, args: Args<'_>) -> Result<Vec<KeyRef>, CmdError> {
    if !row.takes_keys() {
        return Err(CmdError::line_of("ERR The command has no key arguments"));
    }
    if !row.arity.accepts(args.len()) {
        return Err(CmdError::line_of(
            "ERR Invalid number of arguments specified for command",
        ));
    }
    let mut keys = Vec::new();
    let found = row.for_each_key(args, |key| keys.push(key));
    if found.is_err() || keys.is_empty() && !row.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Err(CmdError::line_of(
            "ERR Invalid arguments specified for command",
        ));
    }
    Ok(keys)
}

/// The reply of COMMAND GETKEYS.
pub fn write_keys(keys: &[KeyRef], args: Args<'_>, out: &mut Reply<'_>) {
    out.array(keys.len());
    for key in keys {
        out.bulk(args.get(key.index));
    }
}

/// The reply of COMMAND GETKEYSANDFLAGS.
pub fn write_keys_and_flags(keys: &[KeyRef], args: Args<'_>, out: &mut Reply<'_>) {
    out.array(keys.len());
    for key in keys {
        out.array(2);
        out.bulk(args.get(key.index));
        write_statuses(out, key.flags.words().map(String::from).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TABLE;

    #[test]
    fn history_follows_from_the_argument_tree() {
        let check = |name: &str, want: &[(&str, &str)]| {
            let row = TABLE.find(name.as_bytes()).expect("known").row;
            let got = history(row);
            let got: Vec<(&str, &str)> = got
                .iter()
                .map(|(version, text)| (*version, text.as_str()))
                .collect();
            assert_eq!(got, want, "{name}");
        };
        check("GET", &[]);
        check("SCAN", &[("6.0.0", "Added `TYPE`.")]);
        check(
            "FLUSHALL",
            &[("4.0.0", "Added `ASYNC`."), ("6.2.0", "Added `SYNC`.")],
        );
        check("EXPIRE", &[("7.0.0", "Added `NX`, `XX`, `GT`, `LT`.")]);
        check(
            "SET",
            &[
                ("2.6.12", "Added `NX`, `XX`, `EX`, `PX`."),
                ("6.0.0", "Added `KEEPTTL`."),
                ("6.2.0", "Added `GET`, `EXAT`, `PXAT`."),
                ("8.4.0", "Added `IFEQ`, `IFNE`, `IFDEQ`, `IFDNE`."),
            ],
        );
    }
}
