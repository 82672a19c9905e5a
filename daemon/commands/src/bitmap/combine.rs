//! BITOP: strings combined bit by bit. Shorter ones count as padded with zeros.

use std::borrow::Cow;

use esker_keyspace::touched::Event;
use esker_keyspace::{Expiry, Tx};
use esker_resp::Reply;

use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::value::{bytes_of, check_room};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
    /// In the first, in none of the others.
    Diff,
    /// In one of the others, not in the first.
    Diff1,
    /// In the first and in one of the others.
    AndOr,
    /// In exactly one.
    One,
}

impl Operation {
    fn parse(word: &[u8]) -> Result<(Operation, &'static str), CmdError> {
        const WORDS: [(&str, Operation); 8] = [
            ("AND", Operation::And),
            ("OR", Operation::Or),
            ("XOR", Operation::Xor),
            ("NOT", Operation::Not),
            ("DIFF", Operation::Diff),
            ("DIFF1", Operation::Diff1),
            ("ANDOR", Operation::AndOr),
            ("ONE", Operation::One),
        ];
        let found = WORDS
            .iter()
            .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
        found
            .map(|(name, operation)| (*operation, *name))
            .ok_or(CmdError::Syntax)
    }

    fn check_sources(self, name: &str, count: usize) -> Result<(), CmdError> {
        match self {
            Operation::Not if count != 1 => Err(CmdError::line_of(
                "ERR BITOP NOT must be called with a single source key.",
            )),
            Operation::Diff | Operation::Diff1 | Operation::AndOr if count < 2 => {
                Err(CmdError::text(format_args!(
                    "BITOP {name} must be called with at least two source keys."
                )))
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn bitop(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (operation, name) = Operation::parse(args.get(1))?;
    let sources = args.rest(3);
    operation.check_sources(name, sources.len())?;
    for key in sources.iter() {
        tx.string(key)?;
    }
    // All were read above, which settled their expiry; now they are looked at together.
    let string = |key| {
        tx.peek(key)
            .and_then(|entry| entry.str())
            .map_or_else(Default::default, bytes_of)
    };
    let strings: Vec<Cow<'_, [u8]>> = sources.iter().map(string).collect();
    let result = combine(operation, &strings);
    drop(strings);
    check_room(tx, result.len())?;
    out.integer(result.len() as i64);
    if result.is_empty() {
        tx.del(args.get(2));
    } else {
        tx.set_bytes_as(args.get(2), result, Expiry::Clear, true, Event::Set);
    }
    Ok(())
}

fn combine(operation: Operation, strings: &[Cow<'_, [u8]>]) -> Vec<u8> {
    let length = strings.iter().map(|string| string.len()).max().unwrap_or(0);
    let first = padded(&strings[0], length);
    match operation {
        Operation::Not => first.iter().map(|byte| !byte).collect(),
        Operation::One => exactly_one(strings, length),
        Operation::And => fold(first, &strings[1..], |byte, other| byte & other),
        Operation::Or => fold(first, &strings[1..], |byte, other| byte | other),
        Operation::Xor => fold(first, &strings[1..], |byte, other| byte ^ other),
        Operation::Diff | Operation::Diff1 | Operation::AndOr => {
            let others = fold(vec![0; length], &strings[1..], |byte, other| byte | other);
            let both = |(first, other): (&u8, &u8)| match operation {
                Operation::Diff => first & !other,
                Operation::Diff1 => !first & other,
                _ => first & other,
            };
            first.iter().zip(&others).map(both).collect()
        }
    }
}

fn padded(string: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(string);
    bytes.resize(length, 0);
    bytes
}

fn fold(mut result: Vec<u8>, others: &[Cow<'_, [u8]>], op: impl Fn(u8, u8) -> u8) -> Vec<u8> {
    for other in others {
        let (common, padding) = result.split_at_mut(other.len());
        for (byte, other) in common.iter_mut().zip(other.iter()) {
            *byte = op(*byte, *other);
        }
        for byte in padding {
            *byte = op(*byte, 0);
        }
    }
    result
}

/// Keeps apart what was seen once and what was seen more often.
fn exactly_one(strings: &[Cow<'_, [u8]>], length: usize) -> Vec<u8> {
    let (mut once, mut more) = (vec![0u8; length], vec![0u8; length]);
    for string in strings {
        for ((once, more), byte) in once.iter_mut().zip(&mut more).zip(string.iter()) {
            *more |= *once & byte;
            *once |= byte;
        }
    }
    once.iter()
        .zip(&more)
        .map(|(once, more)| once & !more)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_single_bits(strings in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 2..5)) {
            let strings: Vec<Cow<'_, [u8]>> = strings.iter().map(|string| Cow::Borrowed(string.as_slice())).collect();
            let length = strings.iter().map(|string| string.len()).max().expect("some");
            let operations = [Operation::And, Operation::Or, Operation::Xor, Operation::Diff, Operation::Diff1,
                Operation::AndOr, Operation::One];
            for operation in operations {
                let result = combine(operation, &strings);
                prop_assert_eq!(result.len(), length);
                for at in 0..length * 8 {
                    let bit = |string: &[u8]| string.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
                    let first = bit(&strings[0]);
                    let count = strings.iter().filter(|string| bit(string)).count();
                    let others = strings[1..].iter().any(|string| bit(string));
                    let want = match operation {
                        Operation::And => count == strings.len(),
                        Operation::Or => count > 0,
                        Operation::Xor => count % 2 == 1,
                        Operation::Not => !first,
                        Operation::Diff => first && !others,
                        Operation::Diff1 => !first && others,
                        Operation::AndOr => first && others,
                        Operation::One => count == 1,
                    };
                    prop_assert_eq!(bit(&result), want, "{:?} bit {}", operation, at);
                }
            }
        }
    }
}
