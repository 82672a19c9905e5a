//! Hashes: the rows; the handlers are in the files beside this one.

mod count;
mod exchange;
mod expire;
mod fields;
mod random;
mod read;
mod write;

use esker_keyspace::packed::Item;
use esker_keyspace::{Hash, Tx};
use esker_resp::Reply;

use crate::Row;
use crate::arg::{Arg, block, double, integer, key, one_of, pattern, string, unix_time, word};
use crate::command::{at_least, exactly, in_group};
use crate::error::CmdError;
use crate::flags::Group;
use crate::keyspec::*;

use count::{hincrby, hincrbyfloat};
use exchange::{hgetdel, hgetex, hsetex};
use expire::{
    hexpire, hexpireat, hexpiretime, hpersist, hpexpire, hpexpireat, hpexpiretime, hpttl, httl,
};
use random::hrandfield;
use read::{hexists, hget, hgetall, hkeys, hlen, hmget, hscan, hstrlen, hvals};
use write::{hdel, hmset, hset, hsetnx};

const RW_ACCESS: KeyFlags = KeyFlags::RW.with(KeyFlags::ACCESS);

const KEY: &[Arg] = &[key("key")];
const KEY_FIELD: &[Arg] = &[key("key"), string("field")];
const KEY_FIELDS: &[Arg] = &[key("key"), string("field").many()];
const PAIR: &[Arg] = &[string("field"), string("value")];
const KEY_PAIRS: &[Arg] = &[key("key"), block("data", PAIR).many()];
const COUNTED: Arg =
    block("fields", &[integer("numfields"), string("field").many()]).token("FIELDS");
const KEY_COUNTED: &[Arg] = &[key("key"), COUNTED];
const CONDITION: Arg = one_of(
    "condition",
    &[
        word("nx", "NX"),
        word("xx", "XX"),
        word("gt", "GT"),
        word("lt", "LT"),
    ],
)
.optional();

const fn expirations(last: Arg) -> [Arg; 5] {
    [
        integer("seconds").token("EX"),
        integer("milliseconds").token("PX"),
        unix_time("unix-time-seconds").token("EXAT"),
        unix_time("unix-time-milliseconds").token("PXAT"),
        last,
    ]
}

const ALL: &str = "O(N) where N is the number of fields";
const EACH: &str = "O(N) where N is the number of fields named";
const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];
const CHANGING: &[&str] = &["nondeterministic_output"];

