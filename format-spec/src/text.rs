//! Integers as decimal text, both ways. Only the canonical spelling of an integer is ever taken for one, so that
//! a string that is kept as an integer reads back as the same bytes.

/// The longest decimal spelling of an `i64`.
pub const INT_DIGITS_MAX: usize = 20;

/// The decimal text of an integer, without an allocation.
#[derive(Clone, Copy, Debug, Default)]
pub struct IntText {
    bytes: [u8; INT_DIGITS_MAX],
    length: u8,
}

impl IntText {
    /// The text of `int`.
    #[inline]
    pub fn new(int: i64) -> IntText {
        let mut buffer = itoa::Buffer::new();
        let text = buffer.format(int).as_bytes();
        let mut bytes = [0; INT_DIGITS_MAX];
        if let Some(place) = bytes.get_mut(..text.len()) {
            place.copy_from_slice(text);
        }
        IntText {
            bytes,
            length: text.len() as u8,
        }
    }

    /// The digits, with a sign when negative.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

/// The integer whose decimal spelling is exactly `bytes`: no plus sign, no leading zero, no "-0".
#[inline]
pub fn canonical_int(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] => return (!negative).then_some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    // Nineteen digits stay below 2^64.
    let mut magnitude = 0u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// How many bytes the decimal text of `int` has.
#[inline]
pub fn int_len(int: i64) -> usize {
    let digits = int.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
    digits + usize::from(int < 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_canonical_text_is_an_integer() {
        for text in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            " 1",
            "1 ",
            "1.0",
            "-01",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "99999999999999999999",
            "1a",
        ] {
            assert_eq!(canonical_int(text.as_bytes()), None, "{text:?}");
        }
        for int in [0, 1, -1, 9, 10, 99, 100, i64::MAX, i64::MIN] {
            assert_eq!(canonical_int(int.to_string().as_bytes()), Some(int));
            assert_eq!(IntText::new(int).bytes(), int.to_string().as_bytes());
            assert_eq!(int_len(int), int.to_string().len());
        }
    }

    proptest! {
        #[test]
        fn integers_read_back(int in any::<i64>(), shift in 0u32..64) {
            let int = int >> shift;
            let text = IntText::new(int);
            prop_assert_eq!(text.bytes().to_vec(), int.to_string().into_bytes());
            prop_assert_eq!(canonical_int(text.bytes()), Some(int));
            prop_assert_eq!(int_len(int), text.bytes().len());
        }
    }
}
