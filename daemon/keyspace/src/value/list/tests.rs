//! Lists against a vector, under every kind of setting.

use std::ops::ControlFlow;

use proptest::prelude::*;
use proptest::sample::Index;

use super::node::ListNode;
use super::*;
use crate::rope::Node as _;

#[derive(Clone, Debug)]
enum Op {
    Push(End, Vec<Vec<u8>>),
    RemoveEnd(End, usize),
    Set(Index, Vec<u8>),
    Insert(Index, Side, Vec<u8>),
    RemoveEqual(Index, End, usize),
    Duplicate,
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Left), Just(End::Right)]
}

/// Integers, short strings, strings beside the limits of a node and beyond them.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let long = |bytes: std::ops::Range<usize>| {
        (bytes, any::<u8>()).prop_map(|(len, seed)| {
            let byte = |n: usize| (n as u8).wrapping_mul(seed) >> (seed % 7);
            (0..len).map(byte).collect::<Vec<u8>>()
        })
    };
    prop_oneof![
        8 => (0..10i64).prop_map(|int| int.to_string().into_bytes()),
        4 => any::<i64>().prop_map(|int| int.to_string().into_bytes()),
        8 => prop::collection::vec(any::<u8>(), 0..20),
        3 => long(100..900),
        2 => long(3_500..4_200),
        1 => long(8_100..8_300),
        1 => Just(Vec::new()),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let at = any::<Index>;
    let side = || prop_oneof![Just(Side::Before), Just(Side::After)];
    prop_oneof![
        6 => (end(), prop::collection::vec(value(), 1..20)).prop_map(|(end, values)| Op::Push(end, values)),
        2 => (end(), 1..4usize).prop_map(|(end, count)| Op::RemoveEnd(end, count)),
        1 => (end(), 1..60usize).prop_map(|(end, count)| Op::RemoveEnd(end, count)),
        4 => (at(), value()).prop_map(|(at, value)| Op::Set(at, value)),
        6 => (at(), side(), value()).prop_map(|(at, side, value)| Op::Insert(at, side, value)),
        2 => (at(), end(), prop_oneof![1..3usize, Just(usize::MAX)])
            .prop_map(|(at, end, count)| Op::RemoveEqual(at, end, count)),
        1 => Just(Op::Duplicate),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    let size = prop_oneof![Just(-1), Just(-2), Just(1), Just(3), Just(40)];
    (size, 0..4usize).prop_map(|(list_max_listpack_size, list_compress_depth)| Limits {
        list_max_listpack_size,
        list_compress_depth,
        ..Limits::default()
    })
}

fn slices(values: &[Vec<u8>]) -> impl Iterator<Item = &[u8]> + Clone {
    values.iter().map(Vec::as_slice)
}

fn run(list: &mut List, model: &mut Vec<Vec<u8>>, op: &Op, limits: &Limits) {
    match op {
        Op::Push(end, values) => {
            list.push(*end, slices(values), limits);
            for value in values {
                match end {
                    End::Left => model.insert(0, value.clone()),
                    End::Right => model.push(value.clone()),
                }
            }
        }
        Op::RemoveEnd(end, count) => {
            list.remove_end(*end, *count, limits);
            let count = (*count).min(model.len());
            match end {
                End::Left => drop(model.drain(..count)),
                End::Right => model.truncate(model.len() - count),
            }
        }
        _ if model.is_empty() => {}
        Op::Set(at, value) => {
            let at = at.index(model.len());
            list.set(at, value, limits);
            model[at].clone_from(value);
        }
        Op::Insert(at, side, value) => {
            let at = at.index(model.len());
            list.insert(at, *side, value, limits);
            model.insert(at + usize::from(*side == Side::After), value.clone());
        }
        Op::RemoveEqual(at, end, count) => {
            let wanted = model[at.index(model.len())].clone();
            let removed = list.remove_equal(&Needle::new(&wanted), *end, *count, limits);
            let mut equal: Vec<usize> =
                (0..model.len()).filter(|at| model[*at] == wanted).collect();
            if *end == End::Right {
                equal.reverse();
            }
            equal.truncate(*count);
            assert_eq!(removed, equal.len());
            equal.sort_unstable();
            for at in equal.into_iter().rev() {
                model.remove(at);
            }
        }
        Op::Duplicate => {}
    }
}

fn contents(list: &List) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    list.for_each(0, list.len(), Way::Forward, |item| all.push(item.to_vec()));
    all
}

fn compare(list: &List, model: &[Vec<u8>]) {
    assert_eq!(list.len(), model.len());
    assert_eq!(contents(list), model);
    let mut reversed = Vec::new();
    let last = model.len().saturating_sub(1);
    list.for_each(last, list.len(), Way::Backward, |item| {
        reversed.push(item.to_vec())
    });
    assert!(reversed.iter().eq(model.iter().rev()));
    for start in (0..model.len()).step_by(7) {
        let mut some = Vec::new();
        list.for_each(start, 3, Way::Forward, |item| some.push(item.to_vec()));
        assert!(some.iter().eq(model[start..].iter().take(3)));
    }
    if let Some(wanted) = model.get(model.len() / 2) {
        let needle = Needle::new(wanted);
        let same = |value: &Vec<u8>| value == wanted;
        assert_eq!(
            list.position(&needle, End::Left),
            model.iter().position(same)
        );
        assert_eq!(
            list.position(&needle, End::Right),
            model.iter().rposition(same)
        );
    }
}

