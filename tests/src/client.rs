//! A blocking RESP2/RESP3 client that also hands out the raw bytes of each reply.
//!
//! The differential test compares bytes, so a reply is first cut out of the stream as bytes (`read_raw`) and only
//! then, if somebody wants it, read as a `Value`. Independent of the daemon's own protocol crate on purpose.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Ends tests that would hang; no test depends on its length.
const REPLY_LIMIT: Duration = Duration::from_secs(60);
const READ_BYTES: usize = 64 * 1024;

#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Int(i64),
    /// A bulk string, a verbatim string without its format, a double, a big number: text.
    Bulk(Vec<u8>),
    Bool(bool),
    Null,
    /// Arrays, sets, pushes and maps (flattened to key, value, …).
    Array(Vec<Value>),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Simple(text) => write!(f, "+{}", show(text)),
            Value::Error(text) => write!(f, "-{}", show(text)),
            Value::Int(n) => write!(f, ":{n}"),
            Value::Bulk(text) => write!(f, "\"{}\"", show(text)),
            Value::Bool(yes) => write!(f, "#{yes}"),
            Value::Null => write!(f, "null"),
            Value::Array(items) => f.debug_list().entries(items).finish(),
        }
    }
}

impl Value {
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            Value::Simple(text) | Value::Bulk(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        }
    }

    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(text) | Value::Bulk(text) | Value::Error(text) => Some(text),
            _ => None,
        }
    }

    pub fn into_array(self) -> Option<Vec<Value>> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn is_ok(&self) -> bool {
        *self == Value::Simple(b"OK".to_vec())
    }
}

#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// Bytes read and not yet handed out start at `start`.
    buf: Vec<u8>,
    start: usize,
}

impl Client {
    pub fn connect(addr: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_LIMIT))?;
        stream.set_write_timeout(Some(REPLY_LIMIT))?;
        Ok(Client {
            stream,
            buf: Vec::new(),
            start: 0,
        })
    }

    /// Gives up on a reply after this long (tests of pauses and held replies).
    pub fn set_reply_limit(&self, limit: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(limit))
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Closes the sending side; replies still come.
    pub fn finish_sending(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    pub fn send(&mut self, args: &[&[u8]]) -> io::Result<()> {
        self.send_bytes(&encode(args))
    }

    /// One command, its reply as bytes.
    pub fn raw(&mut self, args: &[&[u8]]) -> io::Result<Vec<u8>> {
        self.send(args)?;
        self.read_raw()
    }

    /// One command, its reply as a value. An error reply is a value too.
    pub fn call(&mut self, args: &[&[u8]]) -> io::Result<Value> {
        parse(&self.raw(args)?)
    }

    /// One command given as words: `client.words("SET k v")`.
    pub fn words(&mut self, line: &str) -> io::Result<Value> {
        let args: Vec<&[u8]> = line
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(str::as_bytes)
            .collect();
        self.call(&args)
    }

    pub fn read(&mut self) -> io::Result<Value> {
        parse(&self.read_raw()?)
    }

    /// The bytes of the next whole reply.
    pub fn read_raw(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(len) = reply_len(&self.buf[self.start..])? {
                let reply = self.buf[self.start..self.start + len].to_vec();
                self.start += len;
                if self.start == self.buf.len() {
                    self.buf.clear();
                    self.start = 0;
                }
                return Ok(reply);
            }
            if self.fill()? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the server closed the connection",
                ));
            }
        }
    }

    /// Everything until the server closes the connection.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.fill() {
                Ok(0) => break,
                Ok(_) => {}
                // A close with our bytes unread arrives as a reset.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
                Err(error) => return Err(error),
            }
        }
        let rest = self.buf.split_off(self.start);
        self.buf.clear();
        self.start = 0;
        Ok(rest)
    }

    fn fill(&mut self) -> io::Result<usize> {
        let old = self.buf.len();
        self.buf.resize(old + READ_BYTES, 0);
        let read = self.stream.read(&mut self.buf[old..]);
        self.buf.truncate(old + *read.as_ref().unwrap_or(&0));
        read
    }
}

/// A command as an array of bulk strings.
pub fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn malformed(what: &str, bytes: &[u8]) -> io::Error {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{what} in reply {shown:?}"),
    )
}

/// Length of the first whole reply in `bytes`, attributes in front of it included; `None` when more must come.
fn reply_len(bytes: &[u8]) -> io::Result<Option<usize>> {
    let mut at = 0;
    let mut open = 1u64;
    while open > 0 {
        let Some((head, line_len)) = line(&bytes[at..]) else {
            return Ok(None);
        };
        let kind = *head
            .first()
            .ok_or_else(|| malformed("an empty line", bytes))?;
        let number = || {
            let text = std::str::from_utf8(&head[1..])
                .ok()
                .and_then(|text| text.parse::<i64>().ok());
            text.ok_or_else(|| malformed("a bad length", bytes))
        };
        at += line_len;
        open -= 1;
        match kind {
            b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {}
            b'$' | b'=' | b'!' => {
                let body = number()?;
                if body >= 0 {
                    at += body as usize + 2;
                    if at > bytes.len() {
                        return Ok(None);
                    }
                }
            }
            b'*' | b'~' | b'>' => open += number()?.max(0) as u64,
            b'%' => open += 2 * number()?.max(0) as u64,
            // An attribute stands in front of the reply it describes.
            b'|' => open += 2 * number()?.max(0) as u64 + 1,
            _ => return Err(malformed("an unknown type", bytes)),
        }
    }
    Ok(Some(at))
}

