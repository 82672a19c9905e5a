//! CONFIG SET: all of several values, or none.
//!
//! The result is a new `Settings`; publishing it is the caller's. Values with effects outside of the
//! process (files, limits of the kernel) go through the control thread, which changes, applies, and
//! changes again on the settings of that moment, so that two changes at once never undo each other.

use super::row::{How, Row};
use super::rows;
use super::settings::Settings;

#[derive(Debug)]
pub struct Changed {
    pub settings: Settings,
    /// Names of changed directives that need the control thread.
    pub outside: Vec<&'static str>,
}

/// `allow_protected`: `enable-protected-configs` lets this client. The error is the whole line.
pub fn change(
    before: &Settings,
    pairs: &[(String, String)],
    allow_protected: bool,
) -> Result<Changed, String> {
    let rows = resolve(pairs, allow_protected)?;
    let mut settings = before.clone();
    let mut outside = Vec::new();
    for (row, (name, value)) in rows.iter().zip(pairs) {
        row.set(&mut settings, &[value], How::Replace)
            .map_err(|reason| failed(name, &reason))?;
        if row.fixed && row.get(&settings) != row.get(before) {
            return Err(failed(name, "can't set immutable config"));
        }
        if row.outside && row.get(&settings) != row.get(before) {
            outside.push(row.name);
        }
    }
    Ok(Changed { settings, outside })
}

/// The refusal of one value, as CONFIG SET words it.
pub fn failed(name: &str, reason: &str) -> String {
    format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
}

fn resolve(pairs: &[(String, String)], allow_protected: bool) -> Result<Vec<&'static Row>, String> {
    let mut found = Vec::with_capacity(pairs.len());
    for (nth, (name, _)) in pairs.iter().enumerate() {
        let Some(row) = rows::find(name).filter(|row| !row.start_only) else {
            return Err(format!(
                "ERR Unknown option or number of arguments for CONFIG SET - '{name}'"
            ));
        };
        if row.protected && !allow_protected {
            return Err(failed(name, "can't set protected config"));
        }
        if row.immutable {
            return Err(failed(name, "can't set immutable config"));
        }
        if pairs[..nth]
            .iter()
            .any(|(earlier, _)| earlier.eq_ignore_ascii_case(name))
        {
            return Err(failed(name, "duplicate parameter"));
        }
        found.push(row);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_change(pairs: &[(&str, &str)]) -> Result<Changed, String> {
        let pairs: Vec<(String, String)> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        change(&Settings::default(), &pairs, false)
    }

    fn check(pairs: &[(&str, &str)], expected: Result<&[(&str, &str)], &str>) {
        match (try_change(pairs), expected) {
            (Ok(changed), Ok(values)) => {
                for (name, value) in values {
                    assert_eq!(
                        rows::find(name)
                            .expect("a directive")
                            .get(&changed.settings),
                        *value,
                        "{pairs:?}"
                    );
                }
            }
            (Err(error), Err(expected)) => assert_eq!(error, expected, "{pairs:?}"),
            (got, expected) => panic!(
                "{pairs:?}: {:?} instead of {expected:?}",
                got.map(|c| c.outside)
            ),
        }
    }

    #[test]
    fn values_and_refusals() {
        let related = |name: &str, reason: &str| failed(name, reason);
        check(
            &[("hz", "20"), ("timeout", "1m")],
            Ok(&[("hz", "20"), ("timeout", "60")]),
        );
        check(&[("SAVE", "")], Ok(&[("save", "")]));
        check(&[("save", "10 5 20 7")], Ok(&[("save", "10 5 20 7")]));
        check(
            &[("lua-time-limit", "1"), ("busy-reply-threshold", "2")],
            Ok(&[("busy-reply-threshold", "2")]),
        );
        check(&[("maxmemory", "0")], Ok(&[("maxmemory", "0")]));
        check(
            &[("nosuch", "1")],
            Err("ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
        );
        check(
            &[("hz", "1"), ("rename-command", "a b")],
            Err("ERR Unknown option or number of arguments for CONFIG SET - 'rename-command'"),
        );
        check(
            &[("daemonize", "yes")],
            Err(&related("daemonize", "can't set immutable config")),
        );
        check(
            &[("dir", "/tmp")],
            Err(&related("dir", "can't set protected config")),
        );
        check(
            &[("hz", "1"), ("HZ", "2")],
            Err(&related("HZ", "duplicate parameter")),
        );
        check(
            &[("hz", "20"), ("timeout", "-1")],
            Err(&related(
                "timeout",
                "argument must be between 0 and 2147483647 inclusive",
            )),
        );
        check(
            &[("maxmemory", "1gb")],
            Err(&related(
                "maxmemory",
                "not supported yet by this build: a memory limit with eviction",
            )),
        );
    }

    #[test]
    fn what_is_fixed_can_be_set_to_what_it_is() {
        check(
            &[("port", "6379"), ("bind", "* -::*")],
            Ok(&[("port", "6379")]),
        );
        check(
            &[("port", "6380")],
            Err(&failed("port", "can't set immutable config")),
        );
    }

    #[test]
    fn outside_effects_are_named_only_when_something_changes() {
        let changed = try_change(&[("appendonly", "no"), ("hz", "5")]).expect("valid");
        assert_eq!(changed.outside, ["appendonly"]);
        let changed = try_change(&[("appendonly", "yes")]).expect("valid");
        assert!(changed.outside.is_empty());
        let pairs = [("dbfilename".to_owned(), "x.rdb".to_owned())];
        assert!(change(&Settings::default(), &pairs, true).is_ok());
    }
}
