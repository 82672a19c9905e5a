//! Changing sets.
//!
//! What is logged is what changed: the members that came, the members that went. A set that loses its last member
//! ends with its key, here and in the replay, so only taking all members at once is logged as a deletion.

use esker_format::record::{Effect, Verb};

use super::collection::Create;
use super::{Tx, WrongType};
use crate::text::IntText;
use crate::touched::Event;
use crate::value::{Set, Value};

/// Members in one effect, where a command may take very many.
const WORDS_MAX: usize = 128;

impl Tx<'_> {
    /// Adds members, creating the set if there is none. Returns how many were not there.
    #[inline]
    pub fn set_add<'m>(
        &mut self,
        key: &[u8],
        members: impl ExactSizeIterator<Item = &'m [u8]> + Clone,
    ) -> Result<usize, WrongType> {
        let hash = self.hash_of(key);
        let expected = members.len();
        let mut added: Vec<&[u8]> = Vec::new();
        self.change(hash, key, Create::Yes, |set: &mut Set, cx| {
            match members.clone().next() {
                Some(first) if set.is_empty() => {
                    *set = Set::for_members(first, expected, cx.limits)
                }
                _ => set.expect_more(expected, cx.limits),
            }
            for member in members {
                if set.add(member, cx.limits, &cx.elements) {
                    added.push(member);
                }
            }
        })?;
        if !added.is_empty() {
            self.record_verb(Verb::SAdd, key, &added);
            self.changed_members(hash, key, Event::SAdd, added.len());
        }
        Ok(added.len())
    }

    /// Removes members. Returns how many were there.
    #[inline]
    pub fn set_remove<'m>(
        &mut self,
        key: &[u8],
        members: impl Iterator<Item = &'m [u8]>,
    ) -> Result<usize, WrongType> {
        let hash = self.hash_of(key);
        let mut gone: Vec<&[u8]> = Vec::new();
        let changed = self.change(hash, key, Create::No, |set: &mut Set, cx| {
            for member in members {
                if set.remove(member, &mut cx.elements) {
                    gone.push(member);
                }
            }
        })?;
        if !gone.is_empty() {
            self.record_verb(Verb::SRem, key, &gone);
            self.changed_members(hash, key, Event::SRem, gone.len());
            if changed.is_some_and(|changed| changed.removed) {
                self.note_key_in(self.db, hash, key, Event::Del);
            }
        }
        Ok(gone.len())
    }

    /// Takes `count` members by chance, or all if there are no more, and shows each to `each`.
    pub fn set_pop(
        &mut self,
        key: &[u8],
        count: usize,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), WrongType> {
        let hash = self.hash_of(key);
        let len = match self.writable(hash, key) {
            None => 0,
            Some(entry) => entry.get::<Set>().ok_or(WrongType)?.len(),
        };
        if len == 0 || count == 0 {
            return Ok(());
        }
        if count >= len {
            if let Some(set) = self.peek_view::<Set>(key)? {
                set.for_each(|item| each(item.bytes(&mut IntText::default())));
            }
            self.record(&Effect::Del { key });
            self.remove(hash, key);
            self.changed_members(hash, key, Event::SPop, len);
            self.note_key_in(self.db, hash, key, Event::Del);
            return Ok(());
        }
        let mut taken: Vec<Vec<u8>> = Vec::with_capacity(count);
        self.change(hash, key, Create::No, |set: &mut Set, cx| {
            for _ in 0..count {
                let item = set.random(cx.random.next_u64());
                let member = item.expect("fewer are taken than there are").to_vec();
                set.remove(&member, &mut cx.elements);
                taken.push(member);
            }
        })?;
        for members in taken.chunks(WORDS_MAX) {
            let words: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
            self.record_verb(Verb::SRem, key, &words);
        }
        self.changed_members(hash, key, Event::SPop, count);
        taken.iter().for_each(|member| each(member));
        Ok(())
    }

    /// Moves a member to another set. Returns whether it was there. Neither key holds another kind of value.
    pub fn set_move(&mut self, from: &[u8], to: &[u8], member: &[u8]) -> Result<bool, WrongType> {
        let (from_hash, to_hash) = (self.hash_of(from), self.hash_of(to));
        let present = match self.writable(from_hash, from) {
            None => return Ok(false),
            Some(entry) => entry.get::<Set>().ok_or(WrongType)?.contains(member),
        };
        if let Some(entry) = self.writable(to_hash, to) {
            entry.get::<Set>().ok_or(WrongType)?;
        }
        if !present || from == to {
            return Ok(present);
        }
        self.set_remove(from, std::iter::once(member))?;
        self.set_add(to, std::iter::once(member))?;
        Ok(true)
    }

    /// Replaces whatever is under `key` by a set; an empty one deletes the key.
    pub fn set_store(&mut self, key: &[u8], set: Set, event: Event) {
        let before = self.changed;
        let changes = set.len() as u64;
        if self.store_value(key, Value::Set(set), None, event) {
            self.changed = before + changes.max(1);
        }
    }

    /// As [`Tx::changed_key`], counted once for each member.
    #[inline]
    fn changed_members(&mut self, hash: u64, key: &[u8], event: Event, members: usize) {
        let before = self.changed;
        self.changed_key(hash, key, event);
        self.changed = before + members as u64;
    }
}
