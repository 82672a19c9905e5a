//! Helpers of the black-box tests: servers as processes, a socket client, and the harnesses built on them.
//!
//! Everything here looks at the daemon from outside: a binary with flags, a socket, a data directory. The only
//! inside knowledge is the command table, which the differential test uses as its grammar.
//!
//! Which binary is tested is decided by the environment, so that every harness can be tried on the reference:
//! `ESKER_SERVER` (default: the `eskerd` beside the test binary) and `ESKER_REFERENCE` (default: `redis-server`).

pub mod client;
pub mod crash;
pub mod differential;
pub mod process;
pub mod redis;
pub mod seed;
#[cfg(feature = "sim")]
pub mod sim;
pub mod talk;
