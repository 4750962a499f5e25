//! CloudEvents 1.0 as they come in: binary or structured mode, our headers under any of their three spellings.
//!
//! `sl-workflow`, `ce_slworkflow` and, in structured mode, `slworkflow` mean the same; where several are there, `sl-` wins.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sagaline_core::{Millis, Payload, Timestamp, event::RejectReason, is_json};
use sagaline_journal::{
    Record,
    wire::{HEADERS_BYTES_MAX, header},
};
use serde_json::value::RawValue;

use crate::input::Refusal;

const NANOS_OF_MILLI: i128 = 1_000_000;

const STRUCTURED: &[u8] = b"application/cloudevents+json";

/// A record, read as a CloudEvent.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    record: &'a Record,
    /// The attributes of structured mode.
    attributes: Option<BTreeMap<String, Cow<'a, str>>>,
    payload: Payload,
}

impl<'a> Envelope<'a> {
    pub(crate) fn read(record: &'a Record) -> Result<Self, Refusal> {
        let bytes =
            |(name, value): (&[u8], Option<&[u8]>)| name.len() + value.map_or(0, <[u8]>::len);
        bounded("headers", record.headers().map(bytes).sum())?;
        let content_type = record.header(header::CONTENT_TYPE).unwrap_or_default();
        if content_type.len() >= STRUCTURED.len()
            && content_type[..STRUCTURED.len()].eq_ignore_ascii_case(STRUCTURED)
        {
            return Self::structured(record);
        }
        let content_type = utf8(header::CONTENT_TYPE, content_type)?;
        let payload = Payload::new(content_type, record.value().unwrap_or_default());
        Ok(Self {
            record,
            attributes: None,
            payload,
        })
    }

    /// What can be read of a record that is no event.
    pub(crate) fn of_headers(record: &'a Record) -> Self {
        Self {
            record,
            attributes: None,
            payload: Payload::empty(),
        }
    }

    fn structured(record: &'a Record) -> Result<Self, Refusal> {
        let bad = |what: String| {
            Refusal::new(
                RejectReason::BadEnvelope,
                format!("structured CloudEvent: {what}"),
            )
        };
        let fields: BTreeMap<String, &'a RawValue> =
            serde_json::from_slice(record.value().unwrap_or_default())
                .map_err(|error| bad(error.to_string()))?;
        let mut attributes = BTreeMap::new();
        let mut data = None;
        for (name, raw) in fields {
            match name.as_str() {
                "data" => data = Some(Data::Json(raw)),
                "data_base64" => {
                    let text: String = serde_json::from_str(raw.get())
                        .map_err(|_| bad("data_base64 is no string".into()))?;
                    let bytes = STANDARD
                        .decode(text)
                        .map_err(|_| bad("data_base64 is not base64".into()))?;
                    data = Some(Data::Bytes(bytes));
                }
                // As good as not there, says CloudEvents.
                _ if raw.get() == "null" => {}
                _ => {
                    let value = match serde_json::from_str::<String>(raw.get()) {
                        Ok(text) => Cow::Owned(text),
                        Err(_) => Cow::Borrowed(raw.get()),
                    };
                    attributes.insert(name, value);
                }
            }
        }
        let bytes = |(name, value): (&String, &Cow<'_, str>)| name.len() + value.len();
        bounded("attributes", attributes.iter().map(bytes).sum())?;
        let content_type = attributes
            .get("datacontenttype")
            .map_or("", |value| value.as_ref());
        let data = data.map(|data| data.of(content_type)).unwrap_or_default();
        let payload = Payload::new(content_type, data);
        Ok(Self {
            record,
            attributes: Some(attributes),
            payload,
        })
    }

    pub(crate) const fn payload(&self) -> &Payload {
        &self.payload
    }

    /// An attribute of CloudEvents: `type`, `id`, `source`, `subject`.
    pub(crate) fn attribute(&self, header_name: &'static str) -> Result<Option<&str>, Refusal> {
        if let Some(value) = self.record.header(header_name) {
            return utf8(header_name, value).map(Some);
        }
        let name = header_name.strip_prefix("ce_").unwrap_or(header_name);
        Ok(self
            .attributes
            .as_ref()
            .and_then(|attributes| attributes.get(name))
            .map(AsRef::as_ref))
    }

    /// One of our headers, or a plain one such as `traceparent`, which is an extension of CloudEvents as well.
    pub(crate) fn header(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        if let Some(value) = self.record.header(name) {
            return utf8(name, value).map(Some);
        }
        let Some(rest) = name.strip_prefix("sl-") else {
            return match self.extension(name) {
                Some(value) => utf8(name, value).map(Some),
                None => self.attribute(name),
            };
        };
        if self.attributes.is_none()
            && !self
                .record
                .headers()
                .any(|(name, _)| name.starts_with(b"ce_sl"))
        {
            return Ok(None);
        }
        let plain: String = std::iter::once("sl").chain(rest.split('-')).collect();
        let wanted = format!("ce_{plain}");
        if let Some(value) = self.record.header(&wanted) {
            return utf8(name, value).map(Some);
        }
        Ok(self
            .attributes
            .as_ref()
            .and_then(|attributes| attributes.get(&plain))
            .map(AsRef::as_ref))
    }

    /// `ce_<name>`, the last of them.
    fn extension(&self, name: &str) -> Option<&[u8]> {
        let is_it = |header: &[u8]| header.strip_prefix(b"ce_") == Some(name.as_bytes());
        let mut found = self.record.headers().filter(|(header, _)| is_it(header));
        found.next_back().and_then(|(_, value)| value)
    }

    /// A header that must be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, Refusal> {
        self.header(name)?
            .filter(|value| !value.is_empty())
            .ok_or_else(|| {
                Refusal::new(
                    RejectReason::MissingHeader,
                    format!("header {name} is missing"),
                )
            })
    }

