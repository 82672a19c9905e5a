//! Single bits and the counting of bits: SETBIT, GETBIT, BITCOUNT, BITPOS.

use esker_keyspace::Tx;
use esker_keyspace::touched::Event;
use esker_resp::{Reply, parse_i64};

use super::bit_offset;
use crate::args::{Args, Cursor};
use crate::error::{CmdError, CmdResult};
use crate::string::{clamp_range, slice_range};
use crate::value::bytes_of;

pub(super) fn setbit(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    let offset = bit_offset(tx, args.get(2), None)?;
    let bit = match args.get(3) {
        b"0" => 0,
        b"1" => 1,
        _ => {
            return Err(CmdError::line_of(
                "ERR bit is not an integer or out of range",
            ));
        }
    };
    let (at, shift) = ((offset / 8) as usize, 7 - offset % 8);
    let old = tx
        .string(key)?
        .and_then(|value| bytes_of(value).get(at).copied());
    let byte = old.unwrap_or(0);
    let was = byte >> shift & 1;
    // A bit that is there already as wanted changes nothing.
    if old.is_none() || was != bit {
        let new = byte & !(1 << shift) | bit << shift;
        tx.set_range_as(key, at, &[new], Event::SetBit)?;
    } else {
        tx.make_raw(key);
    }
    out.integer(i64::from(was));
    Ok(())
}

pub(super) fn getbit(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let offset = bit_offset(tx, args.get(2), None)?;
    let value = tx.string(args.get(1))?;
    let byte = value
        .and_then(|value| bytes_of(value).get((offset / 8) as usize).copied())
        .unwrap_or(0);
    out.integer(i64::from(byte >> (7 - offset % 8) & 1));
    Ok(())
}

/// A range of bits or bytes as the client gave it.
struct Range {
    start: i64,
    end: Option<i64>,
    in_bits: bool,
}

impl Range {
    const ALL: Range = Range {
        start: 0,
        end: None,
        in_bits: false,
    };

    /// `[end [BYTE|BIT]]` behind a start.
    fn parse_end(start: i64, mut options: Cursor<'_>) -> Result<Range, CmdError> {
        if options.is_done() {
            return Ok(Range {
                start,
                ..Range::ALL
            });
        }
        let end = options.int()?;
        let in_bits = options.word("BIT");
        if !in_bits && !options.is_done() && !options.word("BYTE") {
            return Err(CmdError::Syntax);
        }
        options.finish()?;
        Ok(Range {
            start,
            end: Some(end),
            in_bits,
        })
    }

    /// The half-open range of bits in a string of `bytes` bytes; none when it is empty. BITCOUNT and BITPOS disagree
    /// about two offsets before the beginning, hence the two ways to `cut`.
    fn bits(
        &self,
        bytes: usize,
        cut: fn(i64, i64, usize) -> Option<(usize, usize)>,
    ) -> Option<(u64, u64)> {
        let scale = if self.in_bits { 1 } else { 8 };
        let (start, end) = cut(self.start, self.end.unwrap_or(-1), bytes * 8 / scale)?;
        Some(((start * scale) as u64, (end * scale) as u64))
    }
}

pub(super) fn bitcount(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let range = match args.len() {
        2 => Range::ALL,
        3 => return Err(CmdError::Syntax),
        _ => Range::parse_end(args.int(2)?, args.cursor(3))?,
    };
    let count = tx.string(args.get(1))?.map_or(0, |value| {
        let bytes = bytes_of(value);
        range
            .bits(bytes.len(), slice_range)
            .map_or(0, |(start, end)| count_bits(&bytes, start, end))
    });
    out.integer(count as i64);
    Ok(())
}

/// Counts the bits from `start` to before `end`.
fn count_bits(bytes: &[u8], start: u64, end: u64) -> u64 {
    let (first, last) = ((start / 8) as usize, ((end - 1) / 8) as usize);
    let head_mask = 0xff_u8 >> (start % 8);
    let tail_mask = 0xff_u8 << (7 - (end - 1) % 8);
    if first == last {
        return u64::from((bytes[first] & head_mask & tail_mask).count_ones());
    }
    let ends = (bytes[first] & head_mask).count_ones() + (bytes[last] & tail_mask).count_ones();
    let (words, rest) = bytes[first + 1..last].as_chunks::<8>();
    let middle: u64 = words
        .iter()
        .map(|word| u64::from(u64::from_le_bytes(*word).count_ones()))
        .sum();
    let rest: u32 = rest.iter().map(|byte| byte.count_ones()).sum();
    u64::from(ends + rest) + middle
}

pub(super) fn bitpos(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let wanted = match parse_i64(args.get(2)) {
        None => return Err(CmdError::NotInteger),
        Some(0) => false,
        Some(1) => true,
        Some(_) => return Err(CmdError::line_of("ERR The bit argument must be 1 or 0.")),
    };
    let range = match args.len() {
        3 => Range::ALL,
        _ => Range::parse_end(args.int(3)?, args.cursor(4))?,
    };
    let Some(value) = tx.string(args.get(1))? else {
        // An absent key is endlessly many zeros.
        out.integer(if wanted { -1 } else { 0 });
        return Ok(());
    };
    let bytes = bytes_of(value);
    let found = range
        .bits(bytes.len(), clamp_range)
        .and_then(|(start, end)| {
            // Behind the end of the string are zeros, unless the client named an end.
            let behind = (!wanted && range.end.is_none()).then_some(end);
            find_bit(&bytes, wanted, start, end).or(behind)
        });
    out.integer(found.map_or(-1, |at| at as i64));
    Ok(())
}

/// The first bit of this value from `start` to before `end`.
fn find_bit(bytes: &[u8], wanted: bool, start: u64, end: u64) -> Option<u64> {
    let flip = if wanted { 0 } else { 0xff };
    let first = (start / 8) as usize;
    let head = (bytes[first] ^ flip) & 0xff >> (start % 8);
    let at = match head {
        0 => {
            let boring = if wanted { 0 } else { 0xff };
            let at = first + 1 + bytes[first + 1..].iter().position(|byte| *byte != boring)?;
            at as u64 * 8 + u64::from((bytes[at] ^ flip).leading_zeros())
        }
        byte => first as u64 * 8 + u64::from(byte.leading_zeros()),
    };
    (at < end).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counting_and_finding_agree_with_single_bits(
            bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(255), any::<u8>()], 1..40),
            (a, b) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        ) {
            let bits = bytes.len() * 8;
            let (a, b) = (a.index(bits), b.index(bits));
            let (start, end) = (a.min(b), a.max(b) + 1);
            let bit = |at: &usize| bytes[at / 8] >> (7 - at % 8) & 1 == 1;
            prop_assert_eq!(count_bits(&bytes, start as u64, end as u64), (start..end).filter(bit).count() as u64);
            for wanted in [false, true] {
                let found = (start..end).find(|at| bit(at) == wanted).map(|at| at as u64);
                prop_assert_eq!(find_bit(&bytes, wanted, start as u64, end as u64), found);
            }
        }
    }
}
