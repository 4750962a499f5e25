//! The log, on stderr. `SAGALINE_LOG` says what is written, in the language of `RUST_LOG`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How much is said unless `SAGALINE_LOG` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// A service: what it does.
    Service,
    /// A service whose terminal somebody reads: what is not as it should be.
    Quiet,
    /// A command: what goes wrong.
    Command,
}

/// Begins to log.
pub(crate) fn begin(verbosity: Verbosity) {
    let default = match verbosity {
        Verbosity::Service => "info",
        Verbosity::Quiet => "warn",
        Verbosity::Command => "error",
    };
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
