//! The shapes of a directive's value: what text is valid, and how the value is shown.
//!
//! The reasons are the texts that Redis gives, since clients and test suites match on them. Beyond
//! Redis' forms, sizes take `tb` and times take `1h30m`.

use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    Seconds,
    Millis,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    Bool,
    Int {
        min: i64,
        max: i64,
    },
    /// A file mode.
    Octal {
        max: i64,
    },
    Memory {
        min: i64,
        max: i64,
    },
    /// Bytes, or a share of maxmemory as `n%`.
    MemoryOrPercent,
    Duration {
        unit: Unit,
        min: i64,
        max: i64,
    },
    Words(&'static [&'static str]),
    Text,
    /// Text that names a file inside a directory.
    FileName,
    /// The row's own grammar.
    Special,
}

const NOT_INTEGER: &str = "argument couldn't be parsed into an integer";

impl Shape {
    pub fn bool(self, text: &str) -> Result<bool, String> {
        if text.eq_ignore_ascii_case("yes") {
            Ok(true)
        } else if text.eq_ignore_ascii_case("no") {
            Ok(false)
        } else {
            Err("argument must be 'yes' or 'no'".into())
        }
    }

    /// The value of a number, size or duration; a duration in its own unit.
    pub fn number(self, text: &str) -> Result<i64, String> {
        match self {
            Shape::Int { min, max } => in_range(integer(text).ok_or(NOT_INTEGER)?, min, max),
            Shape::Octal { max } => octal(text, max),
            Shape::Memory { min, max } => in_range(
                memory(text).ok_or("argument must be a memory value")?,
                min,
                max,
            ),
            Shape::Duration { unit, min, max } => in_range(
                integer(text)
                    .or_else(|| duration(text, unit))
                    .ok_or(NOT_INTEGER)?,
                min,
                max,
            ),
            _ => unreachable!("a number binding has a number shape"),
        }
    }

    pub fn word(self, text: &str) -> Result<usize, String> {
        let Shape::Words(words) = self else {
            unreachable!("a word binding has a word shape")
        };
        words
            .iter()
            .position(|word| word.eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                format!(
                    "argument(s) must be one of the following: {}",
                    words.join(", ")
                )
            })
    }

    /// The one text that stands for the value, if it is valid.
    pub fn normal(self, text: &str) -> Result<String, String> {
        match self {
            Shape::Bool => self
                .bool(text)
                .map(|value| super::row::yes_no(value).into()),
            Shape::Words(words) => self.word(text).map(|index| words[index].into()),
            Shape::MemoryOrPercent => memory_or_percent(text),
            Shape::FileName if text.is_empty() => Err("argument can't be empty".into()),
            Shape::FileName if text.contains('/') || text.contains('\\') => {
                Err("argument can't be a path, just a filename".into())
            }
            Shape::Text | Shape::FileName | Shape::Special => Ok(text.into()),
            _ => self.number(text).map(|value| self.show_number(value)),
        }
    }

    pub fn show_number(self, value: i64) -> String {
        match self {
            Shape::Octal { .. } => format!("{value:o}"),
            _ => value.to_string(),
        }
    }
}

fn in_range(value: i64, min: i64, max: i64) -> Result<i64, String> {
    if value < min || value > max {
        return Err(format!(
            "argument must be between {min} and {max} inclusive"
        ));
    }
    Ok(value)
}

/// Decimal as Redis takes it: an optional minus, no plus, no blanks, no leading zeros.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical =
        digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

fn octal(text: &str, max: i64) -> Result<i64, String> {
    let value = i64::from_str_radix(text, 8)
        .map_err(|_| "argument couldn't be parsed into an octal number")?;
    if value < 0 || value > max {
        return Err(format!("argument must be between 0 and {max:o} inclusive"));
    }
    Ok(value)
}

/// Units of a size: the bare letter counts in thousands, the letter with `b` in 1024s.
const MEMORY_UNITS: &[(&str, i64)] = &[
    ("", 1),
    ("b", 1),
    ("k", 1000),
    ("kb", 1 << 10),
    ("m", 1000 * 1000),
    ("mb", 1 << 20),
    ("g", 1000 * 1000 * 1000),
    ("gb", 1 << 30),
    ("t", 1000 * 1000 * 1000 * 1000),
    ("tb", 1 << 40),
];

fn memory(text: &str) -> Option<i64> {
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let (_, factor) = MEMORY_UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    digits.parse::<i64>().ok()?.checked_mul(*factor)
}

