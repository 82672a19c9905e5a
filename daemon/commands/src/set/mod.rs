//! Sets: the rows; the handlers are in the files beside this one.

mod algebra;
mod combine;
mod member;
mod random;
mod scan;

use crate::Row;
use crate::arg::{Arg, integer, key, pattern, string};
use crate::command::{at_least, exactly, in_group};
use crate::flags::Group;
use crate::keyspec::*;

use combine::{sdiff, sdiffstore, sinter, sintercard, sinterstore, sunion, sunionstore};
use member::{sadd, scard, sismember, smembers, smismember, smove, srem};
use random::{spop, srandmember};
use scan::sscan;

const RO_ACCESS: KeyFlags = KeyFlags::RO.with(KeyFlags::ACCESS);

const KEY: &[Arg] = &[key("key")];
const KEY_MEMBER: &[Arg] = &[key("key"), string("member")];
const KEY_MEMBERS: &[Arg] = &[key("key"), string("member").many()];
const KEY_COUNT: Arg = integer("count").optional();
const MANY_KEYS: &[Arg] = &[key("key").many()];
const STORE: &[Arg] = &[key("destination"), key("key").spec(1).many()];
const STORE_KEYS: &[KeySpec] = &[
    KeySpec::at(1, KeyFlags::OW.with(KeyFlags::UPDATE)),
    KeySpec::to_end(2, 1, RO_ACCESS),
];
const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];
const CHANCE: &[&str] = &["nondeterministic_output"];
const MANY_MEMBERS: &[(&str, &str)] = &[("2.4.0", "Accepts multiple `member` arguments.")];

const PER_MEMBER: &str = "O(N) where N is the number of members named";
const ALL_MEMBERS: &str = "O(N) where N is the number of members of all sets together";
const SMALLEST: &str = "O(N*M) where N is the size of the smallest set and M the number of sets";
const PER_TAKEN: &str = "O(N) where N is the number of members taken";

pub const COMMANDS: &[Row] = &in_group(
    Group::Set,
    [
        Row::write("SADD", at_least(3), sadd)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_INSERT)
            .args(KEY_MEMBERS)
            .history(MANY_MEMBERS)
            .doc(
                "1.0.0",
                PER_MEMBER,
                "Adds members to a set and creates the key if needed.",
            ),
        Row::read("SCARD", exactly(2), scard)
            .fast()
            .keys(KEY1_RO)
            .args(KEY)
            .doc("1.0.0", "O(1)", "Counts the members of a set."),
        Row::read("SDIFF", at_least(2), sdiff)
            .keys(KEYS_RO_ACCESS)
            .args(MANY_KEYS)
            .tips(ANY_ORDER)
            .doc(
                "1.0.0",
                ALL_MEMBERS,
                "Shows the members of the first set that are in none of the others.",
            ),
        Row::write("SDIFFSTORE", at_least(3), sdiffstore)
            .deny_oom()
            .keys(STORE_KEYS)
            .args(STORE)
            .doc(
                "1.0.0",
                ALL_MEMBERS,
                "Stores the members of the first set that are in none of the others.",
            ),
        Row::read("SINTER", at_least(2), sinter)
            .keys(KEYS_RO_ACCESS)
            .args(MANY_KEYS)
            .tips(ANY_ORDER)
            .doc(
                "1.0.0",
                SMALLEST,
                "Shows the members that all of the sets have.",
            ),
        Row::read("SINTERCARD", at_least(3), sintercard)
            .keys(&[KeySpec::counted(1, 1, RO_ACCESS)])
            .args(&[
                integer("numkeys"),
                key("key").many(),
                integer("limit").token("LIMIT").optional(),
            ])
            .doc(
                "7.0.0",
                SMALLEST,
                "Counts the members that all of the sets have, up to a limit.",
            ),
        Row::write("SINTERSTORE", at_least(3), sinterstore)
            .deny_oom()
            .keys(STORE_KEYS)
            .args(STORE)
            .doc(
                "1.0.0",
                SMALLEST,
                "Stores the members that all of the sets have.",
            ),
        Row::read("SISMEMBER", exactly(3), sismember)
            .fast()
            .keys(KEY1_RO)
            .args(KEY_MEMBER)
            .doc("1.0.0", "O(1)", "Tells whether a set has a member."),
        Row::read("SMEMBERS", exactly(2), smembers)
            .keys(KEY1_RO_ACCESS)
            .args(KEY)
            .tips(ANY_ORDER)
            .doc(
                "1.0.0",
                "O(N) where N is the size of the set",
                "Shows all members of a set.",
            ),
        Row::read("SMISMEMBER", at_least(3), smismember)
            .fast()
            .keys(KEY1_RO_ACCESS)
            .args(KEY_MEMBERS)
            .doc(
                "6.2.0",
                PER_MEMBER,
                "Tells of several members whether a set has them.",
            ),
        Row::write("SMOVE", exactly(4), smove)
            .fast()
            .keys(&[
                KeySpec::at(
                    1,
                    KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE),
                ),
                KeySpec::at(2, KeyFlags::RW.with(KeyFlags::INSERT)),
            ])
            .args(&[key("source"), key("destination").spec(1), string("member")])
            .doc("1.0.0", "O(1)", "Moves a member from one set to another."),
        Row::write("SPOP", at_least(2), spop)
            .fast()
            .keys(KEY1_RW_ACCESS_DELETE)
            .args(&[key("key"), KEY_COUNT.since("3.2.0")])
            .tips(CHANCE)
            .history(&[("3.2.0", "Added the `count` argument.")])
            .doc("1.0.0", PER_TAKEN, "Takes members out of a set by chance."),
        Row::read("SRANDMEMBER", at_least(2), srandmember)
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), KEY_COUNT.since("2.6.0")])
            .tips(CHANCE)
            .history(&[("2.6.0", "Added the optional `count` argument.")])
            .doc("1.0.0", PER_TAKEN, "Shows members of a set by chance."),
        Row::write("SREM", at_least(3), srem)
            .fast()
            .keys(KEY1_RW_DELETE)
            .args(KEY_MEMBERS)
            .history(MANY_MEMBERS)
            .doc(
                "1.0.0",
                PER_MEMBER,
                "Removes members from a set; the key goes with the last.",
            ),
        Row::read("SSCAN", at_least(3), sscan)
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                integer("cursor"),
                pattern("pattern").token("MATCH").optional(),
                integer("count").token("COUNT").optional(),
            ])
            .tips(CHANCE)
            .doc(
                "2.8.0",
                "O(1) for each step, O(N) for the whole walk",
                "Walks over the members of a set in steps.",
            ),
        Row::read("SUNION", at_least(2), sunion)
            .keys(KEYS_RO_ACCESS)
            .args(MANY_KEYS)
            .tips(ANY_ORDER)
            .doc(
                "1.0.0",
                ALL_MEMBERS,
                "Shows the members that any of the sets has.",
            ),
        Row::write("SUNIONSTORE", at_least(3), sunionstore)
            .deny_oom()
            .keys(STORE_KEYS)
            .args(STORE)
            .doc(
                "1.0.0",
                ALL_MEMBERS,
                "Stores the members that any of the sets has.",
            ),
    ],
);

#[cfg(test)]
mod tests;
