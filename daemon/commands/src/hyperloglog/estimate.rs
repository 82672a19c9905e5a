//! From registers to a number: the estimator of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog
//! sketches" (arXiv 1702.01284).
//!
//! It sees only how many registers have which rank. The sums are done in the order in which other servers do them, so
//! that all answer the same number.

use super::REGISTERS;
use super::element::RANK_BITS;

/// 1 / (2 ln 2).
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// How many registers have each rank. A rank above what a hash can give only comes from bytes that no server wrote.
#[derive(Debug)]
pub(super) struct Histogram([u32; 64]);

impl Histogram {
    pub(super) fn new() -> Histogram {
        Histogram([0; 64])
    }

    pub(super) fn add(&mut self, rank: u8, count: usize) {
        self.0[usize::from(rank & 63)] += count as u32;
    }

    pub(super) fn estimate(&self) -> u64 {
        let registers = REGISTERS as f64;
        let at = |rank: u32| f64::from(self.0[rank as usize]);
        let mut z = registers * tau((registers - at(RANK_BITS + 1)) / registers);
        for rank in (1..=RANK_BITS).rev() {
            z = 0.5 * (z + at(rank));
        }
        z += registers * sigma(at(0) / registers);
        (ALPHA * registers * registers / z).round() as u64
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before == z {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if before == z {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_counts_as_nothing() {
        let mut histogram = Histogram::new();
        histogram.add(0, REGISTERS);
        assert_eq!(histogram.estimate(), 0);
    }

    #[test]
    fn full_registers_are_endless() {
        let mut histogram = Histogram::new();
        histogram.add(51, REGISTERS);
        assert!(histogram.estimate() > 1 << 60);
    }
}