/// The shortest exact way to write a size.
pub fn show_memory(bytes: i64) -> String {
    for (unit, factor) in [("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)] {
        if bytes != 0 && bytes % factor == 0 {
            return format!("{}{unit}", bytes / factor);
        }
    }
    bytes.to_string()
}

fn memory_or_percent(text: &str) -> Result<String, String> {
    const REASON: &str = "argument must be a memory or percent value";
    if let Some(share) = text.strip_suffix('%') {
        let share = share
            .parse::<i64>()
            .ok()
            .filter(|share| *share >= 0)
            .ok_or(REASON)?;
        if share > 100 {
            return Err("percentage argument must be less or equal to 100".into());
        }
        return Ok(format!("{share}%"));
    }
    Ok(memory(text).ok_or(REASON)?.to_string())
}

/// `1h30m`, `500ms`, `2days`: whole numbers of the unit only.
fn duration(text: &str, unit: Unit) -> Option<i64> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return None;
    }
    let value: Duration = humantime::parse_duration(text).ok()?;
    let (whole, rest) = match unit {
        Unit::Seconds => (u128::from(value.as_secs()), value.subsec_nanos()),
        Unit::Millis => (value.as_millis(), value.subsec_nanos() % 1_000_000),
    };
    if rest == 0 {
        i64::try_from(whole).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: Shape, text: &str, expected: Result<&str, &str>) {
        let got = shape.normal(text);
        assert_eq!(
            got.as_deref().map_err(|e| e.as_str()),
            expected,
            "{shape:?} {text:?}"
        );
    }

    #[test]
    fn sizes() {
        let memory = Shape::Memory {
            min: 0,
            max: i64::MAX,
        };
        let wrong = Err("argument must be a memory value");
        for (text, expected) in [
            ("512mb", Ok("536870912")),
            ("1GB", Ok("1073741824")),
            ("1g", Ok("1000000000")),
            ("100k", Ok("100000")),
            ("7", Ok("7")),
            ("7b", Ok("7")),
            ("2tb", Ok("2199023255552")),
            ("", wrong),
            ("-1", wrong),
            ("10x", wrong),
            ("1.5gb", wrong),
            ("99999999999gb", wrong),
        ] {
            check(memory, text, expected);
        }
        assert_eq!(show_memory(64 << 20), "64mb");
        assert_eq!(show_memory(3 << 30), "3gb");
        assert_eq!(show_memory(1000), "1000");
        assert_eq!(show_memory(0), "0");
    }

    #[test]
    fn times() {
        let seconds = Shape::Duration {
            unit: Unit::Seconds,
            min: 0,
            max: 1 << 31,
        };
        let wrong = Err("argument couldn't be parsed into an integer");
        for (text, expected) in [
            ("300", Ok("300")),
            ("1h30m", Ok("5400")),
            ("2days", Ok("172800")),
            ("500ms", wrong),
            ("1h 30m", wrong),
            ("soon", wrong),
            ("", wrong),
            (
                "-1",
                Err("argument must be between 0 and 2147483648 inclusive"),
            ),
        ] {
            check(seconds, text, expected);
        }
        check(
            Shape::Duration {
                unit: Unit::Millis,
                min: 0,
                max: 1 << 31,
            },
            "1500ms",
            Ok("1500"),
        );
    }

    #[test]
    fn integers_and_modes() {
        let int = Shape::Int { min: -5, max: 5 };
        let wrong = Err("argument couldn't be parsed into an integer");
        for (text, expected) in [
            ("3", Ok("3")),
            ("-5", Ok("-5")),
            ("6", Err("argument must be between -5 and 5 inclusive")),
            ("03", wrong),
            ("+3", wrong),
            ("", wrong),
            ("-", wrong),
            ("99999999999999999999", wrong),
        ] {
            check(int, text, expected);
        }
        check(Shape::Octal { max: 0o777 }, "700", Ok("700"));
        check(
            Shape::Octal { max: 0o777 },
            "1000",
            Err("argument must be between 0 and 777 inclusive"),
        );
        check(
            Shape::Octal { max: 0o777 },
            "9",
            Err("argument couldn't be parsed into an octal number"),
        );
    }

    #[test]
    fn words_and_the_rest() {
        let words = Shape::Words(&["everysec", "always", "no"]);
        check(words, "ALWAYS", Ok("always"));
        check(
            words,
            "x",
            Err("argument(s) must be one of the following: everysec, always, no"),
        );
        check(Shape::Bool, "YES", Ok("yes"));
        check(Shape::Bool, "1", Err("argument must be 'yes' or 'no'"));
        check(Shape::MemoryOrPercent, "5%", Ok("5%"));
        check(
            Shape::MemoryOrPercent,
            "101%",
            Err("percentage argument must be less or equal to 100"),
        );
        check(
            Shape::MemoryOrPercent,
            "-5",
            Err("argument must be a memory or percent value"),
        );
        check(
            Shape::FileName,
            "a/b",
            Err("argument can't be a path, just a filename"),
        );
    }
}
