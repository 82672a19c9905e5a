//! I/O threads: event loops that own connections and turn ready sockets into batches.
//!
//! A turn reads and parses every ready connection without a lock, executes the batch under the engine
//! lock, writes the log, and sends the replies that the log allows. Nothing here knows what a command
//! does.

pub mod batch;
pub mod conn;
pub mod listen;
pub mod output;
pub mod stream;
pub mod thread;
