//! The control thread: what happens by the clock, and the end of the server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use esker_env::real::process;
use esker_format::UnixMs;
use esker_persist::{LogState, SnapshotReason, SwitchError};

use super::snapshot::{self, Pace};
use crate::background::Kind;
use crate::blocked;
use crate::control::{Answer, Job, ShutdownSave, Work, answer, answer_locked, end_pause};
use crate::engine::{Engine, Mail, Pause};
use crate::gates::Refusal;
use crate::session::{ClientId, Wait};
use crate::shared::{ProcessSample, Shared};
use crate::start::pidfile;

/// One call of active expiry under the lock: segments looked at plus keys deleted.
const EXPIRE_BUDGET: usize = 64;
const SAMPLE_MS: i64 = 100;
const SECOND_MS: i64 = 1000;

/// What is due when.
#[derive(Default)]
struct Timers {
    sample_ms: i64,
    second_ms: i64,
}

/// Runs until a shutdown succeeds; returns the exit code.
pub fn run(shared: &Arc<Shared>) -> u8 {
    let mut timers = Timers::default();
    loop {
        if let Some(code) = shutdown_job(shared) {
            return code;
        }
        while let Some(work) = next_work(shared) {
            work(shared);
        }
        let pause = cron(shared, &mut timers);
        shared.control_signal.wait(pause);
    }
}

/// One turn of everything periodic; returns how long the next may take to come.
fn cron(shared: &Shared, timers: &mut Timers) -> Duration {
    let settings = shared.settings();
    let period = Duration::from_millis(1000 / u64::from(settings.process.hz.clamp(1, 500)));
    let now_ms = shared.now_ms();
    expire(
        shared,
        expiry_share(period, settings.memory.active_expire_effort),
    );
    settle_waits(shared, now_ms);
    refuse_writes(shared);
    if now_ms - timers.sample_ms >= SAMPLE_MS || now_ms < timers.sample_ms {
        timers.sample_ms = now_ms;
        let info = shared.persist.info(shared.now());
        let timelines = shared.persist.timelines();
        let mut engine = shared.engine.lock();
        engine.stats.sample(now_ms);
        engine.gauges.persist = Some(info);
        engine.gauges.timelines = timelines;
    }
    if now_ms - timers.second_ms >= SECOND_MS || now_ms < timers.second_ms {
        timers.second_ms = now_ms;
        sample_process(shared);
        close_idle(shared, settings.clients.timeout, now_ms);
    }
    let next = next_deadline(&shared.engine.lock()).map_or(period, |deadline| {
        Duration::from_millis(deadline.saturating_sub(now_ms).max(1) as u64)
    });
    period.min(next)
}

/// A quarter of the time at effort 1, and two per cent more for each step above.
fn expiry_share(period: Duration, effort: u32) -> Duration {
    period * (23 + 2 * effort) / 100
}

/// Active expiry in short holds of the lock, for at most `limit`.
fn expire(shared: &Shared, limit: Duration) {
    let started = shared.nanos();
    loop {
        let mut engine = shared.engine.lock();
        if engine.cron_paused || engine.pause.is_some() || engine.write_refusal.is_some() {
            return;
        }
        let now = UnixMs(shared.now_ms());
        let cycle = engine.keyspace.expire_cycle(now, EXPIRE_BUDGET);
        engine.settle_touched(now.0);
        blocked::serve(shared, &mut engine, now.0);
        drop(engine);
        if cycle.complete || shared.nanos() - started > limit.as_nanos() as u64 {
            break;
        }
    }
    shared.commit_tick();
}

