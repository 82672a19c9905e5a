//! Segment files: prepared ahead under a temporary name, opened by renaming and writing the header, then filled.
//!
//! A prepared file is as long as a segment, and its first page is zero and durable; so opening it costs a rename and
//! one small write. Under `always` its blocks are written ones, so the syncs that follow need no metadata commit of the
//! file; otherwise they are only reserved. It keeps a temporary name until it is opened: a directory never holds a
//! numbered segment without a purpose, and a leftover can be deleted by anyone, or used by the next recovery. The name
//! becomes durable with the first sync of the log (`sync.rs`).
//!
//! A recycled file still holds frames of its former number. They can never validate under the new one, because every
//! checksum starts from the number; zeros behind the last frame make the end a clean one all the same.

use std::io;

use esker_env::{Extents, FileOps, Files};
use esker_format::Lsn;
use esker_format::crc::Seed;
use esker_format::names;
use esker_format::native::{frame, segment};

/// The part of a recycled file that is zeroed before it is used again: header and first frame header.
const FIRST_PAGE_BYTES: u64 = 4096;
/// Written behind the last frame of a recycled file.
pub(crate) const TERMINATOR_BYTES: u64 = frame::HEADER_BYTES as u64;

/// A file that waits to become a segment.
pub(crate) struct Prepared<File> {
    pub(crate) number: u64,
    pub(crate) file: File,
    pub(crate) bytes: u64,
    /// Whether it holds stale frames.
    pub(crate) stale: bool,
}

/// The segment being written.
pub(crate) struct Segment<File> {
    pub(crate) number: u64,
    pub(crate) file: File,
    pub(crate) seed: Seed,
    pub(crate) first_lsn: Lsn,
    /// Offset behind the last frame.
    pub(crate) end: u64,
    /// Frames end here at the latest.
    pub(crate) limit: u64,
    pub(crate) stale: bool,
}

impl<File> Segment<File> {
    pub(crate) fn is_empty(&self) -> bool {
        self.end == segment::HEADER_BYTES as u64
    }

    /// Payload bytes that the next frame may have; `None` if not even a marker fits.
    pub(crate) fn room(&self) -> Option<usize> {
        let bytes = (self.limit - self.end).checked_sub(frame::HEADER_BYTES as u64)?;
        Some(bytes as usize / frame::ALIGN * frame::ALIGN)
    }
}

/// The longest payload that a segment of `segment_bytes` can take as its only frame.
pub(crate) fn payload_bytes_max(segment_bytes: u64) -> usize {
    let overhead = segment::HEADER_BYTES as u64 + frame::HEADER_BYTES as u64 + TERMINATOR_BYTES;
    let bytes = segment_bytes.saturating_sub(overhead) as usize / frame::ALIGN * frame::ALIGN;
    bytes.min(frame::PAYLOAD_BYTES_MAX)
}

/// Makes a new file ready. Leaves nothing behind when it fails.
pub(crate) fn create<F: Files>(
    files: &F,
    number: u64,
    bytes: u64,
    extents: Extents,
) -> io::Result<Prepared<F::File>> {
    let name = names::temporary(&names::segment(number));
    remove_if_there(files, &name)?;
    let file = files.create(&name)?;
    match file
        .allocate(bytes, extents)
        .and_then(|()| file.sync_data())
    {
        Ok(()) => Ok(Prepared {
            number,
            file,
            bytes,
            stale: false,
        }),
        Err(error) => {
            // The space matters more than the name; if this fails too, recovery uses or removes the file.
            files
                .remove(&name)
                .map_err(|_| io::Error::new(error.kind(), error.to_string()))?;
            Err(error)
        }
    }
}

/// Makes a dropped segment ready to be used under a new number. The caller has made sure that the manifest that drops it
/// is durable and that nobody else holds it.
pub(crate) fn recycle<F: Files>(
    files: &F,
    old: u64,
    number: u64,
    bytes: u64,
) -> io::Result<Option<Prepared<F::File>>> {
    adopt(files, &names::segment(old), number, bytes)
}

/// Makes a file ready, whatever it holds: a dropped segment, or one that an earlier process had prepared. `None` if it
/// has another size; it is gone then.
pub(crate) fn adopt<F: Files>(
    files: &F,
    old: &str,
    number: u64,
    bytes: u64,
) -> io::Result<Option<Prepared<F::File>>> {
    let name = names::temporary(&names::segment(number));
    if old != name {
        remove_if_there(files, &name)?;
        files.rename(old, &name)?;
    }
    let Some(file) = files.open(&name)? else {
        return Ok(None);
    };
    if file.len()? != bytes {
        files.remove(&name)?;
        return Ok(None);
    }
    file.write_at(0, &vec![0; FIRST_PAGE_BYTES.min(bytes) as usize])?;
    file.sync_data()?;
    Ok(Some(Prepared {
        number,
        file,
        bytes,
        stale: true,
    }))
}

pub(crate) fn remove_if_there<F: Files>(files: &F, name: &str) -> io::Result<()> {
    match files.remove(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