    /// A header whose text must parse.
    pub(crate) fn parsed<T: std::str::FromStr>(
        &self,
        name: &'static str,
        expected: &str,
    ) -> Result<Option<T>, Refusal> {
        match self.header(name)? {
            None => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| bad_header(name, text, expected)),
        }
    }

    /// A header with an instant, in whole milliseconds, rounded up: nothing is early.
    pub(crate) fn instant(&self, name: &'static str) -> Result<Option<Timestamp>, Refusal> {
        let at: Option<jiff::Timestamp> =
            self.parsed(name, "an instant in RFC 3339 is expected")?;
        Ok(at.map(|at| {
            let whole = at.as_nanosecond().div_euclid(NANOS_OF_MILLI) as i64;
            let begun = at.as_nanosecond().rem_euclid(NANOS_OF_MILLI) != 0;
            Timestamp::from_millis(whole).plus(Millis(u64::from(begun)))
        }))
    }
}

/// The payload of structured mode.
enum Data<'a> {
    Json(&'a RawValue),
    Bytes(Vec<u8>),
}

impl Data<'_> {
    /// The bytes meant: of a content type that is not JSON, a string is the text in it.
    fn of(self, content_type: &str) -> Vec<u8> {
        let raw = match self {
            Self::Bytes(bytes) => return bytes,
            Self::Json(raw) => raw.get(),
        };
        if !content_type.is_empty()
            && !is_json(content_type)
            && let Ok(text) = serde_json::from_str::<String>(raw)
        {
            return text.into_bytes();
        }
        raw.as_bytes().to_vec()
    }
}

/// What goes into causes, tasks and answers is bounded, in whichever mode it came.
fn bounded(what: &str, bytes: usize) -> Result<(), Refusal> {
    if bytes <= HEADERS_BYTES_MAX {
        return Ok(());
    }
    Err(Refusal::new(
        RejectReason::TooLarge,
        format!("{what} of {bytes} bytes; {HEADERS_BYTES_MAX} are allowed"),
    ))
}

