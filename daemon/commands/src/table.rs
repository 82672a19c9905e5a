//! Rows joined into one table, found by name in any case, without allocation.
//!
//! The index is computed by the compiler. A slot holds the first and last eight bytes of the name in upper case, so that
//! a name of up to sixteen bytes is hashed and compared without a loop and without touching its row. A second row of the same name is found while filling it and stops the
//! compilation, as do the other contradictions that `check_row` knows:
//!
//! ```
//! use esker_commands::{Command, Table, exactly};
//! static TABLE: Table<u8, 2, 8> = Table::join(&[&[Command::read("ONE", exactly(1), 1), Command::write("TWO", exactly(1), 2)]]);
//! assert_eq!(TABLE.find(b"two").map(|found| found.id), Some(1));
//! ```
//!
//! ```compile_fail,E0080
//! # use esker_commands::{Command, Table, exactly};
//! static TWICE: Table<u8, 2, 8> = Table::join(&[&[Command::read("ONE", exactly(1), 1), Command::write("ONE", exactly(1), 2)]]);
//! ```
//!
//! ```compile_fail,E0080
//! # use esker_commands::{Command, Table, exactly};
//! static LOWER: Table<u8, 1, 8> = Table::join(&[&[Command::read("one", exactly(1), 1)]]);
//! ```
//!
//! ```compile_fail,E0080
//! # use esker_commands::{Command, Flags, Table, exactly};
//! static BOTH: Table<u8, 1, 8> = Table::join(&[&[Command::read("ONE", exactly(1), 1).flags(Flags::WRITE)]]);
//! ```

use crate::command::Command;
use crate::flags::Flags;

/// Dense number of a row or sub-row, for counters and permissions. It may change between versions.
pub type RowId = u16;

/// What the index compares: a name of at most sixteen bytes is nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Folded {
    head: u64,
    tail: u64,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    name: Folded,
    id: u16,
}

const NO_ROW: u16 = u16::MAX;
const EMPTY: Slot = Slot {
    name: Folded {
        head: 0,
        tail: 0,
        len: 0,
    },
    id: NO_ROW,
};

/// `ROWS` rows, sub-rows included (see `count_rows`); `SLOTS` is a power of two, at least twice as large.
#[derive(Debug)]
pub struct Table<F: 'static, const ROWS: usize, const SLOTS: usize> {
    /// In order; the sub-rows of a container directly behind it.
    rows: [&'static Command<F>; ROWS],
    slots: [Slot; SLOTS],
}

/// A row with its number.
#[derive(Debug)]
pub struct Found<F: 'static> {
    pub id: RowId,
    pub row: &'static Command<F>,
}

impl<F> Clone for Found<F> {
    fn clone(&self) -> Found<F> {
        *self
    }
}

impl<F> Copy for Found<F> {}

