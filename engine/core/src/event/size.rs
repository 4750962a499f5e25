//! How much of a run's history an event is.

use super::Event;
use crate::{
    Failure, Fields, Payload,
    event::{Answer, CarriedChild, WorkflowStarted},
};

/// What an event takes beside what its author gave: about what its names, numbers and place take in the journal.
const EVENT_BYTES: usize = 64;

impl Event {
    /// How many bytes of its run's history it counts for: what its author gave, and a constant.
    ///
    /// Not what it takes in the journal: every reader must come to the same number, and cheaply.
    #[must_use]
    pub fn history_bytes(&self) -> u64 {
        let given = match self {
            Self::WorkflowStarted(event) => started(event),
            Self::WorkflowCompleted(event) => event.result.data().len(),
            Self::WorkflowFailed(event) => failure(&event.failure),
            Self::WorkflowTimedOut(event) => failure(&event.failure),
            Self::ActivityScheduled(event) => event.input.data().len(),
            Self::ActivityCompleted(event) => event.result.data().len(),
            Self::ActivityAttemptFailed(event) => failure(&event.failure),
            Self::ActivityFailed(event) => failure(&event.failure),
            Self::ActivityTimedOut(event) => failure(&event.failure),
            Self::ActivityCanceled(event) => payload(event.details.as_ref()),
            Self::ActivityHeartbeatRecorded(event) => payload(event.progress.as_ref()),
            Self::ActivityOptionsUpdated(event) => payload(event.input.as_ref()),
            Self::CompensationRegistered(event) => event.input.data().len(),
            Self::CompensationStarted(event) => event.failure.as_ref().map_or(0, failure),
            Self::CompensationFailed(event) => failure(&event.failure),
            Self::MarkerRecorded(event) => event.value.data().len(),
            Self::SignalReceived(event) => event.input.data().len(),
            Self::ExternalSignalSent(event) => event.input.data().len(),
            Self::ExternalSignalFailed(event) => failure(&event.failure),
            Self::IncidentRaised(event) => failure(&event.failure),
            Self::ReplyRequested(event) => answer(&event.answer),
            Self::ChildStarted(event) => event.input.data().len(),
            Self::UpdateAccepted(event) => event.input.data().len(),
            Self::UpdateCompleted(event) => payload(event.result.as_ref())
                .saturating_add(event.failure.as_ref().map_or(0, failure)),
            Self::UpdateRejected(event) => failure(&event.failure),
            Self::ChildCompleted(event) => event.result.data().len(),
            Self::ChildFailed(event) => failure(&event.failure),
            Self::AttributesUpserted(event) => {
                let attributes = fields(event.attributes.as_ref());
                attributes.saturating_add(fields(event.memo.as_ref()))
            }
            Self::ExternalSignalDelivered(_)
            | Self::ChildCancelRequested(_)
            | Self::ChildCanceled(_)
            | Self::WorkflowCanceled(_)
            | Self::WorkflowTerminated(_)
            | Self::WorkflowCancelRequested(_)
            | Self::WorkflowContinuedAsNew(_)
            | Self::WorkflowDelayEnded(_)
            | Self::WorkflowDeleted(_)
            | Self::WorkflowPaused(_)
            | Self::WorkflowResumed(_)
            | Self::ActivityAttemptScheduled(_)
            | Self::ActivityStarted(_)
            | Self::ActivityCancelRequested(_)
            | Self::ActivityPaused(_)
            | Self::ActivityResumed(_)
            | Self::CompensationCompleted(_)
            | Self::IncidentResolved(_)
            | Self::WaitRecorded(_)
            | Self::TimerStarted(_)
            | Self::TimerFired(_)
            | Self::TimerCanceled(_)
            | Self::InputForwarded(_)
            | Self::InputRejected(_)
            | Self::QueueChanged(_)
            | Self::QueueTaskOffered(_)
            | Self::QueueTaskReleased(_)
            | Self::QueueTaskEnded(_) => 0,
        };
        EVENT_BYTES.saturating_add(given) as u64
    }
}

fn started(event: &WorkflowStarted) -> usize {
    let chain = event.chain.as_deref();
    let children = chain.into_iter().flat_map(|chain| &chain.children);
    let children = children.map(CarriedChild::bytes);
    [
        event.input.data().len(),
        fields(event.attributes.as_ref()),
        fields(event.memo.as_ref()),
        children.fold(0, usize::saturating_add),
    ]
    .into_iter()
    .fold(0, usize::saturating_add)
}

fn payload(payload: Option<&Payload>) -> usize {
    payload.map_or(0, |payload| payload.data().len())
}

fn failure(failure: &Failure) -> usize {
    let details = payload(failure.details.as_ref());
    failure.message.len().saturating_add(details)
}

fn answer(answer: &Answer) -> usize {
    payload(answer.result.as_ref())
}

fn fields(fields: Option<&Fields>) -> usize {
    let all = fields.into_iter().flat_map(Fields::iter);
    all.map(|field| field.name.as_str().len().saturating_add(field.json.len()))
        .fold(0, usize::saturating_add)
}
