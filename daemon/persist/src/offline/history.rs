//! Which snapshot leads to a point in time.
//!
//! A directory keeps the present dataset and, with retention, older snapshots with the log behind them. The past is
//! rebuilt from the last snapshot that is not behind the point asked for, by reading the directory as if that snapshot were
//! the one that counts.

use std::fmt;
use std::io;

use esker_format::native::audit::Source;
use esker_format::native::manifest::{Gap, LogState, Manifest, SnapshotRef};
use esker_format::{Lsn, UnixMs, names};

use super::rebuild::Until;

/// A directory, read as it was when one of its snapshots was the present one.
pub struct History<'a, S> {
    source: &'a S,
    manifest: Manifest,
    encoded: Vec<u8>,
}

/// Why there is no way to a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryError {
    /// The past begins here.
    TooEarly { lsn: Lsn, time: UnixMs },
    /// Nothing was logged there.
    InGap(Gap),
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HistoryError::TooEarly { lsn, time } => {
                write!(
                    f,
                    "what is kept of the past begins at LSN {lsn}, at {time} ms"
                )
            }
            HistoryError::InGap(gap) => {
                let Gap { from, to, .. } = gap;
                write!(f, "nothing is logged between LSN {from} and LSN {to}")
            }
        }
    }
}

impl std::error::Error for HistoryError {}

impl<'a, S: Source> History<'a, S> {
    /// The way to `until` through what `manifest`, which is that of `source`, names.
    pub fn to(
        source: &'a S,
        manifest: &Manifest,
        until: Until,
    ) -> Result<History<'a, S>, HistoryError> {
        let fits = |snapshot: &&SnapshotRef| match until {
            Until::End => true,
            Until::Lsn(lsn) => snapshot.cut_lsn <= lsn,
            Until::Time(time) => snapshot.cut_at <= time,
        };
        let kept = || manifest.retained.iter().chain(&manifest.snapshot);
        let mut past = manifest.clone();
        if let Until::Lsn(lsn) = until
            && let Some(gap) = manifest
                .gaps
                .iter()
                .find(|gap| gap.from < lsn && lsn < gap.to)
        {
            return Err(HistoryError::InGap(*gap));
        }
        match kept().rfind(fits) {
            // No snapshot: the log goes back to the birth.
            None if manifest.snapshot.is_none() => {}
            None => {
                let first = kept().next();
                let (lsn, time) = first.map_or((Lsn::ZERO, UnixMs(0)), |first| {
                    (first.cut_lsn, first.cut_at)
                });
                return Err(HistoryError::TooEarly { lsn, time });
            }
            Some(base) if manifest.snapshot.as_ref() == Some(base) => {}
            Some(base) => look_back(&mut past, base),
        }
        Ok(History::with(source, past))
    }

    /// The directory as if `manifest` were its own.
    pub fn with(source: &'a S, manifest: Manifest) -> History<'a, S> {
        History {
            source,
            encoded: manifest.encode(),
            manifest,
        }
    }

    /// The manifest that is read instead of the present one.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// The manifest as if `base` were the present snapshot.
fn look_back(past: &mut Manifest, base: &SnapshotRef) {
    past.snapshot = Some(*base);
    past.first_segment = base.first_segment;
    past.retained.clear();
    past.durable_lsn = base.cut_lsn;
    past.log = if base.first_segment == 0 {
        LogState::Off { end: base.cut_lsn }
    } else {
        LogState::On
    };
}

/// The bytes of a file, or of the manifest that stands in for it.
pub enum Bytes<B> {
    File(B),
    Manifest(Vec<u8>),
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Bytes<B> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Bytes::File(bytes) => bytes.as_ref(),
            Bytes::Manifest(bytes) => bytes,
        }
    }
}

impl<S: Source> Source for History<'_, S> {
    type Bytes = Bytes<S::Bytes>;

    fn list(&self) -> io::Result<Vec<String>> {
        self.source.list()
    }

    fn read(&self, name: &str) -> io::Result<Self::Bytes> {
        if name == names::MANIFEST {
            return Ok(Bytes::Manifest(self.encoded.clone()));
        }
        self.source.read(name).map(Bytes::File)
    }

    fn head(&self, name: &str, count: usize) -> io::Result<Vec<u8>> {
        self.source.head(name, count)
    }
}
