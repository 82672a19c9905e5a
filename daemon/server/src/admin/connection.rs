//! PING ECHO HELLO AUTH SELECT QUIT RESET: the commands about the connection itself.

use esker_commands::arg::{Arg, block, integer, optional, string};
use esker_commands::{
    Args, CmdError, CmdResult, Command, Flags, Group, at_least, exactly, in_group,
};
use esker_resp::{Proto, Reply, parse_i64};

use super::{AdminFn, Ctx, REDIS_VERSION, row};
use crate::multi;
use crate::session::{ReplyMode, Session};

/// Allowed before authentication and in nearly every other state of the server.
const EARLY: Flags = Flags::NOSCRIPT
    .with(Flags::LOADING)
    .with(Flags::STALE)
    .with(Flags::FAST)
    .with(Flags::NO_AUTH)
    .with(Flags::ALLOW_BUSY);

const HELLO_ARGS: &[Arg] = &[optional(block(
    "arguments",
    &[
        integer("protover"),
        optional(block("auth", &[string("username"), string("password")]).token("AUTH")),
        optional(string("clientname").token("SETNAME")),
    ],
))];

pub const ROWS: &[Command<AdminFn>] = &in_group(
    Group::Connection,
    [
        row("PING", at_least(1), ping)
            .fast()
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
            .args(&[optional(string("message"))])
            .doc(
                "1.0.0",
                "O(1)",
                "Answers PONG, or the message, to show that the server is alive.",
            ),
        row("ECHO", exactly(2), echo)
            .fast()
            .loading()
            .stale()
            .args(&[string("message")])
            .doc("1.0.0", "O(1)", "Answers the message."),
        row("HELLO", at_least(1), hello)
            .flags(EARLY)
            .args(HELLO_ARGS)
            .history(&[("6.2.0", "`protover` became optional.")])
            .doc(
                "6.0.0",
                "O(1)",
                "Chooses the protocol version and may authenticate and name the connection.",
            ),
        row("AUTH", at_least(2), auth)
            .flags(EARLY)
            .args(&[
                optional(string("username")).since("6.0.0"),
                string("password"),
            ])
            .history(&[("6.0.0", "Takes a user name too.")])
            .doc(
                "1.0.0",
                "O(N) where N is the number of passwords defined for the user",
                "Authenticates the connection.",
            ),
        row("SELECT", exactly(2), select)
            .fast()
            .loading()
            .stale()
            .args(&[integer("index")])
            .doc(
                "1.0.0",
                "O(1)",
                "Chooses the database that later commands use.",
            ),
        row("QUIT", at_least(1), quit)
            .flags(EARLY)
            .doc(
                "1.0.0",
                "O(1)",
                "Closes the connection after the replies before it.",
            )
            .deprecated("7.2.0", "just closing the connection"),
        row("RESET", exactly(1), reset).flags(EARLY).doc(
            "6.2.0",
            "O(1)",
            "Brings the connection back to its state when it was new.",
        ),
    ],
);

fn ping(_: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    match args.len() {
        1 => reply.simple("PONG"),
        2 => reply.bulk(args.get(1)),
        _ => return Err(CmdError::WrongArity("ping".into())),
    }
    Ok(())
}

fn echo(_: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    reply.bulk(args.get(1));
    Ok(())
}

fn hello(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let options = HelloOptions::parse(args)?;
    if let Some((user, password)) = options.auth {
        authenticate(ctx, user, password)?;
    }
    if !ctx.session().authenticated {
        return Err(CmdError::line_of(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
             <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the \
             same time",
        ));
    }
    if let Some(name) = options.name {
        set_name(ctx.session(), name)?;
    }
    if let Some(proto) = options.proto {
        ctx.session().proto = proto;
        reply.set_proto(proto);
    }
    describe(ctx.session(), reply);
    Ok(())
}

#[derive(Default)]
struct HelloOptions<'a> {
    proto: Option<Proto>,
    auth: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> HelloOptions<'a> {
    fn parse(args: Args<'a>) -> Result<HelloOptions<'a>, CmdError> {
        let mut options = HelloOptions::default();
        let Some(version) = args.try_get(1) else {
            return Ok(options);
        };
        options.proto = Some(match parse_i64(version) {
            Some(2) => Proto::Resp2,
            Some(3) => Proto::Resp3,
            Some(_) => return Err(CmdError::line_of("NOPROTO unsupported protocol version")),
            None => {
                return Err(CmdError::text(
                    "Protocol version is not an integer or out of range",
                ));
            }
        });
        let mut cursor = args.cursor(2);
        while let Some(word) = cursor.peek() {
            if cursor.left() > 2 && cursor.word("AUTH") {
                options.auth = Some((cursor.value()?, cursor.value()?));
            } else if cursor.left() > 1 && cursor.word("SETNAME") {
                options.name = Some(cursor.value()?);
            } else {
                let word = String::from_utf8_lossy(word).into_owned();
                return Err(CmdError::text(format_args!(
                    "Syntax error in HELLO option '{word}'"
                )));
            }
        }
        Ok(options)
    }
}

