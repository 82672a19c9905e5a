//! Streams against a sequence of entries that does everything the slow way.

use proptest::prelude::*;

use super::*;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// The naive twin: entries in a vector.
#[derive(Clone, Debug, Default)]
struct Model {
    entries: Vec<(StreamId, Fields)>,
    last_id: StreamId,
    max_deleted_id: StreamId,
    added: u64,
}

#[derive(Clone, Debug)]
enum Op {
    Add { ms: u64, seq: u64, fields: Fields },
    Delete(prop::sample::Index),
    TrimLast(u64),
    TrimFrom(prop::sample::Index),
    TrimNodes(u64, u64),
    Duplicate,
    Snapshot,
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "field", "12", "-5000", "70000", "49.99", ""])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => any::<i64>().prop_map(|int| int.to_string().into_bytes()),
    ]
}

fn fields() -> impl Strategy<Value = Fields> {
    let fixed = (word(), word()).prop_map(|(a, b)| vec![(b"f".to_vec(), a), (b"g".to_vec(), b)]);
    let free = prop::collection::vec((word(), word()), 1..4);
    prop_oneof![3 => fixed, 1 => free]
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        12 => (0..3u64, 1..4u64, fields())
            .prop_map(|(ms, seq, fields)| Op::Add { ms, seq, fields }),
        4 => index().prop_map(Op::Delete),
        1 => (0..20u64).prop_map(Op::TrimLast),
        1 => index().prop_map(Op::TrimFrom),
        1 => (0..20u64, 0..9u64).prop_map(|(keep, max)| Op::TrimNodes(keep, max)),
        1 => Just(Op::Duplicate),
        1 => Just(Op::Snapshot),
    ]
}

fn pairs(fields: &Fields) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + Clone {
    fields.iter().map(|(f, v)| (f.as_slice(), v.as_slice()))
}

fn shown(entry: StreamEntry<'_>) -> (StreamId, Fields) {
    let fields = entry.fields().map(|(f, v)| (f.to_vec(), v.to_vec()));
    (entry.id, fields.collect())
}

fn some_id(model: &Model, index: prop::sample::Index) -> StreamId {
    match model.entries.len() {
        0 => model.last_id,
        len => model.entries[index.index(len)].0,
    }
}

fn trimmed(stream: &Stream, model: &mut Model, deleted: u64) {
    model.entries.drain(..deleted as usize);
    assert_eq!(stream.len(), model.entries.len() as u64);
}

/// One change on both.
fn run(stream: &mut Stream, model: &mut Model, op: &Op, limits: &Limits) {
    match op {
        Op::Add { ms, seq, fields } => {
            let id = match ms {
                0 => StreamId::new(model.last_id.ms, model.last_id.seq + seq),
                ms => StreamId::new(model.last_id.ms + ms * 70, *seq),
            };
            stream.append(id, pairs(fields), limits);
            model.entries.push((id, fields.clone()));
            model.last_id = id;
            model.added += 1;
        }
        Op::Delete(index) => {
            let id = some_id(model, *index);
            let at = model.entries.iter().position(|entry| entry.0 == id);
            assert_eq!(stream.delete(id), at.is_some());
            if let Some(at) = at {
                model.entries.remove(at);
                model.max_deleted_id = model.max_deleted_id.max(id);
            }
        }
        Op::TrimLast(keep) => {
            let deleted = stream.trim(Keep::Last(*keep), Precision::Exact);
            assert_eq!(deleted, stream_excess(model, *keep));
            trimmed(stream, model, deleted);
        }
        Op::TrimFrom(index) => {
            let id = some_id(model, *index);
            let deleted = stream.trim(Keep::From(id), Precision::Exact);
            let before = model.entries.iter().filter(|entry| entry.0 < id).count();
            assert_eq!(deleted, before as u64);
            trimmed(stream, model, deleted);
        }
        Op::TrimNodes(keep, entries_max) => {
            let precision = Precision::Nodes {
                entries_max: *entries_max,
            };
            let deleted = stream.trim(Keep::Last(*keep), precision);
            assert!(deleted <= stream_excess(model, *keep));
            assert!(*entries_max == 0 || deleted <= *entries_max);
            trimmed(stream, model, deleted);
        }
        Op::Duplicate => {}
        Op::Snapshot => *stream = through_snapshot(stream, limits),
    }
}

fn stream_excess(model: &Model, keep: u64) -> u64 {
    (model.entries.len() as u64).saturating_sub(keep)
}

fn through_snapshot(stream: &Stream, limits: &Limits) -> Stream {
    let mut parts = Vec::new();
    let mut sink = |part: esker_format::native::value::Part<'_>| {
        parts.push((part.kind, part.bytes.to_vec()));
    };
    let mut writer = ValueWriter::with_piece_bytes(200, &mut sink);
    stream.encode(&mut writer);
    writer.finish();
    let mut parts = parts.iter();
    let (kind, bytes) = parts.next().expect("a piece");
    let mut read = Stream::decode(*kind, bytes, limits).expect("what was written");
    for (kind, bytes) in parts {
        read.add_piece(*kind, bytes).expect("what was written");
    }
    read.loaded().expect("what was written");
    let digest = |stream: &Stream| {
        let mut out = Vec::new();
        stream.digest(&mut out);
        out
    };
    assert_eq!(digest(&read), digest(stream));
    read
}

