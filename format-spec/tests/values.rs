//! Values of collections: what is written is read, in pieces of any length, and no bytes make a reader panic.

use esker_format::native::entry::Piece;
use esker_format::native::value::{
    self, Fields, Members, Node, Nodes, Part, ScoredMembers, StreamReader, ValueWriter, check,
};
use proptest::collection::vec;
use proptest::prelude::*;

type Parts = Vec<(u8, Option<Piece>, Vec<u8>)>;

fn written(piece_bytes: usize, write: impl FnOnce(&mut ValueWriter<'_>)) -> Parts {
    let mut parts = Parts::new();
    let mut sink = |part: Part<'_>| parts.push((part.kind, part.piece, part.bytes.to_vec()));
    let mut out = ValueWriter::with_piece_bytes(piece_bytes, &mut sink);
    write(&mut out);
    out.finish();
    parts
}

/// The parts are pieces in order, or the one whole; returns their bytes joined.
fn joined(parts: &Parts, kind: u8) -> Vec<u8> {
    let count = parts.len() as u32;
    for (at, part) in (0..).zip(parts) {
        let pieces = if at + 1 == count { count } else { 0 };
        let piece = (count > 1).then_some(Piece {
            ordinal: at,
            pieces,
        });
        assert_eq!((part.0, part.1), (kind, piece));
        check(kind, &part.2).expect("a sound piece");
    }
    parts.iter().flat_map(|part| part.2.clone()).collect()
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..20)
}

proptest! {
    #[test]
    fn fields(fields in vec((0..u64::MAX / 2, word(), word()), 1..40), piece_bytes in 1usize..300) {
        let parts = written(piece_bytes, |out| {
            fields.iter().for_each(|(at, field, value)| out.hash_field(*at, field, value));
        });
        let bytes = joined(&parts, value::KIND_HASH_FIELDS);
        let read: Result<Vec<_>, _> = Fields::new(&bytes)
            .map(|one| one.map(|one| (one.expire_at, one.field.to_vec(), one.value.to_vec())))
            .collect();
        prop_assert_eq!(read, Ok(fields));
    }

    #[test]
    fn members(members in vec(word(), 1..40), piece_bytes in 1usize..300) {
        let parts = written(piece_bytes, |out| {
            members.iter().for_each(|member| out.set_member(member));
        });
        let bytes = joined(&parts, value::KIND_SET_MEMBERS);
        let read: Result<Vec<_>, _> =
            Members::new(&bytes).map(|one| one.map(<[u8]>::to_vec)).collect();
        prop_assert_eq!(read, Ok(members));
    }

    #[test]
    fn scored(members in vec((-1e300f64..1e300, word()), 1..40), piece_bytes in 1usize..300) {
        let parts = written(piece_bytes, |out| {
            members.iter().for_each(|(score, member)| out.zset_member(*score, member));
        });
        let bytes = joined(&parts, value::KIND_ZSET_MEMBERS);
        let read: Result<Vec<_>, _> = ScoredMembers::new(&bytes)
            .map(|one| one.map(|one| (one.score, one.member.to_vec())))
            .collect();
        prop_assert_eq!(read, Ok(members));
    }

    #[test]
    fn plain_nodes(elements in vec(word(), 1..40), piece_bytes in 1usize..300) {
        let parts = written(piece_bytes, |out| {
            elements.iter().for_each(|element| out.list_plain(element));
        });
        let bytes = joined(&parts, value::KIND_LIST_NODES);
        let read: Vec<Vec<u8>> = Nodes::new(&bytes)
            .map(|node| match node {
                Ok(Node::Plain(element)) => element.to_vec(),
                other => panic!("{other:?}"),
            })
            .collect();
        prop_assert_eq!(read, elements);
    }

    #[test]
    fn any_bytes_are_judged(kind in 0u8..20, bytes in vec(any::<u8>(), 0..300)) {
        let _judged = check(kind, &bytes).is_ok();
        if let Ok(stream) = StreamReader::new(&bytes) {
            for group in stream.top.groups().map_while(Result::ok) {
                prop_assert!(group.consumers().count() <= bytes.len());
                prop_assert!(group.pending().count() <= bytes.len());
            }
        }
    }

    #[test]
    fn damage_is_judged(at in any::<prop::sample::Index>(), bits in 1u8..) {
        let parts = written(usize::MAX, |out| {
            out.hash_field(5, b"field", b"value");
            out.hash_field(0, b"another", b"");
        });
        let mut bytes = parts.into_iter().next().expect("a value").2;
        *at.get_mut(&mut bytes) ^= bits;
        let _judged = check(value::KIND_HASH_FIELDS, &bytes).is_ok();
    }
}
