//! The way back from the form for people: events of a history that was printed, for whoever replays it.
//!
//! Exact but for what that form leaves out: instants have milliseconds, JSON payloads have no line breaks and the content
//! type `application/json`. The journal is never read this way.

use alloc::{
    borrow::ToOwned, boxed::Box, collections::BTreeMap, format, string::String, sync::Arc, vec::Vec,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    ActivityId, Attempt, Cause, Failure, Fields, Name, OnExhausted, PausedType, Payload, QueueTask,
    ReplyTo, RetryChange, RetryPolicy, RunId, TimeoutsChange, Timestamp, Trace, WorkflowId,
    bounds::permille,
};

/// A value that is read back from its form for people.
pub trait Read: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong, for people.
    fn read(shown: &RawValue) -> Result<Self, String>;

    /// What it is where its key is missing, in what an earlier version printed.
    fn absent() -> Option<Self> {
        None
    }
}

/// The attributes of an event, by name.
pub(crate) struct Attributes<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Attributes<'a> {
    pub(crate) fn of(shown: &'a RawValue) -> Result<Self, String> {
        from_json(shown).map(Self)
    }

    pub(crate) fn read<T: Read>(&self, name: &str) -> Result<T, String> {
        match self.0.get(name) {
            Some(shown) => T::read(shown).map_err(|wrong| format!("`{name}`: {wrong}")),
            None => T::absent().ok_or_else(|| format!("`{name}` is missing")),
        }
    }
}

fn from_json<'a, T: Deserialize<'a>>(shown: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(shown.get()).map_err(|wrong| format!("{wrong}"))
}

macro_rules! read_as_deserialized {
    ($($type:ty),*) => { $(
        impl Read for $type {
            fn read(shown: &RawValue) -> Result<Self, String> {
                from_json(shown)
            }
        }
    )* };
}

read_as_deserialized!(
    bool,
    u32,
    u64,
    i32,
    Box<str>,
    Arc<str>,
    Name,
    WorkflowId,
    RunId,
    ActivityId,
    Attempt,
    ReplyTo,
    TimeoutsChange,
    Trace,
    Cause,
    QueueTask,
    String,
    crate::WaitFor
);

impl<T: Read> Read for Option<T> {
    fn read(shown: &RawValue) -> Result<Self, String> {
        match shown.get() {
            "null" => Ok(None),
            _ => T::read(shown).map(Some),
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(shown: &RawValue) -> Result<Self, String> {
        let all: Vec<&RawValue> = from_json(shown)?;
        all.into_iter().map(T::read).collect()
    }
}

impl Read for PausedType {
    fn read(shown: &RawValue) -> Result<Self, String> {
        let of = Attributes::of(shown)?;
        Ok(Self {
            activity: of.read("activity")?,
            at: of.read("at")?,
            actor: of.read("actor")?,
            reason: of.read("reason")?,
        })
    }
}

impl Read for Timestamp {
    fn read(shown: &RawValue) -> Result<Self, String> {
        let text: String = from_json(shown)?;
        let instant: jiff::Timestamp = text.parse().map_err(|wrong| format!("{wrong}"))?;
        Ok(Self::from_micros(instant.as_microsecond()))
    }
}

impl Read for Payload {
    fn read(shown: &RawValue) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Encoded {
            #[serde(rename = "$base64")]
            base64: String,
            content_type: String,
        }
        if shown.get() == "null" {
            return Ok(Self::empty());
        }
        // Two texts in a list would do for a struct, too.
        if !shown.get().starts_with('{') {
            return Ok(Self::json(shown.get().as_bytes()));
        }
        match serde_json::from_str::<Encoded>(shown.get()) {
            Ok(encoded) => {
                let data = STANDARD.decode(&encoded.base64);
                let data = data.map_err(|wrong| format!("`$base64`: {wrong}"))?;
                Ok(Self::new(&encoded.content_type, data))
            }
            Err(_) => Ok(Self::json(shown.get().as_bytes())),
        }
    }
}

impl Read for Fields {
    fn read(shown: &RawValue) -> Result<Self, String> {
        let fields: BTreeMap<Name, &RawValue> = from_json(shown)?;
        let fields = fields.into_iter();
        let fields = fields.map(|(name, json)| (name, json.get().into()));
        match Self::new(fields.collect()) {
            Ok(Some(fields)) => Ok(fields),
            Ok(None) => Err("there are no fields".to_owned()),
            Err(over) => Err(format!("{over:?}")),
        }
    }
}

impl Read for Failure {
    fn read(shown: &RawValue) -> Result<Self, String> {
        let of = Attributes::of(shown)?;
        Ok(Self {
            error_type: of.read("type")?,
            message: of.read("message")?,
            details: of.read("details")?,
            non_retryable: of.read("non_retryable")?,
        })
    }
}

impl Read for RetryPolicy {
    fn read(shown: &RawValue) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Policy {
            initial_interval_ms: u64,
            backoff_coefficient: f64,
            maximum_interval_ms: u64,
            maximum_attempts: u32,
            non_retryable_error_types: Vec<Name>,
            jitter: f64,
            on_exhausted: OnExhausted,
        }
        let policy: Policy = from_json(shown)?;
        Ok(Self {
            initial_interval_ms: policy.initial_interval_ms,
            backoff_coefficient_permille: permille(policy.backoff_coefficient),
            maximum_interval_ms: policy.maximum_interval_ms,
            maximum_attempts: policy.maximum_attempts,
            non_retryable_error_types: policy.non_retryable_error_types,
            jitter_permille: permille(policy.jitter),
            on_exhausted: policy.on_exhausted,
        })
    }
}

