//! The row: everything that is known about one command, beside the function that executes it.
//!
//! Rows are constants made by `const` builders, so a contradiction (two names alike, a lower-case name, a row that
//! writes and is read-only) stops the compilation when `Table::join` looks at them. Whatever clients can ask about a
//! command is derived from its row; nothing is written down twice.

use crate::arg::Arg;
use crate::args::Args;
use crate::flags::{Categories, Flags, Group, Traits};
use crate::keyspec::{InvalidKeys, KeyFlags, KeyRef, KeySpec, KeysFn, LegacyRange, legacy_range};

/// How many arguments a command takes, its name included: exactly `n`, or at least `-n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arity(i16);

pub const fn exactly(count: i16) -> Arity {
    Arity(count)
}

pub const fn at_least(count: i16) -> Arity {
    Arity(-count)
}

impl Arity {
    #[inline]
    pub const fn accepts(self, argc: usize) -> bool {
        match self.0 {
            exact @ 0.. => argc == exact as usize,
            least => argc >= least.unsigned_abs() as usize,
        }
    }

    /// As COMMAND shows it: negative means "at least".
    pub const fn number(self) -> i16 {
        self.0
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Deprecated {
    pub since: &'static str,
    pub replaced_by: &'static str,
}

/// One command with a handler of type `F`, or a container whose sub-rows have them.
#[derive(Clone, Copy, Debug)]
pub struct Command<F: 'static> {
    /// Upper case; a sub-row has its container's name in front: `OBJECT|FREQ`.
    pub name: &'static str,
    pub arity: Arity,
    pub flags: Flags,
    pub traits: Traits,
    pub group: Group,
    categories: Option<Categories>,
    pub key_specs: &'static [KeySpec],
    pub keys_fn: Option<KeysFn>,
    legacy: LegacyRange,
    pub args: &'static [Arg],
    pub tips: &'static [&'static str],
    pub since: &'static str,
    pub complexity: &'static str,
    pub summary: &'static str,
    pub deprecated: Option<Deprecated>,
    /// Versions and what they changed.
    pub history: &'static [(&'static str, &'static str)],
    /// None only in a container that answers nothing itself.
    pub handler: Option<F>,
    pub subs: &'static [Command<F>],
}

impl<F: Copy + 'static> Command<F> {
    const fn new(name: &'static str, arity: Arity, flags: Flags, handler: Option<F>) -> Command<F> {
        Command {
            name,
            arity,
            flags,
            traits: Traits::NONE,
            group: Group::Generic,
            categories: None,
            key_specs: &[],
            keys_fn: None,
            legacy: LegacyRange::NONE,
            args: &[],
            tips: &[],
            since: "1.0.0",
            complexity: "",
            summary: "",
            deprecated: None,
            history: &[],
            handler,
            subs: &[],
        }
    }

    pub const fn write(name: &'static str, arity: Arity, handler: F) -> Command<F> {
        Command::new(name, arity, Flags::WRITE, Some(handler))
    }

    pub const fn read(name: &'static str, arity: Arity, handler: F) -> Command<F> {
        Command::new(name, arity, Flags::READONLY, Some(handler))
    }

    /// Neither writes nor reads keys.
    pub const fn plain(name: &'static str, arity: Arity, handler: F) -> Command<F> {
        Command::new(name, arity, Flags::NONE, Some(handler))
    }

    pub const fn container(name: &'static str, subs: &'static [Command<F>]) -> Command<F> {
        let mut row = Command::new(name, at_least(2), Flags::NONE, None);
        row.subs = subs;
        row.categories = Some(Categories::NONE);
        row
    }

    /// A container that can also be called by itself, such as COMMAND.
    pub const fn or_alone(mut self, arity: Arity, handler: F) -> Command<F> {
        self.arity = arity;
        self.handler = Some(handler);
        self
    }

    pub const fn flags(mut self, flags: Flags) -> Command<F> {
        self.flags = self.flags.with(flags);
        self
    }

    pub const fn traits(mut self, traits: Traits) -> Command<F> {
        self.traits = self.traits.with(traits);
        self
    }

    pub const fn deny_oom(self) -> Command<F> {
        self.flags(Flags::DENY_OOM)
    }

    pub const fn admin(self) -> Command<F> {
        self.flags(Flags::ADMIN)
    }

    pub const fn pubsub(self) -> Command<F> {
        self.flags(Flags::PUBSUB)
    }

    pub const fn noscript(self) -> Command<F> {
        self.flags(Flags::NOSCRIPT)
    }

    pub const fn blocking(self) -> Command<F> {
        self.flags(Flags::BLOCKING)
    }

    pub const fn loading(self) -> Command<F> {
        self.flags(Flags::LOADING)
    }

    pub const fn stale(self) -> Command<F> {
        self.flags(Flags::STALE)
    }

    pub const fn fast(self) -> Command<F> {
        self.flags(Flags::FAST)
    }

    pub const fn no_auth(self) -> Command<F> {
        self.flags(Flags::NO_AUTH)
    }

    pub const fn no_multi(self) -> Command<F> {
        self.flags(Flags::NO_MULTI)
    }

    pub const fn allow_busy(self) -> Command<F> {
        self.flags(Flags::ALLOW_BUSY)
    }

    pub const fn group(mut self, group: Group) -> Command<F> {
        self.group = group;
        self
    }

    /// The explicit categories, instead of the group's own.
    pub const fn categories(mut self, categories: Categories) -> Command<F> {
        self.categories = Some(categories);
        self
    }

    pub const fn keys(mut self, specs: &'static [KeySpec]) -> Command<F> {
        self.key_specs = specs;
        let (legacy, movable) = legacy_range(specs);
        self.legacy = legacy;
        self.flags = self.flags.with(movable);
        self
    }

    /// Finds the keys where the specs are unknown, incomplete, or have variable flags.
    pub const fn keys_fn(mut self, find: KeysFn) -> Command<F> {
        self.keys_fn = Some(find);
        self
    }

    pub const fn args(mut self, args: &'static [Arg]) -> Command<F> {
        self.args = args;
        self
    }

    pub const fn tips(mut self, tips: &'static [&'static str]) -> Command<F> {
        self.tips = tips;
        self
    }

    pub const fn doc(
        mut self,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
    ) -> Command<F> {
        self.since = since;
        self.complexity = complexity;
        self.summary = summary;
        self
    }

    pub const fn deprecated(
        mut self,
        since: &'static str,
        replaced_by: &'static str,
    ) -> Command<F> {
        self.deprecated = Some(Deprecated { since, replaced_by });
        self
    }

    pub const fn history(mut self, history: &'static [(&'static str, &'static str)]) -> Command<F> {
        self.history = history;
        self
    }
}

