//! Changing a hash: fields that are stored, removed, given an expiry or deleted when their time has come.
//!
//! Here a hash changes its encoding, exactly where Redis 8 does: to triples when a command could give an expiry, to a
//! table when a name or value is longer than `hash-max-listpack-value`, or when there are more fields than
//! `hash-max-listpack-entries`.

use super::packed::{self, Stride};
use super::table::Swept;
use super::{Field, Hash, HashTable};
use crate::UnixMs;
use crate::limits::Limits;
use crate::packed::Listpack;
use crate::text::IntText;
use crate::tx::Expiry;
use crate::walk::Elements;

/// Longest listpack; what would make a longer one makes a table.
const PACKED_BYTES_MAX: usize = 1 << 30;
/// What the bytes of a new field's expiry take at most.
const EXPIRY_BYTES_MAX: usize = 10;

/// What a change of a hash may need besides the hash.
pub(crate) struct HashCx<'a, 'w> {
    pub(crate) limits: &'a Limits,
    pub(crate) now: UnixMs,
    pub(crate) elements: &'a mut Elements<'w>,
}

impl Hash {
    /// Stores a field; one that is due counts as absent. Returns whether it is new.
    #[inline]
    pub(crate) fn set(
        &mut self,
        name: &[u8],
        value: &[u8],
        expiry: Expiry,
        cx: &mut HashCx<'_, '_>,
    ) -> bool {
        if !matches!(self, Hash::Table(_)) {
            let longest = name.len().max(value.len());
            if longest > cx.limits.hash_max_listpack_value || !self.takes(name, value) {
                self.make_table(cx.limits);
            } else if matches!(expiry, Expiry::At(_)) {
                self.make_triples();
            }
        }
        let (pack, stride) = match self {
            Hash::Table(table) => return table.set(name, value, expiry, cx.now, cx.elements),
            Hash::Packed(pack) => (pack, Stride::Pairs),
            Hash::PackedTtl(pack) => (pack, Stride::Triples),
        };
        let Some(pos) = packed::find(pack, stride, name) else {
            packed::add(pack, stride, name, value, expiry.after(None));
            if self.len() > cx.limits.hash_max_listpack_entries {
                self.make_table(cx.limits);
            }
            return true;
        };
        let before = packed::expiry_at(pack, stride, pos);
        let due = before.is_some_and(|at| at < cx.now);
        let after = expiry.after(before.filter(|_| !due));
        packed::replace_value(pack, pos, value);
        if before != after || matches!(expiry, Expiry::At(_)) {
            packed::replace_expiry(pack, pos, after);
        }
        due
    }

    /// Whether a listpack may hold this field too.
    fn takes(&self, name: &[u8], value: &[u8]) -> bool {
        self.pack().is_some_and(|(pack, _)| {
            let more = Listpack::entry_bytes(name) + Listpack::entry_bytes(value);
            pack.fits(more + EXPIRY_BYTES_MAX, PACKED_BYTES_MAX)
        })
    }

    /// Gives a field another expiry, or none. False if it is not there.
    pub(crate) fn set_expiry(
        &mut self,
        name: &[u8],
        at: Option<UnixMs>,
        cx: &mut HashCx<'_, '_>,
    ) -> bool {
        if self.field(name, cx.now).is_none() {
            return false;
        }
        if at.is_some() {
            self.make_triples();
        }
        match self {
            Hash::Packed(_) => true,
            Hash::PackedTtl(pack) => {
                let pos = packed::find(pack, Stride::Triples, name).expect("it was found before");
                if at.is_some() || packed::expiry_at(pack, Stride::Triples, pos).is_some() {
                    packed::replace_expiry(pack, pos, at);
                }
                true
            }
            Hash::Table(table) => table.set_expiry(name, at, cx.elements),
        }
    }

    /// Takes a field out. Returns whether it was there; one that was due was not.
    pub(crate) fn remove(&mut self, name: &[u8], cx: &mut HashCx<'_, '_>) -> bool {
        let (pack, stride) = match self {
            Hash::Table(table) => {
                return table.remove(name, cx.now, cx.elements) == Some(false);
            }
            Hash::Packed(pack) => (pack, Stride::Pairs),
            Hash::PackedTtl(pack) => (pack, Stride::Triples),
        };
        let Some(pos) = packed::find(pack, stride, name) else {
            return false;
        };
        let due = packed::expiry_at(pack, stride, pos).is_some_and(|at| at < cx.now);
        packed::remove(pack, stride, pos);
        !due
    }

    /// Deletes fields whose time has come, as many as `budget` allows, and shows the name of each.
    pub(crate) fn sweep(
        &mut self,
        budget: usize,
        cx: &mut HashCx<'_, '_>,
        mut gone: impl FnMut(&[u8]),
    ) -> Swept {
        match self {
            Hash::Packed(_) => Swept {
                work: 1,
                complete: true,
            },
            Hash::PackedTtl(pack) => {
                let due = packed::fields(pack, Stride::Triples)
                    .take_while(|field| field.is_due(cx.now))
                    .inspect(|field| gone(field.name.bytes(&mut IntText::default())))
                    .count();
                pack.remove_range(0, due * Stride::Triples as usize);
                Swept {
                    work: 1 + due,
                    complete: true,
                }
            }
            Hash::Table(table) => table.sweep(cx.now, budget, cx.elements, gone),
        }
    }

    /// Makes room for expiries in a small hash, as every command does that could set one.
    pub(crate) fn make_triples(&mut self) {
        if let Hash::Packed(pack) = self {
            *self = Hash::PackedTtl(packed::to_triples(pack));
        }
    }

    /// Makes it a table, as a command does that brings more fields than a listpack may have.
    pub(crate) fn make_table(&mut self, limits: &Limits) {
        if matches!(self, Hash::Table(_)) {
            return;
        }
        let mut table = HashTable::new(limits);
        let elements = Elements::unwatched();
        self.for_all(|field: Field<'_>| {
            let (mut name, mut value) = (IntText::default(), IntText::default());
            let (name, value) = (field.name.bytes(&mut name), field.value.bytes(&mut value));
            table.insert_new(name, value, field.expire_at, &elements);
        });
        *self = Hash::Table(Box::new(table));
    }
}
