//! One line of CLIENT LIST.

use std::fmt::Write;

use esker_resp::Proto;

use crate::session::{Durability, Peer, Session, Wait};
use crate::table::TABLE;

/// The remote and the local address, as `ip:port`, `[ip]:port` or `path:0`.
pub fn addresses(peer: &Peer) -> (String, String) {
    match peer {
        Peer::Tcp { peer, local } => (peer.to_string(), local.to_string()),
        Peer::Unix { path } => (format!("{path}:0"), format!("{path}:0")),
    }
}

/// What the letters say: `N` nothing special, `x` collects a transaction, `b` waits in a blocking command, `d` a watched
/// key has changed, `c` closes after its replies, `U` unix socket, `e` out of eviction, `T` touches no access bits.
pub fn flags(session: &Session) -> String {
    let letters = [
        ('x', session.multi.is_some()),
        (
            'b',
            matches!(
                session.wait,
                Some(Wait::Aof { .. } | Wait::Replicas { .. } | Wait::Control | Wait::Keys)
            ),
        ),
        ('d', session.watch.changed),
        ('c', session.close_after_reply),
        ('U', matches!(session.peer, Peer::Unix { .. })),
        ('e', session.no_evict),
        ('T', session.no_touch),
    ];
    let set: String = letters
        .iter()
        .filter(|(_, on)| *on)
        .map(|(letter, _)| *letter)
        .collect();
    if set.is_empty() { "N".into() } else { set }
}

pub fn policy_word(policy: Durability) -> &'static str {
    match policy {
        Durability::Always => "always",
        Durability::Everysec => "everysec",
        Durability::No => "no",
    }
}

/// The fields of Redis 7 in its order, those that came later, and the durability in force.
pub fn line(session: &Session, now_ms: i64, policy: Durability) -> Vec<u8> {
    let (addr, laddr) = addresses(&session.peer);
    let b = &session.buffers;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (queued, queued_bytes) = session.multi.as_ref().map_or((-1, 0), |transaction| {
        (transaction.queued.len() as i64, transaction.bytes())
    });
    let memory =
        size_of::<Session>() + b.query_bytes + b.query_free_bytes + b.output_bytes + queued_bytes;
    let command = session
        .last_command
        .map_or_else(|| "NULL".into(), |id| TABLE.row(id).lower_name());
    let mut out = String::with_capacity(512);
    let fields: [(&str, String); 34] = [
        ("id", session.id.0.to_string()),
        ("addr", addr),
        ("laddr", laddr),
        ("fd", session.slot.to_string()),
        ("name", text(&session.name)),
        ("age", session.age(now_ms).as_secs().to_string()),
        ("idle", session.idle(now_ms).as_secs().to_string()),
        ("flags", flags(session)),
        ("db", session.db.to_string()),
        ("sub", "0".into()),
        ("psub", "0".into()),
        ("ssub", "0".into()),
        ("multi", queued.to_string()),
        ("qbuf", b.query_bytes.to_string()),
        ("qbuf-free", b.query_free_bytes.to_string()),
        ("argv-mem", b.args_bytes.to_string()),
        ("multi-mem", queued_bytes.to_string()),
        ("rbs", b.output_bytes.to_string()),
        ("rbp", b.output_bytes.to_string()),
        ("obl", b.output_bytes.to_string()),
        ("oll", b.output_list_len.to_string()),
        ("omem", b.output_bytes.to_string()),
        ("tot-mem", memory.to_string()),
        ("events", "r".into()),
        ("cmd", command),
        ("user", session.user.clone()),
        ("redir", "-1".into()),
        (
            "resp",
            if session.proto == Proto::Resp3 {
                "3"
            } else {
                "2"
            }
            .into(),
        ),
        ("watch", session.watch.keys.len().to_string()),
        ("lib-name", text(&session.lib_name)),
        ("lib-ver", text(&session.lib_ver)),
        ("io-thread", session.thread.to_string()),
        ("tot-net-in", session.bytes_in.to_string()),
        ("tot-net-out", session.bytes_out.to_string()),
    ];
    for (name, value) in fields {
        write!(out, "{name}={value} ").expect("a String takes all text");
    }
    let policy = policy_word(session.durability.unwrap_or(policy));
    writeln!(out, "tot-cmds={} durability={policy}", session.commands)
        .expect("a String takes all text");
    out.into_bytes()
}
