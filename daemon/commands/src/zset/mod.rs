//! Sorted sets: the rows; the handlers are in the files beside this one.

mod add;
mod bounds;
mod combine;
mod look;
mod pop;
mod range;

use esker_keyspace::packed::Item;
use esker_keyspace::touched::Event;
use esker_keyspace::{Tx, Value, Zset};
use esker_resp::Reply;

use crate::Row;
use crate::arg::{Arg, block, double, integer, key, one_of, pattern, string, word};
use crate::command::{at_least, exactly, in_group};
use crate::error::CmdError;
use crate::flags::Group;
use crate::keyspec::*;
use crate::value::check_room;

use add::{zadd, zincrby, zrem};
use combine::{zdiff, zdiffstore, zinter, zintercard, zinterstore, zunion, zunionstore};
use look::{zcard, zmscore, zrandmember, zrank, zrevrank, zscan, zscore};
use pop::{bzmpop, bzpopmax, bzpopmin, zmpop, zpopmax, zpopmin};
use range::{
    zcount, zlexcount, zrange, zrangebylex, zrangebyscore, zrangestore, zremrangebylex,
    zremrangebyrank, zremrangebyscore, zrevrange, zrevrangebylex, zrevrangebyscore,
};

/// Replies with a member.
#[inline]
pub(crate) fn write_member(out: &mut Reply<'_>, member: Item<'_>) {
    match member {
        Item::Bytes(bytes) => out.bulk(bytes),
        Item::Int(int) => out.bulk_integer(int),
    }
}

/// Replies with a member and, if asked for, its score: as a pair in RESP3, one behind the other in RESP2.
#[inline]
fn write_element(out: &mut Reply<'_>, score: f64, member: Item<'_>, with_score: bool) {
    if with_score && out.is_resp3() {
        out.array(2);
    }
    write_member(out, member);
    if with_score {
        out.double(score);
    }
}

/// Replaces a key by a sorted set of these elements, whose members differ; none delete it. Returns how many there are.
pub(crate) fn store(
    tx: &mut Tx<'_>,
    key: &[u8],
    elements: &[(f64, Vec<u8>)],
    event: Event,
) -> Result<usize, CmdError> {
    let bytes: usize = elements.iter().map(|(_, member)| member.len() + 16).sum();
    check_room(tx, bytes + key.len() + 64)?;
    let elements = elements
        .iter()
        .map(|(score, member)| (*score, member.as_slice()));
    let zset = Zset::build(elements.collect(), tx.limits());
    let count = zset.len();
    tx.store_value(key, Value::Zset(zset), None, event);
    Ok(count)
}

const KEY_RW_ACCESS_DELETE: KeyFlags = KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE);
const RO_ACCESS: KeyFlags = KeyFlags::RO.with(KeyFlags::ACCESS);
const OW_UPDATE: KeyFlags = KeyFlags::OW.with(KeyFlags::UPDATE);

const KEYS_COUNTED: &[KeySpec] = &[KeySpec::counted(1, 1, RO_ACCESS)];
const STORED_AND_COUNTED: &[KeySpec] =
    &[KeySpec::at(1, OW_UPDATE), KeySpec::counted(2, 1, RO_ACCESS)];

const KEY_MEMBER: &[Arg] = &[key("key"), string("member")];
const KEY_MEMBERS: &[Arg] = &[key("key"), string("member").many()];
const KEY_SCORES: &[Arg] = &[key("key"), double("min"), double("max")];
const KEY_LEX: &[Arg] = &[key("key"), string("min"), string("max")];
const NUMKEYS: Arg = integer("numkeys");
const KEYS: Arg = key("key").many();
const WITHSCORES: Arg = word("withscores", "WITHSCORES").optional();
const WHERE: Arg = one_of("where", &[word("min", "MIN"), word("max", "MAX")]);
const COUNT: Arg = integer("count").token("COUNT").optional();
const LIMIT: Arg = block("limit", &[integer("offset"), integer("count")])
    .token("LIMIT")
    .optional();