/// The text up to CRLF and the length with it.
fn line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..end], end + 2))
}

/// Reads a whole reply.
pub fn parse(bytes: &[u8]) -> io::Result<Value> {
    let mut at = 0;
    let value = parse_at(bytes, &mut at)?;
    if at != bytes.len() {
        return Err(malformed("bytes after the end", bytes));
    }
    Ok(value)
}

fn parse_at(bytes: &[u8], at: &mut usize) -> io::Result<Value> {
    let (head, line_len) = line(&bytes[*at..]).ok_or_else(|| malformed("a cut line", bytes))?;
    *at += line_len;
    let (kind, text) = head
        .split_first()
        .ok_or_else(|| malformed("an empty line", bytes))?;
    let number = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse::<i64>().ok());
    let count = |factor: usize| {
        number
            .map(|n| n.max(0) as usize * factor)
            .ok_or_else(|| malformed("a count", bytes))
    };
    match kind {
        b'+' => Ok(Value::Simple(text.to_vec())),
        b'-' => Ok(Value::Error(text.to_vec())),
        b':' => number
            .map(Value::Int)
            .ok_or_else(|| malformed("an integer", bytes)),
        b'_' => Ok(Value::Null),
        b'#' => Ok(Value::Bool(text == b"t")),
        b',' | b'(' => Ok(Value::Bulk(text.to_vec())),
        b'$' | b'=' | b'!' => {
            let Some(len) = number.filter(|n| *n >= 0) else {
                return Ok(Value::Null);
            };
            let body = bytes
                .get(*at..*at + len as usize)
                .ok_or_else(|| malformed("a cut string", bytes))?;
            *at += len as usize + 2;
            match kind {
                b'=' => Ok(Value::Bulk(body.get(4..).unwrap_or_default().to_vec())),
                b'!' => Ok(Value::Error(body.to_vec())),
                _ => Ok(Value::Bulk(body.to_vec())),
            }
        }
        b'*' if number == Some(-1) => Ok(Value::Null),
        b'*' | b'~' | b'>' => items(bytes, at, count(1)?),
        b'%' => items(bytes, at, count(2)?),
        b'|' => {
            items(bytes, at, count(2)?)?;
            parse_at(bytes, at)
        }
        _ => Err(malformed("an unknown type", bytes)),
    }
}

fn items(bytes: &[u8], at: &mut usize, count: usize) -> io::Result<Value> {
    (0..count)
        .map(|_| parse_at(bytes, at))
        .collect::<io::Result<Vec<Value>>>()
        .map(Value::Array)
}

/// Bytes as a readable literal for failure messages.
pub fn show(bytes: &[u8]) -> String {
    let mut out = String::new();
    for &byte in bytes.iter().take(600) {
        out.extend(std::ascii::escape_default(byte).map(char::from));
    }
    if bytes.len() > 600 {
        out.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: Value) {
        for cut in 0..bytes.len() {
            assert_eq!(
                reply_len(&bytes[..cut]).expect("a prefix is not malformed"),
                None,
                "cut at {cut}"
            );
        }
        assert_eq!(reply_len(bytes).expect("well formed"), Some(bytes.len()));
        assert_eq!(parse(bytes).expect("well formed"), expect);
    }

    #[test]
    fn replies_are_cut_at_their_end_and_read() {
        check(b"+OK\r\n", Value::Simple(b"OK".to_vec()));
        check(b":-7\r\n", Value::Int(-7));
        check(b"$3\r\na\r\n\r\n", Value::Bulk(b"a\r\n".to_vec()));
        check(b"$-1\r\n", Value::Null);
        check(b"*-1\r\n", Value::Null);
        check(
            b"*2\r\n:1\r\n*1\r\n_\r\n",
            Value::Array(vec![Value::Int(1), Value::Array(vec![Value::Null])]),
        );
        check(
            b"%1\r\n+a\r\n#t\r\n",
            Value::Array(vec![Value::Simple(b"a".to_vec()), Value::Bool(true)]),
        );
        check(b"|1\r\n+a\r\n+b\r\n:5\r\n", Value::Int(5));
        check(b"=7\r\ntxt:abc\r\n", Value::Bulk(b"abc".to_vec()));
        check(b",3.5\r\n", Value::Bulk(b"3.5".to_vec()));
    }
}
