//! COMPAT.md tells what the tables say: commands, directives, DEBUG subcommands.
//!
//! The generated parts stand between `<!-- generated: NAME -->` and `<!-- end -->`. They are made here and compared;
//! with `ESKER_WRITE_COMPAT=1` they are written into the file. The commands of the references are facts in
//! `tests/data/peer-commands.tsv`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use esker_server::admin;
use esker_server::config::{self, Class, Row, Settings};
use esker_server::table::TABLE;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies in the repository")
        .to_path_buf()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A command of a reference.
struct Peer {
    family: String,
    /// `R`, `V` or `RV`.
    servers: String,
    name: String,
}

fn peers() -> Vec<Peer> {
    read("tests/data/peer-commands.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [family, servers, name] = fields[..] else {
                panic!("not a row of three fields: {line}")
            };
            Peer {
                family: family.replace('_', " "),
                servers: servers.into(),
                name: name.into(),
            }
        })
        .collect()
}

/// Names as people write them: `CLIENT LIST`.
fn ours() -> BTreeSet<String> {
    TABLE
        .rows()
        .map(|row| row.name().replace('|', " "))
        .collect()
}

/// The name, and where only one of the references has it, which.
fn marked(peer: &Peer) -> String {
    match peer.servers.as_str() {
        "R" => format!("{} (Redis)", peer.name),
        "V" => format!("{} (Valkey)", peer.name),
        _ => peer.name.clone(),
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "–".into()
    } else {
        names.join(", ")
    }
}

fn command_counts() -> String {
    let (ours, peers) = (ours(), peers());
    let mut families: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for peer in &peers {
        let counts = families.entry(&peer.family).or_default();
        counts[0] += usize::from(peer.servers.contains('R'));
        counts[1] += usize::from(peer.servers.contains('V'));
        counts[2] += usize::from(ours.contains(&peer.name));
    }
    let mut text =
        "| family | Redis 8.0.6 | Valkey 9.1.2 | here |\n|---|---|---|---|\n".to_string();
    let mut sums = [0; 3];
    for (family, counts) in &families {
        let [redis, valkey, here] = counts;
        writeln!(text, "| {family} | {redis} | {valkey} | {here} |").expect("a String takes all");
        (0..3).for_each(|i| sums[i] += counts[i]);
    }
    let [redis, valkey, here] = sums;
    writeln!(text, "| all | {redis} | {valkey} | {here} |").expect("a String takes all");
    text
}

fn command_lists() -> String {
    let (ours, peers) = (ours(), peers());
    let mut families: BTreeMap<&str, [Vec<String>; 2]> = BTreeMap::new();
    for peer in &peers {
        let lists = families.entry(&peer.family).or_default();
        lists[usize::from(!ours.contains(&peer.name))].push(marked(peer));
    }
    let mut text = String::new();
    for (family, [here, missing]) in &families {
        writeln!(
            text,
            "- **{family}**\n  - here: {}\n  - not yet: {}",
            listed(here),
            listed(missing)
        )
        .expect("a String takes all");
    }
    let known: BTreeSet<&str> = peers.iter().map(|peer| peer.name.as_str()).collect();
    let further: Vec<String> = ours
        .iter()
        .filter(|name| !known.contains(name.as_str()))
        .cloned()
        .collect();
    writeln!(text, "- **in neither reference**: {}", listed(&further)).expect("a String takes all");
    text
}

/// Text that may stand in a cell.
fn cell(text: &str) -> String {
    if text.is_empty() {
        "`\"\"`".into()
    } else {
        text.replace('|', "\\|")
    }
}

fn names_of(row: &Row) -> String {
    let aliases: String = row
        .aliases
        .iter()
        .map(|alias| format!(", `{alias}`"))
        .collect();
    format!("`{}`{aliases}", row.name)
}

fn changed_by(row: &Row) -> &'static str {
    if row.immutable || row.fixed || row.start_only {
        "start"
    } else {
        "CONFIG SET"
    }
}

