//! Sets against an ordered set of the standard library.

use std::collections::BTreeSet;

use esker_format::native::value::{Part, ValueWriter};
use proptest::prelude::*;

use super::*;

fn limits(ints: usize, packed: usize, value: usize) -> Limits {
    Limits {
        set_max_intset_entries: ints,
        set_max_listpack_entries: packed,
        set_max_listpack_value: value,
        hash_seed: 5,
        ..Limits::default()
    }
}

fn members(set: &Set) -> BTreeSet<Vec<u8>> {
    let mut members = BTreeSet::new();
    set.for_each(|item| assert!(members.insert(item.to_vec()), "each member once"));
    members
}

fn digest(set: &Set) -> Vec<u8> {
    let mut digest = Vec::new();
    set.digest(&mut digest);
    digest
}

fn set_of<'a>(members: impl IntoIterator<Item = &'a str>, limits: &Limits) -> Set {
    let mut set = Set::empty(limits);
    for member in members {
        set.insert(member.as_bytes(), limits);
    }
    set
}

/// What a snapshot does with a value: out in pieces, and in again.
fn through_a_snapshot(set: &Set, limits: &Limits) -> Set {
    let mut parts: Vec<(u8, Vec<u8>)> = Vec::new();
    let mut sink = |part: Part<'_>| parts.push((part.kind, part.bytes.to_vec()));
    let mut writer = ValueWriter::with_piece_bytes(40, &mut sink);
    set.encode(&mut writer);
    writer.finish();
    let mut parts = parts.into_iter();
    let (kind, bytes) = parts.next().expect("something was written");
    let mut read = Set::decode(kind, &bytes, limits).expect("as written");
    for (kind, bytes) in parts {
        read.add_piece(kind, &bytes).expect("as written");
    }
    read.loaded().expect("as written");
    read
}

#[test]
fn encodings_change_where_they_do_in_redis() {
    let limits = limits(3, 4, 5);
    for (members, encoding) in [
        ("1 2 3", "intset"),
        ("1 2 3 4", "hashtable"),
        ("1 2 3 2", "intset"),
        ("1 2 a", "listpack"),
        ("a 1 2 3", "listpack"),
        ("a 1 2 3 4", "hashtable"),
        ("a bcdef", "listpack"),
        ("a bcdefg", "hashtable"),
        ("1 bcdefg", "hashtable"),
        ("123456 a", "hashtable"),
        ("-12345 a", "hashtable"),
        ("12345 a", "listpack"),
        ("01", "listpack"),
    ] {
        let set = set_of(members.split(' '), &limits);
        assert_eq!(set.encoding(), encoding, "{members}");
    }
    let first =
        |first: &str, expected| Set::for_members(first.as_bytes(), expected, &limits).encoding();
    assert_eq!((first("1", 3), first("1", 4)), ("intset", "listpack"));
    assert_eq!((first("1", 5), first("a", 4)), ("hashtable", "listpack"));
    assert_eq!(first("a", 5), "hashtable");
    let mut set = set_of(["1"], &limits);
    set.expect_more(3, &limits);
    assert_eq!(set.encoding(), "intset");
    set.expect_more(4, &limits);
    assert_eq!(set.encoding(), "hashtable");
    set.compact(&limits);
    assert_eq!(set.encoding(), "intset");
}

#[test]
fn small_sets_keep_an_order() {
    let limits = limits(512, 128, 64);
    let mut set = set_of(["3", "-1", "20", "b", "4", "a"], &limits);
    set.remove(b"4", &mut Elements::unwatched());
    let mut order = Vec::new();
    set.for_each(|item| order.push(String::from_utf8(item.to_vec()).expect("text")));
    assert_eq!(order, ["-1", "3", "20", "b", "a"]);
}

#[test]
fn random_members_are_fair() {
    let limits = limits(512, 128, 64);
    let texts: Vec<String> = (0..40).map(|number| format!("{number:03}")).collect();
    let mut packed = Set::Packed(Listpack::new());
    let mut table = Set::table(&limits, 0);
    let mut ints = Set::empty(&limits);
    for (number, text) in texts.iter().enumerate() {
        packed.insert(text.as_bytes(), &limits);
        table.insert(text.as_bytes(), &limits);
        ints.insert(number.to_string().as_bytes(), &limits);
    }
    let mut random = crate::Random::new(11);
    for set in [&packed, &table, &ints] {
        let mut hits = std::collections::BTreeMap::<Vec<u8>, u32>::new();
        for _ in 0..40_000 {
            let member = set.random(random.next_u64()).expect("not empty").to_vec();
            *hits.entry(member).or_default() += 1;
        }
        assert_eq!(hits.len(), 40);
        assert!(
            hits.values().all(|hits| (800..1200).contains(hits)),
            "{hits:?}"
        );
    }
}

