//! `rdb-check`: every checksum and every value of a snapshot; and salvage.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use esker_format::Lsn;
use esker_format::native::audit::check_block;
use esker_format::native::salvage::{Salvaged, salvage};
use esker_format::native::snapshot::SnapshotIndex;
use esker_format::verdict::{Severity, Verdict};
use esker_keyspace::hash::hash_key;
use esker_tools::report::{self, EXIT_CODES, Outcome, Output};
use esker_tools::{directory, losses};
use serde_json::json;

/// Verifies a native snapshot: header, index and footer, and of every block the checksum, the entries, their
/// counts and that each key is where its hash says. Changes nothing.
///
/// --salvage writes a new snapshot with all blocks that are sound, and lists what the others held. A broken index, one
/// wrong byte in the header, or the damaged one of two block headers cost nothing. OUT is the snapshot of no data
/// directory: for one that has a damaged snapshot, aof-check --repair --skip-damaged does the whole work.
#[derive(Parser)]
#[command(version, after_help = format!(
    "Examples:\n  rdb-check data/snap-0000000007.snap\n  rdb-check --json data/snap-0000000007.snap\n  \
     rdb-check damaged.snap --salvage sound.snap\n\n{EXIT_CODES}"
))]
struct Args {
    /// The snapshot.
    path: PathBuf,
    /// Write everything that is sound to this file, which must not exist.
    #[arg(long, value_name = "OUT")]
    salvage: Option<PathBuf>,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    report::finish("rdb-check", &args.path.display().to_string(), run(&args))
}

fn run(args: &Args) -> io::Result<Outcome> {
    let file = directory::map(&args.path)?;
    let file = file.as_ref();
    if file.starts_with(b"REDIS") {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a Redis RDB file, not a native snapshot",
        ));
    }
    let (index, verdicts) = match SnapshotIndex::open(file) {
        Ok(index) => {
            let verdicts = check_blocks(&index, file, args);
            (Some(index), verdicts)
        }
        Err((offset, fault)) => (
            None,
            vec![verdict(&args.path, offset, None, fault.to_string())],
        ),
    };
    let salvaged = match &args.salvage {
        Some(out) => Some(write_salvaged(file, out)?),
        None => None,
    };
    let mut output = Output::default();
    if args.json {
        let mut value = in_json(index.as_ref(), &verdicts);
        value["salvage"] = salvaged.as_ref().map(salvaged_json).into();
        output.line(value)?;
    } else {
        in_words(&mut output, index.as_ref(), &verdicts)?;
        if let Some(salvaged) = &salvaged {
            salvaged_words(&mut output, salvaged)?;
        }
    }
    output.finish()?;
    Ok(if verdicts.is_empty() {
        Outcome::Sound
    } else {
        Outcome::Problems
    })
}

/// Writes the sound part of `file` under a new name; nothing that exists is written over.
fn write_salvaged(file: &[u8], out: &Path) -> io::Result<Salvaged> {
    let salvaged = salvage(file, None, hash_key).map_err(|fault| {
        io::Error::other(format!("there is nothing to go by in the header: {fault}"))
    })?;
    let target = File::create_new(out)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", out.display())))?;
    let mut writer = io::BufWriter::new(target);
    salvaged.write(file, &mut writer)?;
    writer.flush()?;
    writer.get_ref().sync_all()?;
    Ok(salvaged)
}

fn salvaged_words(output: &mut Output, salvaged: &Salvaged) -> io::Result<()> {
    for (offset, what) in &salvaged.mended {
        output.line(format_args!("mended: at offset {offset}: {what}"))?;
    }
    for block in &salvaged.lost {
        output.line(format_args!("lost: {}", losses::block_words(block)))?;
    }
    for partial in &salvaged.partial {
        let kept = if partial.kept {
            "the rest is kept"
        } else {
            "nothing of it is kept"
        };
        output.line(format_args!(
            "partly lost: key {} of database {}; {kept}",
            partial.key.escape_ascii(),
            partial.db
        ))?;
    }
    let lost: u64 = salvaged.lost.iter().map(|block| block.keys).sum();
    output.line(format_args!(
        "salvaged: {} keys in {} blocks; lost: {lost} keys in {}",
        salvaged.keys(),
        salvaged.blocks.len(),
        salvaged.lost.len()
    ))
}

fn salvaged_json(salvaged: &Salvaged) -> serde_json::Value {
    json!({
        "keys": salvaged.keys(),
        "blocks": salvaged.blocks.len(),
        "lost": salvaged.lost.iter().map(losses::block_json).collect::<Vec<_>>(),
        "partial": salvaged.partial.iter()
            .map(|partial| json!({
                "db": partial.db, "key": partial.key.escape_ascii().to_string(), "kept": partial.kept,
            }))
            .collect::<Vec<_>>(),
        "mended": salvaged.mended.iter()
            .map(|(offset, what)| json!({ "offset": offset, "what": what }))
            .collect::<Vec<_>>(),
    })
}

fn check_blocks(index: &SnapshotIndex, file: &[u8], args: &Args) -> Vec<Verdict> {
    let bar = report::progress(index.footer.index_offset, args.json);
    let mut verdicts = Vec::new();
    for block in &index.blocks {
        if let Err(fault) = check_block(index, file, block, Some(hash_key)) {
            let (keys, db) = (block.header.keys(), block.header.db);
            let what = format!("block with {keys} keys of database {db}: {fault}");
            verdicts.push(verdict(
                &args.path,
                block.offset,
                Some(index.header.cut_lsn),
                what,
            ));
        }
        bar.inc(block.header.block_bytes());
    }
    bar.finish_and_clear();
    verdicts
}

fn verdict(path: &Path, offset: u64, lsn: Option<Lsn>, what: String) -> Verdict {
    Verdict {
        file: path.display().to_string(),
        offset,
        lsn,
        severity: Severity::Corrupt,
        what,
    }
}

fn in_words(
    output: &mut Output,
    index: Option<&SnapshotIndex>,
    verdicts: &[Verdict],
) -> io::Result<()> {
    if let Some(index) = index {
        let (header, footer) = (&index.header, &index.footer);
        output.line(format_args!(
            "snapshot {} of dataset {}, cut at LSN {}: {} keys ({} expire) in {} blocks",
            header.number,
            header.dataset,
            header.cut_lsn,
            footer.keys,
            footer.expires,
            footer.blocks
        ))?;
    }
    for verdict in verdicts {
        output.line(verdict)?;
    }
    output.line(if verdicts.is_empty() {
        "sound"
    } else {
        "corrupt"
    })
}

fn in_json(index: Option<&SnapshotIndex>, verdicts: &[Verdict]) -> serde_json::Value {
    json!({
        "sound": verdicts.is_empty(),
        "dataset": index.map(|index| index.header.dataset.to_string()),
        "number": index.map(|index| index.header.number),
        "cut_lsn": index.map(|index| index.header.cut_lsn.0),
        "keys": index.map(|index| index.footer.keys),
        "expires": index.map(|index| index.footer.expires),
        "blocks": index.map(|index| index.footer.blocks),
        "raw_bytes": index.map(|index| index.footer.raw_bytes),
        "verdicts": verdicts.iter().map(report::verdict_json).collect::<Vec<_>>(),
    })
}
