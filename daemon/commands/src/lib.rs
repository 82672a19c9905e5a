//! The row type of a command, the rows of all data commands, and their handlers.
//!
//! A data command is one row and one function in one family file. Its handler sees a transaction, the arguments and
//! the reply, and nothing else: no session, socket, clock or log. It parses all options, then looks up and checks,
//! then changes, then replies; after the first change it cannot fail. Admin commands have rows of the same type
//! in the server, with another kind of handler.

pub mod arg;
pub mod args;
mod bitmap;
pub mod block;
pub mod command;
mod deadline;
pub mod double;
pub mod error;
mod extended;
pub mod flags;
mod geo;
pub mod glob;
mod hash;
pub mod help;
mod hyperloglog;
pub mod info;
mod key;
pub mod keyspec;
mod list;
mod repeat;
mod scan;
mod set;
mod sort;
mod stream;
mod string;
pub mod table;
#[cfg(test)]
mod testing;
pub mod value;
mod zset;

pub use args::{Args, Cursor};
pub use block::{Block, Nothing, blocking_timeout, blocking_timeout_ms};
pub use command::{Arity, Command, at_least, exactly, in_group};
pub use error::{CmdError, CmdResult};
pub use flags::{Categories, Flags, Group, Traits};
pub use keyspec::{InvalidKeys, KeyFlags, KeyRef, KeySpec};
pub use table::{Found, RowId, Table, count_rows};

use esker_keyspace::Tx;
use esker_resp::Reply;

/// Executes one data command.
pub type DataFn = fn(&mut Tx<'_>, Args<'_>, &mut Reply<'_>) -> CmdResult;

/// The row of a data command.
pub type Row = Command<DataFn>;

/// The rows of all data commands, family by family.
pub const FAMILIES: &[&[Row]] = &[
    string::COMMANDS,
    bitmap::COMMANDS,
    hyperloglog::COMMANDS,
    list::COMMANDS,
    set::COMMANDS,
    hash::COMMANDS,
    zset::COMMANDS,
    geo::COMMANDS,
    stream::COMMANDS,
    sort::COMMANDS,
    key::COMMANDS,
    key::SERVER_COMMANDS,
];

const ROWS: usize = count_rows(FAMILIES);

/// All data commands, by name.
pub static TABLE: Table<DataFn, ROWS, 512> = Table::join(FAMILIES);
