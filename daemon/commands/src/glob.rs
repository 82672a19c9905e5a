//! Glob patterns as KEYS, SCAN, PSUBSCRIBE and CONFIG GET use them.
//!
//! `*` any bytes, `?` one byte, `[a-c]` and `[^a-c]` one byte of a set, `\x` the byte itself. A set that is never
//! closed ends with the pattern. Only the last `*` needs to be tried again, because everything else takes exactly
//! one byte: the time is at most the product of both lengths.

/// Does `text` match `pattern` as a whole?
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, |byte| byte)
}

/// The same without regard to the case of ASCII letters.
pub fn matches_any_case(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, |byte| byte.to_ascii_lowercase())
}

fn matches_with(pattern: &[u8], text: &[u8], fold: impl Fn(u8) -> u8 + Copy) -> bool {
    let (mut at, mut read) = (0, 0);
    // Behind the last star seen, and how much text it has taken so far.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            retry = Some((at, read));
            continue;
        }
        let Some(&byte) = text.get(read) else {
            return pattern[at..].iter().all(|rest| *rest == b'*');
        };
        match step(&pattern[at..], byte, fold) {
            Some(used) => (at, read) = (at + used, read + 1),
            None => {
                let Some((behind_star, taken)) = retry else {
                    return false;
                };
                (at, read) = (behind_star, taken + 1);
                retry = Some((behind_star, taken + 1));
            }
        }
    }
}

/// How much of the pattern matches this one byte; none if it does not or the pattern is over.
fn step(pattern: &[u8], byte: u8, fold: impl Fn(u8) -> u8 + Copy) -> Option<usize> {
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', ..] => match_set(pattern, byte, fold),
        [b'\\', literal, ..] => (fold(literal) == fold(byte)).then_some(2),
        [literal, ..] => (fold(literal) == fold(byte)).then_some(1),
    }
}

fn match_set(pattern: &[u8], byte: u8, fold: impl Fn(u8) -> u8 + Copy) -> Option<usize> {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    let byte = fold(byte);
    loop {
        match pattern[at..] {
            [] => break,
            [b'\\', literal, ..] => {
                found |= fold(literal) == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [from, b'-', to, ..] => {
                let (from, to) = (from.min(to), from.max(to));
                found |= (fold(from)..=fold(to)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= fold(literal) == byte;
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns() {
        let check = |pattern: &str, text: &str, want: bool| {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                want,
                "{pattern} {text}"
            );
        };
        check("*", "", true);
        check("", "", true);
        check("", "a", false);
        check("h?llo", "hello", true);
        check("h?llo", "hllo", false);
        check("h*llo", "heeeello", true);
        check("h[ae]llo", "hallo", true);
        check("h[ae]llo", "hillo", false);
        check("h[^e]llo", "hallo", true);
        check("h[^e]llo", "hello", false);
        check("h[a-b]llo", "hbllo", true);
        check("h[b-a]llo", "hallo", true);
        check("h\\*llo", "h*llo", true);
        check("h\\*llo", "hello", false);
        check("a\\", "a\\", true);
        check("[abc", "c", true);
        check("[^]", "a", true);
        check("[]", "a", false);
        check("[\\]]", "]", true);
        check("[a-", "-", true);
        check("a*b*c", "aXbXbXc", true);
        check("a*b*c", "aXbXbX", false);
        check("*foo", "foofoo", true);
        assert!(matches_any_case(b"HE[L-M]*", b"hello"));
        assert!(!matches(b"HE*", b"hello"));
    }

    /// The obvious recursion.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|taken| naive(rest, &text[taken..])),
            _ => text.split_first().is_some_and(|(byte, rest)| {
                step(pattern, *byte, |b| b).is_some_and(|used| naive(&pattern[used..], rest))
            }),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_recursion(pattern in "[ab*?\\[\\]^\\\\-]{0,9}", text in "[ab\\-\\]]{0,9}") {
            prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), naive(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
