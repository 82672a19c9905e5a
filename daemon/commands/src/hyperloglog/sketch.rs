//! The value of a HyperLogLog: a string with a header and 16384 registers in one of two forms.
//!
//! ```text
//! offset  size  field
//! 0       4     "HYLL"
//! 4       1     form: 0 dense, 1 sparse
//! 5       3     not used
//! 8       8     cardinality when it was last counted, little endian; not valid when the highest bit is set
//! 16      n     registers: see `dense` (12288 bytes) and `sparse`
//! ```
//!
//! A new one is sparse and becomes dense when a rank is too large for runs or the runs too many; never back. Clients
//! can write any bytes into a string: what is not a header is refused at once, runs that do not cover the registers
//! when they are read.

use super::dense::{self, Raise};
use super::element;
use super::estimate::Histogram;
use super::sparse::{self, Raised};
use super::{CORRUPTED, NOT_A_SKETCH, REGISTERS};
use crate::error::CmdError;

const MAGIC: &[u8; 4] = b"HYLL";
pub(super) const HEADER: usize = 16;
const FORM: usize = 4;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// Where the cached cardinality is.
pub(super) const CACHE: usize = 8;
/// Its byte with the bit that says that it is not valid.
pub(super) const CACHE_FLAG: usize = 15;
pub(super) const NOT_VALID: u8 = 0x80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Dense,
    Sparse,
}

/// The bytes of a string that has the header of a HyperLogLog.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sketch<'a> {
    bytes: &'a [u8],
    form: Form,
}

impl<'a> Sketch<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Sketch<'a>, CmdError> {
        if bytes.len() < HEADER || !bytes.starts_with(MAGIC) {
            return Err(NOT_A_SKETCH);
        }
        let form = match bytes[FORM] {
            DENSE if bytes.len() == HEADER + dense::BYTES => Form::Dense,
            SPARSE => Form::Sparse,
            _ => return Err(NOT_A_SKETCH),
        };
        Ok(Sketch { bytes, form })
    }

    pub(super) fn form(self) -> Form {
        self.form
    }

    pub(super) fn registers(self) -> &'a [u8] {
        &self.bytes[HEADER..]
    }

    /// The cardinality as it was last counted, if nothing has changed since.
    pub(super) fn cached(self) -> Option<u64> {
        let cache = self.bytes[CACHE..HEADER].first_chunk::<8>()?;
        (cache[7] & NOT_VALID == 0).then_some(u64::from_le_bytes(*cache))
    }

    pub(super) fn count(self) -> Result<u64, CmdError> {
        let mut histogram = Histogram::new();
        match self.form {
            Form::Dense => dense::for_each(self.registers(), |rank| histogram.add(rank, 1)),
            Form::Sparse => {
                let add = |_, run: sparse::Run| histogram.add(run.rank, run.len);
                if !sparse::for_each(self.registers(), add) {
                    return Err(CORRUPTED);
                }
            }
        }
        Ok(histogram.estimate())
    }

    /// What writing takes to add elements to a dense one.
    pub(super) fn raise_dense<'e>(self, elements: impl Iterator<Item = &'e [u8]>) -> Raise<'a> {
        debug_assert!(self.form == Form::Dense);
        let mut raise = Raise::new(self.registers());
        for element in elements {
            let (index, rank) = element::place(element);
            raise.raise(index, rank);
        }
        raise
    }
}

/// A sketch of its own, to change.
#[derive(Clone, Debug)]
pub(super) struct SketchBuf {
    header: [u8; HEADER],
    registers: Vec<u8>,
}

impl SketchBuf {
    /// Sparse and without an element.
    pub(super) fn new() -> SketchBuf {
        let mut header = [0; HEADER];
        header[..MAGIC.len()].copy_from_slice(MAGIC);
        header[FORM] = SPARSE;
        SketchBuf {
            header,
            registers: sparse::empty(),
        }
    }

    pub(super) fn copy_of(sketch: Sketch<'_>) -> SketchBuf {
        let mut header = [0; HEADER];
        header.copy_from_slice(&sketch.bytes[..HEADER]);
        SketchBuf {
            header,
            registers: sketch.registers().to_vec(),
        }
    }

    pub(super) fn form(&self) -> Form {
        match self.header[FORM] {
            DENSE => Form::Dense,
            _ => Form::Sparse,
        }
    }

    pub(super) fn registers(&self) -> &[u8] {
        &self.registers
    }

    /// Adds an element; whether it raised a register. `sparse_bytes_max` limits the sparse form, header included.
    pub(super) fn add(
        &mut self,
        element: &[u8],
        sparse_bytes_max: usize,
    ) -> Result<bool, CmdError> {
        let (index, rank) = element::place(element);
        self.raise(index, rank, sparse_bytes_max)
    }

    pub(super) fn raise(
        &mut self,
        index: usize,
        rank: u8,
        sparse_bytes_max: usize,
    ) -> Result<bool, CmdError> {
        if self.form() == Form::Sparse {
            let runs_max = sparse_bytes_max.saturating_sub(HEADER);
            match sparse::raise(&mut self.registers, index, rank, runs_max) {
                Raised::Same => return Ok(false),
                Raised::Changed => {
                    self.forget_count();
                    return Ok(true);
                }
                Raised::Corrupted => return Err(CORRUPTED),
                Raised::NeedsDense => self.make_dense()?,
            }
        }
        if dense::get(&self.registers, index) >= rank {
            return Ok(false);
        }
        dense::set(&mut self.registers, index, rank);
        self.forget_count();
        Ok(true)
    }

