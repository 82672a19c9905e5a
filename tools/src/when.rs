//! A point in time on a command line.

use std::time::UNIX_EPOCH;

use esker_format::UnixMs;

/// Numbers from here on are milliseconds: as seconds they would be in the year 5138.
const MS_FROM: i64 = 100_000_000_000;

/// Reads RFC 3339 (`2026-01-31T12:00:00Z`; a space may stand for the T), or Unix time in seconds or milliseconds.
pub fn parse(text: &str) -> Result<UnixMs, String> {
    if let Ok(number) = text.parse::<i64>() {
        let ms = if number.abs() < MS_FROM {
            number * 1000
        } else {
            number
        };
        return Ok(UnixMs(ms));
    }
    let time = humantime::parse_rfc3339_weak(text).map_err(|error| {
        format!("{error}; expected 2026-01-31T12:00:00Z (UTC), or Unix time in seconds or ms")
    })?;
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| "before 1970")?;
    i64::try_from(since.as_millis())
        .map(UnixMs)
        .map_err(|_| "too far in the future".to_owned())
}

/// The same for people.
pub fn show(time: UnixMs) -> String {
    let since = std::time::Duration::from_millis(u64::try_from(time.0).unwrap_or(0));
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let expected = Ok(UnixMs(1_769_860_800_000));
        assert_eq!(parse("2026-01-31T12:00:00Z"), expected);
        assert_eq!(parse("2026-01-31 12:00:00"), expected);
        assert_eq!(parse("1769860800"), expected);
        assert_eq!(parse("1769860800000"), expected);
        assert!(parse("yesterday").is_err());
        assert_eq!(show(UnixMs(1_769_860_800_000)), "2026-01-31T12:00:00.000Z");
    }
}
