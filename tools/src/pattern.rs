//! Glob patterns over keys, as in `KEYS`: `*`, `?`, `[a-z]`, `[^x]`, and `\` before a literal.

/// Whether `key` as a whole fits `pattern`.
pub fn fits(pattern: &[u8], key: &[u8]) -> bool {
    let (mut pattern, mut key) = (pattern, key);
    // Where to go on if the current way fails: the pattern behind the last `*`, and the key behind one byte more.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        let step = match (pattern, key) {
            ([], []) => return true,
            ([b'*', rest @ ..], _) => {
                retry = key.split_first().map(|(_, tail)| (pattern, tail));
                pattern = rest;
                continue;
            }
            ([_, ..], [byte, tail @ ..]) => one(pattern, *byte).map(|rest| (rest, tail)),
            _ => None,
        };
        match step.or_else(|| retry.take()) {
            Some(next) => (pattern, key) = next,
            None => return false,
        }
    }
}

/// Matches the first element of `pattern`, not a `*`, with `byte`; returns what follows it.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [b'?', rest @ ..] => Some(rest),
        [b'[', rest @ ..] => class(rest, byte),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (*literal == byte).then_some(rest),
        [] => None,
    }
}

/// Matches the inside of `[...]`; an end that is missing is taken as given.
fn class(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (negated, mut rest) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut found = false;
    loop {
        rest = match rest {
            [] | [b']', ..] => break,
            [b'\\', literal, tail @ ..] => {
                found |= *literal == byte;
                tail
            }
            [from, b'-', to, tail @ ..] => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                tail
            }
            [literal, tail @ ..] => {
                found |= *literal == byte;
                tail
            }
        };
    }
    (found != negated).then(|| rest.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns() {
        let check = |pattern: &str, key: &str| fits(pattern.as_bytes(), key.as_bytes());
        assert!(check("*", ""));
        assert!(check("user:*", "user:1"));
        assert!(check("*:*:x", "a:b:c:x"));
        assert!(check("h[ae]llo", "hello"));
        assert!(check("h[^e]llo", "hallo"));
        assert!(check("[a-c]?", "bz"));
        assert!(check(r"\*", "*"));
        assert!(check("a*b*c", "aXbXbXc"));
        assert!(!check("", "a"));
        assert!(!check("user:*", "cart:1"));
        assert!(!check("h[^e]llo", "hello"));
        assert!(!check("a?", "a"));
        assert!(!check("*x", "xy"));
        assert!(!fits(b"*a*a*a*a*a*a*a*a*b", &[b'a'; 2000]));
    }
}