/// Puts all rows into one group.
pub const fn in_group<F: Copy, const N: usize>(
    group: Group,
    mut rows: [Command<F>; N],
) -> [Command<F>; N] {
    let mut at = 0;
    while at < N {
        rows[at].group = group;
        at += 1;
    }
    rows
}

impl<F: 'static> Command<F> {
    pub fn is_write(&self) -> bool {
        self.flags.has(Flags::WRITE)
    }

    pub fn is_container(&self) -> bool {
        !self.subs.is_empty()
    }

    /// `FREQ` of `OBJECT|FREQ`; the name itself elsewhere.
    pub fn last_name(&self) -> &'static str {
        self.name.rsplit('|').next().unwrap_or(self.name)
    }

    /// As replies and errors show it: `object|freq`.
    pub fn lower_name(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    pub fn legacy_range(&self) -> LegacyRange {
        self.legacy
    }

    /// Every category, those included that follow from the flags.
    pub fn acl_categories(&self) -> Categories {
        let explicit = self.categories.unwrap_or(self.group.category());
        let implied = [
            (Flags::WRITE, Categories::WRITE),
            (Flags::ADMIN, Categories::ADMIN.with(Categories::DANGEROUS)),
            (Flags::PUBSUB, Categories::PUBSUB),
            (Flags::FAST, Categories::FAST),
            (Flags::BLOCKING, Categories::BLOCKING),
        ];
        let mut all = explicit;
        for (flag, categories) in implied {
            if self.flags.has(flag) {
                all = all.with(categories);
            }
        }
        // Scripts may write whatever their flags say.
        if self.flags.has(Flags::READONLY)
            && self.group != Group::Scripting
            && !self.traits.has(Traits::NOT_ACL_READ)
        {
            all = all.with(Categories::READ);
        }
        if !self.flags.has(Flags::FAST) {
            all = all.with(Categories::SLOW);
        }
        all
    }

    /// Has keys by its description; a given call may still name none.
    pub fn takes_keys(&self) -> bool {
        self.keys_fn.is_some() || !self.key_specs.is_empty()
    }

    /// Calls `each` for every key among the arguments (channels that only route are left out). Allocates only for
    /// rows with a `keys_fn` that is needed.
    pub fn for_each_key(
        &self,
        args: Args<'_>,
        mut each: impl FnMut(KeyRef),
    ) -> Result<(), InvalidKeys> {
        let variable = self
            .key_specs
            .iter()
            .any(|spec| spec.flags.has(KeyFlags::VARIABLE));
        let unclear = |spec: &KeySpec| {
            spec.flags.has(KeyFlags::INCOMPLETE)
                || matches!(spec.begin, crate::keyspec::Begin::Unknown)
                || matches!(spec.find, crate::keyspec::Find::Unknown)
        };
        match self.keys_fn {
            Some(find)
                if variable || self.key_specs.is_empty() || self.key_specs.iter().any(unclear) =>
            {
                let mut found = Vec::new();
                find(args, &mut found)?;
                found.into_iter().for_each(each);
            }
            _ => {
                for spec in self
                    .key_specs
                    .iter()
                    .filter(|spec| !spec.flags.has(KeyFlags::NOT_KEY))
                {
                    spec.for_each(args, &mut each)?;
                }
            }
        }
        Ok(())
    }
}
