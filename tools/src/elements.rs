//! The elements of collections as they stand in a snapshot.

use esker_format::StreamId;
use esker_format::cursor::Fault;
use esker_format::native::entry::{Entry, Value};
use esker_format::native::value::{self, Fields, Members, Node, Nodes, ScoredMembers};
use esker_format::redis::{intset, listpack};
use esker_keyspace::{Collection, Limits, Stream};

/// A value, or the pieces of one that have been met.
#[derive(Debug, Default)]
pub struct Parts {
    /// Ordinal, kind and bytes.
    parts: Vec<(u32, u8, Vec<u8>)>,
    pieces: u32,
}

/// What OBJECT ENCODING would say of a value of this kind, as it was saved.
pub fn encoding(kind: u8) -> &'static str {
    match kind {
        value::KIND_LIST_PACKED
        | value::KIND_SET_PACKED
        | value::KIND_HASH_PACKED
        | value::KIND_ZSET_PACKED => "listpack",
        value::KIND_HASH_PACKED_TTL => "listpackex",
        value::KIND_LIST_NODES => "quicklist",
        value::KIND_SET_INTS => "intset",
        value::KIND_SET_MEMBERS | value::KIND_HASH_FIELDS => "hashtable",
        value::KIND_ZSET_MEMBERS => "skiplist",
        value::KIND_STREAM | value::KIND_STREAM_NODES => "stream",
        _ => "unknown",
    }
}

impl Parts {
    /// Takes the value of an entry; nothing of a string.
    pub fn add(&mut self, entry: &Entry<'_>) {
        if let Value::Collection { kind, bytes } = entry.value {
            let ordinal = entry.piece.map_or(0, |piece| piece.ordinal);
            self.pieces = self.pieces.max(entry.piece.map_or(1, |piece| piece.pieces));
            self.parts.push((ordinal, kind, bytes.to_vec()));
        }
    }

    /// Whether nothing is missing.
    pub fn are_whole(&self) -> bool {
        self.pieces as usize == self.parts.len()
    }

    /// Shows each element as its words: a value, a member, field and value (and expiry), member and score, or id,
    /// fields and values.
    pub fn each(&mut self, f: &mut dyn FnMut(&[&[u8]])) -> Result<(), Fault> {
        self.parts.sort_unstable_by_key(|part| part.0);
        let is_stream =
            |part: &(u32, u8, Vec<u8>)| value::Type::of(part.1) == Some(value::Type::Stream);
        if self.parts.first().is_some_and(is_stream) {
            return self.each_entry(f);
        }
        for (_, kind, bytes) in &self.parts {
            each_of(*kind, bytes, f)?;
        }
        Ok(())
    }

    fn each_entry(&self, f: &mut dyn FnMut(&[&[u8]])) -> Result<(), Fault> {
        let mut stream: Option<Stream> = None;
        for (_, kind, bytes) in &self.parts {
            match &mut stream {
                Some(stream) => stream.add_piece(*kind, bytes)?,
                None => stream = Some(Stream::decode(*kind, bytes, &Limits::default())?),
            }
        }
        let Some(mut stream) = stream else {
            return Ok(());
        };
        stream.loaded()?;
        for entry in stream.range(StreamId::MIN, StreamId::MAX) {
            let mut words = vec![entry.id.to_string().into_bytes()];
            for (field, value) in entry.fields() {
                words.push(field.to_vec());
                words.push(value.to_vec());
            }
            f(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        Ok(())
    }
}

fn each_of(kind: u8, bytes: &[u8], f: &mut dyn FnMut(&[&[u8]])) -> Result<(), Fault> {
    match kind {
        value::KIND_LIST_PACKED | value::KIND_SET_PACKED => packed(bytes, 1, f)?,
        value::KIND_HASH_PACKED | value::KIND_ZSET_PACKED => packed(bytes, 2, f)?,
        value::KIND_HASH_PACKED_TTL => packed(bytes, 3, f)?,
        value::KIND_SET_INTS => {
            let (width, _) = intset::validate(bytes)?;
            let body = bytes.get(8..).unwrap_or_default();
            for int in body
                .chunks_exact(width.bytes())
                .filter_map(|int| width.decode(int))
            {
                f(&[int.to_string().as_bytes()]);
            }
        }
        value::KIND_LIST_NODES => {
            for node in Nodes::new(bytes) {
                match node? {
                    Node::Packed(bytes) => packed(bytes, 1, f)?,
                    Node::Plain(element) => f(&[element]),
                }
            }
        }
        value::KIND_SET_MEMBERS => {
            for member in Members::new(bytes) {
                f(&[member?]);
            }
        }
        value::KIND_HASH_FIELDS => {
            for field in Fields::new(bytes) {
                let field = field?;
                match field.expire_at {
                    0 => f(&[field.field, field.value]),
                    at => f(&[field.field, field.value, at.to_string().as_bytes()]),
                }
            }
        }
        value::KIND_ZSET_MEMBERS => {
            for member in ScoredMembers::new(bytes) {
                let member = member?;
                f(&[member.member, member.score.to_string().as_bytes()]);
            }
        }
        kind => return Err(Fault::UnknownFeatures(u64::from(kind))),
    }
    Ok(())
}

/// Elements of `group` items each.
fn packed(bytes: &[u8], group: usize, f: &mut dyn FnMut(&[&[u8]])) -> Result<(), Fault> {
    let mut words: Vec<Vec<u8>> = Vec::with_capacity(group);
    for item in listpack::Reader::new(bytes)? {
        words.push(item?.to_vec());
        if words.len() == group {
            f(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
            words.clear();
        }
    }
    Ok(())
}
