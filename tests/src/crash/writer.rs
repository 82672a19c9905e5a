//! One writer: a connection that sends pipelines of changes until the server dies, and remembers every one.

use std::io;
use std::net::SocketAddr;

use crate::client::{Client, Value};
use crate::seed::Random;

use super::model::{Change, State};

const PIPELINE_MAX: u64 = 16;

/// What a writer knows about one life of the server.
#[derive(Debug)]
pub struct Writer {
    pub name: String,
    pub db: u32,
    /// No other writer uses its database.
    pub alone: bool,
    /// The state that this life began with.
    pub base: State,
    /// Everything sent in this life, in order.
    pub sent: Vec<Change>,
    /// How many of those were acknowledged.
    pub acknowledged: usize,
    /// The highest value of the shared counter that a reply showed.
    pub shared_seen: i64,
    /// Replies that no correct server gives.
    pub wrong: Vec<String>,
    random: Random,
    unique: u64,
}

impl Writer {
    pub fn new(index: usize, writers: usize, seed: u64) -> Writer {
        // The last writer has a database for itself, the others share two.
        let alone = index + 1 == writers;
        Writer {
            name: format!("w{index}:"),
            db: if alone { 7 } else { index as u32 % 2 },
            alone,
            base: State::new(),
            sent: Vec::new(),
            acknowledged: 0,
            shared_seen: 0,
            wrong: Vec::new(),
            random: Random::new(seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9)),
            unique: index as u64 * 1_000_000_000,
        }
    }

    /// Begins a new life from the state that was found after the last one.
    pub fn begin(&mut self, base: State, shared: i64) {
        self.base = base;
        self.sent.clear();
        self.acknowledged = 0;
        self.shared_seen = shared;
    }

    /// Sends until the connection breaks. The break is the expected end.
    pub fn work(&mut self, addr: SocketAddr, hello: Option<&str>) {
        let mut state = self.base.clone();
        let Ok(mut client) = self.connect(addr, hello) else {
            return;
        };
        while self.wrong.is_empty() {
            if self.pipeline(&mut client, &mut state).is_err() {
                return;
            }
        }
    }

    fn connect(&mut self, addr: SocketAddr, hello: Option<&str>) -> io::Result<Client> {
        let mut client = Client::connect(addr)?;
        let select = (self.db != 0).then(|| format!("SELECT {}", self.db));
        for line in [select.as_deref(), hello].into_iter().flatten() {
            let reply = client.words(line)?;
            if !reply.is_ok() {
                self.wrong
                    .push(format!("{}: {line} was answered {reply:?}", self.name));
            }
        }
        Ok(client)
    }

    fn pipeline(&mut self, client: &mut Client, state: &mut State) -> io::Result<()> {
        let depth = if self.random.one_in(3) {
            1
        } else {
            self.random.below(PIPELINE_MAX) + 1
        };
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..depth {
            self.unique += 1;
            let change = Change::draw(&mut self.random, state, &self.name, self.alone, self.unique);
            bytes.extend_from_slice(&change.command());
            expected.push(change.apply(state));
            // Listed before it is sent: from here on it may have happened.
            self.sent.push(change);
        }
        client.send_bytes(&bytes)?;
        for expect in expected {
            let reply = client.read()?;
            match (&expect, &reply) {
                (Some(expect), reply) if expect == reply => {}
                (None, Value::Int(n)) => self.shared_seen = self.shared_seen.max(*n),
                _ => {
                    let change = &self.sent[self.acknowledged];
                    let mut shown = format!("{change:?}");
                    shown.truncate(200);
                    self.wrong.push(format!(
                        "{}: {shown} was answered {reply:?}, not {expect:?}",
                        self.name
                    ));
                    return Ok(());
                }
            }
            self.acknowledged += 1;
        }
        Ok(())
    }
}
