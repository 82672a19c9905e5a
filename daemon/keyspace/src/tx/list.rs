//! Lists: pushing, popping, moving, changing elements in the middle.

use esker_format::record::Verb;

use super::collection::{Changed, Create};
use super::{Tx, WrongType};
use crate::IntText;
use crate::touched::Event;
use crate::value::{Collection, End, List, Needle, Side, Value, Way};

/// Values of one push that are recorded without a buffer on the heap.
const WORDS_INLINE: usize = 16;

/// Why an element was not replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListSetError {
    WrongType,
    NoSuchKey,
    OutOfRange,
}

impl From<WrongType> for ListSetError {
    fn from(_: WrongType) -> ListSetError {
        ListSetError::WrongType
    }
}

impl Tx<'_> {
    /// Pushes values one after another. Returns the length of the list; 0 if there is none and none is to be made.
    #[inline]
    pub fn list_push<'v>(
        &mut self,
        key: &[u8],
        end: End,
        values: impl Iterator<Item = &'v [u8]> + Clone,
        create: bool,
    ) -> Result<usize, WrongType> {
        let hash = self.hash_of(key);
        let create = if create { Create::Yes } else { Create::No };
        let changed = self.change(hash, key, create, |list: &mut List, cx| {
            list.push(end, values.clone(), cx.limits);
            list.len()
        })?;
        let Some(Changed { result: len, .. }) = changed else {
            return Ok(0);
        };
        let ((verb, event), _) = names(end);
        let count = self.record_values(verb, key, values);
        self.changed_key(hash, key, event);
        self.changed += count as u64 - 1;
        Ok(len)
    }

    /// Records a push. Returns how many values it has.
    #[inline]
    fn record_values<'v>(
        &mut self,
        verb: Verb,
        key: &[u8],
        values: impl Iterator<Item = &'v [u8]>,
    ) -> usize {
        let mut inline: [&[u8]; WORDS_INLINE] = [&[]; WORDS_INLINE];
        let mut values = values.peekable();
        let mut count = 0;
        while let Some(value) = values.next_if(|_| count < WORDS_INLINE) {
            inline[count] = value;
            count += 1;
        }
        if values.peek().is_none() {
            self.record_verb(verb, key, &inline[..count]);
            return count;
        }
        let words: Vec<&[u8]> = inline.into_iter().chain(values).collect();
        self.record_verb(verb, key, &words);
        words.len()
    }

    /// Removes up to `count` elements, at least one, at an end. `show` sees the list before, and how many go. Returns
    /// how many went; `None` if there is no list.
    #[inline]
    pub fn list_pop(
        &mut self,
        key: &[u8],
        end: End,
        count: usize,
        show: impl FnOnce(&List, usize),
    ) -> Result<Option<usize>, WrongType> {
        let hash = self.hash_of(key);
        let changed = self.change(hash, key, Create::No, |list: &mut List, cx| {
            let count = count.min(list.len());
            show(list, count);
            list.remove_end(end, count, cx.limits);
            count
        })?;
        let Some(changed) = changed else {
            return Ok(None);
        };
        self.popped(hash, key, end, &changed);
        Ok(Some(changed.result))
    }

    /// What is owed for elements that went at an end.
    #[inline]
    fn popped(&mut self, hash: u64, key: &[u8], end: End, changed: &Changed<usize>) {
        let (_, (verb, event)) = names(end);
        let count = IntText::new(changed.result as i64);
        self.record_verb(verb, key, &[count.bytes()]);
        self.changed_key(hash, key, event);
        self.changed += changed.result as u64 - 1;
        self.note_if_gone(hash, key, changed.removed);
    }

    /// Subscribers hear that a key is gone after they heard why.
    #[inline]
    fn note_if_gone(&mut self, hash: u64, key: &[u8], removed: bool) {
        if removed {
            self.note_key_in(self.db, hash, key, Event::Del);
        }
    }

    /// Moves an element from an end of one list to an end of another, or of the same. Returns the element; `None` if
    /// there is no source, whatever the target is then.
    pub fn list_move(
        &mut self,
        from: &[u8],
        from_end: End,
        to: &[u8],
        to_end: End,
    ) -> Result<Option<Vec<u8>>, WrongType> {
        let hash = self.hash_of(from);
        if from == to {
            return self.list_rotate(hash, from, from_end, to_end);
        }
        let Some(entry) = self.writable(hash, from) else {
            return Ok(None);
        };
        let value = end_value(&*entry.get::<List>().ok_or(WrongType)?, from_end);
        self.list_push(to, to_end, std::iter::once(value.as_slice()), true)?;
        let popped = self.change(hash, from, Create::No, |list: &mut List, cx| {
            list.remove_end(from_end, 1, cx.limits);
            1
        });
        let popped = popped.ok().flatten().expect("the list was there before");
        self.popped(hash, from, from_end, &popped);
        self.changed -= 1; // A move is one change.
        Ok(Some(value))
    }

    /// Moves an element from an end of a list to an end of the same. The push is recorded first: a list of one element
    /// must not go in between, since its expiry would go with it.
    fn list_rotate(
        &mut self,
        hash: u64,
        key: &[u8],
        from_end: End,
        to_end: End,
    ) -> Result<Option<Vec<u8>>, WrongType> {
        let changed = self.change(hash, key, Create::No, |list: &mut List, cx| {
            list.rotate(from_end, to_end, cx.limits)
        })?;
        let Some(Changed { result: value, .. }) = changed else {
            return Ok(None);
        };
        let ((push, pushed), _) = names(to_end);
        self.record_verb(push, key, &[&value]);
        self.changed_key(hash, key, pushed);
        let popped = Changed {
            result: 1,
            created: false,
            removed: false,
        };
        self.popped(hash, key, from_end, &popped);
        self.changed -= 1; // A move is one change.
        Ok(Some(value))
    }

    /// Replaces whatever is under a key by a list of these values; none delete it.
    pub fn list_store(&mut self, key: &[u8], values: &[Vec<u8>]) {
        let mut list = List::empty(self.limits());
        list.push(
            End::Right,
            values.iter().map(Vec::as_slice),
            &self.ks.limits,
        );
        if self.store_value(key, Value::List(list), None, Event::SortStore) {
            self.changed += (values.len() as u64).saturating_sub(1);
        }
    }

    /// Replaces an element; a negative index counts from the end.
    pub fn list_set(&mut self, key: &[u8], index: i64, value: &[u8]) -> Result<(), ListSetError> {
        let hash = self.hash_of(key);
        let changed = self.change(hash, key, Create::No, |list: &mut List, cx| {
            // A list at the limit becomes long even if nothing is replaced, as in Redis.
            let list = list.growing(1, value.len(), cx.limits);
            let at = index_in(index, list.len())?;
            list.set(at, value, cx.limits);
            Some(())
        })?;
        let changed = changed.ok_or(ListSetError::NoSuchKey)?;
        changed.result.ok_or(ListSetError::OutOfRange)?;
        let index = IntText::new(index);
        self.record_verb(Verb::LSet, key, &[index.bytes(), value]);
        self.changed_key(hash, key, Event::LSet);
        Ok(())
    }

    /// Inserts a value beside the first element that equals the pivot. Returns the length of the list; inside `None`
    /// if there is no such element, outside if there is no list.
    pub fn list_insert(
        &mut self,
        key: &[u8],
        side: Side,
        pivot: &[u8],
        value: &[u8],
    ) -> Result<Option<Option<usize>>, WrongType> {
        let hash = self.hash_of(key);
        let changed = self.change(hash, key, Create::No, |list: &mut List, cx| {
            // A list at the limit becomes long even if nothing is inserted, as in Redis.
            let list = list.growing(1, value.len(), cx.limits);
            let at = list.position(&Needle::new(pivot), End::Left)?;
            list.insert(at, side, value, cx.limits);
            Some(list.len())
        })?;
        let Some(Changed { result, .. }) = changed else {
            return Ok(None);
        };
        if result.is_some() {
            let word: &[u8] = match side {
                Side::Before => b"BEFORE",
                Side::After => b"AFTER",
            };
            self.record_verb(Verb::LInsert, key, &[word, pivot, value]);
            self.changed_key(hash, key, Event::LInsert);
        }
        Ok(Some(result))
    }

    /// Removes the elements that equal a value: the first `count` of them, the last if it is negative, all if it is 0.
    /// Returns how many.
    pub fn list_remove(
        &mut self,
        key: &[u8],
        count: i64,
        value: &[u8],
    ) -> Result<usize, WrongType> {
        let hash = self.hash_of(key);
        let (end, most) = match count {
            0 => (End::Left, usize::MAX),
            1.. => (End::Left, count as usize),
            _ => (End::Right, count.unsigned_abs() as usize),
        };
        let changed = self.change(hash, key, Create::No, |list: &mut List, cx| {
            list.remove_equal(&Needle::new(value), end, most, cx.limits)
        })?;
        let Some(Changed {
            result: removed @ 1..,
            removed: gone,
            ..
        }) = changed
        else {
            return Ok(0);
        };
        let count = IntText::new(count);
        self.record_verb(Verb::LRem, key, &[count.bytes(), value]);
        self.changed_key(hash, key, Event::LRem);
        self.changed += removed as u64 - 1;
        self.note_if_gone(hash, key, gone);
        Ok(removed)
    }

    /// Keeps the elements from `start` to `stop` only, both counted from the end if negative. Returns how many went;
    /// `None` if there is no list.
    pub fn list_trim(
        &mut self,
        key: &[u8],
        start: i64,
        stop: i64,
    ) -> Result<Option<usize>, WrongType> {
        let hash = self.hash_of(key);
        let changed = self.change(hash, key, Create::No, |list: &mut List, cx| {
            let len = list.len();
            let (start, kept) = range_in(start, stop, len).unwrap_or((0, 0));
            list.remove_end(End::Right, len - start - kept, cx.limits);
            list.remove_end(End::Left, start, cx.limits);
            len - kept
        })?;
        let Some(Changed {
            result: removed,
            removed: gone,
            ..
        }) = changed
        else {
            return Ok(None);
        };
        if removed == 0 {
            // Those who watch the key hear of it all the same, as in Redis.
            self.note_key_in(self.db, hash, key, Event::LTrim);
            return Ok(Some(0));
        }
        let (start, stop) = (IntText::new(start), IntText::new(stop));
        self.record_verb(Verb::LTrim, key, &[start.bytes(), stop.bytes()]);
        self.changed_key(hash, key, Event::LTrim);
        self.changed += removed as u64 - 1;
        self.note_if_gone(hash, key, gone);
        Ok(Some(removed))
    }
}

