//! Members by chance: SPOP, SRANDMEMBER.

use std::collections::BTreeSet;

use esker_keyspace::{IntText, Random, Set, Tx};
use esker_resp::{Reply, parse_i64};

use super::member::write_member;
use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::repeat::{repeats, write_repeated};
use crate::value::check_room;

/// A sample of more than a third of a set is found by leaving members out: drawing would meet too many twice.
const SPARSE_FACTOR: usize = 3;

pub(super) fn spop(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    if args.len() > 3 {
        return Err(CmdError::Syntax);
    }
    let Some(count) = args.try_get(2) else {
        let mut taken = None;
        tx.set_pop(key, 1, |member| taken = Some(member.to_vec()))?;
        match taken {
            None => out.null(),
            Some(member) => out.bulk(member),
        }
        return Ok(());
    };
    let count = parse_i64(count).and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or(CmdError::NotPositive)?;
    // What is taken is logged, and no more than there is.
    let set = tx.peek_view::<Set>(key)?;
    let logged = set.filter(|set| count < set.len());
    if let Some(bytes) = logged.map(|set| set.elements_bytes_max(count)) {
        check_room(tx, bytes)?;
    }
    let place = out.defer();
    let mut taken = 0;
    tx.set_pop(key, count, |member| {
        out.bulk(member);
        taken += 1;
    })?;
    out.finish_set(place, taken);
    Ok(())
}

pub(super) fn srandmember(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    if args.len() > 3 {
        return Err(CmdError::Syntax);
    }
    let Some(count) = args.try_get(2) else {
        let random = tx.random();
        match tx
            .view::<Set>(key)?
            .as_ref()
            .and_then(|set| set.random(random))
        {
            None => out.null(),
            Some(item) => write_member(out, item),
        }
        return Ok(());
    };
    let count = parse_i64(count).ok_or(CmdError::NotInteger)?;
    if count == i64::MIN {
        return Err(CmdError::text(format_args!(
            "value is out of range, value must between -{max} and {max}",
            max = i64::MAX
        )));
    }
    let Some(len) = tx.view::<Set>(key)?.map(|set| set.len()) else {
        out.array(0);
        return Ok(());
    };
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 {
        with_repetition(tx, key, repeats(count.unsigned_abs())?, out)
    } else if wanted >= len {
        let set = tx.peek_view::<Set>(key)?.expect("it was found before");
        out.array(len);
        set.for_each(|item| write_member(out, item));
        Ok(())
    } else if wanted * SPARSE_FACTOR > len {
        dense_sample(tx, key, wanted, out)
    } else {
        sparse_sample(tx, key, wanted, out)
    }
}

/// Each draw among all members.
fn with_repetition(tx: &mut Tx<'_>, key: &[u8], count: usize, out: &mut Reply<'_>) -> CmdResult {
    let mut random = Random::new(tx.random());
    let set = tx.peek_view::<Set>(key)?.expect("it was found before");
    out.array(count);
    write_repeated(out, count, |out| {
        let member = set.random(random.next_u64());
        write_member(out, member.expect("no set is empty"));
    })
}

/// Many of the members: each is taken with the share of what is wanted among what is left to see. Every sample is as
/// likely as any other.
fn dense_sample(tx: &mut Tx<'_>, key: &[u8], count: usize, out: &mut Reply<'_>) -> CmdResult {
    let mut random = Random::new(tx.random());
    let set = tx.peek_view::<Set>(key)?.expect("it was found before");
    let (mut wanted, mut left) = (count, set.len());
    out.array(count);
    set.for_each(|item| {
        let lot = ((u128::from(random.next_u64()) * left as u128) >> 64) as usize;
        if lot < wanted {
            write_member(out, item);
            wanted -= 1;
        }
        left -= 1;
    });
    Ok(())
}

/// Few of the members: draws until so many different ones were met.
fn sparse_sample(tx: &mut Tx<'_>, key: &[u8], count: usize, out: &mut Reply<'_>) -> CmdResult {
    let mut random = Random::new(tx.random());
    let set = tx.peek_view::<Set>(key)?.expect("it was found before");
    let mut met = BTreeSet::new();
    out.array(count);
    while met.len() < count {
        let item = set.random(random.next_u64()).expect("no set is empty");
        let mut text = IntText::default();
        let member = item.bytes(&mut text);
        if !met.contains(member) {
            met.insert(member.to_vec());
            out.bulk(member);
        }
    }
    Ok(())
}
