//! How results are told: lines or JSON on standard output, progress on a terminal's standard error, exit codes.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use esker_format::verdict::Verdict;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

/// The outcome of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is wrong.
    Sound,
    /// Problems were found and are listed.
    Problems,
    /// The arguments do not make sense together. (`clap` reports its own with the same code.)
    Usage,
    /// What should be looked at could not be read.
    Unreadable,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(match outcome {
            Outcome::Sound => 0,
            Outcome::Problems => 1,
            Outcome::Usage => 2,
            Outcome::Unreadable => 3,
        })
    }
}

/// The explanation of the exit codes at the end of every `--help`.
pub const EXIT_CODES: &str = "Exit codes: 0 sound, 1 problems found, 2 usage, 3 unreadable.";

/// Standard output that takes a closed pipe for the end of the work.
pub struct Output {
    out: io::BufWriter<io::Stdout>,
}

impl Default for Output {
    fn default() -> Output {
        Output {
            out: io::BufWriter::new(io::stdout()),
        }
    }
}

impl Output {
    /// Writes one line.
    pub fn line(&mut self, line: impl fmt::Display) -> io::Result<()> {
        writeln!(self.out, "{line}")
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Writes out what is buffered.
    pub fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Ends a tool: turns an error into a line on standard error and an exit code.
pub fn finish(tool: &str, what: &str, result: io::Result<Outcome>) -> ExitCode {
    let error = match result {
        Ok(outcome) => return outcome.into(),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Outcome::Sound.into(),
        Err(error) => error,
    };
    let why = match error.kind() {
        io::ErrorKind::WouldBlock => "a running store is using this directory".to_owned(),
        _ => error.to_string(),
    };
    // Standard error may be closed, too; the exit code still tells.
    drop(writeln!(io::stderr(), "{tool}: {what}: {why}"));
    Outcome::Unreadable.into()
}

/// A verdict for machines.
pub fn verdict_json(verdict: &Verdict) -> Value {
    json!({
        "file": verdict.file,
        "offset": verdict.offset,
        "lsn": verdict.lsn.map(|lsn| lsn.0),
        "severity": verdict.severity.word(),
        "what": verdict.what,
    })
}

/// A bar on standard error if that is a terminal and nobody asked for JSON; else nothing.
pub fn progress(bytes: u64, json: bool) -> ProgressBar {
    if json || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    let bar = ProgressBar::new(bytes);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