#[test]
fn a_member_of_sixteen_bytes_costs_less_than_38() {
    let limits = limits(512, 128, 64);
    let mut set = Set::empty(&limits);
    let members = 100_000;
    for member in 0..members {
        set.insert(format!("member:{member:09}").as_bytes(), &limits);
    }
    let each = set.heap_bytes() as f64 / f64::from(members);
    assert!((24.0..30.0).contains(&each), "{each}");
}

#[test]
fn what_is_no_set_is_refused() {
    let limits = Limits::default();
    let twice = Listpack::from_values([b"a".as_slice(), b"b", b"a"]);
    assert!(Set::decode(KIND_SET_PACKED, twice.bytes(), &limits).is_err());
    let mut bytes = Vec::new();
    for _ in 0..2 {
        esker_format::native::value::put_member(&mut bytes, b"a");
    }
    assert!(Set::decode(KIND_SET_MEMBERS, &bytes, &limits).is_err());
    let mut empty = Set::decode(KIND_SET_MEMBERS, b"", &limits).expect("a piece may be empty");
    assert!(empty.loaded().is_err());
}

#[derive(Clone, Debug)]
enum Op {
    Add(String),
    Remove(String),
    ExpectMore(usize),
    Compact,
}

fn member() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (-20i64..20).prop_map(|int| int.to_string()),
        1 => any::<i64>().prop_map(|int| int.to_string()),
        3 => "[a-c]{0,3}",
        1 => "[x-z]{14,18}",
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => member().prop_map(Op::Add),
        8 => member().prop_map(Op::Remove),
        1 => (0usize..20).prop_map(Op::ExpectMore),
        1 => Just(Op::Compact),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_tree_of_vectors(
        ops in prop::collection::vec(op(), 1..200),
        (ints, packed, value) in (0usize..30, 0usize..20, 0usize..17),
    ) {
        let limits = limits(ints, packed, value);
        let mut set = Set::empty(&limits);
        let mut twin = BTreeSet::new();
        for op in ops {
            match op {
                Op::Add(member) => {
                    let bytes = member.into_bytes();
                    prop_assert_eq!(set.insert(&bytes, &limits), twin.insert(bytes));
                }
                Op::Remove(member) => {
                    let removed = set.remove(member.as_bytes(), &mut Elements::unwatched());
                    prop_assert_eq!(removed, twin.remove(member.as_bytes()));
                }
                Op::ExpectMore(more) => set.expect_more(more, &limits),
                Op::Compact => set.compact(&limits),
            }
            prop_assert_eq!(set.len(), twin.len());
            match &set {
                Set::Ints(own) => prop_assert!(own.len() <= ints),
                Set::Packed(own) => prop_assert!(own.len() <= packed && twin.iter().all(|member| member.len() <= value)),
                Set::Table(_) => {}
            }
        }
        prop_assert_eq!(&members(&set), &twin);
        for member in &twin {
            prop_assert!(set.contains(member) && set.contains_item(Item::Bytes(member)) && set.contains_item(Item::of(member)));
        }
        prop_assert!(!set.contains(b"never there"));

        let mut again = Set::table(&limits, 0);
        twin.iter().for_each(|member| { again.insert(member, &limits); });
        prop_assert_eq!(digest(&set), digest(&again));
        let copy = set.duplicate();
        prop_assert_eq!((copy.encoding(), members(&copy)), (set.encoding(), twin.clone()));
        prop_assert_eq!(copy.heap_bytes() > 0, true);
        if !twin.is_empty() {
            let read = through_a_snapshot(&set, &limits);
            prop_assert_eq!((read.encoding(), members(&read)), (set.encoding(), twin.clone()));
        }
        let mut shown = BTreeSet::new();
        let mut cursor = 0;
        loop {
            cursor = set.scan(cursor, 3, |item| { shown.insert(item.to_vec()); });
            if cursor == 0 { break; }
        }
        prop_assert_eq!(shown, twin.clone());
        let wanted = twin.iter().next_back();
        let found = set.find_map(|item| wanted.filter(|wanted| item.eq_bytes(wanted)).map(|_| item.to_vec()));
        prop_assert_eq!(found.as_ref(), wanted);
    }
}
