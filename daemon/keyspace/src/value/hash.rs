//! Hashes: fields with values, and perhaps with expiries of their own.
//!
//! A small hash is a listpack of pairs; the first command that could give a field an expiry makes it a listpack of
//! triples; a large one is a table. None of these steps is taken back. A field whose time has come but that is not
//! deleted yet is absent to everything that takes `now`; only `len` still counts it.

mod change;
mod field;
mod packed;
mod table;
#[cfg(test)]
mod tests;

use esker_format::cursor::Fault;
use esker_format::native::value::{
    Fields, KIND_HASH_FIELDS, KIND_HASH_PACKED, KIND_HASH_PACKED_TTL, ValueWriter,
};
use xxhash_rust::xxh3::xxh3_128;

use super::word::boxed_word;
use super::{Collection, value_of};
use crate::UnixMs;
use crate::entry::Kind;
use crate::limits::Limits;
use crate::packed::{Item, Listpack, Pos};
use crate::text::IntText;
use crate::walk::{Elements, Large, LargeTable};

pub(crate) use change::HashCx;
pub use field::FieldItem;
use packed::Stride;
pub use table::HashTable;

#[derive(Debug)]
pub enum Hash {
    /// `name value`, see `packed`.
    Packed(Listpack),
    /// `name value expiry`, see `packed`.
    PackedTtl(Listpack),
    Table(Box<HashTable>),
}

boxed_word!(Hash {
    Packed,
    PackedTtl,
    Table
});

/// One field of a hash.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    pub name: Item<'a>,
    pub value: Item<'a>,
    pub expire_at: Option<UnixMs>,
}

impl<'a> Field<'a> {
    fn of_item(item: &'a FieldItem) -> Field<'a> {
        Field {
            name: Item::Bytes(item.name()),
            value: Item::Bytes(item.value()),
            expire_at: item.expires_at(),
        }
    }

    #[inline]
    fn is_due(&self, now: UnixMs) -> bool {
        self.expire_at.is_some_and(|at| at < now)
    }
}

/// How many draws of a random field may meet one that is due before the fields are counted.
const RANDOM_TRIES: usize = 64;

const NOT_A_HASH: Fault = Fault::Invalid("not the value of a hash");
const TWICE: Fault = Fault::Invalid("a field of a hash is there twice");

/// An expiry as snapshots and listpacks say it; 0 is none.
pub(crate) fn encoded_expiry(at: Option<UnixMs>) -> u64 {
    at.map_or(0, |at| u64::try_from(at.0).unwrap_or(1).max(1))
}

fn decoded_expiry(at: u64) -> Option<UnixMs> {
    (at != 0).then(|| UnixMs(i64::try_from(at).unwrap_or(i64::MAX)))
}

impl Hash {
    /// The small hash of these pairs, which nobody vouches for.
    pub fn from_pairs(pairs: Listpack) -> Result<Hash, Fault> {
        check_packed(&pairs, Stride::Pairs)?;
        Ok(Hash::Packed(pairs))
    }

    /// The small hash of these triples, which nobody vouches for.
    pub fn from_triples(triples: Listpack) -> Result<Hash, Fault> {
        check_packed(&triples, Stride::Triples)?;
        Ok(Hash::PackedTtl(triples))
    }

    /// The listpack of a small hash, and how it lies.
    fn pack(&self) -> Option<(&Listpack, Stride)> {
        match self {
            Hash::Packed(pack) => Some((pack, Stride::Pairs)),
            Hash::PackedTtl(pack) => Some((pack, Stride::Triples)),
            Hash::Table(_) => None,
        }
    }

