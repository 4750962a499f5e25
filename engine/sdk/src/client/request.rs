//! Requests as records of the inbox.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sagaline_core::{Payload, WORKFLOW_ID_BYTES_MAX};
use sagaline_journal::{
    Error, ErrorKind, Headers, NewRecord,
    wire::{HEADERS_BYTES_MAX, ce_type, header, partition_of},
};
use serde::Serialize;
use uuid::Uuid;

use super::replies::Replies;
use crate::{codec::Coding, json, workflow::Message};

/// A request about one workflow id.
#[derive(Debug)]
pub(crate) struct Request {
    ce_type: &'static str,
    workflow_id: String,
    /// First half of its identity.
    source: Box<str>,
    /// Second half: the same request again does nothing again.
    id: Option<String>,
    headers: Vec<(&'static str, String)>,
    value: Option<Payload>,
    /// The engine reads the value itself: no codec encodes it.
    is_plain: bool,
    /// Of those who have the keys.
    is_signed: bool,
    /// The input of a message beside the value, in this header.
    beside: Option<(&'static str, Payload)>,
}

impl Request {
    pub(crate) fn new(ce_type: &'static str, workflow_id: &str) -> Self {
        Self {
            ce_type,
            workflow_id: workflow_id.to_owned(),
            source: SOURCE.into(),
            id: None,
            headers: Vec::new(),
            value: None,
            is_plain: false,
            is_signed: false,
            beside: None,
        }
    }

    /// Asks a run to end, in one way or the other.
    pub(super) fn stop(ce_type: &'static str, workflow_id: &str, reason: &str) -> Self {
        Self::new(ce_type, workflow_id).header(header::REASON, reason)
    }

    /// Sends a run a message.
    pub(super) fn signal<T: Serialize + ?Sized>(
        workflow_id: &str,
        signal: &str,
        input: &T,
    ) -> Result<Self, Error> {
        let input = json::encode(&format!("signal `{signal}`"), input)
            .map_err(|error| Error::new(ErrorKind::Invalid, "workflow-input", error.message()))?;
        let request = Self::new(ce_type::WORKFLOW_SIGNAL, workflow_id);
        Ok(request.header(header::SIGNAL, signal).value(input))
    }

    /// A message for a run's handlers; `name_header` is where its name stands.
    pub(super) fn message(
        ce_type: &'static str,
        workflow_id: &str,
        (name_header, message): (&'static str, Message),
    ) -> Result<Self, Error> {
        let (name, input) = parts(message)?;
        let request = Self::new(ce_type, workflow_id);
        Ok(request.header(name_header, name).value(input))
    }

    /// The same with a message beside its value: in these two headers.
    pub(super) fn beside(
        mut self,
        (name_header, input_header): (&'static str, &'static str),
        message: Message,
    ) -> Result<Self, Error> {
        let (name, input) = parts(message)?;
        self.beside = Some((input_header, input));
        Ok(self.header(name_header, name))
    }

    pub(super) const fn ce_type(&self) -> &'static str {
        self.ce_type
    }

    /// The value of a header, if it has it.
    pub(super) fn value_of(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| &**value)
    }

    pub(super) fn workflow_id(&self) -> &str {
        &self.workflow_id
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Says that only those who have the keys may ask for it.
    pub(super) fn signed(mut self) -> Self {
        self.is_signed = true;
        self
    }

    pub(super) const fn is_signed(&self) -> bool {
        self.is_signed
    }

    /// Says who asks.
    pub(crate) fn source(mut self, source: &str) -> Self {
        self.source = source.into();
        self
    }

    pub(crate) fn id(mut self, id: String) -> Self {
        self.id = Some(id);
        self
    }

    pub(crate) fn value(mut self, value: Payload) -> Self {
        self.value = Some(value);
        self
    }

    /// A value that the engine reads.
    pub(super) fn plain(mut self, value: Payload) -> Self {
        self.is_plain = true;
        self.value(value)
    }

    /// The input of a message, in this header.
    pub(super) fn payload_beside(mut self, header: &'static str, input: Payload) -> Self {
        self.beside = Some((header, input));
        self
    }

    /// Who asks, and which request it is if that was said.
    pub(super) fn identity(&self) -> (String, String) {
        let id = self.id.clone().unwrap_or_default();
        (self.source.clone().into(), id)
    }

    /// The same with its payloads encoded.
    pub(super) fn coded(mut self, coding: &Coding) -> Result<Self, Error> {
        let encode = |payload| {
            let encoded = coding.encode(payload);
            encoded
                .map_err(|error| Error::new(ErrorKind::Invalid, "payload-codec", error.message()))
        };
        if !self.is_plain {
            self.value = self.value.map(encode).transpose()?;
        }
        if let Some((header, input)) = self.beside {
            self.beside = Some((header, encode(input)?));
        }
        Ok(self)
    }

    /// The record, whose answer comes to `replies` under `correlation`.
    pub(crate) fn into_record(
        self,
        inbox: &std::sync::Arc<str>,
        partitions: i32,
        replies: &str,
        correlation: &str,
    ) -> Result<NewRecord, Error> {
        let bytes = self.workflow_id.len();
        if bytes == 0 || bytes > WORKFLOW_ID_BYTES_MAX {
            let text =
                format!("a workflow id of {bytes} bytes: 1 to {WORKFLOW_ID_BYTES_MAX} are allowed");
            return Err(Error::new(ErrorKind::Invalid, "workflow-id", text));
        }
        let mut record = NewRecord {
            topic: inbox.clone(),
            partition: partition_of(self.workflow_id.as_bytes(), partitions),
            value: self.value.as_ref().map(|value| value.data().to_vec()),
            headers: Headers::with_capacity(10 + self.headers.len(), 256),
            key: Some(self.workflow_id.into_bytes()),
        };
        let id = self.id.unwrap_or_else(|| correlation.to_owned());
        for (name, value) in [
            (header::CE_SPECVERSION, "1.0"),
            (header::CE_TYPE, self.ce_type),
            (header::CE_SOURCE, &self.source),
            (header::CE_ID, &id),
            (header::REPLY_TOPIC, replies),
            (header::CORRELATION, correlation),
        ] {
            record.push_header(name, value);
        }
        record.push_header(header::REPLY_PARTITION, Replies::PARTITION.to_string());
        if let Some(value) = &self.value {
            record.push_header(header::CONTENT_TYPE, value.content_type());
        }
        for (name, value) in self.headers {
            record.push_header(name, value);
        }
        if let Some((name, input)) = self.beside {
            record.push_header(name, STANDARD.encode(input.data()));
            record.push_header(header::MESSAGE_CONTENT_TYPE, input.content_type());
        }
        let bytes = record.headers.size();
        if bytes > HEADERS_BYTES_MAX {
            let text = format!("headers of {bytes} bytes; {HEADERS_BYTES_MAX} are allowed");
            return Err(Error::new(ErrorKind::Invalid, "request-rejected", text));
        }
        Ok(record)
    }
}

/// A message's name and input.
fn parts(message: Message) -> Result<(String, Payload), Error> {
    let invalid =
        |error: crate::Error| Error::new(ErrorKind::Invalid, "workflow-input", error.message());
    let name = message.name.map_err(invalid)?;
    Ok((name.to_string(), message.input.map_err(invalid)?))
}

/// First half of a request's identity: the same for all clients, so that one may repeat another's request.
const SOURCE: &str = "sagaline.sdk";

/// An id that nobody else has.
#[expect(
    clippy::disallowed_methods,
    reason = "a client is no part of the engine: nothing of it is replayed"
)]
pub(super) fn new_id() -> Uuid {
    Uuid::new_v4()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(request: Request) -> Result<NewRecord, Error> {
        request.into_record(&"ns.inbox".into(), 12, "ns.replies", "c-1")
    }

    fn value<'a>(record: &'a NewRecord, name: &str) -> Option<&'a str> {
        let found = record.headers.get(name);
        found.map(|value| str::from_utf8(value).unwrap())
    }

    #[test]
    fn a_request_says_where_its_answer_goes_and_lies_in_the_ids_partition() {
        let request = Request::new(ce_type::WORKFLOW_CANCEL, "o-1")
            .header(header::REASON, "late")
            .value(Payload::json(*b"7"));

        let record = record(request).unwrap();

        assert_eq!(
            (&*record.topic, record.partition),
            ("ns.inbox", partition_of(b"o-1", 12))
        );
        assert_eq!(record.key.as_deref(), Some(&b"o-1"[..]));
        assert_eq!(
            value(&record, header::CE_TYPE),
            Some("sagaline.workflow.cancel.v1")
        );
        assert_eq!(value(&record, header::REPLY_TOPIC), Some("ns.replies"));
        assert_eq!(value(&record, header::REPLY_PARTITION), Some("0"));
        assert_eq!(value(&record, header::CORRELATION), Some("c-1"));
        assert_eq!(value(&record, header::CE_ID), Some("c-1"));
        assert_eq!(value(&record, header::REASON), Some("late"));
        assert_eq!(
            value(&record, header::CONTENT_TYPE),
            Some("application/json")
        );
    }

    /// Writes no bytes as they are.
    struct Flipped;

    impl crate::Codec for Flipped {
        fn content_type(&self) -> &str {
            "application/vnd.test.flipped"
        }
        fn encode(&self, plain: &[u8]) -> crate::Result<Vec<u8>> {
            Ok(plain.iter().map(|byte| !byte).collect())
        }
        fn decode(&self, encoded: &[u8]) -> crate::Result<Vec<u8>> {
            self.encode(encoded)
        }
    }

    #[test]
    fn what_goes_with_a_start_is_encoded_as_its_input_is() {
        let call = crate::call_signal("note", &"tulip");
        let names = (header::SIGNAL, header::SIGNAL_INPUT);
        let request = Request::new(ce_type::WORKFLOW_SIGNAL_WITH_START, "o-1")
            .value(Payload::json(*b"7"))
            .beside(names, call.erase())
            .unwrap();

        let record = record(request.coded(&Coding::by(Flipped)).unwrap()).unwrap();

        let flipped = "application/vnd.test.flipped";
        assert_eq!(value(&record, header::CONTENT_TYPE), Some(flipped));
        assert_eq!(record.value.as_deref(), Some(&[!b'7'][..]));
        assert_eq!(value(&record, header::MESSAGE_CONTENT_TYPE), Some(flipped));
        let input = value(&record, header::SIGNAL_INPUT).unwrap();
        let plain: Vec<u8> = STANDARD
            .decode(input)
            .unwrap()
            .iter()
            .map(|byte| !byte)
            .collect();
        assert_eq!(plain, b"\"tulip\"");
    }

    #[test]
    fn a_repeatable_request_has_the_id_it_was_given() {
        let record = record(Request::new(ce_type::WORKFLOW_START, "o-1").id("k-1".into())).unwrap();

        assert_eq!(value(&record, header::CE_ID), Some("k-1"));
    }

    #[test]
    fn an_impossible_workflow_id_is_refused_here() {
        for id in [String::new(), "x".repeat(256)] {
            let error = record(Request::new(ce_type::WORKFLOW_START, &id)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
    }
}
