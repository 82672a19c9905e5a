//! The directory as the audit reads it: mapped, never written.

use std::io;

use esker_env::{FileOps, Files};
use esker_format::native::audit::Source;

pub(crate) struct Directory<F> {
    files: F,
    #[cfg(feature = "sim")]
    fault: crate::PlantedFault,
}

impl<F: Files> Directory<F> {
    pub(crate) fn new(files: F) -> Directory<F> {
        Directory {
            files,
            #[cfg(feature = "sim")]
            fault: crate::PlantedFault::None,
        }
    }

    #[cfg(feature = "sim")]
    pub(crate) fn with_fault(mut self, fault: crate::PlantedFault) -> Directory<F> {
        self.fault = fault;
        self
    }
}

/// A mapped file.
pub(crate) enum Content<M> {
    Mapped(M),
    #[cfg(feature = "sim")]
    Altered(Vec<u8>),
}

impl<M: std::ops::Deref<Target = [u8]>> AsRef<[u8]> for Content<M> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Content::Mapped(map) => map,
            #[cfg(feature = "sim")]
            Content::Altered(bytes) => bytes,
        }
    }
}

impl<F: Files> Source for Directory<F> {
    type Bytes = Content<<F::File as FileOps>::Map>;

    fn list(&self) -> io::Result<Vec<String>> {
        self.files.list()
    }

    fn read(&self, name: &str) -> io::Result<Self::Bytes> {
        let file = self.files.open(name)?.ok_or(io::ErrorKind::NotFound)?;
        let map = file.map()?;
        #[cfg(feature = "sim")]
        if self.fault == crate::PlantedFault::NoChecksumCheck {
            return Ok(Content::Altered(plant::forge_checksums(&map)));
        }
        Ok(Content::Mapped(map))
    }

    fn head(&self, name: &str, count: usize) -> io::Result<Vec<u8>> {
        let file = self.files.open(name)?.ok_or(io::ErrorKind::NotFound)?;
        let len = usize::try_from(file.len()?).unwrap_or(usize::MAX);
        let mut head = vec![0; count.min(len)];
        file.read_exact_at(0, &mut head)?;
        Ok(head)
    }
}

/// A reader that does not check payload checksums, played by forging them in what it reads.
#[cfg(feature = "sim")]
mod plant {
    use esker_format::native::frame::{self, FrameHeader};
    use esker_format::native::segment::{self, SegmentHeader};

    pub(super) fn forge_checksums(file: &[u8]) -> Vec<u8> {
        let mut bytes = file.to_vec();
        let Ok((header, _)) = SegmentHeader::decode(file) else {
            return bytes;
        };
        let seed = header.seed();
        let mut at = segment::HEADER_BYTES;
        let mut previous_crc = None;
        while let Some(rest) = file.get(at..) {
            let Ok((mut frame, _)) = FrameHeader::decode(rest, seed, at as u64) else {
                break;
            };
            let Some(body) = rest.get(frame::HEADER_BYTES..frame.frame_bytes()) else {
                break;
            };
            frame.payload_crc = seed.sum(body);
            frame.previous_crc = previous_crc.unwrap_or(frame.previous_crc);
            let (forged, crc) = frame.header_bytes(seed, at as u64);
            bytes[at..at + frame::HEADER_BYTES].copy_from_slice(&forged);
            previous_crc = Some(crc);
            at += frame.frame_bytes();
        }
        bytes
    }
}
