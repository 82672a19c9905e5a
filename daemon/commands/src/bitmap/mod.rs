//! Strings as arrays of bits: the rows; the handlers are in the files beside this one.
//!
//! Bit 0 is the highest bit of byte 0. Bits behind the end read as 0; writing there pads with zeros.

mod bit;
mod combine;
mod field;
mod integer;

use crate::Row;
use crate::arg::{Arg, block, integer, key, one_of, string, word};
use crate::args::Args;
use crate::command::{at_least, exactly, in_group};
use crate::error::CmdError;
use crate::flags::Group;
use crate::keyspec::*;
use esker_keyspace::Tx;
use esker_resp::parse_i64;

use bit::{bitcount, bitpos, getbit, setbit};
use combine::bitop;
use field::{bitfield, bitfield_ro};

const UNIT: Arg = one_of("unit", &[word("byte", "BYTE"), word("bit", "BIT")])
    .since("7.0.0")
    .optional();
const RW_ACCESS_UPDATE: KeyFlags = KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE);
const RO_ACCESS: KeyFlags = KeyFlags::RO.with(KeyFlags::ACCESS);
const RANGE_LENGTH: &str = "O(N) where N is the length of the range";

pub const COMMANDS: &[Row] = &in_group(
    Group::Bitmap,
    [
        Row::read("BITCOUNT", at_least(2), bitcount)
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                block("range", &[integer("start"), integer("end"), UNIT]).optional(),
            ])
            .doc(
                "2.6.0",
                RANGE_LENGTH,
                "Counts the bits that are set in a string or a part of it.",
            ),
        Row::write("BITFIELD", at_least(2), bitfield)
            .deny_oom()
            .keys(&[KeySpec::at(1, RW_ACCESS_UPDATE.with(KeyFlags::VARIABLE))
                .note("Only read when every operation is a GET")])
            .keys_fn(bitfield_keys)
            .args(&[
                key("key"),
                one_of(
                    "operation",
                    &[
                        block("get-block", &[string("encoding"), integer("offset")]).token("GET"),
                        block(
                            "write",
                            &[
                                one_of(
                                    "overflow-block",
                                    &[
                                        word("wrap", "WRAP"),
                                        word("sat", "SAT"),
                                        word("fail", "FAIL"),
                                    ],
                                )
                                .token("OVERFLOW")
                                .optional(),
                                one_of(
                                    "write-operation",
                                    &[
                                        block(
                                            "set-block",
                                            &[
                                                string("encoding"),
                                                integer("offset"),
                                                integer("value"),
                                            ],
                                        )
                                        .token("SET"),
                                        block(
                                            "incrby-block",
                                            &[
                                                string("encoding"),
                                                integer("offset"),
                                                integer("increment"),
                                            ],
                                        )
                                        .token("INCRBY"),
                                    ],
                                ),
                            ],
                        ),
                    ],
                )
                .many()
                .optional(),
            ])
            .doc(
                "3.2.0",
                "O(1) for each operation",
                "Reads and changes integers of any width inside a string.",
            ),
        Row::read("BITFIELD_RO", at_least(2), bitfield_ro)
            .fast()
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                block("get-block", &[string("encoding"), integer("offset")])
                    .token("GET")
                    .many_token()
                    .optional(),
            ])
            .doc(
                "6.0.0",
                "O(1) for each operation",
                "Reads integers of any width inside a string.",
            ),
        Row::write("BITOP", at_least(4), bitop)
            .deny_oom()
            .keys(&[
                KeySpec::at(2, KeyFlags::OW.with(KeyFlags::UPDATE)),
                KeySpec::to_end(3, 1, RO_ACCESS),
            ])
            .args(&[
                one_of(
                    "operation",
                    &[
                        word("and", "AND"),
                        word("or", "OR"),
                        word("xor", "XOR"),
                        word("not", "NOT"),
                        word("diff", "DIFF").since("8.2.0"),
                        word("diff1", "DIFF1").since("8.2.0"),
                        word("andor", "ANDOR").since("8.2.0"),
                        word("one", "ONE").since("8.2.0"),
                    ],
                ),
                key("destkey"),
                key("key").spec(1).many(),
            ])
            .doc(
                "2.6.0",
                "O(N) where N is the length of all strings together",
                "Combines strings bit by bit and stores the result.",
            ),
        Row::read("BITPOS", at_least(3), bitpos)
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                integer("bit"),
                block(
                    "range",
                    &[
                        integer("start"),
                        block("end-unit-block", &[integer("end"), UNIT]).optional(),
                    ],
                )
                .optional(),
            ])
            .doc(
                "2.8.7",
                RANGE_LENGTH,
                "Finds the first bit of a string that is set, or that is clear.",
            ),
        Row::read("GETBIT", exactly(3), getbit)
            .fast()
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), integer("offset")])
            .doc("2.2.0", "O(1)", "Reads one bit of a string."),
        Row::write("SETBIT", exactly(4), setbit)
            .deny_oom()
            .keys(KEY1_RW_ACCESS_UPDATE)
            .args(&[key("key"), integer("offset"), integer("value")])
            .doc(
                "2.2.0",
                "O(1)",
                "Writes one bit of a string, padding with zeros, and replies with the old bit.",
            ),
    ],
);

/// BITFIELD writes only when it is told to.
fn bitfield_keys(args: Args<'_>, found: &mut Vec<KeyRef>) -> Result<(), InvalidKeys> {
    let writes =
        |arg: &[u8]| arg.eq_ignore_ascii_case(b"SET") || arg.eq_ignore_ascii_case(b"INCRBY");
    let flags = if args.iter().skip(2).any(writes) {
        RW_ACCESS_UPDATE
    } else {
        RO_ACCESS
    };
    found.push(KeyRef { index: 1, flags });
    Ok(())
}

/// Reads a bit offset. With `width`, `#n` stands for the `n`-th field of that many bits.
fn bit_offset(tx: &Tx<'_>, text: &[u8], width: Option<u32>) -> Result<u64, CmdError> {
    let (digits, factor) = match (text, width) {
        ([b'#', digits @ ..], Some(width)) => (digits, i64::from(width)),
        _ => (text, 1),
    };
    parse_i64(digits)
        .and_then(|offset| offset.checked_mul(factor))
        .and_then(|offset| u64::try_from(offset).ok())
        .filter(|offset| offset >> 3 < tx.keyspace().string_bytes_max() as u64)
        .ok_or(CmdError::line_of(
            "ERR bit offset is not an integer or out of range",
        ))
}

#[cfg(test)]
mod tests;
