//! Input records: what each of them asks, or why it is refused. Everything here is written by strangers.
//!
//! Invariant: a record of any bytes comes to exactly one [`Input`]; nothing panics, nothing is lost.

mod activity;
mod reject;
mod workflow;

use std::sync::Arc;

use sagaline_core::{Cause, Command, ReplyTo, RunId, WorkflowId, event::RejectReason};
use sagaline_journal::{
    Headers, NewRecord, Record,
    wire::{ce_type, header, partition_of, topic},
};

pub(crate) use reject::rejected;

use crate::{Keys, envelope::Envelope};

/// What an input record comes to.
#[derive(Debug)]
pub(crate) enum Input {
    /// To be decided.
    Command { cause: Cause, command: Box<Command> },
    /// To be answered from durable state.
    Describe {
        workflow_id: WorkflowId,
        run_id: Option<RunId>,
        reply: ReplyTo,
    },
    /// It belongs to another partition.
    Forward {
        cause: Cause,
        target_partition: i32,
        record: Box<NewRecord>,
    },
    /// It is refused; the journal keeps it.
    Refused { cause: Cause, refusal: Refusal },
}

/// Why an input is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: RejectReason,
    pub(crate) message: String,
    pub(crate) ce_type: Option<String>,
    /// Who wants to know.
    pub(crate) reply: Option<ReplyTo>,
}

impl Refusal {
    pub(crate) fn new(reason: RejectReason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            ce_type: None,
            reply: None,
        }
    }
}

/// What a lane must know to read its inputs.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) keys: Keys,
    pub(crate) partitions: i32,
    pub(crate) inbox: Arc<str>,
    pub(crate) results: Arc<str>,
    /// `<ns>.replies` and the beginning `<ns>.reply.`.
    pub(crate) replies: (String, String),
    nothing: Arc<str>,
}

impl Reading {
    pub(crate) fn new(namespace: &str, partitions: i32, keys: Keys) -> Self {
        Self {
            keys,
            partitions,
            inbox: topic::inbox(namespace).into(),
            results: topic::results(namespace).into(),
            replies: (topic::replies(namespace), format!("{namespace}.reply.")),
            nothing: "".into(),
        }
    }

    /// Reads one input record of the partition `owned`.
    pub(crate) fn input(&self, record: &Record, owned: i32) -> Input {
        let mut cause = Cause {
            source: self.nothing.clone(),
            id: self.nothing.clone(),
            topic: record.topic.clone(),
            partition: record.partition,
            offset: record.offset,
        };
        let envelope = match Envelope::read(record) {
            Ok(envelope) => envelope,
            Err(refusal) => {
                cause.id = place(record);
                return Input::Refused { cause, refusal };
            }
        };
        match self.understood(record, &envelope, owned, &mut cause) {
            Ok(input) => input,
            Err(mut refusal) => {
                if cause.id.is_empty() {
                    cause.id = place(record);
                }
                let ce_type = envelope.attribute(header::CE_TYPE).ok().flatten();
                refusal.ce_type = ce_type.map(|name| name.chars().take(200).collect());
                refusal.reply = self.reply_to(&envelope).ok().flatten();
                Input::Refused { cause, refusal }
            }
        }
    }

    fn understood(
        &self,
        record: &Record,
        envelope: &Envelope<'_>,
        owned: i32,
        cause: &mut Cause,
    ) -> Result<Input, Refusal> {
        if let Some(source) = envelope.attribute(header::CE_SOURCE)? {
            cause.source = Arc::from(source);
        }
        let id = envelope.attribute(header::CE_ID)?;
        cause.id = match id.filter(|id| !id.is_empty()) {
            Some(id) => Arc::from(id),
            None => place(record),
        };
        let workflow_id = key(record, envelope)?;
        let mut ce_type = envelope
            .attribute(header::CE_TYPE)?
            .ok_or_else(|| Refusal::new(RejectReason::UnknownType, "ce_type is missing"))?;
        let forwarded = ce_type == ce_type::FORWARD;
        if forwarded {
            if !self.keys.verifies_record(record) {
                return Err(Refusal::new(
                    RejectReason::Forged,
                    "sl-mac is missing or not genuine",
                ));
            }
            ce_type = envelope.required(header::FORWARDED)?;
        }
        let target_partition = partition_of(workflow_id.as_str().as_bytes(), self.partitions);
        if target_partition != owned {
            if forwarded {
                return Err(Refusal::new(
                    RejectReason::Misrouted,
                    format!("forwarded once, and belongs to partition {target_partition}"),
                ));
            }
            let record = self.forward(record, cause, ce_type, target_partition);
            return Ok(Input::Forward {
                cause: cause.clone(),
                target_partition,
                record: Box::new(record),
            });
        }
        let is_activity = ce_type.starts_with(ce_type::ACTIVITY_PREFIX);
        if is_activity != (record.topic == self.results) && !forwarded {
            let right = if is_activity {
                &self.results
            } else {
                &self.inbox
            };
            return Err(Refusal::new(
                RejectReason::WrongTopic,
                format!("{ce_type} belongs on {right}"),
            ));
        }
        if is_activity {
            return activity::report(self, envelope, workflow_id, ce_type, cause);
        }
        workflow::request(self, record, envelope, workflow_id, ce_type, cause)
    }

