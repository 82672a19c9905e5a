//! MIGRATE: hands keys over to another server.
//!
//! The handler copies the keys under the lock; a thread of its own does the talking (`threads::migrate`) and answers
//! the client, which waits meanwhile.

use std::time::Duration;

use esker_commands::arg::{Arg, block, integer, key, one_of, optional, string, word};
use esker_commands::keyspec::Find;
use esker_commands::{
    Args, Categories, CmdError, CmdResult, Command, Group, InvalidKeys, KeyFlags, KeyRef, KeySpec,
    at_least, in_group,
};
use esker_format::UnixMs;
use esker_keyspace::dump;
use esker_resp::Reply;

use super::{AdminFn, Ctx};
use crate::control::Job;
use crate::threads::migrate::{self, Destination, Parcel, Trip};

const FLAGS: KeyFlags = KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE);
const TO_THE_END: Find = Find::Range {
    last: -1,
    step: 1,
    limit: 0,
};

const AUTHENTICATION: &[Arg] = &[
    string("auth")
        .token("AUTH")
        .display("password")
        .since("4.0.7"),
    block("auth2", &[string("username"), string("password")])
        .token("AUTH2")
        .since("6.0.0"),
];
const ARGS: &[Arg] = &[
    string("host"),
    integer("port"),
    one_of("key-selector", &[key("key"), word("empty-string", "")]),
    integer("destination-db"),
    integer("timeout"),
    optional(word("copy", "COPY")).since("3.0.0"),
    optional(word("replace", "REPLACE")).since("3.0.0"),
    optional(one_of("authentication", AUTHENTICATION)),
    optional(key("keys").spec(1).token("KEYS").many()).since("3.0.6"),
];

pub const ROWS: &[Command<AdminFn>] = &in_group(
    Group::Generic,
    [Command::write("MIGRATE", at_least(6), migrate as AdminFn)
        .keys(&[
            KeySpec::at(3, FLAGS),
            KeySpec::keyword("KEYS", -2, TO_THE_END, FLAGS.with(KeyFlags::INCOMPLETE)),
        ])
        .categories(Categories::KEYSPACE.with(Categories::DANGEROUS))
        .keys_fn(find_keys)
        .tips(&["nondeterministic_output"])
        .args(ARGS)
        .history(&[
            ("3.0.0", "Knows COPY and REPLACE."),
            ("3.0.6", "Knows KEYS."),
            ("4.0.7", "Knows AUTH."),
            ("6.0.0", "Knows AUTH2."),
        ])
        .doc(
            "2.6.0",
            "O(N) where N is the size of the values; the transfer itself holds up this client only",
            "Hands keys over to another server.",
        )],
);

/// The key in front, or, if that is empty, those behind KEYS. Passwords are stepped over.
fn find_keys(args: Args<'_>, found: &mut Vec<KeyRef>) -> Result<(), InvalidKeys> {
    let options = Options::parse(args).map_err(|_| InvalidKeys)?;
    let indexes = match options.keys_from {
        Some(from) if from == args.len() => return Err(InvalidKeys),
        Some(from) => from..args.len(),
        None => 3..4,
    };
    found.extend(indexes.map(|index| KeyRef {
        index,
        flags: FLAGS,
    }));
    Ok(())
}

/// How long may be waited for, when the given time is none.
const DEFAULT_TIMEOUT_MS: i64 = 1000;
/// No timeout is longer: far above what anybody waits for, and no clock overflows.
const TIMEOUT_MAX_MS: i64 = 365 * 24 * 3600 * 1000;

#[derive(Default)]
struct Options<'a> {
    copy: bool,
    replace: bool,
    /// The arguments of AUTH.
    auth: Vec<&'a [u8]>,
    /// Where the keys behind KEYS begin.
    keys_from: Option<usize>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Options<'a>, CmdError> {
        let mut options = Options::default();
        let mut cursor = args.cursor(6);
        while !cursor.is_done() {
            if cursor.word("COPY") {
                options.copy = true;
            } else if cursor.word("REPLACE") {
                options.replace = true;
            } else if cursor.word("AUTH") {
                options.auth = vec![cursor.value()?];
            } else if cursor.word("AUTH2") {
                options.auth = vec![cursor.value()?, cursor.value()?];
            } else if cursor.word("KEYS") {
                if !args.get(3).is_empty() {
                    return Err(CmdError::text(
                        "When using MIGRATE KEYS option, the key argument must be set to the empty string",
                    ));
                }
                options.keys_from = Some(cursor.position());
                break;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }
}

fn migrate(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let options = Options::parse(args)?;
    let timeout_ms = match args.int(5)? {
        ..=0 => DEFAULT_TIMEOUT_MS,
        given => given.min(TIMEOUT_MAX_MS),
    };
    let destination = Destination {
        host: args.get(1).to_vec(),
        port: args.get(2).to_vec(),
        db: args.int(4)?,
        auth: options.auth.iter().map(|word| word.to_vec()).collect(),
        timeout: Duration::from_millis(timeout_ms as u64),
    };
    if ctx.session().in_exec {
        return Err(CmdError::text(
            "this command waits for another server and cannot be part of a transaction",
        ));
    }
    let keys = match options.keys_from {
        Some(from) => args.rest(from),
        None => args.rest(3).first(1).expect("the arity says so"),
    };
    let (db, client, no_touch) = (ctx.session().db, ctx.client, ctx.session().no_touch);
    let mut tx = ctx.engine.keyspace.tx(db, UnixMs(ctx.now_ms));
    if no_touch {
        tx.no_touch();
    }
    let mut parcels = Vec::new();
    for key in keys.iter() {
        if let Some(entry) = tx.look(key) {
            parcels.push(Parcel {
                key: key.into(),
                payload: dump::payload(entry),
                expire_at: entry.expire_at(),
            });
        }
    }
    let seen = tx.finish();
    if parcels.is_empty() {
        reply.simple("NOKEY");
        return Ok(());
    }
    let id = ctx
        .engine
        .departing
        .begin(db, parcels.iter().map(|parcel| &*parcel.key));
    ctx.engine.listen();
    let trip = Trip {
        id,
        client,
        db,
        destination,
        copy: options.copy,
        replace: options.replace,
        parcels,
        seen,
    };
    ctx.queue_and_wait(Job::RunSoon(Box::new(move |shared| {
        migrate::start(shared, trip);
    })))
}
