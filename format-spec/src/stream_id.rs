//! The id of an entry of a stream, its text and its bytes.

use std::fmt;

/// The length of the longest text: two numbers of twenty digits and a hyphen.
const TEXT_BYTES_MAX: usize = 41;

/// The id of an entry of a stream: a time in milliseconds, and a number among the entries of that time. Ordered by
/// both, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds, usually since the Unix epoch.
    pub ms: u64,
    /// The number.
    pub seq: u64,
}

impl StreamId {
    /// The smallest id. No entry has it.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The largest id.
    pub const MAX: StreamId = StreamId {
        ms: u64::MAX,
        seq: u64::MAX,
    };

    /// The id of these two parts.
    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// The id right behind; `None` behind the last.
    pub fn next(self) -> Option<StreamId> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId::new(self.ms.checked_add(1)?, 0)),
        }
    }

    /// The id right before; `None` before the first.
    pub fn prev(self) -> Option<StreamId> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId::new(self.ms.checked_sub(1)?, u64::MAX)),
        }
    }

    /// `ms-seq`, as replies and effects show it.
    pub fn text(self) -> IdText {
        let mut text = IdText {
            bytes: [0; TEXT_BYTES_MAX],
            length: 0,
        };
        let mut buffer = itoa::Buffer::new();
        text.push(buffer.format(self.ms).as_bytes());
        text.push(b"-");
        text.push(buffer.format(self.seq).as_bytes());
        text
    }

    /// Reads what [`StreamId::text`] writes, and nothing else: the spelling in effects.
    pub fn parse(text: &[u8]) -> Option<StreamId> {
        let hyphen = text.iter().position(|byte| *byte == b'-')?;
        let (ms, seq) = (text.get(..hyphen)?, text.get(hyphen + 1..)?);
        Some(StreamId::new(canonical(ms)?, canonical(seq)?))
    }

    /// Sixteen bytes whose order is the order of ids.
    #[expect(clippy::big_endian_bytes, reason = "bytes that sort as the id does")]
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    /// The opposite of [`StreamId::to_bytes`].
    #[expect(clippy::big_endian_bytes, reason = "bytes that sort as the id does")]
    pub fn from_bytes(bytes: [u8; 16]) -> StreamId {
        let both = u128::from_be_bytes(bytes);
        StreamId::new((both >> 64) as u64, both as u64)
    }
}

/// Decimal digits without leading zeros.
fn canonical(digits: &[u8]) -> Option<u64> {
    let leading = matches!(digits, [b'0', _, ..] | []);
    if leading || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// The text of an id, without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct IdText {
    bytes: [u8; TEXT_BYTES_MAX],
    length: u8,
}

impl IdText {
    fn push(&mut self, more: &[u8]) {
        let start = usize::from(self.length);
        if let Some(place) = self.bytes.get_mut(start..start + more.len()) {
            place.copy_from_slice(more);
            self.length += more.len() as u8;
        }
    }

    /// The characters.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_come_back() {
        let ids = [
            StreamId::MIN,
            StreamId::new(0, 1),
            StreamId::new(1_700_000_000_000, 12),
            StreamId::MAX,
        ];
        for id in ids {
            assert_eq!(StreamId::parse(id.text().bytes()), Some(id));
            assert_eq!(id.text().bytes(), id.to_string().as_bytes());
            assert_eq!(StreamId::from_bytes(id.to_bytes()), id);
        }
        assert!(ids.is_sorted_by_key(|id| id.to_bytes()));
    }

    #[test]
    fn only_the_canonical_spelling_is_read() {
        for text in [
            "", "1", "-", "1-", "-1", "01-1", "1-01", "1-1-1", "+1-1", "1- 1",
        ] {
            assert_eq!(StreamId::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(StreamId::parse(b"1-18446744073709551616"), None);
    }

    #[test]
    fn neighbours() {
        let id = StreamId::new(5, u64::MAX);
        assert_eq!(id.next(), Some(StreamId::new(6, 0)));
        assert_eq!(StreamId::new(6, 0).prev(), Some(id));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.prev(), None);
    }
}
