//! Floating-point numbers of 64 significant bits, as INCRBYFLOAT computes with them.
//!
//! Redis adds in the 80-bit format of x86 processors and prints 17 decimals without trailing zeros. The results are
//! stored and replied, so the same digits must come out on every machine: here parsing, addition and printing are
//! done on integers, each rounded to nearest, ties to even.

use std::cmp::Ordering;

/// `±mantissa * 2^exponent`; the mantissa has its top bit set unless the number is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended {
    negative: bool,
    mantissa: u64,
    exponent: i32,
}

/// What a text may stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    Finite(Extended),
    Infinite,
}

/// Longest text that is looked at.
const TEXT_BYTES_MAX: usize = 5 * 1024;
/// Finite numbers are below 2^EXPONENT_MAX in magnitude, and zero or at least 2^EXPONENT_MIN.
const EXPONENT_MAX: i32 = 16384;
const EXPONENT_MIN: i32 = -16445;
const DECIMALS: usize = 17;

impl Extended {
    pub const ZERO: Extended = Extended {
        negative: false,
        mantissa: 0,
        exponent: 0,
    };

    pub fn from_i64(value: i64) -> Extended {
        let magnitude = u128::from(value.unsigned_abs());
        round(value < 0, magnitude, 0, false).expect("64 bits are in range")
    }

    /// Reads decimal notation with an optional exponent, or `inf`. The whole text must be a number.
    pub fn parse(text: &[u8]) -> Option<Parsed> {
        if text.is_empty() || text.len() >= TEXT_BYTES_MAX {
            return None;
        }
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        if rest.eq_ignore_ascii_case(b"inf") || rest.eq_ignore_ascii_case(b"infinity") {
            return Some(Parsed::Infinite);
        }
        if let [b'0', b'x' | b'X', digits @ ..] = rest {
            return parse_hexadecimal(negative, digits).map(Parsed::Finite);
        }
        let (digits, power) = split_decimal(rest)?;
        from_decimal(negative, &digits, power).map(Parsed::Finite)
    }

    /// The sum; none when it is too large.
    pub fn add(self, other: Extended) -> Option<Extended> {
        if self.mantissa == 0 || other.mantissa == 0 {
            return Some(if self.mantissa == 0 { other } else { self });
        }
        let magnitude = |number: &Extended| (number.exponent, number.mantissa);
        let (large, small) = if magnitude(&self) >= magnitude(&other) {
            (self, other)
        } else {
            (other, self)
        };
        // 63 bits below the larger number hold what the smaller one shifts out; beyond them one bit says "more".
        let distance = (large.exponent - small.exponent) as u32;
        let high = u128::from(large.mantissa) << 63;
        let full = u128::from(small.mantissa) << 63;
        let shifted = full.checked_shr(distance).unwrap_or(0);
        let sticky = shifted.checked_shl(distance).unwrap_or(0) != full;
        let exponent = large.exponent - 63;
        if large.negative == small.negative {
            return round(large.negative, high + shifted, exponent, sticky);
        }
        // With bits lost below, the exact difference lies just under `high - shifted`.
        round(
            large.negative,
            high - shifted - u128::from(sticky),
            exponent,
            sticky,
        )
    }

    /// A thousand times the number, rounded to 64 bits and then up to an integer; none when that has no 64 bits.
    pub fn thousandfold_up(self) -> Option<i64> {
        let product = round(
            self.negative,
            u128::from(self.mantissa) * 1000,
            self.exponent,
            false,
        )?;
        let mantissa = i128::from(product.mantissa);
        let magnitude = match product.exponent {
            0.. => return (product.mantissa == 0).then_some(0),
            // A negative number rounds towards zero, which is up.
            -127..0 if product.negative => mantissa >> -product.exponent,
            -127..0 => -(-mantissa >> -product.exponent),
            _ => i128::from(!product.negative && product.mantissa != 0),
        };
        let signed = if product.negative {
            -magnitude
        } else {
            magnitude
        };
        i64::try_from(signed).ok()
    }

