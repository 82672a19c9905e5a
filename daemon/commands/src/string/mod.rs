//! Strings: the rows; the handlers are in the files beside this one.

mod condition;
mod count;
mod lcs;
mod many;
mod part;
mod set;

use crate::Row;
use crate::arg::{Arg, block, double, integer, key, one_of, string, unix_time, word};
use crate::args::Args;
use crate::command::{at_least, exactly, in_group};
use crate::flags::Group;
use crate::keyspec::*;

use condition::{delex, delifeq, digest};
use count::{decr, decrby, incr, incrby, incrbyfloat};
use lcs::lcs;
use many::{mget, mset, msetex, msetnx};
use part::{append, getrange, setrange, strlen};
pub(crate) use part::{clamp_range, slice_range};
use set::{get, getdel, getex, getset, psetex, set, setex, setnx};

const OW_UPDATE: KeyFlags = KeyFlags::OW.with(KeyFlags::UPDATE);
const RW_UPDATE: KeyFlags = KeyFlags::RW.with(KeyFlags::UPDATE);

const KEY: &[Arg] = &[key("key")];
const KEY_VALUE: &[Arg] = &[key("key"), string("value")];
const KEY_START_END: &[Arg] = &[key("key"), integer("start"), integer("end")];
const DATA: Arg = block("data", KEY_VALUE).many();

const CONDITIONS: &[Arg] = &[
    word("nx", "NX"),
    word("xx", "XX"),
    string("ifeq-value").token("IFEQ").since("8.4.0"),
    string("ifne-value").token("IFNE").since("8.4.0"),
    string("ifdeq-digest").token("IFDEQ").since("8.4.0"),
    string("ifdne-digest").token("IFDNE").since("8.4.0"),
];

const fn expirations(last: Arg) -> [Arg; 5] {
    [
        integer("seconds").token("EX"),
        integer("milliseconds").token("PX"),
        unix_time("unix-time-seconds").token("EXAT"),
        unix_time("unix-time-milliseconds").token("PXAT"),
        last,
    ]
}

const MANY_KEYS: &str = "O(N) where N is the number of keys";
const REPLY_LENGTH: &str = "O(N) where N is the length of the reply";

