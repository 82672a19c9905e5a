//! The longest common subsequence of two strings.
//!
//! The table of lengths is kept whole because the way back through it tells the matches; where two ways are equally
//! long the one that Redis takes is taken, since clients see which.

use esker_keyspace::Tx;
use esker_resp::Reply;

use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::value::bytes_of;

#[derive(Default)]
struct Options {
    length_only: bool,
    positions: bool,
    with_lengths: bool,
    run_bytes_min: usize,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Options, CmdError> {
        let mut cursor = args.cursor(3);
        let mut options = Options::default();
        while !cursor.is_done() {
            if cursor.word("LEN") {
                options.length_only = true;
            } else if cursor.word("IDX") {
                options.positions = true;
            } else if cursor.word("WITHMATCHLEN") {
                options.with_lengths = true;
            } else if cursor.word("MINMATCHLEN") {
                options.run_bytes_min = cursor.int()?.max(0) as usize;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        if options.length_only && options.positions {
            return Err(CmdError::line_of(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(options)
    }
}

pub(super) fn lcs(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    for key in [args.get(1), args.get(2)] {
        tx.string(key)
            .map_err(|_| CmdError::line_of("ERR The specified keys must contain string values"))?;
    }
    let options = Options::parse(args)?;
    // Both were read above, which settled their expiry; now they are looked at together.
    let bytes = |key| {
        tx.peek(key)
            .and_then(|entry| entry.str())
            .map_or_else(Default::default, bytes_of)
    };
    let (a, b) = (bytes(args.get(1)), bytes(args.get(2)));
    let table = Table::new(&a, &b, tx.keyspace().string_bytes_max())?;
    if options.length_only {
        out.integer(table.total() as i64);
    } else if options.positions {
        write_positions(out, &table, &options);
    } else {
        let runs = table.runs();
        let common: Vec<u8> = runs
            .iter()
            .rev()
            .flat_map(|run| &a[run.a..run.a + run.length])
            .copied()
            .collect();
        out.bulk(common);
    }
    Ok(())
}

fn write_positions(out: &mut Reply<'_>, table: &Table<'_>, options: &Options) {
    out.map(2);
    out.bulk("matches");
    let runs = table.runs();
    let shown: Vec<&Run> = runs
        .iter()
        .filter(|run| run.length >= options.run_bytes_min)
        .collect();
    out.array(shown.len());
    for run in shown {
        out.array(if options.with_lengths { 3 } else { 2 });
        for start in [run.a, run.b] {
            out.array(2);
            out.integer(start as i64);
            out.integer((start + run.length - 1) as i64);
        }
        if options.with_lengths {
            out.integer(run.length as i64);
        }
    }
    out.bulk("len");
    out.integer(table.total() as i64);
}

/// A stretch that both strings have in common.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    a: usize,
    b: usize,
    length: usize,
}

/// `lengths[i * width + j]` is the length for the first `i` bytes of `a` and the first `j` of `b`.
struct Table<'a> {
    a: &'a [u8],
    b: &'a [u8],
    lengths: Vec<u32>,
}

impl<'a> Table<'a> {
    fn new(a: &'a [u8], b: &'a [u8], bytes_max: usize) -> Result<Table<'a>, CmdError> {
        let width = b.len() + 1;
        let cells = (a.len() + 1)
            .checked_mul(width)
            .filter(|cells| *cells <= bytes_max / 4);
        let cells = cells.ok_or(CmdError::line_of(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ))?;
        let mut lengths = vec![0u32; cells];
        for (i, byte) in a.iter().enumerate() {
            let (above, below) = lengths[i * width..(i + 2) * width].split_at_mut(width);
            for (j, other) in b.iter().enumerate() {
                below[j + 1] = match byte == other {
                    true => above[j] + 1,
                    false => above[j + 1].max(below[j]),
                };
            }
        }
        Ok(Table { a, b, lengths })
    }

    fn length(&self, i: usize, j: usize) -> u32 {
        self.lengths[i * (self.b.len() + 1) + j]
    }

    fn total(&self) -> u32 {
        self.length(self.a.len(), self.b.len())
    }

    /// The common stretches, last one first.
    fn runs(&self) -> Vec<Run> {
        let (mut i, mut j) = (self.a.len(), self.b.len());
        let mut runs: Vec<Run> = Vec::new();
        let mut in_run = false;
        while i > 0 && j > 0 {
            if self.a[i - 1] == self.b[j - 1] {
                (i, j) = (i - 1, j - 1);
                match runs.last_mut() {
                    Some(run) if in_run => {
                        *run = Run {
                            a: i,
                            b: j,
                            length: run.length + 1,
                        }
                    }
                    _ => runs.push(Run {
                        a: i,
                        b: j,
                        length: 1,
                    }),
                }
                in_run = true;
            } else {
                in_run = false;
                if self.length(i - 1, j) > self.length(i, j - 1) {
                    i -= 1;
                } else {
                    j -= 1;
                }
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(a: &[u8], b: &[u8]) -> usize {
        match (a, b) {
            ([x, a @ ..], [y, b @ ..]) if x == y => 1 + naive(a, b),
            ([_, less_a @ ..], [_, less_b @ ..]) => naive(less_a, b).max(naive(a, less_b)),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_recursion(a in "[abc]{0,8}", b in "[abc]{0,8}") {
            let table = Table::new(a.as_bytes(), b.as_bytes(), 4096).expect("small");
            prop_assert_eq!(table.total() as usize, naive(a.as_bytes(), b.as_bytes()));
            let runs = table.runs();
            prop_assert_eq!(runs.iter().map(|run| run.length).sum::<usize>(), table.total() as usize);
            for run in &runs {
                prop_assert_eq!(&a.as_bytes()[run.a..run.a + run.length], &b.as_bytes()[run.b..run.b + run.length]);
            }
            prop_assert!(runs.windows(2).all(|w| w[1].a + w[1].length <= w[0].a && w[1].b + w[1].length <= w[0].b));
        }
    }
}
