//! `--retry`: the policy of a whole workflow as the engine takes it in `sl-retry`, looked at before anything is sent.
//!
//! Invariant: whatever the engine would refuse is a wrong usage here; what it takes goes to it as it was typed.

use std::{fmt, time::Duration};

use sagaline_core::{
    Millis, Name, OnExhausted, RetryPolicy,
    bounds::{self, OutOfBounds},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// The policy's text, if it is one.
pub(super) fn policy(text: &str) -> Result<String, String> {
    // A list of the fields without their names would be read, too.
    if !text.trim_ascii_start().starts_with('{') {
        return Err("a JSON object is expected, as '{\"maximum_attempts\":5}'".to_owned());
    }
    let retry: Retry = serde_json::from_str(text).map_err(|wrong| wrong.to_string())?;
    let checked = retry.check();
    checked.map_err(|out| out.to_string())?;
    Ok(text.to_owned())
}

/// What is absent has its default.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Retry {
    #[serde(alias = "initial_interval_ms")]
    initial_interval: Option<Span>,
    backoff_coefficient: Option<f64>,
    #[serde(alias = "maximum_interval_ms")]
    maximum_interval: Option<Span>,
    #[serde(rename = "maximum_attempts")]
    _maximum_attempts: Option<u32>,
    non_retryable_error_types: Option<Vec<String>>,
    jitter: Option<f64>,
    on_exhausted: Option<OnExhausted>,
}

impl Retry {
    fn check(&self) -> Result<(), Wrong> {
        let types = self
            .non_retryable_error_types
            .as_deref()
            .unwrap_or_default();
        bounds::error_types(types.len())?;
        let mut policy = RetryPolicy::default();
        for one in types {
            Name::new(one).map_err(|wrong| Wrong(format!("non_retryable_error_types: {wrong}")))?;
        }
        if let Some(Span(wait)) = self.initial_interval {
            policy.initial_interval_ms = span("initial_interval", wait)?;
        }
        self.backoff_coefficient
            .map(bounds::backoff_coefficient)
            .transpose()?;
        // None is the default, which is written as 0.
        if let Some(Span(wait)) = self.maximum_interval.filter(|wait| wait.0 != Millis(0)) {
            policy.maximum_interval_ms = span("maximum_interval", wait)?;
        }
        self.jitter.map(bounds::jitter).transpose()?;
        if let Some(then) = self.on_exhausted {
            policy.on_exhausted = then;
        }
        Ok(bounds::of_workflow(&policy)?)
    }
}

fn span(field: &str, Millis(millis): Millis) -> Result<u64, OutOfBounds> {
    bounds::span(field, Duration::from_millis(millis))
}

/// What of it is wrong.
struct Wrong(String);

impl From<OutOfBounds> for Wrong {
    fn from(out: OutOfBounds) -> Self {
        Self(out.to_string())
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A number of milliseconds, or a text as `30s`.
#[derive(Clone, Copy, Debug)]
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

    #[test]
    fn what_the_engine_takes_goes_to_it_as_it_was_typed() {
        for text in [
            "{}",
            r#" {"maximum_attempts": 5}"#,
            r#"{"initial_interval":"1m","maximum_interval":120000,"backoff_coefficient":1.5,"jitter":0}"#,
            r#"{"initial_interval_ms":200,"maximum_interval_ms":0,"on_exhausted":"fail"}"#,
            r#"{"maximum_interval":null,"non_retryable_error_types":["Fraud","shop.*"]}"#,
        ] {
            assert_eq!(policy(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_the_engine_refuses_says_what_of_it_is_wrong() {
        for (text, said) in [
            ("{bad", "key must be a string"),
            ("5", "a JSON object is expected"),
            ("[\"1s\"]", "a JSON object is expected"),
            ("{\"attempts\":3}", "unknown field `attempts`"),
            ("{\"maximum_attempts\":-1}", "invalid value"),
            ("{\"initial_interval\":\"soon\"}", "soon"),
            ("{\"initial_interval\":0}", "initial_interval"),
            ("{\"backoff_coefficient\":0.5}", "backoff_coefficient"),
            ("{\"jitter\":2}", "jitter"),
            (
                "{\"on_exhausted\":\"park\"}",
                "of a workflow, fail is allowed",
            ),
            (
                "{\"non_retryable_error_types\":[\"\"]}",
                "non_retryable_error_types",
            ),
            (
                "{\"initial_interval\":\"2s\",\"maximum_interval\":\"1s\"}",
                "at least initial_interval",
            ),
        ] {
            let wrong = policy(text).unwrap_err();
            assert!(wrong.contains(said), "{text}: {wrong}");
        }
    }
}
