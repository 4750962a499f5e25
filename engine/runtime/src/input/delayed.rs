//! What the delay service sends: retries that are due, and records that it refuses.
//!
//! A refused record is not forwarded as it is: who may write retry topics only must not start workflows.

use std::str::FromStr;

use sagaline_core::{
    ActivityId, Attempt, RetryDue, WORKFLOW_ID_BYTES_MAX, WorkflowId, event::RejectReason,
};
use sagaline_journal::{
    Headers, NewRecord, Record,
    wire::{ce_type, header},
};

use super::{FORWARD_BYTES_MAX, Reading, Refusal, reject::VALUE_BYTES_KEPT, route};
use crate::envelope::{Envelope, bad_header};

/// That the record is genuine was checked where it was routed.
pub(super) fn retry_due(
    envelope: &Envelope<'_>,
    workflow_id: WorkflowId,
) -> Result<RetryDue, Refusal> {
    Ok(RetryDue {
        workflow_id,
        run_id: required(envelope, header::RUN_ID, "a run id is a UUID")?,
        activity_id: number(envelope, header::ACTIVITY_ID, ActivityId::new)?,
        attempt: number(envelope, header::ATTEMPT, Attempt::new)?,
    })
}

pub(super) fn number<T>(
    envelope: &Envelope<'_>,
    name: &'static str,
    of: impl Fn(u32) -> Option<T>,
) -> Result<T, Refusal> {
    let expected = "a number from 1 is expected";
    let number = required(envelope, name, expected)?;
    of(number).ok_or_else(|| bad_header(name, &number.to_string(), expected))
}

pub(super) fn required<T: FromStr>(
    envelope: &Envelope<'_>,
    name: &'static str,
    expected: &str,
) -> Result<T, Refusal> {
    let text = envelope.required(name)?;
    text.parse().map_err(|_| bad_header(name, text, expected))
}

/// Why the delay service refused the record that this one stands for.
pub(super) fn refusal(envelope: &Envelope<'_>) -> Refusal {
    let said = |name| envelope.header(name).ok().flatten();
    let word = said(header::ERROR_TYPE).unwrap_or_default();
    let known = REASONS.into_iter().find(|reason| reason.as_str() == word);
    let reason = known.unwrap_or(RejectReason::BadHeader);
    Refusal::new(reason, said(header::ERROR_MESSAGE).unwrap_or_default())
}

/// Why a delayed record may be refused.
const REASONS: [RejectReason; 5] = [
    RejectReason::Forged,
    RejectReason::MissingHeader,
    RejectReason::BadHeader,
    RejectReason::BadEnvelope,
    RejectReason::TooLarge,
];

impl Reading {
    /// The record of a retry topic that the delay service refuses, for an inbox partition whose lane journals it. Of a
    /// large one, its beginning.
    pub(crate) fn refused_delay(&self, record: &Record, refusal: &Refusal) -> NewRecord {
        let mut cause = route::place(record);
        // What it says wrongly of itself is no reason to lose it.
        let _ = route::identity(&Envelope::of_headers(record), &mut cause);
        let value = record.value().unwrap_or_default();
        let kept = match value.len() > FORWARD_BYTES_MAX {
            true => &value[..VALUE_BYTES_KEPT],
            false => value,
        };
        let mut refused = NewRecord {
            topic: self.inbox.clone(),
            partition: record.partition.rem_euclid(self.partitions),
            key: record
                .key()
                .filter(|key| key.len() <= WORKFLOW_ID_BYTES_MAX)
                .map(<[u8]>::to_vec),
            value: Some(kept.to_vec()),
            headers: Headers::new(),
        };
        refused.push_header(header::CE_TYPE, ce_type::FORWARD);
        refused.push_header(header::CE_SOURCE, cause.source.as_bytes());
        refused.push_header(header::CE_ID, cause.id.as_bytes());
        refused.push_header(header::FORWARDED, ce_type::REFUSED);
        refused.push_header(header::ERROR_TYPE, refusal.reason.as_str());
        refused.push_header(header::ERROR_MESSAGE, refusal.message.as_bytes());
        self.keys.sign_record(&mut refused);
        refused
    }
}
