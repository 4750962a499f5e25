//! Inputs that were rejected, as the journal tells of them, and what it takes to send one again: what `GET /inputs/rejected`
//! has and `input list-rejected` prints.
//!
//! A record that is sent again goes as it is to where it was, under the identity that it says that it has: one that was taken
//! meanwhile is a repeat. Deliberately absent: reading and sending, and the journal's copy of its value, which has no headers
//! and may be cut. A record that Kafka does not have any more is to be sent anew by whoever sent it.

use std::{fmt, ops::ControlFlow, str::FromStr, sync::Arc};

use sagaline_core::{
    Cause, Event, Payload, Timestamp, Transition, WorkflowId, event::InputRejected, show::Shown,
};
use sagaline_journal::{
    Batch, Error, ErrorKind, Headers, NewRecord, Record,
    kafka::Reader,
    wire::{ce_type, header, topic},
};
use serde::{Serialize, Serializer};

/// Where the journal tells of a rejected input: `<partition>.<offset>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputId {
    /// Partition of the journal.
    pub partition: i32,
    /// Offset of the record.
    pub offset: i64,
}

impl fmt::Display for InputId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.partition, self.offset)
    }
}

impl FromStr for InputId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let numbers = text.split_once('.').and_then(|(partition, offset)| {
            let are_numbers = number(partition) && number(offset);
            let (partition, offset) = (partition.parse().ok()?, offset.parse().ok()?);
            are_numbers.then_some(Self { partition, offset })
        });
        numbers.ok_or_else(|| "the id of an input is as in `3.1042`".to_owned())
    }
}

impl Serialize for InputId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An input that was rejected.
#[derive(Clone, Debug)]
pub struct RejectedInput {
    /// Its id.
    pub id: InputId,
    /// When it was rejected.
    pub at: Timestamp,
    /// Whose it is, if it said so.
    pub workflow_id: Option<WorkflowId>,
    /// Where the record lies, and what it says that it is.
    pub cause: Cause,
    /// What the journal keeps of it, and why it was rejected.
    pub event: InputRejected,
}

/// One for programs.
#[derive(Debug, Serialize)]
pub struct RejectedView<'a> {
    id: InputId,
    workflow_id: Option<&'a WorkflowId>,
    at: Shown<'a, Timestamp>,
    reason: &'static str,
    message: &'a str,
    ce_type: Option<&'a str>,
    cause: &'a Cause,
    key: Option<Shown<'a, Payload>>,
    value: Shown<'a, Payload>,
    value_bytes: u64,
    sha256: &'a str,
}

/// Why a rejected input cannot be sent again.
#[derive(Debug)]
pub enum NotAgain {
    /// Kafka does not answer.
    Unread(Error),
    /// Its sender has to send it anew: why, for people.
    Anew(String),
}

impl RejectedInput {
    /// What was rejected in one batch of a partition.
    #[must_use]
    pub fn of_batch(batch: Batch, partition: i32) -> Vec<Self> {
        let transitions = batch.transitions.into_iter();
        let found = transitions.filter_map(|one| {
            let offset = one.offset;
            Self::of(InputId { partition, offset }, one.transition)
        });
        found.collect()
    }

    /// What a record of the journal tells to have been rejected.
    #[must_use]
    pub fn of(id: InputId, transition: Transition) -> Option<Self> {
        // The answer to whoever wants one may follow: there is one rejection in a record.
        let event = transition.events.into_iter().find_map(|event| match event {
            Event::InputRejected(event) => Some(*event),
            _ => None,
        });
        Some(Self {
            id,
            at: transition.at,
            workflow_id: transition.workflow_id,
            cause: transition.cause,
            event: event?,
        })
    }

