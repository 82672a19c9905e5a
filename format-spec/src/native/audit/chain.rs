//! Which segments follow each other.
//!
//! Every header names its predecessor. Normally the predecessor of segment n is n - 1; but recovery that cut
//! a torn tail continues from an earlier segment. So two headers can name the same predecessor, and the one
//! with the higher number is the later word: what lies between is superseded and says nothing any more.

use std::collections::BTreeMap;
use std::io;

use super::{Source, finding};
use crate::DatasetId;
use crate::names;
use crate::native::segment::{self, SegmentHeader};
use crate::verdict::{Severity, Verdict};

/// The valid headers among the segment files.
pub(super) struct Headers {
    /// By file name. The number in the header is the same.
    valid: BTreeMap<u64, (SegmentHeader, u32)>,
    /// Files that hold the header of another segment: by file name, that header.
    pub misplaced: BTreeMap<u64, SegmentHeader>,
    /// Whether there is a header that needs a newer program.
    pub needs_newer: bool,
}

impl Headers {
    /// Reads the headers of all `files`. A header that needs a newer program is a finding: its file must not be
    /// taken for one that never got a header.
    pub fn read<S: Source>(
        source: &S,
        files: impl Iterator<Item = u64>,
        dataset: DatasetId,
        verdicts: &mut Vec<Verdict>,
    ) -> io::Result<Headers> {
        let mut headers = Headers {
            valid: BTreeMap::new(),
            misplaced: BTreeMap::new(),
            needs_newer: false,
        };
        for number in files {
            let name = names::segment(number);
            let head = match source.head(&name, segment::HEADER_BYTES) {
                Ok(head) => head,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            match SegmentHeader::decode(&head) {
                Ok((header, _)) if header.dataset != dataset => {
                    let what = "the file belongs to another dataset";
                    verdicts.push(finding(&name, 0, None, Severity::Note, what));
                }
                Ok((header, crc)) if header.number == number => {
                    headers.valid.insert(number, (header, crc));
                }
                Ok((header, _)) => {
                    headers.misplaced.insert(number, header);
                }
                Err(fault) if fault.needs_newer() => {
                    headers.needs_newer = true;
                    verdicts.push(finding(
                        &name,
                        0,
                        None,
                        Severity::Corrupt,
                        &fault.to_string(),
                    ));
                }
                Err(_) => {}
            }
        }
        Ok(headers)
    }

    /// The header of segment `number`.
    pub fn find(&self, number: u64) -> Option<&(SegmentHeader, u32)> {
        self.valid.get(&number)
    }

    /// The latest segment that continues `number`.
    pub fn successor(&self, number: u64) -> Option<&SegmentHeader> {
        let follows = |header: &SegmentHeader| {
            header
                .previous
                .is_some_and(|previous| previous.number == number)
        };
        self.valid
            .range(number.checked_add(1)?..)
            .map(|(_, (header, _))| header)
            .rfind(|header| follows(header))
    }
}