impl Read for RetryChange {
    fn read(shown: &RawValue) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Change {
            initial_interval_ms: Option<u64>,
            backoff_coefficient: Option<f64>,
            maximum_interval_ms: Option<u64>,
            maximum_attempts: Option<u32>,
            non_retryable_error_types: Option<Vec<Name>>,
            jitter: Option<f64>,
            on_exhausted: Option<OnExhausted>,
        }
        let change: Change = from_json(shown)?;
        Ok(Self {
            initial_interval_ms: change.initial_interval_ms,
            backoff_coefficient_permille: change.backoff_coefficient.map(permille),
            maximum_interval_ms: change.maximum_interval_ms,
            maximum_attempts: change.maximum_attempts,
            non_retryable_error_types: change.non_retryable_error_types,
            jitter_permille: change.jitter.map(permille),
            on_exhausted: change.on_exhausted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::{Show, Shown};

    /// What comes back of a value that was shown.
    fn back<T: Show + Read>(value: &T) -> T {
        let shown = serde_json::value::to_raw_value(&Shown(value)).unwrap();
        T::read(&shown).unwrap()
    }

    #[test]
    fn values_come_back_as_they_were() {
        let failure = Failure::new(Name::from("Down"), "no").non_retryable();
        let failure = failure.with_details(Payload::json(*b"{\"n\":1.50}"));
        let policy = RetryPolicy {
            backoff_coefficient_permille: 1_001,
            jitter_permille: 333,
            ..RetryPolicy::default()
        };
        for payload in [
            Payload::empty(),
            Payload::json(*b"[1.50,2]"),
            Payload::json(*b"{\"$base64\":\"Nw==\",\"content_type\":\"x\"}"),
            Payload::new("application/octet-stream", [0, 255]),
        ] {
            assert_eq!(back(&payload).data(), payload.data());
        }

        assert_eq!(back(&failure), failure);
        assert_eq!(back(&policy), policy);
        let instant = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(back(&instant), instant);
        assert_eq!(back(&None::<Timestamp>), None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let shown = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let wrong = shown(r#"{"type":"Down","message":7,"details":null,"non_retryable":false}"#);
        let missing = shown(r#"{"type":"Down"}"#);

        let told = Failure::read(&wrong).unwrap_err();
        assert!(told.starts_with("`message`: invalid type"), "{told}");
        assert_eq!(Failure::read(&missing).unwrap_err(), "`message` is missing");
    }
}
