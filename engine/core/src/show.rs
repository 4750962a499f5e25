//! Values as people and the API see them: times in RFC 3339, JSON payloads verbatim but on one line, other bytes as
//! `$base64`.
//!
//! The journal holds the same values in Avro through serde; this is the second form of each. Only a replay of what was
//! printed reads it back, by [`Read`].

mod read;

use alloc::{borrow::Cow, boxed::Box, string::String, sync::Arc, vec::Vec};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{
    ActivityId, Attempt, Failure, Name, Payload, ReplyTo, RetryChange, RetryPolicy, RunId,
    TimeoutsChange, Timestamp, Trace, WorkflowId,
};

pub(crate) use read::Attributes;
pub use read::Read;

/// A value that has a form for people.
pub trait Show {
    /// Writes that form.
    ///
    /// # Errors
    /// Only those of the serializer.
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// Serializes a value in its form for people.
#[derive(Debug)]
pub struct Shown<'a, T: ?Sized>(pub &'a T);

impl<T: Show + ?Sized> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.show(serializer)
    }
}

macro_rules! shown_as_serialized {
    ($($type:ty),*) => { $(
        impl Show for $type {
            fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.serialize(serializer)
            }
        }
    )* };
}
pub(crate) use shown_as_serialized;

shown_as_serialized!(
    bool,
    u16,
    u32,
    u64,
    i32,
    i64,
    Box<str>,
    Arc<str>,
    String,
    Name,
    WorkflowId,
    RunId,
    ActivityId,
    Attempt,
    ReplyTo,
    TimeoutsChange,
    Trace
);

impl<T: Show> Show for Option<T> {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.show(serializer),
            None => serializer.serialize_none(),
        }
    }
}

impl<T: Show> Show for Vec<T> {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Shown))
    }
}

impl Show for Timestamp {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

impl Show for Payload {
    /// JSON passes verbatim, on one line; all else, and JSON that could be mistaken for it, is `{"$base64","content_type"}`.
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.data().is_empty() {
            return serializer.serialize_none();
        }
        if self.is_json()
            && let Ok(json) = serde_json::from_slice::<&RawValue>(self.data())
            && !has_base64_key(self.data())
        {
            return one_line(json).serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("$base64", &STANDARD.encode(self.data()))?;
        map.serialize_entry("content_type", self.content_type())?;
        map.end()
    }
}

/// JSON without line breaks, so that one object a line stays one. They can only stand between tokens: in a string they
/// are escaped.
pub(crate) fn one_line(json: &RawValue) -> Cow<'_, RawValue> {
    if !json.get().contains(['\r', '\n']) {
        return Cow::Borrowed(json);
    }
    let text = json.get().replace(['\r', '\n'], " ");
    Cow::Owned(RawValue::from_string(text).expect("JSON whose white space is another is JSON"))
}

/// Whether the top-level keys of a JSON object include `$base64`, however it is written.
fn has_base64_key(json: &[u8]) -> bool {
    let starts_object = json.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let may_hold_it = json.windows(6).any(|window| window == b"base64") || json.contains(&b'\\');
    starts_object
        && may_hold_it
        && serde_json::from_slice::<alloc::collections::BTreeMap<String, &RawValue>>(json)
            .is_ok_and(|keys| keys.contains_key("$base64"))
}

impl Show for Failure {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("type", &self.error_type)?;
        map.serialize_entry("message", &self.message)?;
        map.serialize_entry("details", &Shown(&self.details))?;
        map.serialize_entry("non_retryable", &self.non_retryable)?;
        map.end()
    }
}

impl Show for RetryPolicy {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(7))?;
        map.serialize_entry("initial_interval_ms", &self.initial_interval_ms)?;
        map.serialize_entry(
            "backoff_coefficient",
            &(f64::from(self.backoff_coefficient_permille) / 1_000.0),
        )?;
        map.serialize_entry("maximum_interval_ms", &self.maximum_interval_ms)?;
        map.serialize_entry("maximum_attempts", &self.maximum_attempts)?;
        map.serialize_entry("non_retryable_error_types", &self.non_retryable_error_types)?;
        map.serialize_entry("jitter", &(f64::from(self.jitter_permille) / 1_000.0))?;
        map.serialize_entry("on_exhausted", &self.on_exhausted)?;
        map.end()
    }
}

impl Show for RetryChange {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fraction = |permille: Option<u32>| permille.map(|one| f64::from(one) / 1_000.0);
        let mut map = serializer.serialize_map(Some(7))?;
        map.serialize_entry("initial_interval_ms", &self.initial_interval_ms)?;
        map.serialize_entry(
            "backoff_coefficient",
            &fraction(self.backoff_coefficient_permille),
        )?;
        map.serialize_entry("maximum_interval_ms", &self.maximum_interval_ms)?;
        map.serialize_entry("maximum_attempts", &self.maximum_attempts)?;
        map.serialize_entry("non_retryable_error_types", &self.non_retryable_error_types)?;
        map.serialize_entry("jitter", &fraction(self.jitter_permille))?;
        map.serialize_entry("on_exhausted", &self.on_exhausted)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(payload: &Payload) -> String {
        serde_json::to_string(&Shown(payload)).unwrap()
    }

    #[test]
    fn json_may_have_parameters_a_vendor_and_capitals() {
        for content_type in [
            "application/json; charset=utf-8",
            "application/vnd.shop+json;v=2",
            "Application/JSON",
            "application/vnd.shop+JSON",
        ] {
            let payload = Payload::new(content_type, *b"{\"n\":1.50}");
            assert_eq!(shown(&payload), r#"{"n":1.50}"#, "{content_type}");
        }
    }

    #[test]
    fn json_of_many_lines_is_shown_on_one() {
        let payload = Payload::json(*b"{\r\n  \"text\": \"a\\nb\",\n  \"n\": 1.50\n}");

        assert_eq!(shown(&payload), r#"{    "text": "a\nb",   "n": 1.50 }"#);
    }

    #[test]
    fn what_is_no_json_is_base64() {
        for content_type in ["application/jsonlines", "text/json", "text/plain+jsonp"] {
            let payload = Payload::new(content_type, *b"7");
            let expected =
                alloc::format!(r#"{{"$base64":"Nw==","content_type":"{content_type}"}}"#);
            assert_eq!(shown(&payload), expected);
        }
    }
}
