//! From files and command line to settings.
//!
//! Everything is read in one order: the file, its includes where they stand, standard input, the command
//! line. Later values override earlier ones, except that lines of `save` and `rename-command` add up. The
//! first mistake ends the reading with the place, the line and the reason. Files are reached through
//! `Sources`, so that all of this runs in tests without any.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use super::row::{How, Row};
use super::rows;
use super::settings::Settings;
use super::syntax;

/// Deeper includes are taken for a cycle.
const INCLUDE_DEPTH_MAX: usize = 16;

/// Where the bytes of configuration files come from.
pub trait Sources {
    fn file(&mut self, path: &str) -> std::io::Result<Vec<u8>>;
    /// The files that match an include pattern, sorted.
    fn matching(&mut self, pattern: &str) -> std::io::Result<Vec<String>>;
    fn stdin(&mut self) -> std::io::Result<Vec<u8>>;
    fn absolute(&self, path: &str) -> PathBuf;
}

/// The command line, taken apart but not understood.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct CommandLine {
    pub file: Option<String>,
    pub stdin: bool,
    /// Lines in the syntax of the configuration file.
    pub lines: Vec<Vec<u8>>,
}

impl CommandLine {
    /// `args` without the program's name: `[file] [--directive value...]... [-]`. What follows a directive is its
    /// value even if it begins with `--`; further words are values until one does. `--save` alone means `--save ""`.
    pub fn parse(args: &[String]) -> CommandLine {
        let mut line = CommandLine::default();
        let mut rest = args;
        match rest.first().map(String::as_str) {
            Some("-") => (line.stdin, rest) = (true, &rest[1..]),
            Some(first) if !first.starts_with("--") => {
                (line.file, rest) = (Some(first.into()), &rest[1..])
            }
            _ => {}
        }
        if let [before @ .., last] = rest
            && last == "-"
        {
            (line.stdin, rest) = (true, before);
        }
        let mut wants_value = false;
        for (i, arg) in rest.iter().enumerate() {
            if let Some(name) = arg.strip_prefix("--").filter(|_| !wants_value) {
                wants_value = line.directive(name, rest.get(i + 1));
            } else {
                line.value(arg);
                wants_value = false;
            }
        }
        line
    }

    /// Begins a line with what stood behind `--`, which may hold values too; true if the next word is a value.
    fn directive(&mut self, text: &str, next: Option<&String>) -> bool {
        self.lines.push(text.as_bytes().to_vec());
        if syntax::split(text.as_bytes()).is_none_or(|words| words.len() != 1) {
            return false;
        }
        let bare_save =
            text.eq_ignore_ascii_case("save") && next.is_none_or(|next| next.starts_with("--"));
        if bare_save {
            self.value("");
        }
        !bare_save
    }

    fn value(&mut self, text: &str) {
        if self.lines.is_empty() {
            self.lines.push(Vec::new());
        }
        let line = self.lines.last_mut().expect("a line was just made sure of");
        line.push(b' ');
        line.extend_from_slice(syntax::quote(text).as_bytes());
    }
}

/// Why the configuration cannot be used. Its text is meant for standard error as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadError {
    /// A path, `standard input` or `command line`.
    pub place: String,
    /// Counted from 1; `None` when the file itself could not be read.
    pub line: Option<usize>,
    /// The line, or its directive alone where the value is a secret.
    pub text: String,
    pub reason: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "*** FATAL CONFIG FILE ERROR ***")?;
        match self.line {
            Some(line) => {
                writeln!(f, "Reading {}, at line {line}", self.place)?;
                writeln!(f, ">>> '{}'", self.text)?;
            }
            None => writeln!(f, "Reading {}", self.place)?,
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for LoadError {}

/// Reads what the command line names, on top of `base`.
pub fn load_from(
    line: &CommandLine,
    base: Settings,
    sources: &mut dyn Sources,
) -> Result<Settings, LoadError> {
    let mut loader = Loader {
        settings: base,
        seen: HashSet::new(),
        sources,
    };
    if let Some(path) = &line.file {
        loader.settings.config_file = Some(loader.sources.absolute(path));
        loader.file(path, 0)?;
    }
    if line.stdin {
        let place = "standard input";
        let bytes = loader
            .sources
            .stdin()
            .map_err(|error| unreadable(place, &error))?;
        loader.text(place, &bytes, 0)?;
    }
    for (nth, text) in line.lines.iter().enumerate() {
        loader.line("the command line", nth + 1, text, 0)?;
    }
    Ok(loader.settings)
}

fn unreadable(place: &str, error: &std::io::Error) -> LoadError {
    LoadError {
        place: place.into(),
        line: None,
        text: String::new(),
        reason: format!("can't open it: {error}"),
    }
}

struct Loader<'a> {
    settings: Settings,
    /// Directives that occurred already: their further lines may add up.
    seen: HashSet<&'static str>,
    sources: &'a mut dyn Sources,
}

