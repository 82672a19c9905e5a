//! `rdb-inspect`: what is in a snapshot or a data directory, without a server.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use esker_format::native::entry::{Entries, Entry, Value};
use esker_format::native::snapshot::{BlockKind, SnapshotIndex};
use esker_format::{UnixMs, names};
use esker_keyspace::hash::hash_key;
use esker_tools::directory::{self, Directory};
use esker_tools::log::{self, Filter};
use esker_tools::report::{self, EXIT_CODES, Outcome, Output};
use esker_tools::{pattern, when};
use serde_json::json;

/// Shows what is in a native snapshot: totals, keys, one value. Of a data directory, the snapshot that its manifest names,
/// without the changes since; those are what `log` shows. Changes nothing.
#[derive(Parser)]
#[command(version, after_help = format!(
    "Examples:\n  rdb-inspect snap-0000000007.snap totals\n  rdb-inspect snap-0000000007.snap list --match 'cart:*' --expires\n  \
     rdb-inspect snap-0000000007.snap get user:1 --raw > value\n  \
     rdb-inspect data totals\n  rdb-inspect data log --match 'cart:*' --since 2026-01-31T12:00:00Z\n  \
     rdb-inspect data log --effect 'FLUSH*'\n\n{EXIT_CODES}"
))]
struct Args {
    /// The snapshot, or the data directory.
    path: PathBuf,
    #[command(subcommand)]
    what: What,
    /// JSON instead of lines; `list` writes one object per line.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Keys, expiries and bytes by database; the biggest keys.
    Totals {
        /// How many of the biggest keys to show.
        #[arg(long, default_value_t = 10)]
        biggest: usize,
    },
    /// All keys with kind, size and expiry, in the order of the file.
    List {
        /// Only keys that fit this pattern, as in KEYS.
        #[arg(long = "match", value_name = "PATTERN")]
        pattern: Option<String>,
        /// Only this database.
        #[arg(long)]
        db: Option<u32>,
        /// Only keys that expire.
        #[arg(long)]
        expires: bool,
        /// Only values of at least that many bytes.
        #[arg(long, default_value_t = 0)]
        min_bytes: usize,
    },
    /// The changes in the log of a data directory: position of their unit, time, database, effect, key.
    Log {
        /// Only changes of keys that fit this pattern, as in KEYS.
        #[arg(long = "match", value_name = "PATTERN")]
        pattern: Option<String>,
        /// Only effects whose name fits this pattern.
        #[arg(long, value_name = "PATTERN")]
        effect: Option<String>,
        /// Only this database.
        #[arg(long)]
        db: Option<u32>,
        /// Only what was written at that time or later: RFC 3339 or Unix time.
        #[arg(long, value_name = "TIME", value_parser = when::parse)]
        since: Option<UnixMs>,
        /// Only what was written at that time or before.
        #[arg(long, value_name = "TIME", value_parser = when::parse)]
        until: Option<UnixMs>,
    },
    /// The value of one key. Reads one block, and side blocks if there are any. A
    /// key that is not there is exit code 1.
    Get {
        /// The key.
        key: String,
        /// Its database.
        #[arg(long, default_value_t = 0)]
        db: u32,
        /// The bytes of the value and nothing else.
        #[arg(long, conflicts_with = "json")]
        raw: bool,
    },
}

fn main() -> ExitCode {
    let args = Args::parse();
    report::finish("rdb-inspect", &args.path.display().to_string(), run(&args))
}

fn run(args: &Args) -> io::Result<Outcome> {
    if let What::Log {
        pattern,
        effect,
        db,
        since,
        until,
    } = &args.what
    {
        let filter = Filter {
            key: pattern.as_deref(),
            effect: effect.as_deref(),
            db: *db,
            since: *since,
            until: *until,
        };
        return log::list(&args.path, &filter, args.json);
    }
    let _held;
    let mut path = args.path.clone();
    if path.is_dir() {
        let directory = Directory::open(&path)?;
        path = snapshot_of(&directory, &path)?;
        _held = directory;
    }
    let file = directory::map(&path)?;
    let file = file.as_ref();
    let index = SnapshotIndex::open(file)
        .map_err(|(offset, fault)| io::Error::other(format!("at offset {offset}: {fault}")))?;
    let mut output = Output::default();
    let outcome = match &args.what {
        What::Totals { biggest } => totals(&index, file, *biggest, args.json, &mut output)?,
        What::List {
            pattern,
            db,
            expires,
            min_bytes,
        } => {
            let wanted = |entry_db: u32, entry: &Entry<'_>| {
                db.is_none_or(|db| db == entry_db)
                    && (!expires || entry.expire_at.is_some())
                    && size(entry) >= *min_bytes
                    && pattern
                        .as_ref()
                        .is_none_or(|pattern| pattern::fits(pattern.as_bytes(), entry.key))
            };
            each(&index, file, |db, entry| {
                if wanted(db, entry) {
                    show(&mut output, db, entry, args.json)
                } else {
                    Ok(())
                }
            })?;
            Outcome::Sound
        }
        What::Log { .. } => unreachable!("the log is listed above"),
        What::Get { key, db, raw } => get(
            &index,
            file,
            *db,
            key.as_bytes(),
            *raw,
            args.json,
            &mut output,
        )?,
    };
    output.finish()?;
    Ok(outcome)
}

