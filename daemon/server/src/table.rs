//! All commands of the server: the data families and the admin families as one table.
//!
//! The two kinds differ in what their handlers may reach. Their rows are numbered together, data rows
//! first, so that counters are one array.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use esker_commands::error::quoted;
use esker_commands::{Args, CmdError, Command, DataFn, Flags, Group, Traits};
use esker_keyspace::hash::hash_key;

use crate::admin::{self, AdminFn};
use crate::io::batch::{Batch, Source};

/// Dense over both kinds. Not stable across versions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RowId(u16);

impl RowId {
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

#[derive(Clone, Copy)]
pub enum Facts {
    Data(&'static Command<DataFn>),
    Admin(&'static Command<AdminFn>),
}

/// The same field or method of either kind of row.
#[macro_export]
macro_rules! either_row {
    ($facts:expr, $row:ident => $body:expr) => {
        match $facts {
            $crate::table::Facts::Data($row) => $body,
            $crate::table::Facts::Admin($row) => $body,
        }
    };
}

#[derive(Clone, Copy)]
pub enum Handler {
    Data(DataFn),
    Admin(AdminFn),
    /// A container called without the name of a subcommand.
    None,
}

/// A row with what the executor asks of it at every call.
#[derive(Clone, Copy)]
pub struct Row {
    pub id: RowId,
    pub facts: Facts,
    pub handler: Handler,
    pub flags: Flags,
    /// The first argument is the first key: its hash can be computed while parsing.
    key_first: bool,
    protected: bool,
}

impl Row {
    fn new(id: u16, facts: Facts) -> Row {
        let handler = match facts {
            Facts::Data(row) => row.handler.map_or(Handler::None, Handler::Data),
            Facts::Admin(row) => row.handler.map_or(Handler::None, Handler::Admin),
        };
        let (flags, traits, first) =
            either_row!(facts, row => (row.flags, row.traits, row.legacy_range().first));
        let key_first = first == 1 && matches!(facts, Facts::Data(_));
        Row {
            id: RowId(id),
            facts,
            handler,
            flags,
            key_first,
            protected: traits.has(Traits::PROTECTED),
        }
    }

    /// As the row has it: `CLIENT|LIST`.
    pub fn name(&self) -> &'static str {
        either_row!(self.facts, row => row.name)
    }

    pub fn group(&self) -> Group {
        either_row!(self.facts, row => row.group)
    }

    pub fn lower_name(&self) -> String {
        either_row!(self.facts, row => row.lower_name())
    }

    pub fn accepts(&self, argc: usize) -> bool {
        either_row!(self.facts, row => row.arity.accepts(argc))
    }

    pub fn protected(&self) -> bool {
        self.protected
    }

    /// Writes that may go on when the disk is low: they make room.
    pub fn frees_space(&self) -> bool {
        matches!(
            self.name(),
            "DEL"
                | "UNLINK"
                | "FLUSHDB"
                | "FLUSHALL"
                | "EXPIRE"
                | "PEXPIRE"
                | "EXPIREAT"
                | "PEXPIREAT"
                | "GETDEL"
        )
    }

    pub fn is_write(&self) -> bool {
        self.flags.has(Flags::WRITE)
    }
}

pub struct Table {
    rows: Vec<Row>,
}

pub static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

/// `rename-command`: lower-case names that mean something else now, or nothing any more.
static RENAMED: OnceLock<HashMap<Vec<u8>, Option<RowId>>> = OnceLock::new();

/// Puts the renames of the configuration into force, before the first client.
pub fn rename(renames: &[(String, String)]) {
    if renames.is_empty() {
        return;
    }
    let mut renamed = HashMap::new();
    for (old, new) in renames {
        let row = TABLE.find_original(old.as_bytes()).map(|row| row.id);
        if !new.is_empty() {
            renamed.insert(new.to_ascii_lowercase().into_bytes(), row);
        }
        renamed
            .entry(old.to_ascii_lowercase().into_bytes())
            .or_insert(None);
    }
    // A second start in one process (tests) keeps the names of the first.
    RENAMED.get_or_init(|| renamed);
}

impl Table {
    fn new() -> Table {
        let data = esker_commands::TABLE
            .rows()
            .map(|found| Facts::Data(found.row));
        let admin = admin::TABLE.rows().map(|found| Facts::Admin(found.row));
        let rows = data
            .chain(admin)
            .enumerate()
            .map(|(i, facts)| Row::new(i as u16, facts))
            .collect();
        Table { rows }
    }

