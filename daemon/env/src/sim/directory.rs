//! The names of the simulated disk, and which of them a power cut keeps.
//!
//! Every change of a name carries the inode it speaks of, and is settled by inode: a rename that survives while the
//! link that it renames was lost still gives its target the right file, and never moves a file that merely had the
//! same name before. Names are reordered without the mercy of a journal: an arbitrary subset survives.

use std::collections::BTreeMap;

use super::inode::Survival;
use crate::Rng;

/// Identity of a file, independent of its names. Never reused.
pub(super) type InodeId = u64;

/// A change of names that no directory sync covers yet.
#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Link {
        name: String,
        inode: InodeId,
    },
    Unlink {
        name: String,
        inode: InodeId,
    },
    Rename {
        from: String,
        to: String,
        inode: InodeId,
    },
}

impl NameChange {
    pub(super) fn inode(&self) -> InodeId {
        match self {
            NameChange::Link { inode, .. }
            | NameChange::Unlink { inode, .. }
            | NameChange::Rename { inode, .. } => *inode,
        }
    }

    fn apply(&self, names: &mut BTreeMap<String, InodeId>) {
        match self {
            NameChange::Link { name, inode } => {
                names.insert(name.clone(), *inode);
            }
            NameChange::Unlink { name, inode } => remove_if(names, name, *inode),
            NameChange::Rename { from, to, inode } => {
                remove_if(names, from, *inode);
                names.insert(to.clone(), *inode);
            }
        }
    }
}

fn remove_if(names: &mut BTreeMap<String, InodeId>, name: &str, inode: InodeId) {
    if names.get(name) == Some(&inode) {
        names.remove(name);
    }
}

/// The one directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    live: BTreeMap<String, InodeId>,
    durable: BTreeMap<String, InodeId>,
    pending: Vec<NameChange>,
}

impl Directory {
    pub(super) fn find(&self, name: &str) -> Option<InodeId> {
        self.live.get(name).copied()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = (&String, InodeId)> {
        self.live.iter().map(|(name, inode)| (name, *inode))
    }

    pub(super) fn link_count(&self, inode: InodeId) -> u64 {
        self.live.values().filter(|other| **other == inode).count() as u64
    }

    pub(super) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn submit(&mut self, change: NameChange) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    pub(super) fn make_durable(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    pub(super) fn settle_none(&mut self) {
        self.pending.clear();
        self.live = self.durable.clone();
    }

    pub(super) fn settle_some(&mut self, survival: Survival, rng: &mut Rng) {
        self.settle_chosen(|| survival.keeps(rng));
    }

    pub(super) fn settle_chosen(&mut self, mut keep: impl FnMut() -> bool) {
        for change in std::mem::take(&mut self.pending) {
            if keep() {
                change.apply(&mut self.durable);
            }
        }
        self.live = self.durable.clone();
    }

    /// Whether some name leads to the inode, or might after a power cut.
    pub(super) fn reaches(&self, inode: InodeId) -> bool {
        self.live
            .values()
            .chain(self.durable.values())
            .any(|other| *other == inode)
            || self.pending.iter().any(|change| change.inode() == inode)
    }
}
