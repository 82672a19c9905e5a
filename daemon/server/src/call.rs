//! A command that outlives the input it came in: queued by MULTI, or waiting for its keys.

use esker_commands::Args;
use esker_resp::ArgRange;

use crate::io::batch::Cmd;
use crate::table::RowId;

#[derive(Debug)]
pub struct Call {
    pub row: RowId,
    hash: u64,
    bytes: Vec<u8>,
    ranges: Vec<ArgRange>,
}

impl Call {
    /// `hash` is the hash of the first key, or 0.
    pub fn new<'a>(row: RowId, hash: u64, args: impl Iterator<Item = &'a [u8]> + Clone) -> Call {
        let mut bytes = Vec::with_capacity(args.clone().map(<[u8]>::len).sum());
        let ranges = args
            .map(|arg| {
                let start = bytes.len() as u32;
                bytes.extend_from_slice(arg);
                ArgRange {
                    start,
                    len: arg.len() as u32,
                }
            })
            .collect();
        Call {
            row,
            hash,
            bytes,
            ranges,
        }
    }

    pub fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.ranges)
    }

    /// The command as a batch holds it.
    pub fn cmd(&self) -> Cmd {
        Cmd {
            base: 0,
            args_first: 0,
            args_count: self.ranges.len() as u32,
            row: Some(self.row),
            hash: self.hash,
        }
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        self.bytes.capacity() + self.ranges.capacity() * size_of::<ArgRange>()
    }
}
