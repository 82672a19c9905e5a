//! Functions of at most 70 lines, files of at most 1000, a README of at most 180; lists hold what is longer.

use std::collections::BTreeMap;

use crate::source::{blanked, closing_brace, line_of, list, root, sources, without_tests};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 1000;
const README_LINES_MAX: usize = 180;

/// Compares what is too long with a list of `name<TAB>lines`, which may only shrink.
fn ratchet(list_name: &str, long: &BTreeMap<String, usize>) {
    let mut listed: BTreeMap<String, usize> = BTreeMap::new();
    for line in list(list_name) {
        let (name, lines) = line
            .rsplit_once('\t')
            .unwrap_or_else(|| panic!("{list_name}: {line}"));
        listed.insert(
            name.to_string(),
            lines
                .parse()
                .unwrap_or_else(|_| panic!("{list_name}: {line}")),
        );
    }
    let mut wrong = Vec::new();
    for (name, lines) in long {
        match listed.get(name) {
            None => wrong.push(format!("{name} has {lines} lines")),
            Some(limit) if lines > limit => {
                wrong.push(format!("{name} grew from {limit} to {lines} lines"))
            }
            Some(limit) if lines < limit => {
                wrong.push(format!("{name} shrank to {lines} lines: write that down"))
            }
            Some(_) => {}
        }
    }
    wrong.extend(
        listed
            .keys()
            .filter(|name| !long.contains_key(*name))
            .map(|name| format!("{name} is listed for nothing")),
    );
    assert!(
        wrong.is_empty(),
        "tests/tidy/{list_name}:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn functions_fit_a_screen() {
    let mut long = BTreeMap::new();
    for source in sources(&[".rs"]) {
        // A module of tests in a file of its own is a list of cases.
        if source.path.ends_with("/tests.rs") {
            continue;
        }
        let code = without_tests(&blanked(&source.text));
        for (name, lines) in functions(&code) {
            if lines > FUNCTION_LINES_MAX {
                long.insert(format!("{}\t{name}", source.path), lines);
            }
        }
    }
    ratchet("long-functions.txt", &long);
}

/// Names and line counts, from the line of `fn` to the closing brace.
fn functions(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let starts_word = at == 0
            || !(code.as_bytes()[at - 1].is_ascii_alphanumeric()
                || code.as_bytes()[at - 1] == b'_');
        let name: String = code[at + 3..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if !starts_word || name.is_empty() {
            continue;
        }
        let Some(open) = body_of(code, at) else {
            continue;
        };
        let lines = line_of(code, closing_brace(code, open)) - line_of(code, at) + 1;
        found.push((name, lines));
    }
    found
}

/// The opening brace of a function; `None` for a declaration without a body. Brackets may hold a `;` (`[u8; 4]`).
fn body_of(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0;
    for (offset, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(offset),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

#[test]
fn files_hold_one_subject() {
    let long = sources(&[".rs"])
        .into_iter()
        .map(|source| (source.path, source.text.lines().count()));
    ratchet(
        "long-files.txt",
        &long.filter(|(_, lines)| *lines > FILE_LINES_MAX).collect(),
    );
}

#[test]
fn the_readme_stays_short() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    let lines = readme.lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines");
}

#[test]
fn lengths_are_counted_from_the_signature_to_the_brace() {
    let code = "fn a() {\n}\nfn b(x: [u8; 2]) -> u8\n{\n  {}\n}\ntrait T { fn c(); }\n";
    assert_eq!(
        functions(code),
        [("a".to_string(), 2), ("b".to_string(), 4)]
    );
}
