//! Where log lines go and which: `logfile`, `loglevel`.
//!
//! A line is `PID:ROLE DATE LEVEL text key=value`, in the order that log shippers for Redis expect.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use esker_server::config::{LogLevel, Settings};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Changes the level while the server runs (CONFIG SET loglevel).
#[derive(Clone, Debug)]
pub struct LevelHandle(Arc<AtomicU8>);

impl LevelHandle {
    pub fn set(&self, level: LogLevel) {
        self.0.store(rank(level), Ordering::Relaxed);
    }
}

/// How many of error, warn, info, debug, trace are shown.
fn rank(level: LogLevel) -> u8 {
    match level {
        LogLevel::Nothing => 0,
        LogLevel::Warning => 2,
        LogLevel::Notice => 3,
        LogLevel::Verbose => 4,
        LogLevel::Debug => 5,
    }
}

pub fn init(settings: &Settings) -> Result<LevelHandle, String> {
    let level = LevelHandle(Arc::new(AtomicU8::new(rank(settings.process.loglevel))));
    let sink = match settings.process.logfile.as_str() {
        "" => Sink::Stdout,
        path => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            Sink::File(file.map_err(|e| format!("could not open logfile {path}: {e}"))?)
        }
    };
    let layer = Lines {
        level: level.clone(),
        sink: Mutex::new(sink),
        pid: std::process::id(),
    };
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        .map_err(|e| e.to_string())?;
    Ok(level)
}

enum Sink {
    Stdout,
    File(File),
}

struct Lines {
    level: LevelHandle,
    sink: Mutex<Sink>,
    pid: u32,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        let (rank, mark) = match level {
            Level::ERROR => (1, '#'),
            Level::WARN => (2, '#'),
            Level::INFO => (3, '*'),
            Level::DEBUG => (4, '-'),
            Level::TRACE => (5, '.'),
        };
        if rank > self.level.0.load(Ordering::Relaxed) {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let now = humantime::format_rfc3339_millis(std::time::SystemTime::now());
        let line = format!(
            "{}:M {now} {mark} {}{}\n",
            self.pid, text.message, text.fields
        );
        // A log line that cannot be written has nowhere to be reported.
        let written = match &mut *self.sink.lock().unwrap_or_else(|e| e.into_inner()) {
            Sink::Stdout => io::stdout().lock().write_all(line.as_bytes()),
            Sink::File(file) => file.write_all(line.as_bytes()),
        };
        drop(written);
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write as _;
        let done = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
        done.expect("writing to a String does not fail");
    }
}