    /// Changes a sparse one to the dense form.
    pub(super) fn make_dense(&mut self) -> Result<(), CmdError> {
        if self.form() == Form::Dense {
            return Ok(());
        }
        let mut registers = vec![0; dense::BYTES];
        let covered = sparse::for_each(&self.registers, |first, run| {
            if run.rank > 0 {
                (first..first + run.len).for_each(|at| dense::set(&mut registers, at, run.rank));
            }
        });
        if !covered {
            return Err(CORRUPTED);
        }
        self.registers = registers;
        self.header[FORM] = DENSE;
        Ok(())
    }

    /// The cached cardinality holds no more.
    pub(super) fn forget_count(&mut self) {
        self.header[CACHE_FLAG] |= NOT_VALID;
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        [&self.header[..], &self.registers].concat()
    }
}

/// The maximum of several sketches, register by register.
#[derive(Debug)]
pub(super) struct Union {
    ranks: Vec<u8>,
}

impl Union {
    pub(super) fn new() -> Union {
        Union {
            ranks: vec![0; REGISTERS],
        }
    }

    pub(super) fn add(&mut self, sketch: Sketch<'_>) -> Result<(), CmdError> {
        match sketch.form() {
            Form::Dense => {
                let mut ranks = self.ranks.iter_mut();
                dense::for_each(sketch.registers(), |rank| {
                    let own = ranks.next().expect("as many registers");
                    *own = rank.max(*own);
                });
                Ok(())
            }
            Form::Sparse => {
                let covered = sparse::for_each(sketch.registers(), |first, run| {
                    if run.rank > 0 {
                        for own in &mut self.ranks[first..first + run.len] {
                            *own = run.rank.max(*own);
                        }
                    }
                });
                covered.then_some(()).ok_or(CORRUPTED)
            }
        }
    }

    /// The registers that are not empty.
    pub(super) fn ranks(&self) -> impl Iterator<Item = (usize, u8)> {
        let ranks = self.ranks.iter().copied().enumerate();
        ranks.filter(|(_, rank)| *rank > 0)
    }

    pub(super) fn count(&self) -> u64 {
        let mut histogram = Histogram::new();
        self.ranks.iter().for_each(|rank| histogram.add(*rank, 1));
        histogram.estimate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> Sketch<'_> {
        Sketch::parse(bytes).expect("a sketch")
    }

    #[test]
    fn estimates_are_close_and_both_forms_agree() {
        for count in [0u32, 1, 10, 100, 1000, 20_000, 200_000] {
            let mut sparse = SketchBuf::new();
            let mut dense = SketchBuf::new();
            dense.make_dense().expect("a new one is sound");
            for element in 0..count {
                let element = element.to_string();
                let a = sparse.add(element.as_bytes(), 3000).expect("sound");
                let b = dense.add(element.as_bytes(), 3000).expect("sound");
                assert_eq!(a, b);
            }
            let (sparse, dense) = (sparse.into_bytes(), dense.into_bytes());
            let estimate = parse(&sparse).count().expect("sound");
            assert_eq!(estimate, parse(&dense).count().expect("sound"));
            let off = (estimate as f64 - f64::from(count)).abs();
            assert!(off <= f64::from(count) * 0.03, "{estimate} for {count}");
        }
    }

    #[test]
    fn only_sketches_are_sketches() {
        let sound = SketchBuf::new().into_bytes();
        assert!(Sketch::parse(&sound).is_ok());
        assert!(Sketch::parse(&sound[..15]).is_err());
        for (at, byte) in [(0, b'h'), (4, 2), (4, 0)] {
            let mut bytes = sound.clone();
            bytes[at] = byte;
            assert!(Sketch::parse(&bytes).is_err());
        }
    }

    proptest! {
        #[test]
        fn a_union_is_the_sketch_of_all_elements(
            parts in prop::collection::vec((prop::collection::vec(any::<u16>(), 0..300), any::<bool>()), 1..4),
        ) {
            let mut all = SketchBuf::new();
            let mut union = Union::new();
            for (elements, dense) in parts {
                let mut part = SketchBuf::new();
                if dense {
                    part.make_dense().expect("sound");
                }
                for element in elements {
                    all.add(&element.to_le_bytes(), 3000).expect("sound");
                    part.add(&element.to_le_bytes(), 3000).expect("sound");
                }
                union.add(parse(&part.into_bytes())).expect("sound");
            }
            let count = parse(&all.clone().into_bytes()).count().expect("sound");
            prop_assert_eq!(union.count(), count);
            let mut merged = SketchBuf::new();
            for (index, rank) in union.ranks() {
                merged.raise(index, rank, 3000).expect("sound");
            }
            all.make_dense().expect("sound");
            merged.make_dense().expect("sound");
            prop_assert!(all.registers() == merged.registers());
        }
    }
}
