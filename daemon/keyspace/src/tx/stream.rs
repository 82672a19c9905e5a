//! Changing streams.
//!
//! Effects say what came of a command: the id that an entry got, how far a trim really went, to whom entries are
//! pending since when and for the how manieth time. Replaying them gives the same entries, ids, groups, consumers and
//! pending entries.
//!
//! When consumers were last seen and active is no part of that. It is kept in snapshots; from the log a consumer's
//! times come back as the last delivery to it, and those of one that never got anything as the newest id of the
//! stream, which is the latest time that the stream itself tells.

use esker_format::StreamId;
use esker_format::record::Verb;

use super::collection::Create;
use super::{Tx, WrongType};
use crate::text::IntText;
use crate::touched::Event;
use crate::value::Stream;
use crate::value::stream::{Group, Keep, Precision, StreamData};

/// Ids in one effect: what is pending is logged in effects of a bounded length.
const IDS_IN_EFFECT_MAX: usize = 128;
/// Words of an added entry that are gathered without an allocation.
const WORDS_ON_STACK: usize = 17;

/// The id that an entry shall get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewStreamId {
    /// The time, or the next id if the last one is not before it.
    Auto,
    /// The first free number of these milliseconds.
    Within(u64),
    Exact(StreamId),
}

/// Why an entry was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamAddError {
    WrongType,
    /// The last id is the largest there is.
    Exhausted,
    /// The id is not behind the last one.
    NotGreater,
}

impl From<WrongType> for StreamAddError {
    fn from(_: WrongType) -> StreamAddError {
        StreamAddError::WrongType
    }
}

/// One entry that becomes pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamClaim {
    pub id: StreamId,
    pub delivered_ms: i64,
    pub count: i64,
}

