//! XREAD and XREADGROUP, which wait if told to.
//!
//! A try that finds nothing leaves the stream as it is, but a group reader is seen by it: its consumer is created, as
//! Redis 7.2 began to do. That is the one change that a command may make before it waits.

use esker_keyspace::entry::Kind;
use esker_keyspace::stream::StreamData;
use esker_keyspace::{Stream, StreamClaim, StreamId, Tx};
use esker_resp::Reply;

use super::entry::{write_entries, write_entry};
use super::{ids, no_key_or_group};
use crate::args::Args;
use crate::block::{Block, Nothing, blocking_timeout_ms};
use crate::error::{CmdError, CmdResult};
use crate::value::check_room;

/// About what one delivered entry adds to the log.
const CLAIM_BYTES: usize = 64;

/// From where on a stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// Behind this entry; for a group: what the consumer has pending.
    Behind(StreamId),
    /// What the group was not given yet.
    Next,
}

struct Options<'a> {
    reader: Option<(&'a [u8], &'a [u8])>,
    count: usize,
    timeout_ms: Option<u64>,
    no_ack: bool,
    /// Where the keys begin.
    keys_at: usize,
    streams: usize,
}

impl<'a> Options<'a> {
    fn parse(tx: &Tx<'_>, args: Args<'a>, grouped: bool) -> Result<Options<'a>, CmdError> {
        let mut found = Options {
            reader: None,
            count: usize::MAX,
            timeout_ms: None,
            no_ack: false,
            keys_at: 0,
            streams: 0,
        };
        let mut at = 1;
        while at < args.len() {
            let is = |word: &[u8]| args.get(at).eq_ignore_ascii_case(word);
            let more = args.len() - at - 1;
            if more > 0 && is(b"BLOCK") {
                at += 1;
                found.timeout_ms = Some(blocking_timeout_ms(tx, args.get(at))?);
            } else if more > 0 && is(b"COUNT") {
                at += 1;
                let count = usize::try_from(args.int(at)?.max(0)).unwrap_or(usize::MAX);
                found.count = if count == 0 { usize::MAX } else { count };
            } else if more > 0 && is(b"STREAMS") {
                if !more.is_multiple_of(2) {
                    return Err(unbalanced(grouped));
                }
                (found.keys_at, found.streams) = (at + 1, more / 2);
                break;
            } else if more > 1 && is(b"GROUP") {
                if !grouped {
                    return Err(only_grouped("GROUP"));
                }
                found.reader = Some((args.get(at + 1), args.get(at + 2)));
                at += 2;
            } else if is(b"NOACK") {
                if !grouped {
                    return Err(only_grouped("NOACK"));
                }
                found.no_ack = true;
            } else {
                return Err(CmdError::Syntax);
            }
            at += 1;
        }
        if found.keys_at == 0 {
            return Err(CmdError::Syntax);
        }
        if grouped && found.reader.is_none() {
            return Err(CmdError::text("Missing GROUP option for XREADGROUP"));
        }
        Ok(found)
    }

    /// Keys, and what is said of where to read.
    fn pairs(&self, args: Args<'a>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (keys_at, streams) = (self.keys_at, self.streams);
        (keys_at..keys_at + streams).map(move |at| (args.get(at), args.get(at + streams)))
    }
}

fn unbalanced(grouped: bool) -> CmdError {
    CmdError::line_of(match grouped {
        false => {
            "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified."
        }
        true => {
            "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
        }
    })
}

fn only_grouped(option: &str) -> CmdError {
    CmdError::text(format_args!(
        "The {option} option is only supported by XREADGROUP. You called XREAD instead."
    ))
}

fn meaningless(id: &str) -> CmdError {
    CmdError::text(format_args!(
        "The {id} ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by \
         specifying a proper ID, or use the > ID to get new messages. The {id} ID would just return an empty result set."
    ))
}

