//! When to start the next sync: the pacing of group commit, as a pure function of time.
//!
//! `always`: a sync releases a cohort of clients, and most of them send their next write at once. If syncs are short,
//! starting the next one immediately costs nothing. If they are long, starting too early splits the cohort: half of it
//! waits for a whole further sync. So wait for as many changes as the last sync released, but never longer than half of
//! what a sync takes.
//!
//! `everysec`: one sync a second, counted from start to start. `no`: nobody waits, and the operating system writes when
//! it likes; a sync every half minute, which finds little left to do, only lets recovery know what it may trust.

use crate::options::SyncPolicy;

/// Syncs shorter than this are not worth waiting for company.
const SHORT_SYNC_US: u64 = 200;
const EVERYSEC_US: u64 = 1_000_000;
const NO_POLICY_US: u64 = 30_000_000;

/// What the log thread shall do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPlan {
    /// Nothing is waiting for a sync.
    Idle,
    /// Start one.
    Now,
    /// Ask again at this monotonic time, or earlier when more was written.
    At(u64),
}

/// Owned by whoever runs the syncs.
#[derive(Clone, Debug, Default)]
pub struct GroupCommit {
    started_us: u64,
    ended_us: u64,
    sync_us: u64,
    /// Replies that the last sync let go.
    cohort: u64,
    ever: bool,
}

impl GroupCommit {
    pub fn new() -> GroupCommit {
        GroupCommit::default()
    }

    pub fn sync_started(&mut self, now_us: u64) {
        self.started_us = now_us;
        self.ever = true;
    }

    /// `released` is how many replies the sync let go.
    pub fn sync_ended(&mut self, now_us: u64, released: u64) {
        self.ended_us = now_us;
        self.sync_us = now_us.saturating_sub(self.started_us);
        self.cohort = released;
    }

    /// `waiting` is how many replies wait for durability; `unsynced` whether anything was written since the last sync.
    pub fn plan(&self, policy: SyncPolicy, now_us: u64, unsynced: bool, waiting: u64) -> SyncPlan {
        if !unsynced {
            return SyncPlan::Idle;
        }
        // A client may ask for more than the policy of the server.
        if waiting > 0 || policy == SyncPolicy::Always {
            return self.plan_always(now_us, waiting);
        }
        match policy {
            SyncPolicy::Always | SyncPolicy::Everysec => {
                at_or_now(self.next_start(EVERYSEC_US), now_us)
            }
            SyncPolicy::No => at_or_now(self.next_start(NO_POLICY_US), now_us),
        }
    }

    fn plan_always(&self, now_us: u64, waiting: u64) -> SyncPlan {
        if self.sync_us < SHORT_SYNC_US || waiting >= self.cohort {
            return SyncPlan::Now;
        }
        at_or_now(self.ended_us + self.sync_us / 2, now_us)
    }

    fn next_start(&self, period_us: u64) -> u64 {
        if self.ever {
            self.started_us + period_us
        } else {
            0
        }
    }
}

fn at_or_now(due_us: u64, now_us: u64) -> SyncPlan {
    if now_us >= due_us {
        SyncPlan::Now
    } else {
        SyncPlan::At(due_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_sync(sync_us: u64, released: u64) -> GroupCommit {
        let mut group = GroupCommit::new();
        group.sync_started(10_000);
        group.sync_ended(10_000 + sync_us, released);
        group
    }

    #[test]
    fn short_syncs_follow_each_other() {
        let group = after_sync(100, 50);
        assert_eq!(
            group.plan(SyncPolicy::Always, 10_101, true, 1),
            SyncPlan::Now
        );
        assert_eq!(
            group.plan(SyncPolicy::Always, 10_101, false, 0),
            SyncPlan::Idle
        );
    }

    #[test]
    fn long_syncs_wait_for_the_cohort_up_to_half() {
        let group = after_sync(4000, 50);
        assert_eq!(
            group.plan(SyncPolicy::Always, 14_001, true, 3),
            SyncPlan::At(16_000)
        );
        assert_eq!(
            group.plan(SyncPolicy::Always, 14_001, true, 50),
            SyncPlan::Now
        );
        assert_eq!(
            group.plan(SyncPolicy::Always, 16_000, true, 3),
            SyncPlan::Now
        );
    }

    #[test]
    fn everysec_counts_from_start_to_start() {
        let group = after_sync(300_000, 0);
        assert_eq!(
            group.plan(SyncPolicy::Everysec, 400_000, true, 0),
            SyncPlan::At(1_010_000)
        );
        assert_eq!(
            group.plan(SyncPolicy::Everysec, 1_010_000, true, 0),
            SyncPlan::Now
        );
        assert_eq!(
            GroupCommit::new().plan(SyncPolicy::Everysec, 5, true, 0),
            SyncPlan::Now
        );
    }

    #[test]
    fn a_client_may_ask_for_more_than_the_policy() {
        let group = after_sync(100, 0);
        assert_eq!(
            group.plan(SyncPolicy::No, 10_200, true, 0),
            SyncPlan::At(30_010_000)
        );
        assert_eq!(group.plan(SyncPolicy::No, 10_200, true, 1), SyncPlan::Now);
    }
}
