//! Encoded payloads in JSON that is to be printed, as the app has written them.
//!
//! JSON that could be mistaken for one is never shown as it stands, and in a string every quote is escaped: so where the text
//! of one begins, there is one.

use sagaline_core::{Payload, show::Read};
use sagaline_sdk::Coding;
use serde_json::value::RawValue;

/// The same JSON with all decoded that can be.
pub(super) fn json(coding: &Coding, shown: &str) -> String {
    let mut written = String::with_capacity(shown.len());
    let mut rest = shown;
    while let Some(at) = rest.find(BEGIN) {
        let (before, from) = rest.split_at(at);
        written.push_str(before);
        // Neither base64 nor a content type that is written as JSON has a brace.
        let Some(end) = from.find('}') else {
            rest = from;
            break;
        };
        let (payload, after) = from.split_at(end + 1);
        match decoded(coding, payload) {
            Some(json) => written.push_str(&json),
            None => written.push_str(payload),
        }
        rest = after;
    }
    written.push_str(rest);
    written
}

/// How a payload that is no JSON is shown.
const BEGIN: &str = r#"{"$base64":""#;

fn decoded(coding: &Coding, shown: &str) -> Option<String> {
    let payload = Payload::read(serde_json::from_str::<&RawValue>(shown).ok()?).ok()?;
    let decoded = coding.decode(payload).ok()?;
    // Only JSON stays JSON on one line.
    decoded.is_json().then_some(())?;
    serde_json::from_slice::<&RawValue>(decoded.data()).ok()?;
    let text = std::str::from_utf8(decoded.data()).ok()?;
    Some(text.replace(['\r', '\n'], " "))
}

#[cfg(test)]
mod tests {
    use sagaline_core::show::Shown;
    use sagaline_sdk::{Codec, Result};

    use super::*;

    struct Reversed;

    impl Codec for Reversed {
        fn content_type(&self) -> &str {
            "text/reversed"
        }
        fn encode(&self, plain: &[u8]) -> Result<Vec<u8>> {
            Ok(plain.iter().rev().copied().collect())
        }
        fn decode(&self, encoded: &[u8]) -> Result<Vec<u8>> {
            self.encode(encoded)
        }
    }

    #[test]
    fn what_the_codec_wrote_is_printed_as_it_was_and_all_else_as_it_stands() {
        let coding = Coding::by(Reversed);
        let encoded = |text: &str| {
            let payload = coding.encode(Payload::json(text.as_bytes())).unwrap();
            serde_json::to_string(&Shown(&payload)).unwrap()
        };
        let foreign = serde_json::to_string(&Shown(&Payload::new("text/plain", *b"hi"))).unwrap();
        let quoted = serde_json::to_string(&encoded("1")).unwrap();
        let (a, b) = (encoded(r#"{"b": 49.90}"#), encoded("[1,\n2]"));
        let shown = format!(r#"{{"a":{a},"c":[{b},{foreign}],"q":{quoted}}}"#);

        let printed = json(&coding, &shown);

        assert_eq!(
            printed,
            format!(r#"{{"a":{{"b": 49.90}},"c":[[1, 2],{foreign}],"q":{quoted}}}"#)
        );
    }
}
