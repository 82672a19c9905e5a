//! How far a group is in a stream, as far as that can be known from a few counts.
//!
//! A group's `entries_read` counts all entries up to its last one, from the first that was ever added. Entries that
//! were trimmed away in front do not disturb it. Entries that were deleted between others do: the count of what lies
//! before an id is then not known, except at the two ends of the stream.

use esker_format::StreamId;

use super::{Group, StreamData};

impl StreamData {
    /// Whether an entry behind `id` may have been deleted from between others.
    fn has_gaps_from(&self, id: StreamId) -> bool {
        !self.is_empty()
            && self.max_deleted_id != StreamId::MIN
            && self.max_deleted_id >= self.first_id
            && id <= self.max_deleted_id
    }

    /// Entries ever added with ids up to this one; `None` where that is not known.
    pub fn entries_up_to(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.is_empty() && id <= self.last_id {
            return Some(self.entries_added);
        }
        if id != StreamId::MIN && id < self.max_deleted_id {
            return None;
        }
        if id >= self.last_id {
            return (id == self.last_id).then_some(self.entries_added);
        }
        let gapless = self.max_deleted_id == StreamId::MIN || self.max_deleted_id < self.first_id;
        let trimmed = self.entries_added.wrapping_sub(self.len());
        match id.cmp(&self.first_id) {
            std::cmp::Ordering::Less if gapless => Some(trimmed),
            std::cmp::Ordering::Equal if gapless => Some(trimmed.wrapping_add(1)),
            _ => None,
        }
    }

    /// What a group has read once it is given the entry `id`, if it had read `read` up to `last_id` before.
    pub(crate) fn entries_read_at(
        &self,
        id: StreamId,
        last_id: StreamId,
        read: Option<u64>,
    ) -> Option<u64> {
        match read {
            Some(read) if last_id >= self.first_id && !self.has_gaps_from(last_id) => {
                Some(read.wrapping_add(1))
            }
            _ if self.entries_added == 0 => read,
            _ => self.entries_up_to(id),
        }
    }

    /// Entries that a group has still to be given; `None` where that is not known. Counts that a client made up may
    /// make it negative.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        let behind = |read: u64| self.entries_added.wrapping_sub(read).cast_signed();
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.is_empty() {
            return Some(0);
        }
        if group.last_id < self.first_id && self.max_deleted_id < self.first_id {
            return Some(self.len().cast_signed());
        }
        match group.entries_read {
            Some(read) if !self.has_gaps_from(group.last_id) => Some(behind(read)),
            _ => self.entries_up_to(group.last_id).map(behind),
        }
    }
}
