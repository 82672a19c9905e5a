//! Judges what a restarted server holds against what its writers know.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::client::{Client, Value, show};

use super::Keeps;
use super::model::{Cell, Change, State};
use super::writer::Writer;

/// Verdict on one life.
#[derive(Debug, Default)]
pub struct Found {
    /// Per writer, the state to go on from.
    pub states: Vec<State>,
    /// Per database, the shared counter.
    pub shared: BTreeMap<u32, i64>,
    pub wrong: Vec<String>,
    /// Changes that survived without having been acknowledged.
    pub survived_in_flight: u64,
    /// Acknowledged changes that are gone (a violation only under `Keeps::Acknowledged`).
    pub lost_acknowledged: u64,
}

/// Reads everything from the restarted server and compares.
pub fn verify(
    client: &mut Client,
    writers: &[Writer],
    keeps: Keeps,
    shared_base: &BTreeMap<u32, i64>,
) -> io::Result<Found> {
    let mut found = Found::default();
    let dbs: BTreeSet<u32> = writers.iter().map(|writer| writer.db).collect();
    let mut contents: BTreeMap<u32, State> = BTreeMap::new();
    for &db in &dbs {
        contents.insert(db, read_db(client, db)?);
    }
    for writer in writers {
        let all = contents.get_mut(&writer.db).expect("read above");
        let prefix = writer.name.as_bytes();
        let mine: State = all
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|(k, c)| (k.clone(), c.clone()))
            .collect();
        all.retain(|key, _| !key.starts_with(prefix));
        match matching_prefix(writer, &mine, keeps) {
            Ok(kept) => {
                found.survived_in_flight += kept.saturating_sub(writer.acknowledged) as u64;
                found.lost_acknowledged += writer.acknowledged.saturating_sub(kept) as u64;
            }
            Err(message) => found.wrong.push(message),
        }
        found.states.push(mine);
    }
    for &db in &dbs {
        let rest = contents.get_mut(&db).expect("read above");
        let shared = rest.remove(b"shared".as_slice());
        check_shared(
            &mut found,
            db,
            shared,
            writers,
            keeps,
            shared_base.get(&db).copied().unwrap_or(0),
        );
        for key in rest.keys() {
            found
                .wrong
                .push(format!("db {db} holds key {} that nobody wrote", show(key)));
        }
    }
    Ok(found)
}

/// Finds a prefix of what the writer sent that explains the state, at least the acknowledged part where that is due.
fn matching_prefix(writer: &Writer, mine: &State, keeps: Keeps) -> Result<usize, String> {
    let floor = if keeps == Keeps::Acknowledged {
        writer.acknowledged
    } else {
        0
    };
    let mut state = writer.base.clone();
    let mut differs: BTreeSet<Vec<u8>> = state
        .keys()
        .chain(mine.keys())
        .filter(|key| state.get(*key) != mine.get(*key))
        .cloned()
        .collect();
    let mut matching = None;
    let mut at_floor: Option<(usize, String)> = None;
    for position in 0..=writer.sent.len() {
        if differs.is_empty() {
            matching = Some(position);
            if position >= floor {
                return Ok(position);
            }
        }
        if position == floor {
            at_floor = Some((differs.len(), describe(&differs, &state, mine)));
        }
        let Some(change) = writer.sent.get(position) else {
            break;
        };
        let all: Vec<Vec<u8>>;
        let touched: Vec<&[u8]> = match change.touches() {
            Some(keys) => keys,
            None => {
                all = state.keys().cloned().collect();
                all.iter().map(Vec::as_slice).collect()
            }
        };
        change.apply(&mut state);
        for key in touched {
            if state.get(key) == mine.get(key) {
                differs.remove(key);
            } else {
                differs.insert(key.to_vec());
            }
        }
    }
    let (count, shown) = at_floor.unwrap_or_default();
    let seen = match matching {
        Some(position) => format!(
            "the state is that after {position} changes: {} acknowledged ones are lost",
            floor - position
        ),
        None => "no prefix of what was sent explains the state".to_string(),
    };
    Err(format!(
        "{} sent {}, {} acknowledged; {seen}; against the acknowledged state {count} keys differ: {shown}",
        writer.name,
        writer.sent.len(),
        writer.acknowledged
    ))
}

fn describe(differs: &BTreeSet<Vec<u8>>, expected: &State, found: &State) -> String {
    let cell = |cell: Option<&Cell>| match cell {
        None => "nothing".to_string(),
        Some(cell) => {
            let shown = show(&cell.value[..cell.value.len().min(60)]);
            format!(
                "{shown} ({} bytes, expires {:?})",
                cell.value.len(),
                cell.expires_ms
            )
        }
    };
    let lines = differs.iter().take(4).map(|key| {
        format!(
            "\n    {}: expected {}, found {}",
            show(key),
            cell(expected.get(key)),
            cell(found.get(key))
        )
    });
    lines.collect()
}

/// The shared counter lies between the highest value that anybody was shown and all that was sent.
fn check_shared(
    found: &mut Found,
    db: u32,
    cell: Option<Cell>,
    writers: &[Writer],
    keeps: Keeps,
    base: i64,
) {
    let value = cell.map_or(Some(0), |cell| {
        std::str::from_utf8(&cell.value).ok()?.parse::<i64>().ok()
    });
    let Some(value) = value else {
        found
            .wrong
            .push(format!("the shared counter of db {db} holds no number"));
        return;
    };
    found.shared.insert(db, value);
    let users = writers.iter().filter(|writer| writer.db == db);
    if users.clone().any(|writer| writer.alone) {
        // FLUSHDB may have taken it; the writer's own prefix check covers the rest.
        return;
    }
    let seen = users
        .clone()
        .map(|writer| writer.shared_seen)
        .max()
        .unwrap_or(0);
    let sent: usize = users
        .map(|writer| {
            writer
                .sent
                .iter()
                .filter(|change| matches!(change, Change::IncrShared { .. }))
                .count()
        })
        .sum();
    let floor = if keeps == Keeps::Acknowledged {
        seen.max(base)
    } else {
        base
    };
    if value < floor || value > base + sent as i64 {
        found.wrong.push(format!(
            "the shared counter of db {db} is {value}; it was {base}, {sent} increments were sent and {seen} was shown"
        ));
    }
}

/// All strings of a database with their expiries.
fn read_db(client: &mut Client, db: u32) -> io::Result<State> {
    let mut state = State::new();
    client.words(&format!("SELECT {db}"))?;
    let keys = client.words("KEYS *")?.into_array().unwrap_or_default();
    let keys: Vec<Vec<u8>> = keys
        .iter()
        .filter_map(Value::as_bytes)
        .map(<[u8]>::to_vec)
        .collect();
    for chunk in keys.chunks(64) {
        for key in chunk {
            client.send(&[b"GET", key])?;
            client.send(&[b"PEXPIRETIME", key])?;
        }
        for key in chunk {
            let value = client.read()?;
            let expires = client.read()?.as_int().filter(|at| *at >= 0);
            let Value::Bulk(value) = value else {
                return Err(io::Error::other(format!(
                    "GET {} was answered {value:?}",
                    show(key)
                )));
            };
            state.insert(
                key.clone(),
                Cell {
                    value,
                    expires_ms: expires,
                },
            );
        }
    }
    let size = client.words("DBSIZE")?;
    if size != Value::Int(state.len() as i64) {
        return Err(io::Error::other(format!(
            "db {db}: KEYS gave {} keys, DBSIZE says {size:?}",
            state.len()
        )));
    }
    Ok(state)
}
