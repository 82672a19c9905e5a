//! The simulated disk behind the traits of the outside world.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::directory::InodeId;
use super::disk::SimDisk;
use super::state::{OpenToken, State};
use crate::{Extents, FileOps, Files, SyncOp};

/// An open file of a [`SimDisk`].
#[derive(Clone, Debug)]
pub struct SimFile {
    state: Arc<Mutex<State>>,
    life: u64,
    inode: InodeId,
    _open: Arc<OpenToken>,
}

/// A submitted sync: covers what was written before it, and perhaps some of what followed.
#[derive(Debug)]
pub struct SimSync {
    file: SimFile,
    covered: io::Result<u64>,
}

/// The lock of the directory; free again when dropped or when its process is gone.
#[derive(Debug)]
pub struct SimLock {
    state: Arc<Mutex<State>>,
    life: u64,
}

impl Files for SimDisk {
    type File = SimFile;
    type Lock = SimLock;

    fn create(&self, name: &str) -> io::Result<SimFile> {
        let (inode, open) = self.state().create(self.life(), name)?;
        Ok(self.handle(inode, open))
    }

    fn open(&self, name: &str) -> io::Result<Option<SimFile>> {
        let found = self.state().open(self.life(), name)?;
        Ok(found.map(|(inode, open)| self.handle(inode, open)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.state().rename(self.life(), from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.state().remove(self.life(), name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state();
        state.alive(self.life())?;
        Ok(state
            .directory
            .names()
            .map(|(name, _)| name.clone())
            .collect())
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.state().sync_dir(self.life())
    }

    fn lock(&self) -> io::Result<SimLock> {
        let mut state = self.state();
        state.alive(self.life())?;
        if state.locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.locked = true;
        Ok(SimLock {
            state: self.shared(),
            life: self.life(),
        })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.state();
        state.alive(self.life())?;
        Ok(state.free_bytes().unwrap_or(1 << 40))
    }

    fn link_count(&self, name: &str) -> io::Result<u64> {
        let state = self.state();
        state.alive(self.life())?;
        let inode = state.directory.find(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(state.directory.link_count(inode))
    }
}

impl SimDisk {
    fn handle(&self, inode: InodeId, open: Arc<OpenToken>) -> SimFile {
        SimFile {
            state: self.shared(),
            life: self.life(),
            inode,
            _open: open,
        }
    }
}

impl SimFile {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FileOps for SimFile {
    type Map = Vec<u8>;
    type Sync = SimSync;

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.state().read(self.life, self.inode, offset, buf)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.state().write(self.life, self.inode, offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.state().set_length(self.life, self.inode, len)
    }

    fn allocate(&self, len: u64, _extents: Extents) -> io::Result<()> {
        self.state().allocate(self.life, self.inode, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.begin_sync().finish()
    }

    fn begin_sync(&self) -> SimSync {
        let covered = self.state().begin_sync(self.life, self.inode);
        SimSync {
            file: self.clone(),
            covered,
        }
    }

    fn len(&self) -> io::Result<u64> {
        let state = self.state();
        state.alive(self.life)?;
        Ok(state.inode(self.inode).live().len() as u64)
    }

    fn map(&self) -> io::Result<Vec<u8>> {
        let state = self.state();
        state.alive(self.life)?;
        Ok(state.inode(self.inode).live().to_vec())
    }
}

impl SyncOp for SimSync {
    fn finish(self) -> io::Result<()> {
        let covered = self.covered?;
        self.file
            .state()
            .finish_sync(self.file.life, self.file.inode, covered)
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.life == self.life {
            state.locked = false;
        }
    }
}
