//! One file of the simulated disk: what a reader sees, what would survive a power cut, and the changes in between.
//!
//! Invariants
//! - `live` is always `durable` with every change ever submitted applied in order: it is the page cache.
//! - `pending` holds, in submission order, the changes that no completed sync covers. Each is settled on its own at a
//!   power cut, so a later change may survive an earlier one.
//! - After a failed sync the covered changes are gone from `pending` without having reached `durable` as a whole: the
//!   pages are clean but lost, and no later sync brings them back. Readers of the running machine still see them.
//!
//! Assumption about the medium (power-safe overwrite): bytes that a pending write does not cover never change, and
//! neither do bytes that it replaces by the same value, as on any medium that writes whole sectors or none. To every
//! other byte of the covered range everything may happen, sector by sector and byte by byte.

use crate::Rng;

/// The unit in which a medium keeps or drops data.
pub(super) const SECTOR_BYTES: usize = 512;

/// A change of a file that was submitted and is not yet known to be durable.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Bytes at an offset; extends the file when they end behind its end.
    Data { offset: usize, bytes: Vec<u8> },
    /// The file gets exactly this length.
    Length(usize),
    /// The file gets at least this length; what is new reads as zeros.
    Allocate(usize),
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Change::Data { offset, bytes } => {
                let end = offset + bytes.len();
                if image.len() < end {
                    image.resize(end, 0);
                }
                image[*offset..end].copy_from_slice(bytes);
            }
            Change::Length(length) => image.resize(*length, 0),
            Change::Allocate(length) => {
                if image.len() < *length {
                    image.resize(*length, 0);
                }
            }
        }
    }
}

/// How much of the unsynced state a power cut keeps. Drawn once for each cut, so that some cuts lose almost all and
/// some almost nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Survival {
    /// Chance in 256 that a change, or a sector of a torn change, is kept.
    pub keep: u64,
}

impl Survival {
    pub(super) fn draw(rng: &mut Rng) -> Survival {
        const KEEP: [u64; 6] = [16, 64, 128, 192, 240, 252];
        Survival {
            keep: KEEP[rng.below(KEEP.len() as u64) as usize],
        }
    }

    pub(super) fn keeps(self, rng: &mut Rng) -> bool {
        rng.below(256) < self.keep
    }
}

/// A change and its place in the submission order of the file.
#[derive(Clone, Debug)]
struct Pending {
    number: u64,
    change: Change,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
    submitted: u64,
}

impl Inode {
    pub(super) fn live(&self) -> &[u8] {
        &self.live
    }

    pub(super) fn durable(&self) -> &[u8] {
        &self.durable
    }

    pub(super) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Number of the last change submitted so far: what a sync that begins now covers.
    pub(super) fn submitted(&self) -> u64 {
        self.submitted
    }

    pub(super) fn submit(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.submitted += 1;
        self.pending.push(Pending {
            number: self.submitted,
            change,
        });
    }

    /// A sync that covers every change up to `covered` has completed.
    pub(super) fn make_durable(&mut self, covered: u64) {
        let count = self.covered_count(covered);
        for pending in self.pending.drain(..count) {
            pending.change.apply(&mut self.durable);
        }
    }

    /// A sync that covers every change up to `covered` has failed: an arbitrary part of them is on the medium, and the
    /// rest is forgotten.
    pub(super) fn lose(&mut self, covered: u64, survival: Survival, rng: &mut Rng) {
        let count = self.covered_count(covered);
        let lost: Vec<Pending> = self.pending.drain(..count).collect();
        settle(&mut self.durable, lost, survival, rng);
    }

    /// Power returns: nothing was written back since the last sync.
    pub(super) fn settle_none(&mut self) {
        self.pending.clear();
        self.live = self.durable.clone();
    }

    /// Power returns: everything had been written back just in time.
    pub(super) fn settle_all(&mut self) {
        self.make_durable(u64::MAX);
        self.live = self.durable.clone();
    }

