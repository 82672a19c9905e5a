//! The ziplist: what Redis before 7.0 had in the place of the listpack. It is only read.
//! Format: `format-spec/redis/ziplist.md`.

use crate::cursor::Fault;
use crate::redis::listpack::Item;

/// Size of the header: total bytes (u32), offset of the last element (u32), number of elements (u16).
pub const HEADER_BYTES: usize = 10;
/// The end mark behind the last element.
pub const END: u8 = 0xff;
/// First byte of a size of the element before that has four bytes more.
pub const BIG_SIZE: u8 = 0xfe;
/// The number of elements that stands for "too many to say: count them".
pub const COUNT_UNKNOWN: u16 = u16::MAX;

/// A string with a 6-bit length.
pub const STR_6: u8 = 0x00;
/// A string with a 14-bit length.
pub const STR_14: u8 = 0x40;
/// A string with a 32-bit length.
pub const STR_32: u8 = 0x80;
/// A signed 16-bit integer.
pub const INT_16: u8 = 0xc0;
/// A signed 32-bit integer.
pub const INT_32: u8 = 0xd0;
/// A signed 64-bit integer.
pub const INT_64: u8 = 0xe0;
/// A signed 24-bit integer.
pub const INT_24: u8 = 0xf0;
/// A signed 8-bit integer.
pub const INT_8: u8 = 0xfe;
/// The integer 0; the next twelve bytes are 1 to 12.
pub const INT_0: u8 = 0xf1;
/// The integer 12.
pub const INT_12: u8 = 0xfd;

const MALFORMED: Fault = Fault::Invalid("an element of the ziplist is malformed");

/// Walks the elements of a ziplist that nobody vouches for. Ends after the first fault. Allocates nothing.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Where the element before began.
    last: usize,
    count: usize,
    ended: bool,
}

impl<'a> Reader<'a> {
    /// Checks header and end mark.
    pub fn new(bytes: &'a [u8]) -> Result<Reader<'a>, Fault> {
        let total = bytes.first_chunk().ok_or(Fault::Truncated)?;
        let right_size = usize::try_from(u32::from_le_bytes(*total)) == Ok(bytes.len());
        if bytes.len() <= HEADER_BYTES || !right_size {
            return Err(Fault::Invalid("the size of the ziplist is wrong"));
        }
        if bytes.last() != Some(&END) {
            return Err(Fault::Invalid("the end mark of the ziplist is missing"));
        }
        Ok(Reader {
            bytes,
            position: HEADER_BYTES,
            last: HEADER_BYTES,
            count: 0,
            ended: false,
        })
    }

    fn step(&mut self) -> Result<Option<Item<'a>>, Fault> {
        let end = self.bytes.len() - 1;
        let rest = self.bytes.get(self.position..end).ok_or(MALFORMED)?;
        if rest.is_empty() {
            return self.end().map(|()| None);
        }
        let (before, prefix) = size_before(rest).ok_or(MALFORMED)?;
        if before != self.position - self.last {
            return Err(Fault::Invalid("a size in the ziplist is wrong"));
        }
        let (item, size) = rest.get(prefix..).and_then(decode).ok_or(MALFORMED)?;
        self.last = self.position;
        self.position += prefix + size;
        self.count += 1;
        Ok(Some(item))
    }