/// A header whose value is none of those allowed; the value is cut, it is a stranger's.
pub(crate) fn bad_header(name: &str, value: &str, expected: &str) -> Refusal {
    let shown: String = value.chars().take(60).collect();
    Refusal::new(
        RejectReason::BadHeader,
        format!("header {name} is `{shown}`; {expected}"),
    )
}

pub(crate) fn utf8<'a>(name: &str, value: &'a [u8]) -> Result<&'a str, Refusal> {
    std::str::from_utf8(value).map_err(|_| {
        Refusal::new(
            RejectReason::BadHeader,
            format!("header {name} is not UTF-8"),
        )
    })
}

#[cfg(test)]
mod tests {
    use sagaline_core::Timestamp;

    use super::*;

    fn structured(value: &str) -> Record {
        let mut record = Record::new("t".into(), 0, 0, Timestamp::default(), 0)
            .with_value(Some(value.as_bytes()));
        record.push_header(header::CONTENT_TYPE, Some(STRUCTURED));
        record
    }

    #[test]
    fn an_attribute_that_is_null_is_not_there() {
        let record = structured(r#"{"type":"x","subject":null,"slworkflow":null,"data":null}"#);

        let envelope = Envelope::read(&record).unwrap();

        assert_eq!(envelope.attribute(header::CE_TYPE).unwrap(), Some("x"));
        assert_eq!(envelope.attribute(header::CE_SUBJECT).unwrap(), None);
        assert_eq!(envelope.header(header::WORKFLOW).unwrap(), None);
        assert_eq!(envelope.payload().data(), b"null");
    }

    #[test]
    fn a_string_of_a_type_that_is_not_json_is_the_text_in_it() {
        let data = |content_type: &str, data: &str| {
            let content_type = match content_type {
                "" => String::new(),
                some => format!(r#""datacontenttype":"{some}","#),
            };
            let record = structured(&format!(r#"{{{content_type}"data":{data}}}"#));
            Envelope::read(&record).unwrap().payload().clone()
        };

        let text = Payload::new("text/plain", *b"he said \"hi\"\n");
        assert_eq!(data("text/plain", r#""he said \"hi\"\n""#), text);
        assert_eq!(data("text/plain", "[1, 2]").data(), b"[1, 2]");
        for json in ["", "application/json; charset=utf-8", "application/x+json"] {
            assert_eq!(data(json, r#""hi""#).data(), br#""hi""#, "{json}");
        }
    }

    #[test]
    fn a_trace_is_read_from_the_plain_header_before_the_extension() {
        let traced = |headers: &[(&str, &[u8])]| {
            let mut record = Record::new("t".into(), 0, 0, Timestamp::default(), 0);
            for (name, value) in headers {
                record.push_header(name, Some(value));
            }
            let envelope = Envelope::read(&record).unwrap();
            envelope
                .header(header::TRACEPARENT)
                .unwrap()
                .map(str::to_owned)
        };
        let (plain, extension) = (
            ("traceparent", b"00-1".as_slice()),
            ("ce_traceparent", b"00-2".as_slice()),
        );

        assert_eq!(traced(&[extension]).as_deref(), Some("00-2"));
        assert_eq!(traced(&[plain, extension]).as_deref(), Some("00-1"));
        assert_eq!(traced(&[extension, plain]).as_deref(), Some("00-1"));
        assert_eq!(traced(&[]), None);
    }

    #[test]
    fn attributes_have_the_limit_of_headers_and_data_has_not() {
        let long = "x".repeat(HEADERS_BYTES_MAX);

        let attribute = structured(&format!(r#"{{"source":"{long}"}}"#));
        let data = structured(&format!(r#"{{"source":"s","data":"{long}"}}"#));

        let refusal = Envelope::read(&attribute);
        let taken = Envelope::read(&data);

        assert_eq!(refusal.unwrap_err().reason, RejectReason::TooLarge);
        assert_eq!(taken.unwrap().payload().data().len(), long.len() + 2);
    }
}
