//! Which snapshot runs in the background, and what became of the earlier ones, as commands and INFO see it.
//!
//! It lives under the engine lock, so that BGSAVE is visible from its reply on. The control thread
//! calls `begin` for snapshots that nobody asked for, and `finish` for all.

/// What a snapshot is called by who asked for it; on disk they are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// SAVE, BGSAVE and `save` rules.
    Save,
    /// BGREWRITEAOF and growth of the log.
    Rewrite,
}

/// The past of one kind.
#[derive(Clone, Copy, Default, Debug)]
pub struct Past {
    pub count: u64,
    pub last_failed: bool,
    pub consecutive_failures: u64,
    /// How long the last one took.
    pub last_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    kind: Kind,
    since_ms: i64,
    changes: u64,
}

#[derive(Clone, Copy, Default, Debug)]
pub struct Background {
    running: Option<Running>,
    scheduled: Option<Kind>,
    pub saves: Past,
    pub rewrites: Past,
    /// The count of changes (`Keyspace::stats`) that the last snapshot holds.
    pub changes_saved: u64,
}

impl Background {
    pub fn running(&self) -> Option<Kind> {
        self.running.map(|running| running.kind)
    }

    /// For how long it has been running.
    pub fn running_ms(&self, kind: Kind, now_ms: i64) -> Option<i64> {
        self.running
            .filter(|running| running.kind == kind)
            .map(|running| now_ms - running.since_ms)
    }

    pub fn scheduled(&self) -> Option<Kind> {
        self.scheduled
    }

    /// `changes` is the keyspace's count at this moment.
    pub fn begin(&mut self, kind: Kind, now_ms: i64, changes: u64) {
        self.running = Some(Running {
            kind,
            since_ms: now_ms,
            changes,
        });
    }

    /// To be started when the running one ends.
    pub fn schedule(&mut self, kind: Kind) {
        self.scheduled = Some(kind);
    }

    /// The running one ended. What was scheduled is returned, for the caller to `begin` and start.
    pub fn finish(&mut self, ok: bool, now_ms: i64) -> Option<Kind> {
        if let Some(running) = self.running.take() {
            let past = match running.kind {
                Kind::Save => &mut self.saves,
                Kind::Rewrite => &mut self.rewrites,
            };
            past.count += 1;
            past.last_failed = !ok;
            past.consecutive_failures = if ok { 0 } else { past.consecutive_failures + 1 };
            past.last_ms = Some(now_ms - running.since_ms);
            if ok {
                self.changes_saved = running.changes;
            }
        }
        self.scheduled.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduled_snapshot_follows_the_running_one() {
        let mut background = Background::default();
        background.begin(Kind::Rewrite, 1000, 7);
        background.schedule(Kind::Save);
        assert_eq!(
            (background.running(), background.scheduled()),
            (Some(Kind::Rewrite), Some(Kind::Save))
        );
        assert_eq!(background.running_ms(Kind::Rewrite, 1500), Some(500));
        assert_eq!(background.finish(true, 3000), Some(Kind::Save));
        assert_eq!((background.running(), background.scheduled()), (None, None));
        assert_eq!(
            (background.rewrites.count, background.rewrites.last_ms),
            (1, Some(2000))
        );
        assert_eq!(background.changes_saved, 7);
    }

    #[test]
    fn a_failure_saves_no_changes() {
        let mut background = Background::default();
        background.begin(Kind::Save, 0, 9);
        assert_eq!(background.finish(false, 10), None);
        assert!(background.saves.last_failed);
        assert_eq!(
            (
                background.changes_saved,
                background.saves.consecutive_failures
            ),
            (0, 1)
        );
    }
}
