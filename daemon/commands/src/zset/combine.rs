//! Unions, intersections and differences of sorted sets and sets, to read or to store.

use std::collections::BTreeMap;

use esker_keyspace::packed::Item;
use esker_keyspace::touched::Event;
use esker_keyspace::value::Guard;
use esker_keyspace::{IntText, Set, Tx, Zset};
use esker_resp::{Reply, parse_i64};

use super::{store, write_element};
use crate::args::Args;
use crate::double::parse_double;
use crate::error::{CmdError, CmdResult};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Inter,
    Diff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    /// Two infinities that cancel out count as zero.
    fn join(self, a: f64, b: f64) -> f64 {
        match self {
            Aggregate::Sum => number(a + b),
            Aggregate::Min if b < a => b,
            Aggregate::Max if b > a => b,
            Aggregate::Min | Aggregate::Max => a,
        }
    }
}

/// What is not a number counts as zero: an infinite score weighed with zero.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// One input: a sorted set, a set whose members all have the score 1, or nothing.
enum Source<'a> {
    Zset(Guard<'a, Zset>),
    Set(Guard<'a, Set>),
    Nothing,
}

struct Input<'a> {
    source: Source<'a>,
    weight: f64,
}

impl Input<'_> {
    fn len(&self) -> usize {
        match &self.source {
            Source::Zset(zset) => zset.len(),
            Source::Set(set) => set.len(),
            Source::Nothing => 0,
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        let score = match &self.source {
            Source::Zset(zset) => zset.score(member)?,
            Source::Set(set) if set.contains(member) => 1.0,
            Source::Set(_) | Source::Nothing => return None,
        };
        Some(self.weight * score)
    }

    fn contains(&self, member: &[u8]) -> bool {
        self.score(member).is_some()
    }

    /// Visits the elements with their weighed scores.
    fn for_each(&self, mut f: impl FnMut(f64, &[u8])) {
        let mut text = IntText::default();
        let mut visit = |score: f64, member: Item<'_>| {
            f(number(self.weight * score), member.bytes(&mut text));
        };
        match &self.source {
            Source::Zset(zset) => zset.iter().for_each(|(score, member)| visit(score, member)),
            Source::Set(set) => set.for_each(|member| visit(1.0, member)),
            Source::Nothing => {}
        }
    }
}

/// What the arguments say.
struct Wanted<'a> {
    operation: Operation,
    keys: Args<'a>,
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// Of ZINTERCARD; 0 is no limit.
    limit: usize,
}

/// What a command's name says.
struct Form {
    operation: Operation,
    name: &'static str,
    /// The position of the number of keys.
    count_at: usize,
    /// Only the number of members is wanted.
    only_counts: bool,
}

/// The keys, of which each must hold a set of either kind or nothing. This comes before the options are looked at.
fn check_keys<'a>(tx: &mut Tx<'_>, args: Args<'a>, form: &Form) -> Result<Args<'a>, CmdError> {
    let count = args.int(form.count_at)?;
    if count < 1 {
        return Err(CmdError::text(format_args!(
            "at least 1 input key is needed for '{}' command",
            form.name
        )));
    }
    let keys = usize::try_from(count).ok();
    let keys = keys.and_then(|count| args.rest(form.count_at + 1).first(count));
    let keys = keys.ok_or(CmdError::Syntax)?;
    for key in keys.iter() {
        let is_set = tx
            .read(key)
            .is_none_or(|entry| entry.get::<Zset>().is_some() || entry.get::<Set>().is_some());
        if !is_set {
            return Err(CmdError::WrongType);
        }
    }
    Ok(keys)
}

