//! A node of a stream: some entries in one listpack, byte for byte as Redis keeps and dumps it.
//!
//! ```text
//! master entry   count | deleted | n | field 1 … field n | 0
//! each entry     flags | ms - first.ms | seq - first.seq | values 1 … n            | elements    if it has the
//!                                                                                      fields of the master entry
//!                flags | ms - first.ms | seq - first.seq | m | field, value, m times | elements    otherwise
//! ```
//!
//! - `first` is the id of the node's first entry, deleted or not; differences wrap and are shown as signed.
//! - `count` is how many entries are alive, `deleted` how many are marked; a node with none alive does not exist.
//! - `elements` counts those of the entry before it, so that entries are found from the end too.
//! - The fields of the master entry are those of the entry that began the node.
//!
//! Whoever hands over bytes of his own goes through [`StreamNode::parse`], which proves all of that. Everything else
//! relies on it.

use esker_format::cursor::Fault;
use esker_format::redis::listpack::{self, Encoded, HEADER_BYTES, Item};

use crate::entry::size_class;
use crate::rope::Node;
use esker_format::StreamId;

const DELETED: u8 = 1;
const SAME_FIELDS: u8 = 2;
/// What a node may hold where no limit is set.
pub(crate) const NODE_BYTES_MAX: usize = 1 << 30;

#[derive(Clone, Debug)]
pub struct StreamNode {
    first: StreamId,
    bytes: Vec<u8>,
}

/// The master entry: counts, and where the rest begins.
#[derive(Clone, Copy, Debug)]
struct Master {
    count: u64,
    deleted_at: usize,
    deleted: u64,
    fields: usize,
    fields_at: usize,
    entries_at: usize,
}

/// An entry as it stands in its node.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawEntry {
    pub(super) id: StreamId,
    pub(super) flags: u8,
    /// Where the flags are.
    pub(super) at: usize,
    /// Behind the whole entry.
    pub(super) end: usize,
    values_at: usize,
    fields: usize,
}

impl RawEntry {
    pub(super) fn is_deleted(&self) -> bool {
        self.flags & DELETED != 0
    }
}

/// Every node is proven when it is made.
const SOUND: &str = "the node of a stream is sound";

impl Node for StreamNode {
    fn weight(&self) -> usize {
        self.count_at(HEADER_BYTES).expect(SOUND).0 as usize
    }

    fn heap_bytes(&self) -> usize {
        size_class(self.bytes.capacity())
    }
}

/// Reading.
impl StreamNode {
    /// The id that all others are told from.
    #[inline]
    pub fn first(&self) -> StreamId {
        self.first
    }

    /// The listpack.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Entries alive, and entries marked as deleted.
    pub(super) fn counts(&self) -> (u64, u64) {
        let master = self.master();
        (master.count, master.deleted)
    }

    pub(super) fn entries_at(&self) -> usize {
        self.master().entries_at
    }

    /// Where the end mark stands: behind the last entry.
    pub(super) fn end(&self) -> usize {
        self.bytes.len() - 1
    }

    fn master(&self) -> Master {
        self.parse_master().expect(SOUND)
    }

    /// The element at an offset, and what follows it.
    #[inline]
    fn element(&self, at: usize) -> Option<(Item<'_>, usize)> {
        let rest = self.bytes.get(at..self.end())?;
        let (item, size) = listpack::decode(rest)?;
        Some((item, at + size + listpack::back_length_bytes(size)))
    }

    #[inline]
    fn int_at(&self, at: usize) -> Option<(i64, usize)> {
        match self.element(at)? {
            (Item::Int(int), next) => Some((int, next)),
            (Item::Bytes(_), _) => None,
        }
    }

    #[inline]
    fn count_at(&self, at: usize) -> Option<(u64, usize)> {
        let (int, next) = self.int_at(at)?;
        Some((u64::try_from(int).ok()?, next))
    }

    fn skip(&self, at: usize, elements: usize) -> Option<usize> {
        (0..elements).try_fold(at, |at, _| {
            let size = listpack::element_bytes(self.bytes.get(at..self.end())?)?;
            Some(at + size + listpack::back_length_bytes(size))
        })
    }

    fn parse_master(&self) -> Option<Master> {
        let (count, deleted_at) = self.count_at(HEADER_BYTES)?;
        let (deleted, at) = self.count_at(deleted_at)?;
        let (fields, fields_at) = self.count_at(at)?;
        let fields = usize::try_from(fields).ok()?;
        let zero_at = self.skip(fields_at, fields)?;
        let (zero, entries_at) = self.int_at(zero_at)?;
        (zero == 0).then_some(Master {
            count,
            deleted_at,
            deleted,
            fields,
            fields_at,
            entries_at,
        })
    }

    /// The entry whose flags are at an offset.
    pub(super) fn entry_at(&self, at: usize, fields: usize) -> RawEntry {
        self.parse_entry(at, fields).expect(SOUND)
    }

    /// The number of fields of the master entry, which [`StreamNode::entry_at`] asks for.
    pub(super) fn master_fields(&self) -> usize {
        self.master().fields
    }

