//! Events with their payloads, with the beginnings of them, or without.

use sagaline_core::view::HistoryEvent;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use super::super::call::Call;
use crate::problem::Problem;

/// How much of payloads is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payloads {
    Full,
    Short,
    None,
}

/// Bytes of JSON up to which a payload is short.
const SHORT_BYTES_MAX: usize = 1_024;

/// Characters that a long one begins with.
const BEGINNING_CHARS: usize = 200;

/// Attributes of events that are payloads.
const PAYLOADS: [&str; 6] = [
    "input",
    "result",
    "value",
    "progress",
    "details",
    "heartbeat",
];

impl Payloads {
    pub(super) fn of(call: &Call) -> Result<Self, Problem> {
        match call.param("payloads") {
            None | Some("full") => Ok(Self::Full),
            Some("short") => Ok(Self::Short),
            Some("none") => Ok(Self::None),
            Some(_) => {
                let text = "parameter `payloads`: full, short or none is expected";
                Err(Problem::bad_request("invalid_parameter", text))
            }
        }
    }
}

/// An object whose members keep their order and their texts.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        json.deserialize_map(Visitor)
    }
}

impl serde::Serialize for Members {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The JSON of an event with so much of its payloads.
pub(super) fn shortened(
    event: &HistoryEvent<'_>,
    payloads: Payloads,
) -> Result<Box<RawValue>, Problem> {
    let unwritten = |error: serde_json::Error| Problem::internal(format!("an event: {error}"));
    let full = to_raw_value(event).map_err(unwritten)?;
    match payloads {
        Payloads::Full => Ok(full),
        Payloads::Short | Payloads::None => within(&full, payloads).map_err(unwritten),
    }
}

/// The same object; what of it and of what is within it is a payload is shortened.
fn within(object: &RawValue, payloads: Payloads) -> Result<Box<RawValue>, serde_json::Error> {
    let mut members: Members = serde_json::from_str(object.get())?;
    for (name, value) in &mut members.0 {
        if PAYLOADS.contains(&name.as_str()) {
            *value = payload(value, payloads)?;
        } else if matches!(name.as_str(), "attributes" | "failure" | "cause")
            && value.get().starts_with('{')
        {
            *value = within(value, payloads)?;
        }
    }
    to_raw_value(&members)
}

fn payload(value: &RawValue, payloads: Payloads) -> Result<Box<RawValue>, serde_json::Error> {
    #[derive(serde::Serialize)]
    struct Short<'a> {
        #[serde(rename = "$short")]
        short: &'a str,
        bytes: usize,
    }
    let text = value.get();
    if payloads == Payloads::None {
        return Ok(RawValue::NULL.to_owned());
    }
    if text.len() <= SHORT_BYTES_MAX {
        return Ok(value.to_owned());
    }
    let end = text.char_indices().nth(BEGINNING_CHARS);
    let (short, _) = text.split_at(end.map_or(text.len(), |(at, _)| at));
    to_raw_value(&Short {
        short,
        bytes: text.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, payloads: Payloads) -> String {
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        within(raw, payloads).unwrap().get().to_owned()
    }

    #[test]
    fn numbers_stay_as_they_were_written_and_payloads_go() {
        let event = r#"{"seq":1,"attributes":{"input":{"total":49.90},"activity":"ship","failure":{"type":"No","details":1.0}}}"#;

        assert_eq!(of(event, Payloads::Short), event);
        assert_eq!(
            of(event, Payloads::None),
            r#"{"seq":1,"attributes":{"input":null,"activity":"ship","failure":{"type":"No","details":null}}}"#
        );
    }

    #[test]
    fn a_long_payload_is_its_beginning_and_its_length() {
        let long = format!("\"{}\"", "ä".repeat(1_000));
        let event = format!(r#"{{"attributes":{{"result":{long}}}}}"#);

        let short: serde_json::Value = serde_json::from_str(&of(&event, Payloads::Short)).unwrap();

        let result = &short["attributes"]["result"];
        assert_eq!(result["bytes"], 2_002);
        assert_eq!(
            result["$short"].as_str().unwrap().chars().count(),
            BEGINNING_CHARS
        );
    }
}