fn live_directives() -> String {
    let defaults = Settings::default();
    let mut text =
        "| directive | default | changed at | meaning |\n|---|---|---|---|\n".to_string();
    for row in config::all().filter(|row| row.is_live()) {
        writeln!(
            text,
            "| {} | {} | {} | {} |",
            names_of(row),
            cell(&row.get(&defaults)),
            changed_by(row),
            row.doc
        )
        .expect("a String takes all");
    }
    text
}

/// By reason, since many share one.
fn inert_directives() -> String {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for row in config::all() {
        let Class::Inert(why) = row.class else {
            continue;
        };
        match reasons.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, names)) => names.push(names_of(row)),
            None => reasons.push((why, vec![names_of(row)])),
        }
    }
    let mut text = "| why it means nothing here | directives |\n|---|---|\n".to_string();
    for (why, names) in reasons {
        writeln!(text, "| {} | {} |", cell(why), names.join(", ")).expect("a String takes all");
    }
    text
}

fn unbuilt_directives() -> String {
    let defaults = Settings::default();
    let mut text =
        "| directive | the value taken | what others would need |\n|---|---|---|\n".to_string();
    for row in config::all() {
        let Class::Unbuilt(what) = row.class else {
            continue;
        };
        let value = cell(&row.get(&defaults));
        writeln!(text, "| {} | {value} | {} |", names_of(row), cell(what))
            .expect("a String takes all");
    }
    text
}

/// Directives of neither reference.
fn own_directives() -> String {
    let names = read("daemon/server/src/config/rows/names.txt");
    let known: BTreeSet<&str> = names
        .lines()
        .filter_map(|line| line.split(" = ").next())
        .collect();
    let own: Vec<String> = config::all()
        .filter(|row| !known.contains(row.name))
        .map(names_of)
        .collect();
    format!("{}\n", own.join(", "))
}

fn debug_subcommands() -> String {
    let names: Vec<&str> = admin::debug_subcommands().collect();
    format!("{}\n", names.join(", "))
}

const PARTS: &[(&str, fn() -> String)] = &[
    ("command counts", command_counts),
    ("commands", command_lists),
    ("live directives", live_directives),
    ("own directives", own_directives),
    ("inert directives", inert_directives),
    ("unbuilt directives", unbuilt_directives),
    ("debug", debug_subcommands),
];

const END: &str = "<!-- end -->";

/// Where the content of a generated part stands.
fn place(text: &str, name: &str) -> std::ops::Range<usize> {
    let begin = format!("<!-- generated: {name} -->\n");
    let at = text
        .find(&begin)
        .unwrap_or_else(|| panic!("COMPAT.md has no part {name:?}"))
        + begin.len();
    let end = text[at..]
        .find(END)
        .unwrap_or_else(|| panic!("the part {name:?} has no end"));
    at..at + end
}

#[test]
fn the_lists_are_those_of_the_tables() {
    let before = read("COMPAT.md");
    let mut after = before.clone();
    for (name, make) in PARTS {
        let range = place(&after, name);
        after.replace_range(range, &make());
    }
    let marks = after.matches("<!-- generated: ").count();
    assert_eq!(marks, PARTS.len(), "a part that nobody generates");
    if std::env::var_os("ESKER_WRITE_COMPAT").is_some() {
        std::fs::write(root().join("COMPAT.md"), after).expect("COMPAT.md can be written");
        return;
    }
    let wrong: Vec<&str> = PARTS
        .iter()
        .filter(|(name, make)| before[place(&before, name)] != make())
        .map(|(name, _)| *name)
        .collect();
    assert!(
        wrong.is_empty(),
        "parts of COMPAT.md that are not what the tables say: {wrong:?}; write them with ESKER_WRITE_COMPAT=1 cargo \
         test -p esker-tests --test compat"
    );
}

#[test]
fn every_command_of_the_references_is_listed_once() {
    let peers = peers();
    let names: BTreeSet<&str> = peers.iter().map(|peer| peer.name.as_str()).collect();
    assert_eq!(names.len(), peers.len());
    for peer in &peers {
        assert!(
            ["R", "V", "RV"].contains(&peer.servers.as_str()),
            "{}: {}",
            peer.name,
            peer.servers
        );
    }
}