/// The snapshot that the manifest names.
fn snapshot_of(directory: &Directory, path: &Path) -> io::Result<PathBuf> {
    let manifest = directory
        .manifest()?
        .ok_or_else(|| io::Error::other("there is no manifest that can be read"))?;
    let snapshot = manifest
        .snapshot
        .ok_or_else(|| io::Error::other("there is no snapshot yet; `log` shows the changes"))?;
    Ok(path.join(names::snapshot(snapshot.number)))
}

/// Calls `f` with every entry; a damaged block ends it with an error that names the place.
fn each(
    index: &SnapshotIndex,
    file: &[u8],
    mut f: impl FnMut(u32, &Entry<'_>) -> io::Result<()>,
) -> io::Result<()> {
    for block in &index.blocks {
        if !matches!(block.header.kind, BlockKind::Main | BlockKind::Side) {
            continue;
        }
        let damaged =
            |fault| io::Error::other(format!("block at offset {}: {fault}", block.offset));
        let raw = index.block(file, block).map_err(damaged)?;
        for entry in Entries::new(&raw) {
            f(block.header.db, &entry.map_err(damaged)?)?;
        }
    }
    Ok(())
}

fn totals(
    index: &SnapshotIndex,
    file: &[u8],
    biggest: usize,
    json: bool,
    output: &mut Output,
) -> io::Result<Outcome> {
    let mut top: Vec<(usize, u32, Vec<u8>)> = Vec::new();
    let mut bytes = 0u64;
    each(index, file, |db, entry| {
        let size = size(entry);
        bytes += (entry.key.len() + size) as u64;
        let place = top.partition_point(|(before, ..)| *before >= size);
        if place < biggest {
            top.insert(place, (size, db, entry.key.to_vec()));
            top.truncate(biggest);
        }
        Ok(())
    })?;
    if json {
        let databases: Vec<_> = index
            .databases
            .iter()
            .map(
                |totals| json!({ "db": totals.db, "keys": totals.keys, "expires": totals.expires }),
            )
            .collect();
        let top: Vec<_> = top
            .iter()
            .map(|(size, db, key)| json!({ "db": db, "key": key.escape_ascii().to_string(), "bytes": size }))
            .collect();
        let cut = index.header.cut_lsn.0;
        output.line(
            json!({ "cut_lsn": cut, "bytes": bytes, "databases": databases, "biggest": top }),
        )?;
        return Ok(Outcome::Sound);
    }
    for totals in &index.databases {
        output.line(format_args!(
            "db {}: {} keys, {} expire",
            totals.db, totals.keys, totals.expires
        ))?;
    }
    output.line(format_args!(
        "{bytes} bytes of keys and values, cut at LSN {}",
        index.header.cut_lsn
    ))?;
    for (size, db, key) in top {
        output.line(format_args!(
            "{size:>12} bytes  db {db}  {}",
            key.escape_ascii()
        ))?;
    }
    Ok(Outcome::Sound)
}

fn get(
    index: &SnapshotIndex,
    file: &[u8],
    db: u32,
    key: &[u8],
    raw: bool,
    json: bool,
    output: &mut Output,
) -> io::Result<Outcome> {
    let hash = hash_key(index.header.hash_seed, key);
    for block in index.candidates(db, hash) {
        let damaged =
            |fault| io::Error::other(format!("block at offset {}: {fault}", block.offset));
        let content = index.block(file, block).map_err(damaged)?;
        for entry in Entries::new(&content) {
            let entry = entry.map_err(damaged)?;
            if entry.key != key {
                continue;
            }
            if raw {
                output.bytes(&value_bytes(&entry))?;
            } else {
                show(output, db, &entry, json)?;
                if !json {
                    output.line(value_bytes(&entry).escape_ascii())?;
                }
            }
            return Ok(Outcome::Sound);
        }
    }
    writeln!(io::stderr(), "rdb-inspect: there is no such key")?;
    Ok(Outcome::Problems)
}

fn show(output: &mut Output, db: u32, entry: &Entry<'_>, json: bool) -> io::Result<()> {
    let (key, size, expiry) = (
        entry.key.escape_ascii(),
        size(entry),
        entry.expire_at.map(|at| at.0),
    );
    if json {
        let value = value_bytes(entry).escape_ascii().to_string();
        return output.line(json!({
            "db": db, "key": key.to_string(), "type": kind(entry), "bytes": size, "expires_ms": expiry, "value": value,
        }));
    }
    let expiry = expiry.map_or("never".to_owned(), |at| at.to_string());
    output.line(format_args!(
        "db {db}  {}  {size} bytes  expires {expiry}  {key}",
        kind(entry)
    ))
}

fn kind(entry: &Entry<'_>) -> &'static str {
    match entry.value {
        Value::Int(_) | Value::Bytes(_) => "string",
        Value::Collection { .. } | Value::Unknown { .. } => "unknown",
    }
}

fn size(entry: &Entry<'_>) -> usize {
    match entry.value {
        Value::Int(_) => 8,
        Value::Bytes(bytes) | Value::Collection { bytes, .. } | Value::Unknown { bytes, .. } => {
            bytes.len()
        }
    }
}

fn value_bytes(entry: &Entry<'_>) -> Vec<u8> {
    match entry.value {
        Value::Int(number) => number.to_string().into_bytes(),
        Value::Bytes(bytes) | Value::Collection { bytes, .. } | Value::Unknown { bytes, .. } => {
            bytes.to_vec()
        }
    }
}
