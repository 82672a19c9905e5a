//! Stand-in until the family is there.

use crate::Row;

pub const COMMANDS: &[Row] = &[];
