//! Replies that could not leave yet: refused by the socket, or held for the log.
//!
//! Big values ride along by reference. A queue allocates nothing while it is empty, so that an idle
//! connection costs its struct only.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::ops::Range;
use std::sync::Arc;

use esker_resp::OutBuf;

use super::stream::Stream;

/// How many pieces one vectored write takes.
const SLICES_MAX: usize = 64;

#[derive(Debug)]
enum Part {
    Bytes(Vec<u8>),
    Shared(Arc<Vec<u8>>),
}

impl Part {
    fn as_slice(&self) -> &[u8] {
        match self {
            Part::Bytes(v) => v,
            Part::Shared(v) => v,
        }
    }
}

#[derive(Default, Debug)]
pub struct OutQueue {
    parts: VecDeque<Part>,
    /// How much of the first part is sent.
    sent: usize,
    bytes: usize,
}

/// A piece of an `OutBuf`: byte and splice ranges of one client within a tick's output.
#[derive(Clone, Default, Debug)]
pub struct OutRange {
    pub bytes: Range<usize>,
    pub splices: Range<usize>,
}

impl OutRange {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.splices.is_empty()
    }
}

impl OutQueue {
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Bytes not sent yet, shared values included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    pub fn push_bytes(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.bytes += bytes.len();
        if let Some(Part::Bytes(last)) = self.parts.back_mut() {
            last.extend_from_slice(bytes);
        } else {
            self.parts.push_back(Part::Bytes(bytes.to_vec()));
        }
    }

    fn push_shared(&mut self, value: Arc<Vec<u8>>) {
        self.bytes += value.len();
        self.parts.push_back(Part::Shared(value));
    }

    pub fn push_range(&mut self, out: &OutBuf, range: &OutRange) {
        for_each_part(out, range, |piece| match piece {
            Piece::Bytes(b) => self.push_bytes(b),
            Piece::Shared(v) => self.push_shared(v.clone()),
        });
    }

    pub fn append(&mut self, other: OutQueue) {
        debug_assert_eq!(
            other.sent, 0,
            "only what was never sent moves between queues"
        );
        self.bytes += other.bytes;
        self.parts.extend(other.parts);
    }

    /// Writes until the socket refuses; true when nothing is left.
    pub fn write_to(&mut self, stream: &mut Stream) -> io::Result<bool> {
        while !self.parts.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            for (slice, part) in slices.iter_mut().zip(&self.parts) {
                let skip = if count == 0 { self.sent } else { 0 };
                *slice = IoSlice::new(&part.as_slice()[skip..]);
                count += 1;
            }
            match stream.write_vectored(&slices[..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => self.advance(n),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    fn advance(&mut self, mut n: usize) {
        self.bytes -= n;
        while let Some(first) = self.parts.front() {
            let left = first.as_slice().len() - self.sent;
            if n < left {
                self.sent += n;
                return;
            }
            n -= left;
            self.sent = 0;
            self.parts.pop_front();
        }
        // An idle connection keeps no buffer.
        self.parts = VecDeque::new();
    }
}

enum Piece<'a> {
    Bytes(&'a [u8]),
    Shared(&'a Arc<Vec<u8>>),
}

fn for_each_part<'a>(out: &'a OutBuf, range: &OutRange, mut f: impl FnMut(Piece<'a>)) {
    let mut at = range.bytes.start;
    for (pos, value) in &out.splices()[range.splices.clone()] {
        f(Piece::Bytes(&out.bytes()[at..*pos]));
        f(Piece::Shared(value));
        at = *pos;
    }
    f(Piece::Bytes(&out.bytes()[at..range.bytes.end]));
}

/// Sends a client's part of a tick straight from the tick's buffer; what the socket refuses goes to
/// `queue`. Returns the bytes written now.
pub fn send_range(
    stream: &mut Stream,
    out: &OutBuf,
    range: &OutRange,
    queue: &mut OutQueue,
) -> io::Result<usize> {
    if !queue.is_empty() || !range.splices.is_empty() {
        queue.push_range(out, range);
        let before = queue.bytes();
        queue.write_to(stream)?;
        return Ok(before - queue.bytes());
    }
    let bytes = &out.bytes()[range.bytes.clone()];
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.write(&bytes[sent..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => sent += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                queue.push_bytes(&bytes[sent..]);
                break;
            }
            Err(e) => return Err(e),
        }
    }
    Ok(sent)
}