/// Near the ends nodes lie open; between, what is worth it is compressed.
fn check_nodes(list: &List, limits: &Limits) {
    let List::Nodes(nodes) = list else { return };
    let (count, depth) = (nodes.rope.nodes(), limits.list_compress_depth);
    for (at, node) in nodes.rope.iter().enumerate() {
        assert!(node.weight() > 0, "an empty node");
        let near_end = depth == 0 || at < depth || at + depth >= count;
        match near_end {
            true => assert!(
                !matches!(node, ListNode::Compressed(_)),
                "node {at} of {count}"
            ),
            false => assert!(node.compressed().is_none(), "node {at} of {count}"),
        }
    }
}

fn digest(list: &List) -> Vec<u8> {
    let mut out = Vec::new();
    list.digest(&mut out);
    out
}

/// The list as a snapshot would bring it back.
fn saved_and_loaded(list: &List, limits: &Limits) -> List {
    let mut loaded: Option<List> = None;
    let mut take = |part: esker_format::native::value::Part<'_>| match &mut loaded {
        None => loaded = Some(List::decode(part.kind, part.bytes, limits).expect("sound")),
        Some(list) => list.add_piece(part.kind, part.bytes).expect("sound"),
    };
    let mut writer = ValueWriter::with_piece_bytes(3_000, &mut take);
    list.encode(&mut writer);
    writer.finish();
    let mut loaded = loaded.expect("a part");
    loaded.loaded().expect("sound");
    loaded
}

/// Below it no setting bounds a node by its bytes.
const CLASS_BYTES: usize = 4 * 1024;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn behaves_as_a_vector(limits in limits(), ops in prop::collection::vec(op(), 1..60)) {
        let mut list = List::empty(&limits);
        let mut model = Vec::new();
        let mut images = Vec::new();
        for op in &ops {
            if matches!(op, Op::Duplicate) {
                images.push((list.duplicate(), model.clone()));
            }
            run(&mut list, &mut model, op, &limits);
            prop_assert_eq!(list.len(), model.len());
            check_nodes(&list, &limits);
        }
        compare(&list, &model);
        for (image, then) in &images {
            compare(image, then);
        }
        if !model.is_empty() {
            let loaded = saved_and_loaded(&list, &limits);
            compare(&loaded, &model);
            check_nodes(&loaded, &limits);
            // At the limit of bytes a list that shrank by elements may come back long.
            if model.iter().map(Vec::len).sum::<usize>() < CLASS_BYTES {
                prop_assert_eq!(loaded.encoding(), list.encoding());
            }
            prop_assert_eq!(digest(&loaded), digest(&list));
        }
    }
}

fn list_of(count: usize, limits: &Limits) -> List {
    let values: Vec<Vec<u8>> = (0..count)
        .map(|n| format!("item:{n:011}").into_bytes())
        .collect();
    let mut list = List::empty(limits);
    list.push(End::Right, slices(&values), limits);
    list
}

#[test]
fn the_encoding_follows_the_size_of_a_node() {
    let limits = Limits {
        list_max_listpack_size: 10,
        ..Limits::default()
    };
    let mut list = list_of(10, &limits);
    assert_eq!(list.encoding(), "listpack");
    list.push(End::Right, [b"x".as_slice()].into_iter(), &limits);
    assert_eq!(list.encoding(), "quicklist");
    list.remove_end(End::Right, 1, &limits);
    list.remove_end(End::Left, 4, &limits);
    assert_eq!((list.encoding(), list.len()), ("quicklist", 6));
    list.remove_end(End::Left, 1, &limits);
    assert_eq!(list.encoding(), "listpack");
    list.set(0, &[b'x'; 9000], &limits);
    assert_eq!(list.encoding(), "quicklist");
    list.set(0, b"x", &limits);
    assert_eq!(
        list.encoding(),
        "listpack",
        "the value went to the node behind"
    );
    list.set(2, &[b'x'; 9000], &limits);
    list.set(2, b"x", &limits);
    assert_eq!(list.encoding(), "quicklist", "two nodes");
    list.remove_end(End::Left, 2, &limits);
    assert_eq!(list.encoding(), "listpack");
}

#[test]
fn an_element_takes_its_bytes_and_two_more() {
    let limits = Limits::default();
    let list = list_of(100_000, &limits);
    let per_element = list.heap_bytes() as f64 / 100_000.0;
    assert!(per_element < 18.25, "{per_element}");
}

#[test]
fn compressed_nodes_are_small_and_can_be_read() {
    let limits = Limits {
        list_compress_depth: 1,
        ..Limits::default()
    };
    let list = list_of(20_000, &limits);
    assert!(list.heap_bytes() < 20_000 * 10, "{}", list.heap_bytes());
    let mut at = 0;
    let stopped = list.walk(0, Way::Forward, |item| {
        assert_eq!(item.to_vec(), format!("item:{at:011}").into_bytes());
        at += 1;
        ControlFlow::Continue(())
    });
    assert!(stopped.is_continue() && at == 20_000);
}

#[test]
fn bytes_that_are_no_nodes_are_refused() {
    let limits = Limits::default();
    assert!(List::decode(KIND_LIST_NODES, &[9, 0, 0, 0, 0], &limits).is_err());
    assert!(List::decode(KIND_LIST_PACKED, b"no listpack", &limits).is_err());
    let mut empty = List::decode(KIND_LIST_NODES, &[], &limits).expect("no node, no fault yet");
    assert!(empty.loaded().is_err());
}
