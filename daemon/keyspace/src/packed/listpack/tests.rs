//! The listpack against a vector of strings.

use proptest::prelude::*;

use super::*;

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..12),
        4 => (any::<i64>(), 0u32..64).prop_map(|(int, shift)| (int >> shift).to_string().into_bytes()),
        1 => (50usize..400).prop_map(|length| vec![b'x'; length]),
        1 => (4000usize..17_000).prop_map(|length| vec![b'y'; length]),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    PushBack(Vec<u8>),
    PushFront(Vec<u8>),
    PushInt(i64),
    Insert(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    ReplaceInt(usize, i64),
    Remove(usize),
    RemoveRange(usize, usize),
    Split(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let index = 0usize..1000;
    prop_oneof![
        3 => value().prop_map(Step::PushBack),
        2 => value().prop_map(Step::PushFront),
        1 => any::<i64>().prop_map(Step::PushInt),
        2 => (index.clone(), value()).prop_map(|(at, value)| Step::Insert(at, value)),
        2 => (index.clone(), value()).prop_map(|(at, value)| Step::Replace(at, value)),
        1 => (index.clone(), -200i64..200).prop_map(|(at, int)| Step::ReplaceInt(at, int)),
        2 => index.clone().prop_map(Step::Remove),
        1 => (index.clone(), 0usize..6).prop_map(|(at, count)| Step::RemoveRange(at, count)),
        1 => index.prop_map(Step::Split),
    ]
}

fn place(pack: &Listpack, twin: &[Vec<u8>], at: usize) -> (usize, Pos) {
    let index = at % (twin.len() + 1);
    (index, pack.seek(index).unwrap_or(pack.end()))
}

fn run(pack: &mut Listpack, twin: &mut Vec<Vec<u8>>, step: Step) {
    match step {
        Step::PushBack(value) => {
            pack.push_back(&value);
            twin.push(value);
        }
        Step::PushFront(value) => {
            pack.push_front(&value);
            twin.insert(0, value);
        }
        Step::PushInt(int) => {
            pack.push_back_int(int);
            twin.push(int.to_string().into_bytes());
        }
        Step::Insert(at, value) => {
            let (index, pos) = place(pack, twin, at);
            assert_eq!(pack.insert(pos, &value), pos);
            twin.insert(index, value);
        }
        Step::Replace(at, value) => {
            let (index, pos) = place(pack, twin, at);
            if let Some(old) = twin.get_mut(index) {
                pack.replace(pos, &value);
                *old = value;
            }
        }
        Step::ReplaceInt(at, int) => {
            let (index, pos) = place(pack, twin, at);
            if let Some(old) = twin.get_mut(index) {
                pack.replace_int(pos, int);
                *old = int.to_string().into_bytes();
            }
        }
        Step::Remove(at) => {
            let (index, pos) = place(pack, twin, at);
            if index < twin.len() {
                pack.remove(pos);
                twin.remove(index);
            }
        }
        Step::RemoveRange(at, count) => {
            let (index, _) = place(pack, twin, at);
            pack.remove_range(index, count);
            twin.drain(index..(index + count).min(twin.len()));
        }
        Step::Split(at) => {
            let (index, pos) = place(pack, twin, at);
            let tail = pack.split_off(pos);
            assert_eq!(tail.len(), twin.len() - index);
            let head = std::mem::replace(pack, tail);
            pack.append(&head);
            twin.rotate_left(index);
        }
    }
}

fn compare(pack: &Listpack, twin: &[Vec<u8>]) {
    assert_eq!(codec::validate(pack.bytes()), Ok(twin.len()));
    assert_eq!(pack.len(), twin.len());
    assert_eq!(pack.is_empty(), twin.is_empty());
    assert!(
        pack.iter()
            .map(|item| item.to_vec())
            .eq(twin.iter().cloned())
    );
    assert!(
        pack.iter_rev()
            .map(|item| item.to_vec())
            .eq(twin.iter().rev().cloned())
    );
    let size: usize = twin.iter().map(|value| Listpack::entry_bytes(value)).sum();
    assert_eq!(pack.byte_len(), size + 7);
    assert_eq!(*pack, Listpack::from_values(twin.iter().map(Vec::as_slice)));
}

#[test]
fn empty() {
    let pack = Listpack::new();
    assert_eq!(
        (pack.first(), pack.last(), pack.seek(0)),
        (None, None, None)
    );
    assert_eq!(pack.find(HEADER_BYTES, b"x", 0), None);
    compare(&pack, &[]);
}

#[test]
fn more_elements_than_the_header_can_say() {
    let mut pack = Listpack::new();
    for _ in 0..65_534 {
        pack.push_back(b"1");
    }
    assert_eq!(codec::header_count(pack.bytes()), Some(65_534));
    pack.push_back(b"2");
    assert_eq!(codec::header_count(pack.bytes()), None);
    assert_eq!(pack.len(), 65_535);
    pack.push_back(b"3");
    assert_eq!(pack.len(), 65_536);
    assert_eq!(pack.seek(65_535), pack.last());
    assert_eq!(pack.seek(65_536), None);
    pack.remove_range(0, 2);
    assert_eq!(codec::header_count(pack.bytes()), Some(65_534));
    assert!(pack.at(pack.last().expect("elements")).eq_bytes(b"3"));
    assert!(codec::validate(pack.bytes()).is_ok());
}

#[test]
#[should_panic(expected = "the position of an element or the end")]
fn a_position_in_the_header_is_refused() {
    Listpack::new().insert(0, b"x");
}

proptest! {
    #[test]
    fn like_a_vector(steps in proptest::collection::vec(step(), 0..60)) {
        let (mut pack, mut twin) = (Listpack::new(), Vec::new());
        for step in steps {
            run(&mut pack, &mut twin, step);
            compare(&pack, &twin);
        }
    }

    #[test]
    fn walks_seeks_and_finds(values in proptest::collection::vec(value(), 1..40), skip in 0usize..3, wanted in value(), pick in any::<usize>()) {
        let pack = Listpack::from_values(values.iter().map(Vec::as_slice));
        let mut pos = pack.first();
        for (index, value) in values.iter().enumerate() {
            let here = pos.expect("an element");
            prop_assert_eq!(pack.seek(index), Some(here));
            prop_assert_eq!(pack.at(here).to_vec(), value.clone());
            let next = pack.next(here);
            prop_assert_eq!(pack.prev(next.unwrap_or(pack.end())), Some(here));
            prop_assert!(pack.iter_from(here).count() == values.len() - index);
            prop_assert!(pack.iter_rev_from(here).count() == index);
            pos = next;
        }
        prop_assert_eq!(pos, None);
        prop_assert_eq!(pack.prev(HEADER_BYTES), None);
        let present = values[pick % values.len()].clone();
        for wanted in [wanted, present] {
            let twin = values.iter().step_by(skip + 1).position(|value| *value == wanted);
            prop_assert_eq!(
                pack.find(HEADER_BYTES, &wanted, skip),
                twin.and_then(|index| pack.seek(index * (skip + 1)))
            );
        }
    }

    /// Strings that a foreign writer left as text, integers wider than they need to be.
    #[test]
    fn foreign_encodings_compare_as_their_strings(int in -300i64..300) {
        let text = int.to_string();
        let mut wide = vec![codec::INT_64];
        wide.extend_from_slice(&int.to_le_bytes());
        wide.push(9);
        let mut plain = vec![codec::STR_6 | text.len() as u8];
        plain.extend_from_slice(text.as_bytes());
        plain.push(text.len() as u8 + 1);
        for element in [wide, plain] {
            let mut bytes = codec::EMPTY.to_vec();
            bytes.splice(6..6, element);
            bytes[0] = bytes.len() as u8;
            bytes[4] = 1;
            let pack = Listpack::from_vec(bytes).expect("intact");
            prop_assert_eq!(pack.find(HEADER_BYTES, text.as_bytes(), 0), pack.first());
            prop_assert!(pack.at(HEADER_BYTES).eq_bytes(text.as_bytes()));
            prop_assert_eq!(pack.at(HEADER_BYTES).len(), text.len());
        }
    }
}
