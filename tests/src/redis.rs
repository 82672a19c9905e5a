//! The reference server: the `redis-server` of the machine, or what `ESKER_REFERENCE` names.

use std::io;
use std::path::PathBuf;

use crate::process::{Options, Server};

pub fn reference_binary() -> PathBuf {
    std::env::var_os("ESKER_REFERENCE").map_or_else(|| PathBuf::from("redis-server"), PathBuf::from)
}

/// Flags for a reference that keeps nothing on disk and allows what the tests need.
pub fn reference_options() -> Options {
    Options::new(reference_binary())
        .flag("save", "")
        .flag("appendonly", "no")
        .flag("enable-debug-command", "yes")
        .flag("lazyfree-lazy-user-flush", "no")
}

pub fn start_reference() -> io::Result<Server> {
    Server::start(&reference_options())
}
