//! The journal's word on an input that was refused.

use sagaline_core::{Cause, Payload, Timestamp, Transition, WorkflowId, event::InputRejected};
use sagaline_journal::Record;
use sha2::{Digest, Sha256};

use super::Refusal;

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
        .and_then(|key| WorkflowId::new(key).ok());
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
