//! What transactions touched, for those who listen: WATCH, client tracking, blocked clients, keyspace events.
//!
//! Collected only while a listener is on, so that a server without any pays one branch per change. The list is
//! in order of the changes and is taken by the executor after each transaction. Keys are copied because the
//! arguments that hold them do not outlive the command.

/// What happened to a key, finer than the effect so that keyspace events can be named from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Set,
    Append,
    SetRange,
    SetBit,
    IncrBy,
    IncrByFloat,
    Del,
    Expired,
    Expire,
    Persist,
    RenameFrom,
    RenameTo,
    MoveFrom,
    MoveTo,
    CopyTo,
    Restore,
    LPush,
    RPush,
    LPop,
    RPop,
    LInsert,
    LSet,
    LRem,
    LTrim,
    SortStore,
    SAdd,
    SRem,
    SPop,
    SInterStore,
    SUnionStore,
    SDiffStore,
    HSet,
    HIncrBy,
    HIncrByFloat,
    HDel,
    HExpire,
    HExpired,
    HPersist,
    ZAdd,
    ZIncr,
    ZRem,
    ZRemRangeByScore,
    ZRemRangeByRank,
    ZRemRangeByLex,
    ZPopMin,
    ZPopMax,
    ZInterStore,
    ZUnionStore,
    ZDiffStore,
    ZRangeStore,
    GeoRadiusStore,
    GeoSearchStore,
    PfAdd,
    /// The bytes of a HyperLogLog changed, not what it counts. Subscribers hear nothing of it.
    PfInternal,
    XAdd,
    XTrim,
    XDel,
    XSetId,
    XGroupCreate,
    XGroupSetId,
    XGroupDestroy,
    XGroupCreateConsumer,
    XGroupDelConsumer,
    /// What is pending of a stream changed: acknowledged, claimed or delivered. Subscribers hear nothing of it.
    XPending,
    /// A whole database lost its keys; the key is empty.
    Flush,
    /// A whole database changed its contents with another; the key is empty.
    Swap,
}

impl Event {
    /// The name that subscribers of keyspace events see; `None` where clients hear nothing.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Event::Set => "set",
            Event::Append => "append",
            Event::SetRange => "setrange",
            Event::SetBit => "setbit",
            Event::IncrBy => "incrby",
            Event::IncrByFloat => "incrbyfloat",
            Event::Del => "del",
            Event::Expired => "expired",
            Event::Expire => "expire",
            Event::Persist => "persist",
            Event::RenameFrom => "rename_from",
            Event::RenameTo => "rename_to",
            Event::MoveFrom => "move_from",
            Event::MoveTo => "move_to",
            Event::CopyTo => "copy_to",
            Event::Restore => "restore",
            Event::LPush => "lpush",
            Event::RPush => "rpush",
            Event::LPop => "lpop",
            Event::RPop => "rpop",
            Event::LInsert => "linsert",
            Event::LSet => "lset",
            Event::LRem => "lrem",
            Event::LTrim => "ltrim",
            Event::SortStore => "sortstore",
            Event::SAdd => "sadd",
            Event::SRem => "srem",
            Event::SPop => "spop",
            Event::SInterStore => "sinterstore",
            Event::SUnionStore => "sunionstore",
            Event::SDiffStore => "sdiffstore",
            Event::HSet => "hset",
            Event::HIncrBy => "hincrby",
            Event::HIncrByFloat => "hincrbyfloat",
            Event::HDel => "hdel",
            Event::HExpire => "hexpire",
            Event::HExpired => "hexpired",
            Event::HPersist => "hpersist",
            Event::ZAdd => "zadd",
            Event::ZIncr => "zincr",
            Event::ZRem => "zrem",
            Event::ZRemRangeByScore => "zremrangebyscore",
            Event::ZRemRangeByRank => "zremrangebyrank",
            Event::ZRemRangeByLex => "zremrangebylex",
            Event::ZPopMin => "zpopmin",
            Event::ZPopMax => "zpopmax",
            Event::ZInterStore => "zinterstore",
            Event::ZUnionStore => "zunionstore",
            Event::ZDiffStore => "zdiffstore",
            Event::ZRangeStore => "zrangestore",
            Event::GeoRadiusStore => "georadiusstore",
            Event::GeoSearchStore => "geosearchstore",
            Event::PfAdd => "pfadd",
            Event::XAdd => "xadd",
            Event::XTrim => "xtrim",
            Event::XDel => "xdel",
            Event::XSetId => "xsetid",
            Event::XGroupCreate => "xgroup-create",
            Event::XGroupSetId => "xgroup-setid",
            Event::XGroupDestroy => "xgroup-destroy",
            Event::XGroupCreateConsumer => "xgroup-createconsumer",
            Event::XGroupDelConsumer => "xgroup-delconsumer",
            Event::PfInternal | Event::XPending | Event::Flush | Event::Swap => return None,
        })
    }
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    pub db: u32,
    pub key: Box<[u8]>,
    pub event: Event,
}

#[derive(Debug, Default)]
pub struct TouchedList {
    listening: bool,
    list: Vec<Touched>,
}

impl TouchedList {
    pub fn set_listening(&mut self, on: bool) {
        self.listening = on;
        if !on {
            self.list = Vec::new();
        }
    }

    pub fn listening(&self) -> bool {
        self.listening
    }

    #[inline]
    pub(crate) fn push(&mut self, db: u32, key: &[u8], event: Event) {
        if self.listening {
            self.list.push(Touched {
                db,
                key: key.into(),
                event,
            });
        }
    }

    /// The changes since the last call; their buffer comes back empty through the argument.
    pub fn take_into(&mut self, out: &mut Vec<Touched>) {
        out.clear();
        std::mem::swap(&mut self.list, out);
    }
}
