//! What the comparison leaves out, and where replies need more than byte equality, each with its reason.

/// Groups of the manual whose commands are drawn.
pub const GROUPS: &[&str] = &[
    "string",
    "bitmap",
    "generic",
    "connection",
    "server",
    "list",
    "set",
    "hash",
    "sorted-set",
    "stream",
    "geo",
    "hyperloglog",
];

/// Commands that are not drawn. A pattern ends in `*` or is a whole name.
pub const LEFT_OUT: &[(&str, &str)] = &[
    ("*|help", "the help texts are our own"),
    (
        "acl*",
        "has no keys or connection state to compare; its own tests",
    ),
    (
        "bgrewriteaof",
        "replies depend on what runs in the background",
    ),
    ("bgsave", "replies depend on what runs in the background"),
    ("client|caching", "needs tracking"),
    ("client|getredir", "needs tracking"),
    ("client|info", "addresses, ages and memory"),
    (
        "client|kill",
        "may end the connection that is compared; its own tests",
    ),
    ("client|list", "addresses, ages and memory"),
    ("client|pause", "stops the sequence; its own tests"),
    (
        "client|reply",
        "changes how many replies come; `case` draws it in a fixed frame",
    ),
    (
        "client|tracking*",
        "pushes arrive at any point of the stream",
    ),
    ("client|unblock", "needs a blocked client"),
    ("cluster*", "needs a cluster"),
    (
        "command",
        "the tables differ in size; tests/command_table.rs compares the rows",
    ),
    ("command|count", "the tables differ in size"),
    ("command|docs", "the tables differ in size"),
    ("command|info", "tests/command_table.rs compares the rows"),
    ("command|list", "the tables differ in size"),
    ("config*", "the directives differ; its own tests"),
    ("debug", "a tool of the tests"),
    ("failover", "needs replicas"),
    ("info", "figures of the process"),
    ("latency*", "figures of the process"),
    ("lolwut", "a picture"),
    ("memory*", "figures of the process"),
    ("migrate", "needs a second server"),
    ("module*", "not offered"),
    ("monitor", "turns the connection into a stream"),
    (
        "pfselftest",
        "takes the reference most of a second; no arguments, no keys",
    ),
    ("psync", "needs a replica"),
    ("quit", "`case` draws it as the end of a connection"),
    ("replconf", "needs a replica"),
    ("replicaof", "would detach the reference"),
    ("restore-asking", "for cluster migration"),
    ("role", "replication offsets"),
    ("save", "writes files for every case"),
    ("shutdown", "ends the servers"),
    ("slaveof", "would detach the reference"),
    ("slowlog*", "figures of the process"),
    ("sync", "needs a replica"),
    ("wait*", "needs replicas or a log"),
];

/// Commands that a long run need not have answered without an error.
pub const NEVER_ANSWERED: &[(&str, &str)] = &[
    (
        "xclaim",
        "hardly ever meets a stream with its group where all commands are drawn",
    ),
    (
        "zremrangebylex",
        "every call of it depends on chance, see `changes_by_lex`",
    ),
];

pub fn is_drawn(name: &str, group: &str) -> bool {
    GROUPS.contains(&group) && !is_left_out(name)
}

pub fn is_left_out(name: &str) -> bool {
    LEFT_OUT.iter().any(|(pattern, _)| matches(pattern, name))
}

fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == pattern,
    }
}

/// How two replies of one command are compared. Errors are compared as bytes but where a rule says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Exact,
    /// Integers that count seconds or milliseconds: equal up to what passes between two servers.
    Time,
    /// Elements in any order.
    AnyOrder,
    /// Pairs in any order.
    Pairs,
    /// Exact, unless the order was left open or the reference alone finds something to be no number.
    Sorting,
    /// Cursor and elements in groups of so many; elements are compared where both iterations end at once.
    ScanOf(usize),
    /// As many elements: which is chance.
    Count,
    /// Equal but for the notation of floating-point numbers.
    Numbers,
    /// Equal but for what passes between two servers, wherever an integer stands.
    Times,
    /// Only these facts of a description, wherever they stand.
    Facts(&'static [&'static str]),
    /// Same kind of reply, any content.
    SameKind,
    /// As `SameKind`, and `proto`, `mode` and `role` of the map are equal.
    Hello,
    /// Serialized values: both or none; `state` loads them on the other side.
    Payload,
    /// As `SameKind`; the reference takes some cursors that are no numbers for 0 or a very large one.
    Scan,
    /// The subject may refuse where the reference does not, and word a refusal differently.
    Stricter,
    /// Both refuse, in other words, or both give the same.
    Reworded,
    /// A more compact encoding than the reference's is fine.
    Encoding,
}

