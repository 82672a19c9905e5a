//! Bounds-checked reading of fixed-width little-endian fields: the only place with byte arithmetic.
//!
//! Every method returns [`Fault::Truncated`] instead of panicking. Writing needs no cursor: layouts are
//! appended to a `Vec<u8>` with the `put_*` functions, in the order of their specification.

use std::fmt;

/// Why bytes are not what they should be. The caller adds file and offset ([`crate::verdict::Verdict`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes end before the structure does.
    Truncated,
    /// The structure does not begin with its magic number.
    BadMagic,
    /// The checksum of the named part does not match.
    BadCrc(&'static str),
    /// The structure has a layout version that this reader does not know.
    UnknownVersion(u32),
    /// The structure needs features that this reader does not have.
    UnknownFeatures(u64),
    /// The structure is intact but says something that the specification forbids.
    Invalid(&'static str),
}

impl Fault {
    /// Whether a newer program may find nothing wrong: such a file is refused and left alone.
    pub fn needs_newer(&self) -> bool {
        matches!(self, Fault::UnknownVersion(_) | Fault::UnknownFeatures(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Truncated => f.write_str("the bytes end too early"),
            Fault::BadMagic => f.write_str("the magic number does not match"),
            Fault::BadCrc(part) => write!(f, "the checksum of the {part} does not match"),
            Fault::UnknownVersion(version) => {
                write!(f, "layout version {version} is unknown to this program")
            }
            Fault::UnknownFeatures(bits) => {
                write!(f, "needs features unknown to this program (bits {bits:#x})")
            }
            Fault::Invalid(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Fault {}

/// A position in bytes that are being decoded.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the first byte.
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor {
            rest: bytes,
            position: 0,
        }
    }

    /// Bytes consumed so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The bytes not consumed yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was consumed.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(Fault::Truncated)?;
        self.rest = rest;
        self.position += count;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Fault::Truncated)?;
        self.rest = rest;
        self.position += N;
        Ok(*head)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Fault> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A 16-bit integer.
    pub fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_le_bytes)
    }

    /// A 32-bit integer.
    pub fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    /// A 64-bit integer.
    pub fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    /// A signed 64-bit integer.
    pub fn i64(&mut self) -> Result<i64, Fault> {
        self.array().map(i64::from_le_bytes)
    }

    /// Consumes `count` bytes that the specification wants to be zero.
    pub fn zeros(&mut self, count: usize) -> Result<(), Fault> {
        if self.take(count)?.iter().all(|&byte| byte == 0) {
            Ok(())
        } else {
            Err(Fault::Invalid("a reserved field is not zero"))
        }
    }
}

/// Appends a 16-bit integer.
pub fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a 32-bit integer.
pub fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a 64-bit integer.
pub fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a signed 64-bit integer.
pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends `count` zero bytes.
pub fn put_zeros(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len() + count, 0);
}
