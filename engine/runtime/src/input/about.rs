//! Search attributes and memo of a start: one header for each, or all in one JSON object.

use std::collections::BTreeMap;

use sagaline_core::{
    FIELD_NAME_BYTES_MAX, FIELDS_BYTES_MAX, FIELDS_MAX, Fields, FieldsOver, Name,
    event::RejectReason, is_field_name,
};
use sagaline_journal::{Record, wire::header};
use serde_json::value::RawValue;

use super::Refusal;
use crate::envelope::{Envelope, bad_header, utf8};

/// The headers of one kind of fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// All in one JSON object.
    object: &'static str,
    /// How the headers of single ones begin; they win.
    prefix: &'static str,
}

pub(super) const ATTRIBUTES: Kind = Kind {
    object: header::ATTRIBUTES,
    prefix: header::ATTRIBUTE_PREFIX,
};

pub(super) const MEMO: Kind = Kind {
    object: header::MEMO,
    prefix: header::MEMO_PREFIX,
};

impl Kind {
    /// What a start says of this kind; most say nothing.
    pub(super) fn of(
        self,
        record: &Record,
        envelope: &Envelope<'_>,
    ) -> Result<Option<Fields>, Refusal> {
        let mut fields = BTreeMap::new();
        let object = envelope.header(self.object)?;
        if let Some(text) = object.filter(|text| !text.is_empty()) {
            let given: BTreeMap<String, &RawValue> = serde_json::from_str(text)
                .map_err(|_| bad_header(self.object, text, "a JSON object is expected"))?;
            for (name, json) in given {
                fields.insert(self.name(&name)?, json.get().into());
            }
        }
        for (name, value) in record.headers() {
            if let Some(name) = name.strip_prefix(self.prefix.as_bytes()) {
                let text = utf8(self.prefix, value.unwrap_or_default())?;
                fields.insert(self.name(&String::from_utf8_lossy(name))?, json(text));
            }
        }
        Fields::new(fields).map_err(|over| {
            let message = match over {
                FieldsOver::Count(count) => {
                    format!("{}*: {count} names; {FIELDS_MAX} are allowed", self.prefix)
                }
                FieldsOver::Bytes(bytes) => format!(
                    "{}*: {bytes} bytes of names and values; {FIELDS_BYTES_MAX} are allowed",
                    self.prefix
                ),
            };
            Refusal::new(RejectReason::TooLarge, message)
        })
    }

    fn name(self, text: &str) -> Result<Name, Refusal> {
        let name = Some(text).filter(|text| is_field_name(text));
        name.and_then(|name| Name::new(name).ok()).ok_or_else(|| {
            let shown: String = text.chars().take(FIELD_NAME_BYTES_MAX).collect();
            let message = format!(
                "{}*: `{shown}` is no name: a letter, then letters, digits, _, - and ., {FIELD_NAME_BYTES_MAX} at most",
                self.prefix
            );
            Refusal::new(RejectReason::BadHeader, message)
        })
    }
}

/// JSON as it stands; any other text as a JSON string.
fn json(text: &str) -> Box<str> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(json) => json.get().into(),
        Err(_) => serde_json::Value::from(text).to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use sagaline_core::{Timestamp, show::Shown};

    use super::*;

    fn read(headers: &[(&str, &str)]) -> Result<String, Refusal> {
        let mut record = Record::new("t".into(), 0, 0, Timestamp::default(), 0);
        for (name, value) in headers {
            record.push_header(name, Some(value.as_bytes()));
        }
        let envelope = Envelope::read(&record).unwrap();
        let fields = ATTRIBUTES.of(&record, &envelope)?;
        Ok(serde_json::to_string(&Shown(&fields)).unwrap())
    }

    #[test]
    fn json_is_kept_verbatim_and_other_text_is_a_string() {
        let headers = [
            ("sl-attr-total", "49.90"),
            ("sl-attr-region", "eu \"west\""),
            ("sl-attr-tags", "[\"a\",  1e2]"),
            ("sl-attr-zip", "01234"),
            ("sl-attr-none", ""),
            ("sl-memo-note", "not an attribute"),
        ];

        let json = read(&headers).unwrap();

        assert_eq!(
            json,
            r#"{"none":"","region":"eu \"west\"","tags":["a",  1e2],"total":49.90,"zip":"01234"}"#
        );
        assert_eq!(read(&[]).unwrap(), "null");
    }

    #[test]
    fn one_object_says_the_same_and_a_header_of_its_own_wins() {
        for object in ["sl-attributes", "ce_slattributes"] {
            let headers = [
                ("sl-attr-a", "2"),
                (object, r#"{"a": 1, "b": {"c": 1.0}}"#),
                ("sl-attr-a", "3"),
            ];

            assert_eq!(read(&headers).unwrap(), r#"{"a":3,"b":{"c": 1.0}}"#);
        }
    }

    #[test]
    fn structured_mode_has_the_object_as_it_is_or_as_text() {
        for value in [r#"{"b" : 1.0}"#, r#""{\"b\" : 1.0}""#] {
            let event = format!(r#"{{"slattributes": {value}}}"#);
            let mut record = Record::new("t".into(), 0, 0, Timestamp::default(), 0)
                .with_value(Some(event.as_bytes()));
            let content_type = "application/cloudevents+json";
            record.push_header(header::CONTENT_TYPE, Some(content_type.as_bytes()));
            let envelope = Envelope::read(&record).unwrap();

            let fields = ATTRIBUTES.of(&record, &envelope).unwrap();

            let json = serde_json::to_string(&Shown(&fields)).unwrap();
            assert_eq!(json, r#"{"b":1.0}"#);
        }
    }

    #[test]
    fn what_is_malformed_or_too_large_is_refused_by_name() {
        let check = |headers: &[(&str, &str)], reason, says: &str| {
            let refusal = read(headers).unwrap_err();
            assert_eq!(refusal.reason, reason, "{}", refusal.message);
            assert!(refusal.message.contains(says), "{}", refusal.message);
        };
        let many: Vec<_> = (0..=FIELDS_MAX)
            .map(|at| format!("sl-attr-n{at}"))
            .collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "1")).collect();
        let large = "x".repeat(FIELDS_BYTES_MAX);
        let bad = RejectReason::BadHeader;

        check(&[("sl-attributes", "[1]")], bad, "sl-attributes");
        check(&[("sl-attributes", "{\"a\":}")], bad, "JSON object");
        check(&[("sl-attributes", r#"{"9":1}"#)], bad, "`9`");
        check(&[("sl-attr-", "1")], bad, "sl-attr-*");
        check(&[("sl-attr-a b", "1")], bad, "`a b`");
        check(&many, RejectReason::TooLarge, "65 names; 64");
        check(&[("sl-attr-a", &large)], RejectReason::TooLarge, "16384");
    }
}
