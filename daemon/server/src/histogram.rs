//! A histogram of durations with a fixed error: eight buckets for each power of two.
//!
//! Any percentile is at most an eighth above the true value. One histogram takes 1.3 KiB.

const SUB_BITS: u32 = 3;
const SUBS: usize = 1 << SUB_BITS;
/// Up to 2^40 ns, 18 minutes; what is longer counts there.
const POWERS: usize = 40;
const BUCKETS: usize = POWERS * SUBS;

#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u32; BUCKETS]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            counts: Box::new([0; BUCKETS]),
            total: 0,
        }
    }
}

/// Where a value is counted; computed once for values that are counted in several histograms.
#[derive(Clone, Copy, Debug)]
pub struct Bucket(usize);

impl Bucket {
    pub fn of(value: u64) -> Bucket {
        Bucket(bucket(value))
    }
}

impl Histogram {
    pub fn record(&mut self, value: u64) {
        self.count(Bucket::of(value));
    }

    #[inline]
    pub fn count(&mut self, bucket: Bucket) {
        let count = &mut self.counts[bucket.0];
        *count = count.saturating_add(1);
        self.total += 1;
    }

    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The upper end of the bucket that holds the percentile (0 to 100); 0 when nothing was recorded.
    pub fn percentile(&self, percent: f64) -> u64 {
        let rank = ((percent / 100.0 * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return upper_end(index);
            }
        }
        0
    }
}

/// Values below `2 * SUBS` have buckets of their own; above, the top bits choose.
fn bucket(value: u64) -> usize {
    let power = value.max(1).ilog2();
    if power <= SUB_BITS {
        return value as usize;
    }
    let sub = (value >> (power - SUB_BITS)) as usize & (SUBS - 1);
    ((power - SUB_BITS + 1) as usize * SUBS + sub).min(BUCKETS - 1)
}

fn upper_end(bucket: usize) -> u64 {
    if bucket < 2 * SUBS {
        return bucket as u64;
    }
    let power = (bucket / SUBS) as u32 - 1;
    let low = ((SUBS + bucket % SUBS) as u64) << power;
    low + (1 << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_contiguous_and_narrow() {
        let mut last = 0;
        for value in 0..100_000 {
            let index = bucket(value);
            assert!(index == last || index == last + 1, "{value}");
            last = index;
            let end = upper_end(index);
            assert!(
                end >= value && end - value <= value / 8 + 1,
                "{value} {end}"
            );
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50.0), 0);
        (1..=1000).for_each(|value| histogram.record(value));
        for (percent, expected) in [(50.0, 500), (99.0, 990), (100.0, 1000), (0.0, 1)] {
            let got = histogram.percentile(percent);
            assert!(
                got >= expected && got <= expected + expected / 8 + 1,
                "{percent}: {got}"
            );
        }
    }
}
