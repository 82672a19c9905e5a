//! Everything that knows about clients: I/O threads, sessions, gates, execution, configuration, admin
//! commands, and the threads that run the store's background work.
//!
//! `start` builds the server from its settings; the caller keeps the process alive and passes signals on.

#![forbid(unsafe_code)]

pub mod admin;
mod background;
mod blocked;
mod call;
pub mod config;
pub mod control;
pub mod departing;
pub mod engine;
pub mod exec;
pub mod gates;
mod histogram;
mod info;
pub mod io;
mod multi;
pub mod session;
pub mod shared;
mod start;
pub mod stats;
pub mod table;
mod threads;
mod watch;

pub use start::{Running, StartError, start};
