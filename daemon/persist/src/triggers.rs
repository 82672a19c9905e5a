//! When a snapshot is due: decided here, asked for by the server's cron.

use std::sync::atomic::Ordering;

use esker_env::Files;

use crate::Now;
use crate::health::{LogState, SnapshotReason};
use crate::options::Options;
use crate::shared::{Shared, SnapshotBook};

/// A compaction for lack of space is not repeated more often than this.
const LOW_DISK_EVERY_US: u64 = 60_000_000;
const REST_FACTOR: u64 = 10;
const REST_US_MIN: u64 = 10_000_000;
const IMPATIENT_FACTOR: u64 = 8;

impl<F: Files> Shared<F> {
    /// The most urgent reason for a snapshot, if there is one. `changes` counts changes since the last one began.
    pub(crate) fn snapshot_wanted(&self, now: Now, changes: u64) -> Option<SnapshotReason> {
        let log = self.status.log_state();
        let failed = self.status.is_failed();
        let log_bytes = self.log_bytes();
        let options = self.options.lock();
        let mut book = self.snapshots.lock();
        // What made an ordinary snapshot fail may be the very failure that a rescue repairs: it does not wait for that.
        let after_us = if failed {
            book.rescue_after_us
        } else {
            book.retry_after_us
        };
        if book.running || now.monotonic_us < after_us {
            return None;
        }
        if failed {
            return (log == LogState::On).then_some(SnapshotReason::Rescue);
        }
        if book.start_log && log == LogState::Off {
            return Some(SnapshotReason::LogStart);
        }
        let rested = now.monotonic_us >= book.grown_after_us;
        if log == LogState::On && grown(&options, book.base_bytes, log_bytes, rested) {
            return Some(SnapshotReason::LogGrowth);
        }
        if log == LogState::On && self.disk_is_tight(&options, &mut book, log_bytes, now) {
            return Some(SnapshotReason::DiskLow);
        }
        save_due(&options, &book, now, changes).then_some(SnapshotReason::SaveRule)
    }

    /// Log bytes behind the cut of the last snapshot.
    pub(crate) fn log_bytes(&self) -> u64 {
        let cut = self.status.cut_lsn.load(Ordering::Relaxed);
        self.status.written_lsn().0.saturating_sub(cut)
    }

    fn disk_is_tight(
        &self,
        options: &Options,
        book: &mut SnapshotBook,
        log_bytes: u64,
        now: Now,
    ) -> bool {
        let free = self.status.disk_free_bytes.load(Ordering::Relaxed);
        let worth_it = log_bytes >= options.segment_bytes;
        let due = free < options.reserve_bytes.saturating_mul(2) && worth_it;
        if !due || now.monotonic_us < book.low_disk_after_us {
            return false;
        }
        book.low_disk_after_us = now.monotonic_us + LOW_DISK_EVERY_US;
        true
    }
}

/// How long, in microseconds, growth asks for nothing after a snapshot that took `duration_ms`: under a steady load
/// the server shall not spend more than a small part of its time on compaction.
pub(crate) fn rest_after(duration_ms: u64) -> u64 {
    (duration_ms * 1000 * REST_FACTOR).max(REST_US_MIN)
}

/// Whether snapshot and log together have outgrown the snapshot. Before the last one has `rested`, only a log that is
/// several times too long counts: it would make the next start slow.
fn grown(options: &Options, base_bytes: u64, log_bytes: u64, rested: bool) -> bool {
    let patience = if rested { 1 } else { IMPATIENT_FACTOR };
    if options.rewrite_percentage == 0
        || base_bytes.saturating_add(log_bytes) / patience < options.rewrite_min_bytes
    {
        return false;
    }
    let base = u128::from(base_bytes.max(1)) * u128::from(patience);
    u128::from(log_bytes) * 100 / base >= u128::from(options.rewrite_percentage)
}

fn save_due(options: &Options, book: &SnapshotBook, now: Now, changes: u64) -> bool {
    let seconds = now.wall.0.saturating_sub(book.info.last_ok_ms).max(0) as u64 / 1000;
    changes > 0
        && options
            .save_rules
            .iter()
            .any(|rule| changes >= rule.changes && seconds >= rule.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_measured_against_the_last_snapshot() {
        let options = Options {
            rewrite_percentage: 100,
            rewrite_min_bytes: 1000,
            ..Options::default()
        };
        assert!(!grown(&options, 0, 999, true));
        assert!(grown(&options, 0, 1000, true));
        assert!(!grown(&options, 1000, 999, true));
        assert!(grown(&options, 1000, 1000, true));
        assert!(!grown(
            &Options {
                rewrite_percentage: 0,
                ..options
            },
            0,
            u64::MAX,
            true
        ));
    }

    #[test]
    fn right_after_a_snapshot_only_a_much_longer_log_counts() {
        let options = Options {
            rewrite_percentage: 100,
            rewrite_min_bytes: 1000,
            ..Options::default()
        };
        assert!(!grown(&options, 0, 7999, false));
        assert!(grown(&options, 0, 8000, false));
        assert!(!grown(&options, 2000, 15_999, false));
        assert!(grown(&options, 2000, 16_000, false));
        assert_eq!((rest_after(10), rest_after(5000)), (10_000_000, 50_000_000));
    }
}