pub const COMMANDS: &[Row] = &in_group(
    Group::String,
    [
        Row::write("APPEND", exactly(3), append).deny_oom().fast().keys(KEY1_RW_INSERT).args(KEY_VALUE).doc(
            "2.0.0",
            "O(1) amortised",
            "Adds bytes to the end of a string and creates the key if needed.",
        ),
        Row::write("DECR", exactly(2), decr).deny_oom().fast().keys(KEY1_RW_ACCESS_UPDATE).args(KEY).doc(
            "1.0.0",
            "O(1)",
            "Subtracts one from the integer at a key, counting an absent key as 0.",
        ),
        Row::write("DECRBY", exactly(3), decrby)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_ACCESS_UPDATE)
            .args(&[key("key"), integer("decrement")])
            .doc("1.0.0", "O(1)", "Subtracts a number from the integer at a key, counting an absent key as 0."),
        Row::write("DELEX", at_least(2), delex)
            .fast()
            .keys(&[KeySpec::at(1, KeyFlags::RW.with(KeyFlags::DELETE).with(KeyFlags::VARIABLE))])
            .keys_fn(delex_keys)
            .args(&[
                key("key"),
                one_of(
                    "condition",
                    &[
                        string("ifeq-value").token("IFEQ"),
                        string("ifne-value").token("IFNE"),
                        string("ifdeq-digest").token("IFDEQ"),
                        string("ifdne-digest").token("IFDNE"),
                    ],
                )
                .optional(),
            ])
            .doc(
                "8.4.0",
                "O(N) where N is the length of the string, when digests are compared; else O(1)",
                "Deletes a key if its string value meets a condition.",
            ),
        Row::write("DELIFEQ", exactly(3), delifeq).fast().keys(KEY1_RM_DELETE).args(KEY_VALUE).doc(
            "9.0.0",
            "O(1)",
            "Deletes a key if its string value equals the given one.",
        ),
        Row::read("DIGEST", exactly(2), digest).fast().keys(KEY1_RO_ACCESS).args(KEY).doc(
            "8.4.0",
            "O(N) where N is the length of the string",
            "Tells a hash of the string at a key, for conditions on it.",
        ),
        Row::read("GET", exactly(2), get).fast().keys(KEY1_RO_ACCESS).args(KEY).doc(
            "1.0.0",
            "O(1)",
            "Reads the string at a key.",
        ),
        Row::write("GETDEL", exactly(2), getdel).fast().keys(KEY1_RW_ACCESS_DELETE).args(KEY).doc(
            "6.2.0",
            "O(1)",
            "Reads the string at a key and deletes the key.",
        ),
        Row::write("GETEX", at_least(2), getex)
            .fast()
            .keys(&[KeySpec::at(1, RW_UPDATE.with(KeyFlags::ACCESS)).note("Changes when the key expires")])
            .args(&[key("key"), one_of("expiration", &expirations(word("persist", "PERSIST"))).optional()])
            .doc("6.2.0", "O(1)", "Reads the string at a key and changes when the key expires."),
        Row::read("GETRANGE", exactly(4), getrange).keys(KEY1_RO_ACCESS).args(KEY_START_END).doc(
            "2.4.0",
            REPLY_LENGTH,
            "Reads the part of a string between two offsets.",
        ),
        Row::write("GETSET", exactly(3), getset)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_ACCESS_UPDATE)
            .args(KEY_VALUE)
            .doc("1.0.0", "O(1)", "Stores a string and replies with the one it replaces.")
            .deprecated("6.2.0", "`SET` with the `!GET` argument"),
        Row::write("INCR", exactly(2), incr).deny_oom().fast().keys(KEY1_RW_ACCESS_UPDATE).args(KEY).doc(
            "1.0.0",
            "O(1)",
            "Adds one to the integer at a key, counting an absent key as 0.",
        ),
        Row::write("INCRBY", exactly(3), incrby)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_ACCESS_UPDATE)
            .args(&[key("key"), integer("increment")])
            .doc("1.0.0", "O(1)", "Adds a number to the integer at a key, counting an absent key as 0."),
        Row::write("INCRBYFLOAT", exactly(3), incrbyfloat)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_ACCESS_UPDATE)
            .args(&[key("key"), double("increment")])
            .doc("2.6.0", "O(1)", "Adds a number with a fraction to the number at a key, counting an absent key as 0."),
        Row::read("LCS", at_least(3), lcs)
            .keys(&[KeySpec::range(1, 1, 1, KeyFlags::RO.with(KeyFlags::ACCESS))])
            .args(&[
                key("key1"),
                key("key2"),
                word("len", "LEN").optional(),
                word("idx", "IDX").optional(),
                integer("min-match-len").token("MINMATCHLEN").optional(),
                word("withmatchlen", "WITHMATCHLEN").optional(),
            ])
            .doc(
                "7.0.0",
                "O(N*M) where N and M are the lengths of the two strings",
                "Finds the longest common subsequence of two strings.",
            ),
        Row::read("MGET", at_least(2), mget)
            .fast()
            .keys(KEYS_RO_ACCESS)
            .args(&[key("key").many()])
            .tips(&["request_policy:multi_shard"])
            .doc("1.0.0", MANY_KEYS, "Reads the strings at several keys at once."),
        Row::write("MSET", at_least(3), mset)
            .deny_oom()
            .keys(&[KeySpec::to_end(1, 2, OW_UPDATE)])
            .args(&[DATA])
            .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
            .doc("1.0.1", MANY_KEYS, "Stores several strings at once."),
        Row::write("MSETEX", at_least(4), msetex)
            .deny_oom()
            .keys(&[KeySpec::counted(1, 2, OW_UPDATE)])
            .args(&[
                integer("numkeys"),
                DATA,
                one_of("condition", &[word("nx", "NX"), word("xx", "XX")]).optional(),
                one_of("expiration", &expirations(word("keepttl", "KEEPTTL"))).optional(),
            ])
            .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
            .doc("8.4.0", MANY_KEYS, "Stores several strings at once, under a common condition and expiry."),
        Row::write("MSETNX", at_least(3), msetnx)
            .deny_oom()
            .keys(&[KeySpec::to_end(1, 2, KeyFlags::OW.with(KeyFlags::INSERT))])
            .args(&[DATA])
            .doc("1.0.1", MANY_KEYS, "Stores several strings at once, unless one of the keys exists."),
        Row::write("PSETEX", exactly(4), psetex)
            .deny_oom()
            .keys(KEY1_OW_UPDATE)
            .args(&[key("key"), integer("milliseconds"), string("value")])
            .doc("2.6.0", "O(1)", "Stores a string that expires after some milliseconds.")
            .deprecated("2.6.12", "`SET` with the `PX` argument"),
        Row::write("SET", at_least(3), set)
            .deny_oom()
            .keys(&[KeySpec::at(1, RW_UPDATE.with(KeyFlags::ACCESS).with(KeyFlags::VARIABLE))
                .note("Read and overwritten when GET or a comparison is given, else only overwritten")])
            .keys_fn(set_keys)
            .args(&[
                key("key"),
                string("value"),
                one_of("condition", CONDITIONS).since("2.6.12").optional(),
                word("get", "GET").since("6.2.0").optional(),
                one_of(
                    "expiration",
                    &[
                        integer("seconds").token("EX").since("2.6.12"),
                        integer("milliseconds").token("PX").since("2.6.12"),
                        unix_time("unix-time-seconds").token("EXAT").since("6.2.0"),
                        unix_time("unix-time-milliseconds").token("PXAT").since("6.2.0"),
                        word("keepttl", "KEEPTTL").since("6.0.0"),
                    ],
                )
                .optional(),
            ])
            .doc("1.0.0", "O(1)", "Stores a string, whatever the key held before."),
        Row::write("SETEX", exactly(4), setex)
            .deny_oom()
            .keys(KEY1_OW_UPDATE)
            .args(&[key("key"), integer("seconds"), string("value")])
            .doc("2.0.0", "O(1)", "Stores a string that expires after some seconds.")
            .deprecated("2.6.12", "`SET` with the `EX` argument"),
        Row::write("SETNX", exactly(3), setnx)
            .deny_oom()
            .fast()
            .keys(KEY1_OW_INSERT)
            .args(KEY_VALUE)
            .doc("1.0.0", "O(1)", "Stores a string unless the key exists.")
            .deprecated("2.6.12", "`SET` with the `NX` argument"),
        Row::write("SETRANGE", exactly(4), setrange)
            .deny_oom()
            .keys(KEY1_RW_UPDATE)
            .args(&[key("key"), integer("offset"), string("value")])
            .doc(
                "2.2.0",
                "O(M) where M is the length of the value",
                "Overwrites part of a string from an offset on, padding with zeros.",
            ),
        Row::read("STRLEN", exactly(2), strlen).fast().keys(KEY1_RO).args(KEY).doc(
            "2.2.0",
            "O(1)",
            "Tells the length of a string in bytes.",
        ),
        Row::read("SUBSTR", exactly(4), getrange)
            .keys(KEY1_RO_ACCESS)
            .args(KEY_START_END)
            .doc("1.0.0", REPLY_LENGTH, "Reads the part of a string between two offsets.")
            .deprecated("2.0.0", "`GETRANGE`"),
    ],
);

/// SET reads the key only when it has to answer or to compare.
fn set_keys(args: Args<'_>, found: &mut Vec<KeyRef>) -> Result<(), InvalidKeys> {
    let reads = |arg: &[u8]| {
        ["GET", "IFEQ", "IFNE", "IFDEQ", "IFDNE"]
            .iter()
            .any(|word| arg.eq_ignore_ascii_case(word.as_bytes()))
    };
    let flags = match args.iter().skip(3).any(reads) {
        true => RW_UPDATE.with(KeyFlags::ACCESS),
        false => OW_UPDATE,
    };
    found.push(KeyRef { index: 1, flags });
    Ok(())
}

/// DELEX reads the key only when it has a condition.
fn delex_keys(args: Args<'_>, found: &mut Vec<KeyRef>) -> Result<(), InvalidKeys> {
    let kind = if args.len() > 2 {
        KeyFlags::RW
    } else {
        KeyFlags::RM
    };
    found.push(KeyRef {
        index: 1,
        flags: kind.with(KeyFlags::DELETE),
    });
    Ok(())
}

#[cfg(test)]
mod tests;
