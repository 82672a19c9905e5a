//! Watched keys: which sessions want to know that a key has changed.
//!
//! A watched key is remembered with whether it existed. What is told of whole databases (flushed, swapped) concerns
//! those keys that existed before or exist now; an expiry that deletes what was already absent changes nothing.

use std::collections::BTreeMap;

use esker_format::UnixMs;
use esker_keyspace::touched::{Event, Touched};

use crate::engine::Engine;
use crate::session::ClientId;

/// A key that a session watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    pub db: u32,
    pub key: Box<[u8]>,
    pub existed: bool,
}

/// What a session watches, and whether any of it has changed.
#[derive(Debug, Default)]
pub struct Watch {
    pub keys: Vec<Watched>,
    pub changed: bool,
}

/// All watched keys with the sessions that watch them.
#[derive(Debug, Default)]
pub struct Watchers {
    keys: BTreeMap<(u32, Box<[u8]>), Vec<ClientId>>,
}

impl Watchers {
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys are watched.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    fn of_database(&self, db: u32) -> Vec<(Box<[u8]>, Vec<ClientId>)> {
        let first = (db, Box::default());
        let keys = self
            .keys
            .range(first..)
            .take_while(|((of, _), _)| *of == db);
        keys.map(|((_, key), clients)| (key.clone(), clients.clone()))
            .collect()
    }
}

impl Engine {
    /// WATCH of one key.
    pub fn watch(&mut self, client: ClientId, key: &[u8], now_ms: i64) {
        let db = self.session(client).db;
        let watch = &self.session(client).watch;
        if watch.keys.iter().any(|w| w.db == db && *w.key == *key) {
            return;
        }
        let existed = self.key_exists(db, key, now_ms);
        let watched = Watched {
            db,
            key: key.into(),
            existed,
        };
        self.session_mut(client).watch.keys.push(watched);
        let clients = self.watchers.keys.entry((db, key.into())).or_default();
        clients.push(client);
        self.listen();
    }

    /// UNWATCH, and whatever else ends a session's watching.
    pub fn unwatch(&mut self, client: ClientId) {
        let Some(session) = self.clients.get_mut(&client) else {
            return;
        };
        let watch = std::mem::take(&mut session.watch);
        self.forget_watched(client, &watch);
    }

    /// As [`Engine::unwatch`] for a session that is gone.
    pub fn forget_watched(&mut self, client: ClientId, watch: &Watch) {
        if watch.keys.is_empty() {
            return;
        }
        for watched in &watch.keys {
            let place = (watched.db, watched.key.clone());
            if let Some(clients) = self.watchers.keys.get_mut(&place) {
                clients.retain(|id| *id != client);
                if clients.is_empty() {
                    self.watchers.keys.remove(&place);
                }
            }
        }
        self.listen();
    }

    /// Whether a key that the session watches has changed, or has expired since.
    pub fn watched_changed(&mut self, client: ClientId, now_ms: i64) -> bool {
        let watch = &self.session(client).watch;
        if watch.changed {
            return true;
        }
        let existed: Vec<Watched> = watch.keys.iter().filter(|w| w.existed).cloned().collect();
        existed
            .iter()
            .any(|watched| !self.key_exists(watched.db, &watched.key, now_ms))
    }

    /// Tells the sessions that watch what was touched.
    pub fn tell_watchers(&mut self, touched: &[Touched], now_ms: i64) {
        if self.watchers.is_empty() {
            return;
        }
        for touch in touched {
            match touch.event {
                Event::Flush | Event::Swap => self.tell_of_database(touch, now_ms),
                // What is pending is the groups' business: Redis does not count it as a change of the key.
                Event::XPending => {}
                event => {
                    let place = (touch.db, touch.key.clone());
                    let clients = self.watchers.keys.get(&place).cloned().unwrap_or_default();
                    for client in clients {
                        self.mark_changed(client, &place.1, place.0, event == Event::Expired);
                    }
                }
            }
        }
    }

    fn tell_of_database(&mut self, touch: &Touched, now_ms: i64) {
        for (key, clients) in self.watchers.of_database(touch.db) {
            let exists = touch.event == Event::Swap && self.key_exists(touch.db, &key, now_ms);
            for client in clients {
                self.mark_changed(client, &key, touch.db, !exists);
            }
        }
    }

    /// `only_if_existed`: what happened is no change for a key that was absent.
    fn mark_changed(&mut self, client: ClientId, key: &[u8], db: u32, only_if_existed: bool) {
        let watch = &mut self.session_mut(client).watch;
        let concerns = |w: &&Watched| w.db == db && *w.key == *key;
        if let Some(watched) = watch.keys.iter().find(concerns) {
            watch.changed |= watched.existed || !only_if_existed;
        }
    }

    fn key_exists(&mut self, db: u32, key: &[u8], now_ms: i64) -> bool {
        let mut tx = self.keyspace.tx(db, UnixMs(now_ms));
        tx.forbid_expiry();
        let exists = tx.peek(key).is_some();
        tx.finish();
        exists
    }
}