    pub fn row(&self, id: RowId) -> &Row {
        &self.rows[id.index()]
    }

    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// Top-level commands only.
    pub fn commands(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.name().contains('|'))
    }

    pub fn subs(&self, container: &Row) -> impl Iterator<Item = &Row> {
        let count = either_row!(container.facts, row => row.subs.len());
        self.rows[container.id.index() + 1..][..count].iter()
    }

    /// A command by name in any case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&Row> {
        if let Some(renamed) = RENAMED.get()
            && let Some(target) = renamed.get(name.to_ascii_lowercase().as_slice())
        {
            return target.map(|id| self.row(id));
        }
        self.find_original(name)
    }

    /// By the name that the command was built with.
    fn find_original(&self, name: &[u8]) -> Option<&Row> {
        let id = match esker_commands::TABLE.find(name) {
            Some(found) => usize::from(found.id),
            None => usize::from(admin::TABLE.find(name)?.id) + esker_commands::TABLE.len(),
        };
        Some(&self.rows[id])
    }

    /// By the name that COMMAND INFO and ACL use: `get`, `object|freq`.
    pub fn find_full(&self, name: &[u8]) -> Option<&Row> {
        match name.iter().position(|byte| *byte == b'|') {
            None => self.find(name),
            Some(bar) => self.find_sub(self.find(&name[..bar])?, &name[bar + 1..]),
        }
    }

    pub fn find_sub(&self, container: &Row, name: &[u8]) -> Option<&Row> {
        self.subs(container).find(|sub| {
            let last = either_row!(sub.facts, row => row.last_name());
            last.as_bytes().eq_ignore_ascii_case(name)
        })
    }

    /// The row that a request calls.
    pub fn called(&self, args: Args<'_>) -> Option<&Row> {
        let row = self.find(args.get(0))?;
        if either_row!(row.facts, r => r.subs.is_empty()) {
            return Some(row);
        }
        match args.try_get(1) {
            Some(sub) => self.find_sub(row, sub),
            None => Some(row),
        }
    }

    /// Why `called` found nothing, in the words of Redis.
    pub fn unknown(&self, args: Args<'_>) -> CmdError {
        match self.find(args.get(0)) {
            Some(container) => CmdError::unknown_subcommand(
                &container.lower_name(),
                args.try_get(1).unwrap_or_default(),
            ),
            None => unknown_command(args),
        }
    }

    /// Fills in row and key hash of parsed commands.
    pub fn resolve(
        &self,
        batch: &mut Batch,
        source: Source,
        cmds: std::ops::Range<usize>,
        seed: u64,
    ) {
        for i in cmds {
            let args = batch.args(source, &batch.cmds[i]);
            let row = self.called(args);
            let hash = match row {
                Some(row) if row.key_first && args.len() > 1 => hash_key(seed, args.get(1)),
                _ => 0,
            };
            let id = row.map(|row| row.id);
            let cmd = &mut batch.cmds[i];
            (cmd.row, cmd.hash) = (id, hash);
        }
    }
}

/// Redis shows the name and the first arguments, each cut so that the line stays short.
fn unknown_command(args: Args<'_>) -> CmdError {
    const SHOWN_MAX: usize = 128;
    let mut list = String::new();
    for arg in args.iter().skip(1) {
        let shown = list.chars().count();
        if shown >= SHOWN_MAX {
            break;
        }
        list.push_str(&format!("'{}' ", quoted(arg, SHOWN_MAX - shown)));
    }
    CmdError::text(format_args!(
        "unknown command '{}', with args beginning with: {list}",
        quoted(args.get(0), SHOWN_MAX)
    ))
}
