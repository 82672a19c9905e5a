//! Streams: the rows; the handlers are in the files beside this one.

mod add;
mod claim;
mod entry;
mod group;
mod ids;
mod info;
mod pending;
mod read;
#[cfg(test)]
mod tests;

use crate::Row;
use crate::arg::{Arg, block, integer, key, one_of, string, unix_time, word};
use crate::args::Args;
use crate::command::{at_least, exactly, in_group};
use crate::error::{CmdError, quoted};
use crate::flags::Group;
use crate::keyspec::*;

use add::{xadd, xtrim};
use claim::{xautoclaim, xclaim};
use entry::{xdel, xlen, xrange, xrevrange, xsetid};
use pending::{xack, xpending};
use read::{xread, xreadgroup};

const NONDETERMINISTIC: &[&str] = &["nondeterministic_output"];
const RW_INSERT: KeyFlags = KeyFlags::RW.with(KeyFlags::INSERT);
const RW_UPDATE: KeyFlags = KeyFlags::RW.with(KeyFlags::UPDATE);
const RW_DELETE: KeyFlags = KeyFlags::RW.with(KeyFlags::DELETE);
const RO_ACCESS: KeyFlags = KeyFlags::RO.with(KeyFlags::ACCESS);
const KEY2_RW_INSERT: &[KeySpec] = &[KeySpec::at(2, RW_INSERT)];
const KEY2_RW_UPDATE: &[KeySpec] = &[KeySpec::at(2, RW_UPDATE)];
const KEY2_RW_DELETE: &[KeySpec] = &[KeySpec::at(2, RW_DELETE)];
const KEY2_RO_ACCESS: &[KeySpec] = &[KeySpec::at(2, RO_ACCESS)];
/// Half of what follows the word are keys, the other half ids.
const FIRST_HALF: Find = Find::Range {
    last: -1,
    step: 1,
    limit: 2,
};
const XADD_KEY: &[KeySpec] = &[
    KeySpec::at(1, RW_UPDATE).note("Updates rather than inserts because it may trim the stream")
];

const TRIM: &[Arg] = &[
    one_of(
        "strategy",
        &[
            word("maxlen", "MAXLEN"),
            word("minid", "MINID").since("6.2.0"),
        ],
    ),
    one_of(
        "operator",
        &[word("equal", "="), word("approximately", "~")],
    )
    .optional(),
    string("threshold"),
    integer("count").token("LIMIT").since("6.2.0").optional(),
];
const STREAMS: Arg = block("streams", &[key("key").many(), string("id").many()]).token("STREAMS");
const COUNT: Arg = integer("count").token("COUNT").optional();
const BLOCK: Arg = integer("milliseconds").token("BLOCK").optional();
const GROUP_ID: Arg = one_of("id-selector", &[string("id"), word("new-id", "$")]);
const ENTRIES_READ: Arg = integer("entries-read")
    .display("entries-read")
    .token("ENTRIESREAD")
    .optional();
const CONSUMER: &[Arg] = &[key("key"), string("group"), string("consumer")];

const PER_ENTRY: &str = "O(N) where N is the number of entries in the reply";
const PER_ID: &str = "O(log(N)) for each ID, where N is the size of the stream";
const PER_PENDING: &str = "O(log(N)) for each ID, where N is what is pending for the group";

const XGROUP: &[Row] = &in_group(
    Group::Stream,
    [
        Row::write("XGROUP|CREATE", at_least(5), group::create)
            .deny_oom()
            .keys(KEY2_RW_INSERT)
            .args(&[
                key("key"),
                string("group"),
                GROUP_ID,
                word("mkstream", "MKSTREAM").optional(),
                ENTRIES_READ,
            ])
            .doc("5.0.0", "O(1)", "Creates a consumer group.")
            .history(&[("7.0.0", "Took the option `ENTRIESREAD`.")]),
        Row::write("XGROUP|CREATECONSUMER", exactly(5), group::create_consumer)
            .deny_oom()
            .keys(KEY2_RW_INSERT)
            .args(CONSUMER)
            .doc("6.2.0", "O(1)", "Creates a consumer in a group."),
        Row::write("XGROUP|DELCONSUMER", exactly(5), group::delete_consumer)
            .keys(KEY2_RW_DELETE)
            .args(CONSUMER)
            .doc(
                "5.0.0",
                "O(N) where N is what is pending for the consumer",
                "Deletes a consumer of a group.",
            ),
        Row::write("XGROUP|DESTROY", exactly(4), group::destroy)
            .keys(KEY2_RW_DELETE)
            .args(&[key("key"), string("group")])
            .doc(
                "5.0.0",
                "O(N) where N is what is pending for the group",
                "Deletes a consumer group.",
            ),
        Row::plain("XGROUP|HELP", exactly(2), group::help)
            .loading()
            .stale()
            .doc("5.0.0", "O(1)", "Tells the subcommands."),
        Row::write("XGROUP|SETID", at_least(5), group::setid)
            .keys(KEY2_RW_UPDATE)
            .args(&[key("key"), string("group"), GROUP_ID, ENTRIES_READ])
            .doc(
                "5.0.0",
                "O(1)",
                "Sets the entry behind which a group goes on.",
            )
            .history(&[("7.0.0", "Took the option `ENTRIESREAD`.")]),
    ],
);