/// The number of rows, sub-rows included.
pub const fn count_rows<F>(families: &[&'static [Command<F>]]) -> usize {
    let (mut count, mut family) = (0, 0);
    while family < families.len() {
        let mut at = 0;
        while at < families[family].len() {
            count += 1 + families[family][at].subs.len();
            at += 1;
        }
        family += 1;
    }
    count
}

impl<F: 'static, const ROWS: usize, const SLOTS: usize> Table<F, ROWS, SLOTS> {
    /// Joins the families; meant for the initialiser of a `static`.
    pub const fn join(families: &[&'static [Command<F>]]) -> Table<F, ROWS, SLOTS> {
        assert!(
            SLOTS.is_power_of_two() && SLOTS >= 2 * ROWS && ROWS < NO_ROW as usize,
            "the index is too small"
        );
        assert!(
            count_rows(families) == ROWS && ROWS > 0,
            "ROWS must be count_rows(families)"
        );
        let mut table = Table {
            rows: [first_row(families); ROWS],
            slots: [EMPTY; SLOTS],
        };
        let (mut next, mut family) = (0, 0);
        while family < families.len() {
            let rows = families[family];
            let mut at = 0;
            while at < rows.len() {
                next = table.add(&rows[at], next);
                at += 1;
            }
            family += 1;
        }
        table
    }

    /// Enters a row and its sub-rows from number `id` on; returns the next free number.
    const fn add(&mut self, row: &'static Command<F>, id: usize) -> usize {
        check_row(row);
        let name = Folded::of(row.name.as_bytes());
        let mut slot = name.slot::<SLOTS>();
        while self.slots[slot].id != NO_ROW {
            let other = self.rows[self.slots[slot].id as usize];
            assert!(
                !same_name(row.name, other.name),
                "two rows have the same name"
            );
            slot = (slot + 1) % SLOTS;
        }
        self.slots[slot] = Slot {
            name,
            id: id as u16,
        };
        self.rows[id] = row;
        let mut at = 0;
        while at < row.subs.len() {
            check_sub(row, at);
            self.rows[id + 1 + at] = &row.subs[at];
            at += 1;
        }
        id + 1 + row.subs.len()
    }

    /// The command of this name, in any case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<Found<F>> {
        let folded = Folded::of(name);
        let mut at = folded.slot::<SLOTS>();
        loop {
            let slot = &self.slots[at];
            if slot.id == NO_ROW {
                return None;
            }
            if slot.name.head == folded.head
                && slot.name.tail == folded.tail
                && slot.name.len == folded.len
            {
                let row = self.rows[usize::from(slot.id)];
                if name.len() <= 16 || name.eq_ignore_ascii_case(row.name.as_bytes()) {
                    return Some(Found { id: slot.id, row });
                }
            }
            at = (at + 1) % SLOTS;
        }
    }

    /// The sub-row of a container.
    pub fn find_sub(&self, container: Found<F>, name: &[u8]) -> Option<Found<F>> {
        let is_named = |row: &Command<F>| row.last_name().as_bytes().eq_ignore_ascii_case(name);
        let at = container.row.subs.iter().position(is_named)?;
        Some(Found {
            id: container.id + 1 + at as u16,
            row: &container.row.subs[at],
        })
    }

    /// By the name that COMMAND INFO and ACL use: `get`, `object|freq`.
    pub fn find_full(&self, name: &[u8]) -> Option<Found<F>> {
        match name.iter().position(|byte| *byte == b'|') {
            None => self.find(name),
            Some(bar) => self.find_sub(self.find(&name[..bar])?, &name[bar + 1..]),
        }
    }

    pub fn row(&self, id: RowId) -> &'static Command<F> {
        self.rows[usize::from(id)]
    }

    /// Every row and sub-row in order of its number.
    pub fn rows(&self) -> impl Iterator<Item = Found<F>> {
        self.rows
            .iter()
            .enumerate()
            .map(|(id, row)| Found { id: id as u16, row })
    }

    /// The commands, without sub-rows.
    pub fn commands(&self) -> impl Iterator<Item = Found<F>> {
        self.rows().filter(|found| !found.row.name.contains('|'))
    }

    pub const fn len(&self) -> usize {
        ROWS
    }

    pub const fn is_empty(&self) -> bool {
        ROWS == 0
    }
}

