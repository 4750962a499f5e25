//! Where an input record belongs, before anything is made of what it asks.

use std::{collections::HashSet, sync::Arc};

use sagaline_core::{
    BATCH_ID_PREFIX, BATCH_WORKFLOW, Cause, WORKFLOW_ID_BYTES_MAX, WorkflowId, event::RejectReason,
};
use sagaline_journal::{
    Headers, NewRecord, Record,
    wire::{HEADERS_BYTES_MAX, ce_type, header, partition_of},
};

use super::{FORWARD_BYTES_MAX, Reading, Refusal, delayed, reject::VALUE_BYTES_KEPT};
use crate::envelope::Envelope;

/// Where a record belongs.
pub(super) struct Route<'a> {
    pub(super) workflow_id: WorkflowId,
    /// What it asks; of a forwarded record, what was asked at first.
    pub(super) ce_type: &'a str,
    pub(super) is_forwarded: bool,
    pub(super) target_partition: i32,
}

impl Reading {
    /// Reads where a record belongs, and its identity into `cause`.
    pub(super) fn route<'a>(
        &self,
        record: &Record,
        envelope: &'a Envelope<'_>,
        cause: &mut Cause,
    ) -> Result<Route<'a>, Refusal> {
        identity(envelope, cause)?;
        if let Some(refusal) = self.refused_elsewhere(record, envelope) {
            return Err(refusal);
        }
        let workflow_id = key(record, envelope)?;
        let mut ce_type = envelope
            .attribute(header::CE_TYPE)?
            .ok_or_else(|| Refusal::new(RejectReason::UnknownType, "ce_type is missing"))?;
        let is_forwarded = ce_type == ce_type::FORWARD;
        if is_forwarded {
            if !self.keys.verifies_record(record) {
                return Err(Refusal::new(
                    RejectReason::Forged,
                    "sl-mac is missing or not genuine",
                ));
            }
            ce_type = envelope.required(header::FORWARDED)?;
        } else {
            // Before it is forwarded and signed: who may write results only must not start workflows.
            self.check_topic(record, ce_type)?;
            let is_signed = [ce_type::WORKFLOW_OPERATE, ce_type::RETRY_DUE].contains(&ce_type)
                || ce_type.starts_with(ce_type::QUEUE_PREFIX)
                || ce_type.starts_with(ce_type::CHILD_PREFIX)
                || ce_type.starts_with(ce_type::SIGNAL_PREFIX)
                || tells_batch(&workflow_id, ce_type, envelope)?;
            if is_signed && !self.keys.verifies_record(record) {
                return Err(Refusal::new(
                    RejectReason::Forged,
                    format!(
                        "sl-mac is missing or not genuine: {ce_type} of {workflow_id} is signed"
                    ),
                ));
            }
        }
        // A queue's home tells every partition of a change, under the key of the queue.
        let named = match ce_type {
            ce_type::QUEUE_CHANGE => {
                let expected = "a partition is expected";
                envelope.parsed(header::TARGET_PARTITION, expected)?
            }
            _ => None,
        };
        let of_key = || partition_of(workflow_id.as_str().as_bytes(), self.partitions);
        Ok(Route {
            target_partition: named.unwrap_or_else(of_key),
            workflow_id,
            ce_type,
            is_forwarded,
        })
    }

    /// Why whoever was to forward a record sent this one in its place.
    fn refused_elsewhere(&self, record: &Record, envelope: &Envelope<'_>) -> Option<Refusal> {
        let says = |what: &str| record.header(header::FORWARDED) == Some(what.as_bytes());
        if !(says(ce_type::CUT) || says(ce_type::REFUSED)) || !self.keys.verifies_record(record) {
            return None;
        }
        Some(match says(ce_type::REFUSED) {
            true => delayed::refusal(envelope),
            false => Refusal::new(
                RejectReason::TooLarge,
                "it was too large to be forwarded; this is its beginning",
            ),
        })
    }

    fn check_topic(&self, record: &Record, ce_type: &str) -> Result<(), Refusal> {
        let is_activity = ce_type.starts_with(ce_type::ACTIVITY_PREFIX);
        let right = if is_activity {
            &self.results
        } else {
            &self.inbox
        };
        if is_activity == (record.topic == self.results) {
            return Ok(());
        }
        Err(Refusal::new(
            RejectReason::WrongTopic,
            format!("{ce_type} belongs on {right}"),
        ))
    }

    /// What becomes of a record in an inbox partition that has no journal: it is forwarded to its own partition. One that
    /// must not be, or cannot be understood, is copied as it is to a partition whose lane refuses it and keeps its bytes.
    pub(crate) fn stray(&self, record: &Record) -> NewRecord {
        let mut cause = place(record);
        if record.size() > FORWARD_BYTES_MAX {
            return self.cut(record, &cause);
        }
        let mut target = None;
        if let Ok(envelope) = Envelope::read(record)
            && let Ok(route) = self.route(record, &envelope, &mut cause)
        {
            if !route.is_forwarded {
                return self.forward(record, &cause, route.ce_type, route.target_partition);
            }
            target = Some(route.target_partition);
        }
        // What was forwarded once is not forwarded again: where it does not belong, it is refused as misrouted.
        let aside = record.partition.rem_euclid(self.partitions);
        let partition = match target {
            Some(target) if target == aside => (aside + 1).rem_euclid(self.partitions),
            _ => aside,
        };
        copy(record, self.inbox.clone(), partition)
    }

    /// The beginning of a record that is too large, for a partition whose lane refuses it. It is known by its place.
    fn cut(&self, record: &Record, cause: &Cause) -> NewRecord {
        let value = record.value().unwrap_or_default();
        let mut cut = NewRecord {
            topic: self.inbox.clone(),
            partition: record.partition.rem_euclid(self.partitions),
            key: record
                .key()
                .filter(|key| key.len() <= WORKFLOW_ID_BYTES_MAX)
                .map(<[u8]>::to_vec),
            value: Some(value[..value.len().min(VALUE_BYTES_KEPT)].to_vec()),
            headers: Headers::new(),
        };
        cut.push_header(header::CE_TYPE, ce_type::FORWARD);
        cut.push_header(header::CE_SOURCE, cause.source.as_bytes());
        cut.push_header(header::CE_ID, cause.id.as_bytes());
        cut.push_header(header::FORWARDED, ce_type::CUT);
        self.keys.sign_record(&mut cut);
        cut
    }
}

