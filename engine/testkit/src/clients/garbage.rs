//! Records that must be refused, and nothing else: one of every kind that PROTOCOL §3 names.

use sagaline_core::event::RejectReason;
use sagaline_journal::{
    Headers, NewRecord,
    wire::{ce_type, header},
};

use super::bad;
use crate::{inputs::draft, world::World};

impl World {
    #[expect(clippy::too_many_lines, reason = "a table of bad records")]
    pub(super) fn garbage(&mut self) {
        let id = format!("g-{}", self.number());
        let start = draft(
            &self.topics.inbox,
            self.home(&id),
            &id,
            ce_type::WORKFLOW_START,
        );
        let (mut record, reason) = match self.rng.below(14) {
            0 => (NewRecord { key: None, ..start }, RejectReason::NoKey),
            1 => (
                NewRecord {
                    key: Some(vec![0xff, 0xfe]),
                    ..start
                },
                RejectReason::BadKey,
            ),
            2 => (
                NewRecord {
                    key: Some(vec![b'k'; 256]),
                    ..start
                },
                RejectReason::BadKey,
            ),
            3 => (
                with(start, header::CE_SUBJECT, "another"),
                RejectReason::KeyMismatch,
            ),
            4 => (
                with(start, header::CE_TYPE, "sagaline.workflow.dance.v1"),
                RejectReason::UnknownType,
            ),
            5 => (start, RejectReason::MissingHeader),
            6 => {
                let start = with(start, header::WORKFLOW, "saga");
                (
                    with(start, header::ID_CONFLICT, "perhaps"),
                    RejectReason::BadHeader,
                )
            }
            7 => {
                let start = with(start, header::WORKFLOW, "saga");
                (
                    with(start, header::START_AT, "soon"),
                    RejectReason::BadHeader,
                )
            }
            8 => {
                let mut record = start;
                record.headers = Headers::new();
                record.value = Some(b"{\"type\": ".to_vec());
                (
                    with(record, header::CONTENT_TYPE, "application/cloudevents+json"),
                    RejectReason::BadEnvelope,
                )
            }
            9 => {
                let start = with(start, header::WORKFLOW, "saga");
                (
                    with(start, header::REPLY_TOPIC, "somebody.elses"),
                    RejectReason::BadReplyTopic,
                )
            }
            10 => {
                let record = with(start, header::CE_TYPE, ce_type::FORWARD);
                let record = with(record, header::FORWARDED, ce_type::WORKFLOW_CANCEL);
                (
                    with(record, header::MAC, "development:AAAA"),
                    RejectReason::Forged,
                )
            }
            11 => {
                let filling = "x".repeat(40_000);
                (with(start, "filling", &filling), RejectReason::TooLarge)
            }
            12 => {
                let record = NewRecord {
                    topic: self.topics.results.clone(),
                    ..start
                };
                (
                    with(record, header::WORKFLOW, "saga"),
                    RejectReason::WrongTopic,
                )
            }
            _ => (
                with(start, header::WORKFLOW, "nobody-has-it"),
                RejectReason::UnknownWorkflow,
            ),
        };
        let mut input = bad(Some(&id), reason);
        if matches!(
            reason,
            RejectReason::NoKey | RejectReason::BadKey | RejectReason::KeyMismatch
        ) {
            input.workflow_id = None;
        }
        self.inputs.add(&mut record, input);
        self.produce(&record);
    }
}

fn with(mut record: NewRecord, name: &'static str, value: &str) -> NewRecord {
    record.push_header(name, value);
    record
}