    fn parse_entry(&self, at: usize, master_fields: usize) -> Option<RawEntry> {
        let (flags, next) = self.int_at(at)?;
        let (ms, next) = self.int_at(next)?;
        let (seq, next) = self.int_at(next)?;
        let flags = u8::try_from(flags).ok()?;
        let (fields, values_at, elements) = if flags & SAME_FIELDS != 0 {
            (master_fields, next, master_fields)
        } else {
            let (fields, values_at) = self.count_at(next)?;
            let fields = usize::try_from(fields).ok()?;
            (fields, values_at, fields.checked_mul(2)?)
        };
        let count_at = self.skip(values_at, elements)?;
        let (_, end) = self.int_at(count_at)?;
        Some(RawEntry {
            id: StreamId {
                ms: self.first.ms.wrapping_add(ms.cast_unsigned()),
                seq: self.first.seq.wrapping_add(seq.cast_unsigned()),
            },
            flags,
            at,
            end,
            values_at,
            fields,
        })
    }

    /// Where the entry that ends at an offset begins.
    pub(super) fn start_of(&self, end: usize) -> usize {
        let back = |end: usize| {
            let (size, length) = listpack::back_length(&self.bytes[..end]).expect(SOUND);
            end - length - size
        };
        let count_at = back(end);
        let (count, _) = self.count_at(count_at).expect(SOUND);
        (0..count).fold(count_at, |at, _| back(at))
    }

    /// The last entry, deleted or not.
    pub(super) fn last(&self) -> RawEntry {
        self.entry_at(self.start_of(self.end()), self.master_fields())
    }

    pub(super) fn fields(&self, entry: &RawEntry) -> Fields<'_> {
        Fields {
            node: self,
            left: entry.fields,
            names_at: match entry.flags & SAME_FIELDS != 0 {
                true => Some(self.master().fields_at),
                false => None,
            },
            at: entry.values_at,
        }
    }

    /// The entry with an id, unless it is deleted.
    pub(super) fn find(&self, id: StreamId) -> Option<RawEntry> {
        let master = self.master();
        let mut at = master.entries_at;
        while at < self.end() {
            let entry = self.entry_at(at, master.fields);
            if entry.id >= id {
                return (entry.id == id && !entry.is_deleted()).then_some(entry);
            }
            at = entry.end;
        }
        None
    }
}

/// The fields of an entry with their values.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    node: &'a StreamNode,
    left: usize,
    /// The next name, where names are those of the master entry.
    names_at: Option<usize>,
    at: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (name, value_at) = match &mut self.names_at {
            Some(names_at) => {
                let (name, next) = self.node.element(*names_at).expect(SOUND);
                *names_at = next;
                (name, self.at)
            }
            None => self.node.element(self.at).expect(SOUND),
        };
        let (value, next) = self.node.element(value_at).expect(SOUND);
        self.at = next;
        Some((name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// Changing.
impl StreamNode {
    /// A node with one entry.
    pub(super) fn new<'f>(
        id: StreamId,
        fields: impl ExactSizeIterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> StreamNode {
        let mut writer = Writer::new(vec![0; HEADER_BYTES], 0);
        writer.int(1);
        writer.int(0);
        writer.int(fields.len() as i64);
        fields.clone().for_each(|(field, _)| writer.string(field));
        writer.int(0);
        let mut node = StreamNode {
            first: id,
            bytes: writer.finish(),
        };
        node.push(id, fields, true);
        node
    }

    /// Adds an entry behind all others, whose id is larger.
    pub(super) fn append<'f>(
        &mut self,
        id: StreamId,
        fields: impl ExactSizeIterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) {
        let master = self.master();
        let same = self.has_fields(&master, fields.clone().map(|(field, _)| field));
        self.set_int(HEADER_BYTES, master.count as i64 + 1);
        self.push(id, fields, same);
    }

    fn has_fields<'f>(
        &self,
        master: &Master,
        fields: impl ExactSizeIterator<Item = &'f [u8]>,
    ) -> bool {
        let mut at = master.fields_at;
        fields.len() == master.fields
            && fields.into_iter().all(|field| {
                let (name, next) = self.element(at).expect(SOUND);
                at = next;
                name.eq_bytes(field)
            })
    }

    fn push<'f>(
        &mut self,
        id: StreamId,
        fields: impl ExactSizeIterator<Item = (&'f [u8], &'f [u8])>,
        same: bool,
    ) {
        let count = fields.len() as i64;
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.pop();
        let elements = u16::from_le_bytes([bytes[4], bytes[5]]);
        let mut writer = Writer::new(bytes, usize::from(elements));
        writer.int(if same { i64::from(SAME_FIELDS) } else { 0 });
        writer.int(id.ms.wrapping_sub(self.first.ms).cast_signed());
        writer.int(id.seq.wrapping_sub(self.first.seq).cast_signed());
        if same {
            fields.for_each(|(_, value)| writer.string(value));
            writer.int(3 + count);
        } else {
            writer.int(count);
            fields.for_each(|(field, value)| {
                writer.string(field);
                writer.string(value);
            });
            writer.int(4 + 2 * count);
        }
        self.bytes = writer.finish();
    }

    /// Marks an entry as deleted. The node goes when no entry is left alive; that is the caller's to see.
    pub(super) fn delete(&mut self, entry: &RawEntry) {
        debug_assert!(!entry.is_deleted());
        // Flags take one byte whatever they are, so nothing moves.
        self.bytes[entry.at] |= DELETED;
        let master = self.master();
        self.set_int(master.deleted_at, master.deleted as i64 + 1);
        self.set_int(HEADER_BYTES, master.count as i64 - 1);
    }

    /// Marks the entries from the front on for which `gone` holds, up to the first for which it does not.
    pub(super) fn delete_while(&mut self, mut gone: impl FnMut(StreamId) -> bool) -> u64 {
        let master = self.master();
        let mut at = master.entries_at;
        let mut deleted = 0;
        while at < self.end() {
            let entry = self.entry_at(at, master.fields);
            at = entry.end;
            if entry.is_deleted() {
                continue;
            }
            if !gone(entry.id) {
                break;
            }
            self.bytes[entry.at] |= DELETED;
            deleted += 1;
        }
        self.set_int(master.deleted_at, (master.deleted + deleted) as i64);
        self.set_int(HEADER_BYTES, (master.count - deleted) as i64);
        deleted
    }

    /// Whether the buffer takes more than its bytes need.
    pub(super) fn has_slack(&self) -> bool {
        size_class(self.bytes.capacity()) > size_class(self.bytes.len())
    }

    /// Gives the slack back, once nothing is added any more. By a copy: an allocator may well leave a buffer that
    /// shrinks where it is.
    pub(super) fn seal(&mut self) {
        self.bytes = self.bytes.as_slice().to_vec();
    }

    /// Replaces the integer at an offset.
    fn set_int(&mut self, at: usize, int: i64) {
        let (_, end) = self.int_at(at).expect(SOUND);
        let encoded = Encoded::int(int);
        let [head, _, tail] = encoded.parts();
        if encoded.size() == end - at {
            self.bytes[at..at + head.len()].copy_from_slice(head);
            return;
        }
        let both = head.iter().chain(tail).copied();
        self.bytes.splice(at..end, both);
        let total = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
    }
}

