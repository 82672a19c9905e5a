//! Whatever is done to streams, a keyspace that knows only what was recorded holds the same.

use esker_format::units::UnitReader;
use esker_keyspace::stream::{Keep, Precision};
use esker_keyspace::{
    Keyspace, Limits, NewStreamId, Options, Stream, StreamClaim, StreamId, Tx, UnixMs,
};
use proptest::prelude::*;

const KEY: &[u8] = b"s";
const GROUPS: [&[u8]; 2] = [b"g", b"h"];
const CONSUMERS: [&[u8]; 3] = [b"a", b"b", b""];

#[derive(Clone, Debug)]
enum Op {
    Add {
        ms: u64,
        fields: usize,
        keep: Option<u64>,
    },
    Delete(Vec<u64>),
    Trim {
        keep: u64,
        nodes: bool,
    },
    TrimFrom(u64),
    SetIds {
        ahead: u64,
        added: Option<u64>,
    },
    Create {
        group: usize,
        at: u64,
        read: Option<u64>,
    },
    SetGroup {
        group: usize,
        at: u64,
        read: Option<u64>,
    },
    Destroy(usize),
    CreateConsumer(usize, usize),
    DeleteConsumer(usize, usize),
    Read {
        group: usize,
        consumer: usize,
        count: usize,
        no_ack: bool,
    },
    Claim {
        group: usize,
        consumer: usize,
        ids: Vec<u64>,
        time: i64,
        count: i64,
    },
    Ack(usize, Vec<u64>),
    Advance(usize, u64),
    Drop,
}

fn op() -> impl Strategy<Value = Op> {
    let (group, consumer, id) = (0..2usize, 0..3usize, 0..60u64);
    let ids = prop::collection::vec(id.clone(), 1..5);
    let count = || prop::option::of(0..30u64);
    prop_oneof![
        8 => (0..4u64, 1..3usize, prop::option::weighted(0.2, 0..20u64))
            .prop_map(|(ms, fields, keep)| Op::Add { ms, fields, keep }),
        2 => ids.clone().prop_map(Op::Delete),
        1 => (0..20u64, any::<bool>()).prop_map(|(keep, nodes)| Op::Trim { keep, nodes }),
        1 => id.clone().prop_map(Op::TrimFrom),
        1 => (0..3u64, count()).prop_map(|(ahead, added)| Op::SetIds { ahead, added }),
        2 => (group.clone(), id.clone(), count())
            .prop_map(|(group, at, read)| Op::Create { group, at, read }),
        1 => (group.clone(), id.clone(), count())
            .prop_map(|(group, at, read)| Op::SetGroup { group, at, read }),
        1 => group.clone().prop_map(Op::Destroy),
        1 => (group.clone(), consumer.clone()).prop_map(|(g, c)| Op::CreateConsumer(g, c)),
        1 => (group.clone(), consumer.clone()).prop_map(|(g, c)| Op::DeleteConsumer(g, c)),
        4 => (group.clone(), consumer.clone(), 1..200usize, any::<bool>())
            .prop_map(|(group, consumer, count, no_ack)| Op::Read { group, consumer, count, no_ack }),
        3 => (group.clone(), consumer, ids.clone(), -5..5i64, 0..4i64)
            .prop_map(|(group, consumer, ids, time, count)| {
                Op::Claim { group, consumer, ids, time, count }
            }),
        3 => (group.clone(), ids).prop_map(|(group, ids)| Op::Ack(group, ids)),
        1 => (group, id).prop_map(|(group, id)| Op::Advance(group, id)),
        1 => Just(Op::Drop),
    ]
}

fn id(ms: &u64) -> StreamId {
    StreamId::new(*ms, 1)
}

/// Ids behind the last one that the group was given.
fn next_ids(tx: &Tx<'_>, group: &[u8], count: usize) -> Vec<StreamId> {
    let stream = tx.peek_view::<Stream>(KEY).expect("a stream");
    let Some(stream) = stream else {
        return Vec::new();
    };
    let from = stream.group(group).and_then(|group| group.last_id.next());
    let entries = from.map(|from| stream.range(from, StreamId::MAX).take(count));
    entries
        .into_iter()
        .flatten()
        .map(|entry| entry.id)
        .collect()
}

fn run(tx: &mut Tx<'_>, op: &Op) {
    let last_ms = |tx: &Tx<'_>| {
        let stream = tx.peek_view::<Stream>(KEY).expect("a stream");
        stream.map_or(0, |stream| stream.last_id().ms)
    };
    match op {
        Op::Add { ms, fields, keep } => {
            let new = match ms {
                0 => NewStreamId::Within(last_ms(tx).max(1)),
                ms => NewStreamId::Exact(StreamId::new(last_ms(tx) + ms, 1)),
            };
            let pairs = [(b"f".as_slice(), b"1".as_slice()), (b"g", b"value")];
            let trim = keep.map(|keep| (Keep::Last(keep), Precision::Exact));
            let pairs = pairs[..*fields].iter().copied();
            tx.stream_add(KEY, new, pairs, true, trim)
                .expect("behind the last");
        }
        Op::Delete(ids) => {
            let ids: Vec<_> = ids.iter().map(id).collect();
            tx.stream_delete(KEY, &ids).expect("a stream");
        }
        Op::Trim { keep, nodes } => {
            let precision = match nodes {
                true => Precision::Nodes { entries_max: 7 },
                false => Precision::Exact,
            };
            tx.stream_trim(KEY, Keep::Last(*keep), precision)
                .expect("a stream");
        }
        Op::TrimFrom(ms) => {
            let keep = Keep::From(id(ms));
            tx.stream_trim(KEY, keep, Precision::Exact)
                .expect("a stream");
        }
        Op::SetIds { ahead, added } => {
            let last = StreamId::new(last_ms(tx) + 1 + ahead, 1);
            tx.stream_set_ids(KEY, last, *added, None)
                .expect("a stream");
        }
        Op::Drop => {
            tx.del(KEY);
        }
        _ => run_on_group(tx, op),
    }
}