impl<'a> Wanted<'a> {
    fn parse(tx: &mut Tx<'_>, args: Args<'a>, form: &Form) -> Result<Wanted<'a>, CmdError> {
        let keys = check_keys(tx, args, form)?;
        let mut wanted = Wanted {
            operation: form.operation,
            keys,
            weights: vec![1.0; keys.len()],
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: 0,
        };
        let weighs = form.operation != Operation::Diff && !form.only_counts;
        let stores = form.count_at > 1;
        let mut options = args.cursor(form.count_at + 1 + keys.len());
        while !options.is_done() {
            let left = options.left();
            if weighs && left > keys.len() && options.word("WEIGHTS") {
                for weight in &mut wanted.weights {
                    *weight = parse_double(options.value()?)
                        .ok_or(CmdError::line_of("ERR weight value is not a float"))?;
                }
            } else if weighs && left > 1 && options.word("AGGREGATE") {
                wanted.aggregate = if options.word("SUM") {
                    Aggregate::Sum
                } else if options.word("MIN") {
                    Aggregate::Min
                } else if options.word("MAX") {
                    Aggregate::Max
                } else {
                    return Err(CmdError::Syntax);
                };
            } else if !stores && !form.only_counts && options.word("WITHSCORES") {
                wanted.with_scores = true;
            } else if form.only_counts && left > 1 && options.word("LIMIT") {
                wanted.limit = parse_i64(options.value()?)
                    .and_then(|limit| usize::try_from(limit).ok())
                    .ok_or(CmdError::line_of("ERR LIMIT can't be negative"))?;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(wanted)
    }

    /// The inputs, those of a union or an intersection from the smallest on: sums of scores are rounded in this order.
    fn inputs<'t>(&self, tx: &'t Tx<'_>) -> Vec<Input<'t>> {
        let source = |key: &[u8]| match tx.peek(key) {
            None => Source::Nothing,
            Some(entry) => match entry.get::<Zset>() {
                Some(zset) => Source::Zset(zset),
                None => entry.get::<Set>().map_or(Source::Nothing, Source::Set),
            },
        };
        let mut inputs: Vec<Input<'t>> = self
            .keys
            .iter()
            .zip(&self.weights)
            .map(|(key, weight)| Input {
                source: source(key),
                weight: *weight,
            })
            .collect();
        if self.operation != Operation::Diff {
            inputs.sort_by_key(Input::len);
        }
        inputs
    }

    /// The resulting elements, in the order of a sorted set.
    fn result(&self, tx: &Tx<'_>) -> Vec<(f64, Vec<u8>)> {
        let inputs = self.inputs(tx);
        let mut elements = match self.operation {
            Operation::Union => self.union(&inputs),
            Operation::Inter => self.intersection(&inputs),
            Operation::Diff => difference(&inputs),
        };
        elements.sort_unstable_by(|a, b| {
            let by_score = a.0.partial_cmp(&b.0).expect("scores are numbers");
            by_score.then_with(|| a.1.cmp(&b.1))
        });
        elements
    }

    fn union(&self, inputs: &[Input<'_>]) -> Vec<(f64, Vec<u8>)> {
        let mut scores: BTreeMap<Vec<u8>, f64> = BTreeMap::new();
        for input in inputs {
            input.for_each(|score, member| match scores.get_mut(member) {
                Some(sum) => *sum = self.aggregate.join(*sum, score),
                None => {
                    scores.insert(member.to_vec(), score);
                }
            });
        }
        let elements = scores.into_iter();
        elements.map(|(member, score)| (score, member)).collect()
    }

    fn intersection(&self, inputs: &[Input<'_>]) -> Vec<(f64, Vec<u8>)> {
        let mut elements = Vec::new();
        let Some((first, others)) = inputs.split_first() else {
            return elements;
        };
        first.for_each(|score, member| {
            let joined = others.iter().try_fold(score, |score, other| {
                Some(self.aggregate.join(score, other.score(member)?))
            });
            elements.extend(joined.map(|score| (score, member.to_vec())));
        });
        elements
    }

    /// How many members the intersection has, counted up to the limit.
    fn count(&self, tx: &Tx<'_>) -> usize {
        let inputs = self.inputs(tx);
        let Some((first, others)) = inputs.split_first() else {
            return 0;
        };
        let mut count = 0;
        first.for_each(|_, member| {
            let wanted = self.limit == 0 || count < self.limit;
            if wanted && others.iter().all(|other| other.contains(member)) {
                count += 1;
            }
        });
        count
    }
}

fn difference(inputs: &[Input<'_>]) -> Vec<(f64, Vec<u8>)> {
    let mut elements = Vec::new();
    if let Some((first, others)) = inputs.split_first() {
        first.for_each(|score, member| {
            if !others.iter().any(|other| other.contains(member)) {
                elements.push((score, member.to_vec()));
            }
        });
    }
    elements
}

fn read(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>, form: &Form) -> CmdResult {
    let wanted = Wanted::parse(tx, args, form)?;
    let elements = wanted.result(tx);
    let flat = wanted.with_scores && !out.is_resp3();
    out.array(elements.len() * if flat { 2 } else { 1 });
    for (score, member) in &elements {
        write_element(out, *score, Item::Bytes(member), wanted.with_scores);
    }
    Ok(())
}

fn combine(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    out: &mut Reply<'_>,
    form: &Form,
    event: Event,
) -> CmdResult {
    let wanted = Wanted::parse(tx, args, form)?;
    let elements = wanted.result(tx);
    let count = store(tx, args.get(1), &elements, event)?;
    out.integer(count as i64);
    Ok(())
}

const fn form(operation: Operation, name: &'static str, count_at: usize) -> Form {
    Form {
        operation,
        name,
        count_at,
        only_counts: false,
    }
}

pub(super) fn zunion(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    read(tx, args, out, &form(Operation::Union, "zunion", 1))
}

pub(super) fn zinter(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    read(tx, args, out, &form(Operation::Inter, "zinter", 1))
}

pub(super) fn zdiff(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    read(tx, args, out, &form(Operation::Diff, "zdiff", 1))
}

pub(super) fn zunionstore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let form = form(Operation::Union, "zunionstore", 2);
    combine(tx, args, out, &form, Event::ZUnionStore)
}

pub(super) fn zinterstore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let form = form(Operation::Inter, "zinterstore", 2);
    combine(tx, args, out, &form, Event::ZInterStore)
}

pub(super) fn zdiffstore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let form = form(Operation::Diff, "zdiffstore", 2);
    combine(tx, args, out, &form, Event::ZDiffStore)
}

pub(super) fn zintercard(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let form = Form {
        only_counts: true,
        ..form(Operation::Inter, "zintercard", 1)
    };
    let wanted = Wanted::parse(tx, args, &form)?;
    out.integer(wanted.count(tx) as i64);
    Ok(())
}
