//! What anything behind a doubtful place says about it.

use std::io;

use super::chain::Headers;
use super::directory::Directory;
use super::{Source, walk};
use crate::crc::Seed;
use crate::native::frame::{self, FrameHeader};
use crate::native::segment;
use crate::{DatasetId, Lsn, names};

/// A statement that everything below `lsn` was durable.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub lsn: Lsn,
    pub file: String,
    pub offset: u64,
}

/// A frame that is valid in itself, somewhere behind a doubtful place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub segment: u64,
    pub offset: u64,
}

/// All that was found behind a doubtful place.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// The highest claim.
    pub claim: Option<Claim>,
    /// The first frame that is valid in itself, by segment and offset.
    pub next_frame: Option<Place>,
    /// Bytes that would be cut off, up to the last that is not zero in each file.
    pub bytes: u64,
}

impl Evidence {
    fn claim(&mut self, lsn: Lsn, file: &str, offset: u64) {
        if self.claim.as_ref().is_none_or(|claim| claim.lsn < lsn) {
            self.claim = Some(Claim {
                lsn,
                file: file.to_owned(),
                offset,
            });
        }
    }

    /// Looks at the rest of the segment in which the doubt arose: `bytes` from `offset` up to `limit`.
    pub fn in_segment(
        &mut self,
        number: u64,
        bytes: &[u8],
        seed: Seed,
        offset: usize,
        limit: usize,
    ) {
        let bytes = bytes.get(..limit).unwrap_or(bytes);
        self.bytes += significant(bytes.get(offset..).unwrap_or_default());
        self.scan(number, number, bytes, seed, offset);
    }

    /// Looks at every segment file behind `number`, except those in `superseded`.
    pub fn in_later_files<S: Source>(
        &mut self,
        source: &S,
        directory: &Directory,
        headers: &Headers,
        dataset: DatasetId,
        number: u64,
        successor: Option<u64>,
    ) -> io::Result<()> {
        let first = successor.unwrap_or(number.saturating_add(1));
        for &file in directory
            .segments
            .range(first..)
            .filter(|&&file| file != number)
        {
            let name = names::segment(file);
            let Some(bytes) = walk::read(source, &name)? else {
                continue;
            };
            let bytes = bytes.as_ref();
            if let Some((header, _)) = headers.find(file) {
                self.claim(header.durable_lsn, &name, 0);
                self.bytes += significant(bytes);
            }
            self.scan(
                file,
                file,
                bytes,
                Seed::segment(dataset, file),
                segment::HEADER_BYTES,
            );
        }
        self.in_misplaced(source, headers, number)
    }

    /// A renamed segment still tells what it knows. A recycled file that has no new header yet does not count:
    /// its number is below `number`.
    fn in_misplaced<S: Source>(
        &mut self,
        source: &S,
        headers: &Headers,
        number: u64,
    ) -> io::Result<()> {
        for (&file, header) in headers
            .misplaced
            .iter()
            .filter(|(_, header)| header.number >= number)
        {
            let name = names::segment(file);
            let Some(bytes) = walk::read(source, &name)? else {
                continue;
            };
            self.claim(header.durable_lsn, &name, 0);
            self.scan(
                file,
                header.number,
                bytes.as_ref(),
                header.seed(),
                segment::HEADER_BYTES,
            );
        }
        Ok(())
    }

    /// Notes every valid frame header from `offset` on.
    fn scan(&mut self, file: u64, number: u64, bytes: &[u8], seed: Seed, offset: usize) {
        for (offset, header) in frames_in(bytes, seed, offset) {
            self.claim(header.durable_lsn, &names::segment(file), offset as u64);
            let usable = file == number
                && self.next_frame.is_none()
                && bytes
                    .get(offset..)
                    .is_some_and(|frame| header.payload(frame, seed).is_ok());
            if usable {
                self.next_frame = Some(Place {
                    segment: file,
                    offset: offset as u64,
                });
            }
        }
    }
}

/// The valid frame headers in `bytes` from `offset` on, wherever they stand.
fn frames_in(
    bytes: &[u8],
    seed: Seed,
    offset: usize,
) -> impl Iterator<Item = (usize, FrameHeader)> {
    let start = offset.next_multiple_of(frame::ALIGN);
    let (steps, _) = bytes
        .get(start..)
        .unwrap_or_default()
        .as_chunks::<{ frame::ALIGN }>();
    steps
        .iter()
        .enumerate()
        .filter(|(_, step)| step.starts_with(&frame::MAGIC))
        .filter_map(move |(index, _)| {
            let offset = start + index * frame::ALIGN;
            let (header, _) =
                FrameHeader::decode(bytes.get(offset..)?, seed, offset as u64).ok()?;
            // A frame that claims more than was written is no witness.
            (header.durable_lsn <= header.first_lsn).then_some((offset, header))
        })
}

/// How many bytes there are up to the last that is not zero.
fn significant(bytes: &[u8]) -> u64 {
    const PAGE: usize = 4096;
    let zero_pages = bytes
        .rchunks(PAGE)
        .take_while(|page| page.iter().fold(0, |or, byte| or | byte) == 0)
        .count();
    let rest = bytes
        .get(..bytes.len().saturating_sub(zero_pages * PAGE))
        .unwrap_or_default();
    rest.iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |at| at as u64 + 1)
}
