//! Large values that a walk has opened and not yet passed to the end.
//!
//! An open value lives where its key lives now, which RENAME, MOVE and SWAPDB may change; the walk finds it by the
//! identity of its table and its key. When it is deleted, or its table is flushed, it becomes an image with what is
//! left of it, and is no longer open.

use std::collections::BTreeMap;

use super::image::{Image, Opened};
use super::large::{Large, LargeTable};
use super::queue::Images;
use crate::db::Db;
use crate::entry::{Entry, Kind};
use crate::value::{Collection, Hash, Set, Zset};

/// Where an entry lives, by the identity of its table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    /// The number of the table at the cut.
    pub(crate) cut_db: u32,
    pub(crate) table: u64,
    pub(crate) hash: u64,
}

/// An open value.
struct OpenValue {
    table: u64,
    hash: u64,
    key: Box<[u8]>,
    /// Where the pass through its elements goes on.
    position: u64,
}

/// The open values by their numbers, which rise: the first is passed first.
#[derive(Default)]
pub(super) struct OpenValues {
    values: BTreeMap<u64, OpenValue>,
    last_number: u64,
}

/// What one segment of elements came to.
pub(super) struct Passed {
    pub(super) elements: usize,
    pub(super) bytes: usize,
}

impl OpenValues {
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The table of the value to be passed first.
    pub(super) fn first_table(&self) -> Option<u64> {
        self.values.first_key_value().map(|(_, value)| value.table)
    }

    /// Opens the large value of an old entry and queues what is to be known of its key.
    pub(super) fn open(&mut self, site: Site, entry: &mut Entry, images: &mut Images) {
        self.last_number += 1;
        let number = self.last_number;
        with_large(entry, |large, _| large.open(number)).expect("the value is large");
        images.push(Image::Opened(Box::new(Opened {
            number,
            db: site.cut_db,
            key: entry.key().into(),
            expire_at: entry.expire_at(),
            access: entry.access(),
            kind: entry.kind(),
        })));
        self.values.insert(
            number,
            OpenValue {
                table: site.table,
                hash: site.hash,
                key: entry.key().into(),
                position: 0,
            },
        );
    }

    /// Takes note of where an open value has come to live.
    pub(super) fn settle(&mut self, number: u64, site: Site, key: &[u8]) {
        let value = self.get_mut(number);
        (value.table, value.hash, value.key) = (site.table, site.hash, key.into());
    }

    fn get_mut(&mut self, number: u64) -> &mut OpenValue {
        self.values
            .get_mut(&number)
            .expect("a value that says it is open is known to be")
    }

    /// An open value is deleted: what is left of it is queued, or it is given back if nobody copies.
    pub(super) fn leave(
        &mut self,
        number: u64,
        entry: Entry,
        images: Option<&mut Images>,
    ) -> Option<Entry> {
        let known = self.values.remove(&number);
        assert!(
            known.is_some(),
            "a value that says it is open is known to be"
        );
        let Some(images) = images else {
            return Some(entry);
        };
        images.push(Image::Rest { number, entry });
        None
    }

    /// Takes all open values out of a table that is given up. Returns the entries that nobody needs.
    pub(super) fn leave_table(
        &mut self,
        db: &mut Db,
        mut images: Option<&mut Images>,
    ) -> Vec<Entry> {
        let of_table =
            |(number, value): (&u64, &OpenValue)| (value.table == db.id).then_some(*number);
        let numbers: Vec<u64> = self.values.iter().filter_map(of_table).collect();
        let mut unneeded = Vec::new();
        for number in numbers {
            let value = self.get_mut(number);
            let entry = db
                .take(value.hash, &value.key)
                .expect("an open value is where it is known to be");
            unneeded.extend(self.leave(number, entry, images.as_deref_mut()));
        }
        unneeded
    }

    /// Passes one segment of the elements of the first open value, which lives in `db`. Copies up to about
    /// `bytes_max`; what is beyond stays old, to be met again.
    pub(super) fn pass(
        &mut self,
        db: &mut Db,
        images: Option<&mut Images>,
        bytes_max: usize,
    ) -> Passed {
        let mut first = self.values.first_entry().expect("a value is open");
        let number = *first.key();
        let value = first.get_mut();
        let mut slot = db
            .table
            .find_mut(value.hash, &value.key)
            .expect("an open value is where it is known to be");
        let position = value.position;
        let mut passed = Passed {
            elements: 0,
            bytes: 0,
        };
        let (elements, next) = with_large(slot.get_mut(), |large, table| {
            let epoch = large.epoch();
            let Some(images) = images else {
                return table.pass(position, epoch, None);
            };
            let result = images.add_elements(number, |out| {
                let before = out.len();
                let limit = before + bytes_max;
                let result = table.pass(position, epoch, Some((out, limit)));
                passed.bytes = out.len() - before;
                result
            });
            if result.1.is_none() {
                images.push(Image::Closed { number });
            }
            result
        })
        .expect("an open value is large");
        passed.elements = elements;
        match next {
            Some(next) => value.position = next,
            None => {
                with_large(slot.get_mut(), |large, _| large.close());
                first.remove();
            }
        }
        passed
    }

    /// Forgets everything about a table that is thrown away.
    pub(super) fn forget_table(&mut self, table: u64) {
        self.values.retain(|_, value| value.table != table);
    }
}

/// Passes the old elements of a value that is no longer in any table, some at a time.
pub(crate) fn pass_rest(entry: &mut Entry, mut f: impl FnMut(&[u8])) {
    with_large(entry, |large, table| {
        let (mut position, mut bytes) = (Some(0), Vec::new());
        while let Some(at) = position {
            bytes.clear();
            (_, position) = table.pass(at, large.epoch(), Some((&mut bytes, usize::MAX)));
            f(&bytes);
        }
    })
    .expect("an open value is large");
}

/// The head and the elements of the value of an entry, if it is large.
pub(super) fn with_large<R>(
    entry: &mut Entry,
    f: impl FnOnce(&mut Large, &mut dyn LargeTable) -> R,
) -> Option<R> {
    fn of<C: Collection, R>(
        entry: &mut Entry,
        f: impl FnOnce(&mut Large, &mut dyn LargeTable) -> R,
    ) -> Option<R> {
        let mut value = entry.get_mut::<C>()?;
        value.large_mut().map(|(large, table)| f(large, table))
    }
    match entry.kind() {
        Kind::Set => of::<Set, R>(entry, f),
        Kind::Zset => of::<Zset, R>(entry, f),
        Kind::Hash => of::<Hash, R>(entry, f),
        Kind::String | Kind::List | Kind::Stream => None,
    }
}

/// The number under which the value of an entry is open; `None` if it is not.
#[inline]
pub(super) fn opened(entry: &Entry) -> Option<u64> {
    match entry.kind() {
        Kind::String | Kind::List | Kind::Stream => None,
        Kind::Set | Kind::Zset | Kind::Hash => entry.value()?.large()?.opened(),
    }
}
