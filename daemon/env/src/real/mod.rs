//! The machine we run on. With the I/O threads of the server, the only code that touches files, clocks and entropy.

pub mod alloc;
pub mod clock;
pub mod files;
pub mod process;

pub use clock::{RealClock, entropy_seed};
pub use files::RealFiles;
