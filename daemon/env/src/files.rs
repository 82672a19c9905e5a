//! One data directory, by name: the only door through which the store reaches a disk.
//!
//! What an implementer must keep, because the durability argument rests on it:
//! - `write_at`, `set_len`, `allocate`: visible to later reads at once, durable only after a sync *of that file* that
//!   began after them. Without a sync a crash keeps any part of them, or none, or garbage inside a touched sector.
//! - `create`, `rename`, `remove`: visible at once, durable only after `sync_dir`, in no promised order before it.
//!   A rename may become durable before the data of the file it names.
//! - A failed sync says nothing about what is durable and drops the failure: a second sync may report success for pages
//!   that were lost. Callers therefore never retry one.
//! - Names are plain file names without a separator.

use std::io;
use std::ops::Deref;

/// One data directory. Clones are handles to the same directory.
pub trait Files: Clone + Send + Sync + 'static {
    type File: FileOps;
    /// Dropping it releases the lock.
    type Lock: Send + Sync + 'static;

    /// Creates an empty file for reading and writing; `AlreadyExists` when the name is taken.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Opens for reading and writing; `None` when there is no such name.
    fn open(&self, name: &str) -> io::Result<Option<Self::File>>;
    /// Replaces `to` when it exists. Atomic for a reader, durable only after `sync_dir`.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// `NotFound` when there is no such name. Open handles stay usable.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// All names, sorted.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes every earlier create, rename and remove durable.
    fn sync_dir(&self) -> io::Result<()>;
    /// Takes the directory for this process; `WouldBlock` when another holds it.
    fn lock(&self) -> io::Result<Self::Lock>;
    /// Bytes that an unprivileged writer may still allocate.
    fn free_bytes(&self) -> io::Result<u64>;
    /// Hard links to the file: more than one means that someone pinned it.
    fn link_count(&self, name: &str) -> io::Result<u64>;
}

/// What the blocks of an allocation are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extents {
    /// Zeros were really written: a later sync of data inside needs no metadata commit, which makes it a quarter
    /// quicker. Worth it where replies wait for syncs.
    Written,
    /// Space is set aside and the first write finds the page empty: half the work, where syncs are rare.
    Reserved,
}

/// An open file. Clones share the same file.
pub trait FileOps: Clone + Send + Sync + 'static {
    type Map: Deref<Target = [u8]> + Send + Sync + 'static;
    type Sync: SyncOp;

    /// Reads up to `buf.len()` bytes; may be short, 0 only at the end of the file.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `bytes`, or fails with an unknown part written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes the file at least `len` bytes long, the new part reading as zeros and its space reserved. Does not touch
    /// what is already there.
    fn allocate(&self, len: u64, extents: Extents) -> io::Result<()>;
    /// Makes data and length durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Submits a sync of everything written so far; `finish` completes it. Writes made in between may or may not be
    /// covered.
    fn begin_sync(&self) -> Self::Sync;
    fn len(&self) -> io::Result<u64>;
    /// The whole file as memory. The caller must not change the file while it holds the map.
    fn map(&self) -> io::Result<Self::Map>;

    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buf` or fails with `UnexpectedEof`.
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < buf.len() {
            let n = self.read_at(offset + done as u64, &mut buf[done..])?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            done += n;
        }
        Ok(())
    }

    /// The whole file; for small files only.
    fn read_all(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.len()?).map_err(io::Error::other)?];
        self.read_exact_at(0, &mut bytes)?;
        Ok(bytes)
    }
}

/// A submitted sync. Dropping it without `finish` promises nothing.
pub trait SyncOp: Send + 'static {
    fn finish(self) -> io::Result<()>;
}
