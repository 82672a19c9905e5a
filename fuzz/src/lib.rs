//! The fuzz targets: each body is a plain function over arbitrary bytes that panics when an invariant is broken.
//!
//! A body is driven in three ways: by libFuzzer (`fuzz/run NAME`), by `tests/tests/fuzz_bodies.rs` with a seed and a
//! count, and by the binary of its name, which replays files. Inputs are either the bytes in question, or decisions
//! ([`input`]) about what happens to something valid; the latter get the checksums right ([`seal`]) where damage behind
//! a checksum is the subject.
//!
//! A body is deterministic, touches no file, and uses memory in proportion to its input; exceptions cap the input.

mod audit;
mod commands;
pub mod edit;
mod frame;
pub mod grammar;
pub mod input;
mod judge;
mod manifest;
pub mod memory;
mod replica;
mod reply;
mod resp;
mod restore;
pub mod seal;
mod segment;
mod snapshot;
pub mod store;
mod unit;

pub use audit::audit;
pub use commands::commands;
pub use frame::frame;
pub use manifest::manifest;
pub use resp::resp;
pub use restore::restore;
pub use segment::segment;
pub use snapshot::snapshot;
pub use unit::unit;

/// A target: its name, which is also that of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: &[Target] = &[
    ("audit", audit),
    ("commands", commands),
    ("frame", frame),
    ("manifest", manifest),
    ("resp", resp),
    ("restore", restore),
    ("segment", segment),
    ("snapshot", snapshot),
    ("unit", unit),
];

/// Runs a body on every file named on the command line: how a finding is looked at without a fuzzer.
pub fn replay(body: fn(&[u8])) {
    for path in std::env::args_os().skip(1) {
        let bytes = std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.to_string_lossy()));
        body(&bytes);
    }
}

/// The program of a target: libFuzzer's entry point when it is built for fuzzing, else [`replay`].
#[macro_export]
macro_rules! target {
    ($body:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::$body(data));

        #[cfg(not(fuzzing))]
        fn main() {
            $crate::replay($crate::$body);
        }
    };
}
