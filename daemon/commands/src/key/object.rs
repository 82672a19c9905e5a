//! What keys hold and how: TYPE and OBJECT.

use esker_keyspace::entry::{Kind, StrRef};
use esker_keyspace::{AccessPolicy, Tx};
use esker_resp::Reply;

use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::value::encoding_name;

pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "string",
        Kind::List => "list",
        Kind::Set => "set",
        Kind::Zset => "zset",
        Kind::Hash => "hash",
        Kind::Stream => "stream",
    }
}

pub(super) fn kind(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    out.simple(
        tx.look(args.get(1))
            .map_or("none", |entry| kind_name(entry.kind())),
    );
    Ok(())
}

pub(super) fn encoding(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    match tx.look(args.get(2)) {
        None => out.null(),
        Some(entry) => out.bulk(encoding_name(entry)),
    }
    Ok(())
}

/// Redis keeps these integers once for all keys and says so with the largest count.
const SHARED_INTS: std::ops::Range<i64> = 0..10_000;

/// Every other value has one owner; what snapshots and replies share is not the client's business.
pub(super) fn reference_count(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    match tx.look(args.get(2)) {
        None => out.null(),
        Some(entry) => out.integer(match entry.str() {
            Some(StrRef::Int(int)) if SHARED_INTS.contains(&int) => i64::from(i32::MAX),
            _ => 1,
        }),
    }
    Ok(())
}

pub(super) fn idle_time(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (policy, now) = (tx.keyspace().access_policy(), tx.now());
    let Some(entry) = tx.look(args.get(2)) else {
        out.null();
        return Ok(());
    };
    if policy != AccessPolicy::Lru {
        return Err(CmdError::line_of(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
             between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    out.integer(i64::from(policy.idle_seconds(entry.access(), now)));
    Ok(())
}

pub(super) fn frequency(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (policy, now) = (tx.keyspace().access_policy(), tx.now());
    let Some(entry) = tx.look(args.get(2)) else {
        out.null();
        return Ok(());
    };
    if policy == AccessPolicy::Lru {
        return Err(CmdError::line_of(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    out.integer(i64::from(policy.frequency(entry.access(), now)));
    Ok(())
}

pub(super) fn help(_: &mut Tx<'_>, _: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    crate::help::write_help(
        out,
        "OBJECT",
        &[
            (
                "ENCODING <key>",
                "How the value of the key is represented in memory.",
            ),
            (
                "FREQ <key>",
                "The logarithmic access counter of the key, under an LFU policy.",
            ),
            (
                "IDLETIME <key>",
                "Seconds since the key was last used, under an LRU policy.",
            ),
            (
                "REFCOUNT <key>",
                "The number of references to the value of the key.",
            ),
        ],
    );
    Ok(())
}