    /// All fields, counting those whose time has come but that nobody has deleted yet.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Hash::Packed(pack) => pack.len() / Stride::Pairs as usize,
            Hash::PackedTtl(pack) => pack.len() / Stride::Triples as usize,
            Hash::Table(table) => table.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Hash::Packed(pack) | Hash::PackedTtl(pack) => pack.is_empty(),
            Hash::Table(table) => table.is_empty(),
        }
    }

    /// No field expires before this; `None` if none expires at all.
    #[inline]
    pub fn earliest(&self) -> Option<UnixMs> {
        match self {
            Hash::Packed(_) => None,
            Hash::PackedTtl(pack) => packed::earliest(pack),
            Hash::Table(table) => table.earliest(),
        }
    }

    /// The value of a field.
    #[inline]
    pub fn get(&self, name: &[u8], now: UnixMs) -> Option<Item<'_>> {
        match self {
            Hash::Packed(pack) => {
                let pos = packed::find(pack, Stride::Pairs, name)?;
                Some(packed::value_at(pack, pos))
            }
            _ => self.field(name, now).map(|field| field.value),
        }
    }

    /// A field by its name.
    pub fn field(&self, name: &[u8], now: UnixMs) -> Option<Field<'_>> {
        let field = match self {
            Hash::Table(table) => Field::of_item(table.find(name)?),
            Hash::Packed(pack) => self.field_at(packed::find(pack, Stride::Pairs, name)?)?,
            Hash::PackedTtl(pack) => self.field_at(packed::find(pack, Stride::Triples, name)?)?,
        };
        (!field.is_due(now)).then_some(field)
    }

    /// The field at a position of the listpack.
    fn field_at(&self, pos: Pos) -> Option<Field<'_>> {
        let (pack, stride) = self.pack()?;
        Some(Field {
            name: pack.at(pos),
            value: packed::value_at(pack, pos),
            expire_at: packed::expiry_at(pack, stride, pos),
        })
    }

    /// Shows every field.
    pub fn for_each(&self, now: UnixMs, mut f: impl FnMut(Field<'_>)) {
        self.for_all(|field| {
            if !field.is_due(now) {
                f(field);
            }
        });
    }

    /// Shows every field, those that are due too.
    pub(crate) fn for_all(&self, mut f: impl FnMut(Field<'_>)) {
        match self {
            Hash::Table(table) => table.for_each(|item| f(Field::of_item(item))),
            Hash::Packed(pack) => packed::fields(pack, Stride::Pairs).for_each(f),
            Hash::PackedTtl(pack) => packed::fields(pack, Stride::Triples).for_each(f),
        }
    }

    /// Number of fields that are not due. Takes long where some of a large hash are.
    pub fn live(&self, now: UnixMs) -> usize {
        if self.earliest().is_none_or(|at| at >= now) {
            return self.len();
        }
        let mut live = 0;
        self.for_each(now, |_| live += 1);
        live
    }

    /// A field drawn by `random`, each with the same probability.
    pub fn random(&self, now: UnixMs, mut random: impl FnMut() -> u64) -> Option<Field<'_>> {
        for _ in 0..RANDOM_TRIES {
            let field = self.draw(random())?;
            if !field.is_due(now) {
                return Some(field);
            }
        }
        let lot = below(random(), self.live(now))?;
        self.nth_live(lot, now)
    }

    fn draw(&self, random: u64) -> Option<Field<'_>> {
        match self {
            Hash::Table(table) => table.table.random(random).map(Field::of_item),
            Hash::Packed(pack) => {
                let lot = below(random, self.len())?;
                self.field_at(pack.seek(lot * Stride::Pairs as usize)?)
            }
            Hash::PackedTtl(pack) => {
                let lot = below(random, self.len())?;
                self.field_at(pack.seek(lot * Stride::Triples as usize)?)
            }
        }
    }

    fn nth_live(&self, index: usize, now: UnixMs) -> Option<Field<'_>> {
        let mut left = index;
        let mut name = None;
        self.for_each(now, |field| {
            if left == 0 && name.is_none() {
                name = Some(field.name.to_vec());
            }
            left = left.saturating_sub(1);
        });
        self.field(&name?, now)
    }

    /// One step of a scan: shows about `count` fields and returns the next cursor; 0 starts and ends it. A small hash
    /// is shown whole.
    pub fn scan(
        &self,
        cursor: u64,
        count: usize,
        now: UnixMs,
        mut f: impl FnMut(Field<'_>),
    ) -> u64 {
        match self {
            Hash::Table(table) => table.table.scan(cursor, count, |item| {
                let field = Field::of_item(item);
                if !field.is_due(now) {
                    f(field);
                }
            }),
            _ => {
                self.for_each(now, f);
                0
            }
        }
    }
}

/// A number below `bound`, each nearly equally likely; `None` if there is none.
fn below(random: u64, bound: usize) -> Option<usize> {
    (bound > 0).then(|| ((u128::from(random) * bound as u128) >> 64) as usize)
}

/// Checks what a listpack's own structure does not promise: complete fields, different names, expiries in order.
fn check_packed(pack: &Listpack, stride: Stride) -> Result<(), Fault> {
    if pack.is_empty() || !pack.len().is_multiple_of(stride as usize) {
        return Err(NOT_A_HASH);
    }
    if stride == Stride::Triples {
        let mut last = 0;
        for expiry in pack.iter().skip(2).step_by(3) {
            let expiry = expiry.int().filter(|at| *at >= 0).ok_or(NOT_A_HASH)?;
            let rank = if expiry == 0 { i64::MAX } else { expiry };
            if rank < last {
                return Err(Fault::Invalid("the fields of a hash are out of order"));
            }
            last = rank;
        }
    }
    let mut names: Vec<_> = packed::fields(pack, stride)
        .map(|field| match field.name {
            Item::Int(int) => (Some(int), &[][..]),
            Item::Bytes(bytes) => (None, bytes),
        })
        .collect();
    names.sort_unstable();
    match names.windows(2).any(|pair| pair[0] == pair[1]) {
        true => Err(TWICE),
        false => Ok(()),
    }
}

