//! The files of the repository, and Rust code with comments and literals blanked out.

use std::path::{Path, PathBuf};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies in the repository")
        .to_path_buf()
}

/// A text file: path relative to the repository, with slashes, and content.
#[derive(Debug)]
pub struct Source {
    pub path: String,
    pub text: String,
}

/// All text files with one of these endings.
pub fn sources(endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    walk(&root(), "", endings, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(
        !found.is_empty(),
        "the repository is where the test expects it"
    );
    found
}

/// Build products, the version store, what tests fetch, and the corpora of the fuzzers.
const LEFT_OUT: &[&str] = &[
    "target",
    ".git",
    "tests/work",
    "fuzz/corpus",
    "fuzz/artifacts",
    "fuzz/target",
];

fn walk(dir: &Path, prefix: &str, endings: &[&str], found: &mut Vec<Source>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if LEFT_OUT.contains(&path.as_str()) {
            continue;
        }
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{path}/"), endings, found);
        } else if endings.iter().any(|ending| path.ends_with(ending))
            && let Ok(text) = std::fs::read_to_string(entry.path())
        {
            found.push(Source { path, text });
        }
    }
}

/// The lines of an exception list without comments.
pub fn list(name: &str) -> Vec<String> {
    let path = root().join("tests/tidy").join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_string)
        .collect()
}

/// Rust source with the content of comments, strings and character literals replaced by blanks; line breaks stay, so
/// offsets and line numbers are those of the source.
pub fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = bytes
        .iter()
        .map(|&byte| if byte == b'\n' { byte } else { b' ' })
        .collect();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        if end > at {
            at = end;
        } else {
            out[at] = bytes[at];
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The end of the comment or literal that begins at `at`, or `at`.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return rest
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(bytes.len(), |len| at + len);
    }
    if rest.starts_with(b"/*") {
        return block_comment_end(bytes, at);
    }
    let in_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if let Some(end) = raw_string_end(bytes, at).filter(|_| !in_word || rest[0] == b'#') {
        return end;
    }
    match rest[0] {
        b'"' => quoted_end(bytes, at, b'"'),
        // A lifetime has no closing quote after one character.
        b'\'' if rest.get(1) == Some(&b'\\') => quoted_end(bytes, at, b'\''),
        b'\'' => {
            let len = rest.get(1..).and_then(|tail| {
                std::str::from_utf8(&tail[..tail.len().min(8)]).map_or_else(
                    |error| std::str::from_utf8(&tail[..error.valid_up_to()]).ok(),
                    Some,
                )
            });
            let width = len
                .and_then(|text| text.chars().next())
                .map_or(0, char::len_utf8);
            if width > 0 && rest.get(1 + width) == Some(&b'\'') {
                at + width + 2
            } else {
                at
            }
        }
        _ => at,
    }
}

fn block_comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// `r"…"`, `r#"…"#`, `br"…"`.
fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes[at..].strip_prefix(b"b").unwrap_or(&bytes[at..]);
    let rest = rest.strip_prefix(b"r")?;
    let hashes = rest.iter().take_while(|&&byte| byte == b'#').count();
    if rest.get(hashes) != Some(&b'"') {
        return None;
    }
    let body = bytes.len() - rest.len() + hashes + 1;
    let close: Vec<u8> = std::iter::once(b'"')
        .chain(std::iter::repeat_n(b'#', hashes))
        .collect();
    let len = bytes[body..]
        .windows(close.len())
        .position(|window| window == close)?;
    Some(body + len + close.len())
}

fn quoted_end(bytes: &[u8], at: usize, quote: u8) -> usize {
    let mut at = at + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The offset behind the brace that closes the one at `open`, in blanked code.
pub fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// Blanked code without the modules that are compiled for tests only.
pub fn without_tests(code: &str) -> String {
    let mut out = code.to_string();
    let marker = "#[cfg(test)]";
    let mut from = 0;
    while let Some(found) = out[from..].find(marker) {
        let start = from + found;
        let next = &out[start + marker.len()..];
        from = start + marker.len();
        let Some(open) = next.find(['{', ';']) else {
            break;
        };
        if next.as_bytes()[open] == b'{' {
            let end = closing_brace(&out, from + open);
            let blank: String = out[start..end]
                .chars()
                .map(|c| if c == '\n' { '\n' } else { ' ' })
                .collect();
            out.replace_range(start..end, &blank);
            from = start;
        }
    }
    out
}

pub fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].bytes().filter(|&byte| byte == b'\n').count() + 1
}

#[test]
fn literals_and_comments_are_blanked_and_nothing_else() {
    let cases = [
        ("a // b\nc", "a     \nc"),
        ("x(\"}\\\"{\") y", "x(      ) y"),
        ("'{' 'a 'b' '\\''", "    'a           "),
        ("r#\"{\"# br\"}\" rx", "             rx"),
        ("/* { /* } */ */ k", "                k"),
    ];
    for (text, expect) in cases {
        assert_eq!(blanked(text).trim_end(), expect.trim_end(), "{text}");
    }
}
