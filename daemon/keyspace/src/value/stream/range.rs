//! The entries of a stream between two ids, in either direction.

use esker_format::StreamId;

use super::StreamData;
use super::node::{Fields, RawEntry, StreamNode};
use crate::rope::Place;

/// One entry, where the stream keeps it.
#[derive(Clone, Copy, Debug)]
pub struct StreamEntry<'a> {
    pub id: StreamId,
    node: &'a StreamNode,
    raw: RawEntry,
}

impl<'a> StreamEntry<'a> {
    /// Fields and values, in the order in which they were given.
    pub fn fields(&self) -> Fields<'a> {
        self.node.fields(&self.raw)
    }
}

impl StreamData {
    /// The entries with `from <= id <= to`, first to last.
    pub fn range(&self, from: StreamId, to: StreamId) -> Range<'_> {
        let place = self.place_of(from).or_else(|| self.nodes.first());
        let cursor = place.map(|place| Cursor::at_start(self, place));
        Range {
            stream: self,
            cursor,
            from,
            to,
        }
    }

    /// The same entries, last to first.
    pub fn range_back(&self, from: StreamId, to: StreamId) -> RangeBack<'_> {
        let cursor = self.place_of(to).map(|place| Cursor::at_end(self, place));
        RangeBack {
            stream: self,
            cursor,
            from,
            to,
        }
    }

    /// The last node that begins at or before an id.
    pub(super) fn place_of(&self, id: StreamId) -> Option<Place> {
        match self.nodes.partition_point(|node| node.first() <= id) {
            Some(behind) => self.nodes.prev(behind),
            None => self.nodes.last(),
        }
    }
}

/// A place in a node: between two entries.
#[derive(Clone, Copy, Debug)]
struct Cursor<'a> {
    place: Place,
    node: &'a StreamNode,
    master_fields: usize,
    entries_at: usize,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn at_start(stream: &'a StreamData, place: Place) -> Cursor<'a> {
        let node = stream.nodes.node(place);
        let entries_at = node.entries_at();
        Cursor {
            place,
            node,
            master_fields: node.master_fields(),
            entries_at,
            at: entries_at,
        }
    }

    fn at_end(stream: &'a StreamData, place: Place) -> Cursor<'a> {
        let start = Cursor::at_start(stream, place);
        Cursor {
            at: start.node.end(),
            ..start
        }
    }

    fn entry(&self, raw: RawEntry) -> StreamEntry<'a> {
        StreamEntry {
            id: raw.id,
            node: self.node,
            raw,
        }
    }
}

/// See [`StreamData::range`].
#[derive(Clone, Debug)]
pub struct Range<'a> {
    stream: &'a StreamData,
    cursor: Option<Cursor<'a>>,
    from: StreamId,
    to: StreamId,
}

impl<'a> Iterator for Range<'a> {
    type Item = StreamEntry<'a>;

    fn next(&mut self) -> Option<StreamEntry<'a>> {
        loop {
            let cursor = self.cursor.as_mut()?;
            if cursor.at == cursor.node.end() {
                let next = self.stream.nodes.next(cursor.place);
                self.cursor = next.map(|place| Cursor::at_start(self.stream, place));
                continue;
            }
            let raw = cursor.node.entry_at(cursor.at, cursor.master_fields);
            cursor.at = raw.end;
            if raw.id > self.to {
                self.cursor = None;
            } else if raw.id >= self.from && !raw.is_deleted() {
                return Some(cursor.entry(raw));
            }
        }
    }
}

/// See [`StreamData::range_back`].
#[derive(Clone, Debug)]
pub struct RangeBack<'a> {
    stream: &'a StreamData,
    cursor: Option<Cursor<'a>>,
    from: StreamId,
    to: StreamId,
}

impl<'a> Iterator for RangeBack<'a> {
    type Item = StreamEntry<'a>;

    fn next(&mut self) -> Option<StreamEntry<'a>> {
        loop {
            let cursor = self.cursor.as_mut()?;
            if cursor.at == cursor.entries_at {
                let prev = self.stream.nodes.prev(cursor.place);
                self.cursor = prev.map(|place| Cursor::at_end(self.stream, place));
                continue;
            }
            cursor.at = cursor.node.start_of(cursor.at);
            let raw = cursor.node.entry_at(cursor.at, cursor.master_fields);
            if raw.id < self.from {
                self.cursor = None;
            } else if raw.id <= self.to && !raw.is_deleted() {
                return Some(cursor.entry(raw));
            }
        }
    }
}
