//! What one directive is: its names, the shape of its value, where the value lives, who may change it.
//!
//! Everything else derives from the row: the file and command-line parser, CONFIG GET, SET and REWRITE,
//! and the compatibility list. Every directive of Redis 8.0.6 and Valkey 9.1.2 has a row; a test
//! compares. A directive is *live* (code reads it), *inert* (accepted, since it can mean nothing here,
//! with the reason) or *unbuilt* (only the value that asks for nothing is taken, all others are refused
//! with the reason); nothing is ignored in silence.

use super::settings::Settings;
use super::value::{Shape, Unit};

/// How several values of one directive combine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// The first occurrence while starting, and CONFIG SET.
    Replace,
    /// A further line for a directive whose lines add up (`save`, `rename-command`).
    Add,
}

/// Where the value is kept.
#[derive(Clone, Copy)]
pub enum Bind {
    Bool {
        get: fn(&Settings) -> bool,
        set: fn(&mut Settings, bool),
    },
    /// Integers, octal modes, bytes and durations (in the row's unit).
    Number {
        get: fn(&Settings) -> i64,
        set: fn(&mut Settings, i64),
    },
    Word {
        get: fn(&Settings) -> usize,
        set: fn(&mut Settings, usize),
    },
    Text {
        get: fn(&Settings) -> &str,
        set: fn(&mut Settings, String),
    },
    /// Several arguments, or a grammar of its own.
    Special {
        get: fn(&Settings) -> String,
        set: fn(&mut Settings, &[&str], How) -> Result<(), String>,
        /// The lines of a configuration file that give this value.
        lines: fn(&Settings) -> Vec<String>,
    },
    /// No field: the text lives in `Settings::kept` while it differs from this default.
    Kept { default: &'static str },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    Live,
    /// Accepted; the reason why no value of it can mean anything here.
    Inert(&'static str),
    /// Only the default is accepted; what the other values ask for.
    Unbuilt(&'static str),
}

/// Refusal text of an unbuilt directive, before the reason.
pub const UNBUILT: &str = "not supported yet by this build: ";

pub struct Row {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub shape: Shape,
    pub bind: Bind,
    pub class: Class,
    /// CONFIG SET refuses it.
    pub immutable: bool,
    /// CONFIG SET takes the value that it has and no other: elsewhere it can be changed, here only at the start.
    pub fixed: bool,
    /// CONFIG SET needs `enable-protected-configs`.
    pub protected: bool,
    /// CONFIG GET shows it only when asked for by its exact name.
    pub hidden: bool,
    /// Its value never appears in a log line or error text.
    pub sensitive: bool,
    /// CONFIG GET and SET do not know it: it exists in files and on the command line only.
    pub start_only: bool,
    /// Several arguments on one line.
    pub multi: bool,
    /// A change has effects outside the process, which the control thread brings about before it holds.
    pub outside: bool,
    /// A last word on the value, after it is stored.
    pub check: Option<fn(&Settings) -> Result<(), String>>,
    pub doc: &'static str,
}

impl Row {
    const fn new(name: &'static str, shape: Shape, bind: Bind, class: Class) -> Row {
        Row {
            name,
            aliases: &[],
            shape,
            bind,
            class,
            immutable: false,
            fixed: false,
            protected: false,
            hidden: false,
            sensitive: false,
            start_only: false,
            multi: false,
            outside: false,
            check: None,
            doc: "",
        }
    }

    pub const fn bool(name: &'static str, bind: Bind) -> Row {
        Row::new(name, Shape::Bool, bind, Class::Live)
    }

    pub const fn int(name: &'static str, min: i64, max: i64, bind: Bind) -> Row {
        Row::new(name, Shape::Int { min, max }, bind, Class::Live)
    }

    pub const fn octal(name: &'static str, max: i64, bind: Bind) -> Row {
        Row::new(name, Shape::Octal { max }, bind, Class::Live)
    }

    pub const fn memory(name: &'static str, min: i64, max: i64, bind: Bind) -> Row {
        Row::new(name, Shape::Memory { min, max }, bind, Class::Live)
    }

    pub const fn duration(name: &'static str, unit: Unit, min: i64, max: i64, bind: Bind) -> Row {
        Row::new(name, Shape::Duration { unit, min, max }, bind, Class::Live)
    }

    pub const fn word(name: &'static str, words: &'static [&'static str], bind: Bind) -> Row {
        Row::new(name, Shape::Words(words), bind, Class::Live)
    }

    pub const fn text(name: &'static str, bind: Bind) -> Row {
        Row::new(name, Shape::Text, bind, Class::Live)
    }

    pub const fn file_name(name: &'static str, bind: Bind) -> Row {
        Row::new(name, Shape::FileName, bind, Class::Live)
    }

    pub const fn special(name: &'static str, bind: Bind) -> Row {
        let mut row = Row::new(name, Shape::Special, bind, Class::Live);
        row.multi = true;
        row
    }

    pub const fn inert(
        name: &'static str,
        shape: Shape,
        default: &'static str,
        why: &'static str,
    ) -> Row {
        let mut row = Row::new(name, shape, Bind::Kept { default }, Class::Inert(why));
        row.doc = why;
        row
    }

    pub const fn unbuilt(
        name: &'static str,
        shape: Shape,
        default: &'static str,
        what: &'static str,
    ) -> Row {
        let mut row = Row::new(name, shape, Bind::Kept { default }, Class::Unbuilt(what));
        row.doc = what;
        row
    }

    pub const fn alias(mut self, aliases: &'static [&'static str]) -> Row {
        self.aliases = aliases;
        self
    }

    pub const fn immutable(mut self) -> Row {
        self.immutable = true;
        self
    }

    pub const fn fixed(mut self) -> Row {
        self.fixed = true;
        self
    }

    pub const fn protected(mut self) -> Row {
        self.protected = true;
        self
    }

    pub const fn hidden(mut self) -> Row {
        self.hidden = true;
        self
    }

    pub const fn sensitive(mut self) -> Row {
        self.sensitive = true;
        self
    }

    pub const fn start_only(mut self) -> Row {
        self.start_only = true;
        self.immutable = true;
        self
    }

    pub const fn multi(mut self) -> Row {
        self.multi = true;
        self
    }

    pub const fn outside(mut self) -> Row {
        self.outside = true;
        self
    }

    pub const fn check(mut self, check: fn(&Settings) -> Result<(), String>) -> Row {
        self.check = Some(check);
        self
    }

    pub const fn doc(mut self, doc: &'static str) -> Row {
        self.doc = doc;
        self
    }

    /// The value as CONFIG GET shows it.
    pub fn get(&self, settings: &Settings) -> String {
        match self.bind {
            Bind::Bool { get, .. } => yes_no(get(settings)).into(),
            Bind::Number { get, .. } => self.shape.show_number(get(settings)),
            Bind::Word { get, .. } => match self.shape {
                Shape::Words(words) => words[get(settings)].into(),
                _ => unreachable!("a word binding has a word shape"),
            },
            Bind::Text { get, .. } => get(settings).into(),
            Bind::Special { get, .. } => get(settings),
            Bind::Kept { default } => settings
                .kept
                .get(self.name)
                .map_or_else(|| default.into(), Clone::clone),
        }
    }

    /// Stores `args`; the error is the reason alone, as Redis words it.
    pub fn set(&self, settings: &mut Settings, args: &[&str], how: How) -> Result<(), String> {
        let words: Vec<&str>;
        let args = match args {
            // One quoted list stands for its words, as CONFIG SET gives them.
            [list] if self.multi && !list.trim().is_empty() => {
                words = list.split_ascii_whitespace().collect();
                &words
            }
            _ => args,
        };
        if let Bind::Special { set, .. } = self.bind {
            set(settings, args, how)?;
        } else {
            self.set_plain(settings, args)
                .map_err(|reason| self.named(reason))?;
        }
        match self.check {
            Some(check) => check(settings),
            None => Ok(()),
        }
    }

    /// File names are refused by the name of their directive.
    fn named(&self, reason: String) -> String {
        match (self.shape, reason.strip_prefix("argument")) {
            (Shape::FileName, Some(rest)) => format!("{}{rest}", self.name),
            _ => reason,
        }
    }

    fn set_plain(&self, settings: &mut Settings, args: &[&str]) -> Result<(), String> {
        let joined;
        let text = match args {
            [one] => *one,
            [_, ..] if self.multi => {
                joined = args.join(" ");
                &joined
            }
            _ => return Err("wrong number of arguments".into()),
        };
        match self.bind {
            Bind::Bool { set, .. } => set(settings, self.shape.bool(text)?),
            Bind::Number { set, .. } => set(settings, self.shape.number(text)?),
            Bind::Word { set, .. } => set(settings, self.shape.word(text)?),
            Bind::Text { set, .. } => {
                self.shape.normal(text)?;
                set(settings, text.to_owned());
            }
            Bind::Kept { default } => self.keep(settings, text, default)?,
            Bind::Special { .. } => unreachable!("handled by the caller"),
        }
        Ok(())
    }

    fn keep(
        &self,
        settings: &mut Settings,
        text: &str,
        default: &'static str,
    ) -> Result<(), String> {
        let value = self.shape.normal(text)?;
        // `replicaof no one` asks for nothing.
        if value == default || (self.name == "replicaof" && value.eq_ignore_ascii_case("no one")) {
            settings.kept.remove(self.name);
            return Ok(());
        }
        if let Class::Unbuilt(what) = self.class {
            return Err(format!("{UNBUILT}{what}"));
        }
        settings.kept.insert(self.name, value);
        Ok(())
    }

    /// The configuration file lines for the present value.
    pub fn lines(&self, settings: &Settings) -> Vec<String> {
        if let Bind::Special { lines, .. } = self.bind {
            return lines(settings);
        }
        let value = match (self.bind, self.shape) {
            (Bind::Number { get, .. }, Shape::Memory { .. }) => {
                super::value::show_memory(get(settings))
            }
            (_, Shape::Text | Shape::FileName) => super::syntax::quote(&self.get(settings)),
            _ => self.get(settings),
        };
        vec![format!("{} {value}", self.name)]
    }

    pub fn is_live(&self) -> bool {
        self.class == Class::Live
    }
}

pub fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
