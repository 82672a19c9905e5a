//! The listpack: a sequence of strings and integers in one run of bytes, walked from either end.
//! Format: `format-spec/redis/listpack.md`.
//!
//! The functions here work on one element; who owns the bytes keeps header and end mark right. Elements are decoded
//! in any encoding that the format knows and encoded in the shortest one, as Redis does.

use std::cmp::Ordering;

use crate::cursor::Fault;
use crate::text::{IntText, canonical_int, int_len};

/// Size of the header: total bytes (u32) and number of elements (u16).
pub const HEADER_BYTES: usize = 6;
/// The end mark behind the last element.
pub const END: u8 = 0xff;
/// The number of elements that stands for "too many to say: count them".
pub const COUNT_UNKNOWN: u16 = u16::MAX;
/// The listpack without elements.
pub const EMPTY: [u8; HEADER_BYTES + 1] = [7, 0, 0, 0, 0, 0, END];

/// An unsigned 7-bit integer.
pub const UINT_7: u8 = 0x00;
/// A string of up to 63 bytes.
pub const STR_6: u8 = 0x80;
/// A signed 13-bit integer.
pub const INT_13: u8 = 0xc0;
/// A string of up to 4095 bytes.
pub const STR_12: u8 = 0xe0;
/// A string with a 32-bit length.
pub const STR_32: u8 = 0xf0;
/// A signed 16-bit integer.
pub const INT_16: u8 = 0xf1;
/// A signed 24-bit integer.
pub const INT_24: u8 = 0xf2;
/// A signed 32-bit integer.
pub const INT_32: u8 = 0xf3;
/// A signed 64-bit integer.
pub const INT_64: u8 = 0xf4;

/// An element of a listpack.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A string that is the decimal spelling of this integer.
    Int(i64),
    /// Any other string.
    Bytes(&'a [u8]),
}

impl<'a> Item<'a> {
    /// How the listpack holds `value`: its canonical integer, or the bytes.
    #[inline]
    pub fn of(value: &'a [u8]) -> Item<'a> {
        canonical_int(value).map_or(Item::Bytes(value), Item::Int)
    }

    /// Whether the element is this string.
    #[inline]
    pub fn eq_bytes(&self, value: &[u8]) -> bool {
        match self {
            Item::Int(int) => canonical_int(value) == Some(*int),
            Item::Bytes(bytes) => *bytes == value,
        }
    }

    /// The string; that of an integer is put into `text`.
    #[inline]
    pub fn bytes<'t>(&self, text: &'t mut IntText) -> &'t [u8]
    where
        'a: 't,
    {
        match self {
            Item::Int(int) => {
                *text = IntText::new(*int);
                text.bytes()
            }
            Item::Bytes(bytes) => bytes,
        }
    }

    /// A copy of the string.
    pub fn to_vec(&self) -> Vec<u8> {
        match self {
            Item::Int(int) => IntText::new(*int).bytes().to_vec(),
            Item::Bytes(bytes) => bytes.to_vec(),
        }
    }

    /// The length of the string.
    #[inline]
    #[expect(
        clippy::len_without_is_empty,
        reason = "an element is a string like any other when empty"
    )]
    pub fn len(&self) -> usize {
        match self {
            Item::Int(int) => int_len(*int),
            Item::Bytes(bytes) => bytes.len(),
        }
    }

    /// The integer that the string spells canonically.
    #[inline]
    pub fn int(&self) -> Option<i64> {
        match self {
            Item::Int(int) => Some(*int),
            Item::Bytes(bytes) => canonical_int(bytes),
        }
    }
}

/// Equality of the strings, whatever the encodings.
impl PartialEq for Item<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Item::Int(a), Item::Int(b)) => a == b,
            (Item::Bytes(a), Item::Bytes(b)) => a == b,
            (Item::Int(int), Item::Bytes(bytes)) | (Item::Bytes(bytes), Item::Int(int)) => {
                canonical_int(bytes) == Some(*int)
            }
        }
    }
}

impl Eq for Item<'_> {}

/// The order of the strings as bytes.
impl Ord for Item<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes(&mut IntText::default())
            .cmp(other.bytes(&mut IntText::default()))
    }
}

impl PartialOrd for Item<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The size of the element at the start of `rest` without its back length. `None` at the end mark, at an unknown
/// encoding, and when the length field is cut off; the size may exceed `rest`.
#[inline]
pub fn element_bytes(rest: &[u8]) -> Option<usize> {
    let first = *rest.first()?;
    Some(match first {
        UINT_7..STR_6 => 1,
        STR_6..INT_13 => 1 + usize::from(first & 0x3f),
        INT_13..STR_12 => 2,
        STR_12..STR_32 => 2 + (usize::from(first & 0x0f) << 8 | usize::from(*rest.get(1)?)),
        STR_32 => {
            let length = u32::from_le_bytes(*rest.get(1..)?.first_chunk()?);
            usize::try_from(length).ok()?.checked_add(5)?
        }
        INT_16 => 3,
        INT_24 => 4,
        INT_32 => 5,
        INT_64 => 9,
        _ => return None,
    })
}

