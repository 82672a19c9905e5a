//! The zipmap: what Redis before 2.6 had for small hashes. It is only read.
//! Format: `format-spec/redis/zipmap.md`.

use crate::cursor::{Cursor, Fault};

/// The end mark behind the last value.
pub const END: u8 = 0xff;
/// First byte of a length that has four bytes more.
pub const BIG_LENGTH: u8 = 0xfe;
/// The number of fields from which on it is not said.
pub const COUNT_UNKNOWN: u8 = 0xfe;

/// Walks the fields and values of a zipmap that nobody vouches for. Ends after the first fault. Allocates nothing.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    cursor: Cursor<'a>,
    said: u8,
    count: usize,
    ended: bool,
}

impl<'a> Reader<'a> {
    /// Reads the header.
    pub fn new(bytes: &'a [u8]) -> Result<Reader<'a>, Fault> {
        let mut cursor = Cursor::new(bytes);
        let said = cursor.u8()?;
        Ok(Reader {
            cursor,
            said,
            count: 0,
            ended: false,
        })
    }

    fn step(&mut self) -> Result<Option<(&'a [u8], &'a [u8])>, Fault> {
        if self.cursor.rest().first() == Some(&END) {
            if self.cursor.rest().len() > 1 {
                return Err(Fault::Invalid("bytes follow the zipmap"));
            }
            if self.said < COUNT_UNKNOWN && usize::from(self.said) != self.count {
                return Err(Fault::Invalid("the zipmap has another number of fields"));
            }
            return Ok(None);
        }
        let field_length = self.length()?;
        let field = self.cursor.take(field_length)?;
        let value_length = self.length()?;
        let unused = self.cursor.u8()?;
        let value = self.cursor.take(value_length)?;
        self.cursor.take(usize::from(unused))?;
        self.count += 1;
        Ok(Some((field, value)))
    }

    fn length(&mut self) -> Result<usize, Fault> {
        match self.cursor.u8()? {
            BIG_LENGTH => usize::try_from(self.cursor.u32()?).map_err(|_| Fault::Truncated),
            END => Err(Fault::Invalid("a value is missing in the zipmap")),
            length => Ok(usize::from(length)),
        }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLE: &[u8] = b"\x02\x03foo\x03\x00bar\x05hello\x05\x02world..\xff";

    fn read(bytes: &[u8]) -> Result<Vec<(&[u8], &[u8])>, Fault> {
        Reader::new(bytes)?.collect()
    }

    #[test]
    fn fields_and_values() {
        let fields: &[(&[u8], &[u8])] = &[(b"foo", b"bar"), (b"hello", b"world")];
        assert_eq!(read(SAMPLE).as_deref(), Ok(fields));
        assert_eq!(read(b"\x00\xff"), Ok(vec![]));
        let long = [b"\x01\xfe\x04\0\0\0".as_slice(), b"four\x01\0v\xff"].concat();
        assert_eq!(read(&long), Ok(vec![(b"four".as_slice(), b"v".as_slice())]));
        assert!(read(&[SAMPLE, b"x"].concat()).is_err());
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..30, byte in any::<u8>(), cut in 0usize..30) {
            let mut bytes = SAMPLE.to_vec();
            let length = bytes.len();
            bytes[at % length] = byte;
            drop(read(&bytes));
            bytes.truncate(cut % length);
            prop_assert!(read(&bytes).is_err());
        }
    }
}
