//! What a new manifest keeps, what it drops, and when the dropped files go.
//!
//! A snapshot is kept for `retain_ms` after the next one superseded it, with the segments that lead from it to the next
//! one, within a budget of bytes. Everything else is dropped with the manifest that supersedes it. Files are removed, or
//! segments recycled, only by chores that are queued after that manifest is durable.

use esker_env::Files;
use esker_format::native::manifest::{Manifest, SnapshotRef};
use esker_format::{UnixMs, names};

use crate::publish::Steps;
use crate::shared::{Book, Shared};
use crate::writer::Writer;

impl<F: Files> Shared<F> {
    /// Puts `snapshot` in the place of the present one, and decides what of the past stays.
    pub(crate) fn retain(&self, next: &mut Manifest, snapshot: SnapshotRef, now: UnixMs) {
        let (retain_ms, bytes_max) = {
            let options = self.options.lock();
            (options.retain_ms, options.retain_bytes_max)
        };
        if let Some(old) = next.snapshot.replace(snapshot) {
            next.retained.push(old);
        }
        let keep_from = now.0.saturating_sub(retain_ms);
        while let Some(oldest) = next.retained.first() {
            let superseded = next.retained.get(1).unwrap_or(&snapshot).cut_at;
            let bytes: u64 = next.retained.iter().map(|kept| kept.file_bytes).sum();
            let segments = next.first_segment.saturating_sub(oldest.first_segment);
            let log_bytes = segments.saturating_mul(self.options.lock().segment_bytes);
            if retain_ms > 0
                && superseded.0 >= keep_from
                && bytes.saturating_add(log_bytes) <= bytes_max
            {
                break;
            }
            next.retained.remove(0);
        }
        let live = if next.first_segment == 0 {
            next.next_number
        } else {
            next.first_segment
        };
        let kept = next
            .retained
            .iter()
            .map(|kept| kept.first_segment)
            .filter(|&number| number != 0);
        next.oldest_segment = kept.min().unwrap_or(live).min(live);
    }

    /// Puts a durable manifest in force. Returns the names of the snapshots that it drops.
    pub(crate) fn dropped_by(&self, book: &mut Book, next: Manifest) -> Vec<String> {
        let before = std::mem::replace(&mut book.manifest, next);
        let named = |number: u64| {
            let manifest = &book.manifest;
            manifest
                .snapshot
                .iter()
                .chain(&manifest.retained)
                .any(|kept| kept.number == number)
        };
        let old = before
            .snapshot
            .iter()
            .chain(&before.retained)
            .map(|dropped| dropped.number);
        let doubtful = std::mem::take(&mut book.doubtful);
        old.chain(doubtful)
            .filter(|&number| !named(number))
            .map(names::snapshot)
            .collect()
    }

    /// Queues what the manifest in force has dropped.
    pub(crate) fn queue_removals(
        &self,
        writer: &mut Writer<F>,
        manifest: &Manifest,
        snapshots: Vec<String>,
    ) {
        let mut chores = self.chores.lock();
        chores.names.extend(snapshots);
        writer.sealed.retain(|sealed| {
            let kept = sealed.number >= manifest.oldest_segment;
            if !kept {
                chores.segments.push_back(*sealed);
            }
            kept
        });
    }

    #[cfg(not(feature = "sim"))]
    pub(crate) fn publish_steps(&self) -> Steps {
        Steps::ALL
    }

    #[cfg(feature = "sim")]
    pub(crate) fn publish_steps(&self) -> Steps {
        use crate::PlantedFault;
        let fault = self.options.lock().fault;
        Steps {
            sync_temporary: fault != PlantedFault::NoTempSync,
            sync_directory: fault != PlantedFault::NoDirSyncAfterRename,
        }
    }

    #[cfg(feature = "sim")]
    pub(crate) fn plant_early_removal(&self, next: &Manifest) -> std::io::Result<()> {
        let book_snapshot = names::snapshot;
        for name in self.files.list()? {
            let gone = match names::parse(&name) {
                names::FileName::Segment(number) => number < next.oldest_segment,
                names::FileName::Snapshot(number) => next
                    .snapshot
                    .is_some_and(|kept| name != book_snapshot(kept.number) && number < kept.number),
                _ => false,
            };
            if gone {
                self.files.remove(&name)?;
            }
        }
        Ok(())
    }
}