pub const COMMANDS: &[Row] = &in_group(
    Group::Hash,
    [
        Row::write("HDEL", at_least(3), hdel)
            .fast()
            .keys(KEY1_RW_DELETE)
            .args(KEY_FIELDS)
            .history(&[("2.4.0", "Takes several fields.")])
            .doc("2.0.0", EACH, "Deletes fields, and the hash with its last one."),
        Row::read("HEXISTS", exactly(3), hexists).fast().keys(KEY1_RO).args(KEY_FIELD).doc(
            "2.0.0",
            "O(1)",
            "Tells whether a hash has a field.",
        ),
        Row::write("HEXPIRE", at_least(6), hexpire)
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(&[key("key"), integer("seconds"), CONDITION, COUNTED])
            .doc("7.4.0", EACH, "Lets fields expire after some seconds."),
        Row::write("HEXPIREAT", at_least(6), hexpireat)
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(&[key("key"), unix_time("unix-time-seconds"), CONDITION, COUNTED])
            .doc("7.4.0", EACH, "Lets fields expire at a Unix time in seconds."),
        Row::read("HEXPIRETIME", at_least(5), hexpiretime)
            .fast()
            .keys(KEY1_RO_ACCESS)
            .args(KEY_COUNTED)
            .doc("7.4.0", EACH, "Tells the Unix times in seconds at which fields expire."),
        Row::read("HGET", exactly(3), hget).fast().keys(KEY1_RO_ACCESS).args(KEY_FIELD).doc(
            "2.0.0",
            "O(1)",
            "Reads the value of a field.",
        ),
        Row::read("HGETALL", exactly(2), hgetall).keys(KEY1_RO_ACCESS).args(KEY).tips(ANY_ORDER).doc(
            "2.0.0",
            ALL,
            "Reads all fields and their values.",
        ),
        Row::write("HGETDEL", at_least(5), hgetdel)
            .fast()
            .keys(&[KeySpec::at(1, RW_ACCESS.with(KeyFlags::DELETE))])
            .args(KEY_COUNTED)
            .doc("8.0.0", EACH, "Reads fields and deletes them, and the hash with its last one."),
        Row::write("HGETEX", at_least(5), hgetex)
            .fast()
            .keys(&[KeySpec::at(1, RW_ACCESS.with(KeyFlags::UPDATE)).note("Changes when fields expire")])
            .args(&[
                key("key"),
                one_of("expiration", &expirations(word("persist", "PERSIST"))).optional(),
                COUNTED,
            ])
            .doc("8.0.0", EACH, "Reads fields and changes when they expire."),
        Row::write("HINCRBY", exactly(4), hincrby)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_ACCESS_UPDATE)
            .args(&[key("key"), string("field"), integer("increment")])
            .doc("2.0.0", "O(1)", "Adds a number to the integer in a field, counting an absent field as 0."),
        Row::write("HINCRBYFLOAT", exactly(4), hincrbyfloat)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_ACCESS_UPDATE)
            .args(&[key("key"), string("field"), double("increment")])
            .doc(
                "2.6.0",
                "O(1)",
                "Adds a number with a fraction to the number in a field, counting an absent field as 0.",
            ),
        Row::read("HKEYS", exactly(2), hkeys).keys(KEY1_RO_ACCESS).args(KEY).tips(ANY_ORDER).doc(
            "2.0.0",
            ALL,
            "Reads the names of all fields.",
        ),
        Row::read("HLEN", exactly(2), hlen).fast().keys(KEY1_RO).args(KEY).doc(
            "2.0.0",
            "O(1)",
            "Tells how many fields a hash has.",
        ),
        Row::read("HMGET", at_least(3), hmget).fast().keys(KEY1_RO_ACCESS).args(KEY_FIELDS).doc(
            "2.0.0",
            EACH,
            "Reads the values of several fields.",
        ),
        Row::write("HMSET", at_least(4), hmset)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(KEY_PAIRS)
            .doc("2.0.0", EACH, "Stores several fields.")
            .deprecated("4.0.0", "`HSET` with multiple field-value pairs"),
        Row::write("HPERSIST", at_least(5), hpersist)
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(KEY_COUNTED)
            .doc("7.4.0", EACH, "Lets fields stay that would have expired."),
        Row::write("HPEXPIRE", at_least(6), hpexpire)
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(&[key("key"), integer("milliseconds"), CONDITION, COUNTED])
            .doc("7.4.0", EACH, "Lets fields expire after some milliseconds."),
        Row::write("HPEXPIREAT", at_least(6), hpexpireat)
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(&[key("key"), unix_time("unix-time-milliseconds"), CONDITION, COUNTED])
            .doc("7.4.0", EACH, "Lets fields expire at a Unix time in milliseconds."),
        Row::read("HPEXPIRETIME", at_least(5), hpexpiretime)
            .fast()
            .keys(KEY1_RO_ACCESS)
            .args(KEY_COUNTED)
            .doc("7.4.0", EACH, "Tells the Unix times in milliseconds at which fields expire."),
        Row::read("HPTTL", at_least(5), hpttl)
            .fast()
            .keys(KEY1_RO_ACCESS)
            .args(KEY_COUNTED)
            .tips(CHANGING)
            .doc("7.4.0", EACH, "Tells for how many milliseconds fields stay."),
        Row::read("HRANDFIELD", at_least(2), hrandfield)
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                block("options", &[integer("count"), word("withvalues", "WITHVALUES").optional()]).optional(),
            ])
            .tips(CHANGING)
            .doc("6.2.0", "O(N) where N is the number of fields in the reply", "Reads fields drawn at random."),
        Row::read("HSCAN", at_least(3), hscan)
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                integer("cursor"),
                pattern("pattern").token("MATCH").optional(),
                integer("count").token("COUNT").optional(),
                word("novalues", "NOVALUES").optional(),
            ])
            .tips(CHANGING)
            .doc(
                "2.8.0",
                "O(1) for each call; O(N) for a whole scan of N fields",
                "Goes over the fields of a hash in steps.",
            ),
        Row::write("HSET", at_least(4), hset)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(KEY_PAIRS)
            .history(&[("4.0.0", "Takes several fields.")])
            .doc("2.0.0", EACH, "Stores fields, creating the hash if needed."),
        Row::write("HSETEX", at_least(6), hsetex)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(&[
                key("key"),
                one_of("condition", &[word("fnx", "FNX"), word("fxx", "FXX")]).optional(),
                one_of("expiration", &expirations(word("keepttl", "KEEPTTL"))).optional(),
                block("fields", &[integer("numfields"), block("data", PAIR).many()]).token("FIELDS"),
            ])
            .doc("8.0.0", EACH, "Stores fields that expire, perhaps under a condition."),
        Row::write("HSETNX", exactly(4), hsetnx)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_INSERT)
            .args(&[key("key"), string("field"), string("value")])
            .doc("2.0.0", "O(1)", "Stores a field unless it exists."),
        Row::read("HSTRLEN", exactly(3), hstrlen).fast().keys(KEY1_RO).args(KEY_FIELD).doc(
            "3.2.0",
            "O(1)",
            "Tells the length of a field's value in bytes.",
        ),
        Row::read("HTTL", at_least(5), httl)
            .fast()
            .keys(KEY1_RO_ACCESS)
            .args(KEY_COUNTED)
            .tips(CHANGING)
            .doc("7.4.0", EACH, "Tells for how many seconds fields stay."),
        Row::read("HVALS", exactly(2), hvals).keys(KEY1_RO_ACCESS).args(KEY).tips(ANY_ORDER).doc(
            "2.0.0",
            ALL,
            "Reads the values of all fields.",
        ),
    ],
);

#[inline]
fn write_item(out: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Int(int) => out.bulk_integer(int),
        Item::Bytes(bytes) => out.bulk(bytes),
    }
}

/// Refuses a key that holds something else: for commands that look at the key before they read their options.
fn check_type(tx: &Tx<'_>, key: &[u8]) -> Result<(), CmdError> {
    tx.peek_view::<Hash>(key)?;
    Ok(())
}

#[cfg(test)]
mod tests;
