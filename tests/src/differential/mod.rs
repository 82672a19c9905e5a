//! Generated command sequences sent to the subject and to a real redis-server, with replies compared as bytes.
//!
//! The grammar is not written here: it is the argument trees that the reference publishes (COMMAND DOCS) for the
//! commands that the subject says it has (COMMAND LIST), so a new command is compared without an edit, and options
//! that the reference lacks are not drawn. `rules` names, with reasons, what is left out and which replies cannot be
//! equal byte for byte; `values` knows what is worth passing as which argument.

pub mod case;
pub mod compare;
pub mod grammar;
pub mod normal;
pub mod rules;
pub mod state;
pub mod typed;
pub mod values;
