//! What the offline tools share: a data directory that is only read, and the way results are told.
//!
//! The tools are thin: what bytes mean is `esker-format`'s, and `aof-check` gives the verdict that recovery will
//! give because both call the same audit. A tool writes nothing unless an option names what it may write.

pub mod audit_words;
pub mod directory;
pub mod elements;
pub mod log;
pub mod losses;
pub mod pattern;
pub mod progress;
pub mod repair;
pub mod report;
pub mod when;