const XINFO: &[Row] = &in_group(
    Group::Stream,
    [
        Row::read("XINFO|CONSUMERS", exactly(4), info::consumers)
            .keys(KEY2_RO_ACCESS)
            .args(&[key("key"), string("group")])
            .tips(NONDETERMINISTIC)
            .doc("5.0.0", "O(1)", "Tells about the consumers of a group.")
            .history(&[("7.2.0", "Tells `inactive`; `idle` has another meaning.")]),
        Row::read("XINFO|GROUPS", exactly(3), info::groups)
            .keys(KEY2_RO_ACCESS)
            .args(&[key("key")])
            .doc("5.0.0", "O(1)", "Tells about the groups of a stream.")
            .history(&[("7.0.0", "Tells `entries-read` and `lag`.")]),
        Row::plain("XINFO|HELP", exactly(2), info::help)
            .loading()
            .stale()
            .doc("5.0.0", "O(1)", "Tells the subcommands."),
        Row::read("XINFO|STREAM", at_least(3), info::stream)
            .keys(KEY2_RO_ACCESS)
            .args(&[
                key("key"),
                block("full-block", &[word("full", "FULL"), COUNT]).optional(),
            ])
            .doc("5.0.0", "O(1)", "Tells about a stream.")
            .history(&[
                ("6.0.0", "Took the option `FULL`."),
                (
                    "7.0.0",
                    "Tells `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`.",
                ),
                ("7.2.0", "Tells `active-time`; `seen-time` has another meaning."),
            ]),
    ],
);

