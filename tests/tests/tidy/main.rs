//! Rules of the house, checked as tests: who may depend on whom, what code may contain, how long it may be.
//!
//! Lists in `tests/tidy/*.txt` name the exceptions. They are ratchets: an entry that is no longer needed fails too.

mod code;
mod edges;
mod lengths;
mod source;
mod text;