/// Entries.
impl Tx<'_> {
    /// Adds an entry and then trims the stream. `None` if there is no stream and none is to be created.
    pub fn stream_add<'f>(
        &mut self,
        key: &[u8],
        id: NewStreamId,
        fields: impl ExactSizeIterator<Item = (&'f [u8], &'f [u8])> + Clone,
        create: bool,
        trim: Option<(Keep, Precision)>,
    ) -> Result<Option<StreamId>, StreamAddError> {
        let hash = self.hash_of(key);
        let create = if create { Create::Yes } else { Create::No };
        let pairs = fields.clone();
        let changed = self.change(hash, key, create, |stream: &mut Stream, cx| {
            let id = pick(id, stream.last_id(), cx.now.0)?;
            stream.append(id, pairs, cx.limits);
            let trimmed = trim.map(|(keep, precision)| (keep, stream.trim(keep, precision)));
            let trimmed = trimmed.map(|(keep, count)| (count, kept(stream, keep)));
            Ok::<_, StreamAddError>((id, trimmed))
        })?;
        let Some(changed) = changed else {
            return Ok(None);
        };
        let (id, trimmed) = changed.result?;
        self.record_add(key, id, fields);
        self.changed_key(hash, key, Event::XAdd);
        if let Some((count, keep)) = trimmed
            && count > 0
        {
            self.record_trim(key, keep);
            self.note_key_in(self.db, hash, key, Event::XTrim);
        }
        Ok(Some(id))
    }

    #[inline]
    fn record_add<'f>(
        &mut self,
        key: &[u8],
        id: StreamId,
        fields: impl ExactSizeIterator<Item = (&'f [u8], &'f [u8])>,
    ) {
        let text = id.text();
        let count = 1 + 2 * fields.len();
        let mut stack: [&[u8]; WORDS_ON_STACK] = [&[]; WORDS_ON_STACK];
        let mut heap = Vec::new();
        let words = match stack.get_mut(..count) {
            Some(words) => words,
            None => {
                heap.resize(count, [].as_slice());
                heap.as_mut_slice()
            }
        };
        words[0] = text.bytes();
        for (at, (field, value)) in fields.enumerate() {
            words[1 + 2 * at] = field;
            words[2 + 2 * at] = value;
        }
        self.record_verb(Verb::XAdd, key, words);
    }

    /// Deletes entries; tells how many there were.
    pub fn stream_delete(&mut self, key: &[u8], ids: &[StreamId]) -> Result<u64, WrongType> {
        let hash = self.hash_of(key);
        let changed = self.change(hash, key, Create::No, |stream: &mut Stream, _| {
            let gone = ids.iter().copied().filter(|id| stream.delete(*id));
            gone.collect::<Vec<_>>()
        })?;
        let gone = changed.map(|changed| changed.result).unwrap_or_default();
        if !gone.is_empty() {
            self.record_ids(Verb::XDel, key, &[], &gone);
            self.changed_key(hash, key, Event::XDel);
            self.changed += gone.len() as u64 - 1;
        }
        Ok(gone.len() as u64)
    }

    /// Deletes entries in front; tells how many.
    pub fn stream_trim(
        &mut self,
        key: &[u8],
        keep: Keep,
        precision: Precision,
    ) -> Result<u64, WrongType> {
        let hash = self.hash_of(key);
        let changed = self.change(hash, key, Create::No, |stream: &mut Stream, _| {
            let count = stream.trim(keep, precision);
            (count, kept(stream, keep))
        })?;
        let Some((count, keep)) = changed.map(|changed| changed.result) else {
            return Ok(0);
        };
        if count > 0 {
            self.record_trim(key, keep);
            self.changed_key(hash, key, Event::XTrim);
            self.changed += count - 1;
        }
        Ok(count)
    }

    fn record_trim(&mut self, key: &[u8], keep: Keep) {
        match keep {
            Keep::Last(count) => {
                let count = number(count);
                self.record_verb(Verb::XTrim, key, &[b"MAXLEN", count.bytes()]);
            }
            Keep::From(id) => {
                self.record_verb(Verb::XTrim, key, &[b"MINID", id.text().bytes()]);
            }
        }
    }

    /// Sets what counts on: the caller has checked that no entry is behind the last id. `false` without a stream.
    pub fn stream_set_ids(
        &mut self,
        key: &[u8],
        last_id: StreamId,
        entries_added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) -> Result<bool, WrongType> {
        let hash = self.hash_of(key);
        let changed = self.change(hash, key, Create::No, |stream: &mut Stream, _| {
            let added = entries_added.unwrap_or(stream.entries_added());
            let deleted = max_deleted_id.unwrap_or(stream.max_deleted_id());
            stream.set_ids(last_id, added, deleted);
            (added, deleted)
        })?;
        let Some((added, deleted)) = changed.map(|changed| changed.result) else {
            return Ok(false);
        };
        self.record_verb(
            Verb::XSetId,
            key,
            &[
                last_id.text().bytes(),
                b"ENTRIESADDED",
                number(added).bytes(),
                b"MAXDELETEDID",
                deleted.text().bytes(),
            ],
        );
        self.changed_key(hash, key, Event::XSetId);
        Ok(true)
    }
}

