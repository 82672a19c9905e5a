//! COMMAND and COMMAND INFO: ten facts of each row.

use esker_commands::keyspec::{Begin, Find};
use esker_commands::{Args, CmdResult, Flags, KeySpec};
use esker_resp::Reply;

use super::super::Ctx;
use crate::either_row;
use crate::table::{Row, TABLE};

pub fn all(_: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let rows: Vec<&Row> = TABLE.commands().collect();
    reply.array(rows.len());
    rows.iter().for_each(|row| describe(row, reply));
    Ok(())
}

pub fn info(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    if args.len() == 2 {
        return all(ctx, args, reply);
    }
    reply.array(args.len() - 2);
    for name in args.rest(2).iter() {
        match TABLE.find_full(name) {
            Some(row) => describe(row, reply),
            None => reply.null(),
        }
    }
    Ok(())
}

fn describe(row: &Row, reply: &mut Reply<'_>) {
    let (arity, legacy) = either_row!(row.facts, r => (r.arity.number(), r.legacy_range()));
    let (categories, tips) = either_row!(row.facts, r => (r.acl_categories(), r.tips));
    let specs = either_row!(row.facts, r => r.key_specs);
    reply.array(10);
    reply.bulk(row.lower_name());
    reply.integer(i64::from(arity));
    words(flag_words(row), reply);
    reply.integer(i64::from(legacy.first));
    reply.integer(i64::from(legacy.last));
    reply.integer(i64::from(legacy.step));
    words(
        categories.words().map(|word| format!("@{word}")).collect(),
        reply,
    );
    reply.set(tips.len());
    tips.iter().for_each(|tip| reply.bulk(tip));
    reply.set(specs.len());
    specs.iter().for_each(|spec| key_spec(spec, reply));
    let subs: Vec<&Row> = TABLE.subs(row).collect();
    reply.set(subs.len());
    subs.iter().for_each(|sub| describe(sub, reply));
}

/// A container that answers nothing itself shows no flags.
fn flag_words(row: &Row) -> Vec<String> {
    let silent = either_row!(row.facts, r => r.handler.is_none());
    let flags = if silent { Flags::NONE } else { row.flags };
    flags.words().map(str::to_owned).collect()
}

/// A set of status words.
pub fn words(words: Vec<String>, reply: &mut Reply<'_>) {
    reply.set(words.len());
    words.iter().for_each(|word| reply.simple(word));
}

fn key_spec(spec: &KeySpec, reply: &mut Reply<'_>) {
    reply.map(3 + usize::from(spec.notes.is_some()));
    if let Some(notes) = spec.notes {
        reply.bulk("notes");
        reply.bulk(notes);
    }
    reply.bulk("flags");
    words(spec.flags.words().map(str::to_owned).collect(), reply);
    reply.bulk("begin_search");
    match spec.begin {
        Begin::Unknown => typed("unknown", &[], reply),
        Begin::Index(index) => typed("index", &[("index", index)], reply),
        Begin::Keyword { word, from } => {
            typed_header("keyword", 2, reply);
            reply.bulk("keyword");
            reply.bulk(word);
            reply.bulk("startfrom");
            reply.integer(i64::from(from));
        }
    }
    reply.bulk("find_keys");
    match spec.find {
        Find::Unknown => typed("unknown", &[], reply),
        Find::Range { last, step, limit } => {
            typed(
                "range",
                &[("lastkey", last), ("keystep", step), ("limit", limit)],
                reply,
            );
        }
        Find::KeyNum {
            count_at,
            first,
            step,
        } => {
            typed(
                "keynum",
                &[
                    ("keynumidx", count_at),
                    ("firstkey", first),
                    ("keystep", step),
                ],
                reply,
            );
        }
    }
}

fn typed(kind: &str, spec: &[(&str, i16)], reply: &mut Reply<'_>) {
    typed_header(kind, spec.len(), reply);
    for (name, value) in spec {
        reply.bulk(name);
        reply.integer(i64::from(*value));
    }
}

fn typed_header(kind: &str, fields: usize, reply: &mut Reply<'_>) {
    reply.map(2);
    reply.bulk("type");
    reply.bulk(kind);
    reply.bulk("spec");
    reply.map(fields);
}
