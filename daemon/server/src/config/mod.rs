//! Configuration: what can be set, where it comes from, and who may change it.
//!
//! `settings` holds the typed values, `rows` the table of directives, `parse` the file and command-line
//! syntax, `change` CONFIG SET, `rewrite` CONFIG REWRITE. This module is the only place in the workspace
//! that knows the names of directives; lower crates get plain option structs.

mod apply;
mod change;
mod files;
mod load;
mod rewrite;
mod row;
mod rows;
mod settings;
mod syntax;
pub mod value;

pub use apply::{OWN_FILES, adjust_oom_score, configure, publish};
pub use change::{Changed, change, failed};
pub use files::{load, rewrite_file};
pub use load::LoadError;
pub use row::{Class, Row};
pub use rows::{all, find};
pub use settings::{
    BindAddr, Clients, EvictionPolicy, Fsync, LogLevel, Memory, Network, OomScoreAdj, OutputLimit,
    OutputLimits, Permission, Persistence, Process, SaveRule, Security, Settings, Shutdown,
    SignalShutdown, StatsSettings, Supervised,
};