    /// Compares what the header says of the whole.
    fn end(&self) -> Result<(), Fault> {
        let header = self.bytes.get(4..HEADER_BYTES).unwrap_or_default();
        let (tail, count) = header.split_first_chunk().ok_or(Fault::Truncated)?;
        let count = u16::from_le_bytes(*count.first_chunk().ok_or(Fault::Truncated)?);
        if usize::try_from(u32::from_le_bytes(*tail)) != Ok(self.last) {
            return Err(Fault::Invalid("the ziplist ends with another element"));
        }
        if count != COUNT_UNKNOWN && usize::from(count) != self.count {
            return Err(Fault::Invalid("the ziplist has another number of elements"));
        }
        Ok(())
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Item<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}

/// The size of the element before, and the bytes that say so.
fn size_before(rest: &[u8]) -> Option<(usize, usize)> {
    match *rest.first()? {
        BIG_SIZE => {
            let size = u32::from_le_bytes(*rest.get(1..)?.first_chunk()?);
            Some((usize::try_from(size).ok()?, 5))
        }
        END => None,
        size => Some((usize::from(size), 1)),
    }
}

/// The element at the start of `rest` and its size.
#[expect(
    clippy::big_endian_bytes,
    reason = "ziplists hold the lengths of strings in network order"
)]
fn decode(rest: &[u8]) -> Option<(Item<'_>, usize)> {
    let (first, body) = rest.split_first()?;
    let string = |head: usize, length: usize| {
        let end = head.checked_add(length)?;
        Some((Item::Bytes(rest.get(head..end)?), end))
    };
    let (int, size) = match *first {
        STR_6..STR_14 => return string(1, usize::from(*first)),
        STR_14..STR_32 => {
            let low = usize::from(*body.first()?);
            return string(2, usize::from(first & 0x3f) << 8 | low);
        }
        STR_32 => {
            let length = u32::from_be_bytes(*body.first_chunk()?);
            return string(5, usize::try_from(length).ok()?);
        }
        INT_16 => (i64::from(i16::from_le_bytes(*body.first_chunk()?)), 3),
        INT_32 => (i64::from(i32::from_le_bytes(*body.first_chunk()?)), 5),
        INT_64 => (i64::from_le_bytes(*body.first_chunk()?), 9),
        INT_24 => {
            let [low, middle, high] = *body.first_chunk()?;
            (
                i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8),
                4,
            )
        }
        INT_8 => (i64::from(i8::from_le_bytes(*body.first_chunk()?)), 2),
        INT_0..=INT_12 => (i64::from(first - INT_0), 1),
        _ => return None,
    };
    Some((Item::Int(int), size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A ziplist of encoded elements.
    fn built(elements: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        let (mut last, mut size) = (HEADER_BYTES, 0);
        for element in elements {
            last = bytes.len();
            if size < usize::from(BIG_SIZE) {
                bytes.push(size as u8);
            } else {
                bytes.push(BIG_SIZE);
                bytes.extend_from_slice(&(size as u32).to_le_bytes());
            }
            bytes.extend_from_slice(element);
            size = bytes.len() - last;
        }
        bytes.push(END);
        let total = bytes.len() as u32;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
        bytes[4..8].copy_from_slice(&(last as u32).to_le_bytes());
        bytes[8..10].copy_from_slice(&(elements.len() as u16).to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
        Reader::new(bytes)?
            .map(|item| item.map(|item| item.to_vec()))
            .collect()
    }

    fn sample() -> Vec<u8> {
        let mut long = vec![0x41, 0x2c];
        long.resize(302, b'x');
        built(&[
            b"\x03abc",
            &long,
            b"\xfe\x80",
            b"\xf1",
            b"\xfd",
            b"\xc0\x00\x80",
            b"\xf0\xff\xff\xff",
            b"\xd0\x00\x00\x01\x00",
            b"\xe0\xff\xff\xff\xff\xff\xff\xff\x7f",
            b"\x80\x00\x00\x00\x01z",
            b"\x00",
        ])
    }

    #[test]
    fn every_encoding() {
        let read = read(&sample()).expect("intact");
        let text: Vec<&[u8]> = read.iter().map(Vec::as_slice).collect();
        assert_eq!(text[0], b"abc");
        assert_eq!(text[1], [b'x'; 300]);
        let rest: &[&[u8]] = &[
            b"-128",
            b"0",
            b"12",
            b"-32768",
            b"-1",
            b"65536",
            b"9223372036854775807",
            b"z",
            b"",
        ];
        assert_eq!(&text[2..], rest);
    }

    #[test]
    fn what_the_header_says_is_compared() {
        for at in [4, 8] {
            let mut bytes = sample();
            bytes[at] ^= 1;
            assert!(read(&bytes).is_err());
        }
        assert_eq!(read(&built(&[])), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..360, byte in any::<u8>(), cut in 0usize..360) {
            let mut bytes = sample();
            let length = bytes.len();
            bytes[at % length] = byte;
            drop(read(&bytes));
            bytes.truncate(cut % length);
            prop_assert!(read(&bytes).is_err());
        }
    }
}
