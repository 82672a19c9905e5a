//! Planted bugs: each leaves out one step that durability rests on.
//!
//! Compiled for the simulator only. A run with a fault planted must fail; that is how we know that a run without one
//! proves something. Steps whose absence another step makes up for are not here: a tail that is not cut is settled by the
//! next segment's header, a stale frame of a recycled segment continues no chain, and the segment that starts at a cut holds
//! nothing that was promised before it is synced.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlantedFault {
    #[default]
    None,
    /// `durable_lsn` follows `written_lsn` without a sync.
    AckBeforeSync,
    /// `durable_lsn` is published when a sync is submitted, not when it completed.
    DurableAtSubmit,
    /// A failed sync counts as a good one.
    SyncErrorIgnored,
    /// A failed sync is tried again, and the second answer believed.
    SyncErrorRetried,
    /// A sync covers only the segment written last.
    SyncSkipsOldSegment,
    /// Positions inside a unit that is not complete are published.
    HalfUnitPublished,
    /// The directory is not synced after the manifest was renamed into place.
    NoDirSyncAfterRename,
    /// The directory is not synced after a segment was created.
    NoDirSyncAfterCreate,
    /// The manifest's temporary file is not synced before the rename.
    NoTempSync,
    /// The snapshot is not synced before the manifest names it.
    SnapshotNotSynced,
    /// Old segments and snapshots are removed before the manifest that drops them is durable.
    RemoveBeforeManifest,
    /// A snapshot that a manifest of unknown fate names is removed.
    DoubtfulSnapshotRemoved,
    /// Recovery believes frames without looking at the checksums of their payloads.
    NoChecksumCheck,
    /// Recovery does not make durable what it found in the cache.
    RecoveryTrustsCache,
    /// Recovery syncs what it found, but does not write it again: an earlier failed sync has marked it clean.
    RecoveryTrustsOldSyncs,
    /// The log is declared off before its last bytes are synced.
    OffBeforeSync,
    /// A manifest that ends the log, of unknown fate, is not followed by one that goes on with it.
    EndNotTakenBack,
    /// The log counts as on before the snapshot of its cut is committed.
    OnBeforeSnapshot,
    /// After a failure the new segment counts before the snapshot that it builds upon is committed.
    RescueWithoutSnapshot,
    /// Old images of changed keys do not reach the snapshot.
    PreimageSkipped,
}

impl PlantedFault {
    /// Every fault that must be found, for a suite to iterate over.
    pub const ALL: &'static [PlantedFault] = &[
        PlantedFault::AckBeforeSync,
        PlantedFault::DurableAtSubmit,
        PlantedFault::SyncErrorIgnored,
        PlantedFault::SyncErrorRetried,
        PlantedFault::SyncSkipsOldSegment,
        PlantedFault::HalfUnitPublished,
        PlantedFault::NoDirSyncAfterRename,
        PlantedFault::NoDirSyncAfterCreate,
        PlantedFault::NoTempSync,
        PlantedFault::SnapshotNotSynced,
        PlantedFault::RemoveBeforeManifest,
        PlantedFault::DoubtfulSnapshotRemoved,
        PlantedFault::NoChecksumCheck,
        PlantedFault::RecoveryTrustsCache,
        PlantedFault::RecoveryTrustsOldSyncs,
        PlantedFault::OffBeforeSync,
        PlantedFault::EndNotTakenBack,
        PlantedFault::OnBeforeSnapshot,
        PlantedFault::RescueWithoutSnapshot,
        PlantedFault::PreimageSkipped,
    ];
}