const RULES: &[(&str, Rule, &str)] = &[
    ("ttl", Rule::Time, "clocks"),
    ("pttl", Rule::Time, "clocks"),
    ("expiretime", Rule::Time, "clocks"),
    ("pexpiretime", Rule::Time, "clocks"),
    ("object|idletime", Rule::Time, "clocks"),
    ("keys", Rule::AnyOrder, "order of the table"),
    (
        "scan",
        Rule::Scan,
        "cursors; `case` compares whole iterations",
    ),
    ("randomkey", Rule::SameKind, "randomness"),
    ("time", Rule::SameKind, "clocks"),
    ("lastsave", Rule::SameKind, "clocks"),
    ("client|id", Rule::SameKind, "connection numbers"),
    (
        "command|getkeys",
        Rule::Reworded,
        "since 8.0 one argument less is enough",
    ),
    (
        "command|getkeysandflags",
        Rule::Reworded,
        "since 8.0 one argument less is enough",
    ),
    (
        "hello",
        Rule::Hello,
        "connection numbers; since 7.2 options come before passwords",
    ),
    (
        "bitcount",
        Rule::Stricter,
        "since 7.2 arguments are checked although the key is missing",
    ),
    (
        "bitpos",
        Rule::Stricter,
        "since 7.2 arguments are checked although the key is missing",
    ),
    (
        "object|refcount",
        Rule::SameKind,
        "no value is shared here; small integers only say so, and a copy of one does too",
    ),
    (
        "object|encoding",
        Rule::Encoding,
        "a value stays packed after INCRBYFLOAT and idle SETBITs",
    ),
    ("smembers", Rule::AnyOrder, "order of the table"),
    ("sinter", Rule::AnyOrder, "order of the table"),
    ("sunion", Rule::AnyOrder, "order of the table"),
    ("sdiff", Rule::AnyOrder, "order of the table"),
    ("hkeys", Rule::AnyOrder, "order of the table"),
    ("hvals", Rule::AnyOrder, "order of the table"),
    ("hgetall", Rule::Pairs, "order of the table"),
    (
        "sort",
        Rule::Sorting,
        "a set has no order that BY nothing could keep; see `sorted_into`",
    ),
    (
        "sort_ro",
        Rule::Sorting,
        "a set has no order that BY nothing could keep; see `sorted_into`",
    ),
    (
        "sscan",
        Rule::ScanOf(1),
        "cursors; small collections come whole",
    ),
    (
        "hscan",
        Rule::ScanOf(2),
        "cursors; small collections come whole",
    ),
    (
        "zscan",
        Rule::ScanOf(2),
        "cursors; small collections come whole",
    ),
    ("spop", Rule::Count, "randomness"),
    ("srandmember", Rule::Count, "randomness"),
    ("hrandfield", Rule::Count, "randomness"),
    ("zrandmember", Rule::Count, "randomness"),
    (
        "zadd",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "zincrby",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "zscore",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "zmscore",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "zrange",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "zrevrange",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "zrangebyscore",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "zrevrangebyscore",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "zlexcount",
        Rule::SameKind,
        "among different scores what is found depends on the heights of the reference's towers",
    ),
    (
        "zrangebylex",
        Rule::SameKind,
        "among different scores what is found depends on the heights of the reference's towers",
    ),
    (
        "zrevrangebylex",
        Rule::SameKind,
        "among different scores what is found depends on the heights of the reference's towers",
    ),
    (
        "zunion",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "zinter",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "zdiff",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "zpopmin",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "zpopmax",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "zmpop",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "bzpopmin",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "bzpopmax",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "bzmpop",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "geopos",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "geosearch",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "georadius",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "georadius_ro",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "georadiusbymember",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "georadiusbymember_ro",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    (
        "geodist",
        Rule::Numbers,
        "since 7.2 scores are written with as few digits as read back",
    ),
    ("xpending", Rule::Times, "idle times"),
    (
        "xread",
        Rule::Reworded,
        "since 7.4 the ID + is known, and named where a list is not balanced",
    ),
    (
        "xreadgroup",
        Rule::Reworded,
        "since 7.4 the ID + is refused in words of its own",
    ),
    (
        "xsetid",
        Rule::Reworded,
        "since 7.2 the largest deleted ID is looked at first",
    ),
    (
        "xgroup|createconsumer",
        Rule::SameKind,
        "since 7.2 a command that finds nothing has created its consumer",
    ),
    (
        "xinfo|consumers",
        Rule::SameKind,
        "since 7.2 a command that finds nothing has created its consumer",
    ),
    (
        "xinfo|groups",
        Rule::Facts(&["pending", "last-delivered-id"]),
        "since 7.2 there are more consumers, and what was read and what lags is counted better",
    ),
    (
        "xinfo|stream",
        Rule::Facts(super::state::STREAM_FACTS),
        "radix trees are not what it is made of",
    ),
    (
        "blpop",
        Rule::Reworded,
        "since 7.2 a timeout that is too large is not called negative",
    ),
    (
        "brpop",
        Rule::Reworded,
        "since 7.2 a timeout that is too large is not called negative",
    ),
    (
        "blmove",
        Rule::Reworded,
        "since 7.2 a timeout that is too large is not called negative",
    ),
    (
        "brpoplpush",
        Rule::Reworded,
        "since 7.2 a timeout that is too large is not called negative",
    ),
    (
        "blmpop",
        Rule::Reworded,
        "since 7.2 a timeout that is too large is not called negative",
    ),
    (
        "lrem",
        Rule::Stricter,
        "since 7.2 the smallest of all numbers is refused",
    ),
    (
        "lpos",
        Rule::Stricter,
        "since 7.2 the smallest of all numbers is refused",
    ),
    ("zrank", Rule::Reworded, "since 7.2 there is WITHSCORE"),
    ("zrevrank", Rule::Reworded, "since 7.2 there is WITHSCORE"),
    (
        "dump",
        Rule::Payload,
        "version and compression of the payload",
    ),
];

/// The rule for a call. `expired` says that a key ran out of time in this sequence: whether it is still counted then
/// depends on the background cycle of either server.
pub fn rule(words: &[Vec<u8>], expired: bool) -> Rule {
    let word = |i: usize| {
        words
            .get(i)
            .map(|word| String::from_utf8_lossy(word).to_lowercase())
            .unwrap_or_default()
    };
    let (first, both) = (word(0), format!("{}|{}", word(0), word(1)));
    if expired && first == "dbsize" {
        return Rule::SameKind;
    }
    if first == "zrange" && has_word(words, "bylex") {
        // As for ZRANGEBYLEX.
        return Rule::SameKind;
    }
    if has_lenient_bound(words) {
        return Rule::Stricter;
    }
    RULES
        .iter()
        .find(|(name, ..)| *name == first || *name == both)
        .map_or(Rule::Exact, |(_, rule, _)| *rule)
}

/// A HELLO that names the connection. Refused for a later option, it has named it in 7.0 all the same; since 7.2 nothing
/// is done before all is checked. Both sides get the same name then, or the names would differ for the rest of the
/// sequence.
pub fn may_leave_a_name(words: &[Vec<u8>]) -> bool {
    let is = |word: &Vec<u8>, name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    words.first().is_some_and(|word| is(word, "hello"))
        && words.iter().any(|word| is(word, "setname"))
}

pub fn same_name() -> Vec<Vec<u8>> {
    ["CLIENT", "SETNAME", ""]
        .map(|word| word.as_bytes().to_vec())
        .to_vec()
}

fn has_word(words: &[Vec<u8>], name: &str) -> bool {
    words
        .iter()
        .any(|word| word.eq_ignore_ascii_case(name.as_bytes()))
}

/// A SET that gives a time in the past: the key is there to be counted until somebody meets it, as one whose time ran
/// out.
pub fn is_born_expired(words: &[Vec<u8>]) -> bool {
    /// What the clocks of both servers are beyond.
    const PAST_MS: i64 = 1_500_000_000_000;
    let is = |word: &Vec<u8>, name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let is_past = |pair: &[Vec<u8>]| {
        let unit_ms = match &pair[0] {
            word if is(word, "exat") => 1000,
            word if is(word, "pxat") => 1,
            _ => return false,
        };
        let time = std::str::from_utf8(&pair[1])
            .ok()
            .and_then(|text| text.parse::<i64>().ok());
        time.is_some_and(|time| time.saturating_mul(unit_ms) < PAST_MS)
    };
    words.first().is_some_and(|word| is(word, "set")) && words.windows(2).any(is_past)
}

/// A range of scores whose end has blanks before it or hexadecimal digits: 7.0 reads it as a number, 8.0 refuses it.
fn has_lenient_bound(words: &[Vec<u8>]) -> bool {
    let is_lenient = |word: &Vec<u8>| {
        let text = word.strip_prefix(b"(").unwrap_or(word);
        let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+"));
        let digits = digits.unwrap_or(text);
        matches!(text, [b' ' | 9..=13, ..]) || matches!(digits, [b'0', b'x' | b'X', ..])
    };
    let takes_scores = words.first().is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        name == b"zcount"
            || name.starts_with(b"z") && name.ends_with(b"rangebyscore")
            || name.starts_with(b"zrange") && has_word(words, "byscore")
    });
    takes_scores && words.iter().skip(2).take(3).any(is_lenient)
}

