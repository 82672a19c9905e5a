//! The simulated machine's disk: files, names, faults, the crash point, and the trace of all that was asked of it.
//!
//! Everything random comes from one seeded generator and everything that happens is mixed into the trace, so one
//! seed gives one history, which two runs can be compared by.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Weak};

use super::directory::{Directory, InodeId, NameChange};
use super::faults::{Faults, Tally, strikes};
use super::inode::{Change, Inode, Survival};
use crate::Rng;

/// What a power cut leaves of the unsynced state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerCut {
    /// Nothing that was not synced.
    LoseAll,
    /// Everything, as if it had been written back just in time.
    KeepAll,
    /// An arbitrary part, torn anywhere.
    KeepSome,
}

/// Held by every handle of a file, so that an unlinked file lives as long as it is open.
#[derive(Debug)]
pub(super) struct OpenToken;

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) inode: Inode,
    open: Weak<OpenToken>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct State {
    pub(super) rng: Rng,
    pub(super) faults: Faults,
    pub(super) tally: Tally,
    pub(super) directory: Directory,
    pub(super) slots: BTreeMap<InodeId, Slot>,
    /// Handles of an earlier life are dead.
    pub(super) life: u64,
    pub(super) locked: bool,
    /// Operations left until the crash point; `None` is never.
    pub(super) operations_left: Option<u64>,
    /// The crash point was reached: nothing works until power returns.
    pub(super) dead: bool,
    pub(super) trace: u64,
    next_inode: InodeId,
}

/// What may be done to the disk at the moment.
enum Fate {
    Whole,
    /// The power goes during this operation: part of it may have happened, and its caller hears nothing.
    Last,
}

impl State {
    pub(super) fn new(seed: u64) -> State {
        State {
            rng: Rng::new(seed),
            faults: Faults::default(),
            tally: Tally::default(),
            directory: Directory::default(),
            slots: BTreeMap::new(),
            life: 0,
            locked: false,
            operations_left: None,
            dead: false,
            trace: seed,
            next_inode: 1,
        }
    }

    /// The same disk once more, to be cut in another way. Open handles stay with the original.
    pub(super) fn fork(&self) -> State {
        let slots = self
            .slots
            .iter()
            .map(|(id, slot)| {
                (
                    *id,
                    Slot {
                        inode: slot.inode.clone(),
                        open: Weak::new(),
                    },
                )
            })
            .collect();
        State {
            rng: self.rng.clone(),
            faults: self.faults.clone(),
            tally: self.tally,
            directory: self.directory.clone(),
            slots,
            life: self.life,
            locked: self.locked,
            operations_left: self.operations_left,
            dead: self.dead,
            trace: self.trace,
            next_inode: self.next_inode,
        }
    }

    pub(super) fn note(&mut self, kind: u64, subject: u64, detail: u64) {
        for word in [kind, subject, detail] {
            self.trace = mix(self.trace ^ word);
        }
    }

    pub(super) fn alive(&self, life: u64) -> io::Result<()> {
        if self.dead || life != self.life {
            return Err(io::Error::other("the simulated power is off"));
        }
        Ok(())
    }

    fn begin(&mut self, life: u64) -> io::Result<Fate> {
        self.alive(life)?;
        self.tally.operations += 1;
        if let Some(left) = &mut self.operations_left {
            if *left == 0 {
                self.dead = true;
                return Ok(Fate::Last);
            }
            *left -= 1;
        }
        Ok(Fate::Whole)
    }

    fn power_is_off(&self) -> io::Result<()> {
        self.alive(self.life)
    }

    // ---- names

