//! The table of directives.

mod encodings;
mod inert;
mod live;
mod special;
mod unbuilt;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::row::Row;

/// Every directive, live ones first; CONFIG GET answers and CONFIG REWRITE appends in this order.
pub static TABLE: &[&[Row]] = &[live::ROWS, encodings::ROWS, inert::ROWS, unbuilt::ROWS];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Row>> = LazyLock::new(|| {
    let mut index = HashMap::new();
    for row in all() {
        for name in std::iter::once(&row.name).chain(row.aliases) {
            let earlier = index.insert(*name, row);
            assert!(earlier.is_none(), "directive {name} has two rows");
        }
    }
    index
});

pub fn all() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().flat_map(|rows| rows.iter())
}

/// The row for a name or alias in any case.
pub fn find(name: &str) -> Option<&'static Row> {
    BY_NAME.get(name.to_ascii_lowercase().as_str()).copied()
}

#[cfg(test)]
mod tests {
    use super::super::row::{Class, How};
    use super::super::settings::Settings;
    use super::*;

    /// Every directive of Redis 8.0.6 and Valkey 9.1.2, with the hidden ones: name, then alias-of in brackets.
    const NAMES: &str = include_str!("names.txt");

    #[test]
    fn every_directive_of_the_peers_is_classified() {
        let mut missing = Vec::new();
        for line in NAMES
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let (name, alias_of) = match line.split_once(" = ") {
                Some((name, of)) => (name, Some(of)),
                None => (line, None),
            };
            match find(name) {
                None => missing.push(line),
                Some(row) => assert!(
                    alias_of.is_none_or(|of| row.name == of || row.aliases.contains(&of)),
                    "{name} is another name of {alias_of:?}"
                ),
            }
        }
        assert!(missing.is_empty(), "directives without a row: {missing:?}");
    }

    #[test]
    fn every_row_is_documented_and_lower_case() {
        for row in all() {
            assert!(
                row.doc.len() > 10 && !row.doc.ends_with(' '),
                "{} has no doc",
                row.name
            );
            assert_eq!(row.name, row.name.to_ascii_lowercase());
            if let Class::Inert(why) | Class::Unbuilt(why) = row.class {
                assert!(why.len() > 10, "{} has no reason", row.name);
            }
        }
    }

    /// Whatever CONFIG GET shows can be set again and changes nothing.
    #[test]
    fn every_default_is_a_valid_value_of_its_own_row() {
        let defaults = Settings::default();
        for row in all().filter(|row| !row.start_only) {
            let shown = row.get(&defaults);
            let words: Vec<&str> = if row.multi && !shown.is_empty() {
                shown.split(' ').collect()
            } else {
                vec![&shown]
            };
            let mut settings = Settings::default();
            row.set(&mut settings, &words, How::Replace)
                .unwrap_or_else(|e| panic!("{} {shown:?}: {e}", row.name));
            assert_eq!(row.get(&settings), shown, "{}", row.name);
            assert!(settings.kept.is_empty(), "{}", row.name);
        }
    }

    /// What REWRITE writes, the parser reads back as the same value.
    #[test]
    fn every_line_of_a_row_reads_back() {
        for row in all() {
            let mut settings = Settings::default();
            for (nth, line) in row.lines(&Settings::default()).iter().enumerate() {
                let words =
                    super::super::syntax::split(line.as_bytes()).expect("a written line splits");
                let words: Vec<String> = words
                    .into_iter()
                    .map(|w| String::from_utf8(w).expect("UTF-8"))
                    .collect();
                assert_eq!(words[0], row.name);
                let args: Vec<&str> = words[1..].iter().map(String::as_str).collect();
                let how = if nth == 0 { How::Replace } else { How::Add };
                row.set(&mut settings, &args, how)
                    .unwrap_or_else(|e| panic!("{line}: {e}"));
            }
            assert_eq!(
                row.get(&settings),
                row.get(&Settings::default()),
                "{}",
                row.name
            );
        }
    }
}