/// The element at the start of `rest` and its size without the back length. `None` if there is none.
#[inline]
pub fn decode(rest: &[u8]) -> Option<(Item<'_>, usize)> {
    let first = *rest.first()?;
    if first < STR_6 {
        return Some((Item::Int(i64::from(first)), 1));
    }
    if first < INT_13 {
        let end = 1 + usize::from(first & 0x3f);
        return Some((Item::Bytes(rest.get(1..end)?), end));
    }
    decode_longer(first, rest)
}

fn decode_longer(first: u8, rest: &[u8]) -> Option<(Item<'_>, usize)> {
    let size = element_bytes(rest)?;
    let body = rest.get(1..size)?;
    let item = match first {
        INT_13..STR_12 => {
            // Thirteen bits, sign first: shifted to the top of sixteen and back.
            let raw = u16::from(first) << 8 | u16::from(*body.first()?);
            Item::Int(i64::from((raw << 3).cast_signed() >> 3))
        }
        STR_12..STR_32 => Item::Bytes(body.get(1..)?),
        STR_32 => Item::Bytes(body.get(4..)?),
        INT_16 => Item::Int(i64::from(i16::from_le_bytes(*body.first_chunk()?))),
        INT_24 => {
            let [low, middle, high] = *body.first_chunk()?;
            Item::Int(i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8))
        }
        INT_32 => Item::Int(i64::from(i32::from_le_bytes(*body.first_chunk()?))),
        INT_64 => Item::Int(i64::from_le_bytes(*body.first_chunk()?)),
        _ => return None,
    };
    Some((item, size))
}

/// How many bytes the back length of an element of `size` bytes takes. The limits are Redis', one below what the
/// groups of seven bits could hold.
#[inline]
pub fn back_length_bytes(size: usize) -> usize {
    match size {
        0..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Reads the back length that ends with the last byte of `before`; returns the size of its element, and the bytes
/// of the back length itself.
#[inline]
pub fn back_length(before: &[u8]) -> Option<(usize, usize)> {
    let mut size = 0u64;
    for (index, byte) in before.iter().rev().take(5).enumerate() {
        size |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(size).ok()?, index + 1));
        }
    }
    None
}

/// An encoded element in the three parts that it is made of.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a> {
    head: [u8; 9],
    head_bytes: u8,
    tail: [u8; 5],
    tail_bytes: u8,
    body: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// Encodes a string: as an integer if it is the canonical spelling of one.
    #[inline]
    pub fn new(value: &'a [u8]) -> Encoded<'a> {
        match canonical_int(value) {
            Some(int) => Encoded::int(int),
            None => Encoded::bytes(value),
        }
    }

    /// Encodes an element.
    #[inline]
    pub fn item(item: Item<'a>) -> Encoded<'a> {
        match item {
            Item::Int(int) => Encoded::int(int),
            Item::Bytes(bytes) => Encoded::new(bytes),
        }
    }

    /// Encodes an integer.
    #[inline]
    pub fn int(int: i64) -> Encoded<'static> {
        let (head, head_bytes) = int_head(int);
        Encoded::assemble(head, head_bytes, &[])
    }

    #[inline]
    fn bytes(value: &'a [u8]) -> Encoded<'a> {
        let mut head = [0; 9];
        let [first, second, third, fourth, fifth, ..] = &mut head;
        let head_bytes = match value.len() {
            length @ 0..64 => {
                *first = STR_6 | length as u8;
                1
            }
            length @ 64..4096 => {
                *first = STR_12 | (length >> 8) as u8;
                *second = length as u8;
                2
            }
            length => {
                let length = u32::try_from(length).unwrap_or(u32::MAX);
                *first = STR_32;
                [*second, *third, *fourth, *fifth] = length.to_le_bytes();
                5
            }
        };
        Encoded::assemble(head, head_bytes, value)
    }

    #[inline]
    fn assemble(head: [u8; 9], head_bytes: u8, body: &'a [u8]) -> Encoded<'a> {
        let size = usize::from(head_bytes) + body.len();
        let tail_bytes = back_length_bytes(size);
        let mut tail = [0; 5];
        for (index, byte) in tail.iter_mut().take(tail_bytes).enumerate() {
            let more = if index == 0 { 0 } else { 0x80 };
            *byte = (size >> (7 * (tail_bytes - 1 - index)) & 0x7f) as u8 | more;
        }
        Encoded {
            head,
            head_bytes,
            tail,
            tail_bytes: tail_bytes as u8,
            body,
        }
    }

    /// The bytes, in order.
    #[inline]
    pub fn parts(&self) -> [&[u8]; 3] {
        [
            self.head
                .get(..usize::from(self.head_bytes))
                .unwrap_or_default(),
            self.body,
            self.tail
                .get(..usize::from(self.tail_bytes))
                .unwrap_or_default(),
        ]
    }

    /// How many bytes they are, back length included.
    #[inline]
    pub fn size(&self) -> usize {
        usize::from(self.head_bytes) + self.body.len() + usize::from(self.tail_bytes)
    }

    /// Appends the bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        for part in self.parts() {
            out.extend_from_slice(part);
        }
    }
}