/// Fails the compilation when a name is in both tables.
pub const fn assert_disjoint<A, B>(
    some: &[&'static [Command<A>]],
    others: &[&'static [Command<B>]],
) {
    let mut i = 0;
    while i < some.len() {
        let mut k = 0;
        while k < some[i].len() {
            assert!(
                !holds(others, some[i][k].name),
                "a command is in both tables"
            );
            k += 1;
        }
        i += 1;
    }
}

const fn holds<F>(families: &[&'static [Command<F>]], name: &str) -> bool {
    let mut i = 0;
    while i < families.len() {
        let mut k = 0;
        while k < families[i].len() {
            if same_name(families[i][k].name, name) {
                return true;
            }
            k += 1;
        }
        i += 1;
    }
    false
}

const fn first_row<F>(families: &[&'static [Command<F>]]) -> &'static Command<F> {
    let mut family = 0;
    while families[family].is_empty() {
        family += 1;
    }
    &families[family][0]
}

const fn check_row<F>(row: &Command<F>) {
    let name = row.name.as_bytes();
    assert!(!name.is_empty(), "a row has no name");
    let mut at = 0;
    while at < name.len() {
        assert!(
            !name[at].is_ascii_lowercase(),
            "a row's name has lower-case letters"
        );
        at += 1;
    }
    assert!(
        !row.flags.has(Flags::WRITE.with(Flags::READONLY)),
        "a row is both a write and read-only"
    );
    assert!(row.arity.number() != 0, "a row has no arity");
    assert!(
        row.handler.is_some() || !row.subs.is_empty(),
        "a row has neither a handler nor sub-rows"
    );
}

const fn check_sub<F>(container: &Command<F>, at: usize) {
    let sub = &container.subs[at];
    check_row(sub);
    assert!(
        sub.subs.is_empty() && sub.handler.is_some(),
        "a sub-row must have a handler and no sub-rows"
    );
    let (outer, full) = (container.name.as_bytes(), sub.name.as_bytes());
    assert!(
        full.len() > outer.len() + 1 && full[outer.len()] == b'|',
        "a sub-row is named CONTAINER|NAME"
    );
    let mut i = 0;
    while i < outer.len() {
        assert!(full[i] == outer[i], "a sub-row is named CONTAINER|NAME");
        i += 1;
    }
    let mut other = 0;
    while other < at {
        assert!(
            !same_name(sub.name, container.subs[other].name),
            "two sub-rows have the same name"
        );
        other += 1;
    }
}

const fn same_name(a: &str, b: &str) -> bool {
    a.as_bytes().eq_ignore_ascii_case(b.as_bytes())
}

impl Folded {
    #[inline]
    const fn of(name: &[u8]) -> Folded {
        let (head, tail) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
            _ => match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
                (Some(head), Some(tail)) => (
                    u32::from_le_bytes(*head) as u64,
                    u32::from_le_bytes(*tail) as u64,
                ),
                _ => match name {
                    [] => (0, 0),
                    [a] => (*a as u64, 0),
                    [a, b] => (*a as u64, *b as u64),
                    [a, b, c, ..] => (*a as u64, (*b as u64) << 8 | *c as u64),
                },
            },
        };
        Folded {
            head: upper(head),
            tail: upper(tail),
            len: name.len(),
        }
    }

    #[inline]
    const fn slot<const SLOTS: usize>(self) -> usize {
        let mixed = self.head.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ self
                .tail
                .rotate_left(29)
                .wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
            ^ (self.len as u64).wrapping_mul(0x1656_67b1_9e37_79f9);
        // The upper bits depend on all bits below them.
        (mixed >> 40) as usize % SLOTS
    }
}

/// Turns the lower-case letters among eight bytes into capitals, all at once: per byte, the top bit of a sum says
/// whether it is at least `a`, and whether it is beyond `z`.
#[inline]
const fn upper(bytes: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = bytes & (0x7f * EACH);
    let from_a = low + (0x80 - b'a' as u64) * EACH;
    let beyond_z = low + (0x7f - b'z' as u64) * EACH;
    let letters = from_a & !beyond_z & !bytes & (0x80 * EACH);
    bytes ^ letters >> 2
}

#[cfg(test)]
mod tests {
    use crate::TABLE;

    #[test]
    fn every_row_is_found_in_any_case() {
        for found in TABLE.commands() {
            let lower = found.row.lower_name();
            for name in [found.row.name, &lower] {
                assert_eq!(
                    TABLE.find(name.as_bytes()).map(|other| other.id),
                    Some(found.id),
                    "{name}"
                );
            }
        }
        for found in TABLE.rows() {
            let by_full_name = TABLE.find_full(found.row.lower_name().as_bytes());
            assert_eq!(
                by_full_name.map(|other| other.id),
                Some(found.id),
                "{}",
                found.row.name
            );
            assert_eq!(TABLE.row(found.id).name, found.row.name);
        }
        let all: Vec<u8> = (0..=255).collect();
        for eight in all.chunks(8) {
            let word = u64::from_le_bytes(*eight.first_chunk().expect("eight bytes"));
            assert_eq!(
                super::upper(word).to_le_bytes().as_slice(),
                eight.to_ascii_uppercase()
            );
        }
        for unknown in [
            "",
            "g",
            "ge",
            "gett",
            "object|freq",
            "object|",
            "SETT",
            "a very long name that is no command",
        ] {
            assert!(TABLE.find(unknown.as_bytes()).is_none(), "{unknown}");
        }
    }
}
