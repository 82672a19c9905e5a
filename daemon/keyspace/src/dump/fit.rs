//! Choosing the encoding of a collection that was read from a payload.
//!
//! The rules are Redis': what came packed stays packed unless it has too many elements; what came as its elements is
//! packed if number and sizes allow it. A fault is a value that cannot be.

use esker_format::cursor::Fault;
use esker_format::native::value::{
    Field, Fields, KIND_HASH_FIELDS, KIND_HASH_PACKED, KIND_LIST_NODES, KIND_LIST_PACKED,
    KIND_SET_INTS, KIND_SET_MEMBERS, KIND_SET_PACKED, KIND_ZSET_MEMBERS, Members, Node, Nodes,
    ScoredMembers, put_field, put_member,
};
use esker_format::text::canonical_int;

use crate::limits::Limits;
use crate::packed::{Intset, Item, Listpack};
use crate::text::IntText;
use crate::value::{Collection, Hash, List, Set, Value, Zset};

/// Builds a whole collection out of its native form.
pub(super) fn build(kind: u8, bytes: &[u8], limits: &Limits) -> Result<Value, Fault> {
    let mut value = match kind {
        KIND_LIST_NODES => list(bytes, limits)?,
        KIND_SET_INTS => set_of_ints(bytes, limits)?,
        KIND_SET_PACKED => set_of_items(bytes, limits)?,
        KIND_SET_MEMBERS => set(bytes, limits)?,
        KIND_HASH_PACKED => hash_of_items(bytes, limits)?,
        KIND_HASH_FIELDS => hash(bytes, limits)?,
        KIND_ZSET_MEMBERS => zset(bytes, limits)?,
        _ => Value::decode(kind, bytes, limits)?,
    };
    value.loaded()?;
    Ok(value)
}

/// A list that is one small node is that listpack.
fn list(bytes: &[u8], limits: &Limits) -> Result<Value, Fault> {
    let mut nodes = Nodes::new(bytes);
    let list = match (nodes.next().transpose()?, nodes.next()) {
        (Some(Node::Packed(listpack)), None) => List::decode(KIND_LIST_PACKED, listpack, limits),
        _ => List::decode(KIND_LIST_NODES, bytes, limits),
    };
    list.map(Value::List)
}

fn set_of_ints(bytes: &[u8], limits: &Limits) -> Result<Value, Fault> {
    let ints = Intset::from_bytes(bytes)?;
    if ints.len() <= limits.set_max_intset_entries {
        return Set::decode(KIND_SET_INTS, bytes, limits).map(Value::Set);
    }
    let mut members = Vec::new();
    for int in &ints {
        put_member(&mut members, IntText::new(int).bytes());
    }
    Set::decode(KIND_SET_MEMBERS, &members, limits).map(Value::Set)
}

fn set_of_items(bytes: &[u8], limits: &Limits) -> Result<Value, Fault> {
    let items = Listpack::from_bytes(bytes)?;
    if items.len() <= limits.set_max_listpack_entries {
        return Set::decode(KIND_SET_PACKED, bytes, limits).map(Value::Set);
    }
    let mut members = Vec::new();
    for item in &items {
        put_member(&mut members, item.bytes(&mut IntText::default()));
    }
    Set::decode(KIND_SET_MEMBERS, &members, limits).map(Value::Set)
}

fn set(bytes: &[u8], limits: &Limits) -> Result<Value, Fault> {
    let small = limits
        .set_max_intset_entries
        .max(limits.set_max_listpack_entries);
    let members: Vec<&[u8]> = Members::new(bytes)
        .take(small + 1)
        .collect::<Result<_, _>>()?;
    let count = members.len();
    let packed = if count <= limits.set_max_intset_entries
        && let Some(ints) = intset(&members)
    {
        Some((KIND_SET_INTS, ints.bytes().to_vec()))
    } else if count <= limits.set_max_listpack_entries
        && all_within(&members, limits.set_max_listpack_value)
    {
        let items = Listpack::from_values(members);
        Some((KIND_SET_PACKED, items.bytes().to_vec()))
    } else {
        None
    };
    match packed {
        Some((kind, bytes)) => Set::decode(kind, &bytes, limits),
        None => Set::decode(KIND_SET_MEMBERS, bytes, limits),
    }
    .map(Value::Set)
}

fn intset(members: &[&[u8]]) -> Option<Intset> {
    let mut ints = Intset::new();
    for member in members {
        ints.insert(canonical_int(member)?);
    }
    Some(ints)
}

fn all_within(strings: &[&[u8]], bytes_max: usize) -> bool {
    strings.iter().all(|string| string.len() <= bytes_max)
}

fn hash_of_items(bytes: &[u8], limits: &Limits) -> Result<Value, Fault> {
    let items = Listpack::from_bytes(bytes)?;
    if items.len() / 2 <= limits.hash_max_listpack_entries {
        return Hash::decode(KIND_HASH_PACKED, bytes, limits).map(Value::Hash);
    }
    let mut fields = Vec::new();
    let mut items = items.iter();
    while let (Some(field), Some(value)) = (items.next(), items.next()) {
        let (mut text, mut value_text) = (IntText::default(), IntText::default());
        put_field(
            &mut fields,
            0,
            field.bytes(&mut text),
            value.bytes(&mut value_text),
        );
    }
    Hash::decode(KIND_HASH_FIELDS, &fields, limits).map(Value::Hash)
}

fn hash(bytes: &[u8], limits: &Limits) -> Result<Value, Fault> {
    let mut fields: Vec<Field<'_>> = Fields::new(bytes)
        .take(limits.hash_max_listpack_entries + 1)
        .collect::<Result<_, _>>()?;
    let bytes_max = limits.hash_max_listpack_value;
    let small = fields.len() <= limits.hash_max_listpack_entries
        && fields
            .iter()
            .all(|field| field.field.len() <= bytes_max && field.value.len() <= bytes_max);
    let hash = if !small {
        Hash::decode(KIND_HASH_FIELDS, bytes, limits)
    } else if fields.iter().all(|field| field.expire_at == 0) {
        Hash::from_pairs(Listpack::from_values(
            fields.iter().flat_map(|field| [field.field, field.value]),
        ))
    } else {
        // The earliest expiry comes first, and what does not expire last.
        fields.sort_by_key(|field| field.expire_at.wrapping_sub(1));
        let mut triples = Listpack::new();
        for field in fields {
            triples.push_back(field.field);
            triples.push_back(field.value);
            let at = i64::try_from(field.expire_at)
                .map_err(|_| Fault::Invalid("a field expires at an impossible time"))?;
            triples.insert_item(triples.end(), Item::Int(at));
        }
        Hash::from_triples(triples)
    };
    hash.map(Value::Hash)
}

fn zset(bytes: &[u8], limits: &Limits) -> Result<Value, Fault> {
    let members: Vec<(f64, &[u8])> = ScoredMembers::new(bytes)
        .map(|scored| scored.map(|scored| (scored.score, scored.member)))
        .collect::<Result<_, _>>()?;
    Ok(Value::Zset(Zset::build(members, limits)))
}
