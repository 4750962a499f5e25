//! A run that goes on in another's place: continue-as-new.
//!
//! ```text
//! old run: … ─▶ activities asked to stop ─▶ WorkflowContinuedAsNew          one input, one batch
//! new run: WorkflowStarted ─▶ WorkflowCancelRequested? ─▶ SignalReceived … ─▶ its program
//! ```
//! Carried over are registrations, uncovered steps, callers who wait for the end, what was seen, a request to stop, and the
//! signals that the program had not taken. Not carried over are activities, timers and children; of a step that is to be
//! compensated nobody could tell later what it did, so the program must await it first, and a child that is not let go.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use super::undo;
use crate::{
    Event, Payload, Run, RunId, Seq, WorkflowId,
    event::{
        Chain, ParentClosePolicy, SignalReceived, WorkflowCancelRequested, WorkflowContinuedAsNew,
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
}

/// How a run begins that goes on in another's place.
pub(crate) struct Beginning {
    pub(crate) run_id: RunId,
    pub(crate) started: WorkflowStarted,
    /// Copies of what had come to the run before and was left.
    pub(crate) copies: Vec<Event>,
}

/// Why the run cannot go on as another now, if it cannot.
pub(crate) fn refused(run: &Run, scheduled: &[Event], continuations: usize) -> Option<String> {
    if continuations >= CONTINUATIONS_MAX {
        return Some(format!(
            "the workflow has continued as new {CONTINUATIONS_MAX} times without waiting for anything"
        ));
    }
    if let Some(child) = child_left(run, scheduled) {
        return Some(format!(
            "the workflow continues as new while child {child} is open, which ends with it: it must await it first, or let it go on"
        ));
    }
    let pending = run.activities.iter().map(|one| &one.scheduled);
    let new = scheduled.iter().filter_map(|event| {
        let Event::ActivityScheduled(scheduled) = event else {
            return None;
        };
        Some(scheduled)
    });
    let step = pending.chain(new).find(|one| one.compensable)?;
    Some(format!(
        "the workflow continues as new while {} is under way, which is to be compensated: it must await it first",
        step.activity
    ))
}

/// A child that is open, or just started, and is not to go on alone.
fn child_left<'a>(run: &'a Run, scheduled: &'a [Event]) -> Option<&'a WorkflowId> {
    let new = scheduled.iter().find_map(|event| {
        let Event::ChildStarted(child) = event else {
            return None;
        };
        let alone = child.parent_close_policy == ParentClosePolicy::Abandon;
        (!alone).then_some(&child.workflow_id)
    });
    let mut open = run.open_children().filter(|one| one.is_awaited());
    open.next().map(|child| &child.workflow_id).or(new)
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
    copies.extend(left.map(|SignalLeft { signal, input }| SignalReceived { signal, input }.into()));
    let started = &*old.started;
    let version = programs.resolve(&started.workflow, None);
    let chain = Chain {
        continued_from: old.run_id,
        first_run_id: old.first_run_id(),
        first_started_at: old.execution_started_at(),
        first_activity_id: old.first_id_of_next(),
        carried_events: u32::try_from(copies.len()).unwrap_or(u32::MAX),
    };
    let started = WorkflowStarted {
        version: version.unwrap_or_else(|| started.version.clone()),
        input: next.input,
        chain: Some(Box::new(chain)),
        ..started.clone()
    };
    Beginning {
        run_id: new_run_id,
        started,
        copies,
    }
}

/// The run that goes on: deciding the same again gives the same.
fn run_id(namespace: &str, workflow_id: &WorkflowId, old: RunId, seq: Seq) -> RunId {
    let mut bytes = [0; 24];
    let (of_run, of_event) = bytes.split_at_mut(16);
    of_run.copy_from_slice(old.as_bytes());
    of_event.copy_from_slice(&seq.to_be_bytes());
    RunId::derive(namespace, workflow_id, &bytes)
}
