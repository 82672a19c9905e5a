//! `rdb-inspect`: what is in a snapshot or a data directory, without a server.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use esker_format::cursor::Fault;
use esker_format::native::entry::{Entries, Entry, Value};
use esker_format::native::snapshot::{BlockKind, SnapshotIndex};
use esker_format::native::value::{self, Type};
use esker_format::{UnixMs, names};
use esker_keyspace::hash::hash_key;
use esker_tools::directory::{self, Directory};
use esker_tools::elements::{Parts, encoding};
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
    /// All keys with type, encoding, elements, size and expiry, in the order of the file; last those whose values
    /// stand in pieces.
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
    /// The value of one key, an element to a line. Reads one block, and side blocks if there are any. A
    /// key that is not there is exit code 1.
    Get {
        /// The key.
        key: String,
        /// Its database.
        #[arg(long, default_value_t = 0)]
        db: u32,
        /// The bytes of the value and nothing else; of a collection, the words of its elements, each ended by a zero
        /// byte.
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
            let wanted = |about: &About| {
                db.is_none_or(|db| db == about.db)
                    && (!expires || about.expire_at.is_some())
                    && about.bytes >= *min_bytes
                    && pattern
                        .as_ref()
                        .is_none_or(|pattern| pattern::fits(pattern.as_bytes(), &about.key))
            };
            each_key(&index, file, |about, value| {
                if wanted(about) {
                    show(&mut output, about, value, args.json)
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
    let mut kinds = Kinds::new();
    each_key(index, file, |about, _| {
        let size = about.bytes;
        bytes += (about.key.len() + size) as u64;
        let kind = kinds.entry((about.kind, about.encoding)).or_default();
        kind[0] += 1;
        kind[1] += about.elements;
        kind[2] += size as u64;
        let place = top.partition_point(|(before, ..)| *before >= size);
        if place < biggest {
            top.insert(place, (size, about.db, about.key.clone()));
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
        let types: Vec<_> = kinds
            .iter()
            .map(|((kind, encoding), [keys, elements, bytes])| {
                json!({ "type": kind, "encoding": encoding, "keys": keys, "elements": elements, "bytes": bytes })
            })
            .collect();
        output.line(json!({
            "cut_lsn": cut, "bytes": bytes, "databases": databases, "types": types, "biggest": top,
        }))?;
        return Ok(Outcome::Sound);
    }
    print_totals(index, bytes, kinds, &top, output)?;
    Ok(Outcome::Sound)
}

/// Keys, elements and bytes of each type in each encoding.
type Kinds<'a> = BTreeMap<(&'a str, &'a str), [u64; 3]>;

fn print_totals(
    index: &SnapshotIndex,
    bytes: u64,
    kinds: Kinds<'_>,
    top: &[(usize, u32, Vec<u8>)],
    output: &mut Output,
) -> io::Result<()> {
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
    for ((kind, encoding), [keys, elements, bytes]) in kinds {
        output.line(format_args!(
            "{kind} ({encoding}): {keys} keys, {elements} elements, {bytes} bytes"
        ))?;
    }
    for (size, db, key) in top {
        output.line(format_args!(
            "{size:>12} bytes  db {db}  {}",
            key.escape_ascii()
        ))?;
    }
    Ok(())
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
    let (mut found, mut parts, mut string) = (None::<About>, Parts::default(), None);
    'blocks: for block in index.candidates(db, hash) {
        let damaged =
            |fault| io::Error::other(format!("block at offset {}: {fault}", block.offset));
        let content = index.block(file, block).map_err(damaged)?;
        for entry in Entries::new(&content) {
            let entry = entry.map_err(damaged)?;
            if entry.key != key {
                continue;
            }
            let about = About::of(db, &entry).map_err(damaged)?;
            match &mut found {
                Some(found) => found.add(about),
                None => found = Some(about),
            }
            parts.add(&entry);
            if entry.piece.is_none() {
                string = string_of(&entry);
                break 'blocks;
            }
        }
    }
    let Some(about) = found else {
        writeln!(io::stderr(), "rdb-inspect: there is no such key")?;
        return Ok(Outcome::Problems);
    };
    if !raw {
        show(output, &about, string.as_deref(), json)?;
    }
    match string {
        Some(string) if raw => output.bytes(&string)?,
        Some(string) if !json => output.line(string.escape_ascii())?,
        Some(_) => {}
        None => show_elements(&mut parts, raw, json, output)?,
    }
    if is_incomplete(&about, &parts) {
        writeln!(io::stderr(), "rdb-inspect: a piece of the value is missing")?;
        return Ok(Outcome::Problems);
    }
    Ok(Outcome::Sound)
}

fn is_incomplete(about: &About, parts: &Parts) -> bool {
    about.encoding != "string" && !parts.are_whole()
}

/// One line for each element; JSON: an array of its words.
fn show_elements(parts: &mut Parts, raw: bool, json: bool, output: &mut Output) -> io::Result<()> {
    let mut written = Ok(());
    let shown = parts.each(&mut |words| {
        if written.is_err() {
            return;
        }
        let texts = words.iter().map(|word| word.escape_ascii().to_string());
        written = if raw {
            let bytes: Vec<u8> = words
                .iter()
                .flat_map(|word| [*word, b"\0"].concat())
                .collect();
            output.bytes(&bytes)
        } else if json {
            output.line(json!(texts.collect::<Vec<_>>()))
        } else {
            output.line(texts.collect::<Vec<_>>().join(" "))
        };
    });
    written?;
    shown.map_err(|fault| io::Error::other(fault.to_string()))
}

/// What is known of a key without its value.
struct About {
    db: u32,
    key: Vec<u8>,
    kind: &'static str,
    encoding: &'static str,
    elements: u64,
    bytes: usize,
    expire_at: Option<UnixMs>,
}

impl About {
    fn of(db: u32, entry: &Entry<'_>) -> Result<About, Fault> {
        let (encoding, elements, bytes) = match entry.value {
            Value::Int(_) => ("string", 0, 8),
            Value::Bytes(bytes) => ("string", 0, bytes.len()),
            Value::Collection { kind, bytes } => (
                encoding(kind),
                value::check(kind, bytes)?.elements,
                bytes.len(),
            ),
            Value::Unknown { bytes, .. } => ("unknown", 0, bytes.len()),
        };
        Ok(About {
            db,
            key: entry.key.to_vec(),
            kind: entry.value_type().map_or("unknown", Type::name),
            encoding,
            elements,
            bytes,
            expire_at: entry.expire_at,
        })
    }

    /// Adds what another piece of the key is.
    fn add(&mut self, piece: About) {
        self.elements += piece.elements;
        self.bytes += piece.bytes;
        self.expire_at = self.expire_at.or(piece.expire_at);
    }
}

/// Calls `f` with every key, and its value if it is a string: in the order of the file, and last those in pieces.
fn each_key(
    index: &SnapshotIndex,
    file: &[u8],
    mut f: impl FnMut(&About, Option<&[u8]>) -> io::Result<()>,
) -> io::Result<()> {
    let mut in_pieces: BTreeMap<(u32, Vec<u8>), About> = BTreeMap::new();
    each(index, file, |db, entry| {
        let about = About::of(db, entry).map_err(|fault| io::Error::other(fault.to_string()))?;
        if entry.piece.is_none() {
            return f(&about, string_of(entry).as_deref());
        }
        match in_pieces.entry((db, about.key.clone())) {
            MapEntry::Vacant(place) => drop(place.insert(about)),
            MapEntry::Occupied(mut found) => found.get_mut().add(about),
        }
        Ok(())
    })?;
    in_pieces.values().try_for_each(|about| f(about, None))
}

fn show(output: &mut Output, about: &About, value: Option<&[u8]>, json: bool) -> io::Result<()> {
    let About {
        db,
        kind,
        encoding,
        elements,
        bytes,
        ..
    } = about;
    let (key, expiry) = (about.key.escape_ascii(), about.expire_at.map(|at| at.0));
    let is_string = *encoding == "string";
    if json {
        let mut line = json!({
            "db": db, "key": key.to_string(), "type": kind, "bytes": bytes, "expires_ms": expiry,
        });
        if let Some(value) = value {
            line["value"] = value.escape_ascii().to_string().into();
        }
        if !is_string {
            line["encoding"] = (*encoding).into();
            line["elements"] = (*elements).into();
        }
        return output.line(line);
    }
    let expiry = expiry.map_or("never".to_owned(), |at| at.to_string());
    let elements = if is_string {
        String::new()
    } else {
        format!("  {encoding}  {elements} elements")
    };
    output.line(format_args!(
        "db {db}  {kind}{elements}  {bytes} bytes  expires {expiry}  {key}"
    ))
}

fn string_of(entry: &Entry<'_>) -> Option<Vec<u8>> {
    match entry.value {
        Value::Int(number) => Some(number.to_string().into_bytes()),
        Value::Bytes(bytes) => Some(bytes.to_vec()),
        Value::Unknown { bytes, .. } => Some(bytes.to_vec()),
        Value::Collection { .. } => None,
    }
}
