//! What a tool shows of a rebuild and a write.

use indicatif::ProgressBar;

use crate::report;

/// A bar over bytes examined, then over keys written.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Nothing is shown with `json`, or if nobody watches.
    pub fn new(bytes: u64, json: bool) -> Progress {
        Progress {
            bar: report::progress(bytes, json),
        }
    }

    /// So many bytes more were examined.
    pub fn examined(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// So many keys of so many are written.
    pub fn written(&self, keys: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(keys);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
