//! The reply writer: one method per kind of value, RESP3 or its RESP2 fallback.
//!
//! Aggregates announce their length first; where it is not known yet, `defer` keeps the place and `finish_*`
//! puts the header there. Nothing checks that as many elements follow as were announced: a handler's
//! tests do.

use std::sync::Arc;

use crate::Proto;
use crate::double::write_double;
use crate::oneshot::write_length;
use crate::out::{Mark, OutBuf};

#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut OutBuf,
    proto: Proto,
}

/// The place of an aggregate whose length is not known yet.
#[derive(Debug)]
#[must_use = "an aggregate without its header breaks the protocol"]
pub struct Deferred(Mark);

impl<'a> Reply<'a> {
    pub fn new(out: &'a mut OutBuf, proto: Proto) -> Reply<'a> {
        Reply { out, proto }
    }

    pub fn proto(&self) -> Proto {
        self.proto
    }

    pub fn is_resp3(&self) -> bool {
        self.proto == Proto::Resp3
    }

    /// HELLO switches in the middle of its own reply.
    pub fn set_proto(&mut self, proto: Proto) {
        self.proto = proto;
    }

    pub fn out(&mut self) -> &mut OutBuf {
        self.out
    }

    pub fn mark(&self) -> Mark {
        self.out.mark()
    }

    pub fn truncate_to(&mut self, mark: Mark) {
        self.out.truncate_to(mark);
    }

    #[inline]
    pub fn ok(&mut self) {
        self.out.push(b"+OK\r\n");
    }

    /// A status line; the text holds no line break.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error line with its code, such as `ERR syntax error`. Line breaks become blanks.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        let bytes = &mut self.out.bytes;
        bytes.push(b'-');
        bytes.extend(text.as_ref().iter().map(|byte| {
            if matches!(byte, b'\r' | b'\n') {
                b' '
            } else {
                *byte
            }
        }));
        bytes.extend_from_slice(b"\r\n");
    }

    #[inline]
    pub fn integer(&mut self, value: i64) {
        let bytes = &mut self.out.bytes;
        if (0..10).contains(&value) {
            bytes.extend_from_slice(&[b':', b'0' + value as u8, b'\r', b'\n']);
            return;
        }
        bytes.push(b':');
        bytes.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }

    #[inline]
    pub fn bulk(&mut self, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        let bytes = &mut self.out.bytes;
        bytes.reserve(value.len() + 16);
        write_length(bytes, b'$', value.len());
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }

    /// An integer as a bulk string.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value));
    }

    /// A double as a bulk string, also in RESP3.
    pub fn bulk_double(&mut self, value: f64) {
        let mut text = Vec::with_capacity(32);
        write_double(&mut text, value);
        self.bulk(text);
    }

    /// A big value: the reply refers to it instead of copying it.
    pub fn bulk_shared(&mut self, value: &Arc<Vec<u8>>) {
        write_length(&mut self.out.bytes, b'$', value.len());
        self.out.push_shared(value);
        self.out.push(b"\r\n");
    }

    pub fn null(&mut self) {
        self.by_proto(b"$-1\r\n", b"_\r\n");
    }

    pub fn null_array(&mut self) {
        self.by_proto(b"*-1\r\n", b"_\r\n");
    }

    pub fn array(&mut self, len: usize) {
        write_length(&mut self.out.bytes, b'*', len);
    }

    /// `pairs` keys with their values follow.
    pub fn map(&mut self, pairs: usize) {
        match self.proto {
            Proto::Resp2 => self.array(pairs * 2),
            Proto::Resp3 => write_length(&mut self.out.bytes, b'%', pairs),
        }
    }

    pub fn set(&mut self, len: usize) {
        self.aggregate(b'~', len);
    }

    /// An out-of-band message; RESP2 clients in pub/sub mode get an array.
    pub fn push(&mut self, len: usize) {
        self.aggregate(b'>', len);
    }

    /// `pairs` of metadata in front of the real reply. RESP2 has no such thing: returns whether to write them.
    #[must_use = "the pairs may only be written when this is true"]
    pub fn attribute(&mut self, pairs: usize) -> bool {
        if self.is_resp3() {
            write_length(&mut self.out.bytes, b'|', pairs);
        }
        self.is_resp3()
    }

    pub fn double(&mut self, value: f64) {
        match self.proto {
            Proto::Resp2 => self.bulk_double(value),
            Proto::Resp3 => {
                let bytes = &mut self.out.bytes;
                bytes.push(b',');
                write_double(bytes, value);
                bytes.extend_from_slice(b"\r\n");
            }
        }
    }

    pub fn bool(&mut self, value: bool) {
        match value {
            true => self.by_proto(b":1\r\n", b"#t\r\n"),
            false => self.by_proto(b":0\r\n", b"#f\r\n"),
        }
    }

    /// Text with a three-letter format, such as `txt` or `mkd`.
    pub fn verbatim(&mut self, format: &[u8; 3], text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        if !self.is_resp3() {
            return self.bulk(text);
        }
        write_length(&mut self.out.bytes, b'=', text.len() + 4);
        self.out.push(format);
        self.out.push(b":");
        self.out.push(text);
        self.out.push(b"\r\n");
    }

    /// Decimal digits of any length.
    pub fn big_number(&mut self, digits: &str) {
        match self.proto {
            Proto::Resp2 => self.bulk(digits),
            Proto::Resp3 => self.line(b'(', digits.as_bytes()),
        }
    }

    pub fn defer(&mut self) -> Deferred {
        Deferred(self.out.mark())
    }

    pub fn finish_array(&mut self, place: Deferred, len: usize) {
        self.finish(place, b'*', len);
    }

    pub fn finish_map(&mut self, place: Deferred, pairs: usize) {
        match self.proto {
            Proto::Resp2 => self.finish(place, b'*', pairs * 2),
            Proto::Resp3 => self.finish(place, b'%', pairs),
        }
    }

    pub fn finish_set(&mut self, place: Deferred, len: usize) {
        let sign = if self.is_resp3() { b'~' } else { b'*' };
        self.finish(place, sign, len);
    }

    fn finish(&mut self, place: Deferred, sign: u8, len: usize) {
        let mut header = Vec::with_capacity(24);
        write_length(&mut header, sign, len);
        self.out.insert(place.0, &header);
    }

    fn aggregate(&mut self, resp3: u8, len: usize) {
        let sign = if self.is_resp3() { resp3 } else { b'*' };
        write_length(&mut self.out.bytes, sign, len);
    }

    fn line(&mut self, sign: u8, text: &[u8]) {
        let bytes = &mut self.out.bytes;
        bytes.reserve(text.len() + 3);
        bytes.push(sign);
        bytes.extend_from_slice(text);
        bytes.extend_from_slice(b"\r\n");
    }

    fn by_proto(&mut self, resp2: &[u8], resp3: &[u8]) {
        self.out.push(match self.proto {
            Proto::Resp2 => resp2,
            Proto::Resp3 => resp3,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SPLICE_MIN;

    /// Writes the same in both protocols.
    fn check(write: impl Fn(&mut Reply<'_>), resp2: &str, resp3: &str) {
        for (proto, want) in [(Proto::Resp2, resp2), (Proto::Resp3, resp3)] {
            let mut out = OutBuf::new();
            write(&mut Reply::new(&mut out, proto));
            assert_eq!(String::from_utf8_lossy(&out.to_vec()), want);
        }
    }

    #[test]
    fn scalars() {
        check(|r| r.ok(), "+OK\r\n", "+OK\r\n");
        check(|r| r.simple("string"), "+string\r\n", "+string\r\n");
        check(|r| r.error("ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n");
        check(|r| r.integer(-7), ":-7\r\n", ":-7\r\n");
        check(
            |r| r.integer(12345678901),
            ":12345678901\r\n",
            ":12345678901\r\n",
        );
        check(
            |r| r.bulk("hello world"),
            "$11\r\nhello world\r\n",
            "$11\r\nhello world\r\n",
        );
        check(|r| r.null(), "$-1\r\n", "_\r\n");
        check(|r| r.null_array(), "*-1\r\n", "_\r\n");
        check(|r| r.double(2.75), "$4\r\n2.75\r\n", ",2.75\r\n");
        check(|r| r.bool(true), ":1\r\n", "#t\r\n");
        check(|r| r.bool(false), ":0\r\n", "#f\r\n");
        check(
            |r| r.verbatim(b"txt", "hi"),
            "$2\r\nhi\r\n",
            "=6\r\ntxt:hi\r\n",
        );
        check(|r| r.big_number("123"), "$3\r\n123\r\n", "(123\r\n");
        check(|r| r.bulk_integer(-12), "$3\r\n-12\r\n", "$3\r\n-12\r\n");
    }

    #[test]
    fn aggregates() {
        check(|r| r.array(12), "*12\r\n", "*12\r\n");
        check(|r| r.map(3), "*6\r\n", "%3\r\n");
        check(|r| r.set(3), "*3\r\n", "~3\r\n");
        check(|r| r.push(3), "*3\r\n", ">3\r\n");
        check(|r| assert_eq!(r.attribute(1), r.is_resp3()), "", "|1\r\n");
    }

    #[test]
    fn deferred_headers_move_splices() {
        let blob = Arc::new(vec![b'z'; SPLICE_MIN]);
        let mut out = OutBuf::new();
        let mut reply = Reply::new(&mut out, Proto::Resp3);
        reply.ok();
        let place = reply.defer();
        reply.bulk_shared(&blob);
        reply.integer(1);
        reply.finish_set(place, 2);
        let want = format!(
            "+OK\r\n~2\r\n${SPLICE_MIN}\r\n{}\r\n:1\r\n",
            "z".repeat(SPLICE_MIN)
        );
        assert_eq!(String::from_utf8_lossy(&out.to_vec()), want);
    }
}
