//! DEBUG RELOAD and LOADAOF: prove that the files hold what memory holds.
//!
//! Redis empties its memory and loads the file. Here the whole of recovery runs on a copy of the data
//! directory, into a second keyspace, and the digests of both are compared. Equal digests mean that
//! replacing one by the other would change nothing that a client can see, so nothing is replaced; a
//! difference is the error that the caller was looking for. Clients are paused meanwhile.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_env::real::{RealClock, RealFiles, entropy_seed};
use esker_persist::{Inline, LogState, Now, Persist, SnapshotReason};

use crate::background::Kind;
use crate::control::end_pause;
use crate::engine::Pause;
use crate::shared::Shared;
use crate::threads::load;
use crate::threads::snapshot::{self, Pace};

/// A copy can be overtaken by a manifest that drops files while they are copied.
const COPIES_MAX: usize = 5;

/// Runs on the snapshot thread. With `save` a snapshot is taken first.
pub fn reload(shared: &Arc<Shared>, save: bool) -> Result<(), String> {
    if shared.persist.log_state() != LogState::On && !save {
        return Err("there is no log to load, and a snapshot alone may be old".into());
    }
    let before = shared.engine.lock().pause.replace(Pause::OWN);
    let result = prove(shared, save);
    match before {
        Some(pause) => shared.engine.lock().pause = Some(pause),
        None => end_pause(shared),
    }
    result
}

fn prove(shared: &Arc<Shared>, save: bool) -> Result<(), String> {
    if save {
        snapshot::take(shared, SnapshotReason::Asked, Kind::Save, Pace::Urgent)?;
    }
    settle(shared)?;
    let expected = shared.engine.lock().keyspace.digest();
    let mut last = String::new();
    for attempt in 0..COPIES_MAX {
        let copy = Copy::new(shared, attempt)
            .map_err(|error| format!("the data directory cannot be copied: {error}"))?;
        match recover(shared, copy.path()) {
            Ok(digest) if digest == expected => return Ok(()),
            Ok(digest) => {
                return Err(format!(
                    "the files hold {digest:032x}, memory holds {expected:032x}"
                ));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Waits until everything executed is written.
fn settle(shared: &Shared) -> Result<(), String> {
    const TURNS_MAX: usize = 10_000;
    for _ in 0..TURNS_MAX {
        if shared.persist.log_state() == LogState::Off {
            return Ok(());
        }
        let written = shared.commit_tick().written;
        if written >= shared.engine.lock().keyspace.effects().end_lsn().0 {
            return Ok(());
        }
        shared.log_signal.raise();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Err("the log does not get written".into())
}

fn recover(shared: &Shared, directory: &Path) -> Result<u128, String> {
    let settings = shared.settings();
    let files = RealFiles::open(directory).map_err(|error| error.to_string())?;
    let mut options = load::persist_options(&settings);
    options.log = shared.persist.log_state() != LogState::Off;
    let keyspace = load::keyspace_options(&settings);
    let now = Now::read(&RealClock::new());
    let (_, keyspace, _) = Persist::open(files, options, keyspace, &Inline, entropy_seed(), now)
        .map_err(|error| error.to_string())?;
    Ok(keyspace.digest())
}

/// A copy of the data directory beside it, removed with its guard.
struct Copy {
    path: PathBuf,
}

impl Copy {
    fn new(shared: &Shared, attempt: usize) -> io::Result<Copy> {
        let settings = shared.settings();
        let source = Path::new(&settings.persistence.dir).join(&settings.persistence.appenddirname);
        let path = source.with_extension(format!("reload-{}-{attempt}", std::process::id()));
        fs::create_dir_all(&path)?;
        let copy = Copy { path };
        // The manifest first: every file that it names exists now, or is dropped by a later one.
        fs::copy(source.join("MANIFEST"), copy.path.join("MANIFEST"))?;
        for entry in fs::read_dir(&source)? {
            let name = entry?.file_name();
            let is_data = [".seg", ".snap"]
                .iter()
                .any(|end| name.to_string_lossy().ends_with(end));
            if is_data {
                match fs::copy(source.join(&name), copy.path.join(&name)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(copy)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "a copy made by DEBUG RELOAD could not be removed");
        }
    }
}
