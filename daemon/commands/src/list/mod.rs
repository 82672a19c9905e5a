//! Lists: the rows; the handlers are in the files beside this one.

mod blocking;
mod middle;
mod pop;
mod push;
mod read;

use esker_keyspace::packed::Item;
use esker_keyspace::value::End;
use esker_resp::{Reply, parse_i64};

use crate::Row;
use crate::arg::{Arg, double, integer, key, one_of, string, word};
use crate::command::{at_least, exactly, in_group};
use crate::error::CmdError;
use crate::flags::Group;
use crate::keyspec::*;

use blocking::{blmove, blmpop, blpop, brpop, brpoplpush};
use middle::{linsert, lrem, lset, ltrim};
use pop::{lmove, lmpop, lpop, rpop, rpoplpush};
use push::{lpush, lpushx, rpush, rpushx};
use read::{lindex, llen, lpos, lrange};

const RW_ACCESS_DELETE: KeyFlags = KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE);
/// The keys of a command that moves an element.
const KEYS_MOVE: &[KeySpec] = &[
    KeySpec::at(1, RW_ACCESS_DELETE),
    KeySpec::at(2, KeyFlags::RW.with(KeyFlags::INSERT)),
];
/// Keys up to a timeout at the end.
const KEYS_TIMEOUT: &[KeySpec] = &[KeySpec::range(1, -2, 1, RW_ACCESS_DELETE)];

const ENDS: &[Arg] = &[word("left", "LEFT"), word("right", "RIGHT")];
const KEY_ELEMENTS: &[Arg] = &[key("key"), string("element").many()];
const KEY_COUNT: &[Arg] = &[key("key"), integer("count").since("6.2.0").optional()];
const KEYS_AND_TIMEOUT: &[Arg] = &[key("key").many(), double("timeout")];
const TIMEOUT_HISTORY: &[(&str, &str)] = &[("6.0.0", "The `timeout` may have a fraction.")];
const MANY_HISTORY: &[(&str, &str)] = &[("2.4.0", "Takes several elements.")];
const MANYX_HISTORY: &[(&str, &str)] = &[("4.0.0", "Takes several elements.")];
const COUNT_HISTORY: &[(&str, &str)] = &[("6.2.0", "Added the `count`.")];

const PUSH: &str = "O(1) for each element";
const POP: &str = "O(N) where N is the number of elements in the reply";
const POP_MANY: &str =
    "O(N+M) where N is the number of keys and M the number of elements in the reply";
const BLOCK: &str = "O(N) where N is the number of keys";
const SEARCH: &str = "O(N) where N is the number of elements up to the one that is searched for";