/// Blocking commands out of time, WAITAOF that came true or to its deadline, and the end of CLIENT PAUSE.
fn settle_waits(shared: &Shared, now_ms: i64) {
    let durable = shared.persist.durable_lsn().0;
    let log_on = shared.persist.log_state() == LogState::On;
    let mut engine = shared.engine.lock();
    blocked::time_out(shared, &mut engine, now_ms);
    let ended: Vec<(ClientId, Answer)> = engine
        .clients
        .values()
        .filter_map(|s| match s.wait {
            Some(Wait::Aof {
                lsn,
                replicas,
                deadline_ms,
            }) => {
                let reached = log_on && lsn <= durable;
                let late = deadline_ms.is_some_and(|d| d <= now_ms);
                let answer = Answer::Integers(vec![i64::from(reached), 0]);
                (reached && replicas == 0 || late).then_some((s.id, answer))
            }
            Some(Wait::Replicas { deadline_ms }) => {
                let late = deadline_ms.is_some_and(|d| d <= now_ms);
                late.then_some((s.id, Answer::Integer(0)))
            }
            _ => None,
        })
        .collect();
    let mut threads = Vec::new();
    for (client, answer) in ended {
        if matches!(answer, Answer::Integers(_)) {
            shared.aof_waiters.fetch_sub(1, Ordering::Relaxed);
        }
        threads.extend(answer_locked(&mut engine, client, &answer));
    }
    let pause_over = engine.pause.is_some_and(|p| p.until_ms <= now_ms);
    drop(engine);
    threads.into_iter().for_each(|thread| shared.wake(thread));
    if pause_over {
        end_pause(shared);
    }
}

fn next_deadline(engine: &Engine) -> Option<i64> {
    let pause = engine.pause.map(|p| p.until_ms);
    let waits = engine.clients.values().filter_map(|s| match s.wait {
        Some(Wait::Aof { deadline_ms, .. } | Wait::Replicas { deadline_ms }) => deadline_ms,
        _ => None,
    });
    // Answered only once its last millisecond has passed.
    let blocked = engine.blocked.next_deadline().map(|deadline| deadline + 1);
    waits.chain(pause).chain(blocked).min()
}

/// What the gate says while writes cannot be promised anything, and a line in the log when that changes.
fn refuse_writes(shared: &Shared) {
    let refusal = Refusal::of(&shared.persist.health()).or_else(|| snapshot_refusal(shared));
    let mut engine = shared.engine.lock();
    if engine.write_refusal != refusal {
        match &refusal {
            Some(refusal) => tracing::error!("{}", refusal.text),
            None => tracing::info!("writes are accepted again"),
        }
        engine.write_refusal = refusal;
    }
}

/// Without a log, snapshots are the only durability: when they fail, writes stop as in Redis.
fn snapshot_refusal(shared: &Shared) -> Option<Refusal> {
    let settings = shared.settings();
    let p = &settings.persistence;
    let matters = p.stop_writes_on_bgsave_error
        && !p.save.is_empty()
        && shared.persist.log_state() == LogState::Off;
    (matters && shared.persist.info(shared.now()).snapshot.last_failed).then(|| Refusal {
        text: "MISCONF Esker is configured to save snapshots, but the last one failed. Commands that may modify the \
               data set are refused until one succeeds (stop-writes-on-bgsave-error). The server's log has the reason."
            .to_owned(),
        spares_deletes: false,
    })
}

fn sample_process(shared: &Shared) {
    let (system, user) = process::cpu_seconds();
    *shared.process.lock() = ProcessSample {
        resident_bytes: process::resident_bytes(),
        cpu_user_seconds: user,
        cpu_system_seconds: system,
        machine_memory_bytes: process::machine_memory_bytes(),
    };
}

fn close_idle(shared: &Shared, timeout: Duration, now_ms: i64) {
    if timeout.is_zero() {
        return;
    }
    let mut engine = shared.engine.lock();
    let idle: Vec<ClientId> = engine
        .clients
        .values()
        .filter(|s| s.wait.is_none() && s.idle(now_ms) > timeout)
        .map(|s| s.id)
        .collect();
    for client in &idle {
        engine.post(*client, |client, slot| Mail::Close { client, slot });
    }
    drop(engine);
    if !idle.is_empty() {
        tracing::debug!(clients = idle.len(), "closing idle clients");
        shared.wake_all();
    }
}

