//! Settling the end of the log: what is kept becomes durable (`relog.rs`), what is not is copied aside and cut.
//!
//! Order: sync the directory → copy aside → write the unproven end once more → only then cut the old files and remove
//! what the copy supersedes.

use std::io;

use esker_env::{FileOps, Files};
use esker_format::names;
use esker_format::native::audit::{Report, Tail};
use esker_format::native::segment;

use crate::Now;
use crate::recover::load::Place;
use crate::recover::relog::{Link, continued_by, relog};
use crate::recover::{copy_name, segments_in};
use crate::segment::remove_if_there;

/// What settling made of the end.
pub(crate) struct Settled {
    /// What the next segment continues; `None` if there is no log.
    pub(crate) link: Option<Link>,
    /// The names of the copies made.
    pub(crate) copies: Vec<String>,
}

/// `number` is free for a segment.
pub(crate) fn settle<F: Files>(
    files: &F,
    report: &Report,
    places: &[Place],
    number: u64,
    trust: Trust,
    now: Now,
) -> io::Result<Settled> {
    // The manifest that was read may have been renamed into place by a process that died before it synced the name.
    // From here on files are changed that only this manifest does not need.
    files.sync_dir()?;
    let mut copies = Vec::new();
    let Some(last) = report.end.segment else {
        return Ok(Settled { link: None, copies });
    };
    let before = segments_in(files)?;
    if let Tail::Torn { .. } = report.tail {
        copies.extend(copy_tail(files, last.number, last.end_offset, report, now)?);
        for &number in before.iter().filter(|&&number| number > last.number) {
            copies.extend(copy_tail(files, number, 0, report, now)?);
        }
        // The copies have durable names before what they copy is cut.
        files.sync_dir()?;
    }
    let link = match trust {
        Trust::Proof => relog(files, report, places, number, now)?,
        #[cfg(feature = "sim")]
        Trust::Cache => Some(Link {
            previous: last,
            sequence: report.end.sequence,
        }),
        #[cfg(feature = "sim")]
        Trust::OldSyncs => {
            for number in &report.segments {
                if let Some(file) = files.open(&names::segment(*number))? {
                    file.sync_data()?;
                }
            }
            Some(Link {
                previous: last,
                sequence: report.end.sequence,
            })
        }
    };
    if let Some(link) = &link {
        cut_behind(files, report, link, number, before)?;
    }
    Ok(Settled { link, copies })
}

/// What recovery takes for durable. Outside the simulator: what is proven.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    Proof,
    #[cfg(feature = "sim")]
    Cache,
    #[cfg(feature = "sim")]
    OldSyncs,
}

/// Cuts the segment that the log goes on from, and removes the files behind it but for the one that continues it.
fn cut_behind<F: Files>(
    files: &F,
    report: &Report,
    link: &Link,
    copy: u64,
    before: Vec<u64>,
) -> io::Result<()> {
    let last = if link.previous.number == copy {
        continued_by(files, copy)?
    } else {
        Some(link.previous)
    };
    let Some(last) = last else { return Ok(()) };
    if report.segments.contains(&last.number) {
        cut(files, last.number, last.end_offset)?;
    }
    // From the last to the first, so that what remains is always a beginning.
    for number in before
        .into_iter()
        .rev()
        .filter(|&number| number > last.number && number != copy)
    {
        remove_if_there(files, &names::segment(number))?;
    }
    files.sync_dir()
}

/// Copies what stands behind `offset`, without the zeros at its end; `None` when there is nothing else.
fn copy_tail<F: Files>(
    files: &F,
    number: u64,
    offset: u64,
    report: &Report,
    now: Now,
) -> io::Result<Option<String>> {
    let name = names::segment(number);
    let Some(file) = files.open(&name)? else {
        return Ok(None);
    };
    let map = file.map()?;
    let tail = map.get(offset as usize..).unwrap_or_default();
    let Some(used) = tail.iter().rposition(|&byte| byte != 0) else {
        return Ok(None);
    };
    let copy = copy_name(&name, report.end.lsn, now);
    remove_if_there(files, &copy)?;
    let target = files.create(&copy)?;
    target.write_at(0, &tail[..=used])?;
    target.sync_data()?;
    Ok(Some(copy))
}

/// Ends the file where the log ends, which also gives back what was preallocated behind it.
fn cut<F: Files>(files: &F, number: u64, end: u64) -> io::Result<()> {
    let Some(file) = files.open(&names::segment(number))? else {
        return Ok(());
    };
    file.set_len(end.max(segment::HEADER_BYTES as u64))?;
    file.sync_data()
}
