//! Doubles as Redis prints them: integers without a point, else the shortest digits that read back to
//! the same number, in plain notation while that stays short and in `d.ddde+x` notation beyond.

/// Appends the text of `value`.
pub fn write_double(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        return out.extend_from_slice(b"nan");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    }
    if value == 0.0 {
        return out.extend_from_slice(if value.is_sign_negative() {
            b"-0"
        } else {
            b"0"
        });
    }
    // Whole numbers well inside 64 bits are printed as integers.
    if value.abs() <= (i64::MAX / 2) as f64 && value.trunc() == value {
        return out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    }
    let mut buffer = ryu::Buffer::new();
    let (digits, exponent) = decimal_digits(buffer.format_finite(value.abs()));
    write_digits(out, value < 0.0, &digits, exponent);
}

/// Takes `12.5e-3` apart: significant digits without outer zeros, and the power of ten of the last one.
fn decimal_digits(text: &str) -> (Vec<u8>, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut power: i32 = exponent.parse().expect("ryu prints a decimal exponent");
    power -= fraction.len() as i32;
    let mut digits: Vec<u8> = [whole.as_bytes(), fraction.as_bytes()].concat();
    while digits.last() == Some(&b'0') {
        digits.pop();
        power += 1;
    }
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.drain(..zeros);
    (digits, power)
}

/// Chooses the notation. `power` is that of the last digit.
fn write_digits(out: &mut Vec<u8>, negative: bool, digits: &[u8], power: i32) {
    let count = digits.len() as i32;
    let first_power = power + count - 1;
    let magnitude = first_power.abs();
    if negative {
        out.push(b'-');
    }
    let zeros_max = if negative { 6 } else { 7 };
    if power >= 0 && magnitude < count + zeros_max {
        out.extend_from_slice(digits);
        out.resize(out.len() + power as usize, b'0');
    } else if power < 0 && (power > -7 || magnitude < 4) {
        let whole = count + power;
        if whole <= 0 {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + whole.unsigned_abs() as usize, b'0');
            out.extend_from_slice(digits);
        } else {
            let (whole, fraction) = digits.split_at(whole as usize);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    } else {
        out.push(digits[0]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if first_power < 0 { b"e-" } else { b"e+" });
        out.extend_from_slice(itoa::Buffer::new().format(magnitude).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: f64) -> String {
        let mut out = Vec::new();
        write_double(&mut out, value);
        String::from_utf8(out).expect("ascii")
    }

    #[test]
    fn notations() {
        let check = |value: f64, want: &str| assert_eq!(text(value), want);
        check(0.0, "0");
        check(-0.0, "-0");
        check(3.0, "3");
        check(2.75, "2.75");
        check(-2.5, "-2.5");
        check(0.1 + 0.2, "0.30000000000000004");
        check(1e17, "100000000000000000");
        check(1e20, "1e+20");
        check(1.5e300, "1.5e+300");
        check(1e-5, "0.00001");
        check(1e-7, "1e-7");
        check(0.001234567891, "0.001234567891");
        check(0.0001234567891, "1.234567891e-4");
        check(f64::INFINITY, "inf");
        check(f64::NEG_INFINITY, "-inf");
        check(f64::NAN, "nan");
    }

    proptest! {
        #[test]
        fn reads_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(text(value).parse::<f64>().expect("a number").to_bits(), value.to_bits());
        }
    }
}