pub const COMMANDS: &[Row] = &in_group(
    Group::Stream,
    [
        Row::write("XACK", at_least(4), xack)
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(&[key("key"), string("group"), string("id").many()])
            .doc("5.0.0", PER_PENDING, "Acknowledges entries that a group was given."),
        Row::write("XADD", at_least(5), xadd)
            .deny_oom()
            .fast()
            .keys(XADD_KEY)
            .args(&[
                key("key"),
                word("nomkstream", "NOMKSTREAM").since("6.2.0").optional(),
                block("trim", TRIM).optional(),
                one_of("id-selector", &[word("auto-id", "*"), string("id")]),
                block("data", &[string("field"), string("value")]).many(),
            ])
            .tips(NONDETERMINISTIC)
            .doc(
                "5.0.0",
                "O(1) to add; O(N) to trim where N is the number of entries that go",
                "Adds an entry to a stream, creating it if it does not exist.",
            )
            .history(&[
                ("6.2.0", "Took the options `NOMKSTREAM`, `MINID` and `LIMIT`."),
                ("7.0.0", "Took ids of the form `<ms>-*`."),
            ]),
        Row::write("XAUTOCLAIM", at_least(6), xautoclaim)
            .fast()
            .keys(KEY1_RW_DELETE)
            .args(&[
                key("key"),
                string("group"),
                string("consumer"),
                string("min-idle-time"),
                string("start"),
                COUNT,
                word("justid", "JUSTID").optional(),
            ])
            .tips(NONDETERMINISTIC)
            .doc(
                "6.2.0",
                "O(N) where N is COUNT",
                "Hands entries that are pending for long over to a consumer.",
            )
            .history(&[("7.0.0", "Tells the entries that were deleted from the stream.")]),
        Row::write("XCLAIM", at_least(6), xclaim)
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(&[
                key("key"),
                string("group"),
                string("consumer"),
                string("min-idle-time"),
                string("id").many(),
                integer("ms").token("IDLE").optional(),
                unix_time("unix-time-milliseconds").token("TIME").optional(),
                integer("count").token("RETRYCOUNT").optional(),
                word("force", "FORCE").optional(),
                word("justid", "JUSTID").optional(),
                string("lastid").token("LASTID").optional(),
            ])
            .tips(NONDETERMINISTIC)
            .doc("5.0.0", PER_PENDING, "Hands pending entries over to a consumer."),
        Row::write("XDEL", at_least(3), xdel)
            .fast()
            .keys(KEY1_RW_DELETE)
            .args(&[key("key"), string("id").many()])
            .doc("5.0.0", PER_ID, "Deletes entries; tells how many there were."),
        Row::container("XGROUP", XGROUP).doc(
            "5.0.0",
            "Depends on the subcommand",
            "Commands about consumer groups.",
        ),
        Row::container("XINFO", XINFO).doc(
            "5.0.0",
            "Depends on the subcommand",
            "Commands that tell about streams.",
        ),
        Row::read("XLEN", exactly(2), xlen)
            .fast()
            .keys(KEY1_RO)
            .args(&[key("key")])
            .doc("5.0.0", "O(1)", "Tells the number of entries of a stream."),
        Row::read("XPENDING", at_least(3), xpending)
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                string("group"),
                block(
                    "filters",
                    &[
                        integer("min-idle-time").token("IDLE").since("6.2.0").optional(),
                        string("start"),
                        string("end"),
                        integer("count"),
                        string("consumer").optional(),
                    ],
                )
                .optional(),
            ])
            .tips(NONDETERMINISTIC)
            .doc(
                "5.0.0",
                "O(N) where N is the number of entries looked at; the summary O(N) for N consumers",
                "Tells what a group was given and did not acknowledge.",
            )
            .history(&[("6.2.0", "Took the option `IDLE` and ranges without their ends.")]),
        Row::read("XRANGE", at_least(4), xrange)
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), string("start"), string("end"), COUNT])
            .doc("5.0.0", PER_ENTRY, "Reads the entries between two ids.")
            .history(&[("6.2.0", "Took ranges without their ends.")]),
        Row::read("XREAD", at_least(4), xread)
            .blocking()
            .keys(&[KeySpec::keyword("STREAMS", 1, FIRST_HALF, RO_ACCESS)])
            .args(&[COUNT, BLOCK, STREAMS])
            .doc(
                "5.0.0",
                PER_ENTRY,
                "Reads the entries behind given ids of several streams, and waits for some if there are none.",
            ),
        Row::write("XREADGROUP", at_least(7), xreadgroup)
            .blocking()
            .keys(&[KeySpec::keyword("STREAMS", 4, FIRST_HALF, RO_ACCESS)])
            .args(&[
                block("group-block", &[string("group"), string("consumer")]).token("GROUP"),
                COUNT,
                BLOCK,
                word("noack", "NOACK").optional(),
                STREAMS,
            ])
            .doc(
                "5.0.0",
                PER_ENTRY,
                "Reads the next entries of a group, or what is pending for a consumer, and waits if there is nothing.",
            ),
        Row::read("XREVRANGE", at_least(4), xrevrange)
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), string("end"), string("start"), COUNT])
            .doc("5.0.0", PER_ENTRY, "Reads the entries between two ids, last first.")
            .history(&[("6.2.0", "Took ranges without their ends.")]),
        Row::write("XSETID", at_least(3), xsetid)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(&[
                key("key"),
                string("last-id"),
                integer("entries-added").token("ENTRIESADDED").since("7.0.0").optional(),
                string("max-deleted-id").token("MAXDELETEDID").since("7.0.0").optional(),
            ])
            .doc("5.0.0", "O(1)", "Sets what a stream remembers of its past.")
            .history(&[("7.0.0", "Took the options `ENTRIESADDED` and `MAXDELETEDID`.")]),
        Row::write("XTRIM", at_least(4), xtrim)
            .keys(KEY1_RW_DELETE)
            .args(&[key("key"), block("trim", TRIM)])
            .tips(NONDETERMINISTIC)
            .doc(
                "5.0.0",
                "O(N) where N is the number of entries that go",
                "Deletes the oldest entries of a stream.",
            )
            .history(&[("6.2.0", "Took the options `MINID` and `LIMIT`.")]),
    ],
);

/// A name in an error, as C prints it.
fn shown(name: &[u8]) -> String {
    quoted(name, usize::MAX)
}

/// For commands that need a group; `context` ends the sentence.
fn no_key_or_group(key: &[u8], group: &[u8], context: &str) -> CmdError {
    let (key, group) = (shown(key), shown(group));
    CmdError::Line(
        format!("NOGROUP No such key '{key}' or consumer group '{group}'{context}").into(),
    )
}

/// For commands about a group of a stream that is there.
fn no_group_for(key: &[u8], group: &[u8]) -> CmdError {
    let (key, group) = (shown(key), shown(group));
    CmdError::Line(format!("NOGROUP No such consumer group '{group}' for key name '{key}'").into())
}

/// A subcommand that is there, but not with these arguments.
fn bad_subcommand(container: &str, args: Args<'_>) -> CmdError {
    let given = quoted(args.get(1), 128);
    CmdError::text(format_args!(
        "unknown subcommand or wrong number of arguments for '{given}'. Try {container} HELP."
    ))
}
