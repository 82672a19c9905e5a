//! Writing values: whole, or as pieces when they are long.

use super::super::entry::Piece;
use super::stream::{self, Consumer, GroupHeader, Pending, StreamHeader};
use super::{
    KIND_HASH_FIELDS, KIND_LIST_NODES, KIND_SET_MEMBERS, KIND_STREAM, KIND_STREAM_NODES,
    KIND_ZSET_MEMBERS, PIECE_BYTES_AIM,
};
use crate::StreamId;
use crate::cursor::{put_u32, put_u64};

/// A value, or a piece of it, as a writer hands it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The kind byte.
    pub kind: u8,
    /// Which piece this is; `None` if it is the whole value.
    pub piece: Option<Piece>,
    /// The encoded value.
    pub bytes: &'a [u8],
}

/// Takes a value element by element and hands on what is written: at once if it is short, else piece by piece.
///
/// A value calls the methods of one kind only; a stream calls [`ValueWriter::stream`] first, then the groups, then
/// the nodes.
pub struct ValueWriter<'s> {
    kind: Option<u8>,
    bytes: Vec<u8>,
    pieces: u32,
    bytes_max: usize,
    sink: &'s mut dyn FnMut(Part<'_>),
}

impl<'s> ValueWriter<'s> {
    /// A writer that hands on pieces of about [`PIECE_BYTES_AIM`].
    pub fn new(sink: &'s mut dyn FnMut(Part<'_>)) -> ValueWriter<'s> {
        Self::with_piece_bytes(PIECE_BYTES_AIM, sink)
    }

    /// A writer that ends a piece as soon as it is at least so long.
    pub fn with_piece_bytes(
        bytes_max: usize,
        sink: &'s mut dyn FnMut(Part<'_>),
    ) -> ValueWriter<'s> {
        ValueWriter {
            kind: None,
            bytes: Vec::new(),
            pieces: 0,
            bytes_max,
            sink,
        }
    }

    /// A value that is one run of bytes: listpack or intset.
    pub fn packed(&mut self, kind: u8, bytes: &[u8]) {
        debug_assert!(self.kind.is_none() && !super::can_be_piece(kind));
        self.kind = Some(kind);
        self.bytes.extend_from_slice(bytes);
    }

    /// The next node of a list: a listpack.
    pub fn list_node(&mut self, listpack: &[u8]) {
        self.turn(KIND_LIST_NODES);
        self.bytes.push(super::read::NODE_PACKED);
        put_bytes(&mut self.bytes, listpack);
    }

    /// The next node of a list: one long element.
    pub fn list_plain(&mut self, element: &[u8]) {
        self.turn(KIND_LIST_NODES);
        self.bytes.push(super::read::NODE_PLAIN);
        put_bytes(&mut self.bytes, element);
    }

    /// A member of a set.
    pub fn set_member(&mut self, member: &[u8]) {
        self.turn(KIND_SET_MEMBERS);
        put_member(&mut self.bytes, member);
    }

    /// A field of a hash. `expire_at` is in Unix milliseconds, 0 for none.
    pub fn hash_field(&mut self, expire_at: u64, field: &[u8], value: &[u8]) {
        self.turn(KIND_HASH_FIELDS);
        put_field(&mut self.bytes, expire_at, field, value);
    }

    /// A member of a sorted set.
    pub fn zset_member(&mut self, score: f64, member: &[u8]) {
        self.turn(KIND_ZSET_MEMBERS);
        put_scored(&mut self.bytes, score, member);
    }

    /// What is known of a stream as a whole. As many groups follow as it says.
    pub fn stream(&mut self, header: &StreamHeader) {
        debug_assert!(self.kind.is_none(), "a stream begins with its header");
        self.kind = Some(KIND_STREAM);
        stream::put_header(&mut self.bytes, header);
    }

    /// A consumer group. As many consumers follow as it says, then as many pending entries.
    pub fn stream_group(&mut self, group: &GroupHeader<'_>) {
        debug_assert_eq!(self.kind, Some(KIND_STREAM));
        stream::put_group(&mut self.bytes, group);
    }

    /// A consumer of the group before.
    pub fn stream_consumer(&mut self, consumer: &Consumer<'_>) {
        debug_assert_eq!(self.kind, Some(KIND_STREAM));
        stream::put_consumer(&mut self.bytes, consumer);
    }

    /// A pending entry of the group before, in the order of the ids.
    pub fn stream_pending(&mut self, pending: &Pending) {
        debug_assert_eq!(self.kind, Some(KIND_STREAM));
        stream::put_pending(&mut self.bytes, pending);
    }

    /// The next node of a stream: a listpack of entries whose ids are told relative to `master`.
    pub fn stream_node(&mut self, master: StreamId, listpack: &[u8]) {
        if self.bytes.len() >= self.bytes_max {
            self.hand_on(0);
            self.kind = Some(KIND_STREAM_NODES);
        }
        put_u64(&mut self.bytes, master.ms);
        put_u64(&mut self.bytes, master.seq);
        put_bytes(&mut self.bytes, listpack);
    }

    /// Hands on what is left. Every value that was begun is finished.
    pub fn finish(mut self) {
        if self.pieces == 0 {
            let kind = self.kind.expect("a value was written");
            (self.sink)(Part {
                kind,
                piece: None,
                bytes: &self.bytes,
            });
        } else {
            self.hand_on(self.pieces + 1);
        }
    }

    fn turn(&mut self, kind: u8) {
        debug_assert!(self.kind.is_none_or(|before| before == kind));
        self.kind = Some(kind);
        if self.bytes.len() >= self.bytes_max {
            self.hand_on(0);
        }
    }

    fn hand_on(&mut self, pieces: u32) {
        let kind = self.kind.expect("a value was written");
        let ordinal = self.pieces;
        self.pieces += 1;
        (self.sink)(Part {
            kind,
            piece: Some(Piece { ordinal, pieces }),
            bytes: &self.bytes,
        });
        self.bytes.clear();
    }
}

/// Appends a member of a set.
pub fn put_member(out: &mut Vec<u8>, member: &[u8]) {
    put_bytes(out, member);
}

/// Appends a field of a hash. `expire_at` is in Unix milliseconds, 0 for none.
pub fn put_field(out: &mut Vec<u8>, expire_at: u64, field: &[u8], value: &[u8]) {
    put_u64(out, expire_at);
    put_bytes(out, field);
    put_bytes(out, value);
}

/// Appends a member of a sorted set.
pub fn put_scored(out: &mut Vec<u8>, score: f64, member: &[u8]) {
    put_u64(out, score.to_bits());
    put_bytes(out, member);
}

/// Appends bytes with their length before them.
///
/// # Panics
/// If there are 4 GiB of them: elements are limited to 512 MiB.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(
        out,
        u32::try_from(bytes.len()).expect("elements are shorter than 4 GiB"),
    );
    out.extend_from_slice(bytes);
}
