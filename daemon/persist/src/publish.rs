//! Publishing a manifest: the one function that does the whole order.
//!
//! Write under a temporary name, sync, keep the one before, rename, sync the directory. The name `MANIFEST` never
//! vanishes: the previous one is copied, not moved. A failure in the middle leaves one question open, which of the two
//! manifests a crash would find; so a caller that fails here must keep everything that either of them names.

use std::io;

use esker_env::{FileOps, Files};
use esker_format::names;
use esker_format::native::manifest::Manifest;

use crate::segment::remove_if_there;

/// Makes `manifest` the one that counts.
pub(crate) fn publish<F: Files>(files: &F, manifest: &Manifest, steps: Steps) -> io::Result<()> {
    let temporary = names::temporary(names::MANIFEST);
    write_synced(files, &temporary, &manifest.encode(), steps.sync_temporary)?;
    if let Some(current) = files.open(names::MANIFEST)? {
        let copy = names::temporary(names::MANIFEST_PREV);
        write_synced(files, &copy, &current.read_all()?, true)?;
        files.rename(&copy, names::MANIFEST_PREV)?;
    }
    files.rename(&temporary, names::MANIFEST)?;
    if steps.sync_directory {
        files.sync_dir()
    } else {
        Ok(())
    }
}

/// Both true, always, outside the simulator.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    pub(crate) sync_temporary: bool,
    pub(crate) sync_directory: bool,
}

impl Steps {
    pub(crate) const ALL: Steps = Steps {
        sync_temporary: true,
        sync_directory: true,
    };
}

fn write_synced<F: Files>(files: &F, name: &str, bytes: &[u8], sync: bool) -> io::Result<()> {
    remove_if_there(files, name)?;
    let file = files.create(name)?;
    file.write_at(0, bytes)?;
    if sync { file.sync_data() } else { Ok(()) }
}