#[inline]
fn int_head(int: i64) -> ([u8; 9], u8) {
    let mut head = [0; 9];
    let [first, second, third, fourth, ..] = &mut head;
    let [a, b, c, d, ..] = int.to_le_bytes();
    match int {
        0..128 => {
            *first = a;
            (head, 1)
        }
        -4096..4096 => {
            *first = INT_13 | b & 0x1f;
            *second = a;
            (head, 2)
        }
        -0x8000..0x8000 => {
            [*first, *second, *third] = [INT_16, a, b];
            (head, 3)
        }
        -0x80_0000..0x80_0000 => {
            [*first, *second, *third, *fourth] = [INT_24, a, b, c];
            (head, 4)
        }
        -0x8000_0000..0x8000_0000 => {
            let head = [INT_32, a, b, c, d, 0, 0, 0, 0];
            (head, 5)
        }
        _ => {
            let [a, b, c, d, e, f, g, h] = int.to_le_bytes();
            ([INT_64, a, b, c, d, e, f, g, h], 9)
        }
    }
}

/// The number of elements in the header; `None` when it does not say.
#[inline]
pub fn header_count(bytes: &[u8]) -> Option<usize> {
    let count = u16::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    (count != COUNT_UNKNOWN).then_some(usize::from(count))
}

/// What the header says of `count` elements.
#[inline]
pub fn count_field(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(COUNT_UNKNOWN)
}

/// Walks the elements of a listpack that nobody vouches for, from the first to the last. Each element lies inside
/// the bytes and has the back length that belongs to it. Ends after the first fault.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    count: usize,
    ended: bool,
}

impl<'a> Reader<'a> {
    /// Checks header and end mark. Allocates nothing.
    pub fn new(bytes: &'a [u8]) -> Result<Reader<'a>, Fault> {
        let total = bytes.first_chunk().ok_or(Fault::Truncated)?;
        let right_size = usize::try_from(u32::from_le_bytes(*total)) == Ok(bytes.len());
        if bytes.len() < EMPTY.len() || !right_size {
            return Err(Fault::Invalid("the size of the listpack is wrong"));
        }
        if bytes.last() != Some(&END) {
            return Err(Fault::Invalid("the end mark of the listpack is missing"));
        }
        Ok(Reader {
            bytes,
            position: HEADER_BYTES,
            count: 0,
            ended: false,
        })
    }

    fn step(&mut self) -> Result<Option<Item<'a>>, Fault> {
        const FAULT: Fault = Fault::Invalid("an element of the listpack is malformed");
        let end = self.bytes.len() - 1;
        let rest = self.bytes.get(self.position..end).ok_or(FAULT)?;
        if rest.is_empty() {
            let said = header_count(self.bytes);
            if said.is_some_and(|said| said != self.count) {
                return Err(Fault::Invalid(
                    "the listpack has another number of elements",
                ));
            }
            return Ok(None);
        }
        let (item, size) = decode(rest).ok_or(FAULT)?;
        let whole = size + back_length_bytes(size);
        let before = rest.get(..whole).ok_or(FAULT)?;
        if back_length(before) != Some((size, whole - size)) {
            return Err(Fault::Invalid("a back length of the listpack is wrong"));
        }
        self.position += whole;
        self.count += 1;
        Ok(Some(item))
    }

    /// Elements so far.
    pub fn seen(&self) -> usize {
        self.count
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

/// Checks the whole listpack; returns the number of its elements. Allocates nothing.
pub fn validate(bytes: &[u8]) -> Result<usize, Fault> {
    let mut reader = Reader::new(bytes)?;
    for item in reader.by_ref() {
        item?;
    }
    Ok(reader.seen())
}

/// Builds a listpack by appending.
#[derive(Clone, Debug)]
pub struct Builder {
    bytes: Vec<u8>,
    count: usize,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

impl Builder {
    /// One without elements.
    pub fn new() -> Builder {
        Builder {
            bytes: vec![0; HEADER_BYTES],
            count: 0,
        }
    }

    /// Appends an element.
    pub fn push(&mut self, item: Item<'_>) {
        Encoded::item(item).put(&mut self.bytes);
        self.count += 1;
    }

    /// Elements so far.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes of the finished listpack.
    pub fn size(&self) -> usize {
        self.bytes.len() + 1
    }

    /// The listpack.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let total = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let [a, b, c, d] = total.to_le_bytes();
        let [e, f] = count_field(self.count).to_le_bytes();
        if let Some(header) = self.bytes.first_chunk_mut::<HEADER_BYTES>() {
            *header = [a, b, c, d, e, f];
        }
        self.bytes
    }
}

#[cfg(test)]
#[path = "listpack/tests.rs"]
mod tests;
