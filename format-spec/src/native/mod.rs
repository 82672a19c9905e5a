//! Esker's own files: log segments made of frames, snapshots made of blocks, and the manifest.

pub mod audit;
pub mod entry;
pub mod frame;
pub mod manifest;
pub mod salvage;
pub mod segment;
pub mod snapshot;
pub mod value;
