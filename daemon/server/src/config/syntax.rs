//! The syntax of a configuration line: words, quotes, escapes.

/// Splits a line into words. A word may be quoted with `"` (escapes `\n \r \t \b \a \xHH \\ \"`) or `'` (escape
/// `\'` alone); a closing quote ends its word. `None`: quotes that do not close, or text glued behind one.
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(words);
        }
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after;
    }
}

fn word(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut out = Vec::new();
    let mut i = 0;
    while let Some(&byte) = line.get(i) {
        match byte {
            b'"' | b'\'' => {
                let after = quoted(&line[i + 1..], byte, &mut out)?;
                return if after.first().is_none_or(|b| is_blank(*b)) {
                    Some((out, after))
                } else {
                    None
                };
            }
            _ if is_blank(byte) => break,
            _ => out.push(byte),
        }
        i += 1;
    }
    Some((out, &line[i..]))
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0 || byte == 0x0b
}

/// Reads up to the closing quote and returns what follows it.
fn quoted<'a>(text: &'a [u8], quote: u8, out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let mut i = 0;
    loop {
        let byte = *text.get(i)?;
        if byte == quote {
            return Some(&text[i + 1..]);
        }
        if byte == b'\\' && quote == b'"' {
            let (value, used) = escape(&text[i + 1..])?;
            out.push(value);
            i += 1 + used;
        } else if byte == b'\\' && text.get(i + 1) == Some(&b'\'') {
            out.push(b'\'');
            i += 2;
        } else {
            out.push(byte);
            i += 1;
        }
    }
}

/// The byte behind a backslash in double quotes, and how many bytes spelled it.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    if let [b'x', high, low, ..] = text
        && let (Some(high), Some(low)) = ((*high as char).to_digit(16), (*low as char).to_digit(16))
    {
        return Some(((high * 16 + low) as u8, 3));
    }
    let byte = match *text.first()? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    };
    Some((byte, 1))
}

/// The text in double quotes, so that `split` gives it back.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x07' => out.push_str("\\a"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<&[&str]>) {
        let got = split(line.as_bytes());
        let expected = expected.map(|words| {
            words
                .iter()
                .map(|w| w.as_bytes().to_vec())
                .collect::<Vec<_>>()
        });
        assert_eq!(got, expected, "{line:?}");
    }

    #[test]
    fn lines() {
        check("", Some(&[]));
        check("  \t ", Some(&[]));
        check("port 6379", Some(&["port", "6379"]));
        check(r#"save """#, Some(&["save", ""]));
        check(r#"a "b c" 'd e'"#, Some(&["a", "b c", "d e"]));
        check(r#"a "x\n\t\"\\\x41""#, Some(&["a", "x\n\t\"\\A"]));
        check(r#"a 'it\'s \n'"#, Some(&["a", r"it's \n"]));
        check(r#"a b"c""#, Some(&["a", "bc"]));
        check(r#"a "b"c"#, None);
        check(r#"a "b"#, None);
        check("a 'b", None);
        check(r#"a "b\"#, None);
        check(r#"a "\xzz""#, Some(&["a", "xzz"]));
    }

    #[test]
    fn quoting_and_splitting_are_inverse() {
        for text in [
            "",
            "plain",
            "two words",
            "q\"uo'te",
            "back\\slash",
            "nl\n\r\t\x07\x08\x01",
            "\u{e9}\u{4e2d}",
        ] {
            assert_eq!(
                split(quote(text).as_bytes()),
                Some(vec![text.as_bytes().to_vec()]),
                "{text:?}"
            );
        }
    }
}