    pub(super) fn create(
        &mut self,
        life: u64,
        name: &str,
    ) -> io::Result<(InodeId, Arc<OpenToken>)> {
        if self.directory.find(name).is_some() {
            self.alive(life)?;
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = self.next_inode;
        self.change_name(
            life,
            1,
            NameChange::Link {
                name: name.to_owned(),
                inode,
            },
        )?;
        self.next_inode += 1;
        let token = Arc::new(OpenToken);
        self.slots.insert(
            inode,
            Slot {
                inode: Inode::default(),
                open: Arc::downgrade(&token),
            },
        );
        self.power_is_off()?;
        Ok((inode, token))
    }

    pub(super) fn open(
        &mut self,
        life: u64,
        name: &str,
    ) -> io::Result<Option<(InodeId, Arc<OpenToken>)>> {
        self.alive(life)?;
        let Some(inode) = self.directory.find(name) else {
            return Ok(None);
        };
        let slot = self
            .slots
            .get_mut(&inode)
            .expect("a live name leads to a file");
        let token = slot.open.upgrade().unwrap_or_else(|| Arc::new(OpenToken));
        slot.open = Arc::downgrade(&token);
        Ok(Some((inode, token)))
    }

    pub(super) fn link(&mut self, life: u64, from: &str, to: &str) -> io::Result<()> {
        let inode = self.existing(life, from)?;
        self.change_name(
            life,
            2,
            NameChange::Link {
                name: to.to_owned(),
                inode,
            },
        )?;
        self.power_is_off()
    }

    pub(super) fn rename(&mut self, life: u64, from: &str, to: &str) -> io::Result<()> {
        let inode = self.existing(life, from)?;
        self.change_name(
            life,
            3,
            NameChange::Rename {
                from: from.to_owned(),
                to: to.to_owned(),
                inode,
            },
        )?;
        self.tally.renames += 1;
        self.power_is_off()
    }

    pub(super) fn remove(&mut self, life: u64, name: &str) -> io::Result<()> {
        let inode = self.existing(life, name)?;
        self.change_name(
            life,
            4,
            NameChange::Unlink {
                name: name.to_owned(),
                inode,
            },
        )?;
        self.power_is_off()
    }

    fn existing(&self, life: u64, name: &str) -> io::Result<InodeId> {
        self.alive(life)?;
        self.directory
            .find(name)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change_name(&mut self, life: u64, kind: u64, change: NameChange) -> io::Result<()> {
        let fate = self.begin(life)?;
        self.note(kind, change.inode(), 0);
        if strikes(self.faults.name_error, &mut self.rng) {
            self.tally.name_faults += 1;
            return Err(eio());
        }
        if matches!(fate, Fate::Whole) || self.rng.below(2) == 0 {
            self.directory.submit(change);
        }
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, life: u64) -> io::Result<()> {
        let fate = self.begin(life)?;
        self.note(5, 0, self.directory.pending_count() as u64);
        if strikes(self.faults.sync_dir_error, &mut self.rng) {
            self.tally.sync_faults += 1;
            return Err(eio());
        }
        if matches!(fate, Fate::Whole) {
            self.directory.make_durable();
            self.tally.dir_syncs += 1;
            self.forget_unreachable();
        }
        self.power_is_off()
    }

    fn forget_unreachable(&mut self) {
        let directory = &self.directory;
        self.slots
            .retain(|id, slot| slot.open.strong_count() > 0 || directory.reaches(*id));
    }

    // ---- contents

    pub(super) fn inode(&self, id: InodeId) -> &Inode {
        &self.slots.get(&id).expect("an open file exists").inode
    }

    fn inode_mut(&mut self, id: InodeId) -> &mut Inode {
        &mut self.slots.get_mut(&id).expect("an open file exists").inode
    }

    pub(super) fn read(
        &mut self,
        life: u64,
        id: InodeId,
        offset: u64,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        self.alive(life)?;
        self.tally.reads += 1;
        if strikes(self.faults.read_error, &mut self.rng) {
            self.tally.read_faults += 1;
            return Err(eio());
        }
        let live = self.inode(id).live();
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(live.len());
        let mut count = buffer.len().min(live.len() - start);
        if count > 1 && strikes(self.faults.read_short, &mut self.rng) {
            count = 1 + self.rng.below(count as u64 - 1) as usize;
            self.tally.read_faults += 1;
        }
        buffer[..count].copy_from_slice(&self.inode(id).live()[start..start + count]);
        Ok(count)
    }

    pub(super) fn write(
        &mut self,
        life: u64,
        id: InodeId,
        offset: u64,
        bytes: &[u8],
    ) -> io::Result<()> {
        let fate = self.begin(life)?;
        self.note(6, id ^ offset << 20, digest(bytes));
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut count = bytes.len();
        let mut result = Ok(());
        if strikes(self.faults.write_error, &mut self.rng) {
            self.tally.write_faults += 1;
            count = self.rng.below(count as u64 + 1) as usize;
            result = Err(eio());
        } else if matches!(fate, Fate::Last) {
            count = self.rng.below(count as u64 + 1) as usize;
        }
        let room = self.room_at(id, offset);
        if count > room {
            self.tally.full += 1;
            count = room;
            result = Err(io::ErrorKind::StorageFull.into());
        }
        if count > 0 {
            self.inode_mut(id).submit(Change::Data {
                offset,
                bytes: bytes[..count].to_vec(),
            });
        }
        self.power_is_off()?;
        result
    }

    pub(super) fn set_length(&mut self, life: u64, id: InodeId, length: u64) -> io::Result<()> {
        self.change_length(life, 7, id, length, Change::Length(length as usize))
    }

    pub(super) fn allocate(&mut self, life: u64, id: InodeId, length: u64) -> io::Result<()> {
        self.change_length(life, 8, id, length, Change::Allocate(length as usize))
    }

    fn change_length(
        &mut self,
        life: u64,
        kind: u64,
        id: InodeId,
        length: u64,
        change: Change,
    ) -> io::Result<()> {
        let fate = self.begin(life)?;
        self.note(kind, id, length);
        if strikes(self.faults.write_error, &mut self.rng) {
            self.tally.write_faults += 1;
            return Err(eio());
        }
        if length as usize > self.room_at(id, 0) {
            self.tally.full += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        if matches!(fate, Fate::Whole) || self.rng.below(2) == 0 {
            self.inode_mut(id).submit(change);
        }
        self.power_is_off()
    }

    /// How many bytes can be written from `offset` on before the disk is full.
    fn room_at(&self, id: InodeId, offset: usize) -> usize {
        let Some(free) = self.free_bytes() else {
            return usize::MAX;
        };
        (self.inode(id).live().len() + free as usize).saturating_sub(offset)
    }

    /// Free space when there is a limit. A file counts with its length as long as it has a name or is open.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        let capacity = self.faults.capacity_bytes?;
        let used: usize = self
            .slots
            .iter()
            .filter(|(id, slot)| {
                slot.open.strong_count() > 0 || self.directory.link_count(**id) > 0
            })
            .map(|(_, slot)| slot.inode.live().len())
            .sum();
        Some(capacity.saturating_sub(used as u64))
    }

    /// Submits a sync: returns the mark of what it covers.
    pub(super) fn begin_sync(&mut self, life: u64, id: InodeId) -> io::Result<u64> {
        self.begin(life)?;
        let covered = self.inode(id).submitted();
        self.note(9, id, covered);
        self.power_is_off()?;
        Ok(covered)
    }

    pub(super) fn finish_sync(&mut self, life: u64, id: InodeId, covered: u64) -> io::Result<()> {
        let fate = self.begin(life)?;
        self.note(10, id, covered);
        if strikes(self.faults.sync_error, &mut self.rng) {
            self.tally.sync_faults += 1;
            let survival = Survival::draw(&mut self.rng);
            let State { slots, rng, .. } = self;
            slots
                .get_mut(&id)
                .expect("an open file exists")
                .inode
                .lose(covered, survival, rng);
            return Err(eio());
        }
        if matches!(fate, Fate::Whole) {
            // Writes made while the sync ran may be covered by it too.
            let behind = self.inode(id).submitted() - covered;
            let extra = self.rng.below(behind + 1);
            self.inode_mut(id).make_durable(covered + extra);
            self.tally.syncs += 1;
        }
        self.power_is_off()
    }

    // ---- the end of a life

    pub(super) fn cut_power(&mut self, cut: PowerCut) {
        self.tally.power_cuts += 1;
        let survival = Survival::draw(&mut self.rng);
        match cut {
            PowerCut::LoseAll => self.directory.settle_none(),
            PowerCut::KeepAll => self.directory.settle_chosen(|| true),
            PowerCut::KeepSome => self.directory.settle_some(survival, &mut self.rng),
        }
        for slot in self.slots.values_mut() {
            match cut {
                PowerCut::LoseAll => slot.inode.settle_none(),
                PowerCut::KeepAll => slot.inode.settle_all(),
                PowerCut::KeepSome => slot.inode.settle_some(survival, &mut self.rng),
            }
        }
        self.next_life();
    }

    pub(super) fn cut_power_keeping(&mut self, mut keep: impl FnMut() -> bool) {
        self.tally.power_cuts += 1;
        self.directory.settle_chosen(&mut keep);
        for slot in self.slots.values_mut() {
            slot.inode.settle_chosen(&mut keep);
        }
        self.next_life();
    }

    pub(super) fn kill_process(&mut self) {
        self.tally.process_deaths += 1;
        self.next_life();
    }

    fn next_life(&mut self) {
        self.life += 1;
        self.dead = false;
        self.locked = false;
        self.operations_left = None;
        for slot in self.slots.values_mut() {
            slot.open = Weak::new();
        }
        self.forget_unreachable();
        self.note(11, self.life, 0);
    }

    pub(super) fn pending_count(&self) -> usize {
        let data: usize = self
            .slots
            .values()
            .map(|slot| slot.inode.pending_count())
            .sum();
        data + self.directory.pending_count()
    }

    /// Digest of all that a reader can see: names and contents.
    pub(super) fn image_digest(&self) -> u64 {
        let mut sum = 0u64;
        for (name, inode) in self.directory.names() {
            sum = mix(sum ^ digest(name.as_bytes()));
            sum = mix(sum ^ digest(self.inode(inode).live()));
        }
        sum
    }
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word ^ (word >> 29)
}

fn digest(bytes: &[u8]) -> u64 {
    let mut sum = bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        sum = mix(sum ^ u64::from_le_bytes(word));
    }
    sum
}
