//! Conversations with a server in lines of text: what tests say, what they hear, and what they wait for.

use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, Value};

/// Polls until `done`; the limit only ends a test that would never end.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < limit, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The reply to a command given as words, as [`text`].
pub fn say(client: &mut Client, line: &str) -> String {
    text(&client.words(line).expect("a reply"))
}

/// The next reply of a client that sent something before.
pub fn next(client: &mut Client) -> String {
    text(&client.read().expect("a reply"))
}

/// A reply in short: items in brackets, errors with their minus sign.
pub fn text(value: &Value) -> String {
    match value {
        Value::Int(n) => n.to_string(),
        Value::Null => "null".to_string(),
        Value::Bool(yes) => yes.to_string(),
        Value::Error(line) => format!("-{}", String::from_utf8_lossy(line)),
        Value::Simple(bytes) | Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(text).collect();
            format!("[{}]", items.join(" "))
        }
    }
}
