//! Input records: what each of them asks, or why it is refused. Everything here is written by strangers.
//!
//! Invariant: a record of any bytes comes to exactly one [`Input`]; nothing panics, nothing is lost.

mod about;
mod activity;
mod child;
mod delayed;
mod external;
mod operate;
mod queue;
#[cfg(test)]
pub(crate) mod random;
mod reject;
mod route;
mod workflow;

use std::sync::Arc;

use sagaline_core::{
    Cause, Command, Name, Payload, ReplyTo, RunId, WorkflowId, event::RejectReason,
};
use sagaline_journal::{
    Headers, NewRecord, Record,
    wire::{HEADERS_BYTES_MAX, ce_type, header, topic},
};

pub(crate) use child::stop_word;
pub use operate::retry_policy;
pub(crate) use reject::rejected;
pub(crate) use route::copy;

use crate::{Keys, envelope::Envelope};

/// What an input record comes to.
#[derive(Debug)]
pub(crate) enum Input {
    /// To be decided.
    Command { cause: Cause, command: Box<Command> },
    /// To be answered from durable state.
    Ask {
        cause: Cause,
        question: Box<Question>,
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

/// Somebody wants to know something of a run.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) workflow_id: WorkflowId,
    pub(crate) run_id: Option<RunId>,
    pub(crate) about: About,
    pub(crate) reply: ReplyTo,
}

/// What somebody wants to know.
#[derive(Debug)]
pub(crate) enum About {
    /// How it is doing.
    Description,
    /// What its program answers.
    Query { query: Name, input: Payload },
}

/// Bytes of a record that is forwarded. No input that would be taken has half of it, and the topics that it goes to take
/// twice as much: a broker measures what a client compressed, and what is forwarded is not.
pub(crate) const FORWARD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Longest message of a refusal; the rest of a longer one is cut.
pub(crate) const REFUSAL_BYTES_MAX: usize = 4 * 1024;

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
        let mut message = message.into();
        // It may quote what a stranger wrote.
        message.truncate(message.floor_char_boundary(REFUSAL_BYTES_MAX));
        Self {
            reason,
            message,
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
    pub(crate) namespace: String,
}

impl Reading {
    pub(crate) fn new(namespace: &str, partitions: i32, keys: Keys) -> Self {
        Self {
            keys,
            partitions,
            inbox: topic::inbox(namespace).into(),
            results: topic::results(namespace).into(),
            replies: (topic::replies(namespace), format!("{namespace}.reply.")),
            namespace: namespace.to_owned(),
        }
    }

    /// Reads one input record of the partition `owned`.
    pub(crate) fn input(&self, record: &Record, owned: i32) -> Input {
        let mut cause = route::place(record);
        let (envelope, understood) = match Envelope::read(record) {
            Ok(envelope) => {
                let understood = self.understood(record, &envelope, owned, &mut cause);
                (envelope, understood)
            }
            // Its headers may still say who asked, and who wants to know.
            Err(refusal) => {
                let envelope = Envelope::of_headers(record);
                // Why it is refused is known already.
                let _ = route::identity(&envelope, &mut cause);
                (envelope, Err(refusal))
            }
        };
        understood.unwrap_or_else(|mut refusal| {
            let ce_type = envelope.attribute(header::CE_TYPE).ok().flatten();
            refusal.ce_type = ce_type.map(|name| name.chars().take(200).collect());
            refusal.reply = self.reply_to(&envelope).ok().flatten();
            Input::Refused { cause, refusal }
        })
    }