type Name = (Verb, Event);

/// What a push to an end is called, and what a pop.
#[inline]
fn names(end: End) -> (Name, Name) {
    match end {
        End::Left => ((Verb::LPush, Event::LPush), (Verb::LPop, Event::LPop)),
        End::Right => ((Verb::RPush, Event::RPush), (Verb::RPop, Event::RPop)),
    }
}

/// The element at an end of a list that has any.
fn end_value(list: &List, end: End) -> Vec<u8> {
    let start = match end {
        End::Left => 0,
        End::Right => list.len() - 1,
    };
    let mut value = Vec::new();
    list.for_each(start, 1, Way::Forward, |item| value = item.to_vec());
    value
}

/// Which element an index stands for that counts from the end if negative.
#[inline]
pub fn index_in(index: i64, len: usize) -> Option<usize> {
    let index = match index {
        0.. => usize::try_from(index).ok()?,
        _ => len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    (index < len).then_some(index)
}

/// The first element of a range and how many it has; ends that are negative count from the end. `None` if it is empty.
#[inline]
pub fn range_in(start: i64, stop: i64, len: usize) -> Option<(usize, usize)> {
    let len = i64::try_from(len).ok()?;
    let from_end = |at: i64| if at < 0 { (at + len).max(-1) } else { at };
    let (start, stop) = (from_end(start).max(0), from_end(stop).min(len - 1));
    (start <= stop).then(|| (start as usize, (stop - start + 1) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_and_ranges_count_from_either_end() {
        assert_eq!(
            [0, 4, 5, -1, -5, -6].map(|at| index_in(at, 5)),
            [Some(0), Some(4), None, Some(4), Some(0), None]
        );
        assert_eq!(index_in(i64::MIN, 5), None);
        for (start, stop, expected) in [
            (0, -1, Some((0, 5))),
            (-100, 100, Some((0, 5))),
            (1, 2, Some((1, 2))),
            (-2, -1, Some((3, 2))),
            (3, 1, None),
            (5, 9, None),
            (0, -6, None),
            (i64::MIN, i64::MAX, Some((0, 5))),
            (i64::MAX, i64::MIN, None),
        ] {
            assert_eq!(range_in(start, stop, 5), expected, "{start} {stop}");
        }
        assert_eq!(range_in(0, -1, 0), None);
    }
}
