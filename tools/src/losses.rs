//! How losses are told.

use std::io;

use esker_format::UnixMs;
use esker_persist::offline::{DroppedEffect, Losses, LostBlock, LostRange, PartialKey};
use serde_json::{Value, json};

use crate::report::Output;

/// Lines of each list that are shown to a person; JSON has more.
const LINES_MAX: usize = 20;

/// One line per loss, and a line that counts what is not shown.
pub fn in_words(losses: &Losses, output: &mut Output) -> io::Result<()> {
    if let Some(why) = &losses.snapshot {
        output.line(format_args!("lost: the whole snapshot: {why}"))?;
    }
    for (offset, what) in &losses.mended {
        output.line(format_args!("mended: snapshot at offset {offset}: {what}"))?;
    }
    for block in &losses.blocks {
        output.line(format_args!("lost: {}", block_words(block)))?;
    }
    for partial in losses.partial.first.iter().take(LINES_MAX) {
        output.line(format_args!("partly lost: {}", partial_words(partial)))?;
    }
    more(output, losses.partial.count, "keys partly lost")?;
    for range in &losses.ranges {
        let LostRange { from, to, .. } = range;
        output.line(format_args!(
            "lost: LSN {from} to {to}, {} bytes of log{}",
            to.0 - from.0,
            between(range)
        ))?;
    }
    let dropped = &losses.dropped;
    for effect in dropped.first.iter().take(LINES_MAX) {
        output.line(format_args!("lost: {}", dropped_words(effect)))?;
    }
    more(output, dropped.count, "effects in damaged bytes")?;
    for skipped in losses.skipped.first.iter().take(LINES_MAX) {
        output.line(format_args!(
            "skipped: {} {} in db {} (LSN {}): {}",
            skipped.name,
            skipped.key.escape_ascii(),
            skipped.db,
            skipped.lsn,
            skipped.why
        ))?;
    }
    more(output, losses.skipped.count, "skipped effects")?;
    for (db, key) in losses.doubtful.first.iter().take(LINES_MAX) {
        output.line(format_args!(
            "doubtful: {} in db {db} was changed behind the damage by an effect that builds upon what it held",
            key.escape_ascii()
        ))?;
    }
    more(output, losses.doubtful.count, "doubtful keys")
}

fn more(output: &mut Output, count: u64, what: &str) -> io::Result<()> {
    match count.checked_sub(LINES_MAX as u64) {
        Some(rest) if rest > 0 => output.line(format_args!("… and {rest} more {what}")),
        _ => Ok(()),
    }
}

fn partial_words(partial: &PartialKey) -> String {
    let kept = if partial.kept {
        "the rest is kept"
    } else {
        "nothing of it is kept"
    };
    format!(
        "key {} in db {}; {kept}",
        partial.key.escape_ascii(),
        partial.db
    )
}

/// A lost block in words.
pub fn block_words(block: &LostBlock) -> String {
    let db = block.db.map_or("?".to_owned(), |db| db.to_string());
    let about = if block.estimated { "about " } else { "" };
    let hashes = block.hashes.map_or(String::new(), |(first, last)| {
        format!(", hashes {first:016x} to {last:016x}")
    });
    format!(
        "{about}{} keys of db {db}{hashes}, {} bytes at offset {} of the snapshot: {}",
        block.keys, block.bytes, block.offset, block.fault
    )
}

fn between(range: &LostRange) -> String {
    let after = (range.after != UnixMs(0)).then_some(range.after);
    match (after, range.before) {
        (Some(after), Some(before)) => format!(", written between {after} and {before} (unix ms)"),
        (Some(after), None) => format!(", written at {after} or later (unix ms)"),
        (None, Some(before)) => format!(", written at {before} or earlier (unix ms)"),
        (None, None) => String::new(),
    }
}

fn dropped_words(effect: &DroppedEffect) -> String {
    let lsn = effect
        .lsn
        .map_or(String::new(), |lsn| format!(" (LSN {lsn})"));
    let db = effect.db.map_or("?".to_owned(), |db| db.to_string());
    format!(
        "{} {} in db {db}{lsn}, as read from damaged bytes of segment {} at offset {}",
        effect.name,
        effect.key.escape_ascii(),
        effect.segment,
        effect.offset
    )
}

/// Everything that the lists hold.
pub fn in_json(losses: &Losses) -> Value {
    json!({
        "snapshot": losses.snapshot,
        "mended": losses.mended.iter().map(|(offset, what)| json!({"offset": offset, "what": what})).collect::<Vec<_>>(),
        "blocks": losses.blocks.iter().map(block_json).collect::<Vec<_>>(),
        "partial": losses.partial.first.iter().map(|partial| json!({
            "db": partial.db, "key": partial.key.escape_ascii().to_string(), "kept": partial.kept,
        })).collect::<Vec<_>>(),
        "partial_count": losses.partial.count,
        "ranges": losses.ranges.iter().map(range_json).collect::<Vec<_>>(),
        "effects": losses.dropped.first.iter().map(dropped_json).collect::<Vec<_>>(),
        "effects_count": losses.dropped.count,
        "skipped": losses.skipped.first.iter().map(|skipped| json!({
            "lsn": skipped.lsn.0, "db": skipped.db, "effect": skipped.name,
            "key": skipped.key.escape_ascii().to_string(), "why": skipped.why,
        })).collect::<Vec<_>>(),
        "skipped_count": losses.skipped.count,
        "doubtful": losses.doubtful.first.iter().map(|(db, key)| json!({
            "db": db, "key": key.escape_ascii().to_string(),
        })).collect::<Vec<_>>(),
        "doubtful_count": losses.doubtful.count,
    })
}

/// A lost block for machines.
pub fn block_json(block: &LostBlock) -> Value {
    json!({
        "offset": block.offset, "bytes": block.bytes, "db": block.db,
        "hash_first": block.hashes.map(|(first, _)| format!("{first:016x}")),
        "hash_last": block.hashes.map(|(_, last)| format!("{last:016x}")),
        "keys": block.keys, "estimated": block.estimated, "fault": block.fault,
    })
}

fn range_json(range: &LostRange) -> Value {
    json!({
        "from_lsn": range.from.0, "to_lsn": range.to.0,
        "after_ms": range.after.0, "before_ms": range.before.map(|time| time.0),
    })
}

fn dropped_json(effect: &DroppedEffect) -> Value {
    json!({
        "lsn": effect.lsn.map(|lsn| lsn.0), "db": effect.db, "effect": effect.name,
        "key": effect.key.escape_ascii().to_string(), "segment": effect.segment, "offset": effect.offset,
    })
}

#[cfg(test)]
mod tests {
    use esker_format::Lsn;

    use super::*;

    #[test]
    fn a_lost_range_tells_the_times_that_are_known() {
        let words = |after: i64, before: Option<i64>| {
            between(&LostRange {
                from: Lsn(1),
                to: Lsn(2),
                after: UnixMs(after),
                before: before.map(UnixMs),
            })
        };
        assert_eq!(words(5, Some(9)), ", written between 5 and 9 (unix ms)");
        assert_eq!(words(5, None), ", written at 5 or later (unix ms)");
        assert_eq!(words(0, Some(9)), ", written at 9 or earlier (unix ms)");
        assert_eq!(words(0, None), "");
    }
}
