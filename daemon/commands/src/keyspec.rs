//! Where the keys are among a command's arguments, and what is done to them.
//!
//! A spec says where to begin (a position, or behind a keyword) and how to go on from there (a range, or a count
//! found among the arguments). What a spec cannot express is `Unknown`, and the row then has a `keys_fn`.

use crate::args::Args;
use crate::flags::Flags;
use esker_resp::parse_i64;

/// What a command does to the keys of one spec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyFlags(u16);

impl KeyFlags {
    /// Reads only.
    pub const RO: KeyFlags = KeyFlags(1);
    /// Reads and changes.
    pub const RW: KeyFlags = KeyFlags(1 << 1);
    /// Overwrites without looking.
    pub const OW: KeyFlags = KeyFlags(1 << 2);
    /// Removes without looking.
    pub const RM: KeyFlags = KeyFlags(1 << 3);
    /// Returns or copies user data.
    pub const ACCESS: KeyFlags = KeyFlags(1 << 4);
    pub const UPDATE: KeyFlags = KeyFlags(1 << 5);
    pub const INSERT: KeyFlags = KeyFlags(1 << 6);
    pub const DELETE: KeyFlags = KeyFlags(1 << 7);
    /// Looks like a key for routing, but is none (a channel).
    pub const NOT_KEY: KeyFlags = KeyFlags(1 << 8);
    /// The spec may miss keys.
    pub const INCOMPLETE: KeyFlags = KeyFlags(1 << 9);
    /// The flags depend on the arguments; `keys_fn` knows.
    pub const VARIABLE: KeyFlags = KeyFlags(1 << 10);

    pub const fn has(self, other: KeyFlags) -> bool {
        self.0 & other.0 == other.0
    }

    pub const fn with(self, other: KeyFlags) -> KeyFlags {
        KeyFlags(self.0 | other.0)
    }

    /// The command may change the key.
    pub const fn writes(self) -> bool {
        self.0 & (KeyFlags::RW.0 | KeyFlags::OW.0 | KeyFlags::RM.0) != 0
    }

    pub fn words(self) -> impl Iterator<Item = &'static str> {
        const WORDS: [&str; 11] = [
            "RO",
            "RW",
            "OW",
            "RM",
            "access",
            "update",
            "insert",
            "delete",
            "not_key",
            "incomplete",
            "variable_flags",
        ];
        WORDS
            .iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 & (1 << bit) != 0)
            .map(|(_, word)| *word)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    Unknown,
    Index(i16),
    /// Behind this word, searched from `from` on (from the end backwards when negative).
    Keyword {
        word: &'static str,
        from: i16,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    Unknown,
    /// `last` counts from the first key, or from the end when negative; with a `limit` only the first
    /// `1/limit` of the rest is looked at.
    Range {
        last: i16,
        step: i16,
        limit: i16,
    },
    /// The argument `count_at` behind the beginning says how many keys follow from `first` on.
    KeyNum {
        count_at: i16,
        first: i16,
        step: i16,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpec {
    pub flags: KeyFlags,
    pub begin: Begin,
    pub find: Find,
    pub notes: Option<&'static str>,
}

impl KeySpec {
    /// One key at `index`.
    pub const fn at(index: i16, flags: KeyFlags) -> KeySpec {
        KeySpec::range(index, 0, 1, flags)
    }

    /// Keys from `index` to the end, every `step`-th argument.
    pub const fn to_end(index: i16, step: i16, flags: KeyFlags) -> KeySpec {
        KeySpec::range(index, -1, step, flags)
    }

    pub const fn range(index: i16, last: i16, step: i16, flags: KeyFlags) -> KeySpec {
        KeySpec {
            flags,
            begin: Begin::Index(index),
            find: Find::Range {
                last,
                step,
                limit: 0,
            },
            notes: None,
        }
    }

    /// A count at `index`, keys behind it.
    pub const fn counted(index: i16, step: i16, flags: KeyFlags) -> KeySpec {
        KeySpec {
            flags,
            begin: Begin::Index(index),
            find: Find::KeyNum {
                count_at: 0,
                first: 1,
                step,
            },
            notes: None,
        }
    }

    pub const fn unknown(flags: KeyFlags) -> KeySpec {
        KeySpec {
            flags,
            begin: Begin::Unknown,
            find: Find::Unknown,
            notes: None,
        }
    }

    pub const fn keyword(word: &'static str, from: i16, find: Find, flags: KeyFlags) -> KeySpec {
        KeySpec {
            flags,
            begin: Begin::Keyword { word, from },
            find,
            notes: None,
        }
    }

    pub const fn note(mut self, notes: &'static str) -> KeySpec {
        self.notes = Some(notes);
        self
    }
}

const RO_ACCESS: KeyFlags = KeyFlags::RO.with(KeyFlags::ACCESS);
const RW_UPDATE: KeyFlags = KeyFlags::RW.with(KeyFlags::UPDATE);
const OW_UPDATE: KeyFlags = KeyFlags::OW.with(KeyFlags::UPDATE);

/// The specs that many rows share.
pub const KEY1_RO: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RO)];
pub const KEY1_RO_ACCESS: &[KeySpec] = &[KeySpec::at(1, RO_ACCESS)];
pub const KEY1_RW_UPDATE: &[KeySpec] = &[KeySpec::at(1, RW_UPDATE)];
pub const KEY1_RW_ACCESS_UPDATE: &[KeySpec] = &[KeySpec::at(1, RW_UPDATE.with(KeyFlags::ACCESS))];
pub const KEY1_RW_INSERT: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.with(KeyFlags::INSERT))];
pub const KEY1_RW_DELETE: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.with(KeyFlags::DELETE))];
pub const KEY1_RW_ACCESS_DELETE: &[KeySpec] = &[KeySpec::at(
    1,
    KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE),
)];
pub const KEY1_OW_UPDATE: &[KeySpec] = &[KeySpec::at(1, OW_UPDATE)];
pub const KEY1_OW_INSERT: &[KeySpec] = &[KeySpec::at(1, KeyFlags::OW.with(KeyFlags::INSERT))];
pub const KEY1_RM_DELETE: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RM.with(KeyFlags::DELETE))];
pub const KEYS_RO_ACCESS: &[KeySpec] = &[KeySpec::to_end(1, 1, RO_ACCESS)];
pub const KEYS_RO: &[KeySpec] = &[KeySpec::to_end(1, 1, KeyFlags::RO)];
pub const KEYS_RM_DELETE: &[KeySpec] =
    &[KeySpec::to_end(1, 1, KeyFlags::RM.with(KeyFlags::DELETE))];
