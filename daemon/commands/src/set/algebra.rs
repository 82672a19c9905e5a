//! Intersection, union and difference of sets, an absent one being `None`.
//!
//! Results come in the order and encoding that Redis gives them where that shows: members of small sets keep their
//! order, and a stored result has the encoding that adding its members one by one leads to.

use esker_keyspace::packed::Item;
use esker_keyspace::{IntText, Limits, Set};

/// Calls `each` for every member that all sets have, until it says that it is enough. Looks each member of the
/// smallest set up in the others.
pub(super) fn intersect(sets: &[Option<&Set>], mut each: impl FnMut(Item<'_>) -> bool) {
    let Some((smallest, others)) = by_size(sets) else {
        return;
    };
    smallest.find_map(|item| {
        let everywhere = others.iter().all(|set| set.contains_item(item));
        (everywhere && each(item)).then_some(())
    });
}

/// The intersection as a set to store.
pub(super) fn intersection(sets: &[Option<&Set>], limits: &Limits) -> Set {
    let smallest = by_size(sets).map(|(smallest, _)| smallest);
    let mut result = match smallest {
        None | Some(Set::Ints(_)) => Set::ints(),
        Some(_) => Set::packed(),
    };
    intersect(sets, |item| {
        result.insert(item.bytes(&mut IntText::default()), limits);
        false
    });
    result.compact(limits);
    result
}

/// The smallest set, and the others by rising size; `None` if some set has no member.
fn by_size<'s>(sets: &[Option<&'s Set>]) -> Option<(&'s Set, Vec<&'s Set>)> {
    let mut sets: Vec<&Set> = sets.iter().copied().collect::<Option<_>>()?;
    sets.sort_by_key(|set| set.len());
    let smallest = sets.remove(0);
    Some((smallest, sets))
}

/// What the result of a union or difference is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Reply,
    Store,
}

/// The set that the result is gathered in. A result that is only shown is a table as soon as a source is no set of
/// integers: that is what is fastest to look up.
fn gather(sets: &[Option<&Set>], purpose: Purpose, limits: &Limits) -> Set {
    let ints = |set: &&Set| matches!(set, Set::Ints(_));
    if purpose == Purpose::Store || sets.iter().flatten().all(ints) {
        Set::ints()
    } else {
        Set::table(limits, 0)
    }
}

pub(super) fn union(sets: &[Option<&Set>], purpose: Purpose, limits: &Limits) -> Set {
    let mut result = gather(sets, purpose, limits);
    for set in sets.iter().flatten() {
        add_all(&mut result, set, limits);
    }
    result
}

fn add_all(result: &mut Set, set: &Set, limits: &Limits) {
    set.for_each(|item| {
        result.insert(item.bytes(&mut IntText::default()), limits);
    });
}

/// The members of the first set that no other has. One way looks each member of the first up in all others, the
/// other removes the members of all others from a copy of the first; the first way is expected to end early half of
/// the time. `repeated`: the first set is among the others.
pub(super) fn difference(
    sets: &[Option<&Set>],
    repeated: bool,
    purpose: Purpose,
    limits: &Limits,
) -> Set {
    let mut result = gather(sets, purpose, limits);
    let Some((Some(first), others)) = sets.split_first() else {
        return result;
    };
    if repeated {
        return result;
    }
    let mut others: Vec<&Set> = others.iter().flatten().copied().collect();
    let look_ups = first.len() * (others.len() + 1) / 2;
    let removals = first.len() + others.iter().map(|set| set.len()).sum::<usize>();
    if look_ups <= removals {
        // The largest first: it is the likeliest to have the member.
        others.sort_by_key(|set| std::cmp::Reverse(set.len()));
        first.for_each(|item| {
            if !others.iter().any(|set| set.contains_item(item)) {
                result.insert(item.bytes(&mut IntText::default()), limits);
            }
        });
    } else {
        add_all(&mut result, first, limits);
        for set in others {
            if result.is_empty() {
                break;
            }
            set.for_each(|item| {
                result.take(item.bytes(&mut IntText::default()));
            });
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn members(set: &Set) -> BTreeSet<Vec<u8>> {
        let mut members = BTreeSet::new();
        set.for_each(|item| assert!(members.insert(item.to_vec())));
        members
    }

    fn member() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![(0i64..30).prop_map(|int| int.to_string()), "[a-c]{1,2}"]
            .prop_map(String::into_bytes)
    }

    proptest! {
        #[test]
        fn agrees_with_sorted_sets(
            sources in prop::collection::vec(prop::option::weighted(0.9, prop::collection::btree_set(member(), 1..25)), 1..5),
            ints in 0usize..30, packed in 0usize..30,
        ) {
            let limits = Limits { set_max_intset_entries: ints, set_max_listpack_entries: packed, ..Limits::default() };
            let sets: Vec<Option<Set>> = sources
                .iter()
                .map(|source| source.as_ref().map(|source| {
                    let mut set = Set::ints();
                    source.iter().for_each(|member| { set.insert(member, &limits); });
                    set
                }))
                .collect();
            let sets: Vec<Option<&Set>> = sets.iter().map(Option::as_ref).collect();
            let twins: Vec<BTreeSet<Vec<u8>>> = sources.iter().map(|source| source.clone().unwrap_or_default()).collect();
            let both = twins.iter().skip(1).fold(twins[0].clone(), |all, set| &all & set);
            let any = twins.iter().skip(1).fold(twins[0].clone(), |all, set| &all | set);
            let rest = twins.iter().skip(1).fold(twins[0].clone(), |all, set| &all - set);
            prop_assert_eq!(members(&intersection(&sets, &limits)), both.clone());
            let mut seen = 0;
            intersect(&sets, |_| { seen += 1; seen == 2 });
            prop_assert_eq!(seen, both.len().min(2));
            for purpose in [Purpose::Reply, Purpose::Store] {
                prop_assert_eq!(members(&union(&sets, purpose, &limits)), any.clone());
                prop_assert_eq!(members(&difference(&sets, false, purpose, &limits)), rest.clone());
                prop_assert_eq!(difference(&sets, true, purpose, &limits).len(), 0);
            }
        }
    }
}
