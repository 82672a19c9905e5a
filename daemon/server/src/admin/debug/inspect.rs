//! DEBUG subcommands that only look: digests, entries, tables.

use esker_commands::value::encoding_name;
use esker_commands::{Args, CmdError, CmdResult};
use esker_format::UnixMs;
use esker_keyspace::dump;
use esker_keyspace::entry::{Entry, Kind, StrRef};
use esker_keyspace::hash::hash_key;
use esker_resp::Reply;

use super::super::Ctx;
use crate::control::Job;

pub fn digest(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    reply.simple(&format!("{:040x}", ctx.engine.keyspace.digest()));
    Ok(())
}

pub fn digest_values(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    reply.array(args.len() - 2);
    for key in args.rest(2).iter() {
        let digest = look(ctx, key, |entry, _| value_digest(entry));
        reply.simple(&digest.unwrap_or_else(|| "0".repeat(40)));
    }
    Ok(())
}

/// A hash of the value and its expiry, and not of the key: equal values have equal digests.
fn value_digest(entry: &Entry) -> String {
    let mut bytes = string_bytes(entry);
    if let Some(value) = entry.value() {
        value.digest(&mut bytes);
    }
    let expiry = entry.expire_at().map_or(i64::MIN, |at| at.0);
    bytes.extend_from_slice(expiry.to_string().as_bytes());
    let part = |seed| hash_key(seed, &bytes);
    format!("{:016x}{:016x}{:08x}", part(1), part(2), part(3) >> 32)
}

pub fn object(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let text = look(ctx, args.get(2), |entry, idle_seconds| {
        format!(
            "Value at:{:p} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{idle_seconds}",
            std::ptr::from_ref(entry),
            encoding_name(entry),
            serialized_bytes(entry),
            entry.access(),
        )
    });
    reply.simple(&text.ok_or(CmdError::NoSuchKey)?);
    Ok(())
}

pub fn lengths(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let text = look(ctx, args.get(2), |entry, _| match entry.kind() {
        Kind::String if encoding_name(entry) != "int" => Some(format!(
            "key_sds_len:{}, key_sds_avail:0, key_zmalloc: {}, val_sds_len:{}, val_sds_avail:0, val_zmalloc: {}",
            entry.key().len(),
            entry.heap_bytes(),
            string_bytes(entry).len(),
            entry.heap_bytes(),
        )),
        _ => None,
    });
    let text = text.ok_or(CmdError::NoSuchKey)?;
    reply.simple(&text.ok_or_else(|| CmdError::text("Not an sds encoded string."))?);
    Ok(())
}

pub fn table_stats(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let db = args.int(2)?;
    let db = u32::try_from(db)
        .ok()
        .filter(|db| *db < ctx.engine.keyspace.databases());
    let db = db.ok_or_else(|| CmdError::text("Out of range database"))?;
    let info = ctx.engine.keyspace.db_info(db, UnixMs(ctx.now_ms));
    // One table holds keys and expiries; it has neither a second one to rehash into nor chains.
    let text = format!(
        "[Dictionary HT]\nHash table 0 stats (main hash table):\n number of elements: {}\n[Expires HT]\n number of \
         elements: {}\n",
        info.keys, info.expires
    );
    reply.verbatim(b"txt", text);
    Ok(())
}

/// Only values of many elements are tables. They are split and merged in parts, without a second table.
pub fn table_stats_of_key(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let elements = look(ctx, args.get(2), |entry, _| {
        let is_table = ["hashtable", "skiplist"].contains(&encoding_name(entry));
        entry
            .value()
            .filter(|_| is_table)
            .map(|value| value.elements())
    });
    let elements = elements.ok_or(CmdError::NoSuchKey)?.ok_or_else(|| {
        CmdError::text(
            "The value stored at the specified key is not represented using an hash table",
        )
    })?;
    reply.verbatim(
        b"txt",
        format!("Hash table 0 stats (main hash table):\n number of elements: {elements}\n"),
    );
    Ok(())
}

/// Writes the bytes of a listpack to the server's log.
pub fn listpack(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let payload = look(ctx, args.get(2), |entry, _| {
        (encoding_name(entry) == "listpack").then(|| dump::payload(entry))
    });
    let payload = payload
        .ok_or(CmdError::NoSuchKey)?
        .ok_or_else(|| CmdError::text("Not a listpack encoded object."))?;
    ctx.queue(Job::RunSoon(Box::new(move |_| {
        tracing::info!("DEBUG LISTPACK: {}", payload.escape_ascii())
    })));
    reply.simple("Listpack structure printed on stdout");
    Ok(())
}

/// Shows `f` the entry of a key and for how long it was idle, without touching it.
fn look<R>(ctx: &mut Ctx<'_>, key: &[u8], f: impl FnOnce(&Entry, u32) -> R) -> Option<R> {
    let (db, now) = (ctx.session().db, UnixMs(ctx.now_ms));
    let access = ctx.engine.keyspace.access_policy();
    let tx = ctx.engine.keyspace.tx(db, now);
    let result = tx
        .peek(key)
        .map(|entry| f(entry, access.idle_seconds(entry.access(), now)));
    tx.finish();
    result
}

fn string_bytes(entry: &Entry) -> Vec<u8> {
    match entry.str() {
        Some(StrRef::Int(value)) => value.to_string().into_bytes(),
        Some(StrRef::Bytes(bytes)) => bytes.to_vec(),
        Some(StrRef::Blob(blob)) => blob.to_vec(),
        None => Vec::new(),
    }
}

/// What the value takes in a DUMP payload, without its type byte, version and checksum.
fn serialized_bytes(entry: &Entry) -> usize {
    const ENVELOPE_BYTES: usize = 1 + 2 + 8;
    dump::payload(entry).len().saturating_sub(ENVELOPE_BYTES)
}
