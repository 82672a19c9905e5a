//! What is in the data directory, by name.

use std::collections::BTreeSet;
use std::io;

use super::Source;
use crate::names::{self, FileName};
use crate::native::manifest::{LogState, Manifest};

/// The files of a data directory, sorted by what their names say.
pub(super) struct Directory {
    pub segments: BTreeSet<u64>,
    pub snapshots: BTreeSet<u64>,
    pub temporaries: Vec<String>,
    has_previous_manifest: bool,
    highest_temporary: u64,
}

impl Directory {
    pub fn list<S: Source>(source: &S) -> io::Result<Directory> {
        let mut directory = Directory {
            segments: BTreeSet::new(),
            snapshots: BTreeSet::new(),
            temporaries: Vec::new(),
            has_previous_manifest: false,
            highest_temporary: 0,
        };
        for name in source.list()? {
            match names::parse(&name) {
                FileName::Segment(number) => drop(directory.segments.insert(number)),
                FileName::Snapshot(number) => drop(directory.snapshots.insert(number)),
                FileName::Temporary => {
                    let number = names::number_of_temporary(&name).unwrap_or(0);
                    directory.highest_temporary = directory.highest_temporary.max(number);
                    directory.temporaries.push(name);
                }
                FileName::ManifestPrev => directory.has_previous_manifest = true,
                FileName::Manifest | FileName::Lock | FileName::Foreign => {}
            }
        }
        directory.temporaries.sort();
        Ok(directory)
    }

    /// Whether nothing shows that there ever was a dataset. The first manifest is durable before any other
    /// file is created, so a crash during birth leaves at most temporary files.
    pub fn holds_no_dataset(&self) -> bool {
        self.segments.is_empty() && self.snapshots.is_empty() && !self.has_previous_manifest
    }

    pub fn highest_number(&self) -> u64 {
        let last = |numbers: &BTreeSet<u64>| numbers.last().copied().unwrap_or(0);
        last(&self.segments)
            .max(last(&self.snapshots))
            .max(self.highest_temporary)
    }

    /// Segments and snapshots that neither the dataset nor its retained history need; `log` is what the audit
    /// found to be the log.
    pub fn orphans(&self, manifest: &Manifest, log: &[u64]) -> Vec<String> {
        let retained = match manifest.log {
            LogState::On => manifest.oldest_segment..manifest.first_segment,
            LogState::Off { .. } | LogState::Starting { .. } => {
                manifest.oldest_segment..manifest.first_segment.max(manifest.oldest_segment)
            }
        };
        let segments = self
            .segments
            .iter()
            .filter(|number| !log.contains(number) && !retained.contains(number))
            .map(|&number| names::segment(number));
        let named = |number: &u64| {
            manifest
                .snapshot
                .iter()
                .chain(&manifest.retained)
                .any(|snapshot| snapshot.number == *number)
        };
        let snapshots = self
            .snapshots
            .iter()
            .filter(|number| !named(number))
            .map(|&number| names::snapshot(number));
        segments.chain(snapshots).collect()
    }
}
