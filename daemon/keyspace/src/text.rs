//! Strings as text: an integer-encoded value still reads as its digits.

pub use esker_format::text::IntText;
use esker_format::text::int_len;

use crate::entry::StrRef;

/// The bytes of a string; those of an integer are put into `text`.
#[inline]
pub fn str_bytes<'a>(value: StrRef<'a>, text: &'a mut IntText) -> &'a [u8] {
    match value {
        StrRef::Int(int) => {
            *text = IntText::new(int);
            text.bytes()
        }
        StrRef::Bytes(bytes) => bytes,
        StrRef::Blob(blob) => blob,
    }
}

/// The length of a string's text.
#[inline]
pub fn str_len(value: StrRef<'_>) -> usize {
    match value {
        StrRef::Int(int) => int_len(int),
        StrRef::Bytes(bytes) => bytes.len(),
        StrRef::Blob(blob) => blob.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_read_as_their_digits() {
        for int in [0, 7, -1, i64::MAX, i64::MIN] {
            let mut text = IntText::default();
            assert_eq!(
                str_bytes(StrRef::Int(int), &mut text),
                int.to_string().as_bytes()
            );
            assert_eq!(str_len(StrRef::Int(int)), int.to_string().len());
        }
    }
}
