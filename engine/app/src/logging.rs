//! The log, on stderr. `SAGALINE_LOG` says what is written, in the language of `RUST_LOG`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Begins to log: a service says what it does, a command only what goes wrong.
pub(crate) fn begin(service: bool) {
    let default = if service { "info" } else { "error" };
    let filter =
        EnvFilter::try_from_env("SAGALINE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A test runs several commands in one process: the first one's log is everyone's.
    let _ = log
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .try_init();
}
