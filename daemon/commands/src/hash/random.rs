//! HRANDFIELD.

use std::collections::HashSet;

use esker_keyspace::value::Field;
use esker_keyspace::{Hash, Random, Tx, UnixMs};
use esker_resp::{Reply, parse_i64};

use super::write_item;
use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::repeat::{repeats, write_repeated};

/// Different fields are drawn one by one if there are at least so many times as many.
const SPARSE: usize = 3;

pub(super) fn hrandfield(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (key, now) = (args.get(1), tx.now());
    if args.len() > 2 {
        return several(tx, args, out);
    }
    let mut random = Random::new(tx.random());
    let hash = tx.hash(key)?;
    match hash
        .as_ref()
        .and_then(|hash| hash.random(now, || random.next_u64()))
    {
        Some(field) => write_item(out, field.name),
        None => out.null(),
    }
    Ok(())
}

fn several(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (count, with_values) = options(args)?;
    let (now, mut random) = (tx.now(), Random::new(tx.random()));
    let Some(hash) = tx.hash(args.get(1))? else {
        out.array(0);
        return Ok(());
    };
    let mut shape = Shape { with_values };
    if count < 0 {
        let count = repeats(count.unsigned_abs())?;
        return repeat(&hash, now, &mut random, count, &shape, out);
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    different(&hash, now, &mut random, count, &mut shape, out);
    Ok(())
}

fn options(args: Args<'_>) -> Result<(i64, bool), CmdError> {
    let count = parse_i64(args.get(2)).ok_or(CmdError::NotInteger)?;
    if count == i64::MIN {
        return Err(CmdError::line_of(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let Some(word) = args.try_get(3) else {
        return Ok((count, false));
    };
    if args.len() > 4 || !word.eq_ignore_ascii_case(b"WITHVALUES") {
        return Err(CmdError::Syntax);
    }
    if count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(CmdError::OutOfRange);
    }
    Ok((count, true))
}

/// How fields stand in the reply: in RESP3 a field and its value are an array of their own.
struct Shape {
    with_values: bool,
}

impl Shape {
    fn begin(&self, fields: usize, out: &mut Reply<'_>) {
        let flat = self.with_values && !out.is_resp3();
        out.array(if flat { 2 * fields } else { fields });
    }

    fn write(&self, field: &Field<'_>, out: &mut Reply<'_>) {
        if self.with_values && out.is_resp3() {
            out.array(2);
        }
        write_item(out, field.name);
        if self.with_values {
            write_item(out, field.value);
        }
    }
}

fn repeat(
    hash: &Hash,
    now: UnixMs,
    random: &mut Random,
    count: usize,
    shape: &Shape,
    out: &mut Reply<'_>,
) -> CmdResult {
    let any = hash.random(now, || random.next_u64()).is_some();
    let count = if any { count } else { 0 };
    shape.begin(count, out);
    write_repeated(out, count, |out| {
        let field = hash.random(now, || random.next_u64());
        shape.write(&field.expect("there is one"), out);
    })
}

fn different(
    hash: &Hash,
    now: UnixMs,
    random: &mut Random,
    count: usize,
    shape: &mut Shape,
    out: &mut Reply<'_>,
) {
    let live = hash.live(now);
    if count >= live {
        shape.begin(live, out);
        hash.for_each(now, |field| shape.write(&field, out));
        return;
    }
    shape.begin(count, out);
    if count.saturating_mul(SPARSE) > live {
        sample(hash, now, random, (count, live), shape, out);
        return;
    }
    let mut seen = HashSet::with_capacity(count);
    while seen.len() < count {
        let field = hash.random(now, || random.next_u64());
        let field = field.expect("there are more");
        if seen.insert(field.name.to_vec()) {
            shape.write(&field, out);
        }
    }
}

/// `count` of the `live` fields, in the order of the hash: each with the odds that are left for it.
fn sample(
    hash: &Hash,
    now: UnixMs,
    random: &mut Random,
    (count, live): (usize, usize),
    shape: &mut Shape,
    out: &mut Reply<'_>,
) {
    let (mut wanted, mut left) = (count as u64, live as u64);
    hash.for_each(now, |field| {
        let lot = (u128::from(random.next_u64()) * u128::from(left)) >> 64;
        if (lot as u64) < wanted {
            shape.write(&field, out);
            wanted -= 1;
        }
        left -= 1;
    });
}
