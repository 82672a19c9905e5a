//! The two handlers: load, sort, show or store.

use esker_keyspace::entry::Kind;
use esker_keyspace::packed::Item;
use esker_keyspace::value::Way;
use esker_keyspace::{List, Set, Tx, Zset};
use esker_resp::Reply;

use super::options::Options;
use super::order::sort_elements;
use super::pattern::Pattern;
use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::value::check_room;

/// What an element takes at most in an effect besides its bytes.
const ELEMENT_OVERHEAD: usize = 16;

pub(super) fn sort(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let options = Options::parse(args, true)?;
    let elements = sorted(tx, args.get(1), &options)?;
    let Some(target) = options.store else {
        show(tx, &options, &elements, out);
        return Ok(());
    };
    let values = gotten(tx, &options, elements);
    let bytes: usize = values
        .iter()
        .map(|value| value.len() + ELEMENT_OVERHEAD)
        .sum();
    check_room(tx, bytes)?;
    tx.list_store(target, &values);
    out.integer(values.len() as i64);
    Ok(())
}

pub(super) fn sort_ro(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let options = Options::parse(args, false)?;
    let elements = sorted(tx, args.get(1), &options)?;
    show(tx, &options, &elements, out);
    Ok(())
}

/// The elements that are wanted, in the order that is wanted.
fn sorted(tx: &mut Tx<'_>, key: &[u8], options: &Options<'_>) -> Result<Vec<Vec<u8>>, CmdError> {
    let kind = match tx.read(key) {
        None => return Ok(Vec::new()),
        Some(entry) => entry.kind(),
    };
    let own_order = Options {
        by: None,
        get: Vec::new(),
        alphabetic: true,
        ..*options
    };
    let mut options = options;
    let mut keeps_order = options.keeps_order();
    if keeps_order && kind == Kind::Set && options.store.is_some() {
        // Members come in any order: what is stored has to be the same everywhere.
        (options, keeps_order) = (&own_order, false);
    }
    let mut elements = match kind {
        Kind::List | Kind::Zset if keeps_order => return Ok(in_place(tx, key, kind, options)),
        Kind::List | Kind::Zset | Kind::Set => all(tx, key, kind),
        _ => return Err(CmdError::WrongType),
    };
    if !keeps_order {
        elements = sort_elements(tx, options, elements)?;
    }
    let (start, count) = options.range(elements.len());
    elements.truncate(start + count);
    elements.drain(..start);
    Ok(elements)
}

/// A part of a list or sorted set in its own order, or against it.
fn in_place(tx: &Tx<'_>, key: &[u8], kind: Kind, options: &Options<'_>) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    let mut take = |item: Item<'_>| elements.push(item.to_vec());
    if kind == Kind::List {
        let list = tx.peek_view::<List>(key).ok().flatten();
        let list = list.expect("just read");
        let (start, count) = options.range(list.len());
        match options.descending {
            false => list.for_each(start, count, Way::Forward, take),
            true if count > 0 => {
                list.for_each(list.len() - start - 1, count, Way::Backward, take);
            }
            true => {}
        }
    } else {
        let zset = tx.peek_view::<Zset>(key).ok().flatten();
        let zset = zset.expect("just read");
        let (start, count) = options.range(zset.len());
        if count > 0 {
            let rank = match options.descending {
                false => start,
                true => zset.len() - start - 1,
            };
            zset.range(rank, count, options.descending)
                .for_each(|(_, member)| take(member));
        }
    }
    elements
}

fn all(tx: &Tx<'_>, key: &[u8], kind: Kind) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    let mut take = |item: Item<'_>| elements.push(item.to_vec());
    match kind {
        Kind::List => {
            let list = tx.peek_view::<List>(key).ok().flatten();
            let list = list.expect("just read");
            list.for_each(0, list.len(), Way::Forward, take);
        }
        Kind::Set => {
            let set = tx.peek_view::<Set>(key).ok().flatten();
            set.expect("just read").for_each(take);
        }
        _ => {
            let zset = tx.peek_view::<Zset>(key).ok().flatten();
            let zset = zset.expect("just read");
            zset.iter().for_each(|(_, member)| take(member));
        }
    }
    elements
}

fn show(tx: &mut Tx<'_>, options: &Options<'_>, elements: &[Vec<u8>], out: &mut Reply<'_>) {
    let patterns: Vec<Pattern<'_>> = options.get.iter().map(|get| Pattern::new(get)).collect();
    out.array(elements.len() * patterns.len().max(1));
    for element in elements {
        if patterns.is_empty() {
            out.bulk(element);
        }
        for pattern in &patterns {
            match pattern.look_up(tx, element) {
                None => out.null(),
                Some(value) => out.bulk(value),
            }
        }
    }
}

/// As `show`, to be stored: what there is not is an empty string.
fn gotten(tx: &mut Tx<'_>, options: &Options<'_>, elements: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    if options.get.is_empty() {
        return elements;
    }
    let patterns: Vec<Pattern<'_>> = options.get.iter().map(|get| Pattern::new(get)).collect();
    let mut values = Vec::with_capacity(elements.len() * patterns.len());
    for element in &elements {
        for pattern in &patterns {
            values.push(pattern.look_up(tx, element).unwrap_or_default());
        }
    }
    values
}
