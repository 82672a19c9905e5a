//! A data directory, read-only.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use esker_env::FileOps;
use esker_env::real::files::{RealFile, RealMap};
use esker_format::names;
use esker_format::native::audit::Source;
use esker_format::native::manifest::Manifest;

/// A data directory whose files are mapped and never written.
pub struct Directory {
    path: PathBuf,
    /// Held while the tool looks, so that no store starts to write underneath it.
    _lock: Option<File>,
}

/// A mapped file.
pub struct Content(RealMap);

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Directory {
    /// Opens the directory at `path`. Refuses ([`io::ErrorKind::WouldBlock`]) if a running store holds its lock: what is
    /// being written cannot be judged.
    pub fn open(path: &Path) -> io::Result<Directory> {
        if !path.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::NotADirectory,
                "not a directory",
            ));
        }
        let lock = match File::open(path.join(names::LOCK)) {
            Ok(file) => {
                file.try_lock_shared()?;
                Some(file)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Directory {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The directory at `path`, of which the caller holds the lock.
    pub fn unlocked(path: &Path) -> Directory {
        Directory {
            path: path.to_owned(),
            _lock: None,
        }
    }

    /// The manifest, if it can be read.
    pub fn manifest(&self) -> io::Result<Option<Manifest>> {
        match self.read(names::MANIFEST) {
            Ok(bytes) => Ok(Manifest::decode(bytes.as_ref())
                .ok()
                .map(|decoded| decoded.manifest)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Bytes in all segments and snapshots: what there is to examine, at most.
    pub fn bytes(&self) -> io::Result<u64> {
        let mut bytes = 0;
        for name in self.list()? {
            if matches!(
                names::parse(&name),
                names::FileName::Segment(_) | names::FileName::Snapshot(_)
            ) {
                bytes += std::fs::metadata(self.path.join(name))?.len();
            }
        }
        Ok(bytes)
    }
}

/// Maps the file at `path` for reading.
pub fn map(path: &Path) -> io::Result<Content> {
    RealFile::read_only(path)?.map().map(Content)
}

impl Source for Directory {
    type Bytes = Content;

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            if let (true, Ok(name)) = (
                entry.file_type()?.is_file(),
                entry.file_name().into_string(),
            ) {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Content> {
        map(&self.path.join(name))
    }
}
