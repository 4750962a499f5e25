//! What a run tells its children, and its parent.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use super::{Effect, Effects};
use crate::{
    ActivityId, ChildClosed, ChildEnd, ChildMessage, Event, Failure, Name, Parent, Payload, Run,
    State, Stop, StopChild, WorkflowId, error_type,
    event::{
        ChildCancelRequested, ChildStarted, CompensationRegistered, Outcome, ParentClosePolicy,
        ReplyRequested,
    },
    run::{Child, ClosedBy, RegistrationState},
};

impl ChildMessage {
    /// Whether it is still worth sending, when a new owner finds it not yet sent.
    pub(super) fn is_wanted(&self, state: &State) -> bool {
        match self {
            Self::Start { child, parent, .. } => {
                let run = state.run(&parent.workflow_id);
                let is_it = |one: &&Child| one.started_by == parent.run_id;
                let open = run.and_then(|run| run.child(child.child_id)).filter(is_it);
                // Its parent may have let it go, and ended.
                open.is_some() || !parent.takes_over()
            }
            Self::Stop(_) | Self::Closed { .. } => true,
        }
    }
}

/// What an event asks of a child; `run` is the state after it.
pub(super) fn asked(workflow_id: &WorkflowId, run: &Run, event: &Event) -> Option<Effect> {
    if let Event::ChildCancelRequested(requested) = event {
        return stopped(run, requested);
    }
    let Event::ChildStarted(started) = event else {
        return None;
    };
    Some(start(workflow_id, run, started))
}

/// The child that an event starts.
fn start(workflow_id: &WorkflowId, run: &Run, child: &Arc<ChildStarted>) -> Effect {
    let above = run.started.parent.as_ref();
    let parent = Parent {
        workflow_id: workflow_id.clone(),
        run_id: run.run_id,
        child_id: child.child_id,
        close_policy: child.parent_close_policy,
        root: above.map_or(workflow_id, |above| &above.root).clone(),
        depth: above.map_or(0, |above| above.depth).saturating_add(1),
    };
    Effect::Child(Box::new(ChildMessage::Start {
        child: Arc::clone(child),
        parent,
        trace: run.started.trace.clone(),
    }))
}

/// Asks a child to stop.
fn stopped(run: &Run, requested: &ChildCancelRequested) -> Option<Effect> {
    let child = run.child(requested.child_id)?;
    let how = match requested.terminate {
        Some(true) => Stop::Terminate,
        Some(false) | None => Stop::Cancel,
    };
    let asked = run.cancel.as_ref().and_then(|asked| asked.reason.clone());
    let undoing = run.undo.as_ref().and_then(|undo| undo.reason.clone());
    Some(stop(child, how, asked.or(undoing)))
}

/// Adds what the end of a run means for its children; `run` is the state before it.
pub(crate) fn ends(run: &Run, event: &Event, effects: &mut Effects) {
    if run.children.is_none() || !is_end(event) {
        return;
    }
    let handed_over = handed_over_below(event);
    let left = |child: &&Child| handed_over.is_none_or(|below| child.child_id >= below);
    for child in run.open_children().filter(left) {
        let how = match child.close_policy {
            ParentClosePolicy::Terminate => Stop::Terminate,
            ParentClosePolicy::Cancel => Stop::Cancel,
            ParentClosePolicy::Abandon => continue,
        };
        let reason = Some(Box::from("its parent has ended"));
        effects.push(stop(child, how, reason));
    }
}

fn stop(child: &Child, how: Stop, reason: Option<Box<str>>) -> Effect {
    Effect::Child(Box::new(ChildMessage::Stop(StopChild {
        workflow_id: child.workflow_id.clone(),
        of: (child.started_by, child.child_id),
        how,
        reason,
    })))
}

/// What a parent is told when the start of its child is refused.
pub(super) fn refused(child: &WorkflowId, refused: &ReplyRequested) -> Option<Effect> {
    let parent = refused.parent.as_ref()?;
    let answer = &refused.answer;
    let error_type = answer.error_type.clone();
    let failure = Failure::new(
        error_type.unwrap_or_else(|| Name::from(error_type::INVALID_INPUT)),
        answer.error_message.as_deref().unwrap_or_default(),
    );
    Some(closed(
        (child, None),
        parent,
        ChildEnd::Failed {
            failure: Box::new(failure.non_retryable()),
        },
    ))
}

/// What the parent is told of the end of a run that is a child.
pub(super) fn ended(workflow_id: &WorkflowId, run: &Run) -> Option<Effect> {
    let parent = run.started.parent.as_ref()?;
    let by = run.closed.as_deref()?;
    let end = end_of(workflow_id, run, parent, by);
    Some(closed((workflow_id, Some(run)), parent, end))
}

fn end_of(workflow_id: &WorkflowId, run: &Run, parent: &Parent, by: &ClosedBy) -> ChildEnd {
    let failed = |failure: Failure| ChildEnd::Failed {
        failure: Box::new(failure),
    };
    let unnamed = || Failure::new(Name::from(by.outcome.status()), "");
    match by.outcome {
        // Of a chain the last run says how it ended.
        Outcome::Completed | Outcome::ContinuedAsNew => ChildEnd::Completed {
            result: by.result.clone().unwrap_or_else(Payload::empty),
            registrations: match parent.takes_over() {
                true => handed_over(workflow_id, run),
                false => Vec::new(),
            },
        },
        Outcome::Failed | Outcome::TimedOut => failed(by.failure.clone().unwrap_or_else(unnamed)),
        Outcome::Terminated => failed(Failure::new(
            Name::from(error_type::TERMINATED),
            by.reason.as_deref().unwrap_or("it was terminated"),
        )),
        Outcome::Canceled => ChildEnd::Canceled {
            reason: by.reason.clone(),
        },
    }
}

/// How what a run has done is undone. Each says whose it is, the first time that it is handed over.
fn handed_over(workflow_id: &WorkflowId, run: &Run) -> Vec<Arc<CompensationRegistered>> {
    let open = run
        .registrations
        .iter()
        .filter(|one| one.state == RegistrationState::Registered);
    let named = open.map(|one| match one.registered.child_workflow_id {
        Some(_) => Arc::clone(&one.registered),
        None => Arc::new(CompensationRegistered {
            child_workflow_id: Some(workflow_id.clone()),
            child_step: Some(one.of.clone()),
            ..CompensationRegistered::clone(&one.registered)
        }),
    });
    named.collect()
}

fn closed((child, run): (&WorkflowId, Option<&Run>), parent: &Parent, end: ChildEnd) -> Effect {
    Effect::Child(Box::new(ChildMessage::Closed {
        child: child.clone(),
        closed: ChildClosed {
            workflow_id: parent.workflow_id.clone(),
            run_id: parent.run_id,
            child_id: parent.child_id,
            child_run_id: run.map(|run| run.run_id),
            end,
        },
    }))
}

/// Of a run that was reset: children with lower numbers go on as those of the new run.
const fn handed_over_below(event: &Event) -> Option<ActivityId> {
    let Event::WorkflowTerminated(terminated) = event else {
        return None;
    };
    terminated.hands_over_below
}

const fn is_end(event: &Event) -> bool {
    matches!(
        event,
        Event::WorkflowCompleted(_)
            | Event::WorkflowFailed(_)
            | Event::WorkflowCanceled(_)
            | Event::WorkflowTerminated(_)
            | Event::WorkflowTimedOut(_)
    )
}
