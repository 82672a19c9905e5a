//! A second keyspace that knows only what the first one recorded.

use esker_format::units::UnitReader;
use esker_keyspace::{Keyspace, Options};

pub struct Replica {
    pub keyspace: Keyspace,
}

impl Replica {
    /// With a hash seed of its own, so that nothing can depend on the order of a table.
    pub fn new(databases: u32) -> Replica {
        let keyspace = Keyspace::new(Options {
            databases,
            log: false,
            ..Options::with_seed(0x5eed)
        });
        Replica { keyspace }
    }

    /// Applies what the other keyspace has recorded since the last call; then both hold the same.
    pub fn follow(&mut self, other: &mut Keyspace) {
        let chunk = other.effects_mut().take();
        let mut covered = 0;
        for mark in &chunk.marks {
            assert_eq!(mark.start, covered, "the frames cover the chunk");
            covered = mark.end;
            let mut units = 0;
            for record in UnitReader::new(&chunk.bytes[mark.start..mark.end], mark.db) {
                let record = record.expect("what was recorded can be read");
                let applied = self.keyspace.apply(record.db, &record.effect);
                applied.unwrap_or_else(|error| panic!("{:?}: {error}", record.effect));
                units += u32::from(record.ends_unit);
            }
            assert_eq!(units, mark.units);
        }
        assert_eq!(covered, chunk.bytes.len());
        other.effects_mut().recycle(chunk);
        assert_eq!(
            self.keyspace.digest(),
            other.digest(),
            "the log says something else"
        );
    }
}
