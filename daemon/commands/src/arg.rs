//! The argument tree of a command, for COMMAND DOCS, command-line completion and the fuzzers' grammar.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

impl ArgKind {
    pub const fn word(self) -> &'static str {
        match self {
            ArgKind::String => "string",
            ArgKind::Integer => "integer",
            ArgKind::Double => "double",
            ArgKind::Key => "key",
            ArgKind::Pattern => "pattern",
            ArgKind::UnixTime => "unix-time",
            ArgKind::PureToken => "pure-token",
            ArgKind::OneOf => "oneof",
            ArgKind::Block => "block",
        }
    }
}

/// A node of the tree.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    pub name: &'static str,
    pub kind: ArgKind,
    /// The word that introduces the argument, or is it.
    pub token: Option<&'static str>,
    /// For keys: which of the row's key specs finds it.
    pub key_spec: u8,
    pub since: Option<&'static str>,
    pub deprecated_since: Option<&'static str>,
    /// What to print instead of the name.
    pub display: Option<&'static str>,
    pub optional: bool,
    pub multiple: bool,
    pub multiple_token: bool,
    pub args: &'static [Arg],
}

impl Arg {
    const fn new(name: &'static str, kind: ArgKind) -> Arg {
        Arg {
            name,
            kind,
            token: None,
            key_spec: 0,
            since: None,
            deprecated_since: None,
            display: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            args: &[],
        }
    }

    pub const fn token(mut self, token: &'static str) -> Arg {
        self.token = Some(token);
        self
    }

    pub const fn spec(mut self, key_spec: u8) -> Arg {
        self.key_spec = key_spec;
        self
    }

    pub const fn since(mut self, version: &'static str) -> Arg {
        self.since = Some(version);
        self
    }

    pub const fn deprecated(mut self, version: &'static str) -> Arg {
        self.deprecated_since = Some(version);
        self
    }

    pub const fn display(mut self, text: &'static str) -> Arg {
        self.display = Some(text);
        self
    }

    pub const fn optional(mut self) -> Arg {
        self.optional = true;
        self
    }

    pub const fn many(mut self) -> Arg {
        self.multiple = true;
        self
    }

    /// Repeated together with its token.
    pub const fn many_token(mut self) -> Arg {
        self.multiple = true;
        self.multiple_token = true;
        self
    }
}

pub const fn key(name: &'static str) -> Arg {
    Arg::new(name, ArgKind::Key)
}

pub const fn string(name: &'static str) -> Arg {
    Arg::new(name, ArgKind::String)
}

pub const fn integer(name: &'static str) -> Arg {
    Arg::new(name, ArgKind::Integer)
}

pub const fn double(name: &'static str) -> Arg {
    Arg::new(name, ArgKind::Double)
}

pub const fn pattern(name: &'static str) -> Arg {
    Arg::new(name, ArgKind::Pattern)
}

pub const fn unix_time(name: &'static str) -> Arg {
    Arg::new(name, ArgKind::UnixTime)
}

/// A word that stands for itself.
pub const fn word(name: &'static str, token: &'static str) -> Arg {
    Arg::new(name, ArgKind::PureToken).token(token)
}

pub const fn one_of(name: &'static str, args: &'static [Arg]) -> Arg {
    let mut arg = Arg::new(name, ArgKind::OneOf);
    arg.args = args;
    arg
}

pub const fn block(name: &'static str, args: &'static [Arg]) -> Arg {
    let mut arg = Arg::new(name, ArgKind::Block);
    arg.args = args;
    arg
}

pub const fn many(arg: Arg) -> Arg {
    arg.many()
}

pub const fn optional(arg: Arg) -> Arg {
    arg.optional()
}