/// What is removed or stored by such a range would be left on one side only.
pub fn changes_by_lenient_bound(words: &[Vec<u8>]) -> bool {
    has_lenient_bound(words)
        && words.first().is_some_and(|word| {
            word.eq_ignore_ascii_case(b"zremrangebyscore")
                || word.eq_ignore_ascii_case(b"zrangestore")
        })
}

/// The list that a SORT by numbers fills. 7.0 refuses numbers that end at a NUL, and any fraction after a number that was
/// too large anywhere (it looks at an error that it never cleared): the list is deleted on both sides then.
pub fn sorted_into(words: &[Vec<u8>]) -> Option<&Vec<u8>> {
    let is = |word: &Vec<u8>, name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let store = words.iter().rposition(|word| is(word, "store"))?;
    words
        .first()
        .filter(|word| is(word, "sort"))
        .and(words.get(store + 1))
}

pub const NOT_SORTABLE: &[u8] = b"-ERR One or more scores can't be converted into double\r\n";

/// A range of members that is removed or stored: among different scores, which members that are depends on the heights
/// of the reference's towers, which are chance.
pub fn changes_by_lex(words: &[Vec<u8>]) -> bool {
    words.first().is_some_and(|word| {
        word.eq_ignore_ascii_case(b"zremrangebylex")
            || word.eq_ignore_ascii_case(b"zrangestore") && has_word(words, "bylex")
    })
}

