//! PFADD, PFCOUNT, PFMERGE.

use std::borrow::Cow;

use esker_keyspace::Tx;
use esker_keyspace::touched::Event;
use esker_resp::Reply;

use super::sketch::{CACHE, CACHE_FLAG, Form, HEADER, NOT_VALID, Sketch, SketchBuf, Union};
use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::value::{bytes_of, check_room};

/// How a string changes.
enum Change {
    Nothing,
    /// These bytes at these places; so many elements did it.
    Patches(Vec<(usize, Vec<u8>)>, u64),
    /// Another string; so many elements did it.
    Whole(Vec<u8>, u64),
}

pub(super) fn pfadd(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (key, elements) = (args.get(1), args.rest(2));
    let sparse_bytes_max = tx.limits().hll_sparse_max_bytes;
    let change = match tx.string(key)?.map(bytes_of) {
        None => {
            let mut sketch = SketchBuf::new();
            sketch.forget_count();
            let raised = add_all(&mut sketch, elements, sparse_bytes_max)?;
            // That the key is there is a change too.
            Change::Whole(sketch.into_bytes(), raised + 1)
        }
        Some(bytes) => {
            let sketch = Sketch::parse(&bytes)?;
            match sketch.form() {
                Form::Dense => add_to_dense(sketch, &bytes, elements),
                Form::Sparse => {
                    let mut sketch = SketchBuf::copy_of(sketch);
                    match add_all(&mut sketch, elements, sparse_bytes_max)? {
                        0 => Change::Nothing,
                        raised => Change::Whole(sketch.into_bytes(), raised),
                    }
                }
            }
        }
    };
    let before = tx.changed();
    let changes = match change {
        Change::Nothing => {
            tx.make_raw(key);
            0
        }
        Change::Patches(patches, raised) => {
            tx.patch_string(key, &patches, Event::PfAdd);
            raised
        }
        Change::Whole(bytes, raised) => {
            check_room(tx, bytes.len())?;
            tx.replace_string(key, bytes, Event::PfAdd);
            raised
        }
    };
    tx.recount(before, changes);
    out.integer(i64::from(changes > 0));
    Ok(())
}

fn add_all(
    sketch: &mut SketchBuf,
    elements: Args<'_>,
    sparse_bytes_max: usize,
) -> Result<u64, CmdError> {
    let mut raised = 0;
    for element in elements.iter() {
        raised += u64::from(sketch.add(element, sparse_bytes_max)?);
    }
    Ok(raised)
}

/// A dense sketch is 12 KiB and an element changes two bytes of it.
fn add_to_dense(sketch: Sketch<'_>, bytes: &[u8], elements: Args<'_>) -> Change {
    let raise = sketch.raise_dense(elements.iter());
    if raise.count == 0 {
        return Change::Nothing;
    }
    let mut patches = Vec::new();
    if sketch.cached().is_some() {
        patches.push((CACHE_FLAG, vec![bytes[CACHE_FLAG] | NOT_VALID]));
    }
    let registers = raise.patches().into_iter();
    patches.extend(registers.map(|(at, bytes)| (HEADER + at, bytes)));
    Change::Patches(patches, raise.count)
}

pub(super) fn pfcount(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let count = match args.len() {
        2 => count_one(tx, args.get(1))?,
        _ => union(tx, args.rest(1))?.0.count(),
    };
    out.integer(count as i64);
    Ok(())
}

/// The count of one sketch, kept in its header for the next time. That changes the string and so is logged, unless
/// this session may not write.
fn count_one(tx: &mut Tx<'_>, key: &[u8]) -> Result<u64, CmdError> {
    let Some(value) = tx.string(key)? else {
        return Ok(0);
    };
    let bytes: Cow<'_, [u8]> = bytes_of(value);
    let sketch = Sketch::parse(&bytes)?;
    if let Some(count) = sketch.cached() {
        return Ok(count);
    }
    let count = sketch.count()?;
    if tx.may_write() {
        let cache = count.to_le_bytes().to_vec();
        tx.patch_string(key, &[(CACHE, cache)], Event::PfInternal);
    }
    Ok(count)
}

/// The union of all sketches under `keys`, and whether one of them is dense.
fn union(tx: &mut Tx<'_>, keys: Args<'_>) -> Result<(Union, bool), CmdError> {
    let mut union = Union::new();
    let mut any_dense = false;
    for key in keys.iter() {
        if let Some(bytes) = tx.string(key)?.map(bytes_of) {
            let sketch = Sketch::parse(&bytes)?;
            any_dense |= sketch.form() == Form::Dense;
            union.add(sketch)?;
        }
    }
    Ok((union, any_dense))
}

pub(super) fn pfmerge(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    let sparse_bytes_max = tx.limits().hll_sparse_max_bytes;
    let (union, any_dense) = union(tx, args.rest(1))?;
    let mut target = match tx.string(key)?.map(bytes_of) {
        None => SketchBuf::new(),
        Some(bytes) => SketchBuf::copy_of(Sketch::parse(&bytes)?),
    };
    if any_dense {
        target.make_dense()?;
    }
    for (index, rank) in union.ranks() {
        target.raise(index, rank, sparse_bytes_max)?;
    }
    target.forget_count();
    let bytes = target.into_bytes();
    check_room(tx, bytes.len())?;
    tx.replace_string(key, bytes, Event::PfAdd);
    out.ok();
    Ok(())
}
