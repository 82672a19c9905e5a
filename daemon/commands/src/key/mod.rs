//! Keys of any kind, and whole databases: the rows; the handlers are in the files beside this one.

mod database;
mod expire;
mod object;
mod payload;
mod place;
mod scan;

use crate::Row;
use crate::arg::{Arg, integer, key, one_of, pattern, string, unix_time, word};
use crate::command::{at_least, exactly, in_group};
use crate::flags::{Categories, Flags, Group};
use crate::keyspec::*;

use database::{dbsize, flushall, flushdb, randomkey, swapdb};
use expire::{expire, expireat, expiretime, persist, pexpire, pexpireat, pexpiretime, pttl, ttl};
use object::{encoding, frequency, help, idle_time, kind, reference_count};
use payload::{dump, restore};
use place::{copy, del, exists, move_key, rename, renamenx, touch};
use scan::{keys, scan};

const KEY: &[Arg] = &[key("key")];
const MANY_KEYS: &[Arg] = &[key("key").many()];
const EXPIRE_CONDITION: Arg = one_of(
    "condition",
    &[
        word("nx", "NX"),
        word("xx", "XX"),
        word("gt", "GT"),
        word("lt", "LT"),
    ],
)
.since("7.0.0")
.optional();
const RESTORE_ARGS: &[Arg] = &[
    key("key"),
    integer("ttl"),
    string("serialized-value"),
    word("replace", "REPLACE").since("3.0.0").optional(),
    word("absttl", "ABSTTL").since("5.0.0").optional(),
    integer("seconds")
        .token("IDLETIME")
        .since("5.0.0")
        .optional(),
    integer("frequency").token("FREQ").since("5.0.0").optional(),
];
const FLUSH_ARGS: &[Arg] = &[one_of(
    "flush-type",
    &[
        word("async", "ASYNC").since("4.0.0"),
        word("sync", "SYNC").since("6.2.0"),
    ],
)
.optional()];

const KEYSPACE_DANGEROUS: Categories = Categories::KEYSPACE.with(Categories::DANGEROUS);
const RENAME_FROM: KeySpec = KeySpec::at(
    1,
    KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE),
);
const SUM_OF_SHARDS: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];
const NONDETERMINISTIC: &[&str] = &["nondeterministic_output"];
const PER_KEY: &str = "O(N) where N is the number of keys";

