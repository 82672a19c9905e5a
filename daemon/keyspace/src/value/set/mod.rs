//! Sets: members without order, each once.
//!
//! Small sets of integers are intsets, other small sets listpacks in the order in which members came, all others hash
//! tables. A set changes its encoding when a member comes that the present one cannot hold within the limits, and
//! never changes back. Which encoding a set has at which moment is what Redis 8 does, because OBJECT ENCODING shows it
//! and the order of the members of a small set.
//!
//! Members are shown as [`Item`]s, integers or bytes, as the encoding has them at hand.

mod member;
mod table;

use esker_format::cursor::Fault;
use esker_format::native::value::{KIND_SET_INTS, KIND_SET_MEMBERS, KIND_SET_PACKED};
use esker_format::native::value::{Members, ValueWriter};
use xxhash_rust::xxh3::xxh3_128;

use super::word::boxed_word;
use super::{Collection, value_of};
use crate::entry::Kind;
use crate::limits::Limits;
use crate::packed::{Intset, Item, Listpack};
use crate::text::IntText;
use crate::walk::{Elements, Large, LargeTable};

use table::SetTable;

/// An intset has no more members, whatever the limit says.
const INTSET_MAX: usize = 1 << 30;
/// A listpack is no longer, whatever the limits say.
const PACKED_BYTES_MAX: usize = 1 << 30;
/// Members that a walk with an end looks at between two checks whether it is over.
const STEP: usize = 32;

#[derive(Debug)]
pub enum Set {
    Ints(Intset),
    Packed(Listpack),
    Table(Box<SetTable>),
}

boxed_word!(Set {
    Ints,
    Packed,
    Table
});

impl Set {
    /// An empty set in the encoding that suits `expected` members, of which `first` is one.
    pub fn for_members(first: &[u8], expected: usize, limits: &Limits) -> Set {
        let int = Item::of(first).int().is_some();
        if int && expected <= limits.set_max_intset_entries {
            Set::Ints(Intset::new())
        } else if expected <= limits.set_max_listpack_entries {
            Set::Packed(Listpack::new())
        } else {
            Set::table(limits, expected)
        }
    }

    /// An empty set of integers.
    pub fn ints() -> Set {
        Set::Ints(Intset::new())
    }

    /// An empty listpack.
    pub fn packed() -> Set {
        Set::Packed(Listpack::new())
    }

    /// An empty hash table, for results that are looked up a lot.
    pub fn table(limits: &Limits, expected: usize) -> Set {
        Set::Table(Box::new(SetTable::new(limits.hash_seed, expected)))
    }

