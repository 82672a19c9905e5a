//! HyperLogLog: how many different elements there were, in 12 KiB at most: the rows; the handlers are in `handle`.
//!
//! The value is a string that clients may read, copy and carry to another server, so its bytes are exactly those
//! that other servers write. Changes are logged as strings: the bytes that differ, or the whole.

mod debug;
mod dense;
mod element;
mod estimate;
mod handle;
mod sketch;
mod sparse;

use crate::Row;
use crate::arg::{key, string};
use crate::command::{at_least, exactly, in_group};
use crate::error::CmdError;
use crate::flags::Group;
use crate::keyspec::*;

use debug::{pfdebug, pfselftest};
use handle::{pfadd, pfcount, pfmerge};

const INDEX_BITS: u32 = 14;
const REGISTERS: usize = 1 << INDEX_BITS;

const NOT_A_SKETCH: CmdError =
    CmdError::line_of("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPTED: CmdError = CmdError::line_of("INVALIDOBJ Corrupted HLL object detected");

const RW_ACCESS: KeyFlags = KeyFlags::RW.with(KeyFlags::ACCESS);
const RO_ACCESS: KeyFlags = KeyFlags::RO.with(KeyFlags::ACCESS);

pub const COMMANDS: &[Row] = &in_group(
    Group::HyperLogLog,
    [
        Row::write("PFADD", at_least(2), pfadd)
            .deny_oom()
            .fast()
            .keys(KEY1_RW_INSERT)
            .args(&[key("key"), string("element").many().optional()])
            .doc(
                "2.8.9",
                "O(1) for each element",
                "Adds elements to a HyperLogLog; the reply says whether its count may have changed.",
            ),
        Row::read("PFCOUNT", at_least(2), pfcount)
            .keys(&[KeySpec::to_end(1, 1, RW_ACCESS).note(
                "RW because it may change the internal representation of the key, and propagate to replicas",
            )])
            .args(&[key("key").many()])
            .doc(
                "2.8.9",
                "O(1) for one key whose count is cached, else O(N) for N keys with a large constant",
                "Estimates how many different elements one HyperLogLog, or several together, have seen.",
            ),
        Row::write("PFDEBUG", exactly(3), pfdebug)
            .deny_oom()
            .admin()
            .keys(&[KeySpec::at(2, RW_ACCESS)])
            .args(&[string("subcommand"), key("key")])
            .doc(
                "2.8.9",
                "N/A",
                "Shows the inside of a HyperLogLog, for those who test it.",
            ),
        Row::write("PFMERGE", at_least(2), pfmerge)
            .deny_oom()
            .keys(&[
                KeySpec::at(1, RW_ACCESS.with(KeyFlags::INSERT)),
                KeySpec::to_end(2, 1, RO_ACCESS),
            ])
            .args(&[
                key("destkey"),
                key("sourcekey").spec(1).many().optional(),
            ])
            .doc(
                "2.8.9",
                "O(N) for N sources, with a large constant",
                "Merges HyperLogLogs into one.",
            ),
        Row::plain("PFSELFTEST", exactly(1), pfselftest).admin().doc(
            "2.8.9",
            "N/A",
            "Checks the registers and the estimate of HyperLogLogs.",
        ),
    ],
);

#[cfg(test)]
mod tests;
