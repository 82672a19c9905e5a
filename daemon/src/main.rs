//! The daemon: arguments, log output, signals, wiring. No logic of its own.

mod arguments;
mod logging;
mod signals;

use std::process::ExitCode;

use esker_env::real::alloc::CountingAlloc;
use esker_server::config;

#[global_allocator]
static ALLOCATOR: CountingAlloc = CountingAlloc;

fn main() -> ExitCode {
    let arguments = match arguments::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let settings = match config::load(&arguments.directives) {
        Ok(settings) => settings,
        Err(error) => {
            eprint(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    if arguments.check_config {
        return ExitCode::SUCCESS;
    }
    match run(settings) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tracing::error!("{error}");
            eprint(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(settings: config::Settings) -> Result<u8, String> {
    if settings.process.daemonize {
        esker_env::real::process::daemonize()
            .map_err(|e| format!("could not become a daemon: {e}"))?;
    }
    let level = logging::init(&settings)?;
    let server = esker_server::start(settings, Box::new(move |l| level.set(l)))
        .map_err(|e| e.to_string())?;
    Ok(signals::wait(server))
}

#[expect(
    clippy::print_stderr,
    reason = "before the log is open, standard error is where a start fails"
)]
fn eprint(text: &str) {
    eprintln!("{text}");
}