const SORT_BY: Arg = one_of(
    "sortby",
    &[word("byscore", "BYSCORE"), word("bylex", "BYLEX")],
)
.optional();
const WEIGHTS: Arg = integer("weight").token("WEIGHTS").optional().many();
const AGGREGATE: Arg = one_of(
    "aggregate",
    &[word("sum", "SUM"), word("min", "MIN"), word("max", "MAX")],
)
.token("AGGREGATE")
.optional();

const LOG: &str = "O(log N) where N is the number of members";
const LOG_EACH: &str = "O(M log N) where N is the number of members and M that of the given ones";
const RANGE: &str =
    "O(log N + M) where N is the number of members and M that of those in the range";
const POPPED: &str = "O(log N + M) where N is the number of members and M that of those taken";
const MANY_POPPED: &str =
    "O(K + log N + M) where K is the number of keys, N that of members and M that of those taken";
const UNION: &str = "O(N log N) where N is the number of members of all inputs";
const INTER: &str =
    "O(N K) where N is the number of members of the smallest input and K the number of inputs";
const DIFF: &str =
    "O(N K) where N is the number of members of the first input and K the number of inputs";

pub const COMMANDS: &[Row] = &in_group(
    Group::SortedSet,
    [
        Row::write("BZMPOP", at_least(5), bzmpop)
            .blocking()
            .keys(&[KeySpec::counted(2, 1, KEY_RW_ACCESS_DELETE)])
            .args(&[double("timeout"), NUMKEYS, KEYS, WHERE, COUNT])
            .doc("7.0.0", MANY_POPPED, "Takes members from an end of the first sorted set that has some, or waits for one."),
        Row::write("BZPOPMAX", at_least(3), bzpopmax)
            .blocking()
            .fast()
            .keys(&[KeySpec::range(1, -2, 1, KEY_RW_ACCESS_DELETE)])
            .args(&[KEYS, double("timeout")])
            .doc("5.0.0", LOG, "Takes the member with the highest score of several sorted sets, or waits for one.")
            .history(&[("6.0.0", "The timeout may have a fraction.")]),
        Row::write("BZPOPMIN", at_least(3), bzpopmin)
            .blocking()
            .fast()
            .keys(&[KeySpec::range(1, -2, 1, KEY_RW_ACCESS_DELETE)])
            .args(&[KEYS, double("timeout")])
            .doc("5.0.0", LOG, "Takes the member with the lowest score of several sorted sets, or waits for one.")
            .history(&[("6.0.0", "The timeout may have a fraction.")]),
        Row::write("ZADD", at_least(4), zadd)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_UPDATE)
            .args(&[
                key("key"),
                one_of("condition", &[word("nx", "NX"), word("xx", "XX")]).since("3.0.2").optional(),
                one_of("comparison", &[word("gt", "GT"), word("lt", "LT")]).since("6.2.0").optional(),
                word("change", "CH").since("3.0.2").optional(),
                word("increment", "INCR").since("3.0.2").optional(),
                block("data", &[double("score"), string("member")]).many(),
            ])
            .doc("1.2.0", LOG_EACH, "Adds members to a sorted set, or changes their scores.")
            .history(&[
                ("2.4.0", "Takes several members."),
                ("3.0.2", "Knows `XX`, `NX`, `CH` and `INCR`."),
                ("6.2.0", "Knows `GT` and `LT`."),
            ]),
        Row::read("ZCARD", exactly(2), zcard).fast().keys(KEY1_RO).args(&[key("key")]).doc(
            "1.2.0",
            "O(1)",
            "Tells how many members a sorted set has.",
        ),
        Row::read("ZCOUNT", exactly(4), zcount).fast().keys(KEY1_RO_ACCESS).args(KEY_SCORES).doc(
            "2.0.0",
            LOG,
            "Tells how many members have scores within a range.",
        ),
        Row::read("ZDIFF", at_least(3), zdiff)
            .keys(KEYS_COUNTED)
            .args(&[NUMKEYS, KEYS, WITHSCORES])
            .doc("6.2.0", DIFF, "Reads the members of the first sorted set that no other one has."),
        Row::write("ZDIFFSTORE", at_least(4), zdiffstore)
            .deny_oom()
            .keys(STORED_AND_COUNTED)
            .args(&[key("destination"), NUMKEYS, KEYS.spec(1)])
            .doc("6.2.0", DIFF, "Stores the members of the first sorted set that no other one has."),
        Row::write("ZINCRBY", exactly(4), zincrby)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_ACCESS_UPDATE)
            .args(&[key("key"), integer("increment"), string("member")])
            .doc("1.2.0", LOG, "Adds to the score of a member, counting an absent one as 0."),
        Row::read("ZINTER", at_least(3), zinter)
            .keys(KEYS_COUNTED)
            .args(&[NUMKEYS, KEYS, WEIGHTS, AGGREGATE, WITHSCORES])
            .doc("6.2.0", INTER, "Reads the members that all of several sorted sets have."),
        Row::read("ZINTERCARD", at_least(3), zintercard)
            .keys(KEYS_COUNTED)
            .args(&[NUMKEYS, KEYS, integer("limit").token("LIMIT").optional()])
            .doc("7.0.0", INTER, "Tells how many members all of several sorted sets have."),
        Row::write("ZINTERSTORE", at_least(4), zinterstore)
            .deny_oom()
            .keys(STORED_AND_COUNTED)
            .args(&[key("destination"), NUMKEYS, KEYS.spec(1), WEIGHTS, AGGREGATE])
            .doc("2.0.0", INTER, "Stores the members that all of several sorted sets have."),
        Row::read("ZLEXCOUNT", exactly(4), zlexcount).fast().keys(KEY1_RO_ACCESS).args(KEY_LEX).doc(
            "2.8.9",
            LOG,
            "Tells how many members are within a range of bytes.",
        ),
        Row::write("ZMPOP", at_least(4), zmpop)
            .keys(&[KeySpec::counted(1, 1, KEY_RW_ACCESS_DELETE)])
            .args(&[NUMKEYS, KEYS, WHERE, COUNT])
            .doc("7.0.0", MANY_POPPED, "Takes members from an end of the first sorted set that has some."),
        Row::read("ZMSCORE", at_least(3), zmscore).fast().keys(KEY1_RO_ACCESS).args(KEY_MEMBERS).doc(
            "6.2.0",
            "O(N) where N is the number of given members",
            "Reads the scores of several members.",
        ),
        Row::write("ZPOPMAX", at_least(2), zpopmax)
            .fast()
            .keys(KEY1_RW_ACCESS_DELETE)
            .args(&[key("key"), integer("count").optional()])
            .doc("5.0.0", POPPED, "Takes the members with the highest scores."),
        Row::write("ZPOPMIN", at_least(2), zpopmin)
            .fast()
            .keys(KEY1_RW_ACCESS_DELETE)
            .args(&[key("key"), integer("count").optional()])
            .doc("5.0.0", POPPED, "Takes the members with the lowest scores."),
        Row::read("ZRANDMEMBER", at_least(2), zrandmember)
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), block("options", &[integer("count"), WITHSCORES]).optional()])
            .tips(&["nondeterministic_output"])
            .doc("6.2.0", "O(M log N) where M is the number of replied members", "Reads members at random."),
        Row::read("ZRANGE", at_least(4), zrange)
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                string("start"),
                string("stop"),
                SORT_BY.since("6.2.0"),
                word("rev", "REV").since("6.2.0").optional(),
                LIMIT.since("6.2.0"),
                WITHSCORES,
            ])
            .doc("1.2.0", RANGE, "Reads the members within a range of ranks, scores or bytes.")
            .history(&[("6.2.0", "Knows `REV`, `BYSCORE`, `BYLEX` and `LIMIT`.")]),
        Row::read("ZRANGEBYLEX", at_least(4), zrangebylex)
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), string("min"), string("max"), LIMIT])
            .doc("2.8.9", RANGE, "Reads the members within a range of bytes.")
            .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument"),
        Row::read("ZRANGEBYSCORE", at_least(4), zrangebyscore)
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), double("min"), double("max"), WITHSCORES.since("2.0.0"), LIMIT])
            .doc("1.0.5", RANGE, "Reads the members with scores within a range.")
            .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument")
            .history(&[("2.0.0", "Knows `WITHSCORES`.")]),
        Row::write("ZRANGESTORE", at_least(5), zrangestore)
            .deny_oom()
            .keys(&[KeySpec::at(1, OW_UPDATE), KeySpec::at(2, RO_ACCESS)])
            .args(&[
                key("dst"),
                key("src").spec(1),
                string("min"),
                string("max"),
                SORT_BY,
                word("rev", "REV").optional(),
                LIMIT,
            ])
            .doc("6.2.0", RANGE, "Stores the members within a range as another sorted set."),
        Row::read("ZRANK", at_least(3), zrank)
            .fast()
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), string("member"), word("withscore", "WITHSCORE").optional()])
            .doc("2.0.0", LOG, "Tells the rank of a member, the lowest score first.")
            .history(&[("7.2.0", "Knows `WITHSCORE`.")]),
        Row::write("ZREM", at_least(3), zrem)
            .fast()
            .keys(KEY1_RW_DELETE)
            .args(KEY_MEMBERS)
            .doc("1.2.0", LOG_EACH, "Removes members from a sorted set.")
            .history(&[("2.4.0", "Takes several members.")]),
        Row::write("ZREMRANGEBYLEX", exactly(4), zremrangebylex)
            .keys(KEY1_RW_DELETE)
            .args(KEY_LEX)
            .doc("2.8.9", RANGE, "Removes the members within a range of bytes."),
        Row::write("ZREMRANGEBYRANK", exactly(4), zremrangebyrank)
            .keys(KEY1_RW_DELETE)
            .args(&[key("key"), integer("start"), integer("stop")])
            .doc("2.0.0", RANGE, "Removes the members within a range of ranks."),
        Row::write("ZREMRANGEBYSCORE", exactly(4), zremrangebyscore)
            .keys(KEY1_RW_DELETE)
            .args(KEY_SCORES)
            .doc("1.2.0", RANGE, "Removes the members with scores within a range."),
        Row::read("ZREVRANGE", at_least(4), zrevrange)
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), integer("start"), integer("stop"), WITHSCORES])
            .doc("1.2.0", RANGE, "Reads the members within a range of ranks, the highest score first.")
            .deprecated("6.2.0", "`ZRANGE` with the `REV` argument"),
        Row::read("ZREVRANGEBYLEX", at_least(4), zrevrangebylex)
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), string("max"), string("min"), LIMIT])
            .doc("2.8.9", RANGE, "Reads the members within a range of bytes, from the last to the first.")
            .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments"),
        Row::read("ZREVRANGEBYSCORE", at_least(4), zrevrangebyscore)
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), double("max"), double("min"), WITHSCORES, LIMIT])
            .doc("2.2.0", RANGE, "Reads the members with scores within a range, the highest first.")
            .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")
            .history(&[("2.1.6", "Either end may be left out of the range.")]),
        Row::read("ZREVRANK", at_least(3), zrevrank)
            .fast()
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), string("member"), word("withscore", "WITHSCORE").optional()])
            .doc("2.0.0", LOG, "Tells the rank of a member, the highest score first.")
            .history(&[("7.2.0", "Knows `WITHSCORE`.")]),
        Row::read("ZSCAN", at_least(3), zscan)
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                integer("cursor"),
                pattern("pattern").token("MATCH").optional(),
                integer("count").token("COUNT").optional(),
                word("noscores", "NOSCORES").since("8.0.0").optional(),
            ])
            .tips(&["nondeterministic_output"])
            .doc("2.8.0", "O(1) for each call", "Visits the members of a sorted set in steps."),
        Row::read("ZSCORE", exactly(3), zscore).fast().keys(KEY1_RO_ACCESS).args(KEY_MEMBER).doc(
            "1.2.0",
            "O(1)",
            "Reads the score of a member.",
        ),
        Row::read("ZUNION", at_least(3), zunion)
            .keys(KEYS_COUNTED)
            .args(&[NUMKEYS, KEYS, WEIGHTS, AGGREGATE, WITHSCORES])
            .doc("6.2.0", UNION, "Reads the members that any of several sorted sets has."),
        Row::write("ZUNIONSTORE", at_least(4), zunionstore)
            .deny_oom()
            .keys(STORED_AND_COUNTED)
            .args(&[key("destination"), NUMKEYS, KEYS.spec(1), WEIGHTS, AGGREGATE])
            .doc("2.0.0", UNION, "Stores the members that any of several sorted sets has."),
    ],
);

#[cfg(test)]
mod tests;
