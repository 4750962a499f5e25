//! `activity-update-options`: what changes of an activity's retry policy and time-outs, in the words of `describe`.
//!
//! A key that is absent stays as it is. Spans are numbers of milliseconds, or texts as `30s`; `null` takes a time-out away,
//! and gives the longest wait its default. The policy of a whole workflow, `sl-retry`, is in the same words.

use std::{fmt, time::Duration};

use sagaline_core::{
    Millis, NO_TIMEOUT, Name, OnExhausted, OptionsChange, RetryChange, RetryPolicy, TimeoutsChange,
    bounds::{self, OutOfBounds},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, Visitor},
};
use serde_json::value::RawValue;

/// The body; `reason` was read with those of all acts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default, deserialize_with = "object")]
    retry: Retry,
    #[serde(default, alias = "timeouts_ms", deserialize_with = "object")]
    timeouts: Timeouts,
    #[serde(rename = "reason")]
    _reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Retry {
    #[serde(alias = "initial_interval_ms")]
    initial_interval: Option<Span>,
    backoff_coefficient: Option<f64>,
    #[serde(alias = "maximum_interval_ms", deserialize_with = "present")]
    maximum_interval: Option<Option<Span>>,
    maximum_attempts: Option<u32>,
    #[serde(deserialize_with = "error_types")]
    non_retryable_error_types: Option<Vec<Name>>,
    jitter: Option<f64>,
    on_exhausted: Option<OnExhausted>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Timeouts {
    #[serde(deserialize_with = "present")]
    schedule_to_start: Option<Option<Span>>,
    #[serde(deserialize_with = "present")]
    start_to_close: Option<Option<Span>>,
    #[serde(deserialize_with = "present")]
    schedule_to_close: Option<Option<Span>>,
    #[serde(deserialize_with = "present")]
    heartbeat: Option<Option<Span>>,
}

/// `null` is not the same as none.
fn present<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Option<Span>>, D::Error> {
    Option::deserialize(json).map(Some)
}

/// Fields by their names: a list of them, without, would be read as well.
fn object<'de, T: DeserializeOwned, D: Deserializer<'de>>(json: D) -> Result<T, D::Error> {
    let json = <&RawValue>::deserialize(json)?.get();
    match json.starts_with('{') {
        true => serde_json::from_str(json).map_err(D::Error::custom),
        false => Err(D::Error::custom("expected an object of options")),
    }
}

/// A [`Name`] takes any text from a record, which was checked before it was one; these come from outside.
fn error_types<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Vec<Name>>, D::Error> {
    let named: Option<Vec<String>> = Option::deserialize(json)?;
    let checked = |types: Vec<String>| types.iter().map(|one| Name::new(one)).collect();
    let checked: Option<Result<_, _>> = named.map(checked);
    checked
        .transpose()
        .map_err(|invalid| D::Error::custom(format!("non_retryable_error_types: {invalid}")))
}

/// What a body changes, or what of it is out of bounds.
///
/// # Errors
/// It is no such body.
pub(super) fn change(body: &[u8]) -> Result<Result<OptionsChange, OutOfBounds>, String> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err("the body of the act is no JSON object of options".to_owned());
    }
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| format!("the body of the act is no JSON of it: {error}"))?;
    Ok(
        checked(body).and_then(|change| match change == OptionsChange::default() {
            true => Err(OutOfBounds::nothing()),
            false => Ok(change),
        }),
    )
}

/// A policy of its own, for a whole workflow: what is absent has its default.
///
/// # Errors
/// What of it is out of bounds, or that it is none.
pub fn retry_policy(json: &str) -> Result<RetryPolicy, String> {
    if !json.trim_ascii_start().starts_with('{') {
        return Err("a retry policy as a JSON object is expected".to_owned());
    }
    let retry: Retry = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let change = of_retry(retry).map_err(|out| out.to_string())?;
    let mut policy = RetryPolicy::default();
    change.change(&mut policy);
    bounds::of_workflow(&policy).map_err(|out| out.to_string())?;
    Ok(policy)
}

fn checked(body: Body) -> Result<OptionsChange, OutOfBounds> {
    let Body {
        retry, timeouts, ..
    } = body;
    Ok(OptionsChange {
        retry: of_retry(retry)?,
        timeouts: TimeoutsChange {
            schedule_to_start: or_none("schedule_to_start", timeouts.schedule_to_start)?,
            start_to_close: match timeouts.start_to_close {
                Some(None) => return Err(OutOfBounds::needed("start_to_close")),
                other => or_none("start_to_close", other)?,
            },
            schedule_to_close: or_none("schedule_to_close", timeouts.schedule_to_close)?,
            heartbeat: or_none("heartbeat", timeouts.heartbeat)?,
        },
    })
}

fn of_retry(retry: Retry) -> Result<RetryChange, OutOfBounds> {
    let error_types = retry.non_retryable_error_types;
    bounds::error_types(error_types.as_ref().map_or(0, Vec::len))?;
    let initial_interval = retry.initial_interval;
    Ok(RetryChange {
        initial_interval_ms: initial_interval
            .map(|wait| span("initial_interval", wait))
            .transpose()?,
        backoff_coefficient_permille: retry
            .backoff_coefficient
            .map(bounds::backoff_coefficient)
            .transpose()?,
        maximum_interval_ms: or_none("maximum_interval", retry.maximum_interval)?,
        maximum_attempts: retry.maximum_attempts,
        non_retryable_error_types: error_types,
        jitter_permille: retry.jitter.map(bounds::jitter).transpose()?,
        on_exhausted: retry.on_exhausted,
    })
}

