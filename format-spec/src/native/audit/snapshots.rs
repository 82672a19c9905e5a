//! The part of the audit that is about snapshots.

use std::io;

use super::{KeyHash, Options, Report, Source, Visitor, finding, walk};
use crate::cursor::Fault;
use crate::names;
use crate::native::entry::{Entries, Value};
use crate::native::manifest::{Manifest, SnapshotRef};
use crate::native::snapshot::{BlockHeader, BlockKind, BlockRef, SnapshotIndex};
use crate::native::value;
use crate::verdict::Severity;

/// Checks the snapshot that recovery starts from and shows it to the visitor.
pub(super) fn audit_current<S: Source>(
    source: &S,
    manifest: &Manifest,
    options: Options,
    visitor: &mut dyn Visitor,
    report: &mut Report,
) -> io::Result<()> {
    let Some(snapshot) = manifest.snapshot else {
        return Ok(());
    };
    let name = names::snapshot(snapshot.number);
    let Some(file) = walk::read(source, &name)? else {
        let what = "the snapshot that the manifest names is missing";
        report.verdicts.push(finding(
            &name,
            0,
            Some(snapshot.cut_lsn),
            Severity::Corrupt,
            what,
        ));
        return Ok(());
    };
    let file = file.as_ref();
    let judged = open(manifest, &snapshot, file).and_then(|index| {
        if options.snapshot_blocks {
            blocks(
                &index,
                file,
                options,
                &name,
                Severity::Corrupt,
                visitor,
                report,
            );
        }
        report.end.sequence = index.header.sequence;
        report.end.replication_offset = index.header.replication_offset;
        report.end.time = index.header.cut_at;
        visitor.snapshot(&index, file)
    });
    if let Err((offset, fault)) = judged {
        report.needs_newer |= fault.needs_newer();
        report.verdicts.push(finding(
            &name,
            offset,
            None,
            Severity::Corrupt,
            &fault.to_string(),
        ));
    }
    Ok(())
}

/// Checks the snapshots that are only kept for point-in-time recovery. Damage to them is a note: the dataset
/// is not affected.
pub(super) fn audit_retained<S: Source>(
    source: &S,
    manifest: &Manifest,
    options: Options,
    visitor: &mut dyn Visitor,
    report: &mut Report,
) -> io::Result<()> {
    for snapshot in &manifest.retained {
        let name = names::snapshot(snapshot.number);
        let Some(file) = walk::read(source, &name)? else {
            let what = "a retained snapshot is missing";
            report.verdicts.push(finding(
                &name,
                0,
                Some(snapshot.cut_lsn),
                Severity::Note,
                what,
            ));
            continue;
        };
        let file = file.as_ref();
        match open(manifest, snapshot, file) {
            Ok(index) if options.snapshot_blocks => {
                blocks(
                    &index,
                    file,
                    options,
                    &name,
                    Severity::Note,
                    visitor,
                    report,
                );
            }
            Ok(_) => {}
            Err((offset, fault)) => {
                let what = format!("a retained snapshot is damaged: {fault}");
                report
                    .verdicts
                    .push(finding(&name, offset, None, Severity::Note, &what));
            }
        }
    }
    Ok(())
}

/// Opens a snapshot and checks that it is the one that the manifest means.
fn open(
    manifest: &Manifest,
    snapshot: &SnapshotRef,
    file: &[u8],
) -> Result<SnapshotIndex, (u64, Fault)> {
    if file.len() as u64 != snapshot.file_bytes {
        return Err((
            file.len() as u64,
            Fault::Invalid("the file does not have the length that the manifest says"),
        ));
    }
    let index = SnapshotIndex::open(file)?;
    let header = &index.header;
    let same = header.dataset == manifest.dataset
        && header.number == snapshot.number
        && header.cut_lsn == snapshot.cut_lsn
        && header.hash_seed == manifest.hash_seed
        && index.footer_crc == snapshot.footer_crc;
    if same {
        Ok(index)
    } else {
        Err((
            0,
            Fault::Invalid("the snapshot is not the one that the manifest names"),
        ))
    }
}

fn blocks(
    index: &SnapshotIndex,
    file: &[u8],
    options: Options,
    name: &str,
    severity: Severity,
    visitor: &mut dyn Visitor,
    report: &mut Report,
) {
    for block in &index.blocks {
        visitor.examined(block.header.block_bytes());
        if let Err(fault) = check_block(index, file, block, options.key_hash) {
            let what = format!("block of database {}: {fault}", block.header.db);
            report
                .verdicts
                .push(finding(name, block.offset, None, severity, &what));
        }
    }
}

/// Checks one block in full: checksums, entries, counts, and with `key_hash` the place of every key.
pub fn check_block(
    index: &SnapshotIndex,
    file: &[u8],
    block: &BlockRef,
    key_hash: Option<KeyHash>,
) -> Result<(), Fault> {
    let raw = index.block(file, block)?;
    check_entries(&raw, &block.header, index.header.hash_seed, key_hash)
}

/// Checks the raw bytes of a block against its header: entries, counts, and with `key_hash` the place of every key.
pub(crate) fn check_entries(
    raw: &[u8],
    header: &BlockHeader,
    hash_seed: u64,
    key_hash: Option<KeyHash>,
) -> Result<(), Fault> {
    if !matches!(header.kind, BlockKind::Main | BlockKind::Side) {
        return Ok(());
    }
    let (mut entries, mut expires, mut continued) = (0u32, 0u32, 0u32);
    for entry in Entries::new(raw) {
        let entry = entry?;
        if let Value::Collection { kind, bytes } = entry.value {
            value::check(kind, bytes)?;
        }
        entries = entries.saturating_add(1);
        continued = continued.saturating_add(u32::from(!entry.is_first()));
        expires = expires.saturating_add(u32::from(entry.expire_at.is_some()));
        let range = header.hash_first..=header.hash_last;
        if key_hash.is_some_and(|hash| !range.contains(&hash(hash_seed, entry.key))) {
            return Err(Fault::Invalid("a key is in the wrong block"));
        }
    }
    if (entries, expires, continued) != (header.entries, header.expires, header.continued) {
        return Err(Fault::Invalid(
            "a block does not hold as many entries as it should",
        ));
    }
    Ok(())
}