pub(super) fn xread(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let options = Options::parse(tx, args, false)?;
    let mut sources = Vec::with_capacity(options.streams);
    for (key, id) in options.pairs(args) {
        let stream = tx.view::<Stream>(key)?;
        sources.push((key, read_from(stream.as_deref(), id)?));
    }
    let (start, place) = (out.mark(), out.defer());
    let mut served = 0;
    for (key, behind) in &sources {
        let stream = tx.view::<Stream>(key)?;
        let (Some(stream), Some(from)) = (stream, behind.next()) else {
            continue;
        };
        let mut entries = stream.range(from, StreamId::MAX).peekable();
        if entries.peek().is_some() {
            write_name(out, key);
            write_entries(out, entries.take(options.count));
            served += 1;
        }
    }
    if served > 0 {
        finish(out, place, served);
        return Ok(());
    }
    out.truncate_to(start);
    let again = options.timeout_ms.map(|_| {
        let ids_at = options.keys_at + options.streams;
        let mut words: Vec<Vec<u8>> = args.iter().take(ids_at).map(<[u8]>::to_vec).collect();
        words.extend(sources.iter().map(|(_, id)| id.text().bytes().to_vec()));
        words
    });
    nothing(out, &options, args, again)
}

/// The entry behind which XREAD begins.
fn read_from(stream: Option<&Stream>, id: &[u8]) -> Result<StreamId, CmdError> {
    let last_id = stream.map_or(StreamId::MIN, |stream| stream.last_id());
    match id {
        b"$" => Ok(last_id),
        b"+" => {
            let newest = stream.and_then(|stream| stream.last());
            Ok(newest.and_then(|entry| entry.id.prev()).unwrap_or(last_id))
        }
        b">" => Err(CmdError::text(
            "The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
        )),
        id => ids::strict(id, 0),
    }
}

pub(super) fn xreadgroup(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let options = Options::parse(tx, args, true)?;
    let (group, consumer) = options.reader.expect("checked while parsing");
    let mut sources = Vec::with_capacity(options.streams);
    let mut log_bytes = 0;
    for (key, id) in options.pairs(args) {
        let stream = tx.view::<Stream>(key)?;
        let known = stream.as_ref().and_then(|stream| stream.group(group));
        if known.is_none() {
            return Err(no_key_or_group(
                key,
                group,
                " in XREADGROUP with GROUP option",
            ));
        }
        let from = group_from(id)?;
        let stream = stream.expect("its group is known");
        log_bytes += CLAIM_BYTES * due(&stream, group, consumer, from, options.count);
        sources.push((key, from));
    }
    check_room(tx, log_bytes)?;
    let (start, place) = (out.mark(), out.defer());
    let mut served = 0;
    for (key, from) in sources {
        tx.stream_see_consumer(key, group, consumer)?;
        let read = Read {
            key,
            group,
            consumer,
            options: &options,
        };
        let found = match from {
            From::Behind(id) => read.history(tx, id, out)?,
            From::Next => read.next(tx, out)?,
        };
        served += usize::from(found);
    }
    if served > 0 {
        finish(out, place, served);
        return Ok(());
    }
    out.truncate_to(start);
    nothing(out, &options, args, None)
}

fn group_from(id: &[u8]) -> Result<From, CmdError> {
    match id {
        b"$" => Err(meaningless("$")),
        b"+" => Err(meaningless("+")),
        b">" => Ok(From::Next),
        id => match ids::strict(id, 0)? {
            // The id that Redis takes for `>`.
            StreamId::MAX => Ok(From::Next),
            id => Ok(From::Behind(id)),
        },
    }
}

/// How many entries a group reader would get.
fn due(stream: &StreamData, group: &[u8], consumer: &[u8], from: From, count: usize) -> usize {
    let Some(group) = stream.group(group) else {
        return 0;
    };
    match from {
        From::Behind(_) => {
            let pending = group.consumer(consumer).map(|c| c.pending().len());
            pending.unwrap_or(0).min(count)
        }
        From::Next => match group.last_id.next() {
            Some(next) if group.last_id < stream.last_id() => {
                let count = count.min(stream.len() as usize);
                stream.range(next, StreamId::MAX).take(count).count()
            }
            _ => 0,
        },
    }
}