/// Groups and consumers. Where there is no stream or no group of that name, nothing is done and `None` said.
impl Tx<'_> {
    /// Creates a group, and the stream if wanted; `false` if there is one of that name.
    pub fn stream_create_group(
        &mut self,
        key: &[u8],
        group: &[u8],
        last_id: StreamId,
        entries_read: Option<u64>,
        create_stream: bool,
    ) -> Result<Option<bool>, WrongType> {
        let hash = self.hash_of(key);
        let create = if create_stream {
            Create::Yes
        } else {
            Create::No
        };
        let changed = self.change(hash, key, create, |stream: &mut Stream, _| {
            stream.create_group(group, Group::new(last_id, entries_read))
        })?;
        let Some(changed) = changed else {
            return Ok(None);
        };
        if changed.result {
            let (id, read) = (last_id.text(), read_text(entries_read));
            let words = [group, id.bytes(), b"ENTRIESREAD", read.bytes(), b"MKSTREAM"];
            let words = if changed.created { &words } else { &words[..4] };
            self.record_verb(Verb::XGroupCreate, key, words);
            self.changed_key(hash, key, Event::XGroupCreate);
        }
        Ok(Some(changed.result))
    }

    pub fn stream_set_group_id(
        &mut self,
        key: &[u8],
        group: &[u8],
        last_id: StreamId,
        entries_read: Option<u64>,
    ) -> Result<Option<()>, WrongType> {
        let set = |group: &mut Group| {
            group.last_id = last_id;
            group.entries_read = entries_read;
        };
        let done = self.change_group(key, group, set)?;
        if done.is_some() {
            self.record_progress(key, group, last_id, entries_read);
            self.tell(key, Event::XGroupSetId);
        }
        Ok(done)
    }

    /// As claiming does with an id of its own: the group goes on to it, and what it has read is not counted.
    pub fn stream_advance_group(
        &mut self,
        key: &[u8],
        group: &[u8],
        last_id: StreamId,
    ) -> Result<(), WrongType> {
        let advanced = self.change_group(key, group, |group| {
            let ahead = last_id > group.last_id;
            group.last_id = group.last_id.max(last_id);
            ahead.then_some(group.entries_read)
        })?;
        if let Some(entries_read) = advanced.flatten() {
            self.record_progress(key, group, last_id, entries_read);
            self.tell(key, Event::XPending);
        }
        Ok(())
    }

    /// `false` if there is no such group.
    pub fn stream_destroy_group(&mut self, key: &[u8], group: &[u8]) -> Result<bool, WrongType> {
        let hash = self.hash_of(key);
        let changed = self.change(hash, key, Create::No, |stream: &mut Stream, _| {
            stream.destroy_group(group)
        })?;
        let gone = changed.is_some_and(|changed| changed.result);
        if gone {
            self.record_verb(Verb::XGroupDestroy, key, &[group]);
            self.changed_key(hash, key, Event::XGroupDestroy);
        }
        Ok(gone)
    }

    /// Creates a consumer that was never active; `false` if there is one of that name.
    pub fn stream_create_consumer(
        &mut self,
        key: &[u8],
        group: &[u8],
        consumer: &[u8],
    ) -> Result<Option<bool>, WrongType> {
        let (replay, now) = (self.replay, self.now.0);
        let hash = self.hash_of(key);
        let changed = self.change(hash, key, Create::No, |stream: &mut Stream, _| {
            let newest = stream.last_id().ms.min(i64::MAX as u64) as i64;
            let seen_ms = if replay { newest } else { now };
            stream.change_group(group, |group| group.create_consumer(consumer, seen_ms))
        })?;
        let created = changed.and_then(|changed| changed.result);
        if created == Some(true) {
            self.record_verb(Verb::XGroupCreateConsumer, key, &[group, consumer]);
            self.changed_key(hash, key, Event::XGroupCreateConsumer);
        }
        Ok(created)
    }

    /// Deletes a consumer with what it has pending, and tells how much that was; `None` also if there is none.
    pub fn stream_delete_consumer(
        &mut self,
        key: &[u8],
        group: &[u8],
        consumer: &[u8],
    ) -> Result<Option<usize>, WrongType> {
        let pending = self.change_group(key, group, |group| group.delete_consumer(consumer))?;
        let pending = pending.flatten();
        if pending.is_some() {
            self.record_verb(Verb::XGroupDelConsumer, key, &[group, consumer]);
            self.tell(key, Event::XGroupDelConsumer);
        }
        Ok(pending)
    }

    /// A consumer tries something: it is created if it does not exist.
    pub fn stream_see_consumer(
        &mut self,
        key: &[u8],
        group: &[u8],
        consumer: &[u8],
    ) -> Result<(), WrongType> {
        let now = self.now.0;
        let seen = |group: &mut Group| {
            let known = group.consumer(consumer).is_some();
            if known {
                group.touch(consumer, now, None);
            }
            known
        };
        if self.change_group(key, group, seen)? == Some(false) {
            self.stream_create_consumer(key, group, consumer)?;
        }
        Ok(())
    }
}

