//! The strict encoder and decoder of one complete command, for payloads that we wrote ourselves.
//!
//! Unlike the connection parser this one accepts only what `write_command` writes: an array of at
//! least one bulk, canonical lengths, every CR LF in its place. A log that holds anything else is damaged.

use crate::number::parse_u64;

/// Why a payload is not a sequence of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The buffer ends inside a command.
    Truncated,
    /// The byte at this offset cannot be part of a command.
    Malformed { at: usize },
}

/// Appends one command: an array of bulks.
#[inline]
pub fn write_command(out: &mut Vec<u8>, args: &[&[u8]]) {
    let bytes: usize = args.iter().map(|arg| arg.len() + 16).sum();
    out.reserve(bytes + 16);
    write_length(out, b'*', args.len());
    for arg in args {
        write_length(out, b'$', arg.len());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends `<sign><number>\r\n`.
#[inline]
pub(crate) fn write_length(out: &mut Vec<u8>, sign: u8, length: usize) {
    if length < 10 {
        out.extend_from_slice(&[sign, b'0' + length as u8, b'\r', b'\n']);
        return;
    }
    let mut digits = itoa::Buffer::new();
    out.push(sign);
    out.extend_from_slice(digits.format(length).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Reads the command at the start of `buf` into `args` (cleared first) and returns how many bytes it takes.
pub fn parse_command<'a>(buf: &'a [u8], args: &mut Vec<&'a [u8]>) -> Result<usize, CommandError> {
    args.clear();
    let (count, mut at) = read_length(buf, 0, b'*')?;
    if count == 0 {
        return Err(CommandError::Malformed { at: 1 });
    }
    for _ in 0..count {
        let (len, body) = read_length(buf, at, b'$')?;
        let end = usize::try_from(len)
            .ok()
            .and_then(|len| body.checked_add(len));
        let end = end
            .filter(|end| *end < usize::MAX - 2)
            .ok_or(CommandError::Malformed { at })?;
        let bytes = buf.get(body..end).ok_or(CommandError::Truncated)?;
        expect_crlf(buf, end)?;
        args.push(bytes);
        at = end + 2;
    }
    Ok(at)
}

/// Reads `<sign><number>\r\n` at `at`: the number and the offset behind the line.
fn read_length(buf: &[u8], at: usize, sign: u8) -> Result<(u64, usize), CommandError> {
    let rest = buf.get(at..).unwrap_or_default();
    match rest.first() {
        None => return Err(CommandError::Truncated),
        Some(&first) if first != sign => return Err(CommandError::Malformed { at }),
        Some(_) => {}
    }
    let digits = rest[1..]
        .iter()
        .take(21)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let end = at + 1 + digits;
    if end == buf.len() {
        return Err(CommandError::Truncated);
    }
    let value = parse_u64(&buf[at + 1..end]).ok_or(CommandError::Malformed { at: at + 1 })?;
    expect_crlf(buf, end)?;
    Ok((value, end + 2))
}

fn expect_crlf(buf: &[u8], at: usize) -> Result<(), CommandError> {
    match buf.get(at..).unwrap_or_default() {
        [b'\r', b'\n', ..] => Ok(()),
        [] | [b'\r'] => Err(CommandError::Truncated),
        _ => Err(CommandError::Malformed { at }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strictness() {
        let check = |text: &str, want: Result<usize, CommandError>| {
            assert_eq!(
                parse_command(text.as_bytes(), &mut Vec::new()),
                want,
                "{text:?}"
            );
        };
        check("*1\r\n$4\r\nPING\r\n", Ok(14));
        check("*1\r\n$0\r\n\r\nrest", Ok(10));
        check("", Err(CommandError::Truncated));
        check("*1\r\n$4\r\nPIN", Err(CommandError::Truncated));
        check("*0\r\n", Err(CommandError::Malformed { at: 1 }));
        check("*01\r\n", Err(CommandError::Malformed { at: 1 }));
        check("PING\r\n", Err(CommandError::Malformed { at: 0 }));
        check(
            "*1\r\n$4\r\nPINGxx",
            Err(CommandError::Malformed { at: 12 }),
        );
        check(
            "*1\r\n$18446744073709551615\r\n",
            Err(CommandError::Malformed { at: 4 }),
        );
        check("*1\r\n$-1\r\n", Err(CommandError::Malformed { at: 5 }));
    }

    proptest! {
        #[test]
        fn print_then_parse_is_identity(args in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..12), cut in any::<prop::sample::Index>()) {
            let slices: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            let mut bytes = Vec::new();
            write_command(&mut bytes, &slices);
            let mut parsed = Vec::new();
            prop_assert_eq!(parse_command(&bytes, &mut parsed), Ok(bytes.len()));
            prop_assert_eq!(&parsed, &slices);
            let cut = cut.index(bytes.len());
            prop_assert_eq!(parse_command(&bytes[..cut], &mut Vec::new()), Err(CommandError::Truncated));
        }
    }
}
