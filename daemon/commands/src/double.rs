//! Doubles as clients write them: scores, weights, coordinates; and as C's `printf` does.

use esker_resp::write_double;

/// Reads a whole text as a number: decimal, hexadecimal or infinite. A number that is too large or too small to be
/// told from infinity or zero is none.
pub fn parse_double(text: &[u8]) -> Option<f64> {
    let value = parse_any(text)?;
    let unsigned = text.strip_prefix(b"-").or(text.strip_prefix(b"+"));
    let digits = unsigned.unwrap_or(text);
    let named_infinite = matches!(digits, [b'i' | b'I', ..]);
    let mantissa = digits.split(|byte| matches!(byte, b'e' | b'E')).next();
    let is_zero = mantissa
        .unwrap_or_default()
        .iter()
        .all(|byte| matches!(byte, b'0' | b'.'));
    let hexadecimal = is_hexadecimal(digits);
    let overflows = value.is_infinite() && !named_infinite;
    let underflows = value == 0.0 && !is_zero && !hexadecimal;
    (!overflows && !underflows).then_some(value)
}

/// Reads the end of a range of scores or what SORT orders by: up to a NUL, decimal or infinite; nothing at all is zero,
/// and what is too large is infinite. Hexadecimal digits, which scores may have, are a mistake here.
pub fn parse_lenient(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+"));
    if is_hexadecimal(digits.unwrap_or(text)) {
        return None;
    }
    parse_any(text)
}

/// Appends a number with 17 significant digits, as `%.17g` of C prints it.
pub fn write_17_digits(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() || value == 0.0 {
        return write_double(out, value);
    }
    let text = format!("{value:.16e}");
    let (mantissa, exponent) = text.split_once('e').expect("scientific notation");
    let exponent: i32 = exponent.parse().expect("a decimal exponent");
    if (-4..17).contains(&exponent) {
        let decimals = (16 - exponent) as usize;
        let fixed = format!("{value:.decimals$}");
        out.extend_from_slice(without_end_zeros(&fixed).as_bytes());
    } else {
        out.extend_from_slice(without_end_zeros(mantissa).as_bytes());
        let sign = if exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("e{sign}{:02}", exponent.abs()).as_bytes());
    }
}

fn without_end_zeros(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

/// Anything but "not a number".
fn parse_any(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let magnitude = if is_hexadecimal(digits) {
        hexadecimal(&digits[2..])?
    } else {
        // The sign is taken: another one is a mistake.
        if matches!(digits, [b'-' | b'+', ..]) {
            return None;
        }
        std::str::from_utf8(digits).ok()?.parse::<f64>().ok()?
    };
    let value = if negative { -magnitude } else { magnitude };
    (!value.is_nan()).then_some(value)
}

fn is_hexadecimal(digits: &[u8]) -> bool {
    matches!(digits, [b'0', b'x' | b'X', _, ..])
}

/// `1a.8p-3`, the exponent being of two and optional.
fn hexadecimal(text: &[u8]) -> Option<f64> {
    let at = text.iter().position(|byte| matches!(byte, b'p' | b'P'));
    let (digits, exponent) = text.split_at(at.unwrap_or(text.len()));
    let mut power: i64 = match exponent {
        [] => 0,
        [_, number @ ..] => {
            let number = std::str::from_utf8(number).ok()?;
            number.parse::<i64>().ok()?.clamp(-100_000, 100_000)
        }
    };
    let (mut mantissa, mut any, mut fraction) = (0_u64, false, false);
    for byte in digits {
        if *byte == b'.' && !fraction {
            fraction = true;
            continue;
        }
        let digit = u64::from(char::from(*byte).to_digit(16)?);
        any = true;
        power -= if fraction { 4 } else { 0 };
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | digit;
        } else {
            // Beyond what is kept only "something more" counts for rounding.
            mantissa |= u64::from(digit != 0);
            power += 4;
        }
    }
    any.then(|| scale(mantissa as f64, power))
}

/// `value * 2^power`, in steps that do not overflow before the result does.
fn scale(mut value: f64, mut power: i64) -> f64 {
    while power != 0 && value != 0.0 && value.is_finite() {
        let step = power.clamp(-1000, 1000);
        value *= 2_f64.powi(step as i32);
        power -= step;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_what_is_none() {
        for (text, want) in [
            ("1", 1.0),
            ("-0", -0.0),
            ("+5", 5.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("0x10", 16.0),
            ("-0x1p-1", -0.5),
            ("0x.8", 0.5),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("1e-310", 1e-310),
            ("0e-999", 0.0),
        ] {
            assert_eq!(parse_double(text.as_bytes()), Some(want), "{text}");
        }
        for text in [
            "", " 1", "1 ", "a", "nan", "1e400", "-1e400", "1e-400", "0x", "--1", "+-1", "1e",
            "e1", ".",
        ] {
            assert_eq!(parse_double(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn lenient_numbers_end_at_a_nul_and_may_be_too_large() {
        for (text, want) in [
            (&b""[..], Some(0.0)),
            (b"2\0foo", Some(2.0)),
            (b"1e999", Some(f64::INFINITY)),
            (b"1e-999", Some(0.0)),
            (b"1 ", None),
            (b" 1", None),
            (b"0x1", None),
            (b"-0x1p3", None),
            (b"  ", None),
            (b"nan", None),
            (b"x", None),
        ] {
            assert_eq!(parse_lenient(text), want, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn seventeen_digits() {
        for (value, want) in [
            (0.1, "0.10000000000000001"),
            (1e17, "1e+17"),
            (1e16, "10000000000000000"),
            (-0.0, "-0"),
            (1e-7, "9.9999999999999995e-08"),
            (0.0001, "0.0001"),
            (17179869184.5, "17179869184.5"),
            (-1e300, "-1.0000000000000001e+300"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let mut text = Vec::new();
            write_17_digits(&mut text, value);
            assert_eq!(String::from_utf8_lossy(&text), want);
        }
    }
}
