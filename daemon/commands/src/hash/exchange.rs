//! Reading or storing fields together with their expiry or their end: HGETDEL, HGETEX, HSETEX.

use std::collections::HashSet;

use esker_keyspace::touched::Event;
use esker_keyspace::{Expiry, FieldCondition, Hash, Tx, UnixMs};
use esker_resp::{Reply, parse_i64};

use super::fields::{NOT_POSITIVE, counted_names, expiry_option, moment};
use super::read::write_values;
use super::{check_type, write_item};
use crate::args::Args;
use crate::error::{CmdError, CmdResult, quoted};

pub(super) fn hgetdel(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    check_type(tx, key)?;
    let names = counted_names(args, 2, NOT_POSITIVE)?;
    write_values_once(tx, key, names, out)?;
    tx.hash_remove(key, names.iter())?;
    Ok(())
}

/// As [`write_values`] of fields that go: a name that comes again finds nothing.
fn write_values_once(
    tx: &mut Tx<'_>,
    key: &[u8],
    names: Args<'_>,
    out: &mut Reply<'_>,
) -> CmdResult {
    let now = tx.now();
    let hash = tx.hash(key)?;
    let mut seen = HashSet::with_capacity(names.len());
    out.array(names.len());
    for name in names.iter() {
        let value = hash.as_ref().and_then(|hash| hash.get(name, now));
        match value.filter(|_| seen.insert(name)) {
            Some(value) => write_item(out, value),
            None => out.null(),
        }
    }
    Ok(())
}

/// What HGETEX does to the fields that it reads.
enum Then {
    Nothing,
    Persist,
    ExpireAt(UnixMs),
}

pub(super) fn hgetex(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    check_type(tx, key)?;
    let word = args.get(2);
    let (then, fields_at) = match expiry_option(word) {
        Some((unit, absolute)) => {
            let at = moment(tx, args.get(3), unit, absolute, "hgetex")?;
            (Then::ExpireAt(at), 4)
        }
        None if word.eq_ignore_ascii_case(b"PERSIST") => (Then::Persist, 3),
        None => (Then::Nothing, 2),
    };
    if args.len() < fields_at + 3 {
        return Err(CmdError::WrongArity("hgetex".into()));
    }
    let names = counted_names(args, fields_at, NOT_POSITIVE)?;
    match then {
        Then::ExpireAt(at) if at <= tx.now() => write_values_once(tx, key, names, out)?,
        _ => write_values(tx, key, names, out)?,
    }
    match then {
        Then::Nothing => {}
        Then::Persist => {
            tx.hash_expect_expiries(key)?;
            tx.hash_persist(key, names.iter())?;
        }
        Then::ExpireAt(at) => {
            tx.hash_expire(key, names.iter(), at, FieldCondition::Always)?;
        }
    }
    Ok(())
}

/// Which fields, or key, must be there for HSETEX to act. Valkey's NX and XX are about the key.
#[derive(Clone, Copy, Debug, Default)]
struct Conditions {
    fields: Option<bool>,
    key: Option<bool>,
}

struct SetOptions<'a> {
    conditions: Conditions,
    expiry: Option<Expiry>,
    pairs: Args<'a>,
}

impl<'a> SetOptions<'a> {
    fn parse(tx: &Tx<'_>, args: Args<'a>) -> Result<SetOptions<'a>, CmdError> {
        let mut conditions = Conditions::default();
        let mut expiry = None;
        let mut options = args.cursor(2);
        loop {
            let word = options.value().map_err(|_| wrong_arity())?;
            if word.eq_ignore_ascii_case(b"FIELDS") {
                let pairs = counted_pairs(args, options.position())?;
                return Ok(SetOptions {
                    conditions,
                    expiry,
                    pairs,
                });
            }
            let option = word.to_ascii_uppercase();
            match option.as_slice() {
                b"FXX" | b"FNX" if conditions.fields.is_some() => {
                    return Err(CmdError::line_of(
                        "ERR Only one of FXX or FNX arguments can be specified",
                    ));
                }
                b"XX" | b"NX" if conditions.key.is_some() => return Err(CmdError::Syntax),
                b"FXX" | b"FNX" => conditions.fields = Some(option == b"FXX"),
                b"XX" | b"NX" => conditions.key = Some(option == b"XX"),
                _ => {
                    let timed = expiry_option(word);
                    if timed.is_none() && option != b"KEEPTTL" {
                        let word = quoted(word, word.len());
                        return Err(CmdError::text(format_args!("unknown argument: {word}")));
                    }
                    if expiry.is_some() {
                        return Err(CmdError::line_of(
                            "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
                        ));
                    }
                    expiry = Some(match timed {
                        None => Expiry::Keep,
                        Some((unit, absolute)) => {
                            let text = options.value().map_err(|_| wrong_arity())?;
                            Expiry::At(moment(tx, text, unit, absolute, "hsetex")?)
                        }
                    });
                }
            }
        }
    }
}

fn wrong_arity() -> CmdError {
    CmdError::WrongArity("hsetex".into())
}

/// The pairs behind their number, which is at `at`.
fn counted_pairs(args: Args<'_>, at: usize) -> Result<Args<'_>, CmdError> {
    let text = args.try_get(at).ok_or_else(wrong_arity)?;
    let count = parse_i64(text)
        .filter(|count| (1..=i64::from(i32::MAX)).contains(count))
        .ok_or(CmdError::line_of("ERR invalid number of fields"))?;
    let pairs = args.rest(at + 1);
    match pairs.len() as i64 == 2 * count {
        true => Ok(pairs),
        false => Err(wrong_arity()),
    }
}

pub(super) fn hsetex(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let key = args.get(1);
    let options = SetOptions::parse(tx, args)?;
    let now = tx.now();
    let allowed = {
        let hash = tx.hash(key)?;
        let has = |name: &[u8]| {
            let hash: Option<&Hash> = hash.as_deref();
            hash.is_some_and(|hash| hash.get(name, now).is_some())
        };
        let mut names = options.pairs.pairs().map(|(name, _)| name);
        let fields = options.conditions.fields;
        fields.is_none_or(|wanted| names.all(|name| has(name) == wanted))
            && options
                .conditions
                .key
                .is_none_or(|wanted| hash.is_some() == wanted)
    };
    if allowed {
        let expiry = options.expiry.unwrap_or(Expiry::Clear);
        tx.hash_set(key, options.pairs.pairs(), expiry, Event::HSet)?;
    }
    out.integer(i64::from(allowed));
    Ok(())
}