impl Collection for Hash {
    const KIND: Kind = Kind::Hash;

    fn empty(_: &Limits) -> Self {
        Hash::Packed(Listpack::new())
    }

    fn is_empty(&self) -> bool {
        Hash::is_empty(self)
    }

    fn elements(&self) -> usize {
        self.len()
    }

    fn encoding(&self) -> &'static str {
        match self {
            Hash::Packed(_) => "listpack",
            Hash::PackedTtl(_) => "listpackex",
            Hash::Table(_) => "hashtable",
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Hash::Packed(pack) | Hash::PackedTtl(pack) => pack.heap_bytes(),
            Hash::Table(table) => table.heap_bytes(),
        }
    }

    fn duplicate(&self) -> Self {
        match self {
            Hash::Packed(pack) => Hash::Packed(pack.clone()),
            Hash::PackedTtl(pack) => Hash::PackedTtl(pack.clone()),
            Hash::Table(table) => Hash::Table(Box::new(table.duplicate())),
        }
    }

    fn encode(&self, out: &mut ValueWriter<'_>) {
        match self {
            Hash::Packed(pack) => out.packed(KIND_HASH_PACKED, pack.bytes()),
            Hash::PackedTtl(pack) => out.packed(KIND_HASH_PACKED_TTL, pack.bytes()),
            Hash::Table(table) => table.for_each(|item| {
                let expire_at = encoded_expiry(item.expires_at());
                out.hash_field(expire_at, item.name(), item.value());
            }),
        }
    }

    fn decode(kind: u8, bytes: &[u8], limits: &Limits) -> Result<Self, Fault> {
        match kind {
            KIND_HASH_PACKED => Hash::from_pairs(Listpack::from_bytes(bytes)?),
            KIND_HASH_PACKED_TTL => Hash::from_triples(Listpack::from_bytes(bytes)?),
            KIND_HASH_FIELDS => {
                let mut hash = Hash::Table(Box::new(HashTable::new(limits)));
                hash.add_piece(kind, bytes)?;
                Ok(hash)
            }
            _ => Err(NOT_A_HASH),
        }
    }

    fn add_piece(&mut self, kind: u8, bytes: &[u8]) -> Result<(), Fault> {
        let Hash::Table(table) = self else {
            return Err(NOT_A_HASH);
        };
        if kind != KIND_HASH_FIELDS {
            return Err(NOT_A_HASH);
        }
        let elements = Elements::unwatched();
        for field in Fields::new(bytes) {
            let field = field?;
            if table.find(field.field).is_some() {
                return Err(TWICE);
            }
            let expire_at = decoded_expiry(field.expire_at);
            table.insert_new(field.field, field.value, expire_at, &elements);
        }
        Ok(())
    }

    fn loaded(&mut self) -> Result<(), Fault> {
        match self.is_empty() {
            true => Err(NOT_A_HASH),
            false => Ok(()),
        }
    }

    fn large(&self) -> Option<&Large> {
        match self {
            Hash::Table(table) => Some(&table.large),
            _ => None,
        }
    }

    fn large_mut(&mut self) -> Option<(&mut Large, &mut dyn LargeTable)> {
        match self {
            Hash::Table(table) => Some((&mut table.large, &mut table.table)),
            _ => None,
        }
    }

    /// The sum of one digest per field, so that their order does not matter.
    fn digest(&self, out: &mut Vec<u8>) {
        let mut sum = 0u128;
        let mut buffer = Vec::new();
        self.for_all(|field| {
            let (mut name, mut value) = (IntText::default(), IntText::default());
            let (name, value) = (field.name.bytes(&mut name), field.value.bytes(&mut value));
            buffer.clear();
            buffer.extend_from_slice(&encoded_expiry(field.expire_at).to_le_bytes());
            buffer.extend_from_slice(&(name.len() as u64).to_le_bytes());
            buffer.extend_from_slice(name);
            buffer.extend_from_slice(value);
            sum = sum.wrapping_add(xxh3_128(&buffer));
        });
        out.extend_from_slice(&sum.to_le_bytes());
    }

    value_of!(Hash);
}