/// Pending entries. The stream, the group and the consumer exist, or nothing is done.
impl Tx<'_> {
    /// Gives a group its next entries, which become pending for the consumer if they are to be acknowledged.
    pub fn stream_deliver(
        &mut self,
        key: &[u8],
        group: &[u8],
        consumer: &[u8],
        ids: &[StreamId],
        acknowledged: bool,
    ) -> Result<(), WrongType> {
        let hash = self.hash_of(key);
        let changed = self.change(hash, key, Create::No, |stream: &mut Stream, _| {
            let (last_id, read) = progress(stream, group, ids)?;
            stream.change_group(group, |group| {
                group.last_id = last_id;
                group.entries_read = read;
            })?;
            Some((last_id, read))
        })?;
        let Some((last_id, read)) = changed.and_then(|changed| changed.result) else {
            return Ok(());
        };
        if !acknowledged {
            let delivered_ms = self.now.0;
            let claim = |id: &StreamId| StreamClaim {
                id: *id,
                delivered_ms,
                count: 1,
            };
            let claims: Vec<StreamClaim> = ids.iter().map(claim).collect();
            self.stream_claim(key, group, consumer, &claims, true)?;
        }
        self.record_progress(key, group, last_id, read);
        self.tell(key, Event::XPending);
        Ok(())
    }

    /// Makes entries pending for a consumer, whoever had them, and says so with the times and counts given. `active`:
    /// the consumer got something by it.
    pub fn stream_claim(
        &mut self,
        key: &[u8],
        group: &[u8],
        consumer: &[u8],
        claims: &[StreamClaim],
        active: bool,
    ) -> Result<(), WrongType> {
        let now = self.now.0;
        let alike = |a: &StreamClaim, b: &StreamClaim| {
            (a.delivered_ms, a.count) == (b.delivered_ms, b.count)
        };
        let last_id = self.change_group(key, group, |group| {
            for run in claims.chunk_by(alike) {
                let ids = run.iter().map(|claim| claim.id);
                group.assign(consumer, ids, run[0].delivered_ms, run[0].count);
            }
            if active {
                group.touch(consumer, now, Some(now));
            }
            group.last_id
        })?;
        let Some(last_id) = last_id.filter(|_| !claims.is_empty()) else {
            return Ok(());
        };
        for run in claims.chunk_by(alike) {
            for run in run.chunks(IDS_IN_EFFECT_MAX) {
                self.record_claims(key, group, consumer, run, last_id);
            }
        }
        self.tell(key, Event::XPending);
        Ok(())
    }

    /// As recorded: the times of the consumer follow from the claim. `None` without group or consumer.
    pub(crate) fn replay_claim(
        &mut self,
        key: &[u8],
        group: &[u8],
        consumer: &[u8],
        ids: &[StreamId],
        claim: StreamClaim,
    ) -> Result<Option<()>, WrongType> {
        let StreamClaim {
            id: last_id,
            delivered_ms,
            count,
        } = claim;
        let done = self.change_group(key, group, |group| {
            group.consumer(consumer)?;
            group.assign(consumer, ids.iter().copied(), delivered_ms, count);
            group.touch(consumer, delivered_ms, Some(delivered_ms));
            group.last_id = group.last_id.max(last_id);
            Some(())
        })?;
        Ok(done.flatten())
    }

    fn record_claims(
        &mut self,
        key: &[u8],
        group: &[u8],
        consumer: &[u8],
        run: &[StreamClaim],
        last_id: StreamId,
    ) {
        let ids: Vec<_> = run.iter().map(|claim| claim.id.text()).collect();
        let time = IntText::new(run[0].delivered_ms);
        let count = IntText::new(run[0].count);
        let last = last_id.text();
        let mut words: Vec<&[u8]> = vec![group, consumer, b"0"];
        words.extend(ids.iter().map(|id| id.bytes()));
        words.extend([b"TIME".as_slice(), time.bytes()]);
        words.extend([b"RETRYCOUNT".as_slice(), count.bytes()]);
        words.extend([b"FORCE".as_slice(), b"JUSTID", b"LASTID", last.bytes()]);
        self.record_verb(Verb::XClaim, key, &words);
    }

    /// Takes entries off what is pending; tells how many were.
    pub fn stream_ack(
        &mut self,
        key: &[u8],
        group: &[u8],
        ids: &[StreamId],
    ) -> Result<u64, WrongType> {
        let gone = self.change_group(key, group, |group| {
            let gone = ids.iter().copied().filter(|id| group.forget(*id));
            gone.collect::<Vec<_>>()
        })?;
        let gone = gone.unwrap_or_default();
        if !gone.is_empty() {
            self.record_ids(Verb::XAck, key, &[group], &gone);
            self.tell(key, Event::XPending);
            self.changed += gone.len() as u64 - 1;
        }
        Ok(gone.len() as u64)
    }

    fn change_group<R>(
        &mut self,
        key: &[u8],
        group: &[u8],
        change: impl FnOnce(&mut Group) -> R,
    ) -> Result<Option<R>, WrongType> {
        let hash = self.hash_of(key);
        let changed = self.change(hash, key, Create::No, |stream: &mut Stream, _| {
            stream.change_group(group, change)
        })?;
        Ok(changed.and_then(|changed| changed.result))
    }

    fn record_progress(
        &mut self,
        key: &[u8],
        group: &[u8],
        last_id: StreamId,
        entries_read: Option<u64>,
    ) {
        let (id, read) = (last_id.text(), read_text(entries_read));
        let words = [group, id.bytes(), b"ENTRIESREAD", read.bytes()];
        self.record_verb(Verb::XGroupSetId, key, &words);
    }

    fn record_ids(&mut self, verb: Verb, key: &[u8], before: &[&[u8]], ids: &[StreamId]) {
        for ids in ids.chunks(IDS_IN_EFFECT_MAX) {
            let texts: Vec<_> = ids.iter().map(|id| id.text()).collect();
            let mut words = before.to_vec();
            words.extend(texts.iter().map(|text| text.bytes()));
            self.record_verb(verb, key, &words);
        }
    }

    fn tell(&mut self, key: &[u8], event: Event) {
        let hash = self.hash_of(key);
        self.changed_key(hash, key, event);
    }
}

