//! The verbs: what can be done to a collection.
//!
//! A verb fixes the words that name it and how many follow the key. What the words mean is said in
//! `format-spec/native/effects.md`; whether they fit the value is for the one who applies them to find out.

/// What an effect does to a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named by its words in `VERBS`")]
pub enum Verb {
    RPush,
    LPush,
    RPop,
    LPop,
    LSet,
    LInsert,
    LRem,
    LTrim,
    SAdd,
    SRem,
    HSet,
    HDel,
    HPexpireAt,
    HPersist,
    ZAdd,
    ZRem,
    ZRemRangeByRank,
    XAdd,
    XDel,
    XTrim,
    XSetId,
    XGroupCreate,
    XGroupSetId,
    XGroupDestroy,
    XGroupCreateConsumer,
    XGroupDelConsumer,
    XAck,
    XClaim,
}

/// How a verb is written.
#[derive(Clone, Copy, Debug)]
pub struct Spelling {
    /// The verb.
    pub verb: Verb,
    /// The first word.
    pub name: &'static str,
    /// The word between the name and the key, if there is one.
    pub subcommand: Option<&'static str>,
    /// The least number of words behind the key.
    pub words_min: usize,
    /// More words come in groups of so many; 0: none do.
    pub group: usize,
}

impl Spelling {
    const fn of(verb: Verb, name: &'static str, words_min: usize, group: usize) -> Spelling {
        Spelling {
            verb,
            name,
            subcommand: None,
            words_min,
            group,
        }
    }

    const fn xgroup(
        verb: Verb,
        subcommand: &'static str,
        words_min: usize,
        group: usize,
    ) -> Spelling {
        Spelling {
            verb,
            name: "XGROUP",
            subcommand: Some(subcommand),
            words_min,
            group,
        }
    }

    /// Whether so many words may follow the key.
    pub fn takes(&self, words: usize) -> bool {
        match words.checked_sub(self.words_min) {
            None => false,
            Some(more) if self.group == 0 => more == 0,
            Some(more) => more % self.group == 0,
        }
    }
}

/// All verbs, in the order of the enum.
pub const VERBS: &[Spelling] = &[
    Spelling::of(Verb::RPush, "RPUSH", 1, 1),
    Spelling::of(Verb::LPush, "LPUSH", 1, 1),
    Spelling::of(Verb::RPop, "RPOP", 1, 0),
    Spelling::of(Verb::LPop, "LPOP", 1, 0),
    Spelling::of(Verb::LSet, "LSET", 2, 0),
    Spelling::of(Verb::LInsert, "LINSERT", 3, 0),
    Spelling::of(Verb::LRem, "LREM", 2, 0),
    Spelling::of(Verb::LTrim, "LTRIM", 2, 0),
    Spelling::of(Verb::SAdd, "SADD", 1, 1),
    Spelling::of(Verb::SRem, "SREM", 1, 1),
    Spelling::of(Verb::HSet, "HSET", 2, 2),
    Spelling::of(Verb::HDel, "HDEL", 1, 1),
    Spelling::of(Verb::HPexpireAt, "HPEXPIREAT", 4, 1),
    Spelling::of(Verb::HPersist, "HPERSIST", 3, 1),
    Spelling::of(Verb::ZAdd, "ZADD", 2, 2),
    Spelling::of(Verb::ZRem, "ZREM", 1, 1),
    Spelling::of(Verb::ZRemRangeByRank, "ZREMRANGEBYRANK", 2, 0),
    Spelling::of(Verb::XAdd, "XADD", 3, 2),
    Spelling::of(Verb::XDel, "XDEL", 1, 1),
    Spelling::of(Verb::XTrim, "XTRIM", 2, 0),
    Spelling::of(Verb::XSetId, "XSETID", 5, 0),
    Spelling::xgroup(Verb::XGroupCreate, "CREATE", 4, 1),
    Spelling::xgroup(Verb::XGroupSetId, "SETID", 4, 0),
    Spelling::xgroup(Verb::XGroupDestroy, "DESTROY", 1, 0),
    Spelling::xgroup(Verb::XGroupCreateConsumer, "CREATECONSUMER", 2, 0),
    Spelling::xgroup(Verb::XGroupDelConsumer, "DELCONSUMER", 2, 0),
    Spelling::of(Verb::XAck, "XACK", 2, 1),
    Spelling::of(Verb::XClaim, "XCLAIM", 12, 1),
];

impl Verb {
    /// How it is written.
    #[expect(
        clippy::indexing_slicing,
        reason = "a test holds the table in the order of the enum"
    )]
    pub fn spelling(self) -> &'static Spelling {
        &VERBS[self as usize]
    }

    /// The first word.
    pub fn name(self) -> &'static str {
        self.spelling().name
    }

    /// The verb of an item that begins with `name`; `second` is its second word.
    pub(super) fn find(name: &[u8], second: &[u8]) -> Option<&'static Spelling> {
        VERBS.iter().find(|spelling| {
            spelling.name.as_bytes() == name
                && spelling
                    .subcommand
                    .is_none_or(|word| word.as_bytes() == second)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (at, spelling) in VERBS.iter().enumerate() {
            assert_eq!(spelling.verb as usize, at, "{}", spelling.name);
        }
    }
}