pub const KEY2_RO: &[KeySpec] = &[KeySpec::at(2, KeyFlags::RO)];

/// The arguments do not lead to keys: a count that is no number, or positions past the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidKeys;

/// A key among the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRef {
    pub index: usize,
    pub flags: KeyFlags,
}

/// Finds keys where specs cannot.
pub type KeysFn = fn(Args<'_>, &mut Vec<KeyRef>) -> Result<(), InvalidKeys>;

impl KeySpec {
    /// Calls `each` with the position of every key of this spec; a keyword that is not there means no key.
    pub(crate) fn for_each(
        &self,
        args: Args<'_>,
        mut each: impl FnMut(KeyRef),
    ) -> Result<(), InvalidKeys> {
        let Some(first) = self.first(args)? else {
            return Ok(());
        };
        let argc = args.len() as i64;
        let (first, last, step) = match self.find {
            Find::Unknown => return Err(InvalidKeys),
            Find::Range { last, step, limit } => {
                let last = match (last, limit) {
                    (0.., _) => first + i64::from(last),
                    (_, 0 | 1) => argc + i64::from(last),
                    _ => first + (argc - first) / i64::from(limit) + i64::from(last),
                };
                (first, last, step)
            }
            Find::KeyNum {
                count_at,
                first: behind,
                step,
            } => {
                let at = usize::try_from(first + i64::from(count_at)).map_err(|_| InvalidKeys)?;
                let count = args
                    .iter()
                    .nth(at)
                    .and_then(parse_i64)
                    .filter(|count| (0..argc).contains(count));
                let first = first + i64::from(behind);
                (
                    first,
                    first + (count.ok_or(InvalidKeys)? - 1) * i64::from(step),
                    step,
                )
            }
        };
        if last >= argc || first >= argc || first < 0 {
            return Err(InvalidKeys);
        }
        let mut at = first;
        while at <= last {
            each(KeyRef {
                index: at as usize,
                flags: self.flags,
            });
            at += i64::from(step);
        }
        Ok(())
    }

    fn first(&self, args: Args<'_>) -> Result<Option<i64>, InvalidKeys> {
        match self.begin {
            Begin::Unknown => Err(InvalidKeys),
            Begin::Index(index) => Ok(Some(i64::from(index))),
            Begin::Keyword { word, from } => {
                let is_word = |at: &usize| args.get(*at).eq_ignore_ascii_case(word.as_bytes());
                let found = match usize::try_from(from) {
                    Ok(from) => (from..args.len()).find(is_word),
                    Err(_) => {
                        let from = (args.len() as i64 + i64::from(from)).max(0) as usize;
                        (1..=from).rev().find(is_word)
                    }
                };
                Ok(found.map(|at| at as i64 + 1))
            }
        }
    }
}

/// The first-last-step triple of old clients, as COMMAND shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegacyRange {
    pub first: i16,
    pub last: i16,
    pub step: i16,
}

impl LegacyRange {
    pub const NONE: LegacyRange = LegacyRange {
        first: 0,
        last: 0,
        step: 0,
    };
}

/// Folds the specs into one range as far as they go, and says whether keys remain that it does not name.
pub(crate) const fn legacy_range(specs: &[KeySpec]) -> (LegacyRange, Flags) {
    if let [
        KeySpec {
            begin: Begin::Index(first),
            find: Find::Range { last, step, .. },
            ..
        },
    ] = specs
    {
        let last = if *last >= 0 { *first + *last } else { *last };
        return (
            LegacyRange {
                first: *first,
                last,
                step: *step,
            },
            Flags::NONE,
        );
    }
    let mut movable = Flags::NONE;
    let mut folded = LegacyRange::NONE;
    let mut at = 0;
    while at < specs.len() {
        let spec = specs[at];
        at += 1;
        let (Begin::Index(first), Find::Range { last, step, .. }) = (spec.begin, spec.find) else {
            movable = Flags::MOVABLE_KEYS;
            continue;
        };
        let gap = folded.step != 0 && folded.last != first - 1;
        if step != 1 || gap {
            movable = Flags::MOVABLE_KEYS;
            continue;
        }
        if spec.flags.has(KeyFlags::INCOMPLETE) {
            movable = Flags::MOVABLE_KEYS;
        }
        let last = if last >= 0 { first + last } else { last };
        if folded.step == 0 || first < folded.first {
            folded.first = first;
        }
        // Unsigned, so that an open end beats every position.
        if folded.step == 0 || last as u16 > folded.last as u16 {
            folded.last = last;
        }
        folded.step = 1;
    }
    (folded, movable)
}