/// 0 is what `describe` shows of a longest wait that nobody set.
fn or_none(field: &str, changed: Option<Option<Span>>) -> Result<Option<u64>, OutOfBounds> {
    match changed {
        None => Ok(None),
        Some(None) => Ok(Some(NO_TIMEOUT)),
        Some(Some(Span(Millis(0)))) if field == "maximum_interval" => Ok(Some(0)),
        Some(Some(wait)) => span(field, wait).map(Some),
    }
}

fn span(field: &str, Span(Millis(millis)): Span) -> Result<u64, OutOfBounds> {
    bounds::span(field, Duration::from_millis(millis))
}

/// A number of milliseconds, or a text as `30s`.
#[derive(Clone, Copy)]
struct Span(Millis);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("milliseconds, or a span of time as \"30s\"")
            }

            fn visit_u64<E: Error>(self, millis: u64) -> Result<Span, E> {
                Ok(Span(Millis(millis)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map(Span).map_err(E::custom)
            }
        }
        json.deserialize_any(Written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> OptionsChange {
        change(body.as_bytes()).unwrap().unwrap()
    }

    fn wrong(body: &str) -> String {
        match change(body.as_bytes()) {
            Ok(change) => change.unwrap_err().to_string(),
            Err(wrong) => wrong,
        }
    }

    #[test]
    fn spans_are_milliseconds_or_texts_and_what_is_absent_stays() {
        let change = read(
            r#"{"retry":{"initial_interval":"2s","maximum_interval":60000,"backoff_coefficient":1.5},
                "timeouts":{"start_to_close":"5m","heartbeat":null},"reason":"why"}"#,
        );

        let retry = RetryChange {
            initial_interval_ms: Some(2_000),
            maximum_interval_ms: Some(60_000),
            backoff_coefficient_permille: Some(1_500),
            ..RetryChange::default()
        };
        let timeouts = TimeoutsChange {
            start_to_close: Some(300_000),
            heartbeat: Some(NO_TIMEOUT),
            ..TimeoutsChange::default()
        };
        assert_eq!(change, OptionsChange { retry, timeouts });
    }

    #[test]
    fn what_describe_prints_can_be_sent_back() {
        let change = read(
            r#"{"retry":{"initial_interval_ms":1000,"backoff_coefficient":2.0,"maximum_interval_ms":0,"maximum_attempts":6,
                "non_retryable_error_types":["Fraud"],"jitter":0.1,"on_exhausted":"park"},
                "timeouts_ms":{"schedule_to_start":null,"start_to_close":60000,"schedule_to_close":null,"heartbeat":null}}"#,
        );

        assert_eq!(change.retry.maximum_interval_ms, Some(0));
        assert_eq!(change.retry.on_exhausted, Some(OnExhausted::Park));
        assert_eq!(change.timeouts.heartbeat, Some(NO_TIMEOUT));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, said) in [
            (r#"{"retries":{}}"#, "unknown field `retries`"),
            (r#"{"retry":{"interval":"1s"}}"#, "unknown field `interval`"),
            (r#"{"timeouts":{"run":"1s"}}"#, "unknown field `run`"),
            (
                r#"{"retry":{"initial_interval":"soon"}}"#,
                "`soon` is no span",
            ),
            (
                r#"{"retry":{"initial_interval":-5}}"#,
                "expected milliseconds",
            ),
            (
                r#"{"retry":{"initial_interval":0}}"#,
                "initial_interval is 0ns; 1 ms",
            ),
            (
                r#"{"retry":{"backoff_coefficient":0.5}}"#,
                "backoff_coefficient is 0.5; 1 to",
            ),
            (r#"{"retry":{"jitter":-0.1}}"#, "jitter is -0.1; 0 to 1"),
            (
                r#"{"retry":{"maximum_attempts":1000000000000}}"#,
                "expected u32",
            ),
            (
                r#"{"timeouts":{"start_to_close":null}}"#,
                "start_to_close cannot be taken away",
            ),
            (r#"{"timeouts":{"heartbeat":0}}"#, "heartbeat is 0ns; 1 ms"),
            (
                r#"{"timeouts":{"heartbeat":"99999d"}}"#,
                "heartbeat is 8639913600s; 1 ms",
            ),
            (
                r#"{"retry":{"non_retryable_error_types":[""]}}"#,
                "non_retryable_error_types: name of 0 bytes",
            ),
        ] {
            let told = wrong(body);
            assert!(told.contains(said), "{body}: {told}");
        }
        let long = "x".repeat(250);
        let told = wrong(&format!(
            r#"{{"retry":{{"non_retryable_error_types":["ok","{long}"]}}}}"#
        ));
        assert!(told.contains("name of 250 bytes"), "{told}");
    }

    #[test]
    fn options_without_their_names_are_no_options() {
        for body in [
            "",
            "[]",
            r#"[{"jitter":0.5}]"#,
            r#"{"retry":["2s"]}"#,
            r#"{"retry":["2s",2.0,"1m",5,["Fraud"],0.1,"park"]}"#,
            r#"{"timeouts":[1,2,3,4]}"#,
        ] {
            let told = wrong(body);
            assert!(told.contains("object of options"), "{body}: {told}");
        }
    }

    #[test]
    fn a_change_that_names_nothing_is_none() {
        for body in [
            "{}",
            r#"{"reason":"why"}"#,
            r#"{"retry":{},"timeouts":{}}"#,
            r#"{"retry":{"jitter":null,"backoff_coefficient":null}}"#,
        ] {
            let told = wrong(body);
            assert!(told.contains("no option is named"), "{body}: {told}");
        }
    }
}