    /// Power returns: an arbitrary part had been written back, possibly torn.
    pub(super) fn settle_some(&mut self, survival: Survival, rng: &mut Rng) {
        let pending = std::mem::take(&mut self.pending);
        settle(&mut self.durable, pending, survival, rng);
        self.live = self.durable.clone();
    }

    /// Power returns: exactly the pending changes for which `keep` answers true had been written back, each whole.
    pub(super) fn settle_chosen(&mut self, mut keep: impl FnMut() -> bool) {
        for pending in std::mem::take(&mut self.pending) {
            if keep() {
                pending.change.apply(&mut self.durable);
            }
        }
        self.live = self.durable.clone();
    }

    /// Flips one bit of the medium (and of the cache, which a test reads after a restart).
    pub(super) fn flip(&mut self, offset: usize, bit: u8) {
        self.durable[offset] ^= 1 << bit;
        if let Some(byte) = self.live.get_mut(offset) {
            *byte ^= 1 << bit;
        }
    }

    fn covered_count(&self, covered: u64) -> usize {
        self.pending
            .partition_point(|pending| pending.number <= covered)
    }
}

/// What the medium holds after a power cut: bytes in `image` behind `length` were written but no surviving length
/// exposes them yet; a later surviving length does.
struct Medium {
    image: Vec<u8>,
    length: usize,
}

impl Medium {
    fn reach(&mut self, length: usize) {
        if self.image.len() < length {
            self.image.resize(length, 0);
        }
    }

    fn set_length(&mut self, length: usize) {
        self.reach(length);
        if length < self.length {
            self.image[length..].fill(0);
        }
        self.length = length;
    }
}

fn settle(durable: &mut Vec<u8>, pending: Vec<Pending>, survival: Survival, rng: &mut Rng) {
    let mut medium = Medium {
        length: durable.len(),
        image: std::mem::take(durable),
    };
    for Pending { change, .. } in pending {
        match change {
            Change::Length(length) => {
                if survival.keeps(rng) {
                    medium.set_length(length);
                }
            }
            Change::Allocate(length) => {
                if length > medium.length && survival.keeps(rng) {
                    medium.set_length(length);
                }
            }
            Change::Data { offset, bytes } => {
                let end = offset + bytes.len();
                if end > medium.length && survival.keeps(rng) {
                    medium.set_length(end);
                }
                medium.reach(end);
                settle_data(
                    &mut medium.image[offset..end],
                    offset,
                    &bytes,
                    survival,
                    rng,
                );
            }
        }
    }
    medium.image.truncate(medium.length);
    *durable = medium.image;
}

/// One write on its way to the medium: whole, not at all, or sector by sector.
fn settle_data(target: &mut [u8], offset: usize, bytes: &[u8], survival: Survival, rng: &mut Rng) {
    match rng.below(3) {
        0 => target.copy_from_slice(bytes),
        1 if !survival.keeps(rng) => {}
        _ => {
            let mut start = 0;
            while start < bytes.len() {
                let in_sector = SECTOR_BYTES - (offset + start) % SECTOR_BYTES;
                let end = bytes.len().min(start + in_sector);
                settle_sector(&mut target[start..end], &bytes[start..end], survival, rng);
                start = end;
            }
        }
    }
}

/// One sector of a torn write: kept, dropped, garbage, or good up to a byte and then stale or garbage.
fn settle_sector(target: &mut [u8], bytes: &[u8], survival: Survival, rng: &mut Rng) {
    if survival.keeps(rng) {
        target.copy_from_slice(bytes);
        return;
    }
    let good = match rng.below(3) {
        0 => return,
        1 => 0,
        _ => rng.below(bytes.len() as u64 + 1) as usize,
    };
    target[..good].copy_from_slice(&bytes[..good]);
    let zeros = match rng.below(4) {
        0 => true,
        1 => false,
        _ => return,
    };
    let mut noise = 0;
    for (index, (byte, wanted)) in target.iter_mut().zip(bytes).enumerate().skip(good) {
        if index % 8 == 0 || index == good {
            noise = rng.next_u64();
        }
        if *byte != *wanted {
            *byte = if zeros {
                0
            } else {
                (noise >> (index % 8 * 8)) as u8
            };
        }
    }
}
