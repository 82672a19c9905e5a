//! PFDEBUG and PFSELFTEST: for those who test HyperLogLogs.

use std::fmt::Write;

use esker_keyspace::Tx;
use esker_keyspace::touched::Event;
use esker_resp::Reply;

use super::sketch::{Form, Sketch, SketchBuf};
use super::{REGISTERS, dense, sparse};
use crate::args::Args;
use crate::error::{CmdError, CmdResult, quoted};
use crate::value::{bytes_of, check_room};

pub(super) fn pfdebug(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let (word, key) = (args.get(1), args.get(2));
    let Some(value) = tx.string(key)? else {
        return Err(CmdError::text("The specified key does not exist"));
    };
    let bytes = bytes_of(value);
    let sketch = Sketch::parse(&bytes)?;
    match word.to_ascii_lowercase().as_slice() {
        b"encoding" => out.simple(match sketch.form() {
            Form::Dense => "dense",
            Form::Sparse => "sparse",
        }),
        b"decode" => out.bulk(decode(sketch)?),
        b"todense" => {
            let sketch = SketchBuf::copy_of(sketch);
            let converted = make_dense(tx, key, sketch)?.is_some();
            out.integer(i64::from(converted));
        }
        b"getreg" => {
            let sketch = SketchBuf::copy_of(sketch);
            let registers = match make_dense(tx, key, sketch.clone())? {
                Some(registers) => registers,
                None => sketch.registers().to_vec(),
            };
            out.array(REGISTERS);
            dense::for_each(&registers, |rank| out.integer(i64::from(rank)));
        }
        _ => {
            let word = quoted(word, usize::MAX);
            return Err(CmdError::text(format_args!(
                "Unknown PFDEBUG subcommand '{word}'"
            )));
        }
    }
    Ok(())
}

/// Stores a sparse one in the dense form and returns the registers; none when it was dense before.
fn make_dense(
    tx: &mut Tx<'_>,
    key: &[u8],
    mut sketch: SketchBuf,
) -> Result<Option<Vec<u8>>, CmdError> {
    if sketch.form() == Form::Dense {
        return Ok(None);
    }
    sketch.make_dense()?;
    let registers = sketch.registers().to_vec();
    let bytes = sketch.into_bytes();
    check_room(tx, bytes.len())?;
    tx.replace_string(key, bytes, Event::PfInternal);
    Ok(Some(registers))
}

/// The runs of a sparse one, as text.
fn decode(sketch: Sketch<'_>) -> Result<String, CmdError> {
    if sketch.form() == Form::Dense {
        return Err(CmdError::text("HLL encoding is not sparse"));
    }
    let mut text = String::new();
    for run in sparse::runs(sketch.registers()) {
        let blank = if text.is_empty() { "" } else { " " };
        let written = match (run.rank, run.wide) {
            (0, false) => write!(text, "{blank}z:{}", run.len),
            (0, true) => write!(text, "{blank}Z:{}", run.len),
            (rank, _) => write!(text, "{blank}v:{rank},{}", run.len),
        };
        written.expect("a string takes all text");
    }
    Ok(text)
}

/// How many elements the self-test adds.
const TEST_ELEMENTS: u32 = 100_000;

pub(super) fn pfselftest(tx: &mut Tx<'_>, _: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let mut registers = vec![0; dense::BYTES];
    let mut ranks = vec![0u8; REGISTERS];
    for (index, rank) in ranks.iter_mut().enumerate() {
        *rank = (tx.random() & 63) as u8;
        dense::set(&mut registers, index, *rank);
    }
    for (index, rank) in ranks.iter().enumerate() {
        let got = dense::get(&registers, index);
        if got != *rank {
            return Err(CmdError::Line(
                format!("TESTFAILED Register {index} should be {rank} but is {got}").into(),
            ));
        }
    }
    let seed = tx.random();
    let mut sparse = SketchBuf::new();
    let mut dense = SketchBuf::new();
    dense.make_dense()?;
    let mut checkpoint = 1;
    for added in 1..=TEST_ELEMENTS {
        let element = (seed ^ u64::from(added)).to_le_bytes();
        sparse.add(&element, tx.limits().hll_sparse_max_bytes)?;
        dense.add(&element, 0)?;
        if added == checkpoint {
            check_estimates(&sparse, &dense, added)?;
            checkpoint *= 10;
        }
    }
    out.ok();
    Ok(())
}

/// Both forms say the same, and not far from the truth: six standard errors, or a handful.
fn check_estimates(sparse: &SketchBuf, dense: &SketchBuf, truth: u32) -> CmdResult {
    let (sparse, dense) = (sparse.clone().into_bytes(), dense.clone().into_bytes());
    let a = Sketch::parse(&sparse)?.count()?;
    let b = Sketch::parse(&dense)?.count()?;
    let error_max = (f64::from(truth) * 1.04 / (REGISTERS as f64).sqrt() * 6.0).max(3.0);
    if a != b || (a as f64 - f64::from(truth)).abs() > error_max {
        return Err(CmdError::Line(format!(
            "TESTFAILED {truth} elements count as {a} in the sparse form and as {b} in the dense one"
        ).into()));
    }
    Ok(())
}
