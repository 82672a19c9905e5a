//! Texts carry nothing of the machine or the place where they were written.

use crate::source::sources;

#[test]
fn no_text_names_the_place_where_it_was_written() {
    // In pieces, so that this list is not found itself.
    let banned: Vec<String> = [
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["CONTRACT", ".md"],
        ["STYLE", ".md"],
        ["DESIGN", ".md"],
        ["DESIGN", " §"],
        ["STYLE", " §"],
        ["work", "tree"],
    ]
    .iter()
    .map(|pieces| pieces.concat())
    .collect();
    let mut wrong = Vec::new();
    for source in sources(&[
        ".rs",
        ".md",
        ".toml",
        ".py",
        ".c",
        ".sh",
        ".txt",
        "tests/run",
        "tests/sanitize",
        ".ci/run",
    ]) {
        for (number, line) in source.text.lines().enumerate() {
            for word in banned.iter().filter(|word| line.contains(word.as_str())) {
                let ours =
                    format!("tests{word}").contains("tests/work/") && line.contains("tests/work");
                if !ours {
                    wrong.push(format!("{}:{}: {word}", source.path, number + 1));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "texts that name a place of work:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn lines_end_where_their_text_ends() {
    let mut wrong = Vec::new();
    for source in sources(&[".rs", ".md", ".toml", ".py", ".c", ".sh"]) {
        let trailing = source
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.ends_with([' ', '\t']));
        wrong.extend(
            trailing
                .map(|(number, _)| format!("{}:{}: blanks at the end", source.path, number + 1)),
        );
        if !source.text.is_empty() && !source.text.ends_with('\n') {
            wrong.push(format!("{}: no line break at the end", source.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
