//! The log, on stderr. `SAGALINE_LOG` says what is written, in the language of `RUST_LOG`; `--log-format` how. A build that
//! `tokio-console` can look into also has what that shows.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

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
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match LogFormat::of(format, variable("SAGALINE_LOG_FORMAT"))? {
        LogFormat::Text => lines
            .with_ansi(color.is_on(std::io::stderr().is_terminal(), variable))
            .with_target(false)
            .boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed(),
    };
    let log = Registry::default().with(lines.with_filter(filter));
    // A test runs several commands in one process: the first one's log is everyone's.
    #[cfg(all(feature = "tokio-console", tokio_unstable))]
    let _ = log.with(tasks(verbosity)).try_init();
    #[cfg(not(all(feature = "tokio-console", tokio_unstable)))]
    let _ = log.try_init();
    Ok(())
}

/// What `tokio-console` shows of a service, at the address that `TOKIO_CONSOLE_BIND` says: 127.0.0.1:6669 unless said.
#[cfg(all(feature = "tokio-console", tokio_unstable))]
fn tasks<S>(verbosity: Verbosity) -> Option<impl Layer<S>>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    (verbosity != Verbosity::Command).then(console_subscriber::spawn)
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
