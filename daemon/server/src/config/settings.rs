//! The settings that the server acts on, one typed field each.
//!
//! A field exists only if some code reads it. Directives that are accepted because they mean nothing
//! here, and those that only their default can satisfy, keep their text in `kept` so that CONFIG GET and
//! REWRITE can show it; see `rows` for which is which. `Settings` is immutable once published: CONFIG SET
//! builds a new one and swaps it in whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use esker_keyspace::Limits;

/// A closed list of words: the enum, its words, and the way between them.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? } default $default:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $name { $($variant),+ }

        impl $name {
            pub const WORDS: &'static [&'static str] = &[$($word),+];
            const ALL: &'static [$name] = &[$($name::$variant),+];

            pub fn from_index(index: usize) -> $name {
                Self::ALL[index]
            }

            pub fn index(self) -> usize {
                self as usize
            }

            pub fn word(self) -> &'static str {
                Self::WORDS[self as usize]
            }
        }

        impl Default for $name {
            fn default() -> $name {
                $name::$default
            }
        }
    };
}

words! {
    /// `appendfsync`: when a reply may leave relative to the sync that covers it.
    Fsync { Everysec = "everysec", Always = "always", No = "no" } default Everysec
}
words! {
    LogLevel {
        Debug = "debug", Verbose = "verbose", Notice = "notice", Warning = "warning", Nothing = "nothing",
    } default Notice
}
words! {
    /// Who may use a guarded family: nobody, everybody, or clients on this machine.
    Permission { No = "no", Yes = "yes", Local = "local" } default No
}
words! {
    Supervised { Upstart = "upstart", Systemd = "systemd", Auto = "auto", No = "no" } default No
}
words! {
    OomScoreAdj { No = "no", Yes = "yes", Relative = "relative", Absolute = "absolute" } default No
}
words! {
    /// What eviction would remove first; in force now is only which access bits the entries keep.
    EvictionPolicy {
        VolatileLru = "volatile-lru",
        VolatileLfu = "volatile-lfu",
        VolatileRandom = "volatile-random",
        VolatileTtl = "volatile-ttl",
        AllkeysLru = "allkeys-lru",
        AllkeysLfu = "allkeys-lfu",
        AllkeysRandom = "allkeys-random",
        NoEviction = "noeviction",
    } default NoEviction
}

impl EvictionPolicy {
    /// Entries keep a frequency counter instead of an access time.
    pub fn is_lfu(self) -> bool {
        matches!(
            self,
            EvictionPolicy::VolatileLfu | EvictionPolicy::AllkeysLfu
        )
    }
}

#[derive(Clone, Default, Debug)]
pub struct Settings {
    pub network: Network,
    pub clients: Clients,
    pub security: Security,
    pub process: Process,
    pub shutdown: Shutdown,
    pub persistence: Persistence,
    pub memory: Memory,
    pub stats: StatsSettings,
    /// When values change their encoding; the keyspace has a copy.
    pub encodings: Limits,
    /// The file that the settings came from; CONFIG REWRITE writes it.
    pub config_file: Option<PathBuf>,
    /// Directives without a field, by canonical name, where they differ from their default.
    pub kept: BTreeMap<&'static str, String>,
}

impl Settings {
    /// The defaults on a machine with so many cores. One I/O thread serves two cores: the log, snapshots and the
    /// kernel's network work need the rest.
    pub fn for_cores(cores: usize) -> Settings {
        let mut settings = Settings::default();
        settings.network.io_threads = (cores / 2).clamp(1, 8);
        settings
    }
}

impl Permission {
    pub fn allows(self, is_local: bool) -> bool {
        self == Permission::Yes || (self == Permission::Local && is_local)
    }
}

/// One address of `bind`. An optional one (written `-addr`) may be missing on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BindAddr {
    /// An IPv4 or IPv6 address, a host name, or `*` (all IPv4) and `::*` (all IPv6).
    pub host: String,
    pub optional: bool,
}

#[derive(Clone, Debug)]
pub struct Network {
    /// 0: no TCP listener.
    pub port: u16,
    pub bind: Vec<BindAddr>,
    /// Empty: none.
    pub unixsocket: String,
    /// File mode of the unix socket; 0 leaves it to the umask.
    pub unixsocketperm: u32,
    pub tcp_backlog: i32,
    /// Zero: off.
    pub tcp_keepalive: Duration,
    pub io_threads: usize,
}

impl Default for Network {
    fn default() -> Network {
        Network {
            port: 6379,
            bind: vec![
                BindAddr {
                    host: "*".into(),
                    optional: false,
                },
                BindAddr {
                    host: "::*".into(),
                    optional: true,
                },
            ],
            unixsocket: String::new(),
            unixsocketperm: 0,
            tcp_backlog: 511,
            tcp_keepalive: Duration::from_secs(300),
            io_threads: default_io_threads(),
        }
    }
}

/// One I/O thread for two cores, so that as much is left for the log, snapshots and the clients of the machine.
fn default_io_threads() -> usize {
    const THREADS_MAX: usize = 8;
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, THREADS_MAX))
}

/// When a client whose replies pile up is closed; zero means no limit.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct OutputLimit {
    pub hard_bytes: u64,
    pub soft_bytes: u64,
    pub soft_seconds: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutputLimits {
    pub normal: OutputLimit,
    pub replica: OutputLimit,
    pub pubsub: OutputLimit,
}

#[derive(Clone, Debug)]
pub struct Clients {
    pub maxclients: u32,
    /// Idle time after which a client is closed; zero: never.
    pub timeout: Duration,
    pub query_buffer_bytes_max: u64,
    pub bulk_bytes_max: u64,
    pub output_limits: OutputLimits,
}

