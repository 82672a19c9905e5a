//! A directory of a POSIX file system.
//!
//! Reads and writes are positioned, so handles are shared freely. `sync_data` is `fdatasync`: it commits data and
//! length, not times. A map is private to its holder only by agreement: the store maps files that it no longer writes.

#![expect(
    unsafe_code,
    reason = "memory maps and fallocate/statvfs have no safe wrapper here"
)]

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs2::FileExt as _;

use crate::{Extents, FileOps, Files, SyncOp};

/// Zeros are written in pieces of this size when a file is allocated.
const ZERO_CHUNK_BYTES: usize = 1 << 20;

/// One directory, held open so that it can be synced.
#[derive(Clone, Debug)]
pub struct RealFiles {
    dir: Arc<Directory>,
}

#[derive(Debug)]
struct Directory {
    path: PathBuf,
    handle: File,
}

impl RealFiles {
    /// Opens the directory, creating it (and making its name durable) when it does not exist.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<RealFiles> {
        let path = path.into();
        if !path.is_dir() {
            std::fs::create_dir_all(&path)?;
            if let Some(parent) = path.parent() {
                let parent = if parent.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    parent
                };
                File::open(parent)?.sync_all()?;
            }
        }
        let handle = File::open(&path)?;
        Ok(RealFiles {
            dir: Arc::new(Directory { path, handle }),
        })
    }

    pub fn path(&self) -> &Path {
        &self.dir.path
    }

    fn at(&self, name: &str) -> io::Result<PathBuf> {
        if name.is_empty() || name == "." || name == ".." || name.contains('/') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("not a plain file name: {name:?}"),
            ));
        }
        Ok(self.dir.path.join(name))
    }
}

impl Files for RealFiles {
    type File = RealFile;
    type Lock = RealLock;

    fn create(&self, name: &str) -> io::Result<RealFile> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.at(name)?)?;
        Ok(RealFile {
            file: Arc::new(file),
        })
    }

    fn open(&self, name: &str) -> io::Result<Option<RealFile>> {
        match OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.at(name)?)
        {
            Ok(file) => Ok(Some(RealFile {
                file: Arc::new(file),
            })),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.at(from)?, self.at(to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.at(name)?)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.dir.path)? {
            let entry = entry?;
            // A name that is not UTF-8 is none of ours.
            if let (true, Ok(name)) = (
                entry.file_type()?.is_file(),
                entry.file_name().into_string(),
            ) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.dir.handle.sync_all()
    }

    fn lock(&self) -> io::Result<RealLock> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.at("LOCK")?)?;
        match file.try_lock_exclusive() {
            Ok(()) => Ok(RealLock { _file: file }),
            Err(e) if e.raw_os_error() == fs2::lock_contended_error().raw_os_error() => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(e) => Err(e),
        }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        fs2::available_space(&self.dir.path)
    }

    fn link_count(&self, name: &str) -> io::Result<u64> {
        Ok(std::fs::metadata(self.at(name)?)?.nlink())
    }
}

/// The held `LOCK` file; the kernel releases it when the handle is closed.
#[derive(Debug)]
pub struct RealLock {
    _file: File,
}

/// An open file.
#[derive(Clone, Debug)]
pub struct RealFile {
    file: Arc<File>,
}

impl RealFile {
    /// Opens a file for reading only, by path: for the offline tools, which may not be allowed to write.
    pub fn read_only(path: &Path) -> io::Result<RealFile> {
        let file = File::open(path)?;
        Ok(RealFile {
            file: Arc::new(file),
        })
    }
}

