//! SORT and SORT_RO: the rows; the handlers are in the files beside this one.

mod options;
mod order;
mod pattern;
mod run;

use crate::Row;
use crate::arg::{Arg, block, integer, key, one_of, pattern, word};
use crate::args::Args;
use crate::command::{at_least, in_group};
use crate::flags::{Categories, Group};
use crate::keyspec::*;

use run::{sort, sort_ro};

const RO_ACCESS: KeyFlags = KeyFlags::RO.with(KeyFlags::ACCESS);
const OW_UPDATE: KeyFlags = KeyFlags::OW.with(KeyFlags::UPDATE);
const KEY: KeySpec = KeySpec::at(1, RO_ACCESS);
const PATTERNS: KeySpec = KeySpec::unknown(RO_ACCESS)
    .note("What BY and GET read: their keys follow from the elements that are sorted");
const TARGET: KeySpec =
    KeySpec::unknown(OW_UPDATE).note("What STORE writes: the word can stand anywhere");

const OPTIONS: [Arg; 6] = [
    key("key"),
    pattern("by-pattern")
        .token("BY")
        .spec(1)
        .display("pattern")
        .optional(),
    block("limit", &[integer("offset"), integer("count")])
        .token("LIMIT")
        .optional(),
    pattern("get-pattern")
        .token("GET")
        .spec(1)
        .display("pattern")
        .optional()
        .many_token(),
    one_of("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional(),
    word("sorting", "ALPHA").optional(),
];

const fn with_target() -> [Arg; 7] {
    let [a, b, c, d, e, f] = OPTIONS;
    [
        a,
        b,
        c,
        d,
        e,
        f,
        key("destination").token("STORE").spec(2).optional(),
    ]
}

const COMPLEXITY: &str = "O(N+M*log(M)) where N is the number of elements and M the number of elements in the reply; \
                          O(N) if they are not sorted";
const SORTED_TYPES: Categories = Categories::SET
    .with(Categories::SORTED_SET)
    .with(Categories::LIST);

pub const COMMANDS: &[Row] = &in_group(
    Group::Generic,
    [
        Row::write("SORT", at_least(2), sort)
            .deny_oom()
            .categories(SORTED_TYPES.with(Categories::DANGEROUS))
            .keys(&[KEY, PATTERNS, TARGET])
            .keys_fn(sort_keys)
            .args(&with_target())
            .doc(
                "1.0.0",
                COMPLEXITY,
                "Sorts the elements of a list, set or sorted set, or stores them sorted.",
            ),
        Row::read("SORT_RO", at_least(2), sort_ro)
            .categories(SORTED_TYPES.with(Categories::DANGEROUS))
            .keys(&[KEY, PATTERNS])
            .keys_fn(sort_ro_keys)
            .args(&OPTIONS)
            .doc(
                "7.0.0",
                COMPLEXITY,
                "Sorts the elements of a list, set or sorted set.",
            ),
    ],
);

fn sort_ro_keys(_: Args<'_>, found: &mut Vec<KeyRef>) -> Result<(), InvalidKeys> {
    found.push(KeyRef {
        index: 1,
        flags: RO_ACCESS,
    });
    Ok(())
}

/// The key and the target of the last STORE, if there is one.
fn sort_keys(args: Args<'_>, found: &mut Vec<KeyRef>) -> Result<(), InvalidKeys> {
    sort_ro_keys(args, found)?;
    let (mut at, mut target) = (2, None);
    while let Some(arg) = args.try_get(at) {
        let is = |word: &str| arg.eq_ignore_ascii_case(word.as_bytes());
        if is("LIMIT") {
            at += 2;
        } else if is("GET") || is("BY") {
            at += 1;
        } else if is("STORE") && at + 1 < args.len() {
            target = Some(at + 1);
        }
        at += 1;
    }
    found.extend(target.map(|index| KeyRef {
        index,
        flags: OW_UPDATE,
    }));
    Ok(())
}

#[cfg(test)]
mod tests;
