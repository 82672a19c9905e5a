//! The report of an audit, for people and for machines.

use std::io;

use esker_format::names::{self, FileName};
use esker_format::native::audit::{Report, Tail};
use esker_format::native::manifest::LogState;
use serde_json::{Value, json};

use crate::report::{self, Output};

/// What the report is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The state that was found.
    Check,
    /// The state after a repair.
    Repair,
}

/// Writes the report as lines.
pub fn in_words(tool: Tool, output: &mut Output, report: &Report, effects: u64) -> io::Result<()> {
    if let Some(manifest) = &report.manifest {
        let log = match manifest.log {
            LogState::On => "on".to_owned(),
            LogState::Off { end } | LogState::Starting { end } => format!("off since LSN {end}"),
        };
        output.line(format_args!(
            "dataset {}, generation {}, log {log}",
            manifest.dataset, manifest.generation
        ))?;
        if let Some(snapshot) = manifest.snapshot {
            output.line(format_args!(
                "snapshot {} cut at LSN {}",
                snapshot.number, snapshot.cut_lsn
            ))?;
        }
        let (count, end) = (report.segments.len(), report.end);
        output.line(format_args!(
            "{count} segments, {effects} effects, up to LSN {} (frame {}), {}",
            end.lsn,
            end.sequence,
            tail_words(&report.tail)
        ))?;
    }
    for verdict in &report.verdicts {
        output.line(verdict)?;
    }
    for orphan in &report.orphans {
        output.line(format_args!("note: {orphan} {}", orphan_words(orphan)))?;
    }
    output.line(match tool {
        Tool::Repair if report.sound() => "sound now",
        _ => conclusion(report),
    })
}

/// What becomes of a file that is not part of the dataset.
fn orphan_words(name: &str) -> &'static str {
    let target = name.strip_suffix(names::TEMPORARY).map(names::parse);
    if matches!(target, Some(FileName::Segment(_))) {
        "is no part of the log yet; recovery goes on in it if its size fits, and removes it if not"
    } else {
        "belongs to nothing; recovery removes it"
    }
}

fn tail_words(tail: &Tail) -> &'static str {
    match tail {
        Tail::NoLog => "no log",
        Tail::Clean => "closed in order",
        Tail::Open => "not closed in order",
        Tail::Torn { .. } => "torn",
        Tail::Damaged => "damaged",
    }
}

fn conclusion(report: &Report) -> &'static str {
    match &report.tail {
        _ if report.needs_newer => "recovery will refuse, because this needs a newer program",
        _ if !report.sound() => {
            "corrupt: recovery will refuse, because something that was promised is damaged"
        }
        Tail::Torn { .. } => "torn: recovery will cut the tail, which nobody was promised",
        _ => "sound",
    }
}

/// The report as one object.
pub fn in_json(report: &Report, effects: u64) -> Value {
    let manifest = report.manifest.as_ref();
    json!({
        "sound": report.sound(),
        "dataset": manifest.map(|manifest| manifest.dataset.to_string()),
        "generation": manifest.map(|manifest| manifest.generation),
        "snapshot": manifest.and_then(|manifest| manifest.snapshot).map(|snapshot| snapshot.number),
        "cut_lsn": manifest.map(|manifest| manifest.cut_lsn().0),
        "gaps": manifest.map(|manifest| manifest.gaps.iter().map(|gap| json!({
            "from_lsn": gap.from.0, "to_lsn": gap.to.0, "at_ms": gap.at.0, "reason": format!("{:?}", gap.reason),
        })).collect::<Vec<_>>()),
        "segments": report.segments,
        "effects": effects,
        "payload_bytes": report.payload_bytes,
        "end_lsn": report.end.lsn.0,
        "end_sequence": report.end.sequence,
        "end_time_ms": report.end.time.0,
        "replication_offset": report.end.replication_offset,
        "durable_lsn": report.durable_claim.0,
        "tail": tail_words(&report.tail),
        "proven_complete": report.proven_complete(),
        "needs_newer": report.needs_newer,
        "verdicts": report.verdicts.iter().map(report::verdict_json).collect::<Vec<_>>(),
        "orphans": report.orphans,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prepared_segment_is_not_said_to_be_removed_whatever_comes() {
        assert!(orphan_words("log-0000000004.seg.tmp").contains("if its size fits"));
        for name in [
            "log-0000000004.seg",
            "snap-0000000004.snap.tmp",
            "MANIFEST.tmp",
        ] {
            assert_eq!(
                orphan_words(name),
                "belongs to nothing; recovery removes it"
            );
        }
    }
}
