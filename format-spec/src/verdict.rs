//! What is wrong with a file, where, and how bad it is: shared by recovery and the offline checkers.

use std::fmt;

use crate::Lsn;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong with the data.
    Note,
    /// The end of the log was cut by a crash. Nobody was promised what is missing; recovery cuts it.
    Torn,
    /// Something that was promised is damaged or missing. Recovery refuses.
    Corrupt,
}

impl Severity {
    /// The word that the tools print.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Torn => "torn",
            Severity::Corrupt => "corrupt",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The file, as named in the data directory.
    pub file: String,
    /// The first byte of the place in question.
    pub offset: u64,
    /// The log position of that place, where there is one.
    pub lsn: Option<Lsn>,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, in words.
    pub what: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} at offset {}",
            self.severity.word(),
            self.file,
            self.offset
        )?;
        if let Some(lsn) = self.lsn {
            write!(f, " (LSN {lsn})")?;
        }
        write!(f, ": {}", self.what)
    }
}