/// What it does is chance, and both sides must be made equal afterwards.
pub fn is_chance(words: &[Vec<u8>]) -> bool {
    words
        .first()
        .is_some_and(|word| word.eq_ignore_ascii_case(b"spop"))
}

/// SORT … BY a pattern without `*`, or BY texts, of which most are missing and then all the same.
pub fn sorts_by_nothing(words: &[Vec<u8>]) -> bool {
    let alpha = words.iter().any(|word| word.eq_ignore_ascii_case(b"alpha"));
    let by = words
        .iter()
        .position(|word| word.eq_ignore_ascii_case(b"by"));
    by.and_then(|at| words.get(at + 1))
        .is_some_and(|pattern| alpha || !pattern.contains(&b'*'))
}

/// The order that nothing decides would be kept in a list.
pub fn keeps_an_open_order(words: &[Vec<u8>]) -> bool {
    let sort = words
        .first()
        .is_some_and(|word| word.eq_ignore_ascii_case(b"sort"));
    let store = words.iter().any(|word| word.eq_ignore_ascii_case(b"store"));
    sort && store && sorts_by_nothing(words)
}

/// LREM of the smallest of all numbers: 7.0 takes it for a count, since 7.2 it is refused.
pub fn removes_too_many(words: &[Vec<u8>]) -> bool {
    words
        .first()
        .is_some_and(|word| word.eq_ignore_ascii_case(b"lrem"))
        && words.iter().any(|word| word == b"-9223372036854775808")
}

/// Since 7.2 a claim and a read create their consumer whether there is something for it or not: with these calls before,
/// both sides have it.
pub fn consumers_before(words: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    let create = |key: &[u8], group: &[u8], consumer: &[u8]| {
        let call = [
            b"XGROUP".as_slice(),
            b"CREATECONSUMER",
            key,
            group,
            consumer,
        ];
        call.map(<[u8]>::to_vec).to_vec()
    };
    let is = |word: &Vec<u8>, name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    match words {
        [name, key, group, consumer, ..] if is(name, "xclaim") || is(name, "xautoclaim") => {
            vec![create(key, group, consumer)]
        }
        [name, _, group, consumer, rest @ ..] if is(name, "xreadgroup") => {
            let streams = rest.iter().position(|word| is(word, "streams"));
            let streams = streams.map_or(&[][..], |at| &rest[at + 1..]);
            let keys = &streams[..streams.len() / 2];
            keys.iter()
                .map(|key| create(key, group, consumer))
                .collect()
        }
        _ => Vec::new(),
    }
}
