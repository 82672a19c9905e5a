//! The sparse form of the registers: runs of equal ones.
//!
//! ```text
//! 00llllll             l + 1 registers of rank 0                      "ZERO"
//! 01llllll llllllll    l + 1 registers of rank 0, high bits first     "XZERO"
//! 1rrrrrll             l + 1 registers of rank r + 1                  "VAL"
//! ```
//!
//! The runs cover all registers. Servers compare values byte for byte, so which of several spellings of the same
//! registers comes out matters: runs of zeros up to 64 are always short, runs of ranks join where this module says.

use super::REGISTERS;

const ZERO_MAX: usize = 64;
const VAL_MAX: usize = 4;
/// The largest rank that a run can say.
pub(super) const RANK_MAX: u8 = 32;
/// How many steps joining takes from the run before a changed one: what a change touches is five runs at most.
const JOIN_STEPS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// 0: the registers are empty.
    pub(super) rank: u8,
    pub(super) len: usize,
    /// Spelled in two bytes.
    pub(super) wide: bool,
}

impl Run {
    fn zeros(len: usize) -> Run {
        Run {
            rank: 0,
            len,
            wide: len > ZERO_MAX,
        }
    }

    fn of(rank: u8, len: usize) -> Run {
        match rank {
            0 => Run::zeros(len),
            _ => Run {
                rank,
                len,
                wide: false,
            },
        }
    }

    fn bytes(&self) -> usize {
        if self.wide { 2 } else { 1 }
    }

    /// The run at the beginning of `bytes`.
    fn decode(bytes: &[u8]) -> Option<Run> {
        let run = match *bytes {
            [first @ 0x80..=0xff, ..] => Run {
                rank: (first >> 2 & 0x1f) + 1,
                len: usize::from(first & 0x03) + 1,
                wide: false,
            },
            [first @ 0x40..=0x7f, second, ..] => Run {
                rank: 0,
                len: (usize::from(first & 0x3f) << 8 | usize::from(second)) + 1,
                wide: true,
            },
            [first @ 0x00..=0x3f, ..] => Run {
                rank: 0,
                len: usize::from(first) + 1,
                wide: false,
            },
            _ => return None,
        };
        Some(run)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let len = self.len - 1;
        match (self.rank, self.wide) {
            (0, false) => out.push(len as u8),
            (0, true) => out.extend_from_slice(&[0x40 | (len >> 8) as u8, len as u8]),
            (rank, _) => out.push(0x80 | (rank - 1) << 2 | len as u8),
        }
    }
}

/// All registers empty.
pub(super) fn empty() -> Vec<u8> {
    let mut bytes = Vec::new();
    Run::zeros(REGISTERS).encode(&mut bytes);
    bytes
}

/// The runs in order; ends early where the bytes are no run.
pub(super) fn runs(bytes: &[u8]) -> impl Iterator<Item = Run> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let run = Run::decode(rest)?;
        rest = &rest[run.bytes()..];
        Some(run)
    })
}

/// Calls `each` for every run with its first register. False when the runs do not cover the registers exactly.
pub(super) fn for_each(bytes: &[u8], mut each: impl FnMut(usize, Run)) -> bool {
    let (mut first, mut used) = (0, 0);
    for run in runs(bytes) {
        if first + run.len > REGISTERS {
            return false;
        }
        each(first, run);
        first += run.len;
        used += run.bytes();
    }
    first == REGISTERS && used == bytes.len()
}

/// What came of raising a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    /// It was as high before.
    Same,
    Changed,
    /// The sparse form cannot say it, or not within the limit: nothing was changed.
    NeedsDense,
    Corrupted,
}

/// Raises a register. `bytes_max` limits the runs.
pub(super) fn raise(bytes: &mut Vec<u8>, index: usize, rank: u8, bytes_max: usize) -> Raised {
    if rank > RANK_MAX {
        return Raised::NeedsDense;
    }
    let Some(found) = find(bytes, index) else {
        return Raised::Corrupted;
    };
    let Found {
        at,
        before,
        first,
        run,
    } = found;
    if run.rank >= rank {
        return Raised::Same;
    }
    let mut pieces = Vec::with_capacity(5);
    let behind = first + run.len - index - 1;
    if index > first {
        Run::of(run.rank, index - first).encode(&mut pieces);
    }
    Run::of(rank, 1).encode(&mut pieces);
    if behind > 0 {
        Run::of(run.rank, behind).encode(&mut pieces);
    }
    let grown = bytes.len() + pieces.len() - run.bytes();
    if grown > bytes.len() && grown > bytes_max {
        return Raised::NeedsDense;
    }
    bytes.splice(at..at + run.bytes(), pieces);
    join(bytes, before.unwrap_or(0));
    Raised::Changed
}

/// Where a register is.
struct Found {
    /// The run's first byte, and that of the run before it.
    at: usize,
    before: Option<usize>,
    /// The run's first register.
    first: usize,
    run: Run,
}

fn find(bytes: &[u8], index: usize) -> Option<Found> {
    let (mut at, mut before, mut first) = (0, None, 0);
    loop {
        let run = Run::decode(bytes.get(at..)?)?;
        if index < first + run.len {
            return Some(Found {
                at,
                before,
                first,
                run,
            });
        }
        before = Some(at);
        at += run.bytes();
        first += run.len;
    }
}

/// Joins neighbours of the same rank as far as a run can hold them. A step passes a run or joins two.
fn join(bytes: &mut Vec<u8>, from: usize) {
    let mut at = from;
    for _ in 0..JOIN_STEPS {
        let Some(run) = bytes.get(at..).and_then(Run::decode) else {
            return;
        };
        let next = bytes.get(at + run.bytes()..).and_then(Run::decode);
        match next {
            Some(next)
                if run.rank > 0 && next.rank == run.rank && run.len + next.len <= VAL_MAX =>
            {
                let mut joined = Vec::with_capacity(1);
                Run::of(run.rank, run.len + next.len).encode(&mut joined);
                bytes.splice(at..at + 2, joined);
            }
            _ => at += run.bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn registers(bytes: &[u8]) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        for_each(bytes, |first, run| {
            assert_eq!(first, all.len());
            all.extend(std::iter::repeat_n(run.rank, run.len));
        })
        .then_some(all)
    }

    proptest! {
        #[test]
        fn agrees_with_a_vector(
            raises in prop::collection::vec((prop_oneof![0usize..20, 16360..REGISTERS, 0..REGISTERS], prop_oneof![1u8..4, 1u8..33]), 1..400),
            bytes_max in prop_oneof![Just(10usize), Just(100), Just(3000)],
        ) {
            let mut bytes = empty();
            let mut twin = vec![0; REGISTERS];
            for (index, rank) in raises {
                let want = if twin[index] >= rank { Raised::Same } else { Raised::Changed };
                let before = bytes.clone();
                let got = raise(&mut bytes, index, rank, bytes_max);
                if got == Raised::NeedsDense {
                    prop_assert!(want == Raised::Changed && bytes == before && before.len() + 3 > bytes_max);
                    break;
                }
                prop_assert_eq!(got, want);
                twin[index] = twin[index].max(rank);
                prop_assert!(bytes.len() <= bytes_max);
            }
            prop_assert_eq!(registers(&bytes), Some(twin));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), index in 0..REGISTERS) {
            let whole = for_each(&bytes, |first, run| assert!(first + run.len <= REGISTERS));
            let mut changed = bytes.clone();
            let raised = raise(&mut changed, index, 5, 3000);
            prop_assert!(!whole || raised != Raised::Corrupted);
        }
    }
}
