//! The filters of CLIENT LIST and CLIENT KILL: those of Redis, and Valkey's further ones with their `NOT-` forms.

use esker_commands::arg::{Arg, integer, one_of, optional, string, word};
use esker_commands::{Args, CmdError, Cursor};
use esker_resp::parse_i64;

use super::list;
use crate::session::{ClientId, Peer, Session};

const YES_NO: &[Arg] = &[word("yes", "YES"), word("no", "NO")];
const TYPES: &[Arg] = &[
    word("normal", "NORMAL"),
    word("master", "MASTER"),
    word("replica", "REPLICA"),
    word("pubsub", "PUBSUB"),
];
const FILTER: &[Arg] = &[
    integer("client-id").token("ID").many(),
    one_of("client-type", TYPES).token("TYPE"),
    string("username").token("USER"),
    string("addr").token("ADDR").display("ip:port"),
    string("laddr").token("LADDR").display("ip:port"),
    string("ip").token("IP"),
    string("name").token("NAME"),
    integer("db").token("DB"),
    string("lib-name").token("LIB-NAME"),
    string("lib-ver").token("LIB-VER"),
    string("flags").token("FLAGS"),
    integer("maxage").token("MAXAGE"),
    integer("idle").token("IDLE"),
    one_of("skipme", YES_NO).token("SKIPME"),
];
pub const LIST_ARGS: &[Arg] = &[optional(one_of("filter", FILTER)).many()];
pub const KILL_ARGS: &[Arg] = &[one_of(
    "filter",
    &[
        string("old-format").display("ip:port"),
        one_of("new-format", FILTER).many(),
    ],
)];

enum Test {
    Ids(Vec<i64>),
    /// Every session is a normal client; another type matches none.
    Normal(bool),
    User(Vec<u8>),
    Addr(Vec<u8>),
    Laddr(Vec<u8>),
    Ip(Vec<u8>),
    Name(Vec<u8>),
    LibName(Vec<u8>),
    LibVer(Vec<u8>),
    Flags(Vec<u8>),
    Db(i64),
    MaxAge(i64),
    Idle(i64),
}

impl Test {
    fn passes(&self, session: &Session, now_ms: i64) -> bool {
        let addresses = || list::addresses(&session.peer);
        match self {
            Test::Ids(ids) => ids.contains(&(session.id.0 as i64)),
            Test::Normal(normal) => *normal,
            Test::User(user) => session.user.as_bytes() == user,
            Test::Addr(addr) => addresses().0.as_bytes() == addr,
            Test::Laddr(addr) => addresses().1.as_bytes() == addr,
            Test::Ip(ip) => match &session.peer {
                Peer::Tcp { peer, .. } => peer.ip().to_string().as_bytes() == ip,
                Peer::Unix { .. } => false,
            },
            Test::Name(name) => session.name == *name,
            Test::LibName(name) => session.lib_name == *name,
            Test::LibVer(version) => session.lib_ver == *version,
            Test::Flags(wanted) => {
                let flags = list::flags(session);
                wanted
                    .iter()
                    .all(|letter| flags.as_bytes().contains(letter))
            }
            Test::Db(db) => i64::from(session.db) == *db,
            Test::MaxAge(seconds) => session.age(now_ms).as_secs() as i64 >= *seconds,
            Test::Idle(seconds) => session.idle(now_ms).as_secs() as i64 >= *seconds,
        }
    }
}

pub struct Filters {
    /// Each with whether it must fail instead of pass.
    tests: Vec<(bool, Test)>,
    skip_me: bool,
    /// `CLIENT KILL addr`, which answers OK or an error instead of a count.
    pub is_old_form: bool,
}

impl Filters {
    pub fn parse_list(args: Args<'_>) -> Result<Filters, CmdError> {
        let mut filters = Filters {
            tests: Vec::new(),
            skip_me: false,
            is_old_form: false,
        };
        filters.parse(args.cursor(2), IdRule::Any)?;
        Ok(filters)
    }

    pub fn parse_kill(args: Args<'_>) -> Result<Filters, CmdError> {
        let mut filters = Filters {
            tests: Vec::new(),
            skip_me: true,
            is_old_form: args.len() == 3,
        };
        if filters.is_old_form {
            filters
                .tests
                .push((false, Test::Addr(args.get(2).to_vec())));
            filters.skip_me = false;
        } else {
            filters.parse(args.cursor(2), IdRule::Positive)?;
        }
        Ok(filters)
    }

