//! Background jobs: preparing the next segment, removing what was dropped, watching the free space.
//!
//! Each is taken under a lock, run without any, and completed under a lock; so they never hold anyone up, and a crash
//! may fall between any two. At most one of each kind is under way.

use std::io;
use std::sync::atomic::Ordering;

use esker_env::{Extents, Files};
use esker_format::names;

use crate::Now;
use crate::health::LogState;
use crate::options::SyncPolicy;
use crate::segment::{Prepared, create, recycle, remove_if_there};
use crate::shared::{Chores, Shared};
use crate::writer::{Sealed, Writer};

const RETRY_US: u64 = 1_000_000;
const PROBE_EVERY_US: u64 = 1_000_000;
/// While space is short it is looked at more often, so that service resumes soon.
const PROBE_LOW_US: u64 = 100_000;

/// A piece of background work. Run it, then complete it.
pub struct Job<F: Files> {
    files: F,
    work: Work<F>,
}

enum Work<F: Files> {
    Prepare {
        number: u64,
        bytes: u64,
        extents: Extents,
        old: Option<Sealed>,
        result: Option<io::Result<Prepared<F::File>>>,
    },
    RemoveSegment {
        segment: Sealed,
        result: Option<io::Result<()>>,
    },
    Remove {
        name: String,
        result: Option<io::Result<()>>,
    },
    Probe {
        result: Option<io::Result<u64>>,
    },
}

impl<F: Files> Job<F> {
    /// Does the work. Holds no lock.
    pub fn run(&mut self) {
        let files = &self.files;
        match &mut self.work {
            Work::Prepare {
                number,
                bytes,
                extents,
                old,
                result,
            } => {
                *result = Some(prepare(files, *number, *bytes, *extents, *old));
            }
            Work::RemoveSegment { segment, result } => {
                *result = Some(remove_if_there(files, &names::segment(segment.number)));
            }
            Work::Remove { name, result } => *result = Some(remove_if_there(files, name)),
            Work::Probe { result } => *result = Some(files.free_bytes()),
        }
    }

    /// A word for logs and traces.
    pub fn what(&self) -> &'static str {
        match &self.work {
            Work::Prepare { old: None, .. } => "prepare",
            Work::Prepare { .. } => "recycle",
            Work::RemoveSegment { .. } | Work::Remove { .. } => "remove",
            Work::Probe { .. } => "probe",
        }
    }
}

fn prepare<F: Files>(
    files: &F,
    number: u64,
    bytes: u64,
    extents: Extents,
    old: Option<Sealed>,
) -> io::Result<Prepared<F::File>> {
    if let Some(old) = old {
        // Anyone who pinned the file has linked it.
        let mine = files
            .link_count(&names::segment(old.number))
            .is_ok_and(|links| links == 1);
        if mine {
            if let Some(prepared) = recycle(files, old.number, number, bytes)? {
                return Ok(prepared);
            }
        } else {
            remove_if_there(files, &names::segment(old.number))?;
        }
    }
    create(files, number, bytes, extents)
}

impl<F: Files> Shared<F> {
    pub(crate) fn poll_job(&self, now: Now) -> Option<Job<F>> {
        let mut writer = self.writer.lock();
        let mut chores = self.chores.lock();
        let work = self
            .next_prepare(&mut writer, &mut chores, now)
            .or_else(|| next_removal(&mut chores, now))
            .or_else(|| next_probe(&mut chores, now))?;
        Some(Job {
            files: self.files.clone(),
            work,
        })
    }

    fn next_prepare(
        &self,
        writer: &mut Writer<F>,
        chores: &mut Chores,
        now: Now,
    ) -> Option<Work<F>> {
        let wanted = self.status.log_state() != LogState::Off || self.snapshots.lock().start_log;
        if !wanted
            || writer.prepared.is_some()
            || chores.preparing
            || now.monotonic_us < chores.prepare_after_us
        {
            return None;
        }
        chores.preparing = true;
        let options = self.options.lock();
        writer.segment_bytes = options.segment_bytes;
        let extents = match options.policy {
            SyncPolicy::Always => Extents::Written,
            SyncPolicy::Everysec | SyncPolicy::No => Extents::Reserved,
        };
        drop(options);
        let number = writer.next_number;
        writer.next_number += 1;
        let old = chores
            .segments
            .iter()
            .position(|old| old.bytes != 0)
            .and_then(|at| chores.segments.remove(at));
        Some(Work::Prepare {
            number,
            bytes: writer.segment_bytes,
            extents,
            old,
            result: None,
        })
    }

