//! The reference server: the `redis-server` of the machine, or what `ESKER_REFERENCE` names.

use std::io;
use std::path::PathBuf;

use crate::process::{Options, Server};

pub fn reference_binary() -> PathBuf {
    std::env::var_os("ESKER_REFERENCE").map_or_else(|| PathBuf::from("redis-server"), PathBuf::from)
}

/// Flags for a reference that keeps nothing on disk and allows what the tests need.
///
/// A reply that grows beyond reason (as many random elements as a 64-bit number says) ends the connection instead of
/// taking all memory of the machine.
pub fn reference_options() -> Options {
    let mut options = Options::new(reference_binary())
        .flag("save", "")
        .flag("appendonly", "no")
        .flag("enable-debug-command", "yes")
        .flag("lazyfree-lazy-user-flush", "no");
    let limit = ["--client-output-buffer-limit", "normal", "512mb", "0", "0"];
    options.flags.extend(limit.map(str::to_string));
    options
}

pub fn start_reference() -> io::Result<Server> {
    Server::start(&reference_options())
}