    pub fn select(&self, session: &Session, me: ClientId, now_ms: i64) -> bool {
        (!self.skip_me || session.id != me)
            && self
                .tests
                .iter()
                .all(|(negated, test)| test.passes(session, now_ms) != *negated)
    }

    fn parse(&mut self, mut cursor: Cursor<'_>, ids: IdRule) -> Result<(), CmdError> {
        while !cursor.is_done() {
            let word = cursor.value()?.to_ascii_lowercase();
            if word == b"skipme" {
                self.skip_me = match cursor.value()?.to_ascii_lowercase().as_slice() {
                    b"yes" => true,
                    b"no" => false,
                    _ => return Err(CmdError::Syntax),
                };
                continue;
            }
            let (negated, name) = match word.strip_prefix(b"not-") {
                Some(name) if !matches!(name, b"maxage" | b"idle") => (true, name),
                _ => (false, word.as_slice()),
            };
            let test = parse_test(name, &mut cursor, ids)?;
            self.tests.push((negated, test));
        }
        Ok(())
    }
}

/// What an id may be: LIST takes any integer, KILL only what an id can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IdRule {
    Any,
    Positive,
}

fn parse_test(name: &[u8], cursor: &mut Cursor<'_>, rule: IdRule) -> Result<Test, CmdError> {
    let mut text = || cursor.value().map(<[u8]>::to_vec);
    Ok(match name {
        b"id" => Test::Ids(ids(cursor, rule)?),
        b"type" => Test::Normal(client_type(cursor.value()?)?),
        b"user" => Test::User(user(cursor.value()?, rule)?),
        b"addr" => Test::Addr(text()?),
        b"laddr" => Test::Laddr(text()?),
        b"ip" => Test::Ip(text()?),
        b"name" => Test::Name(text()?),
        b"lib-name" => Test::LibName(text()?),
        b"lib-ver" => Test::LibVer(text()?),
        b"flags" => Test::Flags(text()?),
        b"db" => Test::Db(
            parse_i64(cursor.value()?)
                .ok_or_else(|| CmdError::text("DB is not an integer or out of range"))?,
        ),
        b"maxage" => Test::MaxAge(seconds("maxage", cursor.value()?)?),
        b"idle" => Test::Idle(seconds("idle", cursor.value()?)?),
        _ => return Err(CmdError::Syntax),
    })
}

/// One id, and all that follow it as far as they are integers.
fn ids(cursor: &mut Cursor<'_>, rule: IdRule) -> Result<Vec<i64>, CmdError> {
    let refusal = || match rule {
        IdRule::Any => CmdError::text("Invalid client ID"),
        IdRule::Positive => CmdError::text("client-id should be greater than 0"),
    };
    let accept = |id: i64| {
        (rule == IdRule::Any || id > 0)
            .then_some(id)
            .ok_or_else(refusal)
    };
    let mut ids = vec![accept(parse_i64(cursor.value()?).ok_or_else(refusal)?)?];
    while let Some(id) = cursor.peek().and_then(parse_i64) {
        ids.push(accept(id)?);
        cursor.value()?;
    }
    Ok(ids)
}

fn client_type(word: &[u8]) -> Result<bool, CmdError> {
    match word.to_ascii_lowercase().as_slice() {
        b"normal" => Ok(true),
        b"master" | b"primary" | b"replica" | b"slave" | b"pubsub" => Ok(false),
        _ => Err(CmdError::text(format_args!(
            "Unknown client type '{}'",
            String::from_utf8_lossy(word)
        ))),
    }
}

fn user(name: &[u8], rule: IdRule) -> Result<Vec<u8>, CmdError> {
    if rule == IdRule::Positive && name != b"default" {
        return Err(CmdError::text(format_args!(
            "No such user '{}'",
            String::from_utf8_lossy(name)
        )));
    }
    Ok(name.to_vec())
}

fn seconds(name: &str, arg: &[u8]) -> Result<i64, CmdError> {
    match parse_i64(arg) {
        None => Err(CmdError::text(format_args!(
            "{name} is not an integer or out of range"
        ))),
        Some(..=0) => Err(CmdError::text(format_args!(
            "{name} should be greater than 0"
        ))),
        Some(seconds) => Ok(seconds),
    }
}

#[cfg(test)]
mod tests;