fn run_on_group(tx: &mut Tx<'_>, op: &Op) {
    let now = tx.now().0;
    match op {
        Op::Create { group, at, read } => {
            let created = tx.stream_create_group(KEY, GROUPS[*group], id(at), *read, true);
            created.expect("a stream");
        }
        Op::SetGroup { group, at, read } => {
            let set = tx.stream_set_group_id(KEY, GROUPS[*group], id(at), *read);
            set.expect("a stream");
        }
        Op::Destroy(group) => {
            tx.stream_destroy_group(KEY, GROUPS[*group])
                .expect("a stream");
        }
        Op::CreateConsumer(group, consumer) => {
            let created = tx.stream_create_consumer(KEY, GROUPS[*group], CONSUMERS[*consumer]);
            created.expect("a stream");
        }
        Op::DeleteConsumer(group, consumer) => {
            let deleted = tx.stream_delete_consumer(KEY, GROUPS[*group], CONSUMERS[*consumer]);
            deleted.expect("a stream");
        }
        Op::Read {
            group,
            consumer,
            count,
            no_ack,
        } => {
            let (group, consumer) = (GROUPS[*group], CONSUMERS[*consumer]);
            let ids = next_ids(tx, group, *count);
            tx.stream_see_consumer(KEY, group, consumer)
                .expect("a stream");
            let given = tx.stream_deliver(KEY, group, consumer, &ids, *no_ack);
            given.expect("a stream");
        }
        Op::Claim {
            group,
            consumer,
            ids,
            time,
            count,
        } => {
            let (group, consumer) = (GROUPS[*group], CONSUMERS[*consumer]);
            tx.stream_see_consumer(KEY, group, consumer)
                .expect("a stream");
            let claim = |(at, ms): (usize, &u64)| StreamClaim {
                id: id(ms),
                delivered_ms: now + time,
                count: count + at as i64 / 2,
            };
            let claims: Vec<_> = ids.iter().enumerate().map(claim).collect();
            tx.stream_claim(KEY, group, consumer, &claims, true)
                .expect("a stream");
        }
        Op::Ack(group, ids) => {
            let ids: Vec<_> = ids.iter().map(id).collect();
            tx.stream_ack(KEY, GROUPS[*group], &ids).expect("a stream");
        }
        Op::Advance(group, ms) => {
            let advanced = tx.stream_advance_group(KEY, GROUPS[*group], id(ms));
            advanced.expect("a stream");
        }
        _ => unreachable!("the operations on entries are run before"),
    }
}

/// Applies what was recorded since the last call.
fn follow(replica: &mut Keyspace, keyspace: &mut Keyspace) {
    let chunk = keyspace.effects_mut().take();
    for mark in &chunk.marks {
        for record in UnitReader::new(&chunk.bytes[mark.start..mark.end], mark.db) {
            let record = record.expect("what was recorded can be read");
            let applied = replica.apply(record.db, &record.effect);
            applied.unwrap_or_else(|error| panic!("{:?}: {error}", record.effect));
        }
    }
    keyspace.effects_mut().recycle(chunk);
    assert_eq!(replica.digest(), keyspace.digest());
}

proptest! {
    #[test]
    fn what_is_recorded_is_what_happened(ops in prop::collection::vec(op(), 1..80)) {
        let mut keyspace = Keyspace::new(Options::with_seed(1));
        keyspace.set_limits(Limits { stream_node_max_entries: 4, ..Limits::default() });
        let mut replica = Keyspace::new(Options { log: false, ..Options::with_seed(2) });
        for (at, op) in ops.iter().enumerate() {
            let mut tx = keyspace.tx(0, UnixMs(1000 + at as i64));
            run(&mut tx, op);
            tx.finish();
            follow(&mut replica, &mut keyspace);
        }
    }
}

#[test]
fn a_long_delivery_is_recorded_in_pieces() {
    let mut keyspace = Keyspace::new(Options::with_seed(1));
    let mut replica = Keyspace::new(Options {
        log: false,
        ..Options::with_seed(2)
    });
    let mut tx = keyspace.tx(0, UnixMs(5));
    let read = Op::Read {
        group: 0,
        consumer: 0,
        count: 1000,
        no_ack: false,
    };
    for _ in 0..500 {
        run(
            &mut tx,
            &Op::Add {
                ms: 1,
                fields: 2,
                keep: None,
            },
        );
    }
    run(
        &mut tx,
        &Op::Create {
            group: 0,
            at: 0,
            read: None,
        },
    );
    run(&mut tx, &read);
    tx.finish();
    follow(&mut replica, &mut keyspace);
}
