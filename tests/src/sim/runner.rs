//! Runs seeds: one, a range, or as many as time allows, and says how to see a failure again.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::coverage::Coverage;
use super::driver::Driver;
use super::options::Options;

/// What became of one seed.
#[derive(Clone, Debug)]
pub struct Run {
    pub seed: u64,
    pub coverage: Coverage,
    /// Digest of everything that happened; equal for two runs of one seed.
    pub trace: u64,
    pub failure: Option<String>,
}

/// What became of many.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub coverage: Coverage,
    pub failures: Vec<(u64, String)>,
}

impl Summary {
    pub fn add(&mut self, run: Run) {
        self.coverage += run.coverage;
        if let Some(failure) = run.failure {
            self.failures.push((run.seed, failure));
        }
    }

    /// The failures with the command that shows each again.
    pub fn failure_report(&self) -> String {
        let lines: Vec<String> = self
            .failures
            .iter()
            .map(|(seed, what)| {
                format!(
                    "seed {seed}: {what}\n    cargo run -p esker-tests --features sim --bin sim -- --seed {seed}"
                )
            })
            .collect();
        lines.join("\n")
    }
}

/// Runs the mixture that the seed stands for.
pub fn run_seed(seed: u64) -> Run {
    run_with(seed, Options::draw(seed))
}

/// Runs a given mixture. A panic of the store is a failure like any other.
pub fn run_with(seed: u64, options: Options) -> Run {
    run_driver(seed, &mut Driver::new(seed, options))
}

/// As [`run_with`], and tells what was done.
pub fn run_telling(seed: u64, options: Options) -> (Run, Vec<String>) {
    let mut driver = Driver::new(seed, options);
    driver.tell();
    let run = run_driver(seed, &mut driver);
    (run, driver.story().to_vec())
}

fn run_driver(seed: u64, driver: &mut Driver) -> Run {
    note_panics();
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| driver.run()));
    QUIET.set(false);
    let failure = match result {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(failure.to_string()),
        Err(payload) => Some(format!(
            "{}: panic: {}",
            driver.place(),
            panic_text(payload.as_ref())
        )),
    };
    Run {
        seed,
        coverage: driver.coverage(),
        trace: driver.trace(),
        failure,
    }
}

/// Runs seeds from `from` on, on `threads` threads, until `until` or until `time` is over. The seeds that were run are
/// contiguous.
pub fn run_many(from: u64, until: u64, time: Option<Duration>, threads: usize) -> Summary {
    let next = AtomicU64::new(from);
    let summary = Mutex::new(Summary::default());
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while time.is_none_or(|time| start.elapsed() < time) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= until {
                        break;
                    }
                    let run = run_seed(seed);
                    summary
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .add(run);
                }
            });
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.failures.sort();
    summary
}

/// A seed that nobody has run yet, for runs that shall be new every time. It is printed, so they can be repeated.
pub fn fresh_seed() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_millis() as u64 * 1000
}

thread_local! {
    static LAST_PANIC_PLACE: RefCell<String> = const { RefCell::new(String::new()) };
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("without a text");
    LAST_PANIC_PLACE.with_borrow(|place| format!("{text} ({place})"))
}

/// The panics of planted bugs are expected by the thousand: while a thread runs a seed they are noted, not printed.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let inherited = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if QUIET.get() && cfg!(panic = "unwind") {
                let place = info.location().map(ToString::to_string).unwrap_or_default();
                LAST_PANIC_PLACE.replace(place);
            } else {
                inherited(info);
            }
        }));
    });
}