pub const COMMANDS: &[Row] = &in_group(
    Group::List,
    [
        Row::write("BLMOVE", exactly(6), blmove)
            .deny_oom()
            .blocking()
            .keys(KEYS_MOVE)
            .args(&[
                key("source"),
                key("destination").spec(1),
                one_of("wherefrom", ENDS),
                one_of("whereto", ENDS),
                double("timeout"),
            ])
            .doc("6.2.0", "O(1)", "Moves an element between lists and waits for one if needed."),
        Row::write("BLMPOP", at_least(5), blmpop)
            .blocking()
            .keys(&[KeySpec::counted(2, 1, RW_ACCESS_DELETE)])
            .args(&[
                double("timeout"),
                integer("numkeys"),
                key("key").many(),
                one_of("where", ENDS),
                integer("count").token("COUNT").optional(),
            ])
            .doc("7.0.0", POP_MANY, "Takes elements of the first list that has any and waits for one if needed."),
        Row::write("BLPOP", at_least(3), blpop)
            .blocking()
            .keys(KEYS_TIMEOUT)
            .args(KEYS_AND_TIMEOUT)
            .history(TIMEOUT_HISTORY)
            .doc("2.0.0", BLOCK, "Takes the first element of the first list that has any and waits for one if needed."),
        Row::write("BRPOP", at_least(3), brpop)
            .blocking()
            .keys(KEYS_TIMEOUT)
            .args(KEYS_AND_TIMEOUT)
            .history(TIMEOUT_HISTORY)
            .doc("2.0.0", BLOCK, "Takes the last element of the first list that has any and waits for one if needed."),
        Row::write("BRPOPLPUSH", exactly(4), brpoplpush)
            .deny_oom()
            .blocking()
            .keys(KEYS_MOVE)
            .args(&[key("source"), key("destination").spec(1), double("timeout")])
            .history(TIMEOUT_HISTORY)
            .doc("2.2.0", "O(1)", "Moves the last element of a list to the head of another and waits for one if needed.")
            .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments"),
        Row::read("LINDEX", exactly(3), lindex)
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), integer("index")])
            .doc("1.0.0", "O(N) where N is the number of nodes up to the element", "Reads the element at an index."),
        Row::write("LINSERT", exactly(5), linsert)
            .deny_oom()
            .keys(KEY1_RW_INSERT)
            .args(&[
                key("key"),
                one_of("where", &[word("before", "BEFORE"), word("after", "AFTER")]),
                string("pivot"),
                string("element"),
            ])
            .doc("2.2.0", SEARCH, "Inserts an element before or after another."),
        Row::read("LLEN", exactly(2), llen)
            .fast()
            .keys(KEY1_RO)
            .args(&[key("key")])
            .doc("1.0.0", "O(1)", "Tells how many elements a list has."),
        Row::write("LMOVE", exactly(5), lmove)
            .deny_oom()
            .keys(KEYS_MOVE)
            .args(&[
                key("source"),
                key("destination").spec(1),
                one_of("wherefrom", ENDS),
                one_of("whereto", ENDS),
            ])
            .doc("6.2.0", "O(1)", "Moves an element from an end of a list to an end of another."),
        Row::write("LMPOP", at_least(4), lmpop)
            .keys(&[KeySpec::counted(1, 1, RW_ACCESS_DELETE)])
            .args(&[
                integer("numkeys"),
                key("key").many(),
                one_of("where", ENDS),
                integer("count").token("COUNT").optional(),
            ])
            .doc("7.0.0", POP_MANY, "Takes elements of the first list that has any."),
        Row::write("LPOP", at_least(2), lpop)
            .fast()
            .keys(KEY1_RW_ACCESS_DELETE)
            .args(KEY_COUNT)
            .history(COUNT_HISTORY)
            .doc("1.0.0", POP, "Takes the first elements of a list."),
        Row::read("LPOS", at_least(3), lpos)
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                string("element"),
                integer("rank").token("RANK").optional(),
                integer("num-matches").token("COUNT").optional(),
                integer("len").token("MAXLEN").optional(),
            ])
            .doc("6.0.6", SEARCH, "Tells where in a list elements of a value are."),
        Row::write("LPUSH", at_least(3), lpush)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_INSERT)
            .args(KEY_ELEMENTS)
            .history(MANY_HISTORY)
            .doc("1.0.0", PUSH, "Adds elements at the head of a list, creating it if it does not exist."),
        Row::write("LPUSHX", at_least(3), lpushx)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_INSERT)
            .args(KEY_ELEMENTS)
            .history(MANYX_HISTORY)
            .doc("2.2.0", PUSH, "Adds elements at the head of a list that exists."),
        Row::read("LRANGE", exactly(4), lrange)
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), integer("start"), integer("stop")])
            .doc(
                "1.0.0",
                "O(S+N) where S is the number of nodes up to the start and N the number of elements in the reply",
                "Reads the elements between two indexes.",
            ),
        Row::write("LREM", exactly(4), lrem)
            .keys(KEY1_RW_DELETE)
            .args(&[key("key"), integer("count"), string("element")])
            .doc("1.0.0", "O(N) where N is the length of the list", "Removes elements of a value."),
        Row::write("LSET", exactly(4), lset)
            .deny_oom()
            .keys(KEY1_RW_UPDATE)
            .args(&[key("key"), integer("index"), string("element")])
            .doc("1.0.0", "O(N) where N is the number of nodes up to the element", "Replaces the element at an index."),
        Row::write("LTRIM", exactly(4), ltrim)
            .keys(KEY1_RW_DELETE)
            .args(&[key("key"), integer("start"), integer("stop")])
            .doc("1.0.0", "O(N) where N is the number of elements removed", "Removes what is not between two indexes."),
        Row::write("RPOP", at_least(2), rpop)
            .fast()
            .keys(KEY1_RW_ACCESS_DELETE)
            .args(KEY_COUNT)
            .history(COUNT_HISTORY)
            .doc("1.0.0", POP, "Takes the last elements of a list, the last one first."),
        Row::write("RPOPLPUSH", exactly(3), rpoplpush)
            .deny_oom()
            .keys(KEYS_MOVE)
            .args(&[key("source"), key("destination").spec(1)])
            .doc("1.2.0", "O(1)", "Moves the last element of a list to the head of another.")
            .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments"),
        Row::write("RPUSH", at_least(3), rpush)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_INSERT)
            .args(KEY_ELEMENTS)
            .history(MANY_HISTORY)
            .doc("1.0.0", PUSH, "Adds elements at the tail of a list, creating it if it does not exist."),
        Row::write("RPUSHX", at_least(3), rpushx)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_INSERT)
            .args(KEY_ELEMENTS)
            .history(MANYX_HISTORY)
            .doc("2.2.0", PUSH, "Adds elements at the tail of a list that exists."),
    ],
);

/// LEFT or RIGHT.
fn end_of(arg: &[u8]) -> Result<End, CmdError> {
    if arg.eq_ignore_ascii_case(b"LEFT") {
        Ok(End::Left)
    } else if arg.eq_ignore_ascii_case(b"RIGHT") {
        Ok(End::Right)
    } else {
        Err(CmdError::Syntax)
    }
}

/// An integer whose sign says from which end: the smallest one has no counterpart and is refused.
fn negatable(arg: &[u8]) -> Result<i64, CmdError> {
    match parse_i64(arg).ok_or(CmdError::NotInteger)? {
        i64::MIN => Err(CmdError::text(format_args!(
            "value is out of range, value must between {} and {}",
            -i64::MAX,
            i64::MAX
        ))),
        number => Ok(number),
    }
}

#[inline]
fn write_element(out: &mut Reply<'_>, element: Item<'_>) {
    match element {
        Item::Int(int) => out.bulk_integer(int),
        Item::Bytes(bytes) => out.bulk(bytes),
    }
}

#[cfg(test)]
mod tests;