/// The id of a new entry.
fn pick(id: NewStreamId, last_id: StreamId, now_ms: i64) -> Result<StreamId, StreamAddError> {
    if last_id == StreamId::MAX {
        return Err(StreamAddError::Exhausted);
    }
    let next = match id {
        NewStreamId::Exact(id) => Some(id),
        NewStreamId::Auto => {
            let now = StreamId::new(u64::try_from(now_ms).unwrap_or(0), 0);
            if now.ms > last_id.ms {
                Some(now)
            } else {
                last_id.next()
            }
        }
        NewStreamId::Within(ms) if ms == last_id.ms => last_id.next().filter(|next| next.ms == ms),
        NewStreamId::Within(ms) => Some(StreamId::new(ms, 0)),
    };
    next.filter(|id| *id > last_id)
        .ok_or(StreamAddError::NotGreater)
}

/// What a trim came to, said so that it is the same whatever the nodes: the length it left, or the first entry.
fn kept(stream: &StreamData, keep: Keep) -> Keep {
    match keep {
        Keep::From(_) if !stream.is_empty() => Keep::From(stream.first_id()),
        _ => Keep::Last(stream.len()),
    }
}

/// Where a group is after it was given these entries, those that it was given before aside.
fn progress(
    stream: &StreamData,
    group: &[u8],
    ids: &[StreamId],
) -> Option<(StreamId, Option<u64>)> {
    let group = stream.group(group)?;
    let start = (group.last_id, group.entries_read);
    let step = |(last_id, read), id: &StreamId| match *id > last_id {
        true => (*id, stream.entries_read_at(*id, last_id, read)),
        false => (last_id, read),
    };
    Some(ids.iter().fold(start, step))
}

/// Counts of entries are far below what a signed number holds, unless a client made them up as such.
fn number(count: u64) -> IntText {
    IntText::new(count.cast_signed())
}

/// -1 stands for an unknown count.
fn read_text(entries_read: Option<u64>) -> IntText {
    entries_read.map_or(IntText::new(-1), number)
}