    pub(crate) fn complete_job(&self, job: Job<F>, now: Now) {
        let mut writer = self.writer.lock();
        let mut chores = self.chores.lock();
        match job.work {
            Work::Prepare { old, result, .. } => {
                chores.preparing = false;
                match result.expect("a job is run before it is completed") {
                    Ok(prepared) => self.accept(&mut writer, &mut chores, prepared),
                    Err(_) => {
                        // Nothing is lost yet: the writer stalls when it needs the segment. Try again soon.
                        chores.prepare_after_us = now.monotonic_us + RETRY_US;
                        chores
                            .segments
                            .extend(old.map(|old| Sealed { bytes: 0, ..old }));
                        if self.status.log_state() == LogState::On {
                            self.status.set_disk_low(true);
                        }
                    }
                }
            }
            Work::RemoveSegment { segment, result } => {
                chores.removing = false;
                if result.is_some_and(|result| result.is_err()) {
                    chores.remove_after_us = now.monotonic_us + RETRY_US;
                    chores.segments.push_back(segment);
                }
            }
            Work::Remove { name, result } => {
                chores.removing = false;
                if result.is_some_and(|result| result.is_err()) {
                    chores.remove_after_us = now.monotonic_us + RETRY_US;
                    chores.names.push_back(name);
                }
            }
            Work::Probe { result } => self.note_space(&writer, &mut chores, result, now),
        }
    }

    fn accept(&self, writer: &mut Writer<F>, chores: &mut Chores, prepared: Prepared<F::File>) {
        if self.status.log_state() == LogState::Off && !self.snapshots.lock().start_log {
            chores
                .names
                .push_back(names::temporary(&names::segment(prepared.number)));
            return;
        }
        self.status
            .recycled
            .fetch_add(u64::from(prepared.stale), Ordering::Relaxed);
        writer.prepared = Some(prepared);
    }

    fn note_space(
        &self,
        writer: &Writer<F>,
        chores: &mut Chores,
        result: Option<io::Result<u64>>,
        now: Now,
    ) {
        chores.probing = false;
        chores.probe_after_us = now.monotonic_us + PROBE_EVERY_US;
        // A disk that does not tell its space is taken to have some; the writes themselves will tell.
        let Some(Ok(free)) = result else { return };
        self.status.disk_free_bytes.store(free, Ordering::Relaxed);
        let reserve = self.options.lock().reserve_bytes;
        let logging = self.status.log_state() == LogState::On;
        let low = if self.status.is_disk_low() {
            free < reserve + reserve / 4 || (logging && writer.prepared.is_none())
        } else {
            free < reserve
        };
        self.status.set_disk_low(low && logging);
        if low {
            chores.probe_after_us = now.monotonic_us + PROBE_LOW_US;
            chores.prepare_after_us = chores.prepare_after_us.min(now.monotonic_us + PROBE_LOW_US);
        }
    }
}

fn next_removal<F: Files>(chores: &mut Chores, now: Now) -> Option<Work<F>> {
    if chores.removing || now.monotonic_us < chores.remove_after_us {
        return None;
    }
    let work = match chores.names.pop_front() {
        Some(name) => Work::Remove { name, result: None },
        None => Work::RemoveSegment {
            segment: chores.segments.pop_front()?,
            result: None,
        },
    };
    chores.removing = true;
    Some(work)
}

fn next_probe<F: Files>(chores: &mut Chores, now: Now) -> Option<Work<F>> {
    if chores.probing || now.monotonic_us < chores.probe_after_us {
        return None;
    }
    chores.probing = true;
    Some(Work::Probe { result: None })
}
