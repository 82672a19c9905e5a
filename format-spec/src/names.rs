//! The names of the files in a data directory.
//!
//! Numbers are zero-padded to ten digits so that a listing sorts; they grow beyond ten digits if they must.
//! A number is never used twice for different content. A number above [`NUMBER_MAX`] is nobody's: a stray file that
//! claimed one would leave no number for the next.

/// The current manifest.
pub const MANIFEST: &str = "MANIFEST";
/// The manifest before the current one; kept for people and tools, never used by recovery.
pub const MANIFEST_PREV: &str = "MANIFEST.prev";
/// The file whose lock keeps a second process out.
pub const LOCK: &str = "LOCK";
/// The ending of files that are not complete; they may be removed whenever no process holds the lock.
pub const TEMPORARY: &str = ".tmp";

/// The highest number that a file of ours can have, and the highest position, generation and count in a manifest.
pub const NUMBER_MAX: u64 = i64::MAX as u64;

const SEGMENT: (&str, &str) = ("log-", ".seg");
const SNAPSHOT: (&str, &str) = ("snap-", ".snap");

/// What a name in the data directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileName {
    /// The current manifest.
    Manifest,
    /// The previous manifest.
    ManifestPrev,
    /// The lock file.
    Lock,
    /// A log segment.
    Segment(u64),
    /// A snapshot.
    Snapshot(u64),
    /// An unfinished file.
    Temporary,
    /// Not one of ours.
    Foreign,
}

/// The name of log segment `number`.
pub fn segment(number: u64) -> String {
    format!("{}{number:010}{}", SEGMENT.0, SEGMENT.1)
}

/// The name of snapshot `number`.
pub fn snapshot(number: u64) -> String {
    format!("{}{number:010}{}", SNAPSHOT.0, SNAPSHOT.1)
}

/// The name under which `name` is written until it is complete.
pub fn temporary(name: &str) -> String {
    format!("{name}{TEMPORARY}")
}

/// Tells what `name` stands for. Only the canonical spelling of a number is recognised.
pub fn parse(name: &str) -> FileName {
    match name {
        MANIFEST => FileName::Manifest,
        MANIFEST_PREV => FileName::ManifestPrev,
        LOCK => FileName::Lock,
        _ if name.ends_with(TEMPORARY) => FileName::Temporary,
        _ => number_of(name, SEGMENT)
            .map(FileName::Segment)
            .or_else(|| number_of(name, SNAPSHOT).map(FileName::Snapshot))
            .unwrap_or(FileName::Foreign),
    }
}

/// The number in the name of an unfinished segment or snapshot.
pub fn number_of_temporary(name: &str) -> Option<u64> {
    match parse(name.strip_suffix(TEMPORARY)?) {
        FileName::Segment(number) | FileName::Snapshot(number) => Some(number),
        _ => None,
    }
}

fn number_of(name: &str, (prefix, suffix): (&str, &str)) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    let number: u64 = digits.parse().ok()?;
    (number <= NUMBER_MAX && digits == format!("{number:010}")).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for number in [0, 1, 42, 9_999_999_999, 10_000_000_000, NUMBER_MAX] {
            assert_eq!(parse(&segment(number)), FileName::Segment(number));
            assert_eq!(parse(&snapshot(number)), FileName::Snapshot(number));
        }
        assert_eq!(segment(7), "log-0000000007.seg");
        assert_eq!(parse(&temporary(MANIFEST)), FileName::Temporary);
    }

    #[test]
    fn unfinished_files_have_the_number_of_what_they_become() {
        assert_eq!(number_of_temporary(&temporary(&segment(7))), Some(7));
        assert_eq!(number_of_temporary(&temporary(&snapshot(8))), Some(8));
        assert_eq!(number_of_temporary(&temporary(MANIFEST)), None);
        assert_eq!(number_of_temporary(&segment(7)), None);
    }

    #[test]
    fn other_spellings_are_foreign() {
        for name in [
            "log-7.seg",
            "log-+000000007.seg",
            "log-00000000007.seg",
            "log-.seg",
            "snap-0000000001.seg",
            "log-9223372036854775808.seg",
            "snap-18446744073709551615.snap",
            "",
        ] {
            assert_eq!(parse(name), FileName::Foreign, "{name}");
        }
    }
}