/// Whether a record begins a batch or tells one something. What a batch does is signed by the engine: so whoever has it do
/// something must have the keys, too.
fn tells_batch(
    workflow_id: &WorkflowId,
    ce_type: &str,
    envelope: &Envelope<'_>,
) -> Result<bool, Refusal> {
    if !workflow_id.as_str().starts_with(BATCH_ID_PREFIX) {
        return Ok(false);
    }
    Ok(match ce_type {
        // Another workflow is refused that id.
        ce_type::WORKFLOW_START
        | ce_type::WORKFLOW_SIGNAL_WITH_START
        | ce_type::WORKFLOW_UPDATE_WITH_START => {
            envelope.header(header::WORKFLOW)? == Some(BATCH_WORKFLOW)
        }
        ce_type::WORKFLOW_SIGNAL | ce_type::WORKFLOW_UPDATE => true,
        _ => false,
    })
}

/// Reads the identity that a record says into `cause`. What is too long for headers is left out.
pub(super) fn identity(envelope: &Envelope<'_>, cause: &mut Cause) -> Result<(), Refusal> {
    let said = |name| {
        let value = envelope.attribute(name)?;
        Ok(value.filter(|value| value.len() <= HEADERS_BYTES_MAX))
    };
    if let Some(source) = said(header::CE_SOURCE)? {
        cause.source = source.into();
    }
    if let Some(id) = said(header::CE_ID)?.filter(|id| !id.is_empty()) {
        cause.id = id.into();
    }
    Ok(())
}

/// The same record elsewhere, with its headers as they are sent on.
pub(crate) fn copy(record: &Record, topic: Arc<str>, partition: i32) -> NewRecord {
    let mut copy = NewRecord {
        topic,
        partition,
        key: record.key().map(<[u8]>::to_vec),
        value: record.value().map(<[u8]>::to_vec),
        headers: Headers::new(),
    };
    for (name, value) in texts(record) {
        copy.push_header(name.to_owned(), value);
    }
    copy
}

/// Headers as they are sent on. One whose last value is null is as good as not there; what is sent has no null.
pub(super) fn texts(record: &Record) -> impl Iterator<Item = (&str, &[u8])> {
    // Of a stray record there may be a million: they are gone through twice, not once for each.
    let mut absent = HashSet::new();
    for (name, value) in record.headers() {
        match value {
            None => absent.insert(name),
            Some(_) => absent.remove(name),
        };
    }
    record.headers().filter_map(move |(name, value)| {
        let text = std::str::from_utf8(name).ok()?;
        (!absent.contains(name)).then(|| (text, value.unwrap_or_default()))
    })
}

/// Why a record is not forwarded.
pub(super) fn too_large(bytes: usize) -> Refusal {
    let text =
        format!("a record of {bytes} bytes in a wrong partition; {FORWARD_BYTES_MAX} are allowed");
    Refusal::new(RejectReason::TooLarge, text)
}

/// The identity of a record that says none: its place.
pub(super) fn place(record: &Record) -> Cause {
    let place = format!("{}/{}/{}", record.topic, record.partition, record.offset);
    Cause {
        source: "".into(),
        id: place.into(),
        topic: record.topic.clone(),
        partition: record.partition,
        offset: record.offset,
    }
}

/// The workflow id: the record's key, or `ce_subject`; both and different is refused.
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