impl FileOps for RealFile {
    type Map = RealMap;
    type Sync = RealSync;

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read_at(buf, offset) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&self, len: u64, extents: Extents) -> io::Result<()> {
        let old = self.len()?;
        if old >= len {
            return Ok(());
        }
        if reserve(&self.file, old, len - old)? && extents == Extents::Reserved {
            return Ok(());
        }
        // fallocate leaves *unwritten* extents: the first write to each would need a journal commit at fdatasync.
        // Real zeros convert them now, off the path of any reply.
        let zeros = vec![0; ZERO_CHUNK_BYTES.min((len - old) as usize)];
        let mut at = old;
        while at < len {
            let n = zeros.len().min((len - at) as usize);
            self.file.write_all_at(&zeros[..n], at)?;
            at += n as u64;
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn begin_sync(&self) -> RealSync {
        RealSync {
            file: self.file.clone(),
        }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn map(&self) -> io::Result<RealMap> {
        if self.len()? == 0 {
            return Ok(RealMap { map: None });
        }
        // SAFETY: the map is read-only and, by the contract of `FileOps::map`, nobody writes or truncates the file
        // while it is held: the store maps files only in recovery, under LOCK, before anything is written.
        let map = unsafe { memmap2::Mmap::map(&*self.file)? };
        map.advise(memmap2::Advice::Sequential)?;
        Ok(RealMap { map: Some(map) })
    }
}

/// Reserves blocks without writing them, so that a full disk is noticed before the zeros are half written. False where
/// the file system cannot: the zeros do the work there.
fn reserve(file: &File, offset: u64, len: u64) -> io::Result<bool> {
    let (offset, len) = (offset as libc::off_t, len as libc::off_t);
    // SAFETY: a plain system call on a descriptor that `file` keeps open for its duration; no memory is passed.
    if unsafe { libc::fallocate(file.as_raw_fd(), 0, offset, len) } == 0 {
        return Ok(true);
    }
    match io::Error::last_os_error() {
        e if matches!(
            e.raw_os_error(),
            Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINTR)
        ) =>
        {
            Ok(false)
        }
        e => Err(e),
    }
}

/// A submitted sync: the work happens in `finish`, in the caller's thread.
#[derive(Debug)]
pub struct RealSync {
    file: Arc<File>,
}

impl SyncOp for RealSync {
    fn finish(self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// A file as memory; an empty file needs no mapping (and the system would refuse one).
#[derive(Debug)]
pub struct RealMap {
    map: Option<memmap2::Mmap>,
}

impl Deref for RealMap {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lives_by_name() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let files = RealFiles::open(dir.path().join("a").join("b"))?;
        let file = files.create("x")?;
        assert_eq!(
            files.create("x").err().map(|e| e.kind()),
            Some(io::ErrorKind::AlreadyExists)
        );
        file.write_at(3, b"abc")?;
        file.begin_sync().finish()?;
        assert_eq!(file.read_all()?, b"\0\0\0abc");
        assert_eq!(&*file.map()?, b"\0\0\0abc");
        files.rename("x", "y")?;
        files.sync_dir()?;
        assert!(files.open("x")?.is_none());
        assert_eq!(files.list()?, ["y"]);
        assert_eq!(files.link_count("y")?, 1);
        files.remove("y")?;
        assert!(files.free_bytes()? > 0);
        assert!(files.create("../z").is_err());
        Ok(())
    }

    #[test]
    fn allocation_is_written_zeros_and_keeps_what_is_there() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let files = RealFiles::open(dir.path())?;
        let file = files.create("x")?;
        file.write_at(0, b"head")?;
        file.allocate(3 << 20, Extents::Written)?;
        let bytes = file.read_all()?;
        assert_eq!(bytes.len(), 3 << 20);
        assert_eq!(&bytes[..4], b"head");
        assert!(bytes[4..].iter().all(|&b| b == 0));
        file.allocate(10, Extents::Written)?;
        assert_eq!(file.len()?, 3 << 20);
        Ok(())
    }

    #[test]
    fn the_lock_keeps_a_second_holder_out() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let files = RealFiles::open(dir.path())?;
        let held = files.lock()?;
        assert_eq!(
            files.lock().err().map(|e| e.kind()),
            Some(io::ErrorKind::WouldBlock)
        );
        drop(held);
        files.lock()?;
        Ok(())
    }

    #[test]
    fn an_empty_file_maps_to_nothing() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let files = RealFiles::open(dir.path())?;
        assert!(files.create("e")?.map()?.is_empty());
        Ok(())
    }
}
