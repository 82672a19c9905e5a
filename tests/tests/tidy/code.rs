//! What Rust code may and must contain.

use crate::source::{Source, blanked, line_of, list, sources, without_tests};

fn report(rule: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

/// Every place where blanked code contains a text, as `path:line`.
fn places(source: &Source, code: &str, text: &str) -> Vec<String> {
    code.match_indices(text)
        .map(|(at, _)| format!("{}:{}: {text}", source.path, line_of(code, at)))
        .collect()
}

#[test]
fn every_file_says_first_why_it_exists() {
    let bare = sources(&[".rs"])
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "));
    let bare: Vec<String> = bare.map(|source| source.path).collect();
    report("files without a `//!` header", &bare);
}

#[test]
fn nothing_is_left_for_later() {
    let banned = ["#[ignore", "todo!(", "unimplemented!(", "dbg!("];
    let mut wrong = Vec::new();
    for source in sources(&[".rs"]) {
        let code = blanked(&source.text);
        wrong.extend(banned.iter().flat_map(|text| places(&source, &code, text)));
    }
    report("unfinished or switched-off code", &wrong);
}

#[test]
fn a_match_is_asserted_not_dropped() {
    let mut wrong = Vec::new();
    for source in sources(&[".rs"]) {
        let code = blanked(&source.text);
        for (at, _) in code.match_indices("matches!(") {
            let before = code[..at].trim_end().as_bytes().last().copied();
            let statement = matches!(before, None | Some(b';' | b'{' | b'}'));
            let end = code[at..].find(['\n']).map_or(code.len(), |len| at + len);
            if statement && code[at..end].trim_end().ends_with(");") {
                wrong.push(format!("{}:{}", source.path, line_of(&code, at)));
            }
        }
    }
    report("`matches!` whose result is dropped", &wrong);
}

#[test]
fn every_test_has_a_body() {
    let mut wrong = Vec::new();
    for source in sources(&[".rs"]) {
        let code = blanked(&source.text);
        for (at, _) in code.match_indices("#[test]") {
            let Some(open) = code[at..].find('{') else {
                continue;
            };
            if code[at + open + 1..].trim_start().starts_with('}') {
                wrong.push(format!("{}:{}", source.path, line_of(&code, at)));
            }
        }
    }
    report("tests that test nothing", &wrong);
}

#[test]
fn every_silenced_lint_has_a_reason() {
    let mut wrong = Vec::new();
    for source in sources(&[".rs"]) {
        let code = blanked(&source.text);
        for start in ["#[allow(", "#[expect(", "#![allow(", "#![expect("] {
            for (at, _) in code.match_indices(start) {
                let end = code[at..].find(")]").map_or(code.len(), |len| at + len);
                if !code[at..end].contains("reason") {
                    wrong.push(format!("{}:{}", source.path, line_of(&code, at)));
                }
            }
        }
    }
    report("lints silenced without a reason", &wrong);
}

#[test]
fn unsafe_code_is_in_the_named_modules_with_its_argument() {
    let named = list("unsafe-modules.txt");
    let mut wrong = Vec::new();
    let mut used = Vec::new();
    for source in sources(&[".rs"]) {
        let code = blanked(&source.text);
        let lines: Vec<&str> = source.text.lines().collect();
        for (at, _) in code.match_indices("unsafe") {
            let rest = code[at + 6..].trim_start();
            let is_word = !code[at + 6..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
            if !is_word || code[..at].ends_with('_') {
                continue;
            }
            let line = line_of(&code, at);
            if !named.contains(&source.path) {
                wrong.push(format!("{}:{line}: not a named module", source.path));
                continue;
            }
            used.push(source.path.clone());
            // Declarations (`unsafe fn`, `unsafe trait`) state their demand in a `# Safety` section instead.
            let argued = lines[line.saturating_sub(16)..line]
                .iter()
                .any(|text| text.contains("SAFETY") || text.contains("# Safety"));
            if (rest.starts_with('{') || rest.starts_with("impl")) && !argued {
                wrong.push(format!("{}:{line}: no SAFETY argument", source.path));
            }
        }
    }
    wrong.extend(
        named
            .iter()
            .filter(|path| !used.contains(path))
            .map(|path| format!("{path}: named for nothing")),
    );
    report("unsafe code", &wrong);
}

/// The crates below the server get the time, randomness and files as arguments.
#[test]
fn lower_crates_do_not_reach_the_outside() {
    let lower = [
        "format-spec/src/",
        "daemon/resp/src/",
        "daemon/keyspace/src/",
        "daemon/commands/src/",
        "daemon/persist/src/",
        "daemon/env/src/sim",
    ];
    let outside = [
        "std::fs",
        "std::net",
        "Instant::now",
        "SystemTime",
        "thread::spawn",
        "thread::sleep",
        "std::env",
        "rand::",
    ];
    let mut wrong = Vec::new();
    for source in sources(&[".rs"]) {
        if !lower.iter().any(|prefix| source.path.starts_with(prefix))
            || source.path.contains("tests")
        {
            continue;
        }
        let code = without_tests(&blanked(&source.text));
        wrong.extend(outside.iter().flat_map(|text| places(&source, &code, text)));
    }
    report(
        "lower crates that reach files, sockets, clocks, threads or randomness",
        &wrong,
    );
}