    /// Plain decimal notation, at most 17 decimals.
    pub fn to_text(self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.exponent >= 0 {
            let mut number = Big::from(self.mantissa);
            number.shift_left(self.exponent as u32);
            number.write_decimal(&mut out);
        } else {
            let scaled = u128::from(self.mantissa) * 10u128.pow(DECIMALS as u32);
            let digits = shift_right_even(scaled, self.exponent.unsigned_abs()).to_string();
            let digits = format!("{digits:0>width$}", width = DECIMALS + 1);
            let (whole, decimals) = digits.split_at(digits.len() - DECIMALS);
            let decimals = decimals.trim_end_matches('0');
            out.extend_from_slice(whole.as_bytes());
            if !decimals.is_empty() {
                out.push(b'.');
                out.extend_from_slice(decimals.as_bytes());
            }
        }
        if self.negative && out != b"0" {
            out.insert(0, b'-');
        }
        out
    }
}

/// Rounds `magnitude * 2^exponent`, plus a little more if `sticky`, to 64 bits.
fn round(negative: bool, magnitude: u128, exponent: i32, sticky: bool) -> Option<Extended> {
    if magnitude == 0 {
        return Some(Extended::ZERO);
    }
    let excess = 64 - magnitude.leading_zeros() as i32;
    let (mut mantissa, mut exponent) = (magnitude, exponent + excess);
    if excess <= 0 {
        mantissa <<= -excess;
    } else {
        let rest = magnitude & ((1 << excess) - 1);
        mantissa >>= excess;
        let half = 1u128 << (excess - 1);
        let up = match rest.cmp(&half) {
            Ordering::Less => false,
            Ordering::Equal => sticky || mantissa & 1 == 1,
            Ordering::Greater => true,
        };
        mantissa += u128::from(up);
        if mantissa >> 64 != 0 {
            (mantissa, exponent) = (mantissa >> 1, exponent + 1);
        }
    }
    let in_range = exponent + 64 <= EXPONENT_MAX && exponent + 63 >= EXPONENT_MIN;
    in_range.then_some(Extended {
        negative,
        mantissa: mantissa as u64,
        exponent,
    })
}

fn shift_right_even(value: u128, bits: u32) -> u128 {
    if bits >= 128 {
        return 0;
    }
    let shifted = value >> bits;
    let rest = value - (shifted << bits);
    let half = if bits == 0 {
        return value;
    } else {
        1u128 << (bits - 1)
    };
    let up = rest > half || (rest == half && shifted & 1 == 1);
    shifted + u128::from(up)
}

/// `digits[.digits][e[±]digits]` as significant digits and the power of ten of the last one.
fn split_decimal(text: &[u8]) -> Option<(Vec<u8>, i32)> {
    let mantissa_len = text
        .iter()
        .position(|byte| matches!(byte, b'e' | b'E'))
        .unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(mantissa_len);
    let mut power = match exponent {
        [] => 0,
        [_, digits @ ..] => parse_exponent(digits)?,
    };
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let mut digits = mantissa.to_vec();
    if let Some(point) = point {
        digits.remove(point);
        power -= (mantissa.len() - point - 1) as i32;
    }
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.drain(..zeros);
    Some((digits, power))
}

fn parse_exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Beyond this every number is out of range, however many digits it has.
    let value = digits.iter().fold(0i32, |value, digit| {
        (value * 10 + i32::from(digit - b'0')).min(1_000_000)
    });
    Some(if negative { -value } else { value })
}

