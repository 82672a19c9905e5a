//! The crash simulator: the real `persist` and `keyspace` crates on a simulated disk, against a naive model.
//!
//! One seed is one run: a mixture of options, several lives of one store, each ended by a power cut, the death of the
//! process or an orderly shutdown at a moment that the seed chooses, and a recovery after each that must give a
//! prefix of what was asked for, with everything in it that was promised. [`driver`] runs it, [`oracle`] judges it,
//! [`history`] knows the promises, [`model`] knows the right answers, [`coverage`] tells what was seen.
//!
//! It does not simulate sockets, threads or the commands' parsing: other tests drive the real binary.

pub mod command;
pub mod coverage;
pub mod driver;
pub mod exec;
pub mod exhaustive;
pub mod history;
pub mod image;
pub mod model;
pub mod options;
pub mod oracle;
pub mod planted;
mod recovery;
pub mod runner;
pub mod store;
