//! The 24 access bits of an entry: an LRU clock in seconds, or an LFU counter with the minute of its last decay.
//!
//! Both are what `OBJECT IDLETIME`, `OBJECT FREQ` and eviction go by. They never reach the log or a snapshot.

use esker_format::UnixMs;

const CLOCK_MASK: u32 = 0xFF_FFFF;
/// New keys start here so that they survive long enough to be counted.
const LFU_INITIAL: u32 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessPolicy {
    /// Bits hold the second of the last access, modulo 2^24 (194 days).
    Lru,
    /// Bits hold the minute of the last decay (16) and a logarithmic counter (8).
    Lfu { log_factor: u32, decay_minutes: u32 },
}

impl AccessPolicy {
    pub(crate) fn initial(self, now: UnixMs) -> u32 {
        match self {
            AccessPolicy::Lru => seconds(now),
            AccessPolicy::Lfu { .. } => minutes(now) << 8 | LFU_INITIAL,
        }
    }

    /// The bits after one more access. `random` is uniform.
    #[inline]
    pub(crate) fn touched(self, access: u32, now: UnixMs, random: impl FnOnce() -> u64) -> u32 {
        match self {
            AccessPolicy::Lru => seconds(now),
            AccessPolicy::Lfu { log_factor, .. } => {
                let counter = self.frequency(access, now);
                minutes(now) << 8 | increment(counter, log_factor, random())
            }
        }
    }

    /// The decayed LFU counter; only meaningful under [`AccessPolicy::Lfu`].
    pub fn frequency(self, access: u32, now: UnixMs) -> u32 {
        let AccessPolicy::Lfu { decay_minutes, .. } = self else {
            return 0;
        };
        let counter = access & 0xFF;
        let elapsed = minutes(now).wrapping_sub(access >> 8) & 0xFFFF;
        match elapsed.checked_div(decay_minutes) {
            Some(periods) => counter.saturating_sub(periods),
            None => counter,
        }
    }

    /// Seconds since the last access; only meaningful under [`AccessPolicy::Lru`].
    pub fn idle_seconds(self, access: u32, now: UnixMs) -> u32 {
        match self {
            AccessPolicy::Lru => seconds(now).wrapping_sub(access) & CLOCK_MASK,
            AccessPolicy::Lfu { .. } => 0,
        }
    }

    /// The bits of an entry that was last used `idle` seconds ago, or that has counter `freq`.
    pub(crate) fn restored(self, now: UnixMs, idle: Option<u32>, freq: Option<u8>) -> u32 {
        match (self, idle, freq) {
            (AccessPolicy::Lru, Some(idle), _) => seconds(now).wrapping_sub(idle) & CLOCK_MASK,
            (AccessPolicy::Lfu { .. }, _, Some(freq)) => minutes(now) << 8 | u32::from(freq),
            _ => self.initial(now),
        }
    }
}

fn seconds(now: UnixMs) -> u32 {
    (now.0 / 1000) as u32 & CLOCK_MASK
}

fn minutes(now: UnixMs) -> u32 {
    (now.0 / 60_000) as u32 & 0xFFFF
}

/// The counter grows by one with probability 1 / ((counter - initial) * factor + 1).
fn increment(counter: u32, log_factor: u32, random: u64) -> u32 {
    if counter >= 255 {
        return 255;
    }
    let base = u64::from(counter.saturating_sub(LFU_INITIAL));
    let odds = base * u64::from(log_factor) + 1;
    if random.is_multiple_of(odds) {
        counter + 1
    } else {
        counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_wraps_with_the_clock() {
        let lru = AccessPolicy::Lru;
        let then = lru.initial(UnixMs(1000 * (0xFF_FFFF - 5)));
        assert_eq!(lru.idle_seconds(then, UnixMs(1000 * (0xFF_FFFF + 5))), 10);
    }

    #[test]
    fn frequency_grows_slowly_and_decays() {
        let lfu = AccessPolicy::Lfu {
            log_factor: 10,
            decay_minutes: 1,
        };
        let mut access = lfu.initial(UnixMs(0));
        for turn in 0..1000_u64 {
            access = lfu.touched(access, UnixMs(0), || {
                turn.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 8
            });
        }
        let hot = lfu.frequency(access, UnixMs(0));
        assert!((8..40).contains(&hot), "1000 hits count as {hot}");
        assert_eq!(lfu.frequency(access, UnixMs(3 * 60_000)), hot - 3);
    }
}