impl Loader<'_> {
    fn file(&mut self, path: &str, depth: usize) -> Result<(), LoadError> {
        let bytes = self
            .sources
            .file(path)
            .map_err(|error| unreadable(path, &error))?;
        self.text(path, &bytes, depth)
    }

    fn text(&mut self, place: &str, bytes: &[u8], depth: usize) -> Result<(), LoadError> {
        for (nth, line) in bytes.split(|b| *b == b'\n').enumerate() {
            self.line(place, nth + 1, line, depth)?;
        }
        Ok(())
    }

    fn line(
        &mut self,
        place: &str,
        number: usize,
        line: &[u8],
        depth: usize,
    ) -> Result<(), LoadError> {
        let line = line.trim_ascii();
        if line.is_empty() || line[0] == b'#' {
            return Ok(());
        }
        let refuse = |text: String, reason: String| LoadError {
            place: place.into(),
            line: Some(number),
            text,
            reason,
        };
        let shown = String::from_utf8_lossy(line).into_owned();
        let Some(words) = syntax::split(line) else {
            return Err(refuse(
                hide(&shown),
                "Unbalanced quotes in configuration line".into(),
            ));
        };
        let words: Result<Vec<String>, _> = words.into_iter().map(String::from_utf8).collect();
        let Ok(words) = words else {
            return Err(refuse(hide(&shown), "The line is not valid UTF-8".into()));
        };
        let Some((name, args)) = words.split_first() else {
            return Ok(());
        };
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        if name.eq_ignore_ascii_case("include") {
            let [pattern] = args[..] else {
                return Err(refuse(shown, "wrong number of arguments".into()));
            };
            if depth == INCLUDE_DEPTH_MAX {
                return Err(refuse(shown, "Includes are nested too deeply".into()));
            }
            return self.include(pattern, depth + 1);
        }
        let Some(row) = rows::find(name) else {
            return Err(refuse(
                hide(&shown),
                "Bad directive or wrong number of arguments".into(),
            ));
        };
        let how = if self.seen.insert(row.name) {
            How::Replace
        } else {
            How::Add
        };
        row.set(&mut self.settings, &args, how).map_err(|reason| {
            let text = if row.sensitive {
                format!("{name} ...")
            } else {
                shown
            };
            refuse(text, reason)
        })
    }

    fn include(&mut self, pattern: &str, depth: usize) -> Result<(), LoadError> {
        if !pattern.contains(['*', '?', '[']) {
            return self.file(pattern, depth);
        }
        let paths = self
            .sources
            .matching(pattern)
            .map_err(|error| unreadable(pattern, &error))?;
        paths.iter().try_for_each(|path| self.file(path, depth))
    }
}

/// A line that could not be understood may hold a secret: then its first word is shown alone.
fn hide(line: &str) -> String {
    let name = line.split_ascii_whitespace().next().unwrap_or_default();
    let secret = rows::find(name.trim_matches(['"', '\''])).is_some_and(|row: &Row| row.sensitive);
    if secret {
        format!("{name} ...")
    } else {
        line.into()
    }
}

#[cfg(test)]
mod tests;