/// `digits[.digits][p[±]digits]` with hexadecimal digits and a power of two.
fn parse_hexadecimal(negative: bool, text: &[u8]) -> Option<Extended> {
    let mantissa_len = text.iter().position(|byte| matches!(byte, b'p' | b'P'));
    let (mantissa, exponent) = text.split_at(mantissa_len.unwrap_or(text.len()));
    let mut exponent = match exponent {
        [] => 0,
        [_, digits @ ..] => parse_exponent(digits)?,
    };
    let (mut value, mut sticky, mut digits, mut behind_point) = (0u128, false, 0, false);
    for byte in mantissa {
        if *byte == b'.' && !behind_point {
            behind_point = true;
            continue;
        }
        let digit = char::from(*byte).to_digit(16)?;
        digits += 1;
        if value >> 120 == 0 {
            value = value << 4 | u128::from(digit);
            exponent -= if behind_point { 4 } else { 0 };
        } else {
            // Too far below to matter, but for ties.
            sticky |= digit != 0;
            exponent += if behind_point { 0 } else { 4 };
        }
    }
    if digits == 0 {
        None
    } else {
        round(negative, value, exponent, sticky)
    }
}

fn from_decimal(negative: bool, digits: &[u8], power: i32) -> Option<Extended> {
    let mut number = Big::from_decimal(digits);
    if number.is_zero() {
        return Some(Extended {
            negative,
            ..Extended::ZERO
        });
    }
    let first_power = power + digits.len() as i32;
    if !(-5000..=5000).contains(&first_power) {
        return None;
    }
    let (mut exponent, mut sticky) = (power, false);
    if power >= 0 {
        number.multiply_power_of_5(power as u32);
    } else {
        // Enough bits that the quotient has more than 64; 7/3 bits cover each factor of five.
        let fives = power.unsigned_abs();
        let bits = 130 + fives * 7 / 3;
        number.shift_left(bits);
        sticky = number.divide_power_of_5(fives);
        exponent -= bits as i32;
    }
    let (top, dropped_bits, rest) = number.top_128();
    round(
        negative,
        top,
        exponent + dropped_bits as i32,
        sticky || rest,
    )
}

/// A natural number of any size, least significant limb first.
struct Big(Vec<u32>);

impl Big {
    fn from(value: u64) -> Big {
        Big(vec![value as u32, (value >> 32) as u32])
    }

    fn from_decimal(digits: &[u8]) -> Big {
        let mut number = Big(Vec::new());
        for chunk in digits.chunks(9) {
            let value = chunk
                .iter()
                .fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
            number.multiply_add(10u32.pow(chunk.len() as u32), value);
        }
        number
    }

    fn is_zero(&self) -> bool {
        self.0.iter().all(|limb| *limb == 0)
    }

