//! Small hashes: a listpack of pairs, or of triples once an expiry was asked for.
//!
//! Pairs are `name value` in the order of arrival. Triples are `name value expiry`, the expiry an integer in Unix
//! milliseconds and 0 for none, in this order: earliest expiry first, a later arrival before an earlier one of the
//! same expiry, and those without expiry at the end in the order of arrival. So what is due is always in front, and
//! the bytes are those of Redis 8.

use esker_format::redis::listpack::Builder;

use super::Field;
use crate::UnixMs;
use crate::packed::{Item, Listpack, Pos};

/// How fields lie in a listpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stride {
    Pairs = 2,
    Triples = 3,
}

fn expiry_of(item: Item<'_>) -> Option<UnixMs> {
    item.int().filter(|at| *at != 0).map(UnixMs)
}

/// All fields, in order.
pub(super) fn fields(
    pack: &Listpack,
    stride: Stride,
) -> impl Iterator<Item = Field<'_>> + Clone + use<'_> {
    let mut items = pack.iter();
    std::iter::from_fn(move || {
        let name = items.next()?;
        let value = items.next().expect("a field has a value");
        let expire_at = match stride {
            Stride::Pairs => None,
            Stride::Triples => expiry_of(items.next().expect("a triple has an expiry")),
        };
        Some(Field {
            name,
            value,
            expire_at,
        })
    })
}

/// Where the field of that name begins.
#[inline]
pub(super) fn find(pack: &Listpack, stride: Stride, name: &[u8]) -> Option<Pos> {
    pack.find(pack.first()?, name, stride as usize - 1)
}

fn behind(pack: &Listpack, pos: Pos) -> Pos {
    pack.next(pos).expect("a field is complete")
}

/// The value of the field at `pos`.
#[inline]
pub(super) fn value_at(pack: &Listpack, pos: Pos) -> Item<'_> {
    pack.at(behind(pack, pos))
}

/// The expiry of the field at `pos`.
pub(super) fn expiry_at(pack: &Listpack, stride: Stride, pos: Pos) -> Option<UnixMs> {
    match stride {
        Stride::Pairs => None,
        Stride::Triples => expiry_of(pack.at(behind(pack, behind(pack, pos)))),
    }
}

/// The earliest expiry.
pub(super) fn earliest(pack: &Listpack) -> Option<UnixMs> {
    expiry_at(pack, Stride::Triples, pack.first()?)
}

/// Gives the field at `pos` another value; its place stays.
pub(super) fn replace_value(pack: &mut Listpack, pos: Pos, value: &[u8]) {
    let at = behind(pack, pos);
    pack.replace(at, value);
}

/// Adds a field whose name is not there, where the order wants it.
pub(super) fn add(
    pack: &mut Listpack,
    stride: Stride,
    name: &[u8],
    value: &[u8],
    expire_at: Option<UnixMs>,
) {
    debug_assert!(stride == Stride::Triples || expire_at.is_none());
    let at = match expire_at {
        None => pack.end(),
        Some(at) => place_of(pack, at),
    };
    // Each goes before the one that was added last.
    if stride == Stride::Triples {
        pack.insert_item(at, Item::Int(expire_at.map_or(0, |at| at.0)));
    }
    pack.insert(at, value);
    pack.insert(at, name);
}

/// Before the first triple that does not expire earlier.
fn place_of(pack: &Listpack, at: UnixMs) -> Pos {
    let mut pos = pack.first();
    while let Some(here) = pos {
        let expiry = behind(pack, behind(pack, here));
        match expiry_of(pack.at(expiry)) {
            Some(other) if other < at => pos = pack.next(expiry),
            _ => return here,
        }
    }
    pack.end()
}

/// Gives the triple at `pos` another expiry, and with it another place.
pub(super) fn replace_expiry(pack: &mut Listpack, pos: Pos, expire_at: Option<UnixMs>) {
    let name = pack.at(pos).to_vec();
    let value = value_at(pack, pos).to_vec();
    remove(pack, Stride::Triples, pos);
    add(pack, Stride::Triples, &name, &value, expire_at);
}

pub(super) fn remove(pack: &mut Listpack, stride: Stride, pos: Pos) {
    pack.remove_at(pos, stride as usize);
}

/// The same fields as triples without expiry.
pub(super) fn to_triples(pack: &Listpack) -> Listpack {
    let mut triples = Builder::new();
    for field in fields(pack, Stride::Pairs) {
        triples.push(field.name);
        triples.push(field.value);
        triples.push(Item::Int(0));
    }
    Listpack::from_bytes(&triples.finish()).expect("a listpack that was just built")
}
