//! The handles through which a program uses the simulated disk, and the levers by which a test abuses it.
//!
//! A [`SimDisk`] is cheap to clone; all clones are one disk. When power returns, every handle of the life before is
//! dead, as are its locks: they answer with an error and touch nothing.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::directory::InodeId;
use super::faults::{Faults, Tally};
use super::state::{PowerCut, State};

/// A simulated disk with one directory. See the module.
#[derive(Clone, Debug)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    life: u64,
}

/// Where a bit was flipped on the medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rot {
    /// The file, by a name that leads to it.
    pub name: String,
    /// The byte.
    pub offset: u64,
}

impl SimDisk {
    /// An empty disk, in its first life, whose every accident is decided by `seed`.
    pub fn new(seed: u64) -> SimDisk {
        SimDisk {
            state: Arc::new(Mutex::new(State::new(seed))),
            life: 0,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic of the program under test leaves the disk as it was: exactly what a crash does.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn shared(&self) -> Arc<Mutex<State>> {
        Arc::clone(&self.state)
    }

    pub(super) fn life(&self) -> u64 {
        self.life
    }

    /// From now on these faults may happen.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// The faults that may happen.
    pub fn faults(&self) -> Faults {
        self.state().faults.clone()
    }

    /// What the disk has done so far.
    pub fn tally(&self) -> Tally {
        self.state().tally
    }

    /// The power goes during the operation that follows `operations` more; `None` is never.
    pub fn crash_after(&self, operations: Option<u64>) {
        self.state().operations_left = operations;
    }

    /// Whether the crash point was reached (or the machine was switched off): nothing works until power returns.
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// Switches off at once.
    pub fn switch_off(&self) {
        self.state().dead = true;
    }

    /// Power was lost and returns. The result is the disk of the next life.
    #[must_use]
    pub fn restart_after(&self, cut: PowerCut) -> SimDisk {
        self.state().cut_power(cut);
        self.next()
    }

    /// As [`SimDisk::restart_after`], where `keep` is asked for each pending change in a fixed order: names first, then
    /// files in the order of their creation. Each change survives whole or not at all.
    #[must_use]
    pub fn restart_keeping(&self, keep: impl FnMut() -> bool) -> SimDisk {
        self.state().cut_power_keeping(keep);
        self.next()
    }

    /// The process died and starts again; the cache is as it was, and no more durable than before.
    #[must_use]
    pub fn restart_process(&self) -> SimDisk {
        self.state().kill_process();
        self.next()
    }

    fn next(&self) -> SimDisk {
        let life = self.state().life;
        SimDisk {
            state: Arc::clone(&self.state),
            life,
        }
    }

    /// An independent copy of the whole disk, pending changes included.
    #[must_use]
    pub fn fork(&self) -> SimDisk {
        let state = self.state().fork();
        SimDisk {
            life: state.life,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Changes that no sync covers yet.
    pub fn pending_count(&self) -> usize {
        self.state().pending_count()
    }

    /// A number that depends on every operation so far: equal for two runs of the same seed.
    pub fn trace(&self) -> u64 {
        self.state().trace
    }

    /// Digest of the names and contents that a reader sees.
    pub fn image_digest(&self) -> u64 {
        self.state().image_digest()
    }

    /// Flips one bit on the medium, in a file that `choose` accepts. `None` when there is no such byte.
    pub fn rot(&self, mut choose: impl FnMut(&str) -> bool) -> Option<Rot> {
        let mut guard = self.state();
        let state = &mut *guard;
        let candidates: Vec<(String, InodeId, usize)> = state
            .directory
            .names()
            .filter(|(name, _)| choose(name))
            .map(|(name, inode)| (name.clone(), inode, state.inode(inode).durable().len()))
            .filter(|(_, _, length)| *length > 0)
            .collect();
        if candidates.is_empty() {
            return None;
        }
        let (name, inode, length) =
            candidates[state.rng.below(candidates.len() as u64) as usize].clone();
        let offset = state.rng.below(length as u64) as usize;
        let bit = state.rng.below(8) as u8;
        state
            .slots
            .get_mut(&inode)
            .expect("a live name leads to a file")
            .inode
            .flip(offset, bit);
        state.tally.bits_rotten += 1;
        state.note(12, inode, offset as u64);
        Some(Rot {
            name,
            offset: offset as u64,
        })
    }

    /// Gives a file a second name, as a backup does.
    pub fn hard_link(&self, from: &str, to: &str) -> io::Result<()> {
        self.state().link(self.life, from, to)
    }
}