    fn understood(
        &self,
        record: &Record,
        envelope: &Envelope<'_>,
        owned: i32,
        cause: &mut Cause,
    ) -> Result<Input, Refusal> {
        let route = self.route(record, envelope, cause)?;
        let (target_partition, ce_type) = (route.target_partition, route.ce_type);
        if target_partition != owned {
            if route.is_forwarded {
                return Err(Refusal::new(
                    RejectReason::Misrouted,
                    format!("forwarded once, and belongs to partition {target_partition}"),
                ));
            }
            if record.size() > FORWARD_BYTES_MAX {
                return Err(route::too_large(record.size()));
            }
            let record = self.forward(record, cause, ce_type, target_partition);
            return Ok(Input::Forward {
                cause: cause.clone(),
                target_partition,
                record: Box::new(record),
            });
        }
        if ce_type.starts_with(ce_type::ACTIVITY_PREFIX) {
            return activity::report(self, envelope, route.workflow_id, ce_type, cause);
        }
        if ce_type.starts_with(ce_type::QUEUE_PREFIX) {
            let command = queue::command(self, envelope, (ce_type, route.workflow_id), owned)?;
            return Ok(Input::Command {
                cause: cause.clone(),
                command: Box::new(Command::Queue(Box::new(command))),
            });
        }
        if ce_type.starts_with(ce_type::CHILD_PREFIX) {
            let command = child::command(self, record, envelope, (ce_type, route.workflow_id))?;
            return Ok(Input::Command {
                cause: cause.clone(),
                command: Box::new(command),
            });
        }
        if ce_type.starts_with(ce_type::SIGNAL_PREFIX) {
            let command = external::command(envelope, (ce_type, route.workflow_id))?;
            return Ok(Input::Command {
                cause: cause.clone(),
                command: Box::new(command),
            });
        }
        workflow::request(self, record, envelope, route.workflow_id, ce_type, cause)
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
        for (name, value) in route::texts(record) {
            if !replaced.contains(&name) {
                forwarded.push_header(name.to_owned(), value);
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
        if correlation.len() > HEADERS_BYTES_MAX {
            let message = format!("sl-correlation has {} bytes", correlation.len());
            return Err(Refusal::new(RejectReason::TooLarge, message));
        }
        Ok(Some(ReplyTo {
            topic: reply_topic.into(),
            partition: partition.max(0),
            correlation: correlation.into(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use sagaline_core::Timestamp;

    use super::{reject::VALUE_BYTES_KEPT, *};

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

    #[test]
    fn whoever_has_a_batch_do_something_has_the_keys() {
        let keys = Keys::development();
        let check = |key: &str, headers: &[(&str, &str)], signed: bool| {
            let mut record = NewRecord {
                topic: "ns.inbox".into(),
                partition: 0,
                key: Some(key.as_bytes().to_vec()),
                value: None,
                headers: Headers::new(),
            };
            for (name, value) in headers {
                record.push_header((*name).to_owned(), *value);
            }
            if signed {
                keys.sign_record(&mut record);
            }
            let reading = Reading::new("ns", 1, keys.clone());
            match reading.input(&record.placed(7, Timestamp::default()), 0) {
                Input::Refused { refusal, .. } => Some(refusal.reason),
                _ => None,
            }
        };
        let forged = Some(RejectReason::Forged);
        let start = |workflow| {
            [
                (header::CE_TYPE, ce_type::WORKFLOW_START),
                (header::WORKFLOW, workflow),
            ]
        };
        let signal = [
            (header::CE_TYPE, ce_type::WORKFLOW_SIGNAL),
            (header::SIGNAL, "targets"),
        ];
        let cancel = [(header::CE_TYPE, ce_type::WORKFLOW_CANCEL)];

        assert_eq!(check("batch/7", &start("sagaline.batch"), false), forged);
        assert_eq!(check("batch/7", &start("sagaline.batch"), true), None);
        assert_eq!(check("batch/7", &signal, false), forged);
        assert_eq!(check("batch/7", &signal, true), None);
        // Core refuses the id to others, and says why.
        assert_eq!(check("batch/7", &start("order"), false), None);
        for workflow in ["order", "sagaline.batch"] {
            let with = [
                (header::CE_TYPE, ce_type::WORKFLOW_SIGNAL_WITH_START),
                (header::WORKFLOW, workflow),
                (header::SIGNAL, "targets"),
                (header::SIGNAL_INPUT, "MQ=="),
            ];
            let refused = (workflow == "sagaline.batch").then_some(RejectReason::Forged);
            assert_eq!(check("batch/7", &with, false), refused);
        }
        assert_eq!(check("batch/7", &cancel, false), None);
        assert_eq!(check("order-7", &signal, false), None);
    }

    #[test]
    fn the_message_of_a_start_is_json_unless_it_says_what_it_is() {
        let start = [
            ("ce_type", "sagaline.workflow.signal-with-start.v1"),
            ("ce_source", "tests"),
            ("ce_id", "1"),
            ("sl-workflow", "order"),
            ("sl-signal", "note"),
            ("sl-signal-input", "Nw=="),
        ];
        for (said, content_type) in [
            (None, "application/json"),
            (Some("application/vnd.test"), "application/vnd.test"),
        ] {
            let said = said.map(|said| ("sl-message-content-type", said));
            let headers: Vec<(&str, &str)> = start.into_iter().chain(said).collect();

            let input = read(&headers);

            let Input::Command { command, .. } = input else {
                panic!("{input:?}");
            };
            let Command::StartWith(with) = *command else {
                panic!("{command:?}");
            };
            let sagaline_core::Message::Signal { input, .. } = with.message else {
                panic!("{with:?}");
            };
            assert_eq!(input, Payload::new(content_type, *b"7"));
        }
    }

    #[test]
    fn a_retry_is_taken_when_it_is_signed_and_says_which_attempt() {
        let check = |attempt: &str, signed, expected: Option<RejectReason>| {
            let mut record = record(
                "w",
                &[
                    (header::CE_TYPE, ce_type::RETRY_DUE),
                    (header::RUN_ID, "0d9f6b0e-6f6b-4f3e-9a39-5b1f8f2d7c11"),
                    (header::ACTIVITY_ID, "1"),
                    (header::ATTEMPT, attempt),
                ],
            );
            record.partition = 0;
            if signed {
                Keys::development().sign_record(&mut record);
            }
            let reading = Reading::new("ns", 1, Keys::development());
            let reason = match reading.input(&record.placed(7, Timestamp::default()), 0) {
                Input::Command { command, .. } => {
                    assert!(matches!(*command, Command::RetryDue(_)));
                    None
                }
                Input::Refused { refusal, .. } => Some(refusal.reason),
                other => panic!("{other:?}"),
            };
            assert_eq!(reason, expected, "{attempt:?}");
        };

        check("2", true, None);
        check("2", false, Some(RejectReason::Forged));
        check("0", true, Some(RejectReason::BadHeader));
        check("two", true, Some(RejectReason::BadHeader));
        check("", true, Some(RejectReason::MissingHeader));
    }

    #[test]
    fn a_record_with_too_many_headers_is_refused_to_whoever_asked() {
        let long = "x".repeat(40_000);

        let input = read(&[
            (header::CE_TYPE, ce_type::WORKFLOW_CANCEL),
            (header::CE_SOURCE, "shop"),
            (header::CE_ID, "7"),
            (header::REPLY_TOPIC, "ns.replies"),
            (header::CORRELATION, "c"),
            (header::REASON, &long),
        ]);

        let Input::Refused { cause, refusal } = input else {
            panic!("{input:?}");
        };
        assert_eq!(refusal.reason, RejectReason::TooLarge);
        assert_eq!(refusal.ce_type.as_deref(), Some(ce_type::WORKFLOW_CANCEL));
        assert_eq!((&*cause.source, &*cause.id), ("shop", "7"));
        assert_eq!(&*refusal.reply.unwrap().correlation, "c");
    }

    #[test]
    fn a_misrouted_record_that_cannot_be_forwarded_is_refused_where_it_lies() {
        let reading = Reading::new("ns", 2, Keys::development());
        let large = vec![b'1'; FORWARD_BYTES_MAX + 1];
        let of = |value: &[u8], owned| {
            let mut record = Record::new("ns.inbox".into(), owned, 7, Timestamp::default(), 0)
                .with_key(Some(b"w"))
                .with_value(Some(value));
            record.push_header(header::CE_TYPE, Some(ce_type::WORKFLOW_START.as_bytes()));
            record.push_header(header::WORKFLOW, Some(b"order"));
            reading.input(&record, owned)
        };
        let wrong = 1 - sagaline_journal::wire::partition_of(b"w", 2);

        assert!(matches!(of(b"1", wrong), Input::Forward { .. }));
        let Input::Refused { refusal, .. } = of(&large, wrong) else {
            panic!("a large record is not refused");
        };

        assert_eq!(refusal.reason, RejectReason::TooLarge);
    }

    #[test]
    fn a_stray_that_is_too_large_is_refused_by_another_lane_with_its_beginning() {
        let reading = Reading::new("ns", 2, Keys::development());
        let large = vec![b'1'; FORWARD_BYTES_MAX + 1];
        let mut stray = Record::new("ns.inbox".into(), 5, 7, Timestamp::default(), 0)
            .with_key(Some(b"w"))
            .with_value(Some(&large));
        stray.push_header(header::CE_TYPE, Some(ce_type::WORKFLOW_START.as_bytes()));
        stray.push_header(header::WORKFLOW, Some(b"order"));

        let cut = reading.stray(&stray);
        let read = reading.input(&cut.placed(1, Timestamp::default()), cut.partition);

        assert_eq!(cut.value.as_ref().map(Vec::len), Some(VALUE_BYTES_KEPT));
        let Input::Refused { cause, refusal } = read else {
            panic!("the beginning of a record was taken for it");
        };
        assert_eq!(refusal.reason, RejectReason::TooLarge);
        assert_eq!(&*cause.id, "ns.inbox/5/7");
    }

    #[test]
    fn a_stray_with_very_many_headers_is_copied_in_one_pass() {
        let reading = Reading::new("ns", 2, Keys::development());
        let mut stray = Record::new("ns.inbox".into(), 5, 7, Timestamp::default(), 0);
        // Looking each up among all would take minutes.
        for number in 0..300_000_u32 {
            stray.push_header(&format!("{number:06}"), Some(b"v"));
        }

        let copy = reading.stray(&stray);

        assert_eq!(copy.headers.iter().count(), 300_000);
    }

    #[test]
    fn a_null_header_is_as_good_as_absent_wherever_the_record_goes() {
        let reading = Reading::new("ns", 2, Keys::development());
        let target = sagaline_journal::wire::partition_of(b"w", 2);
        let mut record = Record::new("ns.inbox".into(), 1 - target, 7, Timestamp::default(), 0)
            .with_key(Some(b"w"));
        record.push_header(header::CE_TYPE, Some(ce_type::WORKFLOW_CANCEL.as_bytes()));
        record.push_header(header::RUN_ID, Some(b"not a run id"));
        record.push_header(header::RUN_ID, None);

        let Input::Forward { record, .. } = reading.input(&record, 1 - target) else {
            panic!("it is not forwarded");
        };
        let arrived = reading.input(&record.placed(3, Timestamp::default()), target);

        assert!(matches!(arrived, Input::Command { .. }), "{arrived:?}");
    }

    fn record(key: &str, headers: &[(&str, &str)]) -> NewRecord {
        let mut record = NewRecord {
            topic: "ns.inbox".into(),
            partition: 5,
            key: Some(key.into()),
            value: None,
            headers: Headers::new(),
        };
        for (name, value) in headers {
            record.push_header((*name).to_owned(), *value);
        }
        record
    }

    /// What the lane makes of a record of partition 5 of 4, once it was moved.
    fn moved(record: &NewRecord) -> (i32, Input) {
        let reading = Reading::new("ns", 4, Keys::development());
        let moved = reading.stray(&record.placed(7, Timestamp::default()));
        let read = reading.input(&moved.placed(0, Timestamp::default()), moved.partition);
        (moved.partition, read)
    }

    #[test]
    fn a_record_of_a_partition_without_journal_keeps_its_identity_where_it_belongs() {
        let start = [
            (header::CE_TYPE, ce_type::WORKFLOW_START),
            (header::WORKFLOW, "order"),
        ];

        let (partition, input) = moved(&record("w", &start));

        assert_eq!(partition, sagaline_journal::wire::partition_of(b"w", 4));
        let Input::Command { cause, command } = input else {
            panic!("{input:?}")
        };
        assert_eq!((&*cause.source, &*cause.id), ("", "ns.inbox/5/7"));
        assert!(matches!(*command, Command::Start(_)));
    }

    #[test]
    fn a_record_of_a_partition_without_journal_that_is_bad_is_refused_elsewhere() {
        let check = |record: NewRecord, expected| {
            let (partition, input) = moved(&record);
            assert!(
                matches!(&input, Input::Refused { refusal, .. } if refusal.reason == expected),
                "{expected:?}: {input:?} in {partition}"
            );
            assert!((0..4).contains(&partition), "{partition}");
        };
        let forward = [
            (header::CE_TYPE, ce_type::FORWARD),
            (header::FORWARDED, ce_type::WORKFLOW_CANCEL),
        ];
        let keyless = NewRecord {
            key: None,
            ..record("", &[])
        };

        check(keyless, RejectReason::NoKey);
        check(record("w", &[]), RejectReason::UnknownType);
        check(record("w", &forward), RejectReason::Forged);
        let report = [(header::CE_TYPE, ce_type::ACTIVITY_STARTED)];
        check(record("w", &report), RejectReason::WrongTopic);
        for key in ["a", "b", "c", "d", "e", "f"] {
            let mut genuine = record(key, &forward);
            Keys::development().sign_record(&mut genuine);
            check(genuine, RejectReason::Misrouted);
        }
    }

    #[test]
    fn who_may_write_results_only_cannot_have_a_start_forwarded() {
        let reading = Reading::new("ns", 4, Keys::development());
        let mut start = record("w", &[(header::CE_TYPE, ce_type::WORKFLOW_START)]);
        start.topic = reading.results.clone();
        for owned in 0..4 {
            let input = reading.input(&start.placed(7, Timestamp::default()), owned);

            assert!(
                matches!(&input, Input::Refused { refusal, .. } if refusal.reason == RejectReason::WrongTopic),
                "{input:?}"
            );
        }
    }

    #[test]
    fn a_refusal_quotes_little_of_what_was_wrong() {
        let value = serde_json::Value::from("ä".repeat(REFUSAL_BYTES_MAX)).to_string();
        let mut record = Record::new("ns.inbox".into(), 0, 7, Timestamp::default(), 0)
            .with_value(Some(value.as_bytes()));
        let content_type = "application/cloudevents+json";
        record.push_header(header::CONTENT_TYPE, Some(content_type.as_bytes()));

        let input = Reading::new("ns", 1, Keys::development()).input(&record, 0);

        let Input::Refused { refusal, .. } = input else {
            panic!("{input:?}")
        };
        assert_eq!(refusal.reason, RejectReason::BadEnvelope);
        assert!(refusal.message.contains("ää"), "{}", refusal.message);
        assert!(refusal.message.len() <= REFUSAL_BYTES_MAX);
    }
}