fn compare(stream: &Stream, model: &Model) {
    assert_eq!(stream.len(), model.entries.len() as u64);
    assert_eq!(stream.last_id(), model.last_id);
    assert_eq!(stream.max_deleted_id(), model.max_deleted_id);
    assert_eq!(stream.entries_added(), model.added);
    let first = model.entries.first().map_or(StreamId::MIN, |entry| entry.0);
    assert_eq!(stream.first_id(), first);
    let all: Vec<_> = stream
        .range(StreamId::MIN, StreamId::MAX)
        .map(shown)
        .collect();
    assert_eq!(all, model.entries);
    let ids: Vec<StreamId> = model.entries.iter().map(|entry| entry.0).collect();
    let bounds = ids
        .iter()
        .step_by(5)
        .flat_map(|id| [*id, id.next().expect("not the last")]);
    for bound in bounds.chain([StreamId::MIN]) {
        let behind = stream.range(bound, StreamId::MAX).map(|entry| entry.id);
        assert!(behind.eq(ids.iter().copied().filter(|id| *id >= bound)));
        let before = stream
            .range_back(StreamId::MIN, bound)
            .map(|entry| entry.id);
        assert!(before.eq(ids.iter().rev().copied().filter(|id| *id <= bound)));
        assert_eq!(stream.get(bound).is_some(), ids.contains(&bound));
    }
    for node in stream.nodes() {
        let again = StreamNode::parse(node.first(), node.bytes().to_vec());
        assert_eq!(
            again.map(|node| node.bytes().to_vec()),
            Ok(node.bytes().to_vec())
        );
    }
}

proptest! {
    #[test]
    fn does_what_a_vector_does(
        ops in prop::collection::vec(op(), 0..120),
        node_entries in prop::sample::select(vec![0usize, 1, 3, 10]),
        node_bytes in prop::sample::select(vec![0usize, 60, 300]),
    ) {
        let limits = Limits {
            stream_node_max_bytes: node_bytes,
            stream_node_max_entries: node_entries,
            ..Limits::default()
        };
        let (mut stream, mut model) = (Stream::empty(&limits), Model::default());
        let mut images = Vec::new();
        for op in &ops {
            if let Op::Duplicate = op {
                images.push((stream.duplicate(), model.clone()));
            }
            run(&mut stream, &mut model, op, &limits);
        }
        compare(&stream, &model);
        images.iter().for_each(|(image, then)| compare(image, then));
    }

    #[test]
    fn foreign_bytes_are_proven(
        ops in prop::collection::vec(op(), 1..20),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let limits = Limits::default();
        let (mut stream, mut model) = (Stream::empty(&limits), Model::default());
        ops.iter().for_each(|op| run(&mut stream, &mut model, op, &limits));
        for node in stream.nodes() {
            let mut bytes = node.bytes().to_vec();
            for (index, byte) in &edits {
                let at = index.index(bytes.len());
                bytes[at] = *byte;
            }
            // Whatever is accepted can be read to its end from both sides.
            if let Ok(node) = StreamNode::parse(node.first(), bytes) {
                let mut stream = StreamData::default();
                stream.load_header(StreamId::MAX, 0, StreamId::MIN);
                if stream.load_node(node).is_ok() {
                    prop_assert_eq!(stream.finish_load(), Ok(()));
                    let there: Vec<_> = stream.range(StreamId::MIN, StreamId::MAX).map(shown).collect();
                    let mut back: Vec<_> = stream.range_back(StreamId::MIN, StreamId::MAX).map(shown).collect();
                    back.reverse();
                    prop_assert_eq!(there.len() as u64, stream.len());
                    prop_assert_eq!(there, back);
                }
            }
        }
    }
}

fn add(stream: &mut Stream, id: (u64, u64), fields: &[(&str, &str)]) {
    let fields = fields.iter().map(|(f, v)| (f.as_bytes(), v.as_bytes()));
    stream.append(StreamId::new(id.0, id.1), fields, &Limits::default());
}

/// As redis-server 7.0.15 dumps it: `XADD s 1000-5 a 1 b hello`, `XADD s 1001-0 a 300 b x`, `XADD s 1001-1 c -1`,
/// `XDEL s 1001-0`.
#[test]
fn a_node_has_the_bytes_of_redis() {
    let mut stream = Stream::empty(&Limits::default());
    add(&mut stream, (1000, 5), &[("a", "1"), ("b", "hello")]);
    add(&mut stream, (1001, 0), &[("a", "300"), ("b", "x")]);
    add(&mut stream, (1001, 1), &[("c", "-1")]);
    stream.delete(StreamId::new(1001, 0));
    let node = stream.nodes().next().expect("a node");
    let hex: String = node
        .bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, GOLDEN);
}

const GOLDEN: &str = "460000001900020101010201816102816202000102010001000101018568656c6c6f06050103010101dffb02c12c02817802\
    050100010101dffc020101816302dfff020601ff";

#[test]
fn an_entry_takes_about_as_much_as_in_redis() {
    let mut stream = Stream::empty(&Limits::default());
    for n in 0..100_000u64 {
        let (ms, user) = (1_700_000_000_000 + n / 200, n.to_string());
        add(
            &mut stream,
            (ms, n % 200),
            &[("user", &user), ("amount", "49.99")],
        );
    }
    let each = stream.heap_bytes() as f64 / 100_000.0;
    assert!(each <= 22.0, "{each}");
}

#[test]
fn an_image_shares_what_does_not_change() {
    let mut stream = Stream::empty(&Limits::default());
    for n in 1..=950 {
        add(&mut stream, (n, 0), &[("f", "v")]);
    }
    let image = stream.duplicate();
    stream.delete(StreamId::new(550, 0));
    add(&mut stream, (2000, 0), &[("f", "v")]);
    let shared = stream.nodes().zip(image.nodes());
    assert_eq!(shared.filter(|(a, b)| !std::ptr::eq(*a, *b)).count(), 2);
    assert_eq!(image.len(), 950);
}