    /// The same record for its own partition, under its original identity, signed anew.
    pub(crate) fn forward(
        &self,
        record: &Record,
        cause: &Cause,
        ce_type: &str,
        target_partition: i32,
    ) -> NewRecord {
        let mut forwarded = NewRecord {
            topic: self.inbox.clone(),
            partition: target_partition,
            key: record.key().map(<[u8]>::to_vec),
            value: record.value().map(<[u8]>::to_vec),
            headers: Headers::new(),
        };
        let replaced = [
            header::CE_TYPE,
            header::CE_SOURCE,
            header::CE_ID,
            header::MAC,
            header::FORWARDED,
        ];
        for (name, value) in record.headers() {
            if let Ok(name) = std::str::from_utf8(name)
                && !replaced.contains(&name)
            {
                forwarded.push_header(name.to_owned(), value.unwrap_or_default());
            }
        }
        forwarded.push_header(header::CE_TYPE, ce_type::FORWARD);
        forwarded.push_header(header::CE_SOURCE, cause.source.as_bytes());
        forwarded.push_header(header::CE_ID, cause.id.as_bytes());
        forwarded.push_header(header::FORWARDED, ce_type);
        self.keys.sign_record(&mut forwarded);
        forwarded
    }

    /// The `ce_type` of a record that was read again to be forwarded.
    pub(crate) fn forward_again(
        &self,
        record: &Record,
        cause: &Cause,
        target_partition: i32,
    ) -> Option<NewRecord> {
        let envelope = Envelope::read(record).ok()?;
        let ce_type = envelope.attribute(header::CE_TYPE).ok()??;
        Some(self.forward(record, cause, ce_type, target_partition))
    }

    fn reply_to(&self, envelope: &Envelope<'_>) -> Result<Option<ReplyTo>, Refusal> {
        let Some(reply_topic) = envelope.header(header::REPLY_TOPIC)? else {
            return Ok(None);
        };
        if reply_topic != self.replies.0 && !reply_topic.starts_with(&self.replies.1) {
            let message = format!("replies go to {} or {}*", self.replies.0, self.replies.1);
            return Err(Refusal::new(RejectReason::BadReplyTopic, message));
        }
        if !topic::is_name(reply_topic) {
            let message = "the name of the reply topic is none that Kafka takes";
            return Err(Refusal::new(RejectReason::BadReplyTopic, message));
        }
        let partition = envelope
            .parsed::<i32>(header::REPLY_PARTITION, "a partition number is expected")?
            .unwrap_or(0);
        let correlation = envelope.header(header::CORRELATION)?.unwrap_or_default();
        Ok(Some(ReplyTo {
            topic: reply_topic.into(),
            partition: partition.max(0),
            correlation: correlation.into(),
        }))
    }
}

/// The workflow id: the record's key, or `ce_subject`; both and different is refused.
/// The identity of a record that has none.
fn place(record: &Record) -> Arc<str> {
    format!("{}/{}/{}", record.topic, record.partition, record.offset).into()
}

fn key(record: &Record, envelope: &Envelope<'_>) -> Result<WorkflowId, Refusal> {
    let subject = envelope
        .attribute(header::CE_SUBJECT)?
        .filter(|subject| !subject.is_empty());
    let text = match (record.key(), subject) {
        (None, None) => {
            return Err(Refusal::new(
                RejectReason::NoKey,
                "the record has neither key nor ce_subject; either is the workflow id",
            ));
        }
        (None, Some(subject)) => subject,
        (Some(key), subject) => {
            let key = std::str::from_utf8(key)
                .map_err(|_| Refusal::new(RejectReason::BadKey, "the key is not UTF-8"))?;
            if subject.is_some_and(|subject| subject != key) {
                return Err(Refusal::new(
                    RejectReason::KeyMismatch,
                    "key and ce_subject differ; both are the workflow id",
                ));
            }
            key
        }
    };
    WorkflowId::new(text).map_err(|invalid| Refusal::new(RejectReason::BadKey, invalid.to_string()))
}

#[cfg(test)]
mod tests {
    use sagaline_core::Timestamp;

    use super::*;

    fn read(headers: &[(&str, &str)]) -> Input {
        let reading = Reading::new("ns", 1, Keys::development());
        let mut record =
            Record::new("ns.inbox".into(), 0, 7, Timestamp::default(), 0).with_key(Some(b"w"));
        for (name, value) in headers {
            record.push_header(name, Some(value.as_bytes()));
        }
        reading.input(&record, 0)
    }

    #[test]
    fn a_reply_goes_to_a_topic_that_there_can_be() {
        let check = |topic: &str, expected: Option<RejectReason>| {
            let start = [
                (header::CE_TYPE, ce_type::WORKFLOW_START),
                (header::WORKFLOW, "order"),
                (header::REPLY_TOPIC, topic),
            ];
            let reason = match read(&start) {
                Input::Refused { refusal, .. } => Some(refusal.reason),
                _ => None,
            };
            assert_eq!(reason, expected, "{topic:?}");
        };

        check("ns.replies", None);
        check("ns.reply.shop-1", None);
        for topic in ["ns.journal", "ns.reply.a b", "ns.reply.\0", "ns.reply./"] {
            check(topic, Some(RejectReason::BadReplyTopic));
        }
    }
}
