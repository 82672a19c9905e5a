//! Inline requests: one line, arguments separated by blanks, quoted as in a shell.
//!
//! Inside double quotes `\n \r \t \b \a`, `\xHH` and `\` before any other byte are escapes; inside
//! single quotes only `\'` is. A closing quote must be followed by a blank or the end. Decoding
//! never grows an argument, so it happens in place and arguments stay ranges of the buffer.

use crate::ArgRange;

/// A quote was left open, or was closed in the middle of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InlineError;

/// Splits `buf[..line_len]` in place. Ranges are appended to `args`, counted from `buf`'s start.
pub fn split_inline(
    buf: &mut [u8],
    line_len: usize,
    args: &mut Vec<ArgRange>,
) -> Result<(), InlineError> {
    let line = &mut buf[..line_len];
    let mut read = 0;
    loop {
        while read < line.len() && is_blank(line[read]) {
            read += 1;
        }
        if read == line.len() {
            return Ok(());
        }
        let start = read;
        let (end, next) = decode_word(line, start)?;
        args.push(ArgRange {
            start: start as u32,
            len: (end - start) as u32,
        });
        read = next;
    }
}

/// Decodes the word at `start` onto itself: returns where the decoded bytes end and where reading goes on.
fn decode_word(line: &mut [u8], start: usize) -> Result<(usize, usize), InlineError> {
    let (mut read, mut write) = (start, start);
    while let Some(&byte) = line.get(read) {
        match byte {
            // Fewer bytes end a word than may stand between words.
            b' ' | b'\t' | b'\n' | b'\r' | 0 => break,
            b'"' => {
                (read, write) = decode_double(line, read + 1, write)?;
                return Ok((write, read));
            }
            b'\'' => {
                (read, write) = decode_single(line, read + 1, write)?;
                return Ok((write, read));
            }
            _ => {
                line[write] = byte;
                (read, write) = (read + 1, write + 1);
            }
        }
    }
    // A NUL ends the line: what follows it was never seen by servers that hold lines as C strings.
    let next = if line.get(read) == Some(&0) {
        line.len()
    } else {
        read
    };
    Ok((write, next))
}

fn decode_double(
    line: &mut [u8],
    mut read: usize,
    mut write: usize,
) -> Result<(usize, usize), InlineError> {
    loop {
        let (byte, used) = match *line.get(read..).ok_or(InlineError)? {
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(high) << 4 | hex(low), 4)
            }
            [b'\\', escaped, ..] => (unescape(escaped), 2),
            [b'"', ref rest @ ..] => return closed(rest, read, write),
            [0, ..] | [] => return Err(InlineError),
            [byte, ..] => (byte, 1),
        };
        line[write] = byte;
        (read, write) = (read + used, write + 1);
    }
}

fn decode_single(
    line: &mut [u8],
    mut read: usize,
    mut write: usize,
) -> Result<(usize, usize), InlineError> {
    loop {
        let (byte, used) = match *line.get(read..).ok_or(InlineError)? {
            [b'\\', b'\'', ..] => (b'\'', 2),
            [b'\'', ref rest @ ..] => return closed(rest, read, write),
            [0, ..] | [] => return Err(InlineError),
            [byte, ..] => (byte, 1),
        };
        line[write] = byte;
        (read, write) = (read + used, write + 1);
    }
}

fn closed(rest: &[u8], read: usize, write: usize) -> Result<(usize, usize), InlineError> {
    match rest.first() {
        Some(&next) if !is_blank(next) && next != 0 => Err(InlineError),
        _ => Ok((read + 1, write)),
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Result<Vec<String>, InlineError> {
        let mut buf = line.as_bytes().to_vec();
        let mut args = Vec::new();
        let len = buf.len();
        split_inline(&mut buf, len, &mut args)?;
        Ok(args
            .iter()
            .map(|a| String::from_utf8_lossy(a.of(&buf)).into_owned())
            .collect())
    }

    fn check(line: &str, want: &[&str]) {
        assert_eq!(split(line).expect(line), want, "{line}");
    }

    #[test]
    fn words_and_quotes() {
        check("", &[]);
        check("   ", &[]);
        check("PING", &["PING"]);
        check("  set  k   v ", &["set", "k", "v"]);
        check(r#"set "a b" 'c d'"#, &["set", "a b", "c d"]);
        check(r#"set "" ''"#, &["set", "", ""]);
        check(
            r#"x "\x41\x7a\n\t\r\b\a\\\"\q""#,
            &["x", "Az\n\t\r\x08\x07\\\"q"],
        );
        check(r#"x '\x41\'\n'"#, &["x", r"\x41'\n"]);
        check(r#"pre"fix d""#, &["prefix d"]);
        check(r#"a "\xzz""#, &["a", "xzz"]);
    }

    #[test]
    fn quotes_must_close_before_a_blank() {
        for bad in [
            r#"a "b"#,
            r#"a 'b"#,
            r#"a "b"c"#,
            r#"a 'b'c"#,
            "\"",
            "'",
            r#""\"#,
            r#""\x4"#,
        ] {
            assert_eq!(split(bad), Err(InlineError), "{bad}");
        }
    }

    #[test]
    fn a_nul_ends_the_line() {
        check("a b\0c d", &["a", "b"]);
        assert_eq!(split("a \"b\0\""), Err(InlineError));
    }
}
