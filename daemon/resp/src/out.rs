//! The output buffer of a connection: bytes, with big values riding along by reference.
//!
//! A splice `(offset, blob)` says that the blob's bytes belong in front of `bytes[offset..]`. Offsets
//! never decrease, so walking both lists once gives the wire order. Big values are thus neither copied nor
//! formatted while the engine is locked; the writer hands the pieces to a vectored write.

use std::sync::Arc;

/// Shared values below this size are copied: one more vector entry would cost more than the copy.
pub const SPLICE_MIN: usize = 4096;

#[derive(Debug, Default)]
pub struct OutBuf {
    pub(crate) bytes: Vec<u8>,
    splices: Vec<(usize, Arc<Vec<u8>>)>,
    spliced_bytes: usize,
}

/// A position in an `OutBuf` to come back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    bytes: usize,
    splices: usize,
}

impl OutBuf {
    pub const fn new() -> OutBuf {
        OutBuf {
            bytes: Vec::new(),
            splices: Vec::new(),
            spliced_bytes: 0,
        }
    }

    pub fn with_capacity(bytes: usize) -> OutBuf {
        OutBuf {
            bytes: Vec::with_capacity(bytes),
            ..OutBuf::new()
        }
    }

    /// What will be sent, in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.spliced_bytes
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.splices.is_empty()
    }

    /// Forgets the content and keeps the allocation.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.splices.clear();
        self.spliced_bytes = 0;
    }

    /// The allocation this buffer holds on to by itself (blobs are owned elsewhere too).
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// The bytes without the spliced blobs.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn splices(&self) -> &[(usize, Arc<Vec<u8>>)] {
        &self.splices
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Places a blob behind what was written so far.
    pub fn push_shared(&mut self, blob: &Arc<Vec<u8>>) {
        if blob.len() < SPLICE_MIN {
            self.bytes.extend_from_slice(blob);
        } else {
            self.spliced_bytes += blob.len();
            self.splices.push((self.bytes.len(), Arc::clone(blob)));
        }
    }

    /// Moves all of `other` behind this buffer's content.
    pub fn append(&mut self, other: &mut OutBuf) {
        let base = self.bytes.len();
        self.bytes.append(&mut other.bytes);
        self.splices
            .extend(other.splices.drain(..).map(|(at, blob)| (base + at, blob)));
        self.spliced_bytes += std::mem::take(&mut other.spliced_bytes);
    }

    pub fn mark(&self) -> Mark {
        Mark {
            bytes: self.bytes.len(),
            splices: self.splices.len(),
        }
    }

    /// Drops everything written since `mark`.
    pub fn truncate_to(&mut self, mark: Mark) {
        assert!(
            mark.bytes <= self.bytes.len() && mark.splices <= self.splices.len(),
            "a mark of this buffer"
        );
        self.bytes.truncate(mark.bytes);
        self.spliced_bytes -= self.splices[mark.splices..]
            .iter()
            .map(|(_, blob)| blob.len())
            .sum::<usize>();
        self.splices.truncate(mark.splices);
    }

    /// Was anything written since `mark`?
    pub fn is_at(&self, mark: Mark) -> bool {
        self.mark() == mark
    }

    /// Is the first reply written since `mark` an error?
    pub fn is_error_at(&self, mark: Mark) -> bool {
        matches!(self.bytes.get(mark.bytes), Some(b'-' | b'!'))
    }

    /// The line of the error written at `mark`, without its type byte.
    pub fn error_line_at(&self, mark: Mark) -> &[u8] {
        let line = self.bytes.get(mark.bytes + 1..).unwrap_or_default();
        line.split(|byte| *byte == b'\r').next().unwrap_or_default()
    }

    /// The pieces in wire order, for a vectored write.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        let spliced = self.splices.iter().flat_map(move |(at, blob)| {
            let before = &self.bytes[from..*at];
            from = *at;
            [before, blob.as_slice()]
        });
        let tail = self.splices.last().map_or(0, |(at, _)| *at);
        spliced
            .chain(std::iter::once(&self.bytes[tail..]))
            .filter(|piece| !piece.is_empty())
    }

    /// One flat copy, for tests and for small uses such as scripts.
    pub fn to_vec(&self) -> Vec<u8> {
        self.pieces().collect::<Vec<_>>().concat()
    }

    /// Inserts `text` at a position of `bytes` and moves the splices behind it.
    pub(crate) fn insert(&mut self, mark: Mark, text: &[u8]) {
        let tail = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.bytes
            .copy_within(mark.bytes..tail, mark.bytes + text.len());
        self.bytes[mark.bytes..mark.bytes + text.len()].copy_from_slice(text);
        for (at, _) in &mut self.splices[mark.splices..] {
            *at += text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_wire_order() {
        let big = Arc::new(vec![b'x'; SPLICE_MIN]);
        let small = Arc::new(b"small".to_vec());
        let mut out = OutBuf::new();
        out.push_shared(&big);
        out.push(b"ab");
        let mark = out.mark();
        out.push_shared(&big);
        out.push_shared(&small);
        assert_eq!(out.splices().len(), 2);
        let want = [&big[..], b"ab", &big[..], b"small"].concat();
        assert_eq!(out.to_vec(), want);
        assert_eq!(out.len(), want.len());
        out.insert(mark, b"<>");
        assert_eq!(
            out.to_vec(),
            [&big[..], b"ab<>", &big[..], b"small"].concat()
        );
        let mut joined = OutBuf::new();
        joined.push(b"first");
        joined.append(&mut out);
        assert!(out.is_empty());
        assert_eq!(
            joined.to_vec(),
            [b"first", &big[..], b"ab<>", &big[..], b"small"].concat()
        );
        joined.truncate_to(Mark {
            bytes: 5,
            splices: 0,
        });
        assert_eq!((joined.to_vec(), joined.len()), (b"first".to_vec(), 5));
    }
}