    /// The same for programs.
    #[must_use]
    pub fn view(&self) -> RejectedView<'_> {
        let InputRejected {
            reason,
            message,
            key,
            ce_type,
            value,
            value_bytes,
            sha256,
        } = &self.event;
        RejectedView {
            id: self.id,
            workflow_id: self.workflow_id.as_ref(),
            at: Shown(&self.at),
            reason: reason.as_str(),
            message,
            ce_type: ce_type.as_deref(),
            cause: &self.cause,
            key: key.as_ref().map(Shown),
            value: Shown(value),
            value_bytes: *value_bytes,
            sha256,
        }
    }

    /// The record that was rejected, as it is to be sent again.
    ///
    /// # Errors
    /// [`NotAgain`]: it cannot be had, or is not what was rejected.
    pub fn original(&self, namespace: &str, reader: &Reader) -> Result<NewRecord, NotAgain> {
        let Cause {
            topic: from,
            partition,
            offset,
            ..
        } = &self.cause;
        if ![topic::inbox(namespace), topic::results(namespace)].contains(&from.to_string()) {
            return Err(NotAgain::Anew(format!("it came from {from}")));
        }
        let mut found = None;
        let read = reader.read(from, *partition, *offset, Some(offset + 1), |record| {
            found = Some(record.clone());
            ControlFlow::Break(())
        });
        match read {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(NotAgain::Unread(error));
            }
            _ => {}
        }
        match found.filter(|record| record.offset == *offset) {
            Some(record) => self.again(&record).map_err(NotAgain::Anew),
            None => Err(NotAgain::Anew(
                "Kafka does not have its record any more".to_owned(),
            )),
        }
    }

    /// The same record to the same place, if that is what was rejected.
    fn again(&self, record: &Record) -> Result<NewRecord, String> {
        if record.value().unwrap_or_default().len() as u64 != self.event.value_bytes {
            let from = &self.cause.topic;
            return Err(format!(
                "{from} was made anew: another record lies in its place"
            ));
        }
        let is = |what: &str| record.header(header::FORWARDED) == Some(what.as_bytes());
        if is(ce_type::REFUSED) || is(ce_type::CUT) {
            let why = "it was refused before it came to the inbox, which has a note of it only";
            return Err(why.to_owned());
        }
        let mut headers = Headers::new();
        for (name, value) in record.headers() {
            let name = std::str::from_utf8(name)
                .map_err(|_| "the name of one of its headers is no text".to_owned())?;
            headers.push(name.to_owned(), value.unwrap_or_default());
        }
        Ok(NewRecord {
            topic: record.topic.clone(),
            partition: record.partition,
            key: record.key().map(<[u8]>::to_vec),
            value: record.value().map(<[u8]>::to_vec),
            headers,
        })
    }
}

/// Where a record lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPlace {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

/// How an owner has dealt with a record.
#[derive(Debug)]
pub enum Dealt {
    /// As with any other: what came of it is in the journal.
    Taken,
    /// It belongs to this partition and was sent there.
    Forwarded(i32),
    /// It was rejected.
    Rejected(Box<InputRejected>),
}

impl Dealt {
    /// What a batch says of a record, if it is that far.
    #[must_use]
    pub fn of_batch(batch: Batch, place: &InputPlace) -> Option<Self> {
        let is_far = |input: &sagaline_schemas::InputPosition| {
            input.topic == *place.topic && input.next_offset > place.offset
        };
        if !batch.footer.inputs.iter().any(is_far) {
            return None;
        }
        let transitions = batch.transitions.into_iter().map(|one| one.transition);
        let its_own = transitions.filter(|one| {
            let cause = &one.cause;
            (&*cause.topic, cause.partition, cause.offset)
                == (&*place.topic, place.partition, place.offset)
        });
        let told = its_own
            .flat_map(|one| one.events)
            .find_map(|event| match event {
                Event::InputRejected(event) => Some(Self::Rejected(event)),
                Event::InputForwarded(event) => Some(Self::Forwarded(event.target_partition)),
                _ => None,
            });
        Some(told.unwrap_or(Self::Taken))
    }
}