    /// Prepares for about `more` members to come. A small set that cannot take as many becomes a table at once.
    pub fn expect_more(&mut self, more: usize, limits: &Limits) {
        let limit = match self {
            Set::Ints(_) => limits.set_max_intset_entries,
            Set::Packed(_) => limits.set_max_listpack_entries,
            Set::Table(_) => return,
        };
        if more > limit {
            self.make_table(limits, more);
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Set::Ints(ints) => ints.len(),
            Set::Packed(packed) => packed.len(),
            Set::Table(table) => table.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains(&self, member: &[u8]) -> bool {
        match self {
            Set::Ints(ints) => Item::of(member).int().is_some_and(|int| ints.contains(int)),
            Set::Packed(packed) => find(packed, member).is_some(),
            Set::Table(table) => table.contains(member),
        }
    }

    /// As [`Set::contains`], of a member of another set.
    pub fn contains_item(&self, item: Item<'_>) -> bool {
        match self {
            Set::Ints(ints) => item.int().is_some_and(|int| ints.contains(int)),
            _ => self.contains(item.bytes(&mut IntText::default())),
        }
    }

    /// Adds a member to a set that is not stored. Returns whether it was not there.
    pub fn insert(&mut self, member: &[u8], limits: &Limits) -> bool {
        self.add(member, limits, &Elements::unwatched())
    }

    /// Removes a member from a set that is not stored. Returns whether it was there.
    pub fn take(&mut self, member: &[u8]) -> bool {
        self.remove(member, &mut Elements::unwatched())
    }

    /// No `count` members take more bytes than this in an effect.
    pub fn elements_bytes_max(&self, count: usize) -> usize {
        const WORD_BYTES: usize = 32;
        self.heap_bytes()
            .saturating_add(count.saturating_mul(WORD_BYTES))
    }

    /// Adds a member. Returns whether it was not there.
    pub(crate) fn add(&mut self, member: &[u8], limits: &Limits, elements: &Elements<'_>) -> bool {
        match self {
            Set::Ints(ints) => match Item::of(member) {
                Item::Int(int) => {
                    let added = ints.insert(int);
                    if added && ints.len() > limits.set_max_intset_entries.min(INTSET_MAX) {
                        self.make_table(limits, 0);
                    }
                    added
                }
                Item::Bytes(_) => {
                    self.leave_ints(member, limits);
                    self.add(member, limits, elements)
                }
            },
            Set::Packed(packed) => {
                if find(packed, member).is_some() {
                    return false;
                }
                let fits = packed.len() < limits.set_max_listpack_entries
                    && member.len() <= limits.set_max_listpack_value
                    && packed.fits(Listpack::entry_bytes(member), PACKED_BYTES_MAX);
                if fits {
                    packed.push_back(member);
                    return true;
                }
                self.make_table(limits, 0);
                self.add(member, limits, elements)
            }
            Set::Table(table) => table.add(member, elements),
        }
    }

    /// Removes a member. Returns whether it was there.
    pub(crate) fn remove(&mut self, member: &[u8], elements: &mut Elements<'_>) -> bool {
        match self {
            Set::Ints(ints) => match Item::of(member) {
                Item::Int(int) => ints.remove(int),
                Item::Bytes(_) => false,
            },
            Set::Packed(packed) => {
                let found = find(packed, member);
                if let Some(at) = found {
                    packed.remove(at);
                }
                found.is_some()
            }
            Set::Table(table) => table.remove(member, elements),
        }
    }

    /// Shows all members: of an intset in rising order, of a listpack in the order in which they came.
    pub fn for_each(&self, mut f: impl FnMut(Item<'_>)) {
        match self {
            Set::Ints(ints) => ints.iter().for_each(|int| f(Item::Int(int))),
            Set::Packed(packed) => packed.iter().for_each(f),
            Set::Table(table) => table.for_each(|member| f(Item::Bytes(member))),
        }
    }

    /// Shows members until `f` says that it is enough.
    pub fn find_map<R>(&self, mut f: impl FnMut(Item<'_>) -> Option<R>) -> Option<R> {
        match self {
            Set::Ints(ints) => ints.iter().find_map(|int| f(Item::Int(int))),
            Set::Packed(packed) => packed.iter().find_map(f),
            Set::Table(table) => {
                let (mut cursor, mut found) = (0, None);
                loop {
                    cursor = table.scan(cursor, STEP, |member| {
                        if found.is_none() {
                            found = f(Item::Bytes(member));
                        }
                    });
                    if cursor == 0 || found.is_some() {
                        return found;
                    }
                }
            }
        }
    }

    /// A member drawn by a random number, each with the same probability.
    pub fn random(&self, random: u64) -> Option<Item<'_>> {
        let index = ((u128::from(random) * self.len() as u128) >> 64) as usize;
        match self {
            Set::Ints(ints) => ints.get(index).map(Item::Int),
            Set::Packed(packed) => packed.seek(index).map(|at| packed.at(at)),
            Set::Table(table) => table.random(random).map(Item::Bytes),
        }
    }

    /// One step of a scan: shows about `count` members of a table, or all of a small set, and returns the next
    /// cursor; 0 is start and end.
    pub fn scan(&self, cursor: u64, count: usize, mut f: impl FnMut(Item<'_>)) -> u64 {
        match self {
            Set::Table(table) => table.scan(cursor, count, |member| f(Item::Bytes(member))),
            _ => {
                self.for_each(f);
                0
            }
        }
    }

    /// Makes a set of integers an intset if it is small enough, as Redis does with an intersection.
    pub fn compact(&mut self, limits: &Limits) {
        let intset = matches!(self, Set::Ints(_));
        if intset || self.len() > limits.set_max_intset_entries.min(INTSET_MAX) {
            return;
        }
        let mut ints = Vec::with_capacity(self.len());
        self.for_each(|item| ints.extend(item.int()));
        if ints.len() == self.len() {
            ints.sort_unstable();
            let mut set = Intset::new();
            for int in ints {
                set.insert(int);
            }
            *self = Set::Ints(set);
        }
    }

    /// A set of integers becomes one that can take `member`, which is no integer.
    fn leave_ints(&mut self, member: &[u8], limits: &Limits) {
        let Set::Ints(ints) = self else { return };
        let longest = [ints.iter().next(), ints.iter().next_back()]
            .into_iter()
            .flatten()
            .map(|int| Item::Int(int).len())
            .max()
            .unwrap_or(0);
        let packs = ints.len() < limits.set_max_listpack_entries
            && member.len().max(longest) <= limits.set_max_listpack_value;
        if packs {
            let mut packed = Listpack::new();
            ints.iter().for_each(|int| packed.push_back_int(int));
            *self = Set::Packed(packed);
        } else {
            self.make_table(limits, 0);
        }
    }

    fn make_table(&mut self, limits: &Limits, expected: usize) {
        let mut table = SetTable::new(limits.hash_seed, expected.max(self.len() + 1));
        let elements = Elements::unwatched();
        self.for_each(|item| {
            table.add(item.bytes(&mut IntText::default()), &elements);
        });
        *self = Set::Table(Box::new(table));
    }
}

fn find(packed: &Listpack, member: &[u8]) -> Option<usize> {
    packed.find(packed.first()?, member, 0)
}

impl Collection for Set {
    const KIND: Kind = Kind::Set;

    fn empty(_: &Limits) -> Self {
        Set::Ints(Intset::new())
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn elements(&self) -> usize {
        self.len()
    }

    fn encoding(&self) -> &'static str {
        match self {
            Set::Ints(_) => "intset",
            Set::Packed(_) => "listpack",
            Set::Table(_) => "hashtable",
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Set::Ints(ints) => ints.heap_bytes(),
            Set::Packed(packed) => packed.heap_bytes(),
            Set::Table(table) => table.heap_bytes(),
        }
    }

    fn duplicate(&self) -> Self {
        match self {
            Set::Ints(ints) => Set::Ints(ints.clone()),
            Set::Packed(packed) => Set::Packed(packed.clone()),
            Set::Table(table) => Set::Table(Box::new(table.duplicate())),
        }
    }

    fn encode(&self, out: &mut ValueWriter<'_>) {
        match self {
            Set::Ints(ints) => out.packed(KIND_SET_INTS, ints.bytes()),
            Set::Packed(packed) => out.packed(KIND_SET_PACKED, packed.bytes()),
            Set::Table(table) => table.for_each(|member| out.set_member(member)),
        }
    }

    fn decode(kind: u8, bytes: &[u8], limits: &Limits) -> Result<Self, Fault> {
        match kind {
            KIND_SET_INTS => Intset::from_bytes(bytes).map(Set::Ints),
            KIND_SET_PACKED => {
                let packed = Listpack::from_bytes(bytes)?;
                check_distinct(&packed)?;
                Ok(Set::Packed(packed))
            }
            KIND_SET_MEMBERS => {
                let mut set = Set::table(limits, 0);
                set.add_piece(kind, bytes)?;
                Ok(set)
            }
            other => Err(Fault::UnknownFeatures(u64::from(other))),
        }
    }

    fn add_piece(&mut self, kind: u8, bytes: &[u8]) -> Result<(), Fault> {
        let Set::Table(table) = self else {
            return Err(Fault::Invalid("a small set has no pieces"));
        };
        if kind != KIND_SET_MEMBERS {
            return Err(Fault::Invalid("a piece of a set is of another kind"));
        }
        let elements = Elements::unwatched();
        for member in Members::new(bytes) {
            if !table.add(member?, &elements) {
                return Err(TWICE);
            }
        }
        Ok(())
    }

    fn loaded(&mut self) -> Result<(), Fault> {
        if self.is_empty() {
            return Err(Fault::Invalid("a set has no member"));
        }
        Ok(())
    }

    fn large(&self) -> Option<&Large> {
        match self {
            Set::Table(table) => Some(table.large()),
            _ => None,
        }
    }

    fn large_mut(&mut self) -> Option<(&mut Large, &mut dyn LargeTable)> {
        match self {
            Set::Table(table) => Some(table.large_mut()),
            _ => None,
        }
    }

    fn digest(&self, out: &mut Vec<u8>) {
        let mut sum = 0u128;
        self.for_each(|item| {
            let mut text = IntText::default();
            sum = sum.wrapping_add(xxh3_128(item.bytes(&mut text)));
        });
        out.extend_from_slice(&(self.len() as u64).to_le_bytes());
        out.extend_from_slice(&sum.to_le_bytes());
    }

    value_of!(Set);
}

const TWICE: Fault = Fault::Invalid("a member of a set is there twice");

/// A listpack from elsewhere is a set only if no element is there twice.
fn check_distinct(packed: &Listpack) -> Result<(), Fault> {
    let mut items: Vec<Item<'_>> = packed.iter().collect();
    items.sort_unstable();
    let distinct = items.windows(2).all(|pair| pair[0] != pair[1]);
    distinct.then_some(()).ok_or(TWICE)
}

#[cfg(test)]
mod tests;
