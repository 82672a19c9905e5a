//! What a set of runs has seen. A simulator that never rolls a segment proves nothing about rolling, so the figures
//! are printed with every run and compared with floors.

use std::fmt;
use std::ops::AddAssign;

macro_rules! coverage {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// See the module.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Coverage {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl AddAssign for Coverage {
            fn add_assign(&mut self, other: Coverage) {
                $(self.$name += other.$name;)*
            }
        }

        impl Coverage {
            /// Every figure with its name.
            pub fn figures(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

coverage! {
    runs,
    lives,
    operations,
    requests,
    reads,
    /// Requests refused by the gate.
    refused,
    acknowledged,
    /// Held replies that ended with an error.
    failed_replies,
    frames,
    /// Frames that hold a part of a unit.
    fragments,
    markers,
    syncs,
    failed_syncs,
    failed_writes,
    rolls,
    recycles,
    snapshots,
    aborted_snapshots,
    failed_snapshots,
    manifest_swaps,
    log_switches,
    /// Failures of a write or sync that ended a segment.
    log_failures,
    /// … of these, replaced by a snapshot from memory.
    rescues,
    /// Gaps that a manifest recorded after such a failure, or while the log was off.
    gaps,
    power_cuts,
    process_deaths,
    shutdowns,
    /// Crash points inside an I/O operation.
    crashes_in_operation,
    /// … of these, inside recovery.
    crashes_in_recovery,
    recoveries,
    refused_recoveries,
    torn_frames,
    cut_tails,
    /// Recoveries that found units beyond what was promised.
    lucky_units,
    lost_units,
    disk_full,
    read_faults,
    rotten_bits,
    rot_refused,
    rot_survived,
    expired_keys,
    units_compared,
}

/// What a run of this many seeds must have seen at least, per thousand seeds.
const FLOORS_PER_MILLE: &[(&str, u64)] = &[
    ("rolls", 1000),
    ("recycles", 50),
    ("snapshots", 500),
    ("aborted_snapshots", 50),
    ("torn_frames", 50),
    ("cut_tails", 50),
    ("failed_syncs", 50),
    ("manifest_swaps", 2000),
    ("fragments", 500),
    ("rescues", 5),
    ("gaps", 5),
    ("crashes_in_recovery", 50),
    ("process_deaths", 200),
    ("rotten_bits", 10),
    ("disk_full", 10),
];

impl Coverage {
    /// The figures that are too low to mean anything.
    pub fn shortfalls(&self) -> Vec<String> {
        let figures = self.figures();
        FLOORS_PER_MILLE
            .iter()
            .filter_map(|(name, floor)| {
                let seen = figures
                    .iter()
                    .find(|(other, _)| other == name)
                    .expect("a floor names a figure")
                    .1;
                let wanted = floor * self.runs / 1000;
                (seen < wanted).then(|| format!("{name}: {seen}, expected at least {wanted}"))
            })
            .collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, count)) in self.figures().into_iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{name}={count}")?;
        }
        Ok(())
    }
}