/// Who answers: what client libraries read to decide how to speak.
fn describe(session: &Session, reply: &mut Reply<'_>) {
    reply.map(7);
    for (name, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(name);
        reply.bulk(value);
    }
    reply.bulk("proto");
    reply.integer(if session.proto == Proto::Resp3 { 3 } else { 2 });
    reply.bulk("id");
    reply.integer(session.id.0 as i64);
    for (name, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(name);
        reply.bulk(value);
    }
    reply.bulk("modules");
    reply.array(0);
}

fn auth(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    match args.len() {
        2 => {
            if ctx.settings().security.requirepass.is_empty() {
                return Err(CmdError::text(
                    "AUTH <password> called without any password configured for the default user. Are you sure your \
                     configuration is correct?",
                ));
            }
            authenticate(ctx, b"default", args.get(1))?;
        }
        3 => authenticate(ctx, args.get(1), args.get(2))?,
        _ => return Err(CmdError::Syntax),
    }
    reply.ok();
    Ok(())
}

/// There is one user, `default`; without a configured password any password is right for it.
fn authenticate(ctx: &mut Ctx<'_>, user: &[u8], password: &[u8]) -> CmdResult {
    let settings = ctx.settings();
    let expected = settings.security.requirepass.as_bytes();
    if user != b"default" || !(expected.is_empty() || same_secret(expected, password)) {
        ctx.engine.stats.auth_failures += 1;
        return Err(CmdError::line_of(
            "WRONGPASS invalid username-password pair or user is disabled.",
        ));
    }
    ctx.session().authenticated = true;
    Ok(())
}

/// Compares without telling by its time where the difference is.
fn same_secret(expected: &[u8], given: &[u8]) -> bool {
    let differing =
        (0..given.len()).fold(0, |acc, i| acc | (given[i] ^ expected[i % expected.len()]));
    differing == 0 && expected.len() == given.len()
}

/// The name of a connection; an empty one takes the name away.
pub fn set_name(session: &mut Session, name: &[u8]) -> CmdResult {
    if !is_plain(name) {
        return Err(CmdError::text(
            "Client names cannot contain spaces, newlines or special characters.",
        ));
    }
    session.name = name.to_vec();
    Ok(())
}

/// Printable ASCII without blanks: what keeps CLIENT LIST parseable.
pub fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

fn select(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let index = i32::try_from(args.int(1)?).map_err(|_| {
        let (first, last) = (i32::MIN, i32::MAX);
        CmdError::text(format_args!(
            "value is out of range, value must between {first} and {last}"
        ))
    })?;
    let index = u32::try_from(index)
        .ok()
        .filter(|index| *index < ctx.engine.keyspace.databases());
    ctx.session().db = index.ok_or_else(|| CmdError::text("DB index is out of range"))?;
    reply.ok();
    Ok(())
}

fn quit(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    ctx.session().close_after_reply = true;
    reply.ok();
    Ok(())
}

fn reset(ctx: &mut Ctx<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let authenticated = ctx.settings().security.requirepass.is_empty();
    multi::discard(ctx.engine, ctx.client);
    let session = ctx.session();
    session.name.clear();
    session.db = 0;
    session.proto = Proto::Resp2;
    session.authenticated = authenticated;
    session.reply = ReplyMode::On;
    session.durability = None;
    session.no_evict = false;
    session.no_touch = false;
    reply.set_proto(Proto::Resp2);
    reply.simple("RESET");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_compared_whole() {
        assert!(same_secret(b"abc", b"abc"));
        for wrong in [&b""[..], b"ab", b"abcd", b"abcabc", b"xbc"] {
            assert!(!same_secret(b"abc", wrong), "{wrong:?}");
        }
    }

    #[test]
    fn names_are_printable() {
        assert!(is_plain(b"worker-1:{x}"));
        for bad in [&b"a b"[..], b"a\n", b"\x7f", "\u{e9}".as_bytes()] {
            assert!(!is_plain(bad));
        }
    }
}
