//! Bringing a change of settings about where it reaches beyond the settings themselves.
//!
//! `publish` is what every change ends with; it runs under the engine lock. What needs other locks or the
//! kernel goes through `configure` on a background thread, which changes, applies, and changes again on the
//! settings of that moment: two changes at once never undo each other.

use std::io;
use std::sync::Arc;

use esker_env::real::process;

use super::change::{Changed, change, failed};
use super::settings::{OomScoreAdj, Settings};
use crate::control::{Answer, answer};
use crate::engine::Engine;
use crate::session::ClientId;
use crate::shared::Shared;
use crate::threads::{load, snapshot};

/// Files beside the clients' sockets: listeners, segments, snapshots, pollers, the log file.
pub const OWN_FILES: u64 = 96;

/// Makes the settings hold, for the engine too.
pub fn publish(shared: &Shared, engine: &mut Engine, settings: Settings) {
    engine
        .keyspace
        .set_access_policy(load::access_policy(&settings));
    engine
        .keyspace
        .set_string_bytes_max(load::string_bytes_max(&settings));
    let unit_bytes_max = settings.persistence.unit_bytes_max;
    engine
        .keyspace
        .set_unit_bytes_max(usize::try_from(unit_bytes_max).unwrap_or(usize::MAX));
    engine.keyspace.set_limits(settings.encodings);
    engine.stats.tracks_latency = settings.stats.latency_tracking;
    shared.set_settings(settings);
}

/// CONFIG SET of values with outside effects; answers the client. Called without locks.
pub fn configure(shared: &Arc<Shared>, client: ClientId, pairs: &[(String, String)]) {
    let result = try_configure(shared, pairs);
    if let Err(error) = &result {
        tracing::warn!(error, "CONFIG SET failed");
    }
    answer(
        shared,
        client,
        result.map_or_else(Answer::Error, |()| Answer::Ok),
    );
}

fn try_configure(shared: &Arc<Shared>, pairs: &[(String, String)]) -> Result<(), String> {
    let before = shared.settings();
    // The protected ones were checked when the command came in.
    let Changed { settings, outside } = change(&before, pairs, true)?;
    for (done, name) in outside.iter().enumerate() {
        if let Err(reason) = apply(shared, name, &settings) {
            for name in &outside[..done] {
                if let Err(error) = apply(shared, name, &before) {
                    tracing::error!(name, error, "a setting could not be taken back");
                }
            }
            return Err(failed(name, &reason));
        }
    }
    let mut engine = shared.engine.lock();
    let changed = change(&shared.settings(), pairs, true)?;
    publish(shared, &mut engine, changed.settings);
    drop(engine);
    let options = load::persist_options(&shared.settings());
    shared.persist.update_options(|present| {
        // Whether the log is on is no option: `apply` switched it.
        let log = present.log;
        *present = esker_persist::Options { log, ..options };
    });
    Ok(())
}

/// Brings one directive's outside effect about; `Err` is the reason for the client.
fn apply(shared: &Arc<Shared>, name: &str, settings: &Settings) -> Result<(), String> {
    match name {
        "appendonly" if settings.persistence.appendonly => snapshot::start_log(shared),
        "appendonly" => snapshot::stop_log(shared),
        "maxclients" => raise_open_files(settings.clients.maxclients),
        "oom-score-adj" | "oom-score-adj-values" => adjust_oom_score(settings)
            .map_err(|error| format!("Failed to apply new oom_score_adj configuration: {error}")),
        // Options of the log are set all at once, after the new settings hold.
        _ => Ok(()),
    }
}

fn raise_open_files(maxclients: u32) -> Result<(), String> {
    let wanted = u64::from(maxclients) + OWN_FILES;
    let limit = process::raise_open_files(wanted).map_err(|error| error.to_string())?;
    if limit >= wanted {
        return Ok(());
    }
    let possible = limit.saturating_sub(OWN_FILES);
    Err(format!(
        "The operating system is not able to handle the specified number of clients, try with {possible}"
    ))
}

/// Tells the kernel how readily it may kill this process; does nothing under `oom-score-adj no`.
pub fn adjust_oom_score(settings: &Settings) -> io::Result<()> {
    const FILE: &str = "/proc/self/oom_score_adj";
    let value = settings.process.oom_score_adj_values[0];
    let score = match settings.process.oom_score_adj {
        OomScoreAdj::No => return Ok(()),
        OomScoreAdj::Absolute => value,
        OomScoreAdj::Yes | OomScoreAdj::Relative => {
            static AT_START: std::sync::OnceLock<i32> = std::sync::OnceLock::new();
            let read = || {
                std::fs::read_to_string(FILE)
                    .ok()
                    .and_then(|text| text.trim().parse().ok())
                    .unwrap_or(0)
            };
            AT_START.get_or_init(read) + value
        }
    };
    std::fs::write(FILE, score.clamp(-1000, 1000).to_string())
}
