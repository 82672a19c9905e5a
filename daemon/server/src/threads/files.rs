//! The files thread: the log's background jobs, and freeing what is too big to be freed under the lock.

use std::sync::Arc;
use std::time::Duration;

use crate::shared::Shared;

const INTERVAL: Duration = Duration::from_millis(100);

pub fn run(shared: &Arc<Shared>) {
    super::give_way("files");
    while !shared.stopping() {
        shared.files_signal.wait(INTERVAL);
        run_jobs(shared);
        free(shared);
    }
}

fn run_jobs(shared: &Shared) {
    while let Some(mut job) = shared.persist.poll_job(shared.now()) {
        job.run();
        shared.persist.complete_job(job, shared.now());
        // A job may be what the log or a snapshot waits for.
        shared.log_signal.raise();
        shared.snapshot_signal.raise();
    }
}

fn free(shared: &Shared) {
    let mut engine = shared.engine.lock();
    if !engine.keyspace.has_garbage() {
        return;
    }
    let garbage = engine.keyspace.take_garbage();
    drop(engine);
    drop(garbage);
}
