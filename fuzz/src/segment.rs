//! One segment file, as the only segment of a dataset: the audit scans it as it is, and once more with its
//! checksums and its chain put right.

use esker_format::native::manifest::{LogState, Manifest};
use esker_format::native::segment::{HEADER_BYTES, SegmentHeader};
use esker_format::{Lsn, names};

use crate::input::Input;
use crate::memory::Memory;
use crate::{judge, seal};

pub fn segment(data: &[u8]) {
    let mut input = Input::new(data);
    let (chain, promised) = (input.one_in(2), u64::from(input.byte()));
    let file = input.rest();
    header(file);
    scan(file, promised);
    let mut sealed = file.to_vec();
    seal::segment(&mut sealed, chain, None);
    header(&sealed);
    scan(&sealed, promised);
}

fn header(file: &[u8]) {
    let Ok((header, _)) = SegmentHeader::decode(file) else {
        return;
    };
    let mut again = Vec::new();
    let again_crc = header.encode(&mut again);
    assert_eq!(again.len(), HEADER_BYTES);
    assert_eq!(
        SegmentHeader::decode(&again),
        Ok((header, again_crc)),
        "decoded, encoded, decoded"
    );
}

/// Audits a dataset whose log is this file, promised up to that position.
fn scan(file: &[u8], promised: u64) {
    let golden = Memory::golden();
    let decoded = Manifest::decode(&golden.files[names::MANIFEST]).expect("the golden manifest");
    let mut manifest = decoded.manifest;
    let number = SegmentHeader::decode(file).map_or(1, |(header, _)| header.number);
    // Without a snapshot the log starts at 0, as that of a newborn dataset does.
    (manifest.snapshot, manifest.log) = (None, LogState::On);
    (manifest.first_segment, manifest.oldest_segment) = (number, number);
    manifest.durable_lsn = Lsn(promised);
    let mut memory = Memory::default();
    let files = &mut memory.files;
    files.insert(names::MANIFEST.to_owned(), manifest.encode());
    files.insert(names::segment(number), file.to_vec());
    judge::all_ways(&memory);
}
