//! A run that goes on in another's place: continue-as-new.
//!
//! ```text
//! old run: … ─▶ activities asked to stop ─▶ WorkflowContinuedAsNew          one input, one batch
//! new run: WorkflowStarted ─▶ WorkflowCancelRequested? ─▶ SignalReceived … ─▶ its program
//! ```
//! Carried over are registrations, uncovered steps, callers who wait for the end, what was seen, a request to stop, and the
//! signals that the program had not taken, and children: those that are open go on being the chain's, and the program says of
//! which the next shall hear. Not carried over are activities and timers; of a step that is to be compensated nobody could
//! tell later what it did, so the program must await it first.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use super::undo;
use crate::{
    Event, PAYLOAD_BYTES_MAX, Payload, Run, RunId, Seq, WorkflowId,
    event::{
        CarriedChild, Chain, SignalReceived, WorkflowCancelRequested, WorkflowContinuedAsNew,
        WorkflowStarted,
    },
    program::{Programs, SignalLeft},
};

/// Most runs of one workflow that may follow each other without waiting.
pub(crate) const CONTINUATIONS_MAX: usize = 16;

/// What the program wants of the run that goes on in its place.
#[derive(Clone, Debug)]
pub(crate) struct Next {
    pub(crate) input: Payload,
    pub(crate) signals: Vec<SignalLeft>,
    pub(crate) children: Vec<CarriedChild>,
}

/// How a run begins that goes on in another's place.
pub(crate) struct Beginning {
    pub(crate) run_id: RunId,
    pub(crate) started: WorkflowStarted,
    /// Copies of what had come to the run before and was left.
    pub(crate) copies: Vec<Event>,
}

/// Why the run cannot go on as another now, if it cannot.
pub(crate) fn refused(
    run: &Run,
    next: &Next,
    scheduled: &[Event],
    continuations: usize,
) -> Option<String> {
    if continuations >= CONTINUATIONS_MAX {
        return Some(format!(
            "the workflow has continued as new {CONTINUATIONS_MAX} times without waiting for anything"
        ));
    }
    let pending = run.activities.iter().map(|one| &one.scheduled);
    let new = scheduled.iter().filter_map(|event| {
        let Event::ActivityScheduled(scheduled) = event else {
            return None;
        };
        Some(scheduled)
    });
    let bytes = next.children.iter().map(CarriedChild::bytes);
    let bytes = bytes.fold(0, usize::saturating_add);
    if bytes > PAYLOAD_BYTES_MAX {
        return Some(format!(
            "the workflow hands {bytes} bytes of its children's results on; {PAYLOAD_BYTES_MAX} are allowed"
        ));
    }
    let step = pending.chain(new).find(|one| one.compensable)?;
    Some(format!(
        "the workflow continues as new while {} is under way, which is to be compensated: it must await it first",
        step.activity
    ))
}

/// The last events of the old run; the first of them is event `next_seq`.
pub(crate) fn end(
    run: &Run,
    next_seq: Seq,
    (namespace, workflow_id): (&str, &WorkflowId),
) -> Vec<Event> {
    let mut events = undo::stop_unawaited(run);
    let seq = next_seq.saturating_add(events.len() as Seq);
    let new_run_id = run_id(namespace, workflow_id, run.run_id, seq);
    events.push(WorkflowContinuedAsNew { new_run_id }.into());
    events
}

/// How the new run begins; `old` is closed. It goes by the newest version of its workflow.
pub(crate) fn begin(
    old: &Run,
    new_run_id: RunId,
    next: Next,
    programs: &dyn Programs,
) -> Beginning {
    let mut copies = Vec::new();
    if let Some(asked) = &old.cancel {
        let (reason, compensate) = (asked.reason.clone(), asked.compensate);
        copies.push(WorkflowCancelRequested { reason, compensate }.into());
    }
    let left = next.signals.into_iter();
    copies.extend(left.map(|SignalLeft { signal, input }| {
        let sender = None;
        SignalReceived {
            signal,
            input,
            sender,
        }
        .into()
    }));
    let ended = next.children.iter().map(|child| child.child_id).max();
    let started = &*old.started;
    let chain = Chain {
        continued_from: old.run_id,
        first_run_id: old.first_run_id(),
        first_started_at: old.execution_started_at(),
        first_activity_id: old.first_id_of_next(ended),
        carried_events: u32::try_from(copies.len()).unwrap_or(u32::MAX),
        children: next.children,
        attempt: None,
    };
    let started = WorkflowStarted {
        version: newest_version(old, programs),
        input: next.input,
        chain: Some(Box::new(chain)),
        start_at: None,
        reset_of: None,
        reset: None,
        ..started.clone()
    };
    Beginning {
        run_id: new_run_id,
        started,
        copies,
    }
}

/// By which version of its workflow the next run goes.
pub(super) fn newest_version(old: &Run, programs: &dyn Programs) -> Box<str> {
    let version = programs.resolve(&old.started.workflow, None);
    version.unwrap_or_else(|| old.started.version.clone())
}

/// The run that goes on: deciding the same again gives the same.
pub(super) fn run_id(namespace: &str, workflow_id: &WorkflowId, old: RunId, seq: Seq) -> RunId {
    let mut bytes = [0; 24];
    let (of_run, of_event) = bytes.split_at_mut(16);
    of_run.copy_from_slice(old.as_bytes());
    of_event.copy_from_slice(&seq.to_be_bytes());
    RunId::derive(namespace, workflow_id, &bytes)
}
