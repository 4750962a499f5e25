//! Payloads as the API has them: JSON verbatim, other bytes as `{"$base64","content_type"}`.

use std::{borrow::Cow, fmt};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sagaline_core::{PAYLOAD_BYTES_MAX, Payload, show::Shown};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::{RawValue, to_raw_value};

use crate::problem::Problem;

/// Bytes that are not JSON, or JSON that has a key `$base64` itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    #[serde(rename = "$base64")]
    base64: String,
    content_type: Option<String>,
}

/// Whether it is an object with a key `$base64`, once or more often.
struct Marked(bool);

impl<'de> Deserialize<'de> for Marked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Marked;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Marked, A::Error> {
                let mut is_marked = false;
                while let Some(key) = map.next_key::<Cow<'_, str>>()? {
                    is_marked |= key == "$base64";
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(Marked(is_marked))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

/// The payload that JSON is; `what` it is, for people.
pub(crate) fn read(json: &RawValue, what: &str) -> Result<Payload, Problem> {
    let text = json.get();
    let payload = match serde_json::from_str::<Marked>(text) {
        Err(_) | Ok(Marked(false)) => Payload::json(text.as_bytes()),
        Ok(Marked(true)) => decoded(text).map_err(|wrong| {
            Problem::bad_request("invalid_payload", format!("{what}: {wrong}")).hint(
                r#"bytes are {"$base64": "…", "content_type": "…"}; so is JSON that has a key `$base64`"#,
            )
        })?,
    };
    match payload.is_too_large() {
        true => Err(too_large(what, payload.data().len())),
        false => Ok(payload),
    }
}

fn decoded(text: &str) -> Result<Payload, String> {
    let encoded: Encoded = serde_json::from_str(text).map_err(|wrong| wrong.to_string())?;
    let bytes = STANDARD.decode(encoded.base64);
    let bytes = bytes.map_err(|wrong| format!("`$base64`: {wrong}"))?;
    let content_type = encoded.content_type.as_deref();
    let content_type = content_type.unwrap_or("application/octet-stream");
    let is_visible = |byte: u8| (0x20..0x7f).contains(&byte);
    match content_type.len() <= CONTENT_TYPE_BYTES_MAX && content_type.bytes().all(is_visible) {
        true => Ok(Payload::new(content_type, bytes)),
        false => Err(format!(
            "`content_type`: at most {CONTENT_TYPE_BYTES_MAX} visible characters of ASCII"
        )),
    }
}

/// Longest content type.
const CONTENT_TYPE_BYTES_MAX: usize = 255;

fn too_large(what: &str, bytes: usize) -> Problem {
    let text = format!("{what} has {bytes} bytes; {PAYLOAD_BYTES_MAX} are allowed");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", text)
        .hint("keep large values elsewhere, and send where they are")
}

/// The JSON that a payload is; null where it cannot be written.
pub(crate) fn shown(payload: &Payload) -> Box<RawValue> {
    to_raw_value(&Shown(payload)).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// An answer that is a payload.
pub(crate) fn answer(payload: &Payload) -> Response {
    let kind = HeaderValue::from_static("application/json");
    let json: Box<str> = shown(payload).into();
    ([(header::CONTENT_TYPE, kind)], String::from(json)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Payload, &'static str> {
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        read(raw, "the input").map_err(|problem| problem.code)
    }

    #[test]
    fn json_is_handed_on_as_it_stands_and_bytes_as_what_they_are() {
        for text in [
            r#"{"total": 49.90, "n":12345678901234567890}"#,
            "null",
            "[1,  2]",
            "[1]",
            r#"["x"]"#,
            r#"["aGVsbG8=", "text/plain"]"#,
            r#"[{"$base64":"AP8="}]"#,
        ] {
            assert_eq!(of(text), Ok(Payload::json(text.as_bytes())));
        }
        let bytes = of(r#"{"$base64":"AP8=","content_type":"image/png"}"#).unwrap();
        assert_eq!(
            (bytes.content_type(), bytes.data()),
            ("image/png", &[0, 255][..])
        );
        let escaped = of(r#"{"$base64":"eyIkYmFzZTY0IjoxfQ==","content_type":"application/json"}"#);
        assert_eq!(escaped, Ok(Payload::json(*br#"{"$base64":1}"#)));
    }

    #[test]
    fn what_claims_to_be_bytes_and_is_not_is_refused() {
        for text in [
            r#"{"$base64":1}"#,
            r#"{"$base64":"?"}"#,
            r#"{"$base64":"AP8=","$base64":"AP8="}"#,
            r#"{"$base64":"AP8=","other":1}"#,
            r#"{"$base64":"AP8=","content_type":"a\nb"}"#,
        ] {
            assert_eq!(of(text), Err("invalid_payload"), "{text}");
        }
        let large = format!("\"{}\"", "x".repeat(PAYLOAD_BYTES_MAX));
        assert_eq!(of(&large), Err("payload_too_large"));
    }
}
