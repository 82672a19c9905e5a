//! Replies brought into a form in which equal means the same.

use std::io;

use crate::client::{Value, parse};

type Outcome<T> = Result<T, String>;

fn both(replies: &[Vec<u8>; 2]) -> Outcome<[Value; 2]> {
    let text = |error: io::Error| error.to_string();
    Ok([
        parse(&replies[0]).map_err(text)?,
        parse(&replies[1]).map_err(text)?,
    ])
}

/// The same array in any order; of maps, in any order of their pairs.
pub fn same_set(replies: &[Vec<u8>; 2], width: usize) -> Outcome<bool> {
    let [a, b] = both(replies)?;
    Ok(match (a, b) {
        (Value::Array(a), Value::Array(b)) => groups(a, width) == groups(b, width),
        (a, b) => a == b,
    })
}

fn groups(items: Vec<Value>, width: usize) -> Vec<String> {
    let mut groups: Vec<String> = items
        .chunks(width)
        .map(|group| format!("{group:?}"))
        .collect();
    groups.sort();
    groups
}

/// The result of a scan: equal as sets where both come to the end at once.
pub fn same_scan(replies: &[Vec<u8>; 2], width: usize) -> Outcome<bool> {
    let [Value::Array(a), Value::Array(b)] = both(replies)? else {
        return Ok(false);
    };
    let at_end = |parts: &[Value]| parts.first().and_then(Value::as_bytes) == Some(b"0");
    if !at_end(&a) || !at_end(&b) {
        return Ok(true);
    }
    // Scores are written with as few digits as read back since 7.2.
    let canonical = |value: Value| match number(&value) {
        Some(number) => Value::Bulk(number.to_string().into_bytes()),
        None => value,
    };
    let found = |parts: Vec<Value>| -> Vec<Value> {
        let found = parts.into_iter().nth(1).and_then(Value::into_array);
        found
            .unwrap_or_default()
            .into_iter()
            .map(canonical)
            .collect()
    };
    Ok(groups(found(a), width) == groups(found(b), width))
}

/// As many elements, whatever they are.
pub fn same_count(replies: &[Vec<u8>; 2]) -> Outcome<bool> {
    Ok(match both(replies)? {
        [Value::Array(a), Value::Array(b)] => a.len() == b.len(),
        [a, b] => (a == Value::Null) == (b == Value::Null),
    })
}

/// Equal but for the notation of numbers: 3.3 is 3.2999999999999998, and coordinates had 17 decimals at most.
pub fn same_numbers(replies: &[Vec<u8>; 2]) -> Outcome<bool> {
    const DECIMALS: f64 = 1e-16;
    let [a, b] = both(replies)?;
    Ok(agree(&a, &b, &|a, b| match (number(a), number(b)) {
        (Some(a), Some(b)) => a == b || (a - b).abs() < DECIMALS,
        _ => false,
    }))
}

fn number(value: &Value) -> Option<f64> {
    std::str::from_utf8(value.as_bytes()?).ok()?.parse().ok()
}

/// Equal but for integers that count milliseconds and lie `slack` apart.
pub fn same_times(replies: &[Vec<u8>; 2], slack: i64) -> Outcome<bool> {
    let [a, b] = both(replies)?;
    Ok(agree(&a, &b, &|a, b| close(a, b, slack)))
}

fn close(a: &Value, b: &Value, slack: i64) -> bool {
    matches!((a, b), (Value::Int(a), Value::Int(b)) if (a - b).abs() <= slack)
}

fn agree(a: &Value, b: &Value, leaf: &dyn Fn(&Value, &Value) -> bool) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agree(a, b, leaf))
        }
        _ => a == b || leaf(a, b),
    }
}

/// Facts by name, at any depth: those of the list are compared, times among them with slack, the others are not.
pub fn same_facts(replies: &[Vec<u8>; 2], names: &[&str], slack: i64) -> Outcome<bool> {
    let [a, b] = both(replies)?;
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    facts(&a, names, &mut of_a);
    facts(&b, names, &mut of_b);
    Ok(of_a.len() == of_b.len()
        && of_a.iter().zip(&of_b).all(|((name_a, a), (name_b, b))| {
            name_a == name_b && (a == b || (name_a.contains("idle") && close(a, b, slack)))
        }))
}

/// The pairs of a reply whose name is in the list, in order.
fn facts(value: &Value, names: &[&str], out: &mut Vec<(String, Value)>) {
    let Value::Array(items) = value else {
        return;
    };
    for (at, item) in items.iter().enumerate() {
        let name = String::from_utf8_lossy(item.as_bytes().unwrap_or_default()).into_owned();
        match items.get(at + 1) {
            Some(value) if names.contains(&name.as_str()) => out.push((name, value.clone())),
            _ => facts(item, names, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(a: &str, b: &str) -> [Vec<u8>; 2] {
        [a.into(), b.into()]
    }

    #[test]
    fn pairs_stay_together_in_any_order() {
        let a = "*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n";
        assert_eq!(
            same_set(&replies(a, "*4\r\n:3\r\n:4\r\n:1\r\n:2\r\n"), 2),
            Ok(true)
        );
        assert_eq!(
            same_set(&replies(a, "*4\r\n:4\r\n:3\r\n:1\r\n:2\r\n"), 2),
            Ok(false)
        );
        assert_eq!(
            same_set(&replies(a, "*4\r\n:4\r\n:3\r\n:1\r\n:2\r\n"), 1),
            Ok(true)
        );
    }

    #[test]
    fn numbers_are_equal_by_value_and_other_texts_are_not() {
        let bulk = |text: &str| format!("*1\r\n${}\r\n{text}\r\n", text.len());
        let same = |a, b| same_numbers(&replies(&bulk(a), &bulk(b)));
        assert_eq!(same("3.3", "3.2999999999999998"), Ok(true));
        assert_eq!(same("3.3", "3.4"), Ok(false));
        assert_eq!(same("a", "b"), Ok(false));
    }

    #[test]
    fn only_named_facts_count() {
        let reply = |idle: i64, other: i64| {
            format!("*4\r\n$4\r\nidle\r\n:{idle}\r\n$5\r\nother\r\n:{other}\r\n").into_bytes()
        };
        let same = |a, b, names: &[&str]| same_facts(&[a, b], names, 10);
        assert_eq!(same(reply(5, 1), reply(9, 2), &["idle"]), Ok(true));
        assert_eq!(same(reply(5, 1), reply(99, 2), &["idle"]), Ok(false));
        assert_eq!(
            same(reply(5, 1), reply(5, 2), &["idle", "other"]),
            Ok(false)
        );
    }
}
