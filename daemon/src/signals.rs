//! Signals: SIGTERM and SIGINT shut down as the configuration says; a second one at once.

use esker_server::Running;
use tokio::signal::unix::{SignalKind, signal};

/// Runs until the server has ended; returns the exit code.
pub fn wait(server: Running) -> u8 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime without worker threads needs no resources that can be missing");
    runtime.block_on(async {
        let mut term = signal(SignalKind::terminate()).expect("SIGTERM can be handled");
        let mut int = signal(SignalKind::interrupt()).expect("SIGINT can be handled");
        let mut ended = server.ended();
        loop {
            tokio::select! {
                _ = term.recv() => server.on_signal("SIGTERM"),
                _ = int.recv() => server.on_signal("SIGINT"),
                code = &mut ended => return code.unwrap_or(1),
            }
        }
    })
}
