//! `activity update-options`: what is given changes, all else stays.

use std::str::FromStr;

use clap::{ArgGroup, Args, ValueEnum};
use sagaline_core::{InvalidSpan, Name, bounds};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::ActivityOf;
use crate::settings::Span;

/// What `update-options` takes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("options").required(true).multiple(true))]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    pub(super) of: ActivityOf,
    /// Wait after the first failed attempt; an attempt that waits comes sooner then, never later
    #[arg(long, value_name = "SPAN", group = "options")]
    initial_interval: Option<Span>,
    /// How much longer each further wait is: 2 doubles
    #[arg(long, value_name = "N", group = "options", value_parser = backoff_coefficient)]
    backoff_coefficient: Option<f64>,
    /// Longest wait; none: 100 times the first
    #[arg(long, value_name = "SPAN|none", group = "options")]
    maximum_interval: Option<SpanOrNone>,
    /// Attempts in all, those made included; 0: no limit
    #[arg(long, value_name = "N", group = "options")]
    maximum_attempts: Option<u32>,
    /// Error type after which no attempt follows, as often as there are such; T* stands for all with that beginning
    #[arg(long, value_name = "T", group = "options", value_parser = error_type)]
    non_retryable_error_type: Vec<Name>,
    /// By which share each wait varies, 0 to 1
    #[arg(long, value_name = "N", group = "options", value_parser = jitter)]
    jitter: Option<f64>,
    /// When no attempt follows: fail, or wait for a person
    #[arg(long, group = "options")]
    on_exhausted: Option<OnExhausted>,
    /// How long an attempt may wait for a worker
    #[arg(long, value_name = "SPAN|none", group = "options")]
    schedule_to_start: Option<SpanOrNone>,
    /// How long one attempt may run
    #[arg(long, value_name = "SPAN", group = "options")]
    start_to_close: Option<Span>,
    /// How long all attempts may take together
    #[arg(long, value_name = "SPAN|none", group = "options")]
    schedule_to_close: Option<SpanOrNone>,
    /// How long a worker may be silent
    #[arg(long, value_name = "SPAN|none", group = "options")]
    heartbeat: Option<SpanOrNone>,
}

/// What happens when no attempt follows.
#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum OnExhausted {
    Fail,
    Park,
}

/// A span, or `none`.
#[derive(Clone, Copy, Debug)]
struct SpanOrNone(Option<Span>);

impl FromStr for SpanOrNone {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        match text {
            "none" => Ok(Self(None)),
            span => span.parse().map(Some).map(Self),
        }
    }
}

/// Milliseconds, or `null`.
impl Serialize for SpanOrNone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = self.0.map(|span| span.get().as_millis());
        millis
            .map(|millis| u64::try_from(millis).unwrap_or(u64::MAX))
            .serialize(serializer)
    }
}

/// JSON has no number for what is not finite: it would arrive as if it were not given.
fn backoff_coefficient(text: &str) -> Result<f64, String> {
    let factor = number("backoff_coefficient", text)?;
    let in_bounds = bounds::backoff_coefficient(factor).map(|_| factor);
    in_bounds.map_err(|out| out.to_string())
}

fn jitter(text: &str) -> Result<f64, String> {
    let share = number("jitter", text)?;
    let in_bounds = bounds::jitter(share).map(|_| share);
    in_bounds.map_err(|out| out.to_string())
}

fn number(field: &str, text: &str) -> Result<f64, String> {
    text.parse()
        .map_err(|_| format!("{field} is a number, as 0.5 or 2"))
}

fn error_type(text: &str) -> Result<Name, String> {
    Name::new(text).map_err(|invalid| format!("non_retryable_error_types: {invalid}"))
}

impl UpdateArgs {
    /// `retry` and `timeouts` of the act's body, with what is given.
    pub(super) fn options(&self) -> Value {
        let some = |span: Option<Span>| span.map(|span| SpanOrNone(Some(span)));
        let types = &self.non_retryable_error_type;
        let types = (!types.is_empty()).then_some(types);
        let retry = [
            ("initial_interval", json!(some(self.initial_interval))),
            ("backoff_coefficient", json!(self.backoff_coefficient)),
            ("maximum_attempts", json!(self.maximum_attempts)),
            ("non_retryable_error_types", json!(types)),
            ("jitter", json!(self.jitter)),
            ("on_exhausted", json!(self.on_exhausted)),
        ];
        let mut retry = given(retry);
        retry.extend(removable([("maximum_interval", self.maximum_interval)]));
        let mut timeouts = given([("start_to_close", json!(some(self.start_to_close)))]);
        timeouts.extend(removable([
            ("schedule_to_start", self.schedule_to_start),
            ("schedule_to_close", self.schedule_to_close),
            ("heartbeat", self.heartbeat),
        ]));
        json!({"retry": retry, "timeouts": timeouts})
    }
}

fn given<const N: usize>(options: [(&str, Value); N]) -> Map<String, Value> {
    let given = options.into_iter().filter(|(_, value)| !value.is_null());
    given
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// `null` takes one away.
fn removable<const N: usize>(options: [(&str, Option<SpanOrNone>); N]) -> Map<String, Value> {
    let given = options
        .into_iter()
        .filter_map(|(name, span)| Some((name.to_owned(), json!(span?))));
    given.collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        update: UpdateArgs,
    }

    fn parse(arguments: &[&str]) -> Result<Value, clap::Error> {
        let all = [&["update-options", "order-1", "3"], arguments].concat();
        Command::try_parse_from(all).map(|command| command.update.options())
    }

    #[test]
    fn what_is_given_is_sent_and_none_takes_a_time_out_away() {
        let options = parse(&[
            "--initial-interval",
            "30s",
            "--maximum-interval",
            "none",
            "--non-retryable-error-type",
            "Fraud",
            "--non-retryable-error-type",
            "bad.*",
            "--on-exhausted",
            "park",
            "--heartbeat",
            "none",
            "--start-to-close",
            "5m",
        ]);

        assert_eq!(
            options.unwrap(),
            json!({
                "retry": {"initial_interval": 30_000, "maximum_interval": null,
                    "non_retryable_error_types": ["Fraud", "bad.*"], "on_exhausted": "park"},
                "timeouts": {"start_to_close": 300_000, "heartbeat": null},
            })
        );
    }

    #[test]
    fn nothing_to_change_is_no_command() {
        let kind = parse(&[]).unwrap_err().kind();
        assert_eq!(kind, clap::error::ErrorKind::MissingRequiredArgument);
        assert!(parse(&["--start-to-close", "none"]).is_err());
        assert!(parse(&["--reason", "why"]).is_err());
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_name_of_the_field() {
        for (option, field) in [
            ("--jitter", "jitter"),
            ("--backoff-coefficient", "backoff_coefficient"),
        ] {
            for value in ["nan", "inf", "-inf", "1e400", "-0.5", "2000000", "x"] {
                let said = parse(&[&format!("{option}={value}")]).unwrap_err();
                assert!(said.to_string().contains(field), "{option} {value}: {said}");
            }
        }
        let said = parse(&["--non-retryable-error-type", ""]).unwrap_err();
        let field = "non_retryable_error_types";
        assert!(said.to_string().contains(field), "{said}");
        let options = parse(&["--jitter", "0.2", "--backoff-coefficient", "1"]);
        assert_eq!(
            options.unwrap()["retry"],
            json!({"jitter": 0.2, "backoff_coefficient": 1.0})
        );
    }
}
