//! Sorted sets.

use super::read::{Distinct, Packed, Read, take_listpack, take_ziplist};
use super::string::{take_bytes, take_count};
use crate::cursor::{Cursor, Fault};
use crate::native::value::KIND_ZSET_PACKED;
use crate::redis::listpack::Item;
use crate::text::IntText;

/// Length byte of a decimal score: not a number.
const SCORE_NAN: u8 = 253;
/// Length byte of a decimal score: positive infinity.
const SCORE_INFINITY: u8 = 254;
/// Length byte of a decimal score: negative infinity.
const SCORE_MINUS_INFINITY: u8 = 255;

const BAD_SCORE: Fault = Fault::Invalid("a score is not a number");

pub(super) fn members(
    cursor: &mut Cursor<'_>,
    score: fn(&mut Cursor<'_>) -> Result<f64, Fault>,
) -> Result<Read, Fault> {
    let count = take_count(cursor)?;
    Read::written(|out| {
        let mut distinct = Distinct::default();
        for _ in 0..count {
            let member = take_bytes(cursor)?;
            let score = score(cursor)?;
            if score.is_nan() {
                return Err(BAD_SCORE);
            }
            out.zset_member(score, &member);
            distinct.add(member)?;
        }
        Ok(())
    })
}

/// A score behind its length in one byte.
pub(super) fn text_score(cursor: &mut Cursor<'_>) -> Result<f64, Fault> {
    match cursor.u8()? {
        SCORE_NAN => Err(BAD_SCORE),
        SCORE_INFINITY => Ok(f64::INFINITY),
        SCORE_MINUS_INFINITY => Ok(f64::NEG_INFINITY),
        length => parse(cursor.take(usize::from(length))?),
    }
}

/// A score as its 64 bits.
pub(super) fn binary_score(cursor: &mut Cursor<'_>) -> Result<f64, Fault> {
    cursor.u64().map(f64::from_bits)
}

fn parse(text: &[u8]) -> Result<f64, Fault> {
    let score = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse::<f64>().ok());
    score.filter(|score| !score.is_nan()).ok_or(BAD_SCORE)
}

pub(super) fn ziplist(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    packed(&take_ziplist(cursor)?)
}

pub(super) fn listpack(cursor: &mut Cursor<'_>) -> Result<Read, Fault> {
    packed(&take_listpack(cursor)?)
}

/// Keeps a listpack whose members are in order, and takes apart one whose members are not.
fn packed(packed: &Packed<'_>) -> Result<Read, Fault> {
    let mut distinct = Distinct::default();
    let mut members: Vec<(f64, Item<'_>)> = Vec::with_capacity(packed.count / 2);
    let mut items = packed.items();
    while let Some(member) = items.next() {
        let score = items
            .next()
            .ok_or(Fault::Invalid("a member without a score"))?;
        distinct.add_item(member)?;
        members.push((parse(score.bytes(&mut IntText::default()))?, member));
    }
    let sorted = members.is_sorted_by(|(a, first), (b, second)| match a.partial_cmp(b) {
        Some(std::cmp::Ordering::Equal) => first < second,
        order => order == Some(std::cmp::Ordering::Less),
    });
    if sorted {
        return Ok(Read {
            kind: KIND_ZSET_PACKED,
            bytes: packed.bytes.to_vec(),
        });
    }
    Read::written(|out| {
        for (score, member) in members {
            out.zset_member(score, member.bytes(&mut IntText::default()));
        }
        Ok(())
    })
}