fn next_work(shared: &Shared) -> Option<Work> {
    let mut engine = shared.engine.lock();
    let at = engine
        .jobs
        .iter()
        .position(|job| matches!(job, Job::RunSoon(_)))?;
    match engine.jobs.remove(at) {
        Some(Job::RunSoon(work)) => Some(work),
        _ => None,
    }
}

// ---- the end -----------------------------------------------------------------------------------

fn shutdown_job(shared: &Arc<Shared>) -> Option<u8> {
    let job = {
        let mut engine = shared.engine.lock();
        let at = engine
            .jobs
            .iter()
            .position(|job| matches!(job, Job::Shutdown { .. }))?;
        engine.jobs.remove(at)
    };
    let Some(Job::Shutdown {
        client,
        save,
        force,
        now: _,
    }) = job
    else {
        return None;
    };
    match shutdown(shared, save, force) {
        Ok(()) => Some(0),
        Err(error) => {
            tracing::error!(error, "shutdown was given up");
            if let Some(client) = client {
                answer(
                    shared,
                    client,
                    Answer::Error("ERR Errors trying to SHUTDOWN. Check logs.".into()),
                );
            }
            None
        }
    }
}

/// Stops execution, makes everything durable, then lets the threads end.
fn shutdown(shared: &Arc<Shared>, save: ShutdownSave, force: bool) -> Result<(), String> {
    tracing::info!("User requested shutdown...");
    let before = {
        let mut engine = shared.engine.lock();
        shared.shutting_down.store(true, Ordering::SeqCst);
        engine.pause.replace(Pause::OWN)
    };
    while shared.snapshot_running.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let result = persist_all(shared, save);
    if let Err(error) = result
        && !force
    {
        let mut engine = shared.engine.lock();
        shared.shutting_down.store(false, Ordering::SeqCst);
        engine.pause = before;
        drop(engine);
        if before.is_none() {
            end_pause(shared);
        }
        return Err(error);
    }
    tracing::info!("Esker is now ready to exit, bye bye...");
    if let Err(error) = process::sd_notify("STOPPING=1\n") {
        tracing::debug!(%error, "systemd could not be notified");
    }
    shared.stop();
    Ok(())
}

fn persist_all(shared: &Arc<Shared>, save: ShutdownSave) -> Result<(), String> {
    let settings = shared.settings();
    let wanted = match save {
        ShutdownSave::Save => true,
        ShutdownSave::NoSave => false,
        ShutdownSave::Default => {
            !settings.persistence.save.is_empty() && !settings.persistence.appendonly
        }
    };
    if wanted {
        snapshot::take(shared, SnapshotReason::Shutdown, Kind::Save, Pace::Urgent)?;
    }
    when_idle(|| shared.persist.close(&shared.engine, shared.now()))
}

/// How often a switch is tried while no segment is prepared: some seconds, so that a full disk ends the wait.
const STALLS_MAX: u32 = 5000;

/// Repeats a switch of the log while a sync is under way or the next segment is being prepared: the log thread completes
/// the one and runs the other.
pub fn when_idle(mut switch: impl FnMut() -> Result<(), SwitchError>) -> Result<(), String> {
    let mut stalls = 0;
    loop {
        match switch() {
            Err(SwitchError::Busy) => std::thread::sleep(Duration::from_micros(200)),
            Err(SwitchError::Stalled) if stalls < STALLS_MAX => {
                stalls += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            other => return other.map_err(|e| e.to_string()),
        }
    }
}

/// What lies around outside the data directory.
pub fn cleanup(shared: &Shared) {
    let settings = shared.settings();
    let unixsocket = Some(settings.network.unixsocket.as_str()).filter(|path| !path.is_empty());
    for path in unixsocket.into_iter().chain(pidfile(&settings)) {
        if let Err(error) = std::fs::remove_file(path) {
            tracing::debug!(%error, path, "a file could not be removed");
        }
    }
}