impl Default for Clients {
    fn default() -> Clients {
        Clients {
            maxclients: 10_000,
            timeout: Duration::ZERO,
            query_buffer_bytes_max: 1 << 30,
            bulk_bytes_max: 512 << 20,
            output_limits: OutputLimits {
                normal: OutputLimit::default(),
                replica: OutputLimit {
                    hard_bytes: 256 << 20,
                    soft_bytes: 64 << 20,
                    soft_seconds: 60,
                },
                pubsub: OutputLimit {
                    hard_bytes: 32 << 20,
                    soft_bytes: 8 << 20,
                    soft_seconds: 60,
                },
            },
        }
    }
}

#[derive(Clone, Debug)]
pub struct Security {
    pub protected_mode: bool,
    /// Empty: the default user needs no password.
    pub requirepass: String,
    pub enable_debug_command: Permission,
    pub enable_protected_configs: Permission,
    /// `rename-command old new`, in order; an empty new name removes the command.
    pub renames: Vec<(String, String)>,
}

impl Default for Security {
    fn default() -> Security {
        Security {
            protected_mode: true,
            requirepass: String::new(),
            enable_debug_command: Permission::No,
            enable_protected_configs: Permission::No,
            renames: Vec::new(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Process {
    pub databases: u32,
    /// Cron turns per second.
    pub hz: u32,
    pub daemonize: bool,
    /// No huge pages for this process.
    pub disable_thp: bool,
    /// Empty: none, except that a daemonized server writes `/var/run/redis.pid` as Redis does.
    pub pidfile: String,
    pub supervised: Supervised,
    pub loglevel: LogLevel,
    /// Empty: standard output.
    pub logfile: String,
    pub oom_score_adj: OomScoreAdj,
    /// For a primary, a replica and a background child, in this order.
    pub oom_score_adj_values: [i32; 3],
}

impl Default for Process {
    fn default() -> Process {
        Process {
            databases: 16,
            hz: 10,
            daemonize: false,
            disable_thp: true,
            pidfile: String::new(),
            supervised: Supervised::No,
            loglevel: LogLevel::Notice,
            logfile: String::new(),
            oom_score_adj: OomScoreAdj::No,
            oom_score_adj_values: [0, 200, 800],
        }
    }
}

/// `shutdown-on-sigterm` and `-sigint`: the options of the SHUTDOWN that the signal stands for.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct SignalShutdown {
    pub save: bool,
    pub nosave: bool,
    pub now: bool,
    pub force: bool,
}

#[derive(Clone, Default, Debug)]
pub struct Shutdown {
    pub on_sigterm: SignalShutdown,
    pub on_sigint: SignalShutdown,
}

/// `save seconds changes`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SaveRule {
    pub seconds: u64,
    pub changes: u64,
}

#[derive(Clone, Debug)]
pub struct Persistence {
    pub dir: String,
    pub appenddirname: String,
    pub appendonly: bool,
    pub appendfsync: Fsync,
    pub save: Vec<SaveRule>,
    /// Growth of the log since the last snapshot that starts the next one; 0: never by itself.
    pub rewrite_percentage: u32,
    pub rewrite_bytes_min: u64,
    pub stop_writes_on_bgsave_error: bool,
    pub compression: bool,
    pub segment_bytes: u64,
    /// Largest unit (transaction, script, command with many effects) that the log takes.
    pub unit_bytes_max: u64,
    /// How long superseded snapshots and segments are kept for point-in-time recovery.
    pub retain: Duration,
    /// Disk budget of `retain`; 0: none.
    pub retain_bytes_max: u64,
    /// Below this much free space compaction runs, then writes are refused until there is more.
    pub disk_free_bytes_min: u64,
    /// `everysec`: unsynced bytes beyond which writers are slowed.
    pub lag_bytes_max: u64,
    /// Whether recovery may cut a torn tail that nobody was promised, or refuses to start.
    pub load_truncated: bool,
}

impl Default for Persistence {
    fn default() -> Persistence {
        Persistence {
            dir: ".".into(),
            appenddirname: "appendonlydir".into(),
            appendonly: true,
            appendfsync: Fsync::Everysec,
            save: vec![
                SaveRule {
                    seconds: 3600,
                    changes: 1,
                },
                SaveRule {
                    seconds: 300,
                    changes: 100,
                },
                SaveRule {
                    seconds: 60,
                    changes: 10_000,
                },
            ],
            rewrite_percentage: 100,
            rewrite_bytes_min: 64 << 20,
            stop_writes_on_bgsave_error: true,
            compression: true,
            segment_bytes: 64 << 20,
            unit_bytes_max: 1 << 30,
            retain: Duration::ZERO,
            retain_bytes_max: 0,
            disk_free_bytes_min: 64 << 20,
            lag_bytes_max: 256 << 20,
            load_truncated: true,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Memory {
    pub policy: EvictionPolicy,
    pub lfu_log_factor: u32,
    /// Minutes for a frequency counter to fall by one; 0: never falls.
    pub lfu_decay_minutes: u32,
    /// 1 (least work) to 10: how much of its time the server gives to finding expired keys.
    pub active_expire_effort: u32,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory {
            policy: EvictionPolicy::NoEviction,
            lfu_log_factor: 10,
            lfu_decay_minutes: 1,
            active_expire_effort: 1,
        }
    }
}

#[derive(Clone, Debug)]
pub struct StatsSettings {
    pub latency_tracking: bool,
    pub percentiles: Vec<f64>,
}

impl Default for StatsSettings {
    fn default() -> StatsSettings {
        StatsSettings {
            latency_tracking: true,
            percentiles: vec![50.0, 99.0, 99.9],
        }
    }
}