pub const COMMANDS: &[Row] = &in_group(
    Group::Generic,
    [
        Row::write("COPY", at_least(3), copy)
            .deny_oom()
            .keys(&[
                KeySpec::at(1, KeyFlags::RO.with(KeyFlags::ACCESS)),
                KeySpec::at(2, KeyFlags::OW.with(KeyFlags::UPDATE)),
            ])
            .args(&[
                key("source"),
                key("destination").spec(1),
                integer("destination-db").token("DB").optional(),
                word("replace", "REPLACE").optional(),
            ])
            .doc(
                "6.2.0",
                "O(N) where N is the number of elements; O(1) for strings",
                "Copies the value of a key to another key.",
            ),
        Row::write("DEL", at_least(2), del)
            .keys(KEYS_RM_DELETE)
            .args(MANY_KEYS)
            .tips(SUM_OF_SHARDS)
            .doc(
                "1.0.0",
                "O(N) where N is the number of keys; memory is freed in the background",
                "Deletes keys.",
            ),
        Row::read("DUMP", exactly(2), dump)
            .keys(KEY1_RO_ACCESS)
            .args(KEY)
            .tips(NONDETERMINISTIC)
            .doc(
                "2.6.0",
                "O(N) where N is the size of the value",
                "Serialises the value of a key for RESTORE.",
            ),
        Row::read("EXISTS", at_least(2), exists)
            .fast()
            .keys(KEYS_RO)
            .args(MANY_KEYS)
            .tips(SUM_OF_SHARDS)
            .doc("1.0.0", PER_KEY, "Counts which of the given keys exist."),
        Row::write("EXPIRE", at_least(3), expire)
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(&[key("key"), integer("seconds"), EXPIRE_CONDITION])
            .doc("1.0.0", "O(1)", "Makes a key expire after some seconds."),
        Row::write("EXPIREAT", at_least(3), expireat)
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(&[key("key"), unix_time("unix-time-seconds"), EXPIRE_CONDITION])
            .doc(
                "1.2.0",
                "O(1)",
                "Makes a key expire at a Unix time in seconds.",
            ),
        Row::read("EXPIRETIME", exactly(2), expiretime)
            .fast()
            .keys(KEY1_RO_ACCESS)
            .args(KEY)
            .doc(
                "7.0.0",
                "O(1)",
                "Tells the Unix time in seconds at which a key expires.",
            ),
        Row::read("KEYS", exactly(2), keys)
            .categories(KEYSPACE_DANGEROUS)
            .args(&[pattern("pattern")])
            .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
            .doc(
                "1.0.0",
                "O(N) where N is the number of keys in the database",
                "Lists the keys whose names match a pattern.",
            ),
        Row::write("MOVE", exactly(3), move_key)
            .fast()
            .keys(KEY1_RW_ACCESS_UPDATE)
            .args(&[key("key"), integer("db")])
            .doc("1.0.0", "O(1)", "Moves a key to another database."),
        Row::container(
            "OBJECT",
            &in_group(
                Group::Generic,
                [
                    Row::read("OBJECT|ENCODING", exactly(3), encoding)
                        .keys(KEY2_RO)
                        .args(KEY)
                        .tips(NONDETERMINISTIC)
                        .doc(
                            "2.2.3",
                            "O(1)",
                            "Tells how the value of a key is represented in memory.",
                        ),
                    Row::read("OBJECT|FREQ", exactly(3), frequency)
                        .keys(KEY2_RO)
                        .args(KEY)
                        .tips(NONDETERMINISTIC)
                        .doc(
                            "4.0.0",
                            "O(1)",
                            "Tells the logarithmic access counter of a key.",
                        ),
                    Row::plain("OBJECT|HELP", exactly(2), help)
                        .loading()
                        .stale()
                        .doc("6.2.0", "O(1)", "Lists the subcommands."),
                    Row::read("OBJECT|IDLETIME", exactly(3), idle_time)
                        .keys(KEY2_RO)
                        .args(KEY)
                        .tips(NONDETERMINISTIC)
                        .doc(
                            "2.2.3",
                            "O(1)",
                            "Tells how many seconds ago a key was last used.",
                        ),
                    Row::read("OBJECT|REFCOUNT", exactly(3), reference_count)
                        .keys(KEY2_RO)
                        .args(KEY)
                        .tips(NONDETERMINISTIC)
                        .doc(
                            "2.2.3",
                            "O(1)",
                            "Tells how many references the value of a key has.",
                        ),
                ],
            ),
        )
        .doc(
            "2.2.3",
            "Depends on subcommand.",
            "Looks at how keys are stored.",
        ),
        Row::write("PERSIST", exactly(2), persist)
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(KEY)
            .doc("2.2.0", "O(1)", "Removes the expiry of a key."),
        Row::write("PEXPIRE", at_least(3), pexpire)
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(&[key("key"), integer("milliseconds"), EXPIRE_CONDITION])
            .doc(
                "2.6.0",
                "O(1)",
                "Makes a key expire after some milliseconds.",
            ),
        Row::write("PEXPIREAT", at_least(3), pexpireat)
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(&[
                key("key"),
                unix_time("unix-time-milliseconds"),
                EXPIRE_CONDITION,
            ])
            .doc(
                "2.6.0",
                "O(1)",
                "Makes a key expire at a Unix time in milliseconds.",
            ),
        Row::read("PEXPIRETIME", exactly(2), pexpiretime)
            .fast()
            .keys(KEY1_RO_ACCESS)
            .args(KEY)
            .doc(
                "7.0.0",
                "O(1)",
                "Tells the Unix time in milliseconds at which a key expires.",
            ),
        Row::read("PTTL", exactly(2), pttl)
            .fast()
            .keys(KEY1_RO_ACCESS)
            .args(KEY)
            .tips(NONDETERMINISTIC)
            .doc(
                "2.6.0",
                "O(1)",
                "Tells in how many milliseconds a key expires.",
            ),
        Row::read("RANDOMKEY", exactly(1), randomkey)
            .tips(&[
                "request_policy:all_shards",
                "response_policy:special",
                "nondeterministic_output",
            ])
            .doc("1.0.0", "O(1)", "Picks any key of the database."),
        Row::write("RENAME", exactly(3), rename)
            .keys(&[
                RENAME_FROM,
                KeySpec::at(2, KeyFlags::OW.with(KeyFlags::UPDATE)),
            ])
            .args(&[key("key"), key("newkey").spec(1)])
            .doc(
                "1.0.0",
                "O(1)",
                "Gives a key another name, over whatever has that name.",
            ),
        Row::write("RENAMENX", exactly(3), renamenx)
            .fast()
            .keys(&[
                RENAME_FROM,
                KeySpec::at(2, KeyFlags::OW.with(KeyFlags::INSERT)),
            ])
            .args(&[key("key"), key("newkey").spec(1)])
            .doc(
                "1.0.0",
                "O(1)",
                "Gives a key another name unless that name is taken.",
            ),
        Row::write("RESTORE", at_least(4), restore)
            .deny_oom()
            .categories(KEYSPACE_DANGEROUS)
            .keys(KEY1_OW_UPDATE)
            .args(RESTORE_ARGS)
            .doc(
                "2.6.0",
                "O(N) where N is the size of the payload",
                "Creates a key from what DUMP serialised.",
            ),
        Row::read("SCAN", at_least(2), scan)
            .args(&[
                integer("cursor"),
                pattern("pattern").token("MATCH").optional(),
                integer("count").token("COUNT").optional(),
                string("type").token("TYPE").since("6.0.0").optional(),
            ])
            .tips(&[
                "nondeterministic_output",
                "request_policy:special",
                "response_policy:special",
            ])
            .doc(
                "2.8.0",
                "O(1) for each step, O(N) for the whole walk",
                "Walks over the keys of the database in steps.",
            ),
        Row::read("TOUCH", at_least(2), touch)
            .fast()
            .keys(KEYS_RO)
            .args(MANY_KEYS)
            .tips(SUM_OF_SHARDS)
            .doc(
                "3.2.1",
                PER_KEY,
                "Marks keys as just used and counts those that exist.",
            ),
        Row::read("TTL", exactly(2), ttl)
            .fast()
            .keys(KEY1_RO_ACCESS)
            .args(KEY)
            .tips(NONDETERMINISTIC)
            .doc("1.0.0", "O(1)", "Tells in how many seconds a key expires."),
        Row::read("TYPE", exactly(2), kind)
            .fast()
            .keys(KEY1_RO)
            .args(KEY)
            .doc("1.0.0", "O(1)", "Tells what kind of value a key holds."),
        Row::write("UNLINK", at_least(2), del)
            .fast()
            .keys(KEYS_RM_DELETE)
            .args(MANY_KEYS)
            .tips(SUM_OF_SHARDS)
            .doc(
                "4.0.0",
                "O(1) for each key",
                "Deletes keys and frees their memory in the background.",
            ),
    ],
);

