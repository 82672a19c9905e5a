//! A data directory in memory, and the valid one that the targets start from.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use esker_env::sim::SimDisk;
use esker_env::{FileOps, Files};
use esker_format::native::audit::Source;

/// The files of the golden dataset: never edited, so that an input found once means the same for ever.
const GOLDEN: &[(&str, &[u8])] = &[
    (
        "MANIFEST",
        include_bytes!("../../format-spec/golden/v1/dataset/MANIFEST"),
    ),
    (
        "log-0000000001.seg",
        include_bytes!("../../format-spec/golden/v1/dataset/log-0000000001.seg"),
    ),
    (
        "log-0000000002.seg",
        include_bytes!("../../format-spec/golden/v1/dataset/log-0000000002.seg"),
    ),
    (
        "log-0000000003.seg",
        include_bytes!("../../format-spec/golden/v1/dataset/log-0000000003.seg"),
    ),
    (
        "log-0000000004.seg",
        include_bytes!("../../format-spec/golden/v1/dataset/log-0000000004.seg"),
    ),
    (
        "snap-0000000002.snap",
        include_bytes!("../../format-spec/golden/v1/dataset/snap-0000000002.snap"),
    ),
];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Memory {
    /// The golden dataset.
    pub fn golden() -> Memory {
        let files = GOLDEN
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
        Memory {
            files: files.collect(),
        }
    }

    /// A directory on a simulated disk that holds these files.
    pub fn to_disk(&self) -> io::Result<SimDisk> {
        let disk = SimDisk::new(1);
        for (name, bytes) in &self.files {
            let file = disk.create(name)?;
            file.write_at(0, bytes)?;
            file.sync_data()?;
        }
        disk.sync_dir()?;
        Ok(disk)
    }

    /// What is on a disk.
    pub fn of_disk(disk: &SimDisk) -> io::Result<Memory> {
        let mut memory = Memory::default();
        for name in disk.list()? {
            if let Some(file) = disk.open(&name)? {
                memory.files.insert(name, file.read_all()?);
            }
        }
        Ok(memory)
    }
}

impl Source for Memory {
    type Bytes = Arc<[u8]>;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Arc<[u8]>> {
        let bytes = self.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(bytes.as_slice().into())
    }
}
