//! Switching the log off and on, and closing it.
//!
//! Off: "the log ends at L" is committed while the engine stands still, so that no change falls between the last logged
//! one and the manifest that says so. That takes two syncs; it happens when an operator asks for it.
//!
//! On: only asked for here. A snapshot of kind `LogStart` does it (see `snapshot.rs`): effects are recorded from its cut
//! on, but the log is `on` only once that snapshot is committed.

use std::io;
use std::sync::atomic::Ordering;

use esker_env::Files;
use esker_format::native::manifest::{LogState as ManifestLog, Manifest};
use esker_keyspace::Keyspace;

use crate::health::LogState;
use crate::publish::publish;
use crate::shared::{Book, Shared};
use crate::writer::{Trouble, Writer};
use crate::{Engine, Now};

/// Why the log could not be switched or closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwitchError {
    /// A sync is under way: complete it and try again.
    Busy,
    /// No segment is prepared: run the jobs and try again.
    Stalled,
    /// The log has failed and is not rescued yet.
    LogFailed,
    Io(String),
}

impl std::fmt::Display for SwitchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SwitchError::Busy => f.write_str("a sync of the log is under way"),
            SwitchError::Stalled => f.write_str("no space is prepared for the log"),
            SwitchError::LogFailed => f.write_str("the log has failed"),
            SwitchError::Io(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for SwitchError {}

impl From<Trouble> for SwitchError {
    fn from(trouble: Trouble) -> SwitchError {
        match trouble {
            Trouble::Stalled => SwitchError::Stalled,
            Trouble::Io(error) => SwitchError::Io(error.to_string()),
        }
    }
}

impl<F: Files> Shared<F> {
    pub(crate) fn start_log(&self) {
        let mut book = self.snapshots.lock();
        if self.status.log_state() != LogState::On {
            book.start_log = true;
            book.retry_after_us = 0;
        }
    }

    /// Commits the end of the log. When it returns an error the log is as it was, or has failed.
    pub(crate) fn stop_log<E: Engine>(&self, engine: &E, now: Now) -> Result<(), SwitchError> {
        let mut book = self.book.lock();
        let mut writer = self.writer.lock();
        self.snapshots.lock().start_log = false;
        match self.status.log_state() {
            LogState::Off => return Ok(()),
            LogState::Starting => {
                engine.with(|keyspace| self.forget_started_log(&mut writer, keyspace));
                return Ok(());
            }
            LogState::On if writer.failed || writer.held.is_some() => {
                return Err(SwitchError::LogFailed);
            }
            LogState::On if writer.sync_running => return Err(SwitchError::Busy),
            LogState::On => {}
        }
        self.pump(&mut writer, engine, now)?;
        engine.with(|keyspace| {
            let effects = keyspace.effects_mut();
            writer.push(Some(effects.take()));
            self.finish_log(&mut writer, now)?;
            self.commit_end(&mut book, &mut writer, now)?;
            keyspace.effects_mut().set_enabled(false);
            Ok::<(), SwitchError>(())
        })?;
        self.status.set_log_state(LogState::Off);
        Ok(())
    }

    /// Writes and syncs everything that was taken.
    fn finish_log(&self, writer: &mut Writer<F>, now: Now) -> Result<(), SwitchError> {
        let result = writer.drain(now);
        self.note_written(writer, result, now)?;
        #[cfg(feature = "sim")]
        if writer.fault == crate::PlantedFault::OffBeforeSync {
            return Ok(());
        }
        if self.sync_now(writer, now) {
            Ok(())
        } else {
            Err(SwitchError::LogFailed)
        }
    }

    fn commit_end(
        &self,
        book: &mut Book,
        writer: &mut Writer<F>,
        now: Now,
    ) -> Result<(), SwitchError> {
        let off = Manifest {
            generation: book.manifest.generation + 1,
            written: now.wall,
            durable_lsn: writer.end_lsn,
            log: ManifestLog::Off {
                end: writer.end_lsn,
            },
            ..book.manifest.clone()
        };
        let published = publish(&self.files, &off, self.publish_steps());
        book.manifest.generation = off.generation;
        if let Err(error) = published {
            self.take_back_end(book, writer, &error);
            return Err(SwitchError::Io(error.to_string()));
        }
        book.manifest = off;
        self.show_manifest(&book.manifest);
        writer.leave_broken();
        self.chores.lock().names.extend(writer.forget_prepared());
        Ok(())
    }

    /// A crash might find the manifest that ends the log, so nothing may be promised before one that goes on with it is
    /// durable.
    fn take_back_end(&self, book: &mut Book, writer: &mut Writer<F>, error: &io::Error) {
        #[cfg(feature = "sim")]
        if writer.fault == crate::PlantedFault::EndNotTakenBack {
            return;
        }
        let on = Manifest {
            generation: book.manifest.generation + 1,
            ..book.manifest.clone()
        };
        match publish(&self.files, &on, self.publish_steps()) {
            Ok(()) => book.manifest = on,
            Err(_) => {
                book.manifest.generation = on.generation;
                self.fail(writer, format!("writing the manifest failed: {error}"));
            }
        }
    }

    /// The log that was being started is given up; what it recorded was promised to nobody.
    pub(crate) fn forget_started_log(&self, writer: &mut Writer<F>, keyspace: &mut Keyspace) {
        let effects = keyspace.effects_mut();
        effects.set_enabled(false);
        let end = effects.take().end_lsn();
        writer.restart(end);
        writer.held = None;
        // A sync of that log may be under way: its result counts for nothing.
        self.status.next_epoch();
        self.status.set_log_state(LogState::Off);
        self.status.stalled.store(false, Ordering::Relaxed);
        self.status.unsynced_since_us.store(0, Ordering::Relaxed);
    }

    /// Ends the log in order: everything written and synced, and a mark that says so.
    pub(crate) fn close<E: Engine>(&self, engine: &E, now: Now) -> Result<(), SwitchError> {
        let mut writer = self.writer.lock();
        if self.status.log_state() != LogState::On {
            return Ok(());
        }
        if writer.failed || writer.held.is_some() {
            return Err(SwitchError::LogFailed);
        }
        if writer.sync_running {
            return Err(SwitchError::Busy);
        }
        self.pump(&mut writer, engine, now)?;
        if !self.sync_now(&mut writer, now) {
            return Err(SwitchError::LogFailed);
        }
        let marked = writer.mark(now, true).map(|()| 0);
        self.note_written(&mut writer, marked, now)?;
        if self.sync_now(&mut writer, now) {
            Ok(())
        } else {
            Err(SwitchError::LogFailed)
        }
    }
}