/// One stream for one reader of a group.
struct Read<'a, 'o> {
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
    options: &'o Options<'a>,
}

impl Read<'_, '_> {
    /// Entries that the group was not given yet. `false` if there are none.
    fn next(&self, tx: &mut Tx<'_>, out: &mut Reply<'_>) -> Result<bool, CmdError> {
        let mut given = Vec::new();
        {
            let Some(stream) = tx.peek_view::<Stream>(self.key)? else {
                return Ok(false);
            };
            let last = stream.group(self.group).map(|group| group.last_id);
            let Some(from) = last.and_then(StreamId::next) else {
                return Ok(false);
            };
            let mut entries = stream.range(from, StreamId::MAX).peekable();
            if entries.peek().is_none() {
                return Ok(false);
            }
            write_name(out, self.key);
            let entries = entries.take(self.options.count);
            write_entries(out, entries.inspect(|entry| given.push(entry.id)));
        }
        let acknowledged = self.options.no_ack;
        tx.stream_deliver(self.key, self.group, self.consumer, &given, acknowledged)?;
        Ok(true)
    }

    /// What the consumer has pending, delivered once more. An entry that is deleted meanwhile is shown as such.
    fn history(
        &self,
        tx: &mut Tx<'_>,
        behind: StreamId,
        out: &mut Reply<'_>,
    ) -> Result<bool, CmdError> {
        let delivered_ms = tx.now().0;
        let mut again = Vec::new();
        write_name(out, self.key);
        let place = out.defer();
        let mut count = 0;
        let stream = tx.peek_view::<Stream>(self.key)?;
        let group = stream.as_ref().and_then(|stream| stream.group(self.group));
        let consumer = group.and_then(|group| group.consumer(self.consumer));
        if let (Some(stream), Some(group), Some(consumer)) = (&stream, group, consumer)
            && let Some(from) = behind.next()
        {
            for (id, ()) in consumer.pending().range(from).take(self.options.count) {
                count += 1;
                let Some(entry) = stream.get(id) else {
                    out.array(2);
                    ids::write_id(out, id);
                    out.null_array();
                    continue;
                };
                write_entry(out, entry);
                let nack = group
                    .pending()
                    .get(id)
                    .expect("what a consumer has is pending");
                again.push(StreamClaim {
                    id,
                    delivered_ms,
                    count: nack.count.wrapping_add(1),
                });
            }
        }
        out.finish_array(place, count);
        tx.stream_claim(self.key, self.group, self.consumer, &again, false)?;
        Ok(true)
    }
}

/// A stream in the reply of several: a pair in RESP2, an entry of a map in RESP3.
fn write_name(out: &mut Reply<'_>, key: &[u8]) {
    if !out.is_resp3() {
        out.array(2);
    }
    out.bulk(key);
}

fn finish(out: &mut Reply<'_>, place: esker_resp::Deferred, streams: usize) {
    match out.is_resp3() {
        true => out.finish_map(place, streams),
        false => out.finish_array(place, streams),
    }
}

/// No stream had anything: wait, or say so.
fn nothing(
    out: &mut Reply<'_>,
    options: &Options<'_>,
    args: Args<'_>,
    again: Option<Vec<Vec<u8>>>,
) -> CmdResult {
    let Some(timeout_ms) = options.timeout_ms else {
        out.null_array();
        return Ok(());
    };
    let keys = options.pairs(args).map(|(key, _)| key.to_vec());
    Err(CmdError::Block(Box::new(Block {
        keys: keys.collect(),
        kind: Kind::Stream,
        timeout_ms,
        nothing: Nothing::NullArray,
        on_gone: options.reader.is_some(),
        again,
    })))
}
