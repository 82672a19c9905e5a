//! Counters behind INFO stats, commandstats, errorstats and latencystats, and CONFIG RESETSTAT.
//!
//! They live under the engine lock and are plain integers; what the I/O threads count without the
//! lock (bytes, reads) is added once per tick.

use std::collections::BTreeMap;

use crate::histogram::{Bucket, Histogram};
use crate::table::RowId;

/// One row's counters.
#[derive(Clone, Default, Debug)]
pub struct CommandStats {
    pub calls: u64,
    /// Execution time. A batch is timed as a whole and shared out among its commands.
    pub nanos: u64,
    pub rejected: u64,
    pub failed: u64,
    /// Of the shares above; made when the row is first executed.
    pub latency: Option<Histogram>,
}

#[derive(Default, Debug)]
pub struct Stats {
    /// Indexed by the row's index in `table::TABLE`.
    pub commands: Vec<CommandStats>,
    /// By error prefix ("ERR", "WRONGTYPE", …); bounded, see `count_error`.
    pub errors: BTreeMap<String, u64>,
    pub errors_total: u64,
    pub auth_failures: u64,
    pub connections: u64,
    pub commands_total: u64,
    pub net_in_bytes: u64,
    pub net_out_bytes: u64,
    pub reads: u64,
    pub writes: u64,
    pub output_limit_closed: u64,
    pub query_limit_closed: u64,
    /// Most clients at once since the start.
    pub clients_peak: usize,
    pub samples: Samples,
    /// `latency-tracking`.
    pub tracks_latency: bool,
    /// Rows executed since the clock was last read, to share the time among.
    pub batch: Vec<RowId>,
}

/// More distinct prefixes than this and new ones are counted in total only.
const ERROR_KINDS_MAX: usize = 128;

impl Stats {
    pub fn for_rows(rows: usize) -> Stats {
        Stats {
            commands: vec![CommandStats::default(); rows],
            tracks_latency: true,
            ..Stats::default()
        }
    }

    /// Shares the time of a slice out among the commands that it executed.
    pub fn account(&mut self, nanos: u64) {
        let count = self.batch.len() as u64;
        if count == 0 {
            return;
        }
        self.commands_total += count;
        let share = nanos / count;
        let bucket = Bucket::of(share);
        for id in self.batch.drain(..) {
            let row = &mut self.commands[id.index()];
            row.nanos += share;
            if self.tracks_latency {
                row.latency
                    .get_or_insert_with(Histogram::default)
                    .count(bucket);
            }
        }
    }

    /// Counts an error reply by its first word.
    pub fn count_error_line(&mut self, line: &[u8]) {
        let code = line.split(|b| *b == b' ').next().unwrap_or_default();
        self.count_error(&String::from_utf8_lossy(code));
    }

    pub fn count_error(&mut self, prefix: &str) {
        self.errors_total += 1;
        if let Some(n) = self.errors.get_mut(prefix) {
            *n += 1;
        } else if self.errors.len() < ERROR_KINDS_MAX {
            self.errors.insert(prefix.to_owned(), 1);
        }
    }

    /// Takes a sample of the totals, ten times a second.
    pub fn sample(&mut self, now_ms: i64) {
        self.samples.take(
            now_ms,
            [self.commands_total, self.net_in_bytes, self.net_out_bytes],
        );
    }

    /// CONFIG RESETSTAT: everything but what is in the middle of being counted.
    pub fn reset(&mut self) {
        let rows = self.commands.len();
        *self = Stats {
            tracks_latency: self.tracks_latency,
            batch: std::mem::take(&mut self.batch),
            ..Stats::for_rows(rows)
        };
    }
}

const SAMPLES: usize = 16;

/// A ring of rates per second over tenths of a second: commands, bytes in, bytes out.
#[derive(Default, Debug)]
pub struct Samples {
    rates: [[u64; SAMPLES]; 3],
    next: usize,
    last: Option<(i64, [u64; 3])>,
}

impl Samples {
    fn take(&mut self, now_ms: i64, totals: [u64; 3]) {
        if let Some((then_ms, before)) = self.last {
            let elapsed_ms = (now_ms - then_ms).max(1) as u64;
            for (i, ring) in self.rates.iter_mut().enumerate() {
                ring[self.next] = totals[i].saturating_sub(before[i]) * 1000 / elapsed_ms;
            }
            self.next = (self.next + 1) % SAMPLES;
        }
        self.last = Some((now_ms, totals));
    }

    pub fn ops_per_second(&self) -> u64 {
        mean(&self.rates[0])
    }

    pub fn bytes_in_per_second(&self) -> u64 {
        mean(&self.rates[1])
    }

    pub fn bytes_out_per_second(&self) -> u64 {
        mean(&self.rates[2])
    }
}

fn mean(ring: &[u64; SAMPLES]) -> u64 {
    ring.iter().sum::<u64>() / SAMPLES as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_means_over_the_ring() {
        let mut samples = Samples::default();
        for tenth in 0..=SAMPLES as i64 {
            samples.take(tenth * 100, [tenth as u64 * 10, tenth as u64 * 1000, 0]);
        }
        assert_eq!(samples.ops_per_second(), 100);
        assert_eq!(samples.bytes_in_per_second(), 10_000);
        assert_eq!(samples.bytes_out_per_second(), 0);
    }

    #[test]
    fn error_kinds_are_bounded() {
        let mut stats = Stats::default();
        (0..200).for_each(|n| stats.count_error_line(format!("E{n} text").as_bytes()));
        stats.count_error_line(b"E0 again");
        assert_eq!(
            (stats.errors.len(), stats.errors_total, stats.errors["E0"]),
            (ERROR_KINDS_MAX, 201, 2)
        );
    }

    #[test]
    fn a_reset_keeps_the_rows() {
        let mut stats = Stats::for_rows(3);
        stats.tracks_latency = false;
        stats.commands[1].calls = 5;
        stats.count_error("ERR");
        stats.reset();
        assert_eq!(
            (
                stats.commands.len(),
                stats.commands[1].calls,
                stats.errors_total
            ),
            (3, 0, 0)
        );
        assert!(!stats.tracks_latency);
    }
}
