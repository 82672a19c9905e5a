//! COMMAND: the table of commands, as clients may ask for it. Everything here derives from the rows.

mod docs;
mod info;

use esker_commands::arg::{Arg, one_of, optional, pattern, string};
use esker_commands::{
    Args, Categories, CmdError, CmdResult, Command, Flags, Group, KeyRef, at_least, exactly, glob,
    in_group,
};
use esker_resp::Reply;

use super::{AdminFn, Ctx, help, row};
use crate::either_row;
use crate::table::{Row, TABLE};

const BASE: Flags = Flags::LOADING.with(Flags::STALE);
const UNORDERED: &[&str] = &["nondeterministic_output_order"];

const NAMES_ARGS: &[Arg] = &[optional(string("command-name")).many()];
const CALL_ARGS: &[Arg] = &[string("command"), optional(string("arg")).many()];
const LIST_ARGS: &[Arg] = &[optional(
    one_of(
        "filterby",
        &[
            string("module-name").token("MODULE"),
            string("category").token("ACLCAT"),
            pattern("pattern").token("PATTERN"),
        ],
    )
    .token("FILTERBY"),
)];

const SUBS: &[Command<AdminFn>] = &in_group(
    Group::Server,
    [
        row("COMMAND|COUNT", exactly(2), count)
            .flags(BASE)
            .categories(Categories::CONNECTION)
            .doc("2.8.13", "O(1)", "Answers the number of commands."),
        row("COMMAND|DOCS", at_least(2), docs::docs)
            .flags(BASE)
            .categories(Categories::CONNECTION)
            .tips(UNORDERED)
            .args(NAMES_ARGS)
            .doc(
                "7.0.0",
                "O(N) where N is the number of commands to look up",
                "Documents one, several or all commands.",
            ),
        row("COMMAND|GETKEYS", at_least(3), getkeys)
            .flags(BASE)
            .categories(Categories::CONNECTION)
            .args(CALL_ARGS)
            .doc(
                "2.8.13",
                "O(N) where N is the number of arguments to the command",
                "Finds the keys in a call.",
            ),
        row("COMMAND|GETKEYSANDFLAGS", at_least(3), getkeysandflags)
            .flags(BASE)
            .categories(Categories::CONNECTION)
            .args(CALL_ARGS)
            .doc(
                "7.0.0",
                "O(N) where N is the number of arguments to the command",
                "Finds the keys in a call, and what is done to them.",
            ),
        row("COMMAND|HELP", exactly(2), command_help)
            .flags(BASE)
            .categories(Categories::CONNECTION)
            .doc("5.0.0", "O(1)", "Lists the subcommands."),
        row("COMMAND|INFO", at_least(2), info::info)
            .flags(BASE)
            .categories(Categories::CONNECTION)
            .tips(UNORDERED)
            .args(NAMES_ARGS)
            .doc(
                "2.8.13",
                "O(N) where N is the number of commands to look up",
                "Describes one, several or all commands.",
            ),
        row("COMMAND|LIST", at_least(2), list)
            .flags(BASE)
            .categories(Categories::CONNECTION)
            .tips(UNORDERED)
            .args(LIST_ARGS)
            .doc(
                "7.0.0",
                "O(N) where N is the total number of commands",
                "Lists the names of commands.",
            ),
    ],
);

pub const ROWS: &[Command<AdminFn>] = &[Command::container("COMMAND", SUBS)
    .or_alone(at_least(1), info::all as AdminFn)
    .flags(BASE)
    .group(Group::Server)
    .categories(Categories::CONNECTION)
    .tips(UNORDERED)
    .doc(
        "2.8.13",
        "O(N) where N is the total number of commands",
        "Describes all commands.",
    )];

fn count(_: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    reply.integer(TABLE.commands().count() as i64);
    Ok(())
}

fn list(_: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let names: Vec<String> = if args.len() == 2 {
        TABLE.rows().map(Row::lower_name).collect()
    } else {
        let keep = filter(args)?;
        TABLE
            .rows()
            .filter(|row| keep(row))
            .map(Row::lower_name)
            .collect()
    };
    reply.array(names.len());
    for name in names {
        reply.bulk(name);
    }
    Ok(())
}

/// `FILTERBY kind value`.
fn filter(args: Args<'_>) -> Result<Box<dyn Fn(&Row) -> bool>, CmdError> {
    let mut cursor = args.cursor(2);
    if !cursor.word("FILTERBY") {
        return Err(CmdError::Syntax);
    }
    let kind = cursor.value()?.to_ascii_lowercase();
    let value = cursor.value()?.to_vec();
    cursor.finish()?;
    Ok(match kind.as_slice() {
        // There are no modules, so no command belongs to one.
        b"module" => Box::new(|_| false),
        b"aclcat" => {
            let category = Categories::from_word(&value);
            Box::new(move |row| category.is_some_and(|category| categories(row).has(category)))
        }
        b"pattern" => {
            Box::new(move |row| glob::matches_any_case(&value, row.lower_name().as_bytes()))
        }
        _ => return Err(CmdError::Syntax),
    })
}

fn categories(row: &Row) -> Categories {
    either_row!(row.facts, r => r.acl_categories())
}

fn getkeys(_: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let call = args.rest(2);
    let keys = keys_of(call)?;
    reply.array(keys.len());
    for key in keys {
        reply.bulk(call.get(key.index));
    }
    Ok(())
}

fn getkeysandflags(_: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let call = args.rest(2);
    let keys = keys_of(call)?;
    reply.array(keys.len());
    for key in keys {
        reply.array(2);
        reply.bulk(call.get(key.index));
        info::words(key.flags.words().map(str::to_owned).collect(), reply);
    }
    Ok(())
}

fn keys_of(call: Args<'_>) -> Result<Vec<KeyRef>, CmdError> {
    let row = TABLE
        .called(call)
        .ok_or_else(|| CmdError::text("Invalid command specified"))?;
    if !either_row!(row.facts, r => r.takes_keys()) {
        return Err(CmdError::text("The command has no key arguments"));
    }
    if !row.accepts(call.len()) {
        return Err(CmdError::text(
            "Invalid number of arguments specified for command",
        ));
    }
    let mut keys = Vec::new();
    match either_row!(row.facts, r => r.for_each_key(call, |key| keys.push(key))) {
        Ok(()) => Ok(keys),
        Err(_) if row.flags.has(Flags::NO_MANDATORY_KEYS) => Ok(Vec::new()),
        Err(_) => Err(CmdError::text("Invalid arguments specified for command")),
    }
}

fn command_help(_: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    help(reply, "COMMAND", HELP)
}

const HELP: &[&str] = &[
    "(no subcommand)",
    "    Describe all commands.",
    "COUNT",
    "    Show how many commands there are.",
    "DOCS [<command-name> ...]",
    "    Document commands, all of them without names.",
    "GETKEYS <full-command>",
    "    Find the keys in a call.",
    "GETKEYSANDFLAGS <full-command>",
    "    Find the keys in a call, and what is done to them.",
    "INFO [<command-name> ...]",
    "    Describe commands, all of them without names.",
    "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
    "    List the names of commands.",
];