/// What the manual files under "server" although it only touches data.
pub const SERVER_COMMANDS: &[Row] = &in_group(
    Group::Server,
    [
        Row::read("DBSIZE", exactly(1), dbsize)
            .fast()
            .categories(Categories::KEYSPACE)
            .tips(&["request_policy:all_shards", "response_policy:agg_sum"])
            .doc("1.0.0", "O(1)", "Counts the keys of the database."),
        Row::write("FLUSHALL", at_least(1), flushall)
            .categories(KEYSPACE_DANGEROUS)
            .args(FLUSH_ARGS)
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
            .doc("1.0.0", PER_KEY, "Deletes every key of every database."),
        Row::write("FLUSHDB", at_least(1), flushdb)
            .categories(KEYSPACE_DANGEROUS)
            .args(FLUSH_ARGS)
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
            .doc(
                "1.0.0",
                PER_KEY,
                "Deletes every key of the current database.",
            ),
        Row::write("RESTORE-ASKING", at_least(4), restore)
            .deny_oom()
            .flags(Flags::ASKING)
            .categories(KEYSPACE_DANGEROUS)
            .keys(KEY1_OW_UPDATE)
            .args(RESTORE_ARGS)
            .doc(
                "3.0.0",
                "O(N) where N is the size of the payload",
                "RESTORE for a slot that is being imported.",
            )
            .traits(crate::flags::Traits::SYSCMD),
        Row::write("SWAPDB", exactly(3), swapdb)
            .fast()
            .categories(KEYSPACE_DANGEROUS)
            .args(&[integer("index1"), integer("index2")])
            .doc("4.0.0", "O(1)", "Exchanges the contents of two databases."),
    ],
);

#[cfg(test)]
mod tests;
