//! The simulated disk as the auditor sees it: names and bytes, nothing that could change them.

use std::io;

use esker_env::sim::SimDisk;
use esker_env::{FileOps, Files};
use esker_format::names::{self, FileName};
use esker_format::native::audit::Source;
use esker_format::native::frame::{FrameHeader, FrameKind};
use esker_format::native::segment::{self, SegmentHeader};

/// A disk to be read only.
pub struct Image<'a>(pub &'a SimDisk);

impl Source for Image<'_> {
    type Bytes = Vec<u8>;

    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.0.open(name)?.ok_or(io::ErrorKind::NotFound)?.map()
    }
}

/// The frames on the disk with valid headers, by segment, with their sequence numbers.
pub fn frames(disk: &SimDisk) -> Vec<(u64, FrameKind)> {
    let image = Image(disk);
    let mut found = Vec::new();
    for name in image.list().unwrap_or_default() {
        if !matches!(names::parse(&name), FileName::Segment(_)) {
            continue;
        }
        let bytes = image.read(&name).unwrap_or_default();
        let Ok((header, _)) = SegmentHeader::decode(&bytes) else {
            continue;
        };
        let mut at = segment::HEADER_BYTES;
        while let Some(rest) = bytes.get(at..) {
            let Ok((frame, _)) = FrameHeader::decode(rest, header.seed(), at as u64) else {
                break;
            };
            found.push((frame.sequence, frame.kind));
            at += frame.frame_bytes();
        }
    }
    found
}
