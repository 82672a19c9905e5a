//! The fixed words of a row: command flags, groups and ACL categories, each with the name that clients see.

/// A set of command flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

macro_rules! bits {
    ($set:ident: $repr:ty, $names:ident; $($(#[$doc:meta])* $name:ident = $bit:literal, $word:literal;)*) => {
        impl $set {
            $($(#[$doc])* pub const $name: $set = $set(1 << $bit);)*
            pub const NONE: $set = $set(0);

            pub const fn has(self, other: $set) -> bool {
                self.0 & other.0 == other.0
            }

            pub const fn intersects(self, other: $set) -> bool {
                self.0 & other.0 != 0
            }

            pub const fn with(self, other: $set) -> $set {
                $set(self.0 | other.0)
            }

            pub const fn without(self, other: $set) -> $set {
                $set(self.0 & !other.0)
            }

            /// The words of the set, in the order in which Redis lists them.
            pub fn words(self) -> impl Iterator<Item = &'static str> {
                $names.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, word)| *word)
            }

            pub fn from_word(word: &[u8]) -> Option<$set> {
                $names.iter().find(|(_, name)| name.as_bytes().eq_ignore_ascii_case(word)).map(|(flag, _)| *flag)
            }

            /// Every member with its word.
            pub fn all() -> &'static [($set, &'static str)] {
                $names
            }

            pub const fn bits(self) -> $repr {
                self.0
            }
        }

        const $names: &[($set, &str)] = &[$(($set::$name, $word),)*];
    };
}

bits! { Flags: u32, FLAG_WORDS;
    /// May change the keyspace.
    WRITE = 0, "write";
    /// Never changes the keyspace.
    READONLY = 1, "readonly";
    /// Refused when memory is over `maxmemory`.
    DENY_OOM = 2, "denyoom";
    MODULE = 3, "module";
    ADMIN = 4, "admin";
    PUBSUB = 5, "pubsub";
    NOSCRIPT = 6, "noscript";
    BLOCKING = 7, "blocking";
    /// Allowed while the dataset is being loaded.
    LOADING = 8, "loading";
    /// Allowed on a replica with stale data.
    STALE = 9, "stale";
    SKIP_MONITOR = 10, "skip_monitor";
    SKIP_SLOWLOG = 11, "skip_slowlog";
    ASKING = 12, "asking";
    FAST = 13, "fast";
    NO_AUTH = 14, "no_auth";
    MAY_REPLICATE = 15, "may_replicate";
    NO_MANDATORY_KEYS = 16, "no_mandatory_keys";
    NO_ASYNC_LOADING = 17, "no_async_loading";
    NO_MULTI = 18, "no_multi";
    /// Key positions depend on arguments. Derived from the key specs, never set by hand.
    MOVABLE_KEYS = 19, "movablekeys";
    ALLOW_BUSY = 20, "allow_busy";
}

/// Facts that COMMAND does not show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits(u8);

bits! { Traits: u8, TRAIT_WORDS;
    /// Refused from elsewhere than this machine unless the configuration allows it (DEBUG, MODULE).
    PROTECTED = 0, "protected";
    /// Touches keys that are not arguments (SORT BY, EVAL, …).
    ARBITRARY_KEYS = 1, "arbitrary_keys";
    /// Not read-only for ACL purposes although it has the flag.
    NOT_ACL_READ = 2, "not_acl_read";
    /// COMMAND DOCS marks it as internal to the system.
    SYSCMD = 3, "syscmd";
}

/// A set of ACL categories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Categories(u32);

bits! { Categories: u32, CATEGORY_WORDS;
    KEYSPACE = 0, "keyspace";
    READ = 1, "read";
    WRITE = 2, "write";
    SET = 3, "set";
    SORTED_SET = 4, "sortedset";
    LIST = 5, "list";
    HASH = 6, "hash";
    STRING = 7, "string";
    BITMAP = 8, "bitmap";
    HYPERLOGLOG = 9, "hyperloglog";
    GEO = 10, "geo";
    STREAM = 11, "stream";
    PUBSUB = 12, "pubsub";
    ADMIN = 13, "admin";
    FAST = 14, "fast";
    SLOW = 15, "slow";
    BLOCKING = 16, "blocking";
    DANGEROUS = 17, "dangerous";
    CONNECTION = 18, "connection";
    TRANSACTION = 19, "transaction";
    SCRIPTING = 20, "scripting";
}

/// The chapter of the manual that a command belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Generic,
    String,
    List,
    Set,
    SortedSet,
    Hash,
    PubSub,
    Transactions,
    Connection,
    Server,
    Scripting,
    HyperLogLog,
    Cluster,
    Sentinel,
    Geo,
    Stream,
    Bitmap,
    Module,
}

impl Group {
    pub const fn word(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Hash => "hash",
            Group::PubSub => "pubsub",
            Group::Transactions => "transactions",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Scripting => "scripting",
            Group::HyperLogLog => "hyperloglog",
            Group::Cluster => "cluster",
            Group::Sentinel => "sentinel",
            Group::Geo => "geo",
            Group::Stream => "stream",
            Group::Bitmap => "bitmap",
            Group::Module => "module",
        }
    }

    /// The category that the rows of a group carry unless they say otherwise.
    pub const fn category(self) -> Categories {
        match self {
            Group::Generic => Categories::KEYSPACE,
            Group::String => Categories::STRING,
            Group::List => Categories::LIST,
            Group::Set => Categories::SET,
            Group::SortedSet => Categories::SORTED_SET,
            Group::Hash => Categories::HASH,
            Group::Transactions => Categories::TRANSACTION,
            Group::Connection => Categories::CONNECTION,
            Group::Scripting => Categories::SCRIPTING,
            Group::HyperLogLog => Categories::HYPERLOGLOG,
            Group::Geo => Categories::GEO,
            Group::Stream => Categories::STREAM,
            Group::Bitmap => Categories::BITMAP,
            Group::PubSub | Group::Server | Group::Cluster | Group::Sentinel | Group::Module => {
                Categories::NONE
            }
        }
    }
}