/// Appends elements to the bytes of a listpack without its end mark.
struct Writer {
    bytes: Vec<u8>,
    elements: usize,
}

impl Writer {
    fn new(bytes: Vec<u8>, elements: usize) -> Writer {
        Writer { bytes, elements }
    }

    fn int(&mut self, int: i64) {
        if let 0..128 = int {
            self.bytes.extend_from_slice(&[int as u8, 1]);
        } else {
            Encoded::int(int).put(&mut self.bytes);
        }
        self.elements += 1;
    }

    fn string(&mut self, string: &[u8]) {
        Encoded::new(string).put(&mut self.bytes);
        self.elements += 1;
    }

    fn finish(mut self) -> Vec<u8> {
        self.bytes.push(listpack::END);
        let total = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        let count = listpack::count_field(self.elements);
        self.bytes[4..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}

/// Proof of foreign bytes.
impl StreamNode {
    /// A node out of its parts, whoever wrote them.
    pub fn parse(first: StreamId, bytes: Vec<u8>) -> Result<StreamNode, Fault> {
        listpack::validate(&bytes)?;
        let node = StreamNode { first, bytes };
        let master = node.parse_master().ok_or(Fault::Invalid(
            "the master entry of a stream node is malformed",
        ))?;
        let (mut alive, mut deleted, mut at) = (0, 0, master.entries_at);
        let mut before = None;
        while at < node.end() {
            let entry = node
                .proven_entry(at, master.fields)
                .ok_or(Fault::Invalid("an entry of a stream node is malformed"))?;
            if entry.id < first || before.is_some_and(|before| before >= entry.id) {
                return Err(Fault::Invalid("the ids of a stream node are out of order"));
            }
            match entry.is_deleted() {
                true => deleted += 1,
                false => alive += 1,
            }
            before = Some(entry.id);
            at = entry.end;
        }
        if alive == 0 || (alive, deleted) != (master.count, master.deleted) {
            return Err(Fault::Invalid(
                "a stream node has other counts than entries",
            ));
        }
        Ok(node)
    }

    fn proven_entry(&self, at: usize, master_fields: usize) -> Option<RawEntry> {
        let entry = self.parse_entry(at, master_fields)?;
        // Redis writes the flags as they are looked for: in one byte.
        let one_byte = self.bytes[at] == entry.flags && entry.flags <= DELETED | SAME_FIELDS;
        let same = entry.flags & SAME_FIELDS != 0;
        let elements = match same {
            true => entry.fields.checked_add(3)?,
            false => entry.fields.checked_mul(2)?.checked_add(4)?,
        };
        let values = if same { entry.fields } else { entry.fields * 2 };
        let (count, _) = self.count_at(self.skip(entry.values_at, values)?)?;
        (one_byte && entry.fields > 0 && count == elements as u64).then_some(entry)
    }
}
