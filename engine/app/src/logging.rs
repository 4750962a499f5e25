//! The log, on stderr. `SAGALINE_LOG` says what is written, in the language of `RUST_LOG`; `--log-format` how.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::{
    fault::{Fault, Outcome},
    output::ColorMode,
};

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

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// What the flag says, else the variable, else text.
    fn of(flag: Option<Self>, variable: Option<String>) -> Outcome<Self> {
        match (flag, variable.filter(|value| !value.is_empty())) {
            (Some(format), _) => Ok(format),
            (None, None) => Ok(Self::Text),
            (None, Some(value)) => Self::from_str(&value, false)
                .map_err(|_| Fault::usage(format!("SAGALINE_LOG_FORMAT={value}: text or json"))),
        }
    }
}

/// Begins to log.
pub(crate) fn begin(verbosity: Verbosity, format: Option<LogFormat>, color: ColorMode) -> Outcome {
    let variable = |name: &str| std::env::var(name).ok();
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
    let _ = match LogFormat::of(format, variable("SAGALINE_LOG_FORMAT"))? {
        LogFormat::Text => log
            .with_ansi(color.is_on(std::io::stderr().is_terminal(), variable))
            .with_target(false)
            .try_init(),
        LogFormat::Json => log
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init(),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_counts_before_the_variable_and_text_is_the_default() {
        let of = |flag, variable: Option<&str>| LogFormat::of(flag, variable.map(str::to_owned));

        assert_eq!(of(None, None).unwrap(), LogFormat::Text);
        assert_eq!(of(None, Some("")).unwrap(), LogFormat::Text);
        assert_eq!(of(None, Some("json")).unwrap(), LogFormat::Json);
        let text = Some(LogFormat::Text);
        assert_eq!(of(text, Some("json")).unwrap(), LogFormat::Text);
        let wrong = of(None, Some("xml")).unwrap_err().to_string();
        assert!(wrong.contains("SAGALINE_LOG_FORMAT=xml"), "{wrong}");
    }
}