    fn multiply_add(&mut self, factor: u32, carry: u32) {
        let mut carry = u64::from(carry);
        for limb in &mut self.0 {
            let product = u64::from(*limb) * u64::from(factor) + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        if carry != 0 {
            self.0.push(carry as u32);
        }
    }

    /// Divides in place and returns the remainder.
    fn divide(&mut self, divisor: u32) -> u32 {
        let mut rest = 0u64;
        for limb in self.0.iter_mut().rev() {
            let value = rest << 32 | u64::from(*limb);
            *limb = (value / u64::from(divisor)) as u32;
            rest = value % u64::from(divisor);
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        rest as u32
    }

    fn multiply_power_of_5(&mut self, power: u32) {
        for step in steps_of_5(power) {
            self.multiply_add(step, 0);
        }
    }

    /// Returns whether anything was left over.
    fn divide_power_of_5(&mut self, power: u32) -> bool {
        let mut rest = false;
        for step in steps_of_5(power) {
            rest |= self.divide(step) != 0;
        }
        rest
    }

    fn shift_left(&mut self, bits: u32) {
        let small = bits % 32;
        if small != 0 {
            self.multiply_add(1 << small, 0);
        }
        self.0
            .splice(0..0, std::iter::repeat_n(0, (bits / 32) as usize));
    }

    /// The upper 97 to 128 bits, how many bits are below them, and whether any of those is set.
    fn top_128(&self) -> (u128, u32, bool) {
        let used = self
            .0
            .iter()
            .rposition(|limb| *limb != 0)
            .map_or(0, |last| last + 1);
        let below = used.saturating_sub(4);
        let top = self.0[below..used]
            .iter()
            .rev()
            .fold(0u128, |value, limb| value << 32 | u128::from(*limb));
        (
            top,
            below as u32 * 32,
            self.0[..below].iter().any(|limb| *limb != 0),
        )
    }

    fn write_decimal(mut self, out: &mut Vec<u8>) {
        let mut chunks = Vec::new();
        while !self.is_zero() {
            chunks.push(self.divide(1_000_000_000));
        }
        match chunks.pop() {
            None => out.push(b'0'),
            Some(first) => out.extend_from_slice(first.to_string().as_bytes()),
        }
        for chunk in chunks.iter().rev() {
            out.extend_from_slice(format!("{chunk:09}").as_bytes());
        }
    }
}

/// Factors below 2^32 whose product is that power of five.
fn steps_of_5(power: u32) -> impl Iterator<Item = u32> {
    const LARGEST: u32 = 13;
    let whole = (power / LARGEST) as usize;
    std::iter::repeat_n(5u32.pow(LARGEST), whole).chain(std::iter::once(5u32.pow(power % LARGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Extended {
        match Extended::parse(text.as_bytes()) {
            Some(Parsed::Finite(number)) => number,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn text(number: Extended) -> String {
        String::from_utf8(number.to_text()).expect("ascii")
    }

    #[test]
    fn texts() {
        let check = |input: &str, want: &str| assert_eq!(text(parse(input)), want, "{input}");
        check("0", "0");
        check("-0.0", "0");
        check("1", "1");
        check("-1.50", "-1.5");
        check("3.14", "3.14");
        check("0.1", "0.1");
        check("1e3", "1000");
        check("1e-17", "0.00000000000000001");
        check("6e-18", "0.00000000000000001");
        check("4e-18", "0");
        check("18446744073709551615", "18446744073709551615");
        check("18446744073709551617", "18446744073709551616");
        check("0x1.8p1", "3");
        check(
            "0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
            "1393796574908163946345982392040522594123776",
        );
        for bad in [
            "", ".", "e5", "1e", "1x", "0x", "0xg", "1e5000", "1e-5000", "--1", "1.2.3", "nan",
            " 1", "1 ",
        ] {
            assert_eq!(Extended::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Extended::parse(b"-Infinity"), Some(Parsed::Infinite));
    }

    proptest! {
        /// On 53-bit numbers with small exponents the sum needs at most 64 bits, so it is exact in both.
        #[test]
        fn sums_of_integers_are_exact(a in -(1i64 << 61)..1i64 << 61, b in -(1i64 << 61)..1i64 << 61) {
            let sum = Extended::from_i64(a).add(Extended::from_i64(b)).expect("in range");
            prop_assert_eq!(text(sum), (a + b).to_string());
        }

        #[test]
        fn short_decimals_survive(whole in 0u32..64, fraction in 0u64..1_000_000_000_000_000) {
            let decimal = format!("{whole}.{fraction:015}");
            let trimmed = decimal.trim_end_matches('0').trim_end_matches('.');
            prop_assert_eq!(text(parse(&decimal)), trimmed);
        }

        /// Cutting the 64-bit result to a double gives the double that the standard library reads.
        #[test]
        fn parsing_agrees_with_doubles(digits in 1u64..u64::MAX, power in -300i32..280) {
            let decimal = format!("{digits}e{power}");
            let number = parse(&decimal);
            let double: f64 = decimal.parse().expect("a number");
            // Rounding twice may differ in the last place at a tie of the second rounding only.
            let tie = number.mantissa & 0x7ff == 0x400;
            prop_assume!(!tie && double.is_normal());
            let rounded = (number.mantissa >> 11) + u64::from(number.mantissa & 0x7ff > 0x400);
            let bits = double.to_bits();
            let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
            let exponent = (bits >> 52) as i32 - 1075;
            let (rounded, shift) = if rounded >> 53 != 0 { (rounded >> 1, 12) } else { (rounded, 11) };
            prop_assert_eq!((rounded, number.exponent + shift), (mantissa, exponent));
        }
    }
}