/// What became of a record that was sent again, for programs.
#[derive(Debug, Serialize)]
pub struct Redriven {
    id: InputId,
    topic: Arc<str>,
    partition: i32,
    offset: i64,
    outcome: &'static str,
    reason: Option<&'static str>,
    message: Option<String>,
}

impl Redriven {
    /// Of the input with this id, which lies where `place` says now.
    #[must_use]
    pub fn of(id: InputId, place: &InputPlace, dealt: &Dealt) -> Self {
        let (outcome, rejected) = match dealt {
            Dealt::Taken => ("taken", None),
            Dealt::Forwarded(_) => ("forwarded", None),
            Dealt::Rejected(event) => ("rejected", Some(event)),
        };
        Self {
            id,
            topic: Arc::clone(&place.topic),
            partition: place.partition,
            offset: place.offset,
            outcome,
            reason: rejected.map(|event| event.reason.as_str()),
            message: rejected.map(|event| event.message.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use sagaline_core::event::RejectReason;

    use super::*;

    fn refused() -> RejectedInput {
        let octets = |bytes: &[u8]| Payload::new("application/octet-stream", bytes);
        let transition = Transition {
            run_id: None,
            workflow_id: WorkflowId::new("a\u{1b}").ok(),
            first_seq: 0,
            at: Timestamp::from_millis(1_000),
            cause: Cause {
                source: "shop".into(),
                id: "7".into(),
                topic: "ns.inbox".into(),
                partition: 3,
                offset: 9,
            },
            events: vec![
                InputRejected {
                    reason: RejectReason::UnknownWorkflow,
                    message: "no workflow order".into(),
                    key: Some(octets(b"a")),
                    ce_type: Some("sagaline.workflow.start.v1".into()),
                    value: octets(b"{}"),
                    value_bytes: 2,
                    sha256: "44".into(),
                }
                .into(),
            ],
        };
        let id = InputId {
            partition: 3,
            offset: 1,
        };
        RejectedInput::of(id, transition).unwrap()
    }

    #[test]
    fn an_id_says_where_in_the_journal_it_stands() {
        let id: InputId = "3.1042".parse().unwrap();

        assert_eq!((id.partition, id.offset), (3, 1_042));
        assert_eq!(id.to_string(), "3.1042");
        for wrong in [
            "",
            "3",
            "3.",
            ".4",
            "-1.4",
            "3.-4",
            "+3.4",
            "3.4.5",
            "x.y",
            "3.99999999999999999999",
        ] {
            assert!(wrong.parse::<InputId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rejection_is_shown_with_its_record_and_its_reason() {
        let view = serde_json::to_value(refused().view()).unwrap();

        assert_eq!(view["id"], "3.1");
        assert_eq!(view["reason"], "unknown-workflow");
        assert_eq!(view["cause"]["topic"], "ns.inbox");
        assert_eq!(view["value"]["$base64"], "e30=");
    }

    #[test]
    fn only_what_was_rejected_goes_again_as_it_is() {
        let record = |value: &'static [u8]| {
            let topic = Arc::from("ns.inbox");
            let mut record = Record::new(topic, 3, 9, Timestamp::default(), 0)
                .with_key(Some(b"a"))
                .with_value(Some(value));
            record.push_header("ce_id", Some(b"7"));
            record
        };

        let again = refused().again(&record(b"{}")).unwrap();
        assert_eq!((&*again.topic, again.partition), ("ns.inbox", 3));
        assert_eq!(again.value.as_deref(), Some(&b"{}"[..]));
        assert_eq!(again.headers.get("ce_id"), Some(&b"7"[..]));

        assert!(refused().again(&record(b"other")).is_err());
        let mut note = record(b"{}");
        note.push_header(header::FORWARDED, Some(ce_type::REFUSED.as_bytes()));
        assert!(refused().again(&note).is_err());
    }
}
