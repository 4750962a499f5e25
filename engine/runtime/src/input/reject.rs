//! The journal's word on an input that was refused.

use sagaline_core::{Cause, Payload, Timestamp, Transition, WorkflowId, event::InputRejected};
use sagaline_journal::{Record, wire::header};
use sha2::{Digest, Sha256};

use super::Refusal;
use crate::envelope::Envelope;

/// How much of a refused value the journal keeps.
pub(crate) const VALUE_BYTES_KEPT: usize = 64 * 1024;

/// How much of a refused key the journal keeps.
const KEY_BYTES_KEPT: usize = 1_024;

/// The transition that keeps a refused record.
pub(crate) fn rejected(
    record: &Record,
    cause: &Cause,
    refusal: Refusal,
    now: Timestamp,
) -> Transition {
    let value = record.value().unwrap_or_default();
    let kept = &value[..value.len().min(VALUE_BYTES_KEPT)];
    let digest = Sha256::digest(value);
    let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = record.key().map(|key| {
        Payload::new(
            "application/octet-stream",
            &key[..key.len().min(KEY_BYTES_KEPT)],
        )
    });
    let workflow_id = record
        .key()
        .and_then(|key| std::str::from_utf8(key).ok())
        .and_then(|key| WorkflowId::new(key).ok())
        .or_else(|| subject(record).filter(|_| record.key().is_none()));
    Transition {
        run_id: None,
        workflow_id,
        first_seq: 0,
        at: now,
        cause: cause.clone(),
        events: vec![
            InputRejected {
                reason: refusal.reason,
                message: refusal.message.into_boxed_str(),
                key,
                ce_type: refusal.ce_type.map(String::into_boxed_str),
                value: Payload::new("application/octet-stream", kept),
                value_bytes: value.len() as u64,
                sha256: sha256.into_boxed_str(),
            }
            .into(),
        ],
    }
}

fn subject(record: &Record) -> Option<WorkflowId> {
    let envelope = Envelope::read(record).ok()?;
    WorkflowId::new(envelope.attribute(header::CE_SUBJECT).ok()??).ok()
}

#[cfg(test)]
mod tests {
    use sagaline_core::event::RejectReason;

    use super::*;

    fn workflow_id(key: Option<&str>, subject: &str) -> Option<String> {
        let topic = std::sync::Arc::from("t");
        let mut record =
            Record::new(topic, 0, 0, Timestamp::default(), 0).with_key(key.map(str::as_bytes));
        record.push_header(header::CE_SUBJECT, Some(subject.as_bytes()));
        let refusal = Refusal::new(RejectReason::UnknownType, "");
        let transition = rejected(&record, &Cause::lane(0, "1"), refusal, Timestamp::default());
        transition.workflow_id.map(|id| id.to_string())
    }

    #[test]
    fn a_refused_record_belongs_to_its_key_or_without_one_to_its_subject() {
        assert_eq!(workflow_id(Some("k"), "s").as_deref(), Some("k"));
        assert_eq!(workflow_id(None, "s").as_deref(), Some("s"));
        assert_eq!(workflow_id(None, ""), None);
    }
}
